"""POST /commands/requeue: what was given up is tried again, what is deferred before its time."""

import pytest
from support.programs import message
from support.queue_sql import change_queue_row


def requeue(api, **body):
    answer = api.post("/commands/requeue", body)
    assert answer.status == 200, answer
    assert list(answer.json) == ["ok", "requeued", "remaining"]
    return answer.json["requeued"], answer.json["remaining"]


def fail(api, *ids):
    """They become errors."""
    api.system.rows("WITH m AS (UPDATE mailproxy.message SET state = 'error', reason = 'no', finished_at = now()"
                    "  WHERE tenant_id = %s AND message_id = ANY (%s) RETURNING message_pk)"
                    " DELETE FROM mailproxy.queue WHERE message_pk IN (SELECT message_pk FROM m)", api.tenant_id, list(ids))


def defer(api, message_id):
    change_queue_row(api, message_id, "state = 'scheduled', due_at = now() + interval '1 hour', attempts = 1")


def statuses(api):
    return {m["id"]: m["status"] for m in api.messages()}


@pytest.fixture
def shop(acme):
    """Errors e1 (batch b1), e2 (account side); d1 was deferred, w1 waits as its sender wished, p1 is pending."""
    assert acme.post("/account", {"id": "side", "host": "127.0.0.1", "port": 9}).status == 200
    acme.enqueue(message("e1", batch_code="b1"), message("e2", account="side"), message("d1"), message("w1", deferred_ts=4102444800),
                 message("p1"))
    fail(acme, "e1", "e2")
    defer(acme, "d1")
    assert statuses(acme) == {"e1": "error", "e2": "error", "d1": "deferred", "w1": "deferred", "p1": "pending"}
    return acme


@pytest.mark.parametrize("body, moved", [
    ({"ids": ["e1", "e2", "d1", "p1", "nobody"]}, {"e1", "e2"}), ({"ids": ["e2"], "status": "error"}, {"e2"}), ({"ids": []}, set()),
    ({"status": "error"}, {"e1", "e2"}), ({"status": "error", "account_id": "side"}, {"e2"}), ({"status": "error", "batch_code": "b1"}, {"e1"}),
    ({"status": "error", "batch_code": "nobody"}, set()),
    ({"status": "deferred"}, {"d1"}), ({"status": "deferred", "ids": ["d1", "w1", "e1"]}, {"d1"}), ({"status": "deferred", "ids": ["w1"]}, set()),
    ({"status": "deferred", "account_id": "side"}, set()),
])
def test_those_that_are_meant_wait_for_a_worker_and_no_others(shop, body, moved):
    before = statuses(shop)
    assert requeue(shop, **body, dry_run=True) == (len(moved), 0)
    assert statuses(shop) == before
    assert requeue(shop, **body) == (len(moved), 0)
    assert statuses(shop) == {**before, **dict.fromkeys(moved, "pending")}
    assert requeue(shop, **body) == (0, 0)
    shop.system.assert_accounted_for()


def test_the_next_attempt_is_made(new_tenant, new_relay):
    relay = new_relay()
    relay.on("rcpt", ["550 5.1.1 no", "450 4.2.1 busy"])
    tenant = new_tenant(relay, account={"retry_delays": [3600]})
    tenant.enqueue(message("m1"))
    tenant.wait_state("error", "m1")
    assert requeue(tenant, ids=["m1"]) == (1, 0)
    tenant.system.wait_state("queued", "m1", tenant=tenant.tenant_id)
    from support.waiting import wait_for
    wait_for(lambda: tenant.message("m1")["status"] == "deferred", "the second attempt")
    assert requeue(tenant, status="deferred") == (1, 0)
    tenant.wait_state("sent", "m1")
    assert tenant.outcomes("m1") == ["error", "deferred", "sent"]


def test_of_many_ten_thousand_go_at_once(acme):
    acme.system.rows(
        "WITH m AS (INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, reason, finished_at)"
        "  SELECT %s, 'main', 'm' || n, '<x@test>', 100, 2, 'error', 'no', now() FROM generate_series(1, 10007) n RETURNING *)"
        " INSERT INTO mailproxy.message_body (message_pk, created_at, content) SELECT message_pk, created_at, '{}' FROM m", acme.tenant_id)
    assert requeue(acme, status="error") == (10000, 7)
    assert requeue(acme, status="error") == (7, 0)
    acme.system.assert_accounted_for()


def test_which_messages_must_be_said(shop):
    for body in ({}, {"account_id": "side"}, {"batch_code": "b1"}, {"status": None}, {"status": ""}, {"ids": None}):
        answer = shop.post("/commands/requeue", body)
        assert answer.status == 422, answer
        assert [(e["type"], e["loc"]) for e in answer.json["detail"]] == [("missing", ["body", "status"])]


@pytest.mark.parametrize("body", [{"account_id": "nobody"}, {"tenant_id": "nobody"}])
def test_a_tenant_or_account_that_is_not_there_is_400_and_noted(served, acme, body):
    served.rows("TRUNCATE mailproxy.command_log")
    answer = served.api.post("/commands/requeue", {"tenant_id": acme.tenant_id, "status": "error", **body})
    assert (answer.status, answer.json) == (400, {"detail": "tenant or account not found"})
    (noted,) = served.api.get("/command-log").json["commands"]
    assert (noted["endpoint"], noted["response_status"]) == ("requeueMessages", 400)
    assert noted["payload"]["status"] == "error"


def test_it_is_noted_with_who_asked_for_it_and_a_preview_is_not(served, shop):
    served.rows("TRUNCATE mailproxy.command_log")
    requeue(shop, status="error", dry_run=True)
    requeue(shop, ids=["e1"])
    requeue(served.api, tenant_id=shop.tenant_id, status="error", account_id="side")
    requeue(served.api, tenant_id=shop.tenant_id, status="deferred")
    assert [(r["endpoint"], r["tenant_id"], r["actor"], r["response_status"], r["payload"]["messages"]) for r in served.rows(
            "SELECT * FROM mailproxy.command_log ORDER BY command_id")] == [
        ("requeueMessages", shop.tenant_id, "tenant:" + shop.tenant_id, 200, 1), ("requeueMessages", shop.tenant_id, "admin", 200, 1),
        ("retryMessages", shop.tenant_id, "admin", 200, 1)]


def test_without_a_tenant_the_admin_means_default(served, acme):
    acme.enqueue(message("m1"))
    fail(acme, "m1")
    assert requeue(served.api, ids=["m1"]) == (0, 0)
    assert requeue(served.api, ids=["m1"], tenant_id=acme.tenant_id) == (1, 0)


def test_who_calls_by_sql_cannot_say_that_it_was_somebody_else(served, shop):
    served.rows("TRUNCATE mailproxy.command_log")
    served.rows("CREATE ROLE forger LOGIN IN ROLE mailproxy_dba")
    try:
        import psycopg
        from psycopg.conninfo import make_conninfo
        with psycopg.connect(make_conninfo(served.database_url, user="forger"), autocommit=True) as conn:
            conn.execute("SET mailproxy.actor = 'admin'")
            conn.execute("SELECT mailproxy.requeue(%s, dry_run => false)", [shop.tenant_id])
        assert served.value("SELECT actor FROM mailproxy.command_log") == "forger"
    finally:
        served.rows("DROP ROLE forger")
