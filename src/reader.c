/*
 * reader.c
 *		The scan of an endpoint, whatever stands in front of it.
 *
 * It asks for a page when a row of it is wanted, makes only the columns that
 * the query looks at, hands them on without building a tuple, keeps the rows
 * only where they may be read again, and says what it asks for and what that
 * has cost.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/tuplestore.h"

#include "age.h"
#include "compat.h"
#include "filters.h"
#include "gate.h"
#include "query.h"
#include "reader.h"
#include "row.h"
#include "served.h"
#include "walk.h"

/* In the arguments of an inner function. */
#define ENDPOINT_ARG 1
#define FIRST_ARG 2

/* Rows in a reader's store: from "first" on, what was asked for with these bits. */
typedef struct Answer
{
	uint64		key[2];			/* must be first */
	int64		first;
	int64		count;
} Answer;

/* Roughly what the hash table takes for one. */
#define ANSWER_SIZE (sizeof(Answer) + 32)

struct HmsReader
{
	ScanState  *node;
	HmsReading	reading;
	const HmsEndpoint *endpoint;	/* NULL: only an argument will tell */
	Oid			starter;		/* whose EXECUTE of the function counts */
	bool		is_allowed;		/* it was asked when the executor started */
	List	   *args;			/* of the call, as prepared, */
	List	   *values;			/* and of the filters */
	Bitmapset  *params;			/* on which they depend */
	HmsQueryUse use;
	HmsRowMaker *maker;			/* from the first walk on */
	const HmsEndpoint *made_for;
	MemoryContext context;		/* of a walk; reset with it */
	HmsWalk    *walk;			/* NULL: not begun */
	const HmsRequest *fading;	/* what it asks for, where it is to be said that
								 * the session is too old; else NULL */
	Tuplestorestate *store;		/* rows so far; NULL: they are not kept */
	Answer		answer;			/* which of them are the walk's */
	HTAB	   *answers;		/* what else is in the store, as a whole, where
								 * other parameters may come again; else NULL */
	bool		answered;		/* the answer is one of those: there is no walk */
	bool		rereading;		/* the store is read before the walk goes on */
	int64		reread;			/* so many rows of it were */
	TupleTableSlot *stored;		/* a row of it */
	const char *room;			/* whose rows come, where a column has it, */
	Datum		room_value;		/* as its value */
	HmsStats	used;			/* by walks that are over */
};

/* --- beginning ------------------------------------------------------------------- */

typedef struct ParamSearch
{
	const PlannedStmt *statement;
	Bitmapset  *params;
} ParamSearch;

/*
 * Note the parameters of the executor that an expression depends on, those too
 * that a sub-plan takes from further out than its own arguments.
 */
static bool
find_params(Node *node, void *context)
{
	ParamSearch *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		search->params = bms_add_member(search->params, ((Param *) node)->paramid);
	else if (IsA(node, SubPlan))
	{
		const Plan *plan = list_nth(search->statement->subplans,
									((SubPlan *) node)->plan_id - 1);

		search->params = bms_add_members(search->params, plan->extParam);
	}
	return expression_tree_walker(node, find_params, context);
}

/* The endpoint that a call names, when that is known without running anything. */
static const HmsEndpoint *
named_endpoint(const FuncExpr *call)
{
	const Const *name = list_nth(call->args, ENDPOINT_ARG);

	return IsA(name, Const) && !name->constisnull ?
		hms_endpoint(TextDatumGetCString(name->constvalue)) : NULL;
}

/* An empty table of answers. */
static void
create_answers(HmsReader *reader)
{
	HASHCTL		control = {
		.keysize = sizeof(((Answer *) NULL)->key),
		.entrysize = sizeof(Answer),
		.hcxt = reader->node->ps.state->es_query_cxt
	};

	reader->answers = hash_create("hms answers of a reader", 64, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* What evaluates an expression; NULL: it is a constant, or there is none. */
static ExprState *
prepare(Expr *expr, PlanState *parent)
{
	return expr && IsA(expr, Const) ? NULL : ExecInitExpr(expr, parent);
}

HmsReader *
hms_reader_create(ScanState *node, EState *estate, int eflags,
				  const HmsReading *reading)
{
	HmsReader  *reader = palloc0(sizeof(HmsReader));
	ParamSearch search = {.statement = estate->es_plannedstmt};
	ListCell   *cell;

	reader->node = node;
	reader->reading = *reading;
	reader->endpoint = reading->endpoint;
	reader->is_allowed = reading->call == NULL; /* SELECT on the table counts */
	if (reading->call)
	{
		reader->starter = hms_gate_starter(estate->es_query_cxt);
		reader->endpoint = named_endpoint(reading->call);
		if (reader->endpoint)
		{
			/* asked now, of who begins: a cursor may be fetched from by others */
			hms_gate_check(reading->call->funcid, reader->starter, reader->endpoint);
			reader->is_allowed = true;
		}
	}
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return reader;

	if (reading->call)
	{
		foreach(cell, reading->call->args)
			reader->args = lappend(reader->args, prepare(lfirst(cell), &node->ps));
		(void) find_params((Node *) reading->call->args, &search);
	}
	foreach(cell, reading->filters)
	{
		const HmsFilter *filter = lfirst(cell);

		reader->values = lappend(reader->values, prepare(filter->value, &node->ps));
		(void) find_params((Node *) filter->value, &search);
	}
	reader->params = search.params;
	reader->use = hms_query_use(estate->es_plannedstmt, node->ps.plan);
	reader->context = AllocSetContextCreate(estate->es_query_cxt, "hms walk",
											ALLOCSET_DEFAULT_SIZES);
	if (!reader->use.once && reading->group == NULL)
	{
		reader->store = tuplestore_begin_heap(false, false, work_mem);
		tuplestore_set_eflags(reader->store, EXEC_FLAG_REWIND);
		reader->stored = ExecInitExtraTupleSlot(estate,
												node->ss_ScanTupleSlot->tts_tupleDescriptor,
												&TTSOpsMinimalTuple);
		if (!bms_is_empty(reader->params))
			create_answers(reader);
	}
	return reader;
}

/* --- a walk ------------------------------------------------------------------------ */

/* The maker of the rows: only columns that the query looks at. */
static HmsRowMaker *
make_maker(HmsReader *reader, const HmsEndpoint *endpoint)
{
	const HmsReading *reading = &reader->reading;
	int			ncolumns = reader->node->ss_ScanTupleSlot->tts_tupleDescriptor->natts;
	int			width = reading->row_desc->natts;
	MemoryContext old = MemoryContextSwitchTo(reader->node->ps.state->es_query_cxt);
	bool	   *wanted = palloc0(sizeof(bool) * width);
	HmsRowMaker *maker;

	for (int i = 0; i < ncolumns; i++)
	{
		if (reading->columns[i] == HMS_WHOLE_ROW)
			memset(wanted, true, sizeof(bool) * width);
		else if (reading->columns[i] > 0)
			wanted[reading->columns[i] - 1] = true;
	}
	maker = hms_row_maker(reading->row_type,
						  reading->is_composite ? reading->row_desc : NULL,
						  endpoint->shape, wanted);
	MemoryContextSwitchTo(old);
	return maker;
}

/* Evaluate an expression, prepared as this, in the scan's context. */
static Datum
evaluate(const HmsReader *reader, const Expr *expr, ExprState *prepared, bool *isnull)
{
	const Const *known = (const Const *) expr;

	if (prepared)
		return ExecEvalExpr(prepared, reader->node->ps.ps_ExprContext, isnull);
	*isnull = known->constisnull;
	return known->constvalue;
}

/* Evaluate an argument of the call. */
static Datum
evaluate_arg(const HmsReader *reader, int arg, bool *isnull)
{
	return evaluate(reader, list_nth(reader->reading.call->args, arg),
					list_nth(reader->args, arg), isnull);
}

/* Put the filters into the arguments; false: no row can pass. */
static bool
apply_filters(const HmsReader *reader, const HmsEndpoint *endpoint, HmsArg *args,
			  bool *is_condition)
{
	int			count = list_length(reader->values);
	Datum	   *values = palloc0(sizeof(Datum) * count);
	bool	   *nulls = palloc0(sizeof(bool) * count);
	ListCell   *cell;

	foreach(cell, reader->values)
	{
		int			i = foreach_current_index(cell);
		const HmsFilter *filter = list_nth(reader->reading.filters, i);

		if (filter->value)
			values[i] = evaluate(reader, filter->value, lfirst(cell), &nulls[i]);
	}
	return hms_filters_apply(endpoint, reader->reading.filters, values, nulls, args,
							 is_condition);
}

/*
 * What to ask for instead where the API refuses what conditions gave: first
 * without those on anything but the room, then, only to learn whether it is the
 * room that it refuses, without that too.
 */
static void
add_fallbacks(HmsRequest *request, const HmsArg *given, const HmsArg *args,
			  const bool *is_condition, int nargs)
{
	const HmsEndpoint *endpoint = request->endpoint;
	HmsArg		some[HMS_MAX_PARAMS];
	bool		other = false;
	bool		was_given = false;
	int			arg = 0;

	for (int i = 0; endpoint->params[i].name; i++)
	{
		const HmsParam *param = &endpoint->params[i];

		if (param->fixed)
			continue;
		some[arg] = given[arg];
		was_given = was_given || !given[arg].isnull;
		if (strcmp(param->name, "room_id") == 0)
		{
			some[arg] = args[arg];	/* an argument's rooms may be fewer now, too */
			request->room_is_condition = is_condition[arg];
		}
		else if (is_condition[arg])
			other = true;
		arg++;
	}
	if (other)
		request->instead[0] = hms_request_build(request->account, endpoint, some, nargs);
	if (request->room_is_condition && was_given)
		request->instead[1] = hms_request_build(request->account, endpoint, given, nargs);
}

/* A walk over all rooms, for a list that has to be asked for room by room. */
static HmsWalk *
walk_rooms(HmsAccount *account, const HmsEndpoint *endpoint)
{
	const HmsEndpoint *rooms = hms_endpoint("hms_rooms");
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	HmsArg		args[HMS_MAX_PARAMS];
	int			nargs = hms_request_nargs(rooms);

	TupleDescInitEntry(desc, 1, "id", TEXTOID, -1, 0);
	for (int i = 0; i < nargs; i++)
		args[i] = HMS_NO_ARG;
	if (endpoint->enabled_rooms)
	{
		HmsArg	   *enabled = (HmsArg *) hms_request_arg(rooms, args, "enabled");

		enabled->type = BOOLOID;
		enabled->isnull = false;
		enabled->value = BoolGetDatum(true);
	}
	return hms_walk_open(hms_request_build(account, rooms, args, nargs),
						 hms_row_maker(RECORDOID, desc, NULL, NULL), false);
}

/* Is this the argument by which a list has to be asked for room by room? */
static bool
needs_room(const HmsEndpoint *endpoint, const HmsArg *args)
{
	const HmsArg *room = hms_request_arg(endpoint, args, "room_id");

	if (room == NULL || !room->isnull)
		return false;
	for (int i = 0; endpoint->params[i].name; i++)
	{
		if (strcmp(endpoint->params[i].name, "room_id") == 0)
			return (endpoint->params[i].flags & HMS_REQUIRED) != 0;
	}
	return false;
}

/* Evaluate the arguments of the call. */
static void
evaluate_args(const HmsReader *reader, HmsArg *args, int count)
{
	for (int i = 0; i < count; i++)
	{
		args[i].type = exprType(list_nth(reader->reading.call->args, i + FIRST_ARG));
		args[i].value = evaluate_arg(reader, i + FIRST_ARG, &args[i].isnull);
	}
	hms_request_take_args(args, count);
}

/*
 * The request with the arguments and conditions as they are now; NULL: there
 * are no rows.  "rooms": a walk over the rooms that it needs, or NULL.
 */
static HmsRequest *
build_request(HmsReader *reader, HmsWalk **rooms)
{
	const FuncExpr *call = reader->reading.call;
	const HmsEndpoint *endpoint = reader->endpoint;
	HmsArg		args[HMS_MAX_PARAMS];
	HmsArg		given[HMS_MAX_PARAMS];
	bool		is_condition[HMS_MAX_PARAMS] = {false};
	int			nargs = 0;
	HmsAccount *account;
	HmsRequest *request;

	for (int i = 0; i < HMS_MAX_PARAMS; i++)
		args[i] = HMS_NO_ARG;
	if (call)
	{
		nargs = list_length(reader->args) - FIRST_ARG;
		if (endpoint == NULL)
		{
			bool		isnull;
			Datum		name = evaluate_arg(reader, ENDPOINT_ARG, &isnull);

			endpoint = hms_gate_endpoint(isnull ? NULL : TextDatumGetCString(name));
		}
		hms_gate_check_count(endpoint->name, nargs, call->funcvariadic);
		evaluate_args(reader, args, nargs);
	}
	if (!hms_gate_open(call ? call->funcid : InvalidOid, reader->starter, endpoint,
					   reader->is_allowed))
		return NULL;
	if (call == NULL || nargs == hms_request_nargs(endpoint))
		nargs = hms_request_nparams(endpoint);
	if (hms_request_names_nothing(endpoint, args, nargs))
		return NULL;
	memcpy(given, args, sizeof(given));
	if (reader->values && !apply_filters(reader, endpoint, args, is_condition))
		return NULL;

	account = call ? hms_account_current() :
		hms_account_of_server(reader->reading.server, reader->reading.user);
	if (call == NULL && needs_room(endpoint, args))
	{
		HmsArg	   *room = (HmsArg *) hms_request_arg(endpoint, args, "room_id");

		room->type = TEXTARRAYOID;
		room->isnull = false;
		room->value = PointerGetDatum(construct_empty_array(TEXTOID));
		given[room - args] = *room;
		*rooms = walk_rooms(account, endpoint);
	}
	request = hms_request_build(account, endpoint, args, nargs);
	if (reader->values)
		add_fallbacks(request, given, args, is_condition, nargs);
	return request;
}

/* What is asked for, and where that is refused, as 128 bits. */
static void
hash_request(const HmsRequest *request, uint64 *key)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = -1; request && i < (int) lengthof(request->instead); i++)
	{
		const HmsRequest *one = i < 0 ? request : request->instead[i];

		if (one)
			appendStringInfo(&text, "%s%s?%s\n", one->base, one->path, one->query);
		for (int room = 0; one && room < one->nrooms; room++)
			appendStringInfo(&text, "%s\n", hms_request_url(one, room, 0, NULL, 0));
	}
	key[0] = hash_bytes_extended((unsigned char *) text.data, text.len, 0);
	key[1] = hash_bytes_extended((unsigned char *) text.data, text.len, 1);
}

/* Read the answer's rows in the store from the first one on. */
static void
reread(HmsReader *reader)
{
	tuplestore_rescan(reader->store);
	(void) tuplestore_skiptuples(reader->store, reader->answer.first, true);
	reader->rereading = true;
	reader->reread = 0;
}

/* Are there rows in the store that answer this request? */
static bool
find_answer(HmsReader *reader, const HmsRequest *request)
{
	Answer	   *known;

	reader->answer.first = reader->store ? tuplestore_tuple_count(reader->store) : 0;
	reader->answer.count = 0;
	if (reader->answers == NULL)
		return false;
	hash_request(request, reader->answer.key);
	known = hash_search(reader->answers, reader->answer.key, HASH_FIND, NULL);
	if (known == NULL)
		return false;
	reader->answer = *known;
	reader->answered = true;
	reread(reader);
	return true;
}

/* Begin a walk; NULL: there are no rows. */
static HmsRequest *
begin_walk(HmsReader *reader)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	HmsWalk    *rooms = NULL;
	HmsRequest *request = build_request(reader, &rooms);

	reader->fading = request && request->endpoint->fades && request->session_id ?
		request : NULL;
	if (request && find_answer(reader, request))
	{
		MemoryContextSwitchTo(old);
		return request;
	}
	if (request && (reader->maker == NULL || reader->made_for != request->endpoint))
	{
		reader->maker = make_maker(reader, request->endpoint);
		reader->made_for = request->endpoint;
	}
	if (request)
	{
		reader->walk = hms_walk_open_over(request, rooms, reader->maker,
										  reader->use.reads == HMS_READS_ALL);
		if (reader->reading.group)
			hms_walk_join(reader->walk, reader->reading.group);
	}
	MemoryContextSwitchTo(old);
	return request;
}

/*
 * The walk over the events of one session has ended.  Where there were none, and
 * who reads them may read sessions too, see whether the session is too old.
 */
static void
look_at_age(HmsReader *reader)
{
	const FuncExpr *call = reader->reading.call;
	const HmsRequest *request = reader->fading;
	Oid			inner;
	HmsStats	before;
	MemoryContext old;

	reader->fading = NULL;
	if (!hms_walk_is_empty(reader->walk))
		return;
	inner = call ? call->funcid :
		GetForeignDataWrapper(GetForeignServer(reader->reading.server)->fdwid)->fdwhandler;
	if (!hms_served_may_execute(inner, hms_endpoint("hms_session"),
								call ? reader->starter : reader->reading.user))
		return;
	before = hms_stats_counters;
	old = MemoryContextSwitchTo(reader->context);
	hms_age_look(request->account, request->session_id);
	MemoryContextSwitchTo(old);
	reader->used.requests += hms_stats_counters.requests - before.requests;
	reader->used.usec_waited += hms_stats_counters.usec_waited - before.usec_waited;
}

/* Forget the walk, which ends its requests. */
static void
end_walk(HmsReader *reader)
{
	if (reader->walk)
	{
		hms_stats_add(&reader->used, hms_walk_stats(reader->walk));
		hms_walk_leave(reader->walk);
	}
	reader->walk = NULL;
	reader->room = NULL;
	reader->answered = false;
	reader->rereading = false;
	MemoryContextReset(reader->context);
	if (reader->store == NULL)
		return;
	if (reader->answers)
	{
		if (tuplestore_in_memory(reader->store) &&
			hash_get_num_entries(reader->answers) * ANSWER_SIZE < (Size) work_mem * 1024)
			return;
		hash_destroy(reader->answers);
		create_answers(reader);
	}
	tuplestore_clear(reader->store);
}

/* --- rows -------------------------------------------------------------------------- */

/* The room whose rows come now, as a value that lasts as long as they do. */
static Datum
room_value(HmsReader *reader)
{
	const char *room = hms_walk_room(reader->walk);

	if (room != reader->room)
	{
		MemoryContext old = MemoryContextSwitchTo(reader->context);

		reader->room_value = CStringGetTextDatum(room);
		reader->room = room;
		MemoryContextSwitchTo(old);
	}
	return reader->room_value;
}

/* A value in the type that the scan's column has. */
static Datum
cast_value(HmsReader *reader, ExprState *cast, Datum value, bool *isnull)
{
	ExprContext *econtext = reader->node->ps.ps_ExprContext;

	econtext->caseValue_datum = value;
	econtext->caseValue_isNull = *isnull;
	return ExecEvalExpr(cast, econtext, isnull);
}

void
hms_reader_put(HmsReader *reader, TupleTableSlot *slot, Datum *values, bool *nulls)
{
	const HmsReading *reading = &reader->reading;

	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		AttrNumber	column = reading->columns[i];

		if (column > 0)
		{
			slot->tts_isnull[i] = nulls[column - 1];
			slot->tts_values[i] = values[column - 1];
			if (reading->casts && reading->casts[i])
				slot->tts_values[i] = cast_value(reader, reading->casts[i],
												 slot->tts_values[i], &slot->tts_isnull[i]);
		}
		else
		{
			slot->tts_isnull[i] = column == HMS_NO_COLUMN;
			slot->tts_values[i] = column == HMS_NO_COLUMN ? (Datum) 0 :
				column == HMS_ROOM_COLUMN ? room_value(reader) :
				HeapTupleGetDatum(heap_form_tuple(reading->row_desc, values, nulls));
		}
	}
	ExecStoreVirtualTuple(slot);
}

/* The next row that was kept; false when the walk must go on. */
static bool
reread_row(HmsReader *reader, TupleTableSlot *slot)
{
	if (reader->reread >= reader->answer.count ||
		!tuplestore_gettupleslot(reader->store, true, false, reader->stored))
	{
		reader->rereading = false;
		return false;
	}
	reader->reread++;
	slot_getallattrs(reader->stored);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_values[i] = reader->stored->tts_values[i];
		slot->tts_isnull[i] = reader->stored->tts_isnull[i];
	}
	ExecStoreVirtualTuple(slot);
	return true;
}

void
hms_reader_next(HmsReader *reader, TupleTableSlot *slot)
{
	MemoryContext old;
	HmsRows    *rows;
	int			row;

	ExecClearTuple(slot);
	if (reader->rereading && reread_row(reader, slot))
		return;
	if (reader->walk == NULL)
	{
		if (reader->answered || reader->reading.group || !begin_walk(reader))
			return;
		if (reader->answered)
		{
			(void) reread_row(reader, slot);
			return;
		}
	}
	else if (reader->use.reads == HMS_READS_REST)
		hms_walk_go_ahead(reader->walk);

	old = MemoryContextSwitchTo(reader->node->ps.ps_ExprContext->ecxt_per_tuple_memory);
	rows = hms_walk_next(reader->walk, &row);
	if (rows)
	{
		hms_reader_put(reader, slot, hms_rows_values(rows, row), hms_rows_nulls(rows, row));
		if (reader->store)
		{
			tuplestore_puttupleslot(reader->store, slot);
			reader->answer.count++;
		}
	}
	else
	{
		if (reader->answers)
			*(Answer *) hash_search(reader->answers, reader->answer.key, HASH_ENTER,
									NULL) = reader->answer;
		if (reader->fading)
			look_at_age(reader);
	}
	MemoryContextSwitchTo(old);
}

void
hms_reader_open(HmsReader *reader, uint64 *key)
{
	HmsRequest *request = begin_walk(reader);
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	hash_request(request, key);
	MemoryContextSwitchTo(old);
}

void
hms_reader_ask(HmsReader *reader)
{
	if (reader->walk)
		hms_walk_begin(reader->walk);
}

void
hms_reader_close(HmsReader *reader)
{
	end_walk(reader);
}

void
hms_reader_rescan(HmsReader *reader)
{
	if (reader->walk == NULL && !reader->answered)
		return;
	if (reader->store == NULL || bms_overlap(reader->node->ps.chgParam, reader->params))
		end_walk(reader);
	else
		reread(reader);
}

void
hms_reader_end(HmsReader *reader)
{
	if (reader->context)
		MemoryContextDelete(reader->context);
	if (reader->store)
		tuplestore_end(reader->store);
}

/* --- EXPLAIN ------------------------------------------------------------------------- */

/* An expression as EXPLAIN shows it. */
static char *
show_expression(const HmsReader *reader, Node *node, List *ancestors, ExplainState *es)
{
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   reader->node->ps.plan, ancestors);

	return deparse_expression(node, context, true, false);
}

/* The arguments of the call: those that are known, the others as they are written. */
static void
show_args(const HmsReader *reader, HmsArg *args, List *ancestors, ExplainState *es)
{
	for (int i = FIRST_ARG; i < list_length(reader->reading.call->args); i++)
	{
		Node	   *node = list_nth(reader->reading.call->args, i);
		HmsArg	   *arg = &args[i - FIRST_ARG];

		if (hms_request_is_not_given(node))
			continue;
		arg->left_out = false;
		arg->type = exprType(node);
		arg->isnull = IsA(node, Const) && ((Const *) node)->constisnull;
		if (IsA(node, Const))
			arg->value = ((Const *) node)->constvalue;
		else
			arg->shown = show_expression(reader, node, ancestors, es);
	}
}

/*
 * The conditions put into the arguments: known values as when it runs, and of
 * the others the first where there is no known one.  False: no row can pass.
 */
static bool
show_filters(const HmsReader *reader, HmsArg *args, List *ancestors, ExplainState *es)
{
	const HmsEndpoint *endpoint = reader->endpoint;
	List	   *known = NIL;
	Datum	   *values = palloc0(sizeof(Datum) * list_length(reader->reading.filters));
	bool	   *nulls = palloc0(sizeof(bool) * list_length(reader->reading.filters));
	bool		is_condition[HMS_MAX_PARAMS] = {false};
	ListCell   *cell;
	int			nvalues = 0;

	foreach(cell, reader->reading.filters)
	{
		HmsFilter  *filter = lfirst(cell);
		const Const *value = (const Const *) filter->value;

		if (value && !IsA(value, Const))
			continue;
		if (value)
		{
			values[list_length(known)] = value->constvalue;
			nulls[list_length(known)] = value->constisnull;
		}
		known = lappend(known, filter);
	}
	if (!hms_filters_apply(endpoint, known, values, nulls, args, is_condition))
		return false;
	foreach(cell, reader->reading.filters)
	{
		HmsFilter  *filter = lfirst(cell);
		HmsArg	   *arg = (HmsArg *) hms_request_arg(endpoint, args,
													 endpoint->params[filter->param].name);
		const char *text = "";

		if (filter->value == NULL)
			continue;
		if (reader->reading.names)
			text = strVal(list_nth(reader->reading.names, nvalues++));
		if (IsA(filter->value, Const) || !arg->isnull)
			continue;
		if (text[0] == '\0')
			text = show_expression(reader, (Node *) filter->value, ancestors, es);
		arg->isnull = false;
		arg->shown = filter->op == HMS_IS_ANY ? psprintf("ANY (%s)", text) : text;
	}
	return true;
}

/* The request, relative to the base URL. */
static void
explain_request(const HmsReader *reader, List *ancestors, ExplainState *es)
{
	HmsArg		args[HMS_MAX_PARAMS];
	int			nargs = hms_request_nargs(reader->endpoint);

	for (int i = 0; i < HMS_MAX_PARAMS; i++)
		args[i] = HMS_NO_ARG;
	if (reader->reading.call)
	{
		if (list_length(reader->reading.call->args) - FIRST_ARG != nargs)
			return;
		show_args(reader, args, ancestors, es);
	}
	if (hms_request_names_nothing(reader->endpoint, args, nargs) ||
		!show_filters(reader, args, ancestors, es))
	{
		ExplainPropertyText("Request", "none", es);
		return;
	}
	ExplainPropertyText("Request", hms_request_show(reader->endpoint, args), es);
}

void
hms_reader_explain(List *readers, List *ancestors, ExplainState *es)
{
	const HmsReader *reader = linitial(readers);
	HmsStats	used = {0};
	ListCell   *cell;

	if (reader->endpoint)
	{
		if (reader->reading.call)
			ExplainPropertyText("Endpoint", reader->endpoint->name, es);
		explain_request(reader, ancestors, es);
	}
	if (es->verbose && reader->reading.call)
		ExplainPropertyText("Function Call",
							show_expression(reader, (Node *) reader->reading.call,
											ancestors, es), es);
	if (!es->analyze)
		return;
	foreach(cell, readers)
	{
		reader = lfirst(cell);
		hms_stats_add(&used, &reader->used);
		if (reader->walk)
			hms_stats_add(&used, hms_walk_stats(reader->walk));
	}
	ExplainPropertyInteger("Requests", NULL, used.requests, es);
	if (used.retries > 0)
		ExplainPropertyInteger("Retries", NULL, used.retries, es);
	ExplainPropertyInteger("Pages", NULL, used.pages, es);
	if (used.windows > 1)
		ExplainPropertyInteger("Windows", NULL, used.windows, es);
	ExplainPropertyInteger("Bytes", NULL, used.bytes, es);
	if (es->timing)
		ExplainPropertyFloat("Waited", "ms", used.usec_waited / 1000.0, 3, es);
}

/* --- for the planner ------------------------------------------------------------------- */

/* Rows of a list that is not told apart from others. */
#define USUAL_ROWS 1000

/* One of so many rooms, and one value in so many of anything else. */
#define USUAL_ROOMS 50
#define USUAL_VALUES 20

/* What a page has, and what a request costs in calls of a plain function. */
#define USUAL_PAGE 100
#define REQUEST_COST 4000

static bool
is_null(const Node *arg)
{
	return IsA(arg, Const) && ((const Const *) arg)->constisnull;
}

/* Is this argument one that was left out? */
static bool
is_absent(const HmsParam *param, Node *arg)
{
	return param->flags & HMS_ID ? hms_request_is_not_given(arg) : is_null(arg);
}

/* The part of the rows that an argument lets through. */
static double
part_of(const HmsParam *param, const Node *arg)
{
	bool		is_room = strcmp(param->name, "room_id") == 0;
	double		values = 1;

	if (is_null(arg))
		return 0;				/* an id that names nothing */
	if (exprType(arg) == TEXTARRAYOID)
	{
		values = 10;
		if (IsA(arg, Const))
			values = ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(((const Const *) arg)->constvalue)),
									ARR_DIMS(DatumGetArrayTypeP(((const Const *) arg)->constvalue)));
	}
	if (param->filter != HMS_EQUAL)
		return 1.0 / 3;
	if (exprType(arg) == BOOLOID)
		return 0.5;
	return Min(1, values / (is_room ? USUAL_ROOMS : USUAL_VALUES));
}

Bitmapset *
hms_reader_given(const HmsEndpoint *endpoint, const FuncExpr *call)
{
	Bitmapset  *given = NULL;
	int			arg = FIRST_ARG;

	for (int i = 0; endpoint->params[i].name && arg < list_length(call->args); i++)
	{
		const HmsParam *param = &endpoint->params[i];
		Node	   *node;

		if (param->fixed)
			continue;
		node = list_nth(call->args, arg++);
		if (param->filter == HMS_EQUAL && !is_absent(param, node) &&
			(exprType(node) != TEXTARRAYOID || strcmp(param->name, "room_id") != 0))
			given = bms_add_member(given, i);
	}
	return given;
}

double
hms_reader_rows(const HmsEndpoint *endpoint, FuncExpr *call)
{
	double		rows = endpoint->expected > 0 ? endpoint->expected : USUAL_ROWS;
	int			arg = FIRST_ARG;

	if (endpoint->rows == NULL)
		return 1;
	for (int i = 0; endpoint->params[i].name && call && arg < list_length(call->args); i++)
	{
		const HmsParam *param = &endpoint->params[i];
		Node	   *node;

		if (param->fixed)
			continue;
		node = list_nth(call->args, arg++);
		if (param->filter != HMS_NO_FILTER && !is_absent(param, node))
			rows *= part_of(param, node);
	}
	return clamp_row_est(rows);
}

void
hms_reader_cost(const HmsEndpoint *endpoint, double rows, Cost *first, Cost *all)
{
	double		pages = endpoint && endpoint->paging == HMS_ONE_PAGE ? 1 :
		ceil(rows / USUAL_PAGE);

	*first = REQUEST_COST * cpu_operator_cost;
	*all = *first * Max(pages, 1);
}
