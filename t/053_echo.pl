# What comes back of what was sent: an API, a proxy or libcurl that repeats a secret does it in vain, in whatever
# encoding; and an error answer costs little, however long it is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Wire;

my $api = Hms::Api->launch('access-key' => 'echo-access-key-0815');
my $db  = Hms::Db->launch($api, 'hms.retries' => 0, log_min_error_statement => 'panic', log_statement => 'none');
my $session = $db->session;

# Encodings in which a text may come back.
my %encoding = (
	'as it is'                => sub { $_[0] },
	'percent-encoded'         => sub { $_[0] =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger },
	'percent-encoded, small'  => sub { $_[0] =~ s/([^\w.~-])/sprintf '%%%02x', ord $1/ger },
	'percent-encoded, each'   => sub { $_[0] =~ s/(.)/sprintf '%%%02X', ord $1/ger },
	'percent-encoded twice'   => sub { $_[0] =~ s/([^\w.~-])/sprintf '%%25%02X', ord $1/ger },
	'as a form'               => sub { $_[0] =~ s/([^\w.~ -])/sprintf '%%%02X', ord $1/ger =~ tr/ /+/r },
	'escaped'                 => sub { $_[0] =~ s{(["\\/])}{\\$1}gr },
	'escaped as code points'  => sub { $_[0] =~ s/([^\w])/sprintf '\\u%04x', ord $1/ger },
	'as HTML'                 => sub { $_[0] =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/"/&quot;/gr });

# What is sent, and what of it may not be read.
my $odd    = 'S3cr/t "x" & <y> + 100%?';
my @secrets = (
	['apiKey',                 sub { { apiKey => $_[0] } }],
	['api_key',                sub { { a => { 'api_key' => $_[0] } } }],
	['token',                  sub { { token => $_[0] } }],
	['secret_key',             sub { { upload => [{ secret_key => $_[0] }] } }],
	['access-token',           sub { { 'access-token' => $_[0] } }],
	['Password',               sub { { Password => $_[0] } }],
	['credentials, in them',   sub { { credentials => { id => $_[0] } } }],
	['webhook headers',        sub { { webhook => { headers => { 'X-Any' => $_[0] } } } }],
	['rtmp_urls',              sub { { rtmp_urls => [ $_[0] ] } }],
	['meeting_url with token', sub { { meeting_url => 'https://meet.example/r?role=t&token=' . ($_[0] =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger) } }],
	['a URL with a password',  sub { { location => 'https://user:' . ($_[0] =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger) . '@example.com/' } }],
	['a URL with a long parameter', sub { { meeting_url => 'https://meet.example/r?x=' . ($_[0] =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger) } }]);

# The error that a write meets when the API says this.
sub refused
{
	my ($body, $message, @details) = @_;
	utf8::decode(my $text = encode({ code => 400, message => $message, details => \@details }));
	$api->faults({ method => 'POST', status => 400, body => $text });
	my $json = encode($body) =~ s/'/''/gr;
	my $error = $session->error("SELECT hms_api_post('/rooms', '$json')");
	is($error->{state}, 'MS400', 'the API refuses') if $error->{state} ne 'MS400';
	return $error;
}

foreach my $secret (@secrets)
{
	my ($what, $body) = @$secret;
	my @leaks;
	foreach my $how (sort keys %encoding)
	{
		my $echo  = $encoding{$how}->($odd);
		my $error = refused($body->($odd), "bad value $echo here", "and $echo again", "$echo$echo");
		push @leaks, "$how: $error->{text}" if index($error->{text}, $echo) >= 0 || $error->{text} =~ /S3cr|100%\?/;
		push @leaks, "$how: the rest is gone: $error->{text}" unless $error->{message} =~ /bad value \*+ here/ && $error->{detail} =~ /and \*+ again/;
	}
	is(scalar @leaks, 0, "$what: in no encoding") or diag $leaks[0];
}

# What was no secret stays readable.
{
	my $error = refused({ name => 'math-101', description => 'a school', size => 20, key_note => 'abcd' }, 'room math-101 of a school has size 20, abcd');
	like($error->{message}, qr/room math-101 of a school has size 20, \*{4}/, 'values under other names are shown');
	$error = refused({ password => 'abc', size => 3 }, 'abc is too short');
	like($error->{message}, qr/abc is too short/, 'three letters are no secret');
	$error = refused({ pin => 123456 }, 'PIN 123456 is taken');
	like($error->{message}, qr/PIN \*{6} is taken/, 'a number can be one');
}

# The key, and tokens of ours and of others.
{
	my $error = refused({}, "unknown key $api->{access_key}, echo%2Daccess%2Dkey%2D0815");
	unlike($error->{text}, qr/0815/, 'the access key');
	my $wire = Wire->launch(sub {
		my ($socket, undef, $head) = @_;
		my ($token) = $head =~ /Bearer (\S+)/;
		my @parts = split /\./, $token;
		my $body = encode({ code => 401, message => "token $token", details => ["signature $parts[2]", "claims $parts[1]", join('%2E', @parts), substr($token, 5)] });
		print $socket "HTTP/1.1 401 Unauthorized\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
		return 1;
	});
	$error = $session->error("SET hms.api_url = '" . $wire->url . "'; SELECT hms_api_get('/x', '{\"token\": \"of-somebody-else\"}')");
	is($error->{state}, 'MS401', 'a refused token') or diag $error->{text};
	unlike($error->{text}, qr/eyJ/, 'is not shown');
	like($error->{detail}, qr/signature \*{43};/, 'nor is its signature alone');
	$session->value('RESET hms.api_url');
	$wire->stop;
	$api->faults({ status => 400, body => '{"code": 400, "message": "token of-somebody-else"}' });
	$error = $session->error(q[SELECT hms_api_get('/x', '{"api_token": "of-somebody-else"}')]);
	unlike($error->{text}, qr/somebody/, 'a parameter of a read that is called so');
}

# A secret that is cut in two by a limit is not shown in part.
{
	my $long  = join '', map { chr(97 + $_ % 26) } 0 .. 999;
	my $error = refused({ secret => $long }, ('.' x 3700) . $long . 'x' x 4000, ('.' x 390) . $long);
	unlike($error->{text}, qr/abcdef/, 'half a secret at the end of what is shown');
}

# Warnings go the same way.
{
	$api->faults({ method => 'POST', raw_body => '{"error": "bad: eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln, echo-access-key-0815", "data": []}' });
	my (undef, $err) = $session->ask(q[SELECT count(*) FROM hms_create_room_codes('r')]);
	like($err, qr/WARNING.*could not .* completely: bad: \[token\], \*{20}/, 'a warning of a write');
}

# Errors of many sizes and shapes. What is shown is short, what it costs is little.
$session->value("SET log_min_messages = warning");
my $many = join ',', map { qq("detail $_ of many") } 1 .. 300_000;
my %large = (
	'300,000 details'    => qq({"code": 400, "message": "m", "details": [$many]}),
	'a detail of 3 MB'   => '{"code": 400, "message": "m", "details": ["' . 'word ' x 600_000 . '"]}',
	'a message of 3 MB'  => '{"code": 400, "message": "' . '\\u00e9' x 500_000 . '"}',
	'300,000 empty ones' => '{"code": 400, "message": "m", "details": [' . join(',', ('""') x 300_000) . ']}',
	'a code of 1 MB'     => '{"code": ' . '1' x 1_000_000 . ', "message": "m"}',
	'300,000 messages'   => '{"code": 400' . ', "message": "again"' x 150_000 . '}',
	'HTML of 3 MB'       => '<html>' x 500_000);
foreach my $what (sort keys %large)
{
	$api->faults({ path => '/x', status => 400, body => $large{$what}, times => 0 });
	my $fresh = $db->session;
	$fresh->error("SELECT hms_api_get('/y')");
	my $before = $fresh->memory('VmHWM');
	my ($error, $seconds);
	$seconds = seconds_of(sub { $error = $fresh->error("SELECT hms_api_get('/x')") });
	is($error->{state}, 'MS400', "$what: MS400") or diag substr $error->{text}, 0, 300;
	cmp_ok(length $error->{detail}, '<', 4096, "$what: the detail is short");
	cmp_ok(length $error->{message}, '<', 1024, "$what: the message too");
	my $grown = $fresh->memory('VmHWM') - $before;
	cmp_ok($grown, '<', 24 * 1024, "$what: it takes $grown kB");
	cmp_ok($seconds, '<', 5, sprintf "$what: and %.2f s", $seconds);
	$fresh->quit;
}

# A large body beside a large error.
{
	my $body = '{' . join(',', map { qq("key$_": "value of the key number $_") } 1 .. 1000) . '}';
	$api->faults({ path => '/x', status => 400, body => $large{'300,000 details'}, times => 0 });
	my $error;
	my $seconds = seconds_of(sub { $error = $session->error("SET statement_timeout = '20s'; SELECT hms_api_post('/x', '$body')") });
	is($error->{state}, 'MS400', 'a body of 1,000 secrets and an error of 300,000 details: MS400') or diag substr $error->{text}, 0, 300;
	cmp_ok($seconds, '<', 10, sprintf 'in %.2f s', $seconds);

	$body = '{' . join(',', map { qq("key$_": "value of the key number $_") } 1 .. 50_000) . '}';
	my $late = 9;
	for (1 .. 3)
	{
		$seconds = seconds_of(sub { $error = $session->error("SET statement_timeout = '4s'; SELECT hms_api_post('/x', '$body')") });
		$late = $seconds - 4 if $seconds - 4 < $late;
	}
	ok($error->{state} eq 'MS400' || $error->{state} eq '57014', 'of 50,000: it ends') or diag substr $error->{text}, 0, 300;
	cmp_ok($late, '<', 5, sprintf 'and at the timeout at the latest (%.2f s late)', $late);
	$session->value('RESET statement_timeout');
}

$api->faults;
$session->quit;
$db->stop;
my ($longest) = sort { $b <=> $a } map { length } grep { /DETAIL|ERROR/ } split /\n/, slurp_file($db->logfile);
cmp_ok($longest, '<', 5000, "the longest line of an error in the log has $longest bytes");
unlike(slurp_file($db->logfile), qr/S3cr|0815|hush|somebody|value of the key/, 'and nothing secret is in it');
done_testing();
