/*
 * texts.c
 *		What was said, written and summed up in a session: the recording assets
 *		whose content is text, fetched and read row by row.
 *
 * 100ms says where the file of an asset is: a link that works for some minutes
 * and is asked for just before it is used.  The file is fetched from there
 * without any token.  What is kept in memory is the file and one row of it.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "call.h"
#include "csv.h"
#include "cues.h"
#include "endpoints.h"
#include "errors.h"
#include "failure.h"
#include "json.h"
#include "row.h"
#include "texts.h"
#include "walk.h"

/* The most columns that any of the kinds has. */
#define MAX_COLUMNS 8

/* Milliseconds up to here are exact as microseconds of an interval. */
#define MAX_MS (PG_INT64_MAX / 1000)

/* How a file says what it says. */
typedef enum Format
{
	FORMAT_UNKNOWN,
	FORMAT_JSON,
	FORMAT_SRT,
	FORMAT_TXT,
	FORMAT_CSV
} Format;

/* What a reader of a file needs, and where its rows go. */
typedef struct Reading
{
	const HmsTexts *texts;
	HmsAccount *account;
	TupleDesc	desc;
	Tuplestorestate *rows;
	MemoryContext row_context;	/* reset with each row */
	MemoryContext file_context;
	const HmsCall *file;
	const char *bytes;			/* what is in it, NUL-terminated */
	size_t		len;
	int			position;		/* of the last row */
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];

	/* of a session's transcript, else NULL or zero */
	bool		started;
	TimestampTz started_at;		/* the recording's */
	HTAB	   *people;
} Reading;

/* Which texts an endpoint asks for. */
struct HmsTexts
{
	const char *endpoint;
	const char *type;			/* of their assets */
	bool		of_session;
	bool		timed;			/* rows of a session have a time and a user */
	int			ncolumns;
	Oid			columns[MAX_COLUMNS];
	const char *reading;		/* for "could not ..." */
	const char *fetching;
	void		(*read) (Reading *reading, Format format);
};

/* A recording asset as far as it matters here. */
typedef struct Asset
{
	char	   *id;
	char	   *job_id;
	char	   *type;
	char	   *status;
	char	   *created_at;
	Format		format;
} Asset;

/* --- rows ------------------------------------------------------------------------ */

/* Raise 08P01: the file is not what it should be. */
static void raise_no_text(const Reading *reading, const char *why)
			__attribute__((noreturn));

static void
raise_no_text(const Reading *reading, const char *why)
{
	const char *path = reading->file->request->path;

	ereport(ERROR,
			(errcode(HMS_ERRCODE_MALFORMED),
			 errmsg("could not %s: the file is not one", reading->texts->reading),
			 errdetail_internal("%s: %s.", hms_clean_text(path, strlen(path)), why)));
}

/*
 * Begin a row: its position is known and nothing else.  Until its end memory
 * is the row's own.
 */
static void
begin_row(Reading *reading)
{
	reading->file_context = MemoryContextSwitchTo(reading->row_context);
	for (int i = 0; i < MAX_COLUMNS; i++)
		reading->nulls[i] = true;
	reading->position++;
	reading->values[0] = Int32GetDatum(reading->position);
	reading->nulls[0] = false;
}

static void
set_column(Reading *reading, int column, Datum value)
{
	reading->values[column] = value;
	reading->nulls[column] = false;
}

/* UTF-8 as text of the server's encoding. */
static void
set_text(Reading *reading, int column, const char *text, size_t len)
{
	set_column(reading, column, CStringGetTextDatum(hms_json_text_of_utf8(text, len)));
}

/* A JSON scalar as text; nothing for null, an array or an object. */
static void
set_scalar(Reading *reading, int column, const HmsJsonValue *value)
{
	size_t		len;
	char	   *text;

	if (value->type == HMS_JSON_NULL || value->type == HMS_JSON_ARRAY ||
		value->type == HMS_JSON_OBJECT)
		return;
	text = hms_json_text(value, &len);
	set_column(reading, column, PointerGetDatum(cstring_to_text_with_len(text, (int) len)));
}

/* End the row and forget what it was made of. */
static void
end_row(Reading *reading)
{
	tuplestore_putvalues(reading->rows, reading->desc, reading->values, reading->nulls);
	MemoryContextSwitchTo(reading->file_context);
	MemoryContextReset(reading->row_context);
	CHECK_FOR_INTERRUPTS();
}

/* --- transcripts ------------------------------------------------------------------- */

/* Columns of a transcript; the last two are of a session's only. */
enum
{
	SAID_NAME = 1,
	SAID_PEER_ID,
	SAID_SENTENCE,
	SAID_STARTS,
	SAID_ENDS,
	SAID_STARTS_AT,
	SAID_USER_ID
};

/* Who a peer id or a name stands for: a user, or more than one. */
typedef struct Person
{
	char		key[NAMEDATALEN * 4];
	char	   *user_id;		/* NULL: several */
} Person;

/* What a peer is looked up by; ids and names don't mix. */
static void
person_key(char *key, char kind, const char *text, size_t len)
{
	memset(key, 0, sizeof(((Person *) NULL)->key));
	key[0] = kind;
	memcpy(key + 1, text, Min(len, sizeof(((Person *) NULL)->key) - 2));
}

/* Milliseconds after the recording's start, in two forms. */
static void
set_time(Reading *reading, int column, int64 ms)
{
	Interval   *interval;

	if (ms < 0 || ms > MAX_MS)
		return;
	interval = palloc0(sizeof(Interval));
	interval->time = ms * 1000;
	set_column(reading, column, IntervalPGetDatum(interval));
	if (column == SAID_STARTS && reading->started &&
		ms * 1000 < END_TIMESTAMP - reading->started_at)
		set_column(reading, SAID_STARTS_AT,
				   TimestampTzGetDatum(reading->started_at + ms * 1000));
}

/* Say which user spoke, as far as the session's peers tell. */
static void
set_user(Reading *reading)
{
	static const int columns[] = {SAID_PEER_ID, SAID_NAME};

	if (reading->people == NULL)
		return;
	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		char		key[sizeof(((Person *) NULL)->key)];
		Person	   *person;
		text	   *by;

		if (reading->nulls[columns[i]])
			continue;
		by = DatumGetTextPP(reading->values[columns[i]]);
		person_key(key, i == 0 ? 'i' : 'n', VARDATA_ANY(by), VARSIZE_ANY_EXHDR(by));
		person = hash_search(reading->people, key, HASH_FIND, NULL);
		if (person && person->user_id)
		{
			set_column(reading, SAID_USER_ID, CStringGetTextDatum(person->user_id));
			return;
		}
		if (person)
			return;
	}
}

/* Milliseconds that a string of digits, or a number, is; -1: none. */
static int64
milliseconds(const HmsJsonValue *value)
{
	size_t		len;
	char	   *text;
	int64		ms;

	if (value->type != HMS_JSON_STRING && value->type != HMS_JSON_NUMBER)
		return -1;
	text = hms_json_text(value, &len);
	if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
		return -1;
	ms = strtoll(text, NULL, 10);
	return ms;
}

/* A sentence of a transcript, at which the reader stands. */
static void
read_sentence(Reading *reading, HmsJsonReader *reader)
{
	HmsJsonReader sentence;
	HmsJsonValue key;
	HmsJsonValue value;

	begin_row(reading);
	if (!hms_json_enter(reader, HMS_JSON_OBJECT, &sentence))
		return;
	while (hms_json_pair(&sentence, &key, &value))
	{
		if (hms_json_equals(&key, "sentence", strlen("sentence")))
			set_scalar(reading, SAID_SENTENCE, &value);
		else if (hms_json_equals(&key, "name", strlen("name")))
			set_scalar(reading, SAID_NAME, &value);
		else if (hms_json_equals(&key, "peer_id", strlen("peer_id")))
			set_scalar(reading, SAID_PEER_ID, &value);
		else if (hms_json_equals(&key, "start_time", strlen("start_time")))
			set_time(reading, SAID_STARTS, milliseconds(&value));
		else if (hms_json_equals(&key, "end_time", strlen("end_time")))
			set_time(reading, SAID_ENDS, milliseconds(&value));
	}
	hms_json_leave(reader, &sentence);
	if (reader->fault)
		return;
	set_user(reading);
	end_row(reading);
}

/* Begin to read the file as JSON. */
static void
begin_json(Reading *reading, HmsJsonReader *reader)
{
	const char *fault = hms_json_begin(reader, reading->bytes, reading->len);

	if (fault)
		raise_no_text(reading, fault);
}

/* End it: the whole file was JSON, and had the member that was looked for. */
static void
end_json(Reading *reading, HmsJsonReader *reader, const char *member, bool found)
{
	if (reader->fault == NULL)
		(void) hms_json_at_end(reader);
	if (reader->fault)
		raise_no_text(reading, reader->fault);
	if (!found)
		raise_no_text(reading, psprintf("it has no \"%s\"", member));
}

/* Each element of the array, or none of null, at which the reader stands. */
static void
read_elements(Reading *reading, HmsJsonReader *reader,
			  void (*read) (Reading *reading, HmsJsonReader *reader))
{
	HmsJsonReader inside;
	HmsJsonValue null;

	if (hms_json_peek(reader) == HMS_JSON_NULL)
	{
		(void) hms_json_value(reader, &null);
		return;
	}
	if (!hms_json_enter(reader, HMS_JSON_ARRAY, &inside))
		return;
	while (hms_json_next(&inside))
		read(reading, &inside);
	hms_json_leave(reader, &inside);
}

/* Each element of the array that is this member of the object. */
static bool
read_member_of(Reading *reading, HmsJsonReader *reader, const char *member,
			   void (*read) (Reading *reading, HmsJsonReader *reader))
{
	HmsJsonReader object;
	HmsJsonValue key;
	HmsJsonValue value;
	bool		found = false;

	if (!hms_json_enter(reader, HMS_JSON_OBJECT, &object))
		return false;
	while (hms_json_member(&object, &key))
	{
		if (hms_json_equals(&key, member, strlen(member)))
		{
			read_elements(reading, &object, read);
			found = true;
		}
		else if (!hms_json_value(&object, &value))
			break;
	}
	hms_json_leave(reader, &object);
	return found;
}

static void
read_json_transcript(Reading *reading)
{
	HmsJsonReader reader;
	bool		found;

	begin_json(reading, &reader);
	found = read_member_of(reading, &reader, "sentences", read_sentence);
	end_json(reading, &reader, "sentences", found);
}

/* A transcript of subtitles or paragraphs. */
static void
read_cues(Reading *reading, bool timed)
{
	StringInfoData line;
	HmsCues		cues;
	HmsCue		cue;

	initStringInfo(&line);
	hms_cues_begin(&cues, reading->bytes, reading->len, timed);
	while (hms_cues_next(&cues, &line, &cue))
	{
		if (line.len == cue.text_at)
			continue;			/* nothing was said */
		begin_row(reading);
		if (cue.name_len >= 0)
			set_text(reading, SAID_NAME, line.data, cue.name_len);
		set_text(reading, SAID_SENTENCE, line.data + cue.text_at, line.len - cue.text_at);
		set_time(reading, SAID_STARTS, cue.starts);
		set_time(reading, SAID_ENDS, cue.ends);
		set_user(reading);
		end_row(reading);
	}
	if (cues.fault)
		raise_no_text(reading, cues.fault);
	pfree(line.data);
}

static void
read_transcript(Reading *reading, Format format)
{
	if (format == FORMAT_UNKNOWN)
		format = reading->bytes[strspn(reading->bytes, " \t\r\n")] == '{' ? FORMAT_JSON :
			hms_cues_are_timed(reading->bytes, reading->len) ? FORMAT_SRT : FORMAT_TXT;
	if (format == FORMAT_JSON)
		read_json_transcript(reading);
	else
		read_cues(reading, format == FORMAT_SRT);
}

/* --- summaries ---------------------------------------------------------------------- */

enum
{
	SUMMARY_TITLE = 1,
	SUMMARY_FORMAT,
	SUMMARY_BULLETS,
	SUMMARY_PARAGRAPH
};

/* An array of scalars as text[]; NULL for anything else. */
static void
set_text_array(Reading *reading, int column, const HmsJsonValue *array)
{
	ArrayBuildState *texts = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	HmsJsonReader reader;
	HmsJsonValue element;

	if (array->type != HMS_JSON_ARRAY)
		return;
	hms_json_open(&reader, array);
	while (hms_json_element(&reader, &element))
	{
		size_t		len;
		char	   *text = hms_json_text(&element, &len);

		texts = accumArrayResult(texts, PointerGetDatum(cstring_to_text_with_len(text, (int) len)),
								 element.type == HMS_JSON_NULL, TEXTOID,
								 CurrentMemoryContext);
	}
	set_column(reading, column, makeArrayResult(texts, CurrentMemoryContext));
}

/* A section of a summary, at which the reader stands. */
static void
read_section(Reading *reading, HmsJsonReader *reader)
{
	HmsJsonReader section;
	HmsJsonValue key;
	HmsJsonValue value;

	begin_row(reading);
	if (!hms_json_enter(reader, HMS_JSON_OBJECT, &section))
		return;
	while (hms_json_pair(&section, &key, &value))
	{
		if (hms_json_equals(&key, "title", strlen("title")))
			set_scalar(reading, SUMMARY_TITLE, &value);
		else if (hms_json_equals(&key, "format", strlen("format")))
			set_scalar(reading, SUMMARY_FORMAT, &value);
		else if (hms_json_equals(&key, "bullets", strlen("bullets")))
			set_text_array(reading, SUMMARY_BULLETS, &value);
		else if (hms_json_equals(&key, "paragraph", strlen("paragraph")))
			set_scalar(reading, SUMMARY_PARAGRAPH, &value);
	}
	hms_json_leave(reader, &section);
	if (reader->fault == NULL)
		end_row(reading);
}

static void
read_summary(Reading *reading, Format format pg_attribute_unused())
{
	HmsJsonReader reader;
	HmsJsonReader object;
	HmsJsonValue key;
	HmsJsonValue value;
	bool		found = false;

	begin_json(reading, &reader);
	if (hms_json_enter(&reader, HMS_JSON_OBJECT, &object))
	{
		while (hms_json_member(&object, &key))
		{
			if (hms_json_equals(&key, "summary", strlen("summary")))
				found = read_member_of(reading, &object, "sections", read_section);
			else if (!hms_json_value(&object, &value))
				break;
		}
		hms_json_leave(&reader, &object);
	}
	end_json(reading, &reader, "sections", found);
}

/* --- chat ----------------------------------------------------------------------------- */

enum
{
	CHAT_SENT_AT = 1,
	CHAT_PEER_ID,
	CHAT_USER_ID,
	CHAT_NAME,
	CHAT_ROLES,
	CHAT_TYPE,
	CHAT_MESSAGE
};

/* The columns of the file and ours. */
static const struct
{
	const char *header;
	int			column;
}			chat_columns[] =
{
	{"SenderPeerID", CHAT_PEER_ID}, {"SenderName", CHAT_NAME},
	{"SenderUserID", CHAT_USER_ID}, {"Roles", CHAT_ROLES},
	{"SentAt", CHAT_SENT_AT}, {"Type", CHAT_TYPE}, {"Message", CHAT_MESSAGE}
};

/* More columns than this are passed over. */
#define MAX_CSV_COLUMNS 32

/*
 * The roles of a message: a JSON array, or names with commas or, where there
 * is no comma, blanks between them in brackets.  No name: everybody.
 */
static void
set_roles(Reading *reading, char *text)
{
	ArrayBuildState *roles = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	size_t		len = strlen(text);
	HmsJsonValue value;
	const char *between;

	if (text[0] == '[' && hms_json_check(text, len, &value) == NULL &&
		value.type == HMS_JSON_ARRAY)
	{
		set_text_array(reading, CHAT_ROLES, &value);
		return;
	}
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
	{
		text[len - 1] = '\0';
		text++;
	}
	between = strchr(text, ',') ? "," : " ";
	for (char *rest = text, *role = strsep(&rest, between); role; role = strsep(&rest, between))
	{
		role += strspn(role, " ");
		for (len = strlen(role); len > 0 && role[len - 1] == ' '; len--)
			role[len - 1] = '\0';
		if (len > 0)
			roles = accumArrayResult(roles,
									 CStringGetTextDatum(hms_json_text_of_utf8(role, len)),
									 false, TEXTOID, CurrentMemoryContext);
	}
	set_column(reading, CHAT_ROLES, makeArrayResult(roles, CurrentMemoryContext));
}

/* The header line: which of our columns each of the file's is, or 0. */
static int
read_header(Reading *reading, HmsCsv *csv, StringInfo field, int *columns)
{
	int			count = 0;
	int			known = 0;

	if (hms_csv_record(csv))
	{
		for (; hms_csv_field(csv, field); count++)
		{
			if (count == MAX_CSV_COLUMNS)
				raise_no_text(reading, "its first line is no header");
			columns[count] = 0;
			for (int i = 0; i < (int) lengthof(chat_columns); i++)
			{
				if (strcmp(field->data, chat_columns[i].header) == 0)
				{
					columns[count] = chat_columns[i].column;
					known++;
				}
			}
		}
	}
	if (csv->fault)
		raise_no_text(reading, csv->fault);
	if (known < (int) lengthof(chat_columns))
		raise_no_text(reading, "its first line is no header");
	return count;
}

static void
read_chat(Reading *reading, Format format pg_attribute_unused())
{
	int			columns[MAX_CSV_COLUMNS];
	int			ncolumns;
	StringInfoData field;
	HmsCsv		csv;

	initStringInfo(&field);
	hms_csv_begin(&csv, reading->bytes, reading->len);
	ncolumns = read_header(reading, &csv, &field, columns);
	while (hms_csv_record(&csv))
	{
		int			n = 0;

		begin_row(reading);
		for (; hms_csv_field(&csv, &field); n++)
		{
			TimestampTz sent_at;

			if (n >= ncolumns)
				raise_no_text(reading, "a line has more fields than the header");
			if (columns[n] == CHAT_SENT_AT)
			{
				if (hms_timestamp_of(field.data, &sent_at))
					set_column(reading, CHAT_SENT_AT, TimestampTzGetDatum(sent_at));
			}
			else if (columns[n] == CHAT_ROLES)
				set_roles(reading, field.data);
			else if (columns[n] > 0)
				set_text(reading, columns[n], field.data, field.len);
		}
		if (csv.fault == NULL && n < ncolumns)
			raise_no_text(reading, "a line has fewer fields than the header");
		if (csv.fault)
			break;
		end_row(reading);
	}
	if (csv.fault)
		raise_no_text(reading, csv.fault);
	pfree(field.data);
}

/* --- assets ---------------------------------------------------------------------------- */

#define SAID_COLUMNS INT4OID, TEXTOID, TEXTOID, TEXTOID, INTERVALOID, INTERVALOID
#define SUMMARY_COLUMNS INT4OID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID
#define CHAT_COLUMNS INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID

static const HmsTexts all_texts[] = {
	{
		"hms_transcript", "transcript", false, false, 6, {SAID_COLUMNS},
		"read transcript", "fetch transcript", read_transcript
	},
	{
		"hms_session_transcript", "transcript", true, true, 8,
		{SAID_COLUMNS, TIMESTAMPTZOID, TEXTOID},
		"read transcript", "fetch transcript", read_transcript
	},
	{
		"hms_summary", "summary", false, false, 5, {SUMMARY_COLUMNS},
		"read summary", "fetch summary", read_summary
	},
	{
		"hms_session_summary", "summary", true, false, 5, {SUMMARY_COLUMNS},
		"read summary", "fetch summary", read_summary
	},
	{
		"hms_chat", "chat", false, false, 8, {CHAT_COLUMNS},
		"read chat", "fetch chat", read_chat
	},
	{
		"hms_session_chat", "chat", true, false, 8, {CHAT_COLUMNS},
		"read chat", "fetch chat", read_chat
	},
};

const HmsTexts *
hms_texts_of(const char *endpoint)
{
	for (int i = 0; i < (int) lengthof(all_texts); i++)
	{
		if (strcmp(all_texts[i].endpoint, endpoint) == 0)
			return &all_texts[i];
	}
	return NULL;
}

bool
hms_texts_match(const HmsTexts *texts, TupleDesc desc)
{
	if (desc->natts != texts->ncolumns)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->atttypid != texts->columns[i])
			return false;
	}
	return true;
}

/* A member of an object, or NULL; a string only. */
static char *
member(Jsonb *object, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value;

	if (!JB_ROOT_IS_OBJECT(object))
		return NULL;
	value = getKeyJsonValueFromContainer(&object->root, name, strlen(name), &buffer);
	return value == NULL || value->type != jbvString ? NULL :
		pnstrdup(value->val.string.val, value->val.string.len);
}

/* The object in a member of an object, or NULL. */
static Jsonb *
object_member(Jsonb *object, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value;

	if (!JB_ROOT_IS_OBJECT(object))
		return NULL;
	value = getKeyJsonValueFromContainer(&object->root, name, strlen(name), &buffer);
	return value == NULL || value->type != jbvBinary ? NULL : JsonbValueToJsonb(value);
}

/* What the endpoint answers, as JSON, element for element. */
static List *
answers_of(const HmsRequest *request)
{
	HmsWalk    *walk = hms_walk_open(request, hms_row_maker(JSONBOID, NULL, NULL, NULL), true);
	List	   *answers = NIL;
	HmsRows    *rows;
	int			row;

	while ((rows = hms_walk_next(walk, &row)) != NULL)
		answers = lappend(answers, DatumGetPointer(datumCopy(hms_rows_datum(rows, row), false, -1)));
	return answers;
}

/* What an endpoint whose only argument this is answers to an account. */
static List *
answers_for(HmsAccount *account, const char *endpoint, const char *argument)
{
	HmsArg		arg = {.type = TEXTOID, .value = CStringGetTextDatum(argument)};

	return answers_of(hms_request_build(account, hms_endpoint(endpoint), &arg, 1));
}

/* How the file of an asset says what it says, as the asset tells. */
static Format
format_of(Jsonb *asset)
{
	static const struct
	{
		const char *mode;
		Format		format;
	}			modes[] = {
		{"json", FORMAT_JSON}, {"srt", FORMAT_SRT}, {"txt", FORMAT_TXT}
	};
	Jsonb	   *metadata = object_member(asset, "metadata");
	const char *mode = metadata ? member(metadata, "output_mode") : NULL;

	for (int i = 0; mode && i < (int) lengthof(modes); i++)
	{
		if (pg_strcasecmp(mode, modes[i].mode) == 0)
			return modes[i].format;
	}
	return FORMAT_UNKNOWN;
}

static Asset *
read_asset(Jsonb *object)
{
	Asset	   *asset = palloc0(sizeof(Asset));
	char	   *job_id = member(object, "job_id");

	asset->id = member(object, "id");
	asset->job_id = job_id ? job_id : pstrdup("");
	asset->type = member(object, "type");
	asset->status = member(object, "status");
	asset->created_at = member(object, "created_at");
	asset->format = format_of(object);
	return asset;
}

/* Is there a file of this type to be had? */
static bool
is_readable(const Asset *asset, const char *type)
{
	return asset->id && asset->type && strcmp(asset->type, type) == 0 &&
		asset->status && strcmp(asset->status, "completed") == 0;
}

/* Fetch the file of an asset; false when 100ms knows no such asset. */
static bool
fetch(Reading *reading, const Asset *asset)
{
	List	   *answers = answers_for(reading->account, "text_link", asset->id);
	HmsCall    *file;
	char	   *url;

	if (answers == NIL)
		return false;
	url = member(linitial(answers), "url");
	if (url == NULL)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_MALFORMED),
				 errmsg("could not %s: 100ms gave no link to it", reading->texts->fetching)));
	file = hms_call_file(reading->texts->fetching, url, 0);
	hms_call_finish(file);
	if (file->state == HMS_CALL_FAILED)
		hms_call_raise(file);
	reading->file = file;
	return true;
}

/*
 * Find out what is in the file, behind a byte-order mark.  Text is UTF-8 without
 * NUL and its like, which only files of other kinds have.
 */
static void
look_into_file(Reading *reading)
{
	static const char byte_order_mark[] = "\xEF\xBB\xBF";
	const HmsExchange *answer = reading->file->exchange;

	reading->bytes = answer->len > 0 ? answer->data : "";
	reading->len = answer->len;
	if (strncmp(reading->bytes, byte_order_mark, strlen(byte_order_mark)) == 0)
	{
		reading->bytes += strlen(byte_order_mark);
		reading->len -= strlen(byte_order_mark);
	}
	for (const char *p = reading->bytes; p < reading->bytes + reading->len; p++)
	{
		if ((unsigned char) *p < ' ' && (*p == '\0' || strchr("\t\n\v\f\r", *p) == NULL))
			raise_no_text(reading, "it is no text");
	}
	if (pg_encoding_verifymbstr(PG_UTF8, reading->bytes, (int) reading->len) != (int) reading->len)
		raise_no_text(reading, "it is no text in UTF-8");
}

/* Append the rows of one asset; what fetching it took is gone afterwards. */
static void
read_one(Reading *reading, const Asset *asset)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hms text",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	if (fetch(reading, asset))
	{
		reading->row_context = AllocSetContextCreate(context, "hms text row",
													 ALLOCSET_DEFAULT_SIZES);
		look_into_file(reading);
		reading->texts->read(reading, asset->format);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* --- of one asset ------------------------------------------------------------------------- */

static void
read_of_asset(Reading *reading, const HmsRequest *request)
{
	List	   *answers = answers_of(request);
	const HmsTexts *texts = reading->texts;
	Asset	   *asset;

	if (answers == NIL)
		return;
	asset = read_asset(linitial(answers));
	if (asset->type == NULL || strcmp(asset->type, texts->type) != 0)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("could not %s: the asset is not one", texts->reading),
				 errdetail("Its type is \"%s\", not \"%s\".",
						   asset->type ? hms_clean_text(asset->type, strlen(asset->type)) : "",
						   texts->type)));
	if (!is_readable(asset, texts->type))
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("could not %s: the asset has no file", texts->reading),
				 errdetail("Its status is \"%s\", not \"%s\".",
						   asset->status ? hms_clean_text(asset->status, strlen(asset->status)) : "",
						   "completed")));
	read_one(reading, asset);
}

/* --- of a session -------------------------------------------------------------------------- */

/* Oldest first; of one job the format that says most. */
static int
compare_assets(const ListCell *a, const ListCell *b)
{
	const Asset *left = lfirst(a);
	const Asset *right = lfirst(b);
	int			order = strcmp(left->job_id, right->job_id);

	if (order == 0)
		order = (int) (left->format == FORMAT_UNKNOWN) - (int) (right->format == FORMAT_UNKNOWN);
	if (order == 0)
		order = (int) left->format - (int) right->format;
	return order;
}

static int
compare_times(const ListCell *a, const ListCell *b)
{
	const Asset *left = lfirst(a);
	const Asset *right = lfirst(b);
	TimestampTz left_at = 0;
	TimestampTz right_at = 0;

	if (left->created_at)
		(void) hms_timestamp_of(left->created_at, &left_at);
	if (right->created_at)
		(void) hms_timestamp_of(right->created_at, &right_at);
	return left_at < right_at ? -1 : left_at > right_at ? 1 : strcmp(left->id, right->id);
}

/* The best readable asset of each recording, the oldest first. */
static List *
best_assets(List *answers, const char *type)
{
	List	   *readable = NIL;
	List	   *best = NIL;
	ListCell   *cell;

	foreach(cell, answers)
	{
		Asset	   *asset = read_asset(lfirst(cell));

		if (is_readable(asset, type))
			readable = lappend(readable, asset);
	}
	list_sort(readable, compare_assets);
	foreach(cell, readable)
	{
		Asset	   *asset = lfirst(cell);

		if (best == NIL || strcmp(((Asset *) llast(best))->job_id, asset->job_id) != 0)
			best = lappend(best, asset);
	}
	list_sort(best, compare_times);
	return best;
}

/* Note that this peer id or name stands for a user. */
static void
note_person(HTAB *people, char kind, const char *text, const char *user_id)
{
	char		key[sizeof(((Person *) NULL)->key)];
	Person	   *person;
	bool		known;

	if (text == NULL || text[0] == '\0')
		return;
	person_key(key, kind, text, strlen(text));
	person = hash_search(people, key, HASH_ENTER, &known);
	if (!known)
		person->user_id = user_id ? pstrdup(user_id) : NULL;
	else if (person->user_id && (user_id == NULL || strcmp(person->user_id, user_id) != 0))
		person->user_id = NULL;
}

/*
 * Which users the session's peers are: by peer id, and for transcripts that
 * have only names by name, where all peers of the name are one user.
 */
static HTAB *
people_of(HmsAccount *account, const char *session_id)
{
	HASHCTL		control = {
		.keysize = sizeof(((Person *) NULL)->key),
		.entrysize = sizeof(Person),
		.hcxt = CurrentMemoryContext
	};
	HTAB	   *people = hash_create("hms peers of a session", 64, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	List	   *answers = answers_for(account, "hms_session", session_id);
	Jsonb	   *peers = answers == NIL ? NULL : object_member(linitial(answers), "peers");
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (peers == NULL || !JB_ROOT_IS_OBJECT(peers))
		return people;
	iterator = JsonbIteratorInit(&peers->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		Jsonb	   *peer;
		char	   *user_id;

		if (token != WJB_VALUE || value.type != jbvBinary)
			continue;
		peer = JsonbValueToJsonb(&value);
		user_id = member(peer, "user_id");
		if (user_id && user_id[0] == '\0')
			user_id = NULL;
		note_person(people, 'i', member(peer, "id"), user_id);
		note_person(people, 'n', member(peer, "name"), user_id);
	}
	return people;
}

/* When the recording began, as far as 100ms says. */
static void
find_start(Reading *reading, List *recordings, const char *job_id)
{
	ListCell   *cell;

	reading->started = false;
	foreach(cell, recordings)
	{
		const char *id = member(lfirst(cell), "id");
		const char *started_at = member(lfirst(cell), "started_at");

		if (id && started_at && strcmp(id, job_id) == 0)
			reading->started = hms_timestamp_of(started_at, &reading->started_at);
	}
}

static void
read_of_session(Reading *reading, const HmsRequest *request, const char *session_id)
{
	const HmsTexts *texts = reading->texts;
	List	   *assets = best_assets(answers_of(request), texts->type);
	List	   *recordings = NIL;
	ListCell   *cell;

	if (assets == NIL)
		return;
	if (texts->timed)
	{
		recordings = answers_for(request->account, "session_recordings", session_id);
		reading->people = people_of(request->account, session_id);
	}
	foreach(cell, assets)
	{
		const Asset *asset = lfirst(cell);

		find_start(reading, recordings, asset->job_id);
		read_one(reading, asset);
	}
}

void
hms_texts_read(const HmsTexts *texts, const HmsRequest *request, const char *id,
			   TupleDesc desc, Tuplestorestate *rows)
{
	Reading		reading = {
		.texts = texts,
		.account = request->account,
		.desc = desc,
		.rows = rows
	};

	if (texts->of_session)
		read_of_session(&reading, request, id);
	else
		read_of_asset(&reading, request);
}
