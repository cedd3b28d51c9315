/*
 * webhook.h
 *		The proof that a webhook comes from 100ms.
 */
#ifndef HMS_WEBHOOK_H
#define HMS_WEBHOOK_H

#include "postgres.h"

/*
 * What is asked of a webhook as the settings are now, in words; false where
 * one that proves nothing is taken.
 */
extern bool hms_webhook_is_asked(const char **proof);

#endif							/* HMS_WEBHOOK_H */
