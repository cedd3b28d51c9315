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
sub answers { my ($text) = @_; $api->faults({ raw_body => $text, times => 0 }); return }

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

$session->quit;
done_testing();
