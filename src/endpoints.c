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
static const HmsRowShape error_event_shape = EVENT_SHAPE("error");

/* templates are camelCase on the wire */
static const HmsRowShape template_shape = {.camel_case = true};

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

/* no more than there is room for, behind them one without a name */
#define PARAMS(...) \
	.params = {__VA_ARGS__, {.flags = 0 * sizeof(char[ \
		lengthof(((HmsParam[]) {__VA_ARGS__})) <= HMS_MAX_PARAMS ? 1 : -1])}}

#define ARG(name_, flags_) {.name = name_, .flags = flags_}
#define ID(name_) {.name = name_, .flags = HMS_REQUIRED | HMS_ID}
#define ID_FILTER(name_) {.name = name_, .flags = HMS_NOT_EMPTY | HMS_ID}
#define AS(name_, wire_, flags_) {.name = name_, .wire = wire_, .flags = flags_}
#define FIXED(name_, fixed_) {.name = name_, .fixed = fixed_}

/* arguments that are filters of the rows, by the column of the same name ... */
#define BY(name_, flags_) \
	{.name = name_, .flags = flags_, .filter = HMS_EQUAL, .column = name_}
/* ... or of another */
#define BY_COLUMN(name_, flags_, column_) \
	{.name = name_, .flags = flags_, .filter = HMS_EQUAL, .column = column_}
#define FROM(name_, column_) {.name = name_, .filter = HMS_FROM, .column = column_}
#define UNTIL(name_, column_) {.name = name_, .filter = HMS_UNTIL, .column = column_}
#define TYPES(known_) \
	{.name = "type", .flags = HMS_REPEATED, .unless_given = known_, \
	.filter = HMS_EQUAL, .column = "type"}

#define TABLE(table_, row_, expected_) \
	.table = table_, .row = row_, .expected = expected_

#define NEEDED(path_) {.path = path_, .kind = HMS_RULE_NEEDED}
#define NUMBER(path_, min_, max_) \
	{.path = path_, .kind = HMS_RULE_NUMBER, .min = min_, .max = max_}
#define LENGTH(path_, min_, max_) \
	{.path = path_, .kind = HMS_RULE_LENGTH, .min = min_, .max = max_}
#define RTMP_URLS(path_, min_, max_) \
	{.path = path_, .kind = HMS_RULE_RTMP_URLS, .min = min_, .max = max_}
#define RESOLUTION(path_) {.path = path_, .kind = HMS_RULE_RESOLUTION}
#define ALL(path_, rules_) {.path = path_, .kind = HMS_RULE_ALL, .rules = rules_}

#define HOLDS(path_, names_) {.path = path_, .names = names_}
#define HOLDS_ALL(path_, keys_) {.path = path_, .inner = keys_}

/* --- values that stand in more than one row ---------------------------------- */

static const char *const track_event_types[] = {
	"track.add.success", "track.update.success", "track.remove.success", NULL
};

static const char *const error_event_types[] = {
	"client.publish.failed", "client.subscribe.failed", "client.join.failed",
	"client.disconnected", "client.connect.failed", NULL
};

/* what a mirror keeps of them */
static const char *const mirror_event_types[] = {
	"track.add.success", "track.update.success", "track.remove.success",
	"client.publish.failed", "client.subscribe.failed", "client.join.failed",
	"client.disconnected", "client.connect.failed", NULL
};

/* functions that are computed from the stays of peers in sessions */
static const char *const stay_functions[] = {
	"hms_attendance", "hms_session_usage", "hms_talk_time", "hms_concurrency",
	"hms_quality", NULL
};

static const char *const track_events_functions[] = {"hms_track_events", NULL};
static const char *const error_events_functions[] = {
	"hms_error_events", "hms_error_summary", NULL
};
static const char *const peer_stats_functions[] = {
	"hms_peer_quality_stats", "hms_quality", NULL
};
static const char *const talk_time_functions[] = {"hms_talk_time", NULL};
static const char *const recordings_functions[] = {"hms_recordings", NULL};
static const char *const presigned_url_functions[] = {"hms_presigned_url", NULL};

static const char *const legacy_create_functions[] = {
	"hms_legacy_create_template", NULL
};

#define SESSION_FILTERS \
	BY("room_id", HMS_NOT_EMPTY | HMS_ID), BY("active", 0), \
	FROM("after", "created_at"), UNTIL("before", "created_at")

#define JOB_FILTERS \
	BY("room_id", HMS_NOT_EMPTY | HMS_ID), BY("session_id", HMS_NOT_EMPTY | HMS_ID), BY("status", HMS_NOT_EMPTY)

#define EVENT_FILTERS \
	BY("room_id", HMS_REQUIRED | HMS_ID), BY("session_id", HMS_NOT_EMPTY | HMS_ID), \
	BY("peer_id", HMS_NOT_EMPTY | HMS_ID), BY("user_id", HMS_NOT_EMPTY | HMS_ID)

#define ROLE_PATH \
	ID("template_id"), ID("role_name")

/* --- what bodies must hold ------------------------------------------------------- */

static const HmsRule room_rules[] = {
	NUMBER("size", 0, 20000),
	NUMBER("max_duration_seconds", 120, 43200),
	NEEDED("recording_info.upload_info.type"),
	NEEDED("recording_info.upload_info.location"),
	NEEDED("recording_info.upload_info.credentials.key"),
	NEEDED("recording_info.upload_info.credentials.secret"),
	NEEDED("webhook.url"),
	{0}
};

static const HmsRule summary_rules[] = {
	LENGTH("context", 0, 300),
	NUMBER("temperature", 0.1, 1),
	LENGTH("sections", 0, 6),
	NEEDED("sections.[].title"),
	LENGTH("sections.[].title", 1, 100),
	NEEDED("sections.[].format"),
	{0}
};

static const HmsRule live_stream_rules[] = {
	ALL("transcription.summary", summary_rules),
	{0}
};

static const HmsRule recording_rules[] = {
	RESOLUTION("resolution"),
	ALL("transcription.summary", summary_rules),
	{0}
};

static const HmsRule external_stream_rules[] = {
	NEEDED("rtmp_urls"),
	RTMP_URLS("rtmp_urls", 1, 5),
	RESOLUTION("resolution"),
	{0}
};

static const HmsRule metadata_rules[] = {
	LENGTH("payload", 1, 100),
	NUMBER("duration", 1, INFINITY),
	{0}
};

static const HmsRule replay_rules[] = {
	NUMBER("limit", 1, 50000),
	NUMBER("offset", 0, INFINITY),
	{0}
};

/* a role but for its priority, which has other bounds in the legacy API */
static const HmsRule any_role_rules[] = {
	NUMBER("publishParams.audio.bitRate", 16, 128),
	NUMBER("publishParams.video.bitRate", 30, 2000),
	NUMBER("publishParams.video.frameRate", 1, 30),
	NUMBER("publishParams.video.height", 50, 1080),
	NUMBER("publishParams.video.width", 50, 1920),
	NUMBER("publishParams.screen.bitRate", 500, INFINITY),
	NUMBER("publishParams.screen.frameRate", 1, 30),
	NUMBER("publishParams.screen.height", 270, 1080),
	NUMBER("publishParams.screen.width", 480, 1920),
	LENGTH("publishParams.simulcast.*.layers", 0, 3),
	NEEDED("publishParams.simulcast.*.layers.[].rid"),
	NEEDED("publishParams.simulcast.*.layers.[].scaleResolutionDownBy"),
	NUMBER("publishParams.simulcast.*.layers.[].scaleResolutionDownBy", 1, 12),
	NUMBER("publishParams.simulcast.*.layers.[].maxBitrate", 0, 2000),
	NEEDED("publishParams.simulcast.*.layers.[].maxFramerate"),
	NUMBER("publishParams.simulcast.*.layers.[].maxFramerate", 1, 30),
	NUMBER("subscribeParams.subscribeDegradation.packetLossThreshold", 1, 100),
	NUMBER("subscribeParams.subscribeDegradation.degradeGracePeriodSeconds", 1, 10),
	NUMBER("subscribeParams.subscribeDegradation.recoverGracePeriodSeconds", 1, 10),
	NUMBER("maxPeerCount", -1, INFINITY),
	{0}
};

static const HmsRule role_rules[] = {
	ALL("", any_role_rules),
	NUMBER("priority", 1, 5),
	{0}
};

static const HmsRule legacy_role_rules[] = {
	ALL("", any_role_rules),
	NUMBER("priority", 1, 10),
	{0}
};

static const HmsRule settings_rules[] = {
	NEEDED("recording.upload.type"),
	NEEDED("recording.upload.location"),
	NEEDED("recording.upload.credentials.key"),
	NEEDED("recording.upload.credentials.secretKey"),
	NUMBER("roomState.messageInterval", 5, 3600),
	{0}
};

static const HmsRule destinations_rules[] = {
	NEEDED("browserRecordings.*.name"),
	NEEDED("browserRecordings.*.role"),
	NEEDED("rtmpDestinations.*.name"),
	LENGTH("rtmpDestinations.*.rtmpUrls", 0, 3),
	NEEDED("hlsDestinations.*.name"),
	NUMBER("hlsDestinations.*.numPlaylistSegments", 3, 150),
	NEEDED("transcriptions.*.name"),
	NEEDED("transcriptions.*.role"),
	ALL("transcriptions.*.summary", summary_rules),
	{0}
};

static const HmsRule template_rules[] = {
	ALL("roles.*", role_rules),
	ALL("settings", settings_rules),
	ALL("destinations", destinations_rules),
	{0}
};

/* the API empties the destinations of a template that comes without any */
static const HmsRule whole_template_rules[] = {
	NEEDED("roles"),
	NEEDED("settings"),
	{.path = "destinations", .kind = HMS_RULE_NEEDED, .unless_overwrite = true},
	ALL("", template_rules),
	{0}
};

static const HmsRule legacy_template_rules[] = {
	ALL("roles.*", legacy_role_rules),
	{0}
};

static const HmsRule whole_legacy_template_rules[] = {
	NEEDED("roles"),
	NEEDED("settings"),
	ALL("", legacy_template_rules),
	{0}
};

static const HmsRule template_recordings_rules[] = {
	LENGTH("", 1, 1),
	NEEDED("[].name"),
	NEEDED("[].role"),
	{0}
};

static const HmsRule sip_call_rules[] = {
	{.path = "headers", .kind = HMS_RULE_SIP_HEADERS},
	{0}
};

static const HmsRule dtmf_rules[] = {
	{.path = "digits", .kind = HMS_RULE_DIGITS},
	{0}
};

static const HmsRule beam_rules[] = {
	{.path = "meeting_url", .kind = HMS_RULE_WEB_URL},
	RTMP_URLS("rtmp_urls", 0, 3),
	{.path = "rtmp_urls", .kind = HMS_RULE_EITHER, .other = "record"},
	RESOLUTION("resolution"),
	{0}
};

/* --- what bodies may hold, by the documentation of 100ms ------------------------- */

static const HmsKeys room_keys[] = {
	HOLDS("",
		"name description template_id recording_info region large_room "
		"size max_duration_seconds polls webhook enabled"),
	HOLDS("recording_info", "enabled upload_info"),
	HOLDS("recording_info.upload_info",
		"type location prefix options credentials"),
	HOLDS("recording_info.upload_info.options", "region"),
	HOLDS("recording_info.upload_info.credentials", "key secret"),
	HOLDS("webhook", "url headers"),
	{0}
};

static const HmsKeys peer_keys[] = {
	HOLDS("", "name role metadata"),
	{0}
};

static const HmsKeys option_keys[] = {
	HOLDS("", "index text weight"),
	{0}
};

static const HmsKeys question_keys[] = {
	HOLDS("",
		"index text format attachment skippable duration once weight "
		"answer_min_len answer_max_len type answer options"),
	HOLDS("answer", "hidden options text case trim"),
	HOLDS("options.[]", "index text weight"),
	{0}
};

static const HmsKeys poll_keys[] = {
	HOLDS("", "title duration anonymous mode type start questions"),
	HOLDS_ALL("questions.[]", question_keys),
	{0}
};

static const HmsKeys transcription_keys[] = {
	HOLDS("", "enabled modes output_modes custom_vocabulary summary"),
	HOLDS("summary", "enabled context temperature sections"),
	HOLDS("summary.sections.[]", "title format"),
	{0}
};

static const HmsKeys live_stream_keys[] = {
	HOLDS("", "meeting_url recording destination transcription"),
	HOLDS("recording", "hls_vod single_file_per_layer"),
	HOLDS_ALL("transcription", transcription_keys),
	{0}
};

static const HmsKeys recording_keys[] = {
	HOLDS("", "meeting_url resolution destination audio_only transcription"),
	HOLDS("resolution", "width height"),
	HOLDS_ALL("transcription", transcription_keys),
	{0}
};

static const HmsKeys external_stream_keys[] = {
	HOLDS("", "meeting_url rtmp_urls recording resolution destination"),
	HOLDS("resolution", "width height"),
	{0}
};

static const HmsKeys role_keys[] = {
	HOLDS("",
		"name publishParams subscribeParams permissions priority "
		"maxPeerCount"),
	HOLDS("publishParams", "allowed audio video screen simulcast"),
	HOLDS("publishParams.audio", "bitRate codec"),
	HOLDS("publishParams.video", "bitRate codec frameRate height width"),
	HOLDS("publishParams.screen", "bitRate codec frameRate height width"),
	HOLDS("publishParams.simulcast", "*"),
	HOLDS("publishParams.simulcast.*", "layers"),
	HOLDS("publishParams.simulcast.*.layers.[]",
		"rid scaleResolutionDownBy maxBitrate maxFramerate"),
	HOLDS("subscribeParams",
		"subscribeToRoles maxSubsBitRate subscribeDegradation"),
	HOLDS("subscribeParams.subscribeDegradation",
		"packetLossThreshold degradeGracePeriodSeconds "
		"recoverGracePeriodSeconds"),
	HOLDS("permissions",
		"endRoom removeOthers mute unmute changeRole sendRoomState "
		"pollRead pollWrite browserRecording rtmpStreaming hlsStreaming"),
	{0}
};

static const HmsKeys settings_keys[] = {
	HOLDS("", "region recording roomState retry"),
	HOLDS("recording", "enabled upload"),
	HOLDS("recording.upload", "type location prefix options credentials"),
	HOLDS("recording.upload.options", "region"),
	HOLDS("recording.upload.credentials", "key secretKey"),
	HOLDS("roomState",
		"messageInterval sendPeerList stopRoomStateOnJoin enabled"),
	{0}
};

static const HmsKeys destinations_keys[] = {
	HOLDS("",
		"browserRecordings rtmpDestinations hlsDestinations "
		"transcriptions"),
	HOLDS("rtmpDestinations", "*"),
	HOLDS("rtmpDestinations.*",
		"name width height maxDuration rtmpUrls recordingEnabled "
		"autoStopTimeout"),
	HOLDS("hlsDestinations", "*"),
	HOLDS("hlsDestinations.*",
		"name maxDuration layers playlistType numPlaylistSegments "
		"videoFrameRate enableMetadataInsertion enableStaticUrl "
		"autoStopTimeout recording"),
	HOLDS("hlsDestinations.*.layers.[]",
		"width height videoBitrate audioBitrate"),
	HOLDS("hlsDestinations.*.recording",
		"hlsVod singleFilePerLayer enableZipUpload layers thumbnails "
		"presignDuration"),
	HOLDS("transcriptions", "*"),
	HOLDS("transcriptions.*",
		"name role modes outputModes customVocabulary summary translation"),
	HOLDS("transcriptions.*.summary", "enabled context temperature sections"),
	HOLDS("transcriptions.*.translation", "enabled roleLanguages"),
	{0}
};

static const HmsKeys template_keys[] = {
	HOLDS("", "name roles settings destinations plugins"),
	HOLDS("plugins", "whiteboard transcriptions"),
	HOLDS("plugins.whiteboard", "permissions"),
	HOLDS("plugins.whiteboard.permissions", "admin writer reader"),
	HOLDS("plugins.transcriptions", "permissions mode"),
	HOLDS("plugins.transcriptions.permissions", "admin"),
	HOLDS("roles", "*"),
	HOLDS_ALL("roles.*", role_keys),
	HOLDS_ALL("settings", settings_keys),
	HOLDS_ALL("destinations", destinations_keys),
	{0}
};

static const HmsKeys template_recordings_keys[] = {
	HOLDS("[]",
		"name role maxDuration presignDuration thumbnails "
		"compositeRecording trackRecording streamRecording"),
	HOLDS("[].compositeRecording", "browserComposite customComposite"),
	HOLDS("[].compositeRecording.browserComposite",
		"autoStart autoStopTimeout width height"),
	HOLDS("[].compositeRecording.customComposite", "enabled"),
	HOLDS("[].trackRecording", "enabled"),
	HOLDS("[].streamRecording", "enabled width height"),
	{0}
};

static const HmsKeys legacy_room_keys[] = {
	HOLDS("", "name description template recording_info region"),
	HOLDS("recording_info", "enabled upload_info"),
	HOLDS("recording_info.upload_info",
		"type location prefix options credentials"),
	HOLDS("recording_info.upload_info.options", "region"),
	HOLDS("recording_info.upload_info.credentials", "key secret"),
	{0}
};

static const HmsKeys legacy_template_keys[] = {
	HOLDS("", "name default roles settings"),
	HOLDS("roles", "*"),
	HOLDS_ALL("roles.*", role_keys),
	HOLDS_ALL("settings", settings_keys),
	{0}
};

/* --- errors that have a number of their own ------------------------------------- */

static const HmsErrorCode beam_codes[] = {
	{1, "the room is being streamed or recorded already"},
	{2, "the service has an internal error"},
	{3, "the room id is missing"},
	{4, "there is no room of that id"},
	{5, "neither RTMP URLs nor a recording was asked for"},
	{6, "the meeting URL is missing"},
	{7, "the meeting URL is not valid"},
	{8, "the operation is neither start nor stop"},
	{9, "the operation is missing"},
	{10, "the room is neither streamed nor recorded"},
	{11, "the resolution is not supported"},
	{0}
};

/* --- the table ----------------------------------------------------------------- */

static const HmsEndpoint endpoints[] = {

	/* rooms */
	{
		CALL("hms_rooms", "list rooms", HMS_GET, "/rooms"),
		PARAMS(BY("name", HMS_NOT_EMPTY | HMS_ID), BY("enabled", 0), BY("template_id", HMS_NOT_EMPTY | HMS_ID),
		FROM("after", "created_at"), UNTIL("before", "created_at")),
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .shape = &room_shape,
		.time = "created_at",
		TABLE("rooms", "hms_room", 200),
		.writers = "hms_create_room, hms_update_room, hms_enable_room, hms_disable_room",
	},
	{
		CALL("hms_room", "get room", HMS_GET, "/rooms/{room_id}"),
		PARAMS(ID("room_id")), .warn_name = true,
		.shape = &room_shape, .missing_ok = true,
	},
	{
		CALL("hms_create_room", "create room", HMS_POST, "/rooms"),
		PARAMS(ARG("options", HMS_WHOLE_BODY)),
		.shape = &room_shape, .rules = room_rules,
		.keys = room_keys,
	},
	{
		CALL("hms_update_room", "update room", HMS_POST, "/rooms/{room_id}"),
		PARAMS(ID("room_id"), ARG("changes", HMS_REQUIRED | HMS_WHOLE_BODY)),
		.shape = &room_shape, .rules = room_rules,
		.keys = room_keys,
	},
	{
		CALL("hms_enable_room", "enable room", HMS_POST, "/rooms/{room_id}"),
		PARAMS(ID("room_id"), FIXED("enabled", "true")),
		.shape = &room_shape,
	},
	{
		CALL("hms_disable_room", "disable room", HMS_POST, "/rooms/{room_id}"),
		PARAMS(ID("room_id"), FIXED("enabled", "false")),
		.shape = &room_shape,
	},

	/* sessions */
	{
		CALL("hms_sessions", "list sessions", HMS_GET, "/sessions"),
		PARAMS(SESSION_FILTERS),
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .time = "created_at",
		TABLE("sessions", "hms_session", 5000),
		.writers = "hms_end_room",
	},
	{
		CALL("hms_session", "get session", HMS_GET, "/sessions/{session_id}"),
		PARAMS(ID("session_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_active_session", "get active session", HMS_GET, "/sessions"),
		PARAMS(ID("room_id"), FIXED("active", "true")),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_session_peers", "list peers of sessions", HMS_GET, "/sessions"),
		PARAMS(SESSION_FILTERS),
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .shape = &session_peer_shape,
		.time = "created_at",
		TABLE("session_peers", "hms_session_peer", 20000),
		.writers = "hms_remove_peers, hms_end_room",
	},
	{
		CALL("stays", "list sessions", HMS_GET, "/sessions"),
		PARAMS(BY("room_id", HMS_NOT_EMPTY | HMS_ID), FROM("after", "session_created_at"),
			UNTIL("before", "session_created_at"),
		BY_COLUMN("active", HMS_NO_ARGUMENT, "session_active")),
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .shape = &stay_shape,
		.time = "created_at",
		.serves = stay_functions,
		TABLE("stays", "hms_stay", 20000),
		.writers = "hms_remove_peers, hms_end_room",
	},
	{
		CALL("session_stays", "get session", HMS_GET, "/sessions/{session_id}"),
		PARAMS(ID("session_id")),
		.shape = &stay_shape, .missing_ok = true, .serves = stay_functions,
	},

	/* active rooms */
	{
		CALL("hms_active_room", "get active room", HMS_GET, "/active-rooms/{room_id}"),
		PARAMS(ID("room_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_active_peers", "list peers of active room", HMS_GET, "/active-rooms/{room_id}/peers"),
		PARAMS(BY("room_id", HMS_REQUIRED | HMS_ID), BY("user_id", HMS_NOT_EMPTY | HMS_ID), BY("role", HMS_NOT_EMPTY | HMS_ID)),
		.rows = "peers", .rows_by_id = true, .missing_ok = true,
		TABLE("active_peers", "hms_peer", 200),
		.writers = "hms_update_peer, hms_remove_peers",
	},
	{
		CALL("hms_active_peer", "get peer of active room", HMS_GET, "/active-rooms/{room_id}/peers/{peer_id}"),
		PARAMS(ID("room_id"), ID("peer_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_update_peer", "update peer", HMS_POST, "/active-rooms/{room_id}/peers/{peer_id}"),
		PARAMS(ID("room_id"), ID("peer_id"),
		ARG("changes", HMS_REQUIRED | HMS_WHOLE_BODY)),
		.keys = peer_keys,
	},
	{
		CALL("hms_send_message", "send message", HMS_POST, "/active-rooms/{room_id}/send-message"),
		PARAMS(ID("room_id"), ARG("message", HMS_REQUIRED),
		ID_FILTER("peer_id"), ID_FILTER("role"), ARG("type", 0)),
		.one_of = {"peer_id", "role"},
		.one_of_hint = "hms_broadcast_message() sends to everybody in the room.",
	},
	{
		CALL("hms_broadcast_message", "broadcast message", HMS_POST, "/active-rooms/{room_id}/send-message"),
		PARAMS(ID("room_id"), ARG("message", HMS_REQUIRED), ARG("type", 0)),
	},
	{
		CALL("hms_remove_peers", "remove peers", HMS_POST, "/active-rooms/{room_id}/remove-peers"),
		PARAMS(ID("room_id"), ID_FILTER("peer_id"),
		ID_FILTER("role"), ARG("reason", 0)),
		.one_of = {"peer_id", "role"},
		.one_of_hint = "hms_end_room() removes everybody from the room.",
	},
	{
		CALL("hms_end_room", "end room", HMS_POST, "/active-rooms/{room_id}/end-room"),
		PARAMS(ID("room_id"), ARG("reason", 0), ARG("lock", 0)),
	},

	/* analytics */
	{
		CALL("hms_track_events", "list track events", HMS_GET, "/analytics/events"),
		PARAMS(EVENT_FILTERS,
		TYPES(track_event_types)),
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .fades = true, .shape = &track_event_shape,
		TABLE("track_events", "hms_track_event", 20000),
	},
	{
		CALL("session_tracks", "list track events", HMS_GET, "/analytics/events"),
		PARAMS(BY("room_id", HMS_REQUIRED | HMS_ID), BY("session_id", HMS_NOT_EMPTY | HMS_ID),
		TYPES(track_event_types)),
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .shape = &track_event_shape,
		.expected = 20000, .serves = talk_time_functions,
	},
	{
		/* the first page of each of many rooms, as it stands */
		CALL("events_page", "list events", HMS_GET, "/analytics/events"),
		PARAMS(ARG("room_id", HMS_REQUIRED),
		TYPES(mirror_event_types), FIXED("limit", "100")),
		.serves = track_events_functions,
	},
	{
		CALL("rooms_errors", "list error events", HMS_GET, "/analytics/events"),
		PARAMS(ARG("room_id", HMS_REQUIRED),
		TYPES(error_event_types)),
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .shape = &track_event_shape,
		.serves = track_events_functions,
	},
	{
		/* two arrays: session_id[i], or when that is empty all, of room_id[i] */
		CALL("mirror_events", "list events", HMS_GET, "/analytics/events"),
		PARAMS(ARG("room_id", HMS_REQUIRED | HMS_PAIRED),
		ARG("session_id", HMS_PAIRED),
		TYPES(mirror_event_types)),
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .shape = &track_event_shape,
		.serves = track_events_functions,
	},
	{
		CALL("hms_recording_events", "list recording events", HMS_GET, "/analytics/events"),
		PARAMS(EVENT_FILTERS,
		BY("beam_id", HMS_NOT_EMPTY | HMS_ID),
		FIXED("type", "beam.recording.success")),
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .fades = true, .shape = &recording_event_shape,
		TABLE("recording_events", "hms_recording_event", 1000),
	},

	{
		CALL("hms_error_events", "list error events", HMS_GET, "/analytics/events"),
		PARAMS(EVENT_FILTERS,
		TYPES(error_event_types)),
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .fades = true, .shape = &error_event_shape,
		.serves = error_events_functions,
		TABLE("error_events", "hms_error_event", 1000),
	},
	{
		CALL("hms_analytics_events", "list events", HMS_GET, "/analytics/events"),
		PARAMS(EVENT_FILTERS,
		ID_FILTER("beam_id"), BY("type", HMS_REPEATED), ARG("error", 0)),
		.rows = "events", .paging = HMS_PAGE_BY_NEXT, .fades = true, .expected = 20000,
	},
	{
		CALL("hms_peer_quality_stats", "get quality statistics of peer", HMS_GET, "/analytics/peer-stats"),
		PARAMS(ID("session_id"), ID("peer_id")),
		.missing_ok = true, .serves = peer_stats_functions,
	},
	{
		CALL("hms_webhook_events", "list webhook events", HMS_GET, "/analytics/webhooks"),
		PARAMS(BY("room_id", HMS_NOT_EMPTY | HMS_ID), ARG("start_time", 0), ARG("end_time", 0),
		ARG("status", HMS_NOT_EMPTY), BY_COLUMN("event_names", HMS_REPEATED, "event_name")),
		.rows = "events", .paging = HMS_PAGE_BY_NUMBER,
		TABLE("webhook_deliveries", "hms_webhook_event", 1000),
		.writers = "hms_replay_webhook_events",
	},
	{
		CALL("hms_replay_webhook_events", "replay webhook events", HMS_POST, "/analytics/webhooks/replay"),
		PARAMS(ARG("start_time", HMS_REQUIRED), ARG("end_time", HMS_REQUIRED),
		ID_FILTER("room_id"), ARG("event_names", HMS_NOT_EMPTY),
		ARG("status", HMS_NOT_EMPTY), ARG("limit", 0), ARG("offset", 0)),
		.rules = replay_rules,
	},
	{
		CALL("hms_webhook_replay", "get webhook replay", HMS_GET, "/analytics/webhooks/replay/{workflow_id}"),
		PARAMS(ID("workflow_id")),
		.missing_ok = true,
	},

	/* room codes */
	{
		CALL("hms_room_codes", "list room codes", HMS_GET, "/room-codes/room/{room_id}"),
		PARAMS(BY("room_id", HMS_REQUIRED | HMS_ID), BY("role", HMS_NOT_EMPTY | HMS_ID), BY("enabled", 0)),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
		TABLE("room_codes", "hms_room_code", 1000),
		.writers = "hms_create_room_codes, hms_enable_room_code, hms_disable_room_code", .enabled_rooms = true,
	},
	{
		CALL("hms_create_room_codes", "create room codes", HMS_POST, "/room-codes/room/{room_id}"),
		PARAMS(ID("room_id")),
		.rows = "data",
	},
	{
		CALL("hms_create_room_code", "create room code", HMS_POST, "/room-codes/room/{room_id}/role/{role}"),
		PARAMS(ID("room_id"), ARG("role", HMS_REQUIRED)),
	},
	{
		CALL("hms_enable_room_code", "enable room code", HMS_POST, "/room-codes/code"),
		PARAMS(ID("code"), FIXED("enabled", "true")),
	},
	{
		CALL("hms_disable_room_code", "disable room code", HMS_POST, "/room-codes/code"),
		PARAMS(ID("code"), FIXED("enabled", "false")),
	},

	/* live streams */
	{
		CALL("hms_live_streams", "list live streams", HMS_GET, "/live-streams"),
		PARAMS(JOB_FILTERS),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
		TABLE("live_streams", "hms_live_stream", 1000),
		.writers = "hms_start_live_stream, hms_stop_live_stream",
	},
	{
		CALL("hms_live_stream", "get live stream", HMS_GET, "/live-streams/{stream_id}"),
		PARAMS(AS("id", "stream_id", HMS_REQUIRED | HMS_ID)),
		.missing_ok = true,
	},
	{
		CALL("hms_start_live_stream", "start live stream", HMS_POST, "/live-streams/room/{room_id}/start"),
		PARAMS(ID("room_id"), ARG("options", HMS_WHOLE_BODY)),
		.rules = live_stream_rules,
		.keys = live_stream_keys,
	},
	{
		CALL("hms_stop_live_stream", "stop live stream", HMS_POST, "/live-streams/{stream_id}/stop"),
		PARAMS(AS("id", "stream_id", HMS_REQUIRED | HMS_ID)),
	},
	{
		CALL("hms_stop_live_streams", "stop live streams of room", HMS_POST, "/live-streams/room/{room_id}/stop"),
		PARAMS(ID("room_id")),
		.rows = "data",
	},
	{
		CALL("hms_pause_live_stream_recording", "pause recording of live stream", HMS_POST, "/live-streams/{stream_id}/pause-recording"),
		PARAMS(AS("id", "stream_id", HMS_REQUIRED | HMS_ID)),
	},
	{
		CALL("hms_resume_live_stream_recording", "resume recording of live stream", HMS_POST, "/live-streams/{stream_id}/resume-recording"),
		PARAMS(AS("id", "stream_id", HMS_REQUIRED | HMS_ID)),
	},
	{
		CALL("hms_send_timed_metadata", "send timed metadata", HMS_POST, "/live-streams/{stream_id}/timed-metadata"),
		PARAMS(AS("id", "stream_id", HMS_REQUIRED | HMS_ID),
		ARG("payload", HMS_REQUIRED), ARG("duration", HMS_REQUIRED)),
		.rules = metadata_rules,
	},

	/* recordings and their assets */
	{
		CALL("hms_recordings", "list recordings", HMS_GET, "/recordings"),
		PARAMS(JOB_FILTERS),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
		TABLE("recordings", "hms_recording", 1000),
		.writers = "hms_start_recording, hms_stop_recording",
	},
	{
		CALL("hms_recording", "get recording", HMS_GET, "/recordings/{recording_id}"),
		PARAMS(AS("id", "recording_id", HMS_REQUIRED | HMS_ID)),
		.missing_ok = true,
	},
	{
		CALL("hms_start_recording", "start recording", HMS_POST, "/recordings/room/{room_id}/start"),
		PARAMS(ID("room_id"), ARG("options", HMS_WHOLE_BODY)),
		.rules = recording_rules,
		.keys = recording_keys,
	},
	{
		CALL("hms_stop_recording", "stop recording", HMS_POST, "/recordings/{recording_id}/stop"),
		PARAMS(AS("id", "recording_id", HMS_REQUIRED | HMS_ID)),
	},
	{
		CALL("hms_stop_recordings", "stop recordings of room", HMS_POST, "/recordings/room/{room_id}/stop"),
		PARAMS(ID("room_id")),
		.rows = "data",
	},
	{
		CALL("hms_pause_recording", "pause recording", HMS_POST, "/recordings/room/{room_id}/pause"),
		PARAMS(ID("room_id")),
	},
	{
		CALL("hms_resume_recording", "resume recording", HMS_POST, "/recordings/room/{room_id}/resume"),
		PARAMS(ID("room_id")),
	},
	{
		CALL("hms_recording_assets", "list recording assets", HMS_GET, "/recording-assets"),
		PARAMS(JOB_FILTERS),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
		TABLE("recording_assets", "hms_recording_asset", 1000),
	},
	{
		CALL("hms_recording_asset", "get recording asset", HMS_GET, "/recording-assets/{asset_id}"),
		PARAMS(AS("id", "asset_id", HMS_REQUIRED | HMS_ID)),
		.missing_ok = true,
	},
	{
		CALL("hms_presigned_url", "get presigned URL", HMS_GET, "/recording-assets/{asset_id}/presigned-url"),
		PARAMS(ID("asset_id"),
		AS("valid_for", "presign_duration", HMS_REQUIRED | HMS_POSITIVE)),
		.missing_ok = true,
	},

	/*
	 * The texts of assets: what src/texts.c asks for them, each with one
	 * argument.  The last two are its own, whoever may execute what it serves.
	 */
	{
		CALL("hms_transcript", "get recording asset", HMS_GET, "/recording-assets/{asset_id}"),
		PARAMS(ID("asset_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_summary", "get recording asset", HMS_GET, "/recording-assets/{asset_id}"),
		PARAMS(ID("asset_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_chat", "get recording asset", HMS_GET, "/recording-assets/{asset_id}"),
		PARAMS(ID("asset_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_session_transcript", "list recording assets", HMS_GET, "/recording-assets"),
		PARAMS(ID("session_id")),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_session_summary", "list recording assets", HMS_GET, "/recording-assets"),
		PARAMS(ID("session_id")),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_session_chat", "list recording assets", HMS_GET, "/recording-assets"),
		PARAMS(ID("session_id")),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("session_recordings", "list recordings", HMS_GET, "/recordings"),
		PARAMS(ID("session_id")),
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .serves = recordings_functions,
	},
	{
		/* the file is fetched at once, so its link need not live long */
		CALL("text_link", "get presigned URL", HMS_GET, "/recording-assets/{asset_id}/presigned-url"),
		PARAMS(ID("asset_id"), FIXED("presign_duration", "900")),
		.missing_ok = true, .serves = presigned_url_functions,
	},

	/* external streams */
	{
		CALL("hms_external_streams", "list external streams", HMS_GET, "/external-streams"),
		PARAMS(JOB_FILTERS),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
		TABLE("external_streams", "hms_external_stream", 1000),
		.writers = "hms_start_external_stream, hms_stop_external_stream",
	},
	{
		CALL("hms_external_stream", "get external stream", HMS_GET, "/external-streams/{stream_id}"),
		PARAMS(AS("id", "stream_id", HMS_REQUIRED | HMS_ID)),
		.missing_ok = true,
	},
	{
		CALL("hms_start_external_stream", "start external stream", HMS_POST, "/external-streams/room/{room_id}/start"),
		PARAMS(ID("room_id"), ARG("options", HMS_REQUIRED | HMS_WHOLE_BODY)),
		.rules = external_stream_rules,
		.keys = external_stream_keys,
	},
	{
		CALL("hms_stop_external_stream", "stop external stream", HMS_POST, "/external-streams/{stream_id}/stop"),
		PARAMS(AS("id", "stream_id", HMS_REQUIRED | HMS_ID)),
	},
	{
		CALL("hms_stop_external_streams", "stop external streams of room", HMS_POST, "/external-streams/room/{room_id}/stop"),
		PARAMS(ID("room_id")),
		.rows = "data",
	},

	/* stream keys */
	{
		CALL("hms_stream_key", "get stream key", HMS_GET, "/stream-keys/room/{room_id}"),
		PARAMS(ID("room_id")),
		.rows = "data", .missing_ok = true,
	},
	{
		CALL("hms_create_stream_key", "create stream key", HMS_POST, "/stream-keys/room/{room_id}"),
		PARAMS(ID("room_id")),
	},
	{
		CALL("hms_disable_stream_key", "disable stream key", HMS_POST, "/stream-keys/room/{room_id}/disable"),
		PARAMS(ID("room_id")),
	},

	/* polls */
	{
		CALL("hms_create_poll", "create poll", HMS_POST, "/polls"),
		PARAMS(ARG("options", HMS_WHOLE_BODY)),
		.keys = poll_keys,
	},
	{
		CALL("hms_poll", "get poll", HMS_GET, "/polls/{poll_id}"),
		PARAMS(ID("poll_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_update_poll", "update poll", HMS_POST, "/polls/{poll_id}"),
		PARAMS(ID("poll_id"), ARG("poll", HMS_REQUIRED | HMS_WHOLE_BODY)),
		.keys = poll_keys,
	},
	{
		CALL("hms_update_poll_question", "update poll question", HMS_POST, "/polls/{poll_id}/questions/{question_id}"),
		PARAMS(ID("poll_id"), ID("question_id"),
		ARG("question", HMS_REQUIRED | HMS_WHOLE_BODY)),
		.keys = question_keys,
	},
	{
		CALL("hms_delete_poll_question", "delete poll question", HMS_DELETE, "/polls/{poll_id}/questions/{question_id}"),
		PARAMS(ID("poll_id"), ID("question_id")),
	},
	{
		CALL("hms_update_poll_option", "update poll option", HMS_POST, "/polls/{poll_id}/questions/{question_id}/options/{option_id}"),
		PARAMS(ID("poll_id"), ID("question_id"),
		ID("option_id"), ARG("option", HMS_REQUIRED | HMS_WHOLE_BODY)),
		.keys = option_keys,
	},
	{
		CALL("hms_delete_poll_option", "delete poll option", HMS_DELETE, "/polls/{poll_id}/questions/{question_id}/options/{option_id}"),
		PARAMS(ID("poll_id"), ID("question_id"),
		ID("option_id")),
	},
	{
		CALL("hms_poll_sessions", "list sessions of poll", HMS_GET, "/polls/{poll_id}/sessions"),
		PARAMS(ID("poll_id")),
		.rows = "responses", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_poll_session", "get session of poll", HMS_GET, "/polls/{poll_id}/sessions/{session_id}"),
		PARAMS(ID("poll_id"), ID("session_id")),
		.rows = "responses", .paging = HMS_PAGE_BY_LAST, .missing_ok = true,
	},
	{
		CALL("hms_poll_responses", "list responses of poll", HMS_GET, "/polls/{poll_id}/responses"),
		PARAMS(ID("poll_id"), ARG("question", 0), ARG("all", 0)),
		.rows = "responses", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_poll_response", "get response of poll", HMS_GET, "/polls/{poll_id}/responses/{response_id}"),
		PARAMS(ID("poll_id"), ID("response_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_poll_results", "list results of poll", HMS_GET, "/polls/{poll_id}/results"),
		PARAMS(ID("poll_id"), ARG("question", 0)),
		.rows = "results", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_poll_result", "get result of poll", HMS_GET, "/polls/{poll_id}/results/{result_id}"),
		PARAMS(ID("poll_id"), ID("result_id")),
		.missing_ok = true,
	},
	{
		CALL("hms_link_polls", "link polls", HMS_POST, "/rooms/{room_id}"),
		PARAMS(ID("room_id"), ARG("polls", HMS_REQUIRED)),
		.shape = &room_shape,
	},

	/* templates, their roles, settings, destinations and recordings */
	{
		CALL("hms_templates", "list templates", HMS_GET, "/templates"),
		.rows = "data", .paging = HMS_PAGE_BY_LAST, .shape = &template_shape,
		TABLE("templates", "hms_template", 100),
		.writers = "hms_create_template, hms_update_template",
	},
	{
		CALL("hms_template", "get template", HMS_GET, "/templates/{template_id}"),
		PARAMS(ID("template_id")),
		.shape = &template_shape, .missing_ok = true,
	},
	{
		CALL("hms_create_template", "create template", HMS_POST, "/templates"),
		PARAMS(ARG("template", HMS_WHOLE_BODY), ARG("overwrite", HMS_NOT_SENT)),
		.shape = &template_shape, .rules = template_rules,
		.present = "hms_templates", .identity = "name",
		.keys = template_keys,
	},
	{
		CALL("hms_update_template", "update template", HMS_POST, "/templates/{template_id}"),
		PARAMS(ID("template_id"), ARG("template", HMS_REQUIRED | HMS_WHOLE_BODY),
		ARG("overwrite", HMS_NOT_SENT)),
		.shape = &template_shape, .rules = whole_template_rules,
		.keys = template_keys,
	},
	{
		CALL("hms_role", "get role", HMS_GET, "/templates/{template_id}/roles/{role_name}"),
		PARAMS(ROLE_PATH),
		.shape = &template_shape, .missing_ok = true,
	},
	{
		CALL("hms_create_role", "create role", HMS_POST, "/templates/{template_id}/roles/{role_name}"),
		PARAMS(ROLE_PATH, ARG("role", HMS_WHOLE_BODY), ARG("overwrite", HMS_NOT_SENT)),
		.shape = &template_shape, .rules = role_rules, .present = "hms_role",
		.keys = role_keys,
	},
	{
		CALL("hms_delete_role", "delete role", HMS_DELETE, "/templates/{template_id}/roles/{role_name}"),
		PARAMS(ROLE_PATH),
	},
	{
		CALL("hms_template_settings", "get settings of template", HMS_GET, "/templates/{template_id}/settings"),
		PARAMS(ID("template_id")),
		.shape = &template_shape, .missing_ok = true,
	},
	{
		CALL("hms_update_template_settings", "update settings of template", HMS_POST, "/templates/{template_id}/settings"),
		PARAMS(ID("template_id"), ARG("settings", HMS_REQUIRED | HMS_WHOLE_BODY)),
		.shape = &template_shape, .rules = settings_rules,
		.keys = settings_keys,
	},
	{
		CALL("hms_template_destinations", "get destinations of template", HMS_GET, "/templates/{template_id}/destinations"),
		PARAMS(ID("template_id")),
		.shape = &template_shape, .missing_ok = true,
	},
	{
		CALL("hms_update_template_destinations", "update destinations of template", HMS_POST, "/templates/{template_id}/destinations"),
		PARAMS(ID("template_id"), ARG("destinations", HMS_REQUIRED | HMS_WHOLE_BODY)),
		.shape = &template_shape, .rules = destinations_rules,
		.keys = destinations_keys,
	},
	{
		CALL("hms_template_recordings", "get recordings of template", HMS_GET, "/templates/{template_id}/recordings"),
		PARAMS(ID("template_id")),
		.rows = "", .shape = &template_shape, .missing_ok = true,
	},
	{
		CALL("hms_update_template_recordings", "update recordings of template", HMS_POST, "/templates/{template_id}/recordings"),
		PARAMS(ID("template_id"),
		ARG("recordings", HMS_REQUIRED | HMS_WHOLE_BODY | HMS_ARRAY)),
		.rows = "", .shape = &template_shape, .rules = template_recordings_rules,
		.keys = template_recordings_keys,
	},

	/* SIP */
	{
		CALL("hms_create_sip_outbound_trunk", "create SIP trunk", HMS_POST, "/sip/outbound/trunks"),
		PARAMS(ARG("username", HMS_REQUIRED), ARG("password", HMS_REQUIRED),
		ARG("address", HMS_REQUIRED), ARG("from", HMS_REQUIRED)),
	},
	{
		CALL("hms_update_sip_outbound_trunk", "update SIP trunk", HMS_POST, "/sip/outbound/trunks/{trunk_id}"),
		PARAMS(ID("trunk_id"), ARG("username", HMS_NOT_EMPTY), ARG("password", HMS_NOT_EMPTY),
		ARG("address", HMS_NOT_EMPTY), ARG("from", HMS_NOT_EMPTY)),
	},
	{
		CALL("hms_start_sip_outbound_call", "call by SIP", HMS_POST, "/sip/outbound/call"),
		PARAMS(ARG("to", HMS_REQUIRED), ARG("room_code", HMS_REQUIRED), ID("trunk_id"),
		ARG("name", 0), ARG("user_id", HMS_ID), ARG("video", 0), ARG("headers", 0)),
		.rules = sip_call_rules,
	},
	{
		CALL("hms_send_dtmf", "send DTMF tones", HMS_POST, "/sip/dtmf"),
		PARAMS(ARG("room_id", HMS_REQUIRED | HMS_IN_TOKEN), ARG("role", HMS_REQUIRED | HMS_IN_TOKEN),
		ARG("digits", HMS_REQUIRED), ARG("user_id", HMS_IN_TOKEN | HMS_ID)),
		.rules = dtmf_rules,
	},

	/* legacy Beam */
	{
		CALL("hms_start_beam", "start beam", HMS_POST, "/beam"),
		PARAMS(FIXED("operation", "\"start\""), ID("room_id"),
		ARG("meeting_url", HMS_REQUIRED), ARG("rtmp_urls", 0), ARG("record", 0), ARG("resolution", 0)),
		.base = HMS_BEAM, .rules = beam_rules, .plain_text = true, .codes = beam_codes,
	},
	{
		CALL("hms_stop_beam", "stop beam", HMS_POST, "/beam"),
		PARAMS(FIXED("operation", "\"stop\""), ID("room_id")),
		.base = HMS_BEAM, .plain_text = true, .codes = beam_codes,
	},

	/* the rest of the legacy API */
	{
		CALL("hms_legacy_create_room", "create room", HMS_POST, "/rooms"),
		PARAMS(ARG("options", HMS_WHOLE_BODY)),
		.base = HMS_BEAM, .rules = room_rules,
		.keys = legacy_room_keys,
	},
	{
		CALL("hms_legacy_disable_room", "disable room", HMS_POST, "/rooms"),
		PARAMS(ID("name"), FIXED("active", "false")),
		.base = HMS_BEAM,
	},
	{
		CALL("hms_legacy_sessions", "list sessions", HMS_GET, "/sessions"),
		PARAMS(SESSION_FILTERS, ID_FILTER("id")),
		.rows = "data", .paging = HMS_PAGE_BY_LAST,
	},
	{
		CALL("hms_legacy_templates", "list templates", HMS_GET, "/templates"),
		PARAMS(ID_FILTER("name"), ID_FILTER("id"), ARG("default", 0)),
		.base = HMS_POLICY, .rows = "data", .paging = HMS_PAGE_BY_LAST, .max_page = 20,
	},
	{
		CALL("legacy_template_named", "list templates", HMS_GET, "/templates"),
		PARAMS(ID("name")),
		.base = HMS_POLICY, .rows = "data", .paging = HMS_PAGE_BY_LAST, .max_page = 20,
		.serves = legacy_create_functions,
	},
	{
		CALL("hms_legacy_create_template", "create template", HMS_POST, "/templates"),
		PARAMS(ARG("template", HMS_WHOLE_BODY), ARG("overwrite", HMS_NOT_SENT)),
		.base = HMS_POLICY, .rules = legacy_template_rules,
		.present = "legacy_template_named", .identity = "name",
		.keys = legacy_template_keys,
	},
	{
		CALL("hms_legacy_update_template", "update template", HMS_POST, "/templates"),
		PARAMS(ARG("template", HMS_REQUIRED | HMS_WHOLE_BODY),
		ARG("id", HMS_NOT_EMPTY | HMS_IN_QUERY | HMS_ID), ARG("name", HMS_NOT_EMPTY | HMS_IN_QUERY | HMS_ID)),
		.one_of = {"id", "name"},
		.base = HMS_POLICY, .rules = whole_legacy_template_rules,
		.keys = legacy_template_keys,
	},
	{
		CALL("hms_legacy_role", "get role", HMS_GET, "/templates/{template_id}/roles/{role_name}"),
		PARAMS(ROLE_PATH),
		.base = HMS_POLICY, .shape = &template_shape, .missing_ok = true,
	},
	{
		CALL("hms_legacy_create_role", "create role", HMS_POST, "/templates/{template_id}/roles/{role_name}"),
		PARAMS(ROLE_PATH, ARG("role", HMS_WHOLE_BODY), ARG("overwrite", HMS_NOT_SENT)),
		.base = HMS_POLICY, .shape = &template_shape, .rules = legacy_role_rules, .present = "hms_legacy_role",
		.keys = role_keys,
	},
	{
		CALL("hms_legacy_delete_role", "delete role", HMS_DELETE, "/templates/{template_id}/roles/{role_name}"),
		PARAMS(ROLE_PATH),
		.base = HMS_POLICY,
	},
	{
		CALL("hms_legacy_template_settings", "get settings of template", HMS_GET, "/templates/{template_id}/settings"),
		PARAMS(ID("template_id")),
		.base = HMS_POLICY, .missing_ok = true,
	},
	{
		CALL("hms_legacy_update_template_settings", "update settings of template", HMS_POST, "/templates/{template_id}/settings"),
		PARAMS(ID("template_id"), ARG("region", HMS_REQUIRED)),
		.base = HMS_POLICY,
	},

	/* any endpoint */
	{
		CALL("hms_api_get", "call the API", HMS_GET, NULL),
		PARAMS(ARG("path", HMS_REQUIRED | HMS_RAW_PATH), ARG("params", HMS_MEMBERS)),
	},
	{
		CALL("hms_api_list", "list from the API", HMS_GET, NULL),
		PARAMS(ARG("path", HMS_REQUIRED | HMS_RAW_PATH), ARG("params", HMS_MEMBERS)),
		.rows = "", .paging = HMS_PAGE_AS_ANSWERED,
	},
	{
		CALL("hms_api_post", "call the API", HMS_POST, NULL),
		PARAMS(ARG("path", HMS_REQUIRED | HMS_RAW_PATH), ARG("body", HMS_WHOLE_BODY)),
	},
	{
		CALL("hms_api_delete", "call the API", HMS_DELETE, NULL),
		PARAMS(ARG("path", HMS_REQUIRED | HMS_RAW_PATH)),
	},

	/* operation */
	{
		CALL("hms_check", "list rooms", HMS_GET, "/rooms"),
		PARAMS(FIXED("limit", "10")),
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

const HmsEndpoint *
hms_endpoint_at(int index)
{
	return index < (int) lengthof(endpoints) ? &endpoints[index] : NULL;
}

const char *
hms_param_wire(const HmsParam *param)
{
	return param->wire ? param->wire : param->name;
}
