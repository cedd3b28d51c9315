/*
 * keys.h
 *		Which members a body may have, as far as is known.
 *
 * Others are sent all the same, for the API may know more than we do, but with
 * a warning: a member that is spelt wrong is ignored without a word, and what
 * was made can't be unmade.
 */
#ifndef HMS_KEYS_H
#define HMS_KEYS_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * The members of the object at a path: names with dots between them; "*" is
 * each member of an object whose members the caller names, "[]" each element of
 * an array.  What no path names may hold anything.  A list ends with one
 * without a path.
 */
typedef struct HmsKeys
{
	const char *path;
	const char *names;			/* with blanks between; "*": the caller's own */
	const struct HmsKeys *inner;	/* or these, whose paths begin there */
} HmsKeys;

/* Warn of members of the body in this argument that are not known. */
extern void hms_keys_check(const HmsKeys *keys, const char *argument, Jsonb *body);

#endif							/* HMS_KEYS_H */
