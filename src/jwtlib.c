/*
 * jwtlib.c
 *		What the files behind jwtlib.h share.
 */
#include "postgres.h"

#include "jwtlib.h"

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
