# Lists of 100ms as foreign tables: importing them, reading them as the functions do, tables made by hand, what is
# refused, and everything that PostgreSQL does with a table.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.max_connections' => 1);  # so that a list is its pages and no more
$api->load(room_id => 'long', events => 350, sessions => 230, peers => 2);
my $session = $db->session;
my $room    = $api->world->{rooms}[0]{id};

sub costs { return $session->costs($api, @_) }
sub value { return $session->value(@_) }
sub error { return $session->error(@_) }

# --- importing

my %function = (
	rooms            => 'hms_rooms()',
	sessions         => 'hms_sessions()',
	session_peers    => 'hms_session_peers()',
	track_events     => 'hms_track_events(ARRAY(SELECT id FROM hms_rooms()))',
	recording_events => 'hms_recording_events(ARRAY(SELECT id FROM hms_rooms()))',
	error_events     => 'hms_error_events(ARRAY(SELECT id FROM hms_rooms()))',
	room_codes       => '(SELECT c.* FROM hms_rooms(enabled => true) r, LATERAL hms_room_codes(r.id) c)',
	live_streams     => 'hms_live_streams()',
	external_streams => 'hms_external_streams()',
	recordings       => 'hms_recordings()',
	recording_assets => 'hms_recording_assets()',
	webhook_deliveries => 'hms_webhook_events()',
	templates        => 'hms_templates()',
	active_peers     => '(SELECT r.id AS room_id, p.* FROM hms_rooms() r, LATERAL hms_active_peers(r.id) p)',
	stays            => undef);

value('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA api FROM SERVER hms INTO live');
is(value("SELECT string_agg(foreign_table_name, ' ' ORDER BY foreign_table_name) FROM information_schema.foreign_tables WHERE foreign_table_schema = 'live'"),
	join(' ', sort keys %function), 'every list is a table');
is(value("SELECT count(*) FROM information_schema.foreign_tables WHERE obj_description(format('live.%I', foreign_table_name)::regclass) IS NULL"), 0, 'each with a comment');
value('CREATE SCHEMA two; IMPORT FOREIGN SCHEMA api LIMIT TO (rooms, sessions) FROM SERVER hms INTO two');
is(value("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'two'::regnamespace"), 'rooms sessions', 'LIMIT TO');
value('CREATE SCHEMA others; IMPORT FOREIGN SCHEMA api EXCEPT (rooms, sessions) FROM SERVER hms INTO others');
is(value("SELECT count(*) FROM pg_class WHERE relnamespace = 'others'::regnamespace"), keys(%function) - 2, 'EXCEPT');
like((($session->ask('CREATE SCHEMA odd; IMPORT FOREIGN SCHEMA api LIMIT TO (rooms, romos) FROM SERVER hms INTO odd'))[1]), qr/WARNING:.*there is no foreign table "romos"/, 'a name that there is not is told');
is(error('IMPORT FOREIGN SCHEMA nosuch FROM SERVER hms INTO odd')->{state}, 'HV00Q', 'another foreign schema');
is(error("IMPORT FOREIGN SCHEMA api FROM SERVER hms INTO odd OPTIONS (x 'y')")->{state}, 'HV00D', 'an option that there is not');
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';
	my ($code, undef, $err) = $db->run('CREATE SCHEMA late; IMPORT FOREIGN SCHEMA api FROM SERVER hms INTO late; CREATE FOREIGN TABLE late.mine (id text) SERVER hms OPTIONS (endpoint \'rooms\')');
	is($err, '', 'importing before the library is loaded: nothing to say');
}
my $comments = sub { value("SELECT string_agg(concat_ws(' ', c.relname, d.objsubid, d.description), E'\n' ORDER BY c.relname, d.objsubid) FROM pg_description d JOIN pg_class c ON c.oid = d.objoid WHERE d.classoid = 'pg_class'::regclass AND c.relnamespace = '$_[0]'::regnamespace") };
is($comments->('late'), $comments->('live'), 'the comments are the same');
like($comments->('live'), qr/^rooms \d+ \S/m, 'which have some');
is(value("SELECT obj_description('late.mine'::regclass)"), '', 'a table made by hand has none');
value('DROP SCHEMA two, others, late CASCADE');

# --- the same rows as the functions'

foreach my $table (sort grep { defined $function{$_} } keys %function)
{
	my $rows = value("CREATE TEMP TABLE a AS SELECT q::text AS t FROM live.$table q; CREATE TEMP TABLE b AS SELECT q::text AS t FROM (SELECT * FROM $function{$table} f) q; SELECT count(*) FROM a");
	is(value('SELECT count(*) FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) q'), 0, "$table: the function's rows ($rows)");
	value('DROP TABLE a, b');
}
is(value("SELECT count(*) FROM live.stays WHERE id IS NOT NULL"), value('SELECT count(*) FROM hms_session_peers()'), 'stays: a row a peer');
cmp_ok(value("SELECT count(*) FROM live.stays WHERE id IS NULL"), '>=', 0, 'and one of a session without any');
foreach my $some (qw(active_peers track_events room_codes))
{
	is(value("SELECT count(DISTINCT room_id) > 1 FROM live.$some"), 't', "$some without a condition are those of every room");
}
cmp_ok(value("SELECT count(*) FROM live.active_peers WHERE room_id = (SELECT room_id FROM live.sessions WHERE active LIMIT 1)"), '>', 0, 'a room of active peers');

# --- lazy, only the columns that are looked at, conditions as filters

value("CREATE TABLE class (n int PRIMARY KEY, room text); INSERT INTO class SELECT n, 'long' FROM generate_series(1, 5) n; ANALYZE class");
costs('LIMIT of one page', "SELECT count(*) FROM (SELECT id FROM live.sessions LIMIT 20) q", 20, 1);
costs('a room', "SELECT count(*) FROM live.sessions WHERE room_id = 'long'", 230, 3);
costs('a room and a flag', "SELECT count(*) FROM live.sessions WHERE room_id = 'long' AND active IS TRUE", 0, 1);
costs('NULL', 'PREPARE s (text) AS SELECT count(*) FROM live.sessions WHERE room_id = $1; SET plan_cache_mode = force_generic_plan; EXECUTE s (NULL)', 0, 0);
costs('a generic plan', "EXECUTE s ('long')", 230, 3);
costs('again with another value', "EXECUTE s ('nosuch')", 0, 1);
costs('an empty array', "SELECT count(*) FROM live.sessions WHERE room_id = ANY ('{}')", 0, 0);
costs('events of a room, of one type', "SELECT count(*) > 0, count(*) FILTER (WHERE type <> 'track.add.success') FROM live.track_events WHERE room_id = 'long' AND type = 'track.add.success'", 't|0', 4);
like(value("EXPLAIN SELECT * FROM live.track_events WHERE room_id = 'long' AND type IN ('track.add.success', 'room.end')"), qr{Request: GET /analytics/events\?room_id=long&type=track\.add\.success$}m, 'of the types that are the table\'s own');
like(value("EXPLAIN SELECT * FROM live.sessions WHERE room_id = 'long' AND created_at >= '2026-01-31 09:00+00'"), qr{Request: GET /sessions\?room_id=long&after=2026-01-31T09:00:00\.000Z$}m, 'EXPLAIN shows the request');
like(value("EXPLAIN EXECUTE s ('x')"), qr{Request: GET /sessions\?room_id=\$1$}m, 'of a generic plan with its parameter');
like(value('SET enable_hashjoin = off; SET enable_mergejoin = off; EXPLAIN SELECT * FROM class c JOIN live.sessions s ON s.room_id = c.room WHERE c.n = 1'), qr{Request: GET /sessions\?room_id=c\.room$}m, 'of a nested loop with the other column');
costs('a nested loop', 'SELECT count(*) FROM class c JOIN live.sessions s ON s.room_id = c.room WHERE c.n = 1', 230, 3);
value('RESET enable_hashjoin; RESET enable_mergejoin; RESET plan_cache_mode');
{
	my @seen = $api->during(sub { value('EXPLAIN (VERBOSE) SELECT * FROM live.rooms, live.track_events') });
	is(scalar @seen, 0, 'EXPLAIN asks for nothing');
}

# --- read again

value('SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off');
costs('the inner side of a nested loop', 'SELECT count(*) FROM class c, live.rooms r WHERE r.id > c.room || c.n', value("SELECT count(*) FROM class c, hms_rooms() r WHERE r.id > c.room || c.n"), 1);
costs('with a parameter', "SELECT count(*) FROM class c JOIN live.sessions s ON s.room_id = CASE c.n WHEN 2 THEN 'long' ELSE 'none' END", 230, 4);
costs('a correlated sub-select', "SELECT string_agg((SELECT count(*) FROM live.sessions s WHERE s.room_id = CASE c.n WHEN 2 THEN 'long' ELSE 'none' END)::text, ',' ORDER BY n) FROM class c", '0,230,0,0,0', 4);
value('RESET ALL');
costs('a cursor that goes back', "BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM live.sessions WHERE room_id = 'long'; MOVE 150 FROM c; MOVE BACKWARD ALL FROM c; MOVE 120 FROM c; FETCH 1 FROM c; COMMIT",
	value("SELECT id FROM hms_sessions('long') OFFSET 120 LIMIT 1"), 2);
is(value("BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT id FROM live.sessions WHERE room_id = 'long' LIMIT 3; COMMIT; FETCH ALL FROM h; CLOSE h"),
	value("SELECT id FROM hms_sessions('long') LIMIT 3"), 'a cursor WITH HOLD');

# --- rows of other tables that change meanwhile

{
	my $holder = $db->session;
	my $first  = value("SELECT min(id) FROM live.sessions WHERE room_id = 'long'");
	foreach my $check (
		["UPDATE class c SET room = s.room_id FROM live.sessions s WHERE s.room_id = c.room AND c.n = 3 AND s.id = '$first' RETURNING s.id, (s).id", "$first|$first"],
		["SELECT c.n, s.id FROM class c, live.sessions s WHERE s.room_id = c.room AND c.n = 3 AND s.id = '$first' FOR UPDATE OF c", "3|$first"],
		["SELECT c.n, s.id FROM class c, live.sessions s WHERE s.room_id = c.room AND c.n = 3 AND s.id = '$first' FOR UPDATE", "3|$first"])
	{
		my ($sql, $want) = @$check;
		$holder->value('BEGIN; UPDATE class SET n = n WHERE n = 3');
		$session->begin($sql);
		$db->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $session->{pid}") or die;
		$holder->value('COMMIT');
		my ($out, $err) = $session->finish;
		is($out, $want, "rechecked: $sql") or diag $err;
	}
	$holder->quit;
}

# --- what a table is asked for besides

is(value("SELECT tableoid::regclass FROM live.rooms LIMIT 1"), 'live.rooms', 'tableoid');
is(value("SELECT (r).name = r.name FROM live.rooms r LIMIT 1"), 't', 'the row as a whole');
foreach my $system (qw(ctid xmin cmax))
{
	my $error = error("SELECT $system FROM live.rooms");
	is($error->{state}, '0A000', "$system is refused");
	like($error->{message}, qr/has no column "$system"/, 'clearly');
}
is(error('SELECT id FROM live.rooms WHERE ctid = \'(0,1)\'')->{state}, '0A000', 'also in a condition');
{
	my ($warning);
	my @seen = $api->during(sub { (undef, $warning) = $session->ask('ANALYZE live.rooms') });
	like($warning, qr/WARNING:.*skipping "rooms"/, 'ANALYZE skips it');
	@seen = (@seen, $api->during(sub { value('ANALYZE') }));
	is(scalar @seen, 0, 'and asks for nothing');
}
like(error('SELECT * FROM live.rooms TABLESAMPLE system (1)')->{message}, qr/TABLESAMPLE/, 'TABLESAMPLE');
foreach my $write (
	["INSERT INTO live.rooms (name) VALUES ('x')", qr/hms_create_room/], ["UPDATE live.rooms SET name = 'x'", qr/hms_update_room/],
	['DELETE FROM live.sessions', qr/hms_end_room/], ["INSERT INTO live.templates (name) VALUES ('x')", qr/hms_create_template/],
	['DELETE FROM live.track_events', qr/hms_help/])
{
	my ($sql, $hint) = @$write;
	my $error;
	my @seen = $api->during(sub { $error = error($sql) });
	is_deeply([ $error->{state}, scalar @seen ], [ '0A000', 0 ], "refused: $sql") or diag $error->{text};
	like($error->{hint}, $hint, 'with a hint');
}
is(error('TRUNCATE live.rooms')->{state}, '0A000', 'TRUNCATE');

# --- views, materialized views, parallel plans

value("CREATE VIEW rooms_view AS SELECT id, name FROM live.rooms; CREATE MATERIALIZED VIEW rooms_kept AS SELECT id, name FROM live.rooms; CREATE UNIQUE INDEX ON rooms_kept (id)");
is(value('SELECT count(*) FROM rooms_view'), value('SELECT count(*) FROM hms_rooms()'), 'a view');
costs('a materialized view', 'SELECT count(*) FROM rooms_kept', value('SELECT count(*) FROM hms_rooms()'), 0);
value("SELECT hms_create_room('{\"name\": \"late\"}')");
value('REFRESH MATERIALIZED VIEW CONCURRENTLY rooms_kept');
is(value("SELECT count(*) FROM rooms_kept WHERE name = 'late'"), 1, 'REFRESH CONCURRENTLY');
value('CREATE TABLE big AS SELECT n, \'long\' AS room FROM generate_series(1, 100000) n; ANALYZE big; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2');
like(value('EXPLAIN (COSTS OFF) SELECT count(*) FROM big'), qr/Gather/, 'where others are read in parallel');
is(value("SELECT count(*) FROM big b JOIN live.sessions s ON s.room_id = b.room WHERE b.n <= 10 AND s.room_id = 'long'"), 2300, 'a foreign table is joined');
is(value('SELECT count(*) FROM live.sessions'), value('SELECT count(*) FROM hms_sessions()'), 'or read alone');
value('RESET ALL');

# --- tables made by hand

value(<<'SQL');
CREATE FOREIGN TABLE mine (created_at timestamp, label varchar(60) OPTIONS (column_name 'name'), gone int, id varchar, size smallint,
	enabled boolean, extra json, day date OPTIONS (column_name 'created_at'), polls varchar[]) SERVER hms OPTIONS (endpoint 'rooms');
SQL
is(error('SELECT id FROM mine')->{state}, 'HV005', 'a column that is no member');
like(error('SELECT id FROM mine')->{message}, qr/column "gone" of foreign table "mine" is no member/, 'is named');
like(error('SELECT id FROM mine')->{hint}, qr/id, name, enabled/, 'beside those that there are');
value('ALTER FOREIGN TABLE mine DROP COLUMN gone; ALTER FOREIGN TABLE mine ADD COLUMN region text');
is(value('SELECT count(*) FROM (SELECT created_at, label, id, size, enabled, region, day, polls::text FROM mine EXCEPT SELECT created_at::timestamp, name, id, size::smallint, enabled, region, created_at::date, polls::text FROM hms_rooms()) q'), 0, 'fewer columns, other names, types and order');
is(value("SELECT count(*) FROM mine WHERE extra ->> 'template_id' IS NOT NULL"), value('SELECT count(*) FROM hms_rooms() WHERE template_id IS NOT NULL'), 'extra has what no column names');
like(value("EXPLAIN SELECT * FROM mine WHERE enabled AND label = 'x' AND created_at > now()"), qr{Request: GET /rooms\?enabled=true$}m, 'only a condition that means the same there is sent');
is(error("CREATE FOREIGN TABLE bad (id text) SERVER hms OPTIONS (endpoint 'romos')")->{state}, '22023', 'an endpoint that there is not');
is(error('CREATE FOREIGN TABLE bad (id text) SERVER hms')->{state}, 'HV00J', 'no endpoint');
is(error("CREATE FOREIGN TABLE bad (id text) SERVER hms OPTIONS (endpoint 'rooms', x 'y')")->{state}, 'HV00D', 'an option that there is not');
value("CREATE FOREIGN TABLE odd_type (id point) SERVER hms OPTIONS (endpoint 'rooms')");
isnt(error('SELECT * FROM odd_type')->{state}, '', 'a type that no member has is an error');
value("CREATE FOREIGN TABLE none () SERVER hms OPTIONS (endpoint 'rooms')");
is(value('SELECT count(*) FROM none'), value('SELECT count(*) FROM hms_rooms()'), 'no column at all');
value('CREATE TABLE parent (id text, name text)');
value("CREATE FOREIGN TABLE child () INHERITS (parent) SERVER hms OPTIONS (endpoint 'rooms'); INSERT INTO parent VALUES ('x', 'y')");
is(value('SELECT count(*) FROM parent'), value('SELECT count(*) + 1 FROM hms_rooms()'), 'as a child of a table');
is(value("SELECT name FROM parent WHERE id = '$room'"), value("SELECT name FROM hms_room('$room')"), 'with a condition');

# --- who may read

value('CREATE ROLE reader; CREATE ROLE nobody; GRANT USAGE ON SCHEMA live TO reader, nobody; GRANT SELECT ON live.rooms TO reader');
is(value('SET ROLE reader; SELECT count(*) FROM live.rooms; RESET ROLE') =~ /^(\d+)/ ? $1 : '', value('SELECT count(*) FROM hms_rooms()'), 'SELECT on the table is enough');
is(error('SET ROLE nobody; SELECT count(*) FROM live.rooms')->{state}, '42501', 'and is needed');
value('RESET ROLE');

# --- another server, which changes in an open session; dump and restore

my $other = Hms::Api->launch;
$other->load(room_id => 'elsewhere', sessions => 7, peers => 1, events => 0);
append_to_file($db->basedir . '/other_secret', "$other->{secret}\n");
chmod 0600, $db->basedir . '/other_secret';
my $mapping = "OPTIONS (access_key '$other->{access_key}', secret_file '" . $db->basedir . "/other_secret')";
value("CREATE SERVER school FOREIGN DATA WRAPPER hms OPTIONS (api_url '$other->{url}'); CREATE USER MAPPING FOR CURRENT_USER SERVER school $mapping");
value('CREATE SCHEMA school; IMPORT FOREIGN SCHEMA api LIMIT TO (rooms, sessions) FROM SERVER school INTO school');
is(value("SELECT count(*) FROM school.sessions WHERE room_id = 'elsewhere'"), 7, 'a table of another account');
is(value("SELECT count(*) FROM school.sessions s JOIN live.rooms r ON r.id = s.room_id"), value("SELECT count(*) FROM school.sessions WHERE room_id IN (SELECT id FROM hms_rooms())"), 'two accounts in one statement');
value('SELECT id FROM school.rooms LIMIT 1');
$session->value("ALTER SERVER school OPTIONS (SET api_url '$api->{url}')");
is(error('SELECT count(*) FROM school.rooms')->{state}, 'MS401', 'a changed URL counts in the next statement');
$session->value("ALTER SERVER school OPTIONS (SET api_url '$other->{url}')");
is(value("SELECT count(*) FROM school.sessions WHERE room_id = 'elsewhere'"), 7, 'also when it is changed back');
$session->value('ALTER USER MAPPING FOR CURRENT_USER SERVER school OPTIONS (SET access_key \'wrong\')');
is(error('SELECT count(*) FROM school.rooms')->{state}, 'MS401', 'a changed key too');
$session->value("ALTER USER MAPPING FOR CURRENT_USER SERVER school OPTIONS (SET access_key '$other->{access_key}')");

# Whose account: that of whoever the scan runs as.
value('CREATE ROLE owner; GRANT USAGE ON FOREIGN SERVER school TO owner; GRANT USAGE, CREATE ON SCHEMA school TO owner; GRANT USAGE ON SCHEMA school TO reader; GRANT SELECT ON school.rooms TO owner, reader');
value("CREATE USER MAPPING FOR owner SERVER school $mapping; SET ROLE owner; CREATE VIEW school.shown AS SELECT id FROM school.rooms; GRANT SELECT ON school.shown TO reader; RESET ROLE");
my $count = value('SELECT count(*) FROM school.rooms');
is(value('SET ROLE owner; SELECT count(*) FROM school.rooms'), $count, 'a role with a mapping');
value('RESET ROLE');
is(error('SET ROLE reader; SELECT count(*) FROM school.rooms')->{state}, '42704', 'one without');
is(value('SELECT count(*) FROM school.shown'), $count, 'through a view the mapping of its owner counts');
value('RESET ROLE');
if (value('SHOW server_version_num') >= 150000)
{
	value('ALTER VIEW school.shown SET (security_invoker)');
	is(error('SET ROLE reader; SELECT count(*) FROM school.shown')->{state}, '42704', 'unless it is one of its invoker');
	value('RESET ROLE');
}
value("CREATE USER MAPPING FOR PUBLIC SERVER school $mapping");
is(value('SET ROLE reader; SELECT count(*) FROM school.rooms'), $count, 'a mapping of PUBLIC is for all');
value('RESET ROLE');
is(value('BEGIN; SET LOCAL ROLE owner; DECLARE c CURSOR FOR SELECT id FROM school.rooms; FETCH 1 FROM c; RESET ROLE; DROP USER MAPPING FOR owner SERVER school; DROP USER MAPPING FOR PUBLIC SERVER school; SET LOCAL ROLE owner; MOVE ALL FROM c; COMMIT; SELECT 1') =~ /1$/, 1, 'a cursor goes on when its mapping is dropped');
is(error('SET ROLE owner; SELECT count(*) FROM school.rooms')->{state}, '42704', 'but nothing else does');
value("RESET ROLE; DROP OWNED BY owner; DROP ROLE owner");

$session->quit;
my $dump = $db->basedir . '/dump.sql';
PostgreSQL::Test::Cluster::command_ok($db, [ 'pg_dump', '-d', $db->connstr('postgres'), '-f', $dump ], 'dump');
PostgreSQL::Test::Cluster::command_ok($db, [ 'createdb', '-h', $db->host, '-p', $db->port, 'again' ], 'another database');
PostgreSQL::Test::Cluster::command_ok($db, [ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-q', '-d', $db->connstr('again'), '-f', $dump ], 'restore');
is($db->safe_psql('again', "SELECT count(*) FROM school.sessions WHERE room_id = 'elsewhere'"), 7, 'server, mapping and table are there');
is($db->safe_psql('again', 'SELECT count(*) > 0 FROM live.rooms'), 't', 'and those of the settings');
is($db->safe_psql('again', "SELECT obj_description('live.rooms'::regclass) IS NOT NULL"), 't', 'with their comments');

done_testing();
