/*
 * jwtlib_3.c
 *		Signing and verifying with libjwt 3.
 *
 * libjwt is loaded, and "deep": src/jwtlib_1.c says why.  Where it brings
 * libcurl along, that would be bound the same way, and pass by what somebody
 * has preloaded in front of the system's functions: a resolver, a proxy.  So
 * libcurl, which our requests share with it, comes first, and not deep.
 *
 * libjwt 3 takes a key as JSON, and has copies of it in several places that it
 * frees as they are.  It is given allocation functions that clear what they
 * free, so that no copy of the secret stays behind.
 */
#include "postgres.h"

#include <jwt.h>

#include "common/base64.h"

#include "jwtlib.h"
#include "library.h"

/* The functions of libjwt that are used here, under their own names. */
#define LIBJWT_FUNCTIONS(X) \
	X(jwt_set_alloc) X(jwks_create) X(jwks_item_get) X(jwks_free) \
	X(jwt_builder_new) X(jwt_builder_free) X(jwt_builder_setkey) \
	X(jwt_builder_enable_iat) X(jwt_builder_claim_set) X(jwt_builder_generate) \
	X(jwt_checker_new) X(jwt_checker_free) X(jwt_checker_setkey) \
	X(jwt_checker_time_leeway) X(jwt_checker_setcb) X(jwt_checker_verify) \
	X(jwt_get_alg) X(jwt_claim_get)

/* The least length of a key that libjwt takes for HS256. */
#define SHORTEST_KEY 32

static struct
{
	LIBJWT_FUNCTIONS(HMS_LIBRARY_MEMBER)
	void	   *(*malloc) (size_t);
	void		(*free) (void *);
	size_t		(*malloc_usable_size) (void *);
	bool		loaded;
}			lib;

/* What a check of a token saw, recorded while libjwt goes over it. */
typedef struct Check
{
	bool		hs256;			/* it is signed with HS256 */
	char	   *claims;			/* of libjwt */
} Check;

/* Free memory of libjwt or its JSON library, and leave nothing in it. */
static void
clear_and_free(void *memory)
{
	if (memory == NULL)
		return;
	explicit_bzero(memory, lib.malloc_usable_size(memory));
	lib.free(memory);
}

void
hms_jwt_load(void)
{
	void	   *library;

	if (lib.loaded)
		return;
	hms_library_load(LIBCURL_SONAME, false);
	library = hms_library_load(LIBJWT_SONAME, true);
	LIBJWT_FUNCTIONS(HMS_LIBRARY_BIND)
	lib.malloc = hms_library_function(library, "malloc");
	lib.free = hms_library_function(library, "free");
	lib.malloc_usable_size = hms_library_function(library, "malloc_usable_size");
	lib.jwt_set_alloc(lib.malloc, clear_and_free);
	lib.loaded = true;
}

/*
 * A set of one key, or NULL.  A shorter one than libjwt takes is filled up with
 * zeros, as HMAC does itself: the signature is the same.  How long an app's
 * secret is, is not for us to say, and libjwt 1 signs with any.
 */
static jwk_set_t *
make_key(const char *secret)
{
	size_t		length = strlen(secret);
	size_t		filled = Max(length, SHORTEST_KEY);
	int			encoded_size = pg_b64_enc_len(filled);
	static const char head[] = "{\"kty\":\"oct\",\"k\":\"";
	size_t		json_size = sizeof(head) + encoded_size + sizeof("\"}");
	char	   *key = palloc_extended(filled, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	char	   *json = palloc_extended(json_size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	jwk_set_t  *keys = NULL;

	if (key && json)
	{
		char	   *at = json + sizeof(head) - 1;
		int			encoded;

		memcpy(key, secret, length);
		memcpy(json, head, sizeof(head));
		encoded = pg_b64_encode((const void *) key, filled, at, encoded_size);
		/* the alphabet of JSON web keys, which fills nothing up with "=" */
		for (int i = 0; i < encoded; i++)
			at[i] = at[i] == '+' ? '-' : at[i] == '/' ? '_' : at[i];
		while (encoded > 0 && at[encoded - 1] == '=')
			encoded--;
		memcpy(at + Max(encoded, 0), "\"}", sizeof("\"}"));
		keys = lib.jwks_create(json);
	}
	if (key)
	{
		explicit_bzero(key, filled);
		pfree(key);
	}
	if (json)
	{
		explicit_bzero(json, json_size);
		pfree(json);
	}
	return keys;
}

/* Add a claim that is text; false when libjwt refuses. */
static bool
add_text(jwt_builder_t *builder, const char *name, const char *text)
{
	jwt_value_t value = {.type = JWT_VALUE_STR, .name = name, .str_val = text};

	return lib.jwt_builder_claim_set(builder, &value) == JWT_VALUE_ERR_NONE;
}

/* Add a claim that is a number; false when libjwt refuses. */
static bool
add_number(jwt_builder_t *builder, const char *name, int64 number)
{
	jwt_value_t value = {.type = JWT_VALUE_INT, .name = name, .int_val = number};

	return value.int_val == number &&
		lib.jwt_builder_claim_set(builder, &value) == JWT_VALUE_ERR_NONE;
}

/* Put the claims into a token; false when libjwt refuses. */
static bool
add_claims(jwt_builder_t *builder, const HmsClaims *claims,
		   const char *access_key, const char *jti)
{
	if (!add_text(builder, "access_key", access_key) ||
		!add_text(builder, "type", claims->room_id ? "app" : "management") ||
		!add_number(builder, "version", 2) ||
		!add_number(builder, "iat", claims->issued_at) ||
		!add_number(builder, "nbf", claims->not_before) ||
		!add_number(builder, "exp", claims->expires_at) ||
		!add_text(builder, "jti", jti))
		return false;
	if (claims->room_id == NULL)
		return true;
	return add_text(builder, "room_id", claims->room_id) &&
		add_text(builder, "role", claims->role) &&
		(claims->user_id == NULL || claims->user_id[0] == '\0' ||
		 add_text(builder, "user_id", claims->user_id));
}

char *
hms_jwt_sign(const HmsClaims *claims, const char *access_key, const char *jti,
			 const char *secret)
{
	jwk_set_t  *keys = make_key(secret);
	jwt_builder_t *builder = lib.jwt_builder_new();
	char	   *token = NULL;

	if (keys && builder &&
		lib.jwt_builder_enable_iat(builder, 0) >= 0 &&
		lib.jwt_builder_setkey(builder, JWT_ALG_HS256, lib.jwks_item_get(keys, 0)) == 0 &&
		add_claims(builder, claims, access_key, jti))
		token = lib.jwt_builder_generate(builder);
	lib.jwt_builder_free(builder);
	lib.jwks_free(keys);
	return hms_jwt_take(token, clear_and_free);
}

/* libjwt's callback for a token that it has taken apart: only records. */
static int
record(jwt_t *jwt, jwt_config_t *config)
{
	Check	   *check = config->ctx;
	jwt_value_t all = {.type = JWT_VALUE_JSON};

	check->hs256 = lib.jwt_get_alg(jwt) == JWT_ALG_HS256;
	if (lib.jwt_claim_get(jwt, &all) == JWT_VALUE_ERR_NONE)
		check->claims = all.json_val;
	return 0;
}

const char *
hms_jwt_verify(const char *token, const char *secret, char **claims)
{
	jwk_set_t  *keys = make_key(secret);
	jwt_checker_t *checker = lib.jwt_checker_new();
	Check		check = {0};
	const char *fault = HMS_JWT_WRONG_SIGNATURE;

	*claims = NULL;
	/* when it is valid is not for libjwt to say: the caller says it better */
	if (keys && checker &&
		lib.jwt_checker_setkey(checker, JWT_ALG_HS256, lib.jwks_item_get(keys, 0)) == 0 &&
		lib.jwt_checker_time_leeway(checker, JWT_CLAIM_EXP, -1) == 0 &&
		lib.jwt_checker_time_leeway(checker, JWT_CLAIM_NBF, -1) == 0 &&
		lib.jwt_checker_setcb(checker, record, &check) == 0 &&
		lib.jwt_checker_verify(checker, token) == 0)
		fault = check.hs256 ? NULL : HMS_JWT_WRONG_ALGORITHM;
	lib.jwt_checker_free(checker);
	lib.jwks_free(keys);
	if (fault == NULL)
		*claims = hms_jwt_take(check.claims, clear_and_free);
	else
		clear_and_free(check.claims);
	return fault;
}
