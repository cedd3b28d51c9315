/*
 * rules.h
 *		What a body must hold before it is sent: the facts of the API that are
 *		certain, as data.
 *
 * A rule says something of the value at a path.  Where there is no such value
 * it is content, but for HMS_RULE_NEEDED; what no rule names passes.
 */
#ifndef HMS_RULES_H
#define HMS_RULES_H

#include "postgres.h"

#include <math.h>

#include "utils/jsonb.h"

typedef enum HmsRuleKind
{
	HMS_RULE_NEEDED,			/* is there, neither null nor empty, once the
								 * object around it is */
	HMS_RULE_NUMBER,			/* a number from min to max */
	HMS_RULE_LENGTH,			/* a text of min to max characters, or an array
								 * of so many elements */
	HMS_RULE_RTMP_URLS,			/* an array of min to max rtmp or rtmps URLs */
	HMS_RULE_WEB_URL,			/* an http or https URL */
	HMS_RULE_RESOLUTION,		/* {width, height} that the platform can make */
	HMS_RULE_DIGITS,			/* an array of telephone digits */
	HMS_RULE_SIP_HEADERS,		/* an object of SIP header names and values */
	HMS_RULE_EITHER,			/* it or the body's member "other" asks for
								 * something */
	HMS_RULE_ALL				/* "rules", whose paths begin at it */
} HmsRuleKind;

/*
 * A path is names with dots between them; "*" is each member of an object, "[]"
 * each element of an array.  A list of rules ends with one without a path.
 */
typedef struct HmsRule
{
	const char *path;
	HmsRuleKind kind;
	double		min;
	double		max;			/* INFINITY: no bound */
	const char *other;
	const struct HmsRule *rules;
	bool		unless_overwrite;	/* it does not hold when the function's
									 * argument "overwrite" is true */
} HmsRule;

/*
 * Raise 22023 for a body that breaks a rule.  "argument" is the one that holds
 * the whole body, or NULL when each member is an argument of its own.
 */
extern void hms_rules_check(const HmsRule *rules, const char *argument,
							Jsonb *body, bool overwrite);

#endif							/* HMS_RULES_H */
