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
#include <unistd.h>

#include "portability/instr_time.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "compat.h"
#include "library.h"
#include "settings.h"
#include "stats.h"
#include "transport.h"

/* 7.87: CURLOPT_QUICK_EXIT, without which a hanging resolver blocks cancel */
#if LIBCURL_VERSION_NUM < 0x075700
#error "hms needs libcurl 7.87 or later"
#endif

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
 * A write reuses a connection only when it was used this recently (seconds).
 * An older one may have been closed by the server just now, and a write that
 * is lost on it can't be repeated.
 */
#define WRITE_MAX_IDLE 5L

/* What is read from a socket at a time: a usual page. */
#define RECEIVE_BUFFER_SIZE (64 * 1024L)

/* Sockets looked at per round. */
#define EVENTS_PER_POLL 64

/* The functions of libcurl that are used here, under their own names. */
#define LIBCURL_FUNCTIONS(X) \
	X(curl_global_init) X(curl_version_info) X(curl_getdate) \
	X(curl_easy_init) X(curl_easy_reset) X(curl_easy_cleanup) \
	X(curl_easy_setopt) X(curl_easy_getinfo) X(curl_easy_strerror) \
	X(curl_multi_init) X(curl_multi_setopt) X(curl_multi_assign) \
	X(curl_multi_add_handle) X(curl_multi_remove_handle) \
	X(curl_multi_socket_action) X(curl_multi_info_read) \
	X(curl_slist_append) X(curl_slist_free_all) \
	X(curl_url) X(curl_url_set) X(curl_url_get) X(curl_url_cleanup) X(curl_free)

static struct
{
	LIBCURL_FUNCTIONS(HMS_LIBRARY_MEMBER)
	bool		loaded;
}			lib;

static CURLM *multi = NULL;
static int	epoll_fd = -1;
static WaitEventSet *wait_set = NULL;
static int64 curl_deadline = HMS_NO_DEADLINE;

/*
 * Since when (on hms_clock_ms) nobody has looked at the exchanges: between two
 * rows of a cursor, for instance.  Waiting is looking.  A time in between that
 * is shorter than NEGLECT_MIN (ms) is not worth telling apart.
 */
#define NEGLECT_MIN 100

static int64 unwatched_since = 0;

static CURL *spare_handles[SPARE_HANDLES];
static int	spare_count = 0;

static MemoryContext body_context = NULL;
static struct
{
	char	   *data;
	size_t		capacity;
}			spare_bodies[SPARE_BODIES];
static int	spare_body_count = 0;

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

/* libcurl wants to be told when a socket can be read or written. */
static int
socket_callback(CURL *easy pg_attribute_unused(), curl_socket_t sock, int what,
				void *data pg_attribute_unused(), void *known)
{
	struct epoll_event event = {0};

	if (what == CURL_POLL_REMOVE)
	{
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, sock, NULL);
		return 0;
	}
	event.data.fd = sock;
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (known == NULL)
		lib.curl_multi_assign(multi, sock, &epoll_fd);
	return epoll_ctl(epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, sock,
					 &event);
}

/* libcurl wants to be called after some time. */
static int
timer_callback(CURLM *m pg_attribute_unused(), long timeout_ms,
			   void *data pg_attribute_unused())
{
	curl_deadline = timeout_ms < 0 ? HMS_NO_DEADLINE : hms_clock_ms() + timeout_ms;
	return 0;
}

/* PostgreSQL counts the descriptors that its own code does not know of. */
static curl_socket_t
open_socket_callback(void *data pg_attribute_unused(),
					 curlsocktype purpose pg_attribute_unused(),
					 struct curl_sockaddr *addr)
{
	curl_socket_t sock;

	if (!AcquireExternalFD())
		return CURL_SOCKET_BAD;
	sock = socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
	if (sock == CURL_SOCKET_BAD)
		ReleaseExternalFD();
	return sock;
}

static int
close_socket_callback(void *data pg_attribute_unused(), curl_socket_t sock)
{
	ReleaseExternalFD();
	return close(sock);
}

/*
 * The request is about to go out.  When a kept-alive connection turns out to
 * be dead libcurl would send the request again on its own: whether that is
 * right is call.c's decision, so the second time is refused.
 */
static int
send_callback(void *data, char *primary_ip pg_attribute_unused(),
			  char *local_ip pg_attribute_unused(),
			  int primary_port pg_attribute_unused(),
			  int local_port pg_attribute_unused())
{
	HmsExchange *exchange = data;

	if (exchange->sent)
		return CURL_PREREQFUNC_ABORT;
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
		grown = MemoryContextAllocExtended(body_context, capacity,
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

/* If this header line is the named one, its value. */
static const char *
header_value(const char *line, size_t len, const char *name)
{
	size_t		name_len = strlen(name);

	if (len <= name_len || line[name_len] != ':' ||
		pg_strncasecmp(line, name, name_len) != 0)
		return NULL;
	return line + name_len + 1;
}

/* A header line has come: keep Retry-After and Date. */
static size_t
header_callback(char *line, size_t size, size_t count, void *data)
{
	HmsExchange *exchange = data;
	size_t		len = size * count;
	char		text[64];
	const char *value;
	size_t		len_value;
	bool		is_date = false;

	exchange->header_len += len;
	if (exchange->header_len > MAX_HEADER_LEN)
		return 0;

	value = header_value(line, len, "retry-after");
	if (value == NULL)
	{
		value = header_value(line, len, "date");
		is_date = true;
	}
	if (value == NULL)
		return len;

	while (value < line + len && *value == ' ')
		value++;
	len_value = Min(sizeof(text) - 1, (size_t) (line + len - value));
	memcpy(text, value, len_value);
	text[len_value] = '\0';
	text[strcspn(text, "\r\n")] = '\0';

	if (is_date)
		exchange->server_time = lib.curl_getdate(text, NULL);
	else if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0')
		exchange->retry_after = strlen(text) > 9 ? PG_INT32_MAX : atol(text);
	else
	{
		time_t		date = lib.curl_getdate(text, NULL);

		if (date != -1)
			exchange->retry_after = Max(0, (int64) date - (int64) time(NULL));
	}
	return len;
}

/* --- handles --------------------------------------------------------------- */

static void
load_curl(void)
{
	void	   *library;

	if (lib.loaded)
		return;
	library = hms_library_load(LIBCURL_SONAME, false);
	LIBCURL_FUNCTIONS(HMS_LIBRARY_BIND)
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

/* libcurl is started by the first request. */
static void
start_curl(void)
{
	if (multi != NULL)
		return;

	load_curl();
	if (lib.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not start libcurl")));
	if (epoll_fd < 0)
	{
		if (!AcquireExternalFD())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("could not get a file descriptor for requests to 100ms")));
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		if (epoll_fd < 0)
		{
			ReleaseExternalFD();
			ereport(ERROR,
					(errcode(ERRCODE_SYSTEM_ERROR),
					 errmsg("could not create an epoll set: %m")));
		}
	}
	if (wait_set == NULL)
	{
		WaitEventSet *set = hms_create_wait_event_set(3);

		AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
		AddWaitEventToSet(set, WL_SOCKET_READABLE, epoll_fd, NULL, NULL);
		wait_set = set;
	}
	if (body_context == NULL)
		body_context = AllocSetContextCreate(TopMemoryContext, "hms bodies",
											 ALLOCSET_DEFAULT_SIZES);
	multi = lib.curl_multi_init();
	if (multi == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	lib.curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_callback);
	lib.curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_callback);
}

/* Give the handle back, and forget the headers; signals are blocked. */
static void
give_back(HmsExchange *exchange)
{
	lib.curl_multi_remove_handle(multi, exchange->handle);
	if (spare_count < SPARE_HANDLES)
	{
		lib.curl_easy_reset(exchange->handle);
		spare_handles[spare_count++] = exchange->handle;
	}
	else
		lib.curl_easy_cleanup(exchange->handle);
	exchange->handle = NULL;
	for (struct curl_slist *line = exchange->headers; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	lib.curl_slist_free_all(exchange->headers);
	exchange->headers = NULL;
}

/* End an exchange that is under way; never raises. */
static void
release_handle(HmsExchange *exchange)
{
	sigset_t	saved;

	if (exchange->handle == NULL)
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
	if (exchange->capacity <= SPARE_BODY_MAX && spare_body_count < SPARE_BODIES)
	{
		spare_bodies[spare_body_count].data = exchange->data;
		spare_bodies[spare_body_count++].capacity = exchange->capacity;
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

/* Append a header line; false when out of memory. */
static bool
add_header(HmsExchange *exchange, const char *line)
{
	struct curl_slist *list = lib.curl_slist_append(exchange->headers, line);

	if (list == NULL)
		return false;
	exchange->headers = list;
	return true;
}

/*
 * The header lines of every request.  One without a token goes to somebody
 * else than the API, and says no more than it must.
 */
static bool
set_headers(HmsExchange *exchange, const char *authorization)
{
	if (authorization == NULL)
		return add_header(exchange, "Accept: */*");
	return add_header(exchange, authorization) &&
		add_header(exchange, "Content-Type: application/json") &&
		add_header(exchange, "Accept: application/json") &&
		add_header(exchange, "Expect:");
}

/* Tell libcurl all about the request. */
static void
set_options(CURL *easy, HmsExchange *exchange)
{
	lib.curl_easy_setopt(easy, CURLOPT_URL, exchange->url);
	lib.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	lib.curl_easy_setopt(easy, CURLOPT_USERAGENT, "hms/" HMS_VERSION " (PostgreSQL)");
	switch (exchange->method)
	{
		case HMS_GET:
			lib.curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
			break;
		case HMS_POST:
			lib.curl_easy_setopt(easy, CURLOPT_POST, 1L);
			lib.curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body);
			lib.curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
							 (curl_off_t) strlen(exchange->body));
			break;
		case HMS_DELETE:
			lib.curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
			break;
	}
	if (exchange->method != HMS_GET)
		lib.curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, WRITE_MAX_IDLE);

	/* where it may go: no other scheme, no redirect, no netrc (the default) */
	lib.curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
	lib.curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	lib.curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	lib.curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (exchange->ca_file[0] != '\0')
		lib.curl_easy_setopt(easy, CURLOPT_CAINFO, exchange->ca_file);
	if (hms_url_is_plain_http(exchange->url))
		lib.curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");

	lib.curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	lib.curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	lib.curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");

	lib.curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_SIZE);
	lib.curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) hms_connect_timeout);
	lib.curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) hms_timeout);
	lib.curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	lib.curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);

	lib.curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	lib.curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
	lib.curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket_callback);
	lib.curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket_callback);
	lib.curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, send_callback);
	lib.curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
	lib.curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_callback);
	lib.curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	lib.curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_callback);
	lib.curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
}

StaticAssertDecl(CURL_ERROR_SIZE <= sizeof(((HmsExchange *) 0)->error),
				 "an exchange must have room for libcurl's error text");

void
hms_exchange_start(HmsExchange *exchange)
{
	char	   *authorization = exchange->token == NULL ? NULL :
		psprintf("Authorization: Bearer %s", exchange->token);
	sigset_t	saved;
	bool		ok;

	start_curl();
	release_handle(exchange);
	exchange->done = false;
	exchange->sent = false;
	exchange->trust = false;
	exchange->neglected = false;
	exchange->header_len = 0;
	exchange->over_limit = false;
	exchange->out_of_memory = false;
	exchange->status = 0;
	exchange->retry_after = -1;
	exchange->server_time = -1;
	exchange->len = 0;
	exchange->error[0] = '\0';
	if (exchange->data == NULL && spare_body_count > 0)
	{
		exchange->data = spare_bodies[--spare_body_count].data;
		exchange->capacity = spare_bodies[spare_body_count].capacity;
	}
	if (exchange->data)
		exchange->data[0] = '\0';

	enter_curl(&saved);
	exchange->handle = spare_count > 0 ? spare_handles[--spare_count] :
		lib.curl_easy_init();
	ok = exchange->handle != NULL && set_headers(exchange, authorization);
	if (ok)
	{
		set_options(exchange->handle, exchange);
		lib.curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) hms_max_connections);
		ok = lib.curl_multi_add_handle(multi, exchange->handle) == CURLM_OK;
	}
	leave_curl(&saved);
	if (authorization)
		hms_forget_text(authorization);
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not start a request to 100ms")));
	hms_stats_counters.requests++;
	hms_transport_poll();
}

/* --- outcomes --------------------------------------------------------------- */

/*
 * Were the headers too long?  Of a single line that is, libcurl says that it
 * is out of memory; it hardly ever is, once a request has gone out.
 */
static bool
headers_too_long(const HmsExchange *exchange, CURLcode result)
{
	return exchange->header_len > MAX_HEADER_LEN ||
		(result == CURLE_OUT_OF_MEMORY && exchange->sent && exchange->len == 0);
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
	int64		unwatched = hms_clock_ms() - unwatched_since;
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

	if (result == CURLE_OPERATION_TIMEDOUT)
		exchange->neglected = was_neglected(exchange);
	lib.curl_easy_getinfo(exchange->handle, CURLINFO_RESPONSE_CODE, &status);
	exchange->status = (int) status;
	exchange->outcome = outcome_of(exchange, result);
	exchange->trust = result == CURLE_PEER_FAILED_VERIFICATION ||
		result == CURLE_SSL_CACERT_BADFILE ||
		result == CURLE_SSL_CERTPROBLEM ||
		result == CURLE_SSL_ISSUER_ERROR;
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

void
hms_transport_poll(void)
{
	struct epoll_event events[EVENTS_PER_POLL];
	sigset_t	saved;
	int			running;
	int			left;
	int			n;
	CURLMsg    *message;

	n = epoll_wait(epoll_fd, events, EVENTS_PER_POLL, 0);
	enter_curl(&saved);
	for (int i = 0; i < n; i++)
	{
		int			mask = 0;

		if (events[i].events & (EPOLLIN | EPOLLHUP))
			mask |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			mask |= CURL_CSELECT_OUT;
		if (events[i].events & EPOLLERR)
			mask |= CURL_CSELECT_ERR;
		lib.curl_multi_socket_action(multi, events[i].data.fd, mask, &running);
	}
	if (curl_deadline <= hms_clock_ms())
	{
		/* the timer fires once: forgetting that would spin */
		curl_deadline = HMS_NO_DEADLINE;
		lib.curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = lib.curl_multi_info_read(multi, &left)) != NULL)
	{
		HmsExchange *exchange;
		CURLcode	result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		lib.curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
						  (char **) &exchange);
		finish_exchange(exchange, result);
	}
	leave_curl(&saved);
	unwatched_since = hms_clock_ms();
}

void
hms_transport_wait(int64 deadline)
{
	WaitEvent	events[3];
	instr_time	before;
	instr_time	after;
	long		timeout = -1;
	int64		unwatched = hms_clock_ms() - unwatched_since;
	int			n;

	start_curl();
	deadline = Min(deadline, curl_deadline);
	if (deadline != HMS_NO_DEADLINE)
		timeout = (long) Min(Max(deadline - hms_clock_ms(), 0), INT_MAX);

	INSTR_TIME_SET_CURRENT(before);
	n = WaitEventSetWait(wait_set, timeout, events, lengthof(events),
						 hms_wait_event());
	INSTR_TIME_SET_CURRENT(after);
	INSTR_TIME_SUBTRACT(after, before);
	hms_stats_counters.usec_waited += INSTR_TIME_GET_MICROSEC(after);
	unwatched_since = hms_clock_ms() - unwatched;

	for (int i = 0; i < n; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
	}
	CHECK_FOR_INTERRUPTS();
	hms_transport_poll();
}

char *
hms_transport_version(void)
{
	const curl_version_info_data *info;

	load_curl();
	info = lib.curl_version_info(CURLVERSION_NOW);

	return psprintf("libcurl %s, %s%s", info->version,
					info->ssl_version ? info->ssl_version : "no TLS",
					info->features & CURL_VERSION_HTTP2 ? ", HTTP/2" : "");
}
