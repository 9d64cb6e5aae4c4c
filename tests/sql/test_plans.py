"""
The hot statements under a generic plan and with the programs' connection options: none reads a big table from end to end,
neither planned on a database with a backlog and a history, nor planned on an empty one, which is what a connection keeps
that was made before the backlog.
"""

import pathlib
import re

import psycopg
import pytest
from support.builds import ROOT
from support.queue_sql import options_of_the_programs
from support.roles import program_of

BIG = ["message", "queue", "rate_bucket", "event", "attempt", "message_body", "command_log"]
HOT = ["claim/claim_messages", "claim/return_claims", "claim/recover_leases", "claim/list_suspended_leases", "claim/end_worker",
       "record/record_attempts", "sweep/promote_due", "sweep/purge_rates", "sweep/raise_priorities", "sweep/purge_messages", "sweep/give_up_messages", "sweep/reap_workers", "intake/enqueue_messages",
       "intake/replace_messages", "control/list_messages", "control/list_events", "control/search_messages", "control/find_message", "control/list_attempts",
       "control/list_errors", "control/list_account_health", "control/cleanup_messages",
       "control/delete_messages", "control/find_message_tenants", "control/count_pending", "authorize/take_token", "report/claim_tenants",
       "report/load_events", "report/acknowledge_reports", "sweep/fold_counters", "metrics/read_account_counters",
       "metrics/read_untold", "metrics/read_durations", "metrics/read_replies", "metrics/read_service",
       "metrics/read_database",
       "control/list_commands"]
# Indexes that are read without a condition: (statement, index).
UNCONDITIONAL = {
    ("claim_messages", "queue_ready"),  # its first entry: LIMIT 1
    ("raise_priorities", "queue_ready"),  # as above
    ("read_untold", "event_tenant_id_event_pk_idx"),  # event_unreported of a day: nothing but what is asked for
    ("reap_workers", "queue_leased"),  # what is in flight, and nothing unless a worker died
    ("read_service", "queue_leased"),  # what is in flight
    ("read_untold", "event_unreported"),  # what no tenant was told of
    ("list_account_health", "queue_leased"),  # as above
    ("count_pending", "queue_leased"),  # what is in flight: as much as the workers hold
}

# 20 tenants with 5 accounts each; 20,000 messages queued, most of them for one tenant, 50,000 finished.
FILL = """
INSERT INTO mailproxy.tenant (tenant_id, client_base_url)
     SELECT 't' || t, 'http://127.0.0.1:9' FROM generate_series(1, 20) t;
INSERT INTO mailproxy.tenant_sync (tenant_id, news_seq) SELECT 't' || t, 2 FROM generate_series(1, 20) t;
INSERT INTO mailproxy.account (tenant_id, account_id, host, port)
     SELECT 't' || t, 'a' || a, 'relay.test', 25 FROM generate_series(1, 20) t, generate_series(1, 5) a;
INSERT INTO mailproxy.account_state (tenant_id, account_id) SELECT tenant_id, account_id FROM mailproxy.account;
INSERT INTO mailproxy.worker (host, pid, version, lease_s) SELECT 'h', w, 'v', 60 FROM generate_series(1, 10) w;
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, finished_at)
     SELECT 't' || 1 + i % 20, 'a' || 1 + i % 5, 'done' || i, '<' || i || '@test>', 1000, 2, 'sent', now()
       FROM generate_series(1, 50000) i;
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority)
     SELECT CASE WHEN i % 4 = 0 THEN 't' || 1 + i % 20 ELSE 't1' END, 'a' || 1 + i % 5, 'queued' || i, '<q' || i || '@test>',
            1000, i % 4
       FROM generate_series(1, 20000) i;
INSERT INTO mailproxy.message_body (message_pk, created_at, content)
     SELECT message_pk, created_at, json_build_object('id', message_id) FROM mailproxy.message;
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id)
     SELECT message_pk, now(), priority, tenant_id, account_id FROM mailproxy.message WHERE state = 'queued';
UPDATE mailproxy.queue SET state = 'scheduled', due_at = now() + interval '1 hour' WHERE message_pk % 10 = 1;
UPDATE mailproxy.queue
   SET state = 'leased', lease_token = message_pk, lease_epoch = 1 + message_pk % 10, leased_at = now()
 WHERE message_pk % 10 = 0;
INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, tenant_id, account_id)
     SELECT message_pk, 1, 1, 'sent', tenant_id, account_id FROM mailproxy.message WHERE state = 'sent';
INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id)
     SELECT message_pk, now(), CASE WHEN message_pk % 25 > 0 THEN now() END, 'sent', tenant_id
       FROM mailproxy.message WHERE state = 'sent';
INSERT INTO mailproxy.command_log (command_at, endpoint, tenant_id, payload)
     SELECT now() + i * interval '1 second', 'addMessages', 't' || 1 + i % 20, '{}' FROM generate_series(1, 50000) i;
"""


@pytest.fixture(scope="module", params=["full", "empty"])
def connection(request, cluster, template):
    url = cluster.create_database("plans", template)
    options = options_of_the_programs()
    with psycopg.connect(url, options=options, autocommit=True, prepare_threshold=None) as conn:
        conn.execute("SET plan_cache_mode = force_generic_plan")
        if request.param == "full":
            conn.execute(FILL)
            conn.execute("VACUUM ANALYZE")
        yield conn
    cluster.drop_database("plans")


@pytest.fixture
def big(connection):
    """The big tables and their partitions, but for those that are known to be empty: any way to read these is good."""
    return {row[0] for row in connection.execute(
        "SELECT c.relname FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent"
        " WHERE c.relnamespace = 'mailproxy'::regnamespace AND coalesce(p.relname, c.relname) = ANY (%s) AND c.reltuples <> 0",
        (BIG,))}


def nodes_of(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


def reads_all(node, statement):
    """All of a table, or all that a tenant has in it, looking for one message."""
    if node["Node Type"] in ("Index Scan", "Index Only Scan"):
        index = re.sub(r"_\d{8}", "", node["Index Name"])  # of which day
        if "(message_id = " in node.get("Index Cond", ""):
            return index != "message_id_is_unique_in_its_tenant"
        return "Index Cond" not in node and (statement, index) not in UNCONDITIONAL
    return node["Node Type"] == "Seq Scan"


def explain(connection, name, form="JSON"):
    """The root node of the statement's plan, or all of it as text."""
    connection.execute(f"PREPARE explained AS {pathlib.Path(ROOT, 'sql', 'statements', name + '.sql').read_text()}")
    types, = connection.execute("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'explained'").fetchone()
    values = ", ".join(f"NULL::{kind}" for kind in types)
    rows = connection.execute(f"EXPLAIN (FORMAT {form}) EXECUTE explained" + (f"({values})" if values else "")).fetchall()
    connection.execute("DEALLOCATE explained")
    return rows[0][0][0]["Plan"] if form == "JSON" else "\n".join(line for line, in rows)


@pytest.mark.parametrize("name", HOT)
def test_no_big_table_is_read_from_end_to_end(connection, big, name):
    statement = name.split("/")[1]
    read = sorted({node["Relation Name"] for node in nodes_of(explain(connection, name))
                   if node.get("Relation Name") in big and reads_all(node, statement)})
    if read:
        pytest.fail(f"{statement} reads {', '.join(read)} from end to end:\n{explain(connection, name, 'TEXT')}", pytrace=False)


@pytest.mark.parametrize("name", HOT)
def test_a_plan_is_the_same_for_the_program_that_runs_it(connection, name):
    """Row-level security costs a program nothing: its role passes by. A policy, even one that is always true, keeps statistics from enums."""
    connection.execute("SET search_path = pg_catalog")  # both write names in full
    try:
        before = plan_without_costs(explain(connection, name))
        connection.execute(f"SET ROLE mailproxy_{program_of(name.split('/')[1])}")
        assert plan_without_costs(explain(connection, name)) == before
    finally:
        connection.execute("RESET ROLE")
        connection.execute("RESET search_path")


def plan_without_costs(plan):
    return {key: [plan_without_costs(child) for child in value] if key == "Plans" else value for key, value in plan.items()
            if key not in ("Startup Cost", "Total Cost", "Plan Rows", "Plan Width")}


def reads_queue(node):
    """All of it: what was planned while it was empty is carried out when it is not."""
    return node.get("Relation Name") == "queue" and "Index Cond" not in node and node["Node Type"] != "ModifyTable"


@pytest.mark.parametrize("name", ["claim/claim_messages", "claim/return_claims", "record/record_attempts"])
def test_a_plan_made_while_the_queue_was_empty_is_good_for_a_burst(connection, name):
    """Vacuum and analyze have seen it empty: then its rows are taken for none, and not for as many as those of a new table."""
    with connection.transaction(force_rollback=True):
        connection.execute("DELETE FROM mailproxy.queue")
        connection.execute("UPDATE pg_class SET reltuples = 0, relpages = 0 WHERE oid = 'mailproxy.queue'::regclass")
        connection.execute("ANALYZE mailproxy.queue")
        plan = explain(connection, name)
    assert [] == [node["Index Name"] for node in nodes_of(plan) if reads_queue(node)]


# What a request or a worker brings may be long: hundreds of rows, of delete-messages as many ids as fit a request.
LISTS = [name for name in HOT if name.split("/")[0] in ("intake", "record")] + ["control/delete_messages", "claim/return_claims"]
ONE_ROW = {"suspended s"}  # a CTE that is no list, as record_attempts and return_claims call it


def scans_a_list(node):
    """It reads rows the statement has made itself, and not by a hash of them."""
    if node["Node Type"] in ("Materialize", "Sort"):
        return scans_a_list(node["Plans"][0])
    return node["Node Type"] in ("CTE Scan", "Function Scan") and not is_one_row(node)


def is_one_row(node):
    return f"{node.get('CTE Name')} {node.get('Alias')}" in ONE_ROW


@pytest.mark.parametrize("name", LISTS)
def test_no_list_is_read_anew_for_each_row(connection, name):
    loops = [node for node in nodes_of(explain(connection, name)) if node["Node Type"] == "Nested Loop"]
    assert [] == [inner for outer, inner in (node["Plans"][-2:] for node in loops) if scans_a_list(inner) and not is_one_row(outer)]


# As FILL leaves it, `t1` has most of the messages; 2000 tenants more make a plan think of a tenant as small.
MANY = """
INSERT INTO mailproxy.tenant (tenant_id) SELECT 'small' || t FROM generate_series(1, 2000) t;
INSERT INTO mailproxy.account (tenant_id, account_id, host, port) SELECT 'small' || t, 'a1', 'relay.test', 25 FROM generate_series(1, 2000) t;
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, finished_at)
     SELECT 'small' || 1 + i % 2000, 'a1', 'small' || i, '<s' || i || '@test>', 1000, 2, 'sent', now() FROM generate_series(1, 30000) i;
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, finished_at)
     SELECT 't1', 'a1', 'more' || i, '<r' || i || '@test>', 1000, 2, 'sent', now() FROM generate_series(1, 100000) i;
"""
FIRST_PAGE = "false, NULL, NULL, NULL, -1::smallint, 0, '', '', 500, NULL"


@pytest.fixture(scope="module")
def crowded(cluster, template):
    """200,000 messages of 2020 tenants, 120,000 of them of one; and the programs' connection to it."""
    url = cluster.create_database("crowded", template)
    with psycopg.connect(url, options=options_of_the_programs(), autocommit=True, prepare_threshold=None) as conn:
        conn.execute("SET session_replication_role = replica")  # the rows are right: no need to ask the foreign keys
        conn.execute(FILL)
        conn.execute(MANY)
        conn.execute("SET session_replication_role = origin")
        conn.execute("VACUUM ANALYZE")
        conn.execute("SET plan_cache_mode = force_generic_plan")
        yield conn
    cluster.drop_database("crowded")


@pytest.mark.parametrize("name, values, page", [
    ("list_messages", f"'t1', {FIRST_PAGE}", 500),
    ("list_messages", f"NULL, {FIRST_PAGE}", 500),
    ("list_messages", "'t1', true, 'sent', 'a1', 'nobody', 2::smallint, 1, 'm', '', 500, NULL", 500),
    ("search_messages", "'t1', 'hello', -1::smallint, 0, '', ''", 500),
    ("search_messages", "NULL, 'hello', -1::smallint, 0, '', ''", 500),
    ("cleanup_messages", "'t1', -1::smallint, 0, '', 9999999999", 1000),
])
def test_a_page_reads_no_more_rows_than_a_page(crowded, name, values, page):
    text = pathlib.Path(ROOT, "sql", "statements", "control", name + ".sql").read_text()
    with crowded.transaction(force_rollback=True):
        crowded.execute(f"PREPARE {name} AS {text}")
        (plan,), = crowded.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE {name}({values})")
        crowded.execute(f"DEALLOCATE {name}")
    read = {node["Index Name"]: node["Actual Rows"] * node["Actual Loops"] for node in nodes_of(plan[0]["Plan"])
            if node["Node Type"] in ("Index Scan", "Index Only Scan") and node.get("Relation Name") == "message"}
    assert page in read.values(), "a whole page was read"
    assert max(read.values()) <= page, read


def test_slots_are_counted_by_index(connection):
    """What free_slots() asks within, which no EXPLAIN of a claim shows."""
    connection.execute("UPDATE mailproxy.account SET limit_per_minute = 10, limit_per_day = 1000")
    connection.execute("""UPDATE mailproxy.tenant SET rate_limits = '{"hourly": 1000}'""")
    reads = "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE schemaname = 'mailproxy' AND relname IN ('queue', 'rate_bucket')"
    with connection.transaction():
        before = dict(connection.execute(reads).fetchall())
        connection.execute("SELECT mailproxy.free_slots('t1', 'a1', 1, 1, 1, 10, 10)")
        connection.execute("SELECT mailproxy.stamp_rates('{t1}', '{a1}', '{3}')")
        assert dict(connection.execute(reads).fetchall()) == before
