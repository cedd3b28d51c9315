/*
 * transport.h
 *		HTTP exchanges, any number at once, without ever blocking a backend.
 *
 * The only room that knows libcurl; no type of it appears here.
 */
#ifndef HMS_TRANSPORT_H
#define HMS_TRANSPORT_H

#include "postgres.h"

typedef enum HmsMethod
{
	HMS_GET,
	HMS_POST,
	HMS_DELETE
} HmsMethod;

/* How an exchange ended. */
typedef enum HmsOutcome
{
	HMS_ANSWERED,				/* there is a whole answer, with any status */
	HMS_NOT_CONNECTED,			/* no connection: name, refused, TLS */
	HMS_CONNECT_TIMED_OUT,		/* hms.connect_timeout passed */
	HMS_TIMED_OUT,				/* hms.timeout passed */
	HMS_BROKEN,					/* the connection broke or the body was cut */
	HMS_GARBAGE,				/* the answer is not HTTP */
	HMS_TOO_LARGE,				/* the body is over its limit */
	HMS_NO_MEMORY
} HmsOutcome;

/*
 * One request and its answer.  The creator owns it and fills the first part;
 * transport.c owns the rest.  It may be started again once it has ended: the
 * buffer and the handle are used again.
 */
typedef struct HmsExchange
{
	/* the request; must stay valid until the exchange has ended */
	HmsMethod	method;
	const char *url;
	const char *token;			/* NULL: no Authorization header, and none of
								 * the API's others */
	const char *body;			/* NULL: none */
	const char *ca_file;		/* empty: the system's authorities */
	size_t		max_size;		/* bytes of the answer at most; 0: what
								 * hms.max_response_size says */

	/* the answer, once done */
	bool		done;
	HmsOutcome	outcome;
	bool		sent;			/* false: no byte of the request went out */
	bool		trust;			/* the failure is one of certificates */
	bool		neglected;		/* a limit of time passed while nobody looked */
	int			status;			/* HTTP status */
	int64		retry_after;	/* seconds, or -1 */
	char		date[64];		/* Date header; empty: there was none */
	char	   *data;			/* the body, NUL-terminated */
	size_t		len;
	int64		ms;				/* that it took */
	char		error[256];		/* libcurl's words for a failure */

	/* transport.c's own */
	int			sendings;		/* times that the request went out */
	int64		retry_at;		/* Retry-After as a date, or -1 */
	size_t		capacity;		/* of data */
	size_t		header_len;		/* of all headers so far */
	bool		over_limit;
	bool		out_of_memory;
	void	   *handle;
	void	   *headers;
} HmsExchange;

/*
 * An exchange whose memory is in the current memory context.  It is ended and
 * its handle given back when that context is reset or deleted.
 */
extern HmsExchange *hms_exchange_create(void);
extern void hms_exchange_start(HmsExchange *exchange);

/*
 * Why nothing may be asked of this URL, or NULL.  A whole URL, from an answer:
 * it is https, or http to a loopback address, and holds no password.
 */
extern const char *hms_transport_url_fault(const char *url);

/* The answer's own time, seconds since 1970, or -1. */
extern int64 hms_exchange_server_time(const HmsExchange *exchange);

/* Milliseconds on a clock that never jumps, and "no deadline" on it. */
extern int64 hms_clock_ms(void);

#define HMS_NO_DEADLINE PG_INT64_MAX

/*
 * Wait until something happened to any exchange, or the deadline has passed,
 * or an interrupt is pending, which is then served: this may raise.
 */
extern void hms_transport_wait(int64 deadline);

/* Let the exchanges go on without waiting. */
extern void hms_transport_poll(void);

/* Words of a log: a method, and how an exchange ended. */
extern const char *hms_method_name(HmsMethod method);
extern const char *hms_outcome_name(HmsOutcome outcome);

/* Why the libcurl that is there can't be used, a sentence, or NULL. */
extern const char *hms_transport_fault(void);

/* Versions of libcurl and its TLS library, palloc'd. */
extern char *hms_transport_version(void);

#endif							/* HMS_TRANSPORT_H */
