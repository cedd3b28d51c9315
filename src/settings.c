/*
 * settings.c
 *		The settings of hms, what they accept, and the file with the secret.
 *
 * A message about a setting never shows its value: a URL may hold a password,
 * and the log is read by more people than the setting.
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "compat.h"
#include "errors.h"
#include "settings.h"

/* A secret is a few dozen characters; a longer line is some other file. */
#define SECRET_MAX 4096

#define DEFAULT_API_URL "https://api.100ms.live/v2"
#define DEFAULT_BEAM_URL "https://prod-in2.100ms.live/api/v2"
#define DEFAULT_POLICY_URL "https://prod-policy.100ms.live/policy/v1"

static char *hms_access_key = NULL;
static char *hms_secret = NULL;
static char *hms_secret_file = NULL;
static char *hms_api_url = NULL;
static char *hms_beam_url = NULL;
static char *hms_policy_url = NULL;
static char *hms_ca_file = NULL;
char	   *hms_server = NULL;
static char *hms_bot_roles = NULL;	/* read by the SQL of the reports */
char	   *hms_webhook_header = NULL;
char	   *hms_webhook_secret = NULL;
char	   *hms_webhook_key = NULL;
bool		hms_webhook_unproven = false;
int			hms_connect_timeout = 10000;
int			hms_timeout = 180000;
int			hms_retries = 3;
int			hms_max_retry_wait = 60000;
int			hms_page_size = 100;
int			hms_max_connections = 8;
int			hms_max_response_size = 65536;
int			hms_log_requests = HMS_LOG_OFF;

static const struct config_enum_entry log_requests_options[] = {
	{"off", HMS_LOG_OFF, false},
	{"failed", HMS_LOG_FAILED, false},
	{"all", HMS_LOG_ALL, false},
	{NULL, 0, false}
};

uint64		hms_settings_generation = 1;

/* Is this the dotted quad of an address in 127.0.0.0/8? */
static bool
is_loopback_ipv4(const char *host, size_t len)
{
	char		text[16];
	unsigned	a,
				b,
				c,
				d;
	int			used = 0;

	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	return sscanf(text, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &used) == 4 &&
		used == (int) len && a == 127 && b < 256 && c < 256 && d < 256;
}

bool
hms_host_is_loopback(const char *host, size_t len)
{
	return (len == 5 && memcmp(host, "[::1]", 5) == 0) ||
		(len == 9 && pg_strncasecmp(host, "localhost", 9) == 0) ||
		is_loopback_ipv4(host, len);
}

/*
 * A base URL is scheme://host[:port][/path] and nothing else: no user name,
 * query or fragment that could turn the requests built on it elsewhere.
 */
const char *
hms_url_fault(const char *url)
{
	static const char host_chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	static const char path_chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~/";
	bool		plain = strncmp(url, "http://", 7) == 0;
	const char *host;
	size_t		len;
	bool		loopback;

	if (!plain && strncmp(url, "https://", 8) != 0)
		return "The URL must begin with https://.";
	host = url + (plain ? 7 : 8);

	if (*host == '[')
	{
		len = strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (len < 2 || host[len + 1] != ']')
			return "The URL has no valid host.";
		len += 2;
	}
	else
	{
		len = strspn(host, host_chars);
		if (len == 0)
			return "The URL has no valid host.";
	}
	loopback = hms_host_is_loopback(host, len);
	url = host + len;

	if (*url == ':')
	{
		long		port = 0;

		len = strspn(url + 1, "0123456789");
		if (len >= 1 && len <= 5)
			port = strtol(url + 1, NULL, 10);
		if (port < 1 || port > 65535)
			return "The URL has no valid port.";
		url += 1 + len;
	}
	if (*url != '\0' && *url != '/')
		return "The URL is not of the form https://host[:port][/path].";
	if (url[strspn(url, path_chars)] != '\0' ||
		strstr(url, "//") != NULL || strstr(url, "/..") != NULL)
		return "The path of the URL holds a part or character that is not allowed.";
	if (plain && !loopback)
		return "Plain http is allowed to a loopback address only.";
	return NULL;
}

static bool
check_url(char **newval, void **extra pg_attribute_unused(),
		  GucSource source pg_attribute_unused())
{
	const char *fault = hms_url_fault(*newval);

	if (fault == NULL)
		return true;
	GUC_check_errmsg("invalid base URL");
	GUC_check_errdetail("%s", fault);
	return false;
}

const char *
hms_file_fault(const char *name)
{
	return name[0] == '\0' || is_absolute_path(name) ? NULL :
		"The name must be an absolute path.";
}

static bool
check_file(char **newval, void **extra pg_attribute_unused(),
		   GucSource source pg_attribute_unused())
{
	const char *fault = hms_file_fault(*newval);

	if (fault == NULL)
		return true;
	GUC_check_errmsg("invalid file name");
	GUC_check_errdetail("%s", fault);
	return false;
}

/* A part of the account may have changed. */
static void
note_change(const char *newval pg_attribute_unused(),
			void *extra pg_attribute_unused())
{
	hms_settings_generation++;
}

/*
 * The names of our settings that a role who is no superuser has put into the
 * start of the connection (PGOPTIONS), when the library was not there yet and
 * PostgreSQL could not know who may set them.
 */
static List *
startup_options(void)
{
	int			count;
	struct config_generic **settings = hms_all_settings(&count);
	List	   *names = NIL;

	for (int i = 0; i < count; i++)
	{
		if (settings[i]->reset_source == PGC_S_CLIENT &&
			settings[i]->reset_scontext != PGC_SU_BACKEND &&
			pg_strncasecmp(settings[i]->name, "hms.", 4) == 0)
			names = lappend(names, pstrdup(settings[i]->name));
	}
	return names;
}

/*
 * Refuse a connection whose start has set what its role may not set.  Such a
 * value is not taken, but it has already pushed out that of postgresql.conf or
 * ALTER ROLE, and a default would stand for what the superuser has chosen.
 */
static void
refuse_startup_options(List *names)
{
	int			count;
	struct config_generic **settings = hms_all_settings(&count);
	ListCell   *cell;

	foreach(cell, names)
	{
		for (int i = 0; i < count; i++)
		{
			if (pg_strcasecmp(settings[i]->name, lfirst(cell)) == 0 &&
				settings[i]->context == PGC_SUSET &&
				settings[i]->reset_source != PGC_S_CLIENT)
				ereport(FATAL,
						(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						 errmsg("permission denied to set parameter \"%s\" when connecting",
								settings[i]->name)));
		}
	}
}

/* Define the settings; called once, when the library is loaded. */
void
hms_settings_init(void)
{
	const int	hidden = GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE;
	List	   *started_with = startup_options();

	DefineCustomStringVariable("hms.access_key",
							   "App access key of the 100ms workspace.",
							   NULL, &hms_access_key, "",
							   PGC_SUSET, hidden,
							   NULL, note_change, NULL);
	DefineCustomStringVariable("hms.secret",
							   "App secret of the 100ms workspace.",
							   "Prefer hms.secret_file: values of settings can reach the log.",
							   &hms_secret, "",
							   PGC_SUSET, hidden,
							   NULL, note_change, NULL);
	DefineCustomStringVariable("hms.secret_file",
							   "File whose first line is the app secret; wins over hms.secret.",
							   "It must not be readable by others than the server.",
							   &hms_secret_file, "",
							   PGC_SUSET, hidden,
							   check_file, note_change, NULL);
	DefineCustomStringVariable("hms.api_url",
							   "Base URL of the 100ms REST API.",
							   "https, or http to a loopback address.",
							   &hms_api_url, DEFAULT_API_URL,
							   PGC_SUSET, 0,
							   check_url, note_change, NULL);
	DefineCustomStringVariable("hms.beam_url",
							   "Base URL of the legacy Beam API.",
							   "https, or http to a loopback address.",
							   &hms_beam_url, DEFAULT_BEAM_URL,
							   PGC_SUSET, 0,
							   check_url, note_change, NULL);
	DefineCustomStringVariable("hms.policy_url",
							   "Base URL of the legacy template API.",
							   "https, or http to a loopback address.",
							   &hms_policy_url, DEFAULT_POLICY_URL,
							   PGC_SUSET, 0,
							   check_url, note_change, NULL);
	DefineCustomStringVariable("hms.ca_file",
							   "File with the trusted CA certificates, instead of the system's.",
							   NULL, &hms_ca_file, "",
							   PGC_SUSET, 0,
							   check_file, note_change, NULL);
	DefineCustomStringVariable("hms.server",
							   "Foreign server whose user mapping gives the account.",
							   "Empty: the settings are the account.",
							   &hms_server, "",
							   PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("hms.webhook_header",
							   "Name of the header with which webhooks show hms.webhook_secret.",
							   NULL, &hms_webhook_header, "x-webhook-secret",
							   PGC_SUSET, 0,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("hms.webhook_secret",
							   "Value that this header of every webhook must have.",
							   "Empty: the header is not looked at, and a webhook must be signed.",
							   &hms_webhook_secret, "",
							   PGC_SUSET, hidden,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("hms.webhook_key",
							   "Key with which 100ms signs webhooks; every webhook must then be signed.",
							   "Empty: a signature that is there is checked with the app secret.",
							   &hms_webhook_key, "",
							   PGC_SUSET, hidden,
							   NULL, NULL, NULL);
	DefineCustomBoolVariable("hms.webhook_unproven",
							 "Take webhooks that prove nothing, where neither hms.webhook_secret nor hms.webhook_key is set.",
							 "Whoever may execute the function can then store any event.",
							 &hms_webhook_unproven, false,
							 PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("hms.connect_timeout",
							"Longest time to connect to 100ms.",
							NULL, &hms_connect_timeout, 10000, 1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("hms.timeout",
							"Longest time that one request may take as a whole.",
							NULL, &hms_timeout, 180000, 1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("hms.retries",
							"Times that a failed request is repeated when that is safe.",
							NULL, &hms_retries, 3, 0, 20,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("hms.max_retry_wait",
							"Longest wait before a request is repeated; an error is raised instead of a longer one.",
							NULL, &hms_max_retry_wait, 60000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomStringVariable("hms.bot_roles",
							   "Roles of peers that are no persons: the reports leave them out.",
							   "Names of roles with commas between them, such as that of the browser that records a room.",
							   &hms_bot_roles, "__internal_recorder",
							   PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomIntVariable("hms.page_size",
							"Rows asked for per page of a list.",
							NULL, &hms_page_size, 100, 10, 100,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("hms.max_connections",
							"Requests in flight of one walk: over several rooms, or over windows of time of a long list.",
							NULL, &hms_max_connections, 8, 1, 64,
							PGC_USERSET, 0, NULL, NULL, NULL);
	/* 255 MB: what PostgreSQL can hold as one jsonb value */
	DefineCustomIntVariable("hms.max_response_size",
							"Longest answer that is accepted.",
							NULL, &hms_max_response_size, 65536, 1, 255 * 1024,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomEnumVariable("hms.log_requests",
							 "Writes a line for each request, or each failed one, to the server's log.",
							 NULL, &hms_log_requests, HMS_LOG_OFF,
							 log_requests_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);

	hms_reserve_setting_prefix("hms");
	refuse_startup_options(started_with);
}

/* The bytes of a blank at the beginning of the text, or 0. */
static size_t
blank_at(const char *text)
{
	/* no-break space, zero-width space, byte-order mark, all in UTF-8 */
	static const char *const blanks[] = {"\xc2\xa0", "\xe2\x80\x8b", "\xef\xbb\xbf"};

	if (*text != '\0' && strchr(" \t\r\n\v\f", *text) != NULL)
		return 1;
	for (int i = 0; i < (int) lengthof(blanks); i++)
	{
		size_t		len = strlen(blanks[i]);

		if (strncmp(text, blanks[i], len) == 0)
			return len;
	}
	return 0;
}

/* Say once for each state of the settings that there are blanks there. */
static void
warn_blanks(const char *what)
{
	static struct
	{
		uint64		what;		/* hash of the words */
		uint64		generation;
	}			warned[5];
	uint64		hash = hash_bytes_extended((const unsigned char *) what,
										   strlen(what), 0);
	int			i = 0;

	while (i < (int) lengthof(warned) - 1 && warned[i].what != 0 &&
		   warned[i].what != hash)
		i++;
	if (warned[i].what == hash && warned[i].generation == hms_settings_generation)
		return;
	warned[i].what = hash;
	warned[i].generation = hms_settings_generation;
	ereport(WARNING,
			(errcode(HMS_ERRCODE_SETTING),
			 errmsg("the blanks around the value of %s are not used", what),
			 errhint("A blank, a tab or a byte-order mark belongs to no key or secret: remove it where the value is set.")));
}

/* The text between the blanks, and where it ends. */
static const char *
between_blanks(const char *value, const char **end)
{
	const char *begin = value;
	size_t		len;

	while ((len = blank_at(begin)) > 0)
		begin += len;
	*end = begin;
	for (const char *p = begin; *p != '\0'; p += Max(len, 1))
	{
		len = blank_at(p);
		if (len == 0)
			*end = p + 1;
	}
	return begin;
}

const char *
hms_key_fault(const char *value)
{
	const char *end;

	if (between_blanks(value, &end) != value || *end != '\0')
		return "A blank, a tab or a byte-order mark belongs to no key or secret.";
	return value[0] == '\0' ? "It is empty." : NULL;
}

char *
hms_settings_trimmed(const char *value, const char *what)
{
	const char *end;
	const char *begin = between_blanks(value, &end);

	if (begin > value || *end != '\0')
		warn_blanks(what);
	return pnstrdup(begin, end - begin);
}

void
hms_settings_items(const char **items)
{
	items[HMS_ACCESS_KEY] = hms_access_key;
	items[HMS_SECRET] = hms_secret;
	items[HMS_SECRET_FILE] = hms_secret_file;
	items[HMS_API_URL] = hms_api_url;
	items[HMS_BEAM_URL] = hms_beam_url;
	items[HMS_POLICY_URL] = hms_policy_url;
	items[HMS_CA_FILE] = hms_ca_file;
}

void
hms_settings_default_urls(const char **items)
{
	items[HMS_API_URL] = DEFAULT_API_URL;
	items[HMS_BEAM_URL] = DEFAULT_BEAM_URL;
	items[HMS_POLICY_URL] = DEFAULT_POLICY_URL;
}

/* The secret file's path, for those who may see the setting. */
static int
errdetail_path(const char *file)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_SETTINGS))
		return errdetail_log("The file is \"%s\".", file);
	return errdetail("The file is \"%s\".", file);
}

/* The file is private to the server, by the rule of ssl_key_file. */
static void
check_secret_file(int fd, const char *file, const char *what)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("could not read the file of %s: %m", what),
				 errdetail_path(file)));
	if (!S_ISREG(st.st_mode))
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("%s does not name a regular file", what),
				 errdetail_path(file)));
	if ((st.st_uid != geteuid() && st.st_uid != 0) ||
		(st.st_uid == geteuid() && (st.st_mode & (S_IRWXG | S_IRWXO))) ||
		(st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO))))
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("the file of %s can be read by others", what),
				 errdetail("It must be owned by the server's operating system user with permissions u=rw (0600) or less, or by root with u=rw,g=r (0640) or less.")));
}

char *
hms_settings_read_secret(const char *file, const char *what)
{
	char	   *line;
	char	   *secret;
	ssize_t		len;
	int			fd;
	int			read_errno;

	fd = OpenTransientFile(file, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("could not open the file of %s: %m", what),
				 errdetail_path(file)));
	check_secret_file(fd, file, what);

	line = palloc0(SECRET_MAX + 1);
	len = read(fd, line, SECRET_MAX);
	read_errno = errno;
	CloseTransientFile(fd);
	if (len < 0)
	{
		errno = read_errno;
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("could not read the file of %s: %m", what),
				 errdetail_path(file)));
	}

	len = strcspn(line, "\r\n");
	if (len == SECRET_MAX)
		len = 0;				/* some other file */
	explicit_bzero(line + len, SECRET_MAX - len);
	secret = hms_settings_trimmed(line, what);
	hms_forget_text(line);
	if (secret[0] == '\0')
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("the first line of the file of %s is not a secret", what),
				 errdetail_path(file),
				 errhint("Write the app secret of your 100ms workspace as the file's first line.")));
	return secret;
}

void
hms_forget_text(char *text)
{
	explicit_bzero(text, strlen(text));
	pfree(text);
}

bool
hms_url_is_plain_http(const char *url)
{
	return strncmp(url, "http://", 7) == 0;
}
