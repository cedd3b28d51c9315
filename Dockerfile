# PostgreSQL of the official images with hms in it.
#
#   docker build --build-arg PG_MAJOR=17 -t hms:17 .
ARG PG_MAJOR=17
ARG CODENAME=bookworm
FROM postgres:$PG_MAJOR-$CODENAME
ARG PG_MAJOR

COPY . /tmp/hms

# One layer: what only the build needs is gone at its end. The two libraries are loaded, not linked, so nothing but the
# mark keeps them. The locales package is held: another one would change the collations of a database.
# hadolint ignore=DL3008
RUN set -eux; \
	apt-mark hold locales; \
	apt-get update; \
	apt-get install -y --no-install-recommends \
		build-essential libcurl4-openssl-dev libjwt-dev pkgconf "postgresql-server-dev-$PG_MAJOR" \
		ca-certificates "postgresql-$PG_MAJOR-cron"; \
	make -C /tmp/hms clean; \
	make -C /tmp/hms -j "$(nproc)" with_llvm=no; \
	make -C /tmp/hms with_llvm=no install; \
	find /usr/lib -name 'libcurl.so.4.*' -o -name 'libjwt.so.*.*' | xargs dpkg-query -S | cut -d: -f1 | sort -u | xargs apt-mark manual; \
	apt-get purge -y build-essential libcurl4-openssl-dev libjwt-dev pkgconf "postgresql-server-dev-$PG_MAJOR"; \
	apt-get autoremove -y -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false; \
	apt-mark unhold locales; \
	rm -rf /tmp/hms /var/lib/apt/lists/*; \
	echo "session_preload_libraries = 'hms'" >>/usr/share/postgresql/postgresql.conf.sample
