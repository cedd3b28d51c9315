/*
 * transport.c
 *		HTTP exchanges on libcurl's multi interface, waited for by PostgreSQL.
 *
 * One multi handle lives as long as the backend and keeps its connections.
 * libcurl tells which sockets it waits for; they stand in one epoll set, and
 * that set's descriptor stands beside the process latch in one WaitEventSet.
 * So a cancel, a statement timeout or a shutdown ends every wait at once, and
 * waiting costs no CPU.
 *
 * Two rules keep the backend safe.  libcurl's callbacks below only record:
 * nothing in them may raise an error, which would jump through libcurl.  And
 * signals are blocked while libcurl runs, because it starts threads to resolve
 * names, and a thread inherits the mask: PostgreSQL's signal handlers must run
 * in the backend's own thread only.
 */
#include "postgres.h"

#define CURL_DISABLE_TYPECHECK	/* its macros take the functions' names */
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "compat.h"
#include "library.h"
#include "settings.h"
#include "stats.h"
#include "transport.h"

/*
 * 7.87: CURLOPT_QUICK_EXIT, without which a hanging resolver blocks cancel.
 * The library that is loaded need not be the one that this was built with.
 */
#define OLDEST_LIBCURL 0x075700

#if LIBCURL_VERSION_NUM < OLDEST_LIBCURL
#error "hms needs libcurl 7.87 or later"
#endif

/* CURLE_TOO_LARGE, which headers before 8.6 don't know. */
#define RESULT_TOO_LARGE 100

/* Grow a body from here by doubling: a usual page. */
#define BODY_INITIAL_SIZE (64 * 1024)

/* Headers of an answer; libcurl gives up a little later, with a worse word. */
#define MAX_HEADER_LEN (256 * 1024)

/* Easy handles kept for the next exchange; a handle costs a few kB. */
#define SPARE_HANDLES 8

/*
 * Buffers of bodies kept for the next exchange, and how large each may be: a
 * walk takes turns with two, and memory that was just used is fast.
 */
#define SPARE_BODIES 2
#define SPARE_BODY_MAX (256 * 1024)

/*
 * How often a write may go out: libcurl sends it again only when it was
 * refused unread, as long as its first connection is one of its own.
 */
#define WRITE_SENDINGS 2

/*
 * A connection that nobody has used for this long (ms) is closed, also while
 * the backend waits for its client: longer than the pauses between statements
 * that belong together, shorter than most servers wait.
 */
#define IDLE_LIFE 10000

/* What is read from a socket at a time: a usual page. */
#define RECEIVE_BUFFER_SIZE (64 * 1024L)

/* Sockets looked at per round. */
#define EVENTS_PER_POLL 64

/* Header lines of a request at most. */
#define MAX_HEADERS 6

/* Seconds that libcurl remembers the authorities that it has read from a file. */
#define AUTHORITIES_LIFE 60L

/* The latch, the postmaster's end, and the epoll set. */
#define WAIT_EVENTS 3

/* The functions of libcurl that are used here, under their own names. */
#define LIBCURL_FUNCTIONS(X) \
	X(curl_global_init) X(curl_version_info) X(curl_getdate) \
	X(curl_easy_init) X(curl_easy_cleanup) \
	X(curl_easy_setopt) X(curl_easy_getinfo) X(curl_easy_strerror) \
	X(curl_multi_init) X(curl_multi_cleanup) X(curl_multi_strerror) \
	X(curl_multi_setopt) X(curl_multi_assign) \
	X(curl_multi_add_handle) X(curl_multi_remove_handle) \
	X(curl_multi_socket_action) X(curl_multi_info_read) \
	X(curl_url) X(curl_url_set) X(curl_url_get) X(curl_url_cleanup) X(curl_free)

static struct
{
	LIBCURL_FUNCTIONS(HMS_LIBRARY_MEMBER)
	void	   *library;		/* NULL: not opened */
	bool		loaded;			/* all of its functions are bound */
	const char *ca_file;		/* the system's authorities, or NULL */
	const char *ca_path;		/* a directory that libcurl adds, or NULL */
	bool		in_file;		/* all of them are in the file */
	char		encodings[64];	/* a header line: those that it can undo */
}			lib;

/* A time that nobody looked (ms) which is shorter is not worth telling apart. */
#define NEGLECT_MIN 100

/*
 * A socket of libcurl's.  Versions of libcurl (7.88 is one) close what has not
 * been connected without a word; its number may then be that of something else,
 * so a note says which socket is meant.
 */
typedef struct Socket
{
	curl_socket_t fd;
	ino_t		inode;
	bool		watched;		/* libcurl waits for it: it is in use */
	uint32		events;			/* of it in the epoll set; 0: it is not in it */
} Socket;

/* The header lines of a request, which libcurl reads until it has ended. */
typedef struct Headers
{
	struct curl_slist lines[MAX_HEADERS];
	int			count;
	char		authorization[FLEXIBLE_ARRAY_MEMBER];
} Headers;

/* What a backend keeps from its first request on. */
static struct
{
	CURLM	   *multi;			/* NULL: libcurl was not started */
	int			epoll_fd;
	WaitEventSet *wait_set;
	TimeoutId	idle_timeout;
	MemoryContext context;		/* of sockets and bodies */

	int64		deadline;		/* when libcurl wants to be called */
	int64		doubted_until;	/* authorities are read from their file anew:
								 * they have refused a server */

	/*
	 * Since when (on hms_clock_ms) nobody has looked at the exchanges: between
	 * two rows of a cursor, for instance.  Waiting is looking.
	 */
	int64		unwatched_since;

	/* changed only while signals are blocked: close_idle reads it */
	Socket	   *sockets;
	int			nsockets;
	int			max_sockets;

	CURL	   *handles[SPARE_HANDLES];
	int			nhandles;
	struct
	{
		char	   *data;
		size_t		capacity;
	}			bodies[SPARE_BODIES];
	int			nbodies;
}			state = {.epoll_fd = -1, .deadline = HMS_NO_DEADLINE};

int64
hms_clock_ms(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MILLISEC(now);
}

/* Between these two libcurl may run; see the file's head. */
static void
enter_curl(sigset_t *saved)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

static void
leave_curl(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* --- what libcurl calls: record, never raise ------------------------------ */

/* The note on one of libcurl's sockets; NULL for those of its own threads. */
static Socket *
find_socket(curl_socket_t fd)
{
	for (int i = 0; i < state.nsockets; i++)
	{
		if (state.sockets[i].fd == fd)
			return &state.sockets[i];
	}
	return NULL;
}

/* Forget a socket that is closed or is going to be. */
static void
forget_socket(Socket *note)
{
	*note = state.sockets[--state.nsockets];
	ReleaseExternalFD();
}

/* Does the number still mean that socket?  Also called by a signal handler. */
static bool
is_open(const Socket *note)
{
	struct stat status;

	return fstat(note->fd, &status) == 0 && S_ISSOCK(status.st_mode) &&
		status.st_ino == note->inode;
}

/* Have the epoll set tell of these events, and no others. */
static bool
watch_socket(Socket *note, uint32 events)
{
	struct epoll_event event = {.events = events, .data.fd = note->fd};
	int			operation = events == 0 ? EPOLL_CTL_DEL :
		note->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (note->events == events)
		return true;
	if (epoll_ctl(state.epoll_fd, operation, note->fd, &event) != 0)
		return false;
	note->events = events;
	return true;
}

/*
 * libcurl wants to be told when a socket can be read or written.  The socket of
 * a connection that it is done with stays in the epoll set, for the next
 * request and in order that its end is seen; see look_after_idle.
 */
static int
socket_callback(CURL *easy pg_attribute_unused(), curl_socket_t fd, int what,
				void *data pg_attribute_unused(), void *known)
{
	struct epoll_event event = {.data.fd = fd};
	Socket	   *note = find_socket(fd);

	if (what == CURL_POLL_REMOVE || (what & CURL_POLL_IN))
		event.events |= EPOLLIN | EPOLLRDHUP;
	if (what != CURL_POLL_REMOVE && (what & CURL_POLL_OUT))
		event.events |= EPOLLOUT;
	if (note)
	{
		note->watched = what != CURL_POLL_REMOVE;
		if (watch_socket(note, event.events))
			return 0;
		forget_socket(note);	/* it was closed without a word */
	}

	/* a thread of libcurl's own tells through it that it is done */
	if (what == CURL_POLL_REMOVE)
	{
		epoll_ctl(state.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (known == NULL)
		lib.curl_multi_assign(state.multi, fd, &state);
	return epoll_ctl(state.epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
					 &event);
}

/* libcurl wants to be called after some time. */
static int
timer_callback(CURLM *m pg_attribute_unused(), long timeout_ms,
			   void *data pg_attribute_unused())
{
	state.deadline = timeout_ms < 0 ? HMS_NO_DEADLINE : hms_clock_ms() + timeout_ms;
	return 0;
}

/* Make room for the note on one more socket. */
static bool
grow_sockets(void)
{
	int			max = Max(state.max_sockets * 2, 16);
	Socket	   *grown;

	if (state.nsockets < state.max_sockets)
		return true;
	grown = MemoryContextAllocExtended(state.context, sizeof(Socket) * max,
									   MCXT_ALLOC_NO_OOM);
	if (grown == NULL)
		return false;
	if (state.sockets)
	{
		memcpy(grown, state.sockets, sizeof(Socket) * state.nsockets);
		pfree(state.sockets);
	}
	state.sockets = grown;
	state.max_sockets = max;
	return true;
}

/* PostgreSQL counts the descriptors that its own code does not know of. */
static curl_socket_t
open_socket_callback(void *data pg_attribute_unused(),
					 curlsocktype purpose pg_attribute_unused(),
					 struct curl_sockaddr *addr)
{
	Socket		opened = {.watched = true}; /* until libcurl has done with it */
	struct stat status;

	for (int i = state.nsockets - 1; i >= 0; i--)
	{
		if (!is_open(&state.sockets[i]))
			forget_socket(&state.sockets[i]);
	}
	if (!grow_sockets() || !AcquireExternalFD())
		return CURL_SOCKET_BAD;
	opened.fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
	if (opened.fd != CURL_SOCKET_BAD && fstat(opened.fd, &status) == 0)
	{
		opened.inode = status.st_ino;
		state.sockets[state.nsockets++] = opened;
		return opened.fd;
	}
	if (opened.fd != CURL_SOCKET_BAD)
		close(opened.fd);
	ReleaseExternalFD();
	return CURL_SOCKET_BAD;
}

static int
close_socket_callback(void *data pg_attribute_unused(), curl_socket_t fd)
{
	Socket	   *note = find_socket(fd);

	if (note)
		forget_socket(note);
	return close(fd);
}

/*
 * The request is about to go out.  libcurl sends it again by itself when a kept
 * connection turns out to be closed before a byte of the answer has come, and
 * when the server has refused it unread.  A read may be sent again whatever it
 * was.  A write begins on a connection of its own, so that the second sending
 * can only be for a refusal; of a third nobody could tell.
 */
static int
send_callback(void *data, char *primary_ip pg_attribute_unused(),
			  char *local_ip pg_attribute_unused(),
			  int primary_port pg_attribute_unused(),
			  int local_port pg_attribute_unused())
{
	HmsExchange *exchange = data;

	if (exchange->method != HMS_GET && exchange->sendings >= WRITE_SENDINGS)
		return CURL_PREREQFUNC_ABORT;
	exchange->sendings++;
	exchange->sent = true;
	return CURL_PREREQFUNC_OK;
}

/* The longest body that this exchange may have. */
static size_t
max_size(const HmsExchange *exchange)
{
	return exchange->max_size > 0 ? exchange->max_size :
		(size_t) hms_max_response_size * 1024;
}

/* A piece of the body has come. */
static size_t
body_callback(char *piece, size_t size, size_t count, void *data)
{
	HmsExchange *exchange = data;
	size_t		len = size * count;
	size_t		need = exchange->len + len + 1;

	if (need > max_size(exchange) + 1)
	{
		exchange->over_limit = true;
		return 0;
	}
	if (need > exchange->capacity)
	{
		size_t		capacity = Max(exchange->capacity, BODY_INITIAL_SIZE);
		char	   *grown;

		while (capacity < need)
			capacity *= 2;
		grown = MemoryContextAllocExtended(state.context, capacity,
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
		if (grown == NULL)
		{
			exchange->out_of_memory = true;
			return 0;
		}
		if (exchange->data)
		{
			memcpy(grown, exchange->data, exchange->len);
			pfree(exchange->data);
		}
		exchange->data = grown;
		exchange->capacity = capacity;
	}
	memcpy(exchange->data + exchange->len, piece, len);
	exchange->len += len;
	exchange->data[exchange->len] = '\0';
	return len;
}

/* Does this header line have that name?  Its value, without the blanks around it. */
static bool
read_header(const char *line, size_t len, const char *name, char *value, size_t size)
{
	size_t		name_len = strlen(name);
	const char *end = line + len;

	if (len <= name_len || line[name_len] != ':' ||
		pg_strncasecmp(line, name, name_len) != 0)
		return false;
	line += name_len + 1;
	while (line < end && strchr(" \t", *line))
		line++;
	while (line < end && strchr(" \t\r\n", end[-1]))
		end--;
	len = Min((size_t) (end - line), size - 1);
	memcpy(value, line, len);
	value[len] = '\0';
	return true;
}

/* A header line has come: keep Retry-After and Date. */
static size_t
header_callback(char *line, size_t size, size_t count, void *data)
{
	HmsExchange *exchange = data;
	size_t		len = size * count;
	char		value[64];

	exchange->header_len += len;
	if (exchange->header_len > MAX_HEADER_LEN)
		return 0;

	if (read_header(line, len, "date", exchange->date, sizeof(exchange->date)))
		return len;
	if (read_header(line, len, "retry-after", value, sizeof(value)) &&
		value[0] != '\0')
	{
		int			year;

		if (value[strspn(value, "0123456789")] == '\0')
			exchange->retry_after = strlen(value) > 9 ? PG_INT32_MAX : atol(value);
		else if (sizeof(time_t) < sizeof(int64) &&
				 sscanf(value, "%*s %*d %*s %d", &year) == 1 && year >= 2038)
			exchange->retry_after = PG_INT32_MAX;	/* libcurl's time_t ends there */
		else
			exchange->retry_at = lib.curl_getdate(value, NULL);
	}
	return len;
}

/* --- libcurl ---------------------------------------------------------------- */

/* Open libcurl, and ask it what it is. */
static const curl_version_info_data *
open_curl(void)
{
	if (lib.library == NULL)
	{
		void	   *library = hms_library_load(LIBCURL_SONAME, false);

		lib.curl_version_info = hms_library_function(library, "curl_version_info");
		lib.library = library;
	}
	return lib.curl_version_info(CURLVERSION_NOW);
}

/*
 * A libcurl that would not do what is asked of it here is not used: the one
 * that is loaded may be older than the one that this was built with, or made by
 * somebody who has left things out.
 */
const char *
hms_transport_fault(void)
{
	const curl_version_info_data *info = open_curl();
	bool		https = false;

	for (const char *const *protocol = info->protocols; *protocol; protocol++)
		https = https || strcmp(*protocol, "https") == 0;
	if (info->version_num < OLDEST_LIBCURL)
		return "It must be 7.87 or later.";
	if (!(info->features & CURL_VERSION_ASYNCHDNS))
		return "It resolves names while everything else waits, so that no query could be cancelled meanwhile.";
	if (!(info->features & CURL_VERSION_SSL) || !https)
		return "It cannot speak HTTPS.";
	return NULL;
}

/*
 * Where the system's authorities are.  Those that are in a file and in a
 * directory are taken from the file alone: libcurl remembers it for the next
 * connection, and reading it takes longer than many a request.
 */
static void
find_authorities(const curl_version_info_data *info)
{
	lib.ca_file = info->cainfo;
	lib.ca_path = info->capath;
	lib.in_file = lib.ca_file && access(lib.ca_file, R_OK) == 0;
}

/*
 * What libcurl would say of the encodings that it can undo.  Left to itself it
 * makes that line, and the one with our name, anew for every request.
 */
static void
list_encodings(const curl_version_info_data *info)
{
	snprintf(lib.encodings, sizeof(lib.encodings), "Accept-Encoding: %s%s%s",
			 info->features & CURL_VERSION_LIBZ ? "gzip" : "identity",
			 info->features & CURL_VERSION_BROTLI ? ", br" : "",
			 info->features & CURL_VERSION_ZSTD ? ", zstd" : "");
}

static void
load_curl(void)
{
	const curl_version_info_data *info;
	const char *fault;
	void	   *library;

	if (lib.loaded)
		return;
	fault = hms_transport_fault();
	info = open_curl();
	library = lib.library;
	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("libcurl %s cannot be used", info->version),
				 errdetail_internal("%s", fault)));
	LIBCURL_FUNCTIONS(HMS_LIBRARY_BIND)
	find_authorities(info);
	list_encodings(info);
	lib.loaded = true;
}

/* Longest host name; a longer one is cut, and then is no loopback address. */
#define HOST_SIZE 256

/* Copy one part of a URL; an empty text when it has none. */
static void
copy_url_part(CURLU *url, CURLUPart part, char *copy, size_t size)
{
	char	   *text;

	copy[0] = '\0';
	if (lib.curl_url_get(url, part, &text, 0) != CURLUE_OK)
		return;
	strlcpy(copy, text, size);
	lib.curl_free(text);
}

/* libcurl's own parser is asked, so that it can't understand another host. */
static const char *
url_fault(CURLU *url, const char *text)
{
	char		scheme[16];
	char		host[HOST_SIZE];
	char		user[2];

	if (lib.curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return "it is not a URL";
	copy_url_part(url, CURLUPART_USER, user, sizeof(user));
	if (user[0] == '\0')
		copy_url_part(url, CURLUPART_PASSWORD, user, sizeof(user));
	if (user[0] != '\0')
		return "it holds a user name or password";
	copy_url_part(url, CURLUPART_SCHEME, scheme, sizeof(scheme));
	copy_url_part(url, CURLUPART_HOST, host, sizeof(host));
	if (strcmp(scheme, "https") == 0 ||
		(strcmp(scheme, "http") == 0 && hms_host_is_loopback(host, strlen(host))))
		return NULL;
	return "it is not https";
}

const char *
hms_transport_url_fault(const char *text)
{
	CURLU	   *url;
	const char *fault;

	load_curl();
	url = lib.curl_url();
	if (url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	fault = url_fault(url, text);
	lib.curl_url_cleanup(url);
	return fault;
}

/* --- idle connections -------------------------------------------------------- */

/*
 * No connection was used for a while: close those that are idle.  Called by the
 * signal handler of PostgreSQL's timeouts, wherever the backend is, except
 * inside libcurl.  So nothing but this is done; libcurl finds out and takes the
 * rest away with the next request.
 */
static void
close_idle(void)
{
	for (int i = 0; i < state.nsockets; i++)
	{
		const Socket *note = &state.sockets[i];

		if (!note->watched && is_open(note))
			shutdown(note->fd, SHUT_RDWR);
	}
}

/*
 * Something has happened to an idle connection.  One that the other side has
 * closed is closed: versions of libcurl don't notice it when TLS has said
 * farewell before, or don't look when they have looked within the last second.
 * What else has come waits there for the next request, and wakes nobody again.
 * Signals are blocked.
 */
static void
look_after_idle(Socket *note, uint32 events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
	{
		shutdown(note->fd, SHUT_RDWR);
		(void) watch_socket(note, 0);
	}
	else
		(void) watch_socket(note, EPOLLRDHUP);
}

/* Idle connections will be closed some time after now. */
static void
await_idle(void)
{
	if (state.nsockets > 0)
		enable_timeout_after(state.idle_timeout, IDLE_LIFE);
}

/* An error has disabled all timeouts: enable ours again. */
static void
after_transaction(XactEvent event, void *arg pg_attribute_unused())
{
	if (event == XACT_EVENT_ABORT)
		await_idle();
}

/* --- start --------------------------------------------------------------------- */

static void
refuse_option(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYSTEM_ERROR),
			 errmsg("could not set up a request to 100ms"),
			 errdetail_internal("%s.", why)));
}

/* The one epoll set of all sockets. */
static void
make_epoll_set(void)
{
	if (state.epoll_fd >= 0)
		return;
	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not get a file descriptor for requests to 100ms")));
	state.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (state.epoll_fd < 0)
	{
		ReleaseExternalFD();
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not create an epoll set: %m")));
	}
}

/* What a backend waits for; one that has no postmaster can't wait for its end. */
static void
make_wait_set(void)
{
	WaitEventSet *set;

	if (state.wait_set)
		return;
	set = hms_create_wait_event_set(WAIT_EVENTS);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, state.epoll_fd, NULL, NULL);
	state.wait_set = set;
}

/* libcurl is started by the first request. */
static void
start_curl(void)
{
	CURLM	   *multi;
	CURLMcode	result;

	if (state.multi != NULL)
		return;

	load_curl();
	if (lib.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not start libcurl")));
	make_epoll_set();
	make_wait_set();
	if (state.context == NULL)
	{
		state.context = AllocSetContextCreate(TopMemoryContext, "hms transport",
											  ALLOCSET_DEFAULT_SIZES);
		state.idle_timeout = RegisterTimeout(USER_TIMEOUT, close_idle);
		RegisterXactCallback(after_transaction, NULL);
	}
	multi = lib.curl_multi_init();
	if (multi == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	result = lib.curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_callback);
	if (result == CURLM_OK)
		result = lib.curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_callback);
	if (result != CURLM_OK)
	{
		lib.curl_multi_cleanup(multi);
		refuse_option(lib.curl_multi_strerror(result));
	}
	state.multi = multi;
}

/* --- handles --------------------------------------------------------------------- */

/*
 * Give the handle back, and forget the headers; signals are blocked.  It is
 * used again only after a request that went out once and was answered: versions
 * of libcurl count for each handle how often they had to send again, and give up
 * after some times.  Nothing of the request stays that it only points to.
 */
static void
give_back(HmsExchange *exchange)
{
	CURL	   *easy = exchange->handle;
	Headers    *headers = exchange->headers;

	if (easy)
	{
		lib.curl_multi_remove_handle(state.multi, easy);
		if (exchange->done && exchange->outcome == HMS_ANSWERED &&
			exchange->sendings == 1 && state.nhandles < SPARE_HANDLES)
		{
			lib.curl_easy_setopt(easy, CURLOPT_URL, (char *) NULL);
			lib.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, (struct curl_slist *) NULL);
			lib.curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (char *) NULL);
			lib.curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, (char *) NULL);
			state.handles[state.nhandles++] = easy;
		}
		else
			lib.curl_easy_cleanup(easy);
		exchange->handle = NULL;
	}
	if (headers)
	{
		explicit_bzero(headers->authorization, strlen(headers->authorization));
		pfree(headers);
		exchange->headers = NULL;
	}
}

/* End an exchange that is under way; never raises. */
static void
release_handle(HmsExchange *exchange)
{
	sigset_t	saved;

	if (exchange->handle == NULL && exchange->headers == NULL)
		return;
	enter_curl(&saved);
	give_back(exchange);
	leave_curl(&saved);
}

/* Give a body's buffer back; never raises. */
static void
release_body(HmsExchange *exchange)
{
	if (exchange->data == NULL)
		return;
	if (exchange->capacity <= SPARE_BODY_MAX && state.nbodies < SPARE_BODIES)
	{
		state.bodies[state.nbodies].data = exchange->data;
		state.bodies[state.nbodies++].capacity = exchange->capacity;
	}
	else
		pfree(exchange->data);
	exchange->data = NULL;
}

/* What is done when the exchange's memory goes. */
static void
release_exchange(void *arg)
{
	release_handle(arg);
	release_body(arg);
}

HmsExchange *
hms_exchange_create(void)
{
	HmsExchange *exchange = palloc0(sizeof(HmsExchange));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = release_exchange;
	callback->arg = exchange;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return exchange;
}

static void
add_header(Headers *headers, const char *line)
{
	struct curl_slist *place = &headers->lines[headers->count++];

	Assert(headers->count <= MAX_HEADERS);
	place->data = unconstify(char *, line);
	place->next = NULL;
	if (headers->count > 1)
		place[-1].next = place;
}

/*
 * The header lines of a request.  One without a token goes to somebody else
 * than the API, and says no more than it must.
 */
static Headers *
make_headers(HmsExchange *exchange)
{
	static const char bearer[] = "Authorization: Bearer ";
	const char *token = exchange->token ? exchange->token : "";
	Size		size = offsetof(Headers, authorization) + sizeof(bearer) + strlen(token);
	Headers    *headers = MemoryContextAlloc(GetMemoryChunkContext(exchange), size);

	headers->count = 0;
	strcpy(headers->authorization, exchange->token ? bearer : "");
	strcat(headers->authorization, token);
	if (exchange->token)
	{
		add_header(headers, headers->authorization);
		add_header(headers, "Content-Type: application/json");
	}
	add_header(headers, exchange->token ? "Accept: application/json" : "Accept: */*");
	add_header(headers, lib.encodings);
	add_header(headers, "User-Agent: hms/1.0 (PostgreSQL)");
	if (exchange->body)
		add_header(headers, "Expect:");
	return headers;
}

/* Options of every handle: numbers, texts and functions. */
static const struct
{
	CURLoption	option;
	long		value;
}			number_options[] = {
	/* where it may go: no redirect, no netrc (the default) */
	{CURLOPT_FOLLOWLOCATION, 0},
	{CURLOPT_PATH_AS_IS, 1},
	{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	{CURLOPT_SSL_VERIFYPEER, 1},
	{CURLOPT_SSL_VERIFYHOST, 2},
	{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
	{CURLOPT_PIPEWAIT, 1},
	{CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_SIZE},
	{CURLOPT_NOSIGNAL, 1},
	{CURLOPT_QUICK_EXIT, 1},
};

static const struct
{
	CURLoption	option;
	const char *value;
}			text_options[] = {
	{CURLOPT_PROTOCOLS_STR, "https,http"},
	{CURLOPT_ACCEPT_ENCODING, ""},	/* undo them all; see list_encodings */
};

/* Set an option unless one before it was refused: an expression. */
#define SET(result, easy, option, value) \
	((result) == CURLE_OK ? \
	 ((result) = lib.curl_easy_setopt(easy, option, value)) : (result))

/* Set what every request has. */
static CURLcode
set_common_options(CURL *easy)
{
	CURLcode	result = CURLE_OK;

	for (int i = 0; i < (int) lengthof(number_options); i++)
		SET(result, easy, number_options[i].option, number_options[i].value);
	for (int i = 0; i < (int) lengthof(text_options); i++)
		SET(result, easy, text_options[i].option, text_options[i].value);
	SET(result, easy, CURLOPT_OPENSOCKETFUNCTION, open_socket_callback);
	SET(result, easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket_callback);
	SET(result, easy, CURLOPT_PREREQFUNCTION, send_callback);
	SET(result, easy, CURLOPT_WRITEFUNCTION, body_callback);
	SET(result, easy, CURLOPT_HEADERFUNCTION, header_callback);
	return result;
}

/*
 * Tell libcurl all about the request.  The handle may have had another one, so
 * each option is set that any request sets.
 */
static CURLcode
set_options(CURL *easy, HmsExchange *exchange)
{
	CURLcode	result = CURLE_OK;
	bool		own_authorities = exchange->ca_file[0] != '\0';

	SET(result, easy, CURLOPT_URL, exchange->url);
	SET(result, easy, CURLOPT_HTTPHEADER, ((Headers *) exchange->headers)->lines);
	SET(result, easy, CURLOPT_HTTPGET, 1L);
	if (exchange->method == HMS_POST)
	{
		SET(result, easy, CURLOPT_POST, 1L);
		SET(result, easy, CURLOPT_POSTFIELDS, exchange->body);
		SET(result, easy, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t) strlen(exchange->body));
	}
	SET(result, easy, CURLOPT_CUSTOMREQUEST,
		exchange->method == HMS_DELETE ? "DELETE" : NULL);
	SET(result, easy, CURLOPT_FRESH_CONNECT, exchange->method == HMS_GET ? 0L : 1L);
	SET(result, easy, CURLOPT_CAINFO, own_authorities ? exchange->ca_file : lib.ca_file);
	if (lib.ca_path)			/* not every TLS library takes one */
		SET(result, easy, CURLOPT_CAPATH,
			own_authorities || lib.in_file ? NULL : lib.ca_path);
	/* nor does every one remember them */
	(void) lib.curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT,
								state.doubted_until > hms_clock_ms() ? 0L : AUTHORITIES_LIFE);
	SET(result, easy, CURLOPT_NOPROXY,
		hms_url_is_plain_http(exchange->url) ? "*" : NULL);
	SET(result, easy, CURLOPT_CONNECTTIMEOUT_MS, (long) hms_connect_timeout);
	SET(result, easy, CURLOPT_TIMEOUT_MS, (long) hms_timeout);

	SET(result, easy, CURLOPT_PRIVATE, exchange);
	SET(result, easy, CURLOPT_ERRORBUFFER, exchange->error);
	SET(result, easy, CURLOPT_PREREQDATA, exchange);
	SET(result, easy, CURLOPT_WRITEDATA, exchange);
	SET(result, easy, CURLOPT_HEADERDATA, exchange);
	return result;
}

StaticAssertDecl(CURL_ERROR_SIZE <= sizeof(((HmsExchange *) 0)->error),
				 "an exchange must have room for libcurl's error text");

/* Forget the answer before, and take memory for this one. */
static void
reset_answer(HmsExchange *exchange)
{
	exchange->done = false;
	exchange->sent = false;
	exchange->sendings = 0;
	exchange->trust = false;
	exchange->neglected = false;
	exchange->header_len = 0;
	exchange->over_limit = false;
	exchange->out_of_memory = false;
	exchange->status = 0;
	exchange->retry_after = -1;
	exchange->retry_at = -1;
	exchange->date[0] = '\0';
	exchange->len = 0;
	exchange->error[0] = '\0';
	if (exchange->data == NULL && state.nbodies > 0)
	{
		exchange->data = state.bodies[--state.nbodies].data;
		exchange->capacity = state.bodies[state.nbodies].capacity;
	}
	if (exchange->data)
		exchange->data[0] = '\0';
}

/* Take a handle and tell it all about the request. */
static CURLcode
take_handle(HmsExchange *exchange)
{
	CURLcode	result = CURLE_OK;

	if (state.nhandles > 0)
		exchange->handle = state.handles[--state.nhandles];
	else
	{
		exchange->handle = lib.curl_easy_init();
		if (exchange->handle == NULL)
			return CURLE_OUT_OF_MEMORY;
		result = set_common_options(exchange->handle);
	}
	return result == CURLE_OK ? set_options(exchange->handle, exchange) : result;
}

/* Hand the exchange to libcurl; what is wrong, or NULL.  Signals are blocked. */
static const char *
hand_over(HmsExchange *exchange)
{
	CURLcode	result = take_handle(exchange);
	CURLMcode	multi_result;

	if (result != CURLE_OK)
		return lib.curl_easy_strerror(result);
	multi_result = lib.curl_multi_setopt(state.multi, CURLMOPT_MAXCONNECTS,
										 (long) hms_max_connections);
	if (multi_result == CURLM_OK)
		multi_result = lib.curl_multi_add_handle(state.multi, exchange->handle);
	return multi_result == CURLM_OK ? NULL : lib.curl_multi_strerror(multi_result);
}

int64
hms_exchange_server_time(const HmsExchange *exchange)
{
	return exchange->date[0] == '\0' ? -1 : lib.curl_getdate(exchange->date, NULL);
}

/* --- outcomes --------------------------------------------------------------- */

/*
 * Were the headers too long, or too many?  Versions of libcurl say that
 * something was too large, or that they are out of memory, which they hardly
 * ever are, once a request has gone out.
 */
static bool
headers_too_long(const HmsExchange *exchange, CURLcode result)
{
	return exchange->header_len > MAX_HEADER_LEN ||
		((result == CURLE_OUT_OF_MEMORY || (int) result == RESULT_TOO_LARGE) &&
		 exchange->sent && exchange->len == 0);
}

/* What libcurl's result means to us. */
static HmsOutcome
outcome_of(HmsExchange *exchange, CURLcode result)
{
	curl_off_t	elapsed = 0;

	if (result == CURLE_OK)
		return HMS_ANSWERED;
	if (exchange->over_limit)
		return HMS_TOO_LARGE;
	if (headers_too_long(exchange, result))
		return HMS_GARBAGE;
	if (exchange->out_of_memory || result == CURLE_OUT_OF_MEMORY)
		return HMS_NO_MEMORY;
	if (result == CURLE_OPERATION_TIMEDOUT)
	{
		lib.curl_easy_getinfo(exchange->handle, CURLINFO_TOTAL_TIME_T, &elapsed);
		return exchange->sent || elapsed / 1000 >= hms_timeout ?
			HMS_TIMED_OUT : HMS_CONNECT_TIMED_OUT;
	}
	if (!exchange->sent)
		return HMS_NOT_CONNECTED;
	switch (result)
	{
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_UNSUPPORTED_PROTOCOL:	/* HTTP/0.9: no status line */
		case CURLE_BAD_CONTENT_ENCODING:
		case CURLE_WRITE_ERROR:
			return HMS_GARBAGE;
		default:
			return HMS_BROKEN;
	}
}

/*
 * Did a limit of time pass only because nobody looked?  The answer may lie in
 * the socket: libcurl looks at its clock first.
 */
static bool
was_neglected(HmsExchange *exchange)
{
	int64		unwatched = hms_clock_ms() - state.unwatched_since;
	int			limit = exchange->sent ? hms_timeout :
		Min(hms_connect_timeout, hms_timeout);
	curl_off_t	elapsed = 0;

	lib.curl_easy_getinfo(exchange->handle, CURLINFO_TOTAL_TIME_T, &elapsed);
	return unwatched >= NEGLECT_MIN && elapsed / 1000 - unwatched < limit;
}

/* Record how an exchange ended. */
static void
finish_exchange(HmsExchange *exchange, CURLcode result)
{
	long		status = 0;
	curl_off_t	elapsed = 0;

	if (result == CURLE_OPERATION_TIMEDOUT)
		exchange->neglected = was_neglected(exchange);
	lib.curl_easy_getinfo(exchange->handle, CURLINFO_RESPONSE_CODE, &status);
	exchange->status = (int) status;
	lib.curl_easy_getinfo(exchange->handle, CURLINFO_TOTAL_TIME_T, &elapsed);
	exchange->ms = elapsed / 1000;
	if (exchange->retry_after < 0 && exchange->retry_at >= 0)
	{
		int64		server_time = hms_exchange_server_time(exchange);

		exchange->retry_after =
			Max(0, exchange->retry_at - (server_time >= 0 ? server_time : (int64) time(NULL)));
	}
	exchange->outcome = outcome_of(exchange, result);
	exchange->trust = result == CURLE_PEER_FAILED_VERIFICATION ||
		result == CURLE_SSL_CACERT_BADFILE ||
		result == CURLE_SSL_CERTPROBLEM ||
		result == CURLE_SSL_ISSUER_ERROR;
	if (exchange->trust)
		state.doubted_until = hms_clock_ms() + AUTHORITIES_LIFE * 1000;
	if (result == CURLE_ABORTED_BY_CALLBACK)
		strlcpy(exchange->error, "connection was closed by the server",
				sizeof(exchange->error));
	else if (result != CURLE_OK && headers_too_long(exchange, result))
		strlcpy(exchange->error, "its headers are too long",
				sizeof(exchange->error));
	else if (exchange->over_limit)
		strlcpy(exchange->error, "the body is longer than the limit",
				sizeof(exchange->error));
	else if (result != CURLE_OK && exchange->error[0] == '\0')
		strlcpy(exchange->error, lib.curl_easy_strerror(result),
				sizeof(exchange->error));
	exchange->done = true;
	hms_stats_counters.bytes += exchange->len;
	give_back(exchange);
}

/*
 * Let libcurl do what there is to do: has an exchange ended?  Signals are
 * blocked.
 */
static bool
let_curl_go_on(void)
{
	struct epoll_event events[EVENTS_PER_POLL];
	int			count;
	int			running;
	int			left;
	int			active = 0;
	bool		ended = false;
	CURLMsg    *message;

	/* what is idle first, so that no request is given a connection that ended */
	count = epoll_wait(state.epoll_fd, events, EVENTS_PER_POLL, 0);
	for (int i = 0; i < count; i++)
	{
		Socket	   *note = find_socket(events[i].data.fd);

		if (note && !note->watched)
			look_after_idle(note, events[i].events);
		else
			events[active++] = events[i];
	}
	for (int i = 0; i < active; i++)
	{
		int			mask = 0;

		if (events[i].events & (EPOLLIN | EPOLLHUP))
			mask |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			mask |= CURL_CSELECT_OUT;
		if (events[i].events & EPOLLERR)
			mask |= CURL_CSELECT_ERR;
		lib.curl_multi_socket_action(state.multi, events[i].data.fd, mask, &running);
	}
	if (state.deadline <= hms_clock_ms())
	{
		/* the timer fires once: forgetting that would spin */
		state.deadline = HMS_NO_DEADLINE;
		lib.curl_multi_socket_action(state.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = lib.curl_multi_info_read(state.multi, &left)) != NULL)
	{
		HmsExchange *exchange;
		CURLcode	result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		lib.curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
						  (char **) &exchange);
		finish_exchange(exchange, result);
		ended = true;
	}
	state.unwatched_since = hms_clock_ms();
	return ended;
}

void
hms_exchange_start(HmsExchange *exchange)
{
	const char *fault;
	sigset_t	saved;
	bool		ended = false;

	start_curl();
	release_handle(exchange);
	reset_answer(exchange);
	exchange->headers = make_headers(exchange);

	enter_curl(&saved);
	fault = hand_over(exchange);
	if (fault == NULL)
		ended = let_curl_go_on();
	leave_curl(&saved);
	if (fault)
		refuse_option(fault);
	hms_stats_counters.requests++;
	if (ended)
		await_idle();
}

void
hms_transport_poll(void)
{
	sigset_t	saved;
	bool		ended;

	enter_curl(&saved);
	ended = let_curl_go_on();
	leave_curl(&saved);
	if (ended)
		await_idle();
}

void
hms_transport_wait(int64 deadline)
{
	WaitEvent	events[WAIT_EVENTS];
	instr_time	before;
	instr_time	after;
	long		timeout = -1;
	int64		unwatched = hms_clock_ms() - state.unwatched_since;
	int			n;

	start_curl();
	deadline = Min(deadline, state.deadline);
	if (deadline != HMS_NO_DEADLINE)
		timeout = (long) Min(Max(deadline - hms_clock_ms(), 0), INT_MAX);

	INSTR_TIME_SET_CURRENT(before);
	n = WaitEventSetWait(state.wait_set, timeout, events, lengthof(events),
						 hms_wait_event());
	INSTR_TIME_SET_CURRENT(after);
	INSTR_TIME_SUBTRACT(after, before);
	hms_stats_counters.usec_waited += INSTR_TIME_GET_MICROSEC(after);
	state.unwatched_since = hms_clock_ms() - unwatched;

	for (int i = 0; i < n; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
	}
	CHECK_FOR_INTERRUPTS();
	hms_transport_poll();
}

const char *
hms_method_name(HmsMethod method)
{
	static const char *const names[] = {
		[HMS_GET] = "GET", [HMS_POST] = "POST", [HMS_DELETE] = "DELETE"
	};

	return names[method];
}

const char *
hms_outcome_name(HmsOutcome outcome)
{
	static const char *const names[] = {
		[HMS_ANSWERED] = "none", [HMS_NOT_CONNECTED] = "not_connected",
		[HMS_CONNECT_TIMED_OUT] = "connect_timeout", [HMS_TIMED_OUT] = "timeout",
		[HMS_BROKEN] = "broken", [HMS_GARBAGE] = "not_http",
		[HMS_TOO_LARGE] = "too_large", [HMS_NO_MEMORY] = "no_memory"
	};

	return names[outcome];
}

char *
hms_transport_version(void)
{
	const curl_version_info_data *info = open_curl();

	return psprintf("libcurl %s, %s%s", info->version,
					info->ssl_version ? info->ssl_version : "no TLS",
					info->features & CURL_VERSION_HTTP2 ? ", HTTP/2" : "");
}
