"""How it goes, in figures: GET /queue, /throughput, /errors and /accounts/health."""

import threading

import psycopg
import pytest
from support.programs import epoch, message
from support.queue_sql import change_queue_row
from support.waiting import wait_for


def accounts(api, path, **query):
    answer = api.get(path, **query)
    assert answer.status == 200, answer
    assert list(answer.json)[:2] == ["ok", "accounts"]
    return answer.json["accounts"]


def of(api, rows):
    """Of all tenants' rows this one's."""
    return [row for row in rows if row["tenant_id"] == api.tenant_id]


def others(served, acme):
    other = served.add_tenant(acme.tenant_id + "-other")
    assert other.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    return other


# ---- the queue

def test_who_has_nothing_to_send_is_not_in_the_queue(acme):
    assert accounts(acme, "/queue") == []


def test_what_waits_is_counted_by_what_it_waits_for(served, acme):
    assert acme.post("/account", {"id": "side", "name": "Side way", "host": "127.0.0.1", "port": 9}).status == 200
    acme.enqueue(*[message(f"m{i}") for i in range(6)], message("s1", account="side"))
    acme.enqueue(message("later", deferred_ts=epoch() + 600))
    change_queue_row(acme, "m0", "due_at = now() - interval '100 s'")
    change_queue_row(acme, "m1", "state = 'leased', lease_token = 1, lease_epoch = 1, leased_at = now()")
    change_queue_row(acme, "m2", "state = 'held'")
    main, side = accounts(acme, "/queue")
    assert 100 <= main.pop("oldest_due_seconds") < 130
    assert main == {"tenant_id": acme.tenant_id, "account_id": "main", "waiting": 7, "due": 4, "sending": 1, "deferred": 1, "held": 1}
    assert (side["account_id"], side["account_name"], side["waiting"]) == ("side", "Side way", 1), "those with the most come first"
    assert of(acme, accounts(served.api, "/queue")) == accounts(served.api, "/queue", tenant_id=acme.tenant_id)


def test_how_long_the_queue_takes_follows_from_the_last_minutes_and_the_limits(acme):
    acme.enqueue(*[message(f"m{i}") for i in range(10)])
    assert "drain_seconds" not in accounts(acme, "/queue")[0], "nothing was sent, and there is no limit"
    acme.system.rows("INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, tenant_id, account_id)"
                     " SELECT n, 1, 1, 'sent', %s, 'main' FROM generate_series(1, 100) n", acme.tenant_id)
    assert accounts(acme, "/queue")[0]["drain_seconds"] == 30, "100 in five minutes"
    acme.system.rows("UPDATE mailproxy.account SET limit_per_minute = 5 WHERE tenant_id = %s", acme.tenant_id)
    assert accounts(acme, "/queue")[0]["drain_seconds"] == 120
    acme.system.rows("UPDATE mailproxy.account SET paused_at = now(), paused_reason = 'x' WHERE tenant_id = %s", acme.tenant_id)
    assert "drain_seconds" not in accounts(acme, "/queue")[0]


def test_what_is_suspended_is_told_with_the_queue(served, acme):
    def suspended(api, **query):
        return api.get("/queue", **query).json["suspended"]

    other = others(served, acme)
    assert suspended(acme) == []
    assert acme.post("/commands/suspend", batch_code='spring "25"').status == 200
    assert acme.post("/commands/suspend", batch_code="summer").status == 200
    mine = {"tenant_id": acme.tenant_id, "batches": ['spring "25"', "summer"]}
    assert suspended(acme) == suspended(served.api, tenant_id=acme.tenant_id) == [mine]
    assert suspended(other) == []
    assert other.post("/commands/suspend").status == 200
    assert suspended(other) == [{"tenant_id": other.tenant_id, "batches": ["*"]}]
    assert all(each in suspended(served.api) for each in (mine, *suspended(other)))
    for api in (acme, other):
        assert api.post("/commands/activate").status == 200
        assert suspended(api) == []


@pytest.mark.parametrize("path, key", [("/queue", "accounts"), ("/accounts/health", "accounts"), ("/errors", "errors")])
def test_a_tenant_sees_its_own_and_the_admin_everybodys(served, acme, path, key):
    other = others(served, acme)
    for api in (acme, other):
        api.enqueue(message("m1"))
        add_attempts(api, "m1", ("error", 550, "no", 1))
    for api in (acme, other):
        assert {row["tenant_id"] for row in api.get(path).json[key]} == {api.tenant_id}
        assert {row["tenant_id"] for row in served.api.get(path, tenant_id=api.tenant_id).json[key]} == {api.tenant_id}
    assert {acme.tenant_id, other.tenant_id} <= {row["tenant_id"] for row in served.api.get(path).json[key]}
    assert acme.get(path, tenant_id=other.tenant_id).status == 401
    assert served.api.get(path, tenant_id="nobody").json[key] == []


# ---- throughput

def add_attempts(api, message_id, *attempts):
    """attempts: (outcome, code, reply, seconds ago[, milliseconds])"""
    for outcome, code, reply, ago, *took in attempts:
        api.system.rows(
            "INSERT INTO mailproxy.attempt (message_pk, ended_at, worker_epoch, attempt, outcome, reply_code, reply, tenant_id, account_id, send_ms)"
            " SELECT message_pk, now() - make_interval(secs => %s), 1, 1, %s, %s, %s, tenant_id, account_id, %s FROM mailproxy.message"
            " WHERE tenant_id = %s AND message_id = %s", ago, outcome, code, reply, took[0] if took else None, api.tenant_id, message_id)


def throughput(api, **query):
    answer = api.get("/throughput", **query)
    assert answer.status == 200, answer
    assert list(answer.json) == ["ok", "bucket_seconds", "since_ts", "buckets", "latency"]
    return answer.json


def test_where_nothing_happened_there_are_no_buckets(acme):
    before = epoch()
    shown = throughput(acme)
    assert (shown["bucket_seconds"], shown["buckets"], shown["latency"]) == (300, [], [])
    assert before - 24 * 3600 - 300 < shown["since_ts"] <= epoch() - 24 * 3600 and shown["since_ts"] % 300 == 0


def test_what_came_and_went_is_summed_by_bucket(served, acme):
    acme.enqueue(message("m1"), message("m2", priority=0), message("m3", priority=3))
    add_attempts(acme, "m1", *[("sent", 250, "ok", 1, 10 * i) for i in range(1, 101)])
    add_attempts(acme, "m2", ("deferred", 450, "busy", 1), ("error", 550, "no", 1), ("error", 550, "no", 1))
    shown = throughput(acme, hours=1, bucket_seconds=86400)
    (bucket,), (latency,) = shown["buckets"], shown["latency"]
    start = bucket["start_ts"]
    assert start % 86400 == 0 and bucket == {"start_ts": start, "accepted": 3, "sent": 100, "error": 2, "deferred": 1}
    assert latency == {"start_ts": start, "p50_seconds": 0.5, "p95_seconds": 0.95, "p99_seconds": 0.99}
    assert throughput(served.api, tenant_id=acme.tenant_id, hours=1, bucket_seconds=86400) == shown
    everybody = throughput(served.api, hours=1, bucket_seconds=86400)["buckets"][-1]
    assert everybody["accepted"] >= 3 and everybody["sent"] >= 100


def test_each_tenants_traffic_is_its_own(served, acme):
    other = others(served, acme)
    other.enqueue(message("m1"))
    add_attempts(other, "m1", ("sent", 250, "ok", 1, 5))
    assert throughput(acme)["buckets"] == []
    assert len(throughput(other)["buckets"]) >= 1
    assert acme.get("/throughput", tenant_id=other.tenant_id).status == 401


def test_buckets_come_in_order_and_reach_as_far_back_as_was_asked(acme):
    acme.enqueue(message("m1"))
    acme.system.rows("UPDATE mailproxy.message SET created_at = created_at - interval '100 minutes' WHERE tenant_id = %s", acme.tenant_id)
    acme.enqueue(message("m2"))
    starts = [b["start_ts"] for b in throughput(acme, hours=2)["buckets"]]
    assert len(starts) == 2 and starts == sorted(starts) and 5700 <= starts[1] - starts[0] <= 6300
    assert [b["start_ts"] for b in throughput(acme, hours=1)["buckets"]] == starts[1:]


@pytest.mark.parametrize("query", [{"hours": 0}, {"hours": 49}, {"bucket_seconds": 299}, {"bucket_seconds": 86401}])
def test_hours_and_buckets_out_of_range_are_422(acme, query):
    answer = acme.get("/throughput", **query)
    assert answer.status == 422 and answer.json["detail"][0]["loc"] == ["query", *query]


# ---- errors

def errors(api, **query):
    answer = api.get("/errors", **query)
    assert answer.status == 200, answer
    assert list(answer.json) == ["ok", "since_ts", "errors"]
    return answer.json["errors"]


def test_without_failures_there_are_no_errors(acme):
    acme.enqueue(message("m1"))
    add_attempts(acme, "m1", ("sent", 250, "ok", 1))
    before = epoch()
    assert errors(acme) == []
    assert before - 86400 <= acme.get("/errors").json["since_ts"] <= epoch() - 86400 + 1


def test_failures_are_counted_by_reply_the_most_frequent_first(acme):
    acme.enqueue(message("m1"), message("m2"))
    add_attempts(acme, "m2", ("error", 550, "old words", 300))
    add_attempts(acme, "m1", ("error", 550, "older words", 200), ("error", 550, "new words", 100), ("deferred", None, "cannot connect", 50))
    now = epoch()
    first, second = errors(acme)
    assert now - 102 <= first.pop("last_ts") <= now - 99 and now - 52 <= second.pop("last_ts") <= now - 49
    whose = {"tenant_id": acme.tenant_id, "account_id": "main"}
    assert second == {**whose, "outcome": "deferred", "reason": "cannot connect", "count": 1, "example_id": "m1"}
    assert first == {**whose, "code": 550, "outcome": "error", "reason": "new words", "count": 3, "example_id": "m1"}, "the last one's"


def test_only_so_many_hours_are_looked_back(acme):
    acme.enqueue(message("m1"))
    acme.system.rows("SELECT mailproxy.create_partitions(1)")
    add_attempts(acme, "m1", ("error", 550, "no", 1))
    assert len(errors(acme, hours=1)) == 1
    assert acme.get("/errors", hours=49).status == 422


def test_the_example_of_a_deleted_message_is_left_out(acme):
    acme.enqueue(message("m1"))
    add_attempts(acme, "m1", ("error", 550, "no", 1))
    acme.post("/commands/delete-messages", {"ids": ["m1"]})
    (shown,) = errors(acme)
    assert "example_id" not in shown and shown["reason"] == "no"


# ---- the accounts' health

def health(api, account_id="main", **query):
    return next(row for row in of(api, accounts(api, "/accounts/health", **query)) if row["account_id"] == account_id)


def change_state(api, change):
    api.system.rows(f"UPDATE mailproxy.account_state SET {change} WHERE tenant_id = %s AND account_id = 'main'", api.tenant_id)


def test_an_account_that_is_well(acme):
    shown = health(acme)
    assert epoch() - 60 <= shown.pop("served_ts") <= epoch()
    assert shown == {"tenant_id": acme.tenant_id, "account_id": "main", "host": "127.0.0.1", "port": 9, "state": "ok", "failures": 0,
                     "connections": 0, "windows": []}


def test_an_account_that_is_backed_off_says_why_and_until_when(acme):
    change_state(acme, "failures = 3, gate_until = now() + interval '1 hour', gate_reason = 'the relay is down', failing_since = now()")
    shown = health(acme)
    assert (shown["state"], shown["reason"], shown["failures"]) == ("backed_off", "the relay is down", 3)
    assert epoch() + 3500 <= shown["until_ts"] <= epoch() + 3601
    change_state(acme, "gate_until = now() - interval '1 s'")
    assert health(acme)["state"] == "backed_off", "it is to be tried"


def test_accounts_that_are_not_well_come_first(acme):
    assert acme.post("/account", {"id": "aaa", "host": "127.0.0.1", "port": 9}).status == 200
    assert [a["account_id"] for a in accounts(acme, "/accounts/health")] == ["aaa", "main"]
    change_state(acme, "failures = 1, gate_until = now() + interval '1 hour', gate_reason = 'down'")
    assert [a["account_id"] for a in accounts(acme, "/accounts/health")] == ["main", "aaa"]


def test_paused_is_paused_and_suspended_is_suspended(acme):
    acme.post("/commands/suspend", batch_code="spring")
    assert health(acme)["state"] == "ok", "a batch is not the account"
    acme.post("/commands/suspend")
    assert (health(acme)["state"], health(acme)["reason"]) == ("suspended", "the tenant is suspended")
    acme.system.rows("SELECT mailproxy.pause(%s, 'main', reason => 'the relay moves')", acme.tenant_id)
    assert (health(acme)["state"], health(acme)["reason"]) == ("paused", "the relay moves")
    acme.system.rows("SELECT mailproxy.resume(%s, 'main')", acme.tenant_id)
    acme.post("/commands/activate")
    assert health(acme)["state"] == "ok"


def test_the_limits_tell_what_is_used_and_what_is_left(new_tenant, relay):
    tenant = new_tenant(relay, account={"limit_per_minute": 2, "limit_per_day": 100}, rate_limits={"hourly": 50})
    tenant.enqueue(*[message(f"m{i}") for i in range(4)])
    wait_for(lambda: health(tenant)["windows"][0].get("next_free_ts"), "the limit of a minute to be used up by what was sent")
    minute, day, hour = health(tenant)["windows"]
    assert epoch() <= minute.pop("next_free_ts") <= epoch() + 62
    assert minute == {"window": "minute", "whole_tenant": False, "limit": 2, "used": 2, "left": 0}
    assert day == {"window": "day", "whole_tenant": False, "limit": 100, "used": 2, "left": 98}
    assert hour == {"window": "hour", "whole_tenant": True, "limit": 50, "used": 2, "left": 48}
    wait_for(lambda: health(tenant)["state"] == "at_limit", "the account to be passed by")
    shown = health(tenant)
    assert shown["reason"] == "rate limit of 2 per minute reached" and shown["until_ts"] > epoch() - 2


def test_connections_in_use_are_counted(acme):
    worker = acme.system.value("INSERT INTO mailproxy.worker (host, pid, version, lease_s) VALUES ('h', 1, 'v', 60) RETURNING epoch")
    acme.system.rows("INSERT INTO mailproxy.connection_grant VALUES (%s, 7, %s, 'main')", worker, acme.tenant_id)
    acme.system.rows("UPDATE mailproxy.account SET max_connections = 9 WHERE tenant_id = %s", acme.tenant_id)
    assert (health(acme)["connections"], health(acme)["max_connections"]) == (7, 9)
    acme.system.rows("UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'stopped' WHERE epoch = %s", worker)
    assert health(acme)["connections"] == 0


def test_all_warnings_are_told(acme):
    acme.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9, "user": "u", "password": "p"})
    assert health(acme)["warnings"] == ["credentials are sent over a plain connection"]
    acme.post("/account", {"id": "main", "host": "127.0.0.1", "port": 465, "user": "u", "password": "p", "tls_verify": False})
    assert health(acme)["warnings"] == ["the server's certificate is not verified"]
    acme.system.rows("UPDATE mailproxy.account SET tls_client_cert = 'x', tls_client_key_sealed = 'x', tls_client_key_key_id = 'k',"
                     " tls_client_cert_expires_at = now() WHERE tenant_id = %s", acme.tenant_id)
    assert health(acme)["warnings"] == ["the server's certificate is not verified", "the client certificate has expired"]


# ---- all of them

LOOKS = [("GET", "/queue"), ("GET", "/throughput"), ("GET", "/errors"), ("GET", "/accounts/health"), ("GET", "/messages?search=x"),
         ("POST", "/commands/requeue")]


def look(api, method, path):
    return api.request(method, path, body={"status": "error"} if method == "POST" else None)


def test_who_looks_keeps_no_mail_waiting(new_system):
    """One of four connections is for looking: while somebody has it, others wait for it, and nobody else does."""
    system = new_system(workers=0, GMP_DB_POOL_SIZE=4, GMP_DB_POOL_WAIT_MS=200)
    tenant = system.add_tenant()
    assert tenant.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    first = []
    with psycopg.connect(system.database_url) as conn:
        conn.execute("LOCK TABLE mailproxy.attempt IN ACCESS EXCLUSIVE MODE")
        looking = threading.Thread(target=lambda: first.append(tenant.get("/errors")))
        looking.start()
        wait_for(lambda: system.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"),
                 "the first to look")
        for method, path in LOOKS:
            answer = look(tenant, method, path)
            assert (answer.status, answer.headers["Retry-After"] is not None) == (503, True), (path, answer)
        tenant.enqueue(message("m1"))
        assert [m["id"] for m in tenant.messages()] == ["m1"]
        assert tenant.get("/whoami").status == 200
    looking.join()
    assert first[0].status == 200
    for method, path in LOOKS:
        assert look(tenant, method, path).status == 200, path
