/*
 * keys.c
 *		Warnings of members of a body that are not known.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "errors.h"
#include "keys.h"

/* So many warnings a statement, and no longer names in them. */
#define MAX_WARNINGS 5
#define MAX_NAME_LEN 60
#define MAX_PLACE_LEN 200

/* A walk through a body. */
typedef struct Walk
{
	const HmsKeys *keys;
	const char *argument;
	StringInfoData path;		/* as in HmsKeys */
	StringInfoData place;		/* the same with the names that stand there */
} Walk;

static void check_container(Walk *walk, JsonbContainer *container);

/* The names of the members at a path, or NULL. */
static const char *
names_at(const HmsKeys *keys, const char *path)
{
	for (; keys->path; keys++)
	{
		size_t		len = strlen(keys->path);
		const char *names = NULL;

		if (keys->inner == NULL)
			names = strcmp(keys->path, path) == 0 ? keys->names : NULL;
		else if (strncmp(keys->path, path, len) == 0 && path[len] == '\0')
			names = names_at(keys->inner, "");
		else if (strncmp(keys->path, path, len) == 0 && path[len] == '.')
			names = names_at(keys->inner, path + len + 1);
		if (names)
			return names;
	}
	return NULL;
}

/* The next of names with blanks between, and its length; NULL at the end. */
static const char *
next_name(const char *names, int *len)
{
	names += strspn(names, " ");
	*len = strcspn(names, " ");
	return *len > 0 ? names : NULL;
}

static bool
is_known(const char *names, const char *name, int name_len)
{
	int			len;

	for (const char *known = next_name(names, &len); known; known = next_name(known + len, &len))
	{
		if (len == name_len && strncmp(known, name, len) == 0)
			return true;
	}
	return false;
}

/* The known name that was probably meant, or NULL. */
static char *
nearest(const char *names, const char *name, int name_len)
{
	int			best = Max(2, name_len / 3) + 1;
	char	   *found = NULL;
	int			len;

	for (const char *known = next_name(names, &len); known; known = next_name(known + len, &len))
	{
		int			shorter = Min(len, name_len);
		int			distance = shorter >= 3 && pg_strncasecmp(known, name, shorter) == 0 ? 1 :
			varstr_levenshtein_less_equal(name, name_len, known, len, 1, 1, 1, best, true);

		if (distance < best)
		{
			best = distance;
			found = pnstrdup(known, len);
		}
	}
	return found;
}

/* As much of a text as a message takes, palloc'd. */
static char *
clipped(const char *text, int len, int limit)
{
	return pnstrdup(text, pg_mbcliplen(text, len, limit));
}

/* Warn of a member that is not known, unless enough was said. */
static void
warn(const Walk *walk, const char *names, const char *name, int len)
{
	static TimestampTz warned_statement = 0;
	static int	warnings = 0;
	char	   *meant = len <= MAX_NAME_LEN ? nearest(names, name, len) : NULL;

	if (warned_statement != GetCurrentStatementStartTimestamp())
		warnings = 0;
	warned_statement = GetCurrentStatementStartTimestamp();
	if (warnings++ >= MAX_WARNINGS)
		return;
	ereport(WARNING,
			(errcode(HMS_ERRCODE_ARGUMENT),
			 errmsg("argument \"%s\" has a member that is not known: \"%s%s%s\"",
					walk->argument, clipped(walk->place.data, walk->place.len, MAX_PLACE_LEN),
					walk->place.len > 0 ? "." : "", clipped(name, len, MAX_NAME_LEN)),
			 errdetail("It is sent as it stands."),
			 meant ? errhint("Perhaps you meant \"%s\".", meant) : 0));
}

static void
append_part(StringInfo path, const char *part, int len)
{
	if (path->len > 0)
		appendStringInfoChar(path, '.');
	appendBinaryStringInfo(path, part, len);
}

/* Go one name further, and come back. */
static void
check_below(Walk *walk, const char *part, const char *name, int len, const JsonbValue *value)
{
	int			path_len = walk->path.len;
	int			place_len = walk->place.len;

	if (value->type != jbvBinary)
		return;
	append_part(&walk->path, part ? part : name, part ? (int) strlen(part) : len);
	append_part(&walk->place, name, len);
	check_container(walk, value->val.binary.data);
	walk->path.len = path_len;
	walk->path.data[path_len] = '\0';
	walk->place.len = place_len;
	walk->place.data[place_len] = '\0';
}

/* Look at the members or elements, and at what is below them. */
static void
check_container(Walk *walk, JsonbContainer *container)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	const char *names = names_at(walk->keys, walk->path.data);
	bool		own = names && names[0] == '*';
	JsonbValue	value;
	JsonbValue	member;

	(void) JsonbIteratorNext(&it, &value, false);	/* the container's beginning */
	if (JsonContainerIsArray(container))
	{
		char		index[16];

		for (int i = 0; JsonbIteratorNext(&it, &value, true) == WJB_ELEM; i++)
		{
			int			len = snprintf(index, sizeof(index), "%d", i);

			check_below(walk, "[]", index, len, &value);
		}
		return;
	}
	while (JsonbIteratorNext(&it, &value, true) == WJB_KEY)
	{
		const char *name = value.val.string.val;
		int			len = value.val.string.len;

		(void) JsonbIteratorNext(&it, &member, true);
		if (names && !own && !is_known(names, name, len))
			warn(walk, names, name, len);
		else
			check_below(walk, own ? "*" : NULL, name, len, &member);
	}
}

void
hms_keys_check(const HmsKeys *keys, const char *argument, Jsonb *body)
{
	Walk		walk = {.keys = keys, .argument = argument};

	initStringInfo(&walk.path);
	initStringInfo(&walk.place);
	check_container(&walk, &body->root);
}
