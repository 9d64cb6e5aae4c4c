"""Refusals that have nothing to do with one field: paths, methods, lengths, room, and which fault is told first."""

import contextlib
import http.client
import json
import socket

import psycopg
import pytest
from support import operations
from support.programs import message
from support.waiting import wait_for

EVERY = operations.every()
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def methods_of(template):
    return [o.method for o in EVERY if o.template == template]


@pytest.mark.parametrize("at", sorted({o.template for o in EVERY}))
def test_another_method_is_405_and_told_the_ones_there_are(served, at):
    path = operations.Operation("GET", at, {}).path()
    for method in METHODS:
        if method in methods_of(at):
            continue
        answer = served.api.with_token("unknown").request(method, path)
        assert answer.status == 405, method
        assert answer.headers["Allow"] == ", ".join(methods_of(at))
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.body == (b"" if method == "HEAD" else b'{"detail":"Method Not Allowed"}')


@pytest.mark.parametrize("operation", EVERY, ids=repr)
def test_a_trailing_slash_is_sent_to_the_path_without_it_and_the_query_is_kept(served, operation):
    path = operation.path(account_id="a%2Fb%20c")
    for query in ("", "?tenant_id=a%26b&x="):
        answer = served.api.with_token("unknown").request(operation.method, path + "/" + query)
        assert (answer.status, answer.headers["Location"], answer.body) == (307, path + query, b"")


@pytest.mark.parametrize("path", ["/page", "/page/", "/page/scripts/nothing.js", "/page/scripts/index.html", "/index.html", "/nothing", "/accounts/x", "//accounts", "/accounts//", "/Accounts", "/account//", "/tenant//api-key",
                                  "/commands", "/commands/", "/tenant/x/y/z", "/a" * 300, "/messages%20", "/%61ccountz", "/../etc/passwd",
                                  "/accounts/.."])
def test_an_unknown_path_is_404(served, path):
    answer = served.api.with_token(None).get(path)
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (404, "application/json", b'{"detail":"Not Found"}')


def test_an_answer_that_is_json_says_so_and_has_no_spaces(served):
    for answer in (served.api.get("/health"), served.api.get("/status"), served.api.get("/accounts"), served.api.get("/messages"),
                   served.api.post("/account"), served.api.request("POST", "/account", raw=b"{"), served.api.get("/tenant/nobody"),
                   served.api.with_token(None).get("/accounts"), served.api.get("/nothing")):
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.body == json.dumps(answer.json, separators=(",", ":"), ensure_ascii=False).encode()


# Lengths and room.

def send(api, head, body=b"", path="/account"):
    """Raw octets to the server: status, headers and body of its answer."""
    with socket.create_connection((api.host, api.port), timeout=20) as s:
        s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nX-API-Token: %s\r\n%s\r\n\r\n" % (path.encode(), api.token.encode(), head) + body)
        response = http.client.HTTPResponse(s)
        response.begin()
        return response.status, response.headers, response.read()


def test_content_length_together_with_chunked_is_400_in_either_order(served):
    length, chunked = b"Content-Length: 7", b"Transfer-Encoding: chunked"
    for head in (length + b"\r\n" + chunked, chunked + b"\r\n" + length):
        status, _, body = send(served.api, head, b"2\r\n{}\r\n0\r\n\r\n")
        assert (status, list(json.loads(body))) == (400, ["detail"])


@pytest.mark.parametrize("head", [b"Content-Length: 2\r\nContent-Length: 2", b"Content-Length: 2\r\nContent-Length: 3", b"Content-Length: 0x2",
                                  b"Content-Length: +2", b"Content-Length: 2, 2", b"Transfer-Encoding: gzip",
                                  b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked, chunked"])
def test_a_length_that_can_be_read_in_two_ways_is_400(served, head):
    status, _, body = send(served.api, head, b"{}")
    assert (status, list(json.loads(body))) == (400, ["detail"])


@pytest.fixture
def narrow(new_system):
    """A server that has room for one body and a half."""
    return new_system(workers=0, GMP_MAX_BODY_BYTES=400_000, GMP_MAX_BODIES_IN_FLIGHT_BYTES=600_000)


def padded(octets):
    """A body of so many octets that delete-messages takes."""
    return b'{"ids":[]%s}' % (b" " * (octets - len(b'{"ids":[]}')))


def test_a_body_as_long_as_the_limit_is_taken_and_one_octet_more_is_413(narrow):
    path = "/commands/delete-messages"
    assert narrow.api.request("POST", path, raw=padded(400_000)).status == 200
    answer = narrow.api.request("POST", path, raw=padded(400_001))
    assert (answer.status, answer.json) == (413, {"detail": "Request body too large"})


def test_a_chunked_body_over_the_limit_is_413(narrow):
    body = b"".join(b"%x\r\n%s\r\n" % (100_000, b" " * 100_000) for _ in range(5)) + b"0\r\n\r\n"
    status, _, answer = send(narrow.api, b"Transfer-Encoding: chunked", body)
    assert (status, json.loads(answer)) == (413, {"detail": "Request body too large"})


def test_a_body_over_the_limit_is_413_whoever_sends_it(narrow):
    assert narrow.api.with_token("unknown").request("POST", "/account", raw=padded(400_001)).status == 413


def test_the_limit_of_a_body_is_128_mib_unless_it_is_set(served):
    for octets, status in ((128 * 2**20 + 1, 413), (128 * 2**20, 100)):
        with socket.create_connection((served.api.host, served.api.port), timeout=20) as s:
            s.sendall(b"POST /account HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % octets)
            assert s.recv(100).startswith(b"HTTP/1.1 %d " % status), octets


def test_bodies_on_their_way_are_bounded_together_and_who_finds_no_room_is_told_to_come_again(narrow):
    def answer_beside_a_slow_one():
        """Which of the two finds no room is a race, so it may take a few tries."""
        with socket.create_connection((narrow.api.host, narrow.api.port)) as slow:
            with contextlib.suppress(OSError):
                slow.sendall(b"POST /account HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n" + b" " * 390_000)
            answer = narrow.api.request("POST", "/commands/delete-messages", raw=padded(400_000))
            assert narrow.api.get("/accounts").status == 200, "what brings no body has room"
            return answer

    answer = wait_for(lambda: (a := answer_beside_a_slow_one()).status == 503 and a, "the slow body to take its room first")
    assert int(answer.headers["Retry-After"]) >= 1 and isinstance(answer.json["detail"], str)
    wait_for(lambda: narrow.api.request("POST", "/commands/delete-messages", raw=padded(400_000)).status == 200, "the room to be free again")


@contextlib.contextmanager
def locked(system, table):
    with psycopg.connect(system.database_url) as db:
        db.execute(f"LOCK TABLE mailproxy.{table} IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_full_pool_is_503_with_retry_after_and_nobody_else_waits(new_system):
    system = new_system(workers=0, GMP_DB_POOL_SIZE=1, GMP_DB_POOL_WAIT_MS=100)
    request = b"GET /accounts HTTP/1.1\r\nHost: x\r\nX-API-Token: %s\r\n\r\n" % system.api.token.encode()
    with socket.create_connection((system.api.host, system.api.port), timeout=30) as waiting:
        with locked(system, "account"):
            waiting.sendall(request)
            waiting_for_lock = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'mailproxy.account'::regclass"
            wait_for(lambda: system.value(waiting_for_lock), "the first request to have the only connection")
            answer = system.api.get("/tenants")
            assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1, answer
            assert list(answer.json) == ["detail"]
            assert system.api.get("/health").json == {"status": "ok"}
        assert waiting.recv(100).startswith(b"HTTP/1.1 200 ")
    assert system.api.get("/tenants").status == 200


@pytest.mark.usefixtures("durable_database")
def test_without_the_database_health_is_fine_ready_says_why_and_all_else_is_503(new_system, durable_cluster):
    system = new_system(workers=0, GMP_DB_POOL_WAIT_MS=200)
    durable_cluster.stop()
    try:
        assert (system.api.get("/health").status, system.api.get("/openapi.json").status) == (200, 200)
        ready = system.api.get("/ready")
        assert ready.status == 503 and len(ready.json["detail"]) > 10
        for operation in EVERY:
            if operation.template in ("/health", "/openapi.json", "/metrics", *FILES):
                continue
            body = {"id": "a", "host": "h", "port": 25, "enabled": True, "name": "n", "messages": [message("m1")], "ids": ["m1"]}
            answer = system.api.request(operation.method, operation.path(), body=body if operation.needs_body else None)
            assert answer.status == 503, (operation, answer)
            assert operation.template == "/ready" or int(answer.headers["Retry-After"]) >= 1, operation
    finally:
        durable_cluster.start()


def test_a_schema_that_is_not_this_programs_makes_it_not_ready(new_system):
    system = new_system(workers=0)
    system.rows("INSERT INTO mailproxy.schema_migration (version, name) VALUES (9999, 'future')")
    answer = system.api.get("/ready")
    assert answer.status == 503 and "9999" in answer.json["detail"], answer
    assert system.api.get("/health").json == {"status": "ok"}


# Which fault is told: syntax, then the token, then the fields, then what the request asks for.

WITH_BODY = [o for o in EVERY if o.takes_body and o.template != "/commands/run-now"]
FILES = ("/", "/page/scripts/{script}", "/page/styles/{style}")
NO_PUBLIC = [o for o in EVERY if o.template not in ("/health", "/ready", "/metrics", "/openapi.json", *FILES)]


@pytest.fixture(scope="module")
def acme(served):
    api = served.add_tenant("acme")
    assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    return api


@pytest.mark.parametrize("operation", WITH_BODY, ids=repr)
def test_malformed_json_is_told_before_the_token_is_looked_at(served, acme, operation):
    for token in (None, "unknown", acme.token):
        answer = served.api.with_token(token).request(operation.method, operation.path(), raw=b"{", query={"limit": "x"})
        assert answer.status == 422 and [e["type"] for e in answer.json["detail"]] == ["json_invalid"], token


@pytest.mark.parametrize("operation", NO_PUBLIC, ids=repr)
def test_the_token_is_looked_at_before_any_field(served, operation):
    unfit = {"limit": "x", "active_only": "x", "older_than_seconds": "x", "tenant_id": "x" * 256, "since_ts": "x"}
    for token in (None, "unknown"):
        answer = served.api.with_token(token).request(operation.method, operation.path(rule_id="x"), query=unfit,
                                                      body={"id": 5, "ids": 5} if operation.takes_body else None)
        assert answer.status == 401, token


@pytest.mark.parametrize("method, path, query, body", [
    ("GET", "/messages", {"tenant_id": "default", "limit": "x"}, None),
    ("DELETE", "/account/%00", {"tenant_id": "default"}, None),
    ("POST", "/account", {"tenant_id": "default"}, {"port": "x"}),
    ("POST", "/account", {}, {"tenant_id": "default"}),
    ("POST", "/commands/delete-messages", {}, {"tenant_id": "default", "ids": 5}),
    ("POST", "/commands/cleanup-messages", {}, {"tenant_id": "default", "older_than_seconds": "x"}),
    ("PUT", "/tenant/default", {}, {"name": 5}),
    ("PUT", "/tenant/default", {}, None),
])
def test_whose_tenant_it_is_comes_before_any_field(acme, method, path, query, body):
    answer = acme.request(method, path, query=query, body=body)
    assert (answer.status, answer.json) == (401, {"detail": "Token not authorized for this tenant"})


@pytest.mark.parametrize("tenant_id", ["\0", "x" * 256])
def test_what_cannot_be_a_tenant_is_not_taken_for_anothers(acme, tenant_id):
    for answer in (acme.get("/messages", tenant_id=tenant_id), acme.post("/commands/delete-messages", {"tenant_id": tenant_id})):
        assert answer.status == 422 and answer.json["detail"][0]["loc"][1:] == ["tenant_id"], answer


def test_an_admins_request_is_403_before_its_fields_are_looked_at(acme):
    for method, path, body in (("POST", "/tenant", {}), ("PUT", "/instance", []), ("PATCH", "/commands/rules/x", {}),
                               ("GET", "/command-log?limit=x", None), ("POST", "/commands/rules", {"days": 5})):
        assert acme.request(method, path, body=body).status == 403, path


@pytest.mark.parametrize("method, path, body, otherwise", [
    ("PUT", "/tenant/nobody", {"name": 5}, {"name": "n"}),
    ("POST", "/tenant/nobody/api-key", {"expires_at": "x"}, {}),
    ("POST", "/account", {"id": "a", "tenant_id": "nobody", "host": "h", "port": "x"},
     {"id": "a", "tenant_id": "nobody", "host": "h", "port": 25}),
])
def test_the_fields_are_looked_at_before_what_is_asked_for(served, method, path, body, otherwise):
    assert served.api.request(method, path, body=body).status == 422
    assert served.api.request(method, path, body=otherwise).status == 404


def test_parameters_of_path_and_query_and_fields_of_the_body_are_told_together(served):
    answer = served.api.request("PATCH", "/commands/rules/x", body={"enabled": "perhaps"})
    assert [e["loc"] for e in answer.json["detail"]] == [["path", "rule_id"], ["body", "enabled"]]
    answer = served.api.request("POST", "/account", query={"tenant_id": "\0"}, body={"host": "h", "port": "x"})
    assert [e["loc"] for e in answer.json["detail"]] == [["query", "tenant_id"], ["body", "id"], ["body", "port"]]
