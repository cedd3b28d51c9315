/*
 * served.h
 *		Which functions of the extension ask which endpoint?
 */
#ifndef HMS_SERVED_H
#define HMS_SERVED_H

#include "postgres.h"

#include "endpoints.h"

/*
 * May the role execute one of the public functions that this endpoint, asked
 * through that inner function, serves?
 */
extern bool hms_served_may_execute(Oid function, const HmsEndpoint *endpoint, Oid role);

/* Is this function in SQL one of ours, whose body may ask an endpoint? */
extern bool hms_served_asks(Oid function);

#endif							/* HMS_SERVED_H */
