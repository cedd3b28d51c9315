# plpgsql_check finds nothing in any PL/pgSQL function of the extension, under the path that a mirror's run sets.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);
plan skip_all => 'plpgsql_check is not installed' unless $db->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'plpgsql_check'");

$db->value("CREATE EXTENSION plpgsql_check; CREATE SCHEMA cron; CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'; CREATE SCHEMA checked; SELECT hms_create_mirror('checked')");
my $members = "pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid JOIN pg_proc AS p ON p.oid = d.objid JOIN pg_language AS l ON l.oid = p.prolang"
	. " WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'hms' AND l.lanname = 'plpgsql'";
my $check = sub {
	my ($which) = @_;
	return $db->value("SET search_path = pg_catalog, checked, hms_internal, public, pg_temp; SELECT coalesce(string_agg(x.oid::regprocedure || ' line ' || coalesce(c.lineno, 0) || ': ' || c.message, E'\\n' ORDER BY 1), '')"
		. " FROM (SELECT p.oid FROM $which OFFSET 0) AS x, LATERAL plpgsql_check_function_tb(x.oid, other_warnings => true, extra_warnings => true, performance_warnings => true, security_warnings => true) AS c"
		. " WHERE c.message !~ '^routine is marked as STABLE'"); # newer versions of it take a path that is set for the time of a call for a change
};
cmp_ok($db->value("SELECT count(*) FROM $members"), '>', 30, 'there are functions to check');
is($check->($members), '', 'plpgsql_check finds nothing in them');
$db->value("CREATE FUNCTION public.wrong() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM roms); END'");
like($check->("pg_proc AS p WHERE p.proname = 'wrong'"), qr/relation "roms" does not exist/, 'it would find a table that is not there');

done_testing();
