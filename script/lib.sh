# Functions that script/demo, script/test and script/soak share: a copy of the PostgreSQL programs to install into,
# a throwaway cluster, the stand-in for the API, and the end of all of it. Sourced by bash.
#
# Everything lives in one new directory below /tmp, $work, and is gone when the script ends, however it ends.
# The checkout itself is only read: it may belong to somebody else, or lie where the server's user cannot look.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
access_key=standin-access-key
secret=standin-secret-$$-$RANDOM$RANDOM
standin_pid=
group_pid=
with_cron= # not empty: the cluster loads pg_cron

umask 022
unset PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE PGPASSWORD PGCLIENTENCODING
export LC_ALL=C.UTF-8
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost

# Ends the script with a message.
die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# Runs a command, its output kept in a log that is shown only when the command fails.
quietly() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        return 1
    }
}

# Runs a command as a user that PostgreSQL agrees to run as: this one, or postgres instead of root.
# It replaces the process, so that the process id of a background call is the command's own.
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        exec setpriv --reuid postgres --regid postgres --init-groups env HOME="$work" "$@"
    else
        exec "$@"
    fi
}

# Hands a file or a directory to the user that as_server runs as.
give_to_server() {
    [ "$(id -u)" -ne 0 ] || chown -R postgres "$1"
}

# The pg_config of the system's own PostgreSQL, that of the package "postgresql".
system_pg_config() {
    local major
    major=$(dpkg-query -W -f '${Depends}' postgresql | sed 's/.*postgresql-\([0-9]*\).*/\1/')
    echo "/usr/lib/postgresql/$major/bin/pg_config"
}

# Installs what is missing, the packages named too, and makes $work with a copy of the checkout and of the PostgreSQL
# programs. A server looks for its libraries and its extensions relative to where its program lies, so what is
# installed into the copy touches nothing else.
prepare() {
    "$root/script/deps" "$@" || exit
    PG_CONFIG=${PG_CONFIG:-$(system_pg_config)}
    "$PG_CONFIG" --pgxs >/dev/null || die "PG_CONFIG ($PG_CONFIG) does not answer"
    work=$(mktemp -d /tmp/hms.XXXXXX)
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    chmod 755 "$work"
    give_to_server "$work"

    mkdir "$work/src"
    tar -C "$root" -cf - --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' --exclude=tmp_check . |
        tar -C "$work/src" -xf - --no-same-owner --no-same-permissions
    chmod -R a+rX "$work/src"

    local dir
    for dir in "$("$PG_CONFIG" --bindir)" "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"; do
        mkdir -p "$work$dir"
        cp -a "$dir/." "$work$dir"
    done
    bin=$work$("$PG_CONFIG" --bindir)
    give_to_server "$work$("$PG_CONFIG" --sharedir)/extension" # where a test puts a version of its own
}

# Runs make in the copy of the checkout.
build() {
    make -s -C "$work/src" -j "$(nproc)" PG_CONFIG="$PG_CONFIG" "$@"
}

# Installs what was built into the copy of the PostgreSQL programs. Not in parallel: PGXS's rules then step on each other.
install_build() {
    make -s -C "$work/src" PG_CONFIG="$PG_CONFIG" DESTDIR="$work" install
}

# Starts the stand-in and sets $api_url.
start_standin() {
    : >"$work/standin.out" # or it may not be there yet when it is looked at
    setsid setpriv --pdeathsig TERM /usr/bin/python3 "$work/src/test/standin/standin.py" \
        --access-key "$access_key" --secret "$secret" "$@" >"$work/standin.out" 2>"$work/standin.err" </dev/null &
    standin_pid=$!
    local _
    for _ in {1..300}; do
        api_url=$(sed -n 's/^listening on //p' "$work/standin.out")
        [ -z "$api_url" ] || return 0
        kill -0 "$standin_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/standin.err" >&2
    die "the stand-in for the API did not start"
}

# Starts a cluster that knows $api_url, $access_key and $secret, and points psql and friends to it.
start_cluster() {
    local data=$work/data
    (umask 077 && printf '%s\n' "$secret" >"$work/secret")
    give_to_server "$work/secret"
    quietly in_server_shell initdb -D "$data" -U postgres -A trust -E UTF8 --locale="${locale:-C.UTF-8}" --no-sync
    cat >"$work/settings" <<CONF
listen_addresses = ''
unix_socket_directories = '$work'
fsync = off
log_min_messages = warning
log_statement = none
session_preload_libraries = 'hms'
hms.access_key = '${access_key//\'/\'\'}'
hms.secret_file = '$work/secret'
${api_url:+hms.api_url = '$api_url'
hms.beam_url = '${api_url%/v2}/api/v2'
hms.policy_url = '${api_url%/v2}/policy/v1'
hms.webhook_secret = 'standin-webhook-secret'}
${with_cron:+shared_preload_libraries = 'pg_cron'
cron.use_background_workers = on}
CONF
    chmod a+r "$work/settings"
    echo "include '$work/settings'" >>"$data/postgresql.conf"
    quietly in_server_shell pg_ctl -D "$data" -l "$data/log" -w start || {
        cat "$data/log" >&2
        die "the throwaway PostgreSQL did not start"
    }
    export PGHOST=$work PGUSER=postgres PGDATABASE=postgres
}

# Runs one of the PostgreSQL programs in the copy, as the server's user and in a directory that it can read.
in_server_shell() {
    local program=$1
    shift
    (cd "$work" && as_server "$bin/$program" "$@")
}

# Runs a command as the server's user in a process group of its own, so that finish can end all of it.
in_group() {
    local status=0
    (cd "$work/src" && as_server setsid "$@") &
    group_pid=$!
    wait "$group_pid" || status=$?
    group_pid=
    return "$status"
}

# Runs a Perl program that uses PostgreSQL's own test modules and ours.
run_perl() {
    local pgxs
    pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/..
    give_to_server "$work/src"
    in_group env TMPDIR="$work" PATH="$bin:$PATH" PG_CONFIG="$PG_CONFIG" PERL5LIB="$work/src/t/lib:$pgxs/test/perl" \
        PG_REGRESS="$pgxs/test/regress/pg_regress" TESTDIR="$work/src" TESTDATADIR="$work/src/tmp_check" \
        TESTLOGDIR="$work/src/tmp_check/log" top_builddir="$work/src" perl "$@"
}

# Stops whatever still runs and removes $work.
finish() {
    local pidfile _
    trap '' INT TERM HUP
    if [ -n "$group_pid" ]; then
        kill -TERM -- "-$group_pid" 2>/dev/null || true
        for _ in {1..100}; do
            kill -0 -- "-$group_pid" 2>/dev/null || break
            sleep 0.1
        done
    fi
    find "$work" -name postmaster.pid 2>/dev/null | while read -r pidfile; do
        quietly in_server_shell pg_ctl -D "$(dirname "$pidfile")" -m immediate -w stop || true
    done
    [ -z "$standin_pid" ] || kill "$standin_pid" 2>/dev/null || true
    rm -rf "$work"
}
