# hms: builds the extension with PGXS.
#
#	make && make install && make installcheck
#
# installcheck needs a server whose settings point to the stand-in of
# test/standin; script/test does all of it.

MODULE_big = hms
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
EXTENSION = hms
DATA = hms--1.0.sql
PGFILEDESC = "hms - 100ms live video in SQL"
REGRESS = settings tokens arguments rows columns transactions catalog

PKG_CONFIG ?= pkg-config
# libcurl and libjwt are loaded, not linked: src/library.c says why
loaded_soname = '"$(shell objdump -p $(shell $(PKG_CONFIG) --variable=libdir $(1))/$(1).so | \
	awk '$$1 == "SONAME" { print $$2 }')"'

PG_CPPFLAGS = $(shell $(PKG_CONFIG) --cflags libcurl libjwt) \
	-DLIBCURL_SONAME=$(call loaded_soname,libcurl) -DLIBJWT_SONAME=$(call loaded_soname,libjwt)

# PostgreSQL's headers are not ours to keep free of warnings
PG_CFLAGS = -Wall -Wextra -isystem $(shell $(PG_CONFIG) --includedir-server)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# a struct of a header is in many objects, and PGXS does not look
$(OBJS) $(OBJS:.o=.bc): $(wildcard src/*.h)
