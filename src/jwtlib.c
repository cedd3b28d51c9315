/*
 * jwtlib.c
 *		What the files behind jwtlib.h share.
 */
#include "postgres.h"

#include "jwtlib.h"

const char *
hms_jwt_fault(const HmsJwtSeen *seen, int64 now)
{
	if (!seen->hs256)
		return "It is not signed with HS256.";
	if (!seen->ours)
		return "It was made for another access key.";
	if (!seen->expires)
		return "It has no expiry.";
	if (seen->expires_at <= now)
		return "It has expired.";
	if (seen->not_before > now)
		return "It is not valid yet.";
	return NULL;
}

char *
hms_jwt_take(char *text, void (*release) (void *))
{
	size_t		size;
	char	   *copy;

	if (text == NULL)
		return NULL;
	size = strlen(text) + 1;
	copy = palloc_extended(size, MCXT_ALLOC_NO_OOM);
	if (copy)
		memcpy(copy, text, size);
	explicit_bzero(text, size);
	release(text);
	return copy;
}
