# ALTER EXTENSION … UPDATE: from 1.0, with a mirror, grants and an application's own views, to a 1.1 that is there for this
# test alone. What is there afterwards is what a fresh 1.1 makes, and what was granted, made and stored stays.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

# The scripts of the 1.1: the update, and a fresh install by the same text.
my $sharedir = `pg_config --sharedir`;
chomp $sharedir;
my $update = slurp_file("$ENV{top_builddir}/test/upgrade/hms--1.0--1.1.sql");
my @made   = ("$sharedir/extension/hms--1.0--1.1.sql", "$sharedir/extension/hms--1.1.sql");
append_to_file($made[0], $update);
append_to_file($made[1], slurp_file("$sharedir/extension/hms--1.0.sql") . $update);
END { unlink @made }

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);
$db->value('CREATE DATABASE fresh');

# SQL in the database of the fresh install.
sub in_fresh
{
	my ($sql) = @_;
	my ($code, $out, $err) = $db->psql('fresh', $sql, extra_params => [ '-v', 'VERBOSITY=verbose', '-At' ]);
	die "$sql\nfailed: $err" if $code != 0;
	return $out;
}

# Every member of the extension: what it is, how it is defined, who may use it, what is said of it.
my $members = <<'SQL';
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) || E'\t' || coalesce(CASE d.classid
         WHEN 'pg_proc'::regclass THEN CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END || coalesce(p.proacl::text, 'open')
         WHEN 'pg_class'::regclass THEN c.relkind::text || coalesce(c.relacl::text, 'closed')
         WHEN 'pg_namespace'::regclass THEN n.nspacl::text
         WHEN 'pg_type'::regclass THEN (SELECT string_agg(a.attnum || a.attname || format_type(a.atttypid, a.atttypmod), ' ' ORDER BY a.attnum)
                                        FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
       END, '-') || E'\t' || coalesce(obj_description(d.objid, d.classid::regclass::text), 'no comment')
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
     LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
     LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
     LEFT JOIN pg_namespace n ON d.classid = 'pg_namespace'::regclass AND n.oid = d.objid
     LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
WHERE e.extname = 'hms'
ORDER BY 1
SQL

# Every table, view, index and constraint of a mirror.
my $mirror = <<'SQL';
SELECT c.relkind::text || ' ' || c.relname || E'\t' || coalesce(CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END,
         (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN '!' ELSE '' END, ', ' ORDER BY a.attname)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
       || E'\t' || coalesce(obj_description(c.oid), '')
FROM pg_class c
WHERE c.relnamespace = 'video'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'i', 'I') AND NOT c.relispartition AND c.relname !~ '_\d{6}|_\d{4}_\d\d'
ORDER BY 1
SQL

# What the user of 1.0 has: a mirror with rows, grants, a view of his own.
my $before = <<'SQL';
CREATE ROLE analyst; CREATE ROLE teacher;
CREATE SCHEMA video; SELECT hms_create_mirror('video'); CALL hms_sync('video');
SELECT hms_grant('analyst', 'read'); SELECT hms_grant('teacher', 'tokens');
CREATE VIEW ours AS SELECT r.name, p.url, p.extra FROM hms_rooms() r LEFT JOIN hms_presigned_url('a') p ON true;
SQL
$db->value($_) foreach map { "$_;" } split /;\s+/, $before =~ s/;\s*\z//r;

# How many rows each table of the mirror has.
sub stored
{
	return $db->value(join(' UNION ALL ', map { "SELECT '$_', count(*) FROM video.$_" } qw(rooms sessions session_peers track_events recordings)) . ' ORDER BY 1');
}
my $stored = stored();
like($stored, qr/track_events\|[1-9]/, 'the mirror of 1.0 has rows');
my $report = $db->value('SELECT count(*), sum(minutes) FROM video.attendance WHERE NOT inside');

$db->value("ALTER EXTENSION hms UPDATE TO '1.1'");
is($db->error('SET ROLE analyst; SELECT * FROM hms_room_names()')->{state}, '42501', 'what is new is nobody\'s, until it is granted');
$db->value("SELECT hms_grant('analyst', 'read'); SELECT hms_grant('teacher', 'tokens')");
is($db->value("SELECT extversion FROM pg_extension WHERE extname = 'hms'"), '1.1', 'the extension is updated');

in_fresh("CREATE EXTENSION hms VERSION '1.1'; CREATE SCHEMA video; SELECT hms_create_mirror('video'); SELECT hms_grant('analyst', 'read'); SELECT hms_grant('teacher', 'tokens')");
is_deeply([ split /\n/, $db->value($members) ], [ split /\n/, in_fresh($members) ], 'its members are those of a fresh install');

is(stored(), $stored, 'the mirror keeps its rows');
is($db->value('SELECT count(*), sum(minutes) FROM video.attendance WHERE NOT inside'), $report, 'and its reports');
$db->value("SELECT hms_create_mirror('video')");
is(stored(), $stored, 'made again it still keeps them');
is_deeply([ split /\n/, $db->value($mirror) ], [ split /\n/, in_fresh($mirror) ], 'and is as a fresh one');
is($db->value("CALL hms_sync('video')"), '', 'and is synced on');

# Grants.
is($db->value('SET ROLE analyst; SELECT count(*) > 0 FROM hms_rooms()'), 't', 'the analyst reads on');
is($db->error("SET ROLE analyst; SELECT hms_create_room()")->{state}, '42501', 'and writes no more than before');
is($db->value("SET ROLE teacher; SELECT hms_auth_token('r', 'host') <> ''"), 't', 'the teacher lets people in');
is($db->value('SET ROLE analyst; SELECT count(*) > 0 FROM hms_room_names()'), 't', 'what is new too, as it is granted');

# An application's view, and rows with the new column.
is($db->value('SELECT count(*) > 0 FROM ours'), 't', 'a view of one\'s own goes on');
$api->faults({ path => 'presigned-url', status => 200, body => '{"id": "a", "path": "p", "url": "https://x.example/p", "expiry": 60, "nickname": "Nicky"}' });
is($db->value("SELECT nickname, extra IS NULL FROM hms_presigned_url('a')"), 'Nicky|t', 'a new column is filled by its name, and no longer in "extra"');

# Away, and nothing is left.
$db->value('DROP VIEW ours; DROP SCHEMA video CASCADE; DROP EXTENSION hms');
is($db->value("SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE proname LIKE '%hms%' OR nspname = 'hms_internal'"), 0, 'DROP EXTENSION leaves nothing');

done_testing();
