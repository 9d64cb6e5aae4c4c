"""cleanup-messages: what is final and long since told goes, and nothing else ever does."""

import itertools
import threading

import psycopg
import pytest
from support.programs import System, message
from support.waiting import wait_for

WEEK = 604800
_number = itertools.count(1)


@pytest.fixture
def acme(served):
    """A tenant of the test's own, with an account `main`."""
    return add_tenant(served, f"cleaned{next(_number)}")


def add_tenant(system, tenant_id):
    api = system.add_tenant(tenant_id)
    assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    return api


def finish(api, message_id, *ages, state="sent"):
    """As a worker would: the message is final, with an event for each of the ages its reports are acknowledged since."""
    pk = api.system.value(
        "UPDATE mailproxy.message SET state = %s, finished_at = now(), reason = CASE %s WHEN 'sent' THEN NULL ELSE 'no' END"
        " WHERE tenant_id = %s AND message_id = %s RETURNING message_pk", state, state, api.tenant_id, message_id)
    api.system.rows("DELETE FROM mailproxy.queue WHERE message_pk = %s", pk)
    for age in ages:
        api.system.rows(
            "INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id)"
            " VALUES (%s, now(), now() - make_interval(secs => %s), %s, %s)", pk, age, "sent" if state == "sent" else "error",
            api.tenant_id)
    return pk


def untold(api, pk):
    api.system.rows("INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id) VALUES (%s, now(), 'bounce', %s)",
                    pk, api.tenant_id)


def clean(api, body=None, **query):
    answer = api.post("/commands/cleanup-messages", body, **query)
    assert answer.status == 200, answer
    assert answer.json.keys() == {"ok", "removed"} and answer.json["ok"] is True
    return answer.json["removed"]


def ids(api):
    return {m["id"] for m in api.messages(tenant_id=api.tenant_id)}


def test_what_is_final_and_told_goes_and_everything_else_stays(acme):
    names = ["sent", "error", "cancelled", "queued", "untold", "half-told", "bounced", "silent", "young"]
    acme.enqueue(*map(message, names))
    for state in ("sent", "error", "cancelled"):
        finish(acme, state, 1000, state=state)
    finish(acme, "untold", None)
    finish(acme, "half-told", 1000, None)
    untold(acme, finish(acme, "bounced", 1000))
    finish(acme, "silent")
    finish(acme, "young", 5000, 100)  # the latest one counts
    assert clean(acme, {"older_than_seconds": 500}) == 3
    assert ids(acme) == set(names) - {"sent", "error", "cancelled"}
    acme.system.assert_accounted_for()


def test_a_message_goes_with_its_events(acme):
    acme.enqueue(message("m1"), message("m2"))
    gone, kept = finish(acme, "m1", 2 * WEEK, 2 * WEEK), finish(acme, "m2", 1)
    assert clean(acme) == 1
    assert acme.system.rows("SELECT DISTINCT message_pk FROM mailproxy.event WHERE message_pk IN (%s, %s)", gone, kept) == [
        {"message_pk": kept}]


@pytest.mark.parametrize("body", [None, {}, {"older_than_seconds": None}])
def test_without_an_age_the_setting_counts(acme, body):
    acme.enqueue(message("old"), message("young"))
    finish(acme, "old", WEEK + 60)
    finish(acme, "young", WEEK - 60)
    assert clean(acme, body) == 1
    assert ids(acme) == {"young"}


@pytest.mark.parametrize("raw", [b"", b"null", b"{}"])
def test_the_body_may_be_missing(acme, raw):
    answer = acme.request("POST", "/commands/cleanup-messages", raw=raw)
    assert (answer.status, answer.json) == (200, {"ok": True, "removed": 0})


@pytest.mark.parametrize("age", [0, "0", 0.0, False, -1, -(2**63)])
def test_zero_and_less_mean_whatever_was_told_before_this_second(acme, age):
    acme.enqueue(message("past"), message("future"))
    finish(acme, "past", 1.0)  # a second ago: not the current one
    finish(acme, "future", -60)  # told in a minute, as a second later than the current one would be
    assert clean(acme, {"older_than_seconds": age}) == 1
    assert ids(acme) == {"future"}


def test_the_current_second_survives_an_age_of_zero(acme):
    """Whether it was still the same second is the database's to say: its clock is read before and after."""
    seconds = "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint"
    for attempt in range(50):
        name = f"m{attempt}"
        acme.enqueue(message(name))
        before = acme.system.value(seconds)
        finish(acme, name, 0)
        removed = clean(acme, {"older_than_seconds": 0})
        if acme.system.value(seconds) == before:
            assert name in ids(acme)
            return
        assert removed <= attempt + 1
    pytest.fail("no cleanup ended in the second it began in")


@pytest.mark.parametrize("age", [2**31, 2**62, 2**64, "9" * 30])
def test_an_age_that_nothing_has_removes_nothing(acme, age):
    acme.enqueue(message("m1"))
    finish(acme, "m1", 10 * WEEK)
    assert clean(acme, {"older_than_seconds": age}) == 0


def test_kept_for_ever_is_kept_unless_the_request_says_otherwise(new_system):
    api = add_tenant(new_system(workers=0, GMP_DELIVERY_REPORT_RETENTION_SECONDS=0), "acme")
    api.enqueue(message("m1"))
    finish(api, "m1", 100 * WEEK)
    assert clean(api) == 0
    assert clean(api, {"older_than_seconds": WEEK}) == 1


@pytest.mark.parametrize("value", ["x", [], {}, 1.5, "1e3", "\x00"])
def test_a_bad_age_is_422_and_named_and_removes_nothing(acme, value):
    acme.enqueue(message("m1"))
    finish(acme, "m1", 100 * WEEK)
    answer = acme.post("/commands/cleanup-messages", {"older_than_seconds": value})
    assert answer.status == 422, answer
    assert answer.json["detail"][0]["loc"] == ["body", "older_than_seconds"]
    assert ids(acme) == {"m1"}


@pytest.mark.parametrize("raw", [b"[]", b"5", b'"x"'])
def test_a_body_that_is_no_object_is_422(acme, raw):
    answer = acme.request("POST", "/commands/cleanup-messages", raw=raw)
    assert answer.status == 422 and answer.json["detail"][0]["loc"] == ["body"]


class TestWhose:
    """A tenant named, the token's own, or all."""

    @pytest.fixture
    def two(self, served):
        apis = [add_tenant(served, f"cleaned{next(_number)}") for _ in range(2)]
        for api in apis:
            api.enqueue(message("m1"))
            finish(api, "m1", 1000)
        return apis

    def test_a_tenants_token_cleans_its_own(self, two):
        assert clean(two[0], {"older_than_seconds": 1}) == 1
        assert (ids(two[0]), ids(two[1])) == (set(), {"m1"})

    @pytest.mark.parametrize("where", ["query", "body"])
    def test_the_admin_token_cleans_the_tenant_it_names(self, served, two, where):
        body, query = {"older_than_seconds": 1}, {"tenant_id": two[1].tenant_id}
        assert (clean(served.api, {**body, **query}) if where == "body" else clean(served.api, body, **query)) == 1
        assert (ids(two[0]), ids(two[1])) == ({"m1"}, set())

    def test_the_admin_token_without_a_tenant_cleans_all(self, served, two):
        assert clean(served.api, {"older_than_seconds": 1}) >= 2
        assert ids(two[0]) == ids(two[1]) == set()

    @pytest.mark.parametrize("where", ["query", "body"])
    def test_another_tenants_is_401(self, two, where):
        query = {"tenant_id": two[1].tenant_id}
        answer = two[0].post("/commands/cleanup-messages", query if where == "body" else None,
                             **(query if where == "query" else {}))
        assert (answer.status, answer.json) == (401, {"detail": "Token not authorized for this tenant"})
        assert ids(two[1]) == {"m1"}

    def test_an_unknown_tenant_has_nothing_to_clean(self, served):
        assert clean(served.api, tenant_id="nobody") == 0


def test_a_message_in_somebody_elses_hands_is_passed_by(acme):
    """A lock on its row is somebody who deletes or replaces it: neither is waited for."""
    acme.enqueue(message("held"), message("free"))
    pk = finish(acme, "held", 1000)
    finish(acme, "free", 1000)
    with psycopg.connect(acme.system.database_url) as holder:
        holder.execute("SELECT FROM mailproxy.message WHERE message_pk = %s FOR UPDATE", (pk,))
        assert clean(acme, {"older_than_seconds": 1}) == 1
    assert ids(acme) == {"held"}
    assert clean(acme, {"older_than_seconds": 1}) == 1


@pytest.mark.parametrize("named", [True, False])
def test_the_command_log_has_it_once(served, acme, named):
    last = served.value("SELECT coalesce(max(command_id), 0) FROM mailproxy.command_log")
    clean(acme if named else served.api, {"older_than_seconds": 9})
    rows = served.rows("SELECT endpoint, tenant_id, response_status FROM mailproxy.command_log WHERE command_id > %s", last)
    assert rows == [{"endpoint": "cleanupMessages", "tenant_id": acme.tenant_id if named else None, "response_status": 200}]


def test_many_chunks_are_cleaned_in_one_request(acme):
    """4,500 messages, every third of them not to be touched: chunks end anywhere."""
    rows = acme.system.value(
        "WITH m AS (INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority,"
        "                                          state, finished_at)"
        " SELECT %s, 'main', 'm' || i, '<m>', 1, i %% 4, 'sent', now() FROM generate_series(1, 4500) i RETURNING *),"
        " e AS (INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id)"
        " SELECT message_pk, now(), CASE WHEN message_pk %% 3 > 0 THEN now() - interval '1 hour' END, 'sent', tenant_id FROM m)"
        " SELECT count(*) FROM m WHERE message_pk %% 3 > 0", acme.tenant_id)
    assert rows == 3000
    assert clean(acme, {"older_than_seconds": 60}) == 3000
    assert len(ids(acme)) == 1500


def test_what_a_worker_sent_and_the_store_acknowledged_is_cleaned(new_tenant, relay, store):
    api = new_tenant(relay, store)
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    wait_for(lambda: clean(api, {"older_than_seconds": 0}) == 1, "the report to be a second old")
    assert api.messages() == [] and relay.ids() == ["m1"]


def test_two_cleanups_at_once_remove_each_message_once(database, tmp_path):
    system = System(database, tmp_path)
    system.start_server()
    try:
        api = add_tenant(system, "acme")
        api.enqueue(*[message(f"m{i}") for i in range(3000)])
        system.rows("WITH m AS (UPDATE mailproxy.message SET state = 'sent', finished_at = now() RETURNING *),"
                    " q AS (DELETE FROM mailproxy.queue)"
                    " INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id)"
                    " SELECT message_pk, now(), now() - interval '1 hour', 'sent', tenant_id FROM m")
        counts = []
        threads = [threading.Thread(target=lambda: counts.append(clean(api, {"older_than_seconds": 1}))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(counts) == 3000 and ids(api) == set()
    finally:
        system.close()
