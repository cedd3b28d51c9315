/*
 * age.h
 *		How long 100ms keeps the events of a session, and saying that it has
 *		none any more.
 */
#ifndef HMS_AGE_H
#define HMS_AGE_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "account.h"

/* Where a session that ended then is too old for events, say so, once a statement. */
extern void hms_age_note(TimestampTz ended);

/*
 * This session had none of the events that were asked for: look whether it is
 * too old for them.  Raises nothing for what is wrong with the look.
 */
extern void hms_age_look(HmsAccount *account, const char *session_id);

#endif							/* HMS_AGE_H */
