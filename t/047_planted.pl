# A role that may create in the extension's schema plants an overload of every function that a body of the extension
# calls, before it is installed and after, and operators too. Whoever uses hms, none of them ever runs.

use strict;
use warnings;

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.webhook_unproven' => 'on');
$db->value('DROP EXTENSION hms');

# The names that are followed by a parenthesis anywhere in the script, in bodies and in dynamic SQL.
my $script = slurp_file("$ENV{top_builddir}/hms--1.0.sql");
my %called = map { $_ => 1 } $script =~ /\b([a-z_][a-z0-9_]*)\(/g;

# Each planted function says that it ran. Arguments: those of every function of the name, exactly, and the usual types
# where it takes any; an exact match beats a polymorphic or variadic one, wherever it stands in the path.
my $plant = q{
	SET ROLE planter;
	SET search_path = pg_catalog;
	DO $do$
	DECLARE
		victim record;
		types text[];
		one text;
		made integer := 0;
	BEGIN
		FOR victim IN
			SELECT p.proname, p.prokind, p.proargtypes::oid[] AS args, p.provariadic <> 0 AS is_variadic
			FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
			WHERE n.nspname IN ('pg_catalog', 'hms_internal') AND p.proname = ANY ($1)
				AND 'internal'::regtype <> ALL (p.proargtypes::oid[])
		LOOP
			FOREACH one IN ARRAY ARRAY['text', 'jsonb', 'integer', 'varchar', 'name', 'timestamptz'] LOOP
				types := ARRAY(SELECT CASE
						WHEN t.typtype <> 'p' THEN format_type(t.oid, NULL)
						WHEN t.typname ~ 'array' THEN one || '[]'
						WHEN t.typname ~ 'range' THEN 'tstzrange'
						ELSE one END
					FROM unnest(victim.args) WITH ORDINALITY AS a (oid, place) JOIN pg_type t ON t.oid = a.oid ORDER BY place);
				FOR more IN 0 .. CASE WHEN victim.is_variadic THEN 3 ELSE 0 END LOOP
					BEGIN
						EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS $p$ BEGIN RAISE EXCEPTION ''planted %s ran''; END $p$',
							victim.proname, array_to_string(types || array_fill(one, ARRAY[more]), ', '),
							CASE victim.proname WHEN '_hms_rows' THEN 'SETOF ' || one ELSE one END, victim.proname);
						made := made + 1;
					EXCEPTION WHEN duplicate_function OR undefined_object OR invalid_function_definition OR datatype_mismatch THEN NULL;
					END;
				END LOOP;
				EXIT WHEN victim.args && ARRAY(SELECT oid FROM pg_type WHERE typtype = 'p') IS NOT TRUE;
			END LOOP;
		END LOOP;
		FOREACH one IN ARRAY ARRAY['=', '<>', '||', '+', '~', '->>', '->', '<', '>=', '&&'] LOOP
			FOREACH types SLICE 1 IN ARRAY ARRAY[['varchar', 'varchar'], ['text', 'integer'], ['integer', 'text'], ['name', 'varchar'], ['jsonb', 'name']] LOOP
				BEGIN
					EXECUTE format('CREATE FUNCTION public.planted_operator(%s, %s) RETURNS boolean LANGUAGE plpgsql AS $p$ BEGIN RAISE EXCEPTION ''planted operator ran''; END $p$', types[1], types[2]);
				EXCEPTION WHEN duplicate_function THEN NULL;
				END;
				EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.planted_operator)', one, types[1], types[2]);
				made := made + 1;
			END LOOP;
		END LOOP;
		RAISE WARNING 'planted %', made;
	END $do$;
};
my $names = 'ARRAY[' . join(', ', map { "'$_'" } sort keys %called) . ']';
$plant =~ s/\$1/$names/;

# What people do, as a superuser, whom an overload would serve best. Each must succeed, and not by an overload.
my @uses = (
	"SELECT hms_auth_token('65f000000000000000000001'::text, 'student'::text, 'u'::text)",
	'SELECT count(*) FROM hms_rooms()',
	'SELECT * FROM hms_sessions() LIMIT 1',
	"SELECT count(*) FROM hms_sessions(ARRAY(SELECT id FROM hms_rooms() LIMIT 2))",
	'SELECT count(*) FROM hms_session_peers()',
	"SELECT count(*) FROM hms_webhook_events()",
	"SELECT count(*) FROM hms_rooms('math-101') r, hms_attendance(r.id) a",
	"SELECT count(*) FROM hms_rooms('math-101') r, hms_session_usage(r.id) a",
	"SELECT count(*) FROM hms_rooms('math-101') r, hms_talk_time(r.id) a",
	"SELECT count(*) FROM hms_rooms('math-101') r, hms_concurrency(r.id) a",
	'SELECT count(*) FROM (SELECT (hms_peer_quality_stats(p.session_id, p.id)).* FROM (SELECT * FROM hms_session_peers() LIMIT 3) p) q',
	'SELECT count(*) FROM hms_check()',
	"SELECT hms_grant('somebody'::regrole, 'read'::text)", "SELECT hms_revoke('somebody'::regrole, 'read'::text)",
	"SELECT hms_create_mirror('video'::name)",
	"CALL hms_sync('video'::name)",
	"SELECT hms_create_mirror('video'::name)",
	'SELECT count(*) FROM video.attendance', 'SELECT count(*) FROM video.session_usage', 'SELECT count(*) FROM video.talk_time',
	"SELECT length(hms_report_html('video'::name)) > 1000",
	"SELECT hms_receive_webhook('video'::name, '{\"version\": \"2.0\", \"id\": \"w1\", \"type\": \"peer.join.success\", \"timestamp\": \"2026-01-01T00:00:00Z\", \"data\": {\"room_id\": \"r\", \"session_id\": \"s\", \"peer_id\": \"p\"}}')");

sub planted
{
	my (undef, undef, $err) = $db->run($plant);
	my ($count) = $err =~ /planted (\d+)$/m;
	return $count // "none: $err";
}

sub use_all
{
	my ($when) = @_;
	foreach my $use (@uses)
	{
		is($db->error($use)->{text}, '', "planted $when: $use") unless $use =~ /hms_sync|mirror\(/;
		unlike(($db->run($use))[2], qr/ERROR|planted/, "planted $when: $use") if $use =~ /hms_sync|mirror\(/;
	}
	return;
}

$db->value('CREATE ROLE planter; CREATE ROLE somebody; GRANT CREATE ON SCHEMA public TO planter; CREATE SCHEMA video');
cmp_ok(planted(), '>', 300, 'overloads stand where the extension will');
is($db->error('CREATE EXTENSION hms')->{text}, '', 'it is installed beside them');
use_all('before');
$db->value("DROP SCHEMA video CASCADE; DROP EXTENSION hms CASCADE; DROP OWNED BY planter; GRANT CREATE ON SCHEMA public TO planter; CREATE SCHEMA video; CREATE EXTENSION hms");
use_all('never');
$db->value('DROP SCHEMA video CASCADE; CREATE SCHEMA video');
cmp_ok(planted(), '>', 500, 'overloads stand beside the extension');
use_all('after');

# A schema of the internals' name that is there already is nobody's to adopt.
$db->value('DROP EXTENSION hms CASCADE; DROP OWNED BY planter; CREATE SCHEMA hms_internal');
is($db->error('CREATE EXTENSION hms')->{state}, '42P06', 'a schema that was there is not taken over');

done_testing();
