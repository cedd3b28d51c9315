-- A query gets the columns that it looks at, whatever it looks like: each one
-- over the functions is compared with the same over a table of all their rows.
SELECT id AS room FROM hms_rooms('math-101') LIMIT 1 \gset
CREATE TABLE event AS SELECT * FROM hms_track_events(:'room');
CREATE TABLE peer AS SELECT * FROM hms_session_peers(:'room');
CREATE TABLE session AS SELECT * FROM hms_sessions(:'room');
CREATE TABLE class (room_id text, title text);
INSERT INTO class VALUES (:'room', 'Maths'), ('none', 'None');
ANALYZE;
SELECT count(*) > 900 AS events, count(extra) AS extra, count(stopped_at) > 0 AS stopped FROM event;

CREATE VIEW the_events AS SELECT * FROM hms_track_events((SELECT room_id FROM class WHERE title = 'Maths'));
CREATE FUNCTION same(query text, room text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	functions text := replace(replace(replace(query, 'EVENT', format('hms_track_events(%L)', room)),
		'PEER', format('hms_session_peers(%L)', room)), 'SESSION', format('hms_sessions(%L)', room));
	tables text := replace(replace(replace(query, 'EVENT', 'event'), 'PEER', 'peer'), 'SESSION', 'session');
	different bigint;
	total bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (((%1$s) EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL (%1$s))) d', functions, tables)
		INTO different;
	EXECUTE format('SELECT count(*) FROM (%s) d', functions) INTO total;
	RETURN CASE WHEN different = 0 AND total > 0 THEN 'same'
		ELSE format('%s of %s rows differ', different, total) END;
END;
$$;

SELECT same(query, :'room'), query
FROM (VALUES
	('SELECT count(*) FROM EVENT e'),
	('SELECT count(*), count(DISTINCT user_id) FROM EVENT e'),
	('SELECT * FROM EVENT e'),
	('SELECT e::text FROM EVENT e'),
	('SELECT to_jsonb(e) FROM EVENT e'),
	('SELECT count(e), count(e.*) FROM EVENT e'),
	('SELECT count(*) FROM EVENT e WHERE e IS NOT NULL'),
	('SELECT (e).id FROM EVENT e'),
	('SELECT ROW(e.*)::text FROM EVENT e'),
	('SELECT ROW(e, 1)::text FROM EVENT e'),
	('SELECT DISTINCT e.* FROM EVENT e'),
	('SELECT user_id, max("timestamp") FROM EVENT e GROUP BY user_id HAVING count(track_id) > 1'),
	('SELECT id FROM EVENT e WHERE mute AND source = ''regular'''),
	('SELECT id FROM (SELECT * FROM EVENT e ORDER BY "timestamp", id LIMIT 7) s'),
	('SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY "timestamp", id) FROM EVENT e'),
	('SELECT e.id, p.name FROM EVENT e JOIN PEER p ON p.id = e.peer_id AND p.session_id = e.session_id'),
	('SELECT e.id, p.name, s.active FROM EVENT e LEFT JOIN PEER p ON p.id = e.peer_id LEFT JOIN SESSION s ON s.id = e.session_id'),
	('SELECT p.id, e::text FROM PEER p LEFT JOIN EVENT e ON p.id = e.peer_id AND e.type = ''track.remove.success'''),
	('SELECT c.title, count(s.id) FROM class c LEFT JOIN SESSION s ON s.room_id = c.room_id GROUP BY c.title'),
	('SELECT c.title FROM class c WHERE EXISTS (SELECT FROM SESSION s WHERE s.room_id = c.room_id AND NOT s.active)'),
	('SELECT c.title FROM class c WHERE c.room_id IN (SELECT room_id FROM SESSION s)'),
	('SELECT c.title FROM class c WHERE c.room_id NOT IN (SELECT room_id FROM SESSION s)'),
	('SELECT c.title, (SELECT max(s.created_at) FROM SESSION s WHERE s.room_id = c.room_id) FROM class c'),
	('SELECT c.title, l.n FROM class c, LATERAL (SELECT count(s.peers) AS n FROM SESSION s WHERE s.room_id = c.room_id) l'),
	('SELECT ARRAY(SELECT id FROM SESSION s ORDER BY id)'),
	('SELECT ARRAY(SELECT s::text FROM SESSION s ORDER BY id)'),
	('SELECT id FROM SESSION s UNION ALL SELECT id FROM PEER p'),
	('SELECT s::text FROM SESSION s UNION ALL SELECT s::text FROM SESSION s'),
	('SELECT id FROM SESSION s INTERSECT SELECT session_id FROM EVENT e'),
	('SELECT a.id FROM SESSION a JOIN SESSION b ON a.id = b.id AND a.peers = b.peers'),
	('WITH s AS (SELECT * FROM SESSION s) SELECT a.id, b.active FROM s a JOIN s b ON a.id = b.id'),
	('SELECT key, value FROM SESSION s, jsonb_each(s.peers)'),
	('SELECT id FROM SESSION s WHERE s.peers = (SELECT t.peers FROM SESSION t ORDER BY t.id LIMIT 1)'),
	('SELECT (CASE WHEN s.active THEN s END)::text FROM SESSION s'),
	('SELECT coalesce(s.extra, ''{}''), s.app_id FROM SESSION s'),
	('SELECT user_id, role FROM EVENT e GROUP BY GROUPING SETS ((user_id), (role), ())'),
	('SELECT session_id, array_agg(name ORDER BY joined_at, id) FROM PEER p GROUP BY session_id')
) q (query);

-- with each join method
SET enable_hashjoin = off;
SELECT same('SELECT e.id, p.name FROM EVENT e JOIN PEER p ON p.id = e.peer_id', :'room');
SET enable_mergejoin = off;
SELECT same('SELECT s.id, p.name FROM SESSION s JOIN PEER p ON p.session_id = s.id', :'room');
CREATE INDEX ON peer (session_id);
SELECT count(*) = (SELECT count(*) FROM peer) AS by_index
FROM hms_sessions(:'room') s JOIN peer p ON p.session_id = s.id AND s.room_id = p.room_id;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- in a cursor, a prepared statement, a function of one's own, and written down
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT type, source FROM hms_track_events(:'room') ORDER BY "timestamp", id;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
COMMIT;
PREPARE p (text) AS SELECT count(stopped_at) = (SELECT count(stopped_at) FROM event) AS same FROM hms_track_events($1);
EXECUTE p(:'room');
SET plan_cache_mode = force_generic_plan;
EXECUTE p(:'room');
RESET plan_cache_mode;
CREATE FUNCTION last_event(room text) RETURNS hms_track_event LANGUAGE sql
AS $$ SELECT e FROM hms_track_events(room) e ORDER BY e."timestamp" DESC, e.id LIMIT 1 $$;
SELECT last_event(:'room') = (SELECT e::text::hms_track_event FROM event e ORDER BY "timestamp" DESC, id LIMIT 1) AS same;
SELECT count(*) = (SELECT count(*) FROM event) AS same, count(track_type) = count(*) AS typed FROM the_events;
INSERT INTO event SELECT * FROM hms_track_events(:'room');
SELECT count(*) = 2 * count(DISTINCT id) AS twice, count(*) = 2 * (SELECT count(*) FROM (SELECT DISTINCT * FROM event) d) AS alike FROM event;

-- the inner function, called by itself, makes whole rows
SELECT count((r).id) = count(*) AS whole FROM (SELECT hms_internal._hms_rows(NULL::hms_session, 'hms_sessions', :'room'::text, NULL::boolean, NULL::timestamptz, NULL::timestamptz) AS r) s;
SELECT count(id) = count(*) AS whole FROM hms_internal._hms_rows(NULL::hms_session, 'hms_sessions', :'room'::text, NULL::boolean, NULL::timestamptz, NULL::timestamptz);
SELECT (a[1]).room_id = :'room' AS whole FROM (SELECT ARRAY(SELECT hms_internal._hms_rows(NULL::hms_session, 'hms_sessions', :'room'::text, NULL::boolean, NULL::timestamptz, NULL::timestamptz)) AS a) s;
WITH s AS MATERIALIZED (SELECT hms_internal._hms_rows(NULL::hms_session, 'hms_sessions', :'room'::text, NULL::boolean, NULL::timestamptz, NULL::timestamptz) AS r)
SELECT count(r ->> 'room_id') = count(*) AS whole FROM (SELECT to_jsonb(r) AS r FROM s) t;
WITH s AS MATERIALIZED (SELECT hms_internal._hms_rows(NULL::hms_session, 'hms_sessions', :'room'::text, NULL::boolean, NULL::timestamptz, NULL::timestamptz) AS r)
SELECT count(DISTINCT r) = count(*) AS whole FROM s;
CREATE TABLE whole AS SELECT e FROM hms_track_events(:'room') e;
SELECT count(*) = (SELECT count(DISTINCT id) FROM event) AS same FROM whole w WHERE EXISTS (SELECT FROM event e WHERE e::text = (w.e)::text);
DROP TABLE whole;
DROP VIEW the_events;
DROP FUNCTION last_event(text);
DROP FUNCTION same(text, text);
DROP TABLE event, peer, session, class;
