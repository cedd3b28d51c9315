# Answers of every wrong shape: what is not a page raises, one odd field costs neither its row nor its page, and text that
# PostgreSQL cannot hold is made into text that it can, whatever the encoding of the database.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $answer = PostgreSQL::Test::Utils::tempdir() . '/answer';

# The server answers whatever the file holds: the first line is the status, the rest the body.
my $wire = Wire->launch(
	sub {
		my ($socket) = @_;
		my ($status, $body) = split /\n/, slurp_file($answer), 2;
		print $socket "HTTP/1.1 $status Status\r\nContent-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
		return 1;
	});
my $db = Hms::Db->launch({ url => $wire->url, access_key => 'key', secret => "secret-$$-of-shapes" }, 'hms.retries' => 0);
my $session = $db->session;
my $rooms   = 'SELECT count(*) FROM hms_rooms()';

# Lets the server answer these bytes from now on.
sub answers
{
	my ($body, $status) = @_;
	open my $file, '>:raw', $answer or die $!;
	print $file $status // 200, "\n", $body;
	close $file;
	return;
}

# An answer that must be refused, or with an empty state, accepted with this output.
sub gives
{
	my ($name, $body, $sql, $state, $want) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	answers($body);
	my ($out, $err) = $session->ask($sql);
	my $error = Hms::Db::parse_error($err);
	ok($error->{state} eq $state && (!defined $want || $out eq $want), "$name: " . ($state || 'accepted'))
	  or diag "got $error->{state} \"$out\"\n" . substr($err, 0, 500);
	unlike($err, qr/eyJ|secret-/, "$name: nothing secret in it") if $state;
	return $err;
}

# --- the shape of pages, level by level. A value of each JSON type is put where another is promised.

my @values = ('null', 'true', 'false', '7', '"x"', '[]', '{}', '[1]', '[null]', '[[]]', '["x"]', '[{}]', '{"a": 1}', '{"a": {}}');

# Which values may stand at which place, and how many rows that makes.
my %places = (
	'SELECT count(*) FROM hms_rooms()' => {
		'%s'                          => {},
		'{"data": %s}'                => { 'null' => 0, '[]' => 0, '[{}]' => 1 },
		'{"data": [%s]}'              => { '{}' => 1, '{"a": 1}' => 1, '{"a": {}}' => 1 },
		'{"data": [{}], "last": %s, "limit": 10}' => { map { $_ => 1 } 'null', '7', '"x"' },
		'{"data": [{}], "limit": %s}' => { map { $_ => 1 } @values } },
	"SELECT count(*) FROM hms_track_events('r')" => {
		'%s'                              => {},
		'{"events": %s}'                  => { 'null' => 0, '[]' => 0, '[{}]' => 1 },
		'{"events": [%s]}'                => { '{}' => 1, '{"a": 1}' => 1, '{"a": {}}' => 1 },
		'{"events": [{"data": %s}]}'      => { map { $_ => 1 } @values },
		'{"events": [{}], "next": %s, "next": ""}' => { map { $_ => 1 } 'null', '7', '"x"' } },
	"SELECT count(*) FROM hms_session_peers('r')" => {
		'{"data": [{"peers": %s}]}'       => { 'null' => 0, (map { $_ => 0 } grep { /^[\[{]/ } @values), '[{}]' => 1, '{"a": {}}' => 1 },
		'{"data": [{"peers": {"p": %s}}]}' => { (map { $_ => 0 } @values), '{}' => 1, '{"a": 1}' => 1, '{"a": {}}' => 1 } },
	"SELECT count(*) FROM hms_active_peers('r')" => {
		'{"peers": %s}'                   => { 'null' => 0, '[]' => 0, '{}' => 0, '[{}]' => 1, '{"a": 1}' => 0, '{"a": {}}' => 1 },
		'{"peers": {"p": %s}}'            => { (map { $_ => 0 } @values), '{}' => 1, '{"a": 1}' => 1, '{"a": {}}' => 1 } },
	"SELECT count(*) FROM hms_room('r')"  => { '%s' => { '{}' => 1, '{"a": 1}' => 1, '{"a": {}}' => 1 } },
	'SELECT count(*) FROM hms_create_room()' => { '%s' => { '{}' => 1, '{"a": 1}' => 1, '{"a": {}}' => 1 } });
foreach my $sql (sort keys %places)
{
	foreach my $place (sort keys %{ $places{$sql} })
	{
		my $allowed = $places{$sql}{$place};
		my @wrong;
		foreach my $value (@values)
		{
			answers(sprintf $place, $value);
			my ($out, $err) = $session->ask($sql);
			my $state = Hms::Db::parse_error($err)->{state};
			my $good  = exists $allowed->{$value} ? $state eq '' && $out eq $allowed->{$value} : $state eq '08P01';
			push @wrong, "$value gave $state $out" unless $good;
		}
		ok(!@wrong, "$sql with each kind of value at " . sprintf $place, '…') or diag join "\n", @wrong;
	}
}

# What is cut off, at every byte, is refused; so is what goes on after the end.
{
	my $page = '{"limit": 2, "data": [{"id": "a\u00e9\n", "size": -1.5e3, "polls": ["x"], "webhook": {"headers": {}}, "enabled": true}], "last": null}';
	gives('the whole page', $page, $rooms, '', 1);
	my @wrong;
	foreach my $length (0 .. length($page) - 1)
	{
		answers(substr $page, 0, $length);
		my $error = $session->error($length % 2 ? $rooms : 'SELECT * FROM hms_rooms()');
		push @wrong, "$length: $error->{state}" if $error->{state} ne '08P01';
	}
	ok(!@wrong, 'a page that is cut off, wherever') or diag "@wrong";
	gives("followed by $_", "$page$_", $rooms, '08P01') foreach '}', ',', '{}', "\0", 'x', '"';
	gives('followed by blanks', "$page \r\n\t", $rooms, '', 1);
}

# --- depth

foreach my $place (['in a member that no column names', '{"data": [{"x": %s}]}', 64], ['in a column', '{"data": [{"webhook": %s}]}', 64],
	['beside the rows', '{"data": [], "x": %s}', 64], ['in the list', '{"data": [{"webhook": {"a": [%s]}}]}', 62])
{
	my ($name, $body, $depth) = @$place;
	foreach my $sql ($rooms, 'SELECT count(r::text) FROM hms_rooms() r')
	{
		gives("nested $depth deep $name",   sprintf($body, '[' x $depth . ']' x $depth), $sql, '');
		gives("nested one deeper $name", sprintf($body, '[' x ($depth + 1) . ']' x ($depth + 1)), $sql, '08P01');
		gives("nested 100000 deep $name", sprintf($body, '[' x 1e5 . ']' x 1e5),         $sql, '08P01');
		gives("nested as objects $name",  sprintf($body, '{"a":' x 1e5 . '1' . '}' x 1e5), $sql, '08P01');
	}
}

# --- wrong types: the row stays, its column is null, the value is in extra, and one warning tells of it

foreach my $case (
	# column, what stands in the JSON, what the column is (undef: null), and whether the value is in extra
	['id',   '7',      '7'],    ['id',   'true',   'true'], ['id',   '[]',  undef, 1], ['id', '{"a": 1}', undef, 1],
	['id',   '""',     ''],     ['id',   'null',   undef],
	['enabled', '"true"', 't'], ['enabled', '"no"', 'f'],   ['enabled', '7', undef, 1], ['enabled', '"x"', undef, 1], ['enabled', '[]', undef, 1],
	['size', '"12"',   '12'],   ['size', '-1',     '-1'],   ['size', '1.5', undef, 1], ['size', '1e2', '100'], ['size', '1e-2', undef, 1], ['size', '""', undef, 1],
	['size', 'true',   undef, 1], ['size', '2147483647', '2147483647'], ['size', '2147483648', undef, 1], ['size', '-2147483649', undef, 1],
	['size', '9' x 400, undef, 1], ['size', '{}', undef, 1],
	['created_at', '""', undef], ['created_at', '"0001-01-01T00:00:00Z"', undef], ['created_at', '"0001-01-01T00:00:00.000Z"', undef],
	['created_at', '"2026-01-31T09:00:00.123456789Z"', '2026-01-31 09:00:00.123457+00'],
	['created_at', '"2026-01-31T09:00:00+01:00"', '2026-01-31 08:00:00+00'],
	['created_at', '"2026-02-29T00:00:00Z"', undef, 1], ['created_at', '"yesterday"', undef, 1], ['created_at', '1769850000', undef, 1],
	['created_at', '"2026-01-31T24:00:01Z"', undef, 1], ['created_at', '"99999-01-01T00:00:00Z"', undef, 1], ['created_at', 'true', undef, 1],
	['created_at', '"' . '2026-01-31T09:00:00Z' x 1000 . '"', undef, 1],
	['polls', '["a", "b"]', '{a,b}'], ['polls', '[]', '{}'], ['polls', '[null, 1, true]', '{NULL,1,true}'], ['polls', '"a"', undef, 1],
	['polls', '[["a"]]', undef, 1], ['polls', '{"a": 1}', undef, 1],
	['webhook', '"x"', '"x"'], ['webhook', '[1e99999]', '["1e99999"]', 0, 'as a string'], ['webhook', '{"a": 1, "a": 2}', '{"a": 2}'],
	['webhook', '[1E+2, -0, 0.10]', undef, 0, 'any'])
{
	my ($column, $json, $want, $kept, $how) = @$case;
	my $name = "$column from " . substr $json, 0, 30;
	answers("{\"data\": [{\"description\": \"before\", \"$column\": $json, \"region\": \"after\"}]}");
	my ($out, $err) = $session->ask(
		"SET timezone = 'UTC'; SELECT $column, description || region, extra ? '$column' FROM hms_rooms()");
	my ($value, $rest, $in_extra) = split /\|/, $out, -1;
	is($rest, 'beforeafter', "$name: the row and its other columns stay") or diag $err;
	is($value, $want // '', "$name: " . ($want // 'null')) unless ($how // '') eq 'any';
	is($in_extra, $kept ? 't' : '', "$name: " . ($kept ? 'kept in extra' : 'not in extra'));
	my $warnings = () = $err =~ /WARNING/g;
	is($warnings, $kept ? 1 : 0, "$name: " . ($kept ? 'a warning' : 'no warning')) or diag $err;
}
answers('{"data": [' . join(',', ('{"size": "many", "created_at": "never", "enabled": []}') x 50) . ']}');
{
	my ($out, $err) = $session->ask('SELECT count(extra) FROM hms_rooms() WHERE size IS NULL');
	my $warnings = () = $err =~ /WARNING/g;
	is("$out $warnings", '50 1', 'a hundred and fifty odd values: fifty rows, one warning');
}

# --- the same key twice: the last one counts, as in jsonb

gives('a column twice', '{"data": [{"id": "a", "id": "b"}]}', 'SELECT id FROM hms_rooms()', '', 'b');
gives('a column twice, then null', '{"data": [{"id": "a", "id": null}]}', 'SELECT id IS NULL FROM hms_rooms()', '', 't');
gives('an unnamed member twice', '{"data": [{"x": "a", "x": "b"}]}', 'SELECT extra FROM hms_rooms()', '', '{"x": "b"}');
gives('a key written in two ways', '{"data": [{"id": "a", "\u0069d": "b"}]}', 'SELECT id, extra IS NULL FROM hms_rooms()', '', 'b|t');
gives('the rows twice', '{"data": [{"id": "a"}, {"id": "b"}], "data": [{"id": "c"}]}', 'SELECT id FROM hms_rooms()', '', 'c');
gives('the rows twice, then null', '{"data": [{"id": "a"}], "data": null}', $rooms, '', 0);
gives('the cursor twice', '{"data": [{"id": "a"}], "limit": 1, "last": "x", "last": ""}', $rooms, '', 1);
gives('the peers twice', '{"data": [{"id": "s", "peers": {"a": {}, "b": {}}, "peers": {"c": {}}}]}', "SELECT id, session_id FROM hms_session_peers('r')", '', 'c|s');
gives('data twice', '{"events": [{"data": {"user_id": "a"}, "data": {"user_id": "b"}}], "next": ""}', "SELECT user_id FROM hms_track_events('r')", '', 'b');

# --- text that PostgreSQL cannot hold

my $bad = chr(0xfffd);
utf8::encode($bad);
foreach my $case (['a NUL', '\u0000', 1], ['half a pair', '\ud83d', 1], ['the other half', '\ude00', 1], ['the halves swapped', '\ude00\ud83d', 2],
	['half a pair and a letter', '\ud83dx', 1, 'x'], ['half a pair and an escape', '\ud83d\n', 1, "\n"], ['half a pair and a whole one', '\ud83d\ud83d\ude00', 1, "\xf0\x9f\x98\x80"])
{
	my ($name, $escape, $count, $rest) = @$case;
	my $text = 'a' . $bad x $count . ($rest // '') . 'b';
	my $hex  = unpack 'H*', $text;
	gives("$name in a column", "{\"data\": [{\"id\": \"a${escape}b\"}]}", "SELECT encode(convert_to(id, 'UTF8'), 'hex') FROM hms_rooms()", '', $hex);
	gives("$name in extra", "{\"data\": [{\"x\": [\"a${escape}b\"]}]}", "SELECT encode(convert_to(extra -> 'x' ->> 0, 'UTF8'), 'hex') FROM hms_rooms()", '', $hex);
	gives("$name in a key", "{\"data\": [{\"a${escape}b\": 1}]}", "SELECT encode(convert_to(k, 'UTF8'), 'hex') FROM hms_rooms(), jsonb_object_keys(extra) k", '', $hex);
	gives("$name in jsonb", "{\"x\": \"a${escape}b\"}", "SELECT encode(convert_to(hms_api_get('/x') ->> 'x', 'UTF8'), 'hex')", '', $hex);
	gives("$name in an array", "{\"data\": [{\"polls\": [\"a${escape}b\"]}]}", "SELECT encode(convert_to(polls[1], 'UTF8'), 'hex') FROM hms_rooms()", '', $hex);
	gives("$name in a time", "{\"data\": [{\"created_at\": \"a${escape}b\"}]}", "SELECT created_at IS NULL AND extra ? 'created_at' FROM hms_rooms()", '', 't');
}
foreach my $case (['a NUL byte', "\0"], ['a stray byte', "\xe9"], ['half a character', "\xe2\x82"], ['an overlong slash', "\xc0\xaf"], ['a surrogate', "\xed\xa0\x80"],
	['a character past the last', "\xf4\x90\x80\x80"], ['a control character', "\x01"], ['a newline', "\n"])
{
	my ($name, $bytes) = @$case;
	gives("$name in a string", "{\"data\": [{\"id\": \"a${bytes}b\"}]}", $rooms, '08P01');
	gives("$name in a key", "{\"data\": [{\"a${bytes}b\": 1}]}", $rooms, '08P01');
	gives("$name before the page", "$bytes\{\"data\": []}", $rooms, $name eq 'a newline' ? '' : '08P01');
}
gives('a byte order mark', "\xef\xbb\xbf{\"data\": []}", $rooms, '08P01');
gives('UTF-16', "{\0\"\0d\0a\0t\0a\0\"\0:\0[\0]\0}\0", $rooms, '08P01');

# --- errors in the API's shape and out of it

foreach my $case (
	['{"code": 404, "message": "gone", "details": ["a", "b"]}',     qr/gone/,          qr/a; b/],
	['{"code": 404, "message": "a\u0000b\ud800c", "details": "d"}', qr/a\x{ef}?.*b.*c/, qr/ d/],
	['{"code": 404, "message": "' . 'long ' x 100_000 . '"}',       qr/\A.{0,600}\z/s, qr/\A.{0,700}\z/s],
	['{"code": 404, "message": "two\nlines\u0007 and\ttabs"}',      qr/two lines and tabs/, qr/404/],
	['{"code": 404, "message": "%s%n%d \u0025s", "details": ["%s%s%s%n"]}', qr/%s%n%d %s/, qr/%s%s%s%n/],
	['{"code": 404, "message": "", "details": [1, null, {"a": 1}, "x"]}', qr/HTTP status 404/, qr/x/],
	['{"code": "404", "message": "text code"}',                     qr/text code/,     qr/404/],
	['[' x 100_000,                                                 qr/HTTP status 404/, qr/404/],
	["\xff\xfe\0",                                                  qr/HTTP status 404/, qr/404/],
	['{"message": "one", "message": "two", "code": 404}',           qr/two/,           qr/404/],
	['{"message": 7, "code": 404, "details": {"a": "b"}}',          qr/HTTP status 404/, qr/404/],
	['null',                                                        qr/HTTP status 404/, qr/404/])
{
	my ($body, $message, $detail) = @$case;
	answers($body, 404);
	my $error = $session->error("SELECT hms_api_get('/x')");
	my $name  = substr $body, 0, 40;
	is($error->{state}, 'MS404', "MS404 with $name");
	like($error->{message}, $message, "its message: $name");
	like($error->{detail},  $detail,  "its detail: $name");
	unlike($error->{message} . $error->{detail}, qr/[\x00-\x1f]/, "no control character in it: $name");
}
gives('a fetch by id of what is not there', '{}', "SELECT 1", '');
foreach my $case (['{"code": 404, "message": "x"}', ''], ['{"code": "404", "message": "x"}', ''], ['{"code": 400, "message": "x"}', 'MS404'], ['{"message": "x"}', 'MS404'],
	['{}', 'MS404'], ['', 'MS404'], ['[]', 'MS404'], ['{"code": 404, "message": "x"', 'MS404'], ['404 page not found', 'MS404'])
{
	my ($body, $state) = @$case;
	answers($body, 404);
	my ($out, $err) = $session->ask("SELECT count(*) FROM hms_room('x')");
	is(Hms::Db::parse_error($err)->{state} . $out, $state || '0', "no row for a 404 only in the API's own shape: $body");
}

# --- databases of other encodings

my $text = '{"data": [{"id": "\u00e9é", "name": "日本\u65e5", "description": "€\ud83d\ude00", "x": {"né": "\u00e9日"}, "webhook": ["\u20ac", "é"]}]}';
utf8::encode($text) if utf8::is_utf8($text);
foreach my $case (
	['LATIN1',    'e9e9',   unpack('H*', '\u65E5\u672C\u65E5'), unpack('H*', '\u20AC\uD83D\uDE00')],
	['LATIN9',    'e9e9',   unpack('H*', '\u65E5\u672C\u65E5'), 'a4' . unpack('H*', '\uD83D\uDE00')],
	['EUC_JP',    '8fabb18fabb1', 'c6fccbdcc6fc', unpack('H*', '\u20AC\uD83D\uDE00')],
	['SQL_ASCII', 'c3a9c3a9', 'e697a5e69cace697a5', 'e282acf09f9880'])
{
	my ($encoding, @want) = @$case;
	$db->value("CREATE DATABASE $encoding TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	my $run = sub { return $db->psql($encoding =~ tr/A-Z/a-z/r, $_[0], extra_params => ['-v', 'VERBOSITY=verbose']) };
	my ($code, undef, $refused) = $run->('CREATE EXTENSION hms');
	is($code, 0, "$encoding: the extension can be created") or diag $refused;
	answers($text);
	my (undef, $out, $err) = $run->(
		"SELECT encode(convert_to(id, getdatabaseencoding()), 'hex'), encode(convert_to(name, getdatabaseencoding()), 'hex'), encode(convert_to(description, getdatabaseencoding()), 'hex') FROM hms_rooms()");
	is($out, join('|', @want), "$encoding: text in columns, an escape for what it lacks") or diag $err;
	(undef, $out, $err) = $run->("SELECT extra -> 'x' IS NOT NULL, jsonb_typeof(webhook), length(webhook ->> 1) FROM hms_rooms()");
	is($out, $encoding eq 'SQL_ASCII' ? 't|array|2' : 't|array|1', "$encoding: jsonb, escapes included") or diag $err;
	(undef, $out, $err) = $run->("SELECT hms_api_get('/x') -> 'data' -> 0 ->> 'id' = id FROM hms_rooms()");
	is($out, 't', "$encoding: jsonb and text agree") or diag $err;

	answers('{"code": 400, "message": "\u00e9\u65e5\ud83d\ude00\u0000", "details": ["日本"]}', 400);
	(undef, $out, $err) = $run->("SELECT hms_api_get('/x')");
	is(Hms::Db::parse_error($err)->{state}, 'MS400', "$encoding: the API's words in an error") or diag $err;

	# what is sent is UTF-8
	answers('{}');
	$wire->clear;
	my $e = $encoding eq 'EUC_JP' ? "convert_from('\\xc6fc', 'EUC_JP')" : $encoding eq 'SQL_ASCII' ? "E'\\303\\251'" : "chr(233)";
	(undef, $out, $err) = $run->("SELECT count(*) FROM hms_room($e); SELECT hms_verify_token(hms_auth_token('r', $e, $e)) ->> 'role' = $e");
	is($out, "1\nt", "$encoding: a role name goes into a token and comes back") or diag $err;
	(undef, $out, $err) = $run->("SELECT name = $e FROM hms_internal._hms_rows_of(NULL::hms_peer, NULL, jsonb_build_object('name', $e))");
	is($out, 't', "$encoding: a row is made of JSON that the database holds") or diag $err;
	is(($wire->requests)[0], 'GET /v2/rooms/' . ($encoding eq 'EUC_JP' ? '%E6%97%A5' : '%C3%A9'), "$encoding: a path is UTF-8, percent-encoded");
	if ($encoding eq 'SQL_ASCII')
	{
		$wire->clear;
		(undef, $out, $err) = $run->("SELECT count(*) FROM hms_room(E'\\351')");
		is(Hms::Db::parse_error($err)->{state}, '22021', 'SQL_ASCII: what is no UTF-8 is refused') or diag $err;
		is(scalar $wire->requests, 0, 'SQL_ASCII: before it is sent');
	}
}

is($session->value('SELECT pg_backend_pid()'), $session->{pid}, 'it was one backend all the time');
$session->quit;
done_testing();
