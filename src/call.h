/*
 * call.h
 *		One call of the API: an exchange, repeated when that is safe.
 */
#ifndef HMS_CALL_H
#define HMS_CALL_H

#include "postgres.h"

#include "apierror.h"
#include "redact.h"
#include "request.h"
#include "transport.h"

/* The token of one walk or one call, shared by its requests. */
typedef struct HmsAuth
{
	char	   *token;
	HmsAccount *account;		/* that it was made for */
	const HmsClaims *claims;	/* of an auth token; NULL: a management token */
} HmsAuth;

typedef enum HmsCallState
{
	HMS_CALL_IDLE,
	HMS_CALL_WAITING,			/* for the answer */
	HMS_CALL_BACKING_OFF,		/* until not_before */
	HMS_CALL_SUCCEEDED,			/* with a 2xx answer, in exchange->data */
	HMS_CALL_FAILED				/* for good; failure.h says why */
} HmsCallState;

typedef struct HmsCall
{
	HmsCallState state;
	const HmsRequest *request;
	HmsAuth    *auth;			/* NULL: no token is sent */
	HmsExchange *exchange;
	char	   *url;			/* of this page; freed with the next start */
	int			rows;			/* that the page may have; 0: not for us to say */
	int			attempts;		/* repetitions so far, a renewed token aside */
	bool		renewed;		/* the token was renewed for this call */
	int64		not_before;		/* on hms_clock_ms, while backing off */
	int64		refused_wait;	/* ms that were too long to wait, or -1 */
	int			sendings;		/* times that it was sent, as we know */

	/* call.c's own: what was read of the answer, once it was asked for */
	MemoryContext error_context;
	const HmsSecrets *secrets;
	const HmsApiError *error;
} HmsCall;

/* Both live in the current memory context and are released with it. */
extern HmsAuth *hms_auth_create(const HmsRequest *request);
extern HmsCall *hms_call_create(const HmsRequest *request, HmsAuth *auth);

/*
 * A call that is under way for a file which an answer links to: a GET of that
 * whole URL, without any token, no redirect followed, whose body may have
 * "max_size" bytes.  "doing" is what is done, for "could not ...".  It is
 * repeated, finished, read and raised as any other; raises 08P01 when nothing
 * may be asked of such a URL.  In the current memory context.
 */
extern HmsCall *hms_call_file(const char *doing, const char *url, size_t max_size);

/* Ask for this URL, palloc'd, which the call then owns. */
extern void hms_call_start(HmsCall *call, char *url);

/* Look whether something has happened; true when the call has ended. */
extern bool hms_call_ended(HmsCall *call);

/* When to look again although nothing was received, or HMS_NO_DEADLINE. */
extern int64 hms_call_deadline(const HmsCall *call);

/* Wait for the end. */
extern void hms_call_finish(HmsCall *call);

/* What the answer says in the API's error shape; empty where it has none. */
extern const HmsApiError *hms_call_error(HmsCall *call);

/* What the answer's code means, where the endpoint has errors of its own, or NULL. */
extern const HmsErrorCode *hms_call_own_error(HmsCall *call);

/* A failed call's answer is a 404 in the API's own shape. */
extern bool hms_call_is_missing(HmsCall *call);

/* What this call has sent and nobody may read. */
extern const HmsSecrets *hms_call_secrets(HmsCall *call);

#endif							/* HMS_CALL_H */
