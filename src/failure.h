/*
 * failure.h
 *		What the failure of a call means in SQL: SQLSTATE, message, detail, hint.
 */
#ifndef HMS_FAILURE_H
#define HMS_FAILURE_H

#include "postgres.h"

#include "call.h"

/* Why a call has failed, in words for people. */
extern const char *hms_call_reason(HmsCall *call);

/* libcurl's words for it, palloc'd; clean, and often empty. */
extern char *hms_call_words(HmsCall *call);

/* Raise the error of a failed call. */
extern void hms_call_raise(HmsCall *call) __attribute__((noreturn));

/* Raise 08P01: the answer is not what the API promises. */
extern void hms_call_raise_malformed(HmsCall *call, const char *why)
			__attribute__((noreturn));

#endif							/* HMS_FAILURE_H */
