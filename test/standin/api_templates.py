"""Templates: the policy of rooms, its roles, settings, destinations and recordings."""

import uuid

import clock
import policy
from answers import ApiError, bad_body, not_found, take
from pages import by_last
from world import CUSTOMER


def find_template(call):
    template = call.world.templates.get(call.part("template_id"))
    if not template:
        raise not_found("Template")
    return template


def find_role(call):
    role = find_template(call)["roles"].get(call.part("role_name"))
    if not role:
        raise not_found("Role")
    return role


def named(world, name):
    return next((row for row in world.templates if row["name"] == name), None)


def read_name(body):
    name = take(body, "name", str)
    if name and not policy.NAME.match(name):
        raise bad_body("name")
    return name or None


def overwrite(world, template, body, lowest=5):
    """Everything anew; a name of another template is refused."""
    name = read_name(body) or template["name"]
    if (named(world, name) or template) is not template:
        raise ApiError(400, "overwrite error")
    roles, settings = policy.read_roles(body, lowest), policy.read_settings(
        take(body, "settings", dict) or {})
    template.update(name=name, roles=roles, settings=settings, destinations=(
        policy.read_destinations(take(body, "destinations", dict) or {}, roles, settings)))
    if take(body, "plugins", dict) is not None:
        template["plugins"] = body["plugins"]
    template["updatedAt"] = clock.stamp(clock.now())
    return template


def new_template(world, body, lowest=5):
    """A new one, or the one of that name overwritten."""
    name = read_name(body) or str(uuid.uuid4())
    known = named(world, name)
    if known:
        return overwrite(world, known, body, lowest)
    template = {"id": "", "name": name, "customerId": CUSTOMER, "customer": CUSTOMER,
                "createdAt": clock.stamp(clock.now())}
    overwrite(world, template, body, lowest)  # refuses before there is anything to see
    template["id"] = template["_id"] = world.new_id()
    world.templates.put(template)
    return template


async def create_template(call):
    return new_template(call.world, await call.read_object())


def list_templates(call):
    return by_last(call, call.world.templates)


async def update_template(call):
    template = find_template(call)
    body = await call.read_object()
    for name in ("roles", "settings"):
        take(body, name, dict, required=True)
    return overwrite(call.world, template, body)


async def upsert_role(call, lowest=5):
    """Creates or replaces; a name in the body renames, but not onto another role."""
    template, before = find_template(call), call.part("role_name")
    role = policy.read_role(before, await call.read_object(), lowest)
    if role["name"] != before and role["name"] in template["roles"]:
        raise ApiError(400, "overwrite error")
    template["roles"].pop(before, None)
    template["roles"][role["name"]] = role
    template["updatedAt"] = clock.stamp(clock.now())
    return role


def delete_role(call):
    del find_template(call)["roles"][find_role(call)["name"]]


def get_settings(call):
    return find_template(call)["settings"]


async def update_settings(call):
    template = find_template(call)
    template["settings"] = policy.read_settings(await call.read_object(), template["settings"])
    return template["settings"]


def get_destinations(call):
    return find_template(call)["destinations"]


async def update_destinations(call):
    template = find_template(call)
    given = policy.read_destinations(await call.read_object(), template["roles"],
                                     template["settings"])
    template["destinations"] = {**template["destinations"], **given}
    return template["destinations"]


def get_recordings(call):
    """Only here the browser's recording is said to be enabled."""
    configs = call.world.recording_configs.get(find_template(call)["id"], [])
    return [{**config, "compositeRecording": {
        **config["compositeRecording"], "browserComposite": {
            **config["compositeRecording"]["browserComposite"], "enabled": True}}}
        if (config.get("compositeRecording") or {}).get("browserComposite") is not None
        else config for config in configs]


async def update_recordings(call):
    template = find_template(call)
    configs = policy.read_recordings(await call.read(), template["roles"])
    call.world.recording_configs[template["id"]] = configs
    return configs


TEMPLATE = "/templates/{template_id}"
ROUTES = [
    ("GET", "/templates", list_templates),
    ("POST", "/templates", create_template),
    ("GET", TEMPLATE, find_template),
    ("POST", TEMPLATE, update_template),
    ("GET", f"{TEMPLATE}/roles/{{role_name}}", find_role),
    ("POST", f"{TEMPLATE}/roles/{{role_name}}", upsert_role),
    ("DELETE", f"{TEMPLATE}/roles/{{role_name}}", delete_role),
    ("GET", f"{TEMPLATE}/settings", get_settings),
    ("POST", f"{TEMPLATE}/settings", update_settings),
    ("GET", f"{TEMPLATE}/destinations", get_destinations),
    ("POST", f"{TEMPLATE}/destinations", update_destinations),
    ("GET", f"{TEMPLATE}/recordings", get_recordings),
    ("POST", f"{TEMPLATE}/recordings", update_recordings),
]
