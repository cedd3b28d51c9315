/*
 * jwtlib_1.c
 *		Signing and verifying with libjwt 1 and 2.
 *
 * libjwt is loaded, and "deep", because of one name: it calls json_object() of
 * its JSON library, and PostgreSQL's executable exports a function of that name
 * for SQL.  Linked, the call would reach PostgreSQL's and crash the backend.
 *
 * Names bound deep hold for malloc too where another allocator is preloaded,
 * so what libjwt has allocated is freed by the free() that libjwt sees.
 *
 * Numbers pass libjwt's interface as "long", which ends in 2038 where that has
 * 32 bits.  So they go in and out as JSON, which has no such end.
 */
#include "postgres.h"

#include <jwt.h>

#include "jwtlib.h"
#include "library.h"

/* The functions of libjwt that are used here, under their own names. */
#define LIBJWT_FUNCTIONS(X) \
	X(jwt_new) X(jwt_free) X(jwt_set_alg) X(jwt_get_alg) \
	X(jwt_add_grant) X(jwt_add_grant_int) X(jwt_add_grants_json) \
	X(jwt_encode_str) X(jwt_decode) X(jwt_get_grants_json)

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

/*
 * Put a number into a token.  libjwt takes it as long, which ends in 2038 where
 * that has 32 bits; what is longer goes in as JSON, which is slower.
 */
static bool
add_number(jwt_t *jwt, const char *name, int64 value)
{
	char		json[64];

	if ((long) value == value)
		return lib.jwt_add_grant_int(jwt, name, (long) value) == 0;
	snprintf(json, sizeof(json), "{\"%s\":" INT64_FORMAT "}", name, value);
	return lib.jwt_add_grants_json(jwt, json) == 0;
}

/* Put the claims into a token; false when libjwt refuses. */
static bool
add_claims(jwt_t *jwt, const HmsClaims *claims, const char *access_key,
		   const char *jti)
{
	if (lib.jwt_add_grant(jwt, "access_key", access_key) != 0 ||
		lib.jwt_add_grant(jwt, "type", claims->room_id ? "app" : "management") != 0 ||
		!add_number(jwt, "version", 2) ||
		!add_number(jwt, "iat", claims->issued_at) ||
		!add_number(jwt, "nbf", claims->not_before) ||
		!add_number(jwt, "exp", claims->expires_at) ||
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
	return hms_jwt_take(token, lib.free);
}

const char *
hms_jwt_verify(const char *token, const char *secret, char **claims)
{
	jwt_t	   *jwt = NULL;
	const char *fault = NULL;

	*claims = NULL;
	if (lib.jwt_decode(&jwt, token, (const unsigned char *) secret,
					   strlen(secret)) != 0)
		return HMS_JWT_WRONG_SIGNATURE;
	if (lib.jwt_get_alg(jwt) != JWT_ALG_HS256)
		fault = HMS_JWT_WRONG_ALGORITHM;
	else
		*claims = hms_jwt_take(lib.jwt_get_grants_json(jwt, NULL), lib.free);
	lib.jwt_free(jwt);
	return fault;
}
