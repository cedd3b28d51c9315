/*
 * request.c
 *		Requests built from an endpoint and SQL arguments; no I/O.
 *
 * Every argument passes here before anything is sent.  What comes from SQL is
 * percent-encoded, so it can neither leave its place in the path or query nor
 * add another; text goes out as UTF-8 whatever the database's encoding.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "encoding.h"
#include "errors.h"
#include "request.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(hms_not_given);

/*
 * No server takes a URL of this length, and libcurl refuses one of 8 MB; what
 * is longer is a mistake that had better be called one.
 */
#define MAX_URL_LEN (1024 * 1024)

/* --- encoding ---------------------------------------------------------------- */

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void
append_encoded_byte(StringInfo buf, unsigned char c)
{
	appendStringInfo(buf, "%%%02X", c);
}

/* Append text of the server's encoding, percent-encoded. */
static void
append_encoded(StringInfo buf, const char *text)
{
	text = hms_to_utf8(text);
	for (;;)
	{
		size_t		len = 0;

		while (is_unreserved((unsigned char) text[len]))
			len++;
		appendBinaryStringInfo(buf, text, len);
		text += len;
		if (*text == '\0')
			return;
		append_encoded_byte(buf, (unsigned char) *text++);
	}
}

/* Before another parameter: of a query, or of a URL behind its question mark. */
static void
append_separator(StringInfo buf)
{
	if (buf->len > 0 && buf->data[buf->len - 1] != '?')
		appendStringInfoChar(buf, '&');
}

static void
append_query(StringInfo buf, const char *name, const char *value)
{
	append_separator(buf);
	append_encoded(buf, name);
	appendStringInfoChar(buf, '=');
	append_encoded(buf, value);
}

static void
append_query_number(StringInfo buf, const char *name, int value)
{
	append_separator(buf);
	appendStringInfo(buf, "%s=%d", name, value);
}

/* A time as the API takes it: UTC with three decimals. */
static char *
timestamp_text(const char *name, TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(time) ||
		timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0 ||
		tm.tm_year < 1 || tm.tm_year > 9999)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("argument \"%s\" is not a time that 100ms can take", name)));
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
					tm.tm_year, tm.tm_mon, tm.tm_mday,
					tm.tm_hour, tm.tm_min, tm.tm_sec, (int) (fsec / 1000));
}

/* --- arguments --------------------------------------------------------------- */

/* Random bytes in what stands for an argument that was left out. */
#define NOT_GIVEN_BYTES 16

/*
 * The text that stands for an argument that was left out.  It is another one in
 * each backend, so no data has it.
 */
static const char *
not_given(void)
{
	static char text[] = "(not given) 0123456789abcdef0123456789abcdef";
	static bool made = false;
	uint8		bytes[NOT_GIVEN_BYTES];

	if (made)
		return text;
	if (!pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	(void) hex_encode((const char *) bytes, sizeof(bytes),
					  text + sizeof(text) - 1 - 2 * sizeof(bytes));
	made = true;
	return text;
}

/* not_given(): the default of an argument that names something */
Datum
hms_not_given(FunctionCallInfo fcinfo pg_attribute_unused())
{
	PG_RETURN_TEXT_P(cstring_to_text(not_given()));
}

void
hms_request_take_args(HmsArg *args, int nargs)
{
	const char *text = not_given();
	size_t		len = strlen(text);

	for (int i = 0; i < nargs; i++)
	{
		struct varlena *value;

		args[i].left_out = false;
		if (args[i].isnull || args[i].type != TEXTOID)
			continue;
		value = PG_DETOAST_DATUM_PACKED(args[i].value);
		if (VARSIZE_ANY_EXHDR(value) == len &&
			memcmp(VARDATA_ANY(value), text, len) == 0)
			args[i] = HMS_NO_ARG;
	}
}

bool
hms_request_is_not_given(Node *node)
{
	FmgrInfo	function;
	char	   *name;

	if (!IsA(node, FuncExpr) || ((FuncExpr *) node)->args != NIL)
		return false;

	/* looking a function up may load its library: not one of somebody else's */
	name = get_func_name(((FuncExpr *) node)->funcid);
	if (name == NULL || strcmp(name, "not_given") != 0)
		return false;
	fmgr_info(((FuncExpr *) node)->funcid, &function);
	return function.fn_addr == hms_not_given;
}

bool
hms_request_names_nothing(const HmsEndpoint *endpoint, const HmsArg *args, int nargs)
{
	int			arg = 0;

	if (endpoint->method != HMS_GET)
		return false;
	for (int i = 0; endpoint->params[i].name && arg < nargs; i++)
	{
		if (endpoint->params[i].fixed)
			continue;
		if ((endpoint->params[i].flags & HMS_ID) && args[arg].isnull &&
			!args[arg].left_out && args[arg].shown == NULL)
			return true;
		arg++;
	}
	return false;
}

static void
refuse_null(const char *name)
{
	ereport(ERROR,
			(errcode(HMS_ERRCODE_NULL_ARGUMENT),
			 errmsg("argument \"%s\" must not be null", name)));
}

static void
refuse_empty(const char *name)
{
	ereport(ERROR,
			(errcode(HMS_ERRCODE_ARGUMENT),
			 errmsg("argument \"%s\" must not be empty", name)));
}

static void
refuse_type(const char *name, Oid type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("argument \"%s\" cannot be of type %s", name,
					format_type_be(type))));
}

int64
hms_interval_seconds(const Interval *interval)
{
	return ((int64) interval->month * DAYS_PER_MONTH + interval->day) * SECS_PER_DAY +
		interval->time / USECS_PER_SEC;
}

/* Text of a scalar argument. */
static char *
arg_text(const HmsParam *param, const HmsArg *arg)
{
	if (arg->shown)
		return pstrdup(arg->shown);
	switch (arg->type)
	{
		case TEXTOID:
			return TextDatumGetCString(arg->value);
		case BOOLOID:
			return pstrdup(DatumGetBool(arg->value) ? "true" : "false");
		case INT4OID:
			return psprintf("%d", DatumGetInt32(arg->value));
		case INT8OID:
			return psprintf(INT64_FORMAT, DatumGetInt64(arg->value));
		case TIMESTAMPTZOID:
			return timestamp_text(param->name, DatumGetTimestampTz(arg->value));
		case INTERVALOID:
			return psprintf(INT64_FORMAT,
							hms_interval_seconds(DatumGetIntervalP(arg->value)));
		default:
			refuse_type(param->name, arg->type);
			return NULL;		/* keep compiler quiet */
	}
}

/*
 * Elements of a text[] argument; NULL ones are refused or left out, empty ones
 * refused except in what a pair may lack.
 */
static char **
arg_texts(const HmsParam *param, const HmsArg *arg, bool nulls_ok, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	char	  **texts;

	deconstruct_array(DatumGetArrayTypeP(arg->value), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &n);
	texts = palloc(sizeof(char *) * Max(n, 1));
	*count = 0;
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
		{
			if (!nulls_ok)
				refuse_null(param->name);
			continue;
		}
		texts[*count] = TextDatumGetCString(elements[i]);
		if (texts[*count][0] == '\0' &&
			(param->flags & (HMS_PAIRED | HMS_REQUIRED)) != HMS_PAIRED)
			refuse_empty(param->name);
		(*count)++;
	}
	return texts;
}

/* Ids are letters and digits, 24 of them as a rule and in lower case. */
#define SHORTEST_ID 20

void
hms_request_warn_name(const char *room_id)
{
	static TimestampTz warned_statement = 0;
	size_t		len = strspn(room_id, "0123456789abcdefghijklmnopqrstuvwxyz");

	if ((len >= SHORTEST_ID && room_id[len] == '\0') ||
		warned_statement == GetCurrentStatementStartTimestamp())
		return;
	warned_statement = GetCurrentStatementStartTimestamp();
	ereport(WARNING,
			(errcode(HMS_ERRCODE_ARGUMENT),
			 errmsg("argument \"room_id\" looks like a name: \"%s\"", room_id),
			 errhint("An id is what hms_rooms(name) returns as id, 24 letters and digits as a rule.")));
}

/* Check what the table says of an argument. */
static void
check_arg(const HmsParam *param, const HmsArg *arg)
{
	if (arg->shown)
		return;
	if (arg->isnull)
	{
		if ((param->flags & HMS_REQUIRED) || ((param->flags & HMS_ID) && !arg->left_out))
			refuse_null(param->name);
		return;
	}
	if (arg->type == TEXTOID && (param->flags & (HMS_REQUIRED | HMS_NOT_EMPTY)) &&
		VARSIZE_ANY_EXHDR(DatumGetPointer(arg->value)) == 0)
		refuse_empty(param->name);
	if (param->flags & HMS_POSITIVE)
	{
		if (arg->type != INTERVALOID)
			refuse_type(param->name, arg->type);
		if (hms_interval_seconds(DatumGetIntervalP(arg->value)) <= 0)
			ereport(ERROR,
					(errcode(HMS_ERRCODE_ARGUMENT),
					 errmsg("argument \"%s\" must be at least one second",
							param->name)));
	}
	if ((param->flags & (HMS_WHOLE_BODY | HMS_MEMBERS)))
	{
		if (arg->type != JSONBOID)
			refuse_type(param->name, arg->type);
		if ((param->flags & HMS_ARRAY) ?
			!JB_ROOT_IS_ARRAY(DatumGetJsonbP(arg->value)) ||
			JB_ROOT_IS_SCALAR(DatumGetJsonbP(arg->value)) :
			!JB_ROOT_IS_OBJECT(DatumGetJsonbP(arg->value)))
			ereport(ERROR,
					(errcode(HMS_ERRCODE_ARGUMENT),
					 errmsg("argument \"%s\" must be a JSON %s", param->name,
							(param->flags & HMS_ARRAY) ? "array" : "object")));
	}
}

/* --- path -------------------------------------------------------------------- */

/* Is it a part that would walk about in the path? */
static bool
is_dots(const char *part, size_t len)
{
	return (len == 1 && part[0] == '.') ||
		(len == 2 && part[0] == '.' && part[1] == '.');
}

/*
 * Does it hold such a part between slashes?  An encoded slash is data, unless
 * a server takes it for a slash.
 */
bool
hms_request_holds_dots(const char *text)
{
	for (;;)
	{
		size_t		len = strcspn(text, "/\\");

		if (is_dots(text, len))
			return true;
		if (text[len] == '\0')
			return false;
		text += len + 1;
	}
}

static void
refuse_path(const char *why)
{
	ereport(ERROR,
			(errcode(HMS_ERRCODE_ARGUMENT),
			 errmsg("argument \"path\" is not a path of the API"),
			 errdetail_internal("%s", why)));
}

/*
 * Append a path that the caller has written.  It stays under the base URL:
 * its parts are looked at as a server would decode them.
 */
static void
append_raw_path(StringInfo buf, const char *path)
{
	StringInfoData part;

	/* as the Node SDK's README writes it: without a slash in front */
	if (path[0] != '/')
		path = psprintf("/%s", path);
	path = hms_to_utf8(path);
	initStringInfo(&part);
	while (*path == '/')
	{
		appendStringInfoChar(buf, '/');
		resetStringInfo(&part);
		for (path++; *path != '\0' && *path != '/'; path++)
		{
			unsigned char c = (unsigned char) *path;

			if (c == '?' || c == '#')
				refuse_path("The query is given by \"params\", not in the path.");
			if (c == '%')
			{
				int			high = hms_hex_digit(path[1]);
				int			low = high < 0 ? -1 : hms_hex_digit(path[2]);

				if (low < 0)
					refuse_path("A percent sign must be followed by two hexadecimal digits.");
				c = (unsigned char) (high << 4 | low);
				path += 2;
			}
			if (c < 0x20 || c == 0x7f || c == '\\')
				refuse_path("It holds a control character or a backslash.");
			appendStringInfoChar(&part, c);
			if (is_unreserved(c) || strchr("!$&'()*+,;=:@", c) != NULL)
				appendStringInfoChar(buf, c);
			else
				append_encoded_byte(buf, c);
		}
		if (part.len == 0)
			refuse_path("It has an empty part.");
		if (hms_request_holds_dots(part.data))
			refuse_path("It has a part of dots only.");
	}
}

/* In a path, where the room comes that is asked for. */
#define ROOM_MARK '\001'

/* Append the endpoint's path with the arguments that stand in it. */
static void
append_path(StringInfo buf, const HmsEndpoint *endpoint, char **texts)
{
	for (const char *p = endpoint->path; *p; p++)
	{
		const char *name = p + 1;
		size_t		len;

		if (*p != '{')
		{
			appendStringInfoChar(buf, *p);
			continue;
		}
		len = strcspn(name, "}");
		for (int i = 0; endpoint->params[i].name; i++)
		{
			const HmsParam *param = &endpoint->params[i];
			const char *wire = hms_param_wire(param);

			if (strlen(wire) != len || strncmp(wire, name, len) != 0)
				continue;
			if (texts[i] == NULL)
				appendStringInfoChar(buf, ROOM_MARK);
			else
			{
				if (hms_request_holds_dots(texts[i]))
					ereport(ERROR,
							(errcode(HMS_ERRCODE_ARGUMENT),
							 errmsg("argument \"%s\" must not have a part of dots only",
									param->name)));
				append_encoded(buf, texts[i]);
			}
		}
		p = name + len;
	}
}

static bool
is_in_path(const HmsEndpoint *endpoint, const HmsParam *param)
{
	const char *wire = hms_param_wire(param);
	const char *found;
	size_t		len = strlen(wire);

	if (endpoint->path == NULL)
		return (param->flags & HMS_RAW_PATH) != 0;
	for (found = strchr(endpoint->path, '{'); found; found = strchr(found + 1, '{'))
	{
		if (strncmp(found + 1, wire, len) == 0 && found[len + 1] == '}')
			return true;
	}
	return false;
}

/* --- query --------------------------------------------------------------------- */

/* Append a scalar of a JSON object to the query. */
static void
append_query_jsonb(StringInfo buf, const char *name, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			break;
		case jbvString:
			append_query(buf, name, pnstrdup(value->val.string.val,
											 value->val.string.len));
			break;
		case jbvNumeric:
			append_query(buf, name,
						 DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(value->val.numeric))));
			break;
		case jbvBool:
			append_query(buf, name, value->val.boolean ? "true" : "false");
			break;
		default:
			ereport(ERROR,
					(errcode(HMS_ERRCODE_ARGUMENT),
					 errmsg("member \"%s\" of argument \"params\" is not a scalar or an array of scalars",
							name)));
	}
}

/* Append the members of a JSON object: an array is a repeated key. */
static void
append_members(HmsRequest *request, StringInfo buf, Jsonb *params)
{
	JsonbIterator *it = JsonbIteratorInit(&params->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;
	bool		walks = request->endpoint->paging != HMS_ONE_PAGE;

	(void) JsonbIteratorNext(&it, &value, false);	/* the object's beginning */
	while ((token = JsonbIteratorNext(&it, &value, true)) == WJB_KEY)
	{
		name = pnstrdup(value.val.string.val, value.val.string.len);
		if (walks && (strcmp(name, "start") == 0 || strcmp(name, "page") == 0))
			ereport(ERROR,
					(errcode(HMS_ERRCODE_ARGUMENT),
					 errmsg("argument \"params\" must not hold \"%s\"", name),
					 errhint("A list walks its pages by itself; use hms_api_get for a single page.")));
		if (strcmp(name, "limit") == 0)
			request->has_limit = true;

		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data))
		{
			JsonbIterator *elements = JsonbIteratorInit(value.val.binary.data);
			JsonbValue	element;

			(void) JsonbIteratorNext(&elements, &element, false);
			while (JsonbIteratorNext(&elements, &element, true) == WJB_ELEM)
				append_query_jsonb(buf, name, &element);
		}
		else
			append_query_jsonb(buf, name, &value);
	}
}

static int
compare_text(const void *a, const void *b)
{
	return strcmp(**(char ***) a, **(char ***) b);
}

/*
 * The rooms of a list over several.  A room that is named twice is walked
 * once, as by room_id = ANY (...), and NULL names none.
 */
static void
set_rooms(HmsRequest *request, const HmsParam *param, const HmsArg *arg)
{
	char	  **rooms = NULL;
	char	 ***sorted;
	int			count = 0;
	int			kept = 0;

	if (!arg->isnull)
		rooms = arg_texts(param, arg, true, &count);
	sorted = palloc(sizeof(char **) * Max(count, 1));
	for (int i = 0; i < count; i++)
		sorted[i] = &rooms[i];
	qsort(sorted, count, sizeof(char **), compare_text);
	for (int i = 1, first = 0; i < count; i++)
	{
		if (strcmp(*sorted[first], *sorted[i]) == 0)
			*sorted[i] = *sorted[first];
		else
			first = i;
	}

	/* equal names now share one pointer: keep the first of each */
	request->rooms = palloc(sizeof(char *) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		if (rooms[i][0] != '\0')
		{
			request->rooms[kept++] = pstrdup(rooms[i]);
			rooms[i][0] = '\0';
		}
	}
	request->nrooms = kept;
}

/* One of the two arrays of a list over pairs of room and session. */
static void
set_pairs(HmsRequest *request, const HmsParam *param, const HmsArg *arg)
{
	bool		is_room = strcmp(param->name, "room_id") == 0;
	const char **texts;
	int			count;

	if (arg->type != TEXTARRAYOID)
		refuse_type(param->name, arg->type);
	texts = (const char **) arg_texts(param, arg, false, &count);
	if (is_room)
		request->rooms = texts;
	else
		request->sessions = texts;
	if (!is_room && count != request->nrooms)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("argument \"%s\" must have an element for each room",
						param->name)));
	request->nrooms = count;
}

/* --- body ------------------------------------------------------------------------ */

static void
append_body_name(StringInfo buf, const char *name)
{
	appendStringInfoString(buf, buf->len > 1 ? "," : "");
	escape_json(buf, name);
	appendStringInfoChar(buf, ':');
}

/* Append an argument as a member of the body. */
static void
append_body(StringInfo buf, const HmsParam *param, const HmsArg *arg)
{
	append_body_name(buf, hms_param_wire(param));
	switch (arg->type)
	{
		case BOOLOID:
		case INT4OID:
		case INT8OID:
		case INTERVALOID:
			appendStringInfoString(buf, arg_text(param, arg));
			break;
		case JSONBOID:
			(void) JsonbToCString(buf, &DatumGetJsonbP(arg->value)->root, -1);
			break;
		case TEXTARRAYOID:
			{
				int			count;
				char	  **texts = arg_texts(param, arg, false, &count);

				if (count == 0 && (param->flags & HMS_NOT_EMPTY))
					refuse_empty(param->name);
				appendStringInfoChar(buf, '[');
				for (int i = 0; i < count; i++)
				{
					if (i > 0)
						appendStringInfoChar(buf, ',');
					escape_json(buf, texts[i]);
				}
				appendStringInfoChar(buf, ']');
				break;
			}
		default:
			escape_json(buf, arg_text(param, arg));
	}
}

/* The body that the caller has written. */
static char *
whole_body(const HmsArg *arg)
{
	Jsonb	   *body;

	if (arg->isnull)
		return "{}";
	body = DatumGetJsonbP(arg->value);
	return JsonbToCString(NULL, &body->root, VARSIZE(body));
}

/* Warn of what is not known in a body, and refuse one that the API would. */
static void
check_body(const HmsRequest *request, const HmsArg *args)
{
	const HmsEndpoint *endpoint = request->endpoint;
	const char *argument = NULL;

	for (int i = 0; endpoint->params[i].name; i++)
	{
		if (endpoint->params[i].flags & HMS_WHOLE_BODY)
			argument = endpoint->params[i].name;
	}
	if (endpoint->keys)
		hms_keys_check(endpoint->keys, argument, request->parsed);
	if (endpoint->rules)
		hms_rules_check(endpoint->rules, argument, request->parsed,
						hms_request_overwrites(endpoint, args));
}

/* --- the whole --------------------------------------------------------------------- */

/* Refuse a write without a receiver: the API takes that for everybody. */
static void
check_one_of(const HmsEndpoint *endpoint, const HmsArg *args)
{
	const char *const *names = endpoint->one_of;

	if (names[0] == NULL ||
		!hms_request_arg(endpoint, args, names[0])->isnull ||
		!hms_request_arg(endpoint, args, names[1])->isnull)
		return;
	ereport(ERROR,
			(errcode(HMS_ERRCODE_NULL_ARGUMENT),
			 errmsg("one of the arguments \"%s\" and \"%s\" must be given",
					names[0], names[1]),
			 endpoint->one_of_hint ? errhint("%s", endpoint->one_of_hint) : 0));
}

/* Note one claim of the auth token that the endpoint takes. */
static void
set_claim(HmsRequest *request, const HmsParam *param, const HmsArg *arg)
{
	char	   *text = arg->isnull ? NULL : arg_text(param, arg);

	if (request->claims == NULL)
		request->claims = palloc0(sizeof(HmsClaims));
	if (strcmp(param->name, "room_id") == 0)
		request->claims->room_id = text;
	else if (strcmp(param->name, "role") == 0)
		request->claims->role = text;
	else
		request->claims->user_id = text;
}

/* The base URL of an endpoint. */
static const char *
base_url(const HmsAccount *account, const HmsEndpoint *endpoint)
{
	static const HmsAccountItem urls[] = {
		[HMS_API] = HMS_API_URL,
		[HMS_BEAM] = HMS_BEAM_URL,
		[HMS_POLICY] = HMS_POLICY_URL,
	};

	return account->items[urls[endpoint->base]];
}

/* Put one argument into its place in query, body or token. */
static void
place_arg(HmsRequest *request, StringInfo query, StringInfo body,
		  const HmsParam *param, const HmsArg *arg)
{
	const HmsEndpoint *endpoint = request->endpoint;

	if (param->flags & HMS_NOT_SENT)
		return;
	if (param->flags & HMS_IN_TOKEN)
		set_claim(request, param, arg);
	else if (param->flags & HMS_WHOLE_BODY)
		request->body = whole_body(arg);
	else if (param->flags & HMS_MEMBERS)
	{
		if (!arg->isnull)
			append_members(request, query, DatumGetJsonbP(arg->value));
	}
	else if (endpoint->method == HMS_POST && !(param->flags & HMS_IN_QUERY))
	{
		if (!arg->isnull)
			append_body(body, param, arg);
	}
	else if ((param->flags & HMS_PAIRED) && arg->shown == NULL)
		set_pairs(request, param, arg);
	else if (strcmp(param->name, "room_id") == 0 && arg->type == TEXTARRAYOID &&
			 arg->shown == NULL)
		set_rooms(request, param, arg);
	else if (arg->isnull)
	{
		for (const char *const *value = param->unless_given; value && *value; value++)
			append_query(query, hms_param_wire(param), *value);
	}
	else if (arg->type == TEXTARRAYOID && arg->shown == NULL)
	{
		int			count;
		char	  **texts = arg_texts(param, arg, false, &count);

		if (count == 0)
			refuse_empty(param->name);
		for (int i = 0; i < count; i++)
			append_query(query, hms_param_wire(param), texts[i]);
	}
	else
	{
		if (arg->type == TIMESTAMPTZOID && arg->shown == NULL &&
			strcmp(param->name, "after") == 0)
			request->after = DatumGetTimestampTz(arg->value);
		else if (strcmp(param->name, "session_id") == 0)
			request->session_id = arg_text(param, arg);
		append_query(query, hms_param_wire(param), arg_text(param, arg));
	}
}

HmsRequest *
hms_request_build(HmsAccount *account, const HmsEndpoint *endpoint,
				  const HmsArg *args, int nargs)
{
	HmsRequest *request = palloc0(sizeof(HmsRequest));
	StringInfoData path;
	StringInfoData query;
	StringInfoData body;
	char	   *texts[HMS_MAX_PARAMS] = {NULL};
	HmsArg		all[HMS_MAX_PARAMS];
	int			arg = 0;

	if (nargs == hms_request_nargs(endpoint))
	{
		for (int i = 0; i < HMS_MAX_PARAMS; i++)
			all[i] = i < nargs ? args[i] : HMS_NO_ARG;
		args = all;
	}
	else if (nargs != hms_request_nparams(endpoint))
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("endpoint \"%s\" takes %d arguments, not %d",
						endpoint->name, hms_request_nargs(endpoint), nargs)));

	request->endpoint = endpoint;
	request->account = account;
	request->base = account ? base_url(account, endpoint) : "";
	request->nrooms = 1;
	TIMESTAMP_NOBEGIN(request->after);
	request->rooms = palloc0(sizeof(char *));
	if (hms_request_names_nothing(endpoint, args, nargs))
	{
		request->nothing = true;
		request->nrooms = 0;
		request->path = request->query = "";
		return request;
	}

	initStringInfo(&path);
	initStringInfo(&query);
	initStringInfo(&body);
	appendStringInfoChar(&body, '{');

	arg = 0;
	for (int i = 0; endpoint->params[i].name; i++)
	{
		const HmsParam *param = &endpoint->params[i];

		if (param->fixed)
			continue;
		check_arg(param, &args[arg]);
		if (is_in_path(endpoint, param))
		{
			/* of several rooms each has a path of its own */
			request->room_in_path = request->room_in_path ||
				(args[arg].type == TEXTARRAYOID && args[arg].shown == NULL);
			if (!request->room_in_path)
				texts[i] = arg_text(param, &args[arg]);
		}
		arg++;
	}
	check_one_of(endpoint, args);

	arg = 0;
	for (int i = 0; endpoint->params[i].name; i++)
	{
		const HmsParam *param = &endpoint->params[i];

		if (param->fixed && endpoint->method == HMS_POST)
		{
			append_body_name(&body, param->name);
			appendStringInfoString(&body, param->fixed);
		}
		else if (param->fixed)
			append_query(&query, param->name, param->fixed);
		else
		{
			if (texts[i] == NULL)
				place_arg(request, &query, &body, param, &args[arg]);
			arg++;
		}
	}
	appendStringInfoChar(&body, '}');

	if (endpoint->warn_name && args[0].shown == NULL)
		hms_request_warn_name(texts[0]);
	if (endpoint->path)
		append_path(&path, endpoint, texts);
	else
		append_raw_path(&path, texts[0]);
	request->path = path.data;
	request->query = query.data;
	if (path.len + query.len > MAX_URL_LEN)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("the arguments are too long for a URL")));
	if (endpoint->method == HMS_POST)
	{
		if (request->body == NULL)
			request->body = body.data;
		if (endpoint->rules || endpoint->keys || endpoint->present)
			request->parsed = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																 CStringGetDatum(request->body)));
		check_body(request, args);
		request->body = hms_json_to_utf8(request->body);
	}
	else
		pfree(body.data);
	return request;
}

/* How many arguments are in the table, which have these flags at most. */
static int
count_params(const HmsEndpoint *endpoint, int without)
{
	int			count = 0;

	for (int i = 0; endpoint->params[i].name; i++)
		count += endpoint->params[i].fixed == NULL &&
			!(endpoint->params[i].flags & without);
	return count;
}

int
hms_request_nargs(const HmsEndpoint *endpoint)
{
	return count_params(endpoint, HMS_NO_ARGUMENT);
}

int
hms_request_nparams(const HmsEndpoint *endpoint)
{
	return count_params(endpoint, 0);
}

void
hms_request_add_room(HmsRequest *request, const char *room)
{
	request->rooms = repalloc(request->rooms, sizeof(char *) * (request->nrooms + 1));
	request->rooms[request->nrooms++] = room;
}

/* Undo the encoding of what can be read as it stands. */
static void
decode_readable(char *url)
{
	char	   *to = url;

	for (char *from = url; *from; from++)
	{
		int			high = *from == '%' ? hms_hex_digit(from[1]) : -1;
		int			low = high < 0 ? -1 : hms_hex_digit(from[2]);
		int			c = low < 0 ? -1 : high << 4 | low;

		if (c >= 0x20 && c < 0x7f)
		{
			*to++ = (char) c;
			from += 2;
		}
		else
			*to++ = *from;
	}
	*to = '\0';
}

char *
hms_request_show(const HmsEndpoint *endpoint, const HmsArg *args)
{
	static const char *const methods[] = {"GET", "POST", "DELETE"};
	HmsArg		shown[HMS_MAX_PARAMS];
	char	   *url;
	int			arg = 0;

	for (int i = 0; endpoint->params[i].name; i++)
	{
		const HmsParam *param = &endpoint->params[i];

		if (param->fixed)
			continue;
		shown[arg] = args[arg];
		if (args[arg].isnull && args[arg].shown == NULL && (param->flags & HMS_REQUIRED))
			shown[arg].shown = strcmp(param->name, "room_id") == 0 ? "(each room)" : "NULL";
		else if (args[arg].type == TEXTARRAYOID && args[arg].shown == NULL &&
				 !args[arg].isnull && strcmp(param->name, "room_id") == 0)
		{
			int			count;
			StringInfoData rooms;
			char	  **texts = arg_texts(param, &args[arg], true, &count);

			initStringInfo(&rooms);
			for (int j = 0; j < count; j++)
				appendStringInfo(&rooms, "%s%s", j > 0 ? "," : "", texts[j]);
			shown[arg].shown = count == 1 ? rooms.data : psprintf("{%s}", rooms.data);
		}
		if (shown[arg].shown)
			shown[arg].isnull = false;
		arg++;
	}
	url = hms_request_url(hms_request_build(NULL, endpoint, shown, arg), 0, 0, NULL, 0);
	decode_readable(url);
	return psprintf("%s %s", methods[endpoint->method], url);
}

const HmsArg *
hms_request_arg(const HmsEndpoint *endpoint, const HmsArg *args, const char *name)
{
	for (int i = 0; endpoint->params[i].name; i++)
	{
		if (endpoint->params[i].fixed)
			continue;
		if (strcmp(endpoint->params[i].name, name) == 0)
			return args;
		args++;
	}
	return NULL;
}

bool
hms_request_overwrites(const HmsEndpoint *endpoint, const HmsArg *args)
{
	const HmsArg *overwrite = hms_request_arg(endpoint, args, "overwrite");

	return overwrite && !overwrite->isnull && DatumGetBool(overwrite->value);
}

int
hms_request_limit(const HmsRequest *request)
{
	const HmsEndpoint *endpoint = request->endpoint;

	if (endpoint->paging == HMS_ONE_PAGE)
		return 0;
	return endpoint->max_page > 0 ? Min(endpoint->max_page, hms_page_size) : hms_page_size;
}

/* Append a query without the parameters that begin so. */
static void
append_query_without(StringInfo buf, const char *query, const char *name)
{
	while (*query)
	{
		size_t		len = strcspn(query, "&");

		if (strncmp(query, name, strlen(name)) != 0)
		{
			append_separator(buf);
			appendBinaryStringInfo(buf, query, len);
		}
		query += len;
		query += *query == '&';
	}
}

char *
hms_request_window_url(const HmsRequest *request, int room, int limit,
					   const char *cursor, int page, TimestampTz before)
{
	StringInfoData url;

	initStringInfo(&url);
	appendStringInfoString(&url, request->base);
	while (url.len > 0 && url.data[url.len - 1] == '/')
		url.data[--url.len] = '\0';
	if (request->room_in_path)
	{
		const char *mark = strchr(request->path, ROOM_MARK);

		appendBinaryStringInfo(&url, request->path, mark - request->path);
		append_encoded(&url, request->rooms[room]);
		appendStringInfoString(&url, mark + 1);
	}
	else
		appendStringInfoString(&url, request->path);

	appendStringInfoChar(&url, '?');
	if (TIMESTAMP_IS_NOEND(before))
		appendStringInfoString(&url, request->query);
	else
	{
		append_query_without(&url, request->query, "before=");
		append_query(&url, "before", timestamp_text("before", before));
	}
	if (request->rooms[room] && !request->room_in_path)
		append_query(&url, "room_id", request->rooms[room]);
	if (request->sessions && request->sessions[room][0] != '\0')
		append_query(&url, "session_id", request->sessions[room]);
	if (limit > 0 && !request->has_limit)
		append_query_number(&url, "limit", limit);
	if (page > 0)
		append_query_number(&url, "page", page);
	else if (cursor)
		append_query(&url, "start", cursor);
	if (url.data[url.len - 1] == '?')
		url.data[--url.len] = '\0';
	return url.data;
}

char *
hms_request_url(const HmsRequest *request, int room, int limit,
				const char *cursor, int page)
{
	return hms_request_window_url(request, room, limit, cursor, page, DT_NOEND);
}
