/*
 * account.h
 *		Whose requests they are: the keys and URLs of an account of 100ms.
 *
 * The settings are one account; each foreign server of hms is another, for
 * each role that has a user mapping on it.  Nothing is ever taken from two of
 * them: what a mapping lacks is not looked for in the settings.
 */
#ifndef HMS_ACCOUNT_H
#define HMS_ACCOUNT_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* What an account consists of. */
typedef enum HmsAccountItem
{
	HMS_ACCESS_KEY,
	HMS_SECRET,
	HMS_SECRET_FILE,			/* wins over HMS_SECRET */
	HMS_API_URL,
	HMS_BEAM_URL,
	HMS_POLICY_URL,
	HMS_CA_FILE,
} HmsAccountItem;

#define HMS_ACCOUNT_ITEMS (HMS_CA_FILE + 1)

/*
 * An account as it was when it was asked for: it never changes.  When one of
 * its items does, the next who asks gets another one, and a walk that has begun
 * goes on with what it began with.
 */
typedef struct HmsAccount
{
	uint64		serial;			/* no other account has had it */
	Oid			server;			/* InvalidOid: the settings */
	Oid			user;			/* for whom a mapping was looked up */
	const char *server_name;
	const char *items[HMS_ACCOUNT_ITEMS];	/* empty: not set */

	/* token.c's own: the management token, NULL or in this context */
	MemoryContext context;
	char	   *token;
	int64		token_expires_at;

	/* account.c's own */
	int			pins;
	bool		retired;
} HmsAccount;

/*
 * The account of what is done now: of the server that hms.server names, with
 * the current role's mapping, or of the settings.  Like the others, it is valid
 * as long as the current memory context is not reset.  Raises 42704 for a
 * server or mapping that is not there, 42501 without USAGE on the server.
 */
extern HmsAccount *hms_account_current(void);

/* The account of this server with the current role's mapping; raises the same. */
extern HmsAccount *hms_account_of_name(const char *server);

/* The account of a foreign server of hms for this role; USAGE is not asked for. */
extern HmsAccount *hms_account_of_server(Oid server, Oid user);

/* The account that the settings are, whatever hms.server says. */
extern HmsAccount *hms_account_of_settings(void);

/* Is this no longer what who asks now would get? */
extern bool hms_account_has_changed(const HmsAccount *account);

/* The servers, as OIDs, that the current role may use and has a mapping on. */
extern List *hms_account_servers(void);

/* Raises 55000 unless there is an access key. */
extern const char *hms_account_access_key(const HmsAccount *account);

/*
 * The secret, palloc'd; raises 55000 when there is none.  The caller clears it
 * with hms_forget_text.
 */
extern char *hms_account_secret(const HmsAccount *account);

/* Guard the options of servers; called once, when the library is loaded. */
extern void hms_account_init(void);

#endif							/* HMS_ACCOUNT_H */
