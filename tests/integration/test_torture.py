"""
Bad requests by the thousand against every endpoint of the description: none is a failure of ours, none shows a secret, what
is refused leaves nothing behind, and the service goes on as if nothing had been. What is sent stands in torture_*.py.
"""

import base64
import json
import re
import socket
import struct

import pytest
from support.bench import HARMLESS, SECRET, Bench, fits_no_member, fits_no_parameter, locs, parameter, routes
from support.programs import message
from support.waiting import wait_for
from support.wire import Wire
from torture_messages import ACCOUNTS, GOOD_MESSAGES, MESSAGES, NO_MESSAGES, TENANTS
from torture_values import CURSORS, NOT_AN_OBJECT, NOT_JSON, ODD_OBJECTS, PATH_VALUES, PATHS, QUERIES, QUERY_VALUES, VALUES
from torture_wire import HEADERS, METHODS, TOKENS, WIRE

ROUTES = routes()
WITH_BODY = [route for route in ROUTES if route.reads_body]


@pytest.fixture(scope="module")
def module_bench(shared):
    bench = Bench(shared)
    yield bench
    bench.wait_canaries()
    shared.assert_accounted_for()
    bench.assert_no_secret_in_logs()
    bench.close()


@pytest.fixture
def bench(module_bench, request):
    """The bench; afterwards the service is healthy and takes a good message, and what was refused has left nothing."""
    module_bench.forget()
    before = module_bench.stored()
    yield module_bench
    module_bench.is_healthy()
    if not module_bench.accepted:
        assert module_bench.stored() == before, "something was stored although everything was refused"
    module_bench.send_canary(re.sub(r"\W", "-", request.node.name))


def cases(table):
    """Each entry as a test of its own, under its name."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in table.items()])


def body_of(members):
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in members.items()) + b"}"


def as_json(members):
    return {name: json.dumps(value).encode() for name, value in members.items()}


# ---- bodies ---------------------------------------------------------------------------------------------------------

@cases(NOT_JSON)
def test_what_is_no_json_is_refused_by_every_endpoint_before_the_token_is_looked_at(bench, case):
    for route in ROUTES:
        answer = bench.ask(route.method, route.path(), case)
        if route.reads_body:
            for answer in (answer, bench.ask(route.method, route.path(), case, token=False)):
                assert answer.status == 422, (route, answer)
                assert [error["type"] for error in answer.detail] == ["json_invalid"], (route, answer)


@cases(NOT_AN_OBJECT)
def test_json_that_is_no_object_is_refused_by_every_endpoint(bench, case):
    for route in ROUTES:
        answer = bench.ask(route.method, route.path(), case)
        if route.reads_body:
            assert (answer.status, locs(answer)) == (422, [("body",)]), (route, answer)


@cases(ODD_OBJECTS)
def test_members_that_nobody_knows_are_passed_over(bench, case):
    for route in ROUTES:
        answer = bench.ask(route.method, route.path(), case)
        if route.reads_body and route.good_body():
            assert answer.status == 422, (route, answer)
            assert {("body", name) for name in route.good_body()} == set(locs(answer)), (route, answer)


def test_null_and_nothing_are_a_missing_body(bench):
    for route in WITH_BODY:
        for body in (b"null", b"", None):
            answer = bench.ask(route.method, route.path(), body)
            if route.body_is_required:
                assert (answer.status, locs(answer)) == (422, [("body",)]), (route, answer)


@cases(VALUES)
def test_every_member_of_every_body_is_checked(bench, case):
    value, kind = case
    for route in WITH_BODY:
        properties = route.body["properties"]
        answer = bench.ask(route.method, route.path(), body_of(dict.fromkeys(properties, value)))
        wrong = {("body", name) for name, schema in properties.items() if fits_no_member(schema, kind)}
        if wrong:
            assert answer.status == 422, (route, answer)
            assert wrong <= set(locs(answer)), (route, answer)


@cases(VALUES)
def test_one_member_that_is_odd_among_good_ones(bench, case):
    value, kind = case
    for route in WITH_BODY:
        good = as_json(route.good_body())
        for name, schema in route.body["properties"].items():
            answer = bench.ask(route.method, route.path(), body_of({**good, name: value}))
            if fits_no_member(schema, kind):
                assert (answer.status, locs(answer)) == (422, [("body", name)]), (route, name, answer)


def test_the_last_of_several_members_counts(bench):
    for route in WITH_BODY:
        for name, schema in route.body["properties"].items():
            if schema.get("type") == "integer":
                answer = bench.ask(route.method, route.path(), b'{"%s":1,"%s":"x"}' % (name.encode(), name.encode()))
                assert ("body", name) in locs(answer), (route, answer)


def test_no_error_repeats_a_secret(bench):
    """What looks like a secret by its name is masked wherever a request is shown again."""
    secret = b'"%s-sent"' % SECRET.encode()
    for route in WITH_BODY:
        hidden = [name for name in route.body["properties"] if re.search("password|secret|token(?!_url)|key|(^|_)auth$", name)]
        for name in hidden:
            for value in (secret, b'{"password":%s,"a":[%s]}' % (secret, secret), b"[%s]" % secret,
                          b'{"a\\u0000":%s}' % secret, b'"\\u0000' + secret[1:]):
                bench.ask(route.method, route.path(), body_of({name: value}))
                bench.ask(route.method, route.path(), b"[%s]" % body_of({name: value}))
                bench.ask(route.method, route.path(), body_of({name: value}), token=False)


# ---- query and path -------------------------------------------------------------------------------------------------

@cases(QUERY_VALUES)
def test_every_parameter_of_every_query_is_checked(bench, case):
    value, kind = case
    for route in ROUTES:
        for name, schema in route.query_parameters.items():
            answer = bench.ask(route.method, route.path() + parameter(name, value), route.empty_body())
            if fits_no_parameter(schema, kind):
                assert answer.status == 422 and ("query", name) in locs(answer), (route, answer)


@cases(QUERIES)
def test_queries_that_mean_nothing_change_nothing(bench, case):
    for route in ROUTES:
        plain = bench.ask(route.method, route.path(), route.empty_body())
        answer = bench.ask(route.method, route.path() + b"?" + case, route.empty_body())
        assert answer.status == plain.status, (route, answer)


def test_a_query_of_a_thousand_parameters_is_refused_rather_than_cut(bench):
    """A parameter that is left unread might be the tenant."""
    query = b"&".join(b"a%d=%d" % (i, i) for i in range(1000)) + b"&tenant_id=" + HARMLESS.encode()
    for route in ROUTES:
        answer = bench.ask(route.method, route.path() + b"?" + query, route.empty_body())
        assert (answer.status, locs(answer)) == (422, [("query",)]), (route, answer)


def test_the_last_of_repeated_parameters_counts(bench):
    for route in ROUTES:
        for name, schema in route.query_parameters.items():
            if schema.get("type") in ("integer", "boolean"):
                repeated = b"&".join(name.encode() + b"=" + value for value in (b"1", b"1", b"neither"))
                answer = bench.ask(route.method, route.path() + b"?" + repeated, route.empty_body())
                assert ("query", name) in locs(answer), (route, answer)


@cases(CURSORS)
def test_a_cursor_that_this_service_never_gave(bench, case):
    after = case.encode() if isinstance(case, str) else base64.urlsafe_b64encode(case).rstrip(b"=")
    answer = bench.ask("GET", b"/messages?limit=1&after=" + after)
    if after:
        assert (answer.status, locs(answer)) == (422, [("query", "after")]), answer


@cases(PATH_VALUES)
def test_every_parameter_of_every_path_is_checked(bench, case):
    value, kind = case
    for route in ROUTES:
        for name, schema in route.path_parameters.items():
            answer = bench.ask(route.method, route.path(**{name: value}), route.empty_body())
            if fits_no_parameter(schema, kind):
                assert answer.status == 422 and ("path", name) in locs(answer), (route, answer)


@cases(PATHS)
def test_paths_that_lead_nowhere(bench, case):
    path, status = case
    answer = bench.ask("GET", path)
    assert answer.status == status, answer
    if status == 404:
        assert answer.detail == "Not Found"
    if status == 307:
        assert answer.headers["Location"] == (path.decode().rstrip("/") or "/")


# ---- methods, header fields, tokens ---------------------------------------------------------------------------------

@pytest.mark.parametrize("method", METHODS, ids=[str(m)[:12] for m in METHODS])
def test_methods_an_endpoint_has_not(bench, method):
    for template in sorted({route.template for route in ROUTES}):
        there = [route for route in ROUTES if route.template == template]
        if method in [route.method for route in there]:
            continue
        answer = bench.wire.request(method, there[0].path(), b"{}")
        bench.check(answer, (method, template))
        if isinstance(method, str):
            assert answer.status == 405, (method, template, answer)
            assert answer.headers["Allow"] == ", ".join(route.method for route in there)
            assert method == "HEAD" or answer.detail == "Method Not Allowed"
        else:
            assert answer.status == 400, (method, template, answer)


@cases(HEADERS)
def test_header_fields_that_mean_nothing_change_nothing(bench, case):
    for route in ROUTES:
        body = route.empty_body()
        plain = bench.ask(route.method, route.path(), body)
        if "ETag" in plain.headers and "If-None-Match" in dict(case):
            continue  # test_page_files.py is about what it means there
        answer = bench.ask(route.method, route.path(), body, case)
        assert answer.status == plain.status, (route, answer)
        assert answer.headers["Content-Type"] == plain.headers["Content-Type"], (route, answer)
    bench.is_healthy()


@cases(TOKENS)
def test_a_token_that_is_none_opens_nothing(bench, case):
    for route in ROUTES:
        answer = bench.ask(route.method, route.path(), route.empty_body(), [("X-API-Token", case)], token=False)
        if route.is_public:
            assert answer.status not in (401, 403), (route, answer)
            continue
        none = "Admin token required" if route.is_admins and not case.strip() else "Invalid or missing API token"
        assert (answer.status, answer.detail) == (401, none), (route, answer)


def test_a_tenants_token_opens_nothing_of_another_tenant(bench):
    for route in ROUTES:
        where = {name: b"planted" for name in route.path_parameters if name == "tenant_id"}
        query = b"?tenant_id=planted" if "tenant_id" in route.query_parameters else b""
        body = None
        if route.reads_body:
            named = {"tenant_id": b'"planted"'} if "tenant_id" in route.body["properties"] else {}
            body = body_of({**as_json(route.good_body()), **named})
        token = [("X-API-Token", bench.canary.token)]
        answer = bench.ask(route.method, route.path(**where) + query, body, token, token=False)
        if route.is_admins:
            assert answer.status == 403, (route, answer)
        elif route.template == "/commands/add-messages":
            assert answer.json["queued"] == 0, (route, answer)  # it judges each message alone
        elif where or query:
            assert answer.status == 401, (route, answer)
            assert answer.detail == "Token not authorized for this tenant"


# ---- octets ---------------------------------------------------------------------------------------------------------

def exchange(bench, route, octets):
    """What comes back for octets that may be no request: the first answer or None, and the connection."""
    wire = Wire(bench.system.api)
    token = b"X-API-Token: " + bench.wire.token.encode()
    try:
        wire.send(octets.replace(b"%M", route.method.encode()).replace(b"%P", route.path()).replace(b"%T", token))
    except ConnectionError:
        pass  # refused before all was sent; the answer is there
    return wire


def first_answer(wire):
    try:
        return wire.answer()
    except ConnectionError:
        return None


def assert_next_is_served(wire):
    wire.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = wire.answer()
    assert answer and answer.json == {"status": "ok"}, answer


@cases(WIRE)
def test_octets_that_are_no_proper_request(bench, case):
    octets, expected = case
    for route in ROUTES:
        wire = exchange(bench, route, octets)
        if expected in ("nothing", "body-cut"):
            wire.end()
        answer = first_answer(wire)
        bench.note(route.method, answer, octets)
        if expected == "nothing":
            assert answer is None or answer.status == 400, (route, answer)
        else:
            bench.check(answer, (route, octets[:100]), allowed=(505,))
        if isinstance(expected, int):
            assert answer.status == expected, (route, answer)
        if expected in ("body", "body-cut") and route.reads_body:
            assert answer.status == 400, (route, answer)
        if expected == "too-large" and route.reads_body:
            assert answer.status == 413, (route, answer)
        if expected == "kept":
            assert answer.status != 400, (route, answer)
            assert_next_is_served(wire)
        else:
            wire.end()
            assert wire.is_ended(), (route, wire.pending[:200])
        wire.close()


# ---- messages, accounts, tenants ------------------------------------------------------------------------------------

GOOD = as_json({**message("bad"), "tenant_id": "canary"})


def add(bench, *messages):
    """The answer to add-messages for these, JSON each."""
    return bench.ask("POST", b"/commands/add-messages", b'{"messages":[%s]}' % b",".join(messages))


@cases(MESSAGES)
def test_a_bad_message_is_rejected_alone_for_its_own_reason(bench, case):
    member, value, reason = case
    answer = add(bench, body_of({**GOOD, member: value}))
    assert answer.status == 400, answer
    (rejected,) = answer.json["rejected"]
    assert rejected["reason"].startswith(reason), rejected
    named = (f"missing {member}", f"invalid {member}", "invalid message", "account not found")
    assert rejected["reason"].startswith(named), rejected
    assert rejected["reason"].isprintable() and len(rejected["reason"].encode()) < 600, rejected


@cases(NO_MESSAGES)
def test_what_is_no_message_is_rejected_as_such(bench, case):
    value, reason = case
    answer = add(bench, value)
    assert [r["reason"].startswith(reason) for r in answer.json["rejected"]] == [True], answer


def test_all_the_bad_messages_at_once_let_the_good_ones_through(bench):
    names = [name for name, (member, _, _) in MESSAGES.items() if "mebibytes" not in name and member != "id"]
    bad = [body_of({**GOOD, "id": b'"bad-%s"' % name.encode(), MESSAGES[name][0]: MESSAGES[name][1]}) for name in names]
    good = [body_of({**GOOD, "id": b'"good-%d"' % i}) for i in range(50)]
    bench.canaries += [f"good-{i}" for i in range(50)]
    answer = add(bench, *bad[:100], *good, *bad[100:])
    assert (answer.status, answer.json["queued"], len(answer.json["rejected"])) == (200, 50, len(bad)), answer


@cases(GOOD_MESSAGES)
def test_an_odd_message_that_is_right_is_sent(bench, case, request):
    identity = "good-" + request.node.callspec.id
    bench.canaries.append(identity)
    answer = add(bench, json.dumps({**message(identity), "tenant_id": "canary", **case}).encode())
    assert answer.json == {"ok": True, "queued": 1, "rejected": []}, answer


def test_more_messages_than_a_request_may_hold(bench):
    answer = add(bench, *[b"{}"] * 10001)
    assert answer.status == 400
    assert answer.detail == {"error": "Cannot enqueue more than 10000 messages at once", "rejected": None}
    assert len(add(bench, *[b"{}"] * 10000).json["rejected"]) == 10000


def test_a_body_of_more_values_than_are_read(bench):
    answer = bench.ask("POST", b"/commands/add-messages", b'{"messages":[' + b"0," * 4000001 + b"0]}")
    assert answer.status in (413, 422), answer


def members(answer):
    """The members of the body that a 422 is about; an error may be about an item of one."""
    assert answer.status == 422 and {loc[0] for loc in locs(answer)} == {"body"}, answer
    return sorted({loc[1] for loc in locs(answer)})


@cases(ACCOUNTS)
def test_a_bad_account_is_refused_by_the_name_of_its_member(bench, case):
    member, value = case
    good = as_json({"id": "bad", "tenant_id": "planted", "host": "a.test", "port": 25, "password": SECRET + "-sent"})
    answer = bench.ask("POST", b"/account", body_of({**good, member: value}))
    assert (answer.status, members(answer)) == (422, [member]), answer


@cases(TENANTS)
def test_a_bad_tenant_is_refused_by_the_name_of_its_member(bench, case):
    member, value = case
    requests = [("POST", b"/tenant", {"id": b'"bad"'})]
    if member != "id":
        requests.append(("PUT", b"/tenant/planted", {}))
    for method, path, good in requests:
        good["name" if member == "report_secret" else "report_secret"] = b'"%s-sent"' % SECRET.encode()
        answer = bench.ask(method, path, body_of({**good, member: value}))
        assert (answer.status, members(answer)) == (422, [member]), answer


# ---- many, slow and half clients -----------------------------------------------------------------------------------

def test_slow_clients_without_a_token_keep_nobody_waiting(bench):
    """Two hundred that send their bodies an octet at a time, and as many good messages as ever between."""
    slow = []
    for i in range(200):
        route = WITH_BODY[i % len(WITH_BODY)]
        wire = Wire(bench.system.api)
        wire.send(b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n[" % (route.method.encode(), route.path()))
        slow.append(wire)
    for i in range(20):
        for wire in slow:
            wire.send(b" ")
        bench.send_canary(f"between-slow-clients-{i}")
    for wire in slow:
        wire.end()
    for wire in slow:
        answer = wire.answer()
        assert (answer.status, answer.detail) == (400, "Request body incomplete or malformed")
        wire.close()


def test_clients_that_leave_in_the_middle_leave_nothing(bench):
    """At every place of a request, with a reset as well as with an end; none of it is stored."""
    body = b'{"messages":[%s]}' % body_of({**GOOD, "id": b'"left"'})
    octets = (b"POST /commands/add-messages HTTP/1.1\r\nHost: x\r\nX-API-Token: %s\r\nContent-Length: %d\r\n\r\n%s"
              % (bench.wire.token.encode(), len(body), body))
    for i in range(1, len(octets)):
        with socket.create_connection(bench.wire.address) as s:
            if i % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(octets[:i])
    bench.is_healthy()
    assert bench.system.value("SELECT count(*) FROM mailproxy.message WHERE message_id = 'left'") == 0


def test_bodies_of_clients_without_a_token_are_bounded_together_and_their_room_comes_back(new_system):
    system = new_system(workers=0, GMP_MAX_BODY_BYTES=1048576, GMP_MAX_BODIES_IN_FLIGHT_BYTES=2097152)
    head = b"POST /account HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"

    def hold():
        wire = Wire(system.api)
        wire.send(head + b"[" + b" " * (15 * 65536 - 1))  # it is read in pieces of 64 KiB
        return wire

    def is_full(held):
        for i, wire in enumerate(held):
            if wire.has_more():  # it was refused itself, because the one below was there at that moment
                wire.close()
                held[i] = hold()
        answer = Wire(system.api).request("POST", "/account", b"[" + b" " * 350000)
        assert answer.status in (422, 503), answer
        return answer.status == 503 and answer.headers["Retry-After"]

    for _ in range(3):
        held = [hold(), hold()]
        wait_for(lambda: is_full(held), "the room for bodies to be full")
        assert system.api.get("/ready").status == 200
        for wire in held:
            wire.close()
        wait_for(lambda: not is_full([]), "the room of clients that left to come back")


def test_a_refused_body_gives_its_room_back_although_its_client_lingers(new_system):
    system = new_system(workers=0, GMP_MAX_BODY_BYTES=1048576, GMP_MAX_BODIES_IN_FLIGHT_BYTES=1048576)
    lingers = Wire(system.api)
    lingers.send(b"POST /account HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % 900000 + b"[" + b" " * 899999
                 + b"\r\nno chunk\r\n")
    assert lingers.answer().status == 400  # and it goes on to send nothing, not even its end
    answer = Wire(system.api).request("POST", "/account", b"[" + b" " * 350000)
    assert answer.status == 422, answer
    lingers.close()
