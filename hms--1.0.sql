/* hms--1.0.sql: 100ms live video in SQL */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION hms" to load this file. \quit

/*
 * Order: row types; the inner functions; the public functions, one area after
 * another; analytics; operation; privileges.
 *
 * A public function is a wrapper that names its endpoint and passes its
 * arguments in the order of the endpoint table (src/endpoints.c).  The wrapper
 * of a read is inlined into the query; its MATERIALIZED CTE keeps that lazy (a
 * LIMIT stops asking for pages) and keeps a join from walking the list again
 * for each outer row.  Every body is BEGIN ATOMIC: its names were bound here
 * and no search_path changes them.
 */

-- ---------------------------------------------------------------------------
-- Row types: the members of the API's objects under their own names, and in
-- "extra" whatever member has no column.
-- ---------------------------------------------------------------------------

CREATE TYPE hms_room AS (
	id text,
	name text,
	enabled boolean,
	description text,
	customer_id text,
	customer text,
	app_id text,
	recording_source_template boolean,
	enabled_source_template boolean,
	recording_info jsonb,
	template_id text,
	template text,
	region text,
	large_room boolean,
	size integer,
	max_duration_seconds integer,
	polls text[],
	webhook jsonb,
	key text,
	created_at timestamptz,
	updated_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE hms_room IS
'A room: the place that people join. Sessions happen in it.';

CREATE TYPE hms_session AS (
	id text,
	room_id text,
	customer_id text,
	app_id text,
	active boolean,
	peers jsonb,
	created_at timestamptz,
	updated_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE hms_session IS
'A session: one call in a room, from created_at; it ended at updated_at unless it is active. peers is a map by peer id.';

CREATE TYPE hms_session_peer AS (
	id text,
	session_id text,
	room_id text,
	user_id text,
	name text,
	role text,
	joined_at timestamptz,
	left_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE hms_session_peer IS
'A peer of a session: one stay of one client. Who rejoins is a new peer with the same user_id.';

CREATE TYPE hms_active_room AS (
	id text,
	name text,
	customer_id text,
	session jsonb,
	extra jsonb
);
COMMENT ON TYPE hms_active_room IS
'A room with somebody in it: session has the id, created_at and the peers'' ids of the call that is on.';

CREATE TYPE hms_peer AS (
	id text,
	name text,
	user_id text,
	metadata text,
	role text,
	joined_at timestamptz,
	tracks jsonb,
	extra jsonb
);
COMMENT ON TYPE hms_peer IS
'A peer that is connected now. tracks is a map by track id, NULL in lists.';

CREATE TYPE hms_track_event AS (
	version text,
	id text,
	"timestamp" timestamptz,
	type text,
	room_id text,
	session_id text,
	room_name text,
	peer_id text,
	user_id text,
	user_name text,
	joined_at timestamptz,
	role text,
	track_id text,
	stream_id text,
	track_type text,
	source text,
	mute boolean,
	started_at timestamptz,
	stopped_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE hms_track_event IS
'A track (audio or video, source regular or screen) was added, muted or unmuted (update), or removed.';

CREATE TYPE hms_recording_event AS (
	version text,
	id text,
	"timestamp" timestamptz,
	type text,
	beam_id text,
	room_id text,
	session_id text,
	peer_id text,
	template_id text,
	created_at timestamptz,
	duration integer,
	location text,
	started_at timestamptz,
	stopped_at timestamptz,
	max_width integer,
	max_height integer,
	recording_path text,
	recording_presigned_url text,
	meeting_url text,
	rtmp jsonb,
	session_started_at timestamptz,
	size bigint,
	extra jsonb
);
COMMENT ON TYPE hms_recording_event IS
'A recording was completed. duration is in seconds, size in bytes, the presigned URL works for a limited time.';

CREATE TYPE hms_room_code AS (
	code text,
	room_id text,
	role text,
	enabled boolean,
	created_at timestamptz,
	updated_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE hms_room_code IS
'A short code that lets a client join a room in a role without a token of yours.';

CREATE TYPE _hms_stay AS (
	session_id text,
	room_id text,
	session_active boolean,
	session_created_at timestamptz,
	session_updated_at timestamptz,
	id text,
	user_id text,
	name text,
	role text,
	joined_at timestamptz,
	left_at timestamptz
);
COMMENT ON TYPE _hms_stay IS
'Internal: a peer beside its session; a session without peers has one row whose id is NULL.';

-- ---------------------------------------------------------------------------
-- Inner functions.  Open to all; they check EXECUTE of the public function
-- that the endpoint serves.
-- ---------------------------------------------------------------------------

CREATE FUNCTION _hms_rows_support(internal) RETURNS internal
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hms_rows_support';
COMMENT ON FUNCTION _hms_rows_support(internal) IS
'Internal: tells the planner how many rows _hms_rows returns.';

-- Rows of an endpoint, page after page, as they are asked for.
CREATE FUNCTION _hms_rows("row" anyelement, endpoint text, VARIADIC arguments "any")
RETURNS SETOF anyelement
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000 SUPPORT _hms_rows_support
AS 'MODULE_PATHNAME', 'hms_rows';
COMMENT ON FUNCTION _hms_rows(anyelement, text, "any") IS
'Internal: the rows of an endpoint, made to the type of the first argument.';

-- One call of an endpoint.
CREATE FUNCTION _hms_call("row" anyelement, endpoint text, VARIADIC arguments "any")
RETURNS anyelement
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000
AS 'MODULE_PATHNAME', 'hms_call';
COMMENT ON FUNCTION _hms_call(anyelement, text, "any") IS
'Internal: one call of an endpoint, its answer made to the type of the first argument.';

-- ---------------------------------------------------------------------------
-- Tokens: signed here, no request
-- ---------------------------------------------------------------------------

-- A token with which an app's client joins a room.
-- room_id, role: required.  user_id: your own id of the user; attendance goes
-- by it.  valid_for: one second to 90 days, from not_before.  not_before:
-- default issued_at.  issued_at: default 10 seconds ago, against clock skew.
-- Errors: 22004, 22023 (arguments), 55000 (access key or secret missing).
CREATE FUNCTION hms_auth_token(
	room_id text,
	role text,
	user_id text DEFAULT NULL,
	valid_for interval DEFAULT '24 hours',
	not_before timestamptz DEFAULT NULL,
	issued_at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_auth_token';
COMMENT ON FUNCTION hms_auth_token(text, text, text, interval, timestamptz, timestamptz) IS
'A token with which a client joins a room in a role; signed here, no request';

-- A new management token, for use outside the database: it opens the whole
-- API.  Arguments and errors as hms_auth_token.
CREATE FUNCTION hms_management_token(
	valid_for interval DEFAULT '24 hours',
	not_before timestamptz DEFAULT NULL,
	issued_at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_management_token';
COMMENT ON FUNCTION hms_management_token(interval, timestamptz, timestamptz) IS
'A new token that opens the whole API, for use elsewhere; signed here, no request';

-- The claims of a token that was signed with our secret and is valid now.
-- Errors: 28000 (signature, access key or time is wrong), 55000.
CREATE FUNCTION hms_verify_token(token text)
RETURNS jsonb
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_verify_token';
COMMENT ON FUNCTION hms_verify_token(text) IS
'The claims of a token of ours; raises unless signature, access key and times are right';

-- ---------------------------------------------------------------------------
-- Rooms
-- ---------------------------------------------------------------------------

-- All rooms that match the filters, newest first.
-- after, before: on created_at, inclusive, to the millisecond.
-- Errors: MSnnn, 08001, 08006, 08P01 (docs: README, "Errors").
-- Source: GET /rooms
CREATE FUNCTION hms_rooms(
	name text DEFAULT NULL,
	enabled boolean DEFAULT NULL,
	template_id text DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF hms_room
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_room, 'hms_rooms', name, enabled, template_id, after, before) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_rooms(text, boolean, text, timestamptz, timestamptz) IS
'Rooms, newest first; after and before are on created_at (GET /rooms)';

-- A room by its id; no row when there is none.
-- Source: GET /rooms/{room_id}
CREATE FUNCTION hms_room(room_id text)
RETURNS SETOF hms_room
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_room, 'hms_room', room_id) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_room(text) IS
'A room by id, or no row (GET /rooms/{room_id})';

-- Make a room.  options: name, description, template_id, region, size,
-- max_duration_seconds (seconds), large_room, recording_info, polls, webhook.
-- A name that exists changes that room and returns it; without a name each
-- call makes another room.  Call it in FROM or pick one column: (f()).* calls
-- a function once for each column.
-- Errors: 22023 before sending when recording_info or webhook lack what they
-- need; MS400 and others from the API.
-- Source: POST /rooms
CREATE FUNCTION hms_create_room(options jsonb DEFAULT '{}')
RETURNS hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::hms_room, 'hms_create_room', options);
END;
COMMENT ON FUNCTION hms_create_room(jsonb) IS
'Make a room, or change the one of that name (POST /rooms)';

-- Change a room: the members of changes as in hms_create_room, and enabled.
-- Source: POST /rooms/{room_id}
CREATE FUNCTION hms_update_room(room_id text, changes jsonb)
RETURNS hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::hms_room, 'hms_update_room', room_id, changes);
END;
COMMENT ON FUNCTION hms_update_room(text, jsonb) IS
'Change a room (POST /rooms/{room_id})';

-- Let people join a room again.
-- Source: POST /rooms/{room_id}
CREATE FUNCTION hms_enable_room(room_id text)
RETURNS hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::hms_room, 'hms_enable_room', room_id);
END;
COMMENT ON FUNCTION hms_enable_room(text) IS
'Let people join a room again (POST /rooms/{room_id})';

-- Let nobody join a room from now on; a session that is on goes on.
-- Source: POST /rooms/{room_id}
CREATE FUNCTION hms_disable_room(room_id text)
RETURNS hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::hms_room, 'hms_disable_room', room_id);
END;
COMMENT ON FUNCTION hms_disable_room(text) IS
'Let nobody join a room from now on; a running session goes on (POST /rooms/{room_id})';

-- ---------------------------------------------------------------------------
-- Sessions
-- ---------------------------------------------------------------------------

-- Sessions of a room, or of all rooms, newest first.
-- after, before: on created_at, inclusive, to the millisecond.
-- Source: GET /sessions
CREATE FUNCTION hms_sessions(
	room_id text DEFAULT NULL,
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF hms_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_session, 'hms_sessions', room_id, active, after, before) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_sessions(text, boolean, timestamptz, timestamptz) IS
'Sessions of a room or of all rooms, newest first; after and before are on created_at (GET /sessions)';

-- The same of several rooms, up to hms.max_connections at a time, in no order.
-- Source: GET /sessions
CREATE FUNCTION hms_sessions(
	room_ids text[],
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF hms_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_session, 'hms_sessions', room_ids, active, after, before) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_sessions(text[], boolean, timestamptz, timestamptz) IS
'Sessions of several rooms, asked for at the same time; in no order (GET /sessions)';

-- A session by its id; no row when there is none.
-- Source: GET /sessions/{session_id}
CREATE FUNCTION hms_session(session_id text)
RETURNS SETOF hms_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_session, 'hms_session', session_id) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_session(text) IS
'A session by id, or no row (GET /sessions/{session_id})';

-- The session that is on in a room; no row when nobody is there.
-- Source: GET /sessions?active=true
CREATE FUNCTION hms_active_session(room_id text)
RETURNS SETOF hms_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_session, 'hms_active_session', room_id) AS r
	)
	SELECT (s.r).* FROM s LIMIT 1;
END;
COMMENT ON FUNCTION hms_active_session(text) IS
'The session that is on in a room, or no row (GET /sessions)';

-- Peers of sessions, a row each, with the values that the API gives; the
-- filters are those of hms_sessions.
-- Source: GET /sessions
CREATE FUNCTION hms_session_peers(
	room_id text DEFAULT NULL,
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF hms_session_peer
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 5000
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_session_peer, 'hms_session_peers', room_id, active, after, before) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_session_peers(text, boolean, timestamptz, timestamptz) IS
'The peers of sessions, one row for each stay; filters as hms_sessions (GET /sessions)';

-- The same of several rooms at a time, in no order.
-- Source: GET /sessions
CREATE FUNCTION hms_session_peers(
	room_ids text[],
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF hms_session_peer
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 5000
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_session_peer, 'hms_session_peers', room_ids, active, after, before) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_session_peers(text[], boolean, timestamptz, timestamptz) IS
'The peers of sessions of several rooms; in no order (GET /sessions)';

-- ---------------------------------------------------------------------------
-- Active rooms
-- ---------------------------------------------------------------------------

-- The room with the session that is on; no row when nobody is there.
-- Source: GET /active-rooms/{room_id}
CREATE FUNCTION hms_active_room(room_id text)
RETURNS SETOF hms_active_room
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_active_room, 'hms_active_room', room_id) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_active_room(text) IS
'A room with somebody in it, or no row (GET /active-rooms/{room_id})';

-- The peers that are in a room now; none when nobody is there.
-- Source: GET /active-rooms/{room_id}/peers
CREATE FUNCTION hms_active_peers(
	room_id text,
	user_id text DEFAULT NULL,
	role text DEFAULT NULL)
RETURNS SETOF hms_peer
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_peer, 'hms_active_peers', room_id, user_id, role) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_active_peers(text, text, text) IS
'Who is in a room now (GET /active-rooms/{room_id}/peers)';

-- A peer that is in a room now, with its tracks; no row when it is not.
-- Source: GET /active-rooms/{room_id}/peers/{peer_id}
CREATE FUNCTION hms_active_peer(room_id text, peer_id text)
RETURNS SETOF hms_peer
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_peer, 'hms_active_peer', room_id, peer_id) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_active_peer(text, text) IS
'A peer that is in a room now, with tracks, or no row (GET /active-rooms/{room_id}/peers/{peer_id})';

-- Change name, role or metadata of a peer that is in a room now.  metadata is
-- a string for the API: an object or array is sent as its text.
-- Source: POST /active-rooms/{room_id}/peers/{peer_id}
CREATE FUNCTION hms_update_peer(room_id text, peer_id text, changes jsonb)
RETURNS hms_peer
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::hms_peer, 'hms_update_peer', room_id, peer_id,
		CASE WHEN jsonb_typeof(changes -> 'metadata') IN ('object', 'array')
			THEN jsonb_set(changes, '{metadata}', to_jsonb((changes -> 'metadata')::text))
			ELSE changes
		END);
END;
COMMENT ON FUNCTION hms_update_peer(text, text, jsonb) IS
'Change name, role or metadata of a peer in a room (POST /active-rooms/{room_id}/peers/{peer_id})';

-- Send a message to one peer or to all peers of a role; one of the two must be
-- given (22004): a message to everybody is hms_broadcast_message.  The API goes
-- by peer_id when both are.  Returns the APIs own message.
-- Source: POST /active-rooms/{room_id}/send-message
CREATE FUNCTION hms_send_message(
	room_id text,
	message text,
	peer_id text DEFAULT NULL,
	role text DEFAULT NULL,
	type text DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::text, 'hms_send_message', room_id, message, peer_id, role, type);
END;
COMMENT ON FUNCTION hms_send_message(text, text, text, text, text) IS
'Send a message to a peer or to a role (POST /active-rooms/{room_id}/send-message)';

-- Send a message to everybody in a room.
-- Source: POST /active-rooms/{room_id}/send-message
CREATE FUNCTION hms_broadcast_message(room_id text, message text, type text DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::text, 'hms_broadcast_message', room_id, message, type);
END;
COMMENT ON FUNCTION hms_broadcast_message(text, text, text) IS
'Send a message to everybody in a room (POST /active-rooms/{room_id}/send-message)';

-- Remove one peer, or all peers of a role; one of the two must be given (22004).
-- The API goes by peer_id when both are.  They can rejoin while they have a
-- token.
-- Source: POST /active-rooms/{room_id}/remove-peers
CREATE FUNCTION hms_remove_peers(
	room_id text,
	peer_id text DEFAULT NULL,
	role text DEFAULT NULL,
	reason text DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::text, 'hms_remove_peers', room_id, peer_id, role, reason);
END;
COMMENT ON FUNCTION hms_remove_peers(text, text, text, text) IS
'Remove a peer, or all peers of a role, from a room (POST /active-rooms/{room_id}/remove-peers)';

-- End the session that is on.  lock: true also disables the room.
-- Source: POST /active-rooms/{room_id}/end-room
CREATE FUNCTION hms_end_room(
	room_id text,
	reason text DEFAULT NULL,
	lock boolean DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::text, 'hms_end_room', room_id, reason, lock);
END;
COMMENT ON FUNCTION hms_end_room(text, text, boolean) IS
'End the session that is on in a room; lock also disables the room (POST /active-rooms/{room_id}/end-room)';

-- ---------------------------------------------------------------------------
-- Analytics events: the last 30 days
-- ---------------------------------------------------------------------------

-- Track events of a room.  type: default all three kinds, 'track.add.success',
-- 'track.update.success' (muted or unmuted) and 'track.remove.success'.
-- Source: GET /analytics/events
CREATE FUNCTION hms_track_events(
	room_id text,
	session_id text DEFAULT NULL,
	peer_id text DEFAULT NULL,
	user_id text DEFAULT NULL,
	type text[] DEFAULT NULL)
RETURNS SETOF hms_track_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_track_event, 'hms_track_events', room_id, session_id, peer_id, user_id, type) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_track_events(text, text, text, text, text[]) IS
'Track events of a room: added, muted or unmuted, removed (GET /analytics/events)';

-- The same of several rooms at a time, in no order.
-- Source: GET /analytics/events
CREATE FUNCTION hms_track_events(
	room_ids text[],
	session_id text DEFAULT NULL,
	peer_id text DEFAULT NULL,
	user_id text DEFAULT NULL,
	type text[] DEFAULT NULL)
RETURNS SETOF hms_track_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_track_event, 'hms_track_events', room_ids, session_id, peer_id, user_id, type) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_track_events(text[], text, text, text, text[]) IS
'Track events of several rooms; in no order (GET /analytics/events)';

-- Recordings of a room that were completed.
-- Source: GET /analytics/events
CREATE FUNCTION hms_recording_events(
	room_id text,
	session_id text DEFAULT NULL,
	peer_id text DEFAULT NULL,
	user_id text DEFAULT NULL,
	beam_id text DEFAULT NULL)
RETURNS SETOF hms_recording_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_recording_event, 'hms_recording_events', room_id, session_id, peer_id, user_id, beam_id) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_recording_events(text, text, text, text, text) IS
'Completed recordings of a room (GET /analytics/events)';

-- The same of several rooms at a time, in no order.
-- Source: GET /analytics/events
CREATE FUNCTION hms_recording_events(
	room_ids text[],
	session_id text DEFAULT NULL,
	peer_id text DEFAULT NULL,
	user_id text DEFAULT NULL,
	beam_id text DEFAULT NULL)
RETURNS SETOF hms_recording_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 100
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_recording_event, 'hms_recording_events', room_ids, session_id, peer_id, user_id, beam_id) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_recording_events(text[], text, text, text, text) IS
'Completed recordings of several rooms; in no order (GET /analytics/events)';

-- ---------------------------------------------------------------------------
-- Room codes
-- ---------------------------------------------------------------------------

-- The codes of a room.
-- Source: GET /room-codes/room/{room_id}
CREATE FUNCTION hms_room_codes(
	room_id text,
	role text DEFAULT NULL,
	enabled boolean DEFAULT NULL)
RETURNS SETOF hms_room_code
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 10
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_room_code, 'hms_room_codes', room_id, role, enabled) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_room_codes(text, text, boolean) IS
'The codes of a room (GET /room-codes/room/{room_id})';

-- Make a code for each role of the rooms template that has none, and disable
-- those of roles that are gone; returns all codes.
-- Source: POST /room-codes/room/{room_id}
CREATE FUNCTION hms_create_room_codes(room_id text)
RETURNS SETOF hms_room_code
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000 ROWS 10
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_room_code, 'hms_create_room_codes', room_id) AS r
	)
	SELECT (s.r).* FROM s;
END;
COMMENT ON FUNCTION hms_create_room_codes(text) IS
'Make a code for each role of a room; returns them all (POST /room-codes/room/{room_id})';

-- Make another code for a role of a room.
-- Source: POST /room-codes/room/{room_id}/role/{role}
CREATE FUNCTION hms_create_room_code(room_id text, role text)
RETURNS hms_room_code
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::hms_room_code, 'hms_create_room_code', room_id, role);
END;
COMMENT ON FUNCTION hms_create_room_code(text, text) IS
'Make a code for a role of a room (POST /room-codes/room/{room_id}/role/{role})';

-- Let a code work again.
-- Source: POST /room-codes/code
CREATE FUNCTION hms_enable_room_code(code text)
RETURNS hms_room_code
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::hms_room_code, 'hms_enable_room_code', code);
END;
COMMENT ON FUNCTION hms_enable_room_code(text) IS
'Let a room code work again (POST /room-codes/code)';

-- Let a code work no longer.
-- Source: POST /room-codes/code
CREATE FUNCTION hms_disable_room_code(code text)
RETURNS hms_room_code
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::hms_room_code, 'hms_disable_room_code', code);
END;
COMMENT ON FUNCTION hms_disable_room_code(text) IS
'Let a room code work no longer (POST /room-codes/code)';

-- ---------------------------------------------------------------------------
-- Any endpoint
-- ---------------------------------------------------------------------------

-- The answer of any GET.
-- path: begins with a slash, relative to hms.api_url, without a query; percent-
-- encoded where a part holds a reserved character.  params: the query; an array
-- is a repeated key, null is left out.
-- Errors: as all others; a 404 raises MS404.
CREATE FUNCTION hms_api_get(path text, params jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::jsonb, 'hms_api_get', path, params);
END;
COMMENT ON FUNCTION hms_api_get(text, jsonb) IS
'The answer of any GET endpoint of the API';

-- The rows of any list, however it pages.
-- path: begins with a slash, relative to hms.api_url, without a query; percent-
-- encoded where a part holds a reserved character.  params: the query; an array
-- is a repeated key, null is left out.
CREATE FUNCTION hms_api_list(path text, params jsonb DEFAULT '{}')
RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT _hms_rows(NULL::jsonb, 'hms_api_list', path, params) AS r
	)
	SELECT s.r FROM s;
END;
COMMENT ON FUNCTION hms_api_list(text, jsonb) IS
'The rows of any list endpoint of the API, page after page';

-- The answer of any POST; body is sent as it stands.
-- path: as in hms_api_get.
CREATE FUNCTION hms_api_post(path text, body jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::jsonb, 'hms_api_post', path, body);
END;
COMMENT ON FUNCTION hms_api_post(text, jsonb) IS
'The answer of any POST endpoint of the API';

-- The answer of any DELETE; NULL when it has none.
-- path: as in hms_api_get.
CREATE FUNCTION hms_api_delete(path text)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000
BEGIN ATOMIC
	SELECT _hms_call(NULL::jsonb, 'hms_api_delete', path);
END;
COMMENT ON FUNCTION hms_api_delete(text) IS
'The answer of any DELETE endpoint of the API';

-- ---------------------------------------------------------------------------
-- Attendance and usage: plain SQL over sessions and events
-- ---------------------------------------------------------------------------

-- The stays of peers in sessions of a room (NULL: all), of several rooms
-- (room_ids is not NULL), or in one session, if it is of those rooms.
-- Source: GET /sessions, GET /sessions/{session_id}
CREATE FUNCTION _hms_stays(
	room_id text,
	room_ids text[],
	session_id text,
	after timestamptz,
	before timestamptz)
RETURNS SETOF _hms_stay
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 5000
BEGIN ATOMIC
	WITH of_room AS MATERIALIZED (
		SELECT _hms_rows(NULL::_hms_stay, 'stays', room_id, after, before) AS r
		WHERE room_ids IS NULL AND session_id IS NULL
	), of_rooms AS MATERIALIZED (
		SELECT _hms_rows(NULL::_hms_stay, 'stays', room_ids, after, before) AS r
		WHERE room_ids IS NOT NULL AND session_id IS NULL
	), of_session AS MATERIALIZED (
		SELECT _hms_rows(NULL::_hms_stay, 'session_stays', session_id) AS r
		WHERE session_id IS NOT NULL
	)
	SELECT (s.r).* FROM of_room s
	UNION ALL
	SELECT (s.r).* FROM of_rooms s
	UNION ALL
	SELECT (s.r).* FROM of_session s
	WHERE CASE WHEN room_ids IS NULL THEN room_id IS NULL OR (s.r).room_id = room_id
			ELSE (s.r).room_id = ANY (room_ids)
		END
		AND (after IS NULL OR (s.r).session_created_at >= after)
		AND (before IS NULL OR (s.r).session_created_at <= before);
END;
COMMENT ON FUNCTION _hms_stays(text, text[], text, timestamptz, timestamptz) IS
'Internal: the stays of peers in sessions';

-- The track events of a room, of several rooms (room_ids is not NULL), or of
-- one session of them.
-- Source: GET /analytics/events
CREATE FUNCTION _hms_tracks(room_id text, room_ids text[], session_id text)
RETURNS SETOF hms_track_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000
BEGIN ATOMIC
	WITH of_room AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_track_event, 'session_tracks',
			room_id, session_id, NULL::text[]) AS r
		WHERE room_ids IS NULL
	), of_rooms AS MATERIALIZED (
		SELECT _hms_rows(NULL::hms_track_event, 'session_tracks',
			room_ids, session_id, NULL::text[]) AS r
		WHERE room_ids IS NOT NULL
	)
	SELECT (s.r).* FROM of_room s
	UNION ALL
	SELECT (s.r).* FROM of_rooms s;
END;
COMMENT ON FUNCTION _hms_tracks(text, text[], text) IS
'Internal: the track events that talk time is computed from';

--
-- Attendance and usage: plain set-based SQL over sessions and track events.
--
-- Words used below.  A stay is one peer of one session, from joined_at to
-- left_at; without left_at it is open: until now in an active session, until
-- updated_at in an ended one.  A stay that would end before it begins, or
-- whose begin or end the API does not tell, has no length: it is counted, but
-- adds no time and is never open together with another.  The user of a stay is
-- its user_id; where that is NULL or empty its name; where that is too its
-- peer id.
--
-- Now is the same instant for the whole statement: the statement's start, so
-- that a report late in a long transaction does not end stays before they
-- began, and the transaction's start where that is later (in a procedure after
-- a COMMIT).
--
-- Each report reads the API once a call: what it read, and the report itself,
-- are MATERIALIZED, so no plan that scans a report again asks again.
--

-- The reports read the API through these two, defined above:
--   _hms_stays(room_id, room_ids, session_id, after, before): the peers of the
--     sessions, and one row with a NULL id for a session without peers;
--   _hms_tracks(room_id, room_ids, session_id): their track events.

-- _hms_timed_stays
--		The stays with their begin, end and user, and the times of the session.
--
-- Arguments: as _hms_stays.  A row a peer; a session without peers has one row
-- whose peer_id is NULL.  stops_at is when the session ended, or now while it
-- is active, never before started_at.  begins_at and ends_at are NULL together,
-- or begins_at <= ends_at.
CREATE FUNCTION _hms_timed_stays(
	room_id text, room_ids text[], session_id text, after timestamptz, before timestamptz)
RETURNS TABLE (
	session_id text, room_id text, active boolean,
	started_at timestamptz, ended_at timestamptz, stops_at timestamptz,
	peer_id text, user_id text, name text, role text,
	joined_at timestamptz, left_at timestamptz, inside boolean,
	begins_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.session_id, s.room_id, s.session_active,
		s.session_created_at, ended.at, greatest(s.session_created_at, stop.at),
		s.id, coalesce(nullif(s.user_id, ''), nullif(s.name, ''), s.id), s.name, s.role,
		s.joined_at, s.left_at, s.session_active IS TRUE AND s.left_at IS NULL,
		coalesce(s.joined_at, s.left_at, stop.at),
		greatest(s.joined_at, coalesce(s.left_at, stop.at))
	FROM _hms_stays(_hms_timed_stays.room_id, _hms_timed_stays.room_ids,
			_hms_timed_stays.session_id, _hms_timed_stays.after, _hms_timed_stays.before) AS s
		CROSS JOIN LATERAL (SELECT CASE WHEN s.session_active IS NOT TRUE
			THEN s.session_updated_at END) AS ended (at)
		CROSS JOIN LATERAL (SELECT CASE WHEN s.session_active
			THEN greatest(statement_timestamp(), now()) ELSE ended.at END) AS stop (at);
END;

COMMENT ON FUNCTION _hms_timed_stays(text, text[], text, timestamptz, timestamptz) IS
	'internal: the stays of sessions with begin, end and user';

-- _hms_attendance
--		Who was in which session, and for how long: see hms_attendance.
--
-- Arguments: as _hms_stays.  present is the union of a user's stays, duration
-- their sum.
CREATE FUNCTION _hms_attendance(
	room_id text, room_ids text[], session_id text, after timestamptz, before timestamptz)
RETURNS TABLE (
	session_id text, room_id text, user_id text, name text, roles text[], joins integer,
	first_joined_at timestamptz, last_left_at timestamptz,
	duration interval, present interval, minutes numeric, share numeric, inside boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	WITH stays AS MATERIALIZED (
		SELECT *
		FROM _hms_timed_stays(_hms_attendance.room_id, _hms_attendance.room_ids,
			_hms_attendance.session_id, _hms_attendance.after, _hms_attendance.before)
	), users AS (
		SELECT s.session_id, s.room_id, s.user_id, s.started_at,
			s.stops_at - s.started_at AS length,
			(array_agg(s.name ORDER BY s.joined_at DESC NULLS LAST,
				s.ends_at DESC NULLS LAST, s.peer_id COLLATE "C" DESC))[1] AS name,
			array_agg(DISTINCT s.role COLLATE "C" ORDER BY s.role COLLATE "C")
				FILTER (WHERE s.role <> '') AS roles,
			count(*)::integer AS joins,
			min(s.joined_at) AS first_joined_at,
			max(s.ends_at) AS last_left_at,
			sum(s.ends_at - s.begins_at) AS duration,
			(SELECT sum(upper(r) - lower(r))
				FROM unnest(range_agg(tstzrange(s.begins_at, s.ends_at))
					FILTER (WHERE s.begins_at < s.ends_at)) AS r) AS present,
			bool_or(s.inside) AS inside
		FROM stays AS s
		WHERE s.peer_id IS NOT NULL
		GROUP BY s.session_id, s.room_id, s.user_id, s.started_at, s.stops_at
	), report AS MATERIALIZED (
		SELECT u.session_id, u.room_id, u.user_id, u.name,
			coalesce(u.roles, '{}') AS roles, u.joins, u.first_joined_at,
			CASE WHEN NOT u.inside THEN u.last_left_at END AS last_left_at,
			t.duration, t.present,
			round(extract(epoch FROM t.duration) / 60, 2) AS minutes,
			round(extract(epoch FROM least(t.present, u.length))
				/ nullif(extract(epoch FROM u.length), 0), 3) AS share,
			u.inside, u.started_at
		FROM users AS u
			CROSS JOIN LATERAL (SELECT coalesce(u.duration, '0'),
				coalesce(u.present, '0')) AS t (duration, present)
	)
	SELECT r.session_id, r.room_id, r.user_id, r.name, r.roles, r.joins,
		r.first_joined_at, r.last_left_at, r.duration, r.present, r.minutes, r.share, r.inside
	FROM report AS r
	ORDER BY r.started_at, r.session_id, r.first_joined_at, r.user_id;
END;

COMMENT ON FUNCTION _hms_attendance(text, text[], text, timestamptz, timestamptz) IS
	'internal: hms_attendance for one room or several';

-- _hms_session_usage
--		How long each session was and how many were in it: see hms_session_usage.
--
-- Arguments: as _hms_stays.  The peak comes from a sweep over the instants at
-- which somebody joins or leaves: what happens at one instant is summed before
-- it counts, so a leave and a join together do not overlap.
CREATE FUNCTION _hms_session_usage(
	room_id text, room_ids text[], session_id text, after timestamptz, before timestamptz)
RETURNS TABLE (
	session_id text, room_id text, started_at timestamptz, ended_at timestamptz,
	active boolean, duration interval, peers integer, users integer, joins integer,
	participant_time interval, participant_minutes numeric,
	peak_peers integer, peak_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	WITH stays AS MATERIALIZED (
		SELECT *
		FROM _hms_timed_stays(_hms_session_usage.room_id, _hms_session_usage.room_ids,
			_hms_session_usage.session_id, _hms_session_usage.after, _hms_session_usage.before)
	), sessions AS (
		SELECT s.session_id, s.room_id, s.started_at, s.ended_at, s.active,
			coalesce(s.stops_at - s.started_at, '0') AS duration,
			count(s.peer_id)::integer AS peers,
			count(DISTINCT s.user_id)::integer AS users,
			coalesce(sum(s.ends_at - s.begins_at) FILTER (WHERE s.peer_id IS NOT NULL),
				'0') AS participant_time
		FROM stays AS s
		GROUP BY s.session_id, s.room_id, s.started_at, s.ended_at, s.active, s.stops_at
	), sweep AS (
		SELECT s.session_id, move.at,
			sum(sum(move.peers)) OVER (PARTITION BY s.session_id COLLATE "C"
				ORDER BY move.at) AS peers
		FROM stays AS s
			CROSS JOIN LATERAL (VALUES (s.begins_at, 1), (s.ends_at, -1)) AS move (at, peers)
		WHERE s.peer_id IS NOT NULL AND s.begins_at < s.ends_at
		GROUP BY s.session_id, move.at
	), peaks AS (
		SELECT DISTINCT ON (w.session_id COLLATE "C")
			w.session_id, w.at, w.peers::integer AS peers
		FROM sweep AS w
		ORDER BY w.session_id COLLATE "C", w.peers DESC, w.at
	), report AS MATERIALIZED (
		SELECT s.session_id, s.room_id, s.started_at, s.ended_at, s.active, s.duration,
			s.peers, s.users, s.peers AS joins, s.participant_time,
			round(extract(epoch FROM s.participant_time) / 60, 2) AS participant_minutes,
			coalesce(p.peers, 0) AS peak_peers, p.at AS peak_at
		FROM sessions AS s LEFT JOIN peaks AS p ON p.session_id = s.session_id
	)
	SELECT r.* FROM report AS r ORDER BY r.started_at, r.session_id;
END;

COMMENT ON FUNCTION _hms_session_usage(text, text[], text, timestamptz, timestamptz) IS
	'internal: hms_session_usage for one room or several';

-- _hms_talk_time
--		For how long each user's tracks were on: see hms_talk_time.
--
-- Arguments: as _hms_tracks.  A track's events in order set its state; only a
-- change of state begins or ends a span.  The events that count all come before
-- those that do not (what follows the track's end, and removals), so the state
-- before an event that counts is simply that of the event before it.
CREATE FUNCTION _hms_talk_time(room_id text, room_ids text[], session_id text)
RETURNS TABLE (
	session_id text, room_id text, user_id text, track_type text, source text,
	on_time interval, switches integer, longest interval)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	WITH stays AS MATERIALIZED (
		SELECT *
		FROM _hms_timed_stays(_hms_talk_time.room_id, _hms_talk_time.room_ids,
			_hms_talk_time.session_id, NULL, NULL)
	), events AS MATERIALIZED (
		SELECT e.session_id, e.peer_id, e.track_id, e.track_type, e.source,
			e.user_id, e.user_name, e."timestamp" AS at, e.mute IS NOT TRUE AS is_on,
			CASE e.type WHEN 'track.add.success' THEN 1
				WHEN 'track.update.success' THEN 2 ELSE 3 END AS step
		FROM _hms_tracks(_hms_talk_time.room_id, _hms_talk_time.room_ids,
			_hms_talk_time.session_id) AS e
	), peers AS (
		-- a peer that its session does not list is the user that its events name
		SELECT row_number() OVER () AS peer, s.session_id, s.room_id, s.started_at, e.peer_id,
			coalesce(p.user_id, e.user_id, e.user_name, e.peer_id) AS user_id,
			coalesce(p.left_at, s.stops_at) AS leaves_at
		FROM (SELECT e.session_id, e.peer_id, max(nullif(e.user_id, '')) AS user_id,
				max(nullif(e.user_name, '')) AS user_name
			FROM events AS e
			GROUP BY e.session_id, e.peer_id) AS e
			JOIN (SELECT DISTINCT s.session_id, s.room_id, s.started_at, s.stops_at
				FROM stays AS s) AS s ON s.session_id = e.session_id
			LEFT JOIN stays AS p ON p.session_id = e.session_id AND p.peer_id = e.peer_id
	), states AS (
		SELECT p.*, e.track_id, e.at, e.step, e.is_on,
			max(e.track_type) OVER track AS track_type, max(e.source) OVER track AS source,
			coalesce(min(e.at) FILTER (WHERE e.step = 3) OVER track, p.leaves_at) AS ends_at,
			lag(e.is_on, 1, false) OVER course AS was_on,
			row_number() OVER course AS nth
		FROM events AS e
			JOIN peers AS p ON p.session_id = e.session_id AND p.peer_id = e.peer_id
		WINDOW track AS (PARTITION BY p.peer, e.track_id COLLATE "C"),
			course AS (track ORDER BY e.at, e.step, e.is_on DESC)
	), changes AS (
		SELECT s.*, s.step < 3 AND s.at <= s.ends_at AND s.is_on <> s.was_on AS changed
		FROM states AS s
	), spans AS (
		-- the first event stays, changed or not, for the tracks that never were on
		SELECT c.*,
			lead(c.at, 1, c.ends_at) OVER (PARTITION BY c.peer, c.track_id COLLATE "C"
				ORDER BY c.at, c.step, c.is_on DESC) - c.at AS length
		FROM changes AS c
		WHERE c.changed OR c.nth = 1
	), report AS MATERIALIZED (
		SELECT s.started_at, s.session_id, s.room_id, s.user_id, s.track_type, s.source,
			coalesce(sum(s.length) FILTER (WHERE s.changed AND s.is_on), '0') AS on_time,
			(count(*) FILTER (WHERE s.changed))::integer AS switches,
			coalesce(max(s.length) FILTER (WHERE s.changed AND s.is_on), '0') AS longest
		FROM spans AS s
		GROUP BY s.started_at, s.session_id, s.room_id, s.user_id, s.track_type, s.source
	)
	SELECT r.session_id, r.room_id, r.user_id, r.track_type, r.source,
		r.on_time, r.switches, r.longest
	FROM report AS r
	ORDER BY r.started_at, r.session_id, r.user_id, r.track_type, r.source;
END;

COMMENT ON FUNCTION _hms_talk_time(text, text[], text) IS
	'internal: hms_talk_time for one room or several';

-- _hms_step
--		The step itself; raises 22023 unless it is longer than zero.
--
-- IMMUTABLE, so that a constant step is refused while the statement is planned,
-- before anything is sent.  It leaves the refusal to generate_series.
CREATE FUNCTION _hms_step(step interval) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10
BEGIN ATOMIC
	SELECT _hms_step.step
	FROM generate_series(timestamp 'epoch', timestamp 'epoch',
		CASE WHEN _hms_step.step > interval '0' THEN _hms_step.step ELSE interval '0' END);
END;

COMMENT ON FUNCTION _hms_step(interval) IS
	'internal: the step of hms_concurrency, refused unless longer than zero';

-- _hms_concurrency
--		How many are inside at each step of each session: see hms_concurrency.
--
-- Arguments: as _hms_stays, and the step.  One sweep over joins, leaves and
-- steps in order of time.  A user with overlapping stays is inside from the
-- first begin to the last end of each island of them.
CREATE FUNCTION _hms_concurrency(
	room_id text, room_ids text[], session_id text, step interval)
RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	WITH stays AS MATERIALIZED (
		SELECT *
		FROM _hms_timed_stays(_hms_concurrency.room_id, _hms_concurrency.room_ids,
			_hms_concurrency.session_id, NULL, NULL)
	), islands AS (
		SELECT s.started_at, s.session_id,
			unnest(range_agg(tstzrange(s.begins_at, s.ends_at))) AS island
		FROM stays AS s
		WHERE s.peer_id IS NOT NULL AND s.begins_at < s.ends_at
		GROUP BY s.started_at, s.session_id, s.user_id
	), moves AS (
		SELECT s.started_at, s.session_id, move.at, move.peers, 0 AS users, false AS is_step
		FROM stays AS s
			CROSS JOIN LATERAL (VALUES (s.begins_at, 1), (s.ends_at, -1)) AS move (at, peers)
		WHERE s.peer_id IS NOT NULL AND s.begins_at < s.ends_at
		UNION ALL
		SELECT i.started_at, i.session_id, move.at, 0, move.users, false
		FROM islands AS i
			CROSS JOIN LATERAL (VALUES (lower(i.island), 1),
				(upper(i.island), -1)) AS move (at, users)
		UNION ALL
		SELECT s.started_at, s.session_id, step.at, 0, 0, true
		FROM (SELECT DISTINCT s.started_at, s.session_id, s.stops_at FROM stays AS s) AS s
			CROSS JOIN LATERAL generate_series(s.started_at, s.stops_at,
				_hms_step(_hms_concurrency.step)) AS step (at)
	), sweep AS (
		-- all that happens at one instant counts at that instant
		SELECT m.started_at, m.session_id, m.at, m.is_step,
			sum(m.peers) OVER course AS peers, sum(m.users) OVER course AS users
		FROM moves AS m
		WINDOW course AS (PARTITION BY m.started_at, m.session_id COLLATE "C" ORDER BY m.at)
	), report AS MATERIALIZED (
		SELECT w.started_at, w.session_id, w.at,
			w.peers::integer AS peers, w.users::integer AS users
		FROM sweep AS w
		WHERE w.is_step
	)
	SELECT r.session_id, r.at, r.peers, r.users
	FROM report AS r
	ORDER BY r.started_at, r.session_id COLLATE "C", r.at;
END;

COMMENT ON FUNCTION _hms_concurrency(text, text[], text, interval) IS
	'internal: hms_concurrency for one room or several';

-- hms_attendance(room_id, session_id, after, before)
-- hms_attendance(room_ids, session_id, after, before)
--		Who was in which session of the room, and for how long.
--
-- Arguments: the room, or several (NULL: every room of the account); one
-- session only; sessions created at or after, at or before.  A row per session
-- and user.  joins counts stays, duration sums them (two devices at once count
-- twice, as the platform counts), present is their union (two devices at once
-- count once), minutes is duration in minutes, share is present divided by the
-- session's length, at most 1.  name is that of the stay that joined last; roles
-- are distinct and sorted by code point.  last_left_at is NULL while inside.
-- In order of session start, then first join.
--
-- Errors: those of hms_sessions.  Source: GET /sessions, or GET /sessions/{id}.
CREATE FUNCTION hms_attendance(room_id text, session_id text DEFAULT NULL,
	after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, user_id text, name text, roles text[], joins integer,
	first_joined_at timestamptz, last_left_at timestamptz,
	duration interval, present interval, minutes numeric, share numeric, inside boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT * FROM _hms_attendance(hms_attendance.room_id, NULL,
		hms_attendance.session_id, hms_attendance.after, hms_attendance.before);
END;

CREATE FUNCTION hms_attendance(room_ids text[], session_id text DEFAULT NULL,
	after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, user_id text, name text, roles text[], joins integer,
	first_joined_at timestamptz, last_left_at timestamptz,
	duration interval, present interval, minutes numeric, share numeric, inside boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT * FROM _hms_attendance(NULL, hms_attendance.room_ids,
		hms_attendance.session_id, hms_attendance.after, hms_attendance.before);
END;

COMMENT ON FUNCTION hms_attendance(text, text, timestamptz, timestamptz) IS
	'who was in which session of the room and for how long: a row per session and user; duration sums the stays, present is their union';
COMMENT ON FUNCTION hms_attendance(text[], text, timestamptz, timestamptz) IS
	'who was in which session of the rooms and for how long: a row per session and user; duration sums the stays, present is their union';

-- hms_session_usage(room_id, after, before)
-- hms_session_usage(room_ids, after, before)
--		How long each session of the room was, and how many were in it.
--
-- Arguments: the room, or several (NULL or none: every room of the account);
-- sessions created at or after, at or before.  A row per session, those without
-- peers too.  duration is the session's own length (until now while active),
-- participant_time the sum of all stays, participant_minutes the same in minutes.
-- peak_peers is the most stays open at once, peak_at the first instant of that,
-- NULL when nobody was in for any time.  ended_at is NULL while active.  In order
-- of session start.
--
-- Errors: those of hms_sessions.  Source: GET /sessions.
CREATE FUNCTION hms_session_usage(room_id text DEFAULT NULL,
	after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, started_at timestamptz, ended_at timestamptz,
	active boolean, duration interval, peers integer, users integer, joins integer,
	participant_time interval, participant_minutes numeric,
	peak_peers integer, peak_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT * FROM _hms_session_usage(hms_session_usage.room_id, NULL, NULL,
		hms_session_usage.after, hms_session_usage.before);
END;

CREATE FUNCTION hms_session_usage(room_ids text[],
	after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, started_at timestamptz, ended_at timestamptz,
	active boolean, duration interval, peers integer, users integer, joins integer,
	participant_time interval, participant_minutes numeric,
	peak_peers integer, peak_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT * FROM _hms_session_usage(NULL, hms_session_usage.room_ids, NULL,
		hms_session_usage.after, hms_session_usage.before);
END;

COMMENT ON FUNCTION hms_session_usage(text, timestamptz, timestamptz) IS
	'how long each session of the room was and how many were in it: length, participant time, peak; a row per session';
COMMENT ON FUNCTION hms_session_usage(text[], timestamptz, timestamptz) IS
	'how long each session of the rooms was and how many were in it: length, participant time, peak; a row per session';

-- hms_talk_time(room_id, session_id)
-- hms_talk_time(room_ids, session_id)
--		For how long each user's microphone, camera and screen were on.
--
-- Arguments: the room, or several; one session only.  A row per session, user,
-- track_type (audio, video) and source (regular, screen), also for tracks that
-- never were on.  A track is on while it is added and not muted (an event that
-- does not tell mute is not muted); it ends at its remove event, else when its
-- peer leaves, else at the session's end, else now, and what comes after that is
-- ignored.  on_time sums the user's tracks (two at once count twice), switches
-- counts changes of state by add and update events, longest is one span of one
-- track.  A peer that the session does not list is the user its events name.
-- Events of sessions that the API does not list are left out.  The API keeps
-- events for 30 days: older sessions have no rows.
--
-- Errors: those of hms_sessions and hms_track_events.  Source: GET /sessions,
-- GET /analytics/events.
CREATE FUNCTION hms_talk_time(room_id text, session_id text DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, user_id text, track_type text, source text,
	on_time interval, switches integer, longest interval)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT * FROM _hms_talk_time(hms_talk_time.room_id, NULL, hms_talk_time.session_id);
END;

CREATE FUNCTION hms_talk_time(room_ids text[], session_id text DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, user_id text, track_type text, source text,
	on_time interval, switches integer, longest interval)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT * FROM _hms_talk_time(NULL, hms_talk_time.room_ids, hms_talk_time.session_id);
END;

COMMENT ON FUNCTION hms_talk_time(text, text) IS
	'for how long each user''s microphone, camera and screen were on: a row per session, user, track type and source';
COMMENT ON FUNCTION hms_talk_time(text[], text) IS
	'for how long each user''s microphone, camera and screen were on, in several rooms: a row per session, user, track type and source';

-- hms_concurrency(room_id, session_id, step)
-- hms_concurrency(room_ids, session_id, step)
--		How many peers and users were inside at each step of each session.
--
-- Arguments: the room, or several (NULL: every room of the account); one session
-- only; the step.  A row at each session's start and each step after it until its
-- end (now while active), a step at the end included.  Who leaves at the instant
-- of a step is gone, who joins is there.  In order of session start and time.
--
-- Errors: 22023 unless the step is longer than zero; those of hms_sessions.
-- Source: GET /sessions, or GET /sessions/{id}.
CREATE FUNCTION hms_concurrency(room_id text, session_id text DEFAULT NULL,
	step interval DEFAULT '1 minute')
RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT * FROM _hms_concurrency(hms_concurrency.room_id, NULL,
		hms_concurrency.session_id, hms_concurrency.step);
END;

CREATE FUNCTION hms_concurrency(room_ids text[], session_id text DEFAULT NULL,
	step interval DEFAULT '1 minute')
RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT * FROM _hms_concurrency(NULL, hms_concurrency.room_ids,
		hms_concurrency.session_id, hms_concurrency.step);
END;

COMMENT ON FUNCTION hms_concurrency(text, text, interval) IS
	'how many peers and users were inside at each step of each session of the room';
COMMENT ON FUNCTION hms_concurrency(text[], text, interval) IS
	'how many peers and users were inside at each step of each session of the rooms';

-- What sends requests is not for everybody: hms_grant opens it.

-- ---------------------------------------------------------------------------
-- Operation
-- ---------------------------------------------------------------------------

-- Is everything set up, and does it work?  A row for each check; what fails is
-- a row, not an error.  Makes one request.
-- Source: GET /rooms
CREATE FUNCTION _hms_check(OUT "check" text, OUT ok boolean, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 10
AS 'MODULE_PATHNAME', 'hms_check';
COMMENT ON FUNCTION _hms_check() IS 'Internal: the checks that need no catalog';

CREATE FUNCTION hms_check(OUT "check" text, OUT ok boolean, OUT detail text)
RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 100000 ROWS 10
BEGIN ATOMIC
	SELECT c."check", c.ok, c.detail FROM _hms_check() c
	UNION ALL
	SELECT 'secret visibility', count(*) = 0,
		CASE WHEN count(*) = 0 THEN 'no role or database setting shows a secret'
			ELSE 'hms.secret is set by ALTER ROLE or ALTER DATABASE, where every role can read it in pg_db_role_setting'
		END
	FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c (setting)
	WHERE c.setting LIKE 'hms.secret=%';
END;
COMMENT ON FUNCTION hms_check() IS
'Checks of settings, library, connection, token and clock; makes one request';

-- This backend's counters since it started: requests sent, of them repeated
-- ones, pages and rows read, bytes of answers (decompressed), tokens signed,
-- and the time it waited for 100ms.
CREATE FUNCTION hms_stats(
	OUT requests bigint,
	OUT retries bigint,
	OUT pages bigint,
	OUT "rows" bigint,
	OUT bytes bigint,
	OUT tokens_minted bigint,
	OUT seconds_waited double precision)
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_stats';
COMMENT ON FUNCTION hms_stats() IS
'What this backend has asked of 100ms since it started';

-- The functions of a level.  tokens: what an app needs to let its users in;
-- read: reports and lists; write: what changes something at 100ms; all: these
-- and what reaches everything (any endpoint, management tokens, hms_check).
CREATE FUNCTION _hms_functions(level text)
RETURNS SETOF regprocedure
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT p.oid::regprocedure
	FROM pg_catalog.pg_depend d
	JOIN pg_catalog.pg_extension e ON d.refobjid = e.oid
	JOIN pg_catalog.pg_proc p ON d.objid = p.oid
	WHERE d.classid = 'pg_catalog.pg_proc'::regclass
		AND d.refclassid = 'pg_catalog.pg_extension'::regclass
		AND d.deptype = 'e'
		AND e.extname = 'hms'
		AND p.proname LIKE 'hms\_%'
		AND p.proname NOT IN ('hms_grant', 'hms_revoke')
		AND (level = 'all'
			OR level = CASE
				WHEN p.proname IN ('hms_auth_token', 'hms_verify_token') THEN 'tokens'
				WHEN p.proname LIKE 'hms\_api\_%'
					OR p.proname IN ('hms_management_token', 'hms_check') THEN 'all'
				WHEN p.provolatile = 's' THEN 'read'
				ELSE 'write'
			END);
END;
COMMENT ON FUNCTION _hms_functions(text) IS
'Internal: the functions that hms_grant grants at a level';

-- GRANT or REVOKE EXECUTE on functions.
CREATE FUNCTION _hms_set_privileges(
	command text,
	direction text,
	role regrole,
	level text,
	functions regprocedure[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	function regprocedure;
BEGIN
	IF role IS NULL OR cardinality(functions) = 0 THEN
		RAISE EXCEPTION 'there is no role or no level "%"', level
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'The levels are tokens, read, write and all.';
	END IF;
	FOREACH function IN ARRAY functions LOOP
		EXECUTE format('%s EXECUTE ON FUNCTION %s %s %s',
			command, function, direction, role);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION _hms_set_privileges(text, text, regrole, text, regprocedure[]) IS
'Internal: GRANT or REVOKE EXECUTE on functions';

-- Let a role execute the functions of a level: tokens, read, write or all.
-- Levels add up: grant each that is wanted.
-- Errors: 22023 (no such level), 42501 (the caller owns neither).
CREATE FUNCTION hms_grant(role regrole, level text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT _hms_set_privileges('GRANT', 'TO', role, level,
		ARRAY(SELECT f FROM _hms_functions(level) f ORDER BY f));
END;
COMMENT ON FUNCTION hms_grant(regrole, text) IS
'Let a role execute the functions of a level: tokens, read, write or all';

-- Take it back.
CREATE FUNCTION hms_revoke(role regrole, level text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT _hms_set_privileges('REVOKE', 'FROM', role, level,
		ARRAY(SELECT f FROM _hms_functions(level) f ORDER BY f));
END;
COMMENT ON FUNCTION hms_revoke(regrole, text) IS
'Take the functions of a level from a role: tokens, read, write or all';

-- ---------------------------------------------------------------------------
-- Privileges: what sends a request, signs a token or grants is for who is
-- granted it.
-- ---------------------------------------------------------------------------

REVOKE ALL ON FUNCTION hms_auth_token(text, text, text, interval, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_management_token(interval, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_verify_token(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_rooms(text, boolean, text, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_room(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_create_room(jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_update_room(text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_enable_room(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_disable_room(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_sessions(text, boolean, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_sessions(text[], boolean, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_session(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_active_session(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_session_peers(text, boolean, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_session_peers(text[], boolean, timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_active_room(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_active_peers(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_active_peer(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_update_peer(text, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_send_message(text, text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_broadcast_message(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_remove_peers(text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_end_room(text, text, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_track_events(text, text, text, text, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_track_events(text[], text, text, text, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_recording_events(text, text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_recording_events(text[], text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_room_codes(text, text, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_create_room_codes(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_create_room_code(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_enable_room_code(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_disable_room_code(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_api_get(text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_api_list(text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_api_post(text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_api_delete(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_check() FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_grant(regrole, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hms_revoke(regrole, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION _hms_set_privileges(text, text, regrole, text, regprocedure[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION
	hms_attendance(text, text, timestamptz, timestamptz),
	hms_attendance(text[], text, timestamptz, timestamptz),
	hms_session_usage(text, timestamptz, timestamptz),
	hms_session_usage(text[], timestamptz, timestamptz),
	hms_talk_time(text, text),
	hms_talk_time(text[], text),
	hms_concurrency(text, text, interval),
	hms_concurrency(text[], text, interval)
FROM PUBLIC;
