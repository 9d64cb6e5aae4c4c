"""What operators ask can be answered without reading a large table from end to end."""

import pathlib

import psycopg
import pytest
from support.builds import ROOT
from support.filled import fill

LARGE = {"message", "message_body", "message_attachment", "attempt", "event", "rate_bucket", "command_log"}
# What is counted must be looked at: the queue, which is small, and only where its backlog is what is asked for.
COUNTS_THE_QUEUE = {"account_backlog", "tenant_backlog", "health"}
VIEWS = sorted(f.stem for f in pathlib.Path(ROOT, "sql", "views").glob("*.sql"))


@pytest.fixture(scope="module")
def filled(cluster, template):
    url = cluster.create_database("operators", template)
    with psycopg.connect(url, autocommit=True) as conn:
        fill(conn, finished=100_000, waiting=20_000)
        # A table that is small yet, such as a partition just after midnight, is rightly read whole: is there another way?
        conn.execute("SET enable_seqscan = off")
        yield conn
    cluster.drop_database("operators")


@pytest.fixture(scope="module")
def parents(filled):
    """Table -> what it is a partition of, or itself; those that are empty may be read in any way."""
    return dict(filled.execute(
        "SELECT c.relname, coalesce(p.relname, c.relname) FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
        " LEFT JOIN pg_class p ON p.oid = i.inhparent WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.reltuples > 0").fetchall())


def nodes_of(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


def reads_all(node, table):
    if node["Node Type"] in ("Index Scan", "Index Only Scan"):
        return table in LARGE and "Index Cond" not in node
    return node["Node Type"] == "Seq Scan"


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_reads_no_large_table_from_end_to_end(filled, parents, view):
    (plan,), = filled.execute(f"EXPLAIN (FORMAT JSON) SELECT * FROM mailproxy.{view}")
    read = {parents[node["Relation Name"]] for node in nodes_of(plan[0]["Plan"])
            if node.get("Relation Name") in parents and reads_all(node, parents[node["Relation Name"]])}
    assert read & (LARGE if view in COUNTS_THE_QUEUE else LARGE | {"queue"}) == set()


def looked_at(node):
    """Rows that the scans of a plan met, whether they were wanted or not."""
    removed = sum(node.get(key, 0) for key in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    own = (node["Actual Rows"] + removed) * node["Actual Loops"] if node["Node Type"].endswith("Scan") else 0
    return own + sum(looked_at(child) for child in node.get("Plans", ()))


def test_recent_errors_are_found_without_what_was_sent(filled):
    (failures,), = filled.execute("SELECT count(*) FROM mailproxy.attempt WHERE outcome <> 'sent' AND ended_at > now() - interval '1 hour'")
    (plan,), = filled.execute("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM mailproxy.recent_error")
    shown = plan[0]["Plan"]["Actual Rows"]
    assert shown > 0
    assert looked_at(plan[0]["Plan"]) <= failures + 4 * shown  # and for each line its example


def test_a_message_is_explained_by_index(filled):
    """What its functions ask within, which no EXPLAIN shows."""
    reads = ("SELECT s.relname, seq_scan FROM pg_stat_xact_user_tables s JOIN pg_class c ON c.oid = s.relid"
             " WHERE schemaname = 'mailproxy' AND c.reltuples > 1000 ORDER BY 1")
    for message in "done17", "done50", "queued1", "queued19999":
        tenant, = filled.execute("SELECT tenant_id FROM mailproxy.message WHERE message_id = %s", (message,)).fetchone()
        with filled.transaction():
            filled.execute("SET LOCAL enable_seqscan = on")
            before = filled.execute(reads).fetchall()
            assert len(filled.execute("SELECT * FROM mailproxy.explain_message(%s, %s)", (tenant, message)).fetchall()) >= 2
            assert filled.execute(reads).fetchall() == before
        assert {"message", "queue"} <= {name for name, _ in before}
