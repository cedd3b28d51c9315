# Every fault against every kind of request: the first page of a walk, a later one, one walk of several, a request whose
# token was just refused, and a write. Of each: the SQLSTATE, how many requests the server saw, that no row is lost or
# comes twice, that a write happens at most once, and that the backend goes on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

# A resolver that knows at once that nobody has a name below .gone: a real one may take seconds to say so.
my $resolver = PostgreSQL::Test::Utils::tempdir() . '/resolver';
append_to_file("$resolver.c", <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	int			(*next) (const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");

	return node && strstr(node, ".gone") ? EAI_NONAME : next(node, service, hints, res);
}
C
system_or_bail('gcc', '-shared', '-fPIC', '-o', "$resolver.so", "$resolver.c", '-ldl');

my $api = Hms::Api->launch;
my $db;
{
	local $ENV{LD_PRELOAD} = "$resolver.so";
	$db = Hms::Db->launch($api, 'hms.retries' => 1);
}
$api->load(room_id => 'long', events => 350);
$api->load(room_id => 'other', events => 150);

my $session = $db->session;
my $named   = 0;

# Waits before a repetition would be most of the time of this test, so the server asks for none where it can.
my %now = (headers => { 'Retry-After' => '0' });

# The kinds: what is sent, the path of its requests, how many they are when all goes well, and what then is read.
my %kind = (
	'page 1'       => ["SELECT count(*) || ' ' || count(DISTINCT id) FROM hms_track_events('long')", 0, 4, '350 350'],
	'page 3'       => ["SELECT count(*) || ' ' || count(DISTINCT id) FROM hms_track_events('long')", 2, 4, '350 350'],
	'one of two walks' => ["SELECT count(*) || ' ' || count(DISTINCT id) FROM hms_track_events(ARRAY['long', 'other'])", 3, 6, '500 500']);

# The faults: what the server does, the SQLSTATE it ends in, whether a read is repeated, and whether the server has
# carried out a write before it misbehaves.
my @faults = (
	[{ reset => true },                  '08006', 1, 0],
	[{ reset_after => 20 },              '08006', 1, 1],
	[{ truncate => 20 },                 '08006', 1, 1],
	[{ truncate => 0 },                  '08006', 1, 1],
	[{ garbage => true },                '08P01', 0, 0],
	[{ raw_body => '' },                 '08P01', 0, 0],
	[{ raw_body => '<html>' },           '08P01', 0, 0],
	[{ raw_body => '{"data": 1, "events": 1, "message": 1' }, '08P01', 0, 0],
	[{ flood => 1_000_000_000 },         '08P01', 0, 0],
	[{ redirect => 'http://127.0.0.1:9/v2/rooms' }, 'MS302', 0, 0],
	[{ status => 502, body => '<html><h1>Bad Gateway</h1></html>', headers => { 'Content-Type' => 'text/html', 'Retry-After' => '0' } }, 'MS502', 1, 0],
	(map { my $status = $_; map { [{ status => $status, %now, @$_ }, "MS$status", $status == 429 || $status >= 500, 0] }
		  [], [body => ''], [body => '{"code": "x", "message": 7, "details": {"a": []}}'] } 400, 404, 409, 422, 429, 500, 503));

# Runs a statement while the server follows the rules; (error, output, requests).
sub meet
{
	my ($sql, @rules) = @_;
	my ($out, $err);
	$api->faults(@rules);
	my @seen = $api->during(sub { ($out, $err) = $session->ask($sql) });
	$api->faults;
	return (Hms::Db::parse_error($err), $out, \@seen);
}

# The backend makes the next call as if nothing had been, and what it said holds nothing secret.
sub is_well
{
	my ($name, $error) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $fine = eval { $session->value("SELECT count(*) FROM hms_track_events('other')") } // $@;
	ok($fine eq '150' && $error->{text} !~ /eyJ|Bearer|\Q$api->{secret}\E/, "$name: the backend goes on, and its message is clean")
	  or diag "$fine\n$error->{text}";
	return;
}

# How many rooms of this name there are.
sub made
{
	my ($name) = @_;
	return $session->value("SELECT count(*) FROM hms_rooms('$name')");
}

# How a fault looks in the name of a test.
sub name_of
{
	my ($fault) = @_;
	my ($what) = grep { exists $fault->{$_} } qw(status reset reset_after truncate garbage raw_body flood redirect);
	my $body = exists $fault->{body} ? length $fault->{body} ? ' without the body of the API' : ' with an empty body' : '';
	return "$what " . substr(encode($fault->{$what}), 0, 20) . $body;
}

foreach my $fault (@faults)
{
	my ($rule, $state, $repeated, $done) = @$fault;
	my $what = name_of($rule);
	my $clean;

	# where not a byte of the answer has come, libcurl sends a read again by itself, once for each connection that is kept
	my $own  = $rule->{reset} ? 1 : 0;
	my $most = $rule->{reset} ? 4 : 0;

	# a page that is too large is asked for with fewer rows, down to this
	$session->value($rule->{flood} ? 'SET hms.page_size = 10' : 'RESET hms.page_size');

	foreach my $kind (sort keys %kind)
	{
		my ($sql, $before, $requests, $result) = @{ $kind{$kind} };
		my %where = (path => '/analytics/events', after => $before);
		my ($error, undef, $seen) = meet($sql, { %$rule, %where, times => 0 });

		# other walks of the same statement may have asked for a page meanwhile
		my $more = $kind eq 'one of two walks' ? 1 + $repeated : 0;
		my $want = $before + 1 + $repeated + $own;
		ok($error->{state} eq $state && @$seen >= $want && @$seen <= $want + $more + $most, "$kind, $what: $state after $want requests")
		  or diag "$error->{state} after " . @$seen . "\n$error->{text}";
		$clean = $error;
		next unless $repeated;

		($error, my $out, $seen) = meet($sql, { %$rule, %where, times => 1 });
		ok($error->{state} eq '' && $out eq $result && @$seen >= $requests + 1 && @$seen <= $requests + 1 + $most, "$kind, one $what: every row once, in " . ($requests + 1) . ' requests')
		  or diag "$out after " . @$seen . "\n$error->{text}";
	}
	is_well("reads, $what", $clean);

	# After a refused token: the second try counts like any other.
	my ($error, undef, $seen) = meet($kind{'page 1'}[0], { status => 401, times => 1 }, { %$rule, times => 0 });
	ok($error->{state} eq $state && @$seen >= 2 + $repeated + $own && @$seen <= 2 + $repeated + $own + $most, "a read after a refused token, $what: $state after " . (2 + $repeated + $own) . ' requests')
	  or diag "$error->{state} after " . @$seen . "\n$error->{text}";

	# A write is repeated after a 429 only. Whatever happened, there is at most one room of the name.
	my $again = $state eq 'MS429' ? 1 : 0;
	foreach my $refused (0, 1)
	{
		my $name = 'made-' . ++$named;
		my $kind = $refused ? 'a write after a refused token' : 'a write';
		($error, undef, $seen) = meet("SELECT id FROM hms_create_room('{\"name\": \"$name\"}')",
			({ status => 401, times => 1 }) x $refused, { %$rule, times => 0 });
		ok($error->{state} eq $state && @$seen == 1 + $refused + $again, "$kind, $what: $state after " . (1 + $refused + $again) . ' requests')
		  or diag "$error->{state} after " . @$seen . "\n$error->{text}";
		is(made($name), $done, "$kind, $what: carried out $done times");
		like($error->{hint}, qr/may have been carried out/, "$kind, $what: the hint says that nobody knows") if $done;
	}
	is_well("writes, $what", $error);
}

$session->value('RESET hms.page_size');

# Time. The limit is ours; a cancel is not.
foreach my $rule ({ stall => true }, { stall_after => 20 }, { drip => 10 })
{
	my ($what) = keys %$rule;
	foreach my $kind (sort keys %kind)
	{
		my ($sql, $before) = @{ $kind{$kind} };
		my ($error, undef, $seen) = meet("SET hms.timeout = '200ms'; $sql", { %$rule, path => '/analytics/events', after => $before, times => 0 });
		$session->value('RESET hms.timeout');
		ok($error->{state} eq '08006' && $error->{hint} =~ /hms\.timeout/ && @$seen >= $before + 1, "$kind, $what: 08006, and the hint names hms.timeout")
		  or diag $error->{text};
	}
	my $name = 'made-' . ++$named;
	my ($error, undef, $seen) = meet("SET hms.timeout = '200ms'; SELECT hms_create_room('{\"name\": \"$name\"}')", { %$rule, times => 0 });
	$session->value('RESET hms.timeout');
	ok($error->{state} eq '08006' && @$seen == 1 && $error->{hint} =~ /hms\.timeout.*may have been carried out/s, "a write, $what: 08006 after one request, with both hints")
	  or diag $error->{text};
	cmp_ok(made($name), '<=', 1, "a write, $what: at most once");
	is_well($what, $error);
}

# 401 and 403: one new token, whatever the kind; another refusal is the answer.
foreach my $status (401, 403)
{
	foreach my $body (undef, '', '{"message": ["?"]}')
	{
		my %rule = (status => $status, defined $body ? (body => $body) : ());
		foreach my $kind ('page 1', 'page 3')
		{
			my ($sql, $before, $requests, $result) = @{ $kind{$kind} };
			my ($error, $out, $seen) = meet($sql, { %rule, path => 'events', after => $before, times => 0 });
			is("$error->{state} " . @$seen, "MS$status " . ($before + 2), "$kind, $status for ever: one more try");
			($error, $out, $seen) = meet($sql, { %rule, path => 'events', after => $before, times => 1 });
			is($error->{state} . "$out " . @$seen, "$result " . ($requests + 1), "$kind, one $status: every row once");
		}
		my $name = 'made-' . ++$named;
		my ($error, undef, $seen) = meet("SELECT hms_create_room('{\"name\": \"$name\"}')", { %rule, times => 1 });
		is($error->{state} . @$seen, '2', "a write, one $status: done at the second try");
		is(made($name), 1, "a write, one $status: once");
	}
}

# A repeated or endless cursor. The second never ends by itself, so the reader ends it.
{
	my ($error, undef, $seen) = meet($kind{'page 1'}[0], { repeat_cursor => true, path => 'events', times => 0 });
	is("$error->{state} " . @$seen, '08P01 2', 'a cursor that repeats: noticed with the page that repeats it');
	(my $out, $seen) = (meet("SELECT count(*) FROM (SELECT FROM hms_track_events('long') LIMIT 1000) s", { endless => true, path => 'events', times => 0 }))[1, 2];
	is("$out " . @$seen, '1000 10', 'endless pages: LIMIT ends them');
	($error) = meet("SET statement_timeout = '300ms'; SELECT count(*) FROM hms_track_events('long')", { endless => true, path => 'events', times => 0 });
	$session->value('RESET statement_timeout');
	is($error->{state}, '57014', 'endless pages: statement_timeout ends them');
	is_well('cursors', $error);
}

# What was never connected. Such a request may always be tried again, except where the certificate is the matter.
my $dir = PostgreSQL::Test::Utils::tempdir();

make_ca($dir, $_) foreach qw(ca other);
my %certificate = (good => 'IP:127.0.0.1', misnamed => 'DNS:api.example.com', expired => 'IP:127.0.0.1');
my %secure;
foreach my $name (sort keys %certificate)
{
	my %tls = make_certificate($dir, 'ca', $name, $certificate{$name}, expired => $name eq 'expired');
	$secure{$name} = Hms::Api->launch('access-key' => $api->{access_key}, secret => $api->{secret}, %tls);
}
my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)->sockport;
my $hangup = Wire->launch(sub { return 0 });
my $babble = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);

foreach my $case (
	['a name that nobody has',  'https://nowhere.gone/v2',            'ca',    2],
	['a closed port',           "http://127.0.0.1:$closed/v2",        'ca',    2],
	['an unknown authority',    $secure{good}{url},                   'other', 1],
	['another name',            $secure{misnamed}{url},               'ca',    1],
	['an expired certificate',  $secure{expired}{url},                'ca',    1],
	['a server without TLS',    $api->{url} =~ s/^http:/https:/r,     'ca',    2])
{
	my ($what, $url, $ca, $tries) = @$case;
	foreach my $sql ($kind{'page 1'}[0], "SELECT hms_create_room('{\"name\": \"never\"}')")
	{
		my $before = $session->value("SET hms.api_url = '$url'; SET hms.ca_file = '$dir/$ca.pem'; SELECT requests FROM hms_stats()");
		my $error  = $session->error($sql);
		is($session->value("SELECT requests - $before FROM hms_stats()"), $tries, "$what: $tries tries: " . substr($sql, 0, 25));
		is($error->{state}, '08001', "$what: 08001: " . substr($sql, 0, 25)) or diag $error->{text};
		unlike($error->{text}, qr/carried out|eyJ|Bearer|\Q$api->{secret}\E/, "$what: and nothing was sent");
	}
	$session->value('RESET hms.api_url; RESET hms.ca_file');
	is_well($what, { text => '' });
}
is($session->value("SET hms.api_url = '$secure{good}{url}'; SET hms.ca_file = '$dir/ca.pem'; SELECT count(*) > 0 FROM hms_rooms()"), 't', 'the good certificate is one');
$session->value('RESET hms.api_url; RESET hms.ca_file');
is(made('never') + grep({ $_->{method} eq 'POST' } map { $_->log } values %secure), 0, 'and none of the writes was sent');

# A kept-alive connection that the server closes. Closed while idle, a new one is taken; closed on receipt of a write,
# nobody knows.
{
	my $answer = sub { my ($body, $more) = @_; return "HTTP/1.1 200 OK\r\nContent-Length: " . length($body) . "\r\n" . ($more // '') . "\r\n$body" };
	my $idle = Wire->launch(sub { print { $_[0] } $answer->('{}'); return 0 });
	is($session->value("SET hms.api_url = '" . $idle->url . "'; SELECT hms_api_post('/a'); SELECT pg_sleep(0.1); SELECT hms_api_post('/b')"), "{}\n\n{}",
		'a connection that was closed while idle is not used for a write');
	is_deeply([$idle->requests], ['POST /v2/a', 'POST /v2/b'], 'and each write is sent once');

	my $rude = Wire->launch(sub { my ($socket, undef, $head) = @_; return 0 if $head =~ /^POST/; print $socket $answer->('{}'); return 1 });
	my $error = $session->error("SET hms.api_url = '" . $rude->url . "'; SELECT hms_api_get('/a'); SELECT hms_api_post('/b')");
	is($error->{state}, '08006', 'a connection that is closed on receipt of a write') or diag $error->{text};
	like($error->{hint}, qr/may have been carried out/, 'is not known to have done nothing');
	is_deeply([$rude->requests], ['GET /v2/a', 'POST /v2/b'], 'and the write is not sent again, nor by libcurl on its own');

	# the same for reads: once more, by us and not by libcurl
	my $ruder = Wire->launch(sub { my ($socket, $count) = @_; return 0 if $count == 2; print $socket $answer->('{}'); return 1 });
	is($session->value("SET hms.api_url = '" . $ruder->url . "'; SELECT hms_api_get('/a'); SELECT hms_api_get('/b')"), "{}\n{}", 'a read is');
	is_deeply([$ruder->requests], ['GET /v2/a', 'GET /v2/b', 'GET /v2/b'], 'once');
	$session->value('RESET hms.api_url');
}

# HTTP that no HTTP server would speak.
my $plain = "HTTP/1.1 200 OK\r\n";
my %bytes = (
	'a length too long'            => ["${plain}Content-Length: 50\r\n\r\n{}", '08006'],
	'a length that is none'        => ["${plain}Content-Length: lots\r\n\r\n{}", '08P01|08006'],
	'a negative length'            => ["${plain}Content-Length: -1\r\n\r\n{}", '08P01|08006'],
	'two lengths'                  => ["${plain}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", '08P01|08006'],
	'chunks that stop'             => ["${plain}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", '08006'],
	'chunks that are none'         => ["${plain}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", '08P01|08006'],
	'an encoding that is none'     => ["${plain}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", '08P01'],
	'an unknown encoding'          => ["${plain}Content-Encoding: x-secret\r\nContent-Length: 2\r\n\r\n{}", '08P01'],
	'no status line'               => ["{}\r\n", '08P01'],
	'a status that is none'        => ["HTTP/1.1 two OK\r\n\r\n{}", '08P01|08006'],
	'half a status line'           => ['HTTP/1.', '08P01|08006'],
	'one header of 1 MB'           => ["${plain}X: " . 'x' x 1_000_000 . "\r\n\r\n{}", '08P01'],
	'headers without end'          => [$plain . "X-Header: some value\r\n" x 200_000 . "\r\n{}", '08P01'],
	'a NUL in a header'            => ["${plain}Retry-After: 1\0\r\nContent-Length: 2\r\n\r\n{", '08P01|08006'],
	'nothing'                      => ['', '08006'],
	'a redirect to a file'         => ["HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 'MS302'],
	'a continue and nothing more'  => ["HTTP/1.1 100 Continue\r\n\r\n", '08006']);
foreach my $what (sort keys %bytes)
{
	my ($bytes, $state) = @{ $bytes{$what} };
	my $wire = Wire->launch(sub { local $SIG{PIPE} = 'IGNORE'; print { $_[0] } $bytes; return 0 });
	$session->value("SET hms.api_url = '" . $wire->url . "'");
	my $error = $session->error("SELECT hms_api_post('/b')");
	like($error->{state}, qr/^(?:$state)$/, "$what: $state") or diag substr $error->{text}, 0, 500;
	is(scalar $wire->requests, 1, "$what: the write is sent once");
	select undef, undef, undef, 0.1;    # until it is known here that the server has closed the connection
	$error = $session->error("SET hms.retries = 0; SELECT hms_api_get('/b')");
	like($error->{state}, qr/^(?:$state)$/, "$what: $state for a read") or diag substr $error->{text}, 0, 500;
	$session->value('RESET hms.api_url; RESET hms.retries');
	is_well($what, $error);
	$wire->stop;
}

# Lengths that are right although there is no length.
{
	my $wire = Wire->launch(sub { print { $_[0] } "${plain}Connection: close\r\n\r\n{\"a\": 1}"; return 0 });
	is($session->value("SET hms.api_url = '" . $wire->url . "'; SELECT hms_api_get('/b')"), '{"a": 1}', 'a body up to the end of the connection');
	$session->value('RESET hms.api_url');
}

is($session->value('SELECT pg_backend_pid()'), $session->{pid}, 'it was one backend all the time');
my @leaks = grep { /eyJ[\w-]{10,}|Bearer|\Q$api->{secret}\E/ } split /\n/, slurp_file($db->logfile);
is(scalar @leaks, 0, 'nothing secret in the server log') or diag $leaks[0];
$session->quit;
done_testing();
