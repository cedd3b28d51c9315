/*
 * endpoints.c
 *		The table of endpoints: data only.
 *
 * An endpoint is a row here and a CREATE FUNCTION in the SQL file, whose
 * signature has the arguments in the order of "params" and whose result type
 * says which columns there are.
 */
#include "postgres.h"

#include "endpoints.h"
#include "errors.h"

/* --- shapes of rows ---------------------------------------------------------- */

/* a list names a room's recording settings "recording" */
static const HmsRowShape room_shape = {
	.alias = {"recording_info", "recording"},
};

/* an event keeps these members, and its data is laid out beside them */
#define EVENT_SHAPE(noun_) { \
	.flatten = "data", \
	.own = {"id", "version", "timestamp", "type", "extra"}, \
	.noun = noun_, \
}

static const HmsRowShape track_event_shape = EVENT_SHAPE("track");
static const HmsRowShape recording_event_shape = EVENT_SHAPE("recording");

/* a row for each peer of a session */
static const HmsRowShape session_peer_shape = {
	.nested = "peers",
	.parent = {{"session_id", "id"}, {"room_id", "room_id"}},
};

/* the same with the session's own times, and one row without any peer */
static const HmsRowShape stay_shape = {
	.nested = "peers",
	.parent = {
		{"session_id", "id"}, {"room_id", "room_id"},
		{"session_active", "active"}, {"session_created_at", "created_at"},
		{"session_updated_at", "updated_at"},
	},
	.outer = true,
};

/* --- words of the table ------------------------------------------------------ */

#define CALL(name_, doing_, method_, path_) \
	.name = name_, .doing = doing_, .method = method_, .path = path_
#define ARG(name_, flags_) {.name = name_, .flags = flags_}
#define FIXED(name_, fixed_) {.name = name_, .fixed = fixed_}

/* --- values that stand in more than one row ---------------------------------- */

static const char *const track_event_types[] = {
	"track.add.success", "track.update.success", "track.remove.success", NULL
};

/* functions that are computed from the stays of peers in sessions */
static const char *const stay_functions[] = {
	"hms_attendance", "hms_session_usage", "hms_talk_time", "hms_concurrency",
	NULL
};

static const char *const talk_time_functions[] = {"hms_talk_time", NULL};

#define ROOM_NEEDS \
	.needs = { \
		"recording_info.upload_info.type", \
		"recording_info.upload_info.location", \
		"recording_info.upload_info.credentials.key", \
		"recording_info.upload_info.credentials.secret", \
		"webhook.url", \
	}

#define SESSION_FILTERS \
	ARG("room_id", HMS_NOT_EMPTY), ARG("active", 0), ARG("after", 0), ARG("before", 0)

/* --- the table ----------------------------------------------------------------- */

static const HmsEndpoint endpoints[] = {

	/* rooms */
	{
		CALL("hms_rooms", "list rooms", HMS_GET, "/rooms"),
		.params = {ARG("name", HMS_NOT_EMPTY), ARG("enabled", 0), ARG("template_id", HMS_NOT_EMPTY),
		ARG("after", 0), ARG("before", 0)},
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .shape = &room_shape,
	},
	{
		CALL("hms_room", "get room", HMS_GET, "/rooms/{room_id}"),
		.params = {ARG("room_id", HMS_REQUIRED)},
		.shape = &room_shape, .missing_ok = true,
	},
	{
		CALL("hms_create_room", "create room", HMS_POST, "/rooms"),
		.params = {ARG("options", HMS_WHOLE_BODY)},
		.shape = &room_shape, ROOM_NEEDS,
	},
	{
		CALL("hms_update_room", "update room", HMS_POST, "/rooms/{room_id}"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("changes", HMS_REQUIRED | HMS_WHOLE_BODY)},
		.shape = &room_shape, ROOM_NEEDS,
	},
	{
		CALL("hms_enable_room", "enable room", HMS_POST, "/rooms/{room_id}"),
		.params = {ARG("room_id", HMS_REQUIRED), FIXED("enabled", "true")},
		.shape = &room_shape,
	},
	{
		CALL("hms_disable_room", "disable room", HMS_POST, "/rooms/{room_id}"),
		.params = {ARG("room_id", HMS_REQUIRED), FIXED("enabled", "false")},
		.shape = &room_shape,
	},

	/* sessions */
	{
		CALL("hms_sessions", "list sessions", HMS_GET, "/sessions"),
		.params = {SESSION_FILTERS},
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_session", "get session", HMS_GET, "/sessions/{session_id}"),
		.params = {ARG("session_id", HMS_REQUIRED)},
		.missing_ok = true,
	},
	{
		CALL("hms_active_session", "get active session", HMS_GET, "/sessions"),
		.params = {ARG("room_id", HMS_REQUIRED), FIXED("active", "true")},
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_session_peers", "list peers of sessions", HMS_GET, "/sessions"),
		.params = {SESSION_FILTERS},
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .shape = &session_peer_shape,
	},
	{
		CALL("stays", "list sessions", HMS_GET, "/sessions"),
		.params = {ARG("room_id", HMS_NOT_EMPTY), ARG("after", 0), ARG("before", 0)},
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .shape = &stay_shape,
		.serves = stay_functions,
	},
	{
		CALL("session_stays", "get session", HMS_GET, "/sessions/{session_id}"),
		.params = {ARG("session_id", HMS_REQUIRED)},
		.shape = &stay_shape, .missing_ok = true, .serves = stay_functions,
	},

	/* active rooms */
	{
		CALL("hms_active_room", "get active room", HMS_GET, "/active-rooms/{room_id}"),
		.params = {ARG("room_id", HMS_REQUIRED)},
		.missing_ok = true,
	},
	{
		CALL("hms_active_peers", "list peers of active room", HMS_GET, "/active-rooms/{room_id}/peers"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("user_id", HMS_NOT_EMPTY), ARG("role", HMS_NOT_EMPTY)},
		.rows = "peers", .rows_by_id = true, .missing_ok = true,
	},
	{
		CALL("hms_active_peer", "get peer of active room", HMS_GET, "/active-rooms/{room_id}/peers/{peer_id}"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("peer_id", HMS_REQUIRED)},
		.missing_ok = true,
	},
	{
		CALL("hms_update_peer", "update peer", HMS_POST, "/active-rooms/{room_id}/peers/{peer_id}"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("peer_id", HMS_REQUIRED),
		ARG("changes", HMS_REQUIRED | HMS_WHOLE_BODY)},
	},
	{
		CALL("hms_send_message", "send message", HMS_POST, "/active-rooms/{room_id}/send-message"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("message", HMS_REQUIRED),
		ARG("peer_id", HMS_NOT_EMPTY), ARG("role", HMS_NOT_EMPTY), ARG("type", 0)},
		.one_of = {"peer_id", "role"},
	},
	{
		CALL("hms_broadcast_message", "broadcast message", HMS_POST, "/active-rooms/{room_id}/send-message"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("message", HMS_REQUIRED), ARG("type", 0)},
	},
	{
		CALL("hms_remove_peers", "remove peers", HMS_POST, "/active-rooms/{room_id}/remove-peers"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("peer_id", HMS_NOT_EMPTY),
		ARG("role", HMS_NOT_EMPTY), ARG("reason", 0)},
		.one_of = {"peer_id", "role"},
	},
	{
		CALL("hms_end_room", "end room", HMS_POST, "/active-rooms/{room_id}/end-room"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("reason", 0), ARG("lock", 0)},
	},

	/* analytics */
	{
		CALL("hms_track_events", "list track events", HMS_GET, "/analytics/events"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("session_id", HMS_NOT_EMPTY),
		ARG("peer_id", HMS_NOT_EMPTY), ARG("user_id", HMS_NOT_EMPTY),
		{.name = "type", .unless_given = track_event_types}},
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .shape = &track_event_shape,
	},
	{
		CALL("session_tracks", "list track events", HMS_GET, "/analytics/events"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("session_id", HMS_NOT_EMPTY),
		{.name = "type", .unless_given = track_event_types}},
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .shape = &track_event_shape,
		.serves = talk_time_functions,
	},
	{
		CALL("hms_recording_events", "list recording events", HMS_GET, "/analytics/events"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("session_id", HMS_NOT_EMPTY),
		ARG("peer_id", HMS_NOT_EMPTY), ARG("user_id", HMS_NOT_EMPTY),
		ARG("beam_id", HMS_NOT_EMPTY),
		FIXED("type", "beam.recording.success")},
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .shape = &recording_event_shape,
	},

	/* room codes */
	{
		CALL("hms_room_codes", "list room codes", HMS_GET, "/room-codes/room/{room_id}"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("role", HMS_NOT_EMPTY), ARG("enabled", 0)},
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_create_room_codes", "create room codes", HMS_POST, "/room-codes/room/{room_id}"),
		.params = {ARG("room_id", HMS_REQUIRED)},
		.rows = "data",
	},
	{
		CALL("hms_create_room_code", "create room code", HMS_POST, "/room-codes/room/{room_id}/role/{role}"),
		.params = {ARG("room_id", HMS_REQUIRED), ARG("role", HMS_REQUIRED)},
	},
	{
		CALL("hms_enable_room_code", "enable room code", HMS_POST, "/room-codes/code"),
		.params = {ARG("code", HMS_REQUIRED), FIXED("enabled", "true")},
	},
	{
		CALL("hms_disable_room_code", "disable room code", HMS_POST, "/room-codes/code"),
		.params = {ARG("code", HMS_REQUIRED), FIXED("enabled", "false")},
	},

	/* any endpoint */
	{
		CALL("hms_api_get", "call the API", HMS_GET, NULL),
		.params = {ARG("path", HMS_REQUIRED | HMS_RAW_PATH), ARG("params", HMS_MEMBERS)},
	},
	{
		CALL("hms_api_list", "list from the API", HMS_GET, NULL),
		.params = {ARG("path", HMS_REQUIRED | HMS_RAW_PATH), ARG("params", HMS_MEMBERS)},
		.rows = "", .paging = HMS_PAGE_AS_ANSWERED,
	},
	{
		CALL("hms_api_post", "call the API", HMS_POST, NULL),
		.params = {ARG("path", HMS_REQUIRED | HMS_RAW_PATH), ARG("body", HMS_WHOLE_BODY)},
	},
	{
		CALL("hms_api_delete", "call the API", HMS_DELETE, NULL),
		.params = {ARG("path", HMS_REQUIRED | HMS_RAW_PATH)},
	},

	/* operation */
	{
		CALL("hms_check", "list rooms", HMS_GET, "/rooms"),
		.params = {FIXED("limit", "10")},
	},
};

const HmsEndpoint *
hms_endpoint(const char *name)
{
	for (int i = 0; i < (int) lengthof(endpoints); i++)
	{
		if (strcmp(endpoints[i].name, name) == 0)
			return &endpoints[i];
	}
	ereport(ERROR,
			(errcode(HMS_ERRCODE_ARGUMENT),
			 errmsg("there is no endpoint \"%s\"", name)));
}
