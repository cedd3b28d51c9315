-- What the extension leaves in the catalog.

-- everything has a comment
SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hms')
	AND classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass)
	AND obj_description(objid, classid::regclass::name) IS NULL
	AND NOT (classid = 'pg_type'::regclass AND objid IN (SELECT typarray FROM pg_type))
ORDER BY 1;

-- what PUBLIC may execute without being granted it: nothing that asks 100ms
-- or signs, unless it checks the privilege itself
SELECT p.oid::regprocedure AS open_to_public
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hms')
	AND p.proname LIKE 'hms\_%'
	AND has_function_privilege('public', p.oid, 'EXECUTE')
ORDER BY 1;

-- reads are stable, nothing runs as its owner, nothing runs in a worker
SELECT p.oid::regprocedure AS odd, p.provolatile, p.prosecdef, p.proparallel
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hms')
	AND (p.prosecdef
		OR (p.proname LIKE 'hms\_%' AND p.proparallel = 's')
		OR (p.proname LIKE 'hms\_%' AND p.proretset AND p.provolatile = 'i'))
ORDER BY 1;

-- of a row the narrow columns come first, then the wide ones, "extra" last
SELECT c.relname, string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_depend d ON d.objid = c.reltype AND d.classid = 'pg_type'::regclass
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND c.relkind = 'c'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hms')
GROUP BY c.relname
HAVING max(a.attnum) FILTER (WHERE a.atttypid <> 'jsonb'::regtype) > min(a.attnum) FILTER (WHERE a.atttypid = 'jsonb'::regtype)
	OR max(a.attnum) <> min(a.attnum) FILTER (WHERE a.attname = 'extra')
ORDER BY 1;
SELECT count(*) > 20 AS many
FROM pg_class c JOIN pg_depend d ON d.objid = c.reltype AND d.classid = 'pg_type'::regclass
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND c.relkind = 'c'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hms');

-- in any schema, under a search_path that lies
DROP EXTENSION hms CASCADE;
CREATE SCHEMA "a schema";
CREATE EXTENSION hms SCHEMA "a schema";
CREATE SCHEMA hostile;
CREATE FUNCTION hostile._hms_rows("row" anyelement, endpoint text, VARIADIC arguments "any")
RETURNS SETOF anyelement LANGUAGE internal AS 'unique_key_recheck';
CREATE FUNCTION hostile.coalesce_text(text) RETURNS text LANGUAGE sql AS $$ SELECT 'taken' $$;
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '-infinity'::timestamptz $$;
SET search_path = hostile, "a schema", pg_catalog;
SELECT count(*) > 10 AS rooms FROM "a schema".hms_rooms();
SELECT count(*) > 0 AS users FROM "a schema".hms_attendance((SELECT id FROM "a schema".hms_rooms('math-101') LIMIT 1));
RESET search_path;
DROP EXTENSION hms;
CREATE EXTENSION hms;
SELECT count(*) > 10 AS rooms FROM hms_rooms();
CREATE ROLE regress_hms_granted;
SELECT hms_grant('regress_hms_granted', 'read');
SET ROLE regress_hms_granted;
SELECT count(*) > 10 AS rooms FROM hms_rooms();
RESET ROLE;
SELECT hms_revoke('regress_hms_granted', 'read');
SET ROLE regress_hms_granted;
SELECT count(*) > 10 AS rooms FROM hms_rooms();
RESET ROLE;
DROP ROLE regress_hms_granted;
DROP SCHEMA hostile CASCADE;
DROP SCHEMA "a schema";
