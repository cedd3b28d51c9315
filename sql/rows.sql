-- Rows of real answers.
SELECT id AS room FROM hms_rooms('math-101') LIMIT 1 \gset

-- a room, by list and by id, is the same room
SELECT count(*) AS same
FROM hms_rooms('math-101') l JOIN hms_room(:'room') r
	ON l.id = r.id AND l.name = r.name AND l.created_at = r.created_at;
SELECT name, enabled, large_room, updated_at IS NULL AS never_updated, extra
FROM hms_rooms('math-101');
SELECT * FROM hms_room('000000000000000000000000');
SELECT * FROM hms_session('000000000000000000000000');
SELECT * FROM hms_active_room('000000000000000000000000');
SELECT * FROM hms_active_session('000000000000000000000000');

-- peers of sessions are the members of the sessions' maps
SELECT count(*) > 100 AS many, count(*) = count(s.id) AS all_there
FROM hms_session_peers(:'room') p
LEFT JOIN (SELECT s.id, peer.key, peer.value
	FROM hms_sessions(:'room') s, jsonb_each(s.peers) peer) s
	ON s.id = p.session_id AND s.key = p.id
	AND p.name = s.value ->> 'name'
	AND p.joined_at = (s.value ->> 'joined_at')::timestamptz
	AND p.left_at IS NOT DISTINCT FROM (s.value ->> 'left_at')::timestamptz
	AND p.room_id = :'room';

-- filters by time are inclusive
SELECT count(*) AS one
FROM (SELECT created_at FROM hms_sessions(:'room') ORDER BY created_at LIMIT 1 OFFSET 3) s,
	LATERAL hms_sessions(:'room', after => s.created_at, before => s.created_at) f;

-- several rooms at once are the rooms one after the other
WITH many AS (
	SELECT * FROM hms_sessions(ARRAY(SELECT id FROM hms_rooms()))
), single AS (
	SELECT s.* FROM hms_rooms() r, LATERAL hms_sessions(r.id) s
)
SELECT (SELECT count(*) FROM many) = (SELECT count(*) FROM single) AS same_number,
	(SELECT count(*) FROM (TABLE many EXCEPT TABLE single) d) AS different;
SELECT count(*) = 2 * (SELECT count(*) FROM hms_sessions(:'room')) AS twice,
	count(*) = (SELECT count(*) FROM hms_sessions(:'room')) AS once
FROM hms_sessions(ARRAY[:'room', NULL, :'room']);
SELECT count(*) FROM hms_sessions('{}'::text[]);
SELECT count(*) FROM hms_sessions(NULL::text[]);

-- events
SELECT type, count(*) > 0 AS some, count(*) = count(DISTINCT id) AS each_once,
	bool_and(track_type IN ('audio', 'video')) AS typed,
	bool_and(stopped_at IS NULL) AS not_stopped
FROM hms_track_events(:'room') GROUP BY type ORDER BY type;
SELECT DISTINCT type FROM hms_track_events(:'room', type => ARRAY['track.remove.success']);
SELECT DISTINCT type FROM hms_recording_events(:'room');

-- any endpoint
SELECT hms_api_get('/rooms/' || :'room') ->> 'name' AS name;
SELECT hms_api_get('rooms/' || :'room') ->> 'name' AS name;
SELECT count(*) = (SELECT count(*) FROM hms_rooms()) AS all_rooms FROM hms_api_list('rooms');
SELECT count(*) = (SELECT count(*) FROM hms_rooms()) AS all_rooms FROM hms_api_list('/rooms');
SELECT count(*) = (SELECT count(*) FROM hms_track_events(:'room')) AS all_events
FROM hms_api_list('/analytics/events', jsonb_build_object('room_id', :'room',
	'type', jsonb_build_array('track.add.success', 'track.update.success', 'track.remove.success')));
SELECT hms_api_post('/rooms', '{"name": "by-hand"}') ->> 'name' AS name;
