/* hms--1.0.sql: 100ms live video in SQL */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION hms" to load this file. \quit

/*
 * Order: row types; the inner functions; the public functions, one area after
 * another; analytics; operation.
 *
 * Nobody below a superuser can slip anything in.  What users call is in the
 * schema that the extension was put in, where others may create objects too; so
 * nothing here looks a name up there: such names are qualified, and what stands
 * behind the public functions is in a schema of the extension's own.
 *
 * A public function is a wrapper that names its endpoint and passes its
 * arguments in the order of the endpoint table (src/endpoints.c).  The wrapper
 * of a read is inlined into the query, and a plan node of the library's own
 * (src/scan.c) reads the rows.  SQL bodies are BEGIN ATOMIC: their names were
 * bound here and no search_path changes them.  What sends a request, signs a
 * token or grants is taken from PUBLIC where it is made.
 */

SET LOCAL search_path = pg_catalog, pg_temp;

-- without IF NOT EXISTS: a schema that is there already may be anybody's
CREATE SCHEMA hms_internal;
COMMENT ON SCHEMA hms_internal IS
'What stands behind the functions of the extension hms; nothing in it is to be called by hand';
GRANT USAGE ON SCHEMA hms_internal TO PUBLIC;

-- ---------------------------------------------------------------------------
-- Row types: the members of the API's objects under their own names, and in
-- "extra" whatever member has no column.
-- ---------------------------------------------------------------------------

CREATE TYPE @extschema@.hms_room AS (
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
COMMENT ON TYPE @extschema@.hms_room IS
'A room: the place that people join. Sessions happen in it.';

CREATE TYPE @extschema@.hms_session AS (
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
COMMENT ON TYPE @extschema@.hms_session IS
'A session: one call in a room, from created_at; it ended at updated_at unless it is active. peers is a map by peer id.';

CREATE TYPE @extschema@.hms_session_peer AS (
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
COMMENT ON TYPE @extschema@.hms_session_peer IS
'A peer of a session: one stay of one client. Who rejoins is a new peer with the same user_id.';

CREATE TYPE @extschema@.hms_active_room AS (
	id text,
	name text,
	customer_id text,
	session jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_active_room IS
'A room with somebody in it: session has the id, created_at and the peers'' ids of the call that is on.';

CREATE TYPE @extschema@.hms_peer AS (
	id text,
	name text,
	user_id text,
	metadata text,
	role text,
	joined_at timestamptz,
	tracks jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_peer IS
'A peer that is connected now. tracks is a map by track id, NULL in lists.';

CREATE TYPE @extschema@.hms_track_event AS (
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
COMMENT ON TYPE @extschema@.hms_track_event IS
'A track (audio or video, source regular or screen) was added, muted or unmuted (update), or removed.';

CREATE TYPE @extschema@.hms_recording_event AS (
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
COMMENT ON TYPE @extschema@.hms_recording_event IS
'A recording was completed. duration is in seconds, size in bytes, the presigned URL works for a limited time.';

CREATE TYPE @extschema@.hms_room_code AS (
	code text,
	room_id text,
	role text,
	enabled boolean,
	created_at timestamptz,
	updated_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_room_code IS
'A short code that lets a client join a room in a role without a token of yours.';

CREATE TYPE @extschema@.hms_error_event AS (
	version text,
	id text,
	"timestamp" timestamptz,
	type text,
	user_id text,
	user_name text,
	peer_id text,
	account_id text,
	room_id text,
	session_id text,
	room_name text,
	template_id text,
	role text,
	error_code integer,
	error_name text,
	error_message text,
	error_description text,
	is_terminal boolean,
	action text,
	domain text,
	agent jsonb,
	audio jsonb,
	video jsonb,
	devices jsonb,
	retries_join integer,
	transport_state text,
	endpoint text,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_error_event IS
'A client could not publish, subscribe, join or connect, or was disconnected. is_terminal: it did not try again.';

CREATE TYPE @extschema@.hms_analytics_event AS (
	version text,
	id text,
	"timestamp" timestamptz,
	type text,
	data jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_analytics_event IS
'An event of any kind, its data as it is.';

CREATE TYPE @extschema@.hms_peer_quality_stat AS (
	session_id text,
	peer_id text,
	room_id text,
	side text,
	kind text,
	track_id text,
	type text,
	rid text,
	"timestamp" timestamptz,
	bitrate double precision,
	fps double precision,
	packet_loss_percent double precision,
	rtt_ms double precision,
	jitter_ms double precision,
	freeze_count double precision,
	concealed_samples double precision,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_peer_quality_stat IS
'How a track of a peer did at an instant: side is publisher or subscriber, kind video or audio, rid the simulcast layer; bitrate in bits a second. Each kind has some of the measures.';

CREATE TYPE @extschema@.hms_webhook_event AS (
	event_id text,
	event_name text,
	room_id text,
	event_timestamp timestamptz,
	payload jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_webhook_event IS
'A delivery of a webhook: payload has original_event_name, webhook_url, event_data and, of a failed one, error_reason.';

CREATE TYPE @extschema@.hms_webhook_replay AS (
	workflow_id text,
	status text,
	message text,
	started_at timestamptz,
	completed_at timestamptz,
	filters jsonb,
	progress jsonb,
	result jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_webhook_replay IS
'A replay of webhooks: it has ended when status is not Running.';

CREATE TYPE @extschema@.hms_live_stream AS (
	id text,
	room_id text,
	session_id text,
	status text,
	playback jsonb,
	recording jsonb,
	meeting_url text,
	destination text,
	created_at timestamptz,
	started_at timestamptz,
	updated_at timestamptz,
	stopped_at timestamptz,
	started_by text,
	stopped_by text,
	recording_assets jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_live_stream IS
'A live stream (HLS): status is starting, running, stopping, post_processing, completed or failed; playback has the URL.';

CREATE TYPE @extschema@.hms_recording AS (
	id text,
	room_id text,
	session_id text,
	status text,
	asset_types text[],
	meeting_url text,
	destination text,
	created_at timestamptz,
	started_at timestamptz,
	updated_at timestamptz,
	stopped_at timestamptz,
	started_by text,
	stopped_by text,
	recording_assets jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_recording IS
'A recording: status is starting, running, stopping, post_processing, completed or failed. recording_assets is NULL in lists.';

CREATE TYPE @extschema@.hms_recording_asset AS (
	id text,
	job_id text,
	room_id text,
	session_id text,
	type text,
	status text,
	path text,
	size bigint,
	duration integer,
	created_at timestamptz,
	thumbnails jsonb,
	metadata jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_recording_asset IS
'A file of a recording or stream: size in bytes, duration in seconds; hms_presigned_url gives a link to it.';

CREATE TYPE @extschema@.hms_presigned_url AS (
	id text,
	path text,
	url text,
	expiry integer,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_presigned_url IS
'A link to a recording asset; whoever has it can fetch the file for expiry seconds.';

CREATE TYPE @extschema@.hms_external_stream AS (
	id text,
	room_id text,
	session_id text,
	status text,
	rtmp_urls text[],
	recording boolean,
	resolution jsonb,
	meeting_url text,
	destination text,
	created_at timestamptz,
	started_at timestamptz,
	updated_at timestamptz,
	stopped_at timestamptz,
	started_by text,
	stopped_by text,
	recording_assets jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_external_stream IS
'A stream to RTMP servers: status is starting, running, stopping, post_processing, completed or failed.';

CREATE TYPE @extschema@.hms_stream_key AS (
	id text,
	url text,
	key text,
	room_id text,
	customer_id text,
	app_id text,
	enabled boolean,
	created_at timestamptz,
	updated_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_stream_key IS
'What lets an encoder push RTMP into a room. key is a secret.';

CREATE TYPE @extschema@.hms_poll AS (
	id text,
	title text,
	duration integer,
	anonymous boolean,
	mode text,
	type text,
	start text,
	questions jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_poll IS
'A poll or quiz: duration in seconds.';

CREATE TYPE @extschema@.hms_poll_question AS (
	index integer,
	text text,
	format text,
	attachment jsonb,
	skippable boolean,
	duration integer,
	once boolean,
	weight integer,
	answer_min_len integer,
	answer_max_len integer,
	type text,
	answer jsonb,
	options jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_poll_question IS
'A question of a poll; index counts from 1, duration is in seconds.';

CREATE TYPE @extschema@.hms_poll_option AS (
	index integer,
	text text,
	weight integer,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_poll_option IS
'An option of a question; index counts from 1.';

CREATE TYPE @extschema@.hms_poll_session AS (
	id text,
	poll_id text,
	session_id text,
	started_at timestamptz,
	stopped_at timestamptz,
	total_responses bigint,
	unique_participants bigint,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_poll_session IS
'A run of a poll in a session.';

CREATE TYPE @extschema@.hms_poll_response AS (
	id text,
	poll_id text,
	session_id text,
	duration bigint,
	question integer,
	skipped boolean,
	text text,
	update boolean,
	original_response text,
	retries integer,
	sent_at timestamptz,
	peer_id text,
	user_id text,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_poll_response IS
'An answer to a question of a poll. update: it replaces original_response.';

CREATE TYPE @extschema@.hms_poll_result AS (
	id text,
	poll_id text,
	session_id text,
	question integer,
	duration bigint,
	peer_id text,
	user_id text,
	score integer,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_poll_result IS
'What a participant scored for a question.';

CREATE TYPE @extschema@.hms_template AS (
	id text,
	name text,
	customer_id text,
	roles jsonb,
	settings jsonb,
	destinations jsonb,
	plugins jsonb,
	created_at timestamptz,
	updated_at timestamptz,
	_id text,
	customer text,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_template IS
'A template: what rooms are made of. A column some_name is the member someName; JSON inside keeps the names of the API. settings can hold storage keys.';

CREATE TYPE @extschema@.hms_role AS (
	name text,
	publish_params jsonb,
	subscribe_params jsonb,
	permissions jsonb,
	priority integer,
	max_peer_count integer,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_role IS
'A role of a template: what its peers may publish, hear and do.';

CREATE TYPE @extschema@.hms_template_settings AS (
	region text,
	recording jsonb,
	room_state jsonb,
	retry jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_template_settings IS
'Settings of a template. recording can hold storage keys.';

CREATE TYPE @extschema@.hms_template_destinations AS (
	browser_recordings jsonb,
	rtmp_destinations jsonb,
	hls_destinations jsonb,
	transcriptions jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_template_destinations IS
'Where the rooms of a template stream and record to, each a map by name.';

CREATE TYPE @extschema@.hms_template_recording AS (
	name text,
	role text,
	max_duration integer,
	presign_duration integer,
	thumbnails jsonb,
	composite_recording jsonb,
	track_recording jsonb,
	stream_recording jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_template_recording IS
'What the rooms of a template record; durations in seconds.';

CREATE TYPE @extschema@.hms_sip_outbound_trunk AS (
	id text,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_sip_outbound_trunk IS
'A SIP trunk for calls out.';

CREATE TYPE @extschema@.hms_sip_outbound_call AS (
	id text,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_sip_outbound_call IS
'A SIP call out.';

CREATE TYPE @extschema@.hms_legacy_room AS (
	id text,
	name text,
	description text,
	active boolean,
	recording_info jsonb,
	"user" text,
	customer text,
	created_at timestamptz,
	updated_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_legacy_room IS
'A room as the legacy API has it.';

CREATE TYPE @extschema@.hms_legacy_session AS (
	id text,
	room_id text,
	customer_id text,
	user_id text,
	active boolean,
	peers jsonb,
	created_at timestamptz,
	updated_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_legacy_session IS
'A session as the legacy API has it.';

CREATE TYPE @extschema@.hms_legacy_template AS (
	_id text,
	name text,
	customer text,
	"default" boolean,
	roles jsonb,
	settings jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_legacy_template IS
'A template as the legacy API has it. settings can hold storage keys.';

CREATE TYPE @extschema@.hms_legacy_template_settings AS (
	region text,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_legacy_template_settings IS
'Settings of a template as the legacy API has them.';

CREATE TYPE @extschema@.hms_stay AS (
	id text,
	session_id text,
	room_id text,
	user_id text,
	name text,
	role text,
	joined_at timestamptz,
	left_at timestamptz,
	session_active boolean,
	session_created_at timestamptz,
	session_updated_at timestamptz,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_stay IS
'A peer of a session beside the session''s own times: what attendance and usage are made of. A session without peers has one row whose id is NULL.';

-- ---------------------------------------------------------------------------
-- Inner functions.  Open to all; they check EXECUTE of the public function
-- that the endpoint serves.
-- ---------------------------------------------------------------------------

CREATE FUNCTION hms_internal._hms_rows_support(internal) RETURNS internal
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hms_rows_support';
COMMENT ON FUNCTION hms_internal._hms_rows_support(internal) IS
'Internal: tells the planner how many rows _hms_rows returns.';

-- Rows of an endpoint, page after page, as they are asked for.
CREATE FUNCTION hms_internal._hms_rows("row" anyelement, endpoint text, VARIADIC arguments "any")
RETURNS SETOF anyelement
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000 SUPPORT hms_internal._hms_rows_support
AS 'MODULE_PATHNAME', 'hms_rows';
COMMENT ON FUNCTION hms_internal._hms_rows(anyelement, text, "any") IS
'Internal: the rows of an endpoint, made to the type of the first argument.';

-- The same of an endpoint that takes no arguments.
CREATE FUNCTION hms_internal._hms_rows("row" anyelement, endpoint text)
RETURNS SETOF anyelement
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000 SUPPORT hms_internal._hms_rows_support
AS 'MODULE_PATHNAME', 'hms_rows';
COMMENT ON FUNCTION hms_internal._hms_rows(anyelement, text) IS
'Internal: the rows of an endpoint without arguments, made to the type of the first argument.';

-- One call of an endpoint.
CREATE FUNCTION hms_internal._hms_call("row" anyelement, endpoint text, VARIADIC arguments "any")
RETURNS anyelement
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000
AS 'MODULE_PATHNAME', 'hms_call';
COMMENT ON FUNCTION hms_internal._hms_call(anyelement, text, "any") IS
'Internal: one call of an endpoint, its answer made to the type of the first argument.';

-- The default of an argument that names something (an id, a name): who leaves
-- it out asks for all, but NULL, as an empty sub-select gives it, names nothing.
-- Text that no data has: each backend makes its own.
CREATE FUNCTION hms_internal.not_given()
RETURNS text
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_not_given';
COMMENT ON FUNCTION hms_internal.not_given() IS
'Internal: stands for an argument that is left out, unlike NULL';

-- The table of endpoints that the functions are served by.  params: names on
-- the wire; * is the whole body.  functions: those it serves.
CREATE FUNCTION hms_internal._hms_endpoints(
	OUT endpoint text,
	OUT method text,
	OUT base text,
	OUT path text,
	OUT params text[],
	OUT functions text[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 120
AS 'MODULE_PATHNAME', 'hms_endpoints';
COMMENT ON FUNCTION hms_internal._hms_endpoints() IS
'Internal: which endpoint of the API each function asks';

-- ---------------------------------------------------------------------------
-- Accounts: a foreign server with a user mapping is an account of 100ms
-- ---------------------------------------------------------------------------

-- What CREATE and ALTER SERVER, USER MAPPING and FOREIGN TABLE may set; the
-- whole list, also where one option changes.  catalog: of what has them.
-- Errors: HV00D (no such option), 42501 (for superusers only), 22023 (value).
CREATE FUNCTION hms_internal.fdw_validator(options text[], catalog oid)
RETURNS void
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hms_fdw_validator';
COMMENT ON FUNCTION hms_internal.fdw_validator(text[], oid) IS
'Internal: checks the options of servers, user mappings and foreign tables';

CREATE FUNCTION hms_internal.fdw_handler()
RETURNS fdw_handler
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hms_fdw_handler';
COMMENT ON FUNCTION hms_internal.fdw_handler() IS
'Internal: reads foreign tables';

-- Server options: api_url, beam_url, policy_url (default: those of 100ms) and
-- ca_file (default: the system's authorities), for superusers to set.  Options
-- of a user mapping: access_key, and secret_file (superusers) or secret.
-- Option of a foreign table: endpoint, of a column: column_name.
CREATE FOREIGN DATA WRAPPER hms
	HANDLER hms_internal.fdw_handler
	VALIDATOR hms_internal.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER hms IS
'Accounts of 100ms: a server and a user mapping each';

-- The account that the settings are; it takes no user mapping.
CREATE SERVER hms FOREIGN DATA WRAPPER hms;
COMMENT ON SERVER hms IS
'The account that the settings hms.access_key, hms.secret_file and hms.api_url are; it takes no options and no user mapping';

-- ---------------------------------------------------------------------------
-- Tokens: signed here, no request
-- ---------------------------------------------------------------------------

-- A token with which an app's client joins a room.
-- room_id, role: required.  user_id: your own id of the user; attendance goes
-- by it; NULL is refused, leave it out for a token without one.  valid_for: one
-- second to 90 days, from not_before.  not_before: default issued_at.
-- issued_at: default 10 seconds ago, against clock skew.  A room_id that looks
-- like a name is signed with a warning.
-- Errors: 22004, 22023 (arguments), 55000 (access key or secret missing).
CREATE FUNCTION @extschema@.hms_auth_token(
	room_id text,
	role text,
	user_id text,
	valid_for interval DEFAULT '24 hours',
	not_before timestamptz DEFAULT NULL,
	issued_at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_auth_token';
COMMENT ON FUNCTION @extschema@.hms_auth_token(text, text, text, interval, timestamptz, timestamptz) IS
'A token with which a user joins a room in a role; signed here, no request';
REVOKE ALL ON FUNCTION @extschema@.hms_auth_token(text, text, text, interval, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.hms_auth_token(
	room_id text,
	role text,
	valid_for interval DEFAULT '24 hours',
	not_before timestamptz DEFAULT NULL,
	issued_at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_auth_token';
COMMENT ON FUNCTION @extschema@.hms_auth_token(text, text, interval, timestamptz, timestamptz) IS
'A token with which a client joins a room in a role, as nobody in particular; signed here, no request';
REVOKE ALL ON FUNCTION @extschema@.hms_auth_token(text, text, interval, timestamptz, timestamptz) FROM PUBLIC;

-- A new management token, for use outside the database: it opens the whole
-- API.  Arguments and errors as hms_auth_token.
CREATE FUNCTION @extschema@.hms_management_token(
	valid_for interval DEFAULT '24 hours',
	not_before timestamptz DEFAULT NULL,
	issued_at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_management_token';
COMMENT ON FUNCTION @extschema@.hms_management_token(interval, timestamptz, timestamptz) IS
'A new token that opens the whole API, for use elsewhere; signed here, no request';
REVOKE ALL ON FUNCTION @extschema@.hms_management_token(interval, timestamptz, timestamptz) FROM PUBLIC;

-- The claims of a token that was signed with our secret and is valid now.
-- Errors: 28000 (signature, access key or time is wrong), 55000.
CREATE FUNCTION @extschema@.hms_verify_token(token text)
RETURNS jsonb
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_verify_token';
COMMENT ON FUNCTION @extschema@.hms_verify_token(text) IS
'The claims of a token of ours; raises unless signature, access key and times are right';
REVOKE ALL ON FUNCTION @extschema@.hms_verify_token(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Rooms
-- ---------------------------------------------------------------------------

-- All rooms that match the filters, newest first.
-- after, before: on created_at, inclusive, to the millisecond.
-- Errors: MSnnn, 08001, 08006, 08P01 (docs: README, "Errors").
-- Source: GET /rooms
CREATE FUNCTION @extschema@.hms_rooms(
	name text DEFAULT hms_internal.not_given(),
	enabled boolean DEFAULT NULL,
	template_id text DEFAULT hms_internal.not_given(),
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF @extschema@.hms_room
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_room, 'hms_rooms', name, enabled, template_id, after, before) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_rooms(text, boolean, text, timestamptz, timestamptz) IS
'Rooms, newest first; after and before are on created_at (GET /rooms)';
REVOKE ALL ON FUNCTION @extschema@.hms_rooms(text, boolean, text, timestamptz, timestamptz) FROM PUBLIC;

-- A room by its id; no row when there is none.
-- Source: GET /rooms/{room_id}
CREATE FUNCTION @extschema@.hms_room(room_id text)
RETURNS SETOF @extschema@.hms_room
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_room, 'hms_room', room_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_room(text) IS
'A room by id, or no row (GET /rooms/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_room(text) FROM PUBLIC;

-- Make a room.  options: name, description, template_id, region, size,
-- max_duration_seconds (seconds), large_room, recording_info, polls, webhook.
-- A name that exists changes that room and returns it; without a name each
-- call makes another room.  Call it in FROM or pick one column: (f()).* calls
-- a function once for each column.
-- Errors: 22023 before sending when recording_info or webhook lack what they
-- need; MS400 and others from the API.
-- Source: POST /rooms
CREATE FUNCTION @extschema@.hms_create_room(options jsonb DEFAULT '{}')
RETURNS @extschema@.hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_room, 'hms_create_room', options);
END;
COMMENT ON FUNCTION @extschema@.hms_create_room(jsonb) IS
'Make a room, or change the one of that name (POST /rooms)';
REVOKE ALL ON FUNCTION @extschema@.hms_create_room(jsonb) FROM PUBLIC;

-- Change a room: the members of changes as in hms_create_room, and enabled.
-- Source: POST /rooms/{room_id}
CREATE FUNCTION @extschema@.hms_update_room(room_id text, changes jsonb)
RETURNS @extschema@.hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_room, 'hms_update_room', room_id, changes);
END;
COMMENT ON FUNCTION @extschema@.hms_update_room(text, jsonb) IS
'Change a room (POST /rooms/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_update_room(text, jsonb) FROM PUBLIC;

-- Let people join a room again.
-- Source: POST /rooms/{room_id}
CREATE FUNCTION @extschema@.hms_enable_room(room_id text)
RETURNS @extschema@.hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_room, 'hms_enable_room', room_id);
END;
COMMENT ON FUNCTION @extschema@.hms_enable_room(text) IS
'Let people join a room again (POST /rooms/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_enable_room(text) FROM PUBLIC;

-- Let nobody join a room from now on; a session that is on goes on.
-- Source: POST /rooms/{room_id}
CREATE FUNCTION @extschema@.hms_disable_room(room_id text)
RETURNS @extschema@.hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_room, 'hms_disable_room', room_id);
END;
COMMENT ON FUNCTION @extschema@.hms_disable_room(text) IS
'Let nobody join a room from now on; a running session goes on (POST /rooms/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_disable_room(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Sessions
-- ---------------------------------------------------------------------------

-- Sessions of a room, or of all rooms, newest first.
-- after, before: on created_at, inclusive, to the millisecond.
-- Source: GET /sessions
CREATE FUNCTION @extschema@.hms_sessions(
	room_id text DEFAULT hms_internal.not_given(),
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF @extschema@.hms_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_sessions', room_id, active, after, before) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_sessions(text, boolean, timestamptz, timestamptz) IS
'Sessions of a room or of all rooms, newest first; after and before are on created_at (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_sessions(text, boolean, timestamptz, timestamptz) FROM PUBLIC;

-- The same of several rooms, up to hms.max_connections at a time, in no order.
-- Source: GET /sessions
CREATE FUNCTION @extschema@.hms_sessions(
	room_ids text[],
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF @extschema@.hms_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_sessions', room_ids, active, after, before) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_sessions(text[], boolean, timestamptz, timestamptz) IS
'Sessions of several rooms, asked for at the same time; in no order (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_sessions(text[], boolean, timestamptz, timestamptz) FROM PUBLIC;

-- A session by its id; no row when there is none.
-- Source: GET /sessions/{session_id}
CREATE FUNCTION @extschema@.hms_session(session_id text)
RETURNS SETOF @extschema@.hms_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_session', session_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_session(text) IS
'A session by id, or no row (GET /sessions/{session_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_session(text) FROM PUBLIC;

-- The session that is on in a room; no row when nobody is there.
-- Source: GET /sessions?active=true
CREATE FUNCTION @extschema@.hms_active_session(room_id text)
RETURNS SETOF @extschema@.hms_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_active_session', room_id) AS s LIMIT 1;
END;
COMMENT ON FUNCTION @extschema@.hms_active_session(text) IS
'The session that is on in a room, or no row (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_active_session(text) FROM PUBLIC;

-- Peers of sessions, a row each, with the values that the API gives; the
-- filters are those of hms_sessions.
-- Source: GET /sessions
CREATE FUNCTION @extschema@.hms_session_peers(
	room_id text DEFAULT hms_internal.not_given(),
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF @extschema@.hms_session_peer
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 5000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_session_peer, 'hms_session_peers', room_id, active, after, before) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_session_peers(text, boolean, timestamptz, timestamptz) IS
'The peers of sessions, one row for each stay; filters as hms_sessions (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_session_peers(text, boolean, timestamptz, timestamptz) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /sessions
CREATE FUNCTION @extschema@.hms_session_peers(
	room_ids text[],
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS SETOF @extschema@.hms_session_peer
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 5000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_session_peer, 'hms_session_peers', room_ids, active, after, before) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_session_peers(text[], boolean, timestamptz, timestamptz) IS
'The peers of sessions of several rooms; in no order (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_session_peers(text[], boolean, timestamptz, timestamptz) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Active rooms
-- ---------------------------------------------------------------------------

-- The room with the session that is on; no row when nobody is there.
-- Source: GET /active-rooms/{room_id}
CREATE FUNCTION @extschema@.hms_active_room(room_id text)
RETURNS SETOF @extschema@.hms_active_room
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_active_room, 'hms_active_room', room_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_active_room(text) IS
'A room with somebody in it, or no row (GET /active-rooms/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_active_room(text) FROM PUBLIC;

-- The peers that are in a room now; none when nobody is there.
-- Source: GET /active-rooms/{room_id}/peers
CREATE FUNCTION @extschema@.hms_active_peers(
	room_id text,
	user_id text DEFAULT hms_internal.not_given(),
	role text DEFAULT hms_internal.not_given())
RETURNS SETOF @extschema@.hms_peer
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_peer, 'hms_active_peers', room_id, user_id, role) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_active_peers(text, text, text) IS
'Who is in a room now (GET /active-rooms/{room_id}/peers)';
REVOKE ALL ON FUNCTION @extschema@.hms_active_peers(text, text, text) FROM PUBLIC;

-- A peer that is in a room now, with its tracks; no row when it is not.
-- Source: GET /active-rooms/{room_id}/peers/{peer_id}
CREATE FUNCTION @extschema@.hms_active_peer(room_id text, peer_id text)
RETURNS SETOF @extschema@.hms_peer
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_peer, 'hms_active_peer', room_id, peer_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_active_peer(text, text) IS
'A peer that is in a room now, with tracks, or no row (GET /active-rooms/{room_id}/peers/{peer_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_active_peer(text, text) FROM PUBLIC;

-- Change name, role or metadata of a peer that is in a room now.  metadata is
-- a string for the API: an object or array is sent as its text.
-- Source: POST /active-rooms/{room_id}/peers/{peer_id}
CREATE FUNCTION @extschema@.hms_update_peer(room_id text, peer_id text, changes jsonb)
RETURNS @extschema@.hms_peer
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_peer, 'hms_update_peer', room_id, peer_id,
		CASE WHEN jsonb_typeof(changes -> 'metadata') IN ('object', 'array')
			THEN jsonb_set(changes, '{metadata}', to_jsonb((changes -> 'metadata')::text))
			ELSE changes
		END);
END;
COMMENT ON FUNCTION @extschema@.hms_update_peer(text, text, jsonb) IS
'Change name, role or metadata of a peer in a room (POST /active-rooms/{room_id}/peers/{peer_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_update_peer(text, text, jsonb) FROM PUBLIC;

-- Send a message to one peer or to all peers of a role; one of the two must be
-- given (22004): a message to everybody is hms_broadcast_message.  The API goes
-- by peer_id when both are.  Returns the API's own message.
-- Source: POST /active-rooms/{room_id}/send-message
CREATE FUNCTION @extschema@.hms_send_message(
	room_id text,
	message text,
	peer_id text DEFAULT hms_internal.not_given(),
	role text DEFAULT hms_internal.not_given(),
	type text DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::text, 'hms_send_message', room_id, message, peer_id, role, type);
END;
COMMENT ON FUNCTION @extschema@.hms_send_message(text, text, text, text, text) IS
'Send a message to a peer or to a role (POST /active-rooms/{room_id}/send-message)';
REVOKE ALL ON FUNCTION @extschema@.hms_send_message(text, text, text, text, text) FROM PUBLIC;

-- Send a message to everybody in a room.
-- Source: POST /active-rooms/{room_id}/send-message
CREATE FUNCTION @extschema@.hms_broadcast_message(room_id text, message text, type text DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::text, 'hms_broadcast_message', room_id, message, type);
END;
COMMENT ON FUNCTION @extschema@.hms_broadcast_message(text, text, text) IS
'Send a message to everybody in a room (POST /active-rooms/{room_id}/send-message)';
REVOKE ALL ON FUNCTION @extschema@.hms_broadcast_message(text, text, text) FROM PUBLIC;

-- Remove one peer, or all peers of a role; one of the two must be given (22004).
-- The API goes by peer_id when both are.  They can rejoin while they have a
-- token.
-- Source: POST /active-rooms/{room_id}/remove-peers
CREATE FUNCTION @extschema@.hms_remove_peers(
	room_id text,
	peer_id text DEFAULT hms_internal.not_given(),
	role text DEFAULT hms_internal.not_given(),
	reason text DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::text, 'hms_remove_peers', room_id, peer_id, role, reason);
END;
COMMENT ON FUNCTION @extschema@.hms_remove_peers(text, text, text, text) IS
'Remove a peer, or all peers of a role, from a room (POST /active-rooms/{room_id}/remove-peers)';
REVOKE ALL ON FUNCTION @extschema@.hms_remove_peers(text, text, text, text) FROM PUBLIC;

-- End the session that is on.  lock: true also disables the room.
-- Source: POST /active-rooms/{room_id}/end-room
CREATE FUNCTION @extschema@.hms_end_room(
	room_id text,
	reason text DEFAULT NULL,
	lock boolean DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::text, 'hms_end_room', room_id, reason, lock);
END;
COMMENT ON FUNCTION @extschema@.hms_end_room(text, text, boolean) IS
'End the session that is on in a room; lock also disables the room (POST /active-rooms/{room_id}/end-room)';
REVOKE ALL ON FUNCTION @extschema@.hms_end_room(text, text, boolean) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Analytics events: the last 30 days
-- ---------------------------------------------------------------------------

-- Track events of a room.  type: default all three kinds, 'track.add.success',
-- 'track.update.success' (muted or unmuted) and 'track.remove.success'.
-- Source: GET /analytics/events
CREATE FUNCTION @extschema@.hms_track_events(
	room_id text,
	session_id text DEFAULT hms_internal.not_given(),
	peer_id text DEFAULT hms_internal.not_given(),
	user_id text DEFAULT hms_internal.not_given(),
	type text[] DEFAULT NULL)
RETURNS SETOF @extschema@.hms_track_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_track_event, 'hms_track_events', room_id, session_id, peer_id, user_id, type) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_track_events(text, text, text, text, text[]) IS
'Track events of a room: added, muted or unmuted, removed (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_track_events(text, text, text, text, text[]) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /analytics/events
CREATE FUNCTION @extschema@.hms_track_events(
	room_ids text[],
	session_id text DEFAULT hms_internal.not_given(),
	peer_id text DEFAULT hms_internal.not_given(),
	user_id text DEFAULT hms_internal.not_given(),
	type text[] DEFAULT NULL)
RETURNS SETOF @extschema@.hms_track_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_track_event, 'hms_track_events', room_ids, session_id, peer_id, user_id, type) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_track_events(text[], text, text, text, text[]) IS
'Track events of several rooms; in no order (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_track_events(text[], text, text, text, text[]) FROM PUBLIC;

-- Recordings of a room that were completed.
-- Source: GET /analytics/events
CREATE FUNCTION @extschema@.hms_recording_events(
	room_id text,
	session_id text DEFAULT hms_internal.not_given(),
	peer_id text DEFAULT hms_internal.not_given(),
	user_id text DEFAULT hms_internal.not_given(),
	beam_id text DEFAULT hms_internal.not_given())
RETURNS SETOF @extschema@.hms_recording_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording_event, 'hms_recording_events', room_id, session_id, peer_id, user_id, beam_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_recording_events(text, text, text, text, text) IS
'Completed recordings of a room (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_recording_events(text, text, text, text, text) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /analytics/events
CREATE FUNCTION @extschema@.hms_recording_events(
	room_ids text[],
	session_id text DEFAULT hms_internal.not_given(),
	peer_id text DEFAULT hms_internal.not_given(),
	user_id text DEFAULT hms_internal.not_given(),
	beam_id text DEFAULT hms_internal.not_given())
RETURNS SETOF @extschema@.hms_recording_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording_event, 'hms_recording_events', room_ids, session_id, peer_id, user_id, beam_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_recording_events(text[], text, text, text, text) IS
'Completed recordings of several rooms; in no order (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_recording_events(text[], text, text, text, text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Room codes
-- ---------------------------------------------------------------------------

-- The codes of a room.
-- Source: GET /room-codes/room/{room_id}
CREATE FUNCTION @extschema@.hms_room_codes(
	room_id text,
	role text DEFAULT hms_internal.not_given(),
	enabled boolean DEFAULT NULL)
RETURNS SETOF @extschema@.hms_room_code
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_room_code, 'hms_room_codes', room_id, role, enabled) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_room_codes(text, text, boolean) IS
'The codes of a room (GET /room-codes/room/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_room_codes(text, text, boolean) FROM PUBLIC;

-- Make a code for each role of the room's template that has none, and disable
-- those of roles that are gone; returns all codes.
-- Source: POST /room-codes/room/{room_id}
CREATE FUNCTION @extschema@.hms_create_room_codes(room_id text)
RETURNS SETOF @extschema@.hms_room_code
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 10
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_room_code, 'hms_create_room_codes', room_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_create_room_codes(text) IS
'Make a code for each role of a room; returns them all (POST /room-codes/room/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_create_room_codes(text) FROM PUBLIC;

-- Make another code for a role of a room.
-- Source: POST /room-codes/room/{room_id}/role/{role}
CREATE FUNCTION @extschema@.hms_create_room_code(room_id text, role text)
RETURNS @extschema@.hms_room_code
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_room_code, 'hms_create_room_code', room_id, role);
END;
COMMENT ON FUNCTION @extschema@.hms_create_room_code(text, text) IS
'Make a code for a role of a room (POST /room-codes/room/{room_id}/role/{role})';
REVOKE ALL ON FUNCTION @extschema@.hms_create_room_code(text, text) FROM PUBLIC;

-- Let a code work again.
-- Source: POST /room-codes/code
CREATE FUNCTION @extschema@.hms_enable_room_code(code text)
RETURNS @extschema@.hms_room_code
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_room_code, 'hms_enable_room_code', code);
END;
COMMENT ON FUNCTION @extschema@.hms_enable_room_code(text) IS
'Let a room code work again (POST /room-codes/code)';
REVOKE ALL ON FUNCTION @extschema@.hms_enable_room_code(text) FROM PUBLIC;

-- Let a code work no longer.
-- Source: POST /room-codes/code
CREATE FUNCTION @extschema@.hms_disable_room_code(code text)
RETURNS @extschema@.hms_room_code
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_room_code, 'hms_disable_room_code', code);
END;
COMMENT ON FUNCTION @extschema@.hms_disable_room_code(text) IS
'Let a room code work no longer (POST /room-codes/code)';
REVOKE ALL ON FUNCTION @extschema@.hms_disable_room_code(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Error events, quality statistics, webhook deliveries
-- ---------------------------------------------------------------------------

-- What went wrong for the clients of a room in the last 30 days.  type: default
-- all of 'client.publish.failed', 'client.subscribe.failed',
-- 'client.join.failed', 'client.disconnected' and 'client.connect.failed'.
-- Source: GET /analytics/events
CREATE FUNCTION @extschema@.hms_error_events(
	room_id text,
	session_id text DEFAULT hms_internal.not_given(),
	peer_id text DEFAULT hms_internal.not_given(),
	user_id text DEFAULT hms_internal.not_given(),
	type text[] DEFAULT NULL)
RETURNS SETOF @extschema@.hms_error_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_error_event, 'hms_error_events', room_id, session_id, peer_id, user_id, type) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_error_events(text, text, text, text, text[]) IS
'Errors of the clients of a room (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_error_events(text, text, text, text, text[]) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /analytics/events
CREATE FUNCTION @extschema@.hms_error_events(
	room_ids text[],
	session_id text DEFAULT hms_internal.not_given(),
	peer_id text DEFAULT hms_internal.not_given(),
	user_id text DEFAULT hms_internal.not_given(),
	type text[] DEFAULT NULL)
RETURNS SETOF @extschema@.hms_error_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_error_event, 'hms_error_events', room_ids, session_id, peer_id, user_id, type) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_error_events(text[], text, text, text, text[]) IS
'Errors of the clients of several rooms; in no order (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_error_events(text[], text, text, text, text[]) FROM PUBLIC;

-- Events of a room of any kind, in the last 30 days; for tracks, recordings and
-- errors there are functions whose rows have columns for the data.  error: true
-- for error events only.  beam_id: of recording events.
-- Source: GET /analytics/events
CREATE FUNCTION @extschema@.hms_analytics_events(
	room_id text,
	session_id text DEFAULT hms_internal.not_given(),
	peer_id text DEFAULT hms_internal.not_given(),
	user_id text DEFAULT hms_internal.not_given(),
	beam_id text DEFAULT hms_internal.not_given(),
	type text[] DEFAULT NULL,
	error boolean DEFAULT NULL)
RETURNS SETOF @extschema@.hms_analytics_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_analytics_event, 'hms_analytics_events', room_id, session_id, peer_id, user_id, beam_id, type, error) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_analytics_events(text, text, text, text, text, text[], boolean) IS
'Events of a room of any kind, with their data as JSON (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_analytics_events(text, text, text, text, text, text[], boolean) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /analytics/events
CREATE FUNCTION @extschema@.hms_analytics_events(
	room_ids text[],
	session_id text DEFAULT hms_internal.not_given(),
	peer_id text DEFAULT hms_internal.not_given(),
	user_id text DEFAULT hms_internal.not_given(),
	beam_id text DEFAULT hms_internal.not_given(),
	type text[] DEFAULT NULL,
	error boolean DEFAULT NULL)
RETURNS SETOF @extschema@.hms_analytics_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_analytics_event, 'hms_analytics_events', room_ids, session_id, peer_id, user_id, beam_id, type, error) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_analytics_events(text[], text, text, text, text, text[], boolean) IS
'Events of several rooms of any kind; in no order (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_analytics_events(text[], text, text, text, text, text[], boolean) FROM PUBLIC;

-- A JSON array, and an empty one for anything else.
CREATE FUNCTION hms_internal._hms_array("value" jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN jsonb_typeof("value") = 'array' THEN "value" ELSE '[]' END;
END;
COMMENT ON FUNCTION hms_internal._hms_array(jsonb) IS
'Internal: a JSON array, and an empty one for anything else';

-- A JSON number, and NULL for anything else.
CREATE FUNCTION hms_internal._hms_number("value" jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN jsonb_typeof("value") = 'number' THEN "value"::double precision END;
END;
COMMENT ON FUNCTION hms_internal._hms_number(jsonb) IS
'Internal: a JSON number, and NULL for anything else';

-- hms_peer_quality_stats, for hms_quality too.
CREATE FUNCTION hms_internal.peer_quality_stats(session_id text, peer_id text)
RETURNS SETOF @extschema@.hms_peer_quality_stat
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	WITH tracks AS (
		SELECT a.r, s.side, s.kind, t.track, t.track -> 'time_series' AS series
		FROM hms_internal._hms_rows(NULL::jsonb, 'hms_peer_quality_stats', session_id, peer_id) AS a (r)
			CROSS JOIN (VALUES ('publisher', 'video'), ('publisher', 'audio'),
				('subscriber', 'video'), ('subscriber', 'audio')) AS s (side, kind)
			CROSS JOIN LATERAL jsonb_array_elements(hms_internal._hms_array(a.r -> s.side -> s.kind)) AS t (track)
	)
	SELECT t.r ->> 'session_id', t.r ->> 'peer_id', t.r ->> 'room_id', t.side, t.kind,
		t.track ->> 'track_id', t.track ->> 'type', t.track ->> 'rid',
		timestamptz 'epoch' + hms_internal._hms_number(v.at) * interval '1 millisecond',
		hms_internal._hms_number(v.bitrate), hms_internal._hms_number(v.fps), hms_internal._hms_number(v.packet_loss_percent),
		hms_internal._hms_number(v.rtt_ms), hms_internal._hms_number(v.jitter_ms), hms_internal._hms_number(v.freeze_count),
		hms_internal._hms_number(v.concealed_samples),
		nullif(t.track - '{track_id,type,rid,time_series}'::text[]
			|| coalesce((SELECT jsonb_object_agg(m.name, m.measures -> (v.n - 1)::integer)
				FROM jsonb_each(t.series - '{timestamps,bitrate,fps,packet_loss_percent,rtt_ms,jitter_ms,freeze_count,concealed_samples}'::text[]) AS m (name, measures)),
				'{}'), '{}')
	FROM tracks AS t
		CROSS JOIN LATERAL ROWS FROM (
			jsonb_array_elements(hms_internal._hms_array(t.series -> 'timestamps')),
			jsonb_array_elements(hms_internal._hms_array(t.series -> 'bitrate')),
			jsonb_array_elements(hms_internal._hms_array(t.series -> 'fps')),
			jsonb_array_elements(hms_internal._hms_array(t.series -> 'packet_loss_percent')),
			jsonb_array_elements(hms_internal._hms_array(t.series -> 'rtt_ms')),
			jsonb_array_elements(hms_internal._hms_array(t.series -> 'jitter_ms')),
			jsonb_array_elements(hms_internal._hms_array(t.series -> 'freeze_count')),
			jsonb_array_elements(hms_internal._hms_array(t.series -> 'concealed_samples'))
		) WITH ORDINALITY AS v (at, bitrate, fps, packet_loss_percent, rtt_ms, jitter_ms,
			freeze_count, concealed_samples, n)
	WHERE v.n <= jsonb_array_length(hms_internal._hms_array(t.series -> 'timestamps'));
END;
COMMENT ON FUNCTION hms_internal.peer_quality_stats(text, text) IS
'Internal: how the tracks of a peer did';

-- How the tracks of a peer did in a session: a row for each side
-- (publisher, subscriber), kind (video, audio), track, simulcast layer and
-- instant.  None when the API has none, which comes after the session's end.
-- A measure that has fewer values than there are instants is NULL for the rest;
-- one that no column names is in "extra".
-- Source: GET /analytics/peer-stats
CREATE FUNCTION @extschema@.hms_peer_quality_stats(session_id text, peer_id text)
RETURNS SETOF @extschema@.hms_peer_quality_stat
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT q.* FROM hms_internal.peer_quality_stats(session_id, peer_id) AS q;
END;
COMMENT ON FUNCTION @extschema@.hms_peer_quality_stats(text, text) IS
'How the tracks of a peer did: a row for each side, kind, track, layer and instant (GET /analytics/peer-stats)';
REVOKE ALL ON FUNCTION @extschema@.hms_peer_quality_stats(text, text) FROM PUBLIC;

-- Deliveries of webhooks, newest first.  start_time: within the last 30 days,
-- default 24 hours before end_time.  end_time: at most 14 days after
-- start_time, default now; it stays the same for all pages.  status: all,
-- failed or success.  event_names: of the events, such as
-- 'session.open.success'.
-- Source: GET /analytics/webhooks
CREATE FUNCTION @extschema@.hms_webhook_events(
	room_id text DEFAULT hms_internal.not_given(),
	start_time timestamptz DEFAULT NULL,
	end_time timestamptz DEFAULT NULL,
	status text DEFAULT NULL,
	event_names text[] DEFAULT NULL)
RETURNS SETOF @extschema@.hms_webhook_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_webhook_event, 'hms_webhook_events', room_id,
			coalesce(start_time, coalesce(end_time, statement_timestamp()) - interval '24 hours'),
			coalesce(end_time, statement_timestamp()), status, event_names) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_webhook_events(text, timestamptz, timestamptz, text, text[]) IS
'Deliveries of webhooks, by default of the last 24 hours (GET /analytics/webhooks)';
REVOKE ALL ON FUNCTION @extschema@.hms_webhook_events(text, timestamptz, timestamptz, text, text[]) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /analytics/webhooks
CREATE FUNCTION @extschema@.hms_webhook_events(
	room_ids text[],
	start_time timestamptz DEFAULT NULL,
	end_time timestamptz DEFAULT NULL,
	status text DEFAULT NULL,
	event_names text[] DEFAULT NULL)
RETURNS SETOF @extschema@.hms_webhook_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_webhook_event, 'hms_webhook_events', room_ids,
			coalesce(start_time, coalesce(end_time, statement_timestamp()) - interval '24 hours'),
			coalesce(end_time, statement_timestamp()), status, event_names) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_webhook_events(text[], timestamptz, timestamptz, text, text[]) IS
'Deliveries of webhooks of several rooms; in no order (GET /analytics/webhooks)';
REVOKE ALL ON FUNCTION @extschema@.hms_webhook_events(text[], timestamptz, timestamptz, text, text[]) FROM PUBLIC;

-- Send webhooks again: those that failed between two times, of a room or of
-- all, up to 50000.  start_time, end_time: required, so that none is sent by
-- accident, and that the same call again finds its replay instead of starting
-- another.  status: failed (the default), success or all.  "offset": skip so
-- many, to go on where a former replay ended.
-- Errors: 22004, 22023 ("limit" or "offset" out of bounds).
-- Source: POST /analytics/webhooks/replay
CREATE FUNCTION @extschema@.hms_replay_webhook_events(
	start_time timestamptz,
	end_time timestamptz,
	room_id text DEFAULT hms_internal.not_given(),
	event_names text[] DEFAULT NULL,
	status text DEFAULT NULL,
	"limit" integer DEFAULT NULL,
	"offset" integer DEFAULT NULL)
RETURNS @extschema@.hms_webhook_replay
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_webhook_replay, 'hms_replay_webhook_events', start_time, end_time, room_id, event_names, status, "limit", "offset");
END;
COMMENT ON FUNCTION @extschema@.hms_replay_webhook_events(timestamptz, timestamptz, text, text[], text, integer, integer) IS
'Send the failed webhooks of a time again (POST /analytics/webhooks/replay)';
REVOKE ALL ON FUNCTION @extschema@.hms_replay_webhook_events(timestamptz, timestamptz, text, text[], text, integer, integer) FROM PUBLIC;

-- How far a replay of webhooks is; no row when there is no such one.
-- Source: GET /analytics/webhooks/replay/{workflow_id}
CREATE FUNCTION @extschema@.hms_webhook_replay(workflow_id text)
RETURNS SETOF @extschema@.hms_webhook_replay
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_webhook_replay, 'hms_webhook_replay', workflow_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_webhook_replay(text) IS
'A replay of webhooks, or no row (GET /analytics/webhooks/replay/{workflow_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_webhook_replay(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Live streams
-- ---------------------------------------------------------------------------

-- Live streams, newest first.  status: starting, running, stopping,
-- post_processing, completed or failed.
-- Source: GET /live-streams
CREATE FUNCTION @extschema@.hms_live_streams(
	room_id text DEFAULT hms_internal.not_given(),
	session_id text DEFAULT hms_internal.not_given(),
	status text DEFAULT NULL)
RETURNS SETOF @extschema@.hms_live_stream
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_live_stream, 'hms_live_streams', room_id, session_id, status) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_live_streams(text, text, text) IS
'Live streams, newest first (GET /live-streams)';
REVOKE ALL ON FUNCTION @extschema@.hms_live_streams(text, text, text) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /live-streams
CREATE FUNCTION @extschema@.hms_live_streams(
	room_ids text[],
	session_id text DEFAULT hms_internal.not_given(),
	status text DEFAULT NULL)
RETURNS SETOF @extschema@.hms_live_stream
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_live_stream, 'hms_live_streams', room_ids, session_id, status) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_live_streams(text[], text, text) IS
'Live streams of several rooms; in no order (GET /live-streams)';
REVOKE ALL ON FUNCTION @extschema@.hms_live_streams(text[], text, text) FROM PUBLIC;

-- A live stream by its id; no row when there is none.
-- Source: GET /live-streams/{stream_id}
CREATE FUNCTION @extschema@.hms_live_stream(id text)
RETURNS SETOF @extschema@.hms_live_stream
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_live_stream, 'hms_live_stream', id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_live_stream(text) IS
'A live stream by id, or no row (GET /live-streams/{stream_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_live_stream(text) FROM PUBLIC;

-- Begin to stream a room (HLS).  options: meeting_url (a page that joins the
-- room by itself; needed when the template was made by API), destination (of
-- the template; needed when it has several), recording {hls_vod,
-- single_file_per_layer}, transcription.
-- Errors: 22023 before sending when a transcription is out of bounds; MS400 and
-- others from the API.
-- Source: POST /live-streams/room/{room_id}/start
CREATE FUNCTION @extschema@.hms_start_live_stream(room_id text, options jsonb DEFAULT '{}')
RETURNS @extschema@.hms_live_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_live_stream, 'hms_start_live_stream', room_id, options);
END;
COMMENT ON FUNCTION @extschema@.hms_start_live_stream(text, jsonb) IS
'Begin to stream a room (POST /live-streams/room/{room_id}/start)';
REVOKE ALL ON FUNCTION @extschema@.hms_start_live_stream(text, jsonb) FROM PUBLIC;

-- Stop a live stream.  It takes a while to be completed.
-- Source: POST /live-streams/{stream_id}/stop
CREATE FUNCTION @extschema@.hms_stop_live_stream(id text)
RETURNS @extschema@.hms_live_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_live_stream, 'hms_stop_live_stream', id);
END;
COMMENT ON FUNCTION @extschema@.hms_stop_live_stream(text) IS
'Stop a live stream (POST /live-streams/{stream_id}/stop)';
REVOKE ALL ON FUNCTION @extschema@.hms_stop_live_stream(text) FROM PUBLIC;

-- Stop every live stream of a room; returns them.  Raises when there is none.
-- Source: POST /live-streams/room/{room_id}/stop
CREATE FUNCTION @extschema@.hms_stop_live_streams(room_id text)
RETURNS SETOF @extschema@.hms_live_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_live_stream, 'hms_stop_live_streams', room_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_stop_live_streams(text) IS
'Stop the live streams of a room; returns them (POST /live-streams/room/{room_id}/stop)';
REVOKE ALL ON FUNCTION @extschema@.hms_stop_live_streams(text) FROM PUBLIC;

-- Pause the recording of a live stream; its status does not tell.
-- Source: POST /live-streams/{stream_id}/pause-recording
CREATE FUNCTION @extschema@.hms_pause_live_stream_recording(id text)
RETURNS @extschema@.hms_live_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_live_stream, 'hms_pause_live_stream_recording', id);
END;
COMMENT ON FUNCTION @extschema@.hms_pause_live_stream_recording(text) IS
'Pause the recording of a live stream (POST /live-streams/{stream_id}/pause-recording)';
REVOKE ALL ON FUNCTION @extschema@.hms_pause_live_stream_recording(text) FROM PUBLIC;

-- Go on with the recording of a live stream.
-- Source: POST /live-streams/{stream_id}/resume-recording
CREATE FUNCTION @extschema@.hms_resume_live_stream_recording(id text)
RETURNS @extschema@.hms_live_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_live_stream, 'hms_resume_live_stream_recording', id);
END;
COMMENT ON FUNCTION @extschema@.hms_resume_live_stream_recording(text) IS
'Go on with the recording of a live stream (POST /live-streams/{stream_id}/resume-recording)';
REVOKE ALL ON FUNCTION @extschema@.hms_resume_live_stream_recording(text) FROM PUBLIC;

-- Put text into a live stream that its players receive at that moment.
-- payload: at most 100 characters.  duration: seconds that it stands.
-- Errors: 22023 (payload too long, duration not positive).
-- Source: POST /live-streams/{stream_id}/timed-metadata
CREATE FUNCTION @extschema@.hms_send_timed_metadata(id text, payload text, duration integer)
RETURNS @extschema@.hms_live_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_live_stream, 'hms_send_timed_metadata', id, payload, duration);
END;
COMMENT ON FUNCTION @extschema@.hms_send_timed_metadata(text, text, integer) IS
'Put text into a live stream for its players (POST /live-streams/{stream_id}/timed-metadata)';
REVOKE ALL ON FUNCTION @extschema@.hms_send_timed_metadata(text, text, integer) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Recordings and their assets
-- ---------------------------------------------------------------------------

-- Recordings, newest first.  status: starting, running, stopping,
-- post_processing, completed or failed.
-- Source: GET /recordings
CREATE FUNCTION @extschema@.hms_recordings(
	room_id text DEFAULT hms_internal.not_given(),
	session_id text DEFAULT hms_internal.not_given(),
	status text DEFAULT NULL)
RETURNS SETOF @extschema@.hms_recording
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording, 'hms_recordings', room_id, session_id, status) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_recordings(text, text, text) IS
'Recordings, newest first (GET /recordings)';
REVOKE ALL ON FUNCTION @extschema@.hms_recordings(text, text, text) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /recordings
CREATE FUNCTION @extschema@.hms_recordings(
	room_ids text[],
	session_id text DEFAULT hms_internal.not_given(),
	status text DEFAULT NULL)
RETURNS SETOF @extschema@.hms_recording
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording, 'hms_recordings', room_ids, session_id, status) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_recordings(text[], text, text) IS
'Recordings of several rooms; in no order (GET /recordings)';
REVOKE ALL ON FUNCTION @extschema@.hms_recordings(text[], text, text) FROM PUBLIC;

-- A recording by its id; no row when there is none.
-- Source: GET /recordings/{recording_id}
CREATE FUNCTION @extschema@.hms_recording(id text)
RETURNS SETOF @extschema@.hms_recording
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording, 'hms_recording', id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_recording(text) IS
'A recording by id, or no row (GET /recordings/{recording_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_recording(text) FROM PUBLIC;

-- Begin to record a room.  options: meeting_url (a page that joins the room by
-- itself; needed when the template was made by API), destination (of the
-- template; needed when it has several), resolution {width, height} (500x480 to
-- 1920x1080, or portrait to 1080x1920), audio_only, transcription.
-- Errors: 22023 before sending when a resolution or transcription is out of
-- bounds.
-- Source: POST /recordings/room/{room_id}/start
CREATE FUNCTION @extschema@.hms_start_recording(room_id text, options jsonb DEFAULT '{}')
RETURNS @extschema@.hms_recording
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_recording, 'hms_start_recording', room_id, options);
END;
COMMENT ON FUNCTION @extschema@.hms_start_recording(text, jsonb) IS
'Begin to record a room (POST /recordings/room/{room_id}/start)';
REVOKE ALL ON FUNCTION @extschema@.hms_start_recording(text, jsonb) FROM PUBLIC;

-- Stop a recording.  It takes a while to be completed.
-- Source: POST /recordings/{recording_id}/stop
CREATE FUNCTION @extschema@.hms_stop_recording(id text)
RETURNS @extschema@.hms_recording
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_recording, 'hms_stop_recording', id);
END;
COMMENT ON FUNCTION @extschema@.hms_stop_recording(text) IS
'Stop a recording (POST /recordings/{recording_id}/stop)';
REVOKE ALL ON FUNCTION @extschema@.hms_stop_recording(text) FROM PUBLIC;

-- Stop every recording of a room; returns them.  Raises when there is none.
-- Source: POST /recordings/room/{room_id}/stop
CREATE FUNCTION @extschema@.hms_stop_recordings(room_id text)
RETURNS SETOF @extschema@.hms_recording
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording, 'hms_stop_recordings', room_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_stop_recordings(text) IS
'Stop the recordings of a room; returns them (POST /recordings/room/{room_id}/stop)';
REVOKE ALL ON FUNCTION @extschema@.hms_stop_recordings(text) FROM PUBLIC;

-- Pause the recording of a room; its status does not tell.
-- Source: POST /recordings/room/{room_id}/pause
CREATE FUNCTION @extschema@.hms_pause_recording(room_id text)
RETURNS @extschema@.hms_recording
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_recording, 'hms_pause_recording', room_id);
END;
COMMENT ON FUNCTION @extschema@.hms_pause_recording(text) IS
'Pause the recording of a room (POST /recordings/room/{room_id}/pause)';
REVOKE ALL ON FUNCTION @extschema@.hms_pause_recording(text) FROM PUBLIC;

-- Go on with the recording of a room.
-- Source: POST /recordings/room/{room_id}/resume
CREATE FUNCTION @extschema@.hms_resume_recording(room_id text)
RETURNS @extschema@.hms_recording
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_recording, 'hms_resume_recording', room_id);
END;
COMMENT ON FUNCTION @extschema@.hms_resume_recording(text) IS
'Go on with the recording of a room (POST /recordings/room/{room_id}/resume)';
REVOKE ALL ON FUNCTION @extschema@.hms_resume_recording(text) FROM PUBLIC;

-- Files of recordings and streams, newest first.  status: completed or failed.
-- Source: GET /recording-assets
CREATE FUNCTION @extschema@.hms_recording_assets(
	room_id text DEFAULT hms_internal.not_given(),
	session_id text DEFAULT hms_internal.not_given(),
	status text DEFAULT NULL)
RETURNS SETOF @extschema@.hms_recording_asset
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording_asset, 'hms_recording_assets', room_id, session_id, status) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_recording_assets(text, text, text) IS
'Files of recordings and streams, newest first (GET /recording-assets)';
REVOKE ALL ON FUNCTION @extschema@.hms_recording_assets(text, text, text) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /recording-assets
CREATE FUNCTION @extschema@.hms_recording_assets(
	room_ids text[],
	session_id text DEFAULT hms_internal.not_given(),
	status text DEFAULT NULL)
RETURNS SETOF @extschema@.hms_recording_asset
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording_asset, 'hms_recording_assets', room_ids, session_id, status) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_recording_assets(text[], text, text) IS
'Files of recordings and streams of several rooms; in no order (GET /recording-assets)';
REVOKE ALL ON FUNCTION @extschema@.hms_recording_assets(text[], text, text) FROM PUBLIC;

-- A file of a recording or stream by its id; no row when there is none.
-- Source: GET /recording-assets/{asset_id}
CREATE FUNCTION @extschema@.hms_recording_asset(id text)
RETURNS SETOF @extschema@.hms_recording_asset
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording_asset, 'hms_recording_asset', id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_recording_asset(text) IS
'A file of a recording or stream by id, or no row (GET /recording-assets/{asset_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_recording_asset(text) FROM PUBLIC;

-- A new link to a recording asset, which anybody who has it can use for that
-- long; no row when there is no such asset.  valid_for: at least one second.
-- Errors: 22004, 22023 (valid_for).
-- Source: GET /recording-assets/{asset_id}/presigned-url
CREATE FUNCTION @extschema@.hms_presigned_url(asset_id text, valid_for interval DEFAULT '1 hour')
RETURNS SETOF @extschema@.hms_presigned_url
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_presigned_url, 'hms_presigned_url', asset_id, valid_for) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_presigned_url(text, interval) IS
'A link to a recording asset that works for a limited time, or no row (GET /recording-assets/{asset_id}/presigned-url)';
REVOKE ALL ON FUNCTION @extschema@.hms_presigned_url(text, interval) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- What was said, written and summed up: the texts of recording assets.  The
-- file lies in a storage, which is asked without any token through a link that
-- 100ms has just given; it must be https, and no redirect is followed.
-- ---------------------------------------------------------------------------

-- The rows of an asset or a session, of the columns that the caller declares.
CREATE FUNCTION hms_internal.asset_texts(endpoint text, id text)
RETURNS SETOF record
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
AS 'MODULE_PATHNAME', 'hms_texts';
COMMENT ON FUNCTION hms_internal.asset_texts(text, text) IS
'Internal: the rows of texts of a recording asset or of a session';

-- The sentences of a transcript, in their order; no row when there is no such
-- asset.  From json, srt or txt alike: as the asset says, else as the file looks.
-- starts and ends are times since the recording's start, and NULL in a txt; peer_id
-- is in a json only.  name: NULL where the speaker is not known.
-- Errors: 22023 (an asset of another type, or not completed), MS and a status
-- (the storage refuses: MS403 when a link has expired), 08P01 (the file is not one).
-- Source: GET /recording-assets/{asset_id}, /recording-assets/{asset_id}/presigned-url, the file
CREATE FUNCTION @extschema@.hms_transcript(asset_id text)
RETURNS TABLE (
	"position" integer,
	name text,
	peer_id text,
	sentence text,
	starts interval,
	ends interval)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
BEGIN ATOMIC
	SELECT t.*
	FROM hms_internal.asset_texts('hms_transcript', asset_id) AS t(
		"position" integer, name text, peer_id text, sentence text, starts interval, ends interval);
END;
COMMENT ON FUNCTION @extschema@.hms_transcript(text) IS
'The sentences of a transcript: who said what, and when (GET /recording-assets/{asset_id}/presigned-url)';
REVOKE ALL ON FUNCTION @extschema@.hms_transcript(text) FROM PUBLIC;

-- The sections of a summary, in their order; no row when there is no such asset.
-- format: bullets or paragraph; the other one is empty.
-- Errors: 22023 (an asset of another type, or not completed), MS and a status
-- (the storage refuses: MS403 when a link has expired), 08P01 (the file is not one).
-- Source: GET /recording-assets/{asset_id}, /recording-assets/{asset_id}/presigned-url, the file
CREATE FUNCTION @extschema@.hms_summary(asset_id text)
RETURNS TABLE (
	"position" integer,
	title text,
	format text,
	bullets text[],
	paragraph text)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 6
BEGIN ATOMIC
	SELECT t.*
	FROM hms_internal.asset_texts('hms_summary', asset_id) AS t(
		"position" integer, title text, format text, bullets text[], paragraph text);
END;
COMMENT ON FUNCTION @extschema@.hms_summary(text) IS
'The sections of a summary (GET /recording-assets/{asset_id}/presigned-url)';
REVOKE ALL ON FUNCTION @extschema@.hms_summary(text) FROM PUBLIC;

-- The messages of a recorded chat, in their order; no row when there is no such
-- asset.  roles: whom a message was sent to, empty for everybody.
-- Errors: 22023 (an asset of another type, or not completed), MS and a status
-- (the storage refuses: MS403 when a link has expired), 08P01 (the file is not one).
-- Source: GET /recording-assets/{asset_id}, /recording-assets/{asset_id}/presigned-url, the file
CREATE FUNCTION @extschema@.hms_chat(asset_id text)
RETURNS TABLE (
	"position" integer,
	sent_at timestamptz,
	peer_id text,
	user_id text,
	name text,
	roles text[],
	type text,
	message text)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT t.*
	FROM hms_internal.asset_texts('hms_chat', asset_id) AS t(
		"position" integer, sent_at timestamptz, peer_id text, user_id text, name text, roles text[], type text, message text);
END;
COMMENT ON FUNCTION @extschema@.hms_chat(text) IS
'The messages of a recorded chat (GET /recording-assets/{asset_id}/presigned-url)';
REVOKE ALL ON FUNCTION @extschema@.hms_chat(text) FROM PUBLIC;

-- The same of a session: of each of its recordings, oldest first, the completed
-- transcript that says most (json, srt, txt); position goes on from one to the next.
-- starts_at: the recording's start and starts, as near as that start is known;
-- NULL where either is.  user_id: of the peer with that id, else of the peers with that
-- name when they are one user.
-- Errors: MS and a status (the storage refuses: MS403 when a link has expired),
-- 08P01 (a file is not one).
-- Source: GET /recording-assets, /recordings, /sessions/{session_id}, and for each file /recording-assets/{asset_id}/presigned-url and the file
CREATE FUNCTION @extschema@.hms_session_transcript(session_id text)
RETURNS TABLE (
	"position" integer,
	name text,
	peer_id text,
	sentence text,
	starts interval,
	ends interval,
	starts_at timestamptz,
	user_id text)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
BEGIN ATOMIC
	SELECT t.*
	FROM hms_internal.asset_texts('hms_session_transcript', session_id) AS t(
		"position" integer, name text, peer_id text, sentence text, starts interval, ends interval, starts_at timestamptz, user_id text);
END;
COMMENT ON FUNCTION @extschema@.hms_session_transcript(text) IS
'What was said in a session: the sentences of its transcripts (GET /recording-assets)';
REVOKE ALL ON FUNCTION @extschema@.hms_session_transcript(text) FROM PUBLIC;

-- The sections of the summaries of a session, its recordings oldest first.
-- Errors: MS and a status (the storage refuses: MS403 when a link has expired),
-- 08P01 (a file is not one).
-- Source: GET /recording-assets, and for each file /recording-assets/{asset_id}/presigned-url and the file
CREATE FUNCTION @extschema@.hms_session_summary(session_id text)
RETURNS TABLE (
	"position" integer,
	title text,
	format text,
	bullets text[],
	paragraph text)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 6
BEGIN ATOMIC
	SELECT t.*
	FROM hms_internal.asset_texts('hms_session_summary', session_id) AS t(
		"position" integer, title text, format text, bullets text[], paragraph text);
END;
COMMENT ON FUNCTION @extschema@.hms_session_summary(text) IS
'The sections of the summaries of a session (GET /recording-assets)';
REVOKE ALL ON FUNCTION @extschema@.hms_session_summary(text) FROM PUBLIC;

-- The messages of the recorded chats of a session, its recordings oldest first.
-- Errors: MS and a status (the storage refuses: MS403 when a link has expired),
-- 08P01 (a file is not one).
-- Source: GET /recording-assets, and for each file /recording-assets/{asset_id}/presigned-url and the file
CREATE FUNCTION @extschema@.hms_session_chat(session_id text)
RETURNS TABLE (
	"position" integer,
	sent_at timestamptz,
	peer_id text,
	user_id text,
	name text,
	roles text[],
	type text,
	message text)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT t.*
	FROM hms_internal.asset_texts('hms_session_chat', session_id) AS t(
		"position" integer, sent_at timestamptz, peer_id text, user_id text, name text, roles text[], type text, message text);
END;
COMMENT ON FUNCTION @extschema@.hms_session_chat(text) IS
'The messages of the recorded chats of a session (GET /recording-assets)';
REVOKE ALL ON FUNCTION @extschema@.hms_session_chat(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- External streams
-- ---------------------------------------------------------------------------

-- External streams, newest first.  status: starting, running, stopping,
-- post_processing, completed or failed.
-- Source: GET /external-streams
CREATE FUNCTION @extschema@.hms_external_streams(
	room_id text DEFAULT hms_internal.not_given(),
	session_id text DEFAULT hms_internal.not_given(),
	status text DEFAULT NULL)
RETURNS SETOF @extschema@.hms_external_stream
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_external_stream, 'hms_external_streams', room_id, session_id, status) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_external_streams(text, text, text) IS
'External streams, newest first (GET /external-streams)';
REVOKE ALL ON FUNCTION @extschema@.hms_external_streams(text, text, text) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /external-streams
CREATE FUNCTION @extschema@.hms_external_streams(
	room_ids text[],
	session_id text DEFAULT hms_internal.not_given(),
	status text DEFAULT NULL)
RETURNS SETOF @extschema@.hms_external_stream
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_external_stream, 'hms_external_streams', room_ids, session_id, status) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_external_streams(text[], text, text) IS
'External streams of several rooms; in no order (GET /external-streams)';
REVOKE ALL ON FUNCTION @extschema@.hms_external_streams(text[], text, text) FROM PUBLIC;

-- An external stream by its id; no row when there is none.
-- Source: GET /external-streams/{stream_id}
CREATE FUNCTION @extschema@.hms_external_stream(id text)
RETURNS SETOF @extschema@.hms_external_stream
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_external_stream, 'hms_external_stream', id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_external_stream(text) IS
'An external stream by id, or no row (GET /external-streams/{stream_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_external_stream(text) FROM PUBLIC;

-- Begin to stream a room to RTMP servers.  options: rtmp_urls (required: 1 to 5
-- URLs with their stream keys), recording (boolean), resolution {width, height}
-- (500x480 to 1920x1080, or portrait to 1080x1920), meeting_url (a page that
-- joins the room by itself; needed when the template was made by API),
-- destination (of the template; needed when it has several).
-- Errors: 22023 before sending when URLs are missing, too many or not rtmp://
-- or rtmps://, or a resolution is out of bounds.
-- Source: POST /external-streams/room/{room_id}/start
CREATE FUNCTION @extschema@.hms_start_external_stream(room_id text, options jsonb)
RETURNS @extschema@.hms_external_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_external_stream, 'hms_start_external_stream', room_id, options);
END;
COMMENT ON FUNCTION @extschema@.hms_start_external_stream(text, jsonb) IS
'Begin to stream a room to RTMP servers (POST /external-streams/room/{room_id}/start)';
REVOKE ALL ON FUNCTION @extschema@.hms_start_external_stream(text, jsonb) FROM PUBLIC;

-- Stop an external stream.  It takes a while to be completed.
-- Source: POST /external-streams/{stream_id}/stop
CREATE FUNCTION @extschema@.hms_stop_external_stream(id text)
RETURNS @extschema@.hms_external_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_external_stream, 'hms_stop_external_stream', id);
END;
COMMENT ON FUNCTION @extschema@.hms_stop_external_stream(text) IS
'Stop an external stream (POST /external-streams/{stream_id}/stop)';
REVOKE ALL ON FUNCTION @extschema@.hms_stop_external_stream(text) FROM PUBLIC;

-- Stop every external stream of a room; returns them.  Raises when there is
-- none.
-- Source: POST /external-streams/room/{room_id}/stop
CREATE FUNCTION @extschema@.hms_stop_external_streams(room_id text)
RETURNS SETOF @extschema@.hms_external_stream
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_external_stream, 'hms_stop_external_streams', room_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_stop_external_streams(text) IS
'Stop the external streams of a room; returns them (POST /external-streams/room/{room_id}/stop)';
REVOKE ALL ON FUNCTION @extschema@.hms_stop_external_streams(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Stream keys: secrets, for roles that may write
-- ---------------------------------------------------------------------------

-- The stream key of a room that works; no row when there is none.  Its URL may
-- change: ask before each stream.
-- Source: GET /stream-keys/room/{room_id}
CREATE FUNCTION @extschema@.hms_stream_key(room_id text)
RETURNS SETOF @extschema@.hms_stream_key
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_stream_key, 'hms_stream_key', room_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_stream_key(text) IS
'The stream key of a room, or no row (GET /stream-keys/room/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_stream_key(text) FROM PUBLIC;

-- Make a stream key for a room.  A room has one: disable it to get another.
-- Source: POST /stream-keys/room/{room_id}
CREATE FUNCTION @extschema@.hms_create_stream_key(room_id text)
RETURNS @extschema@.hms_stream_key
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_stream_key, 'hms_create_stream_key', room_id);
END;
COMMENT ON FUNCTION @extschema@.hms_create_stream_key(text) IS
'Make a stream key for a room (POST /stream-keys/room/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_create_stream_key(text) FROM PUBLIC;

-- Let the stream key of a room work no longer.
-- Source: POST /stream-keys/room/{room_id}/disable
CREATE FUNCTION @extschema@.hms_disable_stream_key(room_id text)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::text, 'hms_disable_stream_key', room_id);
END;
COMMENT ON FUNCTION @extschema@.hms_disable_stream_key(text) IS
'Let the stream key of a room work no longer (POST /stream-keys/room/{room_id}/disable)';
REVOKE ALL ON FUNCTION @extschema@.hms_disable_stream_key(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Polls
-- ---------------------------------------------------------------------------

-- Make a poll.  options: title, duration (seconds), anonymous, mode (userid,
-- peerid), type (poll, quiz), start (auto, manual), questions.  Each call makes
-- another; there is no list of polls and no way to remove one, so keep the id.
-- Source: POST /polls
CREATE FUNCTION @extschema@.hms_create_poll(options jsonb DEFAULT '{}')
RETURNS @extschema@.hms_poll
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_poll, 'hms_create_poll', options);
END;
COMMENT ON FUNCTION @extschema@.hms_create_poll(jsonb) IS
'Make a poll (POST /polls)';
REVOKE ALL ON FUNCTION @extschema@.hms_create_poll(jsonb) FROM PUBLIC;

-- A poll by its id, with the right answers; no row when there is none.
-- Source: GET /polls/{poll_id}
CREATE FUNCTION @extschema@.hms_poll(poll_id text)
RETURNS SETOF @extschema@.hms_poll
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_poll, 'hms_poll', poll_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_poll(text) IS
'A poll by id, or no row (GET /polls/{poll_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_poll(text) FROM PUBLIC;

-- Replace a poll as a whole: what poll lacks is lost.
-- Source: POST /polls/{poll_id}
CREATE FUNCTION @extschema@.hms_update_poll(poll_id text, poll jsonb)
RETURNS @extschema@.hms_poll
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_poll, 'hms_update_poll', poll_id, poll);
END;
COMMENT ON FUNCTION @extschema@.hms_update_poll(text, jsonb) IS
'Replace a poll as a whole (POST /polls/{poll_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_update_poll(text, jsonb) FROM PUBLIC;

-- Replace a question as a whole: what it lacks is lost.  question_id: its
-- index, from 1.
-- Source: POST /polls/{poll_id}/questions/{question_id}
CREATE FUNCTION @extschema@.hms_update_poll_question(
	poll_id text,
	question_id integer,
	question jsonb)
RETURNS @extschema@.hms_poll_question
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_poll_question, 'hms_update_poll_question', poll_id, question_id, question);
END;
COMMENT ON FUNCTION @extschema@.hms_update_poll_question(text, integer, jsonb) IS
'Replace a question of a poll as a whole (POST /polls/{poll_id}/questions/{question_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_update_poll_question(text, integer, jsonb) FROM PUBLIC;

-- Remove a question.  Those after it move up: remove several from the last to
-- the first, and look before you repeat one that failed.
-- Source: DELETE /polls/{poll_id}/questions/{question_id}
CREATE FUNCTION @extschema@.hms_delete_poll_question(poll_id text, question_id integer)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::void, 'hms_delete_poll_question', poll_id, question_id);
END;
COMMENT ON FUNCTION @extschema@.hms_delete_poll_question(text, integer) IS
'Remove a question of a poll; those after it move up (DELETE /polls/{poll_id}/questions/{question_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_delete_poll_question(text, integer) FROM PUBLIC;

-- Replace an option of a question as a whole.  option_id: its index, from 1.
-- Source: POST /polls/{poll_id}/questions/{question_id}/options/{option_id}
CREATE FUNCTION @extschema@.hms_update_poll_option(
	poll_id text,
	question_id integer,
	option_id integer,
	option jsonb)
RETURNS @extschema@.hms_poll_option
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_poll_option, 'hms_update_poll_option', poll_id, question_id, option_id, option);
END;
COMMENT ON FUNCTION @extschema@.hms_update_poll_option(text, integer, integer, jsonb) IS
'Replace an option of a question as a whole (POST /polls/{poll_id}/questions/{question_id}/options/{option_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_update_poll_option(text, integer, integer, jsonb) FROM PUBLIC;

-- Remove an option of a question.  Those after it move up.
-- Source: DELETE /polls/{poll_id}/questions/{question_id}/options/{option_id}
CREATE FUNCTION @extschema@.hms_delete_poll_option(
	poll_id text,
	question_id integer,
	option_id integer)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::void, 'hms_delete_poll_option', poll_id, question_id, option_id);
END;
COMMENT ON FUNCTION @extschema@.hms_delete_poll_option(text, integer, integer) IS
'Remove an option of a question; those after it move up (DELETE /polls/{poll_id}/questions/{question_id}/options/{option_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_delete_poll_option(text, integer, integer) FROM PUBLIC;

-- The runs of a poll.
-- Source: GET /polls/{poll_id}/sessions
CREATE FUNCTION @extschema@.hms_poll_sessions(poll_id text)
RETURNS SETOF @extschema@.hms_poll_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_poll_session, 'hms_poll_sessions', poll_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_poll_sessions(text) IS
'The runs of a poll in sessions (GET /polls/{poll_id}/sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_poll_sessions(text) FROM PUBLIC;

-- The runs of a poll in one session; no row when there is none.
-- Source: GET /polls/{poll_id}/sessions/{session_id}
CREATE FUNCTION @extschema@.hms_poll_session(poll_id text, session_id text)
RETURNS SETOF @extschema@.hms_poll_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_poll_session, 'hms_poll_session', poll_id, session_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_poll_session(text, text) IS
'The runs of a poll in a session (GET /polls/{poll_id}/sessions/{session_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_poll_session(text, text) FROM PUBLIC;

-- The answers to a poll.  question: of one question, by its index.  "all": true
-- for those too that were changed later.
-- Source: GET /polls/{poll_id}/responses
CREATE FUNCTION @extschema@.hms_poll_responses(
	poll_id text,
	question integer DEFAULT NULL,
	"all" boolean DEFAULT NULL)
RETURNS SETOF @extschema@.hms_poll_response
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_poll_response, 'hms_poll_responses', poll_id, question, "all") AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_poll_responses(text, integer, boolean) IS
'The answers to a poll (GET /polls/{poll_id}/responses)';
REVOKE ALL ON FUNCTION @extschema@.hms_poll_responses(text, integer, boolean) FROM PUBLIC;

-- An answer to a poll by its id; no row when there is none.
-- Source: GET /polls/{poll_id}/responses/{response_id}
CREATE FUNCTION @extschema@.hms_poll_response(poll_id text, response_id text)
RETURNS SETOF @extschema@.hms_poll_response
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_poll_response, 'hms_poll_response', poll_id, response_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_poll_response(text, text) IS
'An answer to a poll by id, or no row (GET /polls/{poll_id}/responses/{response_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_poll_response(text, text) FROM PUBLIC;

-- What the participants scored.  question: for one question, by its index.
-- Source: GET /polls/{poll_id}/results
CREATE FUNCTION @extschema@.hms_poll_results(poll_id text, question integer DEFAULT NULL)
RETURNS SETOF @extschema@.hms_poll_result
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_poll_result, 'hms_poll_results', poll_id, question) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_poll_results(text, integer) IS
'What the participants of a poll scored (GET /polls/{poll_id}/results)';
REVOKE ALL ON FUNCTION @extschema@.hms_poll_results(text, integer) FROM PUBLIC;

-- A score by its id; no row when there is none.
-- Source: GET /polls/{poll_id}/results/{result_id}
CREATE FUNCTION @extschema@.hms_poll_result(poll_id text, result_id text)
RETURNS SETOF @extschema@.hms_poll_result
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_poll_result, 'hms_poll_result', poll_id, result_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_poll_result(text, text) IS
'A score of a poll by id, or no row (GET /polls/{poll_id}/results/{result_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_poll_result(text, text) FROM PUBLIC;

-- Give a room its polls, by id, in place of those it had.
-- Source: POST /rooms/{room_id}
CREATE FUNCTION @extschema@.hms_link_polls(room_id text, polls text[])
RETURNS @extschema@.hms_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_room, 'hms_link_polls', room_id, polls);
END;
COMMENT ON FUNCTION @extschema@.hms_link_polls(text, text[]) IS
'Give a room its polls, in place of those it had (POST /rooms/{room_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_link_polls(text, text[]) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Templates, their roles, settings, destinations and recordings: what can show
-- storage keys is for roles that may write
-- ---------------------------------------------------------------------------

-- All templates, newest first.  settings can hold storage keys.
-- Source: GET /templates
CREATE FUNCTION @extschema@.hms_templates()
RETURNS SETOF @extschema@.hms_template
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_template, 'hms_templates') AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_templates() IS
'All templates; can show storage keys (GET /templates)';
REVOKE ALL ON FUNCTION @extschema@.hms_templates() FROM PUBLIC;

-- A template by its id; no row when there is none.  settings can hold storage
-- keys.
-- Source: GET /templates/{template_id}
CREATE FUNCTION @extschema@.hms_template(template_id text)
RETURNS SETOF @extschema@.hms_template
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_template, 'hms_template', template_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_template(text) IS
'A template by id, or no row; can show storage keys (GET /templates/{template_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_template(text) FROM PUBLIC;

-- Make a template.  template: name, roles, settings, destinations, plugins, as
-- the API has them.  The API overwrites a template of that name; here that
-- takes overwrite => true.  Without it the names are looked at first: two who
-- make the same name at the same instant can still meet.
-- Errors: 22023 when the name is there, or the template is out of bounds.
-- Source: POST /templates
CREATE FUNCTION @extschema@.hms_create_template(
	template jsonb DEFAULT '{}',
	overwrite boolean DEFAULT false)
RETURNS @extschema@.hms_template
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_template, 'hms_create_template', template, overwrite);
END;
COMMENT ON FUNCTION @extschema@.hms_create_template(jsonb, boolean) IS
'Make a template; with overwrite => true replaces the one of that name (POST /templates)';
REVOKE ALL ON FUNCTION @extschema@.hms_create_template(jsonb, boolean) FROM PUBLIC;

-- Replace a template as a whole: read it, change it, send all of it.  roles and
-- settings are required; the API also empties the destinations of a template
-- that comes without, so these are too unless overwrite => true.
-- Errors: 22023 when one is missing or out of bounds.
-- Source: POST /templates/{template_id}
CREATE FUNCTION @extschema@.hms_update_template(
	template_id text,
	template jsonb,
	overwrite boolean DEFAULT false)
RETURNS @extschema@.hms_template
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_template, 'hms_update_template', template_id, template, overwrite);
END;
COMMENT ON FUNCTION @extschema@.hms_update_template(text, jsonb, boolean) IS
'Overwrite a template as a whole: read it, change it, send all of it (POST /templates/{template_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_update_template(text, jsonb, boolean) FROM PUBLIC;

-- A role of a template; no row when there is none.
-- Source: GET /templates/{template_id}/roles/{role_name}
CREATE FUNCTION @extschema@.hms_role(template_id text, role_name text)
RETURNS SETOF @extschema@.hms_role
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_role, 'hms_role', template_id, role_name) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_role(text, text) IS
'A role of a template, or no row (GET /templates/{template_id}/roles/{role_name})';
REVOKE ALL ON FUNCTION @extschema@.hms_role(text, text) FROM PUBLIC;

-- Make a role of a template; what it lacks takes the API's defaults.  The API
-- overwrites a role of that name; here that takes overwrite => true, and
-- without it the role is looked for first.  A "name" inside it renames the
-- role.
-- Errors: 22023 when the role is there, or out of bounds.
-- Source: POST /templates/{template_id}/roles/{role_name}
CREATE FUNCTION @extschema@.hms_create_role(
	template_id text,
	role_name text,
	role jsonb DEFAULT '{}',
	overwrite boolean DEFAULT false)
RETURNS @extschema@.hms_role
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_role, 'hms_create_role', template_id, role_name, role, overwrite);
END;
COMMENT ON FUNCTION @extschema@.hms_create_role(text, text, jsonb, boolean) IS
'Make a role of a template; with overwrite => true replaces it as a whole (POST /templates/{template_id}/roles/{role_name})';
REVOKE ALL ON FUNCTION @extschema@.hms_create_role(text, text, jsonb, boolean) FROM PUBLIC;

-- Remove a role from a template; raises MS404 when there is none.
-- Source: DELETE /templates/{template_id}/roles/{role_name}
CREATE FUNCTION @extschema@.hms_delete_role(template_id text, role_name text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::void, 'hms_delete_role', template_id, role_name);
END;
COMMENT ON FUNCTION @extschema@.hms_delete_role(text, text) IS
'Remove a role from a template (DELETE /templates/{template_id}/roles/{role_name})';
REVOKE ALL ON FUNCTION @extschema@.hms_delete_role(text, text) FROM PUBLIC;

-- The settings of a template; no row when there is no template.  recording can
-- hold storage keys.
-- Source: GET /templates/{template_id}/settings
CREATE FUNCTION @extschema@.hms_template_settings(template_id text)
RETURNS SETOF @extschema@.hms_template_settings
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_template_settings, 'hms_template_settings', template_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_template_settings(text) IS
'The settings of a template, or no row; can show storage keys (GET /templates/{template_id}/settings)';
REVOKE ALL ON FUNCTION @extschema@.hms_template_settings(text) FROM PUBLIC;

-- Change settings of a template: region, recording, roomState.  Returns them,
-- storage keys too.
-- Source: POST /templates/{template_id}/settings
CREATE FUNCTION @extschema@.hms_update_template_settings(template_id text, settings jsonb)
RETURNS @extschema@.hms_template_settings
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_template_settings, 'hms_update_template_settings', template_id, settings);
END;
COMMENT ON FUNCTION @extschema@.hms_update_template_settings(text, jsonb) IS
'Change the settings of a template; shows storage keys (POST /templates/{template_id}/settings)';
REVOKE ALL ON FUNCTION @extschema@.hms_update_template_settings(text, jsonb) FROM PUBLIC;

-- The destinations of a template, whose RTMP URLs can hold stream keys; no row
-- when there is no template.
-- Source: GET /templates/{template_id}/destinations
CREATE FUNCTION @extschema@.hms_template_destinations(template_id text)
RETURNS SETOF @extschema@.hms_template_destinations
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_template_destinations, 'hms_template_destinations', template_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_template_destinations(text) IS
'The destinations of a template, or no row; can show stream keys (GET /templates/{template_id}/destinations)';
REVOKE ALL ON FUNCTION @extschema@.hms_template_destinations(text) FROM PUBLIC;

-- Set destinations of a template: rtmpDestinations, hlsDestinations and
-- transcriptions, each a map by name.  Returns them, stream keys too.
-- Source: POST /templates/{template_id}/destinations
CREATE FUNCTION @extschema@.hms_update_template_destinations(template_id text, destinations jsonb)
RETURNS @extschema@.hms_template_destinations
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_template_destinations, 'hms_update_template_destinations', template_id, destinations);
END;
COMMENT ON FUNCTION @extschema@.hms_update_template_destinations(text, jsonb) IS
'Set destinations of a template; can show stream keys (POST /templates/{template_id}/destinations)';
REVOKE ALL ON FUNCTION @extschema@.hms_update_template_destinations(text, jsonb) FROM PUBLIC;

-- What the rooms of a template record; no row when that is nothing, or there is
-- no template.
-- Source: GET /templates/{template_id}/recordings
CREATE FUNCTION @extschema@.hms_template_recordings(template_id text)
RETURNS SETOF @extschema@.hms_template_recording
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_template_recording, 'hms_template_recordings', template_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_template_recordings(text) IS
'What the rooms of a template record (GET /templates/{template_id}/recordings)';
REVOKE ALL ON FUNCTION @extschema@.hms_template_recordings(text) FROM PUBLIC;

-- Set what the rooms of a template record.  recordings: an array of one
-- configuration with name and role.
-- Errors: 22023 when it is not that.
-- Source: POST /templates/{template_id}/recordings
CREATE FUNCTION @extschema@.hms_update_template_recordings(template_id text, recordings jsonb)
RETURNS SETOF @extschema@.hms_template_recording
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_template_recording, 'hms_update_template_recordings', template_id, recordings) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_update_template_recordings(text, jsonb) IS
'Set what the rooms of a template record (POST /templates/{template_id}/recordings)';
REVOKE ALL ON FUNCTION @extschema@.hms_update_template_recordings(text, jsonb) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- SIP
-- ---------------------------------------------------------------------------

-- Make a trunk for calls out, with what its provider gave you.  "from": the
-- number that callees see.
-- Source: POST /sip/outbound/trunks
CREATE FUNCTION @extschema@.hms_create_sip_outbound_trunk(
	username text,
	password text,
	address text,
	"from" text)
RETURNS @extschema@.hms_sip_outbound_trunk
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_sip_outbound_trunk, 'hms_create_sip_outbound_trunk', username, password, address, "from");
END;
COMMENT ON FUNCTION @extschema@.hms_create_sip_outbound_trunk(text, text, text, text) IS
'Make a SIP trunk for calls out (POST /sip/outbound/trunks)';
REVOKE ALL ON FUNCTION @extschema@.hms_create_sip_outbound_trunk(text, text, text, text) FROM PUBLIC;

-- Change a trunk.
-- Source: POST /sip/outbound/trunks/{trunk_id}
CREATE FUNCTION @extschema@.hms_update_sip_outbound_trunk(
	trunk_id text,
	username text DEFAULT NULL,
	password text DEFAULT NULL,
	address text DEFAULT NULL,
	"from" text DEFAULT NULL)
RETURNS @extschema@.hms_sip_outbound_trunk
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_sip_outbound_trunk, 'hms_update_sip_outbound_trunk', trunk_id, username, password, address, "from");
END;
COMMENT ON FUNCTION @extschema@.hms_update_sip_outbound_trunk(text, text, text, text, text) IS
'Change a SIP trunk (POST /sip/outbound/trunks/{trunk_id})';
REVOKE ALL ON FUNCTION @extschema@.hms_update_sip_outbound_trunk(text, text, text, text, text) FROM PUBLIC;

-- Call somebody into a room.  "to": a number, or what the trunk understands.
-- room_code: of the room and role.  name, user_id: of the peer.  headers: more
-- SIP headers.  Returns when the call was accepted or declined, or raises MS408
-- when nobody answered: mind hms.timeout and statement_timeout.
-- Errors: 22023 (headers that are not SIP's).
-- Source: POST /sip/outbound/call
CREATE FUNCTION @extschema@.hms_start_sip_outbound_call(
	"to" text,
	room_code text,
	trunk_id text,
	name text DEFAULT NULL,
	user_id text DEFAULT hms_internal.not_given(),
	video boolean DEFAULT NULL,
	headers jsonb DEFAULT NULL)
RETURNS @extschema@.hms_sip_outbound_call
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_sip_outbound_call, 'hms_start_sip_outbound_call', "to", room_code, trunk_id, name, user_id, video, headers);
END;
COMMENT ON FUNCTION @extschema@.hms_start_sip_outbound_call(text, text, text, text, text, boolean, jsonb) IS
'Call somebody into a room; waits for the answer (POST /sip/outbound/call)';
REVOKE ALL ON FUNCTION @extschema@.hms_start_sip_outbound_call(text, text, text, text, text, boolean, jsonb) FROM PUBLIC;

-- Send tones to the SIP peers of a room: 100 ms each, in order.  role, user_id:
-- in whose name, for the auth token that this endpoint takes.  digits: 0 to 9,
-- *, #, a to d.
-- Errors: 22023 (digits).
-- Source: POST /sip/dtmf
CREATE FUNCTION @extschema@.hms_send_dtmf(
	room_id text,
	role text,
	digits text[],
	user_id text DEFAULT hms_internal.not_given())
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::void, 'hms_send_dtmf', room_id, role, digits, user_id);
END;
COMMENT ON FUNCTION @extschema@.hms_send_dtmf(text, text, text[], text) IS
'Send tones to the SIP peers of a room (POST /sip/dtmf)';
REVOKE ALL ON FUNCTION @extschema@.hms_send_dtmf(text, text, text[], text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Legacy Beam, at hms.beam_url: use recordings and external streams instead
-- ---------------------------------------------------------------------------

-- Begin to record a room or to stream it, or both.  meeting_url: a page that
-- joins the room by itself.  rtmp_urls: up to 3 URLs with their stream keys.
-- record: into a file.  width, height: default 1280x720; 500x480 to 1920x1080,
-- or portrait to 1080x1920; both or none.  Returns what Beam says.
-- Errors: 22023 before sending when URLs or the resolution are out of bounds, or
-- there is neither a URL nor record; Beam's own errors have their code in DETAIL.
-- Source: POST /beam
CREATE FUNCTION @extschema@.hms_start_beam(
	room_id text,
	meeting_url text,
	rtmp_urls text[] DEFAULT NULL,
	record boolean DEFAULT NULL,
	width integer DEFAULT NULL,
	height integer DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::text, 'hms_start_beam', room_id, meeting_url, rtmp_urls, record,
		CASE WHEN width IS NOT NULL OR height IS NOT NULL
			THEN jsonb_build_object('width', width, 'height', height)
		END);
END;
COMMENT ON FUNCTION @extschema@.hms_start_beam(text, text, text[], boolean, integer, integer) IS
'Begin to record or stream a room by the legacy Beam API (POST /beam)';
REVOKE ALL ON FUNCTION @extschema@.hms_start_beam(text, text, text[], boolean, integer, integer) FROM PUBLIC;

-- End what hms_start_beam began in a room.
-- Source: POST /beam
CREATE FUNCTION @extschema@.hms_stop_beam(room_id text)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::text, 'hms_stop_beam', room_id);
END;
COMMENT ON FUNCTION @extschema@.hms_stop_beam(text) IS
'End recording and streaming of a room by the legacy Beam API (POST /beam)';
REVOKE ALL ON FUNCTION @extschema@.hms_stop_beam(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- The rest of the legacy API: rooms at hms.beam_url, templates at hms.policy_url
-- ---------------------------------------------------------------------------

-- Make a room by the legacy API, or return the one of that name.  options:
-- name, description, template (its name), recording_info, region.
-- Source: POST /rooms
CREATE FUNCTION @extschema@.hms_legacy_create_room(options jsonb DEFAULT '{}')
RETURNS @extschema@.hms_legacy_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_legacy_room, 'hms_legacy_create_room', options);
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_create_room(jsonb) IS
'Make a room by the legacy API: use hms_create_room (POST /rooms)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_create_room(jsonb) FROM PUBLIC;

-- Let nobody join a room from now on, by its name.
-- Source: POST /rooms
CREATE FUNCTION @extschema@.hms_legacy_disable_room(name text)
RETURNS @extschema@.hms_legacy_room
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_legacy_room, 'hms_legacy_disable_room', name);
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_disable_room(text) IS
'Disable a room by its name by the legacy API: use hms_disable_room (POST /rooms)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_disable_room(text) FROM PUBLIC;

-- Sessions, newest first; the same list as hms_sessions, which can also be
-- asked for one id.
-- Source: GET /sessions
CREATE FUNCTION @extschema@.hms_legacy_sessions(
	room_id text DEFAULT hms_internal.not_given(),
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL,
	id text DEFAULT hms_internal.not_given())
RETURNS SETOF @extschema@.hms_legacy_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_legacy_session, 'hms_legacy_sessions', room_id, active, after, before, id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_sessions(text, boolean, timestamptz, timestamptz, text) IS
'Sessions, newest first: use hms_sessions (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_sessions(text, boolean, timestamptz, timestamptz, text) FROM PUBLIC;

-- The same of several rooms at a time, in no order.
-- Source: GET /sessions
CREATE FUNCTION @extschema@.hms_legacy_sessions(
	room_ids text[],
	active boolean DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL,
	id text DEFAULT hms_internal.not_given())
RETURNS SETOF @extschema@.hms_legacy_session
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_legacy_session, 'hms_legacy_sessions', room_ids, active, after, before, id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_sessions(text[], boolean, timestamptz, timestamptz, text) IS
'Sessions of several rooms; in no order (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_sessions(text[], boolean, timestamptz, timestamptz, text) FROM PUBLIC;

-- Templates by the legacy API, newest first.  settings can hold storage keys.
-- Source: GET /templates
CREATE FUNCTION @extschema@.hms_legacy_templates(
	name text DEFAULT hms_internal.not_given(),
	id text DEFAULT hms_internal.not_given(),
	"default" boolean DEFAULT NULL)
RETURNS SETOF @extschema@.hms_legacy_template
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_legacy_template, 'hms_legacy_templates', name, id, "default") AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_templates(text, text, boolean) IS
'Templates by the legacy API; can show storage keys (GET /templates)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_templates(text, text, boolean) FROM PUBLIC;

-- Make a template by the legacy API.  template: name, default, roles, settings.
-- The API overwrites a template of that name; here that takes overwrite =>
-- true, and without it the name is looked for first.
-- Errors: 22023 when the name is there.
-- Source: POST /templates
CREATE FUNCTION @extschema@.hms_legacy_create_template(
	template jsonb DEFAULT '{}',
	overwrite boolean DEFAULT false)
RETURNS @extschema@.hms_legacy_template
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_legacy_template, 'hms_legacy_create_template', template, overwrite);
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_create_template(jsonb, boolean) IS
'Make a template by the legacy API; with overwrite => true replaces the one of that name (POST /templates)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_create_template(jsonb, boolean) FROM PUBLIC;

-- Replace a template as a whole, by its id or its name: roles and settings are
-- required.
-- Errors: 22004 when neither id nor name is given, which would make a new one.
-- Source: POST /templates
CREATE FUNCTION @extschema@.hms_legacy_update_template(
	template jsonb,
	id text DEFAULT hms_internal.not_given(),
	name text DEFAULT hms_internal.not_given())
RETURNS @extschema@.hms_legacy_template
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_legacy_template, 'hms_legacy_update_template', template, id, name);
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_update_template(jsonb, text, text) IS
'Overwrite a template as a whole by the legacy API (POST /templates)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_update_template(jsonb, text, text) FROM PUBLIC;

-- A role of a template by the legacy API; no row when there is none.
-- Source: GET /templates/{template_id}/roles/{role_name}
CREATE FUNCTION @extschema@.hms_legacy_role(template_id text, role_name text)
RETURNS SETOF @extschema@.hms_role
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_role, 'hms_legacy_role', template_id, role_name) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_role(text, text) IS
'A role of a template by the legacy API, or no row (GET /templates/{template_id}/roles/{role_name})';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_role(text, text) FROM PUBLIC;

-- Make a role by the legacy API, as hms_create_role does; its priority may be 1
-- to 10.
-- Source: POST /templates/{template_id}/roles/{role_name}
CREATE FUNCTION @extschema@.hms_legacy_create_role(
	template_id text,
	role_name text,
	role jsonb DEFAULT '{}',
	overwrite boolean DEFAULT false)
RETURNS @extschema@.hms_role
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_role, 'hms_legacy_create_role', template_id, role_name, role, overwrite);
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_create_role(text, text, jsonb, boolean) IS
'Make a role by the legacy API; with overwrite => true replaces it as a whole (POST /templates/{template_id}/roles/{role_name})';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_create_role(text, text, jsonb, boolean) FROM PUBLIC;

-- Remove a role from a template by the legacy API.
-- Source: DELETE /templates/{template_id}/roles/{role_name}
CREATE FUNCTION @extschema@.hms_legacy_delete_role(template_id text, role_name text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::void, 'hms_legacy_delete_role', template_id, role_name);
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_delete_role(text, text) IS
'Remove a role from a template by the legacy API (DELETE /templates/{template_id}/roles/{role_name})';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_delete_role(text, text) FROM PUBLIC;

-- The settings of a template by the legacy API; no row when there is no
-- template.
-- Source: GET /templates/{template_id}/settings
CREATE FUNCTION @extschema@.hms_legacy_template_settings(template_id text)
RETURNS SETOF @extschema@.hms_legacy_template_settings
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_legacy_template_settings, 'hms_legacy_template_settings', template_id) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_template_settings(text) IS
'The settings of a template by the legacy API, or no row (GET /templates/{template_id}/settings)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_template_settings(text) FROM PUBLIC;

-- Change the region of a template by the legacy API: in, eu, us or auto.
-- Source: POST /templates/{template_id}/settings
CREATE FUNCTION @extschema@.hms_legacy_update_template_settings(template_id text, region text)
RETURNS @extschema@.hms_legacy_template_settings
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::@extschema@.hms_legacy_template_settings, 'hms_legacy_update_template_settings', template_id, region);
END;
COMMENT ON FUNCTION @extschema@.hms_legacy_update_template_settings(text, text) IS
'Change the region of a template by the legacy API (POST /templates/{template_id}/settings)';
REVOKE ALL ON FUNCTION @extschema@.hms_legacy_update_template_settings(text, text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Any endpoint
-- ---------------------------------------------------------------------------

-- The answer of any GET.
-- path: begins with a slash, relative to hms.api_url, without a query; percent-
-- encoded where a part holds a reserved character.  params: the query; an array
-- is a repeated key, null is left out.
-- Errors: a 404 raises MS404.
CREATE FUNCTION @extschema@.hms_api_get(path text, params jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::jsonb, 'hms_api_get', path, params);
END;
COMMENT ON FUNCTION @extschema@.hms_api_get(text, jsonb) IS
'The answer of any GET endpoint of the API';
REVOKE ALL ON FUNCTION @extschema@.hms_api_get(text, jsonb) FROM PUBLIC;

-- The rows of any list, however it pages.
-- path: begins with a slash, relative to hms.api_url, without a query; percent-
-- encoded where a part holds a reserved character.  params: the query; an array
-- is a repeated key, null is left out.
CREATE FUNCTION @extschema@.hms_api_list(path text, params jsonb DEFAULT '{}')
RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT s FROM hms_internal._hms_rows(NULL::jsonb, 'hms_api_list', path, params) AS s;
END;
COMMENT ON FUNCTION @extschema@.hms_api_list(text, jsonb) IS
'The rows of any list endpoint of the API, page after page';
REVOKE ALL ON FUNCTION @extschema@.hms_api_list(text, jsonb) FROM PUBLIC;

-- The answer of any POST; body is sent as it stands.
-- path: as in hms_api_get.
CREATE FUNCTION @extschema@.hms_api_post(path text, body jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::jsonb, 'hms_api_post', path, body);
END;
COMMENT ON FUNCTION @extschema@.hms_api_post(text, jsonb) IS
'The answer of any POST endpoint of the API';
REVOKE ALL ON FUNCTION @extschema@.hms_api_post(text, jsonb) FROM PUBLIC;

-- The answer of any DELETE; NULL when it has none.
-- path: as in hms_api_get.
CREATE FUNCTION @extschema@.hms_api_delete(path text)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_call(NULL::jsonb, 'hms_api_delete', path);
END;
COMMENT ON FUNCTION @extschema@.hms_api_delete(text) IS
'The answer of any DELETE endpoint of the API';
REVOKE ALL ON FUNCTION @extschema@.hms_api_delete(text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Attendance and usage: plain SQL over sessions and events
--
-- Words used below.  A stay is one peer of one session, from joined_at to
-- left_at; without left_at it is open: until now in an active session, until
-- updated_at in an ended one.  A stay that would end before it begins, or
-- whose begin or end the API does not tell, has no length: it is counted, but
-- adds no time and is never open together with another.  The user of a stay is
-- its user_id; where that is NULL or empty its name; where that is too its
-- peer id; known_by says which, and two that are known by different things are
-- two users, though they read the same.  A stay whose role is in hms.bot_roles
-- is no person's.
--
-- Now is the same instant for the whole statement: the statement's start, so
-- that a report late in a long transaction does not end stays before they
-- began, and the transaction's start where that is later (in a procedure after
-- a COMMIT).
--
-- A report is written once, in report_text, over two relations: timed_stays and
-- track_events.  report_query puts what they are in front of it, so that one
-- text serves the functions, which read the API, and the views of a mirror or of
-- live tables.  What keeps a report fast is that a condition on its rows reaches
-- the tables or the API: it passes GROUP BY and windows whose members hold the
-- column as it is, so each of them names room_id, session_id and whatever else
-- may be asked for.  A relation is named once in a text, for each mention is a
-- walk over the API.  A text calls nothing but pg_catalog's own: views need
-- nothing of the extension.
-- ---------------------------------------------------------------------------

-- The stays of peers in sessions of a room (NULL: all), of several rooms
-- (room_ids is not NULL), or in one session, if it is of those rooms; one row
-- with a NULL id for a session without peers.
-- Source: GET /sessions, GET /sessions/{session_id}
CREATE FUNCTION hms_internal.stays(
	room_id text,
	room_ids text[],
	session_id text,
	after timestamptz,
	before timestamptz)
RETURNS SETOF @extschema@.hms_stay
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 5000
BEGIN ATOMIC
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_stay, 'stays', room_id, after, before) AS s
	WHERE room_ids IS NULL AND stays.session_id IS NULL
	UNION ALL
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_stay, 'stays', room_ids, after, before) AS s
	WHERE room_ids IS NOT NULL AND stays.session_id IS NULL
	UNION ALL
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_stay, 'session_stays', session_id) AS s
	WHERE stays.session_id IS NOT NULL
		AND CASE WHEN room_ids IS NULL THEN stays.room_id IS NULL OR s.room_id = stays.room_id
			ELSE s.room_id = ANY (room_ids)
		END
		AND (after IS NULL OR s.session_created_at >= after)
		AND (before IS NULL OR s.session_created_at <= before);
END;
COMMENT ON FUNCTION hms_internal.stays(text, text[], text, timestamptz, timestamptz) IS
'Internal: the stays of peers in sessions';

-- The track events of a room, of several rooms (room_ids is not NULL), or of
-- one session of them.
-- Source: GET /analytics/events
CREATE FUNCTION hms_internal.track_events(room_id text, room_ids text[], session_id text)
RETURNS SETOF @extschema@.hms_track_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT e.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_track_event, 'session_tracks',
		room_id, session_id, NULL::text[]) AS e
	WHERE room_ids IS NULL
	UNION ALL
	SELECT e.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_track_event, 'session_tracks',
		room_ids, session_id, NULL::text[]) AS e
	WHERE room_ids IS NOT NULL;
END;
COMMENT ON FUNCTION hms_internal.track_events(text, text[], text) IS
'Internal: the track events that talk time is computed from';

-- The text of a report.  timed_stays is made of stays, the others of timed_stays
-- and track_events.
--
-- bots: one row, the roles in hms.bot_roles; what it is by default where nobody
-- loaded the library, as in a mirror without the extension.
--
-- timed_stays: a row a stay with its begin, end and user, and the times of its
-- session; a session without peers has one row whose peer_id is NULL.  stops_at
-- is when the session ended, or now while it is active, never before started_at.
-- begins_at and ends_at are NULL together, or begins_at <= ends_at.  In a mirror
-- the user is what its hash index on session_peers is made of.
--
-- attendance: present is the union of a user's stays, duration their sum.
--
-- session_usage: the peak comes from a sweep over joins (move 1) and leaves (-1).
-- At one instant leaves come first, so that a leave and a join do not overlap.
--
-- talk_time: a track's events in order set its state, and only a change of state
-- begins or ends a span.  A track lives until its remove event (removed_at: the
-- end of the life before); what follows that counts again from the next add event
-- on.  The events of a life that count all come before those that do not (what
-- follows its peer's leave, and the removal), so the state before an event that
-- counts is simply that of the event before it.  A peer that its session does not
-- list is the user that its events name.
--
-- concurrency: a sweep over joins, leaves and steps in order of time.  A user with
-- overlapping stays is inside from the first begin to the last end of each island
-- of them.  Only of the function of this name, whose argument is the step.
CREATE FUNCTION hms_internal.report_text(report text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $function$
	SELECT CASE report
	WHEN 'bots' THEN $report$
		SELECT array_remove(regexp_split_to_array(btrim(coalesce(current_setting('hms.bot_roles', true),
			'__internal_recorder'), E' \t\n\r'), '\s*,\s*'), '') AS roles
		$report$

	WHEN 'timed_stays' THEN $report$
		SELECT s.session_id, s.room_id, s.session_active AS active, s.session_created_at AS started_at,
			CASE WHEN s.session_active IS NOT TRUE THEN s.session_updated_at END AS ended_at,
			greatest(s.session_created_at, s.stop_at) AS stops_at,
			s.id AS peer_id,
			coalesce(nullif(s.user_id, ''), nullif(s.name, ''), s.id) AS user_id,
			CASE WHEN s.user_id <> '' THEN 'user_id' WHEN s.name <> '' THEN 'name' ELSE 'peer_id' END AS known_by,
			s.name, s.role,
			s.id IS NOT NULL AND (s.role = ANY ((SELECT b.roles FROM bots AS b)::text[])) IS NOT TRUE AS is_person,
			s.joined_at, s.left_at, s.session_active IS TRUE AND s.left_at IS NULL AS inside,
			coalesce(s.joined_at, s.left_at, s.stop_at) AS begins_at,
			greatest(s.joined_at, coalesce(s.left_at, s.stop_at)) AS ends_at
		FROM (SELECT s.*,
				CASE WHEN s.session_active THEN greatest(statement_timestamp(), now())
					ELSE s.session_updated_at END AS stop_at
			FROM stays AS s) AS s
		$report$

	WHEN 'attendance' THEN $report$
		SELECT u.session_id, u.room_id, u.user_id, u.known_by, u.name,
			coalesce(u.roles, '{}') AS roles, u.joins, u.first_joined_at,
			CASE WHEN NOT u.inside THEN u.last_left_at END AS last_left_at,
			u.duration, u.present,
			round(extract(epoch FROM u.duration) / 60, 2) AS minutes,
			round(extract(epoch FROM u.present) / 60, 2) AS present_minutes,
			round(extract(epoch FROM least(u.present, u.length))
				/ nullif(extract(epoch FROM u.length), 0), 3) AS share,
			u.inside
		FROM (SELECT s.session_id, s.room_id, s.user_id, s.known_by, s.started_at, s.active,
				s.stops_at - s.started_at AS length,
				(array_agg(s.name ORDER BY s.joined_at DESC NULLS LAST,
					s.ends_at DESC NULLS LAST, s.peer_id COLLATE "C" DESC))[1] AS name,
				array_agg(DISTINCT s.role COLLATE "C" ORDER BY s.role COLLATE "C")
					FILTER (WHERE s.role <> '') AS roles,
				count(*)::integer AS joins,
				min(s.joined_at) AS first_joined_at,
				max(s.ends_at) AS last_left_at,
				coalesce(sum(s.ends_at - s.begins_at), '0') AS duration,
				(SELECT coalesce(sum(upper(r) - lower(r)), '0')
					FROM unnest(range_agg(tstzrange(s.begins_at, s.ends_at))
						FILTER (WHERE s.begins_at < s.ends_at)) AS r) AS present,
				bool_or(s.inside) AS inside
			FROM timed_stays AS s
			WHERE s.is_person
			GROUP BY s.room_id, s.session_id, s.user_id, s.known_by,
				s.started_at, s.active, s.stops_at) AS u
		$report$

	WHEN 'session_usage' THEN $report$
		SELECT u.session_id, u.room_id, u.started_at, u.ended_at, u.active, u.duration,
			u.peers, u.users, u.peers AS joins, u.participant_time,
			round(extract(epoch FROM u.participant_time) / 60, 2) AS participant_minutes,
			coalesce(u.peak_peers, 0) AS peak_peers, u.peak_at
		FROM (SELECT m.session_id, m.room_id, m.started_at, m.ended_at, m.active,
				coalesce(m.stops_at - m.started_at, '0') AS duration,
				(count(*) FILTER (WHERE m.move = 1 AND m.is_person))::integer AS peers,
				(count(DISTINCT (m.known_by || ' ' || m.user_id) COLLATE "C")
					FILTER (WHERE m.is_person))::integer AS users,
				coalesce(sum(m.ends_at - m.begins_at)
					FILTER (WHERE m.move = 1 AND m.is_person), '0') AS participant_time,
				max(m.peers)::integer AS peak_peers,
				(array_agg(m.at ORDER BY m.peers DESC, m.at)
					FILTER (WHERE m.peers > 0))[1] AS peak_at
			FROM (SELECT m.*, sum(m.move) FILTER (WHERE m.has_length) OVER (
						PARTITION BY m.room_id, m.session_id, m.started_at, m.ended_at,
							m.active, m.stops_at
						ORDER BY m.at, m.move) AS peers
				FROM (SELECT s.*, v.move,
						CASE v.move WHEN 1 THEN s.begins_at ELSE s.ends_at END AS at,
						s.is_person AND s.begins_at < s.ends_at AS has_length
					FROM timed_stays AS s CROSS JOIN (VALUES (1), (-1)) AS v (move)) AS m) AS m
			GROUP BY m.room_id, m.session_id, m.started_at, m.ended_at, m.active, m.stops_at) AS u
		$report$

	WHEN 'talk_time' THEN $report$
		SELECT s.session_id, s.room_id, s.user_id, s.known_by, s.track_type, s.source,
			coalesce(sum(s.length) FILTER (WHERE s.changed AND s.is_on), '0') AS on_time,
			(count(*) FILTER (WHERE s.changed))::integer AS switches,
			coalesce(max(s.length) FILTER (WHERE s.changed AND s.is_on), '0') AS longest
		-- the first event stays, changed or not, for the tracks that never were on
		FROM (SELECT c.*, lead(c.at, 1, c.ends_at) OVER (
					PARTITION BY c.room_id, c.session_id, c.peer_id, c.track_id, c.removed_at
					ORDER BY c.at, c.step, c.is_on DESC) - c.at AS length
			FROM (SELECT l.*, l.step < 3 AND l.at <= l.ends_at AND l.is_on <> l.was_on AS changed
				FROM (SELECT t.*,
						coalesce(max(t.at) FILTER (WHERE t.step = 3) OVER life, t.leaves_at) AS ends_at,
						lag(t.is_on, 1, false) OVER course AS was_on,
						row_number() OVER course AS nth
					FROM (SELECT e.*,
							max(e.event_track_type) OVER track AS track_type,
							max(e.event_source) OVER track AS source,
							max(e.at) FILTER (WHERE e.step = 1) OVER course AS added_at,
							max(e.at) FILTER (WHERE e.step = 3)
								OVER (course ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS removed_at
						-- stays and events side by side, so that a peer's events learn from its stay
						FROM (SELECT r.session_id, r.room_id, r.peer_id, r.track_id, r.at, r.step, r.is_on,
								r.event_track_type, r.event_source,
								max(r.started_at) OVER session AS started_at,
								coalesce(max(r.user_id) OVER peer, max(r.event_user_id) OVER peer,
									max(r.event_user_name) OVER peer, r.peer_id) AS user_id,
								coalesce(max(r.known_by) OVER peer,
									CASE WHEN max(r.event_user_id) OVER peer IS NOT NULL THEN 'user_id'
										WHEN max(r.event_user_name) OVER peer IS NOT NULL THEN 'name'
										ELSE 'peer_id' END) AS known_by,
								coalesce(max(r.left_at) OVER peer, max(r.stops_at) OVER session) AS leaves_at,
								bool_or(r.step IS NULL) OVER session AS is_listed,
								bool_and(r.is_person) OVER peer AS is_person
							FROM (SELECT s.session_id, s.room_id, s.started_at, s.stops_at,
									s.peer_id, s.user_id, s.known_by, s.is_person, s.left_at,
									NULL AS event_user_id, NULL AS event_user_name, NULL AS track_id,
									NULL AS event_track_type, NULL AS event_source,
									NULL AS at, NULL AS step, NULL AS is_on
								FROM timed_stays AS s
								UNION ALL
								SELECT e.session_id, e.room_id, NULL, NULL,
									e.peer_id, NULL, NULL,
									(e.role = ANY ((SELECT b.roles FROM bots AS b)::text[])) IS NOT TRUE, NULL,
									nullif(e.user_id, ''), nullif(e.user_name, ''),
									e.track_id, e.track_type, e.source, e."timestamp",
									CASE e.type WHEN 'track.add.success' THEN 1
										WHEN 'track.update.success' THEN 2 ELSE 3 END,
									e.mute IS NOT TRUE
								FROM track_events AS e
								WHERE e.peer_id IS NOT NULL) AS r
							WINDOW session AS (PARTITION BY r.room_id, r.session_id),
								peer AS (PARTITION BY r.room_id, r.session_id, r.peer_id)) AS e
						WHERE e.step IS NOT NULL AND e.is_listed AND e.is_person
						WINDOW track AS (PARTITION BY e.room_id, e.session_id, e.peer_id, e.track_id),
							course AS (track ORDER BY e.at, e.step, e.is_on DESC)) AS t
					WHERE t.removed_at IS NULL OR t.added_at > t.removed_at
					WINDOW life AS (PARTITION BY t.room_id, t.session_id, t.peer_id, t.track_id, t.removed_at),
						course AS (life ORDER BY t.at, t.step, t.is_on DESC)) AS l) AS c
			WHERE c.changed OR c.nth = 1) AS s
		GROUP BY s.room_id, s.session_id, s.user_id, s.known_by, s.track_type, s.source, s.started_at
		$report$

	WHEN 'concurrency' THEN $report$
		SELECT w.session_id, w.at, w.peers::integer AS peers, w.users::integer AS users
		-- all that happens at one instant counts at that instant
		FROM (SELECT m.started_at, m.session_id, m.at, m.is_step,
				sum(m.peers) OVER course AS peers, sum(m.users) OVER course AS users
			FROM (
				WITH once AS MATERIALIZED (
					SELECT s.*, s.is_person AND s.begins_at < s.ends_at AS has_length FROM timed_stays AS s)
				SELECT s.started_at, s.session_id, v.at, v.peers, 0 AS users, false AS is_step
				FROM once AS s
					CROSS JOIN LATERAL (VALUES (s.begins_at, 1), (s.ends_at, -1)) AS v (at, peers)
				WHERE s.has_length
				UNION ALL
				SELECT i.started_at, i.session_id, v.at, 0, v.users, false
				FROM (SELECT s.started_at, s.session_id,
						unnest(range_agg(tstzrange(s.begins_at, s.ends_at))) AS island
					FROM once AS s
					WHERE s.has_length
					GROUP BY s.started_at, s.session_id, s.user_id, s.known_by) AS i
					CROSS JOIN LATERAL (VALUES (lower(i.island), 1), (upper(i.island), -1)) AS v (at, users)
				UNION ALL
				SELECT s.started_at, s.session_id, v.at, 0, 0, true
				FROM (SELECT DISTINCT s.started_at, s.session_id, s.stops_at FROM once AS s) AS s
					CROSS JOIN LATERAL generate_series(s.started_at, s.stops_at, concurrency.step) AS v (at)
				) AS m
			WINDOW course AS (PARTITION BY m.started_at, m.session_id ORDER BY m.at)) AS w
		WHERE w.is_step
		$report$
	END
$function$;
COMMENT ON FUNCTION hms_internal.report_text(text) IS
'Internal: the text of a report over timed_stays and track_events';

-- A report, or timed_stays, over what the two queries return: rows like those of
-- type hms_stay, and for talk_time like those of hms_track_event (else NULL).
-- ordering: of its rows, in terms of the text's own FROM; NULL: none.
CREATE FUNCTION hms_internal.report_query(
	report text, stays text, track_events text DEFAULT NULL, ordering text DEFAULT NULL)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT 'WITH bots AS NOT MATERIALIZED (' || hms_internal.report_text('bots') || '),'
		|| ' stays AS NOT MATERIALIZED (' || stays || '),'
		|| ' timed_stays AS NOT MATERIALIZED (' || hms_internal.report_text('timed_stays') || ')'
		|| coalesce(', track_events AS NOT MATERIALIZED (' || track_events || ')', '')
		|| ' SELECT report.* FROM (' || CASE report WHEN 'timed_stays' THEN 'SELECT * FROM timed_stays'
			ELSE hms_internal.report_text(report) END
		|| coalesce(' ORDER BY ' || ordering, '') || ') AS report';
END;
COMMENT ON FUNCTION hms_internal.report_query(text, text, text, text) IS
'Internal: a report over given stays and track events';

-- The reports over the API, for one room or several.  They are inlined into the
-- public functions and these into the query.
DO $do$
DECLARE
	stays CONSTANT text := 'SELECT * FROM hms_internal.stays(room_id, room_ids, session_id, after, before)';
	all_stays CONSTANT text := 'SELECT * FROM hms_internal.stays(room_id, room_ids, session_id, NULL, NULL)';
	track_events CONSTANT text := 'SELECT * FROM hms_internal.track_events(room_id, room_ids, session_id)';
BEGIN
	EXECUTE $create$
		CREATE FUNCTION hms_internal.bot_roles() RETURNS text[]
		LANGUAGE sql STABLE PARALLEL SAFE
		BEGIN ATOMIC $create$ || hms_internal.report_text('bots') || $create$; END $create$;

	EXECUTE $create$
		CREATE FUNCTION hms_internal.attendance(
			room_id text, room_ids text[], session_id text, after timestamptz, before timestamptz)
		RETURNS TABLE (
			session_id text, room_id text, user_id text, known_by text, name text, roles text[], joins integer,
			first_joined_at timestamptz, last_left_at timestamptz, duration interval, present interval,
			minutes numeric, present_minutes numeric, share numeric, inside boolean)
		LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 200
		BEGIN ATOMIC $create$ || hms_internal.report_query('attendance', stays,
			ordering => 'u.started_at, u.session_id, u.first_joined_at, u.user_id, u.known_by') || $create$; END $create$;

	EXECUTE $create$
		CREATE FUNCTION hms_internal.session_usage(
			room_id text, room_ids text[], session_id text, after timestamptz, before timestamptz)
		RETURNS TABLE (
			session_id text, room_id text, started_at timestamptz, ended_at timestamptz,
			active boolean, duration interval, peers integer, users integer, joins integer,
			participant_time interval, participant_minutes numeric,
			peak_peers integer, peak_at timestamptz)
		LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
		BEGIN ATOMIC $create$ || hms_internal.report_query('session_usage', stays,
			ordering => 'u.started_at, u.session_id') || $create$; END $create$;

	EXECUTE $create$
		CREATE FUNCTION hms_internal.talk_time(room_id text, room_ids text[], session_id text)
		RETURNS TABLE (
			session_id text, room_id text, user_id text, known_by text, track_type text, source text,
			on_time interval, switches integer, longest interval)
		LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 200
		BEGIN ATOMIC $create$ || hms_internal.report_query('talk_time', all_stays, track_events,
			's.started_at, s.session_id, s.user_id, s.known_by, s.track_type, s.source') || $create$; END $create$;

	EXECUTE $create$
		CREATE FUNCTION hms_internal.concurrency(
			room_id text, room_ids text[], session_id text, step interval)
		RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
		LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
		BEGIN ATOMIC $create$ || hms_internal.report_query('concurrency', all_stays,
			ordering => 'w.started_at, w.session_id, w.at') || $create$; END $create$;
END;
$do$;

COMMENT ON FUNCTION hms_internal.bot_roles() IS
'Internal: the roles in hms.bot_roles';
COMMENT ON FUNCTION hms_internal.attendance(text, text[], text, timestamptz, timestamptz) IS
'Internal: hms_attendance for one room or several';
COMMENT ON FUNCTION hms_internal.session_usage(text, text[], text, timestamptz, timestamptz) IS
'Internal: hms_session_usage for one room or several';
COMMENT ON FUNCTION hms_internal.talk_time(text, text[], text) IS
'Internal: hms_talk_time for one room or several';
COMMENT ON FUNCTION hms_internal.concurrency(text, text[], text, interval) IS
'Internal: hms_concurrency for one room or several';

-- The step itself; raises 22023 unless it is longer than zero.
--
-- Called for an argument, and so before anything is sent.  It leaves the refusal
-- to generate_series.
CREATE FUNCTION hms_internal.step(step interval) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10
BEGIN ATOMIC
	SELECT step.step
	FROM generate_series(timestamp 'epoch', timestamp 'epoch',
		CASE WHEN step.step > interval '0' THEN step.step ELSE interval '0' END);
END;
COMMENT ON FUNCTION hms_internal.step(interval) IS
'Internal: the step of hms_concurrency, refused unless longer than zero';

-- hms_attendance(room_id, session_id, after, before)
-- hms_attendance(room_ids, session_id, after, before)
--		Who was in which session of the room, and for how long.
--
-- Arguments: the room (left out: every room of the account), or several; one
-- session only; sessions created at or after, at or before.  A row per session
-- and user, of persons only (hms.bot_roles).  known_by says what user_id is:
-- the user's id, where there is none the name, else the peer's id.  joins counts
-- stays.  present is how long the user was there, present_minutes the same in
-- minutes; share is present divided by the session's length, at most 1.  duration
-- and minutes are device minutes, what is billed: two devices at once count twice.
-- name is that of the stay that joined last; roles are distinct and sorted by code
-- point.  last_left_at is NULL while inside.
-- In order of session start, then first join.
--
-- Errors: those of hms_sessions.  Source: GET /sessions, or GET /sessions/{id}.
CREATE FUNCTION @extschema@.hms_attendance(room_id text DEFAULT NULL, session_id text DEFAULT NULL,
	after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, user_id text, known_by text, name text, roles text[], joins integer,
	first_joined_at timestamptz, last_left_at timestamptz, duration interval, present interval,
	minutes numeric, present_minutes numeric, share numeric, inside boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 200
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.attendance(hms_attendance.room_id, NULL,
		hms_attendance.session_id, hms_attendance.after, hms_attendance.before) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_attendance(text, text, timestamptz, timestamptz) IS
'Who was in which session of a room and for how long, a row per session and user: present_minutes is how long the user was there, share the part of the session that this is; minutes are device minutes, two devices at once count twice. known_by: user_id, name or peer_id, whichever user_id is. Roles in hms.bot_roles are no persons. Without room_id every room (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_attendance(text, text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.hms_attendance(room_ids text[], session_id text DEFAULT NULL,
	after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, user_id text, known_by text, name text, roles text[], joins integer,
	first_joined_at timestamptz, last_left_at timestamptz, duration interval, present interval,
	minutes numeric, present_minutes numeric, share numeric, inside boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 200
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.attendance(NULL, coalesce(hms_attendance.room_ids, '{}'),
		hms_attendance.session_id, hms_attendance.after, hms_attendance.before) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_attendance(text[], text, timestamptz, timestamptz) IS
'Who was in which session of several rooms and for how long (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_attendance(text[], text, timestamptz, timestamptz) FROM PUBLIC;

-- hms_session_usage(room_id, after, before)
-- hms_session_usage(room_ids, after, before)
--		How long each session of the room was, and how many were in it.
--
-- Arguments: the room (left out: every room of the account), or several; sessions
-- created at or after, at or before.  A row per session, those without peers too;
-- persons only (hms.bot_roles).  duration is the session's own length (until now
-- while active), participant_time the sum of all stays, participant_minutes the
-- same in minutes.  peak_peers is the most stays open at once, peak_at the first
-- instant of that, NULL when nobody was in for any time.  ended_at is NULL while
-- active.  In order of session start.
--
-- Errors: those of hms_sessions.  Source: GET /sessions.
CREATE FUNCTION @extschema@.hms_session_usage(room_id text DEFAULT NULL, after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, started_at timestamptz, ended_at timestamptz,
	active boolean, duration interval, peers integer, users integer, joins integer,
	participant_time interval, participant_minutes numeric,
	peak_peers integer, peak_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.session_usage(hms_session_usage.room_id, NULL,
		NULL, hms_session_usage.after, hms_session_usage.before) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_session_usage(text, timestamptz, timestamptz) IS
'How long each session of a room was and how many were in it, a row per session: duration is its own length, participant_time the sum of all stays, peak_peers the most stays open at once, peak_at the first instant of that. Roles in hms.bot_roles are no persons. Without room_id every room (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_session_usage(text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.hms_session_usage(room_ids text[], after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, started_at timestamptz, ended_at timestamptz,
	active boolean, duration interval, peers integer, users integer, joins integer,
	participant_time interval, participant_minutes numeric,
	peak_peers integer, peak_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.session_usage(NULL, coalesce(hms_session_usage.room_ids, '{}'),
		NULL, hms_session_usage.after, hms_session_usage.before) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_session_usage(text[], timestamptz, timestamptz) IS
'How long each session of several rooms was and how many were in it (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_session_usage(text[], timestamptz, timestamptz) FROM PUBLIC;

-- hms_talk_time(room_id, session_id)
-- hms_talk_time(room_ids, session_id)
--		For how long each user's microphone, camera and screen were on.
--
-- Arguments: the room, or several; one session only.  A row per session, user,
-- track_type (audio, video) and source (regular, screen), also for tracks that
-- never were on; persons only (hms.bot_roles).  A track is on while it is added
-- and not muted (an event that does not tell mute is not muted); it ends at its
-- remove event, else when its peer leaves, else at the session's end, else now;
-- what comes after that is ignored, but a later add event begins it anew.
-- on_time sums the user's tracks (two at once count twice), switches counts changes
-- of state by add and update events, longest is one span of one track.  A peer that
-- the session does not list is the user its events name.  Events of sessions that
-- the API does not list are left out.  The API keeps events for 30 days: older
-- sessions have no rows, of which a NOTICE tells.
--
-- Errors: those of hms_sessions and hms_track_events.  Source: GET /sessions,
-- GET /analytics/events.
CREATE FUNCTION @extschema@.hms_talk_time(room_id text, session_id text DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, user_id text, known_by text, track_type text, source text,
	on_time interval, switches integer, longest interval)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 200
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.talk_time(hms_talk_time.room_id, NULL,
		hms_talk_time.session_id) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_talk_time(text, text) IS
'For how long each user''s microphone, camera and screen were on in a room, a row per session, user, track type and source: on_time sums the user''s tracks, switches counts changes of state by add and update events, longest is one span of one track. Roles in hms.bot_roles are no persons. Events reach 30 days back (GET /sessions, GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_talk_time(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.hms_talk_time(room_ids text[], session_id text DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, user_id text, known_by text, track_type text, source text,
	on_time interval, switches integer, longest interval)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 200
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.talk_time(NULL, coalesce(hms_talk_time.room_ids, '{}'),
		hms_talk_time.session_id) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_talk_time(text[], text) IS
'For how long each user''s microphone, camera and screen were on in several rooms (GET /sessions, GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_talk_time(text[], text) FROM PUBLIC;

-- hms_concurrency(room_id, session_id, step)
-- hms_concurrency(room_ids, session_id, step)
--		How many peers and users were inside at each step of each session.
--
-- Arguments: the room (left out: every room of the account), or several; one
-- session only; the step.  A row at each session's start and each step after it
-- until its end (now while active), a step at the end included; persons only
-- (hms.bot_roles).  Who leaves at the instant of a step is gone, who joins is
-- there.  In order of session start and time.
--
-- Errors: 22023 unless the step is longer than zero; those of hms_sessions.
-- Source: GET /sessions, or GET /sessions/{id}.
CREATE FUNCTION @extschema@.hms_concurrency(room_id text DEFAULT NULL, session_id text DEFAULT NULL,
	step interval DEFAULT '1 minute')
RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.concurrency(hms_concurrency.room_id, NULL,
		hms_concurrency.session_id, hms_internal.step(hms_concurrency.step)) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_concurrency(text, text, interval) IS
'How many peers and users were inside at the start of each session of a room and at each step until its end; who leaves at the instant of a step is gone, who joins is there. Roles in hms.bot_roles are no persons. Without room_id every room (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_concurrency(text, text, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.hms_concurrency(room_ids text[], session_id text DEFAULT NULL,
	step interval DEFAULT '1 minute')
RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.concurrency(NULL, coalesce(hms_concurrency.room_ids, '{}'),
		hms_concurrency.session_id, hms_internal.step(hms_concurrency.step)) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_concurrency(text[], text, interval) IS
'How many peers and users were inside at each step of each session of several rooms (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_concurrency(text[], text, interval) FROM PUBLIC;

-- hms_quality(session_id)
--		How well the connections of a session's peers did, by direction.
--
-- Two rows a peer, publish and subscribe; persons only (hms.bot_roles).  samples
-- counts the measures (one a track, layer and instant); percentiles are over all of
-- that peer and direction, audio and video together, NULL where there are none of
-- the kind: loss in percent, round trip and jitter in ms, bitrate in bits a second.
-- freezes is their sum.  The API has statistics when the session is over; before
-- that, and of who is not known, samples is 0.  In order of joining.
-- One request for the session and one a peer.
--
-- Errors: those of hms_session and hms_peer_quality_stats.
-- Source: GET /sessions/{session_id}, GET /analytics/peer-stats
CREATE FUNCTION @extschema@.hms_quality(session_id text)
RETURNS TABLE (
	room_id text, session_id text, peer_id text, user_id text, name text, direction text,
	samples integer, loss_p50 double precision, loss_p95 double precision,
	rtt_p50 double precision, rtt_p95 double precision,
	jitter_p50 double precision, jitter_p95 double precision,
	bitrate_p50 double precision, bitrate_p95 double precision, freezes bigint)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	-- once: a peer's statistics are asked for once, not once a direction
	WITH measures AS MATERIALIZED (
		SELECT p.room_id, p.session_id, p.id, p.user_id, p.name, p.joined_at, q.side,
			q.packet_loss_percent, q.rtt_ms, q.jitter_ms, q.bitrate, q.freeze_count
		FROM hms_internal._hms_rows(NULL::@extschema@.hms_stay, 'session_stays', hms_quality.session_id) AS p
			LEFT JOIN LATERAL hms_internal.peer_quality_stats(p.session_id, p.id) AS q ON true
		WHERE p.id IS NOT NULL AND (p.role = ANY (hms_internal.bot_roles())) IS NOT TRUE
	), directed AS (
		SELECT m.room_id, m.session_id, m.id, m.user_id, m.name, m.joined_at, d.direction,
			m.side = d.side AS is_one,
			CASE WHEN m.side = d.side THEN m.packet_loss_percent END AS loss,
			CASE WHEN m.side = d.side THEN m.rtt_ms END AS rtt,
			CASE WHEN m.side = d.side THEN m.jitter_ms END AS jitter,
			CASE WHEN m.side = d.side THEN m.bitrate END AS bitrate,
			CASE WHEN m.side = d.side THEN m.freeze_count END AS freezes
		FROM measures AS m
			CROSS JOIN (VALUES ('publisher', 'publish'), ('subscriber', 'subscribe')) AS d (side, direction)
	)
	SELECT d.room_id, d.session_id, d.id, d.user_id, d.name, d.direction,
		(count(*) FILTER (WHERE d.is_one))::integer,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY d.loss), percentile_cont(0.95) WITHIN GROUP (ORDER BY d.loss),
		percentile_cont(0.5) WITHIN GROUP (ORDER BY d.rtt), percentile_cont(0.95) WITHIN GROUP (ORDER BY d.rtt),
		percentile_cont(0.5) WITHIN GROUP (ORDER BY d.jitter), percentile_cont(0.95) WITHIN GROUP (ORDER BY d.jitter),
		percentile_cont(0.5) WITHIN GROUP (ORDER BY d.bitrate), percentile_cont(0.95) WITHIN GROUP (ORDER BY d.bitrate),
		round(sum(d.freezes))::bigint
	FROM directed AS d
	GROUP BY d.room_id, d.session_id, d.id, d.user_id, d.name, d.joined_at, d.direction
	ORDER BY d.joined_at, d.id, d.direction;
END;
COMMENT ON FUNCTION @extschema@.hms_quality(text) IS
'How well the connections of the peers of a session did, a row a peer and direction: median and 95th percentile of loss, round trip, jitter and bitrate, and freezes; a request a peer, when the session is over (GET /sessions/{session_id}, GET /analytics/peer-stats)';
REVOKE ALL ON FUNCTION @extschema@.hms_quality(text) FROM PUBLIC;

-- A row an error code, client and system; see hms_error_summary.  room_ids: NULL
-- for the one room.
CREATE FUNCTION hms_internal.error_summary(
	room_id text, room_ids text[], after timestamptz, before timestamptz)
RETURNS TABLE (
	type text, error_code integer, error_name text, client text, system text,
	errors integer, users integer, first_at timestamptz, last_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 20
BEGIN ATOMIC
	WITH events AS NOT MATERIALIZED (
		SELECT e.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_error_event, 'hms_error_events',
			room_id, hms_internal.not_given(), hms_internal.not_given(), hms_internal.not_given(), NULL::text[]) AS e
		WHERE room_ids IS NULL
		UNION ALL
		SELECT e.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_error_event, 'hms_error_events',
			room_ids, hms_internal.not_given(), hms_internal.not_given(), hms_internal.not_given(), NULL::text[]) AS e
		WHERE room_ids IS NOT NULL
	)
	SELECT e.type, e.error_code, e.error_name,
		nullif(concat_ws(' ', nullif(e.agent ->> 'sdk', ''), nullif(e.agent ->> 'sdk_version', '')), ''),
		nullif(concat_ws(' ', nullif(e.agent ->> 'os', ''), nullif(e.agent ->> 'os_version', '')), ''),
		count(*)::integer,
		(count(DISTINCT CASE WHEN e.user_id <> '' THEN 'user_id ' || e.user_id
			WHEN e.user_name <> '' THEN 'name ' || e.user_name
			ELSE 'peer_id ' || e.peer_id END COLLATE "C"))::integer,
		min(e."timestamp"), max(e."timestamp")
	FROM events AS e
	WHERE (e.role = ANY (hms_internal.bot_roles())) IS NOT TRUE
		AND (after IS NULL OR e."timestamp" >= after) AND (before IS NULL OR e."timestamp" <= before)
	GROUP BY 1, 2, 3, 4, 5
	ORDER BY 6 DESC, 9 DESC, 1, 2, 4, 5;
END;
COMMENT ON FUNCTION hms_internal.error_summary(text, text[], timestamptz, timestamptz) IS
'Internal: hms_error_summary for one room or several';

-- hms_error_summary(room_id, after, before)
-- hms_error_summary(room_ids, after, before)
--		What went wrong at clients, a row an error code, client and system.
--
-- Arguments: the room, or several; events at or after, at or before, by their own
-- timestamp.  Persons only (hms.bot_roles).  client is the SDK with its version,
-- system the operating system with its own; errors counts events, users those they
-- befell.  The API keeps events for 30 days.  Most frequent first.
--
-- Errors: those of hms_error_events.  Source: GET /analytics/events.
CREATE FUNCTION @extschema@.hms_error_summary(room_id text,
	after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	type text, error_code integer, error_name text, client text, system text,
	errors integer, users integer, first_at timestamptz, last_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 20
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.error_summary(hms_error_summary.room_id, NULL,
		hms_error_summary.after, hms_error_summary.before) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_error_summary(text, timestamptz, timestamptz) IS
'What went wrong at the clients of a room within 30 days, a row an error code, client and system: how often, to how many users, first and last (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_error_summary(text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.hms_error_summary(room_ids text[],
	after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	type text, error_code integer, error_name text, client text, system text,
	errors integer, users integer, first_at timestamptz, last_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 20
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.error_summary(NULL, coalesce(hms_error_summary.room_ids, '{}'),
		hms_error_summary.after, hms_error_summary.before) AS r;
END;
COMMENT ON FUNCTION @extschema@.hms_error_summary(text[], timestamptz, timestamptz) IS
'What went wrong at the clients of several rooms within 30 days (GET /analytics/events)';
REVOKE ALL ON FUNCTION @extschema@.hms_error_summary(text[], timestamptz, timestamptz) FROM PUBLIC;

-- Make the views attendance, session_usage and talk_time over a schema's stays and
-- track_events, or make them anew.  What their owner set stays: options, comments,
-- grants.  They show what the caller may see (security_invoker) from PostgreSQL 15
-- on, unless the owner says otherwise.
CREATE FUNCTION hms_internal.create_report_views(schema name)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	relation name;
	report record;
	set_options text[];
BEGIN
	IF to_regnamespace(quote_ident(schema)) IS NULL THEN
		RAISE EXCEPTION 'schema % does not exist', quote_ident(schema)
			USING ERRCODE = 'invalid_schema_name';
	END IF;
	FOREACH relation IN ARRAY '{stays,track_events}'::name[] LOOP
		IF to_regclass(format('%I.%I', schema, relation)) IS NULL THEN
			RAISE EXCEPTION 'schema % has no relation %', quote_ident(schema), relation
				USING ERRCODE = 'undefined_table',
				HINT = 'Make it with hms_create_mirror, or with IMPORT FOREIGN SCHEMA api.';
		END IF;
	END LOOP;

	FOR report IN SELECT * FROM (VALUES
			('attendance', 'Who was in which session and for how long, a row per session and user: hms_attendance over this schema.',
				'room_id, session_id or user_id'),
			('session_usage', 'How long each session was and how many were in it, a row per session: hms_session_usage over this schema.',
				'room_id, session_id, started_at or active'),
			('talk_time', 'For how long each user''s microphone, camera and screen were on, a row per session, user and kind of track: hms_talk_time over this schema.',
				'room_id or session_id')
		) AS r (name, comment, columns) LOOP
		set_options := coalesce((SELECT c.reloptions FROM pg_class AS c
			WHERE c.oid = to_regclass(format('%I.%I', schema, report.name))), '{}');
		IF current_setting('server_version_num')::integer >= 150000 AND NOT EXISTS (
				SELECT FROM pg_options_to_table(set_options) AS o WHERE o.option_name = 'security_invoker') THEN
			set_options := set_options || 'security_invoker=true'::text;
		END IF;
		EXECUTE format('CREATE OR REPLACE VIEW %I.%I %s AS %s', schema, report.name,
			'WITH (' || (SELECT string_agg(format('%I = %L', o.option_name, o.option_value), ', ')
				FROM pg_options_to_table(set_options) AS o) || ')',
			hms_internal.report_query(report.name, format('SELECT * FROM %I.stays', schema),
				CASE report.name WHEN 'talk_time' THEN format('SELECT * FROM %I.track_events', schema) END));
		IF obj_description(to_regclass(format('%I.%I', schema, report.name)), 'pg_class') IS NULL THEN
			EXECUTE format('COMMENT ON VIEW %I.%I IS %L', schema, report.name, report.comment
				|| ' A condition on ' || report.columns || ' reaches the relations underneath, a join does not: write room_id = ANY (ARRAY(SELECT ...)).');
		END IF;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION hms_internal.create_report_views(name) IS
'Internal: makes the views of the reports over a schema''s stays and track events';

-- hms_create_reports(schema)
--		Make the views attendance, session_usage and talk_time in a schema of yours.
--
-- They have the columns of the functions, and are made over the schema's own stays
-- and track_events, whatever those are: foreign tables (IMPORT FOREIGN SCHEMA api), or what
-- hms_create_mirror made, which makes these views too.  Made again they keep what
-- you set: options, comments, grants.
--
-- Errors: 22004 (no schema named), 3F000 (no such schema), 42P01 (it lacks stays
-- or track_events), 42703 (they lack a column), 42501.
CREATE FUNCTION @extschema@.hms_create_reports(schema name)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF schema IS NULL THEN
		RAISE EXCEPTION 'argument "schema" must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM hms_internal.create_report_views(schema);
END;
$$;
COMMENT ON FUNCTION @extschema@.hms_create_reports(name) IS
'Make the report views of a schema over its stays and track_events';
REVOKE ALL ON FUNCTION @extschema@.hms_create_reports(name) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- The mirror: the account's history in ordinary tables of the caller's schema
--
-- hms_create_mirror makes them, hms_sync brings them up to date, and
-- hms_receive_webhook keeps them current between two runs.  They belong to the
-- caller, not to the extension, and their views need nothing of it.
--
-- In the functions below "mirror" and "ext" are the quoted names of the mirror's
-- schema and of the extension's; all SQL that names either is built with them.
-- ---------------------------------------------------------------------------

-- The schema that the extension is in, quoted.
CREATE FUNCTION hms_internal._hms_schema() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT quote_ident(n.nspname)
	FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'hms';
END;
COMMENT ON FUNCTION hms_internal._hms_schema() IS
'Internal: the schema of the extension, quoted';

-- The rows that an endpoint makes of an object that is here already; endpoint
-- NULL: one row, a column for each member.
CREATE FUNCTION hms_internal._hms_rows_of("row" anyelement, endpoint text, value jsonb)
RETURNS SETOF anyelement
LANGUAGE C STABLE PARALLEL SAFE COST 100 ROWS 5
AS 'MODULE_PATHNAME', 'hms_rows_of';
COMMENT ON FUNCTION hms_internal._hms_rows_of(anyelement, text, jsonb) IS
'Internal: rows made of an object, as an endpoint makes them';

-- The tables that hold rows of the API, with the row type and the key of each.
CREATE FUNCTION hms_internal._hms_mirror_tables(
	OUT name text, OUT type text, OUT key text[], OUT comment text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT t.* FROM (VALUES
		('rooms', 'hms_room', ARRAY['id'],
			'Rooms of the 100ms account, as hms_rooms() returns them.'),
		('sessions', 'hms_session', ARRAY['room_id', 'id'],
			'Sessions (calls) of the rooms, as hms_sessions() returns them.'),
		('session_peers', 'hms_session_peer', ARRAY['room_id', 'session_id', 'id'],
			'Peers of the sessions, one row a stay, as hms_session_peers() returns them.'),
		('track_events', 'hms_track_event', ARRAY['room_id', 'session_id', 'id', 'timestamp'],
			'Track events of the sessions, as hms_track_events() returns them; 100ms keeps them for 30 days, this table for as long as you like. Partitioned by month (UTC).'),
		('recordings', 'hms_recording', ARRAY['room_id', 'id'],
			'Recordings, as hms_recordings() returns them.'),
		('recording_assets', 'hms_recording_asset', ARRAY['room_id', 'id'],
			'Files of recordings and streams, as hms_recording_assets() returns them.')
	) AS t;
END;
COMMENT ON FUNCTION hms_internal._hms_mirror_tables() IS
'Internal: the tables of a mirror that hold rows of the API';

-- Columns of a row type, quoted, in their order.
CREATE FUNCTION hms_internal._hms_columns(ext text, type text)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum)
	FROM pg_catalog.pg_attribute a
	WHERE a.attrelid = to_regclass(_hms_columns.ext || '.' || _hms_columns.type)
		AND a.attnum > 0 AND NOT a.attisdropped;
END;
COMMENT ON FUNCTION hms_internal._hms_columns(text, text) IS
'Internal: the columns of a row type, quoted';

-- What a column of a mirror's table holds.
CREATE FUNCTION hms_internal._hms_column_comment("table" text, "column" text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(max(c.comment) FILTER (WHERE c."table" IS NOT NULL), max(c.comment),
		'member "' || _hms_column_comment."column" || '" of the API''s object')
	FROM (VALUES
		(NULL, 'id', 'id of the object, given by 100ms'),
		(NULL, 'room_id', 'the room'),
		('webhook_events', 'room_id', 'the room; empty where the event names none'),
		('sync_state', 'room_id', 'the room; empty for all of them'),
		(NULL, 'session_id', 'the session'),
		('sync_state', 'session_id', 'the session, of events; else empty'),
		(NULL, 'peer_id', 'the peer: one stay of one client'),
		(NULL, 'user_id', 'your own id of the user, from the auth token'),
		(NULL, 'user_name', 'the name that the user joined with'),
		(NULL, 'customer_id', 'the 100ms account'),
		(NULL, 'account_id', 'the 100ms account'),
		(NULL, 'app_id', 'the 100ms app'),
		(NULL, 'template_id', 'the template that the room was made from'),
		(NULL, 'active', 'the session is on'),
		(NULL, 'peers', 'the peers by id as the last sync saw them; session_peers has them as rows'),
		(NULL, 'created_at', 'when it was made or began'),
		(NULL, 'updated_at', 'when it last changed'),
		('sessions', 'updated_at', 'when it ended, unless it is active'),
		(NULL, 'joined_at', 'when the peer joined'),
		(NULL, 'left_at', 'when the peer left; null while inside'),
		(NULL, 'timestamp', 'when it happened'),
		(NULL, 'type', 'what kind it is'),
		(NULL, 'mute', 'the track is muted'),
		(NULL, 'track_type', 'audio or video'),
		(NULL, 'source', 'regular or screen'),
		(NULL, 'duration', 'length in seconds'),
		('rooms', 'size', 'how many may be in the room'),
		(NULL, 'size', 'bytes of the file'),
		(NULL, 'data', 'the event''s own members'),
		(NULL, 'is_replay', 'it was sent again on demand'),
		(NULL, 'extra', 'members of the API''s object that have no column'),
		(NULL, 'synced_at', 'when the row was last written from the API; null while it tells what only a webhook has told'),
		('webhook_events', 'synced_at', 'when it arrived'),
		('sync_state', 'synced_at', 'when this was last brought up to date or tried'),
		('sync_state', 'what', 'run; or what was read (rooms, sessions, recordings, recording_assets); or events: of a session whose events are still to be read or may grow'),
		('sync_state', 'mark', 'all that began before is in the mirror; of events: when the session ended'),
		('sync_state', 'state', 'of a run: running, done or failed; running with nobody at it: broken off, and the next run goes on'),
		('sync_state', 'started_at', 'when the run began'),
		('sync_state', 'rooms_done', 'rooms that the run has done'),
		('sync_state', 'rooms_total', 'rooms that the run has to do'),
		('sync_state', 'row_count', 'rows that the run has written'),
		('sync_state', 'rate', 'rows a second'),
		('sync_state', 'time_left', 'until the rooms are done, at this pace'),
		('sync_state', 'detail', 'what is being read, or what went wrong')
	) AS c ("table", "column", comment)
	WHERE c."column" = _hms_column_comment."column"
		AND coalesce(c."table", _hms_column_comment."table") = _hms_column_comment."table";
END;
COMMENT ON FUNCTION hms_internal._hms_column_comment(text, text) IS
'Internal: what a column of a mirror holds';

-- INSERT of the rows of "source" (something to put after FROM) into a table of
-- the mirror, and UPDATE of those that are there and differ unless they are kept.
-- A key is never null: where the API gives none it is empty, and an event
-- without a time has that of its peer's join.
CREATE FUNCTION hms_internal._hms_upsert(mirror text, ext text, "table" text, source text, keep boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT format('INSERT INTO %1$s.%2$I AS t (%3$s, synced_at) SELECT %4$s, clock_timestamp() FROM %5$s AS g '
			'ON CONFLICT ' || CASE WHEN _hms_upsert.keep THEN 'DO NOTHING'
			ELSE '(%6$s) DO UPDATE SET %7$s, synced_at = excluded.synced_at '
				'WHERE t.synced_at IS NULL OR ROW(%8$s) IS DISTINCT FROM ROW(%9$s)' END,
		_hms_upsert.mirror, t.name,
		string_agg(c.name, ', ' ORDER BY c.place),
		string_agg(CASE WHEN c.name = '"timestamp"' THEN 'coalesce(g."timestamp", g.joined_at, ''epoch'')'
			WHEN c.is_key THEN 'coalesce(g.' || c.name || ', '''')'
			ELSE 'g.' || c.name END, ', ' ORDER BY c.place),
		_hms_upsert.source,
		string_agg(c.name, ', ') FILTER (WHERE c.is_key),
		string_agg(c.name || ' = excluded.' || c.name, ', ' ORDER BY c.place) FILTER (WHERE NOT c.is_key),
		string_agg('t.' || c.name, ', ' ORDER BY c.place),
		string_agg('excluded.' || c.name, ', ' ORDER BY c.place))
	FROM hms_internal._hms_mirror_tables() AS t
		CROSS JOIN LATERAL (
			SELECT c.name, c.place, c.name = ANY (ARRAY(SELECT quote_ident(k) FROM unnest(t.key) AS k))
			FROM unnest(hms_internal._hms_columns(_hms_upsert.ext, t.type)) WITH ORDINALITY AS c (name, place)
		) AS c (name, place, is_key)
	WHERE t.name = _hms_upsert."table"
	GROUP BY t.name;
END;
COMMENT ON FUNCTION hms_internal._hms_upsert(text, text, text, text, boolean) IS
'Internal: the INSERT that brings rows into a table of a mirror';

-- Make the tables and views; where they are there, add the columns that they
-- lack and make the views anew.
CREATE FUNCTION hms_internal._hms_create_mirror(mirror text, ext text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tables CONSTANT name[] := '{rooms,sessions,session_peers,track_events,recordings,recording_assets,webhook_events,sync_state}';
	there name[];
	made record;
BEGIN
	IF to_regnamespace(mirror) IS NULL THEN
		RAISE EXCEPTION 'schema % does not exist', coalesce(mirror, 'NULL')
			USING ERRCODE = 'invalid_schema_name';
	END IF;
	there := ARRAY(SELECT c.relname FROM pg_class c
		WHERE c.relnamespace = mirror::regnamespace
			AND c.relname = ANY (tables || '{attendance,session_usage,talk_time}'::name[]) ORDER BY c.relname);
	IF cardinality(there) > 0 AND to_regclass(mirror || '.sync_state') IS NULL THEN
		RAISE EXCEPTION 'schema % has other relations of a mirror''s names: %', mirror, array_to_string(there, ', ')
			USING ERRCODE = 'duplicate_table', HINT = 'Give the mirror a schema of its own.';
	END IF;

	FOR made IN EXECUTE format('SELECT * FROM hms_internal._hms_mirror_tables()', ext) LOOP
		IF made.name = ANY (there) THEN
			EXECUTE format('ALTER TABLE %s.%I %s', mirror, made.name,
				(SELECT string_agg(format('ADD COLUMN IF NOT EXISTS %I %s', a.attname,
						format_type(a.atttypid, a.atttypmod)), ', ')
					FROM pg_attribute a
					WHERE a.attrelid = to_regclass(ext || '.' || made.type) AND a.attnum > 0));
			CONTINUE;
		END IF;
		EXECUTE format('CREATE TABLE %s.%I (LIKE %s.%I, synced_at timestamptz, PRIMARY KEY (%s)) %s',
			mirror, made.name, ext, made.type,
			(SELECT string_agg(quote_ident(k), ', ') FROM unnest(made.key) AS k),
			CASE made.name WHEN 'track_events' THEN 'PARTITION BY RANGE ("timestamp")' ELSE '' END);
		EXECUTE format('COMMENT ON TABLE %s.%I IS %L', mirror, made.name, made.comment);
	END LOOP;

	IF NOT 'sync_state' = ANY (there) THEN
		EXECUTE format($ddl$
			CREATE INDEX ON %1$s.sessions (created_at);
			CREATE INDEX ON %1$s.sessions (room_id, created_at);
			CREATE INDEX ON %1$s.sessions (room_id) WHERE active OR synced_at IS NULL;
			CREATE INDEX ON %1$s.session_peers (user_id);
			CREATE TABLE %1$s.webhook_events (
				version text,
				id text,
				"timestamp" timestamptz,
				type text,
				account_id text,
				app_id text,
				room_id text,
				session_id text,
				peer_id text,
				user_id text,
				template_id text,
				is_replay boolean,
				data jsonb,
				extra jsonb,
				synced_at timestamptz NOT NULL DEFAULT now(),
				PRIMARY KEY (room_id, id));
			CREATE INDEX ON %1$s.webhook_events (room_id, session_id, peer_id);
			COMMENT ON TABLE %1$s.webhook_events IS
				'Webhooks that hms_receive_webhook took, each once.';
			CREATE TABLE %1$s.sync_state (
				room_id text NOT NULL DEFAULT '',
				what text NOT NULL,
				session_id text NOT NULL DEFAULT '',
				mark timestamptz,
				synced_at timestamptz,
				state text,
				started_at timestamptz,
				rooms_done integer,
				rooms_total integer,
				row_count bigint,
				rate numeric,
				time_left interval,
				detail text,
				PRIMARY KEY (room_id, what, session_id));
			COMMENT ON TABLE %1$s.sync_state IS
				'How far hms_sync is. The row "run" is the last run, or the one that goes on; the others say what is in the mirror already.';
			$ddl$, mirror);
	END IF;

	FOR made IN EXECUTE format($sql$
			SELECT c.relname, a.attname, hms_internal._hms_column_comment(c.relname, a.attname) AS comment
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE c.relnamespace = %L::regnamespace AND c.relname = ANY ($1)
				AND a.attnum > 0 AND NOT a.attisdropped
				AND col_description(c.oid, a.attnum) IS NULL$sql$, mirror) USING tables LOOP
		EXECUTE format('COMMENT ON COLUMN %s.%I.%I IS %L', mirror, made.relname, made.attname, made.comment);
	END LOOP;

	-- its peers beside their sessions, as the API gives them
	EXECUTE format('CREATE OR REPLACE VIEW %1$s.stays AS'
		' SELECT p.id, s.id AS session_id, s.room_id, p.user_id, p.name, p.role, p.joined_at, p.left_at,'
		' s.active AS session_active, s.created_at AS session_created_at, s.updated_at AS session_updated_at, p.extra'
		' FROM %1$s.sessions AS s LEFT JOIN %1$s.session_peers AS p ON p.room_id = s.room_id AND p.session_id = s.id', mirror);
	EXECUTE format('COMMENT ON VIEW %s.stays IS %L', mirror,
		'Peers beside the times of their sessions, a row each, and one without a peer for a session that has none: what the reports read.');
	PERFORM hms_internal.create_report_views(n.nspname) FROM pg_namespace AS n WHERE n.oid = mirror::regnamespace;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_create_mirror(text, text) IS
'Internal: makes the tables and views of a mirror';

-- hms_create_mirror(schema)
--		Make the tables and views of a mirror in a schema of yours.
--
-- Tables rooms, sessions, session_peers, track_events (partitioned by month),
-- recordings, recording_assets, webhook_events and sync_state; views attendance,
-- session_usage and talk_time with the columns of the functions.  All of them
-- are the caller's own: index, partition, publish and drop them as you like.
-- On a mirror that is there it adds columns that a newer version of the
-- extension has and makes the views anew; rows stay as they are.
--
-- Errors: 3F000 (no such schema), 42P07 (it has relations of these names that
-- are no mirror), 42501 (the caller may not create in it).
CREATE FUNCTION @extschema@.hms_create_mirror(schema name)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT hms_internal._hms_create_mirror(quote_ident(hms_create_mirror.schema), hms_internal._hms_schema());
END;
COMMENT ON FUNCTION @extschema@.hms_create_mirror(name) IS
'Make the tables and views of a mirror in a schema; CALL hms_sync fills them';
REVOKE ALL ON FUNCTION @extschema@.hms_create_mirror(name) FROM PUBLIC;

-- The quoted name of a schema that has this table or view of a mirror; raises 42P01.
CREATE FUNCTION hms_internal._hms_mirror(schema name, "table" text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	mirror CONSTANT text := quote_ident(schema);
BEGIN
	IF to_regclass(mirror || '.' || "table") IS NULL THEN
		RAISE EXCEPTION 'there is no mirror in schema %', coalesce(mirror, 'NULL')
			USING ERRCODE = 'undefined_table', HINT = 'Make it with hms_create_mirror.';
	END IF;
	RETURN mirror;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_mirror(name, text) IS
'Internal: the quoted name of a schema that has a mirror';

-- Make the partitions of track_events for the months of this time.  Where the
-- owner has partitioned otherwise, that stands.
CREATE FUNCTION hms_internal._hms_make_partitions(mirror text, after timestamptz, before timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	month timestamptz := date_trunc('month', after);
	partition text;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_class c
			WHERE c.oid = to_regclass(mirror || '.track_events') AND c.relkind = 'p') THEN
		RETURN;
	END IF;
	WHILE month <= before LOOP
		partition := mirror || '.' || quote_ident('track_events_' || to_char(month, 'YYYY_MM'));
		IF to_regclass(partition) IS NULL THEN
			BEGIN
				-- attached, not made in its place: readers go on meanwhile
				EXECUTE format('CREATE TABLE %s (LIKE %s.track_events INCLUDING ALL)', partition, mirror);
				EXECUTE format('COMMENT ON TABLE %s IS %L', partition,
					'Track events of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
				EXECUTE format('ALTER TABLE %s.track_events ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
					mirror, partition, month, month + interval '1 month');
			EXCEPTION WHEN invalid_object_definition OR check_violation THEN
				NULL;
			END;
		END IF;
		month := month + interval '1 month';
	END LOOP;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_make_partitions(text, timestamptz, timestamptz) IS
'Internal: makes the partitions of a mirror''s track events';

-- Bring sessions into the mirror: those of "source", a query of hms_session rows
-- whose parameters are rooms ($1), after ($2), before ($3) and an id ($4).  since:
-- sessions from then on are read again on purpose.
--
-- All of it is read before the first row is written, so that no row is locked
-- while 100ms is waited for.  A session's peers are replaced as a whole, but one
-- that only a webhook told of stays while the session is on.  A session that is
-- new, changed or active, or is read again on purpose, queues for its events.
--  seen: sessions; written: rows; too_old: new sessions whose events
-- 100ms no longer has.
CREATE FUNCTION hms_internal._hms_sync_sessions(
	mirror text, ext text, source text,
	rooms text[], after timestamptz, before timestamptz, id text, since timestamptz,
	OUT seen bigint, OUT written bigint, OUT too_old bigint)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	upsert_sessions text;
	upsert_peers text;
BEGIN
	EXECUTE format('SELECT hms_internal._hms_upsert($1, $2, ''sessions'', ''got'', false),'
		' hms_internal._hms_upsert($1, $2, ''session_peers'', ''peers'', false)', ext)
		INTO STRICT upsert_sessions, upsert_peers USING mirror, ext;
	EXECUTE format($sql$
		WITH got AS MATERIALIZED (
			SELECT DISTINCT ON (g.room_id, g.id) g.* FROM %3$s AS g
			WHERE g.id IS NOT NULL ORDER BY g.room_id, g.id
		), peers AS MATERIALIZED (
			SELECT DISTINCT ON (p.room_id, p.session_id, p.id) p.*
			FROM got AS g CROSS JOIN LATERAL hms_internal._hms_rows_of(NULL::%2$s.hms_session_peer, 'hms_session_peers',
				jsonb_build_object('id', g.id, 'room_id', g.room_id, 'peers', g.peers)) AS p
			WHERE jsonb_typeof(g.peers) IN ('object', 'array') AND p.id IS NOT NULL
			ORDER BY p.room_id, p.session_id, p.id
		), stored AS (
			%4$s RETURNING t.room_id, t.id, xmax = 0 AS is_new
		), gone AS (
			DELETE FROM %1$s.session_peers AS t USING got AS g
			WHERE t.room_id = coalesce(g.room_id, '') AND t.session_id = g.id
				AND (t.synced_at IS NOT NULL OR g.active IS NOT TRUE)
				AND NOT EXISTS (SELECT FROM peers AS p
					WHERE p.room_id = g.room_id AND p.session_id = g.id AND p.id = t.id)
			RETURNING 1
		), joined AS (
			%5$s RETURNING 1
		), ended AS (
			SELECT coalesce(g.room_id, '') AS room_id, g.id, s.is_new,
				CASE WHEN g.active IS NOT TRUE THEN coalesce(g.updated_at, g.created_at, now()) END AS at
			FROM got AS g LEFT JOIN stored AS s ON s.room_id = coalesce(g.room_id, '') AND s.id = g.id
			WHERE s.id IS NOT NULL OR g.active OR g.created_at >= $5
		), due AS (
			INSERT INTO %1$s.sync_state AS t (room_id, what, session_id, mark)
			SELECT e.room_id, 'events', e.id, e.at FROM ended AS e
			WHERE e.at IS NULL OR e.at >= now() - interval '30 days'
			ON CONFLICT (room_id, what, session_id) DO UPDATE SET mark = excluded.mark
		)
		SELECT (SELECT count(*) FROM got),
			(SELECT count(*) FROM stored) + (SELECT count(*) FROM gone) + (SELECT count(*) FROM joined),
			(SELECT count(*) FROM ended AS e WHERE e.is_new AND e.at < now() - interval '30 days')$sql$,
		mirror, ext, source, upsert_sessions, upsert_peers)
	INTO STRICT seen, written, too_old
	USING rooms, after, before, id, since;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_sessions(text, text, text, text[], timestamptz, timestamptz, text, timestamptz) IS
'Internal: brings sessions and their peers into a mirror';

-- Bring recordings, or recording assets, into the mirror.  100ms has no filter of
-- time on them and lists the newest first: the walk stops at the first one older
-- than "after", unless the list turned out not to be in that order.
CREATE FUNCTION hms_internal._hms_sync_list(
	mirror text, ext text, "table" text, room_id text, after timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	upsert text;
	one record;
	newest_first boolean := true;
	last_at timestamptz := 'infinity';
	written bigint := 0;
	changed bigint;
BEGIN
	EXECUTE format('SELECT hms_internal._hms_upsert($1, $2, t.name, format(''jsonb_populate_record(NULL::%%s.%%I, $1)'', $2, t.type), false)'
		' FROM hms_internal._hms_mirror_tables() AS t WHERE t.name = $3', ext)
		INTO STRICT upsert USING mirror, ext, "table";
	FOR one IN EXECUTE format('SELECT l.created_at, to_jsonb(l) AS whole FROM %s.%I(%s) AS l WHERE l.id IS NOT NULL', ext, 'hms_' || "table",
			CASE WHEN room_id IS NULL THEN '' ELSE '$1' END)
			USING room_id LOOP
		newest_first := newest_first AND coalesce(one.created_at <= last_at, false);
		last_at := one.created_at;
		EXIT WHEN newest_first AND one.created_at < after;
		EXECUTE upsert USING one.whole;
		GET DIAGNOSTICS changed = ROW_COUNT;
		written := written + changed;
	END LOOP;
	RETURN written;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_list(text, text, text, text, timestamptz) IS
'Internal: brings recordings or their assets into a mirror';

-- Bring the events of these sessions into the mirror, several sessions at a time;
-- returns how many were new.  Where one lies outside the months of the sessions
-- all of them are read again, and each finds or gets its partition.
CREATE FUNCTION hms_internal._hms_sync_events(mirror text, ext text, rooms text[], sessions text[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source text := format('hms_internal._hms_rows(NULL::%1$s.hms_track_event,'
		' ''sessions_tracks'', $1, $2, NULL::text[])', ext);
	make_partitions text := format('SELECT hms_internal._hms_make_partitions($1, $2, $3)', ext);
	upsert_all text;
	upsert_one text;
	began timestamptz;
	one record;
	written bigint := 0;
	changed bigint;
BEGIN
	EXECUTE format('SELECT hms_internal._hms_upsert($1, $2, ''track_events'', $3, true),'
		' hms_internal._hms_upsert($1, $2, ''track_events'', ''jsonb_populate_record(NULL::'' || $2 || ''.hms_track_event, $1)'', true)', ext)
		INTO STRICT upsert_all, upsert_one USING mirror, ext, source;
	EXECUTE format('SELECT min(s.created_at) FROM %s.sessions AS s JOIN unnest($1, $2) AS d (room_id, id)'
		' ON s.room_id = d.room_id AND s.id = d.id', mirror) INTO began USING rooms, sessions;
	EXECUTE make_partitions USING mirror, coalesce(began, now()) - interval '1 day', now();
	BEGIN
		EXECUTE upsert_all USING rooms, sessions;
		GET DIAGNOSTICS written = ROW_COUNT;
	EXCEPTION WHEN check_violation THEN
		FOR one IN EXECUTE format('SELECT coalesce(e."timestamp", e.joined_at, ''epoch'') AS at, to_jsonb(e) AS whole FROM %s AS e',
				source) USING rooms, sessions LOOP
			EXECUTE make_partitions USING mirror, one.at, one.at;
			EXECUTE upsert_one USING one.whole;
			GET DIAGNOSTICS changed = ROW_COUNT;
			written := written + changed;
		END LOOP;
	END;
	RETURN written;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_events(text, text, text[], text[]) IS
'Internal: brings the track events of sessions into a mirror';

-- The steps of a run of hms_sync, in their order.  Each call is what one
-- transaction does; it returns the run with the step that comes next.
--
-- "run" is what a run knows from one step to the next: step, started, rows written,
-- rooms done and their total, batch (rooms or sessions at a time); where a step is
-- that takes several calls (window, seen, room); skip, with an error, when the one
-- item at hand cannot be read and is passed over.
--
-- Marks in sync_state.  The row of all rooms says: sessions that began before mark
-- are in the mirror, for every room that has a row of its own with a mark.  That
-- row says the same of the room alone, for runs over some rooms.  A session lasts
-- 12 hours at most, so a walk goes back that far before the mark; what is still
-- active after that, or known from a webhook alone, is read by its id.

-- Rooms: all of them while that is a few pages, and once a day; else those made
-- since the last time and those that only a webhook told of.  A run over some rooms
-- of many, or with nothing there yet, reads those of them that are not there.
CREATE FUNCTION hms_internal._hms_sync_step_rooms(
	mirror text, ext text, rooms text[], since timestamptz, run jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	started CONSTANT timestamptz := run ->> 'started';
	known bigint;
	last record;
	source text;
	upsert text;
	written bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s.rooms', mirror) INTO STRICT known;
	EXECUTE format('SELECT s.mark, s.synced_at > now() - interval ''1 day'' AND $1 > 500 AS is_enough'
		' FROM %s.sync_state AS s WHERE s.room_id = '''' AND s.what = ''rooms''', mirror) INTO last USING known;
	source := CASE
		WHEN rooms IS NOT NULL AND (known = 0 OR known > 500) THEN
			'unnest($1) AS i (id), LATERAL %1$s.hms_room(i.id) AS r'
			' WHERE NOT EXISTS (SELECT FROM %2$s.rooms AS k WHERE k.id = i.id AND k.synced_at IS NOT NULL)'
		WHEN last.is_enough THEN '(SELECT * FROM %1$s.hms_rooms(after => $2) UNION ALL'
			' SELECT r.* FROM %2$s.rooms AS u, LATERAL %1$s.hms_room(u.id) AS r WHERE u.synced_at IS NULL) AS r'
		ELSE '%1$s.hms_rooms() AS r WHERE $1 IS NULL OR r.id = ANY ($1)'
		END;
	EXECUTE format('SELECT hms_internal._hms_upsert($1, $2, ''rooms'', $3, false)', ext) INTO STRICT upsert
		USING mirror, ext, format('(SELECT DISTINCT ON (r.id) r.* FROM (SELECT r.* FROM ' || source
			|| ') AS r WHERE r.id IS NOT NULL ORDER BY r.id)', ext, mirror);
	EXECUTE upsert USING rooms, last.mark - interval '1 hour';
	GET DIAGNOSTICS written = ROW_COUNT;

	IF rooms IS NULL THEN
		-- what the API does not know will not be asked for again
		EXECUTE format('UPDATE %s.rooms SET synced_at = now() WHERE synced_at IS NULL', mirror);
		EXECUTE format('INSERT INTO %s.sync_state AS t (room_id, what, mark, synced_at) VALUES ('''', ''rooms'', $1, $1)'
			' ON CONFLICT (room_id, what, session_id) DO UPDATE SET mark = $1,'
			' synced_at = CASE WHEN $2 THEN t.synced_at ELSE $1 END', mirror) USING started, coalesce(last.is_enough, false);
		-- the first run over all rooms goes on where runs over some of them ended
		EXECUTE format('INSERT INTO %1$s.sync_state (room_id, what, mark, synced_at)'
			' SELECT '''', ''sessions'', coalesce(min(s.mark), $1), $1 FROM %1$s.sync_state AS s WHERE s.what = ''sessions'''
			' ON CONFLICT DO NOTHING', mirror) USING started;
	END IF;
	RETURN run || jsonb_build_object('step', 'sessions', 'rows', (run ->> 'rows')::bigint + written);
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_step_rooms(text, text, text[], timestamptz, jsonb) IS
'Internal: a step of hms_sync';

-- Sessions of all rooms at once, from the mark (or since) on, a day at a time.
CREATE FUNCTION hms_internal._hms_sync_step_sessions(
	mirror text, ext text, rooms text[], since timestamptz, run jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	started CONSTANT timestamptz := run ->> 'started';
	mark timestamptz;
	begins timestamptz;
	ends timestamptz;
	result record;
BEGIN
	EXECUTE format('SELECT s.mark FROM %s.sync_state AS s WHERE s.room_id = '''' AND s.what = ''sessions''', mirror)
		INTO mark;
	IF rooms IS NOT NULL OR mark >= started AND NOT run ? 'window' THEN
		RETURN run || '{"step": "room_sessions"}';
	END IF;
	begins := coalesce((run ->> 'window')::timestamptz, least(since, mark - interval '12 hours'));
	ends := CASE WHEN begins + interval '1 day' < started THEN begins + interval '1 day' END;
	EXECUTE format('SELECT * FROM hms_internal._hms_sync_sessions($1, $2, $3, NULL, $4, $5, NULL, $6)', ext)
		INTO STRICT result USING mirror, ext, ext || '.hms_sessions(after => $2, before => $3)', begins, ends, since;
	EXECUTE format('UPDATE %s.sync_state SET mark = greatest(mark, $1), synced_at = $2'
		' WHERE room_id = '''' AND what = ''sessions''', mirror) USING coalesce(ends, started), clock_timestamp();
	-- a room made since then has no sessions from before: where there are many such,
	-- they are not asked for one by one
	EXECUTE format('WITH made AS MATERIALIZED (SELECT r.id FROM %1$s.rooms AS r WHERE r.created_at BETWEEN $2 AND $1'
		' AND NOT EXISTS (SELECT FROM %1$s.sync_state AS s WHERE s.room_id = r.id AND s.what = ''sessions''))'
		' INSERT INTO %1$s.sync_state (room_id, what, mark, synced_at)'
		' SELECT m.id, ''sessions'', $1, clock_timestamp() FROM made AS m WHERE (SELECT count(*) FROM made) > 50', mirror)
		USING coalesce(ends, started), begins;
	run := run || jsonb_build_object('rows', (run ->> 'rows')::bigint + result.written,
		'too_old', (run ->> 'too_old')::bigint + result.too_old, 'window', ends);
	IF ends IS NULL THEN
		run := run || '{"step": "room_sessions"}';
	END IF;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_step_sessions(text, text, text[], timestamptz, jsonb) IS
'Internal: a step of hms_sync';

-- Sessions of rooms that were never read, or that the caller named: several rooms
-- at a time.
CREATE FUNCTION hms_internal._hms_sync_step_room_sessions(
	mirror text, ext text, rooms text[], since timestamptz, run jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	started CONSTANT timestamptz := run ->> 'started';
	due record;
	result record;
BEGIN
	EXECUTE format($sql$
		WITH scope AS (
			SELECT r.id FROM %1$s.rooms AS r WHERE $1 IS NULL
			UNION
			SELECT i.id FROM unnest($1) AS i (id) WHERE i.id <> ''
		), due AS (
			SELECT c.id, CASE WHEN s.mark IS NOT NULL THEN greatest(s.mark, a.mark) END AS mark
			FROM scope AS c
				LEFT JOIN %1$s.sync_state AS a ON a.room_id = '' AND a.what = 'sessions'
				LEFT JOIN %1$s.sync_state AS s ON s.room_id = c.id AND s.what = 'sessions'
			WHERE (s.synced_at IS NULL OR s.synced_at < $2)
				AND ($1 IS NOT NULL OR s.mark IS NULL)
		), batch AS (
			SELECT d.id, d.mark FROM due AS d ORDER BY d.mark IS NULL, d.id LIMIT $3
		)
		SELECT array_agg(b.id) AS rooms, min(b.mark) AS mark, (SELECT count(*) FROM due) AS total
		FROM batch AS b
		WHERE (b.mark IS NULL) = (SELECT f.mark IS NULL FROM batch AS f ORDER BY f.mark IS NULL LIMIT 1)$sql$, mirror)
		INTO STRICT due USING rooms, started, (run ->> 'batch')::integer;
	IF due.rooms IS NULL THEN
		RETURN run || '{"step": "single_sessions"}';
	END IF;

	IF run ? 'skip' THEN
		EXECUTE format('INSERT INTO %s.sync_state AS t (room_id, what, synced_at, detail)'
			' SELECT r.id, ''sessions'', clock_timestamp(), $2 FROM unnest($1) AS r (id)'
			' ON CONFLICT (room_id, what, session_id) DO UPDATE SET synced_at = excluded.synced_at, detail = excluded.detail', mirror)
			USING due.rooms, run ->> 'skip';
		RETURN run;
	END IF;
	EXECUTE format('SELECT * FROM hms_internal._hms_sync_sessions($1, $2, $3, $4, $5, NULL, NULL, $6)', ext)
		INTO STRICT result USING mirror, ext, ext || '.hms_sessions($1, NULL, $2, $3)', due.rooms,
			CASE WHEN due.mark IS NULL THEN since ELSE least(since, due.mark - interval '12 hours') END, since;
	EXECUTE format('INSERT INTO %s.sync_state AS t (room_id, what, mark, synced_at)'
		' SELECT r.id, ''sessions'', $2, clock_timestamp() FROM unnest($1) AS r (id)'
		' ON CONFLICT (room_id, what, session_id) DO UPDATE SET mark = excluded.mark, synced_at = excluded.synced_at, detail = NULL', mirror)
		USING due.rooms, started;
	RETURN run || jsonb_build_object('rows', (run ->> 'rows')::bigint + result.written,
		'too_old', (run ->> 'too_old')::bigint + result.too_old,
		'done', (run ->> 'done')::bigint + cardinality(due.rooms),
		'total', (run ->> 'done')::bigint + due.total);
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_step_room_sessions(text, text, text[], timestamptz, jsonb) IS
'Internal: a step of hms_sync';

-- Sessions that the walks do not reach, one by one: still active, or known from a
-- webhook alone.
CREATE FUNCTION hms_internal._hms_sync_step_single_sessions(
	mirror text, ext text, rooms text[], since timestamptz, run jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	due record;
	result record;
BEGIN
	FOR due IN EXECUTE format('SELECT s.room_id, s.id FROM %s.sessions AS s'
			' WHERE (s.synced_at IS NULL OR s.active AND (s.created_at < $1 - interval ''12 hours'') IS NOT FALSE)'
			' AND ($2 IS NULL OR s.room_id = ANY ($2)) AND (s.room_id, s.id) > ($3, $4)'
			' ORDER BY s.room_id, s.id LIMIT $5', mirror)
			USING (run ->> 'started')::timestamptz, rooms, coalesce(run ->> 'room', ''), coalesce(run ->> 'seen', ''),
				(run ->> 'batch')::integer LOOP
		run := run || jsonb_build_object('room', due.room_id, 'seen', due.id);
		CONTINUE WHEN run ? 'skip';
		EXECUTE format('SELECT * FROM hms_internal._hms_sync_sessions($1, $2, $3, NULL, NULL, NULL, $4, $5)', ext)
			INTO STRICT result USING mirror, ext, ext || '.hms_session($4)', due.id, since;
		IF result.seen = 0 THEN
			-- 100ms knows no such session: it stays as it was told, and is over
			EXECUTE format('UPDATE %s.sessions SET active = false, synced_at = $3'
				' WHERE room_id = $1 AND id = $2', mirror) USING due.room_id, due.id, clock_timestamp();
		END IF;
		run := run || jsonb_build_object('rows', (run ->> 'rows')::bigint + result.written,
			'too_old', (run ->> 'too_old')::bigint + result.too_old);
	END LOOP;
	IF due IS NULL THEN
		run := run - 'room' - 'seen' || '{"step": "recordings"}';
	END IF;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_step_single_sessions(text, text, text[], timestamptz, jsonb) IS
'Internal: a step of hms_sync';

-- Recordings and their assets.  They change for some hours after they began, so
-- the walk goes a day back before the mark.
CREATE FUNCTION hms_internal._hms_sync_step_recordings(
	mirror text, ext text, rooms text[], since timestamptz, run jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	list text := run ->> 'step';
	room text;
	mark timestamptz;
	written bigint;
	total bigint := 0;
BEGIN
	FOREACH room IN ARRAY coalesce(rooms, ARRAY[NULL]) LOOP
		EXECUTE format('SELECT max(s.mark) FROM %s.sync_state AS s WHERE s.room_id IN ('''', $1) AND s.what = $2', mirror)
			INTO mark USING room, list;
		EXECUTE format('SELECT hms_internal._hms_sync_list($1, $2, $3, $4, $5)', ext) INTO STRICT written
			USING mirror, ext, list, room, CASE WHEN mark IS NULL THEN since ELSE least(since, mark - interval '1 day') END;
		EXECUTE format('INSERT INTO %s.sync_state AS t (room_id, what, mark, synced_at) VALUES ($1, $2, $3, clock_timestamp())'
			' ON CONFLICT (room_id, what, session_id) DO UPDATE SET mark = excluded.mark, synced_at = excluded.synced_at', mirror)
			USING coalesce(room, ''), list, (run ->> 'started')::timestamptz;
		total := total + written;
	END LOOP;
	RETURN run || jsonb_build_object('rows', (run ->> 'rows')::bigint + total,
		'step', CASE list WHEN 'recordings' THEN 'recording_assets' ELSE 'events' END);
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_step_recordings(text, text, text[], timestamptz, jsonb) IS
'Internal: a step of hms_sync';

-- Events of the sessions that queue for them.  A session leaves the queue when it
-- has been over for a quarter of an hour before its events were read.
CREATE FUNCTION hms_internal._hms_sync_step_events(
	mirror text, ext text, rooms text[], since timestamptz, run jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	started CONSTANT timestamptz := run ->> 'started';
	reads_at CONSTANT timestamptz := clock_timestamp();
	due record;
	written bigint;
BEGIN
	IF NOT run ? 'room' THEN
		EXECUTE format('WITH lost AS (DELETE FROM %s.sync_state AS s WHERE s.what = ''events'''
			' AND s.mark < $1 - interval ''30 days'' AND ($2 IS NULL OR s.room_id = ANY ($2)) RETURNING 1)'
			' SELECT count(*) FROM lost', mirror) INTO STRICT written USING started, rooms;
		EXECUTE format('SELECT count(DISTINCT s.room_id) AS total FROM %s.sync_state AS s WHERE s.what = ''events'''
			' AND (s.synced_at IS NULL OR s.synced_at < $1) AND ($2 IS NULL OR s.room_id = ANY ($2))', mirror)
			INTO STRICT due USING started, rooms;
		run := run || jsonb_build_object('too_old', (run ->> 'too_old')::bigint + written, 'room', '',
			'phase_started', reads_at, 'done', 0, 'total', due.total);
	END IF;
	EXECUTE format('SELECT array_agg(d.room_id) AS rooms, array_agg(d.session_id) AS sessions,'
		' count(DISTINCT d.room_id) FILTER (WHERE d.room_id <> $4) AS new_rooms, max(d.room_id) AS last_room FROM ('
		' SELECT s.room_id, s.session_id FROM %s.sync_state AS s WHERE s.what = ''events'''
		' AND (s.synced_at IS NULL OR s.synced_at < $1) AND ($2 IS NULL OR s.room_id = ANY ($2))'
		' ORDER BY s.detail IS NOT NULL, s.room_id, s.session_id LIMIT $3) AS d', mirror)
		INTO STRICT due USING started, rooms, (run ->> 'batch')::integer, run ->> 'room';
	IF due.rooms IS NULL THEN
		RETURN run - 'room' || '{"step": "done"}';
	END IF;

	IF NOT run ? 'skip' THEN
		EXECUTE format('SELECT hms_internal._hms_sync_events($1, $2, $3, $4)', ext) INTO STRICT written
			USING mirror, ext, due.rooms, due.sessions;
		EXECUTE format('DELETE FROM %s.sync_state AS s USING unnest($1, $2) AS d (room_id, session_id)'
			' WHERE s.what = ''events'' AND s.room_id = d.room_id AND s.session_id = d.session_id'
			' AND s.mark < $3 - interval ''15 minutes''', mirror) USING due.rooms, due.sessions, reads_at;
		run := run || jsonb_build_object('rows', (run ->> 'rows')::bigint + written);
	END IF;
	EXECUTE format('UPDATE %s.sync_state AS s SET synced_at = $4, detail = $3'
		' FROM unnest($1, $2) AS d (room_id, session_id)'
		' WHERE s.what = ''events'' AND s.room_id = d.room_id AND s.session_id = d.session_id', mirror)
		USING due.rooms, due.sessions, run ->> 'skip', clock_timestamp();
	RETURN run || jsonb_build_object('done', (run ->> 'done')::bigint + due.new_rooms, 'room', due.last_room);
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_step_events(text, text, text[], timestamptz, jsonb) IS
'Internal: a step of hms_sync';

-- Take the next step of a run; NULL begins one, and NULL comes back at its end.
--
-- The lock lives as long as the transaction, so that nothing can leave it behind,
-- and each step takes it again.  An error of one step is kept in sync_state and
-- raised by the next call, after the commit in between.  What only one room or
-- session may be guilty of is tried with ever fewer of them at a time, and the
-- guilty one is passed over until the next run; three of them in a row, or an error
-- of the connection, the account or the database, end the run.
CREATE FUNCTION hms_internal._hms_sync_step(schema name, rooms text[], since timestamptz, events boolean, run jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	mirror text;
	ext text;
	step text;
	state text;
	message text;
	details text;
	hint text;
	seconds numeric;
	phase_seconds numeric;
	done bigint;
	total bigint;
	progress text;
BEGIN
	SELECT quote_ident(n.nspname) INTO STRICT ext
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hms';

	IF run ? 'error' THEN
		state := run #>> '{error,state}';
		message := run #>> '{error,message}';
		details := run #>> '{error,detail}';
		hint := run #>> '{error,hint}';
		IF details <> '' AND hint <> '' THEN
			RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = details, HINT = hint;
		ELSIF details <> '' THEN
			RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = details;
		ELSIF hint <> '' THEN
			RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, HINT = hint;
		END IF;
		RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message;
	END IF;
	EXECUTE format('SELECT hms_internal._hms_mirror($1, $2)', ext) INTO STRICT mirror USING schema, 'sync_state';
	IF NOT pg_try_advisory_xact_lock(1752003443, mirror::regnamespace::oid::integer) THEN
		RAISE EXCEPTION 'another run of hms_sync is at work in schema %', mirror
			USING ERRCODE = 'lock_not_available',
				HINT = 'Its progress is in the row "run" of ' || mirror || '.sync_state.';
	END IF;
	IF run IS NULL THEN
		run := jsonb_build_object('step', 'rooms', 'started', clock_timestamp(), 'phase_started', clock_timestamp(),
			'noticed', clock_timestamp(), 'rows', 0, 'done', 0, 'total', 0, 'too_old', 0, 'batch', 50, 'failures', 0, 'in_a_row', 0);
	END IF;

	step := run ->> 'step';
	BEGIN
		IF step = 'done' OR step = 'events' AND NOT events THEN
			run := run || '{"step": "end"}';
		ELSE
			EXECUTE format('SELECT hms_internal.%I($1, $2, $3, $4, $5)',
				'_hms_sync_step_' || replace(step, 'recording_assets', 'recordings'))
				INTO STRICT run USING mirror, ext, rooms, since, run;
			run := CASE WHEN run ? 'skip' THEN run - 'skip' ELSE run || '{"in_a_row": 0}' END
				|| jsonb_build_object('batch', least((run ->> 'batch')::integer * 2, 50));
		END IF;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
			details = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		IF state IN ('40001', '40P01') AND (run ->> 'in_a_row')::integer < 3 THEN
			run := run || jsonb_build_object('in_a_row', (run ->> 'in_a_row')::integer + 1);
		ELSIF NOT (state ~ '^MS[45]' AND state NOT IN ('MS401', 'MS403', 'MS429') OR state = '08P01')
				OR step NOT IN ('room_sessions', 'single_sessions', 'events') OR (run ->> 'in_a_row')::integer >= 3 THEN
			run := run || jsonb_build_object('error', jsonb_build_object('state', state, 'message', message,
				'detail', details, 'hint', hint));
		ELSIF (run ->> 'batch')::integer > 1 THEN
			run := run || jsonb_build_object('batch', (run ->> 'batch')::integer / 4 + CASE WHEN (run ->> 'batch')::integer < 4 THEN 1 ELSE 0 END);
		ELSE
			run := run || jsonb_build_object('skip', message, 'failures', (run ->> 'failures')::integer + 1,
				'in_a_row', (run ->> 'in_a_row')::integer + 1)
				|| CASE WHEN run ? 'first_failure' THEN '{}' ELSE jsonb_build_object('first_failure',
					jsonb_build_object('state', state, 'message', message, 'detail', details, 'hint', hint)) END;
		END IF;
	END;

	IF run ->> 'step' = 'end' AND (run ->> 'failures')::integer > 0 THEN
		run := run || jsonb_build_object('error', run -> 'first_failure' || jsonb_build_object('message',
			format('%s rooms or sessions could not be read, the first: %s', run ->> 'failures', run #>> '{first_failure,message}')));
	END IF;
	seconds := greatest(extract(epoch FROM clock_timestamp() - (run ->> 'started')::timestamptz), 0.001);
	phase_seconds := extract(epoch FROM clock_timestamp() - (run ->> 'phase_started')::timestamptz);
	done := run ->> 'done';
	total := run ->> 'total';
	EXECUTE format('INSERT INTO %s.sync_state AS t (room_id, what, session_id, synced_at, state, started_at,'
		' rooms_done, rooms_total, row_count, rate, time_left, detail)'
		' VALUES ('''', ''run'', '''', clock_timestamp(), $1, $2, $3, $4, $5, $6, $7, $8)'
		' ON CONFLICT (room_id, what, session_id) DO UPDATE SET synced_at = excluded.synced_at, state = excluded.state,'
		' started_at = excluded.started_at, rooms_done = excluded.rooms_done, rooms_total = excluded.rooms_total,'
		' row_count = excluded.row_count, rate = excluded.rate, time_left = excluded.time_left, detail = excluded.detail', mirror)
		USING CASE WHEN run ? 'error' THEN 'failed' WHEN run ->> 'step' = 'end' THEN 'done' ELSE 'running' END,
			(run ->> 'started')::timestamptz, done, total, (run ->> 'rows')::bigint,
			round((run ->> 'rows')::bigint / seconds, 1),
			CASE WHEN run ->> 'step' = 'end' THEN interval '0' WHEN done > 0
				THEN make_interval(secs => round(phase_seconds / done * (total - done))::double precision) END,
			coalesce(run #>> '{error,message}', run ->> 'step');

	IF run ->> 'step' = 'end' OR clock_timestamp() - (run ->> 'noticed')::timestamptz > interval '5 seconds' THEN
		run := run || jsonb_build_object('noticed', clock_timestamp());
		RAISE NOTICE 'hms_sync: %, % of % rooms, % rows, % rows/s%',
			CASE run ->> 'step' WHEN 'end' THEN 'done' ELSE replace(run ->> 'step', '_', ' ') END, done, total,
			run ->> 'rows', round((run ->> 'rows')::bigint / seconds, 1),
			CASE WHEN run ->> 'step' <> 'end' AND done > 0
				THEN format(', %s left', make_interval(secs => round(phase_seconds / done * (total - done))::double precision))
				ELSE '' END;
	END IF;
	IF run ->> 'step' = 'end' AND (run ->> 'too_old')::bigint > 0 THEN
		RAISE WARNING 'hms_sync: the events of % sessions are lost: they ended more than 30 days ago, which is as long as 100ms keeps events',
			run ->> 'too_old';
	END IF;
	RETURN CASE WHEN run ? 'error' OR run ->> 'step' <> 'end' THEN run END;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_sync_step(name, text[], timestamptz, boolean, jsonb) IS
'Internal: takes a step of hms_sync and tells how far it is';

-- hms_sync(schema, rooms, since, events)
--		Bring a mirror up to date.
--
-- Arguments: the mirror's schema; only these rooms; sessions that began since then
-- are read again, with their events (a first run reads none from before it); with
-- events false the events wait for a later run.  Commits as it goes, so it cannot
-- run inside a transaction block.  Whatever ends it, the next run goes on where it
-- was.  The row "run" of sync_state, and a NOTICE every five seconds, say how far
-- it is.  Warns of sessions whose events 100ms no longer has.
--
-- The caller needs the functions of level read and the rights of the tables' owner.
--
-- Errors: 55P03 (another run is at work), 42P01 (no mirror there), 2D000 (in a
-- transaction block), those of hms_rooms, hms_sessions, hms_track_events,
-- hms_recordings and hms_recording_assets.
CREATE PROCEDURE @extschema@.hms_sync(
	schema name,
	rooms text[] DEFAULT NULL,
	since timestamptz DEFAULT NULL,
	events boolean DEFAULT true)
LANGUAGE plpgsql
AS $$
-- No search_path can be set where COMMIT is used: everything here is qualified,
-- and no operator is used.
DECLARE
	take_step pg_catalog.text;
	run pg_catalog.jsonb;
BEGIN
	SELECT pg_catalog.format('SELECT hms_internal._hms_sync_step($1, $2, $3, $4, $5)', n.nspname) INTO STRICT take_step
	FROM pg_catalog.pg_extension e, pg_catalog.pg_namespace n
	WHERE n.oid OPERATOR(pg_catalog.=) e.extnamespace AND e.extname OPERATOR(pg_catalog.=) 'hms';
	LOOP
		EXECUTE take_step INTO STRICT run USING schema, rooms, since, events, run;
		COMMIT;
		EXIT WHEN run IS NULL;
	END LOOP;
END;
$$;
COMMENT ON PROCEDURE @extschema@.hms_sync(name, text[], timestamptz, boolean) IS
'Bring a mirror up to date; commits as it goes, and goes on where the last run ended';
REVOKE ALL ON PROCEDURE @extschema@.hms_sync(name, text[], timestamptz, boolean) FROM PUBLIC;

CREATE TYPE hms_internal._hms_webhook AS (
	version text,
	id text,
	"timestamp" timestamptz,
	type text,
	account_id text,
	app_id text,
	template_id text,
	is_replay boolean,
	data jsonb,
	extra jsonb
);
COMMENT ON TYPE hms_internal._hms_webhook IS
'Internal: the envelope of a webhook';

CREATE TYPE hms_internal._hms_webhook_data AS (
	room_id text,
	room_name text,
	session_id text,
	peer_id text,
	user_id text,
	user_name text,
	role text,
	account_id text,
	app_id text,
	template_id text,
	is_replay boolean,
	joined_at timestamptz,
	left_at timestamptz,
	session_started_at timestamptz,
	session_stopped_at timestamptz
);
COMMENT ON TYPE hms_internal._hms_webhook_data IS
'Internal: what the mirror reads of a webhook''s data';

-- Raise unless the webhook proves that it comes from 100ms: see
-- hms_receive_webhook.  It can be asked by anybody and tells nothing.
CREATE FUNCTION hms_internal._hms_check_webhook(headers jsonb, body text)
RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hms_check_webhook';
COMMENT ON FUNCTION hms_internal._hms_check_webhook(jsonb, text) IS
'Internal: raises unless a webhook''s headers prove where it comes from';

-- Store a webhook and what it tells of its room, session and peer; true unless it
-- was there.
--
-- What is told is worked out anew from all the stored webhooks of that session or
-- peer, so their order does not matter.  They add: a row that is missing, a time
-- that is null, that a session is over, a role that changed after the row was read
-- from the API.  What they wrote has no synced_at, and the next hms_sync reads it
-- from the API.  The marks of sync_state stay where they are.
CREATE FUNCTION hms_internal._hms_store_webhook(mirror text, ext text, event jsonb, body text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	telling CONSTANT text[] := '{session.open.success,session.close.success,peer.join.success,peer.leave.success,role.change.success}';
	told record;
	is_new integer;
BEGIN
	IF jsonb_typeof(event) IS DISTINCT FROM 'object' OR coalesce(event ->> 'id', '') = '' THEN
		RAISE EXCEPTION 'the webhook has no id' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'A webhook of 100ms is a JSON object with id, type, timestamp and data.';
	END IF;
	IF body::jsonb <> event THEN
		RAISE EXCEPTION 'the webhook is not what its body holds' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- one session's webhooks wait for one another: each sees what the others stored
	PERFORM pg_advisory_xact_lock(mirror::regnamespace::oid::integer, hashtext(event #>> '{data,session_id}'));
	EXECUTE format($sql$
		INSERT INTO %1$s.webhook_events (version, id, "timestamp", type, account_id, app_id,
			room_id, session_id, peer_id, user_id, template_id, is_replay, data, extra)
		SELECT e.version, e.id, e."timestamp", e.type, coalesce(e.account_id, d.account_id),
			coalesce(e.app_id, d.app_id), coalesce(d.room_id, ''), d.session_id, d.peer_id, d.user_id,
			coalesce(e.template_id, d.template_id), coalesce(e.is_replay, d.is_replay), e.data, e.extra
		FROM hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook, NULL, $1) AS e
			LEFT JOIN LATERAL hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook_data, NULL,
				CASE jsonb_typeof(e.data) WHEN 'object' THEN e.data END) AS d ON true
		ON CONFLICT DO NOTHING
		RETURNING room_id, session_id, peer_id, type, "timestamp" AS at$sql$, mirror, ext)
	INTO told USING event;
	GET DIAGNOSTICS is_new = ROW_COUNT;
	IF is_new = 0 OR told.room_id = '' OR told.session_id = '' OR NOT told.type = ANY (telling) THEN
		RETURN is_new > 0;
	END IF;

	EXECUTE format($sql$
		INSERT INTO %1$s.rooms AS t (id, name, template_id)
		SELECT $1, max(d.room_name), max(d.template_id)
		FROM %1$s.webhook_events AS w CROSS JOIN LATERAL hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook_data, NULL, w.data) AS d
		WHERE w.room_id = $1 AND w.session_id = $2 AND w.type = ANY ($3)
		ON CONFLICT DO NOTHING$sql$, mirror, ext)
	USING told.room_id, told.session_id, telling;

	EXECUTE format($sql$
		INSERT INTO %1$s.sessions AS t (id, room_id, customer_id, app_id, active, created_at, updated_at)
		SELECT $2, $1, max(w.account_id), max(w.app_id),
			coalesce(bool_and(w.type <> 'session.close.success'), true), min(d.session_started_at),
			max(coalesce(d.session_stopped_at, w."timestamp")) FILTER (WHERE w.type = 'session.close.success')
		FROM %1$s.webhook_events AS w CROSS JOIN LATERAL hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook_data, NULL, w.data) AS d
		WHERE w.room_id = $1 AND w.session_id = $2 AND w.type = ANY ($3)
		ON CONFLICT (room_id, id) DO UPDATE SET
			active = excluded.active, synced_at = NULL,
			customer_id = coalesce(t.customer_id, excluded.customer_id),
			app_id = coalesce(t.app_id, excluded.app_id),
			created_at = coalesce(t.created_at, excluded.created_at),
			updated_at = coalesce(excluded.updated_at, t.updated_at)
		WHERE t.synced_at IS NULL OR t.active AND NOT excluded.active$sql$, mirror, ext)
	USING told.room_id, told.session_id, telling;

	IF told.type NOT LIKE 'session.%' AND told.peer_id <> '' THEN
		EXECUTE format($sql$
			INSERT INTO %1$s.session_peers AS t (id, session_id, room_id, user_id, name, role, joined_at, left_at)
			SELECT $3, $2, $1, w.user_id, w.user_name, w.role, w.joined_at, w.left_at
			FROM (SELECT d.user_id, d.user_name, d.role, w."timestamp" AS at,
					min(d.joined_at) OVER () AS joined_at,
					max(CASE WHEN w.type = 'peer.leave.success' THEN coalesce(d.left_at, w."timestamp") END) OVER () AS left_at
				FROM %1$s.webhook_events AS w
					CROSS JOIN LATERAL hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook_data, NULL, w.data) AS d
				WHERE w.room_id = $1 AND w.session_id = $2 AND w.peer_id = $3
					AND w.type = ANY ($5) AND w.type NOT LIKE 'session.%%'
				-- of one second: who leaves has the last role, who joins the first
				ORDER BY w."timestamp" DESC NULLS LAST,
					array_position('{peer.leave.success,role.change.success,peer.join.success}', w.type), w.id
				LIMIT 1) AS w
			ON CONFLICT (room_id, session_id, id) DO UPDATE SET
				user_id = coalesce(nullif(t.user_id, ''), excluded.user_id),
				name = coalesce(nullif(t.name, ''), excluded.name),
				role = CASE WHEN t.synced_at IS NULL OR $4 > t.synced_at THEN excluded.role ELSE t.role END,
				joined_at = coalesce(t.joined_at, excluded.joined_at),
				left_at = coalesce(t.left_at, excluded.left_at),
				synced_at = NULL
			WHERE t.synced_at IS NULL OR t.left_at IS NULL$sql$, mirror, ext)
		USING told.room_id, told.session_id, told.peer_id, told.at, telling;
	END IF;
	RETURN true;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_store_webhook(text, text, jsonb, text) IS
'Internal: stores a webhook and what it tells';

-- hms_receive_webhook(schema, event, headers, body)
--		Take a webhook of 100ms into a mirror.
--
-- Arguments: the mirror's schema; the webhook; the request's headers as an object
-- of names (in any case) and values; the request's body byte by byte, of which a
-- signature is.  Returns whether it is new: one that was there, by its id, changes
-- nothing.  Any type of event is stored; those of sessions and peers also go into
-- their tables, so that these are current between two runs of hms_sync.
--
-- Where hms.webhook_secret is set, the header that hms.webhook_header names must
-- have that value.  A signature (header x-100ms-signature, HMAC-SHA256 of the body)
-- must be right, by hms.webhook_key or else by the app secret; where
-- hms.webhook_key is set, there must be one.
--
-- The caller needs INSERT, SELECT and UPDATE on webhook_events, rooms, sessions and
-- session_peers.
--
-- Errors: 28000 (it does not prove that it comes from 100ms), 22023 (it has no id, or
-- is not what the body holds),
-- 42P01 (no mirror there), 55000 (it is signed and there is no key).
CREATE FUNCTION @extschema@.hms_receive_webhook(
	schema name,
	event jsonb,
	headers jsonb DEFAULT NULL,
	body text DEFAULT NULL)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT CASE WHEN hms_internal._hms_check_webhook(hms_receive_webhook.headers,
			coalesce(hms_receive_webhook.body, hms_receive_webhook.event::text))
		THEN hms_internal._hms_store_webhook(hms_internal._hms_mirror(hms_receive_webhook.schema, 'webhook_events'), hms_internal._hms_schema(),
			hms_receive_webhook.event, hms_receive_webhook.body) END;
END;
COMMENT ON FUNCTION @extschema@.hms_receive_webhook(name, jsonb, jsonb, text) IS
'Take a webhook of 100ms into a mirror, once; false when it was there';
REVOKE ALL ON FUNCTION @extschema@.hms_receive_webhook(name, jsonb, jsonb, text) FROM PUBLIC;

-- Text made safe inside HTML and SVG, in elements and in quoted attributes.
CREATE FUNCTION hms_internal._hms_html(value text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT replace(replace(replace(replace(replace(_hms_html.value,
		'&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
END;
COMMENT ON FUNCTION hms_internal._hms_html(text) IS
'Internal: text made safe inside HTML';

-- A length of time as people write it: 1 h 05 min, 12 min, 40 s.
CREATE FUNCTION hms_internal._hms_html_length(seconds double precision)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE
		WHEN round(_hms_html_length.seconds) < 60 THEN round(_hms_html_length.seconds) || '&nbsp;s'
		WHEN round(_hms_html_length.seconds / 60) < 60 THEN round(_hms_html_length.seconds / 60) || '&nbsp;min'
		ELSE floor(round(_hms_html_length.seconds / 60) / 60) || '&nbsp;h&nbsp;'
			|| lpad((round(_hms_html_length.seconds / 60)::bigint % 60)::text, 2, '0') || '&nbsp;min'
		END;
END;
COMMENT ON FUNCTION hms_internal._hms_html_length(double precision) IS
'Internal: a length of time as people write it';

-- What a report shows, read from a mirror: {title, sessions, stays, attendance,
-- talk}, all of the sessions that began in the time.
CREATE FUNCTION hms_internal._hms_report_data(
	mirror text, ext text, room_id text, after timestamptz, before timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	data jsonb;
BEGIN
	EXECUTE format($sql$
		WITH mirror_sessions AS MATERIALIZED (
			SELECT s.* FROM %1$s.sessions AS s
			WHERE ($1 IS NULL OR s.room_id = $1) AND ($2 IS NULL OR s.created_at >= $2)
				AND ($3 IS NULL OR s.created_at <= $3)
		)
		SELECT jsonb_build_object(
			'title', (SELECT coalesce(max(nullif(r.name, '')), $1) FROM %1$s.rooms AS r WHERE r.id = $1),
			'sessions', (SELECT jsonb_agg(to_jsonb(u) || jsonb_build_object('room', coalesce(nullif(r.name, ''), u.room_id),
					'length', extract(epoch FROM u.duration)) ORDER BY u.started_at, u.session_id)
				FROM %1$s.session_usage AS u LEFT JOIN %1$s.rooms AS r ON r.id = u.room_id
				WHERE u.room_id = ANY (ARRAY(SELECT m.room_id FROM mirror_sessions AS m))
					AND u.session_id = ANY (ARRAY(SELECT m.id FROM mirror_sessions AS m))),
			'attendance', (SELECT jsonb_agg(to_jsonb(a) || jsonb_build_object('present', extract(epoch FROM a.present)))
				FROM %1$s.attendance AS a
				WHERE a.room_id = ANY (ARRAY(SELECT m.room_id FROM mirror_sessions AS m))
					AND a.session_id = ANY (ARRAY(SELECT m.id FROM mirror_sessions AS m))),
			'talk', (SELECT jsonb_agg(jsonb_build_object('session_id', t.session_id, 'user_id', t.user_id,
					'kind', CASE WHEN t.source = 'screen' THEN 'screen' ELSE t.track_type END,
					'on', extract(epoch FROM t.on_time)))
				FROM %1$s.talk_time AS t
				WHERE t.room_id = ANY (ARRAY(SELECT m.room_id FROM mirror_sessions AS m))
					AND t.session_id = ANY (ARRAY(SELECT m.id FROM mirror_sessions AS m))),
			'stays', (SELECT jsonb_agg(jsonb_build_object('session_id', t.session_id, 'user_id', t.user_id,
					'role', t.role, 'begins_at', t.begins_at, 'ends_at', t.ends_at))
				FROM (%2$s) AS t
				WHERE t.room_id = ANY (ARRAY(SELECT m.room_id FROM mirror_sessions AS m))
					AND t.session_id = ANY (ARRAY(SELECT m.id FROM mirror_sessions AS m))
					AND t.is_person AND t.begins_at IS NOT NULL))$sql$, mirror,
			hms_internal.report_query('timed_stays', format('SELECT * FROM %s.stays', mirror)))
	INTO STRICT data USING room_id, after, before;
	RETURN data;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_report_data(text, text, text, timestamptz, timestamptz) IS
'Internal: what a report shows';

-- The chart of a session: how many were inside, and below it a line a user with a
-- bar for each stay.  1000 units wide, of which the first 190 are for names.
-- stays: [{user_id, name, role, begins_at, ends_at}]; roles: all of the report's,
-- so that a role has one colour on the page.
CREATE FUNCTION hms_internal._hms_report_chart(
	starts_at timestamptz, stops_at timestamptz, stays jsonb, roles text[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH stays AS MATERIALIZED (
		SELECT s.*, first_value(s.name) OVER (PARTITION BY s.user_id ORDER BY s.begins_at DESC) AS shown,
			dense_rank() OVER (ORDER BY s.first_at, s.user_id) AS line
		FROM (SELECT s.*, min(s.begins_at) OVER (PARTITION BY s.user_id) AS first_at
			FROM jsonb_to_recordset(_hms_report_chart.stays)
				AS s (user_id text, name text, role text, begins_at timestamptz, ends_at timestamptz)) AS s
	), span AS (
		SELECT least(_hms_report_chart.starts_at, min(s.begins_at)) AS starts_at,
			greatest(_hms_report_chart.stops_at, max(s.ends_at), _hms_report_chart.starts_at + interval '1 second') AS stops_at,
			coalesce(max(s.line), 0) AS lines
		FROM stays AS s
	), scale AS (
		SELECT p.*, 800 / extract(epoch FROM p.stops_at - p.starts_at) AS per_second, 108 + p.lines * 22 AS bottom
		FROM span AS p
	), ticks AS (
		SELECT 190 + round(c.per_second * extract(epoch FROM t.at - c.starts_at), 1) AS x, t.at
		FROM scale AS c
			CROSS JOIN LATERAL (SELECT min(w.step) AS step FROM unnest('{1s,5s,15s,1min,2min,5min,10min,15min,30min,1h,2h,4h,8h,1d,7d,30d,365d}'::interval[]) AS w (step)
				WHERE extract(epoch FROM c.stops_at - c.starts_at) / extract(epoch FROM w.step) <= 9) AS w
			CROSS JOIN LATERAL generate_series(date_bin(w.step, c.starts_at, timestamptz '2000-01-01 00:00:00') + w.step, c.stops_at, w.step) AS t (at)
	), course AS (
		SELECT m.at, sum(sum(m.peers)) OVER (ORDER BY m.at) AS peers
		FROM stays AS s CROSS JOIN LATERAL (VALUES (s.begins_at, 1), (s.ends_at, -1)) AS m (at, peers)
		WHERE s.begins_at < s.ends_at
		GROUP BY m.at
	), peak AS (
		SELECT greatest(max(c.peers), 1) AS peers FROM course AS c
	)
	SELECT '<svg viewBox="0 0 1000 ' || c.bottom + 4 || '" role="img" aria-label="Who was in when">'
		|| coalesce((SELECT string_agg('<line class="grid" x1="' || t.x || '" x2="' || t.x || '" y1="16" y2="' || c.bottom
				|| '"/><text class="tick" x="' || t.x || '" y="11">'
				|| to_char(t.at, CASE WHEN c.stops_at - c.starts_at < interval '5 minutes' THEN 'HH24:MI:SS'
					WHEN c.stops_at - c.starts_at < interval '2 days' THEN 'HH24:MI' ELSE 'MM-DD' END) || '</text>', '' ORDER BY t.at)
			FROM ticks AS t), '')
		|| '<text class="label" x="182" y="36">inside</text><text class="small" x="182" y="52">peak ' || CASE WHEN EXISTS (SELECT FROM course) THEN p.peers ELSE 0 END || '</text>'
		|| coalesce((SELECT '<path class="inside" d="M190,96' || string_agg('H' || 190 + round(c.per_second * extract(epoch FROM o.at - c.starts_at), 1)
				|| 'V' || round(96 - 72.0 * o.peers / p.peers, 1), '' ORDER BY o.at) || 'V96Z"/>' FROM course AS o), '')
		|| '<line class="axis" x1="190" x2="990" y1="96" y2="96"/>'
		|| coalesce((SELECT string_agg('<text class="label" x="182" y="' || 105 + l.line * 22 - 5 || '"><title>' || hms_internal._hms_html(l.name) || '</title>'
				|| hms_internal._hms_html(CASE WHEN length(l.name) > 22 THEN left(l.name, 19) || '...' ELSE l.name END) || '</text>'
				|| '<line class="line" x1="190" x2="990" y1="' || 107 + l.line * 22 || '" y2="' || 107 + l.line * 22 || '"/>', '' ORDER BY l.line)
			FROM (SELECT s.line, coalesce(nullif(max(s.shown), ''), max(s.user_id)) AS name FROM stays AS s GROUP BY s.line) AS l), '')
		|| coalesce((SELECT string_agg('<rect class="stay r' || coalesce(array_position(_hms_report_chart.roles, s.role) - 1, 0) % 6
				|| '" rx="3" height="16" y="' || 88 + s.line * 22 || '" x="' || 190 + round(c.per_second * extract(epoch FROM s.begins_at - c.starts_at), 1)
				|| '" width="' || greatest(round(c.per_second * extract(epoch FROM s.ends_at - s.begins_at), 1), 1.5) || '"><title>'
				|| hms_internal._hms_html(coalesce(s.name, '') || ' (' || coalesce(s.role, '') || ') ' || to_char(s.begins_at, 'HH24:MI:SS') || ' to ' || to_char(s.ends_at, 'HH24:MI:SS'))
				|| '</title></rect>', '' ORDER BY s.line, s.begins_at)
			FROM stays AS s), '')
		|| '</svg>'
	FROM scale AS c CROSS JOIN peak AS p;
END;
COMMENT ON FUNCTION hms_internal._hms_report_chart(timestamptz, timestamptz, jsonb, text[]) IS
'Internal: the chart of a session as SVG';

-- The page of a report: see hms_report_html.  data: as _hms_report_data gives it.
CREATE FUNCTION hms_internal._hms_report_page(data jsonb, after timestamptz, before timestamptz)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH sessions AS MATERIALIZED (
		SELECT s.*, coalesce(s.ended_at, CASE WHEN s.active THEN statement_timestamp() END, s.started_at) AS stops_at
		FROM jsonb_to_recordset(nullif(_hms_report_page.data -> 'sessions', 'null'))
			AS s (session_id text, room text, started_at timestamptz, ended_at timestamptz, active boolean, length double precision,
				users integer, participant_minutes numeric, peak_peers integer)
	), talk AS MATERIALIZED (
		SELECT t.session_id, t.user_id,
			sum(t."on") FILTER (WHERE t.kind = 'audio') AS audio,
			sum(t."on") FILTER (WHERE t.kind = 'video') AS video,
			sum(t."on") FILTER (WHERE t.kind = 'screen') AS screen
		FROM jsonb_to_recordset(nullif(_hms_report_page.data -> 'talk', 'null'))
			AS t (session_id text, user_id text, kind text, "on" double precision)
		GROUP BY t.session_id, t.user_id
	), attendance AS MATERIALIZED (
		SELECT a.*, coalesce(nullif(a.name, ''), a.user_id) AS shown, t.audio, t.video, t.screen
		FROM jsonb_to_recordset(nullif(_hms_report_page.data -> 'attendance', 'null'))
			AS a (session_id text, user_id text, name text, roles text[], joins integer, first_joined_at timestamptz,
				last_left_at timestamptz, present double precision, minutes numeric, share numeric)
			LEFT JOIN talk AS t ON t.session_id = a.session_id AND t.user_id = a.user_id
	), stays AS MATERIALIZED (
		SELECT s.session_id, jsonb_agg(jsonb_build_object('user_id', s.user_id, 'name', a.name, 'role', s.role,
			'begins_at', s.begins_at, 'ends_at', s.ends_at)) AS stays
		FROM jsonb_to_recordset(nullif(_hms_report_page.data -> 'stays', 'null'))
			AS s (session_id text, user_id text, role text, begins_at timestamptz, ends_at timestamptz)
			LEFT JOIN attendance AS a ON a.session_id = s.session_id AND a.user_id = s.user_id
		GROUP BY s.session_id
	), roles AS MATERIALIZED (
		SELECT coalesce(array_agg(DISTINCT r.role ORDER BY r.role), '{}') AS roles
		FROM attendance AS a CROSS JOIN LATERAL unnest(a.roles) AS r (role)
	), people AS (
		SELECT a.user_id, (array_agg(a.shown ORDER BY a.first_joined_at DESC NULLS LAST))[1] AS shown,
			count(*) AS sessions, sum(a.joins) AS joins, sum(a.minutes) AS minutes, sum(a.present) AS present,
			sum(a.audio) AS audio, sum(a.video) AS video, sum(a.screen) AS screen
		FROM attendance AS a GROUP BY a.user_id
	), most AS (
		SELECT greatest(max(p.present), 1) AS present, greatest(max(p.audio), 1) AS audio FROM people AS p
	), head AS (
		SELECT coalesce('Room ' || nullif(_hms_report_page.data ->> 'title', ''), 'All rooms') AS title,
			concat_ws(' ', to_char(coalesce(_hms_report_page.after, min(s.started_at)), 'YYYY-MM-DD HH24:MI'), 'to',
				to_char(coalesce(_hms_report_page.before, max(s.stops_at)), 'YYYY-MM-DD HH24:MI TZ')) AS span,
			count(*) AS sessions, coalesce(sum(s.length), 0) AS length, coalesce(max(s.peak_peers), 0) AS peak,
			coalesce(sum(s.participant_minutes), 0) AS minutes
		FROM sessions AS s
	)
	SELECT '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
		|| '<meta http-equiv="Content-Security-Policy" content="default-src ''none''; style-src ''unsafe-inline''"><title>' || hms_internal._hms_html(h.title) || '</title><style>'
		|| ':root{--ink:#1c2330;--soft:#667085;--rule:#e4e7ec;--fill:#2f6fde;--c0:#2f6fde;--c1:#e07b39;--c2:#2a9d6f;--c3:#8a5cd1;--c4:#c2417c;--c5:#5b7083}'
		|| '*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:32px 28px;font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:var(--ink);background:#fff}'
		|| 'h1{font-size:26px;margin:0 0 2px}h2{font-size:18px;margin:36px 0 10px}h3{font-size:15px;margin:0}.soft{color:var(--soft);margin:0}'
		|| '.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0 0}.tile{flex:1 1 150px;border:1px solid var(--rule);border-radius:10px;padding:12px 14px}.tile b{display:block;font-size:24px;font-weight:650;line-height:1.2}.tile span{color:var(--soft)}'
		|| 'table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th{font-weight:600;text-align:left;color:var(--soft);font-size:12px}th,td{padding:5px 14px 5px 0;border-bottom:1px solid var(--rule);vertical-align:middle}.n{text-align:right}.b{white-space:nowrap}td:first-child{min-width:120px;overflow-wrap:anywhere}'
		|| '.id{color:var(--soft);font-size:12px}.bar{display:inline-block;height:8px;border-radius:4px;background:var(--fill);vertical-align:middle}.track{display:inline-block;width:110px;height:8px;border-radius:4px;background:var(--rule);line-height:0;text-align:left;margin-right:8px;vertical-align:middle}'
		|| 'section{border:1px solid var(--rule);border-radius:12px;padding:16px 18px;margin:0 0 18px}.live{background:#e7f6ee;color:#1b7a4c;border-radius:999px;padding:1px 9px;font-size:12px;margin-left:6px}'
		|| 'svg{display:block;width:100%;height:auto;margin:10px 0 6px}svg text{font-size:12px;fill:var(--ink);unicode-bidi:isolate}.label{text-anchor:end}.tick,svg .small{fill:var(--soft);font-size:11px}.tick{text-anchor:middle}svg .small{text-anchor:end}.grid{stroke:var(--rule)}.line{stroke:#f1f3f6}.axis{stroke:#98a2b3}.inside{fill:#2f6fde;fill-opacity:.2;stroke:#2f6fde;stroke-width:1.2}'
		|| '.stay{fill-opacity:.82}.r0{fill:var(--c0);background:var(--c0)}.r1{fill:var(--c1);background:var(--c1)}.r2{fill:var(--c2);background:var(--c2)}.r3{fill:var(--c3);background:var(--c3)}.r4{fill:var(--c4);background:var(--c4)}.r5{fill:var(--c5);background:var(--c5)}'
		|| '.key{display:inline-block;width:10px;height:10px;border-radius:3px;margin:0 5px 0 14px}.legend{margin:0 0 12px -14px}'
		|| '@media print{@page{size:A4;margin:14mm}body{padding:0;max-width:none;font-size:11px}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}tr,svg,.tile,.head{break-inside:avoid}h2,.head{break-after:avoid}thead{display:table-header-group}section{padding:10px 12px}.tile{padding:8px 10px;flex-basis:110px}.tile b{font-size:18px}th,td{padding-right:8px}th{font-size:9px}.id{font-size:9px}.track{width:56px;margin-right:5px}}'
		|| '</style></head><body><h1><bdi>' || hms_internal._hms_html(h.title) || '</bdi></h1><p class="soft">' || h.span || '</p>'
		|| '<div class="tiles"><div class="tile"><b>' || h.sessions || '</b><span>session' || CASE h.sessions WHEN 1 THEN '' ELSE 's' END || '</span></div>'
		|| '<div class="tile"><b>' || (SELECT count(*) FROM people) || '</b><span>people</span></div>'
		|| '<div class="tile"><b>' || hms_internal._hms_html_length(h.length) || '</b><span>in session</span></div>'
		|| '<div class="tile"><b>' || round(h.minutes) || '</b><span>participant minutes</span></div>'
		|| '<div class="tile"><b>' || h.peak || '</b><span>most at once</span></div></div>'
		|| CASE WHEN h.sessions = 0 THEN '<h2>No session began in this time.</h2>' ELSE
		'<h2>People</h2><table><thead><tr><th>Name</th><th class="n">Sessions</th><th class="n">Joins</th><th>Present</th><th class="n">Minutes</th><th>Microphone on</th><th class="n">Camera on</th><th class="n">Screen shared</th></tr></thead><tbody>'
		|| coalesce((SELECT string_agg('<tr><td><bdi>' || hms_internal._hms_html(p.shown) || '</bdi>'
				|| CASE WHEN p.user_id <> p.shown THEN ' <span class="id"><bdi>' || hms_internal._hms_html(p.user_id) || '</bdi></span>' ELSE '' END
				|| '</td><td class="n">' || p.sessions || '</td><td class="n">' || p.joins
				|| '</td><td class="b"><span class="track"><span class="bar" style="width:' || round((100 * p.present / m.present)::numeric, 1) || '%"></span></span>' || hms_internal._hms_html_length(p.present)
				|| '</td><td class="n">' || p.minutes
				|| '</td><td class="b"><span class="track"><span class="bar r2" style="width:' || round((100 * coalesce(p.audio, 0) / m.audio)::numeric, 1) || '%"></span></span>' || coalesce(hms_internal._hms_html_length(p.audio), '&ndash;')
				|| '</td><td class="n">' || coalesce(hms_internal._hms_html_length(p.video), '&ndash;') || '</td><td class="n">' || coalesce(hms_internal._hms_html_length(p.screen), '&ndash;') || '</td></tr>', ''
				ORDER BY p.present DESC, p.shown, p.user_id)
			FROM people AS p), '') || '</tbody></table>'
		|| '<h2>Sessions</h2><p class="soft legend">' || coalesce((SELECT string_agg('<span class="key r' || (r.place - 1) % 6 || '"></span><bdi>' || hms_internal._hms_html(r.role) || '</bdi>', '' ORDER BY r.place)
			FROM unnest(o.roles) WITH ORDINALITY AS r (role, place)), '') || '</p>'
		|| (SELECT string_agg('<section><div class="head"><h3><bdi>' || hms_internal._hms_html(s.room) || '</bdi>, ' || to_char(s.started_at, 'Dy YYYY-MM-DD HH24:MI')
				|| CASE WHEN s.active THEN '<span class="live">on now</span>' ELSE ' to ' || to_char(s.stops_at, 'HH24:MI') END
				|| '</h3><p class="soft">' || hms_internal._hms_html_length(s.length) || ', ' || s.users || CASE s.users WHEN 1 THEN ' person' ELSE ' people' END
				|| ', at most ' || s.peak_peers || ' at once, ' || s.participant_minutes || ' participant minutes</p></div>'
				|| hms_internal._hms_report_chart(s.started_at, s.stops_at, coalesce(y.stays, '[]'), o.roles)
				|| coalesce((SELECT '<table><thead><tr><th>Name</th><th>Role</th><th>Joined</th><th>Left</th><th class="n">Joins</th><th class="n">Minutes</th><th>Share</th><th class="n">Microphone</th><th class="n">Camera</th></tr></thead><tbody>'
					|| string_agg('<tr><td><bdi>' || hms_internal._hms_html(a.shown) || '</bdi></td><td><bdi>' || hms_internal._hms_html(array_to_string(a.roles, ', ')) || '</bdi></td><td>'
						|| coalesce(to_char(a.first_joined_at, 'HH24:MI:SS'), '&ndash;') || '</td><td>' || coalesce(to_char(a.last_left_at, 'HH24:MI:SS'), 'inside')
						|| '</td><td class="n">' || a.joins || '</td><td class="n">' || a.minutes
						|| '</td><td class="b">' || coalesce('<span class="track"><span class="bar" style="width:' || round(100 * a.share, 1) || '%"></span></span>' || round(100 * a.share) || '&nbsp;%', '&ndash;')
						|| '</td><td class="n">' || coalesce(hms_internal._hms_html_length(a.audio), '&ndash;') || '</td><td class="n">' || coalesce(hms_internal._hms_html_length(a.video), '&ndash;') || '</td></tr>', ''
						ORDER BY a.first_joined_at, a.shown, a.user_id)
					|| '</tbody></table>' FROM attendance AS a WHERE a.session_id = s.session_id HAVING count(*) > 0), '')
				|| '</section>', '' ORDER BY s.started_at, s.session_id)
			FROM sessions AS s LEFT JOIN stays AS y ON y.session_id = s.session_id)
		END
		|| '<p class="soft">Made ' || to_char(statement_timestamp(), 'YYYY-MM-DD HH24:MI TZ') || '. Times are of this time zone. Microphone and camera: how long they were on.</p></body></html>'
	FROM head AS h CROSS JOIN roles AS o CROSS JOIN most AS m;
END;
COMMENT ON FUNCTION hms_internal._hms_report_page(jsonb, timestamptz, timestamptz) IS
'Internal: a report as a page of HTML';

-- hms_report_html(schema, room_id, after, before)
--		A report to look at, print or mail, from a mirror.
--
-- Arguments: the mirror's schema; the room (NULL: all); sessions that began at or
-- after, at or before.  Returns one self-contained page of HTML: who was there and
-- for how long, and for each session how many were inside, a line a user of who was
-- in when, and who had the microphone or camera on.  Charts are inline SVG, nothing
-- is loaded and nothing runs, and every name is escaped.  Times are shown in the
-- session's time zone.
--
-- Errors: 42P01 (no mirror there).
CREATE FUNCTION @extschema@.hms_report_html(
	schema name,
	room_id text DEFAULT NULL,
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000
BEGIN ATOMIC
	SELECT hms_internal._hms_report_page(hms_internal._hms_report_data(hms_internal._hms_mirror(hms_report_html.schema, 'session_usage'), hms_internal._hms_schema(),
			hms_report_html.room_id, hms_report_html.after, hms_report_html.before),
		hms_report_html.after, hms_report_html.before);
END;
COMMENT ON FUNCTION @extschema@.hms_report_html(name, text, timestamptz, timestamptz) IS
'A report of a room, or of all, as one page of HTML to look at, print or mail';
REVOKE ALL ON FUNCTION @extschema@.hms_report_html(name, text, timestamptz, timestamptz) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Operation
-- ---------------------------------------------------------------------------

-- Is everything set up, and does it work?  A row for each check; what fails is
-- a row, not an error.  Makes one request for each account: the settings, and each
-- foreign server that the caller may use.
-- Source: GET /rooms
CREATE FUNCTION hms_internal._hms_check(OUT "check" text, OUT ok boolean, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 10
AS 'MODULE_PATHNAME', 'hms_check';
COMMENT ON FUNCTION hms_internal._hms_check() IS 'Internal: the checks that need no catalog';

CREATE FUNCTION @extschema@.hms_check(OUT "check" text, OUT ok boolean, OUT detail text)
RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 10000 ROWS 10
BEGIN ATOMIC
	SELECT c."check", c.ok, c.detail FROM hms_internal._hms_check() c
	UNION ALL
	SELECT 'secret visibility', count(*) = 0,
		CASE WHEN count(*) = 0 THEN 'no role or database setting shows a secret'
			ELSE 'hms.secret, hms.webhook_secret or hms.webhook_key is set by ALTER ROLE or ALTER DATABASE, where every role can read it in pg_db_role_setting'
		END
	FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c (setting)
	WHERE c.setting ~ '^hms\.(secret|webhook_secret|webhook_key)=.';
END;
COMMENT ON FUNCTION @extschema@.hms_check() IS
'Checks of settings, library, connection, token and clock, and of each foreign server that the caller may use; makes one request for each account';
REVOKE ALL ON FUNCTION @extschema@.hms_check() FROM PUBLIC;

-- This backend's counters since it started: requests sent, of them repeated
-- ones, pages and rows read, bytes of answers (decompressed), tokens signed,
-- and the time it waited for 100ms.
CREATE FUNCTION @extschema@.hms_stats(
	OUT requests bigint,
	OUT retries bigint,
	OUT pages bigint,
	OUT "rows" bigint,
	OUT bytes bigint,
	OUT tokens_minted bigint,
	OUT seconds_waited double precision)
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_stats';
COMMENT ON FUNCTION @extschema@.hms_stats() IS
'What this backend has asked of 100ms since it started';

-- The functions of a level.  tokens: what an app needs to let its users in;
-- read: reports, lists, the mirror and hms_check; write: what changes something at 100ms,
-- and what shows stream keys, storage keys or links to recordings; all: these and
-- what reaches everything (any endpoint, management tokens).
CREATE FUNCTION hms_internal._hms_functions(level text)
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
		AND p.proname NOT IN ('hms_grant', 'hms_revoke', 'hms_stats', 'hms_help')
		AND (level = 'all'
			OR level = CASE
				WHEN p.proname IN ('hms_auth_token', 'hms_verify_token') THEN 'tokens'
				WHEN p.proname LIKE 'hms\_api\_%' OR p.proname = 'hms_management_token' THEN 'all'
				WHEN p.proname IN ('hms_stream_key', 'hms_template', 'hms_templates',
					'hms_template_settings', 'hms_template_destinations',
					'hms_legacy_templates') THEN 'write'
				WHEN p.provolatile = 's' OR p.proname IN ('hms_create_mirror', 'hms_create_reports', 'hms_sync',
					'hms_receive_webhook', 'hms_report_html', 'hms_check') THEN 'read'
				ELSE 'write'
			END);
END;
COMMENT ON FUNCTION hms_internal._hms_functions(text) IS
'Internal: the functions that hms_grant grants at a level';

-- GRANT or REVOKE EXECUTE on functions.
CREATE FUNCTION hms_internal._hms_set_privileges(
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
		EXECUTE format('%s EXECUTE ON ROUTINE %s %s %s',
			command, function, direction, role);
	END LOOP;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_set_privileges(text, text, regrole, text, regprocedure[]) IS
'Internal: GRANT or REVOKE EXECUTE on functions';
REVOKE ALL ON FUNCTION hms_internal._hms_set_privileges(text, text, regrole, text, regprocedure[]) FROM PUBLIC;

-- Let a role execute the functions of a level: tokens, read, write or all.
-- Levels add up: grant each that is wanted.
-- Errors: 22023 (no such level), 42501 (the caller owns neither).
CREATE FUNCTION @extschema@.hms_grant(role regrole, level text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT hms_internal._hms_set_privileges('GRANT', 'TO', role, level,
		ARRAY(SELECT f FROM hms_internal._hms_functions(level) f ORDER BY f));
END;
COMMENT ON FUNCTION @extschema@.hms_grant(regrole, text) IS
'Let a role execute the functions of a level: tokens, read, write or all';
REVOKE ALL ON FUNCTION @extschema@.hms_grant(regrole, text) FROM PUBLIC;

-- Take it back.
CREATE FUNCTION @extschema@.hms_revoke(role regrole, level text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT hms_internal._hms_set_privileges('REVOKE', 'FROM', role, level,
		ARRAY(SELECT f FROM hms_internal._hms_functions(level) f ORDER BY f));
END;
COMMENT ON FUNCTION @extschema@.hms_revoke(regrole, text) IS
'Take the functions of a level from a role: tokens, read, write or all';
REVOKE ALL ON FUNCTION @extschema@.hms_revoke(regrole, text) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Help: what there is, on a screen
-- ---------------------------------------------------------------------------

-- Of each function a few words, where its COMMENT has more than fit into a line of
-- hms_help(), and an example, which runs as it stands in script/demo.
CREATE FUNCTION hms_internal.examples(OUT function text, OUT brief text, OUT example text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT e.* FROM (VALUES
		('hms_auth_token', 'Let a user into a room', $$SELECT hms_auth_token(id, 'student', 'user-17') FROM hms_rooms('math-101')$$),
		('hms_management_token', 'A token for the whole API', $$SELECT hms_management_token(valid_for => '1 hour')$$),
		('hms_verify_token', 'The claims of a token of ours', $$SELECT hms_verify_token(hms_auth_token('room', 'student'))$$),
		('hms_rooms', 'Rooms, newest first', $$SELECT id, name, enabled FROM hms_rooms() ORDER BY name$$),
		('hms_room', NULL, $$SELECT * FROM hms_room((SELECT id FROM hms_rooms('math-101')))$$),
		('hms_create_room', 'Make a room, or change it', $$SELECT id, name FROM hms_create_room('{"name": "standup"}')$$),
		('hms_update_room', NULL, $$SELECT (hms_update_room(id, '{"size": 30}')).size FROM hms_rooms('math-101')$$),
		('hms_enable_room', NULL, $$SELECT (hms_enable_room(id)).enabled FROM hms_rooms('latin:old')$$),
		('hms_disable_room', 'Let nobody join a room', $$SELECT (hms_disable_room(id)).enabled FROM hms_rooms('open-day')$$),
		('hms_sessions', 'Sessions, newest first', $$SELECT s.id, s.active, s.created_at FROM hms_rooms('math-101') r, hms_sessions(r.id) s LIMIT 5$$),
		('hms_session', NULL, $$SELECT * FROM hms_session((SELECT id FROM hms_sessions() LIMIT 1))$$),
		('hms_active_session', 'The session on in a room', $$SELECT s.id, s.created_at FROM hms_rooms('math-101') r, hms_active_session(r.id) s$$),
		('hms_session_peers', 'Peers of sessions: the stays', $$SELECT name, role, joined_at FROM hms_session_peers(active => true)$$),
		('hms_active_room', 'A room with somebody in it', $$SELECT a.* FROM hms_rooms('math-101') r, hms_active_room(r.id) a$$),
		('hms_active_peers', NULL, $$SELECT p.name, p.role FROM hms_rooms('math-101') r, hms_active_peers(r.id) p$$),
		('hms_active_peer', 'A peer that is in a room now', $$SELECT q.* FROM hms_rooms('math-101') r, hms_active_peers(r.id) p, hms_active_peer(r.id, p.id) q$$),
		('hms_update_peer', 'Change a peer in a room', $$SELECT hms_update_peer(r.id, p.id, '{"name": "Ann"}') FROM hms_rooms('math-101') r, hms_active_peers(r.id) p LIMIT 1$$),
		('hms_send_message', 'Send to a peer or a role', $$SELECT hms_send_message(id, 'quiet', role => 'student') FROM hms_rooms('math-101')$$),
		('hms_broadcast_message', 'Send to everybody in a room', $$SELECT hms_broadcast_message(id, 'over') FROM hms_rooms('math-101')$$),
		('hms_remove_peers', 'Remove peers from a room', $$SELECT hms_remove_peers(id, role => 'student') FROM hms_rooms('math-101')$$),
		('hms_end_room', 'End the session of a room', $$SELECT hms_end_room(id, 'over') FROM hms_rooms('math-101')$$),
		('hms_track_events', 'Added, muted, removed tracks', $$SELECT e.timestamp, e.user_name, e.type, e.track_type FROM hms_rooms('math-101') r, hms_track_events(r.id) e LIMIT 10$$),
		('hms_recording_events', 'Completed recordings', $$SELECT e.started_at, e.duration FROM hms_rooms('math-101') r, hms_recording_events(r.id) e$$),
		('hms_error_events', 'Errors of clients of a room', $$SELECT e.timestamp, e.error_name FROM hms_rooms('physics-9b') r, hms_error_events(r.id) e$$),
		('hms_analytics_events', 'Events of a room, of any kind', $$SELECT e.timestamp, e.type FROM hms_rooms('math-101') r, hms_analytics_events(r.id, type => ARRAY['track.add.success']) e LIMIT 5$$),
		('hms_peer_quality_stats', 'How the tracks of a peer did', $$SELECT q.kind, q.timestamp, q.rtt_ms FROM hms_session_peers(active => false, after => now() - interval '3 days') p, hms_peer_quality_stats(p.session_id, p.id) q LIMIT 5$$),
		('hms_webhook_events', 'Deliveries of webhooks', $$SELECT event_name, event_timestamp FROM hms_webhook_events(start_time => now() - interval '1 day') LIMIT 5$$),
		('hms_replay_webhook_events', 'Send failed webhooks again', $$SELECT hms_replay_webhook_events(now() - interval '3 hours', now())$$),
		('hms_webhook_replay', 'A replay of webhooks', $$SELECT w.* FROM hms_replay_webhook_events(now() - interval '1 day', now()) r, hms_webhook_replay(r.workflow_id) w$$),
		('hms_room_codes', NULL, $$SELECT c.code, c.role FROM hms_rooms('math-101') r, hms_room_codes(r.id) c$$),
		('hms_create_room_codes', 'Make a code for each role', $$SELECT c.code, c.role FROM hms_rooms('open-day') r, hms_create_room_codes(r.id) c$$),
		('hms_create_room_code', 'Make a code for a role', $$SELECT (hms_create_room_code(id, 'viewer')).code FROM hms_rooms('open-day')$$),
		('hms_enable_room_code', 'Let a room code work again', $$SELECT hms_enable_room_code(c.code) FROM hms_rooms('math-101') r, hms_room_codes(r.id) c$$),
		('hms_disable_room_code', 'Let a room code work no more', $$SELECT hms_disable_room_code(c.code) FROM hms_rooms('math-101') r, hms_room_codes(r.id) c$$),
		('hms_live_streams', NULL, $$SELECT id, status, started_at FROM hms_live_streams() LIMIT 5$$),
		('hms_live_stream', 'A live stream by id', $$SELECT * FROM hms_live_stream((SELECT id FROM hms_live_streams() LIMIT 1))$$),
		('hms_start_live_stream', NULL, $$SELECT (hms_start_live_stream(id)).status FROM hms_rooms('math-101')$$),
		('hms_stop_live_stream', NULL, $$SELECT (hms_stop_live_stream(id)).status FROM hms_live_streams(status => 'running')$$),
		('hms_stop_live_streams', 'Stop live streams of a room', $$SELECT s.id FROM hms_rooms('english-lit') r, hms_stop_live_streams(r.id) s$$),
		('hms_pause_live_stream_recording', 'Pause its recording', $$SELECT hms_pause_live_stream_recording(id) FROM hms_live_streams(status => 'running')$$),
		('hms_resume_live_stream_recording', 'Go on with its recording', $$SELECT hms_resume_live_stream_recording(id) FROM hms_live_streams(status => 'running')$$),
		('hms_send_timed_metadata', 'Put text into a live stream', $$SELECT hms_send_timed_metadata(id, 'question 3', 20) FROM hms_live_streams(status => 'running')$$),
		('hms_recordings', NULL, $$SELECT id, status, started_at FROM hms_recordings() LIMIT 5$$),
		('hms_recording', NULL, $$SELECT * FROM hms_recording((SELECT id FROM hms_recordings() LIMIT 1))$$),
		('hms_start_recording', NULL, $$SELECT (hms_start_recording(id)).status FROM hms_rooms('english-lit')$$),
		('hms_stop_recording', NULL, $$SELECT (hms_stop_recording(id)).status FROM hms_recordings(status => 'running')$$),
		('hms_stop_recordings', 'Stop recordings of a room', $$SELECT s.id FROM hms_rooms('math-101') r, hms_stop_recordings(r.id) s$$),
		('hms_pause_recording', 'Pause recording a room', $$SELECT hms_pause_recording(id) FROM hms_rooms('math-101')$$),
		('hms_resume_recording', 'Go on recording a room', $$SELECT hms_resume_recording(id) FROM hms_rooms('math-101')$$),
		('hms_recording_assets', 'Files of recordings', $$SELECT type, status, created_at FROM hms_recording_assets() LIMIT 5$$),
		('hms_recording_asset', 'A file of a recording by id', $$SELECT * FROM hms_recording_asset((SELECT id FROM hms_recording_assets() LIMIT 1))$$),
		('hms_presigned_url', 'A link to a recording''s file', $$SELECT url FROM hms_recording_assets() a, hms_presigned_url(a.id, '1 day') LIMIT 1$$),
		('hms_transcript', 'Who said what, and when', $$SELECT t.name, t.sentence FROM hms_recording_assets() a, hms_transcript(a.id) t WHERE a.type = 'transcript' LIMIT 5$$),
		('hms_summary', NULL, $$SELECT s.title, s.bullets FROM hms_recording_assets() a, hms_summary(a.id) s WHERE a.type = 'summary' LIMIT 5$$),
		('hms_chat', 'Messages of a recorded chat', $$SELECT c.sent_at, c.name, c.message FROM hms_recording_assets() a, hms_chat(a.id) c WHERE a.type = 'chat' LIMIT 5$$),
		('hms_session_transcript', 'What was said in a session', $$SELECT t.starts_at, t.name, t.sentence FROM hms_sessions(active => false) s, hms_session_transcript(s.id) t LIMIT 5$$),
		('hms_session_summary', 'The summaries of a session', $$SELECT t.title, t.bullets, t.paragraph FROM hms_sessions(active => false) s, hms_session_summary(s.id) t LIMIT 5$$),
		('hms_session_chat', 'The chat of a session', $$SELECT t.sent_at, t.name, t.message FROM hms_sessions(active => false) s, hms_session_chat(s.id) t LIMIT 5$$),
		('hms_external_streams', 'External streams', $$SELECT id, status, rtmp_urls FROM hms_external_streams() LIMIT 5$$),
		('hms_external_stream', 'An external stream by id', $$SELECT * FROM hms_external_stream((SELECT id FROM hms_external_streams() LIMIT 1))$$),
		('hms_start_external_stream', 'Stream a room to RTMP', $$SELECT hms_start_external_stream(id, '{"rtmp_urls": ["rtmp://x.example/k"]}') FROM hms_rooms('math-101')$$),
		('hms_stop_external_stream', NULL, $$SELECT hms_stop_external_stream(s.id) FROM hms_rooms('math-101') r, hms_start_external_stream(r.id, '{"rtmp_urls": ["rtmp://x.example/k"]}') s$$),
		('hms_stop_external_streams', 'Stop those of a room', $$SELECT t.id FROM hms_rooms('math-101') r, hms_start_external_stream(r.id, '{"rtmp_urls": ["rtmp://x.example/k"]}') s, hms_stop_external_streams(s.room_id) t$$),
		('hms_stream_key', 'The stream key of a room', $$SELECT k.url FROM hms_rooms('history-7a') r, hms_stream_key(r.id) k$$),
		('hms_create_stream_key', NULL, $$SELECT (hms_create_stream_key(id)).url FROM hms_rooms('math-101')$$),
		('hms_disable_stream_key', 'Let a stream key work no more', $$SELECT hms_disable_stream_key(id) FROM hms_rooms('history-7a')$$),
		('hms_create_poll', NULL, $$SELECT id FROM hms_create_poll('{"title": "Stars?", "questions": [{"text": "How many?", "options": [{"text": "one"}, {"text": "two"}]}]}')$$),
		('hms_poll', NULL, $$SELECT p.title, p.type FROM hms_rooms('math-101') r, hms_poll(r.polls[1]) p$$),
		('hms_update_poll', NULL, $$SELECT hms_update_poll(polls[1], '{"title": "Stars!", "questions": []}') FROM hms_rooms('math-101')$$),
		('hms_update_poll_question', 'Replace a question', $$SELECT hms_update_poll_question(polls[1], 1, '{"text": "1 + 1 = ?", "options": [{"text": "2"}, {"text": "3"}]}') FROM hms_rooms('math-101')$$),
		('hms_delete_poll_question', 'Remove a question of a poll', $$SELECT hms_delete_poll_question(polls[1], 3) FROM hms_rooms('math-101')$$),
		('hms_update_poll_option', 'Replace an option', $$SELECT hms_update_poll_option(polls[1], 1, 1, '{"text": "0.75"}') FROM hms_rooms('math-101')$$),
		('hms_delete_poll_option', 'Remove an option', $$SELECT hms_delete_poll_option(polls[1], 1, 3) FROM hms_rooms('math-101')$$),
		('hms_poll_sessions', 'The runs of a poll', $$SELECT s.* FROM hms_rooms('math-101') r, hms_poll_sessions(r.polls[1]) s$$),
		('hms_poll_session', 'The runs of it in a session', $$SELECT t.* FROM hms_rooms('math-101') r, hms_poll_sessions(r.polls[1]) s, hms_poll_session(s.poll_id, s.session_id) t$$),
		('hms_poll_responses', NULL, $$SELECT a.question, a.user_id, a.skipped FROM hms_rooms('math-101') r, hms_poll_responses(r.polls[1]) a LIMIT 5$$),
		('hms_poll_response', 'An answer to a poll by id', $$SELECT b.* FROM hms_rooms('math-101') r, hms_poll_responses(r.polls[1]) a, hms_poll_response(a.poll_id, a.id) b LIMIT 1$$),
		('hms_poll_results', 'The scores of a poll', $$SELECT s.user_id, s.question, s.score FROM hms_rooms('math-101') r, hms_poll_results(r.polls[1]) s LIMIT 5$$),
		('hms_poll_result', 'A score of a poll by id', $$SELECT t.* FROM hms_rooms('math-101') r, hms_poll_results(r.polls[1]) s, hms_poll_result(s.poll_id, s.id) t LIMIT 1$$),
		('hms_link_polls', 'Give a room its polls', $$SELECT hms_link_polls(id, polls) FROM hms_rooms('math-101')$$),
		('hms_templates', 'All templates', $$SELECT id, name FROM hms_templates()$$),
		('hms_template', 'A template by id', $$SELECT t.name, t.settings FROM hms_rooms('math-101') r, hms_template(r.template_id) t$$),
		('hms_create_template', 'Make a template', $$SELECT id FROM hms_create_template('{"name": "lesson", "roles": {"host": {}}}')$$),
		('hms_update_template', 'Overwrite a template', $$SELECT (hms_update_template(id, jsonb_build_object('name', 'school', 'roles', roles, 'settings', settings, 'destinations', destinations))).name FROM hms_templates() WHERE name = 'school'$$),
		('hms_role', 'A role of a template', $$SELECT o.* FROM hms_templates() t, hms_role(t.id, 'teacher') o WHERE t.name = 'school'$$),
		('hms_create_role', 'Make a role of a template', $$SELECT (hms_create_role(id, 'observer', '{"priority": 3}')).name FROM hms_templates() WHERE name = 'school'$$),
		('hms_delete_role', 'Remove a role', $$SELECT hms_delete_role(id, 'guest') FROM hms_templates() WHERE name = 'school'$$),
		('hms_template_settings', 'Settings of a template', $$SELECT s.* FROM hms_templates() t, hms_template_settings(t.id) s$$),
		('hms_update_template_settings', 'Change its settings', $$SELECT hms_update_template_settings(id, '{"region": "eu"}') FROM hms_templates() WHERE name = 'school'$$),
		('hms_template_destinations', 'Destinations of a template', $$SELECT d.* FROM hms_templates() t, hms_template_destinations(t.id) d$$),
		('hms_update_template_destinations', 'Set its destinations', $$SELECT hms_update_template_destinations(id, destinations) FROM hms_templates() WHERE name = 'school'$$),
		('hms_template_recordings', 'What a template records', $$SELECT c.* FROM hms_templates() t, hms_template_recordings(t.id) c$$),
		('hms_update_template_recordings', 'Set what it records', $$SELECT hms_update_template_recordings(id, '[{"name": "all", "role": "teacher", "maxDuration": 3600}]') FROM hms_templates() WHERE name = 'school'$$),
		('hms_create_sip_outbound_trunk', 'Make a SIP trunk', $$SELECT hms_create_sip_outbound_trunk('user', 'password', 'sip.example', '+49301234')$$),
		('hms_update_sip_outbound_trunk', NULL, $$SELECT hms_update_sip_outbound_trunk(t.id, address => 'sip2.example') FROM hms_create_sip_outbound_trunk('user', 'password', 'sip.example', '+49301234') t$$),
		('hms_start_sip_outbound_call', 'Call somebody into a room', $$SELECT hms_start_sip_outbound_call('+49305678', c.code, t.id) FROM hms_rooms('math-101') r, hms_room_codes(r.id, role => 'student') c, hms_create_sip_outbound_trunk('user', 'password', 'sip.example', '+49301234') t$$),
		('hms_send_dtmf', 'Send tones to SIP peers', $$SELECT hms_send_dtmf(id, 'student', ARRAY['1', '#']) FROM hms_rooms('math-101')$$),
		('hms_start_beam', 'Record or stream (legacy)', $$SELECT hms_start_beam(id, 'https://school.example/preview', record => true) FROM hms_rooms('english-lit')$$),
		('hms_stop_beam', 'End that (legacy)', $$SELECT hms_start_beam(id, 'https://school.example/preview', record => true), hms_stop_beam(id) FROM hms_rooms('english-lit')$$),
		('hms_legacy_create_room', 'Make a room (legacy)', $$SELECT hms_legacy_create_room('{"name": "standup"}')$$),
		('hms_legacy_disable_room', 'Disable a room (legacy)', $$SELECT hms_legacy_disable_room('open-day')$$),
		('hms_legacy_sessions', 'Sessions (legacy)', $$SELECT id, active, created_at FROM hms_legacy_sessions() LIMIT 5$$),
		('hms_legacy_templates', 'Templates (legacy)', $$SELECT t.* FROM hms_legacy_templates() t LIMIT 1$$),
		('hms_legacy_create_template', 'Make a template (legacy)', $$SELECT hms_legacy_create_template('{"name": "lesson", "roles": {"host": {}}}')$$),
		('hms_legacy_update_template', 'Overwrite one (legacy)', $$SELECT hms_legacy_update_template('{"roles": {"host": {}}, "settings": {}}', name => 'school')$$),
		('hms_legacy_role', 'A role (legacy)', $$SELECT o.* FROM hms_templates() t, hms_legacy_role(t.id, 'teacher') o WHERE t.name = 'school'$$),
		('hms_legacy_create_role', 'Make a role (legacy)', $$SELECT hms_legacy_create_role(id, 'observer', '{"priority": 3}') FROM hms_templates() WHERE name = 'school'$$),
		('hms_legacy_delete_role', 'Remove a role (legacy)', $$SELECT hms_legacy_delete_role(id, 'guest') FROM hms_templates() WHERE name = 'school'$$),
		('hms_legacy_template_settings', 'Its settings (legacy)', $$SELECT s.* FROM hms_templates() t, hms_legacy_template_settings(t.id) s$$),
		('hms_legacy_update_template_settings', 'Change its region (legacy)', $$SELECT hms_legacy_update_template_settings(id, 'eu') FROM hms_templates() WHERE name = 'school'$$),
		('hms_api_get', 'The answer of any GET', $$SELECT hms_api_get('/rooms', '{"name": "math-101"}') -> 'data' -> 0 ->> 'id'$$),
		('hms_api_list', 'The rows of any list', $$SELECT room ->> 'name' FROM hms_api_list('/rooms') AS room$$),
		('hms_api_post', 'The answer of any POST', $$SELECT hms_api_post('/rooms', '{"name": "standup"}') ->> 'id'$$),
		('hms_api_delete', 'The answer of any DELETE', $$SELECT hms_api_delete(format('/polls/%s/questions/3', polls[1])) FROM hms_rooms('math-101')$$),
		('hms_attendance', 'Who was there, for how long', $$SELECT a.name, a.joins, a.share FROM hms_rooms('math-101') r, hms_attendance(r.id) a$$),
		('hms_session_usage', 'Length and users of sessions', $$SELECT u.started_at, u.duration, u.users FROM hms_rooms('math-101') r, hms_session_usage(r.id) u$$),
		('hms_talk_time', 'Whose microphone was on', $$SELECT t.user_id, t.track_type, t.on_time FROM hms_rooms('math-101') r, hms_talk_time(r.id) t$$),
		('hms_concurrency', 'How many were in, over time', $$SELECT c.at, c.peers FROM hms_rooms('math-101') r, hms_concurrency(r.id, step => '10 minutes') c LIMIT 10$$),
		('hms_quality', 'How its connections did', $$SELECT q.name, q.direction, q.rtt_p95, q.loss_p95 FROM hms_quality((SELECT id FROM hms_sessions(active => false) LIMIT 1)) q$$),
		('hms_error_summary', 'What went wrong at clients', $$SELECT s.error_name, s.errors, s.users FROM hms_rooms('physics-9b') r, hms_error_summary(r.id) s$$),
		('hms_create_reports', 'Make report views of a schema', $$SELECT hms_create_reports('video')$$),
		('hms_create_mirror', 'Make tables for a copy', $$SELECT hms_create_mirror('video')$$),
		('hms_sync', 'Bring the copy up to date', $$CALL hms_sync('video')$$),
		('hms_receive_webhook', 'Take a webhook into it', $$SELECT hms_receive_webhook('video', '{"id": "e-1", "type": "room.end.success"}')$$),
		('hms_report_html', 'A report as a page of HTML', $$SELECT hms_report_html('video', after => now() - interval '7 days')$$),
		('hms_check', 'Is everything set up right?', $$SELECT * FROM hms_check()$$),
		('hms_help', 'What there is', $$SELECT * FROM hms_help('attendance')$$),
		('hms_stats', 'What this backend has asked', $$SELECT requests, pages, rows, seconds_waited FROM hms_stats()$$),
		('hms_grant', 'Let a role use a level', $$SELECT hms_grant('app', 'tokens')$$),
		('hms_revoke', 'Take a level from a role', $$SELECT hms_revoke('app', 'tokens')$$)
	) AS e (function, brief, example);
END;
COMMENT ON FUNCTION hms_internal.examples() IS
'Internal: each function in a few words, and an example of it';

-- A text cut into lines of at most that many characters: between words or, of a
-- list, behind commas.
CREATE FUNCTION hms_internal.lines_of(text text, width integer, is_list boolean)
RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT rtrim(m.match[1])
	FROM regexp_matches(text, CASE
			WHEN is_list THEN format('(.{1,%s}(?:,|$))\s*', width - 1)
			ELSE format('(.{1,%s}(?=\s|$)|\S{%1$s})\s*', width)
		END, 'g') AS m (match);
END;
COMMENT ON FUNCTION hms_internal.lines_of(text, integer, boolean) IS
'Internal: a text as lines of a certain width';

-- The public functions, one a name, and all that there is to say of each.
CREATE FUNCTION hms_internal.functions_described(
	OUT place oid,
	OUT name text,
	OUT level text,
	OUT what text,
	OUT brief text,
	OUT arguments text[],
	OUT columns text,
	OUT endpoints text[],
	OUT example text)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH level AS (
		SELECT DISTINCT ON (f.f) f.f::oid AS oid, l.level
		FROM unnest(ARRAY['tokens', 'read', 'write', 'all']) WITH ORDINALITY AS l (level, place),
			hms_internal._hms_functions(l.level) AS f
		ORDER BY f.f, l.place
	), described AS (
		SELECT p.oid, p.proname::text AS name,
			CASE WHEN has_function_privilege('public', p.oid, 'EXECUTE') THEN 'public'
				ELSE coalesce(v.level, 'owner') END AS level,
			regexp_replace(obj_description(p.oid, 'pg_proc'),
				' *\((GET|POST|DELETE) [^)]*\)$', '') AS what,
			coalesce(a.arguments, 'none') AS arguments,
			CASE
				WHEN p.prokind = 'p' THEN 'none'
				WHEN a.columns IS NOT NULL THEN a.columns
				WHEN t.typrelid <> 0 THEN (
					SELECT string_agg(format('%s %s', c.attname, format_type(c.atttypid, NULL)), ', ' ORDER BY c.attnum)
					FROM pg_attribute AS c
					WHERE c.attrelid = t.typrelid AND c.attnum > 0 AND NOT c.attisdropped)
				ELSE format_type(p.prorettype, NULL)
			END AS columns
		FROM pg_depend AS d
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'hms'
		JOIN pg_proc AS p ON p.oid = d.objid
		JOIN pg_type AS t ON t.oid = p.prorettype
		LEFT JOIN level AS v ON v.oid = p.oid
		CROSS JOIN LATERAL (
			SELECT string_agg(CASE
						WHEN n.value IS NULL THEN n.argument
						WHEN n.value ~ '^NULL|not_given' THEN format('[%s]', n.argument)
						ELSE format('[%s = %s]', n.argument, n.value)
					END, ', ' ORDER BY n.place) FILTER (WHERE n.mode IN ('i', 'b', 'v')) AS arguments,
				string_agg(n.argument, ', ' ORDER BY n.place) FILTER (WHERE n.mode IN ('o', 't')) AS columns
			FROM (
				SELECT g.place, coalesce(g.mode, 'i') AS mode,
					format('%s %s', g.name, format_type(g.type, NULL)) AS argument,
					regexp_replace(pg_get_function_arg_default(p.oid, g.place::integer),
						'::[a-z ]+(\[\])?$', '') AS value
				FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes)
					WITH ORDINALITY AS g (type, name, mode, place)
			) AS n
		) AS a
		WHERE d.classid = 'pg_catalog.pg_proc'::regclass
			AND d.refclassid = 'pg_catalog.pg_extension'::regclass
			AND d.deptype = 'e'
			AND p.proname LIKE 'hms\_%'
	)
	SELECT min(d.oid), d.name, min(d.level), (array_agg(d.what ORDER BY d.oid))[1], min(x.brief),
		array_agg(replace(d.arguments, 'timestamp with time zone', 'timestamptz') ORDER BY d.oid),
		replace((array_agg(d.columns ORDER BY d.oid))[1], 'timestamp with time zone', 'timestamptz'),
		ARRAY(SELECT DISTINCT format('%s %s', n.method, n.path)
			FROM hms_internal._hms_endpoints() AS n
			WHERE d.name = ANY (n.functions) ORDER BY 1),
		min(x.example)
	FROM described AS d LEFT JOIN hms_internal.examples() AS x ON x.function = d.name
	GROUP BY d.name;
END;
COMMENT ON FUNCTION hms_internal.functions_described() IS
'Internal: the public functions and what there is to say of each';

-- What there is: a line a function, those that have the word in any of their
-- texts.  Of a function whose name the word is, with or without hms_, all that
-- there is to know of it.  level: which hms_grant() grants it; public: anybody
-- may; owner: only who owns it.  In psql it is at most 80 characters wide.
CREATE FUNCTION @extschema@.hms_help(
	word text DEFAULT NULL,
	OUT function text,
	OUT what text,
	OUT level text)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH found AS (
		SELECT d.*, coalesce(lower(word) IN (d.name, substr(d.name, 5)), false) AS is_it,
			coalesce(strpos(lower(d.name || ' ' || d.what), lower(word)) > 0, true) AS is_near,
			CASE WHEN word IS NULL OR length(d.name) < 33 THEN d.name ELSE 'name' END AS label
		FROM hms_internal.functions_described() AS d
		WHERE word IS NULL OR d.name = lower(word) OR (word NOT LIKE 'hms\_%'
			AND strpos(lower(concat_ws(' ', d.name, d.what, d.brief, d.arguments::text, d.columns,
				d.endpoints::text, d.example)), lower(word)) > 0)
	), screen AS (
		SELECT 72 - greatest(max(length(f.label)), 9) - greatest(max(length(f.level)), 5) AS width
		FROM found AS f
	), entry AS (
		-- of the one that was meant: parts, each of some lines
		SELECT 1 AS part, f.label, CASE f.label WHEN 'name' THEN f.name || ': ' ELSE '' END || f.what AS text,
			false AS is_list, f.level
		FROM found AS f WHERE f.is_it
		UNION ALL
		SELECT 1 + a.place::integer, CASE a.place WHEN 1 THEN 'arguments' ELSE 'or' END, a.arguments, true, NULL
		FROM found AS f, unnest(f.arguments) WITH ORDINALITY AS a (arguments, place) WHERE f.is_it
		UNION ALL
		SELECT 100, 'columns', f.columns, true, NULL FROM found AS f WHERE f.is_it
		UNION ALL
		SELECT 100 + e.place::integer, CASE e.place WHEN 1 THEN 'endpoint' ELSE 'and' END, e.endpoint, false, NULL
		FROM found AS f, unnest(f.endpoints) WITH ORDINALITY AS e (endpoint, place) WHERE f.is_it
		UNION ALL
		SELECT 200 + e.place::integer, CASE e.place WHEN 1 THEN 'example' END, e.clause, false, NULL
		FROM found AS f,
			regexp_split_to_table(regexp_replace(f.example, '(\w{20}\()', '\1 ', 'g') || ';',
				' (?=(FROM|WHERE|ORDER|LIMIT) )') WITH ORDINALITY AS e (clause, place)
		WHERE f.is_it
	)
	SELECT o.function, o.what, o.level
	FROM (
		SELECT n.part, l.place, CASE l.place WHEN 1 THEN n.label END, l.line,
			CASE l.place WHEN 1 THEN n.level END
		FROM entry AS n, screen AS s,
			hms_internal.lines_of(n.text, s.width, n.is_list) WITH ORDINALITY AS l (line, place)
		UNION ALL
		SELECT CASE WHEN f.is_near THEN 1000 ELSE 1001 END, f.place::bigint, f.name, CASE WHEN length(f.what) <= s.width THEN f.what ELSE coalesce(f.brief, left(f.what, s.width)) END, f.level
		FROM found AS f, screen AS s WHERE NOT f.is_it
	) AS o (part, place, function, what, level)
	ORDER BY o.part, o.place;
END;
COMMENT ON FUNCTION @extschema@.hms_help(text) IS
'What there is: a line a function; of one function all there is to know';

