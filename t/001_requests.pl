# What goes over the wire: for every function one call with every parameter and one with as few as possible;
# method, path, query, body, headers and claims compared with what the API's documentation asks for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);

my $world = $api->world;
my $live  = (grep { $_->{active} } @{ $world->{sessions} })[0] or die 'the world has no active session';
my $room  = $live->{room_id};
my $peer  = (grep { !$_->{left_at} } values %{ $live->{peers} })[0] or die 'nobody is inside';
my $ended = (grep { !$_->{active} } @{ $world->{sessions} })[0] or die 'the world has no ended session';

my $tracks    = [map { "track.$_.success" } qw(add update remove)];
my $wire_time = '2026-01-31T09:00:00.000Z';

# Sends one statement and compares the one request that it makes. In the expected query, limit is left out: what a
# page holds is a setting, and looked at apart; that a session without events is looked at is for 077.
sub request_is
{
	my ($sql, $method, $path, $query, $body) = @_;
	my $name = $sql =~ s/\s+/ /gr;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @seen = grep { $_->{path} !~ m{/sessions/s$} } $api->during(sub { $db->run($sql) });
	is(scalar @seen, 1, "one request: $name") or return diag explain \@seen;

	my $seen  = $seen[0];
	my $limit = delete((my $asked = query_of($seen->{query}))->{limit});
	my %got   = (
		method => $seen->{method},
		path   => $seen->{path},
		query  => $asked,
		body   => body_of($seen));
	my %want = (
		method => $method,
		path   => "/v2$path",
		query  => { map { $_ => ref $query->{$_} ? $query->{$_} : [$query->{$_}] } keys %{ $query // {} } },
		body   => $body);
	is_deeply(\%got, \%want, "what it asks: $name") or diag explain \%got;
	cmp_ok($limit->[0], '<=', 100, "asks for a page of at most 100: $name") if $limit;
	return;
}

my $when = "'2026-01-31 10:00+01'";

# Rooms.
request_is("SELECT * FROM hms_rooms(name => 'maths', enabled => true, template_id => 't1', after => $when, before => $when)",
	GET => '/rooms', { name => 'maths', enabled => 'true', template_id => 't1', after => $wire_time, before => $wire_time });
request_is("SELECT * FROM hms_rooms() LIMIT 1", GET => '/rooms', {});
request_is("SELECT * FROM hms_rooms(enabled => false) LIMIT 1", GET => '/rooms', { enabled => 'false' });
request_is("SELECT * FROM hms_room('$room')", GET => "/rooms/$room");
request_is(
	q[SELECT * FROM hms_create_room('{"name": "made-here", "description": "ü \"quoted\"", "size": 10, "large_room": false,
	   "max_duration_seconds": 3600, "polls": [], "webhook": {"url": "https://example.com/h", "headers": {"a": "b"}},
	   "recording_info": {"enabled": true}, "region": "in", "unheard_of": null}')],
	POST => '/rooms', {},
	{
		name => 'made-here', description => "\x{fc} \"quoted\"", size => 10, large_room => false,
		max_duration_seconds => 3600, polls => [], webhook => { url => 'https://example.com/h', headers => { a => 'b' } },
		recording_info => { enabled => true }, region => 'in', unheard_of => undef
	});
request_is("SELECT * FROM hms_create_room(NULL)", POST => '/rooms', {}, {});
request_is("SELECT * FROM hms_create_room()", POST => '/rooms', {}, {});
request_is(qq[SELECT * FROM hms_update_room('$room', '{"description": "moved"}')],
	POST => "/rooms/$room", {}, { description => 'moved' });
request_is("SELECT * FROM hms_disable_room('$room')", POST => "/rooms/$room", {}, { enabled => false });
request_is("SELECT * FROM hms_enable_room('$room')", POST => "/rooms/$room", {}, { enabled => true });

# Sessions.
foreach my $function (qw(hms_sessions hms_session_peers))
{
	request_is("SELECT * FROM $function(room_id => '$room', active => false, after => $when, before => $when)",
		GET => '/sessions', { room_id => $room, active => 'false', after => $wire_time, before => $wire_time });
}
request_is("SELECT * FROM hms_sessions() LIMIT 1", GET => '/sessions', {});
request_is("SELECT * FROM hms_session('$ended->{id}')", GET => "/sessions/$ended->{id}");
request_is("SELECT * FROM hms_active_session('$room')", GET => '/sessions', { room_id => $room, active => 'true' });

# Active rooms.
request_is("SELECT * FROM hms_active_room('$room')", GET => "/active-rooms/$room");
request_is("SELECT * FROM hms_active_peers('$room', user_id => 'u1', role => 'teacher')",
	GET => "/active-rooms/$room/peers", { user_id => 'u1', role => 'teacher' });
request_is("SELECT * FROM hms_active_peers('$room')", GET => "/active-rooms/$room/peers", {});
request_is("SELECT * FROM hms_active_peer('$room', '$peer->{id}')", GET => "/active-rooms/$room/peers/$peer->{id}");
request_is(qq[SELECT * FROM hms_update_peer('$room', '$peer->{id}', '{"name": "Asha", "metadata": "{\\"hand\\": true}"}')],
	POST => "/active-rooms/$room/peers/$peer->{id}", {}, { name => 'Asha', metadata => '{"hand": true}' });
request_is("SELECT hms_send_message('$room', 'hello', peer_id => '$peer->{id}', type => 'chat')",
	POST => "/active-rooms/$room/send-message", {}, { message => 'hello', peer_id => $peer->{id}, type => 'chat' });
request_is("SELECT hms_send_message('$room', 'hello', role => 'student')",
	POST => "/active-rooms/$room/send-message", {}, { message => 'hello', role => 'student' });
request_is("SELECT hms_send_message('$room', 'hello', peer_id => '$peer->{id}', role => 'student', type => 'chat')",
	POST => "/active-rooms/$room/send-message", {}, { message => 'hello', peer_id => $peer->{id}, role => 'student', type => 'chat' });
request_is("SELECT hms_broadcast_message('$room', 'all', type => 'chat')",
	POST => "/active-rooms/$room/send-message", {}, { message => 'all', type => 'chat' });
request_is("SELECT hms_broadcast_message('$room', 'all')",
	POST => "/active-rooms/$room/send-message", {}, { message => 'all' });
request_is("SELECT hms_remove_peers('$room', peer_id => '$peer->{id}', reason => 'late')",
	POST => "/active-rooms/$room/remove-peers", {}, { peer_id => $peer->{id}, reason => 'late' });
request_is("SELECT hms_remove_peers('$room', role => 'student')",
	POST => "/active-rooms/$room/remove-peers", {}, { role => 'student' });

# Analytics events.
request_is("SELECT * FROM hms_track_events('$room', session_id => 's', peer_id => 'p', user_id => 'u', type => ARRAY['track.add.success', 'track.remove.success'])",
	GET => '/analytics/events',
	{ room_id => $room, session_id => 's', peer_id => 'p', user_id => 'u', type => ['track.add.success', 'track.remove.success'] });
request_is("SELECT * FROM hms_track_events('$room') LIMIT 1", GET => '/analytics/events', { room_id => $room, type => $tracks });
request_is("SELECT * FROM hms_recording_events('$room', session_id => 's', peer_id => 'p', user_id => 'u', beam_id => 'b')",
	GET => '/analytics/events',
	{ room_id => $room, session_id => 's', peer_id => 'p', user_id => 'u', beam_id => 'b', type => 'beam.recording.success' });

# Room codes.
request_is("SELECT * FROM hms_create_room_codes('$room')", POST => "/room-codes/room/$room", {}, {});
request_is("SELECT * FROM hms_create_room_code('$room', 'teacher')", POST => "/room-codes/room/$room/role/teacher", {}, {});
request_is("SELECT * FROM hms_room_codes('$room', role => 'teacher', enabled => true)",
	GET => "/room-codes/room/$room", { role => 'teacher', enabled => 'true' });
my $code = $db->value("SELECT code FROM hms_room_codes('$room') LIMIT 1");
request_is("SELECT * FROM hms_disable_room_code('$code')",
	POST => '/room-codes/code', {}, { code => $code, enabled => false });
request_is("SELECT * FROM hms_enable_room_code('$code')",
	POST => '/room-codes/code', {}, { code => $code, enabled => true });

# Any endpoint.
request_is(qq[SELECT hms_api_get('/sessions', '{"room_id": "$room", "active": false, "limit": 10, "start": null}')],
	GET => '/sessions', { room_id => $room, active => 'false' });
request_is(qq[SELECT count(*) FROM hms_api_list('/analytics/events', '{"room_id": "r", "type": ["a", "b"]}')],
	GET => '/analytics/events', { room_id => 'r', type => ['a', 'b'] });
request_is(q[SELECT hms_api_post('/rooms', '{"name": "posted"}')], POST => '/rooms', {}, { name => 'posted' });
request_is(q[SELECT hms_api_post('/room-codes/room/nowhere')], POST => '/room-codes/room/nowhere', {}, {});
request_is(q[SELECT hms_api_delete('/polls/p/questions/1')], DELETE => '/polls/p/questions/1', {}, undef);

# The end of a session, last.
request_is("SELECT hms_end_room('$room', reason => 'bell', lock => true)",
	POST => "/active-rooms/$room/end-room", {}, { reason => 'bell', lock => true });
request_is("SELECT hms_end_room('$room')", POST => "/active-rooms/$room/end-room", {}, {});

# Everything that the caller may write is a value, never syntax.
my $odd = q[a b/?#%&+=:;@$,'"ü\\];
my $sql_odd = $odd =~ s/'/''/gr;
my %odd_path = (
	"SELECT * FROM hms_room('$sql_odd')" => '/v2/rooms/',
	"SELECT * FROM hms_session('$sql_odd')" => '/v2/sessions/',
	"SELECT * FROM hms_active_peer('r', '$sql_odd')" => '/v2/active-rooms/r/peers/',
	"SELECT * FROM hms_create_room_code('r', '$sql_odd')" => '/v2/room-codes/room/r/role/');
foreach my $sql (sort keys %odd_path)
{
	my ($seen) = $api->during(sub { $db->run($sql) });
	like($seen->{path}, qr{^\Q$odd_path{$sql}\E[A-Za-z0-9._~%-]+$}, "an odd path part is one part: $odd_path{$sql}");
	my $part = substr $seen->{path}, length $odd_path{$sql};
	is($part =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger, $odd, "and arrives as it was: $odd_path{$sql}");
	is($seen->{query}, '', "with no query: $odd_path{$sql}");
}
{
	my ($seen) = $api->during(sub { $db->run("SELECT * FROM hms_rooms(name => '$sql_odd')") });
	like($seen->{query}, qr/^[A-Za-z0-9._~%&=-]+$/, 'an odd query value is percent-encoded');
	is(query_of($seen->{query})->{name}[0], $odd, 'and arrives as it was');
	($seen) = $api->during(
		sub { $db->run(qq[SELECT hms_api_get('/rooms', jsonb_build_object('k&=', '$sql_odd', 'n', 1.50, 'b', true))]) });
	is_deeply(query_of($seen->{query}), { 'k&=' => [$odd], n => ['1.50'], b => ['true'] }, 'names of parameters too');
}

# Paths stay below the base URL. Nothing is sent for one that would not.
foreach my $path ('//example.com/rooms', 'https://example.com/', '/../admin', '/rooms/../..', '/rooms/./x',
	'/%2e%2e/admin', '/rooms?x=1', '/rooms#x', '/rooms/%zz', "/ro\tom", '/rooms\\..', '')
{
	my $error;
	my @seen = $api->during(sub { $error = $db->error("SELECT hms_api_get('$path')") });
	is_deeply([$error->{state}, scalar @seen], ['22023', 0], "hms_api_get refuses the path \"$path\"");
}
foreach my $part ('.', '..', '')
{
	my $error;
	my @seen = $api->during(sub { $error = $db->error("SELECT * FROM hms_room('$part')") });
	is_deeply([$error->{state}, scalar @seen], ['22023', 0], "hms_room refuses the id \"$part\"");
}

# What every request carries.
my ($get, $post) = $api->during(
	sub { $db->run("SELECT * FROM hms_room('$room'); SELECT * FROM hms_update_room('$room', '{}')") });
foreach my $seen ($get, $post)
{
	my ($headers, $claims) = @{$seen}{qw(headers claims)};
	like($headers->{authorization}, qr/^Bearer [\w-]+\.[\w-]+\.[\w-]+$/, "$seen->{method}: a bearer token");
	like($headers->{'content-type'}, qr{^application/json\b}, "$seen->{method}: Content-Type");
	like($headers->{accept}, qr{^application/json\b}, "$seen->{method}: Accept");
	like($headers->{'accept-encoding'}, qr/gzip/, "$seen->{method}: compressed answers are welcome");
	is_deeply([sort keys %$claims], [sort qw(access_key type version iat nbf exp jti)], "$seen->{method}: the claims");
	is($claims->{access_key}, $api->{access_key}, "$seen->{method}: access_key");
	is($claims->{type}, 'management', "$seen->{method}: type");
	is(encode($claims->{version}), '2', "$seen->{method}: version is a number");
	like($claims->{jti}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, "$seen->{method}: jti is a v4 UUID");
	cmp_ok(abs($seen->{at} - 10 - $claims->{iat}), '<', 5, "$seen->{method}: iat lies 10 s back");
	is($claims->{nbf}, $claims->{iat}, "$seen->{method}: nbf too");
	is($claims->{exp} - $claims->{iat}, 86400, "$seen->{method}: exp a day later");
}
is($get->{token_id}, $post->{token_id}, 'one token serves both');
isnt($get->{connection}, $post->{connection}, 'but not one connection: a write has its own');

# What cannot be asked is not sent: a read of nothing has no rows, a write to nothing is refused.
foreach my $sql ('hms_room(NULL)', 'hms_session(NULL)', 'hms_active_session(NULL)', 'hms_active_room(NULL)',
	'hms_active_peers(NULL)', "hms_active_peer('r', NULL)", 'hms_track_events(NULL::text)', 'hms_recording_events(NULL::text)',
	'hms_room_codes(NULL)')
{
	my ($out, $error);
	my @seen = $api->during(sub { (undef, $out, $error) = $db->run("SELECT * FROM $sql") });
	is(scalar @seen, 0, "nothing sent: $sql");
	is("$out$error", '', "no rows: $sql");
}
foreach my $sql ("hms_send_message('r', 'text')", "hms_send_message('r', NULL, role => 'x')",
	"hms_remove_peers('r')", "hms_remove_peers('r', peer_id => '')",
	"hms_send_message('r', 'text', peer_id => '')", "hms_broadcast_message(NULL, 'x')", "hms_broadcast_message('r', NULL)",
	'hms_end_room(NULL)', "hms_update_room(NULL, '{}')", "hms_update_room('r', NULL)", 'hms_enable_room(NULL)',
	"hms_update_peer('r', NULL, '{}')", "hms_create_room_code('r', NULL)", 'hms_disable_room_code(NULL)',
	'hms_create_room_codes(NULL)', "hms_api_post(NULL)", "hms_create_room('[]')", q[hms_update_room('r', '"text"')])
{
	my $error;
	my @seen = $api->during(sub { $error = $db->error("SELECT $sql") });
	like($error->{state}, qr/^22(004|023)$/, "refused: $sql") or diag $error->{text};
	is(scalar @seen, 0, "and nothing sent: $sql");
}

# EXPLAIN sends nothing.
is(scalar $api->during(sub { $db->run("EXPLAIN SELECT * FROM hms_rooms(); EXPLAIN SELECT hms_end_room('$room')") }),
	0, 'EXPLAIN sends nothing');

done_testing();
