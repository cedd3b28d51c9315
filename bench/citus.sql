-- A mirror over several machines against a local one; run by bench/citus. Variable: stays.

\set ON_ERROR_STOP 1
\set QUIET 1
\pset pager off
SET client_min_messages = error;
SET citus.shard_count = 8;
CREATE SCHEMA one_machine;
SELECT hms_create_mirror('one_machine') \g /dev/null
CALL hms_sync('one_machine');

CREATE SCHEMA video;
SELECT hms_create_mirror('video') \g /dev/null
SELECT create_distributed_table('video.rooms', 'id') \g /dev/null
SELECT create_distributed_table('video.' || t, 'room_id', colocate_with => 'video.rooms')
FROM unnest('{sessions,session_peers,track_events,error_events,recordings,recording_assets,live_streams,external_streams,webhook_events,transcripts,chat_messages,summaries,peer_quality}'::text[]) AS t \g /dev/null
CALL hms_sync('video');
CALL hms_sync('video');

\echo 'Rows that differ from the local mirror''s'
CREATE FUNCTION pg_temp.differing(relation text, OUT what text, OUT rows bigint, OUT differ bigint) LANGUAGE plpgsql AS $$
BEGIN
	what := relation;
	EXECUTE format('CREATE TEMP TABLE here AS SELECT * FROM one_machine.%I', relation);
	EXECUTE format('CREATE TEMP TABLE there AS SELECT * FROM video.%I', relation);
	IF relation NOT IN ('attendance', 'session_usage', 'talk_time', 'stays') THEN
		ALTER TABLE here DROP COLUMN synced_at;
		ALTER TABLE there DROP COLUMN synced_at;
	END IF;
	rows := (SELECT count(*) FROM here);
	differ := (SELECT count(*) FROM ((TABLE here EXCEPT ALL TABLE there) UNION ALL (TABLE there EXCEPT ALL TABLE here)) AS x);
	DROP TABLE here, there;
END $$;
-- in one transaction, so that what is open ends at the same instant
BEGIN;
SELECT (pg_temp.differing(r)).* FROM unnest('{rooms,sessions,session_peers,track_events,error_events,recordings,recording_assets,live_streams,external_streams}'::text[]) AS r;
SELECT count(*) FILTER (WHERE active) AS open_sessions FROM one_machine.sessions;
UPDATE one_machine.sessions SET active = false, updated_at = now() WHERE active;
UPDATE video.sessions SET active = false, updated_at = now() WHERE active;
SELECT (pg_temp.differing(r)).* FROM unnest('{stays,attendance,session_usage,talk_time}'::text[]) AS r;
ROLLBACK;
\echo 'The door and the page'
SELECT hms_receive_webhook('video', '{"id": "w", "type": "peer.join.success", "timestamp": "2026-01-01T00:00:00Z", "data": {"room_id": "r", "session_id": "s", "peer_id": "p", "joined_at": "2026-01-01T00:00:00Z"}}') AS is_new;
SELECT count(*) AS told FROM video.session_peers WHERE room_id = 'r';
SELECT length(hms_report_html('video')) > 10000 AS has_page;
SELECT count(*) AS differences FROM hms_verify_mirror('video') WHERE room_id <> 'r';

\echo 'Filling' :stays 'stays'
INSERT INTO video.rooms (id, name, synced_at) SELECT 'big-' || r, 'big', now() FROM generate_series(1, 500) AS r;
INSERT INTO video.sessions (id, room_id, active, created_at, updated_at, synced_at)
SELECT 's-' || s, 'big-' || 1 + s % 500, false, now() - s * interval '1 minute', now() - s * interval '1 minute' + interval '40 minutes', now()
FROM generate_series(1, :stays / 5) AS s;
INSERT INTO video.session_peers (id, session_id, room_id, user_id, name, role, joined_at, left_at, synced_at)
SELECT s || '-' || p, 's-' || s, 'big-' || 1 + s % 500, 'user-' || (s * 5 + p) % 100000, 'name', 'guest', now() - s * interval '1 minute', now() - s * interval '1 minute' + interval '30 minutes', now()
FROM generate_series(1, :stays / 5) AS s, generate_series(1, 5) AS p;
ANALYZE video.sessions;
ANALYZE video.session_peers;
EXPLAIN (COSTS off) SELECT user_id, sum(present_minutes) FROM video.attendance GROUP BY 1;
\timing on
SELECT count(*) AS one_user FROM video.attendance WHERE user_id = 'user-77';
SELECT count(*) AS one_session FROM video.attendance WHERE room_id = 'big-7' AND session_id = 's-1006';
SELECT count(*) AS one_room FROM video.attendance WHERE room_id = 'big-7';
SELECT count(*) AS users, sum(minutes) FROM (SELECT room_id, user_id, sum(present_minutes) AS minutes FROM video.attendance GROUP BY 1, 2) AS x;
