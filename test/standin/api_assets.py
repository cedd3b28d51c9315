"""Recording assets: list, read, and links to fetch them by."""

from answers import bad_query, not_found
from pages import by_last

THREE_DAYS = 259_200


def find_asset(call):
    asset = call.world.assets.get(call.part("asset_id"))
    if not asset:
        raise not_found("Asset")
    return asset


def list_assets(call):
    filters = {name: call.text(name) for name in ("room_id", "session_id", "status")}
    if filters["status"] not in (None, "processing", "completed", "failed"):
        raise bad_query("status")
    return by_last(call, call.world.assets, lambda asset: all(
        value is None or asset[name] == value for name, value in filters.items()))


def presigned_url(call):
    asset = find_asset(call)
    seconds = call.integer("presign_duration", THREE_DAYS)
    if seconds <= 0:
        raise bad_query("presign_duration")
    file = asset["path"].partition("://")[2]
    return {"id": asset["id"], "path": asset["path"], "expiry": seconds,
            "url": call.storage.link(file, seconds)}


ROUTES = [
    ("GET", "/recording-assets", list_assets),
    ("GET", "/recording-assets/{asset_id}", find_asset),
    ("GET", "/recording-assets/{asset_id}/presigned-url", presigned_url),
]
