# A join that waits once: outer rows are asked for together, each request once, rows and errors as in a nested loop.

use strict;
use warnings;

use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.retries' => 0);
my $session = $db->session;
$session->value(<<'SQL');
CREATE TABLE lesson AS SELECT row_number() OVER (ORDER BY name) AS n, id AS room, name FROM hms_rooms();
INSERT INTO lesson SELECT 100 + n, room, name FROM lesson WHERE n < 4;
INSERT INTO lesson VALUES (200, '65f0ffffffffffffffffffff', 'no such room');
CREATE TABLE session AS SELECT * FROM hms_sessions();
CREATE SCHEMA live;
IMPORT FOREIGN SCHEMA api LIMIT TO (sessions, track_events) FROM SERVER hms INTO live;
CREATE TABLE event AS SELECT e.* FROM hms_rooms() r, hms_track_events(r.id) e;
ANALYZE lesson; ANALYZE session; ANALYZE event;
SQL
my $rooms = $session->value('SELECT count(DISTINCT room) FROM lesson');

# The nodes of a plan, by what they are.
sub nodes
{
	my ($node) = @_;
	return ($node, map { nodes($_) } @{ $node->{Plans} // [] });
}

sub plan_of
{
	my ($sql, $options) = @_;
	my $plan = decode($session->value('EXPLAIN (FORMAT JSON' . ($options // '') . ") $sql"));
	return nodes($plan->[0]{Plan});
}

sub joins { return grep { ($_->{'Custom Plan Provider'} // '') eq 'hms join' } plan_of(@_) }

# The rows of a query, and of the same over tables; which of them are joined by the node.
sub same
{
	my ($name, $sql, $joins) = @_;
	(my $local = $sql) =~ s/LATERAL hms_sessions\((\S+?)\) (\w+)/LATERAL (SELECT * FROM session WHERE room_id = $1) $2/g;
	$local =~ s/LATERAL hms_session\((\S+?)\) (\w+)/LATERAL (SELECT * FROM session WHERE id = $1) $2/g;
	$local =~ s/hms_sessions\(\) (\w+)/session $1/g;
	$local =~ s/live\.(\w+)s\b/$1 eq 'track_event' ? 'event' : $1/ge;
	is(scalar(() = joins($sql)), $joins, "$name: joined by the node") or diag $session->value("EXPLAIN $sql");
	my $as_text = sub { "SELECT count(*), sum(hashtextextended(q::text, 0)::numeric) FROM ($_[0]) q" };
	is($session->value($as_text->($sql)), $session->value($as_text->($local)), "$name: the rows of a nested loop");
	return;
}

# --- rows

same('inner', 'SELECT l.n, s.id FROM lesson l, LATERAL hms_sessions(l.room) s', 1);
same('every column and the whole row', 'SELECT l, s FROM lesson l, LATERAL hms_sessions(l.room) s', 1);
same('conditions on both sides', "SELECT l.n, s.id FROM lesson l, LATERAL hms_sessions(l.room) s WHERE l.n < 9 AND s.active IS NOT TRUE AND s.created_at > now() - interval '4 days'", 1);
same('a condition between them', "SELECT l.n, s.id FROM lesson l, LATERAL hms_sessions(l.room) s WHERE length(s.id) + l.n > 30 AND s.created_at + l.n * interval '1 hour' > now() - interval '5 days'", 1);
same('left', 'SELECT l.n, s.id, s.active FROM lesson l LEFT JOIN LATERAL hms_sessions(l.room) s ON true', 1);
same('left, with a condition of the join', 'SELECT l.n, s.id FROM lesson l LEFT JOIN LATERAL hms_sessions(l.room) s ON s.active AND l.n > 2', 1);
same('left, and a condition above it', 'SELECT l.n, s.id FROM lesson l LEFT JOIN LATERAL hms_sessions(l.room) s ON s.active WHERE s.id IS NULL OR l.n < 3', 1);
same('left, with an expression that nulls do not pass', 'SELECT l.n, s.x FROM lesson l LEFT JOIN LATERAL (SELECT coalesce(i.id, l.name) AS x FROM LATERAL hms_sessions(l.room) i WHERE i.active) s ON true', 0);
same('two in a row', 'SELECT l.n, t.id FROM lesson l, LATERAL hms_sessions(l.room) s, LATERAL hms_session(s.id) t', 2);
same('arguments that are expressions', "SELECT l.n, s.id FROM lesson l, LATERAL hms_sessions(substr(l.room||'','1')) s", 1);
same('equality', 'SELECT l.n, s.id FROM (SELECT * FROM lesson WHERE n < 4) l JOIN hms_sessions() s ON s.room_id = l.room', 1);
same('left equality', 'SELECT l.n, s.id FROM (SELECT * FROM lesson WHERE n IN (1, 7, 200)) l LEFT JOIN hms_sessions() s ON s.room_id = l.room AND s.active', 1);
same('EXISTS', 'SELECT l.n FROM (SELECT * FROM lesson WHERE n < 8) l WHERE EXISTS (SELECT FROM hms_sessions() s WHERE s.room_id = l.room AND s.active)', 1);
same('NOT EXISTS', 'SELECT l.n FROM (SELECT * FROM lesson WHERE n < 8) l WHERE NOT EXISTS (SELECT FROM hms_sessions() s WHERE s.room_id = l.room AND s.active)', 0);
same('below an aggregate and a sort', 'SELECT l.name, count(*), max(s.created_at) FROM lesson l, LATERAL hms_sessions(l.room) s GROUP BY l.name ORDER BY 2 DESC, 1', 1);
same('in a correlated sub-select', 'SELECT l.n, (SELECT count(*) FROM lesson k, LATERAL hms_sessions(k.room) s WHERE k.n <= l.n) FROM lesson l', 1);
same('in a CTE', 'WITH c AS MATERIALIZED (SELECT l.n, s.id FROM lesson l, LATERAL hms_sessions(l.room) s) SELECT a.n, b.id FROM c a JOIN c b USING (n, id)', 1);
same('more outer rows than at a time', 'SELECT l.n, g, s.id FROM lesson l, generate_series(1, 5) g, LATERAL hms_sessions(l.room) s', 1);

same('a foreign table', 'SELECT l.n, e.id, e.track_type FROM (SELECT * FROM lesson WHERE n < 5) l JOIN live.track_events e ON e.room_id = l.room', 1);
same('a foreign table, left', 'SELECT l.n, s.id, s.active FROM (SELECT * FROM lesson WHERE n IN (1, 2, 7, 200)) l LEFT JOIN live.sessions s ON s.room_id = l.room AND s.active IS NOT TRUE', 1);
same('EXISTS over a foreign table', 'SELECT l.n FROM (SELECT * FROM lesson WHERE n < 8) l WHERE EXISTS (SELECT FROM live.track_events e WHERE e.room_id = l.room AND e.mute)', 1);
same('IN over a foreign table', 'SELECT l.n FROM (SELECT * FROM lesson WHERE n < 8) l WHERE l.room IN (SELECT s.room_id FROM live.sessions s WHERE s.active)', 1);
same('a foreign table and LATERAL', "SELECT l.n, s.id FROM (SELECT * FROM lesson WHERE n < 8) l, LATERAL (SELECT * FROM live.sessions i WHERE i.room_id = l.room AND i.created_at > now() - l.n * interval '1 day') s", 1);
same('the whole row of a foreign table', 'SELECT l.n, s::text FROM (SELECT * FROM lesson WHERE n < 8) l JOIN live.sessions s ON s.room_id = l.room', 0);
is($session->value("SELECT string_agg(n::text, ',') FROM (SELECT DISTINCT ON (o) l.n, o FROM (SELECT n, room FROM lesson ORDER BY n DESC OFFSET 0) l, LATERAL hms_sessions(l.room) WITH ORDINALITY AS s (id, o) ORDER BY o LIMIT 0) q"), '', 'an order of nothing');
my ($sorted) = grep { $_->{'Node Type'} eq 'Sort' } plan_of('SELECT l.n, s.id FROM (SELECT * FROM lesson ORDER BY n) l, LATERAL hms_sessions(l.room) s ORDER BY l.n');
like($sorted->{'Sort Key'}[0], qr/\bn$/, 'the order of outer rows is kept: they are what is sorted') or diag explain $sorted;

# --- requests

sub costs { return $session->costs($api, @_) }

costs('equal values are asked for once', 'SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s',
	$session->value('SELECT count(*) FROM lesson l JOIN session s ON s.room_id = l.room'), $rooms);
costs('a LIMIT that the first outer row meets', 'SELECT count(*) FROM (SELECT FROM lesson l, LATERAL hms_sessions(l.room) s LIMIT 3) q', 3, 1);
costs('one outer row', "SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s WHERE l.n = 1",
	$session->value('SELECT count(*) FROM session s JOIN lesson l ON s.room_id = l.room WHERE l.n = 1'), 1);
costs('no outer row', 'SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s WHERE l.n < 0', 0, 0);
{
	my ($node) = joins('SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s', ', ANALYZE');
	is_deeply([ @{$node}{'Request', 'Requests', 'Outer Rows at a Time'} ], ['GET /sessions?room_id=l.room', $rooms, 8], 'EXPLAIN shows what is asked for, how often and how many at a time');
}

# What is under way at once has a connection of its own.
sub connections
{
	my ($sql) = @_;
	$session->value('DISCARD PLANS');
	$api->faults({ path => '/sessions', delay => 0.2, times => 0 });
	my %seen = map { $_->{connection} => 1 } $api->during(sub { $session->value($sql) });
	$api->faults;
	return scalar keys %seen;
}

is(connections('SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s'), 8, 'as many at a time as hms.max_connections says');
is(connections('SET hms.max_connections = 3; SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s'), 3, 'and no more');
$session->value('RESET hms.max_connections');

# --- errors, and the end before the end

$api->faults({ path => '/sessions', status => 500, after => 2 });
is($session->error('SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s')->{state}, 'MS500', 'a request that fails is the error');
$api->faults({ path => '/sessions', status => 500, after => 1, times => 0 });
is($session->value('SELECT count(*) FROM (SELECT FROM lesson l, LATERAL hms_sessions(l.room) s LIMIT 16) q'), 16, 'but not where its rows are not wanted')
  if $session->value("SELECT count(*) >= 16 FROM session s JOIN lesson l ON s.room_id = l.room WHERE l.n = 1") eq 't';
$api->faults({ path => '/sessions', stall => true, times => 0 });
is($session->error("SET statement_timeout = '300ms'; SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s")->{state}, '57014', 'a join that waits can be cancelled');
$api->faults;
$session->value('RESET statement_timeout');
is($session->value('SELECT count(*) > 0 FROM lesson l, LATERAL hms_sessions(l.room) s'), 't', 'and the backend goes on');

# Who may not execute the function is refused when the query starts.
$session->value('CREATE ROLE nobody_much; GRANT SELECT ON lesson TO nobody_much; SET ROLE nobody_much');
is($session->error('SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room) s')->{state}, '42501', 'EXECUTE is asked for');
$session->value('RESET ROLE');

# Cursors, prepared plans, rows that are locked or written.
is($session->value('BEGIN; DECLARE c CURSOR FOR SELECT l.n FROM lesson l, LATERAL hms_sessions(l.room) s; MOVE 40 FROM c; FETCH 1 FROM c; COMMIT') ne '', 1, 'a cursor');
$session->value('SET plan_cache_mode = force_generic_plan; PREPARE active AS SELECT count(*) FROM lesson l, LATERAL hms_sessions(l.room, active => $1) s');
foreach my $active ('true', 'false', 'true')
{
	is($session->value("EXECUTE active($active)"), $session->value("SELECT count(*) FROM lesson l JOIN session s ON s.room_id = l.room WHERE s.active = $active"), "a generic plan, $active");
}
is(scalar(() = joins('SELECT l.n FROM lesson l, LATERAL hms_sessions(l.room) s FOR UPDATE OF l')), 0, 'rows that are locked are joined by a nested loop');
is(scalar(() = joins('UPDATE lesson l SET name = s.id FROM LATERAL hms_sessions(\'x\') s WHERE s.room_id = l.room')), 0, 'as are rows that are updated');

# The memory of a join does not grow with its outer rows.
{
	$session->value("SET work_mem = 64; BEGIN; DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 3000) g LEFT JOIN LATERAL hms_session('no' || g) s ON true");
	my ($early, $late) = map { $session->value("MOVE $_ FROM c; SELECT sum(total_bytes) FROM pg_backend_memory_contexts") } 700, 2000;
	cmp_ok($late - $early, '<', 100_000, 'no growth over 2,000 requests');
	$session->value('ROLLBACK');
}

$session->quit;
done_testing();
