# Who may call what: nobody but the owner at first, then what hms_grant gives, by EXECUTE on the public functions alone.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api  = Hms::Api->launch;
my $db   = Hms::Db->launch($api);
my $room = $api->world->{rooms}[0]{id};

# One call of each kind.
my %call = (
	tokens => ["SELECT hms_auth_token('r', 'x')"],
	read   => ['SELECT count(*) FROM hms_rooms()', "SELECT count(*) FROM hms_room('$room')", "SELECT count(*) FROM hms_sessions()",
		"SELECT count(*) FROM hms_sessions(ARRAY['$room'])", "SELECT count(*) FROM hms_track_events('$room')",
		"SELECT count(*) FROM hms_attendance('$room')", "SELECT count(*) FROM hms_session_usage('$room')",
		"SELECT count(*) FROM hms_talk_time('$room')", "SELECT count(*) FROM hms_session_peers('$room')"],
	write => ['SELECT hms_create_room()', "SELECT hms_update_room('$room', '{}')", "SELECT hms_enable_room('$room')",
		"SELECT hms_create_room_codes('$room')"]);
my @any = ("SELECT hms_api_get('/rooms')", "SELECT hms_api_post('/rooms')", 'SELECT hms_management_token()');

# What a role may do: for each call, whether it ended with "permission denied".
sub may
{
	my ($role, @calls) = @_;
	return map { $db->error("SET ROLE $role; $_")->{state} eq '42501' ? 0 : 1 } @calls;
}

sub may_is
{
	my ($role, $levels, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $level (sort keys %call)
	{
		my $want = grep { $_ eq $level || $_ eq 'all' } @$levels;
		is_deeply([may($role, @{ $call{$level} })], [map { $want ? 1 : 0 } @{ $call{$level} }], "$name: $level");
	}
	return;
}

$db->run('CREATE ROLE app; CREATE ROLE reporting; CREATE ROLE boss; CREATE ROLE writer; CREATE ROLE nobody');
may_is('nobody', [], 'at first');
is_deeply([may('nobody', @any)], [0, 0, 0], 'at first: any endpoint, or a token for it');

my %level = (app => ['tokens'], reporting => ['read'], writer => ['write'], boss => ['all']);
foreach my $role (sort keys %level)
{
	$db->value("SELECT hms_grant('$role', '$level{$role}[0]')");
	may_is($role, $level{$role}, "hms_grant('$role', '$level{$role}[0]')");
}
is_deeply([may('boss', @any)], [1, 1, 1], 'all: any endpoint too, and a token for it');
is_deeply([may($_, @any)], [0, 0, 0], "$_: neither") foreach qw(app reporting writer);
may_is('nobody', [], 'nobody else has anything');

foreach my $role (sort keys %level)
{
	$db->value("SELECT hms_revoke('$role', '$level{$role}[0]')");
	may_is($role, [], "hms_revoke('$role', '$level{$role}[0]')");
}
$db->value("SELECT hms_grant('app', 'read'); SELECT hms_grant('app', 'write'); SELECT hms_revoke('app', 'write')");
may_is('app', ['read'], 'one level revoked of two');
is($db->error("SELECT hms_grant('app', 'everything')")->{state}, '22023', 'a level that there is not');
like($db->error("SELECT hms_grant('app', NULL)")->{state}, qr/^22(004|023)$/, 'no level');
is($db->error("SET ROLE app; SELECT hms_grant('app', 'all')")->{state}, '42501', 'nobody grants to himself');

# hms_grant gives EXECUTE and nothing more: it is seen in the catalog, and a plain GRANT does the same.
$db->value('GRANT EXECUTE ON FUNCTION hms_room(text) TO nobody');
is_deeply([may('nobody', $call{read}[1], $call{read}[0])], [1, 0], 'a plain GRANT on one function');

# The inner functions are open, but look at the public one that they serve.
my $inner = $db->column(q[SELECT DISTINCT proname FROM pg_proc WHERE proname IN ('_hms_rows', '_hms_call')]);
is(scalar @$inner, 2, 'the inner functions are there');
foreach my $around (
	"SELECT count(*) FROM (SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_rooms', NULL::text, NULL::boolean, NULL::text, NULL::timestamptz, NULL::timestamptz)) q",
	"SELECT hms_internal._hms_call(NULL::hms_room, 'hms_create_room', '{}'::jsonb)")
{
	my $error;
	my @seen = $api->during(sub { $error = $db->error("SET ROLE nobody; $around") });
	is_deeply([$error->{state}, scalar @seen], ['42501', 0], "around the wrapper: $around") or diag $error->{text};
	like($error->{message}, qr/permission denied for function hms_/, 'and it names the public function');
}

# Only members of the extension count, whatever else has the name, and whatever their own name is now.
$db->value('GRANT CREATE ON SCHEMA public TO nobody; SET ROLE nobody; CREATE FUNCTION public.hms_api_list(integer) RETURNS integer LANGUAGE sql RETURN 1;'
	. ' CREATE FUNCTION public.hms_create_room(integer) RETURNS integer LANGUAGE sql RETURN 1');
foreach my $around ("SELECT hms_internal._hms_rows(NULL::jsonb, 'hms_api_list', '/rooms'::text, '{}'::jsonb)",
	"SELECT hms_internal._hms_call(NULL::hms_room, 'hms_create_room', '{}'::jsonb)")
{
	my $error;
	my @seen = $api->during(sub { $error = $db->error("SET ROLE nobody; $around") });
	is_deeply([$error->{state}, scalar @seen], ['42501', 0], "a namesake of one's own opens nothing: $around") or diag $error->{text};
	like($error->{hint}, qr/hms_grant/, 'and the error says what does');
}
$db->value('DROP FUNCTION public.hms_api_list(integer), public.hms_create_room(integer); REVOKE CREATE ON SCHEMA public FROM nobody');
foreach my $renamed (
	['hms_rooms(text, boolean, text, timestamptz, timestamptz)', 'SELECT count(*) FROM renamed()'],
	['hms_enable_room(text)',                                    "SELECT renamed('$room')"],
	['hms_sessions(text[], boolean, timestamptz, timestamptz)',  "SELECT count(*) FROM renamed(ARRAY['$room'])"],
	['hms_attendance(text, text, timestamptz, timestamptz)',     "SELECT count(*) FROM renamed('$room')"])
{
	my ($function, $call) = @$renamed;
	my ($name, $args) = $function =~ /(\w+)(\(.*)/;
	$db->value("ALTER FUNCTION $function RENAME TO renamed");
	is($db->error($call)->{state}, '', "renamed, for a superuser: $function");
	is($db->error("SET ROLE nobody; $call")->{state}, '42501', 'but not for everybody');
	$db->value("GRANT EXECUTE ON FUNCTION renamed$args TO nobody");
	is($db->error("SET ROLE nobody; $call")->{state}, '', 'only for whom it is granted to');
	$db->value("REVOKE EXECUTE ON FUNCTION renamed$args FROM nobody; ALTER FUNCTION renamed$args RENAME TO $name");
}

# PostgreSQL's own refusals say so too.
foreach my $call ('SELECT * FROM hms_rooms()', 'SELECT hms_create_room()', "SELECT hms_auth_token('r', 'x')", 'SELECT name FROM hms_rooms() WITH ORDINALITY')
{
	my $error = $db->error("SET ROLE nobody; $call");
	is($error->{state}, '42501', "refused: $call");
	like($error->{hint}, qr/hms_grant\(role, level\)/, 'and the error says what opens it');
}
is($db->error('SET ROLE nobody; SELECT * FROM pg_authid')->{hint}, '', 'what is not ours gets no hint');

# A grant or a rename works in a session that was refused, or let in, before.
{
	my $open = $db->session;
	my $ask = sub { return $open->error('SET ROLE nobody; SELECT count(*) FROM hms_sessions(); RESET ROLE')->{state} };
	my $rooms = 'hms_sessions(text, boolean, timestamptz, timestamptz)';
	is($ask->(), '42501', 'refused at first');
	$open->value('RESET ROLE');
	$db->value("GRANT EXECUTE ON FUNCTION $rooms TO nobody");
	is($ask->(), '', 'then granted');
	$db->value("REVOKE EXECUTE ON FUNCTION $rooms FROM nobody");
	is($ask->(), '42501', 'then revoked');
	$open->quit;
}

# EXECUTE is asked when the query begins, of who begins it, wherever in the query the function stands.
$db->value("CREATE ROLE definer; CREATE ROLE guest; GRANT CREATE ON SCHEMA public TO definer, guest; SELECT hms_grant('definer', 'all')");
$db->value(<<'SQL');
SET ROLE definer;
CREATE FUNCTION opened(query text) RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE c refcursor := 'c'; BEGIN OPEN c FOR EXECUTE query; RETURN c; END $$;
CREATE FUNCTION own() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT id FROM hms_rooms()';
SQL
sub opened { my ($query) = @_; return q[SELECT left(opened('] . $query =~ s/'/''/gr . q[')::text, 0)] }
my $get        = q[hms_api_get('/rooms')];
my $inner_get  = q[hms_internal._hms_call(NULL::jsonb, 'hms_api_get', '/rooms'::text, '{}'::jsonb)];
my $session_id = $api->world->{sessions}[0]{id};
foreach my $query (
	'SELECT id FROM hms_rooms()', 'SELECT (hms_rooms()).id', 'SELECT id FROM hms_rooms() WITH ORDINALITY', "SELECT f.a FROM ROWS FROM (hms_rooms(), hms_room('$room')) AS f (a)",
	'SELECT id FROM own() AS f (id)', "SELECT $get", "SELECT (hms_room('$room')).id", 'SELECT hms_create_room()', "SELECT (hms_create_room_codes('$room')).code",
	"SELECT (hms_attendance('$room')).user_id", "SELECT user_id FROM hms_talk_time('$room') WITH ORDINALITY", "SELECT hms_quality('$session_id')", "SELECT hms_auth_token('$room', 'x')", 'SELECT ok FROM hms_check()', 'SELECT (hms_check()).ok',
	"SELECT id, (SELECT $get) FROM hms_rooms() ORDER BY 1", "SELECT g, (hms_room('$room')).id FROM generate_series(1, 3) g", "SELECT i FROM (VALUES ('$room'), ('nosuch')) v (i) WHERE EXISTS (SELECT FROM hms_room(i))")
{
	my $as_guest = 'BEGIN; SET LOCAL ROLE guest;';
	is($db->error("$as_guest " . opened($query) . "; FETCH 1 FROM c; FETCH 2 FROM c")->{state}, '', "a cursor that somebody else opened: $query");
	is($db->error("$as_guest " . opened($query) . "; FETCH 1 FROM c; $query")->{state}, '42501', 'and nothing else beside it');
	is($db->error("$as_guest " . opened($query) . "; FETCH 1 FROM c; SELECT $inner_get")->{state}, '42501', 'nor around the wrapper');
	is($db->error("BEGIN; SET LOCAL ROLE definer; DECLARE c CURSOR WITH HOLD FOR $query; SET LOCAL ROLE guest; COMMIT; FETCH 1 FROM c")->{state}, '', 'kept past the end of the transaction');
	is($db->error("BEGIN; SET LOCAL ROLE definer; DECLARE c CURSOR FOR $query; FETCH 1 FROM c; SET LOCAL ROLE guest; FETCH 2 FROM c")->{state}, '', 'another role from the second row on');
	is($db->error("$as_guest DECLARE c CURSOR FOR $query")->{state}, '42501', 'refused before anything is fetched');
}
my $named_late = q[SELECT r.id FROM hms_internal._hms_rows(NULL::hms_room, (SELECT 'hms_rooms' || left(now()::text, 0)), NULL::text, NULL::boolean, NULL::text, NULL::timestamptz, NULL::timestamptz) r];
is($db->error('BEGIN; SET LOCAL ROLE guest; ' . opened($named_late) . '; FETCH 1 FROM c')->{state}, '', 'a cursor that somebody else opened, over an endpoint that is only named when it runs');
is($db->error("BEGIN; SET LOCAL ROLE guest; DECLARE c CURSOR FOR $named_late; SET LOCAL ROLE definer; FETCH 1 FROM c")->{state}, '42501', 'and one of who may not');
is($db->error("BEGIN; SET LOCAL ROLE guest; DECLARE c CURSOR FOR SELECT $inner_get; SET LOCAL ROLE definer; FETCH 1 FROM c")->{state},
	'42501', 'a cursor of who may not, fetched from by who may');
is($db->error("BEGIN; SET LOCAL ROLE guest; " . opened('SELECT own()') . '; FETCH 1 FROM c')->{state},
	'42501', 'a function of the site\'s own runs as who fetches');

# What somebody else's query runs for who fetches gains nothing by it.
$db->value(<<"SQL");
SET ROLE guest;
CREATE FUNCTION by_statement() RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE x jsonb; BEGIN SELECT $inner_get INTO x FROM generate_series(1, 1); RETURN 'gained'; EXCEPTION WHEN insufficient_privilege THEN RETURN 'refused'; END \$\$;
CREATE FUNCTION by_expression() RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE x jsonb; BEGIN x := $inner_get; RETURN 'gained'; EXCEPTION WHEN insufficient_privilege THEN RETURN 'refused'; END \$\$;
CREATE FUNCTION in_sql() RETURNS text LANGUAGE sql VOLATILE AS \$\$ SELECT 1; SELECT 'gained' || left(($inner_get)::text, 0) \$\$;
CREATE FUNCTION by_sql() RETURNS text LANGUAGE plpgsql AS \$\$
BEGIN RETURN in_sql(); EXCEPTION WHEN insufficient_privilege THEN RETURN 'refused'; END \$\$;
CREATE FUNCTION by_list() RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE x text; BEGIN
	SELECT r.id INTO x FROM hms_internal._hms_rows(NULL::hms_room, 'hms_rooms', NULL::text, NULL::boolean, NULL::text, NULL::timestamptz, NULL::timestamptz) r LIMIT 1;
	RETURN 'gained'; EXCEPTION WHEN insufficient_privilege THEN RETURN 'refused'; END \$\$;
SQL
foreach my $helper (qw(by_statement by_expression by_sql by_list))
{
	foreach my $query ("SELECT left(($get)::text, 0) || $helper()", "SELECT $helper() FROM hms_rooms()", "SELECT $helper(), (hms_room('$room')).id", "SELECT $helper() FROM hms_rooms() WITH ORDINALITY")
	{
		my $got = $db->value('BEGIN; SET LOCAL ROLE guest; ' . opened($query) . '; FETCH 1 FROM c');
		like($got, qr/\brefused\b/, "$helper in somebody else's query: $query");
		unlike($got, qr/gained/, 'gains nothing');
	}
	is($db->value("BEGIN; SET LOCAL ROLE definer; SELECT $helper()"), 'gained', "$helper for who may");
	like($db->value("BEGIN; SET LOCAL ROLE definer; SELECT $helper(); SET LOCAL ROLE guest; SELECT $helper(); SET LOCAL ROLE definer; SELECT $helper(); SET LOCAL ROLE guest; SELECT $helper()"),
		qr/gained\s+refused\s+gained\s+refused/, "$helper in turns, in one transaction");
}
$db->value("DROP FUNCTION opened(text), own(), by_statement(), by_expression(), by_sql(), in_sql(), by_list();
	REVOKE CREATE ON SCHEMA public FROM definer, guest; SELECT hms_revoke('definer', 'all')");

# With odd arguments they neither crash nor send.
$db->value("SELECT hms_grant('nobody', 'all')");
foreach my $odd (
	"SELECT hms_internal._hms_rows(NULL::pg_class, 'hms_rooms', NULL::text, NULL::boolean, NULL::text, NULL::timestamptz, NULL::timestamptz)",
	"SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_rooms')", "SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_rooms', 1, 2, 3, 4, 5, 6, 7, 8)",
	"SELECT hms_internal._hms_rows(NULL::hms_room, 'no_such', 'x')",
	"SELECT hms_internal._hms_rows(NULL::hms_room, NULL, 'x')", "SELECT hms_internal._hms_rows(NULL::int, 'hms_rooms', 'x')", "SELECT hms_internal._hms_rows(1, 'hms_rooms', 'x')",
	"SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_rooms', VARIADIC ARRAY['a', 'b'])", "BEGIN READ ONLY; SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_create_room', '{}'::jsonb)",
	"BEGIN READ ONLY; SELECT hms_internal._hms_call(NULL::hms_room, 'hms_create_room', '{}'::jsonb)",
	"SELECT hms_internal._hms_call(NULL::hms_room, 'hms_rooms', NULL::text)", "SELECT hms_internal._hms_call(NULL::int, 'hms_create_room', '{}'::jsonb)",
	"SELECT hms_internal._hms_call(NULL::hms_room, 'hms_create_room', 5)")
{
	my $error;
	my @seen = $api->during(sub { $error = $db->error("SET ROLE nobody; $odd") });
	ok($error->{state} ne '' && $error->{state} ne 'XX000' && $error->{text} !~ /server closed/ && !@seen, "refused: $odd")
	  or diag "$error->{text} " . @seen . ' requests';
}
$db->value("SELECT hms_revoke('nobody', 'all')");

# A plan made as one role does not serve another.
my $session = $db->session;
$session->value("SET plan_cache_mode = force_generic_plan; PREPARE p AS SELECT count(*) > 0 FROM hms_rooms(); PREPARE w AS SELECT (hms_create_room()).id IS NOT NULL");
is($session->value('EXECUTE p'), 't', 'a prepared read');
is($session->value('EXECUTE w'), 't', 'a prepared write');
is($session->error('SET ROLE nobody; EXECUTE p')->{state}, '42501', 'SET ROLE: the plan is not for everybody');
is($session->error('EXECUTE w')->{state}, '42501', 'SET ROLE: nor the write');
is($session->value('RESET ROLE; EXECUTE p'), 't', 'and back');

# A view runs its functions as its reader; a SECURITY DEFINER function of the site's own as its owner.
$session->value("SET ROLE postgres; CREATE VIEW all_rooms AS SELECT id FROM hms_rooms(); GRANT SELECT ON all_rooms TO nobody;
	CREATE FUNCTION counted() RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS 'SELECT count(*) > 0 FROM hms_rooms()'");
is($session->error('SET ROLE nobody; SELECT count(*) FROM all_rooms')->{state}, '42501', 'a view gives no right to call');
is($session->value('SELECT counted()'), 't', 'a SECURITY DEFINER function does');
$session->quit;

# PUBLIC has nothing that sends or signs.
my $public = $db->column(q[
	SELECT p.proname FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'hms'
	WHERE has_function_privilege('nobody', p.oid, 'EXECUTE') AND p.proname ~ '^hms_' AND p.oid <> 'hms_room(text)'::regprocedure ORDER BY 1]);
is_deeply([grep { !/^hms_(stats|check|verify_token|help)$/ } @$public], [], 'PUBLIC may call nothing that sends or signs');

done_testing();
