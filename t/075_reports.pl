# The views of the reports, over whatever has stays and track events: what they are made of, what their owner set and keeps,
# whose rows they show, and which condition reaches the tables underneath.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, jit => 'off');

my $version = int($db->value('SHOW server_version_num') / 10000);

my @views = qw(attendance session_usage talk_time);

# Tables as a mirror has them, with sessions and stays of nobody in particular.
$db->value(<<'SQL');
CREATE SCHEMA school;
CREATE TABLE school.sessions (room_id text, id text, active boolean, created_at timestamptz, updated_at timestamptz, PRIMARY KEY (room_id, id));
CREATE TABLE school.session_peers (room_id text, session_id text, id text, user_id text, name text, role text,
	joined_at timestamptz, left_at timestamptz, extra jsonb, PRIMARY KEY (room_id, session_id, id));
CREATE TABLE school.track_events (LIKE hms_track_event);
CREATE INDEX sessions_id ON school.sessions USING hash (id);
CREATE INDEX sessions_created_at ON school.sessions (created_at);
CREATE INDEX session_peers_user ON school.session_peers USING hash ((coalesce(nullif(user_id, ''), nullif(name, ''), id)));
CREATE INDEX track_events_session ON school.track_events (room_id, session_id);
CREATE VIEW school.stays AS SELECT p.id, s.id AS session_id, s.room_id, p.user_id, p.name, p.role, p.joined_at, p.left_at,
		s.active AS session_active, s.created_at AS session_created_at, s.updated_at AS session_updated_at, p.extra
	FROM school.sessions s LEFT JOIN school.session_peers p ON p.room_id = s.room_id AND p.session_id = s.id;
SELECT hms_create_reports('school');
INSERT INTO school.sessions SELECT 'room ' || s % 100, 'session ' || s, false, '2026-01-01'::timestamptz + s * interval '1 hour',
	'2026-01-01'::timestamptz + s * interval '1 hour' + interval '50 minutes' FROM generate_series(1, 5000) s;
INSERT INTO school.session_peers SELECT 'room ' || s % 100, 'session ' || s, 'peer ' || s || '-' || n, 'user ' || (s * 7 + n * 13) % 2000, 'Name',
	'student', '2026-01-01'::timestamptz + s * interval '1 hour' + n * interval '1 minute', NULL, NULL
	FROM generate_series(1, 5000) s, generate_series(1, 5) n;
INSERT INTO school.track_events (room_id, session_id, peer_id, track_id, track_type, source, type, "timestamp", mute)
	SELECT 'room ' || s % 100, 'session ' || s, 'peer ' || s || '-1', 'track ' || s, 'audio', 'regular', 'track.add.success',
		'2026-01-01'::timestamptz + s * interval '1 hour' + interval '10 minutes', false FROM generate_series(1, 5000) s;
ANALYZE;
SQL

# What is made: the columns of the functions, a comment, nothing that the extension is needed for.
foreach my $view (@views)
{
	my $columns = sub { $db->value("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '$_[0]'::regclass") };
	$db->value("CREATE VIEW by_function AS SELECT * FROM hms_$view('r')");
	is($columns->("school.$view"), $columns->('by_function'), "view $view has the columns of hms_$view");
	$db->value('DROP VIEW by_function');
	like($db->value("SELECT obj_description('school.$view'::regclass)"), qr/hms_$view over this schema.*reaches/, 'and a comment');
}
is($db->value("SELECT count(*) FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass JOIN pg_class c ON c.oid = r.ev_class"
	. " WHERE c.relnamespace = 'school'::regnamespace AND (d.refclassid, d.refobjid) IN (SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass)"),
	0, 'the views need nothing of the extension');

# An id that is NULL names nothing: no row, and nothing is asked. What is left out asks for all.
foreach my $call ("hms_attendance((SELECT id FROM hms_rooms('no such room')))", 'hms_attendance(NULL)', 'hms_attendance(NULL::text[])', "hms_attendance(session_id => NULL)",
	"hms_attendance('r', NULL)", "hms_attendance(NULL, 's')", "hms_attendance('{}'::text[], 's')", "hms_attendance(ARRAY['r'], NULL)", 'hms_session_usage(NULL)', 'hms_session_usage(NULL::text[])',
	'hms_talk_time(NULL)', "hms_talk_time('r', NULL)", 'hms_talk_time(NULL::text[])', 'hms_concurrency(NULL)', "hms_concurrency('r', NULL)", 'hms_quality(NULL)',
	'hms_error_summary(NULL::text)', 'hms_error_summary(NULL::text[])')
{
	my $rows;
	my @seen = $api->during(sub { $rows = $db->value("SELECT count(*) FROM $call") });
	is($rows, 0, "nothing: $call");
	is(scalar(grep { $_->{path} !~ m{/rooms$} } @seen), 0, 'and nothing is asked');
}
cmp_ok($db->value("SELECT count(DISTINCT room_id) FROM $_()"), '>', 3, "all rooms: $_") foreach qw(hms_attendance hms_session_usage);
cmp_ok($db->value("SELECT count(DISTINCT session_id) FROM hms_concurrency(step => '1 hour')"), '>', 50, 'all rooms: hms_concurrency');

# Track events are gone after 30 days, which is said once a statement.
{
	my $session = sub {
		my ($id, $days, $active) = @_;
		my $at = $db->value("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '$days days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')");
		return { id => $id, room_id => $id =~ s/-.*//r, active => $active, created_at => $at, updated_at => $at,
			peers => { p => { id => 'p', session_id => $id, user_id => 'u', name => 'U', role => 'r', joined_at => $at } } };
	};
	$api->add(sessions => [ $session->('old-1', 31, Hms::false), $session->('old-2', 40, Hms::false), $session->('new-1', 29, Hms::false), $session->('long-1', 31, Hms::true) ]);
	my %told = ("hms_talk_time('old')" => 1, "hms_talk_time('old', 'old-2')" => 1, "hms_talk_time(ARRAY['old', 'new'])" => 1,
		"hms_talk_time('old') a, hms_talk_time('old') b" => 1, "hms_talk_time('new')" => 0, "hms_talk_time('long')" => 0, "hms_attendance('old')" => 0);
	foreach my $call (sort keys %told)
	{
		my (undef, undef, $notice) = $db->run("SELECT count(*) FROM $call");
		is(scalar(() = $notice =~ /NOTICE:.*sessions that ended before .* have no events any more/g), $told{$call}, "said $told{$call} times: $call");
	}
}

# Who may not, and what is missing.
{
	my %error = (
		"'nowhere'" => ['3F000', qr/schema nowhere does not exist/],
		"NULL" => ['22004', qr/"schema" must not be null/],
		"'empty'" => ['42P01', qr/schema empty has no relation stays/],
		"'half'" => ['42P01', qr/schema half has no relation track_events/],
		"'odd'" => ['42703', qr/session_active/]);
	$db->value('CREATE SCHEMA empty; CREATE SCHEMA half; CREATE TABLE half.stays (LIKE hms_stay);'
		. 'CREATE SCHEMA odd; CREATE TABLE odd.stays (id text); CREATE TABLE odd.track_events (LIKE hms_track_event)');
	foreach my $schema (sort keys %error)
	{
		my $error = $db->error("SELECT hms_create_reports($schema)");
		is($error->{state}, $error{$schema}[0], "the reports of $schema");
		like($error->{message}, $error{$schema}[1], 'are refused with a reason');
	}
	like($db->error("SELECT hms_create_reports('empty')")->{hint}, qr/hms_create_mirror.*IMPORT FOREIGN SCHEMA/, 'and a hint');
	$db->value('CREATE ROLE nobody; GRANT EXECUTE ON FUNCTION hms_create_reports TO nobody');
	is($db->error("SET ROLE nobody; SELECT hms_create_reports('school')")->{state}, '42501', 'who may not create there may not');
}

# A schema of an odd name, in which an overload of what the texts call lies in wait.
{
	$db->value(q{CREATE SCHEMA "odd ""name'"; CREATE TABLE "odd ""name'".stays (LIKE hms_stay); CREATE TABLE "odd ""name'".track_events (LIKE hms_track_event);}
		. q{CREATE FUNCTION "odd ""name'".btrim(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'caught'; END$$;}
		. q{CREATE FUNCTION "odd ""name'".tstzrange(timestamptz, timestamptz) RETURNS tstzrange LANGUAGE plpgsql AS $$BEGIN RAISE 'caught'; END$$;}
		. q{SET search_path = "odd ""name'", public; SELECT hms_create_reports('odd "name''')});
	is($db->value(qq{SET search_path = "odd ""name'", public; SELECT count(*) FROM $_}), 0, "$_ of a schema with an odd name") foreach @views;
}

# Made again, they keep what their owner set.
{
	my $state = sub { $db->value("SELECT string_agg(concat_ws('|', relname, reloptions, relacl, obj_description(oid)), E'\\n' ORDER BY relname) FROM pg_class WHERE relnamespace = 'school'::regnamespace AND relkind = 'v'") };
	my $invoker = $version >= 15;
	is($db->value("SELECT count(*) FROM pg_class WHERE relnamespace = 'school'::regnamespace AND reloptions = '{security_invoker=true}'"),
		$invoker ? 3 : 0, 'views show what the caller may see, where the server has it');
	$db->value(q{GRANT SELECT ON school.attendance TO nobody; COMMENT ON VIEW school.attendance IS 'mine';}
		. q{ALTER VIEW school.session_usage SET (security_barrier = true);}
		. ($invoker ? q{ALTER VIEW school.talk_time SET (security_invoker = false)} : ''));
	my $before = $state->();
	$db->value("SELECT hms_create_reports('school')");
	is($state->(), $before, 'made again, they have the options, comments and grants that they had');
	$db->value($invoker ? 'ALTER VIEW school.talk_time SET (security_invoker = true)' : 'SELECT 1');
}

# Row security of the tables holds through the views.
SKIP:
{
	skip 'security_invoker comes with PostgreSQL 15', 3 if $version < 15;
	$db->value(<<'SQL');
CREATE ROLE teacher;
GRANT USAGE ON SCHEMA school TO teacher;
GRANT SELECT ON ALL TABLES IN SCHEMA school TO teacher;
ALTER VIEW school.stays SET (security_invoker = true);
ALTER TABLE school.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE school.session_peers ENABLE ROW LEVEL SECURITY;
ALTER TABLE school.track_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON school.sessions TO teacher USING (room_id = 'room 7');
CREATE POLICY mine ON school.session_peers TO teacher USING (room_id = 'room 7');
CREATE POLICY mine ON school.track_events TO teacher USING (room_id = 'room 7');
SQL
	is($db->value("SET ROLE teacher; SELECT string_agg(DISTINCT room_id, ',') FROM school.$_"), 'room 7', "$_ shows a teacher her room") foreach @views;
	$db->value('ALTER TABLE school.sessions DISABLE ROW LEVEL SECURITY; ALTER TABLE school.session_peers DISABLE ROW LEVEL SECURITY; ALTER TABLE school.track_events DISABLE ROW LEVEL SECURITY');
}

# The rows that a plan reads from tables: a condition reaches the index, so they are few. Without it all 25,000 are read, by
# whichever index.
sub rows_read
{
	my ($sql) = @_;
	my $plan = Hms::decode($db->value("SET enable_seqscan = off; EXPLAIN (ANALYZE, FORMAT json) $sql"));
	my ($read, @nodes) = (0, $plan->[0]{Plan});
	while (my $node = shift @nodes)
	{
		$read += ($node->{'Actual Rows'} + ($node->{'Rows Removed by Filter'} // 0)) * $node->{'Actual Loops'} if $node->{'Relation Name'};
		push @nodes, @{ $node->{Plans} // [] };
	}
	return $read;
}
{
	my %reads = (
		"attendance WHERE user_id = 'user 42'" => 100,
		"attendance WHERE session_id = 'session 42'" => 20,
		"attendance WHERE room_id = 'room 42'" => 600,
		"attendance WHERE room_id = ANY (ARRAY(SELECT 'room ' || g FROM generate_series(1, 2) g))" => 800,
		"session_usage WHERE session_id = 'session 42'" => 20,
		"session_usage WHERE started_at >= '2026-02-01' AND started_at < '2026-02-02'" => 300,
		"session_usage WHERE room_id = 'room 42' AND active" => 400,
		"talk_time WHERE session_id = 'session 42' AND room_id = 'room 42'" => 30,
		"talk_time WHERE room_id = 'room 42'" => 500);
	foreach my $report (sort keys %reads)
	{
		cmp_ok($db->value("SELECT count(*) FROM school.$report"), '>', $report =~ /active/ ? -1 : 0, "there is something: $report");
		cmp_ok(rows_read("SELECT * FROM school.$report"), '<=', $reads{$report}, 'and few rows are read for it');
	}
	my $generic = 'PREPARE p (text) AS SELECT * FROM school.attendance WHERE user_id = $1; SET plan_cache_mode = force_generic_plan; EXPLAIN EXECUTE p (\'x\')';
	like($db->value("$generic"), qr/session_peers_user/, 'a parameter reaches the index too');
}

done_testing();
