/*
 * oracle.h
 *		PostgreSQL's own JSON parser, for comparison.
 */
#ifndef HMS_FUZZ_ORACLE_H
#define HMS_FUZZ_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/* Is it JSON? */
extern bool oracle_accepts(const char *text, size_t len);

/* Is it JSON whose strings can all be unescaped? */
extern bool oracle_accepts_for_jsonb(const char *text, size_t len);

#endif							/* HMS_FUZZ_ORACLE_H */
