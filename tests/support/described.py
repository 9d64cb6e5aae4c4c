"""Hold answers against the server's own description of its API (mailproxy-server openapi)."""

import functools
import json
import re
import subprocess

from jsonschema import Draft202012Validator

from .builds import SERVER

LARGE_OCTETS = 512 * 1024  # a long list is like a short one, and takes minutes to check

# What the transport may answer to anything, before a route is found or its request is read.
TRANSPORT = {307, 400, 404, 405, 408, 413, 431, 503}


@functools.cache
def document():
    run = subprocess.run([SERVER, "openapi"], check=True, capture_output=True, timeout=60)
    return json.loads(run.stdout)


@functools.cache
def operations():
    """[(method, regular expression of the path, template, operation)]"""
    found = []
    for template, methods in document()["paths"].items():
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)) + r"\Z")
        found += [(method.upper(), pattern, template, operation) for method, operation in methods.items()]
    return found


def find(method, path):
    path = path.split("?", 1)[0]
    for known, pattern, template, operation in operations():
        if known == method and pattern.match(path):
            return template, operation
    return None, None


@functools.cache
def validator(reference):
    schema = {"$ref": reference, "components": document()["components"]}
    return Draft202012Validator(schema)


def check(method, path, answer):
    """AssertionError where the answer is not what the description says of it."""
    template, operation = find(method, path)
    responses = operation["responses"] if operation else {}
    if str(answer.status) not in responses:
        assert answer.status in TRANSPORT, f"{method} {path}: {answer} is not described"
        return
    if "content" not in responses[str(answer.status)]:
        assert answer.body == b"" and "Content-Type" not in answer.headers, f"{method} {path}: {answer} is to have no content"
        return
    (media_type, media), = responses[str(answer.status)]["content"].items()
    content_type = answer.headers.get("Content-Type")
    assert content_type == media_type, f"{method} {path}: {content_type} is not {media_type}"
    if media_type != "application/json" or len(answer.body) > LARGE_OCTETS:
        return
    errors = list(validator(media["schema"]["$ref"]).iter_errors(answer.json))
    assert not errors, f"{method} {template}: {answer} is not as described: {errors[0].message}"
