# The plan node that reads rows: what EXPLAIN shows of it, rows that are read again without asking again, rows of other
# tables that change meanwhile, when the next page is asked for, and who may use it.

use strict;
use warnings;

use Config;
use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.max_retry_wait' => '1s');
$api->load(room_id => 'long', events => 350, sessions => 30, peers => 3);
my $session = $db->session;
$session->value(<<'SQL');
CREATE TABLE class (n int PRIMARY KEY, room text);
INSERT INTO class SELECT n, 'long' FROM generate_series(1, 5) n;
CREATE TABLE event AS SELECT * FROM hms_track_events('long');
CREATE TABLE session AS SELECT * FROM hms_sessions('long');
ANALYZE;
SQL

sub costs { return $session->costs($api, @_) }

# The nodes of ours in a plan.
sub nodes
{
	my ($node) = @_;
	return (($node->{'Custom Plan Provider'} // '') eq 'hms' ? $node : (), map { nodes($_) } @{ $node->{Plans} // [] });
}

sub nodes_of
{
	my ($options, $sql) = @_;
	my $plan = decode($session->value("EXPLAIN (FORMAT JSON, $options) $sql"));
	return nodes($plan->[0]{Plan});
}

# --- EXPLAIN

{
	# PostgreSQL 14 has the alias of the inlined function
	my ($many, $rooms, $room) = $session->value('SHOW server_version_num') < 150000 ? ('s') x 3 : qw(hms_track_events hms_rooms hms_room);
	my ($node, @more);
	my @seen = $api->during(sub { ($node, @more) = nodes_of('VERBOSE', "SELECT count(DISTINCT user_id) FROM hms_track_events('long')") });
	is(scalar @seen, 0, 'EXPLAIN asks for nothing');
	is(scalar @more, 0, 'a list is one node');
	is($node->{Endpoint}, 'hms_track_events', 'it names its endpoint');
	like($node->{'Function Call'}, qr/_hms_rows\(NULL::hms_track_event, 'hms_track_events'::text, 'long'::text, /, 'and in VERBOSE its arguments');
	is_deeply($node->{Output}, ["$many.user_id"], 'and the columns that are made');
	ok(!exists $node->{Requests}, 'but no costs, without ANALYZE');

	($node) = nodes_of('ANALYZE', "SELECT count(*) FROM hms_track_events('long')");
	is_deeply([ @{$node}{qw(Requests Pages), 'Actual Rows'} ], [4, 4, 350], 'ANALYZE shows requests and pages');
	cmp_ok($node->{Bytes}, '>', 350 * 100, 'and bytes');
	cmp_ok($node->{Waited}, '>', 0, 'and the time that was waited');
	($node) = nodes_of('ANALYZE, TIMING OFF', "SELECT * FROM hms_track_events('long') LIMIT 120");
	is_deeply([ @{$node}{qw(Requests Pages)} ], [2, 2], 'of a list that is not read to its end too');
	ok(!exists $node->{Waited}, 'no time with TIMING OFF');

	$api->faults({ path => 'events', status => 503, times => 2 });
	($node) = nodes_of('ANALYZE', "SELECT count(*) FROM hms_track_events('long')");
	is_deeply([ @{$node}{qw(Requests Retries Pages)} ], [6, 2, 4], 'repeated requests are told apart');
	$api->faults;

	($node) = nodes_of('ANALYZE', 'SELECT (SELECT count(*) FROM hms_sessions(c.room || c.n)) FROM class c');
	is_deeply([ @{$node}{qw(Requests), 'Actual Loops'} ], [5, 5], 'walks one after the other are added up');
	@more = nodes_of('ANALYZE', "SELECT count(*) FROM hms_sessions('long') s JOIN hms_track_events('long') e ON e.session_id = s.id");
	is_deeply({ map { $_->{Endpoint} => $_->{Requests} } @more }, { hms_sessions => 1, hms_track_events => 4 }, 'each of two lists has its own');
	like($session->value("EXPLAIN (COSTS OFF) SELECT * FROM hms_rooms()"), qr/^Custom Scan \(hms\)\n\s+Alias: $rooms\n\s+Endpoint: hms_rooms\n\s+Request: GET \/rooms$/, 'as text');
	like($session->value("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id FROM hms_room('math-101')"),
		qr/^Custom Scan \(hms\) \(actual rows=[\d.]+ loops=1\)\n\s+Alias: $room\n\s+Endpoint: hms_room\n\s+Request: GET \/rooms\/math-101\n\s+Requests: 1\n\s+Pages: [01]\n\s+Bytes: \d+$/, 'with costs');
}

# --- rows that are read again

costs('a sub-select with a condition on the list', "SELECT sum((SELECT count(*) FROM hms_sessions('long') s WHERE s.room_id = c.room AND c.n > 2)) FROM class c", 90, 1);
costs('one that stops in the middle, further on each time',
	"SELECT string_agg((SELECT s.id FROM hms_track_events('long') s OFFSET c.n * 60 LIMIT 1), ',' ORDER BY c.n) = (SELECT string_agg(id, ',' ORDER BY k) FROM (SELECT id, row_number() OVER () AS k FROM event) e WHERE k % 60 = 1 AND k BETWEEN 61 AND 301) FROM class c",
	't', 4);
costs('no column of rows that are kept', "SELECT sum((SELECT count(*) FROM hms_sessions('long') s WHERE c.n > 1)) FROM class c", 120, 1);
costs('whole rows that are kept', "SELECT count(DISTINCT (SELECT s::text FROM hms_sessions('long') s WHERE c.n > 0 ORDER BY s.id LIMIT 1)) FROM class c", 1, 1);
costs('a recursive query that joins', "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT r.n + 1 FROM r JOIN hms_sessions('long') s ON s.room_id = 'long' WHERE r.n < 4 AND s.id = (SELECT min(id) FROM session)) SELECT count(*) FROM r", 4, 1);
costs('the same as the outer side of a nested loop',
	"SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;"
	. " WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT r.n + 1 FROM hms_sessions('long') s, r WHERE r.n < 4 AND s.id = (SELECT min(id) FROM session)) SELECT count(*) FROM r;"
	. ' RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_material', 4, 1);
costs('a cursor that goes back', "BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM hms_track_events('long'); MOVE 150 FROM c; MOVE BACKWARD ALL FROM c; MOVE 120 FROM c; FETCH 1 FROM c; COMMIT",
	$session->value('SELECT id FROM event OFFSET 120 LIMIT 1'), 2);
costs('new arguments are a new walk, those that were there before are not', "SELECT string_agg(x::text, ',' ORDER BY n) FROM (SELECT c.n, (SELECT count(*) FROM hms_sessions(CASE c.n WHEN 3 THEN 'none' ELSE c.room END) s WHERE s.room_id = c.room) AS x FROM class c) q", '30,30,0,30,30', 2);

# A sub-plan that takes values of outer rows asks once for each of them, where it reads all and the rows fit into work_mem.
$api->load(room_id => 'other', sessions => 12, peers => 3);
$session->value(<<'SQL');
CREATE SCHEMA live;
IMPORT FOREIGN SCHEMA api LIMIT TO (sessions, track_events) FROM SERVER hms INTO live;
CREATE TABLE lesson AS SELECT n, (ARRAY['long', 'other', 'none', NULL])[n % 4 + 1] AS room FROM generate_series(1, 40) n;
SQL
my $counts = join ',', map { (qw(30 12 0 0))[ $_ % 4 ] } 1 .. 40;
costs('a scalar sub-select over a table', "SELECT string_agg(x::text, ',' ORDER BY n) FROM (SELECT n, (SELECT count(*) FROM live.sessions s WHERE s.room_id = l.room) AS x FROM lesson l) q", $counts, 3);
costs('over a function', "SELECT string_agg(x::text, ',' ORDER BY n) FROM (SELECT n, (SELECT count(*) FROM hms_sessions(l.room) s) AS x FROM lesson l) q", $counts, 3);
costs('with a condition that is not sent', "SELECT sum((SELECT count(*) FROM live.sessions s WHERE s.room_id = l.room AND length(s.id) > l.n - 100)) FROM lesson l", 420, 3);
costs('with another that is', "SELECT sum((SELECT count(*) FROM live.sessions s WHERE s.room_id = l.room AND s.created_at > now() - (1000 + l.n) * interval '1 day')) FROM lesson l", 420, 30);
costs('rows of two kinds of columns', "SELECT count(DISTINCT x) FROM (SELECT (SELECT max(s::text) FROM live.sessions s WHERE s.room_id = l.room) AS x FROM lesson l) q", 2, 3);
costs('one that stops before the end asks again', "SELECT count(x) FROM (SELECT (SELECT s.id FROM live.sessions s WHERE s.room_id = l.room LIMIT 1) AS x FROM lesson l WHERE n < 10) q", 5, 6);
costs('an outer row by row inside', "SELECT sum((SELECT sum((SELECT count(*) FROM live.sessions s WHERE s.room_id = l.room AND m > 0)) FROM generate_series(1, 3) m)) FROM lesson l", 1260, 3);
{
	$session->value("SET work_mem = '64kB'");
	is($session->value("SELECT count(*) || ' ' || count(DISTINCT x) || ' ' || max(length(x)) FROM (SELECT (SELECT string_agg(id, '' ORDER BY id) FROM live.track_events e WHERE e.room_id = l.room) AS x FROM lesson l) q"),
		$session->value("SELECT '40 1 ' || length(string_agg(id, '' ORDER BY id)) FROM event"), 'more than work_mem: the rows are those of their own room');
	$session->value('RESET work_mem');
}

# A row type that has changed since the query was planned, and one that only the query knows.
my $rooms = "'hms_rooms', 'math-101'::text, NULL::boolean, hms_internal.not_given(), NULL::timestamptz, NULL::timestamptz)";
$session->value("SET plan_cache_mode = force_generic_plan; CREATE TYPE mine AS (id text, name text); PREPARE mine AS SELECT name FROM hms_internal._hms_rows(NULL::mine, $rooms");
is($session->value('EXECUTE mine'), 'math-101', 'a row type of the caller\'s own');
foreach my $change ('ALTER ATTRIBUTE name TYPE integer', 'DROP ATTRIBUTE name', 'DROP ATTRIBUTE name, DROP ATTRIBUTE id')
{
	$session->value("BEGIN; ALTER TYPE mine $change");
	like(($session->ask('EXECUTE mine'))[1], qr/42804.*type mine has changed since the query was planned/, "is noticed to have changed: $change");
	$session->value('ROLLBACK');
}
$session->value('RESET plan_cache_mode');
is($session->value("SELECT name FROM hms_internal._hms_rows(NULL::record, $rooms AS r (id text, name text)"), 'math-101', 'a row type that only the query knows');

# --- rows of other tables that change meanwhile

{
	my $holder = $db->session;
	my $check = sub {
		my ($name, $sql, $want) = @_;
		$holder->value('BEGIN; UPDATE class SET n = n WHERE n = 3');
		my ($out, $err);
		my @seen = $api->during(sub {
			$session->begin($sql);
			$db->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $session->{pid}") or die;
			$holder->value('COMMIT');
			($out, $err) = $session->finish;
		});
		is($out, $want, $name) or diag $err;
		is(scalar @seen, 1, "$name: one request");
	};
	my $first = $session->value('SELECT min(id) FROM session');
	$check->('UPDATE FROM', "UPDATE class c SET room = s.room_id FROM hms_sessions('long') s WHERE s.room_id = c.room AND c.n = 3 AND s.id = '$first' RETURNING s.id", $first);
	$check->('UPDATE FROM, the row as a whole', "UPDATE class c SET room = s.room_id FROM hms_sessions('long') s WHERE s.room_id = c.room AND c.n = 3 AND s.id = '$first' RETURNING (s).id, s = (SELECT t::text::hms_session FROM session t WHERE id = '$first')", "$first|t");
	$check->('FOR UPDATE', "SELECT c.n, s.id FROM class c, hms_sessions('long') s WHERE s.room_id = c.room AND c.n = 3 AND s.id = '$first' FOR UPDATE OF c", "3|$first");
	$check->('a list of jsonb', "SELECT c.n, s ->> 'id' FROM class c, hms_api_list('/sessions', '{\"room_id\": \"long\"}') s WHERE s ->> 'room_id' = c.room AND c.n = 3 AND s ->> 'id' = '$first' FOR UPDATE OF c", "3|$first");
	$check->('no column of the list', "SELECT c.n FROM class c, (SELECT FROM hms_session('$first')) s WHERE c.n = 3 FOR UPDATE OF c", 3);
	$holder->quit;
}

# --- when the next page is asked for

# The seconds between the first two requests of a query that takes 10 ms for each row.
sub gap
{
	my ($sql) = @_;
	my @seen = $api->during(sub { $session->value($sql) });
	return $seen[1]{at} - $seen[0]{at};
}

$session->value("CREATE FUNCTION slow(text) RETURNS text LANGUAGE plpgsql VOLATILE AS 'BEGIN PERFORM pg_sleep(0.01); RETURN \$1; END'");
cmp_ok(gap("SELECT count(slow(id)) FROM hms_track_events('long')"), '<', 0.5, 'under an aggregate before the rows are used');
cmp_ok(gap("SELECT id FROM hms_track_events('long') WHERE slow(id) IS NOT NULL ORDER BY id LIMIT 3"), '<', 0.5, 'under a sort');
cmp_ok(gap("CREATE TABLE copied AS SELECT 1; INSERT INTO copied SELECT 1 FROM hms_track_events('long') WHERE slow(id) IS NOT NULL"), '<', 0.5, 'in INSERT ... SELECT');
cmp_ok(gap("SELECT count(*) FROM (SELECT slow(id) FROM hms_track_events('long') LIMIT 120) q"), '>', 0.9, 'under LIMIT when a row of it is wanted');
cmp_ok(gap("DO \$\$ DECLARE e record; BEGIN FOR e IN SELECT slow(id) FROM hms_track_events('long') LIMIT 120 LOOP END LOOP; END \$\$"), '>', 0.9, 'and in a loop');
$session->value('SET enable_nestloop = off; SET enable_mergejoin = off');
cmp_ok(gap("SELECT count(slow(e.id)) FROM hms_track_events('long') e JOIN class c ON c.room = e.room_id AND c.n = 1"), '<', 0.5, 'in a hash join from the second row on');
is((nodes_of('ANALYZE', "SELECT count(*) FROM hms_track_events('long') e JOIN class c ON c.room = e.room_id AND c.n = 1"))[0]{Requests}, 4, 'and all of them are counted');
costs('a hash join with nothing to look for', "SELECT count(*) FROM hms_track_events('long') e JOIN class c ON c.room = e.room_id AND c.n > 10", 0, 0);
$session->value('RESET enable_nestloop; RESET enable_mergejoin');

# A cursor behind the rows is looked at before they are read, where that is fast; what is wrong with one of them is found then.
{
	my $page = sub { '{"limit": 2, "data": [{"id": "a", "peers": {"b": {"c": "]}\\""}}}, ' . $_[0] . '], "last": "x"}' };
	my $requests = sub {
		my ($rows, $select) = @_;
		$api->faults({ path => 'sessions', raw_body => $page->($rows), times => 1 });
		return scalar $api->during(sub { is($session->error("SELECT $select FROM hms_sessions('long')")->{state}, '08P01', "malformed: $rows") });
	};
	my $early = $Config{archname} =~ /^x86_64/ ? 2 : 1;
	is($requests->('{"id": nul}', 'count(*)'), $early, 'a cursor behind the rows is used before they are read');
	is($requests->('{"id": nul}', 'id'), 1, 'but not when they are wanted one by one');
	is($requests->('nul', 'count(*)'), 1, 'nor where the page may be the last one');
	is($requests->('{"id": nul}], "data": [{}, {}', 'count(*)'), 1, 'nor where the rows come twice');
	$api->faults;
}

# A page of very many very small objects would fill memory.
$api->faults({ path => 'sessions', raw_body => '{"data": [' . join(',', ('{}') x 1_000_001) . ']}', times => 0 });
{
	my $error = $session->error("SELECT count(*) FROM hms_sessions('long')");
	is($error->{state}, '08P01', 'too many rows in one page are refused');
	like($error->{text}, qr/it has too many rows/, 'and the error says so');
}
$api->faults;

# --- who may use it

$session->value('CREATE ROLE analyst; CREATE ROLE guest');
$session->value("SELECT hms_grant('analyst', 'read')");
is($session->value("SET ROLE analyst; SELECT count(*) FROM hms_sessions('long')"), 30, 'who may call the function reads');
like(($session->ask("SET ROLE guest; SELECT count(*) FROM hms_sessions('long')"))[1], qr/42501.*permission denied for function hms_sessions/, 'who may not is refused');
$session->value('RESET ROLE; REVOKE EXECUTE ON FUNCTION hms_internal._hms_rows(anyelement, text, "any") FROM PUBLIC');
like(($session->ask("SET ROLE analyst; SELECT count(*) FROM hms_sessions('long')"))[1], qr/42501.*permission denied for function _hms_rows/, 'and who may not call the inner one');
$session->value('RESET ROLE; GRANT EXECUTE ON FUNCTION hms_internal._hms_rows(anyelement, text, "any") TO PUBLIC');

# A function of that name that is not ours is a function like any other.
costs('a namesake', "CREATE SCHEMA other; CREATE FUNCTION other._hms_rows(int) RETURNS SETOF int LANGUAGE sql AS 'SELECT generate_series(1, \$1)'; SELECT count(*) FROM other._hms_rows(3)", 3, 0);

$session->quit;
done_testing();
