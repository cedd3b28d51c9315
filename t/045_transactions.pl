# Requests are not part of a transaction, and everything else is as for any function: rules, views, prepared statements,
# cursors, locks, joins, statements that fail half way, a parallel query's leader, and a hot standby.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db;
{
	# what a standby needs of its primary
	my $init = \&PostgreSQL::Test::Cluster::init;
	no warnings 'redefine';
	local *PostgreSQL::Test::Cluster::init = sub { $init->(@_, allows_streaming => 1) };
	$db = Hms::Db->launch($api, 'hms.retries' => 1, max_parallel_workers_per_gather => 2);
}
$api->load(room_id => 'long', events => 350, sessions => 30, peers => 3);
my $session = $db->session;

sub costs { return $session->costs($api, @_) }

# --- writes stay, also where SQL goes back

foreach my $how (
	['a rollback',               "BEGIN; SELECT count(*) FROM hms_create_room('{\"name\": \"%s\"}'); ROLLBACK"],
	['a rollback to a savepoint', "BEGIN; SAVEPOINT s; SELECT count(*) FROM hms_create_room('{\"name\": \"%s\"}'); ROLLBACK TO s; COMMIT"],
	['an exception block',       "DO \$\$ BEGIN PERFORM hms_create_room('{\"name\": \"%s\"}'); RAISE 'x'; EXCEPTION WHEN OTHERS THEN NULL; END \$\$"],
	['an error later in the statement', "SELECT 1 / (count(*) - 1) FROM hms_create_room('{\"name\": \"%s\"}')"])
{
	my ($name, $sql) = @$how;
	my $room = 'stays-' . $name =~ tr/ /-/r;
	my @seen = $api->during(sub { $session->ask(sprintf $sql, $room) });
	is(scalar @seen, 1, "a write before $name is sent once");
	is($session->value("SELECT count(*) FROM hms_rooms('$room')"), 1, "and stays");
}

# A statement that cannot be carried out has sent nothing: what is refused is refused first.
foreach my $refused ("SELECT hms_create_room('[]')", "SELECT hms_create_room(1)", "INSERT INTO nowhere SELECT * FROM hms_rooms()", 'BEGIN READ ONLY; SELECT hms_create_room()',
	'EXPLAIN SELECT hms_create_room()', 'EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM hms_rooms(), hms_create_room()', 'PREPARE p AS SELECT hms_create_room()',
	'CREATE VIEW makes AS SELECT * FROM hms_create_room()', 'SELECT hms_create_room() WHERE false', "SELECT CASE WHEN random() > 2 THEN hms_create_room() END",
	'CREATE MATERIALIZED VIEW later AS SELECT id FROM hms_rooms() WITH NO DATA', 'SELECT hms_create_room() LIMIT 0', 'BEGIN; DECLARE c CURSOR FOR SELECT * FROM hms_rooms(); COMMIT')
{
	my @seen = $api->during(sub { $session->ask($refused) });
	is(scalar @seen, 0, "nothing is sent: $refused");
	$session->ask('ROLLBACK; DEALLOCATE ALL; DROP VIEW IF EXISTS makes; DROP MATERIALIZED VIEW IF EXISTS later');
}
is(scalar $api->during(sub { $session->ask('EXPLAIN (ANALYZE) SELECT count(*) FROM hms_rooms()') }), 1, 'EXPLAIN ANALYZE does ask');

# --- a walk that fails half way leaves nothing behind

$session->value('CREATE TABLE kept (id text PRIMARY KEY)');
$api->faults({ path => 'events', after => 2, status => 400, times => 0 });
foreach my $sql ("INSERT INTO kept SELECT id FROM hms_track_events('long')", "CREATE TABLE kept2 AS SELECT id FROM hms_track_events('long')",
	"WITH i AS (INSERT INTO kept SELECT id FROM hms_track_events('long') RETURNING 1) SELECT count(*) FROM i", "COPY (SELECT id FROM hms_track_events('long')) TO PROGRAM 'cat >/dev/null'",
	"DO \$\$ DECLARE e record; BEGIN FOR e IN SELECT id FROM hms_track_events('long') LOOP INSERT INTO kept VALUES (e.id); END LOOP; END \$\$")
{
	is($session->error($sql)->{state}, 'MS400', "the third page fails: $sql");
}
$api->faults;
is($session->value("SELECT count(*), to_regclass('kept2') FROM kept"), '0|', 'and nothing is left of the first two');

# A fault that passes while rows are inserted: every row once.
$api->faults({ path => 'events', after => 2, truncate => 500, times => 1 });
costs('a page that is read again in the middle of an INSERT', "INSERT INTO kept SELECT id FROM hms_track_events('long'); SELECT count(*) FROM kept", 350, 5);
$api->faults;
costs('ON CONFLICT', "INSERT INTO kept SELECT id FROM hms_track_events('long') ON CONFLICT DO NOTHING; SELECT count(*) FROM kept", 350, 4);
SKIP:
{
	skip 'MERGE is from PostgreSQL 15', 2 if $session->value('SHOW server_version_num') < 150000;
	costs('MERGE', "MERGE INTO kept k USING hms_track_events('long') e ON k.id = e.id WHEN MATCHED THEN DELETE; SELECT count(*) FROM kept", 0, 4);
}
$session->value('DELETE FROM kept');
costs('UPDATE ... FROM', "INSERT INTO kept VALUES ('x'); UPDATE kept SET id = r.name FROM hms_rooms('math-101') r; SELECT id FROM kept", 'math-101', 1);
costs('DELETE ... USING', "DELETE FROM kept USING hms_rooms('math-101') r WHERE kept.id = r.name; SELECT count(*) FROM kept", 0, 1);

# --- joins, LATERAL, rows that are locked

$session->value('CREATE TABLE class (n int PRIMARY KEY, room text); INSERT INTO class SELECT n, \'long\' FROM generate_series(1, 5) n; ANALYZE class');
costs('LATERAL asks for each row', 'SET enable_memoize = off; SELECT count(*) FROM class c, LATERAL (SELECT id FROM hms_sessions(c.room) LIMIT 2) s; RESET enable_memoize', 10, 5);
costs('or, where PostgreSQL remembers results, for each value', 'SELECT count(*) FROM class c, LATERAL (SELECT id FROM hms_sessions(c.room) LIMIT 2) s', 10, 1);
costs('LEFT JOIN LATERAL with no rows', "SELECT count(*), count(s.id) FROM class c LEFT JOIN LATERAL hms_session('none-' || c.n) s ON true", '5|0', 5);
costs('a join with a list asks once', "SELECT count(*) FROM class c JOIN hms_sessions('long') s ON s.room_id = c.room", 150, 1);
costs('FOR UPDATE', "SELECT count(*) FROM (SELECT c.n FROM class c JOIN hms_sessions('long') s ON s.room_id = c.room FOR UPDATE OF c) q", 150, 1);
costs('a self-join asks for each side', "SELECT count(*) FROM hms_sessions('long') a JOIN hms_sessions('long') b USING (id)", 30, 2);
costs('a CTE that is read twice asks once', "WITH s AS (SELECT * FROM hms_sessions('long')) SELECT count(*) FROM s a JOIN s b USING (id)", 30, 1);
costs('UNION ALL', "SELECT count(*) FROM (SELECT id FROM hms_sessions('long') UNION ALL SELECT id FROM hms_rooms('math-101')) q", 31, 2);
costs('a sub-select in the select list, per value', 'SELECT count(x) FROM (SELECT (SELECT count(*) FROM hms_sessions(c.room)) AS x FROM class c) q', 5, 1);
costs('GROUPING SETS', "SELECT count(*) FROM (SELECT room_id, active FROM hms_sessions('long') GROUP BY GROUPING SETS ((room_id), (active), ())) q", 3, 1);
costs('a recursive query', "WITH RECURSIVE r(n, id) AS (SELECT 1, (SELECT id FROM hms_rooms('math-101')) UNION ALL SELECT n + 1, x.id FROM r, LATERAL hms_room(r.id) x WHERE n < 4) SELECT count(*) FROM r", 4, 4);

# A row that somebody changes while it is waited for: the join is checked again with the rows that were read.
{
	my $holder = $db->session;
	$holder->value('BEGIN; UPDATE class SET room = room WHERE n = 3');
	my @seen = $api->during(sub {
		$session->begin("SELECT c.n, s.room_id FROM class c JOIN hms_sessions('long') s ON s.room_id = c.room WHERE c.n = 3 LIMIT 1 FOR UPDATE OF c");
		$db->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $session->{pid}") or die;
		$holder->value('COMMIT');
		my ($out, $err) = $session->finish;
		is($out, '3|long', 'FOR UPDATE of a row that is changed meanwhile') or diag $err;
	});
	cmp_ok(scalar @seen, '<=', 2, 'asks no more than twice');
	$holder->quit;
}

# --- views, rules, triggers, constraints, matviews

$session->value(<<'SQL');
CREATE VIEW maths AS SELECT id, name, enabled FROM hms_rooms('math-101');
CREATE TABLE wish (name text);
CREATE RULE make_room AS ON INSERT TO wish DO ALSO SELECT hms_create_room(jsonb_build_object('name', NEW.name));
CREATE RULE read_rooms AS ON UPDATE TO maths DO INSTEAD SELECT hms_disable_room(OLD.id);
CREATE MATERIALIZED VIEW all_rooms AS SELECT id, name FROM hms_rooms();
CREATE UNIQUE INDEX ON all_rooms (id);
CREATE TABLE asked (room text);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.room := (SELECT name FROM hms_room(NEW.room)); RETURN NEW; END $$;
CREATE TRIGGER look BEFORE INSERT ON asked FOR EACH ROW EXECUTE FUNCTION look();
SQL
my $room = $session->value('SELECT id FROM maths');
costs('a view', 'SELECT name FROM maths', 'math-101', 1);
costs('a view that is joined', 'SELECT count(*) FROM maths m JOIN class c ON c.n < 3', 2, 1);
{
	my @seen = $api->during(sub { $session->ask("INSERT INTO wish VALUES ('wished')") });
	is(join(' ', map { "$_->{method} $_->{path}" } @seen), 'POST /v2/rooms', 'a rule that writes, once for its row');
	@seen = $api->during(sub { $session->ask('UPDATE maths SET enabled = false') });
	is(join(' ', map { "$_->{method} $_->{path}" } @seen), "GET /v2/rooms POST /v2/rooms/$room", 'a rule on a view over a list');
}
$session->value("SELECT count(*) FROM hms_enable_room('$room')");
costs('a trigger that asks', "INSERT INTO asked VALUES ('$room'), ('$room'); SELECT DISTINCT room FROM asked", 'math-101', 2);
costs('a trigger that asks, in a COPY', "COPY asked FROM PROGRAM 'echo $room'; SELECT count(*) FROM asked", 3, 1);
costs('a matview that is refreshed', 'REFRESH MATERIALIZED VIEW all_rooms; SELECT count(*) > 10 FROM all_rooms', 't', 1);
costs('concurrently', 'REFRESH MATERIALIZED VIEW CONCURRENTLY all_rooms; SELECT count(*) > 10 FROM all_rooms', 't', 1);
$api->faults({ status => 503, headers => { 'Retry-After' => '0' }, times => 0 });
is($session->error('REFRESH MATERIALIZED VIEW all_rooms')->{state}, 'MS503', 'a refresh that fails');
$api->faults;
is($session->value('SELECT count(*) > 10 FROM all_rooms'), 't', 'leaves what was there');

# --- prepared statements and cursors

costs('PREPARE and EXECUTE, custom plan', "PREPARE s(text, int) AS SELECT count(*) FROM (SELECT FROM hms_track_events(\$1) LIMIT \$2) q; EXECUTE s('long', 5); EXECUTE s('long', 150)", "5\n150", 3);
costs('generic plan', "SET plan_cache_mode = force_generic_plan; EXECUTE s('long', 5); EXECUTE s('long', 150); EXECUTE s('long', NULL); RESET plan_cache_mode; DEALLOCATE s", "5\n150\n350", 7);
costs('a prepared write is sent at each execution', "PREPARE w AS SELECT count(*) FROM hms_create_room('{\"name\": \"again\"}'); EXECUTE w; EXECUTE w; DEALLOCATE w", "1\n1", 2);
costs('WITH HOLD reads the rest at COMMIT', "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM hms_track_events('long'); MOVE 10 FROM c; COMMIT; MOVE ALL FROM c; CLOSE c", '', 4);
costs('SCROLL goes back without asking again', "BEGIN; DECLARE c SCROLL CURSOR FOR SELECT count(*) OVER () FROM hms_track_events('long'); FETCH 1 FROM c; MOVE ABSOLUTE 300 FROM c; FETCH FIRST FROM c; COMMIT", "350\n350", 4);
{
	$api->faults({ path => 'events', after => 1, status => 400, times => 0 });
	is($session->error("BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM hms_track_events('long'); COMMIT")->{state}, 'MS400', 'WITH HOLD whose rest cannot be had fails the COMMIT');
	$api->faults;
	is($session->value('SELECT count(*) FROM pg_cursors'), 0, 'and no cursor is left');
}
costs('two cursors side by side', "BEGIN; DECLARE a CURSOR FOR SELECT left(id, 0) || 'a' FROM hms_track_events('long'); DECLARE b CURSOR FOR SELECT 'b' FROM hms_sessions('long'); FETCH 1 FROM a; FETCH 1 FROM b; MOVE 120 FROM a; FETCH 1 FROM b; FETCH 1 FROM a; COMMIT",
	"a\nb\nb\na", 3);
costs('a PL/pgSQL loop that leaves early', "DO \$\$ DECLARE e record; BEGIN FOR e IN SELECT id FROM hms_track_events('long') LOOP EXIT; END LOOP; END \$\$; SELECT 1", 1, 1);

# --- isolation, parallel query, read-only

foreach my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE', 'SERIALIZABLE READ ONLY DEFERRABLE')
{
	costs("$level", "BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM hms_sessions('long'); SELECT length(hms_auth_token('r', 'x')) > 100; COMMIT", "30\nt", 1);
}
$session->value('CREATE TABLE big AS SELECT n, n % 7 AS k FROM generate_series(1, 50000) n; ANALYZE big; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0');
foreach my $case (
	["SELECT count(*) FROM big b JOIN hms_sessions('long') s ON b.k = length(s.id) - length(s.id)", 7142 * 30, 1],
	['SELECT count(*), max(c.ok::text) FROM big b, hms_check() c WHERE b.n = 1', '9|true', 1],
	["SELECT count(length(hms_auth_token('r', 'x', b.n::text))) FROM big b WHERE b.n < 20", 19, 0],
	["SELECT count(*) FROM hms_attendance('long') a, big b WHERE b.n = 1", undef, 1])
{
	my ($sql, $want, $requests) = @$case;
	my $plan = $session->value("EXPLAIN $sql");
	my $plain = $session->value("SET max_parallel_workers_per_gather = 0; $sql; SET max_parallel_workers_per_gather = 2");
	costs(($plan =~ /Gather/ ? 'in the leader of a parallel query: ' : 'not parallel: ') . $sql, $sql, $plain, $requests);
	is($plain, $want, 'with the right result') if defined $want && $sql !~ /hms_check/;
	unlike($plan, qr/Gather.*ProjectSet/s, 'no worker asks') unless $plan !~ /Gather/ || $plan =~ /ProjectSet.*Gather/s;
}
like($session->value("EXPLAIN SELECT count(*) FROM big b JOIN hms_sessions('long') s ON b.k = length(s.id)"), qr/Gather/, 'there are parallel plans with a list in them');
is($session->value("SELECT count(*) FROM pg_proc WHERE proname ~ '^_?hms_' AND proparallel = 's' AND provolatile <> 'i' AND probin IS NOT NULL AND proname NOT IN ('_hms_endpoints', '_hms_rows_of', '_hms_check_webhook')"), 0, 'nothing that asks or signs is PARALLEL SAFE');
$session->value('DROP TABLE big');

# --- a hot standby

$db->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($db, 'base', has_streaming => 1);
$standby->start;
bless $standby, 'Hms::Db';
$db->wait_for_catchup($standby);
my $replica = $standby->session;
is($replica->value('SELECT pg_is_in_recovery()'), 't', 'a standby');
is($replica->value("SELECT count(*) FROM hms_track_events('long')"), 350, 'reads work there');
is($replica->value("SELECT count(*) > 0 FROM hms_attendance('long')"), 't', 'analytics too');
is($replica->value("SELECT count(*) FROM hms_rooms() r LEFT JOIN class c ON c.room = r.id"), $session->value("SELECT count(*) FROM hms_rooms() r LEFT JOIN class c ON c.room = r.id"), 'joined with its tables');
is($replica->value("SELECT hms_verify_token(hms_auth_token('r', 'x')) ->> 'role'"), 'x', 'tokens too');
is($replica->value("SELECT bool_and(ok) FROM hms_check()"), 't', 'hms_check too') or diag $replica->value('SELECT * FROM hms_check()');
is($replica->value('SELECT requests > 0 FROM hms_stats()'), 't', 'hms_stats too');
foreach my $write ('SELECT hms_create_room()', "SELECT hms_api_post('/rooms')", "SELECT hms_api_delete('/rooms')", "SELECT hms_grant('postgres', 'read')", 'SELECT hms_internal._hms_rows(NULL::hms_room, \'hms_create_room\', NULL::jsonb)')
{
	my $error;
	my @seen = $api->during(sub { $error = $replica->error($write) });
	ok($error->{state} eq '25006' && !@seen, "a write is refused there, and nothing is sent: $write") or diag $error->{text};
}
{
	# replay that conflicts with a query that waits for the API cancels that query, at once and by its own error
	$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = 0');
	$standby->reload;
	$api->faults({ path => '/v2/rooms', stall => true, times => 0 });
	$replica->begin('SELECT count(*) FROM class, hms_rooms()');
	$standby->poll_query_until('postgres', "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $replica->{pid}") or die;
	$session->ask('ALTER TABLE class ADD COLUMN more int');
	my ($out, $err) = $replica->finish;
	like($err, qr/(?:40001|40P01): canceling statement due to conflict with recovery/, 'a query that is in the way of replay is cancelled while it waits') or diag $err;
	$api->faults;
	is($replica->value('SELECT count(*) > 0 FROM hms_rooms()'), 't', 'and its backend goes on');
}
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is($replica->value("SELECT count(*) FROM hms_create_room('{\"name\": \"after-promotion\"}')"), 1, 'after promotion it writes, in the same backend');

$_->quit foreach $replica, $session;
done_testing();
