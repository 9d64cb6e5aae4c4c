"""Delivery reports: what the tenant is told, when, and what happens when it does not listen."""

import base64
import hashlib
import hmac
import json
import threading

import pytest
from support.programs import epoch, message
from support.waiting import wait_for


@pytest.fixture
def start(new_tenant, relay, store):
    """start(**fields of the tenant, or GMP_ settings): a tenant with an account at `relay`, told at `store`."""

    def begin(**fields):
        return new_tenant(relay, store, **fields)

    return begin


def test_sent_and_error_are_reported_once_each(start, relay, store):
    relay.on("rcpt", lambda _s, command: "550 5.1.1 no such user" if "bad@" in command else None)
    api = start()
    api.enqueue(message("good"), message("bad", to=["bad@x.test"]))
    wait_for(lambda: {e["id"] for e in store.entries()} == {"good", "bad"}, "both reports")
    good, bad = store.entries("good"), store.entries("bad")
    assert len(good) == len(bad) == 1
    assert set(good[0]) == {"id", "sent_ts"}
    assert abs(good[0]["sent_ts"] - epoch()) < 60
    assert {"id", "error_ts", "error"} <= set(bad[0]) <= {"id", "error_ts", "error", "refused"}
    assert bad[0]["error"] == "5.1.1 no such user (SMTP 550)"
    wait_for(lambda: all(m.get("reported_ts") for m in api.messages()), "reported_ts to be shown")


def test_a_deferral_is_reported_and_then_the_end(start, relay, store):
    relay.on("dot", ["451 4.3.0 later"])
    api = start(retry_delays=[2])
    api.enqueue(message("m1"))
    wait_for(lambda: [e for e in store.entries("m1") if "sent_ts" in e], "the final report")
    entries = store.entries("m1")
    assert entries[0].keys() == {"id", "deferred_ts", "deferred_reason"}
    assert entries[0]["deferred_reason"] == "4.3.0 later (SMTP 451)"
    assert entries[-1].keys() == {"id", "sent_ts"}


def test_a_message_has_one_entry_in_one_request(start, relay, store):
    """Deferred, then sent, while the tenant was away: it reads the last entry of an id, so there is but one."""
    relay.on("dot", ["451 4.3.0 later"])
    api = start(retry_delays=[0])
    store.stop()
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    store.start()
    api.post("/commands/run-now")
    wait_for(lambda: store.entries("m1"), "the report")
    for report in store.reports:
        assert [e["id"] for e in report].count("m1") <= 1
    assert "sent_ts" in store.entries("m1")[-1] and "deferred_ts" not in store.entries("m1")[-1]


def test_the_request_carries_credentials_and_webhook_headers(new_tenant, new_store, relay):
    store = new_store(user="mailproxy", password="pässword:with:colons")
    api = new_tenant(relay, store)
    api.enqueue(message("m1"))
    wait_for(lambda: store.entries("m1"), "the report")
    _, headers, body = store.requests[-1]
    headers = {k.lower(): v for k, v in headers.items()}
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] and abs(int(headers["webhook-timestamp"]) - epoch()) < 60
    assert base64.b64decode(headers["authorization"].split()[1]).decode() == "mailproxy:pässword:with:colons"
    assert list(body) == ["delivery_report"]


def test_a_bearer_token(start, store):
    api = start(client_auth={"method": "bearer", "token": "tok-123"})
    api.enqueue(message("m1"))
    wait_for(lambda: store.entries("m1"), "the report")
    assert store.requests[-1][1]["Authorization"] == "Bearer tok-123"


def test_a_report_that_failed_is_repeated_as_it_was(start, store):
    failed = []

    def fail_once(body):
        if body["delivery_report"] and not failed:
            failed.append(body)
            return 500, {}, {}
        return {"ok": True, "queued": 0}

    store.on_sync = fail_once
    api = start()
    api.enqueue(message("m1"))
    wait_for(lambda: failed, "the first call")
    api.post("/commands/run-now")
    wait_for(lambda: store.entries("m1"), "the report that is acknowledged")
    assert len(store.entries("m1")) == 1
    assert store.requests[-1][2] == failed[0]


@pytest.mark.parametrize("answer", [
    (200, b"", {}), (200, b"not json", {"Content-Type": "text/plain"}), (204, b"", {}), (202, {"error": ["m1"]}, {}),
    (200, {"ok": False, "not_found": ["m1"]}, {}), (200, [], {}), (200, {"queued": "many"}, {}), (200, {"queued": -1}, {}),
    (200, {"next_sync_after": "soon"}, {}),
])
def test_any_2xx_acknowledges(start, store, answer):
    store.on_sync = lambda _body: answer
    api = start()
    api.enqueue(message("m1"))
    wait_for(lambda: (api.message("m1") or {}).get("reported_ts"), "m1 to be marked as reported")
    assert len(store.entries("m1")) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 301, 302])
def test_anything_else_does_not_and_is_repeated(start, store, status):
    store.on_sync = lambda _body: (status, {"error": "no"}, {"Location": store.url + "/elsewhere"} if status < 400 else {})
    api = start()
    api.enqueue(message("m1"))
    wait_for(lambda: store.requests, "the first call")
    assert "reported_ts" not in api.message("m1")
    store.on_sync = None
    api.post("/commands/run-now")
    wait_for(lambda: store.entries("m1"), "the repeated report")
    assert len(store.entries("m1")) == 1


@pytest.fixture
def redirect():
    """redirect(store, status, location): what is posted to /old there is sent on."""

    def begin(store, status, location):
        store.files["/old"] = lambda: (status, b"")
        answer = store._answer
        store._answer = lambda handler, code, data, headers=None: answer(
            handler, code, data, {**(headers or {}), **({"Location": location} if code == status else {})})

    return begin


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_method_is_followed_within_the_origin(start, store, redirect, status):
    redirect(store, status, "/proxy_sync")
    start(client_sync_path="/old").enqueue(message("m1"))
    wait_for(lambda: store.entries("m1"), "the report at the new place")


def test_a_redirect_to_another_origin_is_a_failure(start, store, new_store, redirect):
    """The report and the credentials are for the tenant alone."""
    other = new_store()
    redirect(store, 307, other.url + "/proxy_sync")
    api = start(client_sync_path="/old")
    api.enqueue(message("m1"))
    wait_for(lambda: api.sync("failures") > 0, "the failure to be noted")
    assert other.requests == [] and "reported_ts" not in api.message("m1")


@pytest.mark.parametrize("secret, key", [
    ("whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode(), b"0123456789abcdef01234567"),
    ("a plain secret", b"a plain secret"),
])
def test_a_report_secret_signs_what_is_sent(start, store, secret, key):
    start(report_secret=secret).enqueue(message("m1"))
    wait_for(lambda: store.entries("m1"), "the report")
    _, headers, body = store.requests[-1]
    headers = {k.lower(): v for k, v in headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{json.dumps(body, separators=(',', ':'))}"
    mac = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()


def test_without_a_report_secret_nothing_is_signed(start, store):
    start().enqueue(message("m1"))
    wait_for(lambda: store.entries("m1"), "the report")
    assert "webhook-signature" not in {k.lower() for k in store.requests[-1][1]}


def test_a_call_without_an_answer_ends_at_its_time_limit(start, store):
    gate = threading.Event()
    store.on_sync = lambda _body: gate.wait(60) and {"ok": True}
    api = start(GMP_SYNC_TIMEOUT=1)
    api.enqueue(message("m1"))
    wait_for(lambda: api.sync("failures") > 0, "the failure to be noted")
    store.on_sync = None
    gate.set()
    api.post("/commands/run-now")
    wait_for(lambda: store.entries("m1"), "the report")


def test_store_down_then_up(start, relay, store):
    api = start()
    store.stop()
    api.enqueue(*[message(f"m{i}") for i in range(50)])
    api.wait_state("sent", *[f"m{i}" for i in range(50)])
    wait_for(lambda: api.sync("failures") > 0, "a failed call to be noted")
    store.start()
    wait_for(lambda: store.reported_ids() == {f"m{i}" for i in range(50)}, "all reports, by itself", timeout=40)
    assert len(store.entries()) == 50
    wait_for(lambda: api.sync("failures") == 0, "the success to be noted")


def test_retry_after_is_honoured(start, store):
    store.on_sync = lambda _body: (503, {"error": "busy"}, {"Retry-After": "120"})
    api = start()
    api.enqueue(message("m1"))
    assert 60 < wait_for(lambda: api.sync("extract(epoch FROM retry_at - now())::float8"), "a pause") <= 121


def test_a_tenant_that_is_slow_delays_no_other(new_tenant, new_store, relay):
    slow, quick = new_store(), new_store()
    gate = threading.Event()
    slow.on_sync = lambda _body: gate.wait(60) and {"ok": True}
    a, b = new_tenant(relay, slow), new_tenant(relay, quick)
    a.enqueue(message("m1"))
    wait_for(lambda: slow.requests, "the slow tenant to be called")
    for i in range(5):
        b.enqueue(message(f"m{i}"))
        wait_for(lambda i=i: quick.entries(f"m{i}"), "the quick tenant's report")
    assert slow.reports == []
    gate.set()
    wait_for(lambda: slow.entries("m1"), "the slow tenant's report")


def test_messages_are_added_from_inside_the_sync(start, relay, store):
    """The store selects its queued mails when it is called, and hands them over within that very request."""
    todo = [[message(f"batch{b}-{i}") for i in range(20)] for b in range(5)]

    def sync(_body):
        if not todo:
            return {"ok": True, "queued": 0}
        batch = todo.pop(0)
        answer = store.api.add(*batch, tenant_id=api.tenant_id)
        assert answer.status == 200 and answer.json["queued"] == 20, answer
        assert store.api.post("/commands/run-now", tenant_id=api.tenant_id).json == {"ok": True}
        return {"ok": True, "queued": answer.json["queued"]}

    api = start()
    store.on_sync = sync
    api.post("/commands/run-now", tenant_id=api.tenant_id)  # as after a commit in the store
    wanted = {f"batch{b}-{i}" for b in range(5) for i in range(20)}
    wait_for(lambda: store.reported_ids() == wanted, "all five batches to be sent and reported")
    assert sorted(relay.ids()) == sorted(wanted)


def test_queued_in_the_answer_brings_the_next_call_at_once(start, store):
    answers = [{"ok": True, "queued": 3}, {"ok": True, "queued": 1}]
    store.on_sync = lambda _body: answers.pop(0) if answers else {"ok": True, "queued": 0}
    api = start()
    api.post("/commands/run-now")
    wait_for(lambda: len(store.requests) >= 3, "two more calls")


def test_a_tenant_that_always_has_more_is_not_called_in_a_hot_loop(start, store):
    store.on_sync = lambda _body: {"ok": True, "queued": 1}
    start()
    wait_for(lambda: len(store.requests) >= 8, "eight calls")
    times = [at for at, _, _ in store.requests[:8]]
    assert all(later - earlier >= 0.09 for earlier, later in zip(times, times[1:])), times


def test_run_now_during_a_sync_makes_another_follow(start, store):
    inside, go_on = threading.Event(), threading.Event()

    def sync(_body):
        inside.set()
        go_on.wait(60)
        return {"ok": True, "queued": 0}

    store.on_sync = sync
    api = start()
    api.post("/commands/run-now")
    assert inside.wait(20)
    calls = len(store.requests)
    api.post("/commands/run-now")
    go_on.set()
    wait_for(lambda: len(store.requests) > calls, "the sync that follows")


def test_a_tenant_without_news_is_polled_at_the_interval(start, store):
    start(GMP_SYNC_INTERVAL=1)
    wait_for(lambda: len(store.requests) >= 3, "three polls")
    assert all(body == {"delivery_report": []} for _, _, body in store.requests)


def test_do_not_disturb(start, store):
    until = epoch() + 3600
    store.on_sync = lambda _body: {"ok": True, "queued": 0, "next_sync_after": until}
    api = start(GMP_SYNC_INTERVAL=1)
    wait_for(lambda: api.sync("last_sync_at > now() + interval '1 hour' / 2"), "the wish to be noted")
    polls = len(store.requests)
    api.enqueue(message("m1"))  # events are told all the same
    wait_for(lambda: store.entries("m1"), "the report")
    assert len(store.requests) == polls + 1
    api.post("/commands/run-now")  # and the tenant's own token overrides
    wait_for(lambda: len(store.requests) == polls + 2, "the call that was asked for")


def test_one_worker_at_a_time_calls_a_tenant(start, store):
    busy, overlaps, lock = [0], [], threading.Lock()

    def sync(_body):
        with lock:
            busy[0] += 1
            overlaps.append(busy[0])
        threading.Event().wait(0.02)
        with lock:
            busy[0] -= 1
        return {"ok": True, "queued": 0}

    store.on_sync = sync
    api = start(workers=3)
    for i in range(60):
        api.enqueue(message(f"m{i}"))
    wait_for(lambda: len(store.reported_ids()) == 60, "all reports")
    assert set(overlaps) == {1}
    assert len(store.entries()) == 60


def test_the_lease_of_a_dead_worker_is_taken_over(start, store):
    gate = threading.Event()
    store.on_sync = lambda body: not body["delivery_report"] or gate.wait(60)
    api = start(GMP_LEASE_SECONDS=2)
    api.enqueue(message("m1"))
    wait_for(lambda: any(body["delivery_report"] for _, _, body in store.requests), "the call")
    api.system.workers[0].kill()
    store.on_sync = None
    gate.set()
    api.system.start_worker()
    wait_for(lambda: (api.message("m1") or {}).get("reported_ts"), "m1 to be reported by the other", timeout=30)


def test_at_most_a_thousand_entries_a_request(start, store, smtp_sink):
    api = start()
    api.system.add_account(api, smtp_sink, "sink")
    store.stop()
    for part in range(5):
        api.enqueue(*[message(f"m{part}-{i}", account="sink") for i in range(500)])
    api.wait_all_final()
    store.start()
    api.post("/commands/run-now")
    wait_for(lambda: len(store.reported_ids()) == 2500, "all reports")
    assert max(len(body["delivery_report"]) for _, _, body in store.requests) <= 1000
    assert len(store.entries()) == 2500


def test_the_seed_format(start, relay, store):
    relay.on("rcpt", lambda _s, command: "550 5.1.1 no such user" if "bad@" in command else
             "450 4.2.1 busy" if "later@" in command else None)
    api = start(report_format="seed")
    api.enqueue(message("_main_db:sent", priority=1), message("bad", to=["bad@x.test"]), message("later", to=["later@x.test"]))
    wait_for(lambda: len(store.entries()) == 3, "all reports")
    nulls = {"account_id": "main", "priority": 2, "sent_ts": None, "error_ts": None, "error": None, "deferred_ts": None}
    found = {entry["id"]: entry for entry in store.entries()}
    assert found["_main_db:sent"] == {**nulls, "id": "_main_db:sent", "priority": 1, "sent_ts": found["_main_db:sent"]["sent_ts"]}
    assert found["_main_db:sent"]["sent_ts"]
    bad, later = found["bad"], found["later"]
    assert bad["error_ts"] and bad["error"] == "5.1.1 no such user (SMTP 550)"
    assert {**nulls, "id": "bad", "error_ts": bad["error_ts"], "error": bad["error"]}.items() <= bad.items()
    assert later["deferred_ts"] and {**nulls, "id": "later", "deferred_ts": later["deferred_ts"]}.items() <= later.items()


def test_the_global_client_url_serves_the_default_tenant(new_system, new_store, relay):
    store = new_store(user="u", password="p")
    system = new_system(GMP_CLIENT_SYNC_URL=f"{store.url}/proxy_sync", GMP_CLIENT_SYNC_USER="u", GMP_CLIENT_SYNC_PASSWORD="p")
    system.add_account(system.api, relay)
    system.api.enqueue(message("_main_db:m1"))
    entry = wait_for(lambda: store.entries("_main_db:m1"), "the report")[0]
    assert entry["account_id"] == "main" and "error" in entry, "in the seed's format"


def test_the_token_of_the_global_client_url_goes_before_its_user(new_system, store, relay):
    system = new_system(GMP_CLIENT_SYNC_URL=f"{store.url}/proxy_sync", GMP_CLIENT_SYNC_USER="u", GMP_CLIENT_SYNC_PASSWORD="p",
                        GMP_CLIENT_SYNC_TOKEN="tok-9")
    wait_for(lambda: store.requests, "the first poll")
    assert store.requests[0][1]["Authorization"] == "Bearer tok-9"
    assert [t["id"] for t in system.api.get("/tenants").json["tenants"]] == ["default"]


def test_the_global_client_url_is_for_the_default_tenant_alone_and_only_without_its_own(new_system, new_store, relay):
    shared, own = new_store(), new_store()
    system = new_system(GMP_CLIENT_SYNC_URL=f"{shared.url}/proxy_sync")
    default = system.add_tenant("default", own)
    without = system.add_tenant("without")
    for api in (default, without):
        system.add_account(api, relay)
    default.enqueue(message("m1"))
    wait_for(lambda: own.entries("m1"), "the report to the tenant's own URL")
    calls = len(shared.requests)
    without.enqueue(message("m1"))
    without.wait_state("sent", "m1")
    default.enqueue(message("m2"))
    wait_for(lambda: own.entries("m2"), "a look at all tenants")
    assert len(shared.requests) == calls
    assert set(own.entries("m1")[0]) == {"id", "sent_ts"}, "in the tenant's own format"
    assert without.sync("told_seq") == 0


def test_a_url_set_with_a_tenant_token_may_not_lead_to_private_addresses(new_system, store, relay):
    system = new_system(workers=0)
    api = system.add_tenant(store=store)
    system.add_account(api, relay)
    system.rows("UPDATE mailproxy.tenant SET client_base_url_trusted = false WHERE tenant_id = 'acme'")
    system.start_worker()
    api.enqueue(message("m1"))
    system.wait_state("sent", "m1")
    wait_for(lambda: system.value("SELECT failures FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'") > 0,
             "the call to be refused")
    assert store.requests == []
