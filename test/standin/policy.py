"""What a template may say: roles, settings, destinations, recordings; checked and filled in."""

import re

from answers import bad_body, take

NAME = re.compile(r"[A-Za-z0-9 .\-_:]+$")
REGIONS = ("in", "us", "eu", "auto")
STORES = ("s3", "gs", "oss", "azure")
PUBLISHED = ("audio", "video", "screen", "simulcast")
PERMISSIONS = ("endRoom", "removeOthers", "mute", "unmute", "changeRole", "sendRoomState",
               "pollRead", "pollWrite")
ALLOWED_BY_DEFAULT = ("browserRecording", "rtmpStreaming", "hlsStreaming")
# of publishParams: name, lowest, highest, default
BOUNDS = {
    "audio": (("bitRate", 16, 128, 32),),
    "video": (("bitRate", 30, 2000, 256), ("frameRate", 1, 30, 25), ("height", 50, 1080, 180),
              ("width", 50, 1920, 320)),
    "screen": (("bitRate", 500, None, 1024), ("frameRate", 1, 30, 10), ("height", 270, 1080, 720),
               ("width", 480, 1920, 1280)),
}
CODECS = {"audio": "opus", "video": "vp8", "screen": "vp8"}
DEGRADATION = (("packetLossThreshold", 1, 100, 50), ("degradeGracePeriodSeconds", 1, 10, 1),
               ("recoverGracePeriodSeconds", 1, 10, 4))


def bounded(body, where, name, low, high, default):
    value = take(body, name, int)
    if value is None:
        return default
    if value < low or (high is not None and value > high):
        raise bad_body(f"{where}.{name}")
    return value


def read_layers(layers):
    """Simulcast layers: f, h, q in that order, each scaled down more than the one before."""
    if not isinstance(layers, list) or len(layers) > 3:
        raise bad_body("simulcast.layers")
    before, scale = "", 0
    for layer in layers:
        if not isinstance(layer, dict):
            raise bad_body("simulcast.layers")
        rid = take(layer, "rid", str, required=True)
        by = take(layer, "scaleResolutionDownBy", (int, float), required=True)
        bounded(layer, "simulcast.layers", "maxBitrate", 0, 2000, 0)
        bounded(layer, "simulcast.layers", "maxFramerate", 1, 30, None)
        order = "fhq".find(rid) if len(rid) == 1 else -1
        if order < 0 or (before and order <= "fhq".find(before)) or not 1 <= by <= 12 or (
                by <= scale or (not before and (rid != "f" or by != 1))):
            raise bad_body("simulcast.layers")
        before, scale = rid, by


def read_publish(body):
    params = take(body, "publishParams", dict) or {}
    allowed = take(params, "allowed", list) or []
    if not set(map(str, allowed)) <= set(PUBLISHED):
        raise bad_body("publishParams.allowed")
    result = {"allowed": allowed}
    for kind, bounds in BOUNDS.items():
        given = take(params, kind, dict) or {}
        if given.get("codec", CODECS[kind]) != CODECS[kind]:
            raise bad_body(f"publishParams.{kind}.codec")
        result[kind] = {bound[0]: bounded(given, f"publishParams.{kind}", *bound)
                        for bound in bounds}
        result[kind]["codec"] = CODECS[kind]
    simulcast = take(params, "simulcast", dict) or {}
    for kind in ("video", "screen"):
        read_layers((take(simulcast, kind, dict) or {}).get("layers") or [])
    return {**result, "simulcast": simulcast}


def read_subscribe(body):
    params = take(body, "subscribeParams", dict) or {}
    degradation = take(params, "subscribeDegradation", dict)
    result = {"subscribeToRoles": take(params, "subscribeToRoles", list) or [],
              "maxSubsBitRate": take(params, "maxSubsBitRate", int) or 3200}
    if degradation is not None:
        result["subscribeDegradation"] = {
            bound[0]: bounded(degradation, "subscribeDegradation", *bound)
            for bound in DEGRADATION}
    return result


def read_role(name, body, lowest=5):
    """A role as answers show it: permissions that are false are left out. Priority 1 is the
    highest, 5 the lowest, in the legacy API 10."""
    given = take(body, "permissions", dict) or {}
    permissions = {key: True for key in PERMISSIONS if take(given, key, bool)}
    permissions.update({key: True for key in ALLOWED_BY_DEFAULT
                        if take(given, key, bool) is not False})
    most = take(body, "maxPeerCount", int)
    if most is not None and most < -1:
        raise bad_body("maxPeerCount")
    return {"name": take(body, "name", str) or name, "publishParams": read_publish(body),
            "subscribeParams": read_subscribe(body), "permissions": permissions,
            "priority": bounded(body, "role", "priority", 1, lowest, 1), "maxPeerCount": most or 0}


def read_roles(body, lowest=5):
    roles = take(body, "roles", dict) or {}
    result = {}
    for name, role in roles.items():
        if not isinstance(role, dict):
            raise bad_body("roles")
        role = read_role(name, role, lowest)
        result[role["name"]] = role
    return result


def read_upload(recording):
    upload = take(recording, "upload", dict)
    if upload is None:
        return
    for name in ("type", "location", "prefix"):
        take(upload, name, str, required=True)
    if upload["type"] not in STORES:
        raise bad_body("recording.upload.type")
    credentials = take(upload, "credentials", dict)
    if credentials is not None:
        for name in ("key", "secretKey"):
            take(credentials, name, str, required=True)


def read_settings(body, before=None):
    """Settings on top of those there were."""
    result = {"region": "auto", "recording": None,
              "roomState": {"messageInterval": 10, "sendPeerList": False,
                            "stopRoomStateOnJoin": True, "enabled": False},
              "retry": {}, **(before or {})}
    region = take(body, "region", str)
    if region is not None:
        if region not in REGIONS:
            raise bad_body("region")
        result["region"] = region
    recording = take(body, "recording", dict)
    if recording is not None:
        take(recording, "enabled", bool)
        read_upload(recording)
        result["recording"] = recording
    state = take(body, "roomState", dict)
    if state is not None:
        interval = take(state, "messageInterval", int)
        if interval is not None and (not 5 <= interval <= 3600 or interval % 5):
            raise bad_body("roomState.messageInterval")
        for name in ("sendPeerList", "stopRoomStateOnJoin", "enabled"):
            take(state, name, bool)
        result["roomState"] = {**result["roomState"], **state}
    return result


def read_hls(destination, settings):
    for layer in take(destination, "layers", list) or []:
        sides = sorted(take(layer, name, int, required=True) for name in ("width", "height"))
        if not (144 <= sides[0] <= 1080 and 192 <= sides[1] <= 1920) or any(
                side % 2 for side in sides):
            raise bad_body("hlsDestinations.layers")
    if destination.get("playlistType") not in (None, "event", "live"):
        raise bad_body("hlsDestinations.playlistType")
    bounded(destination, "hlsDestinations", "numPlaylistSegments", 3, 150, 5)
    recording = take(destination, "recording", dict) or {}
    if take(recording, "enableZipUpload", bool) and not (
            (settings.get("recording") or {}).get("upload")):
        raise bad_body("enableZipUpload needs a storage of your own")


def read_destinations(body, roles, settings):
    result = {}
    for kind in ("browserRecordings", "rtmpDestinations", "hlsDestinations", "transcriptions"):
        named = take(body, kind, dict)
        if named is None:
            continue
        for destination in named.values():
            if not isinstance(destination, dict):
                raise bad_body(kind)
            take(destination, "name", str, required=True)
            if kind in ("browserRecordings", "transcriptions"):
                if take(destination, "role", str, required=True) not in roles:
                    raise bad_body(f"{kind}.role not found")
            if kind == "rtmpDestinations" and len(take(destination, "rtmpUrls", list) or []) > 3:
                raise bad_body("rtmpDestinations.rtmpUrls")
            if kind == "hlsDestinations":
                read_hls(destination, settings)
        result[kind] = named
    return result


def without_false(value):
    """False flags vanish from what the recordings configuration answers."""
    if isinstance(value, dict):
        return {key: without_false(item) for key, item in value.items() if item is not False}
    return value


def read_recordings(body, roles):
    """A bare array of exactly one configuration."""
    if not isinstance(body, list) or len(body) != 1 or not isinstance(body[0], dict):
        raise bad_body("an array of one configuration is wanted")
    config = body[0]
    take(config, "name", str, required=True)
    if take(config, "role", str, required=True) not in roles:
        raise bad_body("role not found")
    for name in ("maxDuration", "presignDuration"):
        take(config, name, int)
    for name in ("thumbnails", "compositeRecording", "trackRecording", "streamRecording"):
        take(config, name, dict)
    return [without_false(config)]
