# TLS: the server's certificate is checked against the right authority and the right name, and one handshake serves
# many calls.

use strict;
use warnings;

use File::Copy qw(copy);
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

# hms.ca_file stands instead of the system's authorities, of those in a directory too, and authorities are read once for
# many connections: what is read, and how often, is noted by functions in front of those of OpenSSL.
{
	my $log = "$dir/authorities";
	local $ENV{LD_PRELOAD} = preload_of(<<"C");
#include <dlfcn.h>
#include <stdio.h>

static void *
next(const char *name, const char *what, const char *path)
{
	FILE	   *log = path ? fopen("$log", "a") : NULL;

	if (log)
	{
		fprintf(log, "%s %s\\n", what, path);
		fclose(log);
	}
	return dlsym(dlopen("libcrypto.so.3", RTLD_LAZY), name);
}

int
X509_STORE_load_file(void *store, const char *file)
{
	return ((int (*) (void *, const char *)) next("X509_STORE_load_file", "file", file)) (store, file);
}

int
X509_STORE_load_path(void *store, const char *path)
{
	return ((int (*) (void *, const char *)) next("X509_STORE_load_path", "directory", path)) (store, path);
}
C
	my $watched = Hms::Db->launch($api, 'hms.retries' => 0);
	my $loads   = sub {
		my ($sql) = @_;
		unlink $log;
		my $client = $watched->session;
		my $error  = $client->error($sql);
		$client->quit;
		return ($error->{state}, -e $log ? slurp_file($log) : '');
	};
	my $many = "SELECT count(*) >= 0 FROM hms_sessions(ARRAY(SELECT 'room' || i FROM generate_series(1, 16) i))";
	my ($state, $read) = $loads->("SET hms.ca_file = '$dir/ca.pem'; $rooms");
	is($state, '', 'hms.ca_file has the authority');
	is($read, "file $dir/ca.pem\n", 'and nothing else is asked who may be trusted');
	my @of_many = $api->during(sub { ($state, $read) = $loads->("SET hms.ca_file = '$dir/ca.pem'; $many") });
	is($state, '', 'many rooms over TLS');
	cmp_ok(scalar keys %{ { map { $_->{connection} => 1 } @of_many } }, '>', 1, 'take several connections');
	is($read, "file $dir/ca.pem\n", 'which read the authorities once');

	# who puts the right authority into the file that was refused need not wait
	my $client = $watched->session;
	copy("$dir/other.pem", "$dir/changing.pem");
	is($client->error("SET hms.ca_file = '$dir/changing.pem'; $rooms")->{state}, '08001', 'a file with another authority');
	copy("$dir/ca.pem", "$dir/changing.pem");
	is($client->error($rooms)->{state}, '', 'is read again when it has the right one');
	$client->quit;

	($state, $read) = $loads->("$rooms");
	is($state, '08001', "the system's authorities have not signed the stand-in's certificate");
	like($read, qr/\A(file|directory) \S+\n\z/, 'and are read from one place');
}

chdir '/';
done_testing();
