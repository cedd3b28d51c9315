# hms.log_requests: a line of the server's log for each request, or for each that failed; what it shows and what not.
# And what an error says of a call that was repeated, or of a room that was named and not identified.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch('access-key' => 'log-access-key-0815');
my $db  = Hms::Db->launch($api, 'hms.retries' => 2, log_min_error_statement => 'panic', log_statement => 'none');
my $session = $db->session;
my %now = (headers => { 'Retry-After' => '0' });
$api->load(room_id => 'long', events => 250);

# The lines that a statement leaves in the log, without what stands before the message.
sub logged
{
	my ($sql) = @_;
	my $from = -s $db->logfile;
	$session->ask($sql);
	my @lines = grep { /hms request/ } split /\n/, slurp_file($db->logfile, $from);
	s/^.*?LOG:  // foreach @lines;
	return @lines;
}

my $read  = 'SELECT count(*) FROM hms_rooms()';
my $write = q[SELECT hms_create_room('{"name": "logged-room", "webhook": {"url": "https://h.example/?token=abcdefghijklmnop", "headers": {"x": "hush-hush"}}}')];
is(scalar(logged("$read; $write")), 0, 'off, as it is at first: nothing');

$session->value(q[SET hms.log_requests = 'all']);
my @lines = logged($read);
is(scalar @lines, 1, 'all: a line for a request');
like($lines[0], qr{^hms request: method=GET path=/rooms\?limit=100 status=200 ms=\d+ bytes=\d{3,} attempt=1$}, 'with all that there is to say');
@lines = logged("SELECT count(*) FROM hms_track_events('long')");
is(scalar @lines, 3, 'a line for each page');
like($lines[1], qr{path=/analytics/events\?.*room_id=long.*start=\S+ status=200}, 'with its filters and cursor');
@lines = logged($write);
like($lines[0], qr{^hms request: method=POST path=/rooms status=200 ms=\d+ bytes=\d+ attempt=1$}, 'a write has its path and no more');
@lines = logged(q[SELECT hms_api_get('/rooms', '{"limit": 10, "api_token": "hush-hush", "name": "a b"}')]);
like($lines[0], qr{path=/rooms\?.*api_token=\*{9}}, 'a parameter that is called a token is not shown');
like($lines[0], qr{name=a%20b}, 'others are');
is(scalar(logged("SELECT hms_auth_token('r', 'x')")), 0, 'a token is no request');

$api->faults({ status => 503, times => 2, %now });
@lines = logged($read);
is(join(' ', map { join ',', /status=(\d+).*attempt=(\d)/ } @lines), '503,1 503,2 200,3', 'each attempt has a line');
$api->faults({ status => 401, times => 1 });
@lines = logged($read);
is(join(' ', map { join ',', /status=(\d+).*attempt=(\d)/ } @lines), '401,1 200,2', 'with a new token too');

$session->value('SET hms.log_requests = failed');
$api->faults({ status => 503, times => 1, %now });
@lines = logged("$read; $read");
is(join(' ', map { join ',', /status=(\d+).*attempt=(\d)/ } @lines), '503,1', 'failed: the failed ones');
$api->faults({ truncate => 20, times => 1 });
@lines = logged($read);
like($lines[0], qr/status=200 .* failure=broken$/, 'a connection that was lost');
$api->faults;
@lines = logged("SET hms.api_url = 'http://127.0.0.1:9/v2'; $read; RESET hms.api_url");
like($lines[0], qr/status=0 .* bytes=0 attempt=1 failure=not_connected$/, 'one that was never made');
is(scalar @lines, 3, 'and each attempt at it');
is(scalar(logged("SELECT count(*) FROM hms_room('nowhere')")), 1, 'a 404 that is no row is one too');

# Who may set it, and what else is in the log.
$db->run('CREATE ROLE plain LOGIN');
my $plain = $db->session(user => 'plain');
is($plain->error(q[SET hms.log_requests = 'all'])->{state}, '42501', 'it is for superusers');
$plain->quit;
my (undef, $err) = $session->ask("SET client_min_messages = log; SET hms.log_requests = 'all'; $read");
unlike($err, qr/hms request/, 'the client does not see it');
my $log = slurp_file($db->logfile);
unlike($log, qr/hush|abcdefghijkl|0815|eyJ|Bearer/, 'nothing secret is in the log');
unlike($log, qr/STATEMENT/, 'and no statement');

# An error says how often.
foreach my $case ([0, ''], [1, ' \(tried 2 times\)'], [2, ' \(tried 3 times\)'])
{
	my ($retries, $words) = @$case;
	$api->faults({ status => 503, times => 0, %now });
	my $error = $session->error("SET hms.retries = $retries; $read");
	like($error->{message}, qr/^could not list rooms: Service Unavailable$words$/, "hms.retries = $retries: the message says how often it was tried");
	$api->faults({ status => 503, times => 0 });
	$error = $session->error($write);
	like($error->{message}, qr/Service Unavailable$/, 'a write was tried once');
	$api->faults;
}
$api->faults({ truncate => 20, times => 0 });
my $error = $session->error("SET hms.retries = 1; $read");
like($error->{message}, qr/connection to 100ms was lost \(tried 2 times\)$/, 'a lost connection too');
$api->faults({ status => 401, times => 0 });
$error = $session->error("SET hms.retries = 0; $read");
like($error->{message}, qr/\(tried 2 times\)$/, 'and a refused token');

# What looks like a name is told apart from an id.
my $id = $api->world->{rooms}[0]{id};
foreach my $case (
	["SELECT hms_update_room('math-101', '{}')", 400, 'math-101'], ["SELECT hms_update_room('math-101', '{}')", 404, 'math-101'],
	["SELECT hms_update_room('$id', '{}')", 400], ["SELECT hms_update_room('$id', '{}')", 500],
	["SELECT * FROM hms_sessions('math-101')", 400, 'math-101'], ["SELECT * FROM hms_sessions('$id')", 400],
	["SELECT hms_end_room('math-101')", 400, 'math-101'], ["SELECT * FROM hms_sessions(active => true)", 400],
	["SELECT * FROM hms_room_codes('math-101')", 400, 'math-101'], ["SELECT hms_end_room('math-101')", 500])
{
	my ($sql, $status, $name) = @$case;
	$api->faults({ status => $status, times => 0 });
	$error = $session->error($sql);
	is($error->{state}, "MS$status", "$status: $sql") or diag $error->{text};
	if (defined $name) { like($error->{hint}, qr/hms_rooms\('$name'\)/, 'the hint says how an id is found by a name') }
	else               { unlike($error->{hint}, qr/hms_rooms\(/, 'no word of a name') }
}
$api->faults;

$session->quit;
done_testing();
