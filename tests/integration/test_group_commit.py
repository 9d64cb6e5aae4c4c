"""Small requests of many clients share transactions; none is lost, answered early, or held up by another."""

import concurrent.futures

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
