/*
 * library.c
 *		Shared libraries that are loaded when they are first needed.
 *
 * libcurl and libjwt bring some thirty others along.  A server that preloads
 * hms would pay for them at every connection, and most connections never ask
 * 100ms for anything, so they are not linked but loaded by the first use.
 */
#include "postgres.h"

#include <dlfcn.h>

#include "library.h"

#ifdef __SANITIZE_ADDRESS__
/* it refuses the flag, and its free() is not the one that a library names */
#undef RTLD_DEEPBIND
#define find_function(library, name) \
	dlsym(strcmp(name, "free") == 0 || strcmp(name, "malloc") == 0 ? RTLD_DEFAULT : (library), name)
#else
#define find_function(library, name) dlsym(library, name)
#endif

#ifndef RTLD_DEEPBIND			/* a system that binds names by library */
#define RTLD_DEEPBIND 0
#endif

void *
hms_library_load(const char *soname, bool deep)
{
	void	   *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL | (deep ? RTLD_DEEPBIND : 0));

	if (library == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("could not load library \"%s\": %s", soname, dlerror())));
	return library;
}

void *
hms_library_function(void *library, const char *name)
{
	void	   *address = find_function(library, name);

	if (address == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not find function \"%s\" in its library", name)));
	return address;
}
