"""The operations that the API describes (GET /openapi.json), so that a test can try each of them."""

import re

from . import described

# Of other parameters: something that nobody has.
PATH_VALUES = {"rule_id": "999", "script": "main.js", "style": "page.css"}


class Operation:
    def __init__(self, method, template, operation):
        self.method, self.template = method, template
        self.parameters = operation.get("parameters", [])
        body = operation.get("requestBody")
        self.takes_body = body is not None
        self.needs_body = bool(body and body["required"])
        self.body = _schema(body["content"]["application/json"]["schema"]) if body else {}

    def __repr__(self):
        return f"{self.method} {self.template}"

    def path(self, **values):
        """The path with its parameters filled in; what is not given is nobody's."""
        return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], PATH_VALUES.get(m[1], "nobody")), self.template)

    def fields(self):
        """[(where, name, schema)] of all that is checked, where: path, query or body."""
        found = [(p["in"], p["name"], p["schema"]) for p in self.parameters]
        return found + [("body", name, _schema(schema)) for name, schema in self.body.get("properties", {}).items()]


def _schema(schema):
    if "$ref" not in schema:
        return schema
    return described.document()["components"]["schemas"][schema["$ref"].split("/")[-1]]


def every():
    return [Operation(method, template, operation) for method, _, template, operation in described.operations()]
