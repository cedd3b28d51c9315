# Where the secret and the tokens are not: an ordinary role that may call a function sees them nowhere, and neither does
# the server log. How the secret file is guarded, and when a token is made anew.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, log_min_messages => 'debug5', log_error_verbosity => 'verbose');
my $bad = Hms::Api->launch('access-key' => $api->{access_key}, secret => 'another-secret-of-the-same-workspace');

my $room = $api->world->{rooms}[0]{id};
my %hidden = (secret => $api->{secret}, 'access key' => $api->{access_key}, 'secret file' => $db->{secret_file});

# What of the hidden things a text shows, tokens included.
sub shown_in
{
	my ($text) = @_;
	my @found = grep { index($text, $hidden{$_}) >= 0 } sort keys %hidden;
	push @found, 'token' if $text =~ /eyJ[\w-]{10,}/;
	return join ', ', @found;
}

# A role with EXECUTE on the functions and nothing else.
$db->run('CREATE ROLE app LOGIN');
$db->value("DO \$\$ DECLARE f regprocedure; BEGIN
	FOR f IN SELECT oid FROM pg_proc WHERE proname IN ('hms_rooms', 'hms_room', 'hms_api_post', 'hms_create_room', 'hms_stats', 'hms_check', 'hms_verify_token')
	LOOP EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app', f); END LOOP; END \$\$");
my $app = $db->session(user => 'app');
is($app->value('SELECT current_user'), 'app', 'an ordinary role');
is($app->value('SELECT count(*) > 0 FROM hms_rooms()'), 't', 'can use what it may execute');
is($app->error("SELECT hms_auth_token('r', 'x')")->{state}, '42501', 'and nothing else');

# Every way to look at a setting.
my @settings = qw(hms.access_key hms.secret hms.secret_file);
foreach my $setting (@settings)
{
	is($app->error("SHOW $setting")->{state}, '42501', "SHOW $setting");
	is($app->error("SELECT current_setting('$setting')")->{state}, '42501', "current_setting('$setting')");
	is($app->error("SET $setting = 'x'")->{state}, '42501', "SET $setting");
	is($app->error("SELECT set_config('$setting', 'x', false)")->{state}, '42501', "set_config('$setting')");
	is($app->error("ALTER ROLE app SET $setting = 'x'")->{state}, '42501', "ALTER ROLE SET $setting");
	my ($out, $err) = $app->ask("BEGIN; RESET $setting; COMMIT");
	is(shown_in($out . $err), '', "RESET $setting");
}
foreach my $setting (qw(hms.api_url hms.beam_url hms.ca_file hms.max_response_size))
{
	is($app->error("SET $setting = '/x'")->{state}, '42501', "an ordinary role cannot SET $setting");
}
foreach my $query ('SHOW ALL', 'SELECT * FROM pg_settings', 'SELECT * FROM pg_file_settings', 'SELECT * FROM pg_db_role_setting',
	'SELECT * FROM pg_roles', 'SELECT * FROM pg_stat_activity', 'SELECT * FROM hms_stats()', 'SELECT * FROM hms_check()',
	"SELECT pg_read_file('$hidden{'secret file'}')", "COPY (SELECT 1) TO PROGRAM 'cat'", 'SELECT pg_show_all_settings()',
	'SELECT * FROM pg_config', "SELECT pg_ls_dir('/')", 'TABLE pg_backend_memory_contexts')
{
	my ($out, $err) = $app->ask($query);
	is(shown_in($out . $err), '', "nothing in: $query");
}
{
	my $path = $hidden{'secret file'};
	my ($out, $err) = $app->ask("SELECT 'read ' || pg_read_file('$path')");
	unlike($out, qr/read/, 'the file is not for reading');
}

# Errors at the highest verbosity, of every kind of failure, also where the server throws everything back at us.
my $echo = sub {
	my ($status) = @_;
	my ($seen) = reverse $api->log;
	return { status => $status, times => 0, body => encode({ message => "you sent $seen->{headers}{authorization}", details => [$seen->{headers}{authorization}] }) };
};
$app->value('SET hms.retries = 0');
$app->value("SET client_min_messages = debug5");
foreach my $fault (
	(map { $echo->($_) } 400, 401, 403, 404, 500), { reset => true, times => 0 }, { garbage => true, times => 0 },
	{ truncate => 10, times => 0 }, { raw_body => 'not json', times => 0 }, { raw_body => '{"data": 5}', times => 0 },
	{ status => 302, headers => { Location => 'http://127.0.0.1:1/' }, times => 0 })
{
	my $name = encode($fault);
	$api->faults($fault);
	my ($out, $err) = $app->ask('SELECT count(*) FROM hms_rooms()');
	like($err, qr/ERROR:  \w{5}:/, 'an error: ' . substr($name, 0, 40));
	is(shown_in($out . $err), '', 'with nothing secret in it, debug messages included');
	foreach my $sql ('SELECT hms_create_room()', "SELECT hms_api_post('/rooms')")
	{
		($out, $err) = $app->ask($sql);
		is(shown_in($err), '', "nor in: $sql");
	}
}
$api->faults;
foreach my $sql ("SELECT hms_verify_token('no.token.here')", "SELECT hms_verify_token('')", "SELECT hms_verify_token(repeat('x', 100000))")
{
	my ($out, $err) = $app->ask($sql);
	is(shown_in($out . $err), '', "nothing secret in: $sql");
}
$app->value('RESET client_min_messages');

# A token made for a client is in the answer of its statement and nowhere else.
my $token = $db->value("SELECT hms_auth_token('$room', 'teacher', 'u1')");
my ($signature) = $token =~ /\.([\w-]+)$/;

# The secret file: the server's own, and for nobody else to read.
my $admin = $db->session;
foreach my $mode (0640, 0604, 0660, 0644)
{
	chmod $mode, $db->{secret_file};
	my $text = sprintf '%04o', $mode;
	$admin->value('SELECT pg_reload_conf()');
	my $error = $db->error("SELECT hms_management_token()");
	is($error->{state}, '55000', "a secret file with mode $text is refused") or diag $error->{text};
	like($error->{detail}, qr/0600/, 'and the error says which mode would do');
}
chmod 0400, $db->{secret_file};
is($db->error('SELECT hms_management_token()')->{state}, '', 'mode 0400 is fine');
chmod 0600, $db->{secret_file};
my %files = (missing => '/nonexistent/secret', directory => $db->basedir, device => '/dev/null');
foreach my $kind (sort keys %files)
{
	my $error = $db->error("SET hms.secret_file = '$files{$kind}'; SELECT hms_management_token()");
	like($error->{state}, qr/^(?:55000|58\w\w\w|42501|42809)$/, "a secret file that is missing or odd is refused: $kind") or diag $error->{text};
}
foreach my $content ("$api->{secret}", "$api->{secret}\r\n", "$api->{secret}\nsecond line\n")
{
	unlink $db->{secret_file};
	umask 077;
	append_to_file($db->{secret_file}, $content);
	umask 022;
	is($db->value('SELECT count(*) > 0 FROM hms_rooms()'), 't', 'the secret is the first line: ' . encode($content =~ s/\Q$api->{secret}\E/…/r));
}
$db->write_secret('');
is($db->error('SELECT hms_management_token()')->{state}, '55000', 'an empty secret file is no secret');
$db->write_secret($api->{secret});

# A statement that signs for long notices a new secret.
{
	my $signer = $db->session;
	$signer->begin("CREATE TABLE made AS SELECT g, pg_sleep(0.8)::text || hms_auth_token('$room', 'teacher', 'u' || g) AS token FROM generate_series(1, 4) g");
	sleep 1;
	$db->write_secret("$api->{secret}-new");
	$signer->finish;
	is($signer->error('SELECT hms_verify_token(token) FROM made WHERE g = 1')->{state}, '28000', 'the first was signed with the secret before');
	is($signer->error('SELECT hms_verify_token(token) FROM made WHERE g = 4')->{state}, '', 'the last with the one after');
	$db->write_secret($api->{secret});
	is($signer->error("SELECT hms_verify_token(hms_auth_token('$room', 'teacher')); DROP TABLE made")->{state}, '', 'nothing is kept from statement to statement');
	$signer->quit;
}

# hms.secret, for those who must; the file wins.
is($db->value("SET hms.secret = 'ignored'; SELECT count(*) > 0 FROM hms_rooms()"), 't', 'hms.secret_file wins over hms.secret');

# When a token is made anew. One backend, so that it has a cache.
my $session = $db->session;
my $count   = sub { return $session->value('SELECT count(*) > 0 FROM hms_rooms()') };
my $tokens  = sub { my ($code) = @_; return [map { $_->{token_id} } $api->during($code)] };
my ($first) = @{ $tokens->($count) };
is_deeply($tokens->($count), [$first], 'a backend keeps its token');

foreach my $status (401, 403)
{
	my ($kept) = @{ $tokens->($count) };
	$api->faults({ status => $status, times => 1 });
	my $used = $tokens->($count);
	$api->faults;
	is(scalar @$used, 2, "$status: asked twice");
	is($used->[0], $kept, "$status: first by the token it had");
	isnt($used->[1], $kept, "$status: then by a new one");
	is_deeply($tokens->($count), [$used->[1]], "$status: which it keeps");
}

# The answer to the second try may be there before anybody waits for it, above all where server and backend share one
# processor. One call in two meets a 401.
system('taskset', '-cp', 0, $_) == 0 or die "could not pin process $_" foreach $api->{pid}, $session->{pid};
$api->faults(map { { status => 401, after => $_, times => 1 } } 0 .. 99);
$session->value("SET statement_timeout = '20s'");
is($session->value("SELECT count(hms_api_get('/sessions', jsonb_build_object('room_id', i))) FROM generate_series(1, 50) i"), 50, 'fifty times in a row');
is($session->value("SELECT count(*) FROM generate_series(1, 50) i, LATERAL (SELECT id FROM hms_rooms(enabled => i > 0) LIMIT 1) s"), 50, 'and in a walk');
$session->value('RESET statement_timeout');
$api->faults;

# Half a minute before its end; for that the backend's clock is set ahead, which the stand-in doesn't know of.
{
	my $ahead  = PostgreSQL::Test::Utils::tempdir() . '/ahead';
	my $source = <<'C' =~ s/AHEAD/"$ahead"/r;
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

time_t
time(time_t *result)
{
	struct timespec now;
	long		ahead = 0;
	FILE	   *file = fopen(AHEAD, "r");

	if (file != NULL && fscanf(file, "%ld", &ahead) != 1)
		ahead = 0;
	if (file != NULL)
		fclose(file);
	clock_gettime(CLOCK_REALTIME, &now);
	if (result != NULL)
		*result = now.tv_sec + ahead;
	return now.tv_sec + ahead;
}
C
	local $ENV{LD_PRELOAD} = preload_of($source);
	my $other  = Hms::Db->launch($api);
	my $early  = $other->session;
	my $call   = sub { $early->ask('SELECT count(*) FROM hms_rooms()') };
	my ($old)  = @{ $tokens->($call) };
	my $life   = 86400 - 10;
	my $set    = sub { unlink $ahead; append_to_file($ahead, $_[0]) };
	$set->($life - 30 - 20);
	is_deeply($tokens->($call), [$old], 'fifty seconds before its end the token is still used');
	$set->($life - 30 + 1);
	isnt($tokens->($call)->[0], $old, 'half a minute before its end it is not');
	$early->quit;
	$other->stop;
}

# Other credentials, another URL: at the next call.
my ($kept) = @{ $tokens->($count) };
$session->value("SET hms.access_key = 'another-key'");
$api->clear;
is($session->error('SELECT count(*) FROM hms_rooms()')->{state}, 'MS401', 'another access key is used at once');
is(($api->log)[0]{claims}{access_key}, 'another-key', 'in its token');
isnt(($api->log)[0]{token_id}, $kept, 'which is a new one');
$session->value('RESET hms.access_key');
is($count->(), 't', 'and back');
$session->value("SET hms.api_url = '$bad->{url}'");
$bad->clear;
$session->error('SELECT count(*) FROM hms_rooms()');
my @there = $bad->log;
isnt($there[0]{token_id}, $kept, 'a token made for one URL is not sent to another');
$session->value('RESET hms.api_url');
$db->write_secret($bad->{secret});
$session->value("SET hms.api_url = '$bad->{url}'");
is($count->(), 't', 'a secret file with another secret is noticed');
$session->value('RESET hms.api_url');
$db->write_secret($api->{secret});
is($count->(), 't', 'and back again');

# A reload that changes the access key reaches running backends.
$db->append_conf('postgresql.conf', "hms.access_key = 'reloaded-key'");
$db->reload;
$db->poll_query_until('postgres', "SELECT current_setting('hms.access_key') = 'reloaded-key'");
$api->clear;
$session->error('SELECT count(*) FROM hms_rooms()');
is(($api->log)[0]{claims}{access_key}, 'reloaded-key', 'a reload reaches a running backend');
$db->append_conf('postgresql.conf', "hms.access_key = '$api->{access_key}'");
$db->reload;
$db->poll_query_until('postgres', "SELECT current_setting('hms.access_key') = '$api->{access_key}'");

# Several tenants: a role that may set what it cannot read.
SKIP:
{
	skip 'GRANT SET ON PARAMETER is from PostgreSQL 15', 2 if $db->value('SHOW server_version_num') < 150000;
	$db->run("CREATE ROLE tenant LOGIN; GRANT SET ON PARAMETER hms.access_key TO tenant; SELECT hms_grant('tenant', 'read')");
	my $tenant = $db->session(user => 'tenant');
	$api->clear;
	$tenant->error("SET hms.access_key = 'tenant-key'; SELECT count(*) FROM hms_rooms()");
	is(($api->log)[0]{claims}{access_key}, 'tenant-key', 'a role that may set the access key uses its own');
	is($tenant->error('SHOW hms.access_key')->{state}, '42501', 'and still cannot read it');
	$tenant->quit;
}

# A backend that loads the library late must not show what it had as a placeholder: hms_check says so.
my $check = decode($db->value("SELECT json_object_agg(\"check\", ok) FROM hms_check()"));
ok($check->{preload}, 'hms_check is content with session_preload_libraries') or diag explain $check;
my $late = $db->value("SELECT count(*) FROM hms_check() WHERE NOT ok");
is($late, 0, 'hms_check finds nothing wrong here') or diag $db->value('SELECT * FROM hms_check()');
$db->append_conf('postgresql.conf', "session_preload_libraries = ''");
$db->reload;
$db->poll_query_until('postgres', "SELECT setting = '' FROM pg_settings WHERE name = 'session_preload_libraries'");
$late = $db->rows('SELECT * FROM hms_check() WHERE NOT ok');
cmp_ok(scalar @$late, '>=', 1, 'hms_check warns where the preload is missing');
is(shown_in(encode($late)), '', 'without showing anything');
$db->append_conf('postgresql.conf', "session_preload_libraries = 'hms'");
$db->reload;

# The server log, at debug5, after all of that. Statements that held a secret themselves are not among them.
cmp_ok(-s $db->logfile, '>', 100_000, 'the log is a long one');
foreach my $hidden (
	['the secret is not in the log', qr/\Q$api->{secret}\E|\Q$bad->{secret}\E/],
	['nor the token of a client', qr/\Q$signature\E/],
	['nor any other token', qr/eyJ[\w-]{10,}\.[\w-]{10,}/])
{
	my ($name, $pattern) = @$hidden;
	my @lines = grep { $_ =~ $pattern } split /\n/, slurp_file($db->logfile);
	ok(!@lines, $name) or diag scalar @lines . ' lines have it, the first: ' . substr($lines[0], 0, 300);
}

# Nor in what the backend tells about itself: its command line, and its environment.
foreach my $file (glob "/proc/$session->{pid}/{cmdline,environ}")
{
	is(shown_in(slurp_file($file)) =~ s/secret file//r, '', "not in $file") if -r $file;
}

# Last, because its statement is in the log: hms.secret, for those who must.
is($db->value("SET hms.secret_file = ''; SET hms.secret = '$api->{secret}'; SELECT count(*) > 0 FROM hms_rooms()"), 't', 'hms.secret works too');

$_->quit foreach $app, $admin, $session;
done_testing();
