"""read_database: room for the days to come and who keeps dead rows, as a server sees it, whose role sees little of others' sessions."""

import psycopg
import pytest
from support.queue_sql import STATEMENTS
from support.waiting import wait_for


@pytest.fixture
def db(database):
    with psycopg.connect(database) as conn:
        yield conn
        conn.rollback()


def read(db):
    """days ahead, transactions, connections, max_connections"""
    db.execute("SET LOCAL ROLE mailproxy_server")
    found = db.execute(STATEMENTS["read_database"]).fetchone()
    db.execute("RESET ROLE")
    return found


@pytest.mark.parametrize("table", ["message_body", "message_attachment", "attempt", "event"])
@pytest.mark.parametrize("day, ahead", [(15, 14), (14, 13), (3, 2), (1, 0), (0, -1)])
def test_the_first_day_without_room_in_any_table_counts(db, table, day, ahead):
    db.execute("SELECT mailproxy.create_partitions(16)")
    suffix, = db.execute("SELECT to_char((now() AT TIME ZONE 'UTC')::date + %s, 'YYYYMMDD')", [day]).fetchone()
    db.execute(f"DROP TABLE mailproxy.{table}_{suffix}")
    assert read(db)[0] == ahead


def test_a_snapshot_of_another_role_is_seen(db, database):
    with psycopg.connect(database) as holder, psycopg.connect(database, autocommit=True) as writer:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT FROM mailproxy.message")
        for _ in range(300):
            writer.execute("SELECT pg_current_xact_id()")
        assert read(db)[1] >= 300
        db.rollback()
        holder.rollback()
        # Others of this run hold snapshots as well, for a moment each.
        wait_for(lambda: (read(db)[1], db.rollback())[0] < 300, "nobody to hold it any more")


def test_connections_are_those_of_the_cluster(db, database, cluster):
    before = read(db)[2]
    db.rollback()
    with psycopg.connect(database), cluster.connect():
        wait_for(lambda: (read(db)[2], db.rollback())[0] >= before + 1, "more connections than before")
    assert read(db)[3] == int(db.execute("SHOW max_connections").fetchone()[0])
