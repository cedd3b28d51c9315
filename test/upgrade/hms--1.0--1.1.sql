/* hms--1.0--1.1.sql: from 1.0 to 1.1 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION hms UPDATE TO '1.1'" to load this file. \quit

/*
 * This 1.1 is nobody's: t/080_upgrade.pl updates to it.  It is also how such a
 * script is begun; each part stands for a kind of change.  A fresh 1.1 is
 * hms--1.0.sql and then this file, and both ways must end alike.
 *
 * What holds for hms--1.0.sql holds here: names are qualified, nothing is
 * looked up in a schema where others may create.
 */

SET LOCAL search_path = pg_catalog, pg_temp;

-- a new function is taken from PUBLIC where it is made; who has a level gets it by hms_grant again
CREATE FUNCTION @extschema@.hms_room_names()
RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT r.name FROM @extschema@.hms_rooms() AS r;
END;
REVOKE ALL ON FUNCTION @extschema@.hms_room_names() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.hms_room_names() IS
'The names of all rooms';

-- a changed body keeps the function's grants, and needs the same signature; so does a changed comment
COMMENT ON FUNCTION @extschema@.hms_stats() IS
'What this backend has asked 100ms for, and what that has cost';

-- a new column of a row comes last, after "extra": rows are filled by their columns' names. Functions have the columns of
-- the day they were made, so each that returns the row is made again: the same text as in the first script
ALTER TYPE @extschema@.hms_presigned_url ADD ATTRIBUTE nickname text;
CREATE OR REPLACE FUNCTION @extschema@.hms_presigned_url(asset_id text, valid_for interval DEFAULT '1 hour')
RETURNS SETOF @extschema@.hms_presigned_url
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_presigned_url, 'hms_presigned_url', asset_id, valid_for) AS s;
END;

-- what stands behind the functions
CREATE FUNCTION hms_internal.twice(number integer)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT number * 2;
END;
COMMENT ON FUNCTION hms_internal.twice(integer) IS
'Twice a number';
