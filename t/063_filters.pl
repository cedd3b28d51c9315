# Conditions as filters: what is sent for each kind of condition, what is not, what an argument beside it does, what the
# API refuses of it, and which plans they lead to. That the rows are right is for t/062_queries.pl.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);
$api->load(room_id => $_, events => 20, sessions => 30, peers => 1) foreach qw(long other);
my $session = $db->session;
$session->value(<<'SQL');
CREATE SCHEMA live; IMPORT FOREIGN SCHEMA api FROM SERVER hms INTO live;
CREATE TABLE lesson (n int, room text); INSERT INTO lesson VALUES (1, 'long'), (2, 'other'), (3, 'none');
CREATE TABLE many AS SELECT 'room' || n AS room FROM generate_series(1, 100000) n; ANALYZE;
SET timezone = 'Europe/Berlin';
SQL

# What EXPLAIN says is asked for, after the path; both ways in, which must agree.
sub request_of
{
	my ($condition, $list) = @_;
	my @requests;
	foreach my $from ($list ? $list : ('hms_sessions()', 'live.sessions'))
	{
		my ($request) = $session->value("EXPLAIN SELECT FROM $from AS s WHERE $condition") =~ /Request: (?:GET \/\w[\w\/-]*)?(.*)/;
		push @requests, $request =~ s/\(InitPlan \w+\)\.col1/\$0/r; # as PostgreSQL 17 and later write it
	}
	return @requests == 1 || $requests[0] eq $requests[1] ? $requests[0] : "$requests[0] but $requests[1]";
}

my @cases = (
	# what is sent
	["room_id = 'a'"                                       => '?room_id=a'],
	["'a' = room_id"                                       => '?room_id=a'],
	["room_id = 'a'::varchar"                              => '?room_id=a'],
	["room_id::varchar = 'a'"                              => '?room_id=a'],
	["room_id = 'a b&c'"                                   => '?room_id=a b&c'],
	["room_id IN ('b', 'a', NULL, 'b')"                    => '?room_id={a,b}'],
	["room_id = ANY ('{a,b}') AND room_id IN ('b', 'c')"   => '?room_id=b'],
	["room_id = ANY ('{a,b}') AND room_id = 'c'"           => 'none'],
	["room_id = ANY ('{}')"                                => 'none'],
	["room_id = ANY ('{NULL}')"                            => 'none'],
	["room_id = (SELECT room FROM lesson LIMIT 1)"         => '?room_id=$0'],
	["room_id = ANY (ARRAY(SELECT room FROM lesson))"      => '?room_id=ANY ($0)'],
	["room_id = lower(current_setting('work_mem'))"        => "?room_id=lower(current_setting('work_mem'::text))"],
	['active'                                              => '?active=true'],
	['active = true'                                       => '?active=true'],
	['active IS TRUE'                                      => '?active=true'],
	['NOT active'                                          => '?active=false'],
	['active = false'                                      => '?active=false'],
	['active IS FALSE'                                     => '?active=false'],
	["created_at >= '2026-01-31 10:00+01'"                 => '?after=2026-01-31T09:00:00.000Z'],
	["created_at > '2026-01-31 10:00:00.0009+01'"          => '?after=2026-01-31T09:00:00.000Z'],
	["created_at <= '2026-01-31 10:00:00.0001+01'"         => '?before=2026-01-31T09:00:00.001Z'],
	["created_at < '2026-01-31 10:00:00.001+01'"           => '?before=2026-01-31T09:00:00.001Z'],
	["'2026-01-31 10:00+01' <= created_at"                 => '?after=2026-01-31T09:00:00.000Z'],
	["created_at = '2026-01-31 10:00:00.0001+01'"          => '?after=2026-01-31T09:00:00.000Z&before=2026-01-31T09:00:00.001Z'],
	["created_at BETWEEN '2026-01-31 10:00+01' AND '2026-02-01 10:00+01'" => '?after=2026-01-31T09:00:00.000Z&before=2026-02-01T09:00:00.000Z'],
	["created_at >= '2026-01-31 10:00+01' AND created_at > '2026-02-01 10:00+01'" => '?after=2026-02-01T09:00:00.000Z'],
	["created_at >= date '2026-02-01'"                     => '?after=2026-01-31T23:00:00.000Z'],
	["created_at < timestamp '2026-02-01 01:00'"           => '?before=2026-02-01T00:00:00.000Z'],
	["created_at >= '1969-12-31 23:59:59.9995+00'"         => '?after=1969-12-31T23:59:59.999Z'],
	["created_at >= 'infinity'"                            => 'none'],
	["created_at <= '-infinity'"                           => 'none'],
	["created_at >= now() - interval '7 days'"             => "?after=(now() - '7 days'::interval)"],
	["room_id = 'a' AND active AND created_at >= '2026-01-31 10:00+01'" => '?room_id=a&active=true&after=2026-01-31T09:00:00.000Z'],

	# what is not
	["room_id <> 'a'"                                      => ''],
	["room_id NOT IN ('a')"                                => ''],
	["room_id = 'a' OR room_id = 'b'"                      => ''],
	["(room_id = 'a') IS NOT FALSE"                        => ''],
	["room_id = ''"                                        => ''],
	["room_id = U&'\\FFFD'"                                => ''],
	["room_id = id"                                        => ''],
	["room_id = random()::text"                            => ''],
	["lower(room_id) = 'a'"                                => ''],
	["room_id LIKE 'a%'"                                   => ''],
	["id = 'a'"                                            => ''],
	['active IS NOT TRUE'                                  => ''],
	['active IS NOT FALSE'                                 => ''],
	['active IS NULL'                                      => ''],
	["created_at <> '2026-01-31 10:00+01'"                 => ''],
	["created_at <= 'infinity'"                            => ''],
	["created_at >= '-infinity'"                           => ''],
	["created_at >= '0044-03-15 BC'"                       => ''],
	["created_at <= '12000-01-01'"                         => ''],
	["created_at = ANY (ARRAY[now()])"                     => ''],
	["updated_at >= '2026-01-31'"                          => '']);
is(request_of($_->[0]), $_->[1], "WHERE $_->[0]") foreach @cases;
$session->value(q[CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)]);
is(request_of("room_id = 'A' COLLATE nocase"), '', 'a collation by which other texts are equal');

# Arguments beside conditions.
foreach my $case (
	["hms_sessions('a')"                     => "room_id = 'b'"                                 => '?room_id=a'],
	["hms_sessions(ARRAY['a', 'b', 'c'])"    => "room_id IN ('c', 'b', 'd')"                    => '?room_id={b,c}'],
	["hms_sessions(ARRAY['a', 'b', 'c'])"    => "room_id = 'd'"                                 => 'none'],
	["hms_sessions(after => '2026-01-01')"   => "created_at >= '2026-02-01 00:00+00'"           => '?after=2026-02-01T00:00:00.000Z'],
	["hms_sessions(after => '2026-03-01 00:00+00')" => "created_at >= '2026-02-01 00:00+00'"    => '?after=2026-03-01T00:00:00.000Z'],
	["hms_sessions(active => false)"         => 'active'                                        => '?active=false'],
	["hms_track_events('a')"                 => "type IN ('track.add.success', 'client.disconnected')" => '?room_id=a&type=track.add.success'],
	["hms_track_events('a')"                 => "type = 'client.disconnected'"                  => 'none'],
	["hms_track_events('a')"                 => "session_id = 's' AND user_id = 'u'"            => '?room_id=a&session_id=s&user_id=u&type=track.add.success&type=track.update.success&type=track.remove.success'],
	["hms_recordings()"                      => "status = 'failed' AND session_id IN ('x')"     => '?session_id=x&status=failed'],
	["hms_recordings()"                      => "status IN ('failed', 'completed')"             => ''],
	["hms_rooms()"                           => "name = 'x' AND enabled IS FALSE AND template_id = 't'" => '?name=x&enabled=false&template_id=t'],
	["live.active_peers"                     => "room_id = 'x' AND role = 'teacher'"            => '?role=teacher'],
	["live.stays"                            => "session_active AND session_created_at > '2026-02-01 00:00+00'" => '?after=2026-02-01T00:00:00.000Z&active=true'])
{
	is(request_of($case->[1], $case->[0]), $case->[2], "$case->[0] WHERE $case->[1]");
}
# Arguments that are not known yet, beside conditions that are.
like($session->value("EXPLAIN SELECT FROM hms_sessions(ARRAY[now()::text]) WHERE room_id = 'a'"), qr{Request: GET /sessions\?room_id=ARRAY\[\(now\(\)\)::text\]$}m, 'rooms');
like($session->value("EXPLAIN SELECT FROM hms_sessions(after => now()) WHERE created_at >= '2026-02-01 00:00+00'"), qr{Request: GET /sessions\?after=now\(\)$}m, 'a time');
like($session->value("EXPLAIN SELECT FROM live.active_peers WHERE room_id = 'x'"), qr{Request: GET /active-rooms/x/peers$}m, 'a room in the path');
like($session->value('EXPLAIN SELECT FROM live.active_peers'), qr{Request: GET /active-rooms/\(each room\)/peers$}m, 'every room');

# The alias is the query's own, also where several lists are read, or a view.
SKIP:
{
	skip 'PostgreSQL 14 has the alias of the inlined function', 2 if $session->value('SHOW server_version_num') < 150000;
	my $plan = $session->value('CREATE VIEW shown AS SELECT id, room_id AS room FROM hms_sessions() inside; SET enable_nestloop = off; EXPLAIN (COSTS OFF) SELECT * FROM hms_sessions() a JOIN hms_sessions(\'x\') b USING (id) JOIN hms_rooms() c ON c.id = b.app_id JOIN shown d ON d.id = a.id; RESET enable_nestloop');
	is_deeply([ sort $plan =~ /Alias: (\w+)/g ], [qw(a b c inside)], 'each has its alias') or diag $plan;
	like($plan, qr/Alias: b\n\s+Endpoint: hms_sessions\n\s+Request: GET \/sessions\?room_id=x/, 'and the right one');
}

# What is really sent is what EXPLAIN shows.
foreach my $condition ("room_id = 'long' AND active IS FALSE AND created_at >= '2020-01-31 10:00+01'", "room_id IN ('long', 'other')")
{
	foreach my $from ('hms_sessions()', 'live.sessions')
	{
		my @seen = $api->during(sub { $session->value("SELECT count(*) FROM $from WHERE $condition") });
		my %query = %{ query_of($seen[0]{query}) };
		delete $query{limit};
		is_deeply(\%query, $condition =~ /IN/ ? { room_id => ['long'] } : { room_id => ['long'], active => ['false'], after => ['2020-01-31T09:00:00.000Z'] }, "sent by $from: $condition");
	}
}
$session->costs($api, 'a condition that cannot be met asks for nothing', "SELECT count(*) FROM live.sessions WHERE room_id = 'long' AND room_id = ANY ('{}')", 0, 0);

# What the API refuses of a condition is no error; what it refuses of an argument is.
foreach my $from ('hms_live_streams()', 'live.live_streams')
{
	is($session->value("SELECT count(*) FROM $from WHERE status = 'nosuch'"), 0, "an unknown status: $from");
	is($session->value("SELECT count(*) FROM $from WHERE status = 'nosuch' OR status <> 'x'"), $session->value('SELECT count(*) FROM hms_live_streams() WHERE status IS NOT NULL'), 'and it is left out');
}
is($session->error("SELECT count(*) FROM hms_live_streams(status => 'nosuch')")->{state}, 'MS400', 'as an argument it raises');
is($session->error("SELECT count(*) FROM hms_live_streams(status => 'nosuch') WHERE room_id = 'long'")->{state}, 'MS400', 'also beside a condition');
is($session->error("SELECT count(*) FROM hms_live_streams(status => 'nosuch') WHERE room_id IN ('long', 'other')")->{state}, 'MS400', 'or several');
is($session->value("SELECT count(*) FROM live.track_events WHERE room_id = '..' OR room_id = 'long' AND type = 'x'"), 0, 'a room that cannot be');
is($session->value("SELECT count(*) FROM live.active_peers WHERE room_id = '../rooms'"), 0, 'nor be asked for');
foreach my $case (
	[1, "SELECT count(*) FROM live.sessions WHERE room_id = 'long'"                               => 0,  1, 'a room that the API refuses has no rows'],
	[1, "SELECT count(*) FROM live.sessions WHERE room_id = 'long' AND active IS FALSE"           => 30, 2, 'without what else was said it is asked again'],
	[2, "SELECT count(*) FROM live.sessions WHERE room_id = 'long' AND active IS FALSE"           => 0,  2, 'and then refused'],
	[1, "SELECT count(*) FROM hms_sessions(after => '2020-01-01') WHERE room_id = 'long'"         => 0,  2, 'an argument that it takes'],
	[2, "SELECT count(*) FROM hms_sessions(after => '2020-01-01') WHERE room_id = 'long'"         => '', 2, 'and one that it refuses'],
	[1, "SELECT count(*) FROM hms_sessions('long') WHERE active IS FALSE"                         => 30, 2, 'a room as argument'],
	[1, "SELECT count(*) FROM hms_sessions(ARRAY['a', 'long', 'other']) WHERE room_id = 'other' AND active IS FALSE" => 30, 2, 'one of several rooms as argument'],
	[2, "SELECT count(*) FROM hms_sessions('long') WHERE active IS FALSE"                         => '', 2, 'which it refuses'])
{
	my ($times, $sql, $want, $requests, $name) = @$case;
	$api->faults({ path => 'sessions', status => 400, times => $times });
	my ($out, $err);
	my @seen = $api->during(sub { ($out, $err) = $session->ask($sql) });
	is_deeply([ $out, scalar @seen ], [ $want, $requests ], $name) or diag $err;
	like($err, qr/MS400/, 'raises') if $want eq '';
	$api->faults;
}
$api->faults({ path => 'sessions', status => 500, times => 0 });
like(($session->ask("SET hms.retries = 0; SELECT count(*) FROM live.sessions WHERE room_id = 'long'"))[1], qr/MS500/, 'another failure raises');
$api->faults;

# Lists of every room, asked for by several rows: each has its own answer.
$session->value('CREATE TABLE flags AS SELECT * FROM (VALUES (1, true), (2, false), (3, NULL), (4, true)) v (n, flag); ANALYZE flags; SET enable_nestloop = off');
is($session->value('SELECT string_agg(n::text, \',\' ORDER BY n) FROM flags f WHERE EXISTS (SELECT FROM live.room_codes c WHERE c.enabled = f.flag)'), '1,4', 'every room for several rows');
$session->value('RESET enable_nestloop');

# Estimates and costs: a filter makes a scan cheaper and smaller, and a join by rooms takes the rooms one by one.
sub estimate { my ($sql) = @_; return $session->value("EXPLAIN $sql") =~ /cost=[\d.]+\.\.([\d.]+) rows=(\d+)/ }
foreach my $from ('hms_sessions()', 'live.sessions')
{
	my ($all, $rows)  = estimate("SELECT * FROM $from");
	my ($one, $some)  = estimate("SELECT * FROM $from WHERE room_id = 'x'");
	my ($here, $none) = estimate("SELECT * FROM $from WHERE updated_at = now()");
	cmp_ok($one,  '<', $all / 10,  "$from: a filter is cheaper");
	cmp_ok($some, '<', $rows / 10, 'and gives fewer rows');
	cmp_ok($here, '>', $all * 0.9, 'what is only checked here is not cheaper');
	like($session->value("EXPLAIN (COSTS OFF) SELECT * FROM lesson l JOIN $from s ON s.room_id = l.room WHERE l.n = 1"), qr/room_id=l\.room/, 'a join with a few rooms asks for those');
	like($session->value("EXPLAIN (COSTS OFF) SELECT * FROM many m JOIN $from s ON s.room_id = m.room"), qr/Request: GET \/sessions$/m, 'one with very many for all');
}
cmp_ok((estimate("SELECT * FROM hms_sessions('x')"))[1], '<', (estimate('SELECT * FROM hms_sessions()'))[1], 'an argument gives fewer rows too');
is((estimate("SELECT * FROM hms_session('x')"))[1], 1, 'one object is one row');

$session->quit;
done_testing();
