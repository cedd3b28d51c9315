# Webhooks taken into the mirror: each once and in any order, of every type; what they tell of sessions and peers; how
# they prove where they come from; the door of docs/reports.md as PostgREST knocks at it; deliveries that were missed.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(hmac_sha256_hex);
use Docs qw(statements);
use Encode qw(encode_utf8);
use Hms;
use List::Util qw(shuffle);
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, jit => 'off', 'hms.webhook_unproven' => 'on');
my $ids = 0;

# SQL text of Perl data, as jsonb.
sub sql_json { my ($data) = @_; my $text = ref $data ? encode($data) : $data; utf8::decode($text); $text =~ s/'/''/g; utf8::encode($text); return "'$text'" }

# An event as 100ms sends it.
sub event
{
	my ($type, $at, %data) = @_;
	return { version => '2.0', id => 'event-' . ++$ids, account_id => 'account', app_id => 'app', timestamp => $at, type => $type, data => \%data };
}

sub receive
{
	my ($mirror, $event, @more) = @_;
	return $db->value("SELECT hms_receive_webhook('$mirror', " . join(', ', sql_json($event), map { sql_json($_) } @more) . ')');
}

sub make_mirror { my ($mirror) = @_; $db->value("CREATE SCHEMA $mirror; SELECT hms_create_mirror('$mirror')"); return }

# Every type there is, and one that there is not.
make_mirror('video');
my @types = map { my ($noun, @verbs) = split /[ ,]+/; map { "$noun.$_" } @verbs } (
	'session open.success, close.success', 'peer join.success, leave.success, join.failure, leave.failure',
	'room end.success, end.failure', 'role change.success, change.failure',
	'track recording.started.success, recording.success, recording.failure', 'stream recording.success, recording.failure',
	'recording success, failed', 'beam started.success, stopped.success, recording.success, failure',
	'hls started.success, stopped.success, failure, recording.success',
	'transcription started.success, success, failure', 'ingest start.success, end.success, start.failure, failure');
is(scalar @types, 32, 'there are 32 types of events');
{
	my %about = (room_id => 'room', session_id => 'session', peer_id => 'peer', user_id => 'user', user_name => 'Zoë', role => 'host', joined_at => '0001-01-01T00:00:00Z', odd => [ 1, { a => undef } ]);
	my @events = map { event($_, '2026-01-01T10:00:00Z', %about) } @types, 'what.nobody.knows';
	is_deeply([ map { receive('video', $_) } @events ], [ ('t') x 33 ], 'each of them is taken, and one that nobody knows');
	is_deeply([ map { receive('video', $_) } shuffle @events ], [ ('f') x 33 ], 'and taken once');
	is_deeply([ map { receive('video', { %$_, data => { %{ $_->{data} }, is_replay => true } }) } @events ], [ ('f') x 33 ], 'replayed ones too');
	my $rows = $db->rows('SELECT * FROM video.webhook_events');
	is_deeply([ sort map { $_->{type} } @$rows ], [ sort @types, 'what.nobody.knows' ], 'all are stored');
	is_deeply([ grep { $_->{room_id} ne 'room' || $_->{session_id} ne 'session' || $_->{peer_id} ne 'peer' || encode($_->{data}) ne encode(\%about) } @$rows ], [], 'with their ids and data');
	is($db->value(q{SELECT active || ' ' || (SELECT name || ' ' || (joined_at IS NULL) FROM video.session_peers) FROM video.sessions}), encode_utf8('false Zoë true'), 'and the zero time is none');

	is(receive('video', { id => 'bare', type => 'x' }), 't', 'an event without data is stored');
	is(receive('video', { id => 'odd', type => 7, data => 'text', timestamp => 'yesterday', new => [1] }), 't', 'and one whose members are odd');
	is($db->value(q{SELECT type || ' ' || ("timestamp" IS NULL) || ' ' || extra::text FROM video.webhook_events WHERE id = 'odd'}), '7 true {"new": [1], "timestamp": "yesterday"}', 'with what was odd in extra');
	foreach my $bad ('[]', 'null', '{}', '{"id": ""}', '"x"')
	{
		is($db->error("SELECT hms_receive_webhook('video', '$bad')")->{state}, '22023', "what is no event is refused: $bad");
	}
	is($db->error(q{SELECT hms_receive_webhook('public', '{"id": "x"}')})->{state}, '42P01', 'so is a schema without a mirror');
}

# The events of a session, as 100ms would have sent them.
sub events_of
{
	my ($session) = @_;
	my %about = (room_id => $session->{room_id}, session_id => $session->{id}, room_name => 'name', session_started_at => $session->{created_at});
	my @events = event('session.open.success', $session->{created_at}, %about);
	foreach my $peer (values %{ $session->{peers} })
	{
		my %peer = (%about, peer_id => $peer->{id}, user_id => $peer->{user_id}, user_name => $peer->{name}, role => $peer->{role}, joined_at => $peer->{joined_at});
		push @events, event('peer.join.success', $peer->{joined_at}, %peer, role => 'first-role');
		push @events, event('role.change.success', $peer->{joined_at}, %peer, previous_role => 'first-role');
		push @events, event('peer.leave.success', $peer->{left_at}, %peer, left_at => $peer->{left_at}) if $peer->{left_at};
	}
	push @events, event('session.close.success', $session->{updated_at}, %about, session_stopped_at => $session->{updated_at}) unless $session->{active};
	return @events;
}

# What the mirror knows of a session from webhooks alone is what the API says, whatever the order.
{
	my $world = $api->world;
	my ($over) = grep { !$_->{active} && keys %{ $_->{peers} } > 5 } @{ $world->{sessions} };
	my ($on)   = grep { $_->{active} } @{ $world->{sessions} };
	my ($none) = grep { !keys %{ $_->{peers} } } @{ $world->{sessions} };
	make_mirror("order$_") foreach 1 .. 4;
	foreach my $session (grep { $_ } $over, $on, $none)
	{
		my @events = events_of($session);
		my $kind   = $session->{active} ? 'a live session' : 'a session that is over';
		foreach my $mirror (map { "order$_" } 1 .. 4)
		{
			my @order = $mirror eq 'order1' ? @events : $mirror eq 'order2' ? reverse(@events) : (shuffle(@events), (shuffle(@events))[0 .. 1]);
			$db->value(join ';', map { "SELECT hms_receive_webhook('$mirror', " . sql_json($_) . ')' } @order);
			my $odd = $db->rows("SELECT * FROM (SELECT s.id, s.room_id, s.active, s.created_at, CASE WHEN NOT s.active THEN s.updated_at END AS ended_at FROM hms_session('$session->{id}') AS s"
				. " EXCEPT SELECT id, room_id, active, created_at, CASE WHEN NOT active THEN updated_at END FROM $mirror.sessions) AS x");
			is_deeply($odd, [], "$kind is there as the API has it: $mirror");
			$odd = $db->rows("WITH api AS (SELECT p.id, p.session_id, p.room_id, p.user_id, p.name, p.role, p.joined_at, p.left_at FROM hms_session_peers('$session->{room_id}') AS p WHERE p.session_id = '$session->{id}'),"
				. " here AS (SELECT id, session_id, room_id, user_id, name, role, joined_at, left_at FROM $mirror.session_peers WHERE session_id = '$session->{id}')"
				. ' (TABLE api EXCEPT ALL TABLE here) UNION ALL (TABLE here EXCEPT ALL TABLE api)');
			is_deeply($odd, [], "so are its peers: $mirror");
			$odd = $db->value("WITH api AS MATERIALIZED (SELECT * FROM hms_attendance('$session->{room_id}', '$session->{id}')), here AS MATERIALIZED (SELECT * FROM $mirror.attendance WHERE session_id = '$session->{id}')"
				. ' SELECT count(*) FROM ((TABLE api EXCEPT ALL TABLE here) UNION ALL (TABLE here EXCEPT ALL TABLE api)) AS x');
			is($odd, 0, "and its attendance: $mirror");
		}
	}
	is($db->value("SELECT count(*) FROM order1.sync_marks"), 0, 'webhooks move no mark');
	$db->value("CALL hms_sync('order1')");
	is($db->value('SELECT (SELECT count(*) FROM ((SELECT id, room_id, customer_id, app_id, active, created_at, updated_at, peers, extra FROM order1.sessions) EXCEPT ALL (SELECT * FROM hms_sessions())) AS x)'
		. ' + (SELECT count(*) FROM order1.sessions WHERE synced_at IS NULL) + (SELECT count(*) FROM order1.session_peers WHERE synced_at IS NULL) + (SELECT count(*) FROM order1.rooms WHERE synced_at IS NULL)'), 0,
		'the next sync has it all from the API');

	# what the API said stays; webhooks add to it
	my $session = $on;
	my ($inside) = grep { !$_->{left_at} } values %{ $session->{peers} };
	my %about = (room_id => $session->{room_id}, session_id => $session->{id}, peer_id => $inside->{id});
	my $before = $db->value("SELECT joined_at FROM order1.session_peers WHERE id = '$inside->{id}'");
	receive('order1', event('peer.join.success', '2020-01-01T00:00:00Z', %about, role => 'old-role', joined_at => '2020-01-01T00:00:00Z', user_id => 'old-user'));
	is($db->value("SELECT role || joined_at || user_id FROM order1.session_peers WHERE id = '$inside->{id}'"), "$inside->{role}$before$inside->{user_id}", 'an old event does not change what the API said');
	my $marks = $db->value("SELECT string_agg(s::text, ',' ORDER BY s::text) FROM order1.sync_marks AS s");
	receive('order1', event('role.change.success', '2099-01-01T00:00:00Z', %about, role => 'new-role'));
	receive('order1', event('peer.leave.success', '2099-01-01T00:01:00Z', %about, role => 'new-role', left_at => '2099-01-01T00:01:00Z'));
	receive('order1', event('session.close.success', '2099-01-01T00:02:00Z', room_id => $session->{room_id}, session_id => $session->{id}, session_stopped_at => '2099-01-01T00:02:00Z'));
	is($db->value("SELECT p.role || ' ' || date_part('year', p.left_at) || ' ' || s.active || ' ' || date_part('year', s.updated_at) FROM order1.session_peers AS p JOIN order1.sessions AS s ON s.id = p.session_id WHERE p.id = '$inside->{id}'"), 'new-role 2099 false 2099', 'a new one does');
	is($db->value("SELECT string_agg(s::text, ',' ORDER BY s::text) FROM order1.sync_marks AS s"), $marks, 'and no mark moves');
	$db->value("CALL hms_sync('order1')");
	is($db->value("SELECT s.active || ' ' || (p.left_at IS NULL) FROM order1.session_peers AS p JOIN order1.sessions AS s ON s.id = p.session_id WHERE p.id = '$inside->{id}'"), 'true true', 'until a sync reads it again');

	# late ones do not change what the API said, one after another
	my ($peer) = grep { !$_->{left_at} } values %{ $on->{peers} };
	$db->value("CALL hms_sync('order2')");
	my %of = (room_id => $on->{room_id}, session_id => $on->{id}, peer_id => $peer->{id}, joined_at => $peer->{joined_at});
	receive('order2', event('peer.join.success', '2020-01-01T00:00:00Z', %of, role => 'late-guest'));
	receive('order2', event('role.change.success', '2020-01-01T00:00:01Z', %of, role => 'late-backstage'));
	is($db->value("SELECT role FROM order2.session_peers WHERE id = '$peer->{id}'"), $peer->{role}, 'late webhooks do not change what the API said');

	# what 100ms does not know, refuses, or has elsewhere, and a peer that it does not know: asked for once, and gone
	my ($past) = grep { !$_->{active} && keys %{ $_->{peers} } } @{ $world->{sessions} };
	my ($elsewhere) = grep { !$_->{active} && $_->{room_id} ne $past->{room_id} } @{ $world->{sessions} };
	my @about = ([ 'no-room', 'no-session' ], [ $past->{room_id}, '..' ], [ '..', 'dots' ], [ $past->{room_id}, '' ], [ $past->{room_id}, $elsewhere->{id} ], [ $past->{room_id}, 'x' x 3000 ]);
	foreach my $about (@about)
	{
		receive('order1', event('session.open.success', '2026-01-01T00:00:00Z', room_id => $about->[0], session_id => $about->[1], session_started_at => '20XX-01-01T00:00:00Z'));
	}
	receive('order1', event('peer.join.success', '2026-01-01T00:00:00Z', room_id => $past->{room_id}, session_id => $past->{id}, peer_id => 'no-peer', joined_at => '2026-01-01T00:00:00Z'));
	receive('order1', event(undef, '2026-01-01T00:00:00Z', room_id => $past->{room_id}, session_id => 'no-type'));
	receive('order1', event('session.open.success', '2026-01-01T00:00:00Z', room_id => $past->{room_id}));
	is($db->value("SELECT count(*) FROM order1.sessions WHERE created_at IS NULL OR id = 'no-type'"), 0, 'a time that is none leaves no session without a begin, and no type tells nothing');
	my (undef, undef, $told) = $db->run("CALL hms_sync('order1')");
	like($told, qr/WARNING:.*session no-session of room no-room/, 'what 100ms does not know is named');
	like($told, qr/WARNING:.*session \.\. of room/, 'what our own checks refuse is named');
	is($db->value("SELECT state || ' ' || (cardinality(failed) >= 3) FROM order1.sync_runs ORDER BY id DESC LIMIT 1"), 'done true', 'the run is done, and names them');
	is($db->value("SELECT count(*) FROM order1.sessions WHERE synced_at IS NULL"), 0, 'no session is left that only webhooks tell of');
	is($db->value("SELECT count(*) FROM order1.session_peers WHERE synced_at IS NULL"), 0, 'no peer either');
	is($db->value("SELECT count(*) FROM hms_verify_mirror('order1')"), 0, 'the mirror is what the API has');
	is(scalar(grep { $_->{path} =~ m{no-session|no-room|/dots|$elsewhere->{id}} } $api->during(sub { $db->value("CALL hms_sync('order1')") })), 0, 'they are asked for once');
	receive('order1', event('session.close.success', '2026-01-01T01:00:00Z', room_id => 'no-room', session_id => 'no-session'));
	is(scalar(grep { $_->{path} =~ m{no-session} } $api->during(sub { $db->value("CALL hms_sync('order1')") })), 1, 'and again when a webhook tells of them anew');
}

# A room that the API refuses for good, which only webhooks tell of: the rest is synced, and it is asked for once until it is told
# of anew.
{
	my $tell = sub { receive('order2', event("session.$_[0].success", $_[1], room_id => 'refused', session_id => 'in-refused', session_started_at => '2026-01-01T00:00:00Z')) };
	my $asked = sub { my %seen; my ($told) = '';
		$seen{ $_->{path} =~ s{.*/}{}r }++ foreach grep { "$_->{path}?$_->{query}" =~ /refused/ } $api->during(sub { (undef, undef, $told) = $db->run("CALL hms_sync('order2')") });
		return $told, join ' ', map { "$_ $seen{$_}" } sort keys %seen };
	$api->faults({ path => 'refused', status => 400, times => 0 }, { query => 'refused', status => 400, times => 0 });
	$api->add(rooms => [ { id => 'healthy', name => 'healthy', enabled => true, created_at => '2026-01-01T00:00:00Z' } ]);
	$tell->('open', '2026-01-01T00:00:00Z');
	my ($told, $seen) = $asked->();
	like($told, qr/WARNING:.*not asked for again until it changes: room refused$/m, 'a room that the API refuses with 400 is named in a WARNING');
	like($told, qr/WARNING:.*not asked for again until it changes: session in-refused of room refused$/m, 'its session too');
	is($db->value("SELECT state || (SELECT ': ' || string_agg(regexp_replace(f, ': .*', ''), ', ' ORDER BY f) FROM unnest(failed) AS f) FROM order2.sync_runs ORDER BY id DESC LIMIT 1"), 'done: room refused, session in-refused of room refused', 'and in sync_runs');
	is($seen, 'in-refused 1 refused 1', 'each is asked for once');
	is($db->value("SELECT (SELECT count(*) FROM order2.rooms WHERE id = 'healthy') || ' ' || (SELECT count(*) FROM hms_verify_mirror('order2'))"), '1 0', 'the rest is synced');
	is(($asked->())[1], '', 'they are not asked for again');
	$tell->('close', '2026-01-01T01:00:00Z');
	is(($asked->())[1], 'in-refused 1', 'but when a webhook tells of them anew');
	$api->faults;
}

# Names that jsonb refuses come in as json or text.
{
	my %about = (room_id => 'r', session_id => 'odd-names', session_started_at => '2026-01-01T00:00:00Z', joined_at => '2026-01-01T00:00:00Z');
	my @names = ('a\u0000b', 'a\ud800b', 'a\udc00b', 'a\ud83d\ude00b');
	foreach my $type ('json', 'text')
	{
		foreach my $n (0 .. $#names)
		{
			my $text = encode(event('peer.join.success', '2026-01-01T00:00:00Z', %about, peer_id => "$type-$n", user_name => 'NAME'));
			$text =~ s/NAME/$names[$n]/;
			is($db->value("SELECT hms_receive_webhook('video', '$text'::$type)"), 't', "$type with the name $names[$n] is taken");
		}
		is($db->value("SELECT string_agg(name, ' ' ORDER BY id) FROM video.session_peers WHERE session_id = 'odd-names' AND id LIKE '$type-%'"), encode_utf8("a\x{fffd}b a\x{fffd}b a\x{fffd}b a\x{1f600}b"), "and what is no character is U+FFFD: $type");
	}
	my $text = encode(event('x', '2026-01-01T00:00:00Z', room_id => 'r'));
	is($db->value("SELECT hms_receive_webhook('video', '$text'::jsonb)"), 't', 'jsonb is taken too');
	is($db->error("SELECT hms_receive_webhook('video', 7)")->{state}, '42804', 'a number is not');
}

# Two webhooks of a session at the same time.
{
	my ($first, $second) = ($db->session, $db->session);
	my %about = (room_id => 'r', session_id => 'both', session_started_at => '2026-01-01T00:00:00Z');
	$first->value('BEGIN');
	$first->value("SELECT hms_receive_webhook('video', " . sql_json(event('session.close.success', '2026-01-01T01:00:00Z', %about, session_stopped_at => '2026-01-01T01:00:00Z')) . ')');
	$second->begin("SELECT hms_receive_webhook('video', " . sql_json(event('peer.join.success', '2026-01-01T00:30:00Z', %about, peer_id => 'p', joined_at => '2026-01-01T00:30:00Z')) . ')');
	$first->value('COMMIT');
	$second->finish;
	is($db->value(q{SELECT active::text || (SELECT count(*) FROM video.session_peers WHERE session_id = 'both') FROM video.sessions WHERE id = 'both'}), 'false1', 'two at the same time lose nothing');
	$_->quit foreach $first, $second;
}

# Proof. The secret is in no message and can be read by no ordinary role.
{
	my $secret = 'the-header-secret';
	$db->value("CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA video TO app; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA video TO app; GRANT EXECUTE ON FUNCTION hms_receive_webhook TO app");
	$db->append_conf('postgresql.conf', "hms.webhook_header = 'X-School'\nhms.webhook_secret = '$secret'");
	$db->reload;
	my $ask = sub { my ($headers, $body) = @_; my $event = event('x', '2026-01-01T00:00:00Z', name => 'Zoë');
		$body = $body->($event) if $body; $headers = $headers->($body) if ref $headers eq 'CODE';
		my (undef, $out, $err) = $db->run("SELECT hms_receive_webhook('video', " . join(', ', map { defined $_ ? sql_json($_) : 'NULL' } $event, $headers, $body) . ')', connstr => $db->connstr('postgres') . ' user=app');
		unlike($err, qr/\Q$secret\E|\Q$api->{secret}\E|signing-key/, 'nothing secret is in the message') if $err;
		return $out || Hms::Db::parse_error($err)->{state} };
	is($ask->({ 'x-school' => $secret }), 't', 'the secret header, in any case, is taken');
	is($ask->({ 'X-SCHOOL' => $secret }), 't', 'in capitals too');
	is($ask->(undef), '28000', 'without headers it is refused');
	is($ask->({ other => $secret }), '28000', 'without the header');
	is($ask->({ 'x-school' => "${secret}x" }), '28000', 'with another value');
	is($ask->({ 'x-school' => substr $secret, 0, -1 }), '28000', 'with a part of it');
	is($ask->({ 'x-school' => '' }), '28000', 'with nothing in it');
	is($ask->({ 'x-school' => { a => $secret } }), '28000', 'with something odd in it');

	my $raw  = sub { my ($event) = @_; my $text = encode($event); $text =~ s/,/ , /g; return $text };
	my $sign = sub { my ($key, $change) = @_; return sub { return { 'x-school' => $secret, 'X-100ms-Signature' => $change ? $change->(hmac_sha256_hex($_[0], $key)) : hmac_sha256_hex($_[0], $key) } } };
	is($ask->($sign->($api->{secret}), $raw), 't', 'a signature by the app secret is taken');
	is($ask->($sign->($api->{secret}, sub { uc $_[0] }), $raw), 't', 'in capitals too');
	is($ask->($sign->('another key'), $raw), '28000', 'one by another key is refused');
	is($ask->($sign->($api->{secret}, sub { scalar reverse $_[0] }), $raw), '28000', 'so is one that is wrong');
	is($ask->($sign->($api->{secret}, sub { '' }), $raw), '28000', 'or empty');
	is($ask->($sign->($api->{secret}), sub { my ($event) = @_; return encode({ %$event, id => 'other' }) }), '22023', 'or of a body that holds another event');
	$db->append_conf('postgresql.conf', "hms.webhook_key = 'signing-key'");
	$db->reload;
	is($ask->($sign->('signing-key'), $raw), 't', 'hms.webhook_key is the key where it is set');
	is($ask->($sign->($api->{secret}), $raw), '28000', 'and the app secret no longer');
	is($ask->({ 'x-school' => $secret }), '28000', 'and nothing is taken without a signature');
	foreach my $setting (qw(hms.webhook_secret hms.webhook_key))
	{
		my (undef, $out, $err) = $db->run("SHOW $setting", connstr => $db->connstr('postgres') . ' user=app');
		is($out, '', "$setting can be seen by no ordinary role");
		like($err, qr/42501/, 'which is told so');
	}
}

# The door of docs/reports.md, knocked at as PostgREST does: its own role logs in and becomes the one of the request inside a
# transaction, where the request's method, path and headers are settings; the body is a parameter, the answer made of a CTE.
{
	$db->value(join ";\n", (grep { /\bapi\b|web_anon/ && !/^(?:SET|RESET|SELECT)\b/ } map { $_->[1] =~ s/;\s*\z//r } statements('docs/reports.md')),
		'CREATE ROLE authenticator LOGIN NOINHERIT', 'GRANT web_anon TO authenticator');
	my $post = sub {
		my ($body, $headers, $access) = @_;
		my %setting = (
			search_path => '"api", "public"', role => 'web_anon', 'request.jwt.claims' => '{"role":"web_anon"}', 'request.method' => 'POST',
			'request.path' => '/rpc/video_webhook', 'request.headers' => encode($headers), 'request.cookies' => '{}');
		my $set = join ', ', map { "set_config('$_', " . sql_json($setting{$_}) . ', true)' } sort { ($a eq 'role') <=> ($b eq 'role') || $a cmp $b } keys %setting;
		local $ENV{PGUSER} = 'authenticator';
		my $sql = sprintf(<<'SQL', $access // 'WRITE', $set, sql_json($body));
BEGIN ISOLATION LEVEL READ COMMITTED READ %s;
SELECT NULL FROM (SELECT %s) AS settings;
PREPARE call AS
WITH source AS (SELECT c.scalar FROM (SELECT api.video_webhook($1::json) AS scalar) AS c)
SELECT pg_catalog.count(s) AS rows, coalesce(json_agg(s.scalar) -> 0, 'null') AS body,
	nullif(current_setting('response.headers', true), '') AS headers, nullif(current_setting('response.status', true), '') AS status
FROM (SELECT source.* FROM source) AS s;
EXECUTE call(%s);
COMMIT;
SELECT current_user;
SQL
		utf8::downgrade($sql);
		return $db->run($sql, on_error_stop => 0);
	};
	my $body = encode(event('peer.join.success', '2026-01-01T00:00:00Z', room_id => 'r', session_id => 'rpc', peer_id => 'p', user_name => 'Zoë', joined_at => '2026-01-01T00:00:00Z'));
	$body =~ s/":/" :  /g;
	my %headers = (host => 'db.example:3000', 'content-type' => 'application/json', 'x-school' => 'the-header-secret', 'x-100ms-signature' => hmac_sha256_hex($body, 'signing-key'));
	my ($code, $out, $err) = $post->($body, \%headers);
	is($out, "\n1|true||\nauthenticator", 'a POST to the function answers true, once, and the role is left') or diag $err;
	is($db->value("SELECT name FROM video.session_peers WHERE session_id = 'rpc'"), encode_utf8('Zoë'), 'and the peer that it tells of is there');
	is($db->value("SELECT count(*) FROM video.webhook_events WHERE data ->> 'session_id' = 'rpc'"), 1, 'from one event');
	is(($post->($body, \%headers))[1], "\n1|false||\nauthenticator", 'sent again it answers false');
	my %refused = (
		'a wrong signature'   => { %headers, 'x-100ms-signature' => '00' },
		'a wrong secret'      => { %headers, 'x-school' => 'another' },
		'no secret'           => { map { $_ => $headers{$_} } grep { $_ ne 'x-school' } keys %headers },
		'no headers at all'   => {});
	foreach my $name (sort keys %refused)
	{
		(undef, $out, $err) = $post->($body =~ s/rpc/refused/r, $refused{$name});
		like($err, qr/ERROR:  28000/, "$name is refused");
		unlike($out, qr/true|false/, "$name: without an answer");
	}
	like(($post->($body =~ s/rpc/refused/r, { %headers, 'x-100ms-signature' => hmac_sha256_hex($body =~ s/rpc/refused/r, 'signing-key') }, 'ONLY'))[2], qr/ERROR:  25006/, 'as a GET it changes nothing');
	is($db->value("SELECT count(*) FROM video.webhook_events WHERE data ->> 'session_id' = 'refused'"), 0, 'nothing of these is stored');
	local $ENV{PGUSER} = 'authenticator';
	like(($db->run($_))[2], qr/ERROR:  42501/, "the roles see nothing themselves: $_") foreach
		'SET ROLE web_anon; SELECT * FROM video.webhook_events', "SET ROLE web_anon; SELECT hms_receive_webhook('video', '{}'::json)", "SELECT api.video_webhook('{}')";
}

# Deliveries that were missed: those that 100ms tells of and the mirror has not; they are sent again on demand.
{
	make_mirror('gaps');
	$db->append_conf('postgresql.conf', "hms.webhook_secret = ''\nhms.webhook_key = ''");
	$db->reload;
	my $window = "start_time => now() - interval '14 days', end_time => now()";
	my $missed = "SELECT d.* FROM hms_webhook_events($window) AS d WHERE NOT EXISTS (SELECT FROM gaps.webhook_events AS w WHERE w.id = d.event_id)";
	my $deliver = sub {
		my ($rows) = @_;
		return $db->value("SELECT count(hms_receive_webhook('gaps', jsonb_build_object('version', '2.0', 'id', d.event_id, 'type', d.payload ->> 'original_event_name',"
			. " 'timestamp', d.event_timestamp, 'is_replay', true, 'data', d.payload -> 'event_data' || jsonb_build_object('room_id', d.room_id)))) FROM ($rows) AS d");
	};
	my $all = $deliver->("SELECT * FROM ($missed) AS m ORDER BY event_id OFFSET 5") + 5;
	cmp_ok($all, '>', 10, '100ms tells of deliveries');
	is($db->value("SELECT count(*) FROM ($missed) AS m"), 5, 'those that did not arrive are found');
	my ($replay) = grep { $_->{method} eq 'POST' } $api->during(sub { is($db->value("SELECT status FROM hms_replay_webhook_events($window, status => 'all')"), 'started', 'and are asked for again') });
	is($replay->{path}, '/v2/analytics/webhooks/replay', 'by one request');
	$deliver->("SELECT * FROM hms_webhook_events($window) AS d");
	is($db->value("SELECT count(*) FROM ($missed) AS m"), 0, 'after which none is missing');
	is($db->value('SELECT count(*) FROM gaps.webhook_events'), $all, 'and none is there twice');
}

done_testing();
