# Values that are odd: whole numbers in any form, elements that are no objects, characters that the database lacks.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw(encode_utf8);
use Hms;
use Test::More;

my $api     = Hms::Api->launch;
my $db      = Hms::Db->launch($api);
my $session = $db->session;

# Lets the stand-in answer everything with this text.
sub answers { my ($text) = @_; utf8::decode($text); $api->faults({ raw_body => $text, times => 0 }); return }

# --- whole numbers, however they are written

my $assets = sub {
	my ($number) = @_;
	answers(qq({"data": [{"id": "a", "duration": $number, "size": $number}]}));
	my ($out, $err) = $session->ask('SELECT duration, size, extra FROM hms_recording_assets()');
	return wantarray ? ($out, $err) : $out;
};
foreach my $case (['12', 12], ['12.0', 12], ['1.2e1', 12], ['1.2E+1', 12], ['120e-1', 12], ['12.000000000000000000000000', 12], ['0.12e2', 12], ['-12.0', -12], ['0.0', 0], ['-0.0', 0], ['0e5', 0],
	['0e-999', 0], ['"12.0"', 12], ['"12"', 12], ['2147483647.0', 2147483647], ['-2147483648.0', -2147483648], ['2.147483647e9', 2147483647], ['1000000000000e-6', 1000000], ['1.5e1', 15])
{
	my ($text, $want) = @$case;
	is($assets->($text), "$want|$want|", "$text is the whole number $want");
}
foreach my $case (['9223372036854775807.0', '9223372036854775807'], ['-9223372036854775808.0', '-9223372036854775808'], ['9.223372036854775807e18', '9223372036854775807'], ['9007199254740993.0', '9007199254740993'])
{
	my ($text, $want) = @$case;
	like($assets->($text), qr/^\|\Q$want\E\|\{"duration"/, "$text to its last digit, and too large for an integer");
}
foreach my $text ('12.5', '1.25e1', '1e-1', '0.1', '9223372036854775808.0', '-9223372036854775809.0', '1e19', '1e999', '"12.5"', '"x"', '"1e"', '"."', '"-"', '"e1"', '""', '"1.2.3"', 'true', '[12]', '{}')
{
	my ($out, $err) = $assets->($text);
	like($out, qr/^\|\|\{"size": .*"duration": /, "$text is none: null, and kept in extra") or diag $err;
	is(scalar(() = $err =~ /WARNING/g), 1, 'with one warning');
}

# --- what is no object among objects

my $sessions = '{"data": [{"id": "s1", "room_id": "r", "peers": {"p1": {"id": "p1", "name": "Ada"}, "bad": null, "worse": 7, "worst": ["x"], "p2": {"name": "Bob"}}},'
  . ' {"peers": [{"id": "p3"}, "text", false], "id": "s2", "room_id": "r"}, {"id": "s3", "room_id": "r", "peers": {"only": null}}]}';
answers($sessions);
my ($out, $err) = $session->ask('SELECT id, session_id, name FROM hms_session_peers()');
is($out, "p1|s1|Ada\np2|s1|Bob\np3|s2|", 'peers that are no objects make no rows, the others do');
is(scalar(() = $err =~ /WARNING:  22P02: an element of "peers" is not an object and makes no row/g), 1, 'with one warning a statement') or diag $err;
is($session->value('SELECT count(*) FROM hms_sessions()'), 3, 'their sessions are there');
($out, $err) = $session->ask(q(SELECT p.id FROM hms_internal._hms_rows_of(NULL::hms_session_peer, 'hms_session_peers', '{"id": "s", "peers": {"a": {}, "b": null}}') AS p));
is($out, 'a', 'the same of JSON that is here already') or diag $err;
answers('{"peers": {"p1": {"name": "Ada"}, "bad": null, "p2": 5}}');
($out, $err) = $session->ask(q(SELECT id, name FROM hms_active_peers('r')));
is($out, 'p1|Ada', 'the same of a map by id');
is(scalar(() = $err =~ /WARNING/g), 1, 'with a warning') or diag $err;
foreach my $body ('{"data": [null]}', '{"data": ["x"]}', '{"data": [{"id": "s", "peers": "x"}]}', '{"data": [{"id": "s", "peers": {"p": {}, ]}}]}')
{
	answers($body);
	is($session->error('SELECT * FROM hms_session_peers()')->{state}, '08P01', "but this is no page: $body");
}

# --- the mirror too

{
	$api->faults;
	my $world = $api->world;
	my ($some) = grep { !$_->{active} && keys %{ $_->{peers} } > 2 } @{ $world->{sessions} };
	$some->{peers}{bad} = undef;
	$api->add(sessions => [$some]);
	$db->value("CREATE SCHEMA video; SELECT hms_create_mirror('video')");
	($out, $err) = $session->ask(qq(CALL hms_sync('video', ARRAY['$some->{room_id}'], events => false)));
	unlike($err, qr/ERROR/, 'a sync passes over such a peer') or diag $err;
	is($db->value("SELECT count(*) FROM video.session_peers WHERE session_id = '$some->{id}'"), (keys %{ $some->{peers} }) - 1, 'and has the others');
}

# --- a database that lacks characters keeps its keys apart, and finds them again

{
	my @users = ('李-明', '张-伟', '\u674E-\u660E', '\u5F20', '\\u674E', '\u005Cu674E', '\u005C', '\\', '\u00e9', '\u00E9', 'é', 'e', '?-?', '\uD83D\uDE00', '😀', '\uD83D', '\uDE00', '\😀',
		'\uD83D😀', '\u67李', '\u674', 'u674E', "\\n\t", '\u0041', 'A', '\u674e', '€', '\u20AC', '\u20ac');
	my %peers = map { ("p$_" => { name => $users[$_], user_id => $users[$_], role => $users[$_] }) } 0 .. $#users;
	foreach my $encoding (qw(latin1 euc_jp latin9))
	{
		$db->value("CREATE DATABASE $encoding TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
		my $run = sub { return $db->psql($encoding, $_[0], extra_params => ['-v', 'VERBOSITY=verbose']) };
		$run->('CREATE EXTENSION hms');
		answers(encode({ peers => \%peers }));
		my (undef, $out, $err) = $run->('CREATE TABLE u AS SELECT substr(id, 2)::int AS n, user_id, name, role, extra FROM hms_active_peers($$r$$); SELECT count(*), count(DISTINCT user_id), count(DISTINCT name), bool_and(user_id = name) FROM u');
		is($out, @users . '|' . @users . '|' . @users . '|t', "$encoding: every user stays a user of his own") or diag $err;
		(undef, $out, $err) = $run->("SELECT string_agg((hms_api_get('/x') -> 'peers' -> ('p' || n) ->> 'user_id' = user_id)::text, ',') FROM u");
		is($out, join(',', ('true') x @users), "$encoding: jsonb and text agree") or diag $err;
		$api->faults;
		my @seen = $api->during(sub { ($out, $err) = ($run->('SELECT n, (SELECT count(*) FROM hms_rooms(name => u.user_id)) FROM u ORDER BY n'))[1, 2] });
		is_deeply([ sort map { my $name = query_of($_->{query})->{name}[0]; utf8::decode($name); $name } @seen ], [ sort @users ], "$encoding: what is asked for is what it was") or diag $err;
		@seen = $api->during(sub { $run->("SELECT hms_create_room(jsonb_build_object('name', 'x' || n, 'description', user_id)) FROM u ORDER BY n") });
		is_deeply([ sort map { body_of($_)->{description} } @seen ], [ sort @users ], "$encoding: in a body too");
		answers('{"message": "sent"}');
		@seen = $api->during(sub { $run->("SELECT hms_broadcast_message('65a0000790c192cfd3ac94af', user_id) FROM u ORDER BY n") });
		is_deeply([ sort map { body_of($_)->{message} } @seen ], [ sort @users ], "$encoding: as an argument that is a member of one");
		(undef, $out, $err) = $run->("SELECT string_agg((hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', user_id, user_id)) ->> 'user_id' = user_id)::text, ',') FROM u");
		is($out, join(',', ('true') x @users), "$encoding: in a token, and back") or diag $err;
		(undef, $out, $err) = $run->("SELECT string_agg(((SELECT name FROM hms_internal._hms_rows_of(NULL::hms_peer, NULL, jsonb_build_object('name', user_id))) = user_id)::text, ',') FROM u");
		is($out, join(',', ('true') x @users), "$encoding: a row of JSON that is here already") or diag $err;
	}
}

$session->quit;
done_testing();
