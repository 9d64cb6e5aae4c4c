"""Leases of workers that are gone are taken over, whatever way they came to be there."""

import psycopg
import pytest
from support.queue_sql import Claimer, add_account, add_messages, statement


@pytest.fixture
def conn(database):
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("PREPARE reap AS " + statement("sweep/reap_workers"))
        yield conn


def test_a_claim_that_was_committed_while_its_worker_was_given_up_is_not_lost(conn, database):
    add_account(conn)
    add_messages(conn, 3)
    late, own = Claimer(database), Claimer(database)
    assert len(late.claim()) == 3
    # the statement that gave it up had taken its snapshot before that claim
    conn.execute("UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'reaped' WHERE epoch = %s", (late.epoch,))
    assert len(conn.execute(f"EXECUTE reap({own.epoch})").fetchall()) == 3
    assert conn.execute("SELECT count(*) FROM mailproxy.queue WHERE state = 'ready'").fetchone() == (3,)
    assert conn.execute("SELECT count(*) FROM mailproxy.attempt WHERE in_doubt").fetchone() == (3,)
    assert conn.execute(f"EXECUTE reap({own.epoch})").fetchall() == []
    late.close()
    own.close()


def test_what_a_worker_left_behind_is_looked_for_at_intervals_that_double(conn, database):
    """Each search passes what it has ever leased and vacuum has not taken away yet."""
    own, gone = Claimer(database), Claimer(database)

    def searched(ended, searched):
        conn.execute("UPDATE mailproxy.worker SET ended_at = now() - %s::interval, searched_at = now() - %s::interval, ended_how = 'stopped'"
                     " WHERE epoch = %s", (ended, searched, gone.epoch))
        conn.execute(f"EXECUTE reap({own.epoch})")
        return conn.execute("SELECT searched_at > now() - interval '1 second' FROM mailproxy.worker WHERE epoch = %s", (gone.epoch,)).fetchone()[0]

    assert searched("2 seconds", None)
    assert searched("30 minutes", None)
    assert not searched("20 seconds", "8 seconds")
    assert searched("20 seconds", "12 seconds")
    assert not searched("40 minutes", "15 minutes")
    assert not searched("61 minutes", "55 minutes"), "no longer"
    own.close()
    gone.close()
