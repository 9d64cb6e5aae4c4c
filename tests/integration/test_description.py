"""GET /openapi.json: the description of the API, made from the table that routes and checks."""

import os
import re

from jsonschema import Draft202012Validator

from support import described
from support.builds import ROOT


def test_the_server_publishes_its_description_without_a_token(shared):
    answer = shared.api.with_token(None).get("/openapi.json")
    assert answer.status == 200
    assert answer.json == described.document()


def test_every_schema_is_a_valid_one_and_every_reference_leads_somewhere():
    document = described.document()
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object", name
    references = re.findall(r"#/components/schemas/(\w+)", str(document))
    assert set(references) == set(schemas)


def test_every_operation_has_a_name_a_summary_and_answers():
    names = [operation["operationId"] for _, _, _, operation in described.operations()]
    assert len(names) == len(set(names))
    for method, _, template, operation in described.operations():
        assert operation["summary"].endswith((".", "?")), (method, template)
        assert any(int(status) < 300 for status in operation["responses"]), (method, template)
        for parameter in operation.get("parameters", []):
            assert parameter["in"] != "path" or "{%s}" % parameter["name"] in template


def test_every_member_and_every_query_parameter_is_explained():
    document = described.document()
    for name, schema in document["components"]["schemas"].items():
        if name in ("Ok", "Error", "Unfit"):
            continue
        assert schema["description"], name
        for member, its in schema["properties"].items():
            assert its.get("description"), f"{name}.{member}"
    for _, _, template, operation in described.operations():
        for parameter in operation.get("parameters", []):
            assert parameter["in"] == "path" or parameter.get("description"), (template, parameter)


def test_every_route_is_described_and_nothing_else():
    with open(os.path.join(ROOT, "server", "routes", "routes.c"), encoding="utf-8") as file:
        table = re.findall(r'\{"([A-Z]+)", "(/[^"]*)"', file.read())
    assert sorted(table) == sorted((method, template) for method, _, template, _ in described.operations())


def test_a_described_method_is_routed_and_no_other(shared):
    methods = {}
    for method, _, template, _ in described.operations():
        methods.setdefault(template, []).append(method)
    for template, known in methods.items():
        answer = shared.api.request("PATCH" if "PATCH" not in known else "HEAD", re.sub(r"\{\w+\}", "x", template))
        assert answer.status == 405, (template, answer)
        assert answer.headers["Allow"] == ", ".join(known)
