"""A standby takes over from a primary that dies: the programs follow by the hosts in GMP_DATABASE_URL."""

import collections
import threading

import pytest
from support.builds import SERVER
from support.postgres import Cluster
from support.programs import message, run_program
from support.waiting import wait_for


@pytest.fixture
def pair():
    """A primary, and its synchronous standby: what was committed is in both."""
    primary = Cluster(**Cluster.VOLATILE)
    done = run_program(SERVER, "migrate", GMP_DATABASE_URL=primary.create_database("mail"))
    assert done.returncode == 0, done.stderr
    primary.create_logins()
    standby = Cluster(copy_of=primary, **Cluster.VOLATILE)
    standby.start()
    with primary.connect() as conn:
        conn.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        conn.execute("SELECT pg_reload_conf()")
        wait_for(lambda: conn.execute("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone() is not None,
                 "the standby to be synchronous")
    yield primary, standby
    standby.close()
    primary.close()


@pytest.fixture
def database(pair):
    hosts = ",".join(cluster.directory for cluster in pair)
    return f"postgresql:///mail?host={hosts}&user={Cluster.USER}&target_session_attrs=read-write"


def read_every_view(cluster):
    with cluster.connect("mail") as conn:
        assert conn.execute("SELECT pg_is_in_recovery()").fetchone()[0]
        views = [row[0] for row in conn.execute("SELECT viewname FROM pg_views WHERE schemaname = 'mailproxy'")]
        for view in views:
            conn.execute(f"SELECT * FROM mailproxy.{view}").fetchall()
        assert conn.execute("SELECT sum(messages) FROM mailproxy.account_backlog").fetchone()[0] is not None
    return views


def test_a_standby_promoted_under_load_loses_nothing(new_system, pair, smtp_sink, store, tmp_path):
    primary, standby = pair
    system = new_system(workers=2, GMP_LEASE_SECONDS=10, GMP_DB_POOL_WAIT_MS=1000, GMP_STATE_DIR=tmp_path / "state")
    api = system.add_tenant(store=store)
    system.add_account(api, smtp_sink)
    accepted, stop = set(), threading.Event()

    def post():
        number = 0
        while not stop.is_set():
            ids = [f"m{number}-{i}" for i in range(50)]
            answer = api.add(*[message(i) for i in ids])
            assert answer.status in (200, 503), answer
            if answer.status == 200:
                accepted.update(ids)
                number += 1

    poster = threading.Thread(target=post)
    poster.start()
    try:
        wait_for(lambda: len(accepted) >= 300 and smtp_sink.ids(), "load")
        assert "account_backlog" in read_every_view(standby)
        primary.kill()
        standby.promote()
        goal = len(accepted) + 200
        wait_for(lambda: len(accepted) >= goal, "messages to be accepted again", timeout=40)
    finally:
        stop.set()
        poster.join()
    system.wait_all_final(timeout=90)
    sent = collections.Counter(smtp_sink.ids())
    assert accepted <= set(sent), "what was answered with 200 is sent"
    doubtful = {row["message_id"] for row in system.rows(
        "SELECT m.message_id FROM mailproxy.attempt a JOIN mailproxy.message m USING (message_pk) WHERE a.in_doubt")}
    assert {i for i, n in sent.items() if n > 1} <= doubtful
    wait_for(lambda: accepted <= store.reported_ids(), "everything to be reported", timeout=60)
    system.assert_accounted_for()
    assert all(p.alive() for p in system.programs), "nothing was started again"
    assert system.value("SELECT sends FROM mailproxy.instance"), "a failover that lost nothing is no restore"
