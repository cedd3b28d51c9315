# EXPLAIN, in each of its formats, of every list as a function, as a foreign table and in a join that waits once: whatever
# columns are looked at, and whatever is asked of them, it neither fails nor sends anything.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, jit => 'off');
my $session = $db->session;
$session->value(<<'SQL');
CREATE SCHEMA live;
IMPORT FOREIGN SCHEMA api FROM SERVER hms INTO live;
CREATE TABLE lesson AS SELECT id AS room, name, true AS held FROM hms_rooms() LIMIT 3;
ANALYZE lesson;

-- What EXPLAIN says, or '!' and the error; what is no such document is an error too.
CREATE FUNCTION explained(options text, sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, sql) LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF options ~ 'JSON' THEN
		PERFORM plan::jsonb;
	ELSIF options ~ 'XML' AND NOT xml_is_well_formed_document(plan) THEN
		RAISE 'not well-formed: %', plan;
	END IF;
	RETURN plan;
EXCEPTION WHEN OTHERS THEN
	RETURN '!' || SQLSTATE || ' ' || SQLERRM;
END $$;

-- The lists: what stands in FROM, and the columns of its rows.
CREATE TABLE list AS
SELECT format('live.%I', c.relname) AS source, c.oid AS class FROM pg_class c WHERE c.relnamespace = 'live'::regnamespace
UNION ALL
SELECT DISTINCT ON (p.proname) format('%s(%s)', p.proname, (SELECT string_agg(format('NULL::%s', format_type(a, NULL)), ', ') FROM unnest(p.proargtypes::oid[]) a)), t.typrelid
FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype AND t.typrelid <> 0
WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'hms\_%' AND p.proretset AND p.provolatile = 's';

-- A query for each column, and each thing that may be asked of it.
CREATE TABLE query AS
SELECT l.source, format(f.form, l.source, a.attname) AS sql
FROM list l, pg_attribute a, unnest(ARRAY['SELECT %2$I FROM %1$s t', 'SELECT 1 FROM %1$s t WHERE %2$I IS NULL', 'SELECT count(*) FROM %1$s t WHERE %2$I IS NOT NULL',
	'SELECT t FROM %1$s t ORDER BY %2$I::text LIMIT 1']) AS f (form)
WHERE a.attrelid = l.class AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT l.source, format('SELECT %s FROM %s t WHERE %s', i.item, l.source, format(f.form, a.attname))
FROM list l, pg_attribute a, unnest(ARRAY['1', 't.*', 't', 'count(*)', 'count(t)']) AS i (item),
	unnest(ARRAY['%1$I', 'NOT %1$I', '%1$I IS TRUE', '%1$I IS NOT TRUE', '%1$I IS FALSE', '%1$I IS NOT FALSE', '%1$I IS UNKNOWN', '%1$I IS NOT UNKNOWN',
		'%1$I = true', '%1$I <> false', '(%1$I = false) IS NOT TRUE', 'coalesce(%1$I, false)', '%1$I AND NOT %1$I', '%1$I OR %1$I IS NULL', '%1$I = NULL', '%1$I = ANY (ARRAY[true, NULL])']) AS f (form)
WHERE a.attrelid = l.class AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'boolean'::regtype
UNION ALL
SELECT l.source, format('SELECT %s FROM %s t WHERE %s', i.item, l.source, format(f.form, a.attname))
FROM list l, pg_attribute a, unnest(ARRAY['1', 't']) AS i (item),
	unnest(ARRAY['%1$I = NULL', '%1$I = ''x''', '%1$I IN (''x'', NULL)', '%1$I = ANY (''{}'')', '%1$I IS DISTINCT FROM ''x''', '%1$I = %1$I', 'NOT %1$I = ''x''', '%1$I = (SELECT max(room) FROM lesson)']) AS f (form)
WHERE a.attrelid = l.class AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'text'::regtype
UNION ALL
SELECT l.source, format(f.form, l.source)
FROM list l, unnest(ARRAY['SELECT FROM %s t', 'SELECT count(*) FROM %s t', 'SELECT t FROM %s t WHERE t IS NULL', 'SELECT t IS NOT NULL FROM %s t', 'SELECT count(t) FROM %s t WHERE false',
	'SELECT row_to_json(t) FROM %s t WHERE true', 'SELECT FROM %s t LIMIT 0', 'SELECT EXISTS (SELECT FROM %s t)', 'SELECT a FROM %1$s a, %1$s b WHERE a = b']) AS f (form);
SQL
cmp_ok($session->value('SELECT count(*) FROM query'), '>', 2000, 'many queries');

my @formats = ('COSTS OFF, VERBOSE', 'FORMAT JSON', 'FORMAT JSON, VERBOSE', 'FORMAT YAML, VERBOSE, COSTS OFF', 'FORMAT XML, VERBOSE');
my @seen = $api->during(sub {
	foreach my $format (@formats)
	{
		is($session->value("SELECT string_agg(sql || ': ' || plan, E'\\n') FROM (SELECT sql, explained('$format', sql) AS plan FROM query) q WHERE plan LIKE '!%'"), '', $format);
	}
});
is(scalar @seen, 0, 'nothing was asked for');

# A list is read by a node of ours, unless nothing is to be read.
is($session->value(<<'SQL'), '', 'it is a node of ours');
SELECT string_agg(sql || E'\n' || plan, E'\n') FROM (SELECT sql, explained('COSTS OFF, VERBOSE', sql) AS plan FROM query WHERE sql !~ 'WHERE (NOT )?(false|\w+ = NULL|t IS NULL)$') q
WHERE plan !~ 'Custom Scan \(hms\)|Foreign Scan on|One-Time Filter: false'
SQL
is($session->value(q{SELECT explained('COSTS OFF, VERBOSE', 'SELECT id FROM live.sessions WHERE active')}),
	"Foreign Scan on live.sessions\n  Output: id\n  Filter: sessions.active\n  Request: GET /sessions?active=true\n", 'a column that only a condition looks at');

# --- joins that wait once

$session->value(<<'SQL');
TRUNCATE query;
INSERT INTO query
SELECT l.source, format(f.form, l.source, i.item, CASE WHEN l.source LIKE 'live.%' THEN j.test ELSE 'true' END)
FROM (VALUES ('live.sessions'), ('live.track_events'), ('live.active_peers'), ('LATERAL hms_sessions(l.room)'), ('LATERAL hms_session_peers(l.room, active => l.held)')) AS l (source),
	unnest(ARRAY['1', 'l', 'count(*)', 'l.name, t.id']) AS i (item),
	unnest(ARRAY['t.room_id = l.room', 't.room_id = l.room AND t.extra IS NULL', 't.room_id = l.room AND t.id <> l.name']) AS j (test),
	unnest(ARRAY['SELECT %2$s FROM lesson l JOIN %1$s t ON %3$s', 'SELECT %2$s FROM lesson l LEFT JOIN %1$s t ON %3$s', 'SELECT %2$s FROM lesson l JOIN %1$s t ON %3$s WHERE l.held AND t.id IS NOT NULL']) AS f (form);
INSERT INTO query
SELECT 'sub-select', format('SELECT l.name FROM lesson l WHERE %s EXISTS (SELECT FROM live.sessions t WHERE t.room_id = l.room AND %s)', n, c)
FROM unnest(ARRAY['', 'NOT']) AS n, unnest(ARRAY['true', 't.active', 'NOT t.active', 't.active IS NOT TRUE', 't.active IS UNKNOWN']) AS c;
SQL
@seen = $api->during(sub {
	foreach my $format (@formats)
	{
		is($session->value("SELECT string_agg(sql || ': ' || plan, E'\\n') FROM (SELECT sql, explained('$format', sql) AS plan FROM query) q WHERE plan LIKE '!%'"), '', "joins: $format");
	}
});
is(scalar @seen, 0, 'nothing was asked for');
cmp_ok($session->value("SELECT count(*) FROM query WHERE explained('FORMAT JSON', sql) ~ '\"Custom Plan Provider\": \"hms join\"'"), '>', 60, 'most are joined by the node');

# What is shown when it has run, in each format.
foreach my $sql ('SELECT id FROM live.sessions WHERE active', 'SELECT FROM hms_rooms() WHERE NOT enabled', 'SELECT count(*) FROM lesson l JOIN live.sessions t ON t.room_id = l.room WHERE t.active IS NOT TRUE')
{
	like($session->value("SELECT explained('ANALYZE, $_', \$\$$sql\$\$)"), qr/Request.*GET \/.*Requests\W+\d/s, "$sql: ANALYZE, $_") foreach @formats;
}

done_testing();
