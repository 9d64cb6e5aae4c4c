"""What holds for every endpoint: health and readiness, errors, JSON, limits."""

import http.client
import json
import socket
import threading

import pytest
from support.programs import message


def test_health_is_public_and_says_ok(served):
    answer = served.api.with_token(None).get("/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert answer.headers["Content-Type"] == "application/json"


def test_ready_is_public(served):
    assert served.api.with_token(None).get("/ready").status == 200


def test_status_tells_the_global_flag(served):
    answer = served.api.get("/status")
    assert (answer.status, answer.json) == (200, {"ok": True, "active": True})


def test_unknown_path_is_404(served):
    for path in ("/nothing", "/page", "/page/scripts", "/page/scripts/nothing.js", "/commands/nothing", "/account", "/tenant/x/y/z"):
        answer = served.api.get(path)
        if path == "/account":
            assert answer.status == 405
        else:
            assert (answer.status, answer.json) == (404, {"detail": "Not Found"}), path


@pytest.mark.parametrize("method, path, allowed", [
    ("POST", "/health", "GET"),
    ("HEAD", "/health", "GET"),
    ("OPTIONS", "/commands/add-messages", "POST"),
    ("GET", "/commands/add-messages", "POST"),
    ("PUT", "/account", "POST"),
    ("GET", "/account/x", "DELETE"),
    ("DELETE", "/messages", "GET"),
    ("GET", "/commands/run-now", "POST"),
])
def test_wrong_method_is_405_with_allow(served, method, path, allowed):
    answer = served.api.request(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == allowed
    if method != "HEAD":
        assert answer.json == {"detail": "Method Not Allowed"}


def test_trailing_slash_is_sent_to_the_path_without_it(served):
    answer = served.api.request("GET", "/accounts/", query={"tenant_id": "x"})
    assert answer.status == 307
    assert answer.headers["Location"].endswith("/accounts?tenant_id=x")


def test_unknown_query_parameters_are_ignored(served):
    assert served.api.get("/messages", tenant_id="default", colour="red").status == 200


@pytest.mark.parametrize("raw, offset", [
    (b"{", 1), (b"[1,]", 3), (b'{"a":1} x', 8), (b"nonsense", 0), (b"{'a':1}", 1), (b'{"a":01}', None),
    (b"\xff\xfe", None), (b'{"a":\x00}', None), (b'"\x01"', None),
    (b'"\\x"', 1), (b'"\\u12"', 2), (b'"a', 0),
])
def test_malformed_json_is_422_even_before_the_token(served, raw, offset):
    answer = served.api.with_token("wrong").request("POST", "/account", raw=raw)
    assert answer.status == 422, answer
    error = answer.json["detail"][0]
    assert (error["type"], error["msg"], error["loc"][0]) == ("json_invalid", "JSON decode error", "body")
    if offset is not None:
        assert error["loc"] == ["body", offset]


def test_no_body_at_all_is_422_behind_the_token(served):
    assert served.api.with_token("wrong").post("/account").status == 401
    answer = served.api.post("/account")
    assert answer.status == 422
    assert answer.json["detail"] == [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]


def test_body_that_is_no_object_is_422(served):
    for raw in (b"[]", b'"text"', b"1", b"true"):
        answer = served.api.request("POST", "/account", raw=raw)
        assert answer.status == 422
        assert answer.json["detail"][0]["type"] == "model_attributes_type"
        assert answer.json["detail"][0]["loc"] == ["body"]


def test_deep_nesting_is_refused_not_followed(served):
    answer = served.api.request("POST", "/account", raw=b"[" * 200000)
    assert answer.status == 422


def test_body_is_json_whatever_its_content_type(served):
    raw = json.dumps({"messages": []}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream", ""):
        answer = served.api.request("POST", "/commands/add-messages", raw=raw, headers={"Content-Type": kind})
        assert (answer.status, answer.json) == (200, {"ok": True, "queued": 0, "rejected": []}), kind


def exchange(api, octets):
    """Raw octets to the server; the status of its answer."""
    with socket.create_connection((api.host, api.port), timeout=20) as s:
        s.sendall(octets)
        response = http.client.HTTPResponse(s)
        response.begin()
        return response.status


def test_content_length_together_with_chunked_is_400(served):
    body = b'0\r\n\r\n'
    assert exchange(served.api, b"POST /account HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n" + body) == 400


def test_chunked_body_is_read(served):
    raw = b'{"messages":[]}'
    request = (b"POST /commands/add-messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Token: "
               + served.api.token.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (raw[:5], raw[5:])) + b"0\r\n\r\n"
    assert exchange(served.api, request + body) == 200


def test_who_waits_for_a_go_ahead_gets_it_or_the_answer_and_the_end(served):
    head = (b"POST %s HTTP/1.1\r\nHost: x\r\nX-API-Token: " + served.api.token.encode()
            + b"\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n")
    with socket.create_connection((served.api.host, served.api.port), timeout=20) as s:
        s.sendall(head % b"/commands/add-messages")
        assert s.recv(100).startswith(b"HTTP/1.1 100 ")
        s.sendall(b'{"messages":[]}')
        assert s.recv(100).startswith(b"HTTP/1.1 200 ")
    with socket.create_connection((served.api.host, served.api.port), timeout=20) as s:
        s.sendall(head % b"/nowhere")
        answer = b"".join(iter(lambda: s.recv(1000), b""))  # to the end, without a body ever sent
        assert answer.startswith(b"HTTP/1.1 404 ") and b"Connection: close\r\n" in answer


@pytest.mark.parametrize("octets", [
    b"GARBAGE\r\n\r\n",
    b"POST /account HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /account HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /messages?tenant_id=%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET " + b"/a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
])
def test_hostile_requests_are_refused_or_dropped(served, octets):
    try:
        assert exchange(served.api, octets) < 500
    except (http.client.BadStatusLine, ConnectionError):
        pass  # hanging up is an answer too
    assert served.api.get("/health").status == 200


def test_a_body_over_the_limit_is_413(new_system):
    system = new_system(workers=0, GMP_MAX_BODY_BYTES=4096)
    answer = system.api.request("POST", "/account", raw=b'"' + b"x" * 5000 + b'"')
    assert answer.status == 413
    assert "detail" in answer.json
    assert system.api.get("/health").status == 200


def test_two_hundred_silent_connections_keep_nobody_waiting(new_system):
    system = new_system(workers=0, GMP_HTTP_THREADS=None)  # as many threads as there are when nothing is set
    silent = [socket.create_connection((system.api.host, system.api.port)) for _ in range(200)]
    try:
        for half in silent[:100]:
            half.sendall(b"POST /commands/add-messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        api = system.add_tenant()
        api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
        for i in range(20):
            api.enqueue(message(f"m{i}"))
        for s in silent:  # none of them was thrown out to make room
            s.setblocking(False)
            with pytest.raises(BlockingIOError):
                s.recv(1)
    finally:
        for s in silent:
            s.close()


def test_many_clients_at_once_are_all_answered(served):
    api = served.add_tenant("crowd")
    api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
    statuses = []

    def client(n):
        for i in range(10):
            statuses.append(api.add(message(f"c{n}-{i}")).status)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(32)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert statuses == [200] * 320
    assert served.value("SELECT count(*) FROM mailproxy.message WHERE tenant_id = 'crowd'") == 320
