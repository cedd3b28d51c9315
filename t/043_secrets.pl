# Secrets where t/005 does not look: views of statistics, settings before the library is loaded, the backend's memory
# after a token was signed. And tenants: roles with credentials of their own never get each other's tokens, also in a
# pooled backend that changes its role.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

# Two workspaces, each with a key and a secret that the other's server does not take.
my $red  = Hms::Api->launch('access-key' => 'key-of-red',  secret => "red-secret-$$-" . int rand 1e9);
my $blue = Hms::Api->launch('access-key' => 'key-of-blue', secret => "blue-secret-$$-" . int rand 1e9);
my $db   = Hms::Db->launch($red, shared_preload_libraries => 'pg_stat_statements', 'pg_stat_statements.track' => 'all', 'hms.retries' => 0);

my %file = (red => $db->{secret_file}, blue => $db->basedir . '/blue');
umask 077;
append_to_file($file{blue}, "$blue->{secret}\n");
umask 022;

my $hidden = join '|', map { quotemeta } $red->{secret}, $blue->{secret}, 'key-of-red', 'key-of-blue';

# What of the hidden things a text shows.
sub shown_in { return join ', ', $_[0] =~ /($hidden|eyJ[\w-]{10,}\.[\w-]{10,})/g }

$db->value(<<'SQL');
CREATE EXTENSION pg_stat_statements;
CREATE ROLE app LOGIN;
CREATE ROLE auditor LOGIN;
GRANT pg_read_all_stats TO auditor;
SELECT hms_grant('app', 'read'), hms_grant('app', 'write');
SQL

# --- views of statistics

{
	my $app = $db->session(user => 'app');
	$app->value('SELECT count(*) FROM hms_rooms()');
	$red->faults({ stall => true, times => 0 });
	my $busy = $db->session(user => 'app');
	$busy->begin('SELECT count(*) FROM hms_sessions()');
	$db->poll_query_until('postgres', "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $busy->{pid}") or die;

	foreach my $user (qw(app auditor postgres))
	{
		my $session = $db->session(user => $user);
		my $seen = '';
		foreach my $view (qw(pg_stat_activity pg_stat_statements pg_stat_ssl pg_stat_gssapi pg_db_role_setting pg_prepared_statements pg_cursors
			pg_stat_database pg_stat_user_functions), 'pg_backend_memory_contexts', 'hms_stats()')
		{
			my ($out, $err) = $session->ask("SELECT * FROM $view");
			$seen .= $out . $err;
		}
		like($seen, qr/hms_/, "$user sees statements of hms in the views of statistics") if $user ne 'app';
		is(shown_in($seen), '', "$user sees nothing secret in them");
		my ($out, $err) = $session->ask('SELECT * FROM pg_get_backend_memory_contexts(), pg_show_all_file_settings()');
		is(shown_in($out . $err), '', "$user: nor in pg_get_backend_memory_contexts") if $user ne 'postgres';
		$session->quit;
	}
	$db->value("SELECT pg_cancel_backend($busy->{pid})");
	$busy->finish;
	$red->faults;

	# hms_stats is numbers
	is($app->value("SELECT count(*) FROM hms_stats() s, jsonb_each(to_jsonb(s)) e WHERE jsonb_typeof(value) <> 'number'"), 0, 'hms_stats is numbers only');

	# a role that may read settings is meant to; one that may only see statistics is not
	my $auditor = $db->session(user => 'auditor');
	is($auditor->error('SHOW hms.access_key')->{state}, '42501', 'pg_read_all_stats does not show a setting');
	is($auditor->error('SELECT count(*) FROM hms_rooms()')->{state}, '42501', 'nor lets it call');
	$_->quit foreach $app, $busy, $auditor;
}

# --- what memory holds after a token was signed: the cached token, never the secret

SKIP:
{
	my $session = $db->session;
	$session->value("SELECT hms_auth_token('r', 'x', 'u' || i) FROM generate_series(1, 20) i");
	$session->value("SELECT hms_verify_token(hms_management_token())");
	$session->value('SELECT count(*) FROM hms_rooms()');
	$session->error("SELECT hms_verify_token('no.such.token')");
	my $found = eval { count_in_memory($session->{pid}, $red->{secret}) };
	skip 'the memory of another process cannot be read here', 1 unless defined $found;
	is($found, 0, 'no copy of the secret is left in memory');

	# the look itself finds what is there
	$session->value("SET application_name = 'look-" . 'for-me' . "'");
	cmp_ok(count_in_memory($session->{pid}, 'look-for-me'), '>', 0, 'where other text is found');
	$session->quit;
}

# How often a text stands in the writable memory of a process.
sub count_in_memory
{
	my ($pid, $text) = @_;
	my $count = 0;
	open my $memory, '<:raw', "/proc/$pid/mem" or die $!;
	foreach my $line (split /\n/, slurp_file("/proc/$pid/maps"))
	{
		my ($from, $to) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
		no warnings 'portable';
		sysseek $memory, hex $from, 0 or die $!;
		my ($left, $before) = (hex($to) - hex($from), '');
		next if $left > 2**40;    # AddressSanitizer's notes on every address, which hold no text
		while ($left > 0)
		{
			my $got = sysread $memory, my $piece, $left > 1e6 ? 1e6 : $left;
			die $! if !$got && $line =~ /heap/;
			last unless $got;
			$left -= $got;
			my $window = $before . $piece;
			$count += () = $window =~ /\Q$text\E/g;
			$before = substr $window, -length($text) + 1;
		}
	}
	return $count;
}

# --- tenants

# A role with its own credentials by ALTER ROLE, which apply when it logs in, and one that may set its own.
$db->value(<<SQL);
CREATE ROLE blue_app LOGIN;
ALTER ROLE blue_app SET hms.access_key = 'key-of-blue';
ALTER ROLE blue_app SET hms.secret_file = '$file{blue}';
ALTER ROLE blue_app SET hms.api_url = '$blue->{url}';
SELECT hms_grant('blue_app', 'read'), hms_grant('blue_app', 'tokens');
CREATE ROLE pool LOGIN;
GRANT app, blue_app TO pool;
CREATE ROLE chooser LOGIN;
SELECT hms_grant('chooser', 'read'), hms_grant('pool', 'read');
SQL

# The access keys of the tokens that each server was shown by a piece of code.
sub keys_shown
{
	my ($code) = @_;
	$_->clear foreach $red, $blue;
	$code->();
	my %shown;
	foreach my $server (['red', $red], ['blue', $blue])
	{
		$shown{ $server->[0] }{ $_->{claims}{access_key} // 'none' } = 1 foreach $server->[1]->log;
	}
	return join ' ', map { "$_:" . join ',', sort keys %{ $shown{$_} } } sort keys %shown;
}
my $call = 'SELECT count(*) > 0 FROM hms_rooms()';

{
	my $app  = $db->session(user => 'app');
	my $blue_app = $db->session(user => 'blue_app');
	is(keys_shown(sub { $app->value($call); $blue_app->value($call); $app->value($call) }), 'blue:key-of-blue red:key-of-red', 'each role has its own credentials');
	is($blue_app->value("SELECT hms_verify_token(hms_auth_token('r', 'x')) ->> 'access_key'"), 'key-of-blue', 'also in the tokens that it mints');
	is($blue_app->error('SHOW hms.secret_file')->{state}, '42501', 'without seeing them');
	like($blue_app->value('SELECT setconfig FROM pg_db_role_setting'), qr/hms\.secret_file/, 'what ALTER ROLE was given is readable: a path, not a secret');
	my ($out, $err) = $blue_app->ask('RESET ALL; RESET hms.access_key; DISCARD ALL');
	is(keys_shown(sub { $blue_app->value($call) }), 'blue:key-of-blue', 'RESET ALL and DISCARD ALL go back to the credentials of the role');
	is(keys_shown(sub { $app->error("SET hms.access_key = 'key-of-blue'"); $app->value($call) }), 'red:key-of-red', 'a role cannot take those of another');
	$_->quit foreach $app, $blue_app;
}

# A pooled backend: the credentials are those of the login role, whatever SET ROLE says, and a token is never one that
# was made for other settings.
{
	my $pool = $db->session(user => 'pool');
	is(keys_shown(sub { $pool->value($call); $pool->value("SET ROLE blue_app; $call; RESET ROLE"); $pool->value("SET ROLE app; $call; RESET ROLE; $call") }),
		'red:key-of-red', 'SET ROLE changes what may be called, not whose credentials are used');
	is($pool->error("SET ROLE auditor; $call")->{state}, '42501', 'a role that the pool is no member of') ;
	$pool->ask('RESET ROLE');
	$pool->quit;

	# a superuser's pool that sets the credentials itself, as a proxy does
	my $session = $db->session;
	my $to_blue = "SET hms.access_key = 'key-of-blue'; SET hms.secret_file = '$file{blue}'; SET hms.api_url = '$blue->{url}'";
	foreach my $reset ('RESET ALL', 'DISCARD ALL', 'RESET hms.access_key; RESET hms.secret_file; RESET hms.api_url')
	{
		is(keys_shown(sub { $session->value("$to_blue; $call") }), 'blue:key-of-blue', "set to the other tenant, before $reset");
		is(keys_shown(sub { $session->ask($reset); $session->ask('\set VERBOSITY verbose'); $session->value($call) }), 'red:key-of-red', "and after $reset");
	}
	is(keys_shown(sub { $session->value("BEGIN; SET LOCAL hms.access_key = 'key-of-blue'; SET LOCAL hms.secret_file = '$file{blue}'; SET LOCAL hms.api_url = '$blue->{url}'; $call; COMMIT; $call") }),
		'blue:key-of-blue red:key-of-red', 'SET LOCAL ends with its transaction');
	is(keys_shown(sub { $session->ask("BEGIN; $to_blue; SAVEPOINT s; $call; ROLLBACK"); $session->value($call) }),
		'blue:key-of-blue red:key-of-red', 'a rollback takes the settings back');
	is(keys_shown(sub { $session->ask("BEGIN; SAVEPOINT s; $to_blue; $call; ROLLBACK TO s; $call; COMMIT") }),
		'blue:key-of-blue red:key-of-red', 'so does one to a savepoint');

	# a function with settings of its own
	$session->value("CREATE FUNCTION blue_rooms() RETURNS bigint LANGUAGE sql SET hms.access_key = 'key-of-blue' SET hms.secret_file = '$file{blue}' SET hms.api_url = '$blue->{url}' AS 'SELECT count(*) FROM hms_rooms()'");
	is(keys_shown(sub { $session->value("SELECT blue_rooms(); $call; SELECT blue_rooms() FROM generate_series(1, 3)") }), 'blue:key-of-blue red:key-of-red', 'a function with SET is a tenant of its own');

	# a walk that began with one tenant does not go on with another
	$red->load(room_id => 'long', events => 400);
	$blue->load(room_id => 'long', events => 400);
	my $out;
	is(keys_shown(sub { $out = $session->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM hms_track_events('long'); FETCH 1 FROM c; $to_blue; MOVE 250 FROM c; ROLLBACK") }),
		'red:key-of-red', 'a walk goes on where and as whom it began');
	$red->faults({ status => 401, path => 'events', after => 1, times => 0 });
	my $error;
	is(keys_shown(sub { $error = $session->error("BEGIN; DECLARE c CURSOR FOR SELECT id FROM hms_track_events('long'); FETCH 1 FROM c; $to_blue; MOVE 250 FROM c") }),
		'red:key-of-red', 'also when its token is refused meanwhile');
	is($error->{state}, 'MS401', 'it ends with that refusal then');
	$session->ask('ROLLBACK');
	$red->faults;
	$session->quit;
}

# By GRANT SET ON PARAMETER a role sets what it cannot read.
SKIP:
{
	skip 'GRANT SET ON PARAMETER is from PostgreSQL 15', 11 if $db->value('SHOW server_version_num') < 150000;
	$db->value('GRANT SET ON PARAMETER hms.access_key, hms.secret_file, hms.api_url TO chooser');
	my $chooser = $db->session(user => 'chooser');
	is(keys_shown(sub { $chooser->value("SET hms.access_key = 'key-of-blue'; SET hms.secret_file = '$file{blue}'; SET hms.api_url = '$blue->{url}'; $call; RESET ALL; $call") }),
		'blue:key-of-blue red:key-of-red', 'a role that may set the parameters chooses its tenant');
	foreach my $setting (qw(hms.access_key hms.secret_file))
	{
		is($chooser->error("SET hms.access_key = 'key-of-blue'; SHOW $setting")->{state}, '42501', "and cannot read $setting, its own value included");
	}
	is($chooser->error("SET hms.secret = 'x'")->{state}, '42501', 'nor set what it was not granted');
	my $error = $chooser->error("SET hms.api_url = 'http://evil.example.com/'");
	is($error->{state}, '22023', 'the checks hold for it too');
	is(shown_in($error->{text}), '', 'and say nothing');

	# a file that is no secret file tells nothing of what is in it
	foreach my $path ('/etc/passwd', $db->data_dir . '/postgresql.conf', $db->data_dir . '/PG_VERSION', '/proc/self/environ', '/dev/zero')
	{
		$error = $chooser->error("SET hms.secret_file = '$path'; $call");
		ok($error->{state} =~ /^(?:55000|MS401)$/ && $error->{text} !~ /root:|PGDATA|^\d\d$/m, "hms.secret_file = $path: $error->{state}, and none of its text") or diag $error->{text};
	}
	$chooser->quit;
}

# --- before the library is loaded a setting is a placeholder that anybody may read; hms_check says so

{
	$db->append_conf('postgresql.conf', "session_preload_libraries = ''");
	$db->reload;
	$db->poll_query_until('postgres', "SELECT setting = '' FROM pg_settings WHERE name = 'session_preload_libraries'");
	my $app = $db->session(user => 'app');
	is($app->value('SHOW hms.access_key'), 'key-of-red', 'without the preload the access key is readable (which is why it is documented)');
	like($app->value('SHOW hms.secret_file'), qr/secret/, 'and the path of the secret file, but not the secret');
	$app->value($call);
	is($app->error('SHOW hms.access_key')->{state}, '42501', 'from the first call of the session on it is not');
	my $check = $db->rows('SELECT * FROM hms_check() WHERE NOT ok');
	is(scalar(grep { $_->{check} eq 'preload' && $_->{detail} =~ /session_preload_libraries/ } @$check), 1, 'hms_check says what to set');
	$app->quit;
	$db->append_conf('postgresql.conf', "session_preload_libraries = 'hms'");
	$db->reload;
}

# The server log: statements that hold a secret are the DBA's own; nothing else may.
my @lines = grep { !/statement: |STATEMENT: |CREATE FUNCTION|ALTER ROLE/ && /\Q$red->{secret}\E|\Q$blue->{secret}\E|eyJ[\w-]{10,}\.[\w-]{10,}/ } split /\n/, slurp_file($db->logfile);
is(scalar @lines, 0, 'nothing secret in the server log') or diag $lines[0];
done_testing();
