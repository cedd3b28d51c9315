# What script/load runs: pgbench with a function that does one random thing, notes its outcome and knows the right answer;
# then one walk of a million events.

use strict;
use warnings;

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds  = shift // 60;
my $backends = shift // 64;

# Two faults in a hundred requests, of every kind that a network and a server have.
my @faults = (
	{ reset => true }, { reset_after => 500 }, { truncate => 700 }, { truncate => 0 }, { stall_after => 100 }, { garbage => true }, { raw_body => '{"data": [{"id": ' },
	(map { { status => $_ } } 401, 429, 500, 502, 503), { status => 429, headers => { 'Retry-After' => '1' } }, { status => 400 });
my $chance = 0.02 / @faults;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, max_connections => $backends + 20, 'hms.timeout' => '2s', log_min_messages => 'fatal', log_statement => 'none', fsync => 'off');
$api->load(room_id => "load-$_", events => 100 * $_, sessions => 20 * $_, peers => 3) foreach 1 .. 5;

# The truth, as the server has it.
my $world = $api->world;
my @truth;
foreach my $room (map { "load-$_" } 1 .. 5)
{
	my @sessions = grep { $_->{room_id} eq $room } @{ $world->{sessions} };
	my @events   = grep { $_->{data}{room_id} eq $room && $_->{type} =~ /^track/ } @{ $world->{events} };
	push @truth, ["SELECT md5(string_agg(id, ',' ORDER BY id COLLATE \"C\")) FROM hms_sessions('$room')", join ',', sort map { $_->{id} } @sessions];
	push @truth, ["SELECT md5(string_agg(id, ',' ORDER BY id COLLATE \"C\")) FROM hms_track_events('$room')", join ',', sort map { $_->{id} } @events];
	push @truth, ["SELECT md5(string_agg(id, ',' ORDER BY id COLLATE \"C\")) FROM hms_session_peers('$room')", join ',', sort map { keys %{ $_->{peers} } } @sessions];
	push @truth, ["SELECT md5(name) FROM hms_room('$room')", (map { $_->{name} } grep { $_->{id} eq $room } @{ $world->{rooms} })[0]];
}
push @truth, ["SELECT md5(string_agg(id, ',' ORDER BY id COLLATE \"C\")) FROM hms_sessions(ARRAY['load-1', 'load-2', 'load-3'])",
	join ',', sort map { $_->{id} } grep { $_->{room_id} =~ /^load-[123]$/ } @{ $world->{sessions} }];
push @truth, ["SELECT md5(hms_verify_token(hms_auth_token('r', 'x', 'u')) ->> 'user_id')", 'u'];
my $values = join ',', map { my ($sql, $text) = @$_; "(\$q\$$sql\$q\$, md5(\$t\$$text\$t\$))" } @truth;

$db->value(<<"SQL");
CREATE UNLOGGED TABLE truth (n serial, sql text, right_answer text);
INSERT INTO truth (sql, right_answer) VALUES $values;
CREATE UNLOGGED TABLE outcome (backend int, what text, state text, seconds float8, at timestamptz DEFAULT clock_timestamp());
CREATE UNLOGGED TABLE counters (backend int PRIMARY KEY, requests bigint, retries bigint, rows bigint, bytes bigint);
CREATE FUNCTION step() RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
	started timestamptz := clock_timestamp();
	chosen int := 1 + floor(random() * (SELECT count(*) FROM truth));
	t truth;
	answer text;
	kind text := 'read';
	state text := '';
	c CURSOR FOR SELECT id FROM hms_track_events('load-3');
	name text;
BEGIN
	BEGIN
		IF random() < 0.1 THEN
			kind := 'write';
			name := 'made-' || pg_backend_pid() || '-' || extract(epoch FROM clock_timestamp());
			PERFORM hms_create_room(jsonb_build_object('name', name));
		ELSIF random() < 0.1 THEN
			kind := 'left';
			OPEN c; MOVE 5 IN c; CLOSE c;
		ELSIF random() < 0.05 THEN
			kind := 'cancelled';
			PERFORM set_config('statement_timeout', '0', true);
			PERFORM id FROM hms_track_events('load-5') LIMIT 120;
			RAISE query_canceled;
		ELSE
			SELECT * INTO t FROM truth WHERE n = chosen;
			EXECUTE t.sql INTO answer;
			IF answer IS DISTINCT FROM t.right_answer THEN state := 'WRONG'; END IF;
		END IF;
	EXCEPTION WHEN OTHERS OR query_canceled THEN
		state := SQLSTATE;
	END;
	INSERT INTO outcome VALUES (pg_backend_pid(), kind || coalesce(':' || name, ''), state, extract(epoch FROM clock_timestamp() - started));
	INSERT INTO counters SELECT pg_backend_pid(), s.requests, s.retries, s.rows, s.bytes FROM hms_stats() s
		ON CONFLICT (backend) DO UPDATE SET requests = excluded.requests, retries = excluded.retries, rows = excluded.rows, bytes = excluded.bytes;
END \$\$;
SQL

my $script = PostgreSQL::Test::Utils::tempdir() . '/step.sql';
append_to_file($script, "SELECT step();\n");
$api->faults(map { { %$_, chance => $chance, times => 0 } } @faults);
$api->clear;

# Memory and descriptors of the backends, from the first quarter to the end.
sub account
{
	my %account;
	foreach my $pid (split /\n/, $db->value("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench'"))
	{
		my $status = eval { slurp_file("/proc/$pid/status") } // next;
		my ($kb) = $status =~ /^RssAnon:\s+(\d+)/m;
		my @fds = glob "/proc/$pid/fd/*";
		$account{$pid} = [$kb, scalar @fds];
	}
	return \%account;
}

my $out = '';
local $ENV{PGAPPNAME} = 'pgbench';
my $run = IPC::Run::start([ 'pgbench', '-n', '-M', 'simple', '-c', $backends, '-j', 2, '-T', $seconds, '-f', $script, '-h', $db->host, '-p', $db->port, '-U', 'postgres', 'postgres' ],
	'>', \$out, '2>&1');
sleep $seconds / 4;
my $early = account();
sleep $seconds * 0.7;
my $late = account();
$run->finish;
diag $out;
my @log = $api->log;
$api->faults;

my @grown = map { $late->{$_}[0] - $early->{$_}[0] } grep { $early->{$_} } keys %$late;
my @fds   = map { $_->[1] } values %$late;
sub largest { return (sort { $b <=> $a } @_, 0)[0] }

diag sprintf '%d backends for %d s; %d requests seen by the server', scalar keys %$late, $seconds, scalar @log;
diag $db->value("SELECT format('requests %s, retries %s (%s %%), rows %s, MB %s', sum(requests), sum(retries), round(100.0 * sum(retries) / sum(requests), 2), sum(rows), sum(bytes) / 1000000) FROM counters");
diag "outcomes:\n" . $db->value("SELECT string_agg(format('  %-10s %-6s %7s  median %s ms, worst %s ms', split_part(what, ':', 1), coalesce(nullif(state, ''), 'done'), n, m, w), E'\\n' ORDER BY what, state)
	FROM (SELECT split_part(what, ':', 1) AS what, state, count(*) n, round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)::numeric) m, round(1000 * max(seconds)::numeric) w FROM outcome GROUP BY 1, 2) q");
diag sprintf 'memory: backends grew by at most %d kB from %d s to %d s; descriptors: at most %d', largest(@grown), $seconds / 4, $seconds * 0.95, largest(@fds);

is(scalar keys %$late, $backends, 'every backend lives to the end');
is($db->value("SELECT count(DISTINCT backend) FROM outcome"), $backends, 'and none was replaced');
is($db->value("SELECT count(*) FROM outcome WHERE state = 'WRONG'"), 0, 'no wrong row');
is($db->value("SELECT string_agg(DISTINCT state, ' ') FROM outcome WHERE state NOT IN ('', '57014', '08006', '08P01', 'MS400', 'MS401', 'MS429', 'MS500', 'MS502', 'MS503')"), '', 'no error but those of the faults');
cmp_ok($db->value("SELECT count(*) FROM outcome WHERE state = '' AND what = 'read'"), '>', $db->value("SELECT 0.9 * count(*) FROM outcome WHERE what = 'read'"), 'nearly all reads succeed');

# Writes: what was said to be done is there, once; what failed is there at most once.
my %made;
$made{ $_->{name} }++ foreach grep { $_->{name} =~ /^made-/ } @{ $api->world->{rooms} };
my %said = map { split /\|/, $_, -1 } split /\n/, $db->value("SELECT substr(what, 7), state FROM outcome WHERE what LIKE 'write:%'");
my %sent;
$sent{ body_of($_)->{name} }++ foreach grep { $_->{method} eq 'POST' && defined $_->{status} && $_->{status} == 200 } @log;
is(scalar(grep { $said{$_} eq '' && ($made{$_} // 0) != 1 } keys %said), 0, 'no write that was done is lost');
is(scalar(grep { $_ > 1 } values %sent), 0, 'no write was carried out twice');
is(scalar(grep { !exists $said{$_} } keys %made), 0, 'and none that nobody asked for');

# A walk of a million events, in one backend.
{
	my $session = $db->session;
	$session->value("SET statement_timeout = 0; SELECT count(*) FROM hms_track_events('load-1')");
	my $before = $session->memory('VmHWM');
	$api->faults({ endless => true, path => 'events', times => 0 });
	my $count;
	my $took = seconds_of(sub { $count = $session->value("SELECT count(*) FROM (SELECT id, user_id, extra FROM hms_track_events('load-5') LIMIT 1000000) s") });
	$api->faults;
	my $more = $session->memory('VmHWM') - $before;
	is($count, 1_000_000, sprintf 'a walk of a million events, %.0f s', $took);
	cmp_ok($more, '<=', 16 * 1024, "its memory at its highest grew by $more kB");
	$session->quit;
}

cmp_ok(largest(@grown), '<=', 2048, 'no backend grows');
cmp_ok(largest(@fds), '<=', 60, 'nor holds many descriptors');
is($db->value('SELECT count(*) > 0 FROM hms_rooms()'), 't', 'and the server goes on');
my @crashes = grep { /terminated by signal|PANIC|crash/ } split /\n/, slurp_file($db->logfile);
is(scalar @crashes, 0, 'no process crashed');
done_testing();
