/*
 * account.c
 *		Whose requests they are, and what a foreign server of hms may be told.
 *
 * An account is read when it is asked for, kept, and read again when a setting
 * or the catalogs have changed since.  Where it then differs, a new one takes
 * its place: so a token that was signed for one account is never sent with the
 * URL of another, and several accounts keep their tokens at once.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "account.h"
#include "compat.h"
#include "errors.h"
#include "fdw.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(hms_fdw_validator);

/* The server that the extension brings along: it stands for the settings. */
#define MEMBER_SERVER "hms"

static object_access_hook_type next_hook = NULL;

/* --- options ---------------------------------------------------------------------- */

/*
 * What CREATE and ALTER may set.  A server's owner must not send the tokens of
 * those who are mapped on it elsewhere, and nobody may have a file read that
 * the server's own user can read: that takes a superuser.
 */
typedef struct Option
{
	const char *name;
	Oid			catalog;		/* of what has it */
	HmsAccountItem item;
	bool		superuser;		/* only a superuser may set it */
	const char *(*fault) (const char *value);
} Option;

/* The one option that a foreign table must have. */
#define ENDPOINT "endpoint"

/* Any value will do. */
static const char *
no_fault(const char *value pg_attribute_unused())
{
	return NULL;
}

static const Option options[] = {
	{"api_url", ForeignServerRelationId, HMS_API_URL, true, hms_url_fault},
	{"beam_url", ForeignServerRelationId, HMS_BEAM_URL, true, hms_url_fault},
	{"policy_url", ForeignServerRelationId, HMS_POLICY_URL, true, hms_url_fault},
	{"ca_file", ForeignServerRelationId, HMS_CA_FILE, true, hms_file_fault},
	{"access_key", UserMappingRelationId, HMS_ACCESS_KEY, false, hms_key_fault},
	{"secret", UserMappingRelationId, HMS_SECRET, false, hms_key_fault},
	{"secret_file", UserMappingRelationId, HMS_SECRET_FILE, true, hms_file_fault},
	{ENDPOINT, ForeignTableRelationId, 0, false, hms_fdw_endpoint_fault},
	{"column_name", AttributeRelationId, 0, false, no_fault},
};

/* The option of this name, or NULL. */
static const Option *
known_option(const char *name, Oid catalog)
{
	for (int i = 0; i < (int) lengthof(options); i++)
	{
		if (options[i].catalog == catalog && strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

/* Raise HV00D: there is no such option here. */
static void
refuse_option(const char *name, Oid catalog)
{
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = 0; i < (int) lengthof(options); i++)
	{
		if (options[i].catalog == catalog)
			appendStringInfo(&valid, "%s%s", valid.len > 0 ? ", " : "",
							 options[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 valid.len > 0 ? errhint("Valid options in this context are: %s.", valid.data) :
			 errhint("There are no valid options in this context.")));
}

/* fdw_validator(options text[], catalog oid): the whole list, on ALTER too */
Datum
hms_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *given = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	bool		has_endpoint = false;
	ListCell   *cell;

	foreach(cell, given)
	{
		DefElem    *def = lfirst_node(DefElem, cell);
		const Option *option = known_option(def->defname, catalog);
		const char *fault;

		if (option == NULL)
			refuse_option(def->defname, catalog);
		if (option->superuser && !superuser())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set option \"%s\"", option->name),
					 errdetail("Only superusers may set it, or change options beside it.")));
		fault = option->fault(defGetString(def));
		if (fault)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value of option \"%s\"", option->name),
					 errdetail("%s", fault)));
		has_endpoint = has_endpoint || strcmp(option->name, ENDPOINT) == 0;
	}
	if (catalog == ForeignTableRelationId && !has_endpoint)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"%s\" is missing", ENDPOINT),
				 errdetail_internal("%s", hms_fdw_endpoint_fault(""))));
	PG_RETURN_VOID();
}

/* Does this server's wrapper belong to the extension? */
static bool
is_ours(const ForeignServer *server)
{
	Oid			extension = getExtensionOfObject(ForeignDataWrapperRelationId,
												 server->fdwid);

	return OidIsValid(extension) && extension == get_extension_oid("hms", true);
}

/* The options of a server as this statement leaves them. */
static List *
changed_options(Oid server)
{
	Relation	catalog = table_open(ForeignServerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Datum		datum = (Datum) 0;
	bool		isnull = true;
	List	   *list;

	ScanKeyInit(&key, Anum_pg_foreign_server_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(server));
	scan = systable_beginscan(catalog, ForeignServerOidIndexId, true, SnapshotSelf,
							  1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		datum = heap_getattr(tuple, Anum_pg_foreign_server_srvoptions,
							 RelationGetDescr(catalog), &isnull);
	list = isnull ? NIL : untransformRelOptions(datum);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return list;
}

/*
 * An object has been altered.  The validator is never told what there was, so
 * it can't keep a server's owner from dropping the URL that a superuser has set,
 * which would send the tokens of who is mapped there to another.
 */
static void
look_at_change(ObjectAccessType access, Oid catalog, Oid object, int part, void *arg)
{
	ForeignServer *before;

	if (next_hook)
		next_hook(access, catalog, object, part, arg);
	if (access != OAT_POST_ALTER || catalog != ForeignServerRelationId || superuser())
		return;

	/* the catalog cache does not know of the change yet */
	before = GetForeignServer(object);
	if (before->options != NIL && is_ours(before) &&
		!equal(before->options, changed_options(object)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to change the options of server \"%s\"",
						before->servername),
				 errdetail("Only superusers may, where one of them is set.")));
}

void
hms_account_init(void)
{
	next_hook = object_access_hook;
	object_access_hook = look_at_change;
}

/* Fill the items that a list of options holds. */
static void
take_options(const char **items, List *list, Oid catalog)
{
	ListCell   *cell;

	foreach(cell, list)
	{
		DefElem    *def = lfirst_node(DefElem, cell);
		const Option *option = known_option(def->defname, catalog);

		if (option)
			items[option->item] = defGetString(def);
	}
}

/* --- life ------------------------------------------------------------------------- */

/* Forget an account that nobody can ask for any more, and its secrets. */
static void
free_account(HmsAccount *account)
{
	if (account->token)
		explicit_bzero(account->token, strlen(account->token));
	explicit_bzero((char *) account->items[HMS_SECRET],
				   strlen(account->items[HMS_SECRET]));
	MemoryContextDelete(account->context);
}

/* Somebody who had it is done with it. */
static void
unpin(void *arg)
{
	HmsAccount *account = arg;

	if (--account->pins == 0 && account->retired)
		free_account(account);
}

/* Let the account live as long as the current memory context. */
static HmsAccount *
pin(HmsAccount *account)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	callback->func = unpin;
	callback->arg = account;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	account->pins++;
	return account;
}

/* Nobody is given this account any more; NULL is fine. */
static void
retire(HmsAccount *account)
{
	if (account == NULL)
		return;
	account->retired = true;
	if (account->pins == 0)
		free_account(account);
}

/* A new account with copies of these items. */
static HmsAccount *
create_account(Oid server, Oid user, const char *server_name, const char *const *items)
{
	static uint64 serial = 0;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "hms account",
												  ALLOCSET_SMALL_SIZES);
	HmsAccount *account = MemoryContextAllocZero(context, sizeof(HmsAccount));

	account->context = context;
	account->serial = ++serial;
	account->server = server;
	account->user = user;
	account->server_name = MemoryContextStrdup(context, server_name);
	for (int i = 0; i < HMS_ACCOUNT_ITEMS; i++)
		account->items[i] = MemoryContextStrdup(context, items[i]);
	return account;
}

/*
 * The account with these items: the one that there was, if it has them, else a
 * new one in its place.
 */
static HmsAccount *
renew(HmsAccount *old, Oid server, Oid user, const char *server_name,
	  const char *const *items)
{
	HmsAccount *account;
	bool		same = old && strcmp(old->server_name, server_name) == 0;

	for (int i = 0; i < HMS_ACCOUNT_ITEMS && same; i++)
		same = strcmp(old->items[i], items[i]) == 0;
	if (same)
		return old;
	account = create_account(server, user, server_name, items);
	retire(old);
	return account;
}

/* --- the settings ----------------------------------------------------------------- */

/* The settings as they are now. */
static HmsAccount *
settings_account(void)
{
	static HmsAccount *account = NULL;
	static uint64 generation;
	const char *items[HMS_ACCOUNT_ITEMS];
	char	   *secret = NULL;

	if (account && generation == hms_settings_generation)
		return account;
	hms_settings_items(items);
	items[HMS_ACCESS_KEY] = hms_settings_trimmed(items[HMS_ACCESS_KEY],
												 "setting \"hms.access_key\"");
	if (items[HMS_SECRET_FILE][0] == '\0')
		secret = hms_settings_trimmed(items[HMS_SECRET], "setting \"hms.secret\"");
	items[HMS_SECRET] = secret ? secret : "";
	account = renew(account, InvalidOid, InvalidOid, "", items);
	generation = hms_settings_generation;
	if (secret)
		hms_forget_text(secret);
	return account;
}

/* --- foreign servers -------------------------------------------------------------- */

/* An account of a server for a role, as it was read. */
typedef struct EntryKey
{
	Oid			server;
	Oid			user;
} EntryKey;

typedef struct Entry
{
	EntryKey	key;			/* must be first */
	HmsAccount *account;		/* NULL: not read, or no more there */
	bool		settings;		/* it is the settings */
	uint64		generation;		/* catalog_generation when it was read */
} Entry;

static HTAB *entries = NULL;

/* Grows with each change of a server or user mapping. */
static uint64 catalog_generation = 1;

static void
note_catalog_change(Datum arg pg_attribute_unused(),
					int cache pg_attribute_unused(),
					uint32 hash pg_attribute_unused())
{
	catalog_generation++;
}

/* The entry of a server and a role, which may have to be read. */
static Entry *
find_entry(Oid server, Oid user)
{
	EntryKey	key = {server, user};
	Entry	   *entry;
	bool		found;

	if (entries == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(EntryKey);
		control.entrysize = sizeof(Entry);
		control.hcxt = TopMemoryContext;
		entries = hash_create("hms accounts", 16, &control,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, note_catalog_change, 0);
		CacheRegisterSyscacheCallback(USERMAPPINGOID, note_catalog_change, 0);
	}
	entry = hash_search(entries, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->account = NULL;
		entry->settings = false;
		entry->generation = 0;
	}
	return entry;
}

/* Is it the extension's own server, as it was made? */
static bool
is_member(const ForeignServer *server)
{
	return strcmp(server->servername, MEMBER_SERVER) == 0 && server->options == NIL &&
		getExtensionOfObject(ForeignServerRelationId, server->serverid) ==
		get_extension_oid("hms", true);
}

/* The options of the role's mapping on the server, or that of all; false: none. */
static bool
find_mapping(Oid server, Oid user, List **list)
{
	HeapTuple	tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user),
										ObjectIdGetDatum(server));
	Datum		datum;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
								ObjectIdGetDatum(server));
	if (!HeapTupleIsValid(tuple))
		return false;
	datum = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple,
							Anum_pg_user_mapping_umoptions, &isnull);
	*list = isnull ? NIL : untransformRelOptions(datum);
	ReleaseSysCache(tuple);
	return true;
}

/*
 * The account of a server for a role, read anew where the catalogs may have
 * changed; NULL where it is not there, which raises unless "missing_ok".
 */
static HmsAccount *
server_account(Oid serverid, Oid user, bool missing_ok)
{
	Entry	   *entry = find_entry(serverid, user);
	uint64		generation = catalog_generation;
	ForeignServer *server;
	List	   *mapping = NIL;
	const char *items[HMS_ACCOUNT_ITEMS];
	const char *fault = NULL;

	if (entry->generation == generation)
	{
		if (entry->settings)
			return settings_account();
		if (entry->account || missing_ok)
			return entry->account;
	}

	server = GetForeignServerExtended(serverid, FSV_MISSING_OK);
	entry->settings = server && is_ours(server) && is_member(server);
	if (server == NULL)
		fault = "server does not exist";
	else if (!entry->settings && !find_mapping(serverid, user, &mapping))
		fault = "no user mapping";
	if (fault || entry->settings)
	{
		retire(entry->account);
		entry->account = NULL;
	}
	else
	{
		for (int i = 0; i < HMS_ACCOUNT_ITEMS; i++)
			items[i] = "";
		hms_settings_default_urls(items);
		take_options(items, server->options, ForeignServerRelationId);
		take_options(items, mapping, UserMappingRelationId);
		entry->account = renew(entry->account, serverid, user, server->servername, items);
	}
	entry->generation = generation;

	if (entry->settings)
		return settings_account();
	if (fault == NULL || missing_ok)
		return entry->account;
	if (server == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("foreign server with OID %u does not exist", serverid)));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("user mapping not found for user \"%s\", server \"%s\"",
					GetUserNameFromId(user, false), server->servername),
			 errhint("CREATE USER MAPPING gives a role an account; the settings are those of server \"%s\" only.",
					 MEMBER_SERVER)));
	return NULL;				/* keep compiler quiet */
}

/* Raise unless this is a server of hms that the current role may use. */
static Oid
usable_server(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, false);

	if (!hms_may_use_server(server->serverid, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, name);
	if (!is_ours(server))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not one of foreign-data wrapper \"hms\"", name)));
	return server->serverid;
}

List *
hms_account_servers(void)
{
	List	   *servers = NIL;
	Relation	catalog = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Oid			serverid = ((Form_pg_foreign_server) GETSTRUCT(tuple))->oid;
		ForeignServer *server = GetForeignServer(serverid);
		List	   *mapping;

		if (is_ours(server) && !is_member(server) &&
			hms_may_use_server(serverid, GetUserId()) &&
			find_mapping(serverid, GetUserId(), &mapping))
			servers = lappend_oid(servers, serverid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return servers;
}

/* --- who is it? ------------------------------------------------------------------- */

HmsAccount *
hms_account_of_settings(void)
{
	return pin(settings_account());
}

HmsAccount *
hms_account_of_server(Oid server, Oid user)
{
	return pin(server_account(server, user, false));
}

HmsAccount *
hms_account_of_name(const char *server)
{
	return hms_account_of_server(usable_server(server), GetUserId());
}

HmsAccount *
hms_account_current(void)
{
	return hms_server[0] == '\0' ? hms_account_of_settings() :
		hms_account_of_name(hms_server);
}

bool
hms_account_has_changed(const HmsAccount *account)
{
	if (!OidIsValid(account->server))
		return account != settings_account();
	return account != server_account(account->server, account->user, true);
}

/* --- what it has ------------------------------------------------------------------ */

/* Where an item of a mapping comes from, for messages; a setting is named alike. */
static const char *
item_words(const HmsAccount *account, HmsAccountItem item)
{
	int			i = 0;

	while (options[i].item != item)
		i++;
	return OidIsValid(account->server) ?
		psprintf("option \"%s\" of the user mapping on server \"%s\"",
				 options[i].name, account->server_name) :
		psprintf("setting \"hms.%s\"", options[i].name);
}

const char *
hms_account_access_key(const HmsAccount *account)
{
	const char *access_key = account->items[HMS_ACCESS_KEY];

	if (access_key[0] == '\0')
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("%s is empty", item_words(account, HMS_ACCESS_KEY)),
				 OidIsValid(account->server) ?
				 errhint("What a user mapping lacks is not taken from the settings: it is given by ALTER USER MAPPING.") :
				 errhint("Set it to the app access key of your 100ms workspace in postgresql.conf, or with ALTER SYSTEM, ALTER DATABASE or ALTER ROLE.")));
	return access_key;
}

char *
hms_account_secret(const HmsAccount *account)
{
	if (account->items[HMS_SECRET_FILE][0] != '\0')
		return hms_settings_read_secret(account->items[HMS_SECRET_FILE],
										item_words(account, HMS_SECRET_FILE));
	if (account->items[HMS_SECRET][0] == '\0' && OidIsValid(account->server))
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("the user mapping on server \"%s\" has neither option \"secret_file\" nor \"secret\"",
						account->server_name),
				 errhint("What a user mapping lacks is not taken from the settings: it is given by ALTER USER MAPPING.")));
	if (account->items[HMS_SECRET][0] == '\0')
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("neither \"hms.secret_file\" nor \"hms.secret\" is set"),
				 errhint("Write the app secret of your 100ms workspace to a file that only the server can read, and set \"hms.secret_file\" to its path.")));
	return pstrdup(account->items[HMS_SECRET]);
}
