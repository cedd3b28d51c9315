# What the planner may do with our functions, and what other extensions do to plans: nothing is sent while a query is
# planned, plans are written and read again, another extension's path stays, arguments may be sub-plans.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);
$api->load(room_id => 'long', events => 20, sessions => 30, peers => 3);
my $session = $db->session;
$session->value("CREATE TABLE class (n int PRIMARY KEY, room text); INSERT INTO class SELECT n, 'long' FROM generate_series(1, 5) n; ANALYZE");

sub costs { return $session->costs($api, @_) }

# --- nothing that sends is run by the planner

# Every read that returns one value, as a condition whose selectivity is to be estimated.
my $world = $api->world;
my $reads = $session->value(<<'SQL');
SELECT string_agg(format('%s(%s)', p.oid::regproc,
	(SELECT string_agg(format('%L::%s', CASE a WHEN 'jsonb'::regtype THEN '{}' WHEN 'text'::regtype THEN '/rooms'
			WHEN 'text[]'::regtype THEN '{/rooms}' END, a::regtype), ', ' ORDER BY i)
		FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u (a, i) WHERE i <= p.pronargs - p.pronargdefaults)), E'\n')
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
JOIN pg_extension e ON d.refobjid = e.oid AND e.extname = 'hms'
WHERE NOT p.proretset AND p.provolatile <> 'v' AND p.pronamespace = 'public'::regnamespace AND p.proname NOT IN ('hms_verify_token')
SQL
like($reads, qr/hms_api_get/, 'there are reads of one value');
foreach my $read (split /\n/, $reads)
{
	my @seen = $api->during(sub { $session->ask("EXPLAIN SELECT FROM pg_class WHERE relname = ($read)::text") });
	is(scalar @seen, 0, "EXPLAIN asks for nothing: $read");
}
foreach my $plan (
	"EXPLAIN SELECT FROM pg_class WHERE relname = hms_api_get('/rooms') ->> 'limit'",
	"PREPARE p AS SELECT FROM pg_class WHERE reltuples < (hms_api_get('/rooms') ->> 'limit')::real",
	"EXPLAIN SELECT FROM class LIMIT (hms_api_get('/rooms') ->> 'limit')::int",
	"EXPLAIN SELECT FROM class WHERE n = (SELECT n FROM class WHERE room = hms_api_get('/rooms') ->> 'limit')",
	"EXPLAIN SELECT FROM hms_rooms() WHERE name = hms_api_get('/rooms') ->> 'limit'")
{
	my $error;
	my @seen = $api->during(sub { $error = $session->error($plan) });
	is_deeply([ $error->{state}, scalar @seen ], [ '', 0 ], "planned without a request: $plan") or diag $error->{text};
}
costs('but the answer is there when it runs', "SELECT count(*) FROM class WHERE n < 3 OR room < hms_api_get('/rooms/long') ->> 'id'", 2, 3);

# The same for functions of one's own around ours.
$session->value(<<'SQL');
CREATE FUNCTION own_sql() RETURNS text STABLE LANGUAGE sql AS $$ SELECT name FROM hms_rooms() ORDER BY name LIMIT 1 $$;
CREATE FUNCTION own_pl() RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(name) FROM hms_rooms()); END $$;
CREATE FUNCTION own_get() RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN hms_api_get('/rooms') ->> 'limit'; END $$;
CREATE FUNCTION own_write() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT (hms_create_room()).id FROM pg_class LIMIT 1 $$;
SQL
foreach my $own (qw(own_sql own_pl own_get))
{
	my @seen = $api->during(sub { $session->value("EXPLAIN SELECT FROM class WHERE room = $own()") });
	is(scalar @seen, 0, "$own: EXPLAIN asks for nothing");
	@seen = $api->during(sub { $session->value("SELECT FROM class WHERE room = $own() AND n = 1") });
	cmp_ok(scalar @seen, '>', 0, "$own: but the query does");
}
{
	my $error;
	my @seen = $api->during(sub { $error = $session->error('EXPLAIN SELECT own_write()') });
	is_deeply([ $error->{state}, scalar @seen ], [ '0A000', 0 ], 'a write that pretends to be immutable is refused');
	like($error->{hint}, qr/VOLATILE/, 'and the error says why');
}

# --- a condition on another relation of a lateral join

my $lateral = 'FROM hms_rooms() r, LATERAL hms_sessions(r.id) s WHERE s.created_at >= r.created_at + interval \'1 day\'';
my $plain   = 'FROM all_rooms r, all_sessions s WHERE s.room_id = r.id AND s.created_at >= r.created_at + interval \'1 day\'';
$session->value('CREATE TABLE all_rooms AS SELECT * FROM hms_rooms(); CREATE TABLE all_sessions AS SELECT * FROM hms_sessions()');
cmp_ok($session->value("SELECT count(*) $plain"), '>', 0, 'there are rows that match');
is($session->value("SELECT $_ $lateral"), $session->value("SELECT $_ $plain"), "a condition on the outer relation: $_")
  foreach 'count(*)', 'count(r.name || s.id)', "md5(string_agg(s.id || r.id, ',' ORDER BY s.id))", "md5(string_agg(s::text, ',' ORDER BY s.id))";

# --- sub-plans as arguments

costs('a sub-plan that takes its parameter from further out',
	"SELECT string_agg((SELECT count(*) FROM hms_sessions(CASE WHEN 3 IN (SELECT k.n FROM class k WHERE k.n = c.n) THEN 'none' ELSE 'long' END) s)::text, ',' ORDER BY n) FROM class c",
	'30,30,0,30,30', 5);

# --- other extensions: plans written and read again, paths of theirs, a planner that is called once more

my $module = PostgreSQL::Test::Utils::tempdir() . '/module';
append_to_file("$module.c", <<'C');
#include "postgres.h"
#include "compat.h"
#include "fmgr.h"
#include "nodes/nodes.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "utils/guc.h"
PG_MODULE_MAGIC;
void _PG_init(void);
static bool reread;
static bool own_path;
static planner_hook_type next_planner;
static set_rel_pathlist_hook_type next_paths;
static PlannedStmt *
plan(HMS_PLANNER_PARAMS)
{
	PlannedStmt *result = (next_planner ? next_planner : standard_planner) (HMS_PLANNER_ARGS);
	return reread ? stringToNode(nodeToString(result)) : result;
}
static void
paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (own_path && rte->rtekind == RTE_FUNCTION)
	{
		MaterialPath *path = create_material_path(rel, create_functionscan_path(root, rel, NIL, rel->lateral_relids)
#if PG_VERSION_NUM >= 190000
			, true
#endif
			);
		path->path.startup_cost = path->path.total_cost = 0;
		add_path(rel, &path->path);
	}
	if (next_paths)
		next_paths(root, rel, rti, rte);
}
void
_PG_init(void)
{
	DefineCustomBoolVariable("module.reread", "", NULL, &reread, false, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("module.own_path", "", NULL, &own_path, false, PGC_USERSET, 0, NULL, NULL, NULL);
	next_planner = planner_hook;
	planner_hook = plan;
	next_paths = set_rel_pathlist_hook;
	set_rel_pathlist_hook = paths;
}
C
chomp(my $include = `$ENV{PG_CONFIG} --includedir-server`);
system('gcc', '-shared', '-fPIC', "-I$include", "-I$ENV{TESTDIR}/src", '-o', "$module.so", "$module.c") == 0 or die 'could not compile the module';
$session->quit;
$session = $db->session;
$session->value("LOAD '$module'; SET module.reread = on");
costs('a plan that was written and read', "SELECT count(s.id) FROM class c, LATERAL hms_sessions(c.room) s WHERE c.n = 1 AND s.active IS NOT NULL", 30, 1);
costs('and one with sub-plans', "SELECT sum((SELECT count(*) FROM hms_sessions('long') s WHERE s.room_id = c.room)) FROM class c", 150, 1);
$session->value('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA api LIMIT TO (rooms, sessions, active_peers) FROM SERVER hms INTO live');
costs('one of a foreign table', "SELECT count(s.id) FROM live.sessions s WHERE s.room_id = 'long' AND s.active IS FALSE AND s.created_at < now()", 30, 1);
costs('one of a join that waits once', "SELECT count(s.id) FROM class c JOIN live.sessions s ON s.room_id = c.room", 150, 1);
$session->value('SET enable_nestloop = on; SET hms.max_connections = 1');
costs('and of a nested loop', "SELECT count(s.id) FROM class c JOIN live.sessions s ON s.room_id = c.room WHERE c.n = 1", 30, 1);
$session->value('RESET hms.max_connections; SET module.reread = off; SET module.own_path = on');
like($session->value("EXPLAIN (COSTS OFF) SELECT * FROM hms_sessions('long')"), qr/^Materialize\n.*Function Scan/, 'a path of another extension that is cheaper');
is($session->value("SELECT count(*) FROM hms_sessions('long')"), 30, 'and what it reads');

$session->quit;
done_testing();
