"""The call that tells a tenant what happened: where it goes, what it carries, and when it is given up."""

import socket
import ssl

import pytest
from support.programs import message
from support.waiting import wait_for


@pytest.fixture
def start(new_tenant, relay, store):
    """start(**fields of the tenant, or GMP_ settings): a tenant with an account at `relay`, told at `store`."""

    def begin(**fields):
        return new_tenant(relay, store, **fields)

    return begin


def headers_of(request):
    return {name.lower(): value for name, value in request[1].items()}


def is_told(api, message_id):
    return wait_for(lambda: (api.message(message_id) or {}).get("reported_ts"), f"{message_id} to be reported")


@pytest.mark.parametrize("base, path, called", [
    ("", "/proxy_sync", "/proxy_sync"), ("///", "/proxy_sync", "/proxy_sync"), ("/mp/ep", "/s?x=1", "/mp/ep/s"),
    ("/mp/", None, "/mp/mail-proxy/sync"), ("", None, "/mail-proxy/sync"),
])
def test_it_goes_to_the_base_without_its_last_slashes_and_the_path_behind_it(start, store, base, path, called):
    store.files[called] = b"{}"  # what the store serves there
    api = start(client_base_url=store.url + base, client_sync_path=path)
    api.enqueue(message("m1"))
    is_told(api, "m1")
    assert {p for p, _, _ in store.fetches} == (set() if called == "/proxy_sync" else {called})


@pytest.mark.parametrize("auth", [{"method": "none", "user": "u", "password": "p"}, {"user": "u", "password": "p"}, None])
def test_without_a_method_no_credentials_are_sent(start, store, auth):
    api = start(client_auth=auth)
    api.enqueue(message("m1"))
    is_told(api, "m1")
    assert all("authorization" not in headers_of(request) for request in store.requests)


def test_polls_carry_the_webhook_headers_too_each_its_own_id(start, store):
    start(GMP_SYNC_INTERVAL=1, report_secret="a plain secret")
    wait_for(lambda: len(store.requests) >= 2, "two polls")
    found = [headers_of(request) for request in store.requests[:2]]
    assert all(h["webhook-timestamp"].isdigit() and h["webhook-signature"].startswith("v1,") for h in found)
    assert found[0]["webhook-id"] != found[1]["webhook-id"]


def test_a_report_that_is_repeated_has_the_same_id(start, store):
    answers = [(500, {}, {}), (500, {}, {})]
    store.on_sync = lambda body: answers.pop() if body["delivery_report"] and answers else {"ok": True}
    api = start()
    api.enqueue(message("m1"))
    for left in (1, 0):
        wait_for(lambda n=left: len(answers) == n, "a call that fails")
        wait_for(lambda n=left: api.sync("failures") == 2 - n, "the failure to be noted")
        api.post("/commands/run-now")
    is_told(api, "m1")
    ids = {headers_of(r)["webhook-id"] for r in store.requests if r[2]["delivery_report"]}
    assert len(ids) == 1


@pytest.fixture
def redirect(store):
    """redirect(status, **headers): what /old answers."""

    def begin(status, **headers):
        store.files["/old"] = lambda: (status, b"")
        answer = store._answer
        store._answer = lambda handler, code, data, more=None: answer(
            handler, code, data, {**(more or {}), **(headers if code == status else {})})

    return begin


def test_what_is_redirected_within_the_origin_keeps_credentials_headers_and_body(new_tenant, new_store, relay):
    store = new_store(user="u", password="p")
    store.files["/old"] = lambda: (307, b"")
    answer = store._answer
    store._answer = lambda handler, code, data, more=None: answer(
        handler, code, data, {**(more or {}), **({"Location": store.url + "/proxy_sync"} if code == 307 else {})})
    api = new_tenant(relay, store, client_sync_path="/old", report_secret="s")
    api.enqueue(message("m1"))
    wait_for(lambda: store.entries("m1"), "the report at the new place, which wants the password")
    found = headers_of(store.requests[-1])
    assert {"authorization", "webhook-id", "webhook-timestamp", "webhook-signature"} <= set(found)
    assert found["content-type"] == "application/json"


@pytest.mark.parametrize("status, headers", [
    (300, {"Location": "/proxy_sync"}), (301, {"Location": "/proxy_sync"}), (302, {"Location": "/proxy_sync"}),
    (303, {"Location": "/proxy_sync"}), (307, {}), (308, {"Location": "http://["}), (307, {"Location": "/old"}),
    (307, {"Location": "ftp://127.0.0.1/proxy_sync"}),
])
def test_any_other_redirect_is_a_failure(start, store, redirect, status, headers):
    redirect(status, **headers)
    api = start(client_sync_path="/old")
    api.enqueue(message("m1"))
    wait_for(lambda: api.sync("failures") > 0, "the failure to be noted")
    assert store.requests == [] and "reported_ts" not in api.message("m1")


def test_a_tenant_that_accepts_no_connection_is_given_up_after_the_time_for_connecting(start, store):
    """A listener whose backlog is full answers no SYN; the whole call would have an hour."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
            waiting.append(one)
        api = start(client_base_url=f"http://127.0.0.1:{deaf.getsockname()[1]}", GMP_SYNC_CONNECT_TIMEOUT=1, GMP_SYNC_TIMEOUT=3600)
        wait_for(lambda: api.sync("failures") > 0, "the failure to be noted")
        assert "timed out" in api.sync("last_error")
        for one in waiting:
            one.close()


@pytest.mark.parametrize("trusted", [True, False], ids=["a trusted authority", "an unknown authority"])
def test_https_is_verified_against_the_authorities_that_are_set(start, store, authority, trusted):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.certificate("store"))
    store.server.socket = context.wrap_socket(store.server.socket, server_side=True)
    api = start(client_base_url=store.url.replace("http", "https"), **({"GMP_CA_FILE": authority.ca_file} if trusted else {}))
    api.enqueue(message("m1"))
    if trusted:
        is_told(api, "m1")
    else:
        wait_for(lambda: api.sync("failures") > 0, "the failure to be noted")
        assert "certificate" in api.sync("last_error").lower()
        assert store.requests == []


# ---- tenants that do not answer, and the others

PLACES = 256  # REPORT_PLACES in worker/report/report.c


@pytest.fixture
def deaf():
    """The URL of a listener that takes connections, as many as come, and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1000)  # the kernel takes them
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


CALLED = "SELECT count(*) FROM mailproxy.tenant_sync WHERE tenant_id LIKE 'deaf%%' AND lease_token IS NOT NULL"
FAILED = "SELECT count(*) FROM mailproxy.tenant_sync WHERE tenant_id LIKE 'deaf%%' AND failures > 0"


def add_deaf(system, url, count, failures):
    """Tenants with news whose client hangs."""
    system.rows("INSERT INTO mailproxy.tenant (tenant_id, client_base_url, client_base_url_trusted)"
                " SELECT 'deaf' || i, %s, true FROM generate_series(1, %s) i", url, count)
    system.rows("INSERT INTO mailproxy.tenant_sync (tenant_id, news_seq, failures, last_error, retry_at)"
                " SELECT 'deaf' || i, 1, %s, 'it hung', now() FROM generate_series(1, %s) i", failures, count)


def test_tenants_whose_last_call_failed_leave_half_of_the_places_to_others(new_system, relay, store, deaf):
    system = new_system(GMP_SYNC_TIMEOUT=3600, GMP_SYNC_INTERVAL=86400)
    api = system.add_tenant(store=store)
    system.add_account(api, relay)
    wait_for(lambda: store.requests, "the healthy tenant to be polled")
    add_deaf(system, deaf, PLACES + 10, failures=3)
    wait_for(lambda: system.value(CALLED) == PLACES // 2, "half of the places to be taken")
    for number in range(3):
        api.enqueue(message(f"m{number}"))
        is_told(api, f"m{number}")
    assert system.value(CALLED) == PLACES // 2, "no more are called, and none gave way"


def test_when_all_places_are_taken_only_those_give_way_that_have_hung_for_long_and_only_to_others(new_system, relay, store, deaf):
    system = new_system(GMP_SYNC_TIMEOUT=3600, GMP_SYNC_INTERVAL=86400)
    api = system.add_tenant(store=store)
    system.add_account(api, relay)
    wait_for(lambda: store.requests, "the healthy tenant to be polled")
    add_deaf(system, deaf, PLACES, failures=0)
    wait_for(lambda: system.value(CALLED) == PLACES, "all places to be taken")
    held = "SELECT now() - min(leased_at) > interval '12 seconds' FROM mailproxy.tenant_sync WHERE lease_token IS NOT NULL"
    wait_for(lambda: system.value(held), "them to have hung for more than ten seconds", timeout=30)
    assert (system.value(CALLED), system.value(FAILED)) == (PLACES, 0), "nobody else waits"
    api.enqueue(message("m1"))
    is_told(api, "m1")
    assert system.value(FAILED) == 1
    assert system.value(CALLED) >= PLACES - 1
    (given_up,), = [tuple(r.values()) for r in system.rows("SELECT last_error FROM mailproxy.tenant_sync WHERE failures > 0")]
    assert given_up.endswith("s, and all places for calls were taken while others waited")


# ---- what a report says of a message


def note(api, message_id, event_type, description=None, metadata=None):
    """An event as the reader of bounces or PEC receipts writes it."""
    api.system.rows(
        "WITH e AS (INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id, description, metadata)"
        " SELECT message_pk, to_timestamp(1795327565), %s::mailproxy.event_type, tenant_id, %s, %s::json FROM mailproxy.message"
        " WHERE tenant_id = %s AND message_id = %s)"
        " UPDATE mailproxy.tenant_sync SET news_seq = news_seq + 1 WHERE tenant_id = %s",
        event_type, description, metadata, api.tenant_id, message_id, api.tenant_id)


BOUNCE = ("bounce", "mailbox is gone", '{"bounce_type":"hard","bounce_code":"511"}')
BOUNCE_KEYS = {"bounce_ts": 1795327565, "bounce_type": "hard", "bounce_code": "511", "bounce_reason": "mailbox is gone"}
PEC_KEYS = {"pec_event": "pec_delivery", "pec_ts": 1795327565}


def test_a_bounce_and_a_receipt_join_the_entry_of_their_message(start, store):
    store.on_sync = lambda _body: (503, {}, {"Retry-After": "3600"})
    api = start()
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    wait_for(lambda: api.sync("failures") > 0, "the tenant to be left alone")
    note(api, "m1", *BOUNCE)
    note(api, "m1", "pec_delivery")
    store.on_sync = None
    api.post("/commands/run-now")
    is_told(api, "m1")
    entry, = store.entries("m1")
    assert entry == {"id": "m1", "sent_ts": entry["sent_ts"], **BOUNCE_KEYS, **PEC_KEYS}


def test_a_bounce_that_comes_later_has_an_entry_of_its_own(start, store):
    api = start()
    api.enqueue(message("m1"))
    is_told(api, "m1")
    note(api, "m1", *BOUNCE)
    wait_for(lambda: len(store.entries("m1")) == 2, "the second report")
    assert store.entries("m1")[1] == {"id": "m1", **BOUNCE_KEYS}


def test_the_seed_format_has_its_seven_keys_first_and_in_order(start, relay, store):
    relay.on("rcpt", lambda _s, command: "550 5.1.1 gone" if "bad@" in command else "450 4.2.1 busy" if "later@" in command else None)
    api = start(report_format="seed")
    api.enqueue(message("good"), message("bad", to=["bad@x.test"]), message("later", to=["later@x.test"]))
    wait_for(lambda: len(store.entries()) == 3, "all reports")
    for entry in store.entries():
        assert list(entry)[:7] == ["id", "account_id", "priority", "sent_ts", "error_ts", "error", "deferred_ts"], entry
