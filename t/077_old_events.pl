# A session without events may be too old for them: when that is looked at, what is said of it, and what the look costs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;
use Time::HiRes qw(time);

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);

# old/s ended 31 days ago and new/s a day ago, without events; long/s is still on after 31 days; full/… have some.
sub session
{
	my ($id, $days, $active) = @_;
	my $at = $db->value("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '$days days', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')");
	return { id => $id, room_id => $id =~ s{-.*}{}r, active => $active // false, created_at => $at, updated_at => $at };
}
$api->add(sessions => [ session('old-1', 31), session('old-2', 40), session('new-1', 1), session('long-1', 31, true), map { session("many-$_", 2) } 1 .. 20 ]);
$api->load(room_id => 'full', events => 5, sessions => 1, peers => 1);
my $full = $db->value("SELECT session_id FROM hms_track_events('full') LIMIT 1");
$db->value(<<'SQL');
CREATE SCHEMA live;
IMPORT FOREIGN SCHEMA api LIMIT TO (track_events, error_events, recording_events, stays) FROM SERVER hms INTO live;
SELECT hms_create_reports('live');
CREATE TABLE lesson (n int, room text, session text);
INSERT INTO lesson SELECT n, 'many', 'many-' || n FROM generate_series(1, 20) n;
INSERT INTO lesson VALUES (21, 'old', 'old-1'), (22, 'old', 'old-2');
CREATE ROLE events_only; CREATE ROLE reader;
GRANT EXECUTE ON FUNCTION hms_track_events(text, text, text, text, text[]) TO events_only;
SELECT hms_grant('reader', 'read');
GRANT USAGE ON SCHEMA live TO events_only, reader;
GRANT SELECT ON ALL TABLES IN SCHEMA live TO events_only, reader;
SQL

# What a statement says and how many requests it makes, in all and for sessions; it never fails.
sub says
{
	my ($name, $sql, $said, $requests, $looks) = @_;
	my ($code, $out, $err);
	my @seen = $api->during(sub { ($code, $out, $err) = $db->run($sql) });
	is($code, 0, "$name: succeeds") or diag $err;
	is(scalar(() = $err =~ /NOTICE:  00000: sessions that ended before .* have no events any more/g), $said, "$name: said $said times") or diag $err;
	is(scalar @seen, $requests, "$name: $requests requests");
	is(scalar(grep { $_->{path} =~ m{/sessions/} } @seen), $looks, "$name: $looks of them a look");
	return;
}

# --- who is told

foreach my $list (qw(hms_track_events hms_error_events hms_recording_events hms_analytics_events))
{
	says($list, "SELECT * FROM $list('old', 'old-1')", 1, 2, 1);
	says("$list, a new session", "SELECT * FROM $list('new', 'new-1')", 0, 2, 1);
}
foreach my $list (qw(track_events error_events recording_events))
{
	says("table $list", "SELECT * FROM live.$list WHERE room_id = 'old' AND session_id = 'old-1'", 1, 2, 1);
	says("table $list, a new session", "SELECT * FROM live.$list WHERE room_id = 'new' AND session_id = 'new-1'", 0, 2, 1);
}
says('several rooms', "SELECT * FROM hms_track_events(ARRAY['old', 'new'], 'old-1')", 1, 3, 1);
says('a condition', "SELECT * FROM hms_track_events('old') WHERE session_id = 'old-1'", 1, 2, 1);
says('a parameter', "SET plan_cache_mode = force_generic_plan; PREPARE p AS SELECT * FROM hms_track_events(\$1) WHERE session_id = \$2; EXECUTE p ('old', 'old-1')", 1, 2, 1);
says('a report over tables', "SELECT * FROM live.talk_time WHERE room_id = 'old' AND session_id = 'old-1'", 1, 3, 1);
says('a session that is on', "SELECT * FROM hms_track_events('long', 'long-1')", 0, 2, 1);
says('a session that nobody knows', "SELECT * FROM hms_track_events('old', 'nosuch')", 0, 2, 1);
says('a session that no path can name', "SELECT * FROM hms_track_events('old', '..')", 0, 1, 0);
says('a report that knows the session', "SELECT * FROM hms_talk_time('old', 'old-1')", 1, 2, 1);

# --- when nothing is asked

says('a session with events', "SELECT * FROM hms_track_events('full', '$full')", 0, 1, 0);
says('events that the query leaves out', "SELECT * FROM hms_track_events('full', '$full') WHERE track_id = 'nosuch'", 0, 1, 0);
says('a whole room', "SELECT * FROM hms_track_events('old')", 0, 1, 0);
says('EXPLAIN', "EXPLAIN SELECT * FROM hms_track_events('old', 'old-1')", 0, 0, 0);
says('LIMIT 0', "SELECT * FROM hms_track_events('old', 'old-1') LIMIT 0", 0, 0, 0);
says('NULL', "SELECT * FROM hms_track_events('old', NULL)", 0, 0, 0);
says('who may not read sessions', "SET ROLE events_only; SELECT * FROM hms_track_events('old', 'old-1')", 0, 1, 0);
says('nor through a table', "SET ROLE events_only; SELECT * FROM live.track_events WHERE room_id = 'old' AND session_id = 'old-1'", 0, 1, 0);
says('who may', "SET ROLE reader; SELECT * FROM hms_track_events('old', 'old-1')", 1, 2, 1);
says('and through a table', "SET ROLE reader; SELECT * FROM live.track_events WHERE room_id = 'old' AND session_id = 'old-1'", 1, 2, 1);

# --- once a statement, and few looks

says('two lists', "SELECT count(*) FROM hms_track_events('old', 'old-1') a, hms_error_events('old', 'old-2') b", 1, 2, 1);
says('one list after the other', "SELECT count(*) FROM hms_track_events('old', 'old-1') UNION ALL SELECT count(*) FROM hms_error_events('old', 'old-2')", 1, 3, 1);
says('two statements', "SELECT count(*) FROM hms_track_events('old', 'old-1'); SELECT count(*) FROM hms_track_events('old', 'old-1')", 2, 4, 2);
says('rows that are read again', "SELECT sum((SELECT count(*) FROM hms_track_events('old', 'old-1') e WHERE e.track_id = l.room)) FROM lesson l", 1, 2, 1);
says('twenty new sessions', "SELECT count(*) FROM lesson l, LATERAL hms_track_events(l.room, l.session) e WHERE l.n <= 20", 0, 25, 5);
says('a join with a table', "SELECT count(*) FROM lesson l JOIN live.track_events e ON e.room_id = l.room AND e.session_id = l.session WHERE l.n > 20", 1, 3, 1);
like($db->value("EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM hms_track_events('old', 'old-1')"), qr/Requests: 2\n/, 'EXPLAIN ANALYZE counts the look');

# --- a look that fails

my %fault = (
	'503' => { status => 503 },
	'429' => { status => 429, headers => { 'Retry-After' => '30' } },
	'500 again and again' => { status => 500, times => 0 },
	'404' => { status => 404, body => 'nothing here' },
	'no JSON' => { raw_body => '<html>' },
	'other JSON' => { raw_body => '[]' },
	'half of JSON' => { raw_body => '{"active": false, "updated_at": "2020-01-01T00:00:00Z"' },
	'an odd time' => { raw_body => '{"active": false, "updated_at": "yesterday"}' },
	'no time' => { raw_body => '{"active": false}' });
foreach my $name (sort keys %fault)
{
	$api->faults({ path => '/sessions/', %{ $fault{$name} } });
	my $begun = time;
	says($name, "SELECT * FROM hms_track_events('old', 'old-1')", 0, 2, 1);
	cmp_ok(time - $begun, '<', 15, "$name: is not waited for");
	$api->faults;
}
$api->faults({ path => '/sessions/', reset => true, times => 0 });
says('a lost connection, and a second one', "SELECT * FROM hms_track_events('old', 'old-1')", 0, 3, 2);
$api->faults({ path => '/sessions/', stall => true, times => 0 });
{
	my $begun = time;
	says('no answer', "SELECT * FROM hms_track_events('old', 'old-1')", 0, 2, 1);
	cmp_ok(time - $begun, '<', 30, 'no answer: the statement goes on after some seconds');
	my $bad = $db->error("SET statement_timeout = '1s'; SELECT * FROM hms_track_events('old', 'old-1')");
	is($bad->{state}, '57014', 'a look ends with its statement');
}
$api->faults;
says('afterwards', "SELECT * FROM hms_track_events('old', 'old-1')", 1, 2, 1);

done_testing();
