/*
 * gate.h
 *		Whether a call of an inner function may become a request, and which.
 */
#ifndef HMS_GATE_H
#define HMS_GATE_H

#include "postgres.h"

#include "fmgr.h"

#include "request.h"

/* Have noticed who begins a query, and the planner, whose calls send nothing. */
extern void hms_gate_init(void);

/*
 * Who counts for a function that was prepared in this memory context: who
 * started the executor that it belongs to.  Of no executor's, or of one that is
 * just starting, the current user.
 */
extern Oid	hms_gate_starter(MemoryContext context);

/* Raise 42501 unless the role may execute a function that the endpoint serves. */
extern void hms_gate_check(Oid function, Oid role, const HmsEndpoint *endpoint);

/*
 * Raise 22023 for more arguments than HMS_MAX_PARAMS, or an array of them:
 * before an array of HmsArg is filled.
 */
extern void hms_gate_check_count(const char *endpoint, int nargs, bool variadic);

/* The endpoint of this name (NULL: SQL's); raises when there is none. */
extern const HmsEndpoint *hms_gate_endpoint(const char *name);

/*
 * Raise for what must not be asked for through this inner function.  False: the
 * planner asks for what a read returns, and is told nothing.  "is_allowed":
 * hms_gate_check was passed before, or another privilege counts.
 */
extern bool hms_gate_open(Oid function, Oid role, const HmsEndpoint *endpoint,
						  bool is_allowed);

/*
 * The request for an endpoint, called through that inner function with these
 * arguments.  In the current memory context; raises for what must not be sent.
 * NULL: nothing is asked for, as hms_gate_open says.
 */
extern HmsRequest *hms_gate_request(const FmgrInfo *function, const HmsEndpoint *endpoint,
									const HmsArg *args, int nargs);

/*
 * The same for this call of _hms_rows or _hms_call: (result type, endpoint,
 * arguments ...).  Fills in the arguments, HMS_MAX_PARAMS at most.
 */
extern HmsRequest *hms_gate_request_of_call(FunctionCallInfo fcinfo, HmsArg *args);

#endif							/* HMS_GATE_H */
