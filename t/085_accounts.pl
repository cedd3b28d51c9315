# Accounts: foreign servers with user mappings beside the settings. Who may use which, whose keys and tokens go to which
# URL, and that a change of a server or mapping is at work at the next call of sessions that are open.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(hmac_sha256_hex);
use Hms;
use List::Util qw(uniq);
use PostgreSQL::Test::Utils;
use Test::More;

# Three accounts at three places: of the settings, and of two schools.
my $main  = Hms::Api->launch('access-key' => 'main-key',  secret => 'the-secret-of-main');
my $north = Hms::Api->launch('access-key' => 'north-key', secret => 'the-secret-of-north');
my $south = Hms::Api->launch('access-key' => 'south-key', secret => 'the-secret-of-south');

# A resolver that knows loopback alone, and writes down what else it is asked for.
my $asked   = PostgreSQL::Test::Utils::tempdir() . '/asked';
my $preload = preload_of(<<'C' =~ s/ASKED/"$asked"/r);
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	int			(*real) (const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	FILE	   *file;

	if (node == NULL || strstr(node, "100ms") == NULL)
		return real(node, service, hints, result);
	file = fopen(ASKED, "a");
	if (file != NULL)
	{
		fprintf(file, "%s\n", node);
		fclose(file);
	}
	return EAI_NONAME;
}
C
my $db = do { local $ENV{LD_PRELOAD} = $preload; Hms::Db->launch($main, 'hms.retries' => 0, log_statement => 'none') };

$_->add(rooms => [ { id => "room-of-$_->{access_key}", name => "room of $_->{access_key}" } ]) foreach $main, $north, $south;
my $whose = q{SELECT name FROM hms_room('room-of-main-key') UNION ALL SELECT name FROM hms_room('room-of-north-key') UNION ALL SELECT name FROM hms_room('room-of-south-key')};

# What each of them sees while code runs: how many requests with which key; a key that is not the own one would be news.
sub seen
{
	my ($code) = @_;
	$_->clear foreach $main, $north, $south;
	$code->();
	my %seen;
	foreach my $api ($main, $north, $south)
	{
		my @log = $api->log;
		next unless @log;
		my %keys = map { ($_->{claims}{access_key} // '?') => 1 } @log;
		$seen{ $api->{access_key} } = scalar @log;
		is_deeply([ keys %keys ], [ $api->{access_key} ], "only tokens of $api->{access_key} come there");
	}
	return \%seen;
}

my $north_file = $db->basedir . '/north.secret';
{
	umask 077;
	append_to_file($north_file, "$north->{secret}\n");
	umask 022;
}

# --- what may be set, and by whom

is($db->value("SELECT fdwname || ' ' || (fdwvalidator = 'hms_internal.fdw_validator(text[], oid)'::regprocedure) FROM pg_foreign_data_wrapper"), 'hms true', 'there is a foreign-data wrapper');
is($db->value("SELECT srvname || ' ' || coalesce(srvoptions::text, 'without options') FROM pg_foreign_server"), 'hms without options', 'and a server of the same name');

$db->run(q{CREATE EXTENSION postgres_fdw; CREATE ROLE owner LOGIN; CREATE ROLE app LOGIN; CREATE ROLE reporting LOGIN; CREATE ROLE nobody LOGIN;
	GRANT USAGE ON FOREIGN DATA WRAPPER hms TO owner;
	SELECT hms_grant(r::regrole, 'all') FROM unnest(ARRAY['app', 'reporting', 'nobody', 'owner']) r});
my $owner = $db->session(user => 'owner');

foreach my $case (
	[ "CREATE SERVER x FOREIGN DATA WRAPPER hms OPTIONS (url 'https://x')", qr/api_url, beam_url, policy_url, ca_file/ ],
	[ "CREATE SERVER x FOREIGN DATA WRAPPER hms OPTIONS (access_key 'k')",  qr/api_url, beam_url, policy_url, ca_file/ ],
	[ "CREATE USER MAPPING FOR app SERVER hms OPTIONS (api_url 'https://x')", qr/access_key, secret, secret_file/ ],
	[ "CREATE USER MAPPING FOR app SERVER hms OPTIONS (password 'x')",      qr/access_key, secret, secret_file/ ],
	[ "ALTER FOREIGN DATA WRAPPER hms OPTIONS (api_url 'https://x')",       qr/no valid options/ ])
{
	my ($sql, $hint) = @$case;
	my $error = $db->error($sql);
	is($error->{state}, 'HV00D', "no such option: $sql");
	like($error->{hint}, $hint, 'the hint names those that there are');
}
foreach my $value ('http://api.example.com', 'ftp://127.0.0.1', 'https://user@127.0.0.1', 'https://127.0.0.1/?x', '')
{
	foreach my $option (qw(api_url beam_url policy_url))
	{
		my $error = $db->error("CREATE SERVER x FOREIGN DATA WRAPPER hms OPTIONS ($option '$value')");
		is($error->{state}, '22023', "$option obeys the rule of the settings: '$value'");
		unlike($error->{text}, qr/user\@/, 'and the message does not repeat it');
	}
}
is($db->error("CREATE SERVER x FOREIGN DATA WRAPPER hms OPTIONS (ca_file 'relative.pem')")->{state}, '22023', 'a file has an absolute name');
is($db->error("CREATE USER MAPPING FOR app SERVER hms OPTIONS (secret_file 'relative')")->{state}, '22023', 'also that of a secret');
foreach my $value ('', ' s', "s\t", "s\n", "\x{ef}\x{bb}\x{bf}s")
{
	foreach my $option (qw(access_key secret))
	{
		is($db->error("CREATE USER MAPPING FOR app SERVER hms OPTIONS ($option '$value')")->{state}, '22023', "$option has no blanks around it");
	}
}

# A role that may make servers may not say where tokens go.
foreach my $option ("api_url '$south->{url}'", "beam_url 'https://127.0.0.1'", "policy_url 'https://127.0.0.1'", "ca_file '/ca.pem'")
{
	is($owner->error("CREATE SERVER x FOREIGN DATA WRAPPER hms OPTIONS ($option)")->{state}, '42501', "a plain role may not set: $option");
}
is($owner->error('CREATE SERVER plain FOREIGN DATA WRAPPER hms')->{state}, '', 'it may make a server without');
is($owner->error("ALTER SERVER plain OPTIONS (ADD api_url '$south->{url}')")->{state}, '42501', 'and may not move it afterwards');
is($owner->error("CREATE USER MAPPING FOR owner SERVER plain OPTIONS (access_key 'k', secret_file '$db->{secret_file}')")->{state}, '42501', 'nor name a file with a secret');
is($owner->error("CREATE USER MAPPING FOR owner SERVER plain OPTIONS (access_key 'main-key')")->{state}, '', 'nor does half a mapping');
{
	my $seen = seen(sub {
		my $error = $owner->error("SET hms.server = 'plain'; SELECT count(*) FROM hms_rooms()");
		is($error->{state}, '55000', 'get the other half from the settings');
		like($error->{message}, qr/server "plain" has neither option "secret_file" nor "secret"/, 'which the message says');
		is($owner->error("SELECT hms_management_token()")->{state}, '55000', 'no token is signed either');
	});
	is_deeply($seen, {}, 'and nothing is sent');
	$owner->value("DROP USER MAPPING FOR owner SERVER plain; CREATE USER MAPPING FOR owner SERVER plain OPTIONS (secret 'the-secret-of-main')");
	is($owner->error('SELECT count(*) FROM hms_rooms()')->{state}, '55000', 'nor the key');
	is($owner->error('SELECT count(*) FROM hms_rooms()')->{message}, 'option "access_key" of the user mapping on server "plain" is empty', 'and that is said');

	# a server without a URL is at 100ms, wherever the settings are
	$owner->value("ALTER USER MAPPING FOR owner SERVER plain OPTIONS (ADD access_key 'main-key')");
	$seen = seen(sub { is($owner->error('SELECT count(*) FROM hms_rooms()')->{state}, '08001', 'a server without a URL is at 100ms') });
	is_deeply($seen, {}, 'and never at the URL of the settings');
	is_deeply([ uniq(split /\n/, slurp_file($asked)) ], ['api.100ms.live'], 'which was looked for'); # by newer versions of libcurl twice
	$owner->error("SELECT hms_legacy_disable_room('r')");
	$owner->error("SELECT * FROM hms_legacy_templates()");
	is_deeply([ uniq(sort split /\n/, slurp_file($asked)) ], [ qw(api.100ms.live prod-in2.100ms.live prod-policy.100ms.live) ], 'the legacy URLs are those of 100ms too')
	  or diag slurp_file($asked);
	$owner->value('RESET hms.server');
}

# Nor take back what a superuser has said.
{
	$db->value("CREATE SERVER guarded FOREIGN DATA WRAPPER hms OPTIONS (api_url '$north->{url}', ca_file '/ca.pem'); ALTER SERVER guarded OWNER TO owner");
	foreach my $change ('DROP api_url', 'DROP ca_file', 'DROP api_url, DROP ca_file', "SET api_url '$south->{url}'", "ADD beam_url 'https://127.0.0.1'")
	{
		my $error = $owner->error("ALTER SERVER guarded OPTIONS ($change)");
		is($error->{state}, '42501', "its owner may not: $change") or diag $error->{text};
	}
	is($owner->error("ALTER SERVER guarded VERSION '2'")->{state}, '', 'what is no option he may change');
	is($owner->error('ALTER SERVER guarded RENAME TO his')->{state}, '', 'also the name');
	is($db->value("SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'his'"), "{api_url=$north->{url},ca_file=/ca.pem}", 'the options are as they were');
	is($db->error('ALTER SERVER his OPTIONS (DROP ca_file)')->{state}, '', 'a superuser may');
	is($owner->error('DROP SERVER his')->{state}, '', 'and the owner may drop it');
	$db->run("CREATE SERVER mine FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'a'); ALTER SERVER mine OWNER TO owner");
	is($owner->error("ALTER SERVER mine OPTIONS (SET host 'b')")->{state}, '', 'servers of others are none of our business');
}

# --- whose account

$db->value(qq{CREATE SERVER north FOREIGN DATA WRAPPER hms OPTIONS (api_url '$north->{url}');
	CREATE SERVER south FOREIGN DATA WRAPPER hms OPTIONS (api_url '$south->{url}');
	GRANT USAGE ON FOREIGN SERVER north, south TO app, reporting;
	CREATE USER MAPPING FOR app SERVER north OPTIONS (access_key 'north-key', secret_file '$north_file');
	CREATE USER MAPPING FOR PUBLIC SERVER south OPTIONS (access_key 'south-key', secret 'the-secret-of-south')});
my $app = $db->session(user => 'app');
my $reporting = $db->session(user => 'reporting');
my $nobody = $db->session(user => 'nobody');

sub is_account
{
	my ($session, $server, $want, $name) = @_;
	my $seen = seen(sub { is($session->value("SET hms.server = '$server'; $whose"), "room of $want", $name) });
	is_deeply($seen, { $want => 3 }, "$name: nothing goes elsewhere");
	return;
}
is_account($app, '', 'main-key', 'without hms.server the settings');
is_account($app, 'north', 'north-key', 'a mapping of the role');
is_account($app, 'south', 'south-key', 'a mapping of PUBLIC');
is_account($reporting, 'south', 'south-key', 'for each');
is_account($app, '', 'main-key', 'and back to the settings');

foreach my $case (
	[ $reporting, 'north', '42704', qr/user mapping not found for user "reporting", server "north"/, 'a role without a mapping' ],
	[ $nobody, 'north', '42501', qr/permission denied for foreign server north/, 'a role without USAGE' ],
	[ $nobody, 'south', '42501', qr/permission denied for foreign server south/, 'also where PUBLIC is mapped' ],
	[ $nobody, 'hms', '42501', qr/permission denied for foreign server hms/, 'also of the server of the settings' ],
	[ $app, 'nowhere', '42704', qr/server "nowhere" does not exist/, 'a server that there is not' ],
	[ $app, 'NORTH', '42704', qr/server "NORTH" does not exist/, 'a name is as it is in the catalog' ])
{
	my ($session, $server, $state, $message, $name) = @$case;
	my $seen = seen(sub {
		foreach my $sql ('SELECT count(*) FROM hms_rooms()', 'SELECT hms_create_room()', "SELECT hms_auth_token('r', 'x')",
			'SELECT hms_management_token()', "SELECT hms_verify_token('x.y.z')", "SELECT hms_api_get('/rooms')", "SELECT count(*) FROM hms_sessions() LIMIT 1")
		{
			my $error = $session->error("SET hms.server = '$server'; $sql");
			is($error->{state}, $state, "$name: $sql");
			like($error->{message}, $message, 'and the message says it');
		}
	});
	is_deeply($seen, {}, "$name: nothing is sent");
	$session->value('RESET hms.server');
}
$db->value('CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw; GRANT USAGE ON FOREIGN SERVER other TO app');
is($app->error("SET hms.server = 'other'; SELECT hms_management_token()")->{state}, '42809', 'a server of another wrapper');
$app->value('RESET hms.server');
is($db->value("SET hms.server = 'hms'; SELECT name FROM hms_room('room-of-main-key')"), 'room of main-key', 'the server hms is the settings');
is($db->value("ALTER ROLE app SET hms.server = 'north'"), '', 'a role can be set up with its account');
{
	my $later = $db->session(user => 'app');
	is_account($later, 'north', 'north-key', 'which it then has');
	$later->quit;
	$db->value('ALTER ROLE app RESET hms.server');
}

# Everything that signs or sends goes by it.
{
	$app->value("SET hms.server = 'north'");
	my $token = $app->value("SELECT hms_auth_token('r', 'teacher', 'u')");
	is($app->value("SELECT hms_verify_token('$token')->>'access_key'"), 'north-key', 'a token for a client is by the account');
	is($app->value('SELECT name FROM hms_create_room(jsonb_build_object($$name$$, $$made$$))'), 'made', 'a write');
	is(scalar(grep { $_->{name} eq 'made' } @{ $north->world->{rooms} }), 1, 'is done there');
	is($app->value("SELECT hms_api_get('/rooms/room-of-north-key')->>'name'"), 'room of north-key', 'any endpoint');
	$app->value("SET hms.server = 'south'");
	is($app->error("SELECT hms_verify_token('$token')")->{state}, '28000', 'and is none of another');
	my $own = $app->value("SET hms.server = ''; SELECT hms_auth_token('r', 'teacher', 'u')");
	is($app->value("SELECT hms_verify_token('$own')->>'access_key'"), 'main-key', 'the settings sign for themselves');
}

# One statement that signs for two accounts.
{
	my @keys = split /\n/, $app->value(q{SELECT (hms_verify_token(hms_auth_token('r', set_config('hms.server', s, false)))->>'access_key') FROM (VALUES ('north'), ('south'), ('north')) v(s) WHERE s <> ''});
	is_deeply(\@keys, [qw(north-key south-key north-key)], 'a statement that changes hms.server signs by each');
	$app->value('RESET hms.server');
}

# A SECURITY DEFINER function has the mapping of its owner, a view of functions that of the caller.
$db->value(q{CREATE FUNCTION of_app() RETURNS text LANGUAGE sql SECURITY DEFINER SET hms.server = 'north' AS $$SELECT name FROM hms_room('room-of-north-key')$$;
	ALTER FUNCTION of_app() OWNER TO app});
is($nobody->value('SELECT of_app()'), 'room of north-key', 'the mapping is that of whom the function runs as');
is($nobody->value('SHOW hms.server'), '', 'and is not left behind');

# --- tokens

{
	$app->value("SET hms.server = 'north'; SELECT count(*) FROM hms_rooms(); SET hms.server = 'south'; SELECT count(*) FROM hms_rooms(); SET hms.server = ''; SELECT count(*) FROM hms_rooms()");
	my $minted = $app->value('SELECT tokens_minted FROM hms_stats()');
	my %token;
	foreach my $server (('north', 'south', '') x 3)
	{
		$_->clear foreach $main, $north, $south;
		$app->value("SET hms.server = '$server'; SELECT count(*) FROM hms_rooms()");
		$token{$server}{ $_->{token_id} } = 1 foreach $main->log, $north->log, $south->log;
	}
	is_deeply([ map { scalar keys %{ $token{$_} } } 'north', 'south', '' ], [ 1, 1, 1 ], 'each account keeps its token');
	is($app->value('SELECT tokens_minted FROM hms_stats()'), $minted, 'and no other was signed');
	$db->value("CREATE USER MAPPING FOR nobody SERVER north OPTIONS (access_key 'x'); DROP USER MAPPING FOR nobody SERVER north; COMMENT ON SERVER south IS 'south'; ALTER SERVER plain VERSION '2'");
	$app->value("SET hms.server = 'north'; SELECT count(*) FROM hms_rooms(); SET hms.server = 'south'; SELECT count(*) FROM hms_rooms()");
	is($app->value('SELECT tokens_minted FROM hms_stats()'), $minted, 'also when something else changes in the catalogs');
	$app->value("SET hms.server = 'north'");
	foreach my $status (401, 403)
	{
		$north->faults({ status => $status, times => 1 });
		my $seen = seen(sub { is($app->value('SELECT count(*) > 0 FROM hms_rooms(name => $$none$$)'), 'f', "a token that is refused ($status) is renewed") });
		is_deeply($seen, { 'north-key' => 2 }, 'once, at its own place');
		$north->faults;
	}
}

# --- a change is at work at the next call

$app->value("SET hms.server = 'north'");
is($app->value("SELECT name FROM hms_room('room-of-north-key')"), 'room of north-key', 'before');
$db->value("ALTER SERVER north OPTIONS (SET api_url '$south->{url}')");
{
	$south->clear;
	is($app->error('SELECT count(*) FROM hms_rooms()')->{state}, 'MS401', 'ALTER SERVER');
	my @log = $south->log;
	is($log[0]{claims}{access_key}, 'north-key', 'moves the requests of an open session');
}
$db->value("ALTER USER MAPPING FOR app SERVER north OPTIONS (SET access_key 'south-key', DROP secret_file, ADD secret 'the-secret-of-south')");
is($app->value("SELECT name FROM hms_room('room-of-south-key')"), 'room of south-key', 'ALTER USER MAPPING');
$db->value("BEGIN; ALTER SERVER north OPTIONS (SET api_url '$north->{url}'); ROLLBACK");
is($app->value("SELECT name FROM hms_room('room-of-south-key')"), 'room of south-key', 'what is rolled back is not at work');
$db->value("ALTER SERVER north OPTIONS (SET api_url '$north->{url}'); ALTER USER MAPPING FOR app SERVER north OPTIONS (SET access_key 'north-key', ADD secret_file '$north_file', DROP secret)");
is_account($app, 'north', 'north-key', 'and back');
{
	my $admin = $db->session;
	$admin->value("BEGIN; CREATE USER MAPPING FOR postgres SERVER north OPTIONS (access_key 'north-key', secret '$north->{secret}'); SET LOCAL hms.server = 'north'");
	is($admin->value("SELECT name FROM hms_room('room-of-north-key')"), 'room of north-key', 'a mapping is there in the transaction that makes it');
	$admin->value('ROLLBACK');
	is($admin->error("SET hms.server = 'north'; SELECT count(*) FROM hms_rooms()")->{state}, '42704', 'and gone with it');
	$admin->quit;
}
$db->value('REVOKE USAGE ON FOREIGN SERVER north FROM app');
is($app->error('SELECT count(*) FROM hms_rooms()')->{state}, '42501', 'REVOKE USAGE');
$db->value('GRANT USAGE ON FOREIGN SERVER north TO app');

# A cursor that is open goes on with what it began with, and no further than its token is good for.
$north->load(room_id => 'room-of-north-key', sessions => 300);
foreach my $refused (0, 1)
{
	$app->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM hms_sessions('room-of-north-key'); FETCH 1 FROM c");
	$db->value('DROP USER MAPPING FOR app SERVER north');
	$north->faults({ status => 401, times => 0 }) if $refused;
	my $error = $app->error('MOVE ALL FROM c');
	is($error->{state}, $refused ? 'MS401' : '', $refused ? 'but it is given no new token' : 'a mapping that is dropped while a cursor is open does not stop it');
	$app->value('ROLLBACK');
	is($app->error('SELECT count(*) FROM hms_rooms()')->{state}, '42704', 'the next statement has none');
	$north->faults;
	$db->value("CREATE USER MAPPING FOR app SERVER north OPTIONS (access_key 'north-key', secret_file '$north_file')");
}
is($app->value("SELECT name FROM hms_room('room-of-north-key')"), 'room of north-key', 'a new mapping serves the next');

# A secret file of a mapping is guarded as that of the settings.
chmod 0644, $north_file;
{
	my $other = $db->session(user => 'app');
	my $error = $other->error("SET hms.server = 'north'; SELECT hms_management_token()");
	is($error->{state}, '55000', 'a secret file that others can read is refused');
	is($error->{message}, 'the file of option "secret_file" of the user mapping on server "north" can be read by others', 'by the name of the option');
	$other->quit;
}
chmod 0600, $north_file;

# --- the server hms is the settings only as it was made

$db->value("ALTER SERVER hms OWNER TO owner");
is($owner->error("ALTER SERVER hms OPTIONS (ADD api_url '$south->{url}')")->{state}, '42501', 'whoever owns it cannot move it');
$owner->value("SET hms.server = 'hms'");
is($owner->value("SELECT name FROM hms_room('room-of-main-key')"), 'room of main-key', 'its owner uses it');
foreach my $case (
	[ "ALTER SERVER hms OPTIONS (ADD api_url '$south->{url}')", 'ALTER SERVER hms OPTIONS (DROP api_url)', 'hms', 'given a URL' ],
	[ 'ALTER SERVER hms RENAME TO renamed', 'ALTER SERVER renamed RENAME TO hms', 'renamed', 'renamed' ],
	[ 'ALTER SERVER hms RENAME TO renamed; CREATE SERVER hms FOREIGN DATA WRAPPER hms; GRANT USAGE ON FOREIGN SERVER hms TO owner', 'DROP SERVER hms; ALTER SERVER renamed RENAME TO hms', 'hms', 'another of its name' ])
{
	my ($do, $undo, $server, $name) = @$case;
	$db->value($do);
	my $seen = seen(sub { is($owner->error("SET hms.server = '$server'; SELECT count(*) FROM hms_rooms()")->{state}, '42704', "$name it needs a mapping like any other") });
	is_deeply($seen, {}, 'and no token of the settings leaves');
	$db->value($undo);
	is($owner->value("SET hms.server = 'hms'; SELECT name FROM hms_room('room-of-main-key')"), 'room of main-key', 'put back it is itself again');
}

# --- what others see

$owner->value('DROP SERVER plain CASCADE');
my $secrets = qr/the-secret-of|eyJ[\w-]{10,}|\Q$north_file\E/;
foreach my $session ($reporting, $nobody)
{
	foreach my $sql ('SELECT * FROM pg_user_mappings', 'SELECT * FROM pg_foreign_server', 'SELECT * FROM information_schema.user_mapping_options', 'SELECT * FROM pg_user_mapping')
	{
		my ($out, $err) = $session->ask($sql);
		unlike($out . $err, $secrets, "another role sees no secret in: $sql");
	}
}
foreach my $role (qw(reporting nobody owner))
{
	my ($out, $err) = run_command([ 'pg_dump', '-U', $role, '-h', $db->host, '-p', $db->port, '--schema-only', 'postgres' ]);
	like($out, qr/CREATE USER MAPPING FOR app SERVER north/, "pg_dump as $role has the mappings") or diag $err;
	unlike($out, $secrets, 'and no secret of another');
}

# A dump by a superuser has all, and makes all again.
{
	my ($out) = run_command([ 'pg_dump', '-U', 'postgres', '-h', $db->host, '-p', $db->port, 'postgres' ]);
	$db->value('CREATE DATABASE restored');
	my $file = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
	append_to_file($file, $out);
	my ($done, $err) = run_command([ 'psql', '-XqU', 'postgres', '-h', $db->host, '-p', $db->port, '-v', 'ON_ERROR_STOP=1', '-f', $file, 'restored' ]);
	is($err, '', 'a dump is restored');
	is((run_command([ 'psql', '-XAtqU', 'app', '-h', $db->host, '-p', $db->port, '-c', "SET hms.server = 'north'", '-c', "SELECT name FROM hms_room('room-of-north-key')", 'restored' ]))[0], 'room of north-key', 'and has the accounts');
	$db->value('DROP DATABASE restored');
}

# --- operation

{
	my $checks = decode($app->value('SELECT json_object_agg("check", ok) FROM hms_check()'));
	is_deeply({ map { $_ => $checks->{$_} } grep { /^server/ } keys %$checks },
		{ map { ("server $_: access_key" => true, "server $_: secret" => true, "server $_: reachable" => true, "server $_: token accepted" => true, "server $_: clock" => true) } qw(north south) },
		'hms_check looks at each server that the caller may use');
	is_deeply(seen(sub { $app->value('SELECT count(*) FROM hms_check()') }), { 'main-key' => 1, 'north-key' => 1, 'south-key' => 1 }, 'by one request each');
	$checks = decode($nobody->value('SELECT json_object_agg("check", ok) FROM hms_check()'));
	is_deeply([ grep { /^server/ } keys %$checks ], [], 'and at no other');
	$db->value("ALTER USER MAPPING FOR app SERVER north OPTIONS (SET access_key 'wrong-key')");
	$checks = $app->value(q{SELECT string_agg("check" || ': ' || detail, '; ') FROM hms_check() WHERE NOT ok});
	like($checks, qr/^server north: token accepted: HTTP status 401/, 'what is wrong is a row');
	unlike($checks, qr/; /, 'and the others are well');
	like($app->error("SET hms.server = 'north'; SELECT count(*) FROM hms_rooms()")->{hint}, qr/user mapping on server "north"/, 'the hint of the error names the mapping');
	$db->value("ALTER USER MAPPING FOR app SERVER north OPTIONS (SET access_key 'north-key', DROP secret_file)");
	$checks = $app->value(q{SELECT "check" || ': ' || detail FROM hms_check() WHERE NOT ok});
	is($checks, 'server north: secret: the user mapping has neither secret_file nor secret', 'half a mapping too');
	$db->value("ALTER USER MAPPING FOR app SERVER north OPTIONS (ADD secret_file '$north_file')");
}

# A webhook proves itself by the settings, not by an account that the caller chose.
{
	$db->value("CREATE SCHEMA video; SELECT hms_create_mirror('video')");
	my $body = encode({ id => 'e1', type => 'session.open.success', timestamp => '2026-01-01T10:00:00Z', data => {} });
	my $sign = sub { my ($key) = @_; return encode({ 'x-100ms-signature' => hmac_sha256_hex($body, $key) }) };
	my $receive = sub { my ($key) = @_; my $headers = $sign->($key); return $db->error("CREATE USER MAPPING IF NOT EXISTS FOR postgres SERVER south OPTIONS (access_key 'south-key', secret 'the-secret-of-south'); SET hms.server = 'south'; SELECT hms_receive_webhook('video', '$body', headers => '$headers', body => '$body')") };
	is($receive->($south->{secret})->{state}, '28000', 'a webhook that is signed by the account of hms.server is refused');
	is($receive->($main->{secret})->{state}, '', 'one by the settings is taken') or diag $receive->($main->{secret})->{text};
}

$_->quit foreach $owner, $app, $reporting, $nobody;
my @lines = grep { /the-secret-of|eyJ[\w-]{10,}\.[\w-]{10,}/ } split /\n/, slurp_file($db->logfile);
is_deeply([ grep { !/STATEMENT:/ } @lines ], [], 'nothing secret is in the log but what statements held themselves');
done_testing();
