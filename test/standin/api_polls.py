"""Polls: the poll with its questions and options, and the runs, answers and scores of it."""

from answers import bad_body, bad_query, not_found, take
from pages import Shelf, by_last

CHOICES = (("mode", ("userid", "peerid")), ("type", ("poll", "quiz")),
           ("start", ("auto", "manual")))
QUESTION_TYPES = ("single-choice", "multiple-choice", "short-answer", "long-answer")


def find_poll(call):
    poll = call.world.polls.get(call.part("poll_id"))
    if not poll:
        raise not_found("Poll")
    return poll


def find_indexed(rows, call, name, noun):
    text = call.part(name)
    row = next((row for row in rows if str(row["index"]) == text), None)
    if not row:
        raise not_found(noun)
    return row


def find_question(call):
    return find_indexed(find_poll(call)["questions"], call, "question_id", "Question")


# what a body says, checked and filled in

def indexed(rows, read, noun):
    """Rows with their indexes, which are given or follow the order; each once."""
    rows = [read(row, n) for n, row in enumerate(rows, 1)]
    if len({row["index"] for row in rows}) < len(rows):
        raise bad_body(f"{noun} index is not unique")
    return sorted(rows, key=lambda row: row["index"])


def read_index(body, position):
    if not isinstance(body, dict):
        raise bad_body("questions and options are objects")
    index = take(body, "index", int) or position
    if index < 1:
        raise bad_body("index")
    return index


def read_option(body, position):
    return {"index": read_index(body, position), "text": take(body, "text", str) or "",
            "weight": take(body, "weight", int) or 0}


def read_question(body, position):
    index = read_index(body, position)
    kind = take(body, "type", str) or "single-choice"
    if kind not in QUESTION_TYPES:
        raise bad_body("questions.type")
    numbers = {name: take(body, name, int) or 0
               for name in ("duration", "answer_min_len", "answer_max_len")}
    if min(numbers.values()) < 0:
        raise bad_body("questions")
    weight = take(body, "weight", int)
    return {"index": index, "text": take(body, "text", str) or "",
            "format": take(body, "format", str) or "text",
            "attachment": take(body, "attachment", list) or [],
            "skippable": take(body, "skippable", bool) is not False, **numbers,
            "once": bool(take(body, "once", bool)), "weight": 1 if weight is None else weight,
            "type": kind, "answer": take(body, "answer", dict) or {},
            "options": indexed(take(body, "options", list) or [], read_option, "option")}


def read_poll(body):
    poll = {"title": take(body, "title", str) or "", "duration": take(body, "duration", int) or 0,
            "anonymous": bool(take(body, "anonymous", bool))}
    if poll["duration"] < 0:
        raise bad_body("duration")
    for name, known in CHOICES:
        poll[name] = take(body, name, str) or known[0]
        if poll[name] not in known:
            raise bad_body(name)
    poll["questions"] = indexed(take(body, "questions", list) or [], read_question, "question")
    return poll


# writing

async def create_poll(call):
    poll = {"id": call.world.new_id(), **read_poll(await call.read_object())}
    call.world.polls.put(poll)
    return poll


async def replace_poll(call):
    poll = find_poll(call)
    poll.update(read_poll(await call.read_object()))
    return poll


async def replace_question(call):
    question = find_question(call)
    index = question["index"]
    question.update(read_question(await call.read_object(), index), index=index)
    return question


async def replace_option(call):
    option = find_indexed(find_question(call)["options"], call, "option_id", "Option")
    index = option["index"]
    option.update(read_option(await call.read_object(), index), index=index)
    return option


def drop(rows, row):
    """What stood behind moves up."""
    rows.remove(row)
    for other in rows:
        if other["index"] > row["index"]:
            other["index"] -= 1


def delete_question(call):
    drop(find_poll(call)["questions"], find_question(call))


def delete_option(call):
    options = find_question(call)["options"]
    drop(options, find_indexed(options, call, "option_id", "Option"))


# runs, answers, scores

def shelf(call, what):
    return call.world.poll_rows.get((find_poll(call)["id"], what), Shelf())


def of_question(call):
    number = call.integer("question")
    if number is not None and number < 1:
        raise bad_query("question")
    return lambda row: number is None or row["question"] == number


def list_sessions(call):
    return by_last(call, shelf(call, "sessions"), key="responses")


def list_runs_of_session(call):
    wanted = call.part("session_id")
    return by_last(call, shelf(call, "sessions"), key="responses",
                   wanted=lambda row: wanted in (row["session_id"], row["id"]))


def list_responses(call):
    """Answers that were changed later are shown with all=true only."""
    rows, everything, asked = shelf(call, "responses"), call.flag("all"), of_question(call)
    replaced = {row["original_response"] for row in rows if row.get("original_response")}
    return by_last(call, rows, key="responses", wanted=lambda row: asked(row) and (
        everything or row["id"] not in replaced))


def list_results(call):
    return by_last(call, shelf(call, "results"), key="results", wanted=of_question(call))


def get_row(what, name, noun):
    def read(call):
        row = shelf(call, what).get(call.part(name))
        if not row:
            raise not_found(noun)
        return row
    return read


QUESTION = "/polls/{poll_id}/questions/{question_id}"
ROUTES = [
    ("POST", "/polls", create_poll),
    ("GET", "/polls/{poll_id}", find_poll),
    ("POST", "/polls/{poll_id}", replace_poll),
    ("POST", QUESTION, replace_question),
    ("DELETE", QUESTION, delete_question),
    ("POST", f"{QUESTION}/options/{{option_id}}", replace_option),
    ("DELETE", f"{QUESTION}/options/{{option_id}}", delete_option),
    ("GET", "/polls/{poll_id}/sessions", list_sessions),
    ("GET", "/polls/{poll_id}/sessions/{session_id}", list_runs_of_session),
    ("GET", "/polls/{poll_id}/responses", list_responses),
    ("GET", "/polls/{poll_id}/responses/{response_id}",
     get_row("responses", "response_id", "Response")),
    ("GET", "/polls/{poll_id}/results", list_results),
    ("GET", "/polls/{poll_id}/results/{result_id}", get_row("results", "result_id", "Result")),
]
