# What a connection's start can't undo, what surrounds a key or secret, and what the door for webhooks asks for.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(hmac_sha256_hex);
use Hms;
use MIME::Base64 'decode_base64url';
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.webhook_secret' => 'configured');
$db->value(q{CREATE ROLE app LOGIN; CREATE ROLE boss LOGIN SUPERUSER; GRANT USAGE ON SCHEMA public TO app;
	CREATE SCHEMA video; SELECT hms_create_mirror('video');
	GRANT USAGE ON SCHEMA video TO app; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA video TO app;
	GRANT EXECUTE ON FUNCTION hms_receive_webhook TO app; SELECT hms_grant('app', 'tokens')});

# Runs SQL as a role whose connection starts with these options; (exit code, stdout, stderr).
sub start
{
	my ($role, $options, $sql) = @_;
	local $ENV{PGOPTIONS} = $options;
	my ($out, $err) = run_command([ qw(psql -XAtq -v VERBOSITY=verbose -c), $sql, $db->connstr('postgres') . " user=$role" ]);
	return ($? >> 8, $out, $err);
}

# --- startup options

my @guarded = @{ $db->column(q{SELECT name FROM pg_settings WHERE name LIKE 'hms.%' AND context = 'superuser' ORDER BY name}) };
cmp_ok(scalar @guarded, '>=', 10, 'there are settings for superusers only');
my %value = ('hms.max_response_size' => '1MB', 'hms.webhook_unproven' => 'on');
foreach my $setting (@guarded)
{
	foreach my $value ($value{$setting} // '', $setting =~ /_url$/ ? 'https://example.com' : ())
	{
		my ($code, $out, $err) = start('app', "-c $setting=$value", 'SELECT 1');
		is($code, 2, "a role can't start with $setting = '$value'");
		like($err, qr/FATAL:  (?:42501: )?permission denied to set parameter "\Q$setting\E" when connecting/, 'and is told why');
	}
}
my ($code, $out, $err) = start('app', '-c HMS.Webhook_Secret=', 'SELECT 1');
is($code, 2, 'in whatever case it is written');
($code, $out, $err) = start('app', '-c hms.page_size=20 -c hms.timeout=5s', q{SELECT current_setting('hms.page_size') || current_setting('hms.timeout')});
is($out, '205s', 'what a role may set it may start with') or diag $err;
($code, $out, $err) = start('boss', '-c hms.webhook_secret=other', q{SELECT current_setting('hms.webhook_secret')});
is($out, 'other', 'a superuser may start with any') or diag $err;
SKIP:
{
	skip 'GRANT SET ON PARAMETER is from PostgreSQL 15', 2 if $db->value('SHOW server_version_num') < 150000;
	$db->value(q{GRANT SET ON PARAMETER hms.access_key TO app});
	($code, $out, $err) = start('app', '-c hms.access_key=tenant', q{SELECT hms_auth_token('6450f1e2c3a4b5d6e7f80910', 'host')});
	is($code, 0, 'and so may who was granted the parameter') or diag $err;
	is(decode(decode_base64url((split /\./, $out)[1]))->{access_key}, 'tenant', 'whose value stands');
	$db->value(q{REVOKE SET ON PARAMETER hms.access_key FROM app});
}

# other ways to the same: before the library is there, by RESET, by a setting of the role or of a function
my $forged = q{SELECT hms_receive_webhook('video', '{"id": "forged", "type": "x"}', '{"x-webhook-secret": ""}')};
$db->value(q{ALTER ROLE boss SET hms.webhook_secret = ''});
foreach my $way (
	q{SET hms.webhook_secret = ''}, q{RESET hms.webhook_secret}, q{SELECT set_config('hms.webhook_secret', '', false)}, q{RESET ALL}, q{DISCARD ALL},
	q{ALTER ROLE app SET hms.webhook_secret = ''}, q{SET SESSION AUTHORIZATION boss}, q{SET ROLE boss},
	q{CREATE FUNCTION pg_temp.open() RETURNS void LANGUAGE sql SET hms.webhook_secret = '' AS 'SELECT'; SELECT pg_temp.open()})
{
	($code, $out, $err) = $db->run("$way;\n$forged", connstr => $db->connstr('postgres') . ' user=app', on_error_stop => 0);
	like($err, qr/ERROR:  28000/, "a forged webhook is refused after: $way");
}
$db->append_conf('postgresql.conf', "session_preload_libraries = ''");
$db->reload;
$db->poll_query_until('postgres', q{SELECT setting = '' FROM pg_settings WHERE name = 'session_preload_libraries'});
foreach my $way (q{SET hms.webhook_secret = ''}, q{SET LOCAL hms.webhook_secret = ''}, q{SELECT set_config('hms.webhook_secret', '', false)}, q{RESET hms.webhook_secret})
{
	($code, $out, $err) = $db->run("BEGIN; $way;\n$forged", connstr => $db->connstr('postgres') . ' user=app', on_error_stop => 0);
	like($err, qr/ERROR:  28000/, "and where the library comes late, after: $way");
}
($code, $out, $err) = start('app', '-c hms.webhook_secret=', $forged);
is($code, 2, 'a connection that started with it ends when the library comes');
like($err, qr/FATAL:  42501/, 'by a permission that is missing');
$db->append_conf('postgresql.conf', "session_preload_libraries = 'hms'");
$db->reload;
$db->poll_query_until('postgres', q{SELECT setting = 'hms' FROM pg_settings WHERE name = 'session_preload_libraries'});
is($db->value('SELECT count(*) FROM video.webhook_events'), 0, 'no forged webhook was stored');

# --- blanks around keys and secrets

my $bom = "\xef\xbb\xbf";
my $room = $api->world->{rooms}[0]{id};
foreach my $case (['blanks', '  ', '  '], ['tabs', "\t", "\t "], ['a byte-order mark', $bom, ''], ['a no-break space', "\xc2\xa0", "\xc2\xa0"], ['a carriage return', '', "\r"])
{
	my ($name, $before, $after) = @$case;
	unlink $db->{secret_file};
	umask 077;
	append_to_file($db->{secret_file}, "$before$api->{secret}$after\n");
	umask 022;
	($code, $out, $err) = $db->run(q{SELECT count(*) > 0 FROM hms_rooms(); SELECT count(*) > 0 FROM hms_rooms(); SELECT detail FROM hms_check() WHERE "check" = 'token accepted'});
	is($out, "t\nt\na list of rooms was answered", "$name around the secret in its file are not used") or diag $err;
	is(scalar(() = $err =~ /WARNING/g), $name eq 'a carriage return' ? 0 : 1, 'which is said once') or diag $err;
	unlike($err, qr/\Q$api->{secret}\E/, 'without showing it');
	($code, $out, $err) = $db->run("SET hms.secret_file = ''; SET hms.secret = '$before$api->{secret}$after'; SET hms.access_key = '$before$api->{access_key}$after'; SELECT count(*) > 0 FROM hms_rooms()");
	is($out, 't', "nor those around settings: $name") or diag $err;
	is(join(' ', sort $err =~ /setting "(.*?)"/g), 'hms.access_key hms.secret', 'each is named') or diag $err;
}
foreach my $blank (' ', "\t", $bom, " \t$bom ")
{
	is($db->error("SET hms.secret_file = ''; SET hms.secret = '$blank'; SELECT hms_management_token()")->{state}, '55000', 'blanks alone are no secret');
	is($db->error("SET hms.access_key = '$blank'; SELECT hms_management_token()")->{state}, '55000', 'nor a key');
	$db->write_secret($blank);
	is($db->error('SELECT hms_management_token()')->{state}, '55000', 'nor in the file');
}
$db->write_secret($api->{secret});
($code, $out, $err) = $db->run('SELECT count(*) > 0 FROM hms_rooms()');
is($err, '', 'where there are none nothing is said');

# --- the file that is not there

my $missing = q{SET hms.secret_file = '/nonexistent/the-secret'; };
like($db->error("$missing SELECT hms_management_token()")->{detail}, qr{"/nonexistent/the-secret"}, 'a secret file that is missing is named');
like($db->value("$missing SELECT detail FROM hms_check() WHERE \"check\" = 'secret'"), qr{/nonexistent/the-secret}, 'by hms_check too');
my $error = $db->error("$missing SET ROLE app; SELECT hms_auth_token('$room', 'host')");
is($error->{state}, '55000', 'an ordinary role is told that it is missing');
unlike($error->{text}, qr/nonexistent/, 'but not where it should be');

# --- what the door for webhooks asks

my $ids = 0;
my $door = sub {
	my ($settings, $headers, $body) = @_;
	my $event = encode({ id => 'event-' . ++$ids, type => 'x' });
	my $sent = ref $headers eq 'CODE' ? $headers->($event) : $headers;
	my $sql = join('; ', map { "SET hms.$_ = '$settings->{$_}'" } sort keys %$settings)
	  . "; SELECT hms_receive_webhook('video', '$event', " . (defined $sent ? "'" . encode($sent) . "'" : 'NULL') . ', ' . ($body ? "'$event'" : 'NULL') . ')';
	my (undef, $stored, $text) = $db->run($sql);
	my $refused = Hms::Db::parse_error($text);
	return $stored || "$refused->{state} $refused->{hint}";
};
my %none = (webhook_secret => '');
my $signed = sub { my ($key) = @_; return sub { return { 'X-100MS-Signature' => hmac_sha256_hex($_[0], $key) } } };
like($door->(\%none, undef), qr/^55000 .*hms\.webhook_secret.*hms\.webhook_key.*hms\.webhook_unproven/, 'without any proof set nothing is taken, and the settings are named');
like($door->(\%none, { 'x-webhook-secret' => '' }), qr/^55000/, 'also with an empty header');
like($door->({ %none, webhook_secret => " \t" }, { 'x-webhook-secret' => '' }), qr/^55000/, 'blanks are no secret');
is($door->(\%none, $signed->($api->{secret}), 1), 't', 'but what the app secret has signed');
like($door->(\%none, $signed->('another'), 1), qr/^28000/, 'and not what another has');
is($door->({ %none, webhook_unproven => 'on' }, undef), 't', 'hms.webhook_unproven opens it');
like($door->({ %none, webhook_unproven => 'on' }, $signed->('another'), 1), qr/^28000/, 'a wrong signature is refused even so');
like($door->({ webhook_unproven => 'on' }, undef), qr/^28000/, 'and so is a missing header where a secret is set');
is($door->({ webhook_secret => ' configured ' }, { 'X-WEBHOOK-SECRET' => 'configured' }), 't', 'blanks around the secret are not used');
foreach my $case (['X-Webhook-Secret', 'configured', 't'], ['x-webhook-secret', ['configured'], 't'], ['X-WEBHOOK-SECRET', ['configured'], 't'],
	['x-webhook-secret', ['configured', 'configured'], '28000'], ['x-webhook-secret', ['wrong', 'configured'], '28000'], ['x-webhook-secret', [], '28000'],
	['x-webhook-secret', [['configured']], '28000'], ['x-webhook-secret', { a => 'configured' }, '28000'], ['x-webhook-secret', [undef], '28000'])
{
	my ($name, $value, $want) = @$case;
	like($door->({}, { $name => $value }), qr/^$want/, "a header $name: " . encode($value));
}
like($door->({}, { 'x-webhook-secret' => 'wrong', 'X-Webhook-Secret' => 'configured' }), qr/^28000/, 'one that is there twice proves nothing');
is($door->({ %none, webhook_key => 'k' }, sub { return { 'X-100ms-Signature' => [ hmac_sha256_hex($_[0], 'k') ] } }, 1), 't', 'a signature may come as a list too');
foreach my $case ([{ webhook_secret => 's' }, 't|the header'], [{ webhook_secret => '', webhook_key => 'k' }, 't|a signature by hms.webhook_key'],
	[\%none, 't|neither'], [{ %none, webhook_unproven => 'on' }, 'f|hms.webhook_unproven'])
{
	my ($settings, $want) = @$case;
	like($db->value(join('; ', map { "SET hms.$_ = '$settings->{$_}'" } sort keys %$settings) . q{; SELECT ok, detail FROM hms_check() WHERE "check" = 'webhook proof'}), qr/^\Q$want\E/, "hms_check says: $want");
}

done_testing();
