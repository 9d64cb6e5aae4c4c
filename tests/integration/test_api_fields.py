"""
Every field and parameter of every operation: what it takes, and the error, octet for octet, where it does not fit.

The fields are those of the description, so that one which is added later is tried as well.
"""

import pytest
from support import operations

PARSE_INT = {"type": "int_parsing", "msg": "Input should be a valid integer, unable to parse string as an integer"}
PARSE_BOOL = {"type": "bool_parsing", "msg": "Input should be a valid boolean, unable to interpret input"}
NO_TEXT = {"type": "string_type", "msg": "Input should be a valid string"}
NO_LIST = {"type": "list_type", "msg": "Input should be a valid list"}
NO_OBJECT = {"type": "dict_type", "msg": "Input should be a valid dictionary"}
SECRETS = {"password", "imap_password", "client_auth", "report_secret", "api_token", "bounce_imap_password",
           "oauth_client_auth", "oauth_client_secret", "oauth_refresh_token", "oauth_token", "tls_ca", "tls_client_cert", "tls_client_key"}


def is_checked(operation, name):
    """run-now takes any body; whose a message is and how urgent, add-messages finds out by itself."""
    return str(operation) != "POST /commands/run-now" and not (
        str(operation) == "POST /commands/add-messages" and name in ("tenant_id", "default_priority"))


FIELDS = [(operation, *field) for operation in operations.every() for field in operation.fields()
          if is_checked(operation, field[1]) or field[0] == "query"]


def of_type(kind, *wheres):
    chosen = [field for field in FIELDS if field[3].get("type") == kind and field[1] in wheres]
    return pytest.mark.parametrize("operation, where, name, schema", chosen, ids=[f"{f[0]} {f[1]} {f[2]}" for f in chosen])


def errors(served, operation, where, name, value):
    """What is said of this one value; the rest of the request may be incomplete, which keeps most from being done."""
    path = operation.path(**({name: str(value)} if where == "path" else {}))
    body = {name: value} if where == "body" else {} if operation.needs_body else None
    answer = served.api.request(operation.method, path, body=body, query={name: value} if where == "query" else None)
    if answer.status != 422:
        return []
    return [error for error in answer.json["detail"] if error["loc"][:2] == [where, name]]


def error(kind, where, name, given, ctx=None):
    shown = {**kind, "loc": [where, name], "input": "***" if name in SECRETS and where == "body" else given}
    return [shown if ctx is None else {**shown, "ctx": ctx}]


@of_type("integer", "body")
def test_an_integer_comes_as_number_text_or_boolean(served, operation, where, name, schema):
    low, high = schema.get("minimum", -9), schema.get("maximum", 2525)
    value = min(max(7, low), high)
    fitting = [value, str(value), float(value), f"{value}.0", f"+{value}", f" {value} "] + [True, "1"] * (low <= 1 <= high)
    for given in fitting:
        assert errors(served, operation, where, name, given) == [], given
    for given in ("x", "", 1.5, "1.5", "0x10", "1e3", [], [1], {}, {"a": 1}):
        assert errors(served, operation, where, name, given) == error(PARSE_INT, where, name, given), given


@of_type("integer", "query")
def test_an_integer_in_the_query_is_read_as_leniently(served, operation, where, name, schema):
    value = max(7, schema.get("minimum", 0))
    for given in (f"{value}", f"{value}.0", f" {value} "):
        assert errors(served, operation, where, name, given) == [], given
    for given in ("x", "", "1.5", "true", "[]"):
        assert errors(served, operation, where, name, given) == error(PARSE_INT, where, name, given), given


@of_type("integer", "path")
def test_an_integer_in_the_path_is_read_as_leniently(served, operation, where, name, schema):
    for given in ("999", "999.0"):
        assert errors(served, operation, where, name, given) == [], given
    for given in ("x", "1.5", "true"):
        assert errors(served, operation, where, name, given) == error(PARSE_INT, where, name, given), given


@of_type("integer", "body", "query")
def test_an_integer_out_of_range_is_told_the_bound(served, operation, where, name, schema):
    def shown(value):
        return str(value) if where == "query" else value

    if "minimum" in schema:
        low = schema["minimum"]
        kind = {"type": "greater_than_equal", "msg": f"Input should be greater than or equal to {low}"}
        for given in (low - 1, f"-{'9' * 30}"):
            assert errors(served, operation, where, name, given) == error(kind, where, name, shown(given), {"ge": low}), given
    if schema.get("maximum", 2**63) < 2**53:
        high = schema["maximum"]
        kind = {"type": "less_than_equal", "msg": f"Input should be less than or equal to {high}"}
        for given in (high + 1, "9" * 30):
            assert errors(served, operation, where, name, given) == error(kind, where, name, shown(given), {"le": high}), given


@of_type("boolean", "body", "query")
def test_a_boolean_comes_as_any_of_its_words(served, operation, where, name, schema):
    words = "true false t f yes no y n on off 1 0".split()
    fitting = [*words, *(w.upper() for w in words), *(w.capitalize() for w in words)]
    if where == "body":
        fitting += [True, False, 0, 1, 0.0, 1.0]
    for given in fitting:
        assert errors(served, operation, where, name, given) == [], given
    for given in ["perhaps", "", "2", "tru"] + [2, -1, 0.5, [], {}, [True]] * (where == "body"):
        assert errors(served, operation, where, name, given) == error(PARSE_BOOL, where, name, given), given


@of_type("string", "body")
def test_a_text_takes_no_number(served, operation, where, name, schema):
    for given in (5, 0, 1.5, True, [], ["a"], {}):
        assert errors(served, operation, where, name, given) == error(NO_TEXT, where, name, given), given


@of_type("string", "body", "query", "path")
def test_a_text_takes_no_nul(served, operation, where, name, schema):
    if where == "path":
        answer = served.api.request(operation.method, operation.path(**{name: "a%00b"}), body={} if operation.takes_body else None)
        found = [e for e in answer.json["detail"] if e["loc"] == [where, name]]
    else:
        found = errors(served, operation, where, name, "a\0b")
    assert [(e["type"], e["msg"]) for e in found] == [("value_error", "Value error, contains a NUL character")]


@of_type("string", "body", "query")
def test_a_text_that_is_too_long_is_told_the_limit(served, operation, where, name, schema):
    limit = 300_000 if where == "body" else 5000
    (found,) = errors(served, operation, where, name, "x" * limit)
    assert found["type"] in ("string_too_long", "enum", "value_error"), "the latter where it is held against a rule of its own"
    if found["type"] == "string_too_long":
        most = found["ctx"]["max_length"]
        assert found == {"type": "string_too_long", "loc": [where, name], "msg": f"String should have at most {most} octets",
                         "input": "***" if name in SECRETS and where == "body" else None, "ctx": {"max_length": most}}
    assert len(repr(found)) < 3000, "what is long is not echoed"


@pytest.mark.parametrize("method, path, name", [("POST", "/tenant", "id"), ("POST", "/account", "id"), ("POST", "/account", "host")])
def test_a_text_that_must_not_be_empty(served, method, path, name):
    answer = served.api.request(method, path, body={"id": "a", "host": "h", "port": 25, name: ""})
    assert answer.body == (b'{"detail":[{"type":"string_too_short","loc":["body","%s"],"msg":"String should have at least 1 character",'
                           b'"input":"","ctx":{"min_length":1}}]}' % name.encode())


@pytest.mark.parametrize("method, path, where, name, words", [
    ("POST", "/tenant", "body", "report_format", "'event' or 'seed'"),
    ("GET", "/messages", "query", "status", "'pending', 'deferred', 'sending', 'sent' or 'error'"),
])
def test_a_word_that_is_none_of_those_known(served, method, path, where, name, words):
    given = {where: {name: "lost"}}
    answer = served.api.request(method, path, body={"id": "a", **given.get("body", {})} if method == "POST" else None,
                                query=given.get("query"))
    assert answer.json == {"detail": error({"type": "enum", "msg": f"Input should be {words}"}, where, name, "lost", {"expected": words})}


@of_type("array", "body")
def test_a_list_is_no_other_value(served, operation, where, name, schema):
    for given in ("a", "1,2", 5, True, {}, {"a": 1}):
        assert errors(served, operation, where, name, given) == error(NO_LIST, where, name, given), given


def test_an_item_of_a_list_is_named_by_its_place(served):
    def detail(path, body):
        answer = served.api.post(path, body)
        assert answer.status == 422, answer
        return answer.json["detail"]

    assert detail("/commands/delete-messages", {"ids": ["a", 5, "b", None, "c\0"]}) == [
        {**NO_TEXT, "loc": ["body", "ids", 1], "input": 5}, {**NO_TEXT, "loc": ["body", "ids", 3], "input": None},
        {"type": "value_error", "loc": ["body", "ids", 4], "msg": "Value error, contains a NUL character", "input": "c\ufffd\ufffd"}]
    assert detail("/commands/rules", {"days": [0, "x", 2**40]}) == [
        {**PARSE_INT, "loc": ["body", "days", 1], "input": "x"},
        {"type": "less_than_equal", "loc": ["body", "days", 2], "msg": "Input should be less than or equal to 2147483647",
         "input": 2**40, "ctx": {"le": 2147483647}}]
    account = {"id": "a", "host": "h", "port": 25}
    assert detail("/account", {**account, "retry_delays": [60, "60", -1]}) == [
        {"type": "greater_than_equal", "loc": ["body", "retry_delays", 2], "msg": "Input should be greater than or equal to 0",
         "input": -1, "ctx": {"ge": 0}}]
    (too_long,) = detail("/account", {**account, "retry_delays": [1] * 100})
    most = too_long["ctx"]["max_length"]
    assert too_long == {"type": "too_long", "loc": ["body", "retry_delays"], "input": [1] * 100,
                        "msg": f"List should have at most {most} items after validation, not 100",
                        "ctx": {"field_type": "List", "max_length": most, "actual_length": 100}}


def test_of_a_list_with_nothing_right_in_it_only_the_beginning_is_told(served):
    answer = served.api.post("/commands/delete-messages", {"ids": [5] * 100_000})
    assert answer.status == 422 and 1 <= len(answer.json["detail"]) <= 100


@pytest.mark.parametrize("path, name", [("/tenant", "client_auth"), ("/tenant", "rate_limits"), ("/tenant", "large_file_config")])
def test_an_object_is_no_other_value_and_has_no_nul_anywhere(served, path, name):
    for given in ("a", 5, True, [], [{}]):
        assert served.api.post(path, {"id": "x", name: given}).json == {"detail": error(NO_OBJECT, "body", name, given)}, given
    for given in ({"a": "b\0"}, {"a\0": 1}, {"a": {"b": ["\0"]}}):
        (found,) = served.api.post(path, {"id": "x", name: given}).json["detail"]
        assert (found["type"], found["loc"]) == ("value_error", ["body", name]), given


def test_a_missing_field_shows_the_object_it_is_missing_in_without_its_secrets(served):
    answer = served.api.post("/account", {"host": "h", "port": 25, "password": "hidden-word", "user": None})
    assert answer.body == (b'{"detail":[{"type":"missing","loc":["body","id"],"msg":"Field required",'
                           b'"input":{"host":"h","port":25,"password":"***","user":null}}]}')
    assert served.api.post("/tenant", {"id": None}).json["detail"][0]["type"] == "missing", "null is as good as absent"


@pytest.mark.parametrize("operation", [o for o in operations.every() if o.needs_body], ids=repr)
def test_no_body_at_all_and_one_that_is_no_object(served, operation):
    path = operation.path()
    for raw in (None, b"", b"null"):
        answer = served.api.request(operation.method, path, raw=raw)
        assert answer.body == b'{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}'
    for raw in (b"[]", b'"text"', b"1", b"true", b"[1]"):
        answer = served.api.request(operation.method, path, raw=raw)
        assert answer.body == (b'{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary '
                               b'or object to extract fields from","input":%s}]}' % raw)


@pytest.mark.parametrize("raw, offset, reason", [
    (b"{", 1, "Expecting property name enclosed in double quotes"), (b"nonsense", 0, "Expecting value"), (b"   ", 3, "Expecting value"),
    (b'{"a":1} x', 8, "Extra data"), (b'{"a" 1}', 5, "Expecting ':' delimiter"), (b'{"a":1 "b":2}', 7, "Expecting ',' delimiter"),
    (b'["\xc3\xa4", x]', 6, "Expecting value"), (b'"a', 0, "Unterminated string starting at"), (b'"\\x"', 1, "Invalid \\escape"),
])
def test_malformed_json_says_where_and_why(served, raw, offset, reason):
    answer = served.api.request("POST", "/account", raw=raw)
    assert (answer.status, answer.json) == (422, {"detail": [
        {"type": "json_invalid", "loc": ["body", offset], "msg": "JSON decode error", "input": {}, "ctx": {"error": reason}}]})
    assert answer.body.startswith(b'{"detail":[{"type":"json_invalid","loc":["body",%d],"msg":"JSON decode error","input":{},"ctx":{' % offset)


@pytest.mark.parametrize("operation", operations.every(), ids=repr)
def test_what_nobody_knows_is_ignored(served, operation):
    """An unknown field and an unknown parameter change nothing of the answer's kind."""
    body = {} if operation.needs_body else None
    plain = served.api.request(operation.method, operation.path(), body=body)
    odd = served.api.request(operation.method, operation.path(), query={"colour": "red"},
                             body=None if body is None else {"colour": ["red"], "Id": 5})
    assert odd.status == plain.status
    if plain.status == 422:
        assert [e["loc"] for e in odd.json["detail"]] == [e["loc"] for e in plain.json["detail"]]
