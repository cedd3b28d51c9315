# What needs no library, as an extension of its own (script/tle): on a server that has none of hms it makes the reports that
# hms makes, of rows that something else brought and of webhooks; and docs/platforms.md keeps its word on it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(hmac_sha256_hex);
use Docs;
use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $sharedir = `pg_config --sharedir`;
chomp $sharedir;
my @files = map { "$sharedir/extension/hms_reports$_" } '.control', '--1.0.sql', '--1.0.pgtle.sql';
END { unlink @files }
system_or_bail("$ENV{top_builddir}/script/tle", "$sharedir/extension");

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, timezone => 'UTC', 'hms.webhook_secret' => 'word');
$db->value(q{CREATE SCHEMA video; SELECT hms_create_mirror('video')});
$db->value(q{CALL hms_sync('video')});

my $bare = Hms::Db->new('bare');
$bare->init(extra => [qw(-U postgres -E UTF8 --locale=C.UTF-8)]);
$bare->append_conf('postgresql.conf', "timezone = 'UTC'\nlog_statement = none");
$bare->start;

# SQL text of Perl data.
sub literal { my ($data) = @_; my $text = ref $data ? encode($data) : $data; $text =~ s/'/''/g; return "'$text'" }

# What the page says, with rows that Airbyte would have brought.
my $world = $api->world;
my $dir   = PostgreSQL::Test::Utils::tempdir();
$bare->value('CREATE SCHEMA airbyte');
foreach my $table (qw(rooms sessions events))
{
	append_to_file("$dir/$table", join '', map { encode($_) =~ s/\\/\\\\/gr . "\n" } @{ $world->{$table} });
	chmod 0644, "$dir/$table";
	$bare->value("CREATE TABLE airbyte.$table (data jsonb); COPY airbyte.$table FROM '$dir/$table'");
}
foreach (statements('docs/platforms.md'))
{
	my ($line, $sql) = @$_;
	my ($code, $out, $err) = $bare->run($sql);
	is("$code $err", '0 ', "docs/platforms.md:$line runs") or diag $sql;
	cmp_ok(length $out, '>', 0, "docs/platforms.md:$line has rows") if $sql =~ /^SELECT (?!hms_create)/;
}

# It is SQL: nothing of it is C, no backend has the library, and what it calls is there.
my $members = "pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'"
  . " JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'hms_reports' JOIN pg_language AS l ON l.oid = p.prolang";
is_deeply($bare->column("SELECT DISTINCT l.lanname FROM $members ORDER BY 1"), [qw(plpgsql sql)], 'all of it is SQL and PL/pgSQL');
is($bare->value("SELECT count(*) FROM $members JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = 'public' AND has_function_privilege('pg_monitor', p.oid, 'EXECUTE')"),
	0, 'what is public is not open to all');
SKIP:
{
	skip 'plpgsql_check is not installed', 1 unless $bare->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'plpgsql_check'");
	is($bare->value('CREATE EXTENSION plpgsql_check; SET search_path = pg_catalog, video, hms_internal, public, pg_temp;'
			. " SELECT coalesce(string_agg(p.oid::regprocedure || ': ' || c.message, E'\\n'), '') FROM $members, LATERAL plpgsql_check_function_tb(p.oid) AS c WHERE l.lanname = 'plpgsql' AND c.message !~ '^routine is marked as STABLE'"),
		'', 'and calls nothing that is not there');
}
my $session = $bare->session;
$session->value("SELECT count(*) FROM lake.session_usage; SELECT length(hms_report_html('lake'))");
unlike(slurp_file("/proc/$session->{pid}/maps"), qr/hms\.so/, 'without the library');
$session->{psql}->quit;

# The same rows, from the extension over the API and from the views over what was brought.
my $over = 'session_id IN (SELECT u.session_id FROM %s AS u WHERE NOT u.active)';
foreach my $report ([ attendance => 'hms_attendance()' ], [ session_usage => 'hms_session_usage()' ],
	[ talk_time => 'hms_talk_time(ARRAY(SELECT id FROM hms_rooms()))' ])
{
	my ($view, $function) = @$report;
	my $want = $db->column("SELECT r::text FROM $function AS r WHERE " . sprintf($over, 'hms_session_usage()') . ' ORDER BY r::text COLLATE "C"');
	my $got  = $bare->column("SELECT r::text FROM lake.$view AS r WHERE " . sprintf($over, 'lake.session_usage') . ' ORDER BY r::text COLLATE "C"');
	cmp_ok(scalar @$want, '>', 5, "there is something to compare: $view");
	is_deeply($got, $want, "$view over rows from elsewhere is $function");
}
my $room = $db->value('SELECT room_id FROM video.session_usage GROUP BY room_id HAVING NOT bool_or(active) ORDER BY count(*) DESC, room_id LIMIT 1');
is($bare->value("SELECT hms_report_csv('lake', '$room', stays => $_)"), $db->value("SELECT hms_report_csv('video', '$room', stays => $_)"), "so is the sheet, stays => $_")
  foreach qw(false true);

# The same webhooks through either door make the same mirror and the same page.
my $ids = 0;
my @webhooks;
foreach my $session (grep { $_->{room_id} eq $room } @{ $world->{sessions} })
{
	my %about = (room_id => $room, session_id => $session->{id}, room_name => 'A room', session_started_at => $session->{created_at});
	my $event = sub { my ($type, $at, %more) = @_; push @webhooks, { version => '2.0', id => 'e' . ++$ids, type => $type, timestamp => $at, new => [1], data => { %about, %more } } };
	$event->('session.open.success', $session->{created_at});
	foreach my $peer (values %{ $session->{peers} })
	{
		my %peer = (peer_id => $peer->{id}, user_id => $peer->{user_id}, user_name => $peer->{name}, role => $peer->{role}, joined_at => $peer->{joined_at});
		$event->('peer.join.success', $peer->{joined_at}, %peer);
		$event->('peer.leave.success', $peer->{left_at}, %peer, left_at => $peer->{left_at}) if $peer->{left_at};
	}
	$event->('session.close.success', $session->{updated_at}, session_stopped_at => $session->{updated_at});
}
push @webhooks, { id => 'odd', type => 7, data => 'text', timestamp => 'yesterday', new => [1] },
  { id => 'zero', type => 'peer.join.success', timestamp => '', data => { room_id => 'elsewhere', session_id => 'zero', peer_id => 'p', user_name => '', joined_at => '0001-01-01T00:00:00Z', left_at => 'never' } };
cmp_ok(scalar @webhooks, '>', 10, 'there are webhooks');
$bare->value("UPDATE hms_internal.webhook_proof SET secret = 'word'");
foreach my $server ($db, $bare)
{
	$server->value(q{CREATE SCHEMA door; SELECT hms_create_mirror('door')});
	$server->run(join ';', map { "SELECT hms_receive_webhook('door', " . literal($_) . q{, '{"x-Webhook-secret": ["word"]}')} } @webhooks, $webhooks[0]);
}
foreach my $table (qw(webhook_events rooms sessions session_peers sync_queue attendance session_usage stays))
{
	my $rows = "SELECT (to_jsonb(t) - '{synced_at,due_at,queued_at,read_at}'::text[])::text FROM door.$table AS t ORDER BY 1";
	$rows =~ s/ORDER/WHERE room_id <> 'elsewhere' ORDER/ unless $table =~ /rooms|webhook/; # a session that began now
	my $want = $db->column($rows);
	cmp_ok(scalar @$want, '>', 0, "webhooks make rows: $table");
	is_deeply($bare->column($rows), $want, "the same without the library: $table");
}
my $page = sub { return $_[0]->value("SELECT regexp_replace(hms_report_html('door', '$room', before => '2100-01-01'), 'Made [^.]*', '')") };
like($page->($db), qr/<svg/, 'there is a page');
is($page->($bare), $page->($db), 'the same without the library');
is($bare->value("SELECT extra::text || (\"timestamp\" IS NULL) FROM door.webhook_events WHERE id = 'odd'"), '{"new": [1], "timestamp": "yesterday"}true', 'what its column cannot hold is in extra');

# The proof.
my $state = sub { my ($headers, $body) = @_; return $bare->error("SELECT hms_receive_webhook('door', '{\"id\": \"x\"}', $headers" . (defined $body ? ', ' . literal($body) : '') . ')')->{state} };
is($state->($_), '28000', "no proof: $_") foreach 'NULL', q('{"x-webhook-secret": "words"}'), q('{"x-webhook-secret": "word", "X-Webhook-Secret": "word"}'), q('[]'), q('{"x-webhook-secret": ["word", "word"]}');
foreach my $key ('k', 'k' x 64, 'k' x 65, "\xc3\xa4" x 40)
{
	$bare->value("UPDATE hms_internal.webhook_proof SET secret = NULL, key = '$key'");
	my $body   = encode({ id => 'signed ' . length $key });
	my $signed = uc hmac_sha256_hex($body, $key);
	my $take   = "SELECT hms_receive_webhook('door', " . literal($body) . qq(, '{"X-100MS-Signature": "$signed"}', );
	is($bare->value($take . literal($body) . ')'), 't', 'a signature is right, key of ' . length $key);
	is($bare->error($take . literal("$body ") . ')')->{state}, '28000', 'another body');
}
is($state->('NULL'), '28000', 'no signature where a key is set');
$bare->value('DELETE FROM hms_internal.webhook_proof');
is($state->('NULL'), '55000', 'nothing set, nothing taken');
$bare->value('INSERT INTO hms_internal.webhook_proof (secret) VALUES (\'word\'); CREATE ROLE app; GRANT USAGE ON SCHEMA door TO app; GRANT INSERT, SELECT, UPDATE ON ALL TABLES IN SCHEMA door TO app;'
	. ' GRANT EXECUTE ON FUNCTION hms_receive_webhook(name, jsonb, jsonb, text), hms_receive_webhook(name, text, jsonb, text) TO app');
is($bare->value(q{SET ROLE app; SELECT hms_receive_webhook('door', '{"id": "by app"}'::jsonb, '{"x-webhook-secret": "word"}')}), 't', 'a role that may call the door');
is($bare->error('SET ROLE app; TABLE hms_internal.webhook_proof')->{state}, '42501', 'cannot read what proves it');

# The statement for pg_tle holds the same text.
$bare->value(q{CREATE SCHEMA pgtle; CREATE FUNCTION pgtle.install_extension(name text, version text, description text, ext text) RETURNS text LANGUAGE sql AS 'SELECT name || version || md5(btrim(ext, E''\n''))'});
is($bare->value(slurp_file($files[2])), 'hms_reports1.0' . $bare->value("SELECT md5(btrim(pg_read_file('$files[1]'), E'\\n'))"), 'pg_tle is given the same');

done_testing();
