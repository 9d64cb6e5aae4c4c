"""Small requests of many clients share statements and transactions; none is lost, answered early, mistaken for another, or held up by it."""

import concurrent.futures
import os
import signal

import psycopg
from support.waiting import wait_for


def message(number):
    return {"id": f"m{number}", "account_id": "main", "from": "a@example.com", "to": ["b@example.net"], "subject": "s", "body": "b"}


def post(api, number):
    return api.post("/commands/add-messages", {"messages": [message(number)]})


def test_each_request_is_stored_once_and_logged_once(acme):
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda n: post(acme, n), range(480)))
    assert {(a.status, a.json["queued"]) for a in answers} == {(200, 1)}
    stored = acme.system.rows("SELECT message_id, xmin::text FROM mailproxy.message WHERE tenant_id = %s", acme.tenant_id)
    assert {row["message_id"] for row in stored} == {f"m{n}" for n in range(480)}
    logged = acme.system.rows("SELECT payload -> 'messages' -> 0 ->> 'id' AS id, actor FROM mailproxy.command_log"
                              " WHERE tenant_id = %s AND endpoint = 'addMessages'", acme.tenant_id)
    assert sorted(row["id"] for row in logged) == sorted(f"m{n}" for n in range(480))
    assert {row["actor"] for row in logged} == {f"tenant:{acme.tenant_id}"}
    assert len({row["xmin"] for row in stored}) < len(stored), "some were stored together"


def test_an_answer_counts_what_is_in_its_own_request(acme):
    def bad(number):
        return acme.post("/commands/add-messages", {"messages": [{**message(number), "to": ["no address"]}, message(number)]})

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: bad(n) if n % 2 else post(acme, n), range(160)))
    for number, answer in enumerate(answers):
        assert answer.json["queued"] == 1
        assert [r["id"] for r in answer.json["rejected"]] == ([f"m{number}"] if number % 2 else [])


def test_the_same_id_from_many_at_once_is_one_message(acme):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(acme, 1), range(64)))
    assert {(a.status, a.json["queued"]) for a in answers} == {(200, 1)}
    assert acme.system.rows("SELECT count(*) FROM mailproxy.queue WHERE tenant_id = %s", acme.tenant_id) == [{"count": 1}]


def test_a_request_that_waits_for_a_lock_holds_no_other_up(acme):
    """More of them than transactions that may be under way for groups."""
    stuck = range(5)
    with psycopg.connect(acme.system.database_url) as other, concurrent.futures.ThreadPoolExecutor(len(stuck)) as pool:
        for n in stuck:
            other.execute("INSERT INTO mailproxy.message (tenant_id, message_id, account_id, size_octets, priority, mime_message_id)"
                          " VALUES (%s, %s, 'main', 1, 2, '<x@test>')", (acme.tenant_id, f"m{n}"))
        waiting = [pool.submit(post, acme, n) for n in stuck]
        wait_for(lambda: acme.system.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                          " AND wait_event_type = 'Lock'") == [{"count": len(stuck)}], "all of them to wait")
        for n in range(10, 30):
            assert post(acme, n).json["queued"] == 1
        assert not any(answer.done() for answer in waiting)
        other.rollback()
        assert [answer.result().json["queued"] for answer in waiting] == [1] * len(stuck)


def test_many_callers_at_once_are_each_themselves(acme):
    system, admin = acme.system, acme.system.api
    tenants = {f"{acme.tenant_id}-{n}": None for n in range(8)}
    for tenant_id in tenants:
        api = system.add_tenant(tenant_id)
        assert api.post("/account", {"id": f"of-{tenant_id}", "host": "127.0.0.1", "port": 9}).status == 200
        tenants[tenant_id] = api
    tokens = list(tenants.items()) + [(None, admin.with_token("x" * 43)), (None, admin.with_token("y" * 43))]

    def ask(n):
        tenant_id, api = tokens[n % len(tokens)]
        return tenant_id, api.get("/accounts")

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        for tenant_id, answer in pool.map(ask, range(480)):
            if tenant_id:
                assert [(a["tenant_id"], a["id"]) for a in answer.json["accounts"]] == [(tenant_id, f"of-{tenant_id}")]
            else:
                assert (answer.status, answer.json) == (401, {"detail": "Invalid or missing API token"})


def test_many_look_ups_at_once_find_each_its_own_account(acme):
    other = acme.system.add_tenant(f"{acme.tenant_id}-other")
    assert other.post("/account", {"id": "elsewhere", "host": "127.0.0.1", "port": 9}).status == 200
    kinds = [(acme, "main", None), (other, "main", "account not found for tenant"), (other, "elsewhere", None),
             (acme, "elsewhere", "account not found for tenant")]

    def add(n):
        api, account_id, _ = kinds[n % len(kinds)]
        return api.post("/commands/add-messages", {"messages": [{**message(n), "account_id": account_id}]})

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        for n, answer in enumerate(pool.map(add, range(480))):
            reason = kinds[n % len(kinds)][2]
            assert answer.json["queued"] == (0 if reason else 1)
            assert [r["reason"] for r in answer.json["rejected"]] == ([reason] if reason else [])


def test_a_connection_that_does_not_answer_holds_up_those_alone_that_use_it(new_system):
    """The whole server's look-ups and commits go over one connection at a time; another one takes over."""
    system = new_system()
    api = system.add_tenant()
    assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    assert post(api, 0).json["queued"] == 1
    backends = [row["pid"] for row in system.rows("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                                                  " AND application_name = 'mailproxy-server'")]
    assert len(backends) == 1
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            answers = [pool.submit(post, api, n) for n in range(1, 25)]
            wait_for(lambda: sum(answer.done() for answer in answers) >= 24 - 7, "others to be served by another connection")
            assert sum(answer.done() for answer in answers) < 24, "one of them is stuck"
        finally:
            for pid in backends:
                os.kill(pid, signal.SIGCONT)
        assert [answer.result().json["queued"] for answer in answers] == [1] * 24
