# Requests go where the settings say and nowhere else: no argument leaves its place in path or query, no answer leads
# elsewhere, nothing in the environment but the proxy variables counts, and no search_path changes what a function does.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

# The server's environment is hostile: a home with netrc and curlrc, proxies for everything.
my $home  = PostgreSQL::Test::Utils::tempdir();
my $proxy = Wire->launch(sub { print { $_[0] } "HTTP/1.1 403 No\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n"; append_to_file("$home/seen", $_[2]); return 1 });
my $proxy_url = $proxy->url =~ s{/v2$}{}r;
append_to_file("$home/.netrc", "machine 127.0.0.1 login netrc-user password netrc-password\ndefault login netrc-user password netrc-password\n");
append_to_file("$home/_netrc", slurp_file("$home/.netrc"));
append_to_file("$home/.curlrc", "proxy = $proxy_url\nuser = curlrc:password\nlocation\n");
chmod 0600, glob "$home/.*rc";
append_to_file("$home/seen", '');

my $api   = Hms::Api->launch;
my $other = Hms::Api->launch('access-key' => $api->{access_key}, secret => $api->{secret});
my $db;
{
	local @ENV{qw(HOME NETRC http_proxy HTTP_PROXY https_proxy HTTPS_PROXY ALL_PROXY all_proxy no_proxy NO_PROXY)} =
	  ($home, "$home/.netrc", ($proxy_url) x 6, '', '');
	$db = Hms::Db->launch($api, 'hms.retries' => 0, 'hms.beam_url' => $api->{url}, 'hms.policy_url' => $api->{url});
}
my $session = $db->session;
my $room    = $session->value('SELECT id FROM hms_rooms() LIMIT 1');

# --- a property: whatever stands in an argument stands, decoded, in its place on the wire, and nothing else changes

srand 11;
my @pieces = ('a', '0', '.', '..', '/', '//', '\\', '?', '#', '@', ':', ';', '&', '=', '%', '%2e', '%2f', '%00', '%0d%0a', '%', '+', ' ', "\t", "\r\n", "\x7f",
	'"', "'", '<', '{', '}', '[', '|', '^', '`', '~', '-', '_', '*', '!', '$', '(', ',', "\x{e9}", "\x{65e5}", "\x{1f600}", 'http://evil.example', 'user@evil.example', '${jndi:x}', "' OR 1=1 --");

sub hostile
{
	my $text = join '', map { $pieces[rand @pieces] } 1 .. 1 + rand 6;
	utf8::encode($text);
	return $text;
}

sub quoted { my ($text) = @_; return $text =~ s/'/''/gr =~ s/(.*)/'$1'/sr }

sub decoded { my ($text) = @_; return $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger }

# A part that a server could take for a step in the path.
sub walks_about { return scalar grep { $_ eq '.' || $_ eq '..' } split m{[/\\]}, $_[0], -1 }

my %template = (
	'hms_room(%s)'                      => '/v2/rooms/%s',
	'hms_session(%s)'                   => '/v2/sessions/%s',
	'hms_active_room(%s)'               => '/v2/active-rooms/%s',
	"hms_active_peer('$room', %s)"      => "/v2/active-rooms/$room/peers/%s",
	"hms_create_room_code('$room', %s)" => "/v2/room-codes/room/$room/role/%s");
my (@wrong, $sent, $refused);
$api->faults({ status => 400, times => 0 });
foreach my $i (1 .. 250)
{
	my $function = (sort keys %template)[$i % keys %template];
	my $value    = hostile();
	my $sql      = "SELECT count(*) FROM " . sprintf $function, quoted($value);
	my $state;
	my @seen = $api->during(sub { $state = $session->error($sql)->{state} });
	if (walks_about($value))
	{
		$refused++;
		push @wrong, "$value: $state, " . @seen . ' requests' unless $state eq '22023' && !@seen;
		next;
	}
	$sent++;
	my ($path) = map { $_->{path} } @seen;
	my ($prefix) = $template{$function} =~ /^(.*)%s/;
	push @wrong, "$value became " . ($path // "$state, nothing")
	  unless @seen == 1 && defined $path && $path =~ m{^\Q$prefix\E([\w.~%-]*)$} && decoded($1) eq $value && $seen[0]{query} eq '';
}
ok(!@wrong, "hostile arguments in paths: $sent sent as data, $refused refused") or diag join "\n", @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)];

@wrong = ();
foreach (1 .. 100)
{
	my ($value, $second) = (hostile(), hostile());
	my @seen = $api->during(sub { $session->error("SELECT count(*) FROM hms_track_events('r', user_id => " . quoted($value) . ', peer_id => ' . quoted($second) . ')') });
	my $query = @seen == 1 ? query_of($seen[0]{query}) : {};
	push @wrong, "$value and $second became " . encode($query)
	  unless "@{ $query->{user_id} // [] }" eq $value && "@{ $query->{peer_id} // [] }" eq $second && "@{ $query->{room_id} // [] }" eq 'r' && keys %$query == 5
	  && $seen[0]{path} eq '/v2/analytics/events';
}
ok(!@wrong, 'hostile arguments in queries stay in their places') or diag join "\n", @wrong;

# Paths of hms_api_*: they begin with the base, whatever they hold.
@wrong = ();
my %count = (sent => 0, refused => 0);
foreach my $i (1 .. 300)
{
	my $path = ($i % 5 ? '/' : '') . join '/', map { hostile() } 1 .. 1 + rand 3;
	my $sql  = $i % 2 ? 'SELECT hms_api_get(' . quoted($path) . ')' : 'SELECT count(*) FROM hms_api_list(' . quoted($path) . ')';
	my $state;
	my @seen = $api->during(sub { $state = $session->error($sql)->{state} });
	$count{ @seen ? 'sent' : 'refused' }++;
	if (!@seen) { push @wrong, "$path: $state" unless $state eq '22023'; next }
	my $wire = $seen[0]{path};
	my $plain = decoded($wire);
	push @wrong, "$path became $wire"
	  unless $wire =~ m{^/v2/[\w.~!\$&'()*+,;=:@%/-]*$} && !walks_about($plain) && $wire !~ m{//} && $plain !~ /[\x00-\x1f\x7f\\]/
	  && $plain eq '/v2' . ($path =~ m{^/} ? '' : '/') . decoded($path) && $seen[0]{query} =~ /^(?:limit=\d+)?$/;
}
ok(!@wrong, "hostile paths: $count{sent} sent below the base, $count{refused} refused") or diag join "\n", @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)];
$api->faults;

# By hand: the tricks that are known by name.
foreach my $path ('//evil.example/v2/rooms', '/\\evil.example', '/../admin', '/rooms/..', '/rooms/%2e%2e/x', '/rooms/.%2E/x', '/rooms/%2e', '/rooms/..%2fx', '/rooms/..%5cx',
	'/rooms/x%2f..%2f..', '/rooms?a=b', '/rooms#f', '/rooms%3', '/rooms%zz', '/rooms%00', '/rooms%0d%0aX:%20y', "/rooms\r\nX: y", "/rooms\x01", '/rooms/', '',
	'http://evil.example/', 'https://evil.example/', '//@evil.example', '\\rooms')
{
	my $error;
	my @seen = $api->during(sub { $error = $session->error('SELECT hms_api_get(' . quoted($path) . ')') });
	ok($error->{state} eq '22023' && !@seen, 'refused: ' . encode($path)) or diag "$error->{state}, " . @seen . ' requests';
}
foreach my $path ('/@evil.example', '/rooms/a@evil.example', '/rooms/%252e%252e', '/rooms/a:80', '/rooms/...', '/rooms/..a')
{
	$api->faults({ status => 400, times => 1 });
	my @seen = $api->during(sub { $session->error('SELECT hms_api_get(' . quoted($path) . ')') });
	is($seen[0]{path} // 'nothing', "/v2$path", "as it stands: $path");
	$api->faults;
}
is($session->error("SELECT count(*) FROM hms_room(repeat('a', 9000000))")->{state}, '22023', 'an argument that no URL can hold');

# --- any function by any arguments: refused, or sent as the endpoint says, never a crash

{
	my @names = split /\s+/, $session->value(q[SELECT string_agg(DISTINCT m[1], ' ') FROM pg_proc, regexp_matches(coalesce(pg_get_function_sqlbody(oid), ''), '''(\w+)''::text', 'g') m WHERE proname ~ '^_?hms_']);
	cmp_ok(scalar @names, '>', 30, scalar(@names) . ' endpoints are called by the functions');
	my @args = ('NULL::text', "''::text", "'x'::text", "'{}'::text[]", "'{a,b}'::text[]", "'{NULL}'::text[]", 'NULL::text[]', 'NULL::boolean', 'true', '7', '7::bigint', 'NULL::timestamptz', 'now()',
		"'infinity'::timestamptz", "'{}'::jsonb", "'[]'::jsonb", "'{\"a\": {\"b\": []}}'::jsonb", 'NULL::jsonb', "interval '1 hour'", "interval '-1 s'", "'x'::name", "'x'::bytea", "'x'", '1.5', "'{1}'::int[]", 'NULL::record');
	my @types = (qw(hms_room hms_session hms_track_event jsonb text void integer record pg_class), 'text[]');
	my %states;
	$api->faults({ status => 418, times => 0 });
	foreach my $i (1 .. 1500)
	{
		my $inner = $i % 2 ? '_hms_rows' : '_hms_call';
		my $sql   = sprintf 'SELECT count(r::text) FROM (SELECT %s(NULL::%s, %s, %s) AS r) q', $inner, $types[rand @types],
		  quoted($names[rand @names]), join ', ', map { $args[rand @args] } 0 .. rand 7;
		$states{ $session->error($sql)->{state} || 'none' }++;
	}
	# right arguments by the wrong inner function, and rooms that are none
	$states{ $session->error("SELECT hms_internal._hms_call(NULL::hms_session, 'hms_sessions', $_, NULL::boolean, NULL::timestamptz, NULL::timestamptz)")->{state} || 'none' }++
	  foreach ("'{}'::text[]", "'{a,b}'::text[]", 'NULL::text[]') x 20;
	$api->faults;
	my @odd = grep { !/^(?:MS418|22023|22004|42804|0A000|42883|42846|42P18|42704|42601|22P02|none)$/ } keys %states;
	ok(!@odd, 'any arguments for any endpoint: ' . join ', ', map { "$_ $states{$_}" } sort keys %states) or diag "@odd";
	is($session->value('SELECT pg_backend_pid()'), $session->{pid}, 'in one backend that lives');
	my @seen = $api->during(sub { $session->error("SELECT hms_internal._hms_call(NULL::hms_session, 'hms_sessions', '{}'::text[], NULL::boolean, NULL::timestamptz, NULL::timestamptz)") });
	is(scalar @seen, 0, 'no rooms are not all rooms');
}

# --- answers lead nowhere

foreach my $status (300 .. 303, 305, 307, 308)
{
	foreach my $target ("$other->{url}/rooms", 'file:///etc/passwd', '//127.0.0.1:' . $other->{port} . '/v2/rooms', 'gopher://127.0.0.1:' . $other->{port} . '/')
	{
		$api->faults({ status => $status, headers => { Location => $target, Refresh => "0; url=$target", 'Alt-Svc' => "h2=\"127.0.0.1:$other->{port}\"; ma=3600" }, body => '', times => 0 });
		foreach my $sql ('SELECT count(*) FROM hms_rooms()', 'SELECT hms_create_room()')
		{
			my $state = $session->error($sql)->{state};
			is($state, "MS$status", "$status to $target is MS$status") if $state ne "MS$status" || $target =~ /passwd/;
		}
	}
}
$api->faults;
is(scalar $other->log, 0, 'nobody went to another port of the same host');

# --- the environment

is(slurp_file("$home/seen"), '', 'no request to a loopback address went through a proxy');
{
	my ($seen) = $api->log;
	$api->clear;
	$session->value('SELECT count(*) FROM hms_rooms()');
	($seen) = $api->log;
	unlike(encode($seen->{headers}), qr/netrc|curlrc|Basic|cookie/i, 'no user of netrc or curlrc, no cookie');
	like($seen->{headers}{authorization}, qr/^Bearer eyJ/, 'but our token');

	my $error = $session->error("SET hms.api_url = 'https://api.example.com/v2'; SELECT count(*) FROM hms_rooms()");
	is($error->{state}, '08001', 'a proxy that refuses is no connection') or diag $error->{text};
	$error = $session->error('SELECT hms_create_room()');
	is($error->{state}, '08001', 'for a write as well');
	$session->value('RESET hms.api_url');
	my $head = slurp_file("$home/seen");
	like($head, qr/^CONNECT api\.example\.com:443 HTTP/m, 'https goes through the proxy of the environment');
	unlike($head, qr/Authorization|Bearer|eyJ|netrc|^(?:GET|POST)/mi, 'which sees no token and no request');
}

# Cookies of an answer do not come back.
$api->faults({ status => 400, headers => { 'Set-Cookie' => 'a=b; Path=/' }, times => 1 });
$session->error('SELECT count(*) FROM hms_rooms()');
$api->faults;
$api->clear;
$session->value('SELECT count(*) FROM hms_rooms()');
unlike(encode(($api->log)[0]{headers}), qr/cookie/i, 'a cookie that was set does not come back');

# --- a hostile search_path

is($session->value("SELECT count(*) FROM pg_proc WHERE proname ~ '^_?hms_' AND prosecdef"), 0, 'no function is SECURITY DEFINER');
# Those of the mirror stand under the path that the function or procedure sets that calls them.
is($session->value(<<'SQL'), '', 'every body that users call is bound when it is created, or sets its search_path');
SELECT coalesce(string_agg(p.oid::regprocedure::text, ', '), '')
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'hms'
WHERE l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL
	AND NOT coalesce(array_to_string(p.proconfig, ',') LIKE '%search_path=pg_catalog%', false) AND p.prokind <> 'p'
	AND p.pronamespace <> 'hms_internal'::regnamespace
SQL
{
	my @calls = (
		"SELECT count(*) FROM public.hms_attendance('$room')", "SELECT count(*) FROM public.hms_session_usage('$room')", "SELECT count(*) FROM public.hms_talk_time('$room')",
		"SELECT count(*) FROM public.hms_concurrency('$room', (SELECT id FROM public.hms_sessions('$room') LIMIT 1), interval '10 min')",
		"SELECT count(*) FROM public.hms_session_peers('$room')", 'SELECT count(*) FROM public.hms_rooms()', 'SELECT count(*) FROM public.hms_check()',
		"SELECT public.hms_verify_token(public.hms_auth_token('r', 'x')) OPERATOR(pg_catalog.->>) 'role'", "SELECT count(*) FROM public.hms_api_list('/rooms')");
	my @plain = map { $session->value($_) } @calls;
	$db->value(<<'SQL');
CREATE ROLE evil LOGIN;
CREATE SCHEMA evil AUTHORIZATION evil;
SET ROLE evil;
DO $$
DECLARE f record;
BEGIN
	-- a trap of the same name and arguments for the functions and operators that bodies of SQL like to use
	FOR f IN SELECT DISTINCT ON (proname, pg_get_function_identity_arguments(oid)) proname, pg_get_function_identity_arguments(oid) AS args, format_type(prorettype, NULL) AS result
		FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset AND provariadic = 0 AND pronargs BETWEEN 0 AND 3
		AND proname IN ('now', 'greatest', 'coalesce', 'round', 'lower', 'upper', 'length', 'date_part', 'extract', 'isempty', 'date_trunc', 'format', 'quote_ident',
			'timezone', 'make_interval', 'justify_hours', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp', 'current_setting', 'set_config', 'nullif', 'array_length', 'to_jsonb',
			'range_merge', 'tstzrange', 'floor', 'ceil', 'trunc', 'concat', 'numeric', 'text', 'has_function_privilege')
		AND NOT prorettype = 'trigger'::regtype AND prorettype NOT IN ('anyelement'::regtype, 'anyarray'::regtype, 'internal'::regtype, 'anyrange'::regtype, 'anymultirange'::regtype, 'cstring'::regtype)
		AND 'internal'::regtype <> ALL (proargtypes) AND 'anyelement'::regtype <> ALL (proargtypes) AND 'anyarray'::regtype <> ALL (proargtypes)
		AND 'anyrange'::regtype <> ALL (proargtypes) AND 'anymultirange'::regtype <> ALL (proargtypes) AND '"any"'::regtype <> ALL (proargtypes)
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE ''trapped in %s''; END$f$', f.proname, f.args, f.result, f.proname);
	END LOOP;
	FOR f IN SELECT oprname, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r, format_type(oprresult, NULL) AS result FROM pg_operator
		WHERE oprname IN ('=', '<', '>', '<=', '>=', '<>', '-', '+', '/', '*', '||', '->', '->>', '&&', '@>') AND oprkind = 'b'
		AND oprleft IN ('text'::regtype, 'timestamptz'::regtype, 'interval'::regtype, 'numeric'::regtype, 'int4'::regtype, 'int8'::regtype, 'jsonb'::regtype, 'name'::regtype, 'bool'::regtype, 'float8'::regtype)
		AND oprright IN ('text'::regtype, 'timestamptz'::regtype, 'interval'::regtype, 'numeric'::regtype, 'int4'::regtype, 'int8'::regtype, 'jsonb'::regtype, 'name'::regtype, 'bool'::regtype, 'float8'::regtype)
	LOOP
		EXECUTE format('CREATE OR REPLACE FUNCTION evil.%I(a %s, b %s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE ''trapped in an operator''; END$f$', 'trap_' || f.result, f.l, f.r, f.result);
		EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.%I, LEFTARG = %s, RIGHTARG = %s)', f.oprname, 'trap_' || f.result, f.l, f.r);
	END LOOP;
END $$;
CREATE TYPE evil.hms_room AS (id int);
CREATE TYPE evil.hms_session AS (id int);
RESET ROLE;
SQL
	$session->value('SET search_path = evil, pg_catalog, public');
	like($session->error('SELECT now()')->{text} . $session->error("SELECT 'a'::text = 'b'::text")->{text}, qr/trapped in now.*trapped in an operator/s, 'the traps are there');
	foreach my $i (0 .. $#calls)
	{
		my ($out, $err) = $session->ask($calls[$i]);
		is($out, $plain[$i], "the same with a hostile search_path: $calls[$i]") or diag $err;
	}
	my ($out, $err) = $session->ask("SELECT public.hms_grant('evil', 'read'); SELECT public.hms_revoke('evil', 'read')");
	unlike($err, qr/trapped/, 'hms_grant and hms_revoke too');
	$session->value('SET search_path = public');

	# a temporary schema comes first without being named
	$session->value('CREATE TEMP TABLE hms_room (id int); CREATE TEMP TABLE pg_proc (a int); CREATE TEMP TABLE hms_sessions (a int)');
	is($session->value($calls[$_]), $plain[$_], "the same with temporary tables of such names: $calls[$_]") foreach 0, 5;
}

my $attended = $session->value("SELECT count(*) FROM hms_attendance('$room')");

# The extension in a schema of its own, with nothing of it on the search_path.
$db->value('DROP EXTENSION hms CASCADE; CREATE SCHEMA "odd schema"; CREATE EXTENSION hms SCHEMA "odd schema"');
is($db->value("SET search_path = ''; SELECT count(*) FROM \"odd schema\".hms_attendance('$room')"), $attended, 'in another schema, with an empty search_path');
is($db->value("SET search_path = ''; SELECT \"odd schema\".hms_grant('evil', 'read') IS NOT NULL OR true; SET ROLE evil; SELECT 1"), "t\n1", 'grants work there');
$session->quit;
done_testing();
