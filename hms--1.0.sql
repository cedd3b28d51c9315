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
 *
 * "-- part: library" begins what calls the library, "-- part: sql" what does
 * not: script/tle makes an extension of the latter.
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
	template_id text,
	template text,
	region text,
	large_room boolean,
	size integer,
	max_duration_seconds integer,
	polls text[],
	key text,
	created_at timestamptz,
	updated_at timestamptz,
	recording_info jsonb,
	webhook jsonb,
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
	created_at timestamptz,
	updated_at timestamptz,
	peers jsonb,
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
	session_started_at timestamptz,
	size bigint,
	rtmp jsonb,
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
	retries_join integer,
	transport_state text,
	endpoint text,
	agent jsonb,
	audio jsonb,
	video jsonb,
	devices jsonb,
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
	meeting_url text,
	destination text,
	created_at timestamptz,
	started_at timestamptz,
	updated_at timestamptz,
	stopped_at timestamptz,
	started_by text,
	stopped_by text,
	playback jsonb,
	recording jsonb,
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
	meeting_url text,
	destination text,
	created_at timestamptz,
	started_at timestamptz,
	updated_at timestamptz,
	stopped_at timestamptz,
	started_by text,
	stopped_by text,
	resolution jsonb,
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
	skippable boolean,
	duration integer,
	once boolean,
	weight integer,
	answer_min_len integer,
	answer_max_len integer,
	type text,
	attachment jsonb,
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
	created_at timestamptz,
	updated_at timestamptz,
	_id text,
	customer text,
	roles jsonb,
	settings jsonb,
	destinations jsonb,
	plugins jsonb,
	extra jsonb
);
COMMENT ON TYPE @extschema@.hms_template IS
'A template: what rooms are made of. A column some_name is the member someName; JSON inside keeps the names of the API. settings can hold storage keys.';

CREATE TYPE @extschema@.hms_role AS (
	name text,
	priority integer,
	max_peer_count integer,
	publish_params jsonb,
	subscribe_params jsonb,
	permissions jsonb,
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
	"user" text,
	customer text,
	created_at timestamptz,
	updated_at timestamptz,
	recording_info jsonb,
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
	created_at timestamptz,
	updated_at timestamptz,
	peers jsonb,
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

-- part: library

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
-- 'track.update.success' (muted or unmuted) and 'track.remove.success'.  A session
-- that is too old for events has none, of which a NOTICE tells.
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

-- part: sql

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

-- part: library

-- The stays of peers in sessions of a room, of several rooms (room_ids is not
-- NULL), or in one session, if it is of those rooms; one row with a NULL id for a
-- session without peers.  room_id, session_id: not_given() for all.
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
	WHERE room_ids IS NULL AND stays.session_id = hms_internal.not_given()
	UNION ALL
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_stay, 'stays', room_ids, after, before) AS s
	WHERE room_ids IS NOT NULL AND stays.session_id = hms_internal.not_given()
	UNION ALL
	SELECT s.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_stay, 'session_stays', session_id) AS s
	WHERE stays.session_id <> hms_internal.not_given()
		AND (stays.room_id IS NOT NULL OR room_ids <> '{}')
		AND CASE WHEN room_ids IS NULL
			THEN stays.room_id = hms_internal.not_given() OR s.room_id = stays.room_id
			ELSE s.room_id = ANY (room_ids) END
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

-- True; where a session is so long over that the API has none of its track events
-- any more, a NOTICE says so, once a statement.
CREATE FUNCTION hms_internal.note_age(active boolean, ended timestamptz) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hms_note_age';
COMMENT ON FUNCTION hms_internal.note_age(boolean, timestamptz) IS
'Internal: says that a session is too old for track events';

-- The error events of a room, or of several rooms (room_ids is not NULL), by their
-- own timestamp.
-- Source: GET /analytics/events
CREATE FUNCTION hms_internal.error_events(
	room_id text, room_ids text[], after timestamptz, before timestamptz)
RETURNS SETOF @extschema@.hms_error_event
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT e.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_error_event, 'hms_error_events',
		room_id, hms_internal.not_given(), hms_internal.not_given(), hms_internal.not_given(), NULL::text[]) AS e
	WHERE room_ids IS NULL
		AND (after IS NULL OR e."timestamp" >= after) AND (before IS NULL OR e."timestamp" <= before)
	UNION ALL
	SELECT e.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_error_event, 'hms_error_events',
		room_ids, hms_internal.not_given(), hms_internal.not_given(), hms_internal.not_given(), NULL::text[]) AS e
	WHERE room_ids IS NOT NULL
		AND (after IS NULL OR e."timestamp" >= after) AND (before IS NULL OR e."timestamp" <= before);
END;
COMMENT ON FUNCTION hms_internal.error_events(text, text[], timestamptz, timestamptz) IS
'Internal: the error events that their summary is made of';

-- part: sql

-- The text of a report.  timed_stays is made of stays, the others of timed_stays
-- and events.
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
-- error_summary: made of error_events; of a mirror too, on its page.
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
			-- said again, so that a planner sees that a session without peers is none
			WHERE s.is_person AND s.peer_id IS NOT NULL
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

	WHEN 'error_summary' THEN $report$
		SELECT e.type, e.error_code, e.error_name, e.client, e.system,
			count(*)::integer AS errors,
			(count(DISTINCT CASE WHEN e.user_id <> '' THEN 'user_id ' || e.user_id
				WHEN e.user_name <> '' THEN 'name ' || e.user_name
				ELSE 'peer_id ' || e.peer_id END COLLATE "C"))::integer AS users,
			min(e."timestamp") AS first_at, max(e."timestamp") AS last_at
		FROM (SELECT e.*,
				nullif(concat_ws(' ', nullif(e.agent ->> 'sdk', ''), nullif(e.agent ->> 'sdk_version', '')), '') AS client,
				nullif(concat_ws(' ', nullif(e.agent ->> 'os', ''), nullif(e.agent ->> 'os_version', '')), '') AS system
			FROM error_events AS e) AS e
		WHERE (e.role = ANY ((SELECT b.roles FROM bots AS b)::text[])) IS NOT TRUE
		GROUP BY e.type, e.error_code, e.error_name, e.client, e.system
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
					-- an array is taken for ten rows, a series for a thousand: such a plan is compiled, which takes longer
					CROSS JOIN LATERAL unnest(ARRAY(SELECT generate_series(s.started_at, s.stops_at,
						(SELECT concurrency.step)))) AS v (at)
				) AS m
			WINDOW course AS (PARTITION BY m.started_at, m.session_id ORDER BY m.at)) AS w
		WHERE w.is_step
		$report$
	END
$function$;
COMMENT ON FUNCTION hms_internal.report_text(text) IS
'Internal: the text of a report over timed_stays and track_events';

-- A report, or timed_stays, over what these queries return: rows like those of the
-- types hms_stay, hms_track_event, hms_error_event, whichever it is made of.
-- ordering: of its rows, in terms of the text's own FROM; NULL: none.
CREATE FUNCTION hms_internal.report_query(
	report text, stays text DEFAULT NULL, track_events text DEFAULT NULL,
	error_events text DEFAULT NULL, ordering text DEFAULT NULL)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT 'WITH bots AS NOT MATERIALIZED (' || hms_internal.report_text('bots') || ')'
		|| coalesce(', stays AS NOT MATERIALIZED (' || stays || '), timed_stays AS NOT MATERIALIZED ('
			|| hms_internal.report_text('timed_stays') || ')', '')
		|| coalesce(', track_events AS NOT MATERIALIZED (' || track_events || ')', '')
		|| coalesce(', error_events AS NOT MATERIALIZED (' || error_events || ')', '')
		|| ' SELECT report.* FROM (' || CASE report WHEN 'timed_stays' THEN 'SELECT * FROM timed_stays'
			ELSE hms_internal.report_text(report) END
		|| coalesce(' ORDER BY ' || ordering, '') || ') AS report';
END;
COMMENT ON FUNCTION hms_internal.report_query(text, text, text, text, text) IS
'Internal: a report over given stays and track events';

-- part: library

-- The reports over the API, for one room or several.  They are inlined into the
-- public functions and these into the query.
DO $do$
DECLARE
	stays CONSTANT text := 'SELECT * FROM hms_internal.stays(room_id, room_ids, session_id, after, before)';
	all_stays CONSTANT text := 'SELECT * FROM hms_internal.stays(room_id, room_ids, session_id, NULL, NULL)';
	aging_stays CONSTANT text := all_stays
		|| ' AS s WHERE hms_internal.note_age(s.session_active, s.session_updated_at)';
	track_events CONSTANT text := 'SELECT * FROM hms_internal.track_events(room_id, room_ids, session_id)';
	error_events CONSTANT text := 'SELECT * FROM hms_internal.error_events(room_id, room_ids, after, before)';
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
		BEGIN ATOMIC $create$ || hms_internal.report_query('talk_time', aging_stays, track_events,
			ordering => 's.started_at, s.session_id, s.user_id, s.known_by, s.track_type, s.source') || $create$; END $create$;

	EXECUTE $create$
		CREATE FUNCTION hms_internal.concurrency(
			room_id text, room_ids text[], session_id text, step interval)
		RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
		LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
		BEGIN ATOMIC $create$ || hms_internal.report_query('concurrency', all_stays,
			ordering => 'w.started_at, w.session_id, w.at') || $create$; END $create$;

	EXECUTE $create$
		CREATE FUNCTION hms_internal.error_summary(
			room_id text, room_ids text[], after timestamptz, before timestamptz)
		RETURNS TABLE (
			type text, error_code integer, error_name text, client text, system text,
			errors integer, users integer, first_at timestamptz, last_at timestamptz)
		LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 20
		BEGIN ATOMIC $create$ || hms_internal.report_query('error_summary', error_events => error_events,
			ordering => 'count(*) DESC, max(e."timestamp") DESC, e.type, e.error_code, e.client, e.system') || $create$; END $create$;
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
COMMENT ON FUNCTION hms_internal.error_summary(text, text[], timestamptz, timestamptz) IS
'Internal: hms_error_summary for one room or several';

-- The step itself; raises 22023 unless it is longer than zero.
--
-- Asked before anything is sent, and once.  It leaves the refusal to
-- generate_series.
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
-- session only (NULL for one of these: none); sessions created at or after, at or before.  A row per session
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
CREATE FUNCTION @extschema@.hms_attendance(
	room_id text DEFAULT hms_internal.not_given(), session_id text DEFAULT hms_internal.not_given(),
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

CREATE FUNCTION @extschema@.hms_attendance(
	room_ids text[], session_id text DEFAULT hms_internal.not_given(),
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
CREATE FUNCTION @extschema@.hms_session_usage(room_id text DEFAULT hms_internal.not_given(), after timestamptz DEFAULT NULL, before timestamptz DEFAULT NULL)
RETURNS TABLE (
	session_id text, room_id text, started_at timestamptz, ended_at timestamptz,
	active boolean, duration interval, peers integer, users integer, joins integer,
	participant_time interval, participant_minutes numeric,
	peak_peers integer, peak_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 100
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.session_usage(hms_session_usage.room_id, NULL,
		hms_internal.not_given(), hms_session_usage.after, hms_session_usage.before) AS r;
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
		hms_internal.not_given(), hms_session_usage.after, hms_session_usage.before) AS r;
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
CREATE FUNCTION @extschema@.hms_talk_time(room_id text, session_id text DEFAULT hms_internal.not_given())
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

CREATE FUNCTION @extschema@.hms_talk_time(room_ids text[], session_id text DEFAULT hms_internal.not_given())
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
-- session only (NULL for one of these: none); the step.  A row at each session's start and each step after it
-- until its end (now while active), a step at the end included; persons only
-- (hms.bot_roles).  Who leaves at the instant of a step is gone, who joins is
-- there.  In order of session start and time.
--
-- Errors: 22023 unless the step is longer than zero; those of hms_sessions.
-- Source: GET /sessions, or GET /sessions/{id}.
CREATE FUNCTION @extschema@.hms_concurrency(
	room_id text DEFAULT hms_internal.not_given(), session_id text DEFAULT hms_internal.not_given(),
	step interval DEFAULT '1 minute')
RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.concurrency(hms_concurrency.room_id, NULL,
		hms_concurrency.session_id, hms_concurrency.step) AS r
	WHERE (SELECT hms_internal.step(hms_concurrency.step)) IS NOT NULL;
END;
COMMENT ON FUNCTION @extschema@.hms_concurrency(text, text, interval) IS
'How many peers and users were inside at the start of each session of a room and at each step until its end; who leaves at the instant of a step is gone, who joins is there. Roles in hms.bot_roles are no persons. Without room_id every room (GET /sessions)';
REVOKE ALL ON FUNCTION @extschema@.hms_concurrency(text, text, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.hms_concurrency(
	room_ids text[], session_id text DEFAULT hms_internal.not_given(),
	step interval DEFAULT '1 minute')
RETURNS TABLE (session_id text, at timestamptz, peers integer, users integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000 ROWS 500
BEGIN ATOMIC
	SELECT r.* FROM hms_internal.concurrency(NULL, coalesce(hms_concurrency.room_ids, '{}'),
		hms_concurrency.session_id, hms_concurrency.step) AS r
	WHERE (SELECT hms_internal.step(hms_concurrency.step)) IS NOT NULL;
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

-- part: sql

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
-- The functions that read or write them are plain SQL under a search_path that
-- hms_internal.enter sets for the time of a call: pg_catalog, the mirror's
-- schema, hms_internal, pg_temp.  Only what makes tables builds its SQL.
--
-- What a run goes by stands in tables of the mirror: sync_settings, sync_marks
-- (how far each list was read), sync_queue (what waits to be read by its id) and
-- sync_runs.  A step of a run is a transaction, and what it has read is stored by
-- the commit that says so.
-- ---------------------------------------------------------------------------

-- part: library

-- The rows that an endpoint makes of an object that is here already; endpoint
-- NULL: one row, a column for each member.  As text it may hold what jsonb
-- refuses: \u0000 and lone surrogates.
CREATE FUNCTION hms_internal._hms_rows_of("row" anyelement, endpoint text, value jsonb)
RETURNS SETOF anyelement
LANGUAGE C STABLE PARALLEL SAFE COST 100 ROWS 5
AS 'MODULE_PATHNAME', 'hms_rows_of';
COMMENT ON FUNCTION hms_internal._hms_rows_of(anyelement, text, jsonb) IS
'Internal: rows made of an object, as an endpoint makes them';
CREATE FUNCTION hms_internal._hms_rows_of("row" anyelement, endpoint text, value text)
RETURNS SETOF anyelement
LANGUAGE C STABLE PARALLEL SAFE COST 100 ROWS 5
AS 'MODULE_PATHNAME', 'hms_rows_of';
COMMENT ON FUNCTION hms_internal._hms_rows_of(anyelement, text, text) IS
'Internal: rows made of the text of an object, as an endpoint makes them';

-- Can this statement not commit, because it stands in a transaction block?
CREATE FUNCTION hms_internal.in_transaction_block() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hms_in_transaction_block';
COMMENT ON FUNCTION hms_internal.in_transaction_block() IS
'Internal: whether a transaction block is open';

-- A page of the events of a room as it stands.
CREATE TYPE hms_internal.event_page AS (total bigint, next text, events jsonb);
COMMENT ON TYPE hms_internal.event_page IS
'Internal: a page of events';

-- What a run of hms_sync knows from one step to the next.
CREATE TYPE hms_internal.run AS (
	id bigint,
	step text,
	rooms text[],				-- only these
	since timestamptz,			-- sessions from then on are read again
	events boolean,
	texts boolean,
	quality boolean,
	started_at timestamptz,
	phase_at timestamptz,		-- when the step that counts rooms began
	noticed_at timestamptz,
	"window" timestamptz,		-- sessions before it are read
	is_on text[],				-- sessions that this run has seen active
	asks_active boolean,		-- it has asked for those that are on
	row_count bigint,
	requests bigint,
	done bigint,				-- rooms of this step
	total bigint,
	too_old bigint,				-- sessions whose events 100ms no longer has
	failures integer,
	in_a_row integer,
	conflicts integer,
	newest timestamptz,			-- of the last list walked
	written bigint,				-- of the last part stored
	found boolean,				-- the last thing read by its id
	error_state text,			-- what ended it; the next step raises it
	error_message text,
	error_detail text,
	error_hint text
);
COMMENT ON TYPE hms_internal.run IS
'Internal: what a run of hms_sync knows from one step to the next';

-- part: sql

-- The tables of a mirror and what they hold; those that hold rows of a list of the API have
-- its row type.
CREATE FUNCTION hms_internal.mirror_tables(OUT name name, OUT type regtype, OUT comment text)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT t.* FROM (VALUES
		('rooms', '@extschema@.hms_room'::regtype,
			'Rooms of the 100ms account, as hms_rooms() returns them.'),
		('sessions', '@extschema@.hms_session',
			'Sessions (calls) of the rooms, as hms_sessions() returns them.'),
		('session_peers', '@extschema@.hms_session_peer',
			'Peers of the sessions, one row a stay, as hms_session_peers() returns them.'),
		('track_events', '@extschema@.hms_track_event',
			'Track events of the sessions, as hms_track_events() returns them; 100ms keeps them for 30 days, this table for as long as you like. Partitioned by month (UTC).'),
		('error_events', '@extschema@.hms_error_event',
			'What went wrong at clients, as hms_error_events() returns it; 100ms keeps it for 30 days.'),
		('recordings', '@extschema@.hms_recording',
			'Recordings, as hms_recordings() returns them.'),
		('recording_assets', '@extschema@.hms_recording_asset',
			'Files of recordings and streams, as hms_recording_assets() returns them.'),
		('live_streams', '@extschema@.hms_live_stream',
			'Live streams (HLS), as hms_live_streams() returns them.'),
		('external_streams', '@extschema@.hms_external_stream',
			'Streams to RTMP servers, as hms_external_streams() returns them.'),
		('webhook_events', NULL, 'Webhooks that hms_receive_webhook took, each once.'),
		('transcripts', NULL, 'What was said, a row a sentence: hms_sync(texts => true).'),
		('chat_messages', NULL, 'What was written, a row a message: hms_sync(texts => true).'),
		('summaries', NULL, 'Summaries, a row a section: hms_sync(texts => true).'),
		('peer_quality', NULL, 'How the connections were, a row a peer and direction, as hms_quality() returns them: hms_sync(quality => true).'),
		('sync_settings', NULL, 'How hms_sync keeps this mirror; change it as you like.'),
		('sync_marks', NULL, 'How far each list of the API is read.'),
		('sync_queue', NULL, 'What is read by its id: when it is due, and why it failed.'),
		('sync_runs', NULL, 'The runs of hms_sync, the newest last.')
	) AS t (name, type, comment);
END;
COMMENT ON FUNCTION hms_internal.mirror_tables() IS
'Internal: the tables of a mirror';

-- What a column of a mirror's table holds.
CREATE FUNCTION hms_internal.column_comment("table" name, "column" name)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(max(c.comment) FILTER (WHERE c."table" IS NOT NULL), max(c.comment),
		'member "' || column_comment."column"::text || '" of the API''s object')
	FROM (VALUES
		(NULL, 'id', 'id of the object, given by 100ms'),
		(NULL, 'room_id', 'the room'),
		('webhook_events', 'room_id', 'the room; empty where the event names none'),
		('sync_marks', 'room_id', 'the room; empty for all of them'),
		(NULL, 'session_id', 'the session'),
		(NULL, 'asset_id', 'the file that it was read from'),
		(NULL, 'position', 'its place in the file, from 1'),
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
		(NULL, 'synced_at', 'when the row was last written from the API; null while only webhooks have told of it'),
		('webhook_events', 'synced_at', 'when it arrived'),
		(NULL, 'starts_at', 'when the sentence began, as near as the start of the recording is known'),
		(NULL, 'ends_at', 'when the sentence ended'),
		('sync_settings', 'server', 'the account: a foreign server of hms; null: that of the settings'),
		('sync_settings', 'events_every', 'how often the events of a session that is on are read when nothing about it changes'),
		('sync_settings', 'read_again', 'how long after the end of a session its events are read again'),
		('sync_settings', 'kept_from', 'what was before is not wanted: hms_drop_before'),
		('sync_marks', 'what', 'the list: rooms, sessions, recordings, ...'),
		('sync_marks', 'mark', 'the newest that it had'),
		('sync_marks', 'read_at', 'when it was last read'),
		('sync_marks', 'whole_at', 'when it was last read as far back as things may still change'),
		('sync_queue', 'kind', 'what is to be read: a room, a session, the events of a session, a recording, ...'),
		('sync_queue', 'due_at', 'not before then; infinity: not until it changes'),
		('sync_queue', 'ended_at', 'when its session ended; null while that is on'),
		('sync_queue', 'queued_at', 'since when it waits'),
		('sync_queue', 'read_at', 'when it was last read'),
		('sync_queue', 'attempts', 'how often it has failed'),
		('sync_queue', 'failed_at', 'since when it fails'),
		('sync_queue', 'last_error', 'why'),
		('sync_runs', 'id', 'number of the run'),
		('sync_runs', 'started_at', 'when it began'),
		('sync_runs', 'ended_at', 'when it ended'),
		('sync_runs', 'noted_at', 'when this row was last written'),
		('sync_runs', 'state', 'running, done, failed, or broken off: nobody ended it, and the next run went on'),
		('sync_runs', 'step', 'what is or was being read'),
		('sync_runs', 'rooms_done', 'rooms that the step has done'),
		('sync_runs', 'rooms_total', 'rooms that the step has to do'),
		('sync_runs', 'row_count', 'rows that the run has written'),
		('sync_runs', 'requests', 'requests that it has made'),
		('sync_runs', 'rate', 'rows a second'),
		('sync_runs', 'time_left', 'until the rooms of the step are done, at this pace'),
		('sync_runs', 'failed', 'what was passed over, and why'),
		('sync_runs', 'detail', 'what ended it')
	) AS c ("table", "column", comment)
	WHERE c."column" = column_comment."column"::text
		AND coalesce(c."table", column_comment."table"::text) = column_comment."table"::text;
END;
COMMENT ON FUNCTION hms_internal.column_comment(name, name) IS
'Internal: what a column of a mirror holds';

-- Raise unless the caller loses nothing by it: whoever owns the schema or may
-- create in it decides what our statements there call (functions, triggers),
-- so each of them must have the caller's rights anyway.
CREATE FUNCTION hms_internal.trust(schema name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	other oid;
BEGIN
	SELECT r.role INTO other
	FROM (SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = schema
		UNION SELECT a.grantee
		FROM pg_namespace AS n, aclexplode(n.nspacl) AS a WHERE n.nspname = schema AND a.privilege_type = 'CREATE'
		UNION SELECT c.relowner
		FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid
		WHERE n.nspname = schema AND c.relkind IN ('r', 'p', 'v', 'f')) AS r (role)
	WHERE CASE WHEN r.role = 0 THEN true ELSE NOT pg_has_role(r.role, current_user, 'MEMBER') END
		AND (SELECT s.rolsuper FROM pg_roles AS s WHERE s.rolname = current_user)
	LIMIT 1;
	IF other = 0 THEN
		RAISE EXCEPTION 'everybody may create in schema %, so a superuser does not work in it', quote_ident(schema)
			USING ERRCODE = 'insufficient_privilege', HINT = 'Give the mirror a schema of its own, or REVOKE CREATE ON SCHEMA from PUBLIC.';
	ELSIF other IS NOT NULL THEN
		RAISE EXCEPTION 'schema % is also that of role %, whose triggers and functions would run as superuser',
			quote_ident(schema), other::regrole
			USING ERRCODE = 'insufficient_privilege', HINT = format('SET ROLE %s first.', other::regrole);
	END IF;
END;
$$;
COMMENT ON FUNCTION hms_internal.trust(name) IS
'Internal: raises where a superuser would run what somebody else has made';

-- Work in this mirror from here to the end of the function that calls it, which
-- has a SET clause for search_path; raises 42P01 where it has not that relation.
CREATE FUNCTION hms_internal.enter(schema name, relation name)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	IF to_regclass(quote_ident(schema) || '.' || quote_ident(relation)) IS NULL THEN
		RAISE EXCEPTION 'there is no mirror in schema %', coalesce(quote_ident(schema), 'NULL')
			USING ERRCODE = 'undefined_table', HINT = 'Make it with hms_create_mirror.';
	END IF;
	PERFORM hms_internal.trust(schema);
	PERFORM set_config('search_path', 'pg_catalog, ' || quote_ident(schema) || ', hms_internal, pg_temp', true);
END;
$$;
COMMENT ON FUNCTION hms_internal.enter(name, name) IS
'Internal: sets the search_path for work in a mirror';

-- The server that is the account of this mirror, as hms.server has it.
CREATE FUNCTION hms_internal.account()
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (SELECT coalesce(s.server::text, '') FROM sync_settings AS s);
END;
$$;
COMMENT ON FUNCTION hms_internal.account() IS
'Internal: the server that is the account of a mirror';

-- Make the tables and views in the first schema of the path, "schema"; where they are
-- there, add what they lack.
CREATE FUNCTION hms_internal.make_mirror(schema name, account name, foreign_keys boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	had_stays CONSTANT boolean := to_regclass('stays') IS NOT NULL;
	options text;
	made record;
BEGIN
	CREATE TABLE IF NOT EXISTS rooms (LIKE @extschema@.hms_room, synced_at timestamptz, PRIMARY KEY (id));
	CREATE TABLE IF NOT EXISTS sessions (LIKE @extschema@.hms_session, synced_at timestamptz, PRIMARY KEY (room_id, id));
	CREATE TABLE IF NOT EXISTS session_peers (LIKE @extschema@.hms_session_peer, synced_at timestamptz,
		PRIMARY KEY (room_id, session_id, id));
	CREATE TABLE IF NOT EXISTS track_events (LIKE @extschema@.hms_track_event, synced_at timestamptz,
		PRIMARY KEY (room_id, session_id, id, "timestamp")) PARTITION BY RANGE ("timestamp");
	CREATE TABLE IF NOT EXISTS error_events (LIKE @extschema@.hms_error_event, synced_at timestamptz, PRIMARY KEY (room_id, id));
	CREATE TABLE IF NOT EXISTS recordings (LIKE @extschema@.hms_recording, synced_at timestamptz, PRIMARY KEY (room_id, id));
	CREATE TABLE IF NOT EXISTS recording_assets (LIKE @extschema@.hms_recording_asset, synced_at timestamptz,
		PRIMARY KEY (room_id, id));
	CREATE TABLE IF NOT EXISTS live_streams (LIKE @extschema@.hms_live_stream, synced_at timestamptz, PRIMARY KEY (room_id, id));
	CREATE TABLE IF NOT EXISTS external_streams (LIKE @extschema@.hms_external_stream, synced_at timestamptz,
		PRIMARY KEY (room_id, id));
	CREATE TABLE IF NOT EXISTS webhook_events (
		version text, id text, "timestamp" timestamptz, type text, account_id text, app_id text,
		room_id text, session_id text, peer_id text, user_id text, template_id text, is_replay boolean,
		data jsonb, extra jsonb, synced_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (room_id, id));
	CREATE TABLE IF NOT EXISTS transcripts (
		room_id text, asset_id text, "position" integer, session_id text, starts_at timestamptz, ends_at timestamptz,
		user_id text, peer_id text, name text, sentence text, starts interval, ends interval, synced_at timestamptz,
		PRIMARY KEY (room_id, asset_id, "position"));
	CREATE TABLE IF NOT EXISTS chat_messages (
		room_id text, asset_id text, "position" integer, session_id text, sent_at timestamptz,
		user_id text, peer_id text, name text, roles text[], type text, message text, synced_at timestamptz,
		PRIMARY KEY (room_id, asset_id, "position"));
	CREATE TABLE IF NOT EXISTS summaries (
		room_id text, asset_id text, "position" integer, session_id text, title text, format text,
		bullets text[], paragraph text, synced_at timestamptz, PRIMARY KEY (room_id, asset_id, "position"));
	CREATE TABLE IF NOT EXISTS peer_quality (
		room_id text, session_id text, peer_id text, direction text, user_id text, name text, samples bigint,
		loss_p50 double precision, loss_p95 double precision, rtt_p50 double precision, rtt_p95 double precision,
		jitter_p50 double precision, jitter_p95 double precision, bitrate_p50 double precision,
		bitrate_p95 double precision, freezes double precision, synced_at timestamptz,
		PRIMARY KEY (room_id, session_id, peer_id, direction));
	CREATE TABLE IF NOT EXISTS sync_settings (
		is_here boolean PRIMARY KEY DEFAULT true CHECK (is_here),
		server name,
		events_every interval NOT NULL DEFAULT '10 minutes',
		read_again interval[] NOT NULL DEFAULT '{15 minutes,6 hours,1 day}',
		kept_from timestamptz);
	CREATE TABLE IF NOT EXISTS sync_marks (
		what text, room_id text DEFAULT '', mark timestamptz, read_at timestamptz, whole_at timestamptz,
		PRIMARY KEY (what, room_id));
	CREATE TABLE IF NOT EXISTS sync_queue (
		room_id text, kind text, id text, due_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz,
		queued_at timestamptz NOT NULL DEFAULT now(), read_at timestamptz, attempts integer NOT NULL DEFAULT 0,
		failed_at timestamptz, last_error text, PRIMARY KEY (room_id, kind, id));
	CREATE TABLE IF NOT EXISTS sync_runs (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		started_at timestamptz NOT NULL, ended_at timestamptz, noted_at timestamptz, state text, step text,
		rooms_done bigint, rooms_total bigint, row_count bigint, requests bigint, rate numeric, time_left interval,
		failed text[] NOT NULL DEFAULT '{}', detail text);
	INSERT INTO sync_settings (server) VALUES (coalesce(account, nullif(current_setting('hms.server', true), '')))
	ON CONFLICT DO NOTHING;
	IF account <> coalesce((SELECT s.server FROM sync_settings AS s), 'hms') THEN
		RAISE EXCEPTION 'the mirror in schema % is of another account', quote_ident(schema)
			USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Give each account a mirror of its own; where its server was renamed, change server in sync_settings.';
	END IF;

	-- what outsiders choose is never limited by an index: a hash takes any length
	CREATE INDEX IF NOT EXISTS rooms_told ON rooms (id) WHERE synced_at IS NULL;
	CREATE INDEX IF NOT EXISTS sessions_id ON sessions USING hash (id);
	CREATE INDEX IF NOT EXISTS sessions_created_at ON sessions (created_at);
	CREATE INDEX IF NOT EXISTS sessions_room_created_at ON sessions (room_id, created_at);
	CREATE INDEX IF NOT EXISTS sessions_active ON sessions (room_id) WHERE active;
	CREATE INDEX IF NOT EXISTS session_peers_user ON session_peers
		USING hash ((coalesce(nullif(user_id, ''), nullif(name, ''), id)));
	CREATE INDEX IF NOT EXISTS error_events_timestamp ON error_events ("timestamp");
	CREATE INDEX IF NOT EXISTS recording_assets_job ON recording_assets USING hash (job_id);
	CREATE INDEX IF NOT EXISTS webhook_events_session ON webhook_events USING hash (session_id);
	CREATE INDEX IF NOT EXISTS transcripts_words ON transcripts USING gin (to_tsvector('simple', sentence));
	CREATE INDEX IF NOT EXISTS chat_messages_words ON chat_messages USING gin (to_tsvector('simple', message));
	CREATE INDEX IF NOT EXISTS sync_queue_due_at ON sync_queue (due_at);

	FOR made IN SELECT t.name, a.attname, a.atttypid::regtype AS type
		FROM hms_internal.mirror_tables() AS t JOIN pg_type AS y ON y.oid = t.type
			JOIN pg_attribute AS a ON a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE NOT EXISTS (SELECT 1 FROM pg_attribute AS h
			WHERE h.attrelid = to_regclass(quote_ident(t.name)) AND h.attname = a.attname) LOOP
		EXECUTE format('ALTER TABLE %I ADD COLUMN %I %s', made.name, made.attname, made.type);
	END LOOP;
	IF foreign_keys THEN
		FOR made IN SELECT c.relname FROM pg_class AS c
			WHERE c.oid IN ('sessions'::regclass, 'track_events'::regclass, 'error_events'::regclass, 'recordings'::regclass,
					'recording_assets'::regclass, 'live_streams'::regclass, 'external_streams'::regclass)
				AND NOT EXISTS (SELECT 1 FROM pg_constraint AS f WHERE f.conrelid = c.oid AND f.contype = 'f') LOOP
			EXECUTE format('ALTER TABLE %I ADD FOREIGN KEY (room_id) REFERENCES rooms', made.relname);
		END LOOP;
		IF NOT EXISTS (SELECT 1 FROM pg_constraint AS f WHERE f.conrelid = to_regclass('session_peers') AND f.contype = 'f') THEN
			ALTER TABLE session_peers ADD FOREIGN KEY (room_id, session_id) REFERENCES sessions ON DELETE CASCADE;
		END IF;
	END IF;

	-- a view that is there keeps its options; OR REPLACE keeps comment and grants
	options := CASE WHEN had_stays
			THEN (SELECT string_agg(format('%I = %L', o.option_name, o.option_value), ', ')
				FROM pg_class AS c, pg_options_to_table(c.reloptions) AS o WHERE c.oid = to_regclass('stays'))
		WHEN current_setting('server_version_num')::integer >= 150000 THEN 'security_invoker = true' END;
	EXECUTE format('CREATE OR REPLACE VIEW stays %s AS '
		'SELECT p.id, s.id AS session_id, s.room_id, p.user_id, p.name, p.role, p.joined_at, p.left_at,'
		' s.active AS session_active, s.created_at AS session_created_at, s.updated_at AS session_updated_at, p.extra'
		' FROM sessions AS s LEFT JOIN session_peers AS p ON p.room_id = s.room_id AND p.session_id = s.id',
		'WITH (' || options || ')');
	PERFORM hms_internal.create_report_views(schema);

	IF obj_description(to_regclass('stays'), 'pg_class') IS NULL THEN
		COMMENT ON VIEW stays IS 'The peers beside their session; a session without peers has one row without a peer. What the reports read.';
	END IF;
	FOR made IN SELECT t.name, t.comment FROM hms_internal.mirror_tables() AS t
		WHERE obj_description(to_regclass(quote_ident(t.name)), 'pg_class') IS NULL LOOP
		EXECUTE format('COMMENT ON TABLE %I IS %L', made.name, made.comment);
	END LOOP;
	FOR made IN SELECT t.name, a.attname
		FROM hms_internal.mirror_tables() AS t JOIN pg_attribute AS a ON a.attrelid = to_regclass(quote_ident(t.name))
		WHERE a.attnum > 0 AND NOT a.attisdropped AND col_description(a.attrelid, a.attnum) IS NULL LOOP
		EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', made.name, made.attname, hms_internal.column_comment(made.name, made.attname));
	END LOOP;
END;
$$;
COMMENT ON FUNCTION hms_internal.make_mirror(name, name, boolean) IS
'Internal: makes the tables and views of a mirror';

-- Make a mirror in a schema that is there and can be one.
CREATE FUNCTION hms_internal.create_mirror(schema name, server name, foreign_keys boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
	there name[];
BEGIN
	IF to_regnamespace(quote_ident(schema)) IS NULL THEN
		RAISE EXCEPTION 'schema % does not exist', coalesce(quote_ident(schema), 'NULL')
			USING ERRCODE = 'invalid_schema_name';
	END IF;
	IF server IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pg_foreign_server AS f WHERE f.srvname = server) THEN
		RAISE EXCEPTION 'server % does not exist', quote_ident(server)
			USING ERRCODE = 'undefined_object', HINT = 'CREATE SERVER ... FOREIGN DATA WRAPPER hms makes it.';
	END IF;
	PERFORM hms_internal.trust(schema);
	there := ARRAY(SELECT c.relname FROM pg_class AS c
		WHERE c.relnamespace = to_regnamespace(quote_ident(schema)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND c.relname IN (SELECT t.name FROM hms_internal.mirror_tables() AS t
				UNION ALL VALUES ('stays'), ('attendance'), ('session_usage'), ('talk_time'))
		ORDER BY c.relname);
	IF cardinality(there) > 0 AND NOT 'sync_settings' = ANY (there) THEN
		RAISE EXCEPTION 'schema % has other relations of a mirror''s names: %',
			quote_ident(schema), array_to_string(there, ', ')
			USING ERRCODE = 'duplicate_table', HINT = 'Give the mirror a schema of its own.';
	END IF;

	-- what is made is made in the first schema named
	PERFORM set_config('search_path', quote_ident(schema) || ', pg_temp', true);
	PERFORM hms_internal.make_mirror(schema, server, foreign_keys);
END;
$$;
COMMENT ON FUNCTION hms_internal.create_mirror(name, name, boolean) IS
'Internal: makes the tables and views of a mirror';

-- hms_create_mirror(schema, server, foreign_keys)
--		Make the tables and views of a mirror in a schema of yours.
--
-- Arguments: the schema; the account, a foreign server of hms (left out: that of
-- hms.server or the settings), which the mirror keeps; whether the tables refer to one another by foreign keys, as
-- PostgREST and Hasura like it.
--
-- All of it is the caller's own: index, partition, publish and drop it as you
-- like.  On a mirror that is there it adds what a newer version of the extension
-- has and makes the views anew; rows, options, comments and grants stay.
--
-- Errors: 3F000 (no such schema), 42704 (no such server), 42P07 (it has relations
-- of these names that are no mirror), 55000 (it is another account's mirror), 42501 (the caller may not create in it, or
-- is a superuser and the schema is somebody else's: SET ROLE).
CREATE FUNCTION @extschema@.hms_create_mirror(schema name, server name DEFAULT NULL, foreign_keys boolean DEFAULT false)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT hms_internal.create_mirror(hms_create_mirror.schema, hms_create_mirror.server, hms_create_mirror.foreign_keys);
END;
COMMENT ON FUNCTION @extschema@.hms_create_mirror(name, name, boolean) IS
'Make the tables and views of a mirror in a schema; CALL hms_sync fills them';
REVOKE ALL ON FUNCTION @extschema@.hms_create_mirror(name, name, boolean) FROM PUBLIC;

-- part: library

-- Make the partitions of track_events for these months (UTC).  Where the owner
-- has partitioned otherwise that stands, and what it leaves goes to a default
-- partition.
CREATE FUNCTION hms_internal.make_partitions(months timestamptz[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET timezone = 'UTC'
AS $$
DECLARE
	mirror name;
	parent oid;
	month timestamptz;
	part name;
BEGIN
	SELECT n.nspname, c.oid INTO mirror, parent FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.oid = to_regclass('track_events') AND c.relkind = 'p';
	FOREACH month IN ARRAY CASE WHEN parent IS NOT NULL THEN months ELSE ARRAY[]::timestamptz[] END LOOP
		part := ('track_events_' || to_char(month, 'YYYY_MM'))::name;
		CONTINUE WHEN to_regclass(quote_ident(mirror) || '.' || quote_ident(part)) IS NOT NULL;
		BEGIN
			-- attached, not made in its place: readers go on meanwhile
			EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.track_events INCLUDING ALL)', mirror, part);
			EXECUTE format('COMMENT ON TABLE %I.%I IS %L', mirror, part, 'Track events of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
			EXECUTE format('ALTER TABLE %1$I.track_events ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%3$L) TO (%4$L)',
				mirror, part, month, month + interval '1 month');
		EXCEPTION WHEN invalid_object_definition OR check_violation THEN
			IF NOT EXISTS (SELECT 1 FROM pg_partitioned_table AS p WHERE p.partrelid = parent AND p.partdefid <> 0) THEN
				EXECUTE format('CREATE TABLE %1$I.track_events_default PARTITION OF %1$I.track_events DEFAULT', mirror);
				RAISE WARNING 'hms_sync: your partitions of track_events leave a part of % open: what they leave goes to track_events_default',
					to_char(month, 'YYYY-MM');
			END IF;
		END;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION hms_internal.make_partitions(timestamptz[]) IS
'Internal: makes the partitions of a mirror''s track events';

-- Whose is an error?  item: what was asked for or stored is refused for good;
-- later: the API cannot answer now; again: a conflict with somebody else's
-- transaction; run: nothing more can be done (connection, account, database).
CREATE FUNCTION hms_internal.blame(state text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE
		WHEN state IN ('MS401', 'MS403', 'MS429') THEN 'run'
		WHEN state ~ '^MS5' OR state IN ('MS408', '08P01') THEN 'later'
		WHEN state ~ '^(MS4|22|23|54)' THEN 'item'
		WHEN state IN ('40001', '40P01', '55P03') THEN 'again'
		ELSE 'run' END;
END;
COMMENT ON FUNCTION hms_internal.blame(text) IS
'Internal: whether an error belongs to the item at hand or ends the run';

-- Note that something is passed over.  What is refused for good waits until it
-- changes, the rest for ever longer.
CREATE FUNCTION hms_internal.pass_over(
	run hms_internal.run, kind text, room_id text, id text, state text, message text)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	what CONSTANT text := format('%s %s%s', CASE kind WHEN 'events' THEN 'the events of session' ELSE kind END, left(id, 100),
		CASE WHEN room_id NOT IN (id, '') THEN ' of room ' || left(room_id, 100) ELSE '' END);
	for_good CONSTANT boolean := hms_internal.blame(state) = 'item';
BEGIN
	INSERT INTO sync_queue AS q (room_id, kind, id, due_at, read_at, attempts, failed_at, last_error)
	VALUES (pass_over.room_id, pass_over.kind, pass_over.id,
		CASE WHEN for_good THEN 'infinity' ELSE now() + interval '15 minutes' END, clock_timestamp(), 1, now(), message)
	ON CONFLICT ON CONSTRAINT sync_queue_pkey DO UPDATE SET
		due_at = CASE WHEN for_good THEN 'infinity' ELSE now() + interval '15 minutes' * 2 ^ least(q.attempts, 6) END,
		read_at = excluded.read_at, attempts = q.attempts + 1,
		failed_at = coalesce(q.failed_at, excluded.failed_at), last_error = excluded.last_error;
	UPDATE sync_runs AS r SET failed = r.failed || (what || ': ' || message)
	WHERE r.id = run.id AND cardinality(r.failed) < 100;
	RAISE WARNING 'hms_sync: passed over, %: %',
		CASE WHEN for_good THEN 'not asked for again until it changes' ELSE 'asked for again later' END, what
		USING DETAIL = message;
	run.failures := run.failures + 1;
	run.in_a_row := CASE WHEN for_good THEN 0 ELSE run.in_a_row + 1 END;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.pass_over(hms_internal.run, text, text, text, text, text) IS
'Internal: notes that something is passed over';

-- Does this error end the run, in the handler of an item?  Three that cannot be
-- answered one after another do.
CREATE FUNCTION hms_internal.ends_run(run hms_internal.run, state text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE hms_internal.blame(state) WHEN 'item' THEN false WHEN 'later' THEN (run).in_a_row >= 3 ELSE true END;
END;
COMMENT ON FUNCTION hms_internal.ends_run(hms_internal.run, text) IS
'Internal: whether an error ends the run';

-- Store sessions with their peers.  A session's peers are replaced as a whole, but
-- one that only a webhook told of stays while the session is on.  A session that
-- is new or changed, or began since then, queues for its events.
--  written: rows; too_old: new sessions whose events 100ms no longer has.
CREATE FUNCTION hms_internal.store_sessions(
	rows jsonb[], since timestamptz, OUT written bigint, OUT too_old bigint)
RETURNS record
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	got @extschema@.hms_session[];
	stays @extschema@.hms_session_peer[];
	new_ones text[];
	changed text[];
	n bigint;
BEGIN
	got := ARRAY(SELECT DISTINCT ON (g.room_id, g.id) g
		FROM unnest(rows) AS r (value)
			CROSS JOIN LATERAL jsonb_populate_record(NULL::@extschema@.hms_session,
				r.value || jsonb_build_object('room_id', coalesce(r.value ->> 'room_id', ''))) AS g
			CROSS JOIN sync_settings AS s
		WHERE g.id IS NOT NULL AND (g.active OR g.created_at >= s.kept_from) IS NOT FALSE
		ORDER BY g.room_id, g.id);
	stays := ARRAY(SELECT DISTINCT ON (p.room_id, p.session_id, p.id) p
		FROM hms_internal._hms_rows_of(NULL::@extschema@.hms_session_peer, 'hms_session_peers',
			(SELECT jsonb_agg(jsonb_build_object('id', g.id, 'room_id', g.room_id, 'peers', g.peers)) FROM unnest(got) AS g
				WHERE jsonb_typeof(g.peers) IN ('object', 'array'))) AS p
		WHERE p.id IS NOT NULL
		ORDER BY p.room_id, p.session_id, p.id);
	SELECT array_agg(g.id) FILTER (WHERE t.id IS NULL),
		coalesce(array_agg(g.id) FILTER (WHERE t.synced_at IS NULL
			OR ROW(t.customer_id, t.app_id, t.active, t.peers, t.created_at, t.updated_at, t.extra)
				IS DISTINCT FROM ROW(g.customer_id, g.app_id, g.active, g.peers, g.created_at, g.updated_at, g.extra)), '{}')
	INTO new_ones, changed
	FROM unnest(got) AS g LEFT JOIN sessions AS t ON t.room_id = g.room_id AND t.id = g.id;

	INSERT INTO rooms (id) SELECT DISTINCT g.room_id FROM unnest(got) AS g ON CONFLICT DO NOTHING;
	INSERT INTO sessions (id, room_id, customer_id, app_id, active, created_at, updated_at, peers, extra, synced_at)
	SELECT g.*, clock_timestamp() FROM unnest(got) AS g WHERE g.id = ANY (changed)
	ON CONFLICT (room_id, id) DO UPDATE SET customer_id = excluded.customer_id, app_id = excluded.app_id,
		active = excluded.active, peers = excluded.peers, created_at = excluded.created_at,
		updated_at = excluded.updated_at, extra = excluded.extra, synced_at = excluded.synced_at;
	DELETE FROM session_peers AS t USING unnest(got) AS g
	WHERE t.room_id = g.room_id AND t.session_id = g.id AND (t.synced_at IS NOT NULL OR g.active IS NOT TRUE)
		AND NOT EXISTS (SELECT 1 FROM unnest(stays) AS p WHERE p.room_id = t.room_id AND p.session_id = t.session_id AND p.id = t.id);
	GET DIAGNOSTICS written = ROW_COUNT;
	INSERT INTO session_peers AS t (id, session_id, room_id, user_id, name, role, joined_at, left_at, extra, synced_at)
	SELECT p.*, clock_timestamp() FROM unnest(stays) AS p
	ON CONFLICT (room_id, session_id, id) DO UPDATE SET user_id = excluded.user_id, name = excluded.name, role = excluded.role,
		joined_at = excluded.joined_at, left_at = excluded.left_at, extra = excluded.extra, synced_at = excluded.synced_at
	WHERE t.synced_at IS NULL OR ROW(t.user_id, t.name, t.role, t.joined_at, t.left_at, t.extra)
		IS DISTINCT FROM ROW(excluded.user_id, excluded.name, excluded.role, excluded.joined_at, excluded.left_at, excluded.extra);
	GET DIAGNOSTICS n = ROW_COUNT;
	written := written + n + cardinality(changed);

	DELETE FROM sync_queue AS q USING unnest(got) AS g WHERE q.room_id = g.room_id AND q.kind = 'session' AND q.id = g.id;
	INSERT INTO sync_queue (room_id, kind, id, ended_at)
	SELECT e.room_id, 'events', e.id, e.at
	FROM (SELECT g.room_id, g.id, CASE WHEN g.active IS NOT TRUE THEN coalesce(g.updated_at, g.created_at, now()) END
			FROM unnest(got) AS g WHERE g.id = ANY (changed) OR g.created_at >= since) AS e (room_id, id, at)
	WHERE (e.at < now() - interval '30 days') IS NOT TRUE
	ON CONFLICT (room_id, kind, id) DO UPDATE SET due_at = excluded.due_at, ended_at = excluded.ended_at,
		attempts = 0, failed_at = NULL, last_error = NULL;
	too_old := (SELECT count(*) FROM unnest(got) AS g WHERE g.id = ANY (new_ones) AND g.active IS NOT TRUE
		AND coalesce(g.updated_at, g.created_at) < now() - interval '30 days');
END;
$$;
COMMENT ON FUNCTION hms_internal.store_sessions(jsonb[], timestamptz) IS
'Internal: stores sessions with their peers in a mirror';

-- Store rooms, recordings, streams or assets; returns how many rows were new or
-- differed.  What is not final queues to be read by its id until it is.
--
-- A row that would not change is not written.  Citus takes no subquery about the rows
-- that are here beside a function in FROM, so ON CONFLICT compares them.
CREATE FUNCTION hms_internal.store(what text, rows jsonb[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	kept CONSTANT timestamptz := (SELECT s.kept_from FROM sync_settings AS s);
	good CONSTANT jsonb[] := ARRAY(SELECT DISTINCT ON (r ->> 'room_id', r ->> 'id') CASE WHEN what = 'rooms' THEN r
			ELSE r || jsonb_build_object('room_id', coalesce(r ->> 'room_id', '')) END
		FROM unnest(rows) AS r
		WHERE r ->> 'id' IS NOT NULL AND (what = 'rooms' OR (r ->> 'created_at')::timestamptz >= kept) IS NOT FALSE
		ORDER BY r ->> 'room_id', r ->> 'id');
	room_rows @extschema@.hms_room[];
	recording_rows @extschema@.hms_recording[];
	live_rows @extschema@.hms_live_stream[];
	external_rows @extschema@.hms_external_stream[];
	asset_rows @extschema@.hms_recording_asset[];
	written bigint;
BEGIN
	IF what <> 'rooms' THEN
		INSERT INTO rooms (id) SELECT DISTINCT g ->> 'room_id' FROM unnest(good) AS g ON CONFLICT DO NOTHING;
	END IF;
	CASE what
	WHEN 'rooms' THEN
		room_rows := ARRAY(SELECT g FROM unnest(good) AS r, jsonb_populate_record(NULL::@extschema@.hms_room, r) AS g);
		INSERT INTO rooms AS t (id, name, enabled, description, customer_id, customer, app_id, recording_source_template,
			enabled_source_template, recording_info, template_id, template, region, large_room, size, max_duration_seconds,
			polls, webhook, key, created_at, updated_at, extra, synced_at)
		SELECT g.id, g.name, g.enabled, g.description, g.customer_id, g.customer, g.app_id, g.recording_source_template,
			g.enabled_source_template, g.recording_info, g.template_id, g.template, g.region, g.large_room, g.size,
			g.max_duration_seconds, g.polls, g.webhook, g.key, g.created_at, g.updated_at, g.extra, clock_timestamp() FROM unnest(room_rows) AS g
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, enabled = excluded.enabled, description = excluded.description,
			customer_id = excluded.customer_id, customer = excluded.customer, app_id = excluded.app_id,
			recording_source_template = excluded.recording_source_template,
			enabled_source_template = excluded.enabled_source_template, recording_info = excluded.recording_info,
			template_id = excluded.template_id, template = excluded.template, region = excluded.region,
			large_room = excluded.large_room, size = excluded.size, max_duration_seconds = excluded.max_duration_seconds,
			polls = excluded.polls, webhook = excluded.webhook,
			key = coalesce(excluded.key, CASE WHEN t.name = excluded.name THEN t.key END), created_at = excluded.created_at,
			updated_at = excluded.updated_at, extra = excluded.extra, synced_at = excluded.synced_at
		WHERE t.synced_at IS NULL OR ROW(t.name, t.enabled, t.description, t.customer_id, t.customer, t.app_id,
			t.recording_source_template, t.enabled_source_template, t.recording_info, t.template_id, t.template, t.region,
			t.large_room, t.size, t.max_duration_seconds, t.polls, t.webhook, t.key, t.created_at, t.updated_at,
			t.extra)
			IS DISTINCT FROM ROW(excluded.name, excluded.enabled, excluded.description, excluded.customer_id,
			excluded.customer, excluded.app_id, excluded.recording_source_template, excluded.enabled_source_template,
			excluded.recording_info, excluded.template_id, excluded.template, excluded.region, excluded.large_room,
			excluded.size, excluded.max_duration_seconds, excluded.polls, excluded.webhook, coalesce(excluded.key, t.key),
			excluded.created_at, excluded.updated_at, excluded.extra);
	WHEN 'recordings' THEN
		recording_rows := ARRAY(SELECT g FROM unnest(good) AS r, jsonb_populate_record(NULL::@extschema@.hms_recording, r) AS g);
		INSERT INTO recordings AS t (id, room_id, session_id, status, asset_types, meeting_url, destination, created_at, started_at,
			updated_at, stopped_at, started_by, stopped_by, recording_assets, extra, synced_at)
		SELECT g.id, g.room_id, g.session_id, g.status, g.asset_types, g.meeting_url, g.destination, g.created_at,
			g.started_at, g.updated_at, g.stopped_at, g.started_by, g.stopped_by, g.recording_assets, g.extra,
			clock_timestamp() FROM unnest(recording_rows) AS g
		ON CONFLICT (room_id, id) DO UPDATE SET session_id = excluded.session_id, status = excluded.status,
			asset_types = excluded.asset_types, meeting_url = excluded.meeting_url, destination = excluded.destination,
			created_at = excluded.created_at, started_at = excluded.started_at, updated_at = excluded.updated_at,
			stopped_at = excluded.stopped_at, started_by = excluded.started_by, stopped_by = excluded.stopped_by,
			recording_assets = excluded.recording_assets, extra = excluded.extra, synced_at = excluded.synced_at
		WHERE ROW(t.session_id, t.status, t.asset_types, t.meeting_url, t.destination, t.created_at, t.started_at,
			t.updated_at, t.stopped_at, t.started_by, t.stopped_by, t.recording_assets, t.extra)
			IS DISTINCT FROM ROW(excluded.session_id, excluded.status, excluded.asset_types, excluded.meeting_url,
			excluded.destination, excluded.created_at, excluded.started_at, excluded.updated_at, excluded.stopped_at,
			excluded.started_by, excluded.stopped_by, excluded.recording_assets, excluded.extra);
	WHEN 'live_streams' THEN
		live_rows := ARRAY(SELECT g FROM unnest(good) AS r, jsonb_populate_record(NULL::@extschema@.hms_live_stream, r) AS g);
		INSERT INTO live_streams AS t (id, room_id, session_id, status, playback, recording, meeting_url, destination, created_at,
			started_at, updated_at, stopped_at, started_by, stopped_by, recording_assets, extra, synced_at)
		SELECT g.id, g.room_id, g.session_id, g.status, g.playback, g.recording, g.meeting_url, g.destination, g.created_at,
			g.started_at, g.updated_at, g.stopped_at, g.started_by, g.stopped_by, g.recording_assets, g.extra,
			clock_timestamp() FROM unnest(live_rows) AS g
		ON CONFLICT (room_id, id) DO UPDATE SET session_id = excluded.session_id, status = excluded.status,
			playback = excluded.playback, recording = excluded.recording, meeting_url = excluded.meeting_url,
			destination = excluded.destination, created_at = excluded.created_at, started_at = excluded.started_at,
			updated_at = excluded.updated_at, stopped_at = excluded.stopped_at, started_by = excluded.started_by,
			stopped_by = excluded.stopped_by, recording_assets = excluded.recording_assets, extra = excluded.extra,
			synced_at = excluded.synced_at
		WHERE ROW(t.session_id, t.status, t.playback, t.recording, t.meeting_url, t.destination, t.created_at, t.started_at,
			t.updated_at, t.stopped_at, t.started_by, t.stopped_by, t.recording_assets, t.extra)
			IS DISTINCT FROM ROW(excluded.session_id, excluded.status, excluded.playback, excluded.recording,
			excluded.meeting_url, excluded.destination, excluded.created_at, excluded.started_at, excluded.updated_at,
			excluded.stopped_at, excluded.started_by, excluded.stopped_by, excluded.recording_assets, excluded.extra);
	WHEN 'external_streams' THEN
		external_rows := ARRAY(SELECT g FROM unnest(good) AS r, jsonb_populate_record(NULL::@extschema@.hms_external_stream, r) AS g);
		INSERT INTO external_streams AS t (id, room_id, session_id, status, rtmp_urls, recording, resolution, meeting_url,
			destination, created_at, started_at, updated_at, stopped_at, started_by, stopped_by, recording_assets, extra, synced_at)
		SELECT g.id, g.room_id, g.session_id, g.status, g.rtmp_urls, g.recording, g.resolution, g.meeting_url, g.destination,
			g.created_at, g.started_at, g.updated_at, g.stopped_at, g.started_by, g.stopped_by, g.recording_assets, g.extra,
			clock_timestamp() FROM unnest(external_rows) AS g
		ON CONFLICT (room_id, id) DO UPDATE SET session_id = excluded.session_id, status = excluded.status,
			rtmp_urls = excluded.rtmp_urls, recording = excluded.recording, resolution = excluded.resolution,
			meeting_url = excluded.meeting_url, destination = excluded.destination, created_at = excluded.created_at,
			started_at = excluded.started_at, updated_at = excluded.updated_at, stopped_at = excluded.stopped_at,
			started_by = excluded.started_by, stopped_by = excluded.stopped_by, recording_assets = excluded.recording_assets,
			extra = excluded.extra, synced_at = excluded.synced_at
		WHERE ROW(t.session_id, t.status, t.rtmp_urls, t.recording, t.resolution, t.meeting_url, t.destination, t.created_at,
			t.started_at, t.updated_at, t.stopped_at, t.started_by, t.stopped_by, t.recording_assets, t.extra)
			IS DISTINCT FROM ROW(excluded.session_id, excluded.status, excluded.rtmp_urls, excluded.recording,
			excluded.resolution, excluded.meeting_url, excluded.destination, excluded.created_at, excluded.started_at,
			excluded.updated_at, excluded.stopped_at, excluded.started_by, excluded.stopped_by, excluded.recording_assets,
			excluded.extra);
	WHEN 'recording_assets' THEN
		asset_rows := ARRAY(SELECT g FROM unnest(good) AS r, jsonb_populate_record(NULL::@extschema@.hms_recording_asset, r) AS g);
		INSERT INTO recording_assets AS t (id, job_id, room_id, session_id, type, status, path, size, duration, created_at,
			thumbnails, metadata, extra, synced_at)
		SELECT g.id, g.job_id, g.room_id, g.session_id, g.type, g.status, g.path, g.size, g.duration, g.created_at,
			g.thumbnails, g.metadata, g.extra, clock_timestamp() FROM unnest(asset_rows) AS g
		ON CONFLICT (room_id, id) DO UPDATE SET job_id = excluded.job_id, session_id = excluded.session_id, type = excluded.type,
			status = excluded.status, path = excluded.path, size = excluded.size, duration = excluded.duration,
			created_at = excluded.created_at, thumbnails = excluded.thumbnails, metadata = excluded.metadata,
			extra = excluded.extra, synced_at = excluded.synced_at
		WHERE ROW(t.job_id, t.session_id, t.type, t.status, t.path, t.size, t.duration, t.created_at, t.thumbnails,
			t.metadata, t.extra)
			IS DISTINCT FROM ROW(excluded.job_id, excluded.session_id, excluded.type, excluded.status, excluded.path,
			excluded.size, excluded.duration, excluded.created_at, excluded.thumbnails, excluded.metadata, excluded.extra);
	END CASE;
	GET DIAGNOSTICS written = ROW_COUNT;

	IF what = 'rooms' THEN
		DELETE FROM sync_queue AS q USING unnest(good) AS g WHERE q.room_id = g ->> 'id' AND q.kind = 'room' AND q.id = g ->> 'id';
	ELSE
		DELETE FROM sync_queue AS q USING unnest(good) AS g WHERE q.room_id = g ->> 'room_id' AND q.kind = what
			AND q.id = g ->> 'id' AND g ->> 'status' IN ('completed', 'failed');
		-- those that have not come to their end for a day, or for a month, are read less often
		INSERT INTO sync_queue AS q (room_id, kind, id, read_at)
		SELECT g ->> 'room_id', what, g ->> 'id', clock_timestamp() FROM unnest(good) AS g
		WHERE (g ->> 'status' IN ('completed', 'failed')) IS NOT TRUE
		ON CONFLICT (room_id, kind, id) DO UPDATE SET read_at = excluded.read_at, attempts = 0, failed_at = NULL, last_error = NULL,
			due_at = excluded.due_at + CASE WHEN q.queued_at > now() - interval '1 day' THEN interval '0'
				WHEN q.queued_at > now() - interval '30 days' THEN interval '1 hour' ELSE interval '1 day' END;
	END IF;
	RETURN written;
END;
$$;
COMMENT ON FUNCTION hms_internal.store(text, jsonb[]) IS
'Internal: stores rooms, recordings, streams or assets in a mirror';

-- Store a part of a list.  Where something in it cannot be stored, each row is
-- stored on its own and that one is passed over.
CREATE FUNCTION hms_internal.store_part(
	run hms_internal.run, what text, rows jsonb[], since timestamptz)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	one jsonb;
	late bigint := bigint '0';
	n bigint := bigint '0';
BEGIN
	BEGIN
		IF what = 'sessions' THEN
			SELECT s.written, s.too_old INTO run.written, late FROM hms_internal.store_sessions(rows, since) AS s;
		ELSE
			run.written := hms_internal.store(what, rows);
		END IF;
		run.row_count := run.row_count + run.written;
		run.too_old := run.too_old + late;
		RETURN run;
	EXCEPTION WHEN OTHERS THEN
		IF hms_internal.blame(SQLSTATE) <> 'item' THEN
			RAISE;
		END IF;
		IF cardinality(rows) = 1 THEN
			run.written := 0;
			RETURN hms_internal.pass_over(run, CASE what WHEN 'rooms' THEN 'room' WHEN 'sessions' THEN 'session' ELSE what END,
				left(coalesce(rows[1] ->> 'room_id', rows[1] ->> 'id', ''), 500), left(rows[1] ->> 'id', 500), SQLSTATE, SQLERRM);
		END IF;
	END;
	FOREACH one IN ARRAY rows LOOP
		run := hms_internal.store_part(run, what, ARRAY[one], since);
		n := n + run.written;
	END LOOP;
	run.written := n;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.store_part(hms_internal.run, text, jsonb[], timestamptz) IS
'Internal: stores a part of a list in a mirror';

-- Walk a list into the mirror.
--
-- Arguments: what the list is of; its rooms or all; the time that it is of, where it
-- has such a filter; active sessions alone; "known": the newest that the last walk
-- over all of it had.  With it, the walk stops at a hundred rows of which none is
-- new or differs and one is no newer than that.  This takes no strict order; a list whose
-- first hundred have not the newest is not newest first, and is read to its end.
-- Without it all is read, by several at a time where the list has windows of time.
CREATE FUNCTION hms_internal.walk(
	run hms_internal.run, what text, rooms text[], after timestamptz, before timestamptz,
	active boolean, known timestamptz)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	size CONSTANT integer := CASE WHEN known IS NULL THEN 500 ELSE 100 END;
	within CONSTANT text[] := coalesce(array_remove(rooms, ''), ARRAY[hms_internal.not_given()]);
	list refcursor;
	one jsonb;
	part jsonb[] := ARRAY[]::jsonb[];
	oldest timestamptz;
	parts integer := 0;
	newest_first boolean := false;
BEGIN
	run.newest := NULL;
	CASE
	WHEN what = 'rooms' THEN
		OPEN list FOR SELECT to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_room, 'hms_rooms',
			hms_internal.not_given(), NULL::boolean, hms_internal.not_given(), after, before) AS l
			WHERE l.id = ANY (walk.rooms) OR walk.rooms IS NULL ORDER BY l.created_at;
	WHEN what = 'sessions' AND walk.rooms IS NOT NULL THEN
		OPEN list FOR SELECT to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_sessions',
			walk.rooms, NULL::boolean, after, before) AS l;
	WHEN what = 'sessions' AND known IS NULL AND active IS NULL THEN
		OPEN list FOR SELECT to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_sessions',
			hms_internal.not_given(), NULL::boolean, after, before) AS l ORDER BY l.created_at;
	WHEN what = 'sessions' THEN
		OPEN list FOR SELECT to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_sessions',
			hms_internal.not_given(), active, after, before) AS l;
	WHEN what = 'recordings' THEN
		OPEN list FOR SELECT to_jsonb(l) FROM unnest(within) AS r CROSS JOIN LATERAL hms_internal._hms_rows(
			NULL::@extschema@.hms_recording, 'hms_recordings', r, hms_internal.not_given(), NULL::text) AS l;
	WHEN what = 'live_streams' THEN
		OPEN list FOR SELECT to_jsonb(l) FROM unnest(within) AS r CROSS JOIN LATERAL hms_internal._hms_rows(
			NULL::@extschema@.hms_live_stream, 'hms_live_streams', r, hms_internal.not_given(), NULL::text) AS l;
	WHEN what = 'external_streams' THEN
		OPEN list FOR SELECT to_jsonb(l) FROM unnest(within) AS r CROSS JOIN LATERAL hms_internal._hms_rows(
			NULL::@extschema@.hms_external_stream, 'hms_external_streams', r, hms_internal.not_given(), NULL::text) AS l;
	WHEN what = 'recording_assets' THEN
		OPEN list FOR SELECT to_jsonb(l) FROM unnest(within) AS r CROSS JOIN LATERAL hms_internal._hms_rows(
			NULL::@extschema@.hms_recording_asset, 'hms_recording_assets', r, hms_internal.not_given(), NULL::text) AS l;
	END CASE;

	LOOP
		FETCH list INTO one;
		IF FOUND THEN
			part := part || one;
			IF what = 'sessions' AND (one ->> 'active')::boolean THEN
				run.is_on := run.is_on || (one ->> 'id');
			END IF;
			CONTINUE WHEN cardinality(part) < size;
		END IF;
		EXIT WHEN part = '{}';
		parts := parts + 1;
		run := hms_internal.store_part(run, what, part, run.since);
		SELECT greatest(run.newest, max((p ->> 'created_at')::timestamptz)), min((p ->> 'created_at')::timestamptz)
		INTO run.newest, oldest FROM unnest(part) AS p;
		IF parts = 1 THEN
			newest_first := run.newest >= known;
		END IF;
		EXIT WHEN cardinality(part) < size OR newest_first AND run.written = 0 AND oldest <= known;
		part := ARRAY[]::jsonb[];
	END LOOP;
	CLOSE list;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.walk(hms_internal.run, text, text[], timestamptz, timestamptz, boolean, timestamptz) IS
'Internal: walks a list of the API into a mirror';

-- Note how far a list is read.
CREATE FUNCTION hms_internal.set_mark(what text, room_id text, mark timestamptz, read_at timestamptz, whole boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	INSERT INTO sync_marks AS m (what, room_id, mark, read_at, whole_at)
	VALUES (set_mark.what, set_mark.room_id, set_mark.mark, set_mark.read_at, CASE WHEN whole THEN set_mark.read_at END)
	ON CONFLICT ON CONSTRAINT sync_marks_pkey DO UPDATE SET mark = greatest(m.mark, excluded.mark), read_at = excluded.read_at,
		whole_at = coalesce(excluded.whole_at, m.whole_at);
END;
$$;
COMMENT ON FUNCTION hms_internal.set_mark(text, text, timestamptz, timestamptz, boolean) IS
'Internal: notes how far a list is read';

-- Store events of both kinds, which have the columns of track events (what else errors have
-- is in extra); returns how many were new.
CREATE FUNCTION hms_internal.store_events(events @extschema@.hms_track_event[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	kept CONSTANT timestamptz := (SELECT s.kept_from FROM sync_settings AS s);
	written bigint := bigint '0';
	n bigint;
BEGIN
	INSERT INTO rooms (id) SELECT DISTINCT e.room_id FROM unnest(events) AS e WHERE e.room_id <> '' ON CONFLICT DO NOTHING;
	FOR attempt IN 1 .. 2 LOOP
		BEGIN
			INSERT INTO track_events (version, id, "timestamp", type, room_id, session_id, room_name, peer_id, user_id, user_name,
				joined_at, role, track_id, stream_id, track_type, source, mute, started_at, stopped_at, extra, synced_at)
			SELECT e.version, coalesce(e.id, ''), coalesce(e."timestamp", e.joined_at, 'epoch'), e.type, coalesce(e.room_id, ''),
				coalesce(e.session_id, ''), e.room_name, e.peer_id, e.user_id, e.user_name, e.joined_at, e.role, e.track_id,
				e.stream_id, e.track_type, e.source, e.mute, e.started_at, e.stopped_at, e.extra, clock_timestamp()
			FROM unnest(events) AS e
			WHERE e.type LIKE 'track.%' AND (coalesce(e."timestamp", e.joined_at, 'epoch') < kept) IS NOT TRUE
			ON CONFLICT DO NOTHING;
			GET DIAGNOSTICS written = ROW_COUNT;
			EXIT;
		EXCEPTION WHEN check_violation THEN
			IF attempt > 1 THEN
				RAISE;
			END IF;
			PERFORM hms_internal.make_partitions(ARRAY(
				SELECT DISTINCT date_trunc('month', coalesce(e."timestamp", e.joined_at, 'epoch'), 'UTC')
				FROM unnest(events) AS e WHERE e.type LIKE 'track.%'));
		END;
	END LOOP;
	-- a room whose events name it otherwise has been renamed
	INSERT INTO sync_queue (room_id, kind, id)
	SELECT DISTINCT r.id, 'room', r.id FROM unnest(events) AS e JOIN rooms AS r ON r.id = e.room_id
	WHERE r.name <> e.room_name AND e."timestamp" > r.synced_at
	ON CONFLICT (room_id, kind, id) DO NOTHING;

	INSERT INTO error_events (version, id, "timestamp", type, user_id, user_name, peer_id, account_id, room_id, session_id, room_name,
		template_id, role, error_code, error_name, error_message, error_description, is_terminal, action, domain, retries_join,
		transport_state, endpoint, agent, audio, video, devices, extra, synced_at)
	SELECT r.*, clock_timestamp()
	FROM hms_internal._hms_rows_of(NULL::@extschema@.hms_error_event, 'hms_error_events',
		(SELECT jsonb_agg(jsonb_build_object('version', e.version, 'id', coalesce(e.id, ''), 'timestamp', e."timestamp", 'type', e.type,
				'data', jsonb_build_object('room_id', '') || jsonb_strip_nulls(to_jsonb(e) - '{version,id,timestamp,type,extra}'::text[])
					|| coalesce(e.extra, '{}')))
			FROM unnest(events) AS e WHERE e.type LIKE 'client.%')) AS r
	WHERE (r."timestamp" < kept) IS NOT TRUE
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN written + n;
END;
$$;
COMMENT ON FUNCTION hms_internal.store_events(@extschema@.hms_track_event[]) IS
'Internal: stores events in a mirror';

-- How many events of a room are here that 100ms has certainly too.
CREATE FUNCTION hms_internal.stored_events(room text)
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	since CONSTANT timestamptz := now() - interval '30 days' + interval '1 hour';
BEGIN
	RETURN (SELECT count(*) FROM track_events AS t WHERE t.room_id = room AND t."timestamp" > since)
		+ (SELECT count(*) FROM error_events AS t WHERE t.room_id = room AND t."timestamp" > since);
END;
$$;
COMMENT ON FUNCTION hms_internal.stored_events(text) IS
'Internal: how many events of a room are in a mirror';

-- Read the events of these sessions, which wait for them.
--
-- Where a room's own list may be shorter than its sessions one by one, its first page is
-- asked for: it may be all there is, or its total say that nothing is missing here.  Else
-- the list or the sessions are read, whichever are fewer requests, all of them side by side.
-- Where that fails, ever fewer of the rooms and then of its sessions are read, until the guilty
-- one is found.  A session that ended a while ago is then due again as sync_settings says, or leaves the queue.
CREATE FUNCTION hms_internal.read_events(run hms_internal.run, rooms text[], sessions text[], may_probe boolean)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	half CONSTANT integer := cardinality(sessions) / 2;
	several CONSTANT boolean := rooms[1] <> rooms[cardinality(rooms)];
	reads_at CONSTANT timestamptz := clock_timestamp();
	room record;
	page hms_internal.event_page;
	due bigint;
	probe text[] := ARRAY[]::text[];
	whole text[] := ARRAY[]::text[];
	one_by_one text[] := ARRAY[]::text[];
	list record;
	event @extschema@.hms_track_event;
	part @extschema@.hms_track_event[] := ARRAY[]::@extschema@.hms_track_event[];
	written bigint := bigint '0';
BEGIN
	FOR room IN SELECT d.room_id, count(*) AS due, bool_and(q.ended_at < q.read_at) AS again
		FROM unnest(rooms, sessions) AS d (room_id, id)
			JOIN sync_queue AS q ON q.room_id = d.room_id AND q.kind = 'events' AND q.id = d.id
		GROUP BY d.room_id LOOP
		IF may_probe AND (room.again AND room.due > 1 OR hms_internal.stored_events(room.room_id) / 100 < room.due) THEN
			probe := probe || room.room_id;
		ELSE
			one_by_one := one_by_one || room.room_id;
		END IF;
	END LOOP;

	IF probe <> '{}' THEN
		FOR page IN SELECT * FROM hms_internal._hms_rows(NULL::hms_internal.event_page, 'events_page', probe, NULL::text[]) AS p
			WHERE p.events <> '[]' LOOP
			SELECT d.room_id, count(*) AS due, hms_internal.stored_events(d.room_id) AS stored INTO room
			FROM unnest(rooms) AS d (room_id) WHERE d.room_id = page.events #>> '{0,data,room_id}' GROUP BY d.room_id;
			IF (page.next <> '') IS NOT TRUE OR page.total <= room.stored + 100 OR (page.total + 99) / 100 > room.due THEN
				due := hms_internal.store_events(ARRAY(SELECT e
					FROM hms_internal._hms_rows_of(NULL::@extschema@.hms_track_event, 'hms_track_events', page.events) AS e));
				written := written + due;
				CONTINUE WHEN (page.next <> '') IS NOT TRUE OR room.stored + due >= page.total;
			END IF;
			IF (page.total + 99) / 100 <= room.due THEN
				whole := whole || room.room_id;
			ELSE
				one_by_one := one_by_one || room.room_id;
			END IF;
		END LOOP;
	END IF;
	SELECT array_agg(l.room_id) AS rooms, array_agg(l.session_id) AS sessions INTO list
	FROM (SELECT r, '' FROM unnest(whole) AS r
		UNION ALL SELECT d.room_id, d.id FROM unnest(rooms, sessions) AS d (room_id, id) WHERE d.room_id = ANY (one_by_one)
	) AS l (room_id, session_id);
	IF list.rooms IS NOT NULL THEN
		-- sorted, so that all of it is read by several at a time before the first is stored
		FOR event IN SELECT l.* FROM hms_internal._hms_rows(NULL::@extschema@.hms_track_event, 'mirror_events',
			list.rooms, list.sessions, NULL::text[]) AS l ORDER BY l."timestamp" LOOP
			part := part || event;
			IF cardinality(part) >= 1000 THEN
				written := written + hms_internal.store_events(part);
				part := ARRAY[]::@extschema@.hms_track_event[];
			END IF;
		END LOOP;
		written := written + hms_internal.store_events(part);
	END IF;

	-- errors that belong to no session are in a room's list alone
	INSERT INTO sync_queue (room_id, kind, id) SELECT r, 'errors', r FROM unnest(one_by_one) AS r
	ON CONFLICT (room_id, kind, id) DO NOTHING;
	UPDATE sync_queue AS q SET read_at = reads_at, attempts = 0, failed_at = NULL, last_error = NULL,
		due_at = CASE WHEN q.ended_at IS NULL THEN reads_at + s.events_every
			WHEN reads_at < q.ended_at + s.read_again[1] THEN reads_at
			ELSE coalesce((SELECT min(q.ended_at + w) FROM unnest(s.read_again) AS w WHERE q.ended_at + w > reads_at), '-infinity') END
	FROM unnest(rooms, sessions) AS d (room_id, id), sync_settings AS s
	WHERE q.room_id = d.room_id AND q.kind = 'events' AND q.id = d.id;
	DELETE FROM sync_queue AS q USING unnest(rooms, sessions) AS d (room_id, id)
	WHERE q.room_id = d.room_id AND q.kind = 'events' AND q.id = d.id AND q.due_at = '-infinity';
	run.row_count := run.row_count + written;
	run.in_a_row := 0;
	RETURN run;
EXCEPTION WHEN OTHERS THEN
	IF hms_internal.ends_run(run, SQLSTATE) THEN
		RAISE;
	ELSIF cardinality(sessions) = 1 AND may_probe THEN
		RETURN hms_internal.read_events(run, rooms, sessions, false);
	ELSIF cardinality(sessions) = 1 THEN
		RETURN hms_internal.pass_over(run, 'events', rooms[1], sessions[1], SQLSTATE, SQLERRM);
	END IF;
	run := hms_internal.read_events(run, rooms[:half], sessions[:half], several);
	RETURN hms_internal.read_events(run, rooms[half + 1:], sessions[half + 1:], several);
END;
$$;
COMMENT ON FUNCTION hms_internal.read_events(hms_internal.run, text[], text[], boolean) IS
'Internal: brings the events of sessions into a mirror';

-- The text of an asset.
CREATE FUNCTION hms_internal.read_text(room_id text, id text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	asset record;
	written bigint;
BEGIN
	SELECT a.*, coalesce((SELECT r.started_at FROM recordings AS r WHERE r.room_id = a.room_id AND r.id = a.job_id),
		(SELECT l.started_at FROM live_streams AS l WHERE l.room_id = a.room_id AND l.id = a.job_id),
		(SELECT x.started_at FROM external_streams AS x WHERE x.room_id = a.room_id AND x.id = a.job_id)) AS began
	INTO asset FROM recording_assets AS a WHERE a.room_id = read_text.room_id AND a.id = read_text.id;
	CASE asset.type
	WHEN 'transcript' THEN
		INSERT INTO transcripts (room_id, asset_id, "position", session_id, starts_at, ends_at, user_id, peer_id, name, sentence,
			starts, ends, synced_at)
		SELECT asset.room_id, asset.id, t."position", asset.session_id, asset.began + t.starts, asset.began + t.ends, p.user_id,
			t.peer_id, t.name, t.sentence, t.starts, t.ends, clock_timestamp()
		FROM @extschema@.hms_transcript(asset.id) AS t LEFT JOIN session_peers AS p
			ON p.room_id = asset.room_id AND p.session_id = asset.session_id AND p.id = t.peer_id
		ON CONFLICT DO NOTHING;
	WHEN 'chat' THEN
		INSERT INTO chat_messages (room_id, asset_id, "position", session_id, sent_at, user_id, peer_id, name, roles, type, message, synced_at)
		SELECT asset.room_id, asset.id, t."position", asset.session_id, t.sent_at, t.user_id, t.peer_id, t.name, t.roles, t.type,
			t.message, clock_timestamp()
		FROM @extschema@.hms_chat(asset.id) AS t
		ON CONFLICT DO NOTHING;
	ELSE
		INSERT INTO summaries (room_id, asset_id, "position", session_id, title, format, bullets, paragraph, synced_at)
		SELECT asset.room_id, asset.id, t."position", asset.session_id, t.title, t.format, t.bullets, t.paragraph, clock_timestamp()
		FROM @extschema@.hms_summary(asset.id) AS t
		ON CONFLICT DO NOTHING;
	END CASE;
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END;
$$;
COMMENT ON FUNCTION hms_internal.read_text(text, text) IS
'Internal: brings the text of an asset into a mirror';

-- Read one thing by its id, as its list would have it; run.found says whether 100ms
-- knows it.
CREATE FUNCTION hms_internal.read_one(run hms_internal.run, kind text, room_id text, id text)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	rows jsonb[];
	n bigint;
BEGIN
	CASE kind
	WHEN 'room' THEN
		rows := ARRAY(SELECT to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_room, 'hms_room', read_one.id) AS l);
	WHEN 'session' THEN
		rows := ARRAY(SELECT to_jsonb(l)
			FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_session', read_one.id) AS l);
	WHEN 'recordings' THEN
		rows := ARRAY(SELECT to_jsonb(l) - 'recording_assets'
			FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording, 'hms_recording', read_one.id) AS l);
	WHEN 'live_streams' THEN
		rows := ARRAY(SELECT to_jsonb(l) - 'recording_assets'
			FROM hms_internal._hms_rows(NULL::@extschema@.hms_live_stream, 'hms_live_stream', read_one.id) AS l);
	WHEN 'external_streams' THEN
		rows := ARRAY(SELECT to_jsonb(l)
			FROM hms_internal._hms_rows(NULL::@extschema@.hms_external_stream, 'hms_external_stream', read_one.id) AS l);
	WHEN 'recording_assets' THEN
		rows := ARRAY(SELECT to_jsonb(l)
			FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording_asset, 'hms_recording_asset', read_one.id) AS l);
	WHEN 'errors' THEN
		run.row_count := run.row_count + hms_internal.store_events(ARRAY(SELECT e
			FROM hms_internal._hms_rows(NULL::@extschema@.hms_track_event, 'rooms_errors', ARRAY[read_one.id]) AS e));
		DELETE FROM sync_queue AS q WHERE q.room_id = read_one.room_id AND q.kind = 'errors' AND q.id = read_one.id
			AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.room_id = read_one.room_id AND s.created_at > now() - interval '30 days');
	WHEN 'texts' THEN
		run.row_count := run.row_count + hms_internal.read_text(read_one.room_id, read_one.id);
	WHEN 'quality' THEN
		INSERT INTO peer_quality (room_id, session_id, peer_id, direction, user_id, name, samples, loss_p50, loss_p95, rtt_p50, rtt_p95,
			jitter_p50, jitter_p95, bitrate_p50, bitrate_p95, freezes, synced_at)
		SELECT read_one.room_id, read_one.id, q.peer_id, q.direction, q.user_id, q.name, q.samples, q.loss_p50, q.loss_p95,
			q.rtt_p50, q.rtt_p95, q.jitter_p50, q.jitter_p95, q.bitrate_p50, q.bitrate_p95, q.freezes, clock_timestamp()
		FROM @extschema@.hms_quality(read_one.id) AS q
		ON CONFLICT DO NOTHING;
		GET DIAGNOSTICS n = ROW_COUNT;
		run.row_count := run.row_count + n;
	END CASE;
	IF kind IN ('errors', 'texts', 'quality') THEN
		UPDATE sync_queue AS q SET attempts = 0, failed_at = NULL, last_error = NULL,
			due_at = CASE WHEN read_one.kind = 'errors' THEN clock_timestamp() + interval '1 day' ELSE 'infinity' END
		WHERE q.room_id = read_one.room_id AND q.kind = read_one.kind AND q.id = read_one.id;
		run.found := true;
		RETURN run;
	END IF;
	run.found := rows <> '{}';
	IF NOT run.found THEN
		RETURN run;
	ELSIF kind = 'session' THEN
		SELECT run.row_count + s.written, run.too_old + s.too_old INTO run.row_count, run.too_old
		FROM hms_internal.store_sessions(rows, run.since) AS s;
	ELSE
		run.row_count := run.row_count + hms_internal.store(CASE kind WHEN 'room' THEN 'rooms' ELSE kind END, rows);
	END IF;
	-- it may be of another room than was told
	IF rows[1] ->> 'room_id' <> read_one.room_id THEN
		PERFORM hms_internal.forget(kind, read_one.room_id, read_one.id);
		DELETE FROM sync_queue AS q WHERE q.room_id = read_one.room_id AND q.kind = read_one.kind AND q.id = read_one.id;
	END IF;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.read_one(hms_internal.run, text, text, text) IS
'Internal: brings one thing into a mirror by its id';

-- Forget what only webhooks have told of a thing that 100ms does not know;
-- webhook_events keeps what they told.
CREATE FUNCTION hms_internal.forget(kind text, room_id text, id text)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	IF kind = 'session' THEN
		DELETE FROM session_peers AS p WHERE p.room_id = forget.room_id AND p.session_id = forget.id
			AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.room_id = forget.room_id AND s.id = forget.id AND s.synced_at IS NULL);
		DELETE FROM sessions AS s WHERE s.room_id = forget.room_id AND s.id = forget.id AND s.synced_at IS NULL;
		UPDATE sessions AS s SET active = false WHERE s.room_id = forget.room_id AND s.id = forget.id AND s.active;
	END IF;
	DELETE FROM rooms AS r WHERE r.id = forget.room_id AND r.synced_at IS NULL AND kind IN ('room', 'session')
		AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.room_id = r.id)
		AND NOT EXISTS (SELECT 1 FROM track_events AS t WHERE t.room_id = r.id)
		AND NOT EXISTS (SELECT 1 FROM error_events AS t WHERE t.room_id = r.id)
		AND NOT EXISTS (SELECT 1 FROM recordings AS t WHERE t.room_id = r.id)
		AND NOT EXISTS (SELECT 1 FROM recording_assets AS t WHERE t.room_id = r.id)
		AND NOT EXISTS (SELECT 1 FROM live_streams AS t WHERE t.room_id = r.id)
		AND NOT EXISTS (SELECT 1 FROM external_streams AS t WHERE t.room_id = r.id);
END;
$$;
COMMENT ON FUNCTION hms_internal.forget(text, text, text) IS
'Internal: forgets what only webhooks have told';

-- The steps of a run, in the order of hms_internal.sync_step.  Each call is what one
-- transaction does; it returns the run, with no step when there is nothing left of this one.

-- Rooms: all of them while that is a few pages, and once a day; else those made
-- since the last time, and those that the caller named by their id.
CREATE FUNCTION hms_internal.sync_rooms(run hms_internal.run)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	known CONSTANT bigint := (SELECT count(*) FROM rooms AS r WHERE r.synced_at IS NOT NULL);
	last record;
BEGIN
	SELECT m.mark, m.whole_at INTO last FROM sync_marks AS m WHERE m.what = 'rooms' AND m.room_id = '';
	IF run.rooms IS NOT NULL AND known > 500 THEN
		INSERT INTO sync_queue (room_id, kind, id)
		SELECT DISTINCT r, 'room', r FROM unnest(run.rooms) AS r WHERE r <> ''
		ON CONFLICT (room_id, kind, id) DO UPDATE SET due_at = excluded.due_at;
	ELSIF known > 500 AND last.whole_at > now() - interval '1 day' THEN
		run := hms_internal.walk(run, 'rooms', run.rooms, last.mark - interval '1 hour', NULL, NULL, NULL);
		PERFORM hms_internal.set_mark('rooms', '', run.newest, run.started_at, false);
	ELSE
		run := hms_internal.walk(run, 'rooms', run.rooms, NULL, NULL, NULL, NULL);
		IF run.rooms IS NULL THEN
			PERFORM hms_internal.set_mark('rooms', '', run.newest, run.started_at, true);
		END IF;
	END IF;
	run.step := NULL;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.sync_rooms(hms_internal.run) IS
'Internal: a step of hms_sync';

-- Sessions of rooms that the caller named, fifty at a time; a room that cannot be
-- read is passed over.
CREATE FUNCTION hms_internal.read_room_sessions(run hms_internal.run, rooms text[], after timestamptz)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	half CONSTANT integer := cardinality(rooms) / 2;
BEGIN
	run := hms_internal.walk(run, 'sessions', rooms, after, NULL, NULL, NULL);
	PERFORM hms_internal.set_mark('sessions', r, (SELECT max(s.created_at) FROM sessions AS s WHERE s.room_id = r), run.started_at, true)
	FROM unnest(rooms) AS r;
	run.done := run.done + cardinality(rooms);
	RETURN run;
EXCEPTION WHEN OTHERS THEN
	IF hms_internal.ends_run(run, SQLSTATE) THEN
		RAISE;
	ELSIF cardinality(rooms) = 1 THEN
		PERFORM hms_internal.set_mark('sessions', rooms[1], NULL, run.started_at, false);
		RETURN hms_internal.pass_over(run, 'room', rooms[1], rooms[1], SQLSTATE, SQLERRM);
	END IF;
	run := hms_internal.read_room_sessions(run, rooms[:half], after);
	RETURN hms_internal.read_room_sessions(run, rooms[half + 1:], after);
END;
$$;
COMMENT ON FUNCTION hms_internal.read_room_sessions(hms_internal.run, text[], timestamptz) IS
'Internal: brings the sessions of rooms into a mirror';

-- Sessions.  A first run, or one since a time, reads all from then on, in a few windows
-- that each commit where the rooms are old enough; another one the newest down to what it knows, and every six hours all
-- that began within twelve hours (the longest that a session lasts) before the newest.
-- Then those that are on: what the mirror has as active and neither list has is read by its id.
CREATE FUNCTION hms_internal.sync_sessions(run hms_internal.run)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	last record;
	due record;
	begins timestamptz;
	oldest timestamptz;
	ends timestamptz;
	made text[];
BEGIN
	IF run.rooms IS NOT NULL THEN
		SELECT array_agg(d.room) AS rooms, min(d.mark) AS mark INTO due
		FROM (SELECT r AS room, greatest(m.mark, a.mark) AS mark, count(*) OVER () AS total
			FROM unnest(run.rooms) AS r
				LEFT JOIN sync_marks AS m ON m.what = 'sessions' AND m.room_id = r
				LEFT JOIN sync_marks AS a ON a.what = 'sessions' AND a.room_id = ''
			WHERE r <> '' AND (m.read_at IS NULL OR m.read_at < run.started_at)
			GROUP BY r, m.mark, a.mark ORDER BY greatest(m.mark, a.mark) IS NULL DESC, r LIMIT 50) AS d
		GROUP BY d.mark IS NULL ORDER BY d.mark IS NULL DESC LIMIT 1;
		IF due.rooms IS NOT NULL THEN
			run.total := cardinality(run.rooms)::bigint;
			RETURN hms_internal.read_room_sessions(run, due.rooms,
				CASE WHEN due.mark IS NULL THEN run.since ELSE least(run.since, due.mark - interval '12 hours') END);
		END IF;
	ELSE
		SELECT m.mark, m.read_at, (m.whole_at > now() - interval '6 hours') IS TRUE AS is_whole INTO last
		FROM sync_marks AS m WHERE m.what = 'sessions' AND m.room_id = '';
		IF run."window" IS NULL AND last.mark IS NOT NULL AND run.since IS NULL THEN
			run := hms_internal.walk(run, 'sessions', NULL, last.mark - interval '12 hours', NULL, NULL,
				CASE WHEN last.is_whole THEN last.mark END);
			PERFORM hms_internal.set_mark('sessions', '', run.newest, run.started_at, NOT last.is_whole);
			-- a room that is new here may have sessions from before; where there are many such, they are not asked one by one
			made := ARRAY(SELECT r.id FROM rooms AS r
				WHERE r.synced_at >= run.started_at AND r.created_at > last.read_at - interval '1 hour'
				AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.room_id = r.id) LIMIT 51);
			IF cardinality(made) BETWEEN 1 AND 50 THEN
				run := hms_internal.walk(run, 'sessions', made, NULL, NULL, NULL, NULL);
			END IF;
		ELSE
			begins := coalesce(run."window", least(run.since, last.mark - interval '12 hours'));
			oldest := coalesce(begins, (SELECT min(r.created_at) FROM rooms AS r));
			ends := (SELECT min(run.started_at - d) FROM unnest('{90 days,30 days}'::interval[]) AS d
				WHERE (run.started_at - d < oldest + interval '1 hour') IS NOT TRUE);
			run := hms_internal.walk(run, 'sessions', NULL, begins, ends, NULL, NULL);
			-- a first run that is broken off goes on from here
			PERFORM hms_internal.set_mark('sessions', '', coalesce(run.newest, CASE WHEN last.mark IS NULL THEN begins END),
				run.started_at, ends IS NULL);
			run."window" := ends;
			IF ends IS NOT NULL THEN
				RETURN run;
			END IF;
		END IF;
		IF EXISTS (SELECT 1 FROM sessions AS s WHERE s.active AND NOT s.id = ANY (coalesce(run.is_on, '{}'))) THEN
			run := hms_internal.walk(run, 'sessions', NULL, NULL, NULL, true, NULL);
			run.asks_active := true;
		END IF;
	END IF;
	INSERT INTO sync_queue (room_id, kind, id)
	SELECT s.room_id, 'session', s.id FROM sessions AS s
	WHERE s.active AND NOT s.id = ANY (coalesce(run.is_on, '{}')) AND (run.rooms IS NULL OR s.room_id = ANY (run.rooms))
	ON CONFLICT (room_id, kind, id) DO NOTHING;
	run.step := NULL;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.sync_sessions(hms_internal.run) IS
'Internal: a step of hms_sync';

-- Recordings, streams and their assets: the newest down to what is known, and once a day
-- a day further back.  A run that has asked for the sessions that are on leaves out external
-- streams that were read just before, to stay at six requests.
CREATE FUNCTION hms_internal.sync_list(run hms_internal.run)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	last record;
BEGIN
	SELECT m.mark, m.read_at, (m.whole_at > now() - interval '1 day') IS TRUE AS is_whole INTO last
	FROM sync_marks AS m WHERE m.what = run.step AND m.room_id = '';
	IF run.rooms IS NOT NULL THEN
		run := hms_internal.walk(run, run.step, run.rooms, NULL, NULL, NULL, NULL);
	ELSIF NOT (run.step = 'external_streams' AND run.asks_active IS TRUE AND (last.read_at > now() - interval '5 minutes') IS TRUE) THEN
		run := hms_internal.walk(run, run.step, NULL, NULL, NULL, NULL,
			CASE WHEN last.is_whole THEN last.mark ELSE last.mark - interval '1 day' END);
		PERFORM hms_internal.set_mark(run.step, '', run.newest, run.started_at, NOT coalesce(last.is_whole, false));
	END IF;
	run.step := NULL;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.sync_list(hms_internal.run) IS
'Internal: a step of hms_sync';

-- What of the queue is due in the run's step.
CREATE FUNCTION hms_internal.due(run hms_internal.run)
RETURNS TABLE (room_id text, kind text, id text)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	RETURN QUERY SELECT q.room_id, q.kind, q.id FROM sync_queue AS q
	WHERE q.due_at <= clock_timestamp() AND (q.read_at IS NULL OR q.read_at < run.started_at)
		AND (run.rooms IS NULL OR q.room_id = ANY (run.rooms))
		AND CASE run.step WHEN 'items' THEN q.kind NOT IN ('events', 'texts', 'quality') AND (q.kind <> 'errors' OR run.events)
			WHEN 'texts' THEN q.kind = 'texts' AND run.texts WHEN 'quality' THEN q.kind = 'quality' AND run.quality
			ELSE q.kind = run.step END;
END;
$$;
COMMENT ON FUNCTION hms_internal.due(hms_internal.run) IS
'Internal: what a step of hms_sync has to read by its id';

-- What is due to be read by its id, twenty at a time: rooms and sessions that webhooks or
-- other lists told of, sessions that are no longer on, recordings and streams that were not
-- final; on request the best transcript of each recording, its chat and its summary, and the
-- quality of connections.  These stay in the queue when they are done, not to be asked for again.
CREATE FUNCTION hms_internal.sync_items(run hms_internal.run)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	due record;
	n integer := 0;
BEGIN
	IF run.step = 'items' THEN
		INSERT INTO sync_queue (room_id, kind, id) SELECT r.id, 'room', r.id FROM rooms AS r WHERE r.synced_at IS NULL
		ON CONFLICT (room_id, kind, id) DO NOTHING;
	ELSIF run.step = 'texts' AND run.texts THEN
		INSERT INTO sync_queue (room_id, kind, id)
		SELECT DISTINCT ON (a.room_id, a.job_id, a.type) a.room_id, 'texts', a.id FROM recording_assets AS a
		WHERE a.type IN ('transcript', 'chat', 'summary') AND a.status = 'completed'
			AND (run.rooms IS NULL OR a.room_id = ANY (run.rooms))
		ORDER BY a.room_id, a.job_id, a.type, array_position('{json,srt,txt}', a.metadata ->> 'output_mode'), a.id
		ON CONFLICT (room_id, kind, id) DO NOTHING;
	ELSIF run.step = 'quality' AND run.quality THEN
		INSERT INTO sync_queue (room_id, kind, id)
		SELECT s.room_id, 'quality', s.id FROM sessions AS s
		WHERE s.active IS FALSE AND s.updated_at > now() - interval '30 days' AND (run.rooms IS NULL OR s.room_id = ANY (run.rooms))
		ON CONFLICT (room_id, kind, id) DO NOTHING;
	END IF;
	FOR due IN SELECT * FROM hms_internal.due(run) AS d ORDER BY d.kind = 'room', d.room_id, d.kind, d.id LIMIT 20 LOOP
		n := n + 1;
		BEGIN
			run := hms_internal.read_one(run, due.kind, due.room_id, due.id);
			IF run.found THEN
				UPDATE sync_queue AS q SET read_at = clock_timestamp()
				WHERE q.room_id = due.room_id AND q.kind = due.kind AND q.id = due.id;
			ELSE
				PERFORM hms_internal.forget(due.kind, due.room_id, due.id);
				run := hms_internal.pass_over(run, due.kind, due.room_id, due.id, '22023', '100ms does not know it');
			END IF;
			run.in_a_row := 0;
		EXCEPTION WHEN OTHERS THEN
			IF hms_internal.ends_run(run, SQLSTATE) THEN
				RAISE;
			END IF;
			IF hms_internal.blame(SQLSTATE) = 'item' THEN
				PERFORM hms_internal.forget(due.kind, due.room_id, due.id);
			END IF;
			run := hms_internal.pass_over(run, due.kind, due.room_id, due.id, SQLSTATE, SQLERRM);
		END;
	END LOOP;
	IF n = 0 THEN
		run.step := NULL;
	END IF;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.sync_items(hms_internal.run) IS
'Internal: a step of hms_sync';

-- Events of the sessions that queue for them, of as many rooms at a time as keep several requests
-- going to the end; those with the most come first.
CREATE FUNCTION hms_internal.sync_events(run hms_internal.run)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	due record;
	n bigint;
BEGIN
	IF NOT run.events THEN
		run.step := NULL;
		RETURN run;
	ELSIF run.phase_at IS NULL THEN
		run.phase_at := clock_timestamp();
		DELETE FROM sync_queue AS q WHERE q.kind = 'events' AND q.ended_at < run.started_at - interval '30 days'
			AND (run.rooms IS NULL OR q.room_id = ANY (run.rooms));
		GET DIAGNOSTICS n = ROW_COUNT;
		run.too_old := run.too_old + n;
		SELECT count(DISTINCT d.room_id) AS rooms, count(*) AS sessions INTO due FROM hms_internal.due(run) AS d;
		run.done := 0;
		run.total := due.rooms;
		IF due.sessions > 20 THEN
			RAISE NOTICE 'hms_sync: the events of % sessions in % rooms come next, at most % requests and some seconds at % at a time',
				due.sessions, due.rooms, due.sessions + due.rooms, current_setting('hms.max_connections');
		END IF;
	END IF;
	SELECT array_agg(d.room_id) AS rooms, array_agg(d.id) AS sessions, count(DISTINCT d.room_id) AS n INTO due
	FROM (SELECT d.room_id, d.id, dense_rank() OVER (ORDER BY d.sessions DESC, d.room_id) AS place
		FROM (SELECT e.room_id, e.id, count(*) OVER (PARTITION BY e.room_id) AS sessions FROM hms_internal.due(run) AS e) AS d
		ORDER BY place LIMIT 4000) AS d
	WHERE d.place <= 4 * current_setting('hms.max_connections')::integer;
	IF due.rooms IS NULL THEN
		run.step := NULL;
		RETURN run;
	END IF;
	run := hms_internal.read_events(run, due.rooms, due.sessions, true);
	run.done := least(run.done + due.n, run.total);
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.sync_events(hms_internal.run) IS
'Internal: a step of hms_sync';

-- Begin a run: its row, and what it will cost.
CREATE FUNCTION hms_internal.begin_run(run hms_internal.run)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	waiting record;
BEGIN
	run.started_at := clock_timestamp();
	run.noticed_at := run.started_at;
	run.row_count := 0;
	run.requests := 0;
	run.done := 0;
	run.total := 0;
	run.too_old := 0;
	run.failures := 0;
	run.in_a_row := 0;
	run.conflicts := 0;
	-- we have the lock, so nobody is at work on those that say so
	UPDATE sync_runs AS r SET state = 'broken off', ended_at = r.noted_at WHERE r.state = 'running';
	INSERT INTO sync_runs AS r (started_at, noted_at, state, step, rooms_done, rooms_total, row_count, requests)
	VALUES (run.started_at, run.started_at, 'running', run.step, 0, 0, 0, 0) RETURNING r.id INTO run.id;
	SELECT count(*) FILTER (WHERE q.kind = 'events') AS events, count(*) FILTER (WHERE q.kind <> 'events') AS items INTO waiting
	FROM sync_queue AS q WHERE q.due_at <= now() AND (run.rooms IS NULL OR q.room_id = ANY (run.rooms));
	RAISE NOTICE 'hms_sync: about % requests%', 7 + waiting.items + CASE WHEN run.events THEN waiting.events ELSE 0 END,
		CASE WHEN run.since IS NOT NULL OR NOT EXISTS (SELECT 1 FROM sync_marks AS m WHERE m.what = 'sessions')
			THEN ', one for each 100 sessions, and the events of those of the last 30 days' ELSE ', and what is new' END;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.begin_run(hms_internal.run) IS
'Internal: begins a run of hms_sync';

-- Write down how far a run is, and say so every five seconds.
CREATE FUNCTION hms_internal.note_run(run hms_internal.run)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	pace numeric;
	remaining interval;
BEGIN
	pace := round(run.row_count / greatest(extract(epoch FROM clock_timestamp() - run.started_at), 0.001), 1);
	remaining := CASE WHEN run.step = 'end' THEN interval '0' WHEN run.done > 0 THEN make_interval(secs => round(
		extract(epoch FROM clock_timestamp() - coalesce(run.phase_at, run.started_at))
			/ run.done * (run.total - run.done))::double precision) END;
	UPDATE sync_runs AS r SET noted_at = clock_timestamp(), step = run.step, rooms_done = run.done, rooms_total = run.total,
		row_count = run.row_count, requests = run.requests, rate = pace, time_left = remaining, detail = run.error_message,
		state = CASE WHEN run.error_state IS NOT NULL THEN 'failed' WHEN run.step = 'end' THEN 'done' ELSE 'running' END,
		ended_at = CASE WHEN run.error_state IS NOT NULL OR run.step = 'end' THEN clock_timestamp() END
	WHERE r.id = run.id;
	IF run.step = 'end' OR clock_timestamp() - run.noticed_at > interval '5 seconds' THEN
		run.noticed_at := clock_timestamp();
		RAISE NOTICE 'hms_sync: %, % of % rooms, % rows, % rows/s, % requests%',
			CASE run.step WHEN 'end' THEN 'done' ELSE replace(run.step, '_', ' ') END, run.done, run.total, run.row_count, pace, run.requests,
			CASE WHEN run.step <> 'end' AND remaining IS NOT NULL THEN format(', %s left', remaining) ELSE '' END;
	END IF;
	IF run.step = 'end' AND run.too_old > 0 THEN
		RAISE WARNING 'hms_sync: the events of % sessions are lost: they ended more than 30 days ago, which is as long as 100ms keeps events', run.too_old;
	END IF;
	RETURN run;
END;
$$;
COMMENT ON FUNCTION hms_internal.note_run(hms_internal.run) IS
'Internal: writes down how far a run of hms_sync is';

-- Take the next step of a run; one without a number begins, and NULL comes back at
-- its end.
--
-- The lock lives as long as the transaction, so that nothing can leave it behind,
-- and each step takes it again.  An error that ends the run is kept in sync_runs and
-- raised by the next call, after the commit in between.
CREATE FUNCTION hms_internal.sync_step(schema name, run hms_internal.run)
RETURNS hms_internal.run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	steps CONSTANT text[] := ARRAY['rooms', 'sessions', 'recordings', 'live_streams', 'external_streams', 'recording_assets', 'items',
		'events', 'texts', 'quality', 'end'];
	step CONSTANT text := coalesce(run.step, steps[1]);
	requests CONSTANT bigint := (SELECT s.requests FROM @extschema@.hms_stats() AS s);
BEGIN
	IF run.error_state IS NOT NULL THEN
		IF run.error_detail <> '' AND run.error_hint <> '' THEN
			RAISE EXCEPTION USING ERRCODE = run.error_state, MESSAGE = run.error_message, DETAIL = run.error_detail, HINT = run.error_hint;
		ELSIF run.error_detail <> '' THEN
			RAISE EXCEPTION USING ERRCODE = run.error_state, MESSAGE = run.error_message, DETAIL = run.error_detail;
		ELSIF run.error_hint <> '' THEN
			RAISE EXCEPTION USING ERRCODE = run.error_state, MESSAGE = run.error_message, HINT = run.error_hint;
		END IF;
		RAISE EXCEPTION USING ERRCODE = run.error_state, MESSAGE = run.error_message;
	END IF;
	PERFORM hms_internal.enter(schema, 'sync_runs');
	PERFORM set_config('hms.server', hms_internal.account(), true);
	IF NOT pg_try_advisory_xact_lock(1752003443, to_regnamespace(quote_ident(schema))::oid::integer) THEN
		RAISE EXCEPTION 'another run of hms_sync is at work in schema %', quote_ident(schema)
			USING ERRCODE = 'lock_not_available', HINT = format('The newest row of %I.sync_runs says how far it is.', schema);
	END IF;
	run.step := step;
	IF run.id IS NULL THEN
		run := hms_internal.begin_run(run);
	END IF;

	BEGIN
		CASE
		WHEN step = 'rooms' THEN run := hms_internal.sync_rooms(run);
		WHEN step = 'sessions' THEN run := hms_internal.sync_sessions(run);
		WHEN step IN ('items', 'texts', 'quality') THEN run := hms_internal.sync_items(run);
		WHEN step = 'events' THEN run := hms_internal.sync_events(run);
		ELSE run := hms_internal.sync_list(run);
		END CASE;
		run.step := coalesce(run.step, steps[array_position(steps, step) + 1]);
		run.conflicts := 0;
	EXCEPTION WHEN OTHERS THEN
		IF hms_internal.blame(SQLSTATE) = 'again' AND run.conflicts < 3 THEN
			run.conflicts := run.conflicts + 1;
		ELSE
			GET STACKED DIAGNOSTICS run.error_state = RETURNED_SQLSTATE, run.error_message = MESSAGE_TEXT,
				run.error_detail = PG_EXCEPTION_DETAIL, run.error_hint = PG_EXCEPTION_HINT;
		END IF;
	END;

	run.requests := run.requests + (SELECT s.requests FROM @extschema@.hms_stats() AS s) - requests;
	run := hms_internal.note_run(run);
	RETURN CASE WHEN run.error_state IS NOT NULL OR run.step <> 'end' THEN run END;
END;
$$;
COMMENT ON FUNCTION hms_internal.sync_step(name, hms_internal.run) IS
'Internal: takes a step of hms_sync and tells how far it is';

-- hms_sync(schema, rooms, since, events, texts, quality)
--		Bring a mirror up to date.
--
-- Arguments: the mirror's schema; only these rooms; sessions that began since then are
-- read again, with their events (a first run reads none from before it); with events
-- false the events wait for a later run; texts: the texts of assets too; quality: a row
-- a peer of hms_quality too.  Commits as it goes, so it cannot run inside a transaction
-- block.  Whatever ends it, the next run goes on where it was.  The newest row of sync_runs,
-- and a NOTICE every five seconds, say how far it is.
--
-- What the API refuses for good and what cannot be stored is passed over: a WARNING and
-- sync_runs.failed name it, and it is asked for again when it changes.  What the API
-- cannot answer now is asked for again later; three of that in a row, and errors
-- of the connection, the account or the database, end the run.
--
-- The caller needs the functions of level read and the rights of the tables' owner.
--
-- Errors: 25001 (in a transaction block), 55P03 (another run is at work), 42P01 (no
-- mirror there), 42501 (a superuser in somebody else's mirror: SET ROLE), those of the lists.
CREATE PROCEDURE @extschema@.hms_sync(
	schema name,
	rooms text[] DEFAULT NULL,
	since timestamptz DEFAULT NULL,
	events boolean DEFAULT true,
	texts boolean DEFAULT false,
	quality boolean DEFAULT false)
LANGUAGE plpgsql
AS $$
-- No search_path can be set where COMMIT is used: everything here is qualified,
-- and no operator is used.
DECLARE
	run hms_internal.run;
BEGIN
	IF hms_internal.in_transaction_block() THEN
		RAISE EXCEPTION 'hms_sync commits as it goes and cannot run inside a transaction block'
			USING ERRCODE = 'active_sql_transaction', HINT = 'Call it outside of BEGIN and COMMIT, and with your client''s autocommit on.';
	END IF;
	COMMIT;
	run.rooms := rooms;
	run.since := since;
	run.events := events;
	run.texts := texts;
	run.quality := quality;
	LOOP
		run := hms_internal.sync_step(schema, run);
		COMMIT;
		EXIT WHEN run IS NULL;
	END LOOP;
END;
$$;
COMMENT ON PROCEDURE @extschema@.hms_sync(name, text[], timestamptz, boolean, boolean, boolean) IS
'Bring a mirror up to date; commits as it goes, and goes on where the last run ended';
REVOKE ALL ON PROCEDURE @extschema@.hms_sync(name, text[], timestamptz, boolean, boolean, boolean) FROM PUBLIC;

-- part: sql

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

-- part: library

-- Raise unless the webhook proves that it comes from 100ms, of the account that is
-- this server ('': that of the settings): see hms_receive_webhook.  It can be asked by
-- anybody and tells nothing.
CREATE FUNCTION hms_internal._hms_check_webhook(headers jsonb, body text, server text)
RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hms_check_webhook';
COMMENT ON FUNCTION hms_internal._hms_check_webhook(jsonb, text, text) IS
'Internal: raises unless a webhook''s headers prove where it comes from';

-- part: sql

-- Work out anew, from all its stored webhooks, what is told of a session and of a
-- peer, so that their order does not matter.  They add: a row that is missing, a time that
-- is null, and what is newer than what the API said: that a session is over, a role.
-- What that changes queues to be read from the API.
CREATE FUNCTION hms_internal.tell(room text, session text, peer text, telling text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	told record;
	changed bigint;
	n bigint := bigint '0';
BEGIN
	SELECT max(d.room_name) AS room_name, max(d.template_id) AS template_id, max(w.account_id) AS account_id, max(w.app_id) AS app_id,
		coalesce(min(d.session_started_at), min(w."timestamp"), min(w.synced_at)) AS began,
		max(coalesce(d.session_stopped_at, w."timestamp", w.synced_at)) FILTER (WHERE w.type = 'session.close.success') AS ended,
		max(coalesce(w."timestamp", w.synced_at)) FILTER (WHERE w.type = 'session.close.success') AS told_at
	INTO told
	FROM webhook_events AS w CROSS JOIN LATERAL hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook_data, NULL, w.data) AS d
	WHERE w.room_id = room AND w.session_id = session AND w.type = ANY (telling);
	INSERT INTO rooms (id, name, template_id) VALUES (room, told.room_name, told.template_id) ON CONFLICT DO NOTHING;
	INSERT INTO sessions AS t (id, room_id, customer_id, app_id, active, created_at, updated_at)
	VALUES (session, room, told.account_id, told.app_id, told.ended IS NULL, told.began, told.ended)
	ON CONFLICT (room_id, id) DO UPDATE SET active = excluded.active,
		customer_id = coalesce(t.customer_id, excluded.customer_id), app_id = coalesce(t.app_id, excluded.app_id),
		created_at = CASE WHEN t.synced_at IS NULL THEN excluded.created_at ELSE coalesce(t.created_at, excluded.created_at) END,
		updated_at = coalesce(excluded.updated_at, t.updated_at)
	WHERE t.synced_at IS NULL OR t.active AND NOT excluded.active AND told.told_at > t.synced_at;
	GET DIAGNOSTICS changed = ROW_COUNT;

	IF peer <> '' THEN
		SELECT d.user_id, d.user_name, d.role, w."timestamp" AS at, min(d.joined_at) OVER () AS joined_at,
			max(CASE WHEN w.type = 'peer.leave.success' THEN coalesce(d.left_at, w."timestamp", w.synced_at) END) OVER () AS left_at
		INTO told
		FROM webhook_events AS w CROSS JOIN LATERAL hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook_data, NULL, w.data) AS d
		WHERE w.room_id = room AND w.session_id = session AND w.peer_id = peer
			AND w.type = ANY (telling) AND w.type NOT LIKE 'session.%'
		-- of one second: who leaves has the last role, who joins the first
		ORDER BY w."timestamp" DESC NULLS LAST,
			array_position('{peer.leave.success,role.change.success,peer.join.success}', w.type), w.id
		LIMIT 1;
		INSERT INTO session_peers AS t (id, session_id, room_id, user_id, name, role, joined_at, left_at)
		VALUES (peer, session, room, told.user_id, told.user_name, told.role, told.joined_at, told.left_at)
		ON CONFLICT (room_id, session_id, id) DO UPDATE SET
			user_id = coalesce(nullif(t.user_id, ''), excluded.user_id), name = coalesce(nullif(t.name, ''), excluded.name),
			role = CASE WHEN t.synced_at IS NULL OR told.at > t.synced_at THEN excluded.role ELSE t.role END,
			joined_at = CASE WHEN t.synced_at IS NULL THEN excluded.joined_at ELSE coalesce(t.joined_at, excluded.joined_at) END,
			left_at = coalesce(t.left_at, excluded.left_at)
		WHERE t.synced_at IS NULL OR t.left_at IS NULL;
		GET DIAGNOSTICS n = ROW_COUNT;
	END IF;
	IF changed + n > 0 THEN
		INSERT INTO sync_queue (room_id, kind, id) VALUES (room, 'session', session)
		ON CONFLICT (room_id, kind, id) DO UPDATE SET due_at = excluded.due_at, read_at = NULL, attempts = 0,
			failed_at = NULL, last_error = NULL;
	END IF;
END;
$$;
COMMENT ON FUNCTION hms_internal.tell(text, text, text, text[]) IS
'Internal: what webhooks tell of a session';

-- Store a webhook and what it tells; true unless it was there.
CREATE FUNCTION hms_internal.store_webhook(mirror oid, told hms_internal._hms_webhook)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	telling CONSTANT text[] := ARRAY['session.open.success', 'session.close.success', 'peer.join.success',
		'peer.leave.success', 'role.change.success'];
	longest CONSTANT integer := 500;	-- characters of an id that a key can hold
	about hms_internal._hms_webhook_data;
	room text;
	is_new integer;
BEGIN
	IF (told.id <> '' AND length(told.id) <= longest) IS NOT TRUE THEN
		RAISE EXCEPTION 'the webhook has no id' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'A webhook of 100ms is a JSON object with id, type, timestamp and data.';
	END IF;
	IF jsonb_typeof(told.data) = 'object' THEN
		SELECT d.* INTO about FROM hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook_data, NULL, told.data) AS d;
	END IF;
	room := CASE WHEN length(about.room_id) <= longest THEN about.room_id ELSE '' END;
	-- one session's webhooks wait for one another: each sees what the others stored
	PERFORM pg_advisory_xact_lock(mirror::integer, hashtext(about.session_id));
	INSERT INTO webhook_events (version, id, "timestamp", type, account_id, app_id,
		room_id, session_id, peer_id, user_id, template_id, is_replay, data, extra)
	VALUES (told.version, told.id, told."timestamp", told.type, coalesce(told.account_id, about.account_id),
		coalesce(told.app_id, about.app_id), coalesce(room, ''), about.session_id, about.peer_id, about.user_id,
		coalesce(told.template_id, about.template_id), coalesce(told.is_replay, about.is_replay), told.data, told.extra)
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS is_new = ROW_COUNT;
	IF is_new > 0 AND told.type = ANY (telling) AND room <> '' AND about.session_id <> ''
			AND length(about.session_id) <= longest AND coalesce(length(about.peer_id), 0) <= longest THEN
		PERFORM hms_internal.tell(room, about.session_id,
			CASE WHEN told.type NOT LIKE 'session.%' THEN about.peer_id END, telling);
	END IF;
	RETURN is_new > 0;
END;
$$;
COMMENT ON FUNCTION hms_internal.store_webhook(oid, hms_internal._hms_webhook) IS
'Internal: stores a webhook and what it tells';

-- Take a webhook, given as text.
CREATE FUNCTION hms_internal.receive_webhook(schema name, event text, headers jsonb, body text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	told hms_internal._hms_webhook;
	signed hms_internal._hms_webhook;
BEGIN
	PERFORM hms_internal.enter(schema, 'webhook_events');
	PERFORM hms_internal._hms_check_webhook(headers, coalesce(body, event), hms_internal.account());
	SELECT w.* INTO told FROM hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook, NULL, event) AS w;
	IF body IS NOT NULL THEN
		SELECT w.* INTO signed FROM hms_internal._hms_rows_of(NULL::hms_internal._hms_webhook, NULL, body) AS w;
		IF signed IS DISTINCT FROM told THEN
			RAISE EXCEPTION 'the webhook is not what its body holds' USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END IF;
	RETURN hms_internal.store_webhook(to_regnamespace(quote_ident(schema))::oid, told);
END;
$$;
COMMENT ON FUNCTION hms_internal.receive_webhook(name, text, jsonb, text) IS
'Internal: takes a webhook into a mirror';

-- part: library

-- hms_receive_webhook(schema, event, headers, body)
--		Take a webhook of 100ms into a mirror.
--
-- Arguments: the mirror's schema; the webhook, as json or text (which may hold \u0000 and
-- lone surrogates, stored as U+FFFD) or jsonb; the request's headers as an object of names (in
-- any case) and values; the request's body byte by byte, of which a signature is.  Returns
-- whether it is new: one that was there, by its id, changes nothing.  Any type of event
-- is stored; those of sessions and peers also go into their tables, so that these are
-- current between two runs of hms_sync.
--
-- Where hms.webhook_secret is set, the header that hms.webhook_header names must
-- have that value.  A signature (header x-100ms-signature, HMAC-SHA256 of the body)
-- must be right, by hms.webhook_key or else by the app secret of the mirror's account;
-- where hms.webhook_key is set, there must be one.  Where neither setting is set, what
-- is not signed is refused, unless hms.webhook_unproven is on.
--
-- The caller needs INSERT, SELECT and UPDATE on webhook_events, rooms, sessions,
-- session_peers and sync_queue, and SELECT on sync_settings.
--
-- Errors: 28000 (it does not prove that it comes from 100ms), 22023 (it has no id, is no
-- JSON object, or is not what the body holds), 42P01 (no mirror there), 42501 (a superuser
-- in somebody else's mirror), 55000 (it is signed and there is no key, or no proof is set).
CREATE FUNCTION @extschema@.hms_receive_webhook(
	schema name,
	event "any",
	headers jsonb DEFAULT NULL,
	body text DEFAULT NULL)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hms_receive_webhook';
COMMENT ON FUNCTION @extschema@.hms_receive_webhook(name, "any", jsonb, text) IS
'Take a webhook of 100ms into a mirror, once; false when it was there';
REVOKE ALL ON FUNCTION @extschema@.hms_receive_webhook(name, "any", jsonb, text) FROM PUBLIC;

-- What a mirror has and what the API has, row by row, as far as they differ.
CREATE FUNCTION hms_internal.compare(rooms text[], since timestamptz)
RETURNS TABLE (relation text, room_id text, session_id text, id text, difference text, api jsonb)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
	known CONSTANT text[] := coalesce(compare.rooms, ARRAY(SELECT r.id FROM rooms AS r WHERE r.synced_at IS NOT NULL));
	kept CONSTANT timestamptz := coalesce((SELECT s.kept_from FROM sync_settings AS s), '-infinity');
BEGIN
	RETURN QUERY
	WITH there (name, value) AS MATERIALIZED (
		SELECT 'rooms', to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_room, 'hms_rooms',
			hms_internal.not_given(), NULL::boolean, hms_internal.not_given(), NULL::timestamptz, NULL::timestamptz) AS l
		UNION ALL SELECT 'sessions', to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_sessions',
			hms_internal.not_given(), NULL::boolean, compare.since, NULL::timestamptz) AS l WHERE compare.rooms IS NULL
		UNION ALL SELECT 'sessions', to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_session, 'hms_sessions',
			compare.rooms, NULL::boolean, compare.since, NULL::timestamptz) AS l WHERE compare.rooms IS NOT NULL
		UNION ALL SELECT 'recordings', to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording, 'hms_recordings',
			hms_internal.not_given(), hms_internal.not_given(), NULL::text) AS l
		UNION ALL SELECT 'live_streams', to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_live_stream, 'hms_live_streams',
			hms_internal.not_given(), hms_internal.not_given(), NULL::text) AS l
		UNION ALL SELECT 'external_streams', to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_external_stream,
			'hms_external_streams', hms_internal.not_given(), hms_internal.not_given(), NULL::text) AS l
		UNION ALL SELECT 'recording_assets', to_jsonb(l) FROM hms_internal._hms_rows(NULL::@extschema@.hms_recording_asset,
			'hms_recording_assets', hms_internal.not_given(), hms_internal.not_given(), NULL::text) AS l
		UNION ALL SELECT CASE WHEN e ->> 'type' LIKE 'track.%' THEN 'track_events' ELSE 'error_events' END, e
		FROM hms_internal._hms_rows(NULL::jsonb, 'mirror_events',
			known, array_fill(''::text, ARRAY[cardinality(known)]), NULL::text[]) AS e
	), named (name, room_id, session_id, id, at, value) AS (
		SELECT t.name,
			CASE t.name WHEN 'rooms' THEN t.value ->> 'id' ELSE coalesce(t.value ->> 'room_id', t.value #>> '{data,room_id}', '') END,
			'', t.value ->> 'id', coalesce(t.value ->> 'timestamp', t.value ->> 'created_at')::timestamptz, t.value
		FROM there AS t
		UNION ALL SELECT 'session_peers', p.room_id, p.session_id, p.id, (t.value ->> 'created_at')::timestamptz, to_jsonb(p)
		FROM there AS t CROSS JOIN LATERAL hms_internal._hms_rows_of(NULL::@extschema@.hms_session_peer, 'hms_session_peers',
			jsonb_build_object('id', t.value -> 'id', 'room_id', t.value -> 'room_id', 'peers', t.value -> 'peers')) AS p
		WHERE t.name = 'sessions' AND jsonb_typeof(t.value -> 'peers') IN ('object', 'array') AND p.id IS NOT NULL
	), here AS (
		-- each branch names its columns: Citus sends them to its workers one by one
		SELECT 'rooms' AS name, r.id AS room_id, '' AS session_id, r.id AS id,
			NULL::timestamptz AS at, to_jsonb(r) AS value FROM rooms AS r
		UNION ALL SELECT 'sessions' AS name, s.room_id AS room_id, '' AS session_id, s.id AS id,
			s.created_at AS at, to_jsonb(s) AS value FROM sessions AS s
		UNION ALL SELECT 'session_peers' AS name, p.room_id AS room_id, p.session_id AS session_id, p.id AS id,
			s.created_at AS at, to_jsonb(p) AS value FROM session_peers AS p
			JOIN sessions AS s ON s.room_id = p.room_id AND s.id = p.session_id
		UNION ALL SELECT 'recordings' AS name, r.room_id AS room_id, '' AS session_id, r.id AS id,
			NULL::timestamptz AS at, to_jsonb(r) AS value FROM recordings AS r
		UNION ALL SELECT 'live_streams' AS name, r.room_id AS room_id, '' AS session_id, r.id AS id,
			NULL::timestamptz AS at, to_jsonb(r) AS value FROM live_streams AS r
		UNION ALL SELECT 'external_streams' AS name, r.room_id AS room_id, '' AS session_id, r.id AS id,
			NULL::timestamptz AS at, to_jsonb(r) AS value FROM external_streams AS r
		UNION ALL SELECT 'recording_assets' AS name, r.room_id AS room_id, '' AS session_id, r.id AS id,
			NULL::timestamptz AS at, to_jsonb(r) AS value FROM recording_assets AS r
		UNION ALL SELECT 'track_events' AS name, e.room_id AS room_id, '' AS session_id, e.id AS id,
			NULL::timestamptz AS at, NULL::jsonb AS value FROM track_events AS e
			WHERE e."timestamp" > now() - interval '30 days'
		UNION ALL SELECT 'error_events' AS name, e.room_id AS room_id, '' AS session_id, e.id AS id,
			NULL::timestamptz AS at, NULL::jsonb AS value FROM error_events AS e
			WHERE e."timestamp" > now() - interval '30 days'
	)
	SELECT coalesce(n.name, h.name), coalesce(n.room_id, h.room_id), coalesce(n.session_id, h.session_id), coalesce(n.id, h.id),
		CASE WHEN h.name IS NULL THEN 'missing' WHEN n.name IS NULL THEN 'not at 100ms' ELSE 'differs' END, n.value
	FROM named AS n
		FULL JOIN (SELECT * FROM here AS h WHERE (h.at < compare.since) IS NOT TRUE) AS h
			ON h.name = n.name AND h.room_id = n.room_id AND h.session_id = n.session_id AND h.id = n.id
	WHERE (n.name = 'rooms' OR n.at >= kept) IS NOT FALSE
		AND coalesce(n.room_id, h.room_id) = ANY (known || CASE WHEN compare.rooms IS NULL THEN coalesce(n.room_id, h.room_id) END)
		AND (n.name IS NULL OR h.name IS NULL OR h.value IS NOT NULL
			AND n.value <> (SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(h.value) AS v WHERE n.value ? v.key))
	ORDER BY 1, 2, 3, 4;
END;
$$;
COMMENT ON FUNCTION hms_internal.compare(text[], timestamptz) IS
'Internal: what a mirror and the API do not have alike';

-- Make a mirror's rows those that were found in the API.
CREATE FUNCTION hms_internal.repair(differing jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	run hms_internal.run;
	what text;
	rows jsonb[];
BEGIN
	run.row_count := bigint '0';
	run.too_old := bigint '0';
	run.failures := 0;
	FOREACH what IN ARRAY ARRAY['rooms', 'sessions', 'recordings', 'live_streams', 'external_streams', 'recording_assets', 'events'] LOOP
		rows := ARRAY(SELECT f -> 'api' FROM jsonb_array_elements(differing) AS f
			WHERE f ->> 'difference' <> 'not at 100ms'
				AND CASE what WHEN 'events' THEN f ->> 'relation' LIKE '%_events' ELSE f ->> 'relation' = what END);
		CONTINUE WHEN cardinality(rows) = 0;
		IF what = 'events' THEN
			PERFORM hms_internal.store_events(ARRAY(SELECT e
				FROM hms_internal._hms_rows_of(NULL::@extschema@.hms_track_event, 'hms_track_events', to_jsonb(rows)) AS e));
		ELSE
			run := hms_internal.store_part(run, what, rows, NULL);
		END IF;
	END LOOP;
	-- peers go with their sessions, which are as they should be but for them
	INSERT INTO sync_queue (room_id, kind, id)
	SELECT DISTINCT f ->> 'room_id', 'session', f ->> 'session_id' FROM jsonb_array_elements(differing) AS f
	WHERE f ->> 'relation' = 'session_peers'
	ON CONFLICT (room_id, kind, id) DO UPDATE SET due_at = excluded.due_at, read_at = NULL;
	DELETE FROM session_peers AS t USING jsonb_array_elements(differing) AS f
	WHERE f ->> 'difference' = 'not at 100ms' AND t.room_id = f ->> 'room_id'
		AND (f ->> 'relation' = 'sessions' AND t.session_id = f ->> 'id'
			OR f ->> 'relation' = 'session_peers' AND t.session_id = f ->> 'session_id' AND t.id = f ->> 'id');
	DELETE FROM sessions AS t USING jsonb_array_elements(differing) AS f WHERE f ->> 'relation' = 'sessions'
		AND f ->> 'difference' = 'not at 100ms' AND t.room_id = f ->> 'room_id' AND t.id = f ->> 'id';
END;
$$;
COMMENT ON FUNCTION hms_internal.repair(jsonb) IS
'Internal: makes rows of a mirror those of the API';

-- hms_verify_mirror(schema, rooms, since, repair)
--		What differs between a mirror and the API, a row a thing.
--
-- Arguments: the mirror's schema; only these rooms; only sessions that began since then;
-- repair: bring what is missing or differs from the API, and delete sessions and peers that
-- the API does not know.  Reads all lists whole, and the events of the last 30 days.
--
-- difference is missing, differs, or not at 100ms.
-- Errors: those of hms_sync.
CREATE FUNCTION @extschema@.hms_verify_mirror(
	schema name, rooms text[] DEFAULT NULL, since timestamptz DEFAULT NULL, repair boolean DEFAULT false)
RETURNS TABLE (relation text, room_id text, id text, difference text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	server CONSTANT text := coalesce(current_setting('hms.server', true), '');
	differing jsonb;
BEGIN
	PERFORM hms_internal.enter(schema, 'sync_settings');
	PERFORM set_config('hms.server', hms_internal.account(), true);
	SELECT jsonb_agg(to_jsonb(c)) INTO differing FROM hms_internal.compare(rooms, since) AS c;
	IF repair AND differing IS NOT NULL THEN
		PERFORM hms_internal.repair(differing);
	END IF;
	PERFORM set_config('hms.server', server, true);
	RETURN QUERY SELECT f ->> 'relation', f ->> 'room_id', f ->> 'id', f ->> 'difference' FROM jsonb_array_elements(differing) AS f;
END;
$$;
COMMENT ON FUNCTION @extschema@.hms_verify_mirror(name, text[], timestamptz, boolean) IS
'What differs between a mirror and the API; repair => true mends it';
REVOKE ALL ON FUNCTION @extschema@.hms_verify_mirror(name, text[], timestamptz, boolean) FROM PUBLIC;

-- How old each part of a mirror is.
CREATE FUNCTION hms_internal.mirror_status()
RETURNS TABLE (part text, read_at timestamptz, age interval, waiting bigint, due bigint, failing bigint,
	failing_since timestamptz, detail text)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN QUERY
	SELECT coalesce(m.what, q.kind), coalesce(m.read_at, q.read_at), date_trunc('second', now() - coalesce(m.read_at, q.read_at)),
		coalesce(q.waiting, 0), coalesce(q.due, 0), coalesce(q.failing, 0), q.failing_since, q.detail
	FROM (SELECT k.what, max(k.read_at) AS read_at FROM sync_marks AS k GROUP BY k.what) AS m
		FULL JOIN (SELECT CASE w.kind WHEN 'room' THEN 'rooms' WHEN 'session' THEN 'sessions' ELSE w.kind END AS kind,
				max(w.read_at) AS read_at,
				count(*) FILTER (WHERE w.due_at < 'infinity') AS waiting, count(*) FILTER (WHERE w.due_at <= now()) AS due,
				count(w.last_error) AS failing, min(w.failed_at) AS failing_since,
				(array_agg(w.id || ': ' || w.last_error ORDER BY w.failed_at) FILTER (WHERE w.last_error IS NOT NULL))[1] AS detail
			FROM sync_queue AS w GROUP BY 1) AS q ON q.kind = m.what
	UNION ALL
	(SELECT 'run', r.noted_at, date_trunc('second', now() - r.noted_at), 0, 0, cardinality(r.failed)::bigint,
		CASE WHEN r.state <> 'done' THEN r.started_at END, concat_ws(': ', r.state, coalesce(r.detail, r.failed[1]))
	FROM sync_runs AS r ORDER BY r.id DESC LIMIT 1)
	ORDER BY 1;
END;
$$;
COMMENT ON FUNCTION hms_internal.mirror_status() IS
'Internal: how old each part of a mirror is';

-- hms_mirror_status(schema)
--		How old each part of a mirror is, what waits, and what fails since when.
--
-- A row a part (rooms, sessions, events, recordings, ..., and the last run): when it was
-- last read and how long ago, how many things of it wait to be read by their id and how
-- many of them are due, how many fail, since when, and the first of them with its error.
-- Errors: 42P01 (no mirror there).
CREATE FUNCTION @extschema@.hms_mirror_status(schema name)
RETURNS TABLE (part text, read_at timestamptz, age interval, waiting bigint, due bigint, failing bigint,
	failing_since timestamptz, detail text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM hms_internal.enter(schema, 'sync_marks');
	RETURN QUERY SELECT s.* FROM hms_internal.mirror_status() AS s;
END;
$$;
COMMENT ON FUNCTION @extschema@.hms_mirror_status(name) IS
'How old each part of a mirror is, what waits, and what fails since when';
REVOKE ALL ON FUNCTION @extschema@.hms_mirror_status(name) FROM PUBLIC;

-- part: sql

-- Delete what was before: partitions of events as a whole, else rows.
CREATE FUNCTION hms_internal.drop_before(before timestamptz)
RETURNS TABLE (relation text, dropped bigint)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
	part record;
	n bigint;
	gone bigint := bigint '0';
BEGIN
	UPDATE sync_settings AS s SET kept_from = greatest(s.kept_from, before);
	FOR part IN SELECT c.oid::regclass AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
		FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('track_events') LOOP
		IF substring(part.bounds FROM 'TO \(''([^'']*)''\)')::timestamptz <= before THEN
			EXECUTE format('SELECT count(*) FROM %s', part.name) INTO STRICT n;
			EXECUTE format('DROP TABLE %s', part.name);
			gone := gone + n;
		END IF;
	END LOOP;
	RETURN QUERY
	WITH s AS (DELETE FROM sessions AS t WHERE t.created_at < before AND t.active IS NOT TRUE RETURNING t.room_id, t.id),
	p AS (DELETE FROM session_peers AS t USING s WHERE t.room_id = s.room_id AND t.session_id = s.id RETURNING 1),
	q AS (DELETE FROM peer_quality AS t USING s WHERE t.room_id = s.room_id AND t.session_id = s.id RETURNING 1),
	a AS (DELETE FROM recording_assets AS t WHERE t.created_at < before RETURNING t.room_id, t.id),
	waiting AS (DELETE FROM sync_queue AS t USING (SELECT s.*, '{events,session,quality}'::text[] AS kinds FROM s
			UNION ALL SELECT a.*, '{texts,recording_assets}' FROM a) AS d
		WHERE t.room_id = d.room_id AND t.id = d.id AND t.kind = ANY (d.kinds)),
	x AS (DELETE FROM transcripts AS t USING a WHERE t.room_id = a.room_id AND t.asset_id = a.id RETURNING 1),
	c AS (DELETE FROM chat_messages AS t USING a WHERE t.room_id = a.room_id AND t.asset_id = a.id RETURNING 1),
	u AS (DELETE FROM summaries AS t USING a WHERE t.room_id = a.room_id AND t.asset_id = a.id RETURNING 1),
	e AS (DELETE FROM track_events AS t WHERE t."timestamp" < before RETURNING 1),
	f AS (DELETE FROM error_events AS t WHERE t."timestamp" < before RETURNING 1),
	r AS (DELETE FROM recordings AS t WHERE t.created_at < before AND t.status IN ('completed', 'failed') RETURNING 1),
	l AS (DELETE FROM live_streams AS t WHERE t.created_at < before AND t.status IN ('completed', 'failed') RETURNING 1),
	m AS (DELETE FROM external_streams AS t WHERE t.created_at < before AND t.status IN ('completed', 'failed') RETURNING 1),
	w AS (DELETE FROM webhook_events AS t WHERE coalesce(t."timestamp", t.synced_at) < before RETURNING 1),
	o AS (DELETE FROM sync_runs AS t WHERE t.started_at < before AND t.state <> 'running' RETURNING 1)
	VALUES ('track_events', gone + (SELECT count(*) FROM e)), ('error_events', (SELECT count(*) FROM f)),
		('session_peers', (SELECT count(*) FROM p)), ('peer_quality', (SELECT count(*) FROM q)),
		('sessions', (SELECT count(*) FROM s)), ('transcripts', (SELECT count(*) FROM x)),
		('chat_messages', (SELECT count(*) FROM c)), ('summaries', (SELECT count(*) FROM u)),
		('recording_assets', (SELECT count(*) FROM a)), ('recordings', (SELECT count(*) FROM r)),
		('live_streams', (SELECT count(*) FROM l)), ('external_streams', (SELECT count(*) FROM m)),
		('webhook_events', (SELECT count(*) FROM w)), ('sync_runs', (SELECT count(*) FROM o));
END;
$$;
COMMENT ON FUNCTION hms_internal.drop_before(timestamptz) IS
'Internal: deletes what a mirror has from before then';

-- hms_drop_before(schema, before)
--		Delete what a mirror has from before then: sessions that began before it and are
--		over, with their peers, recordings, streams, assets and their texts, events, webhooks.
--
-- Partitions of track_events that lie before it are dropped as a whole.  What is dropped is
-- not read again.  Returns how many rows of each table.
-- Errors: 22004 (no time), 42P01 (no mirror there), 42501 (not the owner).
CREATE FUNCTION @extschema@.hms_drop_before(schema name, before timestamptz)
RETURNS TABLE (relation text, dropped bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF before IS NULL THEN
		RAISE EXCEPTION 'argument "before" must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM hms_internal.enter(schema, 'sync_settings');
	RETURN QUERY SELECT d.* FROM hms_internal.drop_before(before) AS d;
END;
$$;
COMMENT ON FUNCTION @extschema@.hms_drop_before(name, timestamptz) IS
'Delete what a mirror has from before a time; months of events as a whole';
REVOKE ALL ON FUNCTION @extschema@.hms_drop_before(name, timestamptz) FROM PUBLIC;

-- part: library

-- hms_schedule_mirror(schema, cron)
--		Let pg_cron bring a mirror up to date; returns the job's id.
--
-- cron: when, as "*/15 * * * *".  The job runs as the caller, and is named after the schema:
-- scheduled again it changes.
-- Errors: 22023 (pg_cron is not installed, or does not understand it), 42P01 (no mirror).
CREATE FUNCTION @extschema@.hms_schedule_mirror(schema name, cron text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	home name;
	job bigint;
BEGIN
	PERFORM hms_internal.enter(schema, 'sync_settings');
	IF NOT EXISTS (SELECT 1 FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		RAISE EXCEPTION 'pg_cron is not installed in this database' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Put pg_cron into shared_preload_libraries, restart, and CREATE EXTENSION pg_cron in the database that cron.database_name names.';
	END IF;
	SELECT n.nspname INTO STRICT home FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'hms';
	EXECUTE format('SELECT %I.schedule($1, $2, $3)', 'cron') INTO STRICT job
	USING format('100ms %s', schema), cron, format('CALL %I.hms_sync(%L)', home, schema);
	RETURN job;
END;
$$;
COMMENT ON FUNCTION @extschema@.hms_schedule_mirror(name, text) IS
'Let pg_cron keep a mirror up to date; returns the job''s id';
REVOKE ALL ON FUNCTION @extschema@.hms_schedule_mirror(name, text) FROM PUBLIC;

-- part: sql

-- ---------------------------------------------------------------------------
-- The page of a report: read from a mirror, one function a block.
--
-- Everything that comes from outside is text: html() makes it safe, in elements
-- and in quoted attributes.  Charts are SVG, 1000 units wide, of which the first
-- 190 are for names.
-- ---------------------------------------------------------------------------

CREATE TYPE hms_internal.report_session AS (
	room_id text, session_id text, room text,
	started_at timestamptz, stops_at timestamptz, active boolean, length interval,
	users integer, device_minutes numeric, peak_peers integer, peak_at timestamptz);
COMMENT ON TYPE hms_internal.report_session IS
'Internal: a session on the page of a report';

CREATE TYPE hms_internal.report_person AS (
	room_id text, session_id text, user_id text, known_by text, name text, roles text[],
	joins integer, joined_at timestamptz, left_at timestamptz, inside boolean,
	present interval, device_minutes numeric, share numeric, late boolean, early boolean,
	microphone interval, camera interval, screen interval);
COMMENT ON TYPE hms_internal.report_person IS
'Internal: somebody in a session on the page of a report; name is never empty, late and early by more than five minutes';

CREATE TYPE hms_internal.report_stay AS (
	room_id text, session_id text, user_id text, known_by text, name text, role text,
	begins_at timestamptz, ends_at timestamptz, inside boolean);
COMMENT ON TYPE hms_internal.report_stay IS
'Internal: a stay on the page of a report';

CREATE TYPE hms_internal.report_quality AS (
	room_id text, session_id text, peer_id text, user_id text, name text, direction text, samples integer,
	loss_p95 double precision, rtt_p95 double precision, bitrate_p50 double precision, freezes bigint);
COMMENT ON TYPE hms_internal.report_quality IS
'Internal: how a connection did, on the page of a report';

CREATE TYPE hms_internal.report_error AS (
	type text, error_code integer, error_name text, client text, system text,
	errors integer, users integer, first_at timestamptz, last_at timestamptz);
COMMENT ON TYPE hms_internal.report_error IS
'Internal: what went wrong at clients, on the page of a report';

-- What a report shows, all of the sessions that began in the time, of a room or of
-- all (not_given()).  One statement
-- a relation, with what is looked for as conditions, so that each reaches the
-- tables.  qualities and errors are NULL where the mirror has none.
CREATE FUNCTION hms_internal.report_data(
	schema name, room_id text, after timestamptz, before timestamptz,
	OUT title text,
	OUT sessions hms_internal.report_session[],
	OUT people hms_internal.report_person[],
	OUT stays hms_internal.report_stay[],
	OUT qualities hms_internal.report_quality[],
	OUT errors hms_internal.report_error[])
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	every_room CONSTANT boolean := room_id = hms_internal.not_given();
	room_ids text[];
	session_ids text[];
BEGIN
	IF to_regclass(format('%I.session_usage', schema)) IS NULL OR to_regclass(format('%I.rooms', schema)) IS NULL THEN
		RAISE EXCEPTION 'there is no mirror in schema %', coalesce(quote_ident(schema), 'NULL')
			USING ERRCODE = 'undefined_table', HINT = 'Make it with hms_create_mirror.';
	END IF;

	EXECUTE format($sql$
		SELECT array_agg(ROW(u.room_id, u.session_id, coalesce(nullif(r.name, ''), u.room_id),
				u.started_at, u.started_at + u.duration, u.active, u.duration,
				u.users, u.participant_minutes, u.peak_peers, u.peak_at)::hms_internal.report_session
				ORDER BY u.started_at, u.session_id),
			array_agg(DISTINCT u.room_id), array_agg(DISTINCT u.session_id),
			max(nullif(r.name, '')) FILTER (WHERE u.room_id = $1)
		FROM %1$I.session_usage AS u LEFT JOIN %1$I.rooms AS r ON r.id = u.room_id
		WHERE ($4 OR u.room_id = $1)
			AND ($2 IS NULL OR u.started_at >= $2) AND ($3 IS NULL OR u.started_at <= $3)
		$sql$, schema)
	INTO STRICT sessions, room_ids, session_ids, title USING room_id, after, before, every_room;
	IF NOT every_room AND title IS NULL THEN
		EXECUTE format('SELECT coalesce(max(nullif(r.name, '''')), $1) FROM %I.rooms AS r WHERE r.id = $1', schema)
		INTO STRICT title USING room_id;
	END IF;

	EXECUTE format($sql$
		WITH talk AS (
			SELECT t.room_id, t.session_id, t.user_id, t.known_by,
				sum(t.on_time) FILTER (WHERE t.track_type = 'audio' AND t.source IS DISTINCT FROM 'screen') AS microphone,
				sum(t.on_time) FILTER (WHERE t.track_type = 'video' AND t.source IS DISTINCT FROM 'screen') AS camera,
				sum(t.on_time) FILTER (WHERE t.track_type = 'video' AND t.source = 'screen') AS screen
			FROM %1$I.talk_time AS t
			WHERE t.room_id = ANY ($1) AND t.session_id = ANY ($2)
			GROUP BY t.room_id, t.session_id, t.user_id, t.known_by
		)
		SELECT array_agg(ROW(a.room_id, a.session_id, a.user_id, a.known_by,
				coalesce(nullif(a.name, ''), a.user_id), a.roles, a.joins,
				a.first_joined_at, a.last_left_at, a.inside, a.present, a.minutes, a.share,
				a.first_joined_at > s.started_at + interval '5 minutes',
				NOT s.active AND a.last_left_at < s.stops_at - interval '5 minutes',
				t.microphone, t.camera, t.screen)::hms_internal.report_person)
		FROM %1$I.attendance AS a
			JOIN unnest($3) AS s ON s.room_id = a.room_id AND s.session_id = a.session_id
			LEFT JOIN talk AS t ON t.room_id = a.room_id AND t.session_id = a.session_id
				AND t.user_id = a.user_id AND t.known_by = a.known_by
		WHERE a.room_id = ANY ($1) AND a.session_id = ANY ($2)
		$sql$, schema)
	INTO STRICT people USING room_ids, session_ids, sessions;

	EXECUTE format($sql$
		SELECT array_agg(ROW(t.room_id, t.session_id, t.user_id, t.known_by,
				coalesce(nullif(t.name, ''), t.user_id), t.role,
				t.begins_at, t.ends_at, t.inside)::hms_internal.report_stay)
		FROM (%s) AS t
		WHERE t.room_id = ANY ($1) AND t.session_id = ANY ($2) AND t.is_person AND t.begins_at IS NOT NULL
		$sql$, hms_internal.report_query('timed_stays', format('SELECT * FROM %I.stays', schema)))
	INTO STRICT stays USING room_ids, session_ids;

	IF to_regclass(format('%I.peer_quality', schema)) IS NOT NULL THEN
		EXECUTE format($sql$
			SELECT array_agg(ROW(q.room_id, q.session_id, q.peer_id, q.user_id, q.name, q.direction, q.samples,
					q.loss_p95, q.rtt_p95, q.bitrate_p50, q.freezes)::hms_internal.report_quality)
			FROM %I.peer_quality AS q
			WHERE q.room_id = ANY ($1) AND q.session_id = ANY ($2) AND q.samples > 0
			$sql$, schema)
		INTO STRICT qualities USING room_ids, session_ids;
	END IF;
	IF to_regclass(format('%I.error_events', schema)) IS NOT NULL THEN
		EXECUTE format('SELECT array_agg(ROW(r.*)::hms_internal.report_error ORDER BY r.errors DESC, r.last_at DESC) FROM (%s) AS r',
			hms_internal.report_query('error_summary', error_events => format($sql$
				SELECT e.* FROM %I.error_events AS e
				WHERE ($4 OR e.room_id = $1)
					AND ($2 IS NULL OR e."timestamp" >= $2) AND ($3 IS NULL OR e."timestamp" <= $3)
				$sql$, schema)))
		INTO STRICT errors USING room_id, after, before, every_room;
	END IF;
END;
$$;
COMMENT ON FUNCTION hms_internal.report_data(name, text, timestamptz, timestamptz) IS
'Internal: what a report shows';

-- Text made safe inside HTML and SVG, in elements and in quoted attributes.
CREATE FUNCTION hms_internal.html(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT replace(replace(replace(replace(replace(html.value,
		'&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
END;
COMMENT ON FUNCTION hms_internal.html(text) IS
'Internal: text made safe inside HTML';

-- A length of time as h:mm, and a dash for none.
CREATE FUNCTION hms_internal.html_length(length interval) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(CASE
		WHEN html_length.length > '0' AND extract(epoch FROM html_length.length) < 60 THEN '&lt;0:01'
		ELSE (round(extract(epoch FROM html_length.length) / 60)::bigint / 60)::text || ':'
			|| lpad((round(extract(epoch FROM html_length.length) / 60)::bigint % 60)::text, 2, '0') END, '&ndash;');
END;
COMMENT ON FUNCTION hms_internal.html_length(interval) IS
'Internal: a length of time as h:mm';

-- An instant, with its date where that is not clear.
CREATE FUNCTION hms_internal.html_time(at timestamptz, dated boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(to_char(html_time.at, CASE WHEN dated THEN 'MM-DD HH24:MI:SS' ELSE 'HH24:MI:SS' END), '&ndash;');
END;
COMMENT ON FUNCTION hms_internal.html_time(timestamptz, boolean) IS
'Internal: an instant on a page';

-- A bar of a part, with what it stands for behind it; a dash for none.
CREATE FUNCTION hms_internal.html_bar(part numeric, class text, label text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce('<span class="track"><span class="bar ' || class || '" style="width:'
		|| round(100 * least(greatest(part, 0), 1), 1) || '%"></span></span>' || label, '&ndash;');
END;
COMMENT ON FUNCTION hms_internal.html_bar(numeric, text, text) IS
'Internal: a bar on a page';

-- A user as a cell of a table: the name, and the id where that is another.
CREATE FUNCTION hms_internal.html_user(name text, user_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '<bdi>' || hms_internal.html(name) || '</bdi>' || CASE WHEN name <> user_id
		THEN ' <span class="id"><bdi>' || hms_internal.html(user_id) || '</bdi></span>' ELSE '' END;
END;
COMMENT ON FUNCTION hms_internal.html_user(text, text) IS
'Internal: a user on a page';

-- A table in a box of its own, which scrolls where the page is narrow; nothing
-- where there are no rows.  columns: headings, those of numbers begin with #.
CREATE FUNCTION hms_internal.html_table(columns text[], "rows" text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce('<div class="scroll"><table><thead><tr>' || (SELECT string_agg(CASE WHEN c.heading LIKE '#%'
			THEN '<th class="n">' || substr(c.heading, 2) ELSE '<th>' || c.heading END || '</th>', '' ORDER BY c.place)
		FROM unnest(columns) WITH ORDINALITY AS c (heading, place))
		|| '</tr></thead><tbody>' || "rows" || '</tbody></table></div>', '');
END;
COMMENT ON FUNCTION hms_internal.html_table(text[], text) IS
'Internal: a table on a page';

-- The style of the page.
CREATE FUNCTION hms_internal.report_style() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT $style$
:root { --ink: #1c2330; --soft: #667085; --rule: #e4e7ec; --fill: #2f6fde;
	--c0: #2f6fde; --c1: #e07b39; --c2: #2a9d6f; --c3: #8a5cd1; --c4: #c2417c; --c5: #5b7083 }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1080px; padding: 32px 28px; color: var(--ink); background: #fff;
	font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
h1 { font-size: 26px; margin: 0 0 2px; overflow-wrap: anywhere }
h2 { font-size: 18px; margin: 36px 0 10px }
h3 { font-size: 15px; margin: 0; overflow-wrap: anywhere }
h4 { font-size: 13px; margin: 14px 0 4px }
.soft { color: var(--soft); margin: 0 }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 20px 0 }
.tile { border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px }
.tile b { display: block; font-size: 24px; font-weight: 650; line-height: 1.2 }
.tile span { color: var(--soft) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { font-weight: 600; text-align: left; color: var(--soft); font-size: 12px; vertical-align: bottom }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--rule) }
td:first-child { min-width: 120px; max-width: 260px; overflow-wrap: anywhere }
th.n, td.n { text-align: right }
td.b { white-space: nowrap }
.id { color: var(--soft); font-size: 12px }
.track { display: inline-block; width: 90px; height: 8px; border-radius: 4px; background: var(--rule);
	line-height: 0; text-align: left; margin-right: 8px; vertical-align: middle }
.bar { display: inline-block; height: 8px; border-radius: 4px; background: var(--fill); vertical-align: middle }
section { border: 1px solid var(--rule); border-radius: 12px; padding: 16px 18px; margin: 0 0 18px }
.live { background: #e7f6ee; color: #1b7a4c; border-radius: 999px; padding: 1px 9px; font-size: 12px; margin-left: 6px }
svg { display: block; width: 100%; height: auto; margin: 10px 0 6px }
svg text { font-size: 12px; fill: var(--ink); unicode-bidi: isolate }
.label { text-anchor: end }
.tick, svg .small { fill: var(--soft); font-size: 11px }
.tick { text-anchor: middle }
svg .small { text-anchor: end }
.grid { stroke: var(--rule) }
.line { stroke: #f1f3f6 }
.axis { stroke: #98a2b3 }
.inside { fill: #2f6fde; fill-opacity: .2; stroke: #2f6fde; stroke-width: 1.2 }
.stay { fill-opacity: .82 }
.r0 { fill: var(--c0); background: var(--c0) }
.r1 { fill: var(--c1); background: var(--c1) }
.r2 { fill: var(--c2); background: var(--c2) }
.r3 { fill: var(--c3); background: var(--c3) }
.r4 { fill: var(--c4); background: var(--c4) }
.r5 { fill: var(--c5); background: var(--c5) }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 5px }
.legend { margin: 0 0 12px }
.legend bdi { margin-right: 14px }
@media screen and (max-width: 720px) {
	body { padding: 20px 14px }
	section { padding: 12px }
	.tiles { grid-template-columns: repeat(2, 1fr) }
	svg { min-width: 640px }
}
@media print {
	@page { size: A4; margin: 14mm }
	body { padding: 0; max-width: none; font-size: 10px }
	* { -webkit-print-color-adjust: exact; print-color-adjust: exact }
	tr, svg, .tile, .head { break-inside: avoid }
	h2, h4, .head { break-after: avoid }
	thead { display: table-header-group }
	.scroll { overflow: visible }
	section { padding: 10px 12px }
	.tile { padding: 7px 9px }
	.tile b { font-size: 17px }
	th, td { padding: 3px 7px 3px 0 }
	th, .id { font-size: 9px }
	td:first-child { min-width: 80px }
	.track { width: 44px; margin-right: 5px }
}
$style$ $$;
COMMENT ON FUNCTION hms_internal.report_style() IS
'Internal: the style of the page of a report';

-- Where an instant lies on a chart.
CREATE FUNCTION hms_internal.chart_x(at timestamptz, starts_at timestamptz, stops_at timestamptz) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT round(190 + 800 * extract(epoch FROM chart_x.at - starts_at) / extract(epoch FROM stops_at - starts_at), 1);
END;
COMMENT ON FUNCTION hms_internal.chart_x(timestamptz, timestamptz, timestamptz) IS
'Internal: where an instant lies on a chart';

-- The axis of a chart, at its top, with lines down to the bottom.  A tick has its
-- date where the day changes.
CREATE FUNCTION hms_internal.chart_axis(starts_at timestamptz, stops_at timestamptz, bottom integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH step AS (
		SELECT min(w.step) AS step
		FROM unnest('{1s,5s,15s,1min,2min,5min,10min,15min,30min,1h,2h,4h,8h,1d,7d,30d,365d}'::interval[]) AS w (step)
		WHERE extract(epoch FROM stops_at - starts_at) / extract(epoch FROM w.step) <= 9
	), ticks AS (
		SELECT t.at, hms_internal.chart_x(t.at, starts_at, stops_at) AS x,
			to_char(t.at, 'YYYY-MM-DD') <> to_char(coalesce(lag(t.at) OVER (ORDER BY t.at), starts_at), 'YYYY-MM-DD') AS is_new_day,
			row_number() OVER (ORDER BY t.at) = 1 AND to_char(starts_at, 'YYYY-MM-DD') <> to_char(stops_at, 'YYYY-MM-DD') AS is_first,
			s.step
		FROM step AS s CROSS JOIN LATERAL generate_series(
			date_bin(s.step, starts_at, timestamptz '2000-01-01 00:00:00') + s.step, stops_at, s.step) AS t (at)
	)
	SELECT coalesce(string_agg('<line class="grid" x1="' || t.x || '" x2="' || t.x || '" y1="16" y2="' || bottom
		|| '"/><text class="tick" x="' || t.x || '" y="11">'
		|| to_char(t.at, CASE WHEN t.step >= '1 day' THEN 'MM-DD' WHEN t.is_new_day OR t.is_first THEN 'MM-DD HH24:MI'
			WHEN t.step < '1 minute' THEN 'HH24:MI:SS' ELSE 'HH24:MI' END) || '</text>', '' ORDER BY t.at), '')
	FROM ticks AS t;
END;
COMMENT ON FUNCTION hms_internal.chart_axis(timestamptz, timestamptz, integer) IS
'Internal: the axis of a chart';

-- How many were inside, over time.
CREATE FUNCTION hms_internal.chart_inside(
	starts_at timestamptz, stops_at timestamptz, stays hms_internal.report_stay[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH course AS (
		SELECT m.at, sum(sum(m.peers)) OVER (ORDER BY m.at) AS peers
		FROM unnest(stays) AS s CROSS JOIN LATERAL (VALUES (s.begins_at, 1), (s.ends_at, -1)) AS m (at, peers)
		WHERE s.begins_at < s.ends_at
		GROUP BY m.at
	), most AS (
		SELECT coalesce(max(c.peers), 0) AS peers FROM course AS c
	)
	SELECT '<div class="scroll"><svg viewBox="0 0 1000 100" role="img" aria-label="How many were inside">'
		|| hms_internal.chart_axis(starts_at, stops_at, 96)
		|| '<text class="label" x="182" y="36">inside</text><text class="small" x="182" y="52">at most ' || m.peers || '</text>'
		|| coalesce((SELECT '<path class="inside" d="M190,96' || string_agg('H' || hms_internal.chart_x(c.at, starts_at, stops_at)
			|| 'V' || round(96 - 72.0 * c.peers / greatest(m.peers, 1), 1), '' ORDER BY c.at) || 'V96Z"/>' FROM course AS c), '')
		|| '<line class="axis" x1="190" x2="990" y1="96" y2="96"/></svg></div>'
	FROM most AS m;
END;
COMMENT ON FUNCTION hms_internal.chart_inside(timestamptz, timestamptz, hms_internal.report_stay[]) IS
'Internal: a chart of how many were inside';

-- Who was in when: a line a user with a bar for each stay, in pieces of 30 lines,
-- each with its axis.  roles: all of the page's, so that a role has one colour.
CREATE FUNCTION hms_internal.chart_stays(
	starts_at timestamptz, stops_at timestamptz, stays hms_internal.report_stay[], roles text[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH stays AS MATERIALIZED (
		SELECT s.*, dense_rank() OVER (ORDER BY s.first_at, s.user_id, s.known_by) - 1 AS line,
			first_value(s.name) OVER (PARTITION BY s.user_id, s.known_by ORDER BY s.begins_at DESC) AS shown
		FROM (SELECT s.*, min(s.begins_at) OVER (PARTITION BY s.user_id, s.known_by) AS first_at
			FROM unnest(chart_stays.stays) AS s) AS s
	), names AS (
		SELECT l.line / 30 AS piece, max(l.y) AS bottom,
			string_agg('<text class="label" x="182" y="' || l.y - 7 || '"><title>' || hms_internal.html(l.shown) || '</title>'
				|| hms_internal.html(CASE WHEN length(l.shown) > 22 THEN left(l.shown, 19) || '...' ELSE l.shown END)
				|| '</text><line class="line" x1="190" x2="990" y1="' || l.y || '" y2="' || l.y || '"/>', '' ORDER BY l.line) AS svg
		FROM (SELECT s.line, 38 + 22 * (s.line % 30) AS y, max(s.shown) AS shown FROM stays AS s GROUP BY s.line) AS l
		GROUP BY l.line / 30
	), bars AS (
		SELECT s.line / 30 AS piece,
			string_agg('<rect class="stay r' || coalesce(array_position(roles, s.role) - 1, 0) % 6
				|| '" rx="3" height="16" y="' || 19 + 22 * (s.line % 30) || '" x="' || hms_internal.chart_x(s.begins_at, starts_at, stops_at)
				|| '" width="' || greatest(hms_internal.chart_x(s.ends_at, starts_at, stops_at)
					- hms_internal.chart_x(s.begins_at, starts_at, stops_at), 1.5) || '"><title>'
				|| hms_internal.html(s.name || coalesce(' (' || s.role || ')', '') || ' ' || to_char(s.begins_at, 'HH24:MI:SS')
					|| CASE WHEN s.inside THEN ', inside' ELSE ' to ' || to_char(s.ends_at, 'HH24:MI:SS') END)
				|| '</title></rect>', '' ORDER BY s.line, s.begins_at) AS svg
		FROM stays AS s GROUP BY s.line / 30
	)
	SELECT coalesce(string_agg('<div class="scroll"><svg viewBox="0 0 1000 ' || n.bottom + 4 || '" role="img" aria-label="Who was in when">'
		|| hms_internal.chart_axis(starts_at, stops_at, n.bottom::integer) || n.svg || b.svg || '</svg></div>', '' ORDER BY n.piece), '')
	FROM names AS n JOIN bars AS b ON b.piece = n.piece;
END;
COMMENT ON FUNCTION hms_internal.chart_stays(timestamptz, timestamptz, hms_internal.report_stay[], text[]) IS
'Internal: a chart of who was in when';

-- The figures that stand first.  A person is counted once, however many sessions.
CREATE FUNCTION hms_internal.report_summary(
	sessions hms_internal.report_session[], people hms_internal.report_person[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH persons AS (
		SELECT p.user_id, p.known_by, sum(p.present) AS present
		FROM unnest(people) AS p GROUP BY p.user_id, p.known_by
	), figures AS (
		SELECT count(*) AS sessions, sum(s.length) AS length, sum(s.device_minutes) AS minutes,
			(array_agg(s.peak_peers ORDER BY s.peak_peers DESC NULLS LAST, s.peak_at))[1] AS peak_peers,
			(array_agg(s.peak_at ORDER BY s.peak_peers DESC NULLS LAST, s.peak_at))[1] AS peak_at
		FROM unnest(sessions) AS s
	), tiles AS (
		SELECT t.place, t.figure, t.label
		FROM figures AS f CROSS JOIN LATERAL (VALUES
			(1, (SELECT count(*)::text FROM persons), 'people'),
			(2, (SELECT hms_internal.html_length(avg(p.present)) FROM persons AS p), 'present on average'),
			(3, (SELECT count(*)::text FROM unnest(people) AS p WHERE p.late), 'came late'),
			(4, (SELECT count(*)::text FROM unnest(people) AS p WHERE p.early), 'left early'),
			(5, coalesce(f.peak_peers, 0)::text, 'most at once' || coalesce(to_char(f.peak_at,
				CASE f.sessions WHEN 1 THEN ', at HH24:MI' ELSE ', MM-DD HH24:MI' END), '')),
			(6, f.sessions::text, CASE f.sessions WHEN 1 THEN 'session' ELSE 'sessions' END),
			(7, hms_internal.html_length(f.length), 'in session'),
			(8, coalesce(round(f.minutes), 0)::text, 'device minutes')) AS t (place, figure, label)
	)
	SELECT '<div class="tiles">' || (SELECT string_agg('<div class="tile"><b>' || t.figure || '</b><span>' || t.label || '</span></div>',
			'' ORDER BY t.place) FROM tiles AS t) || '</div>'
		|| hms_internal.html_table('{Role,#People,"#Present on average","#Came late","#Left early","#Device minutes"}',
			(SELECT string_agg('<tr><td><bdi>' || hms_internal.html(r.role) || '</bdi></td><td class="n">' || r.people
				|| '</td><td class="n">' || hms_internal.html_length(r.present / r.people) || '</td><td class="n">' || r.late
				|| '</td><td class="n">' || r.early || '</td><td class="n">' || round(r.minutes) || '</td></tr>', '' ORDER BY r.people DESC, r.role)
			FROM (SELECT r.role, count(DISTINCT p.known_by || ' ' || p.user_id) AS people, sum(p.present) AS present,
					count(*) FILTER (WHERE p.late) AS late, count(*) FILTER (WHERE p.early) AS early, sum(p.device_minutes) AS minutes
				FROM unnest(people) AS p CROSS JOIN LATERAL unnest(p.roles) AS r (role) GROUP BY r.role) AS r));
END;
COMMENT ON FUNCTION hms_internal.report_summary(hms_internal.report_session[], hms_internal.report_person[]) IS
'Internal: the figures of the page of a report';

-- Everybody over all sessions.
CREATE FUNCTION hms_internal.report_people(people hms_internal.report_person[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH persons AS (
		SELECT p.user_id, (array_agg(p.name ORDER BY p.joined_at DESC NULLS LAST))[1] AS name,
			count(*) AS sessions, sum(p.joins) AS joins, sum(p.present) AS present, sum(p.device_minutes) AS minutes,
			sum(p.microphone) AS microphone, sum(p.camera) AS camera, sum(p.screen) AS screen
		FROM unnest(people) AS p GROUP BY p.user_id, p.known_by
	), most AS (
		SELECT greatest(max(extract(epoch FROM p.present)), 1) AS present,
			greatest(max(extract(epoch FROM p.microphone)), 1) AS microphone
		FROM persons AS p
	)
	SELECT '<h2>People</h2>' || hms_internal.html_table(
		'{Name,#Sessions,#Joins,"Present, h:mm","Microphone on, h:mm","#Camera on, h:mm","#Screen shared, h:mm","#Device minutes"}',
		string_agg('<tr><td>' || hms_internal.html_user(p.name, p.user_id)
			|| '</td><td class="n">' || p.sessions || '</td><td class="n">' || p.joins
			|| '</td><td class="b">' || hms_internal.html_bar(extract(epoch FROM p.present) / m.present, '', hms_internal.html_length(p.present))
			|| '</td><td class="b">' || hms_internal.html_bar(extract(epoch FROM p.microphone) / m.microphone, 'r2', hms_internal.html_length(p.microphone))
			|| '</td><td class="n">' || hms_internal.html_length(p.camera) || '</td><td class="n">' || hms_internal.html_length(p.screen)
			|| '</td><td class="n">' || p.minutes || '</td></tr>', '' ORDER BY p.present DESC, p.name, p.user_id))
	FROM persons AS p CROSS JOIN most AS m;
END;
COMMENT ON FUNCTION hms_internal.report_people(hms_internal.report_person[]) IS
'Internal: everybody on the page of a report';

-- Who was in a session.
CREATE FUNCTION hms_internal.report_attendance(people hms_internal.report_person[], dated boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT hms_internal.html_table(
		'{Name,Role,Joined,Left,#Joins,"#Present, h:mm",Share,"#Microphone, h:mm","#Camera, h:mm","#Screen, h:mm","#Device minutes"}',
		string_agg('<tr><td>' || hms_internal.html_user(p.name, p.user_id) || '</td><td><bdi>' || hms_internal.html(array_to_string(p.roles, ', '))
			|| '</bdi></td><td>' || hms_internal.html_time(p.joined_at, dated) || '</td><td>'
			|| CASE WHEN p.inside THEN 'inside' ELSE hms_internal.html_time(p.left_at, dated) END
			|| '</td><td class="n">' || p.joins || '</td><td class="n">' || hms_internal.html_length(p.present)
			|| '</td><td class="b">' || hms_internal.html_bar(p.share, '', round(100 * p.share) || '&nbsp;%')
			|| '</td><td class="n">' || hms_internal.html_length(p.microphone) || '</td><td class="n">' || hms_internal.html_length(p.camera)
			|| '</td><td class="n">' || hms_internal.html_length(p.screen) || '</td><td class="n">' || p.device_minutes || '</td></tr>', ''
			ORDER BY p.joined_at, p.name, p.user_id))
	FROM unnest(people) AS p;
END;
COMMENT ON FUNCTION hms_internal.report_attendance(hms_internal.report_person[], boolean) IS
'Internal: who was in a session, on the page of a report';

-- Each join and leave of a session.
CREATE FUNCTION hms_internal.report_stays(stays hms_internal.report_stay[], dated boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce('<h4>Joins and leaves</h4>' || nullif(hms_internal.html_table('{Name,Role,Joined,Left,"#Length, h:mm"}',
		string_agg('<tr><td>' || hms_internal.html_user(s.name, s.user_id) || '</td><td><bdi>' || coalesce(hms_internal.html(s.role), '')
			|| '</bdi></td><td>' || hms_internal.html_time(s.begins_at, dated) || '</td><td>'
			|| CASE WHEN s.inside THEN 'inside' ELSE hms_internal.html_time(s.ends_at, dated) END
			|| '</td><td class="n">' || hms_internal.html_length(s.ends_at - s.begins_at) || '</td></tr>', ''
			ORDER BY s.begins_at, s.name, s.user_id)), ''), '')
	FROM unnest(stays) AS s;
END;
COMMENT ON FUNCTION hms_internal.report_stays(hms_internal.report_stay[], boolean) IS
'Internal: each join and leave, on the page of a report';

-- How well the connections of a session did, the worst first.
CREATE FUNCTION hms_internal.report_connections(qualities hms_internal.report_quality[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH peers AS (
		SELECT coalesce(nullif(q.name, ''), nullif(q.user_id, ''), q.peer_id) AS name, max(q.loss_p95) AS worst,
			string_agg('<td class="n">' || coalesce(round(q.loss_p95::numeric, 1)::text, '&ndash;')
				|| CASE q.direction WHEN 'publish' THEN '</td><td class="n">' || coalesce(round(q.rtt_p95::numeric)::text, '&ndash;') ELSE '' END
				|| '</td><td class="n">' || coalesce(round(q.bitrate_p50::numeric / 1000)::text, '&ndash;') || '</td>'
				|| CASE q.direction WHEN 'publish' THEN '' ELSE '<td class="n">' || coalesce(q.freezes::text, '&ndash;') || '</td>' END,
				'' ORDER BY q.direction) AS cells
		FROM (SELECT p.peer_id, p.name, p.user_id, d.direction, q.loss_p95, q.rtt_p95, q.bitrate_p50, q.freezes
			FROM (SELECT q.peer_id, max(q.name) AS name, max(q.user_id) AS user_id FROM unnest(qualities) AS q GROUP BY q.peer_id) AS p
				CROSS JOIN (VALUES ('publish'), ('subscribe')) AS d (direction)
				LEFT JOIN unnest(qualities) AS q ON q.peer_id = p.peer_id AND q.direction = d.direction) AS q
		GROUP BY q.peer_id, q.name, q.user_id
	)
	SELECT coalesce('<h4>Connections</h4>' || nullif(hms_internal.html_table(
		'{Name,"#Loss sent, % (p95)","#Round trip, ms (p95)","#Sent, kbit/s","#Loss received, % (p95)","#Received, kbit/s",#Freezes}',
		string_agg('<tr><td><bdi>' || hms_internal.html(p.name) || '</bdi></td>' || p.cells || '</tr>', ''
			ORDER BY p.worst DESC NULLS LAST, p.name)), ''), '')
	FROM peers AS p;
END;
COMMENT ON FUNCTION hms_internal.report_connections(hms_internal.report_quality[]) IS
'Internal: how well connections did, on the page of a report';

-- What went wrong at clients.
CREATE FUNCTION hms_internal.report_errors(errors hms_internal.report_error[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce('<h2>What went wrong</h2>' || nullif(hms_internal.html_table('{Error,What,Client,System,#Times,#Users,Last}',
		string_agg('<tr><td><bdi>' || hms_internal.html(concat_ws(' ', e.error_code::text, e.error_name)) || '</bdi></td><td><bdi>'
			|| hms_internal.html(coalesce(e.type, '')) || '</bdi></td><td><bdi>' || hms_internal.html(coalesce(e.client, '')) || '</bdi></td><td><bdi>'
			|| hms_internal.html(coalesce(e.system, '')) || '</bdi></td><td class="n">' || e.errors || '</td><td class="n">' || e.users
			|| '</td><td>' || hms_internal.html_time(e.last_at, true) || '</td></tr>', '' ORDER BY e.errors DESC, e.last_at DESC)), ''), '')
	FROM unnest(errors) AS e;
END;
COMMENT ON FUNCTION hms_internal.report_errors(hms_internal.report_error[]) IS
'Internal: what went wrong at clients, on the page of a report';

-- A session: who was in it, and its charts.
CREATE FUNCTION hms_internal.report_section(
	session hms_internal.report_session, people hms_internal.report_person[], stays hms_internal.report_stay[],
	qualities hms_internal.report_quality[], roles text[], with_stays boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH span AS (
		SELECT least((session).started_at, min(s.begins_at)) AS starts_at,
			greatest((session).stops_at, max(s.ends_at), (session).started_at + interval '1 second') AS stops_at
		FROM unnest(stays) AS s
	), times AS (
		SELECT s.starts_at, s.stops_at,
			to_char(s.starts_at, 'YYYY-MM-DD') <> to_char(s.stops_at, 'YYYY-MM-DD') AS dated
		FROM span AS s
	)
	SELECT '<section><div class="head"><h3><bdi>' || hms_internal.html((session).room) || '</bdi>, '
		|| to_char((session).started_at, 'Dy YYYY-MM-DD HH24:MI')
		|| CASE WHEN (session).active THEN '<span class="live">on now</span>'
			ELSE ' to ' || to_char((session).stops_at, CASE WHEN t.dated THEN 'YYYY-MM-DD HH24:MI' ELSE 'HH24:MI' END) END
		|| '</h3><p class="soft">' || hms_internal.html_length((session).length) || ' h, ' || (session).users
		|| CASE (session).users WHEN 1 THEN ' person' ELSE ' people' END || ', at most ' || (session).peak_peers || ' at once'
		|| coalesce(' (' || to_char((session).peak_at, CASE WHEN t.dated THEN 'MM-DD HH24:MI' ELSE 'HH24:MI' END) || ')', '')
		|| ', ' || round((session).device_minutes) || ' device minutes</p></div>'
		|| CASE WHEN cardinality(stays) > 0 THEN hms_internal.chart_inside(t.starts_at, t.stops_at, stays) ELSE '' END
		|| hms_internal.report_attendance(people, t.dated)
		|| CASE WHEN cardinality(stays) > 0 THEN hms_internal.chart_stays(t.starts_at, t.stops_at, stays, roles) ELSE '' END
		|| CASE WHEN with_stays THEN hms_internal.report_stays(stays, t.dated) ELSE '' END
		|| hms_internal.report_connections(qualities) || '</section>'
	FROM times AS t;
END;
COMMENT ON FUNCTION hms_internal.report_section(hms_internal.report_session, hms_internal.report_person[], hms_internal.report_stay[], hms_internal.report_quality[], text[], boolean) IS
'Internal: a session on the page of a report';

-- All sessions, one after the other.
CREATE FUNCTION hms_internal.report_sections(
	sessions hms_internal.report_session[], people hms_internal.report_person[], stays hms_internal.report_stay[],
	qualities hms_internal.report_quality[], with_stays boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH roles AS MATERIALIZED (
		SELECT coalesce(array_agg(DISTINCT r.role ORDER BY r.role), '{}') AS roles
		FROM unnest(people) AS p CROSS JOIN LATERAL unnest(p.roles) AS r (role)
	), people_of AS (
		SELECT p.room_id, p.session_id, array_agg(p) AS people FROM unnest(people) AS p GROUP BY p.room_id, p.session_id
	), stays_of AS (
		SELECT s.room_id, s.session_id, array_agg(s) AS stays FROM unnest(stays) AS s GROUP BY s.room_id, s.session_id
	), qualities_of AS (
		SELECT q.room_id, q.session_id, array_agg(q) AS qualities FROM unnest(qualities) AS q GROUP BY q.room_id, q.session_id
	)
	SELECT '<h2>Sessions</h2><p class="soft legend">' || coalesce((SELECT string_agg('<span class="key r' || (k.place - 1) % 6
			|| '"></span><bdi>' || hms_internal.html(k.role) || '</bdi>', '' ORDER BY k.place)
		FROM unnest(r.roles) WITH ORDINALITY AS k (role, place)), '') || '</p>'
		|| (SELECT string_agg(hms_internal.report_section(s, p.people, t.stays, q.qualities, r.roles, with_stays), ''
				ORDER BY s.started_at, s.session_id)
			FROM unnest(sessions) AS s
				LEFT JOIN people_of AS p ON p.room_id = s.room_id AND p.session_id = s.session_id
				LEFT JOIN stays_of AS t ON t.room_id = s.room_id AND t.session_id = s.session_id
				LEFT JOIN qualities_of AS q ON q.room_id = s.room_id AND q.session_id = s.session_id)
	FROM roles AS r;
END;
COMMENT ON FUNCTION hms_internal.report_sections(hms_internal.report_session[], hms_internal.report_person[], hms_internal.report_stay[], hms_internal.report_quality[], boolean) IS
'Internal: the sessions on the page of a report';

-- hms_report_html(schema, room_id, after, before, stays)
--		A report to look at, print or mail, from a mirror.
--
-- Arguments: the mirror's schema; the room (left out: all); sessions that began at
-- or after, at or before; stays: each join and leave as a row too.  Returns one
-- self-contained page of HTML: how many were there, how long on average, who came
-- late or left early (by more than five minutes), by role; everybody; for each
-- session how many were inside, a line a user of who was in when, and who had the
-- microphone or camera on; where the mirror has them how the connections did and
-- what went wrong.  Persons only (hms.bot_roles).  Charts are inline SVG, nothing
-- is loaded and nothing runs, and every name is escaped.  Times are shown in the
-- session's time zone.
--
-- Errors: 42P01 (no mirror there).
CREATE FUNCTION @extschema@.hms_report_html(
	schema name,
	room_id text DEFAULT hms_internal.not_given(),
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL,
	stays boolean DEFAULT false)
RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000
BEGIN ATOMIC
	SELECT '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
		|| '<meta name="viewport" content="width=device-width, initial-scale=1">'
		|| '<meta http-equiv="Content-Security-Policy" content="default-src ''none''; style-src ''unsafe-inline''">'
		|| '<title>' || hms_internal.html(h.title) || '</title><style>' || hms_internal.report_style() || '</style></head><body>'
		|| '<h1><bdi>' || hms_internal.html(h.title) || '</bdi></h1><p class="soft">' || h.span || '</p>'
		|| CASE WHEN h.sessions = 0 THEN '<h2>No session began in this time.</h2>' ELSE
			hms_internal.report_summary(d.sessions, d.people)
			|| CASE WHEN h.sessions > 1 THEN hms_internal.report_people(d.people) ELSE '' END
			|| hms_internal.report_sections(d.sessions, d.people, d.stays, d.qualities, hms_report_html.stays) END
		|| hms_internal.report_errors(d.errors)
		|| '<p class="soft">Made ' || to_char(statement_timestamp(), 'YYYY-MM-DD HH24:MI TZ') || '. Times are of this time zone.'
		|| ' Device minutes count two devices of one person twice, times present once. Late and early: by more than five minutes.</p></body></html>'
	FROM hms_internal.report_data(hms_report_html.schema, hms_report_html.room_id, hms_report_html.after, hms_report_html.before) AS d
		CROSS JOIN LATERAL (
			SELECT coalesce('Room ' || d.title, 'All rooms') AS title, count(*) AS sessions,
				concat_ws(' ', to_char(coalesce(hms_report_html.after, min(s.started_at)), 'YYYY-MM-DD HH24:MI'), 'to',
					to_char(coalesce(hms_report_html.before, max(s.stops_at)), 'YYYY-MM-DD HH24:MI TZ')) AS span
			FROM unnest(d.sessions) AS s) AS h;
END;
COMMENT ON FUNCTION @extschema@.hms_report_html(name, text, timestamptz, timestamptz, boolean) IS
'A report of a room, or of all, as one page of HTML to look at, print or mail';
REVOKE ALL ON FUNCTION @extschema@.hms_report_html(name, text, timestamptz, timestamptz, boolean) FROM PUBLIC;

-- A value of a CSV file as RFC 4180 has it.  What a spreadsheet would take for a
-- formula (names are anybody's) gets an apostrophe before it.
CREATE FUNCTION hms_internal.csv(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(CASE WHEN v.value ~ '[",\r\n]' THEN '"' || replace(v.value, '"', '""') || '"' ELSE v.value END, '')
	FROM (SELECT CASE WHEN csv.value ~ '^[-=+@\t\r]' THEN '''' || csv.value ELSE csv.value END AS value) AS v;
END;
COMMENT ON FUNCTION hms_internal.csv(text) IS
'Internal: a value of a CSV file';

-- hms_report_csv(schema, room_id, after, before, stays)
--		The rows of hms_report_html as CSV, for spreadsheets.
--
-- Arguments: as hms_report_html.  A header and a row a session and person, or with
-- stays a row each join and leave; lines end with CRLF (RFC 4180).  Times are of
-- the session's time zone, with its offset.  A text that a spreadsheet would take
-- for a formula has an apostrophe before it.
--
-- Errors: 42P01 (no mirror there).
CREATE FUNCTION @extschema@.hms_report_csv(
	schema name,
	room_id text DEFAULT hms_internal.not_given(),
	after timestamptz DEFAULT NULL,
	before timestamptz DEFAULT NULL,
	stays boolean DEFAULT false)
RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED COST 10000
BEGIN ATOMIC
	WITH lines AS (
		SELECT ARRAY[s.room, s.room_id, s.session_id, to_char(s.started_at, 'YYYY-MM-DD"T"HH24:MI:SSOF'),
				p.user_id, p.known_by, p.name, array_to_string(p.roles, ' '),
				to_char(p.joined_at, 'YYYY-MM-DD"T"HH24:MI:SSOF'), to_char(p.left_at, 'YYYY-MM-DD"T"HH24:MI:SSOF'),
				p.joins::text, round(extract(epoch FROM p.present) / 60, 2)::text, p.share::text,
				round(extract(epoch FROM p.microphone) / 60, 2)::text, round(extract(epoch FROM p.camera) / 60, 2)::text,
				round(extract(epoch FROM p.screen) / 60, 2)::text, p.device_minutes::text] AS line,
			ROW(s.started_at, s.session_id, p.joined_at, p.name, p.user_id) AS place
		FROM hms_internal.report_data(hms_report_csv.schema, hms_report_csv.room_id, hms_report_csv.after, hms_report_csv.before) AS d
			CROSS JOIN LATERAL unnest(d.sessions) AS s
			JOIN LATERAL unnest(d.people) AS p ON p.room_id = s.room_id AND p.session_id = s.session_id
		WHERE hms_report_csv.stays IS NOT TRUE
		UNION ALL
		SELECT ARRAY[s.room, s.room_id, s.session_id, to_char(s.started_at, 'YYYY-MM-DD"T"HH24:MI:SSOF'),
				t.user_id, t.known_by, t.name, t.role,
				to_char(t.begins_at, 'YYYY-MM-DD"T"HH24:MI:SSOF'),
				CASE WHEN NOT t.inside THEN to_char(t.ends_at, 'YYYY-MM-DD"T"HH24:MI:SSOF') END,
				round(extract(epoch FROM t.ends_at - t.begins_at) / 60, 2)::text],
			ROW(s.started_at, s.session_id, t.begins_at, t.name, t.user_id)
		FROM hms_internal.report_data(hms_report_csv.schema, hms_report_csv.room_id, hms_report_csv.after, hms_report_csv.before) AS d
			CROSS JOIN LATERAL unnest(d.sessions) AS s
			JOIN LATERAL unnest(d.stays) AS t ON t.room_id = s.room_id AND t.session_id = s.session_id
		WHERE hms_report_csv.stays
	)
	SELECT 'room,room_id,session_id,started_at,user_id,known_by,name,'
		|| CASE WHEN hms_report_csv.stays THEN 'role,joined_at,left_at,minutes'
			ELSE 'roles,joined_at,left_at,joins,present_minutes,share,microphone_minutes,camera_minutes,screen_minutes,device_minutes' END
		|| E'\r\n' || coalesce((SELECT string_agg((SELECT string_agg(hms_internal.csv(v.value), ',' ORDER BY v.place)
				FROM unnest(l.line) WITH ORDINALITY AS v (value, place)) || E'\r\n', '' ORDER BY l.place)
			FROM lines AS l), '');
END;
COMMENT ON FUNCTION @extschema@.hms_report_csv(name, text, timestamptz, timestamptz, boolean) IS
'The rows of a report of a room, or of all, as CSV';
REVOKE ALL ON FUNCTION @extschema@.hms_report_csv(name, text, timestamptz, timestamptz, boolean) FROM PUBLIC;

-- part: library

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
					'hms_verify_mirror', 'hms_drop_before', 'hms_schedule_mirror',
					'hms_receive_webhook', 'hms_check') THEN 'read'
				ELSE 'write'
			END);
END;
COMMENT ON FUNCTION hms_internal._hms_functions(text) IS
'Internal: the functions that hms_grant grants at a level';

-- GRANT or REVOKE EXECUTE on functions.
CREATE FUNCTION hms_internal._hms_set_privileges(
	grants boolean,
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
		IF grants THEN
			EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', function, role);
		ELSE
			EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM %s', function, role);
		END IF;
	END LOOP;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_set_privileges(boolean, regrole, text, regprocedure[]) IS
'Internal: GRANT or REVOKE EXECUTE on functions';
REVOKE ALL ON FUNCTION hms_internal._hms_set_privileges(boolean, regrole, text, regprocedure[]) FROM PUBLIC;

-- Let a role execute the functions of a level: tokens, read, write or all.
-- Levels add up: grant each that is wanted.
-- Errors: 22023 (no such level), 42501 (the caller owns neither).
CREATE FUNCTION @extschema@.hms_grant(role regrole, level text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT hms_internal._hms_set_privileges(true, role, level,
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
	SELECT hms_internal._hms_set_privileges(false, role, level,
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
		('hms_verify_token', 'The claims of a token of ours', $$SELECT hms_verify_token(hms_auth_token(id, 'student')) FROM hms_rooms('math-101')$$),
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
		('hms_attendance', 'Who was there, for how long', $$SELECT a.name, a.joins, a.present_minutes, a.share FROM hms_rooms('math-101') r, hms_attendance(r.id) a$$),
		('hms_session_usage', 'Length and users of sessions', $$SELECT u.started_at, u.duration, u.users FROM hms_rooms('math-101') r, hms_session_usage(r.id) u$$),
		('hms_talk_time', 'Whose microphone was on', $$SELECT t.user_id, t.track_type, t.on_time FROM hms_rooms('math-101') r, hms_talk_time(r.id) t$$),
		('hms_concurrency', 'How many were in, over time', $$SELECT c.at, c.peers FROM hms_rooms('math-101') r, hms_concurrency(r.id, step => '10 minutes') c LIMIT 10$$),
		('hms_quality', 'How its connections did', $$SELECT q.name, q.direction, q.rtt_p95, q.loss_p95 FROM hms_quality((SELECT id FROM hms_sessions(active => false) LIMIT 1)) q$$),
		('hms_error_summary', 'What went wrong at clients', $$SELECT s.error_name, s.errors, s.users FROM hms_rooms('physics-9b') r, hms_error_summary(r.id) s$$),
		('hms_create_reports', 'Make report views of a schema', $$SELECT hms_create_reports('video')$$),
		('hms_create_mirror', 'Make tables for a copy', $$SELECT hms_create_mirror('video')$$),
		('hms_sync', 'Bring the copy up to date', $$CALL hms_sync('video')$$),
		('hms_verify_mirror', 'What it has otherwise', $$SELECT * FROM hms_verify_mirror('video')$$),
		('hms_mirror_status', 'How old it is, what fails', $$SELECT part, age, waiting, failing FROM hms_mirror_status('video')$$),
		('hms_drop_before', 'Delete what is old in it', $$SELECT * FROM hms_drop_before('video', now() - interval '2 years')$$),
		('hms_schedule_mirror', 'Let pg_cron do it', $$SELECT hms_schedule_mirror('video', '@hourly')$$),
		('hms_receive_webhook', 'Take a webhook into it', $$SELECT hms_receive_webhook('video', '{"id": "e-1", "type": "room.end.success"}')$$),
		('hms_report_html', 'A report as a page of HTML', $$SELECT hms_report_html('video', after => now() - interval '7 days')$$),
		('hms_report_csv', 'Its rows for spreadsheets', $$SELECT hms_report_csv('video', after => now() - interval '7 days')$$),
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

