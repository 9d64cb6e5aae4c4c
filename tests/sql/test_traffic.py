"""traffic() and backlog_of(): what programs ask for over hours is found by index, counted once, and no more of it than may be."""

import psycopg
import pytest
from support.filled import fill
from support.queue_sql import options_of_the_programs

COLUMNS = "bucket_at, accepted, sent, errors, deferred, p50_ms, p95_ms, p99_ms, complete_since"


@pytest.fixture(scope="module")
def filled(cluster, template):
    """100,000 attempts of 20 hours, 20,000 messages that wait; a program's connection."""
    url = cluster.create_database("traffic", template)
    with psycopg.connect(url, autocommit=True) as conn:
        fill(conn, finished=100_000, waiting=20_000)
    with psycopg.connect(url, options=options_of_the_programs(), autocommit=True, prepare_threshold=None) as conn:
        yield conn
    cluster.drop_database("traffic")


def traffic(conn, tenant=None, since="now() - interval '24 hours'", bucket="5 minutes", most=1_000_000):
    """The rows, and what holds for any."""
    rows = conn.execute(f"SELECT {COLUMNS} FROM mailproxy.traffic(%s, {since}, %s, %s)", (tenant, bucket, most)).fetchall()
    assert len({row[-1] for row in rows}) == 1
    if rows[0][0] is None:
        assert len(rows) == 1
        return [], rows[0][-1]
    assert [row[0] for row in rows] == sorted({row[0] for row in rows}) and rows[0][0] >= rows[0][-1]
    return [row[:-1] for row in rows], rows[0][-1]


EXPECTED = """
SELECT coalesce(i.at, o.at), coalesce(i.accepted, 0), coalesce(o.sent, 0), coalesce(o.errors, 0), coalesce(o.deferred, 0), o.ms[1], o.ms[2], o.ms[3]
  FROM (SELECT date_bin(%(bucket)s, created_at, 'epoch') AS at, count(*) AS accepted FROM mailproxy.message
         WHERE tenant_id = coalesce(%(tenant)s, tenant_id) GROUP BY 1) i
  FULL JOIN (SELECT date_bin(%(bucket)s, ended_at, 'epoch') AS at, count(*) FILTER (WHERE outcome = 'sent') AS sent,
                    count(*) FILTER (WHERE outcome = 'error') AS errors, count(*) FILTER (WHERE outcome = 'deferred') AS deferred,
                    percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY coalesce(queue_ms, 0) + coalesce(send_ms, 0))
                        FILTER (WHERE outcome = 'sent') AS ms
               FROM mailproxy.attempt WHERE tenant_id = coalesce(%(tenant)s, tenant_id) GROUP BY 1) o USING (at)
 ORDER BY 1"""


@pytest.mark.parametrize("tenant", [None, "t1", "t2", "nobody"])
@pytest.mark.parametrize("bucket", ["5 minutes", "1 hour", "1 day"])
def test_all_of_it_is_counted_once(filled, tenant, bucket):
    with filled.transaction():
        filled.execute("SET LOCAL enable_bitmapscan = on")
        expected = filled.execute(EXPECTED, {"tenant": tenant, "bucket": bucket}).fetchall()
        rows, since = traffic(filled, tenant, bucket=bucket)
        begins, = filled.execute("SELECT date_bin(%s, now() - interval '24 hours', 'epoch')", (bucket,)).fetchone()
    assert (rows, since) == (expected, begins)


def test_what_is_older_than_was_asked_for_is_left_out(filled):
    all_of_it = traffic(filled)[0]
    rows, since = traffic(filled, since="now() - interval '3 hours'")
    assert rows == [row for row in all_of_it if row[0] >= since] and 0 < len(rows) < len(all_of_it)


@pytest.mark.parametrize("tenant", [None, "t2"])
@pytest.mark.parametrize("most", [70_000, 30_000, 25_000])
def test_where_there_is_more_than_may_be_counted_the_newest_buckets_are_told_whole(filled, tenant, most):
    """What is read is of all tenants, in steps of up to 16 buckets; of all tenants' messages 20,000 have just come."""
    all_of_it = traffic(filled, tenant)[0]
    rows, since = traffic(filled, tenant, most=most)
    assert rows == [row for row in all_of_it if row[0] >= since] and 0 < len(rows) < len(all_of_it)
    counted, = filled.execute("SELECT count(*) FROM mailproxy.attempt WHERE ended_at >= %s", (since,)).fetchone()
    assert most / 10 < counted < most


def test_a_bucket_with_more_than_may_be_counted_is_not_told_of(filled):
    rows, since = traffic(filled, most=10_000)
    assert rows == [] and since > filled.execute("SELECT max(created_at) FROM mailproxy.message").fetchone()[0]


CALLS = ["SELECT * FROM mailproxy.traffic(NULL, now() - interval '48 hours', '5 minutes', 300000)",
         "SELECT * FROM mailproxy.traffic('t2', now() - interval '1 hour', '5 minutes', 300000)",
         "SELECT * FROM mailproxy.backlog_of(NULL)", "SELECT * FROM mailproxy.backlog_of('t2')"]


@pytest.mark.parametrize("call", CALLS)
def test_no_table_but_the_queue_is_read_from_end_to_end(filled, call):
    """What a function asks within, which no EXPLAIN shows: nor an index of attempts that has them in another order."""
    reads = ("SELECT c.relname, s.seq_scan FROM pg_stat_xact_user_tables s JOIN pg_class c ON c.oid = s.relid"
             " WHERE s.schemaname = 'mailproxy' AND c.reltuples > 1000 AND c.relname <> 'queue' ORDER BY 1")
    scans = ("SELECT i.indexrelid::regclass::text, pg_stat_get_xact_numscans(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
             " WHERE c.relname LIKE 'attempt\\_%' AND c.reltuples > 1000 AND i.indisprimary ORDER BY 1")
    with filled.transaction():
        before = filled.execute(reads).fetchall(), filled.execute(scans).fetchall()
        assert len(before[0]) > 3 and before[1]
        filled.execute(call).fetchall()
        assert (filled.execute(reads).fetchall(), filled.execute(scans).fetchall()) == before
