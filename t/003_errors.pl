# What each failure looks like in SQL, how often a request is repeated, and that the backend goes on afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Wire;

my $api  = Hms::Api->launch;
my $db   = Hms::Db->launch($api);
my $room = $api->world->{rooms}[0]{id};

# One backend lives through all of it: after every error it must still be able to make the next call.
my $session = $db->session;
my $always = 0;

# Runs SQL in that backend while the stand-in follows the rules; (error, requests, seconds).
sub failing
{
	my ($sql, @rules) = @_;
	my ($error, $seconds);
	$api->faults(@rules);
	my @seen = $api->during(sub { $seconds = seconds_of(sub { $error = $session->error($sql) }) });
	$api->faults;
	$error->{fine} = $session->value("SELECT count(*) > 0 FROM hms_rooms()");
	return ($error, \@seen, $seconds);
}

# Compares SQLSTATE and number of requests.
sub fails_with
{
	my ($name, $state, $requests, $sql, @rules) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($error, $seen, $seconds) = failing($sql, @rules);
	ok( $error->{state} =~ /^(?:$state)$/ && @$seen == $requests && $error->{fine} eq 't',
		"$name: $state after $requests requests, and the backend goes on")
	  or diag "got $error->{state} after " . @$seen . " requests, fine: $error->{fine}\n$error->{text}";
	unlike($error->{text}, qr/eyJ|\Q$api->{secret}\E/, "$name: nothing secret in the message");
	return ($error, $seen, $seconds);
}

my $read  = 'SELECT count(*) FROM hms_rooms()';
my $write = 'SELECT hms_create_room()';
$session->value('SET hms.retries = 1; SET hms.max_connections = 1');

# Statuses. What may pass is tried again where that can do no harm; a new token is tried once.
my %repeated_read  = map { $_ => 1 } 429, 500, 502, 503, 504, 401, 403;
my %repeated_write = map { $_ => 1 } 429, 401, 403;
foreach my $status (400, 401, 402, 403, 404, 405, 408, 409, 418, 422, 429, 451, 500, 501, 502, 503, 504, 599)
{
	my $rule = { status => $status, times => $always };
	fails_with("read $status", "MS$status", $repeated_read{$status} ? 2 : 1, $read, $rule);
	fails_with("write $status", "MS$status", $repeated_write{$status} ? 2 : 1, $write, $rule);
}
foreach my $status (401, 403, 429, 500, 502, 503, 504)
{
	my ($error, $seen) = failing($read, { status => $status, times => 1 });
	is($error->{state}, '', "a read that meets one $status succeeds") or diag $error->{text};
	is(scalar @$seen, 2, "a read that meets one $status asks twice");
	my $same = $seen->[0]{token_id} eq $seen->[1]{token_id};
	ok($status == 401 || $status == 403 ? !$same : $same,
		$status == 401 || $status == 403 ? "$status: by a new token" : "$status: by the same token");
}

# The words of an error: what was being done, what the API said, where, and what to do.
{
	my ($error) = fails_with('a refused body', 'MS400', 1, q[SELECT hms_create_room('{"size": 3000}')]);
	like($error->{message}, qr/Invalid body param/, 'the message has the words of the API');
	like($error->{detail}, qr/\b400\b/, 'the detail has the status');
	like($error->{detail}, qr{POST /rooms\b}, 'and method and path');
	like($error->{detail}, qr/large_room/, 'and the details of the API');
	unlike($error->{message}, qr/\n|\.$/, 'one line, no period');
}
{
	my ($error) = fails_with('an error page', 'MS500', 1, $write,
		{ status => 500, body => '<html><body>gateway</body></html>', headers => { 'Content-Type' => 'text/html' } });
	like($error->{detail}, qr/500/, 'a status without the body of the API has its detail');
	($error) = fails_with('an empty error', 'MS500', 1, $write, { status => 500, body => '' });
	isnt($error->{message}, '', 'an empty body has a message too');
	($error) = fails_with('an error body of another shape', 'MS400', 1, $write,
		{ status => 400, body => '{"message": {"a": 1}, "details": "text", "code": []}' });
	($error) = fails_with('an error that echoes the token', 'MS400', 1, $write,
		{ status => 400, body => '{"message": "bad eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln", "details": ["Bearer eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln"]}' });
	($error) = fails_with('a refused token', 'MS401', 2, $read, { status => 401, times => $always });
	isnt($error->{hint}, '', 'a refused token has a hint');
}

# Not found: no row by id, an error for everything else.
is($session->value("SELECT count(*) FROM hms_room('nowhere')"), 0, 'a room that is not there is no row');
is($session->value("SELECT count(*) FROM hms_session('nowhere')"), 0, 'a session that is not there is no row');
is($session->value("SELECT count(*) FROM hms_active_room('nowhere')"), 0, 'a room where nobody is, is no row');
fails_with('404 of hms_api_get', 'MS404', 1, q[SELECT hms_api_get('/rooms/nowhere')]);
fails_with('404 of a write', 'MS404', 1, q[SELECT hms_update_room('nowhere', '{}')]);
fails_with('404 of a list', 'MS404', 1, q[SELECT * FROM hms_room_codes('nowhere')]);
fails_with('404 not from the API', 'MS404', 1, "SELECT * FROM hms_room('$room')",
	{ status => 404, body => '404 page not found', headers => { 'Content-Type' => 'text/plain' } });
is($session->value(<<'SQL'), 'caught MS404', 'PL/pgSQL catches a SQLSTATE');
CREATE TEMP TABLE caught (what text);
DO $$ BEGIN PERFORM hms_update_room('nowhere', '{}'); EXCEPTION WHEN SQLSTATE 'MS404' THEN INSERT INTO caught VALUES ('caught ' || SQLSTATE); END $$;
SELECT * FROM caught;
SQL

# The transport. A read is repeated on a lost connection, a write is not: nobody knows whether it happened.
my %transport = (
	'reset before the answer'  => [{ reset => true },       '08006', 2],
	'reset in the body'        => [{ reset_after => 20 },   '08006', 2],
	'a body cut short'         => [{ truncate => 20 },      '08006', 2],
	'an answer cut to nothing' => [{ truncate => 0 },       '08006', 2],
	'garbage'                  => [{ garbage => true },     '08P01', 1]);
foreach my $name (sort keys %transport)
{
	my ($rule, $state, $reads) = @{ $transport{$name} };

	# where not a byte of the answer has come, libcurl sends a read again by itself, once for each connection that is kept
	fails_with("read, $name", $state, $reads + ($rule->{reset} ? 1 : 0), $read, { %$rule, times => $always });
	if ($reads > 1)
	{
		my ($error, $seen) = failing($read, { %$rule, times => 1 });
		is($error->{state} . @$seen, '2', "read, one $name: asked again") or diag $error->{text};
	}
	fails_with("write, $name", $state, 1, $write, { %$rule, times => $always });
}

# Our own limit of time, which is not PostgreSQL's.
foreach my $rule ({ stall => true }, { stall_after => 20 }, { drip => 5 })
{
	my ($error, $seen, $seconds) =
	  failing("SET hms.retries = 0; SET hms.timeout = '300ms'; $write", { %$rule, times => $always });
	$session->value('RESET hms.timeout; SET hms.retries = 1');
	is($error->{state}, '08006', "hms.timeout on " . (keys %$rule)[0]) or diag $error->{text};
	like($error->{hint}, qr/hms\.timeout/, 'the hint names the setting');
	is(scalar @$seen, 1, 'a write is not repeated');
	cmp_ok($seconds, '<', 2, 'and it takes no longer');
}

# What cannot be reached. The connection was never made, so that a write may be tried again as well.
{
	my $gone = Hms::Api->launch('access-key' => $api->{access_key}, secret => $api->{secret});
	$gone->stop;
	foreach my $sql ($read, $write)
	{
		my $before = decode($session->value('SELECT to_json(s) FROM hms_stats() s'));
		my $error  = $session->error("SET hms.api_url = '$gone->{url}'; $sql");
		my $after  = decode($session->value('RESET hms.api_url; SELECT to_json(s) FROM hms_stats() s'));
		is($error->{state}, '08001', "connection refused: $sql") or diag $error->{text};
		is($after->{retries} - $before->{retries}, 1, "tried again: $sql");
	}
	my $error = $session->error("SET hms.api_url = 'https://nowhere.invalid/v2'; SET hms.retries = 0; $read");
	is($error->{state}, '08001', 'a name that nobody has') or diag $error->{text};
	$session->value('RESET hms.api_url; SET hms.retries = 1');
}

# A server that takes no connection.
{
	my $deaf = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $!;
	my $port = $deaf->sockport;
	my @crowd = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Blocking => 0) } 1 .. 4;
	my $error;
	my $seconds = seconds_of(sub {
		$error = $session->error("SET hms.api_url = 'http://127.0.0.1:$port/v2'; SET hms.retries = 0; SET hms.connect_timeout = '300ms'; $read") });
	is($error->{state}, '08001', 'a server that takes no connection') or diag $error->{text};
	like($error->{hint} . $error->{detail} . $error->{message}, qr/hms\.connect_timeout|time/i, 'the error says that it was time');
	cmp_ok($seconds, '<', 2, 'after hms.connect_timeout');
	$session->value('RESET hms.api_url; RESET hms.connect_timeout; SET hms.retries = 1');
}

# Answers that are not what the API promises.
foreach my $body ('', 'not json', '[]', '"text"', 'null', '7', '{', '{"data": 5}', '{"data": {"a": 1}}', '{"data": [1]}',
	'{"data": ["x"]}', '{"data": [[]]}', '{"data": [{"id": "a"}', '{"data": []} trailing',
	'[' x 100_000, '{"data": ' . '[' x 100_000)
{
	my ($name) = $body =~ /^(.{0,30})/s;
	fails_with("an answer that is not a page: $name", '08P01', 1, $read, { path => '/rooms$', raw_body => $body, times => $always });
}
foreach my $body ('', 'not json', '[]', '"text"', 'null', '7')
{
	fails_with("an answer that is not an object: $body", '08P01', 1, "SELECT * FROM hms_room('$room')",
		{ raw_body => $body, times => $always });
}
{
	my ($error) = fails_with('a body over the limit', '08P01', 1,
		"SET hms.page_size = 10; SET hms.max_response_size = '1MB'; $read", { flood => 100_000_000, times => $always });
	like("$error->{message} $error->{detail} $error->{hint}", qr/hms\.max_response_size/, 'and the error names the limit');
	$session->value('RESET hms.max_response_size; RESET hms.page_size');
}

# No redirect is followed.
{
	my $other = Hms::Api->launch('access-key' => $api->{access_key}, secret => $api->{secret});
	fails_with('a redirect', 'MS302', 1, $read, { redirect => "$other->{url}/rooms", times => $always });
	is(scalar $other->log, 0, 'nobody went there');
	$other->stop;
}

# Waiting as long as the server asks, within reason.
{
	my $say = sub { return { status => 429, times => 1, @_ } };
	my (undef, $seen, $seconds) = failing($read, $say->(headers => { 'Retry-After' => '1' }));
	ok(@$seen == 2 && $seconds >= 0.95 && $seconds < 3, "Retry-After in seconds is obeyed ($seconds s)");

	my $date = POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 2));
	(undef, $seen, $seconds) = failing($read, $say->(headers => { 'Retry-After' => $date }));
	ok(@$seen == 2 && $seconds >= 0.8 && $seconds < 4, "Retry-After as a date is obeyed ($seconds s)");

	# the date is the server's, whose clock may be another
	foreach my $ahead (3600, -3600)
	{
		my ($now, $then) = map { POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $ahead + $_)) } 0, 1;
		my $error;
		($error, $seen, $seconds) = failing($read, $say->(headers => { 'Retry-After' => $then, Date => $now }));
		ok($error->{state} eq '' && @$seen == 2 && $seconds >= 0.95 && $seconds < 4, "and as a date of a clock that is $ahead s ahead ($seconds s)")
		  or diag $error->{text};
	}

	# blanks and tabs around the value are none of it
	foreach my $value (" 1", "\t1", "   1  ", "\t 1 \t")
	{
		my $wire = Wire->launch(sub {
			my ($socket, $count) = @_;
			my $body = $count == 1 ? '{"code": 429, "message": "slow down"}' : '{"data": []}';
			print $socket 'HTTP/1.1 ' . ($count == 1 ? '429 Too Many Requests' : '200 OK') . "\r\nRetry-After:$value\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
			return 1;
		});
		$seconds = seconds_of(sub { $session->value("SET hms.api_url = '" . $wire->url . "'; $read") });
		$session->value('RESET hms.api_url');
		ok($seconds >= 0.95 && $seconds < 4, "Retry-After with blanks around it, \"" . ($value =~ s/\t/\\t/gr) . "\", is obeyed ($seconds s)");
		$wire->stop;
	}

	(undef, $seen, $seconds) = failing($read,
		$say->(body => '{"code": 429, "message": "rate limit exceeded, retry after 1 seconds"}'));
	ok(@$seen == 2 && $seconds >= 0.95 && $seconds < 3, "the wait that the message names is obeyed ($seconds s)");

	(undef, $seen, $seconds) = failing($write, $say->(headers => { 'Retry-After' => '1' }));
	ok(@$seen == 2 && $seconds >= 0.95, "for a write too ($seconds s)");

	foreach my $long ('3600', '99999999999999999999', 'Fri, 31 Dec 9999 23:59:59 GMT')
	{
		my $error;
		($error, $seen, $seconds) = failing($read, $say->(headers => { 'Retry-After' => $long }));
		is($error->{state}, 'MS429', "Retry-After $long is too long") or diag $error->{text};
		ok(@$seen == 1 && $seconds < 1, 'and nobody waits for it');
	}
	foreach my $odd ('soon', '-5', '', '0', 'Thu, 01 Jan 1970 00:00:00 GMT')
	{
		my $error;
		($error, $seen, $seconds) = failing($read, $say->(headers => { 'Retry-After' => $odd }));
		ok($error->{state} eq '' && @$seen == 2 && $seconds < 5, "Retry-After \"$odd\" does no harm ($seconds s)") or diag $error->{text};
	}

	$session->value("SET hms.max_retry_wait = '2s'");
	(my $error, $seen, $seconds) = failing($read, $say->(headers => { 'Retry-After' => '3' }));
	ok($error->{state} eq 'MS429' && @$seen == 1 && $seconds < 1, 'hms.max_retry_wait is the longest wait');
	$session->value('RESET hms.max_retry_wait');

	my $before = decode($session->value('SELECT to_json(s) FROM hms_stats() s'));
	failing($read, $say->(headers => { 'Retry-After' => '1' }));
	my $after = decode($session->value('SELECT to_json(s) FROM hms_stats() s'));
	is($after->{retries} - $before->{retries}, 1, 'hms_stats counts the retry');
	my ($waited) = grep { /wait/ } keys %$after;
	cmp_ok($after->{$waited} - $before->{$waited}, '>=', 0.95, 'and the seconds waited');
}

# hms.retries.
foreach my $retries (0, 3)
{
	$session->value("SET hms.retries = $retries");
	fails_with("hms.retries = $retries", 'MS503', $retries + 1, $read, { status => 503, times => $always });
}
$session->value('SET hms.retries = 1');

# A walk that fails on a later page fails; the pages before it were read once.
{
	$api->load(room_id => 'long', events => 500);
	my ($error, $seen) = failing("SELECT count(*) FROM hms_track_events('long')",
		{ path => '/analytics/events', after => 2, status => 500, times => $always });
	is($error->{state} . @$seen, 'MS5004', 'an error on the third page') or diag $error->{text};
	my $count;
	$api->faults({ path => '/analytics/events', after => 2, reset_after => 1000, times => 1 });
	my @seen = $api->during(sub { $count = $session->value("SELECT count(DISTINCT id) || ' ' || count(*) FROM hms_track_events('long')") });
	$api->faults;
	is($count . ' ' . @seen, '500 500 6', 'a page that was lost half way is read again, and no row comes twice');
}

# Arguments and settings, before anything is sent.
foreach my $case (
	['22023', "SELECT hms_auth_token('', 'teacher')"],
	['22023', "SELECT hms_auth_token('room', '')"],
	['22023', "SELECT hms_auth_token('room', 'teacher', valid_for => '0')"],
	['22023', "SELECT hms_auth_token('room', 'teacher', valid_for => '-1 hour')"],
	['22023', "SELECT hms_auth_token('room', 'teacher', valid_for => '1000 years')"],
	['22023', "SELECT hms_management_token(valid_for => '-1 s')"],
	['22004|22023', "SELECT hms_auth_token(NULL, 'teacher')"],
	['22004|22023', "SELECT hms_auth_token('room', NULL)"],
	['22004|22023', "SELECT hms_send_message('room', 'everybody?')"],
	['22004|22023', "SELECT hms_remove_peers('room')"],
	['25006', 'BEGIN READ ONLY; SELECT hms_create_room()'],
	['25006', "BEGIN READ ONLY; SELECT hms_api_post('/rooms')"],
	['25006', "BEGIN READ ONLY; SELECT hms_api_delete('/rooms')"],
	['55000', "SET hms.access_key = ''; SELECT count(*) FROM hms_rooms()"],
	['55000', "SET hms.secret_file = ''; SELECT hms_auth_token('room', 'teacher')"])
{
	my ($state, $sql) = @$case;
	my $error;
	my @seen = $api->during(sub { $error = $session->error($sql) });
	like($error->{state}, qr/^(?:$state)$/, "$state: $sql") or diag $error->{text};
	is(scalar @seen, 0, "nothing was sent: $sql");
	isnt($error->{hint}, '', "a hint says what to do: $sql") if $state eq '55000';
	$session->ask('ROLLBACK; RESET hms.access_key; RESET hms.secret_file');
}
is($session->value('BEGIN READ ONLY; SELECT count(*) > 0 FROM hms_rooms(); COMMIT'), 't', 'a read runs in a read-only transaction');
is($session->value("BEGIN READ ONLY; SELECT length(hms_auth_token('r', 'x')) > 100; COMMIT"), 't', 'a token too');

# Settings refuse what they cannot mean.
foreach my $bad ("hms.api_url = 'http://example.com/v2'", "hms.api_url = 'ftp://127.0.0.1/'", "hms.api_url = 'api.100ms.live/v2'",
	"hms.api_url = 'https://user:pass\@example.com/'", "hms.api_url = 'https://example.com/?a=b'", "hms.api_url = 'https://example.com/#f'",
	"hms.api_url = ''", "hms.api_url = 'http://127.0.0.1.example.com/'", "hms.api_url = 'http://localhost\@example.com/'",
	"hms.api_url = 'https:///v2'", "hms.api_url = 'https://exa mple.com/'", "hms.beam_url = 'http://example.com'",
	'hms.page_size = 9', 'hms.page_size = 101', 'hms.max_connections = 0', 'hms.max_connections = 65', 'hms.retries = -1',
	'hms.timeout = -1', 'hms.connect_timeout = -1', 'hms.max_retry_wait = -1', 'hms.max_response_size = 0', "hms.ca_file = 'relative.pem'")
{
	is($session->error("SET $bad")->{state}, '22023', "refused: SET $bad");
}
foreach my $good ("hms.api_url = 'http://localhost:8080/v2'", "hms.api_url = 'http://127.0.0.1:1'", "hms.api_url = 'http://[::1]:80/x'",
	"hms.api_url = 'https://api-nonprod.100ms.live/v2'", "hms.timeout = '5s'", 'hms.page_size = 10', 'hms.max_connections = 64')
{
	is($session->error("SET $good")->{state}, '', "accepted: SET $good");
}
$session->ask('RESET ALL');
SKIP:
{
	skip 'PostgreSQL 14 only warns of a name that hms does not have', 1 if $session->value('SHOW server_version_num') < 150000;
	like($session->error('SET hms.no_such = 1')->{text}, qr/invalid configuration parameter name/, 'a name that hms does not have is refused');
}

is($session->value('SELECT pg_backend_pid()'), $session->{pid}, 'it was one backend all the time');
$session->quit;
done_testing();
