"""Server and workers behind PgBouncer in transaction mode, but for the connections that listen."""

import threading

import pytest
from support.pgbouncer import PgBouncer
from support.programs import message
from support.waiting import wait_for

OTHERS = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
          " AND backend_type = 'client backend'")


@pytest.fixture
def pgbouncer(cluster):
    pgbouncer = PgBouncer(cluster, pool_size=2)
    yield pgbouncer
    pgbouncer.close()


@pytest.fixture
def through_pooler(pgbouncer, database, new_system):
    """A server and two workers, which want some ten connections where the pooler has two."""
    name = database.split("///")[1].split("?")[0]
    return new_system(workers=2, GMP_DATABASE_POOLER_URL=pgbouncer.conninfo(name))


def test_the_whole_way_through_a_pool_smaller_than_the_connections(through_pooler, pgbouncer, cluster, smtp_sink, store):
    system, before = through_pooler, cluster.log()
    api = system.add_tenant(store=store)
    system.add_account(api, smtp_sink)
    accepted, stop = set(), threading.Event()

    def post(client):
        number = 0
        while not stop.is_set():
            ids = [f"m{client}-{number}-{i}" for i in range(10)]
            answer = api.add(*[message(i) for i in ids])
            assert answer.status in (200, 503), answer
            accepted.update(ids if answer.status == 200 else ())
            number += 1

    clients = [threading.Thread(target=post, args=(client,)) for client in range(4)]
    for client in clients:
        client.start()
    try:
        wait_for(lambda: len(accepted) >= 300 and smtp_sink.ids(), "messages to flow")
        assert system.value(OTHERS) <= 2 + 2, "the pool, and two workers that listen"
        assert system.value(OTHERS + " AND query = 'LISTEN mailproxy_wake'") == 2
        pgbouncer.stop()
        pgbouncer.start()
        goal = len(accepted) + 100
        wait_for(lambda: len(accepted) >= goal, "messages to be accepted again")
    finally:
        stop.set()
        for client in clients:
            client.join()
    system.wait_all_final()
    sent = smtp_sink.ids()
    assert accepted <= set(sent)
    assert len(sent) == len(set(sent)), "the pooler's end is no worker's: nothing is sent twice"
    wait_for(lambda: accepted <= store.reported_ids(), "all to be reported")
    system.assert_accounted_for()
    assert "invalid frontend message" not in cluster.log()[len(before):], "no statement is torn in two and given to two sessions"
    assert not [p.name for p in system.programs if "planner_not_set" in p.log()]


def test_a_suspension_is_heard_past_the_pooler(through_pooler, relay):
    system = through_pooler
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=1)
    api.enqueue(*[message(f"m{i}") for i in range(20)])
    wait_for(lambda: relay.count("dot") == 1, "a dot to be out")
    assert api.post("/commands/suspend").status == 200
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'") == 1,
             "the others to be handed back")
    gate.set()
    wait_for(lambda: len(relay.ids()) == 1, "what had begun to be finished")
    assert api.post("/commands/activate").status == 200
    system.wait_all_final()
    assert sorted(relay.ids()) == sorted(f"m{i}" for i in range(20))


def test_a_pooler_without_the_planners_settings_is_warned_of(new_system, database):
    system = new_system(workers=1, GMP_DATABASE_POOLER_URL=database)
    for program in system.programs:
        program.wait_line("event=planner_not_set")
