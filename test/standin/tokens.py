"""Tokens: checked with PyJWT, claim by claim."""

import uuid

import jwt

TIMES = ("exp", "nbf", "iat")


class Refused(Exception):
    """Why a token is not good enough."""


def bearer(header):
    scheme, _, token = (header or "").partition(" ")
    return token if scheme == "Bearer" else None


def peek(header):
    """The claims as they stand, unchecked, for the log; None when they can't be read."""
    try:
        return jwt.decode(bearer(header) or "", options={"verify_signature": False})
    except jwt.PyJWTError:
        return None


def is_uuid4(text):
    try:
        return isinstance(text, str) and uuid.UUID(text).version == 4 and len(text) == 36
    except ValueError:
        return False


def check(header, access_key, secret, token_type):
    """The claims of a good token; raises Refused."""
    token = bearer(header)
    if not token:
        raise Refused("not found")
    try:
        # signature, exp, nbf and an iat in the future
        claims = jwt.decode(token, secret, algorithms=["HS256"],
                            options={"require": [*TIMES, "jti", "access_key", "type", "version"]})
    except jwt.PyJWTError as error:
        raise Refused(str(error)) from None
    for name in TIMES:
        if type(claims[name]) is not int:
            raise Refused(f"{name} is not a number")
    if claims["access_key"] != access_key:
        raise Refused("unknown access key")
    if claims["type"] != token_type:
        raise Refused(f"token type is not {token_type}")
    if type(claims["version"]) is not int or claims["version"] != 2:
        raise Refused("version is not 2")
    if not is_uuid4(claims["jti"]):
        raise Refused("jti is not a v4 UUID")
    if token_type == "app" and not (claims.get("room_id") and claims.get("role")):
        raise Refused("room_id and role are required")
    return claims
