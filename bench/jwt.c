/*
 * jwt.c
 *		The peer of the benchmark of tokens: libjwt alone.
 *
 * usage: jwt TOKENS
 *
 * Signs so many join tokens, each for another user, and prints the milliseconds.
 */
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

int
main(int argc, char **argv)
{
	static const char secret[] = "a secret of the usual length, which is 43 chars";
	int			count = argc > 1 ? atoi(argv[1]) : 1;
	double		start = now_ms();

	for (int i = 0; i < count; i++)
	{
		jwt_t	   *jwt;
		char		user[32];
		char	   *token;

		snprintf(user, sizeof(user), "user-%d", i);
		if (jwt_new(&jwt) != 0 ||
			jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *) secret, strlen(secret)) != 0)
			return 1;
		jwt_add_grant(jwt, "access_key", "standin-access-key");
		jwt_add_grant(jwt, "type", "app");
		jwt_add_grant_int(jwt, "version", 2);
		jwt_add_grant_int(jwt, "iat", 1764115200);
		jwt_add_grant_int(jwt, "nbf", 1764115200);
		jwt_add_grant_int(jwt, "exp", 1764201600);
		jwt_add_grant(jwt, "jti", "0f8fad5b-d9cb-469f-a165-70867728950e");
		jwt_add_grant(jwt, "room_id", "room");
		jwt_add_grant(jwt, "role", "host");
		jwt_add_grant(jwt, "user_id", user);
		token = jwt_encode_str(jwt);
		if (token == NULL)
			return 1;
		free(token);
		jwt_free(jwt);
	}
	printf("%.2f ms\n", now_ms() - start);
	return 0;
}
