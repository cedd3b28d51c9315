# hms: builds the extension with PGXS.
#
#	make && make install && make installcheck
#
# installcheck asks any running server, and no API; script/test has a stand-in
# for that, and more tests.  It builds in its own folder or, with VPATH or
# "make -f", in any other.

EXTENSION = hms
MODULE_big = hms
PGFILEDESC = "hms - 100ms live video in SQL"

# where this file lies: out of tree that is not where objects go
hms_dir := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
# PGXS finds it by itself only where PostgreSQL was built out of tree
ifneq ($(hms_dir),.)
VPATH ?= $(hms_dir)
endif

# the version has its one place in the control file
HMS_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(hms_dir)/hms.control)
DATA = hms--$(HMS_VERSION).sql $(notdir $(wildcard $(hms_dir)/hms--*--*.sql))

REGRESS = settings tokens libjwt arguments
ifdef STANDIN
REGRESS += rows columns transactions catalog
endif
REGRESS_OPTS = --inputdir=$(hms_dir)

PKG_CONFIG ?= pkg-config
package_version = $(firstword $(shell $(PKG_CONFIG) --modversion $(1) 2>/dev/null))
# libcurl and libjwt are loaded, not linked: src/library.c says why
library_file = $(firstword $(wildcard $(shell $(PKG_CONFIG) --variable=libdir $(1))/$(1).so $(shell $(CC) -print-file-name=$(1).so)))
soname_of = $(if $(call package_version,$(1)),$(shell readelf -d $(call library_file,$(1)) 2>/dev/null | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p'))
loaded_soname = '"$(or $(call soname_of,$(1)),$(error no library $(1): install its development package, $(2) in Debian, and pkg-config))"'

# libjwt 3 has another API; src/ holds a file for each
jwt_generation = $(if $(filter 3.%,$(call package_version,libjwt)),3,1)
other_generation = $(filter-out $(jwt_generation),1 3)
hms_sources = $(filter-out src/jwtlib_$(other_generation).c,$(patsubst $(hms_dir)/%,%,$(sort $(wildcard $(hms_dir)/src/*.c))))
OBJS = $(hms_sources:.c=.o)

PG_CPPFLAGS = -DHMS_VERSION='"$(HMS_VERSION)"'
# what only looks at the sources, or takes away, needs no library
ifneq ($(filter-out clean distclean maintainer-clean dist installcheck uninstall,$(or $(MAKECMDGOALS),all)),)
PG_CPPFLAGS += $(shell $(PKG_CONFIG) --cflags libcurl libjwt) \
	-DLIBCURL_SONAME=$(call loaded_soname,libcurl,libcurl4-openssl-dev) -DLIBJWT_SONAME=$(call loaded_soname,libjwt,libjwt-dev)
endif

# PostgreSQL's headers are not ours to keep free of warnings
PG_CFLAGS = -Wall -Wextra -isystem $(shell $(PG_CONFIG) --includedir-server)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# a struct of a header is in many objects, and PGXS does not look
$(OBJS) $(OBJS:.o=.bc): $(wildcard $(hms_dir)/src/*.h) $(hms_dir)/hms.control | $(CURDIR)/src

$(CURDIR)/src:
	$(MKDIR_P) $@

# what PGXN takes: the files of the last commit, with the version in three parts
dist:
	git -C $(hms_dir) archive --format=zip --prefix=hms-$(HMS_VERSION).0/ -o $(CURDIR)/hms-$(HMS_VERSION).0.zip HEAD

.PHONY: dist
