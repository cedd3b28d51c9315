-- A mirror filled with made-up history, and what it then costs: size, the reports, an upsert, a partition dropped.
-- Run by bench/mirror; variables: rooms, sessions, peers (of a session), events (of a session), all over a year.

\set ON_ERROR_STOP 1
\set QUIET 1
\pset pager off
SET jit = off;
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
CREATE SCHEMA bench;
SELECT hms_create_mirror('bench') \g /dev/null
SET search_path = bench, public;
SELECT hms_internal.make_partitions(ARRAY(SELECT generate_series(date_trunc('month', now() - interval '1 year', 'UTC'), now(), '1 month'))) \g /dev/null
RESET search_path;

\echo 'Filling' :rooms 'rooms,' :sessions 'sessions,' :peers 'peers and' :events 'events each'
INSERT INTO bench.rooms (id, name, enabled, template_id, created_at, synced_at)
SELECT 'room-' || lpad(r::text, 20, '0'), 'room ' || r, true, 'template', now() - interval '1 year', now()
FROM generate_series(1, :rooms) AS r;

INSERT INTO bench.sessions (id, room_id, customer_id, active, peers, created_at, updated_at, synced_at)
SELECT 'session-' || lpad(s::text, 16, '0'), 'room-' || lpad((1 + s % :rooms)::text, 20, '0'), 'customer', false,
	(SELECT jsonb_object_agg(p, jsonb_build_object('id', p, 'name', 'User ' || n, 'role', 'guest', 'user_id', 'user-' || (s * :peers + n) % 20000,
			'joined_at', at + n * interval '1 s', 'left_at', at + interval '40 min'))
		FROM generate_series(1, :peers) AS n, LATERAL (SELECT md5(s || '-' || n)::uuid::text) AS x (p)),
	at, at + interval '45 min', now()
FROM generate_series(1, :sessions) AS s,
	LATERAL (SELECT now() - interval '1 year' + s * interval '365 days' / :sessions) AS t (at);

INSERT INTO bench.session_peers (id, session_id, room_id, user_id, name, role, joined_at, left_at, synced_at)
SELECT p.id, s.id, s.room_id, p.user_id, p.name, p.role, p.joined_at, p.left_at, now()
FROM bench.sessions AS s, LATERAL jsonb_to_recordset((SELECT jsonb_agg(value) FROM jsonb_each(s.peers)))
	AS p (id text, user_id text, name text, role text, joined_at timestamptz, left_at timestamptz);

SELECT clock_timestamp() AS began \gset
INSERT INTO bench.track_events (version, id, "timestamp", type, room_id, session_id, room_name, peer_id, user_id, user_name,
	joined_at, role, track_id, stream_id, track_type, source, mute, started_at, synced_at)
SELECT '2.0', md5(s.id || n)::uuid::text, s.created_at + n * interval '40 min' / :events,
	CASE WHEN n <= :peers THEN 'track.add.success' ELSE 'track.update.success' END, s.room_id, s.id, 'room', p.peer, p.user_id, p.name,
	s.created_at, 'guest', p.track, p.track, 'audio', 'regular', n / :peers % 2 = 0, s.created_at, now()
FROM bench.sessions AS s CROSS JOIN generate_series(1, :events) AS n
	CROSS JOIN LATERAL (SELECT md5(substr(s.id, 9)::bigint || '-' || 1 + n % :peers)::uuid::text, 'user-' || 1 + n % :peers, 'User ' || 1 + n % :peers, md5(s.id || n % :peers)::uuid::text)
		AS p (peer, user_id, name, track);
SELECT round(extract(epoch FROM clock_timestamp() - :'began'::timestamptz)::numeric, 1) AS seconds,
	round(:sessions::bigint * :events / extract(epoch FROM clock_timestamp() - :'began'::timestamptz)) AS events_a_second;
VACUUM ANALYZE;

\echo 'Size'
SELECT t.name AS "table", sum(c.reltuples)::bigint AS rows, pg_size_pretty(sum(pg_total_relation_size(c.oid))) AS size,
	round(sum(pg_total_relation_size(c.oid)) / nullif(sum(c.reltuples), 0)) AS bytes_a_row,
	pg_size_pretty(sum(pg_indexes_size(c.oid))) AS of_it_indexes
FROM (VALUES ('sessions'), ('session_peers'), ('track_events')) AS t (name)
	JOIN pg_class AS c ON c.relnamespace = 'bench'::regnamespace AND c.relkind = 'r' AND c.relname LIKE t.name || '%'
WHERE t.name = 'track_events' OR c.relname = t.name
GROUP BY t.name ORDER BY 1;

-- each is asked once to warm up, and then timed
CREATE FUNCTION pg_temp.timed(what text, query text) RETURNS TABLE (report text, milliseconds numeric, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
	n bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM (' || query || ') AS q' INTO n;
	began := clock_timestamp();
	EXECUTE 'SELECT count(*) FROM (' || query || ' OFFSET 0) AS q' INTO n;
	RETURN QUERY SELECT timed.what, round(extract(epoch FROM clock_timestamp() - began) * 1000, 1), n;
END $$;

\echo 'Reports'
SELECT t.* FROM (VALUES
	(1, 'attendance of a session', $$SELECT * FROM bench.attendance WHERE room_id = 'room-00000000000000000007' AND session_id = (SELECT id FROM bench.sessions WHERE room_id = 'room-00000000000000000007' LIMIT 1)$$),
	(1.5, 'attendance of a session, by its id alone', $$SELECT * FROM bench.attendance WHERE session_id = 'session-0000000000000777'$$),
	(1.7, 'attendance of a user, a year', $$SELECT * FROM bench.attendance WHERE user_id = 'user-777'$$),
	(2, 'attendance of a room, a year', $$SELECT * FROM bench.attendance WHERE room_id = 'room-00000000000000000007'$$),
	(3, 'talk time of a room, a year', $$SELECT * FROM bench.talk_time WHERE room_id = 'room-00000000000000000007'$$),
	(4, 'usage of all rooms, a day', $$SELECT * FROM bench.session_usage WHERE started_at >= now() - interval '1 day'$$),
	(5, 'attendance of all rooms, a week', $$SELECT a.* FROM bench.attendance AS a JOIN bench.session_usage AS u USING (room_id, session_id) WHERE u.started_at >= now() - interval '7 days' AND a.session_id = ANY (ARRAY(SELECT id FROM bench.sessions WHERE created_at >= now() - interval '7 days'))$$),
	(6, 'minutes of all rooms, a year', $$SELECT date_trunc('month', started_at), sum(participant_minutes) FROM bench.session_usage GROUP BY 1$$)
	) AS q (place, what, query) CROSS JOIN LATERAL pg_temp.timed(q.what, q.query) AS t ORDER BY q.place;

\echo 'A month of events dropped'
\timing on
DO $$ DECLARE p regclass := (SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'bench.track_events'::regclass)::regclass; BEGIN EXECUTE 'DROP TABLE ' || p; END $$;
