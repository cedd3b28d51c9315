-- Requests are not part of a transaction; everything else is as for any
-- function.
\set VERBOSITY terse
SELECT id AS room FROM hms_rooms('math-101') LIMIT 1 \gset

-- a write stays when the transaction does not
BEGIN;
SELECT name, enabled FROM hms_create_room('{"name": "kept"}');
ROLLBACK;
SELECT name, enabled FROM hms_rooms('kept');

-- reads work in a read-only transaction, writes do not
BEGIN READ ONLY;
SELECT count(*) FROM hms_room(:'room');
SELECT hms_create_room('{"name": "not made"}');
ROLLBACK;
BEGIN READ ONLY;
SELECT hms_create_room_codes(:'room');
ROLLBACK;
SELECT count(*) FROM hms_rooms('not made');

-- EXPLAIN sends nothing
SELECT requests AS before FROM hms_stats() \gset
\o /dev/null
EXPLAIN SELECT * FROM hms_sessions();
EXPLAIN SELECT hms_create_room('{"name": "not made"}');
EXPLAIN SELECT * FROM hms_attendance(:'room') a JOIN hms_rooms() r ON a.room_id = r.id;
\o
SELECT requests - :before AS requests_sent FROM hms_stats();

-- LIMIT, cursors and EXISTS ask for no page that nobody reads
SET hms.page_size = 10;
SELECT pages AS before FROM hms_stats() \gset
SELECT count(*) FROM (SELECT * FROM hms_track_events(:'room') LIMIT 10) s;
SELECT pages - :before AS pages FROM hms_stats();
SELECT count(*) FROM (SELECT * FROM hms_track_events(:'room') LIMIT 11) s;
SELECT pages - :before AS pages FROM hms_stats();
SELECT EXISTS (SELECT FROM hms_track_events(:'room') WHERE type = 'track.add.success');
SELECT pages - :before AS pages FROM hms_stats();
BEGIN;
DECLARE c CURSOR FOR SELECT row_number() OVER () AS n FROM hms_track_events(:'room');
FETCH 3 FROM c;
FETCH 8 FROM c;
CLOSE c;
COMMIT;
SELECT pages - :before AS pages FROM hms_stats();
RESET hms.page_size;

-- WITH HOLD, PREPARE, views, materialized views
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT name FROM hms_rooms('math-101');
COMMIT;
FETCH ALL FROM held;
CLOSE held;
PREPARE named (text) AS SELECT name FROM hms_rooms($1);
EXECUTE named('math-101');
EXECUTE named('english-lit');
SET plan_cache_mode = force_generic_plan;
EXECUTE named('math-101');
RESET plan_cache_mode;
DEALLOCATE named;
CREATE VIEW maths AS SELECT id, name FROM hms_rooms('math-101');
SELECT name FROM maths;
CREATE MATERIALIZED VIEW rooms AS SELECT id, name FROM hms_rooms();
SELECT count(*) > 10 AS rooms FROM rooms;

-- a join does not ask again for each row; LATERAL does
CREATE TABLE classes (room_id text, title text);
INSERT INTO classes SELECT id, name FROM rooms;
SELECT requests AS before FROM hms_stats() \gset
SELECT count(*) > 10 AS joined FROM classes c JOIN hms_rooms() r ON r.id = c.room_id;
SELECT requests - :before AS requests FROM hms_stats();
SELECT count(*) = (SELECT count(*) FROM classes) AS joined
FROM classes c, LATERAL hms_room(c.room_id) r;
SELECT requests - :before - (SELECT count(*) FROM classes) AS requests FROM hms_stats();
SELECT c.title FROM classes c JOIN hms_rooms('math-101') r ON r.id = c.room_id FOR UPDATE OF c;

-- the backend goes on after errors, also inside subtransactions
DO $$
BEGIN
	FOR i IN 1..50 LOOP
		BEGIN
			PERFORM hms_api_get('/no/such/endpoint');
			RAISE 'not reached';
		EXCEPTION WHEN SQLSTATE 'MS404' THEN
			NULL;
		END;
	END LOOP;
END;
$$;
SELECT count(*) FROM hms_room(:'room');
DROP TABLE classes;
DROP MATERIALIZED VIEW rooms;
DROP VIEW maths;
