# TLS: the server's certificate is checked against the right authority and the right name, and one handshake serves
# many calls.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

# An authority, and certificates by it: a good one, one for another name, one that has expired.
my $dir = PostgreSQL::Test::Utils::tempdir();
make_ca($dir, $_) foreach qw(ca other);

my %key     = ('access-key' => 'tls-key', secret => 'the-secret-over-tls');
my $api     = Hms::Api->launch(%key, make_certificate($dir, 'ca', 'good', 'IP:127.0.0.1,DNS:localhost'));
my $misled  = Hms::Api->launch(%key, make_certificate($dir, 'ca', 'misnamed', 'DNS:api.example.com'));
my $expired = Hms::Api->launch(%key, make_certificate($dir, 'ca', 'expired', 'IP:127.0.0.1', expired => 1));
my $plain   = Hms::Api->launch(%key);
my $db      = Hms::Db->launch($api, 'hms.ca_file' => "$dir/ca.pem", 'hms.retries' => 0);
chmod 0755, $dir;

my $rooms = 'SELECT count(*) > 0 FROM hms_rooms()';
is($db->value($rooms), 't', 'a server whose certificate is by the authority of hms.ca_file');

my $session = $db->session;
my @seen    = $api->during(sub { $session->value("SELECT hms_api_get('/rooms') IS NOT NULL FROM generate_series(1, 100)") });
@seen = $api->during(sub { $session->value('SELECT count(hms_api_get(\'/sessions\', jsonb_build_object(\'room_id\', i))) FROM generate_series(1, 100) i') });
is(scalar @seen, 100, 'a hundred calls over TLS');
is(keys %{ { map { $_->{connection} => 1 } @seen } }, 1, 'take one handshake');

my %refused = (
	'an unknown authority'   => "SET hms.ca_file = '$dir/other.pem'",
	"the system's authorities" => "SET hms.ca_file = ''",
	'another name'           => "SET hms.api_url = '$misled->{url}'",
	'an expired certificate' => "SET hms.api_url = '$expired->{url}'",
	'no TLS at all'          => "SET hms.api_url = '" . $plain->{url} =~ s/^http:/https:/r . "'",
	'a CA file that is not there' => "SET hms.ca_file = '/nonexistent/ca.pem'",
	'a CA file that is not one' => "SET hms.ca_file = '$dir/ca.key'");
foreach my $what (sort keys %refused)
{
	foreach my $fresh (1, 0)
	{
		my $who = $fresh ? $db : $session;
		$_->clear foreach $api, $misled, $expired, $plain;
		my $error = $who->error("$refused{$what}; $rooms");
		is($error->{state}, '08001', "$what: 08001" . ($fresh ? '' : ', in a backend that is connected already')) or diag $error->{text};
		is(scalar(map { $_->log } $api, $misled, $expired, $plain), 0, "$what: no request was sent");
		unlike($error->{text}, qr/eyJ|Bearer|\Q$key{secret}\E/, "$what: nothing secret in the message");
	}
	is($session->value("RESET hms.ca_file; RESET hms.api_url; $rooms"), 't', "$what: the backend goes on");
}

# A foreign server has authorities of its own, and never those of the settings.
foreach my $case (["OPTIONS (api_url '$api->{url}', ca_file '$dir/ca.pem')", "SET hms.ca_file = '$dir/other.pem'", ''], ["OPTIONS (api_url '$api->{url}')", '', '08001'], ["OPTIONS (api_url '$api->{url}', ca_file '$dir/other.pem')", '', '08001'])
{
	my ($options, $setting, $state) = @$case;
	$db->value("CREATE SERVER school FOREIGN DATA WRAPPER hms $options; CREATE USER MAPPING FOR PUBLIC SERVER school OPTIONS (access_key 'tls-key', secret '$key{secret}')");
	is($session->error("$setting; SET hms.server = 'school'; $rooms")->{state}, $state, "a server with $options");
	is($session->value("RESET hms.ca_file; RESET hms.server; $rooms"), 't', 'and the settings beside it');
	$db->value('DROP SERVER school CASCADE');
}

$session->quit;
chdir '/';
done_testing();
