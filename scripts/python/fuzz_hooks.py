"""What schemathesis cannot know of the API: two media types, names of things that exist, GraphQL's codes."""

import json
import os
import random

import schemathesis

KNOWN = json.loads(os.environ["WAYBILL_FUZZ_KNOWN"])
CODES = {
    "BAD_INPUT",
    "FORBIDDEN",
    "NOT_FOUND",
    "POSITION_NOT_REACHED",
    "TOO_COMPLEX",
    "UNAUTHENTICATED",
}


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    values = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(one) for one in values).encode()


@schemathesis.serializer("message/rfc822")
def message(_context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.deserializer("application/octet-stream")
def octets(_context, response):
    return response.content.decode("latin-1")


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Most requests name what exists, and few set a condition: behind a 404 or a 412 nothing else is tried."""
    for name in list(case.path_parameters or {}):
        if name in KNOWN and random.random() < 0.7:
            case.path_parameters[name] = random.choice(KNOWN[name])
    if isinstance(case.body, dict):
        case.body = named(case.body)
    if "If-Match" in (case.headers or {}) and random.random() < 0.8:
        del case.headers["If-Match"]
    if "at_least_position" in (case.query or {}) and random.random() < 0.9:
        del case.query["at_least_position"]


def named(body):
    """The same body, naming what exists here and there."""
    told = {}
    for field, value in body.items():
        if isinstance(value, dict):
            told[field] = named(value)
        elif isinstance(value, str) and field in KNOWN and random.random() < 0.7:
            told[field] = random.choice(KNOWN[field])
        else:
            told[field] = value
    return told


@schemathesis.check
def a_documented_graphql_answer(_context, response, _case):
    """GraphQL answers errors with 200, so they are told by their code."""
    assert response.status_code == 200, f"status {response.status_code}"
    answer = response.json()
    assert "data" in answer or answer.get("errors"), "neither data nor errors"
    for error in answer.get("errors", []):
        code = error.get("extensions", {}).get("code")
        assert code in CODES, f"{code}: {error['message']}"
