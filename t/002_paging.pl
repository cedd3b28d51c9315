# Lists walk every page, ask for no page that nobody needs, and end by the rules of the API: no rows, fewer rows than
# the page could hold, or no cursor. Every row comes once, in the order of the API.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);

# Adds a room with so many sessions, the newest first in what this returns: their ids.
my $rooms = 0;

sub room_of_sessions
{
	my ($count) = @_;
	my $room = sprintf 'paged-%d', ++$rooms;
	my @sessions = map {
		my $at = sprintf '2026-01-%02dT%02d:%02d:00.000Z', 1 + int($_ / 1440), int($_ / 60) % 24, $_ % 60;
		{
			id => sprintf('%s-%05d', $room, $_), room_id => $room, active => false,
			created_at => $at, updated_at => $at, peers => {}
		}
	} 0 .. $count - 1;
	$api->add(rooms => [{
		id => $room, name => $room, enabled => true, created_at => '2026-01-01T00:00:00Z', updated_at => '2026-01-01T00:00:00Z'
	}], sessions => \@sessions);
	return ($room, reverse map { $_->{id} } @sessions);
}

# Adds a room with so many track events; their ids in the order of the API.
sub room_of_events
{
	my ($count) = @_;
	my $room = sprintf 'paged-%d', ++$rooms;
	my $now  = POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);
	my @ids  = map { sprintf '%s-e%05d', $room, $_ } 1 .. $count;
	$api->add(events => [map { { id => $_, version => '2.0', type => 'track.add.success', timestamp => $now, data => { room_id => $room } } } @ids]);
	return ($room, @ids);
}

# Runs a query and compares its rows and the number of its requests.
sub walk_is
{
	my ($sql, $rows, $requests, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $got;
	my @seen = $api->during(sub { $got = $db->column($sql) });
	is_deeply($got, $rows, "$name: every row once, in order");
	is(scalar @seen, $requests, "$name: $requests requests");
	return @seen;
}

# A cursor by "last", which the API sets on the last page too.
foreach my $count (0, 1, 9, 10, 11, 20, 25)
{
	my ($room, @ids) = room_of_sessions($count);
	my $requests = int($count / 10) + 1;
	my @seen = walk_is("SET hms.page_size = 10; SELECT id FROM hms_sessions('$room', active => false)",
		\@ids, $requests, "last: $count rows, 10 a page");
	my %different = map { join(' ', map { "@$_" } @{ query_of($_->{query}) }{qw(room_id active limit)}) => 1 } @seen;
	is_deeply([keys %different], ["$room false 10"], "last: $count rows: every page by the same filters");
	is(keys %{ { map { $_->{token_id} => 1 } @seen } }, 1, "last: $count rows: one token");
	is(keys %{ { map { $_->{connection} => 1 } @seen } }, 1, "last: $count rows: one connection");
	walk_is("SET hms.page_size = 10; SET hms.max_connections = 1; SELECT count(*) FROM hms_sessions('$room', active => false)", [$count], $requests,
		"last: $count rows, all of which will be read");
}

# A cursor by "next", which is empty on the last page; its own are full of : ~ = + and /.
foreach my $count (0, 1, 9, 10, 11, 20, 25)
{
	my ($room, @ids) = $count ? room_of_events($count) : ('nowhere');
	my $requests = $count <= 10 ? 1 : int(($count + 9) / 10);
	my @seen = walk_is("SET hms.page_size = 10; SELECT id FROM hms_track_events('$room')",
		\@ids, $requests, "next: $count rows, 10 a page");
	my %different = map { join(' ', map { "@$_" } @{ query_of($_->{query}) }{qw(room_id type limit)}) => 1 } @seen;
	is(keys %different, 1, "next: $count rows: every page by the same filters");
}

# Room codes: the last page has no cursor.
{
	my $room = (grep { $_->{enabled} } @{ $api->world->{rooms} })[0]{id};
	$db->run("SELECT hms_create_room_codes('$room')");
	my $role = $db->value("SELECT role FROM hms_room_codes('$room') LIMIT 1");
	$db->run("SELECT count(hms_create_room_code('$room', '$role')) FROM generate_series(1, 27)");
	my @codes = map { $_->{code} } @{ decode($db->value("SELECT hms_api_get('/room-codes/room/$room', '{\"limit\": 100}') -> 'data'")) };
	cmp_ok(scalar @codes, '>', 27, 'room codes: there are some');
	walk_is("SET hms.page_size = 10; SELECT code FROM hms_room_codes('$room')", \@codes, int((@codes + 9) / 10), 'room codes');
}

# A server that gives smaller pages than it was asked for.
{
	my $small = Hms::Api->launch('max-page-size' => 7, 'access-key' => $api->{access_key}, secret => $api->{secret});
	$small->load(room_id => 'small', sessions => 20, peers => 1, events => 20);
	foreach my $function (qw(hms_sessions hms_track_events))
	{
		my $count;
		my @seen = $small->during(sub { $count = $db->value("SET hms.max_connections = 1; SET hms.api_url = '$small->{url}'; SELECT count(DISTINCT id) FROM $function('small')") });
		is($count, 20, "$function: all rows of a server that clamps the page");
		is(scalar @seen, 3, "$function: in three pages of at most 7");
		like($seen[1]{query}, qr/\blimit=100\b/, "$function: which it was asked to make 100");
	}
	$small->stop;
}

# Pages made by hand: each answers one request, in order.
sub pages
{
	my ($path, @bodies) = @_;
	$api->faults(map { { path => $path, times => 1, raw_body => ref $_ ? text_of($_) : $_ } } @bodies);
	return;
}

# Data as JSON text, in characters.
sub text_of
{
	my ($data) = @_;
	utf8::decode(my $text = encode($data));
	return $text;
}

sub page
{
	my ($ids, %rest) = @_;
	return { data => [map { { id => $_ } } @$ids], %rest };
}

my $sessions = "SET hms.page_size = 10; SELECT id FROM hms_sessions()";
my @ten = map { "r$_" } 1 .. 10;
foreach my $case (
	['no rows, though a cursor',         [1], page([], limit => 10, last => 'c')],
	['null instead of rows',             [1], { data => undef, limit => 10, last => 'c' }],
	['fewer rows than the page holds',   [1], page(['a'], limit => 10, last => 'c')],
	['no limit told, so only no rows end it', [3], page(['a'], last => 'c'), page(\@ten, last => 'd'), page([], last => 'd')],
	['limit null',                       [2], page(['a'], limit => undef, last => 'c'), page([], last => 'c')],
	['no limit told, and no cursor',     [2], page(['a'], last => 'c'), page(['b'], last => '')],
	['a full page without a cursor',     [1], page(\@ten, limit => 10)],
	['a full page with a null cursor',   [1], page(\@ten, limit => 10, last => undef)],
	['a full page with an empty cursor', [1], page(\@ten, limit => 10, last => '')],
	['a full small page, then none',     [2], page(['a', 'b'], limit => 2, last => 'b'), page([], limit => 2, last => '')],
	['a full small page, then null',     [2], page(['a', 'b'], limit => 2, last => 'b'), { limit => 2, data => undef }],
	['more rows than the limit told',    [2], page([1, 2, 3], limit => 2, last => '3'), page([4], limit => 2, last => '4')],
	['a cursor that is a number',        [2], page([1, 2], limit => 2, last => 2), page([3], limit => 2, last => 3)],
	['keys in another order',            [2], '{"last": "b", "data": [{"id": "a"}, {"id": "b"}], "limit": 2}', '{"data": [], "limit": 2}'],
	['members that nobody knows',        [1], '{"x": {"data": [{"id": "no"}]}, "data": [{"id": "a"}], "limit": 10, "y": [[]]}'])
{
	my ($name, $want, @bodies) = @$case;
	pages('/v2/sessions', @bodies);
	my @ids = map { map { "$_->{id}" } @{ (ref $_ ? $_ : decode($_))->{data} // [] } } @bodies;
	walk_is($sessions, \@ids, $want->[0], $name);
}

# Events end by an empty cursor alone: their limit is the number of rows in the answer.
my $events = "SET hms.page_size = 10; SELECT id FROM hms_track_events('r')";

sub events_page
{
	my ($next, @ids) = @_;
	return { limit => scalar @ids, total => 5, next => $next,
		events => [map { { id => $_, version => '2.0', type => 'track.add.success', timestamp => '2026-01-01T00:00:00Z', data => {} } } @ids] };
}
pages('/v2/analytics/events', events_page('c1', 'a'), events_page('c2', 'b', 'c'), events_page('', 'd'));
walk_is($events, [qw(a b c d)], 3, 'pages of events of any length');
pages('/v2/analytics/events', events_page('c1', 'a'), { limit => 0, total => 1, events => [] });
walk_is($events, ['a'], 2, 'events without a cursor');
pages('/v2/analytics/events', { limit => 0, total => 0, next => '', events => undef });
walk_is($events, [], 1, 'null instead of events');

# Cursors are data, not syntax.
foreach my $cursor ('s:1~n=2+p=3/f==', 'a b&limit=1#x?%41', "ü\"'\\")
{
	utf8::decode(my $text = $cursor);
	foreach my $kind (['/v2/sessions', $sessions, page(\@ten, limit => 10, last => $text), page([], limit => 10)],
		['/v2/analytics/events', $events, events_page($text, 'a'), events_page('', 'b')])
	{
		my ($path, $sql, @bodies) = @$kind;
		pages($path, @bodies);
		my (undef, $second) = $api->during(sub { $db->run($sql) });
		is(query_of($second->{query})->{start}[0], $cursor, "$path: a cursor with odd characters comes back as it was");
		unlike($second->{query}, qr/[^\w.~%&=-]/, "$path: percent-encoded");
	}
}

# A cursor that was there before would never end.
foreach my $kind (['/v2/sessions', "SELECT count(*) FROM hms_sessions()"],
	['/v2/analytics/events', "SELECT count(*) FROM hms_track_events('endless')"])
{
	my ($path, $sql) = @$kind;
	$api->load(room_id => 'endless', events => 500, sessions => 250);
	$api->faults({ path => $path, repeat_cursor => true, times => 0, after => 1 });
	my $error;
	my @seen = $api->during(sub { $error = $db->error($sql) });
	is($error->{state}, '08P01', "$path: a cursor that repeats is an error") or diag $error->{text};
	cmp_ok(scalar @seen, '<=', 4, "$path: noticed at once");
}
pages('/v2/sessions', map { page([1, 2], limit => 2, last => $_) } qw(A B C A D));
is($db->error($sessions)->{state}, '08P01', 'a cursor that repeats after others is an error');
$api->faults;

# Nothing is asked for that nobody reads.
my ($room, @ids) = room_of_events(1000);
walk_is("SELECT id FROM hms_track_events('$room') LIMIT 10", [@ids[0 .. 9]], 1, 'LIMIT 10');
walk_is("SELECT id FROM hms_track_events('$room') LIMIT 100", [@ids[0 .. 99]], 1, 'LIMIT of one page');
walk_is("SELECT id FROM hms_track_events('$room') OFFSET 100 LIMIT 1", [$ids[100]], 2, 'OFFSET of a page');
walk_is("SELECT id FROM hms_track_events('$room') LIMIT 0", [], 0, 'LIMIT 0');
walk_is("SELECT 1 WHERE EXISTS (SELECT FROM hms_track_events('$room'))", [1], 1, 'EXISTS');
walk_is("SELECT id FROM hms_track_events('$room') WHERE id = '$ids[150]' LIMIT 1", [$ids[150]], 2, 'LIMIT under WHERE');
walk_is("PREPARE p(text) AS SELECT id FROM hms_track_events(\$1) LIMIT 10; SET plan_cache_mode = force_generic_plan; EXECUTE p('$room')",
	[@ids[0 .. 9]], 1, 'LIMIT in a prepared statement');
walk_is("SELECT e.id FROM (VALUES ('$room')) AS v(r), LATERAL (SELECT id FROM hms_track_events(r) LIMIT 3) AS e",
	[@ids[0 .. 2]], 1, 'LIMIT under LATERAL');
walk_is("BEGIN; DECLARE c CURSOR FOR SELECT id FROM hms_track_events('$room'); FETCH 10 FROM c; CLOSE c; COMMIT",
	[@ids[0 .. 9]], 1, 'FETCH 10 of a cursor');
walk_is("BEGIN; DECLARE c CURSOR FOR SELECT id FROM hms_track_events('$room'); FETCH 100 FROM c; FETCH 5 FROM c; ROLLBACK",
	[@ids[0 .. 104]], 2, 'FETCH past a page');
walk_is("SELECT count(*) FROM hms_track_events('$room')", [1000], 10, 'count(*)');
walk_is("SELECT id FROM hms_track_events('$room')", \@ids, 10, 'all of them');
walk_is("SELECT id FROM hms_track_events('$room') WITH ORDINALITY", \@ids, 10, 'WITH ORDINALITY');
walk_is("SELECT id FROM hms_track_events((SELECT '$room'))", \@ids, 10, 'a sub-select as argument');

# A join walks once, whatever the plan, unless it is asked to walk for each row.
my ($joined, @sessions) = room_of_sessions(150);
$db->run('CREATE TABLE app (n int, id text); INSERT INTO app SELECT n, (ARRAY[' .
	  join(',', map { "'$_'" } @sessions[0 .. 49]) . '])[n] FROM generate_series(1, 50) n; ANALYZE app');
foreach my $plan ('', 'enable_hashjoin', 'enable_hashjoin,enable_mergejoin', 'enable_nestloop', 'enable_material,enable_hashjoin,enable_mergejoin')
{
	my $set = join '', map { "SET $_ = off; " } split /,/, $plan;
	walk_is("${set}SELECT count(*) FROM app JOIN hms_sessions('$joined') s USING (id)", [50], 2, "join ($plan off)");
	walk_is("${set}SELECT count(*) FROM app LEFT JOIN hms_sessions('$joined') s ON s.id > app.id", [1225 + 1], 2, "left join ($plan off)");
	# a nested loop stops when each row has met one, which is on the first page
	walk_is("${set}SELECT count(*) FROM app WHERE EXISTS (SELECT FROM hms_sessions('$joined') s WHERE s.id = app.id)", [50],
		$plan eq 'enable_hashjoin,enable_mergejoin' ? 1 : 2, "semijoin ($plan off)");
	walk_is("${set}SELECT count(*) FROM app WHERE id NOT IN (SELECT id FROM hms_sessions('$joined'))", [0], 2, "NOT IN ($plan off)");
}
walk_is("SELECT count(*) FROM app WHERE (SELECT count(*) FROM hms_sessions('$joined') s WHERE s.id = app.id) = 1",
	[50], 2, 'a correlated sub-select');
{
	my @of = map { (room_of_sessions($_))[0] } 1, 2, 3;
	my $values = join ',', map { "('$_')" } @of;
	walk_is("SELECT count(*) FROM (VALUES $values) AS v(r), LATERAL hms_sessions(v.r) s", [6], 3, 'LATERAL walks for each row');
}

# An array of rooms is the rooms one after the other, or several at once; the rows are the same.
{
	my @of = map { [room_of_sessions($_)] } (3, 0, 130, 100, 1);
	my $array = 'ARRAY[' . join(',', map { "'$_->[0]'" } @of) . ']';
	my @all = sort map { @{$_}[1 .. $#$_] } @of;
	foreach my $connections (1, 3, 8)
	{
		my $got;
		my @seen = $api->during(sub { $got = $db->column("SET hms.max_connections = $connections; SELECT id FROM hms_sessions($array)") });
		is_deeply([sort @$got], \@all, "rooms as an array, $connections at a time: every row once");
		is(scalar @seen, 1 + 1 + 2 + 2 + 1, "rooms as an array, $connections at a time: as many requests as room by room");
	}
	my @many = map { [room_of_events($_)] } (5, 150, 1);
	$array = 'ARRAY[' . join(',', map { "'$_->[0]'" } @many) . ']';
	is_deeply([sort @{ $db->column("SELECT id FROM hms_track_events($array)") }],
		[sort map { @{$_}[1 .. $#$_] } @many], 'events of rooms as an array');
	walk_is("SELECT id FROM hms_sessions(ARRAY[]::text[])", [], 0, 'no rooms');
	my @seen = $api->during(sub { $db->run("SELECT id FROM hms_sessions($array) LIMIT 1") });
	cmp_ok(scalar @seen, '<=', 8, 'LIMIT over rooms as an array stops');
}

done_testing();
