"""Answers as JSON, and refusals as problem documents (RFC 9457)."""

import json
import re

from componentize_py_types import Err
from wit_world.imports import http_types, log

# The host's refusals, each with its status, by the name that they have in the contract.
REFUSALS = {
    "not-found": 404,
    "conflict": 409,
    "rate-limited": 429,
    "unavailable": 503,
    "limit-exceeded": 503,
    "revoked": 401,
    "rejected": 502,
    "outcome-unknown": 502,
    "too-large": 507,
    "quota-exceeded": 507,
}


class Problem(Exception):
    """Why a request was not served."""

    def __init__(self, status, kind, detail, **more):
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.more = more


def answered(status, kind, value):
    body = json.dumps(value).encode()
    return http_types.Response(status, [("content-type", kind)], body)


def problem_of(error):
    """The answer to whatever a handler raised."""
    if isinstance(error, Err):
        error = refused(error.value)
    if not isinstance(error, Problem):
        log.write(log.Level.ERROR, f"A handler failed: {error!r}", [])
        error = Problem(500, "internal", "Something went wrong in the app.")
    document = {
        "type": f"urn:airlock:problem:{error.kind}",
        "title": error.kind,
        "status": error.status,
        "detail": str(error),
        **error.more,
    }
    return answered(error.status, "application/problem+json", document)


def refused(refusal):
    """A refusal of the host's. What needs a scope that is missing is 403 and names it."""
    kind = case_of(refusal)
    value = getattr(refusal, "value", "")
    if kind in ("not-granted", "not-requested"):
        return Problem(403, kind, f"This needs the permission {value}.", scope=value)
    return Problem(REFUSALS.get(kind, 502), kind, getattr(value, "message", str(value)))


def case_of(refusal):
    """`not-granted` of `CloudError_NotGranted`: each case of a variant is a class of its own."""
    name = type(refusal).__name__.rpartition("_")[2]
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def read_object(body):
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Problem(400, "bad-request", "The body must be a JSON object.")
    return value
