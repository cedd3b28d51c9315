/*
 * jwtlib.c
 *		Signing and verifying with libjwt.
 *
 * This is the only file that includes jwt.h.  libjwt is loaded, and "deep",
 * because of one name: it calls json_object() of its JSON library, and
 * PostgreSQL's executable exports a function of that name for SQL.  Linked, the
 * call would reach PostgreSQL's and crash the backend.
 *
 * Names bound deep hold for malloc too where another allocator is preloaded,
 * so what libjwt has allocated is freed by the free() that libjwt sees.
 */
#include "postgres.h"

#include <jwt.h>

#include "jwtlib.h"
#include "library.h"

/* The functions of libjwt that are used here, under their own names. */
#define LIBJWT_FUNCTIONS(X) \
	X(jwt_new) X(jwt_free) X(jwt_set_alg) X(jwt_get_alg) \
	X(jwt_add_grant) X(jwt_add_grant_int) X(jwt_encode_str) \
	X(jwt_decode) X(jwt_get_grant) X(jwt_get_grant_int) X(jwt_get_grants_json)

static struct
{
	LIBJWT_FUNCTIONS(HMS_LIBRARY_MEMBER)
	void		(*free) (void *);
	bool		loaded;
}			lib;

void
hms_jwt_load(void)
{
	void	   *library;

	if (lib.loaded)
		return;
	library = hms_library_load(LIBJWT_SONAME, true);
	LIBJWT_FUNCTIONS(HMS_LIBRARY_BIND)
	lib.free = hms_library_function(library, "free");
	lib.loaded = true;
}

/* A palloc'd copy of text from libjwt, which is cleared and freed. */
static char *
take(char *text)
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
	lib.free(text);
	return copy;
}

/* Put the claims into a token; false when libjwt refuses. */
static bool
add_claims(jwt_t *jwt, const HmsClaims *claims, const char *access_key,
		   const char *jti)
{
	if (lib.jwt_add_grant(jwt, "access_key", access_key) != 0 ||
		lib.jwt_add_grant(jwt, "type", claims->room_id ? "app" : "management") != 0 ||
		lib.jwt_add_grant_int(jwt, "version", 2) != 0 ||
		lib.jwt_add_grant_int(jwt, "iat", claims->issued_at) != 0 ||
		lib.jwt_add_grant_int(jwt, "nbf", claims->not_before) != 0 ||
		lib.jwt_add_grant_int(jwt, "exp", claims->expires_at) != 0 ||
		lib.jwt_add_grant(jwt, "jti", jti) != 0)
		return false;
	if (claims->room_id == NULL)
		return true;
	return lib.jwt_add_grant(jwt, "room_id", claims->room_id) == 0 &&
		lib.jwt_add_grant(jwt, "role", claims->role) == 0 &&
		(claims->user_id == NULL || claims->user_id[0] == '\0' ||
		 lib.jwt_add_grant(jwt, "user_id", claims->user_id) == 0);
}

char *
hms_jwt_sign(const HmsClaims *claims, const char *access_key, const char *jti,
			 const char *secret)
{
	jwt_t	   *jwt = NULL;
	char	   *token = NULL;

	if (lib.jwt_new(&jwt) != 0)
		return NULL;
	if (lib.jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *) secret,
						strlen(secret)) == 0 &&
		add_claims(jwt, claims, access_key, jti))
		token = lib.jwt_encode_str(jwt);
	lib.jwt_free(jwt);
	return take(token);
}

/* What is wrong with a token whose signature is right, or NULL. */
static const char *
claims_fault(jwt_t *jwt, const char *access_key, int64 now)
{
	const char *key;
	long		expires_at;
	long		not_before;

	if (lib.jwt_get_alg(jwt) != JWT_ALG_HS256)
		return "It is not signed with HS256.";
	key = lib.jwt_get_grant(jwt, "access_key");
	if (key == NULL || strcmp(key, access_key) != 0)
		return "It was made for another access key.";
	errno = 0;
	expires_at = lib.jwt_get_grant_int(jwt, "exp");
	if (errno != 0)
		return "It has no expiry.";
	if (expires_at <= now)
		return "It has expired.";
	not_before = lib.jwt_get_grant_int(jwt, "nbf");
	if (errno == 0 && not_before > now)
		return "It is not valid yet.";
	return NULL;
}

const char *
hms_jwt_verify(const char *token, const char *access_key, const char *secret,
			   int64 now, char **claims)
{
	jwt_t	   *jwt = NULL;
	const char *fault;

	*claims = NULL;
	if (lib.jwt_decode(&jwt, token, (const unsigned char *) secret,
					   strlen(secret)) != 0)
		return "Its signature does not match the secret.";
	fault = claims_fault(jwt, access_key, now);
	if (fault == NULL)
		*claims = take(lib.jwt_get_grants_json(jwt, NULL));
	lib.jwt_free(jwt);
	return fault;
}
