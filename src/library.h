/*
 * library.h
 *		Shared libraries that are loaded when they are first needed.
 */
#ifndef HMS_LIBRARY_H
#define HMS_LIBRARY_H

#include "postgres.h"

/*
 * Load a library.  "deep": it sees its own libraries' names before those of
 * the server's executable.  Raises when that fails.
 */
extern void *hms_library_load(const char *soname, bool deep);

/* The address of one of its functions; raises when there is none. */
extern void *hms_library_function(void *library, const char *name);

/*
 * For a struct of function pointers under the functions' own names: its
 * members, and the statement that binds one.
 */
#define HMS_LIBRARY_MEMBER(name) __typeof__(&name) name;
#define HMS_LIBRARY_BIND(name) lib.name = hms_library_function(library, #name);

#endif							/* HMS_LIBRARY_H */
