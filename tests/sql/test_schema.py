"""The schema: its snapshot, what it refuses, and migrations that several programs run at once."""

import os
import re
import subprocess

import psycopg
import pytest
from psycopg import errors
from support.builds import ROOT, SERVER
from support.programs import clean_environment, run_program
from support.schema import dump_schema


def test_snapshot_is_the_schema(database):
    with open(os.path.join(ROOT, "sql", "schema.sql"), encoding="utf-8") as f:
        assert dump_schema(database) == f.read(), "sql/schema.sql is out of date: ./dev schema"


def test_every_table_and_function_has_a_comment(database):
    with psycopg.connect(database) as conn:
        bare = conn.execute(
            "SELECT relname FROM pg_class c WHERE relnamespace = 'mailproxy'::regnamespace AND relkind IN ('r', 'p', 'v')"
            " AND NOT relispartition AND obj_description(c.oid, 'pg_class') IS NULL"
            " UNION ALL SELECT proname FROM pg_proc p WHERE pronamespace = 'mailproxy'::regnamespace"
            " AND obj_description(p.oid, 'pg_proc') IS NULL").fetchall()
    assert bare == []


def test_migrate_twice_changes_nothing(empty_database):
    first = run_program(SERVER, "migrate", GMP_DATABASE_URL=empty_database)
    assert first.returncode == 0, first.stderr
    before = dump_schema(empty_database)
    second = run_program(SERVER, "migrate", GMP_DATABASE_URL=empty_database)
    assert second.returncode == 0, second.stderr
    assert dump_schema(empty_database) == before


def test_migrations_run_by_several_programs_at_once_are_applied_once(empty_database):
    env = clean_environment(GMP_DATABASE_URL=empty_database)
    running = [subprocess.Popen([SERVER, "migrate"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for _ in range(6)]
    ended = [(p.communicate(timeout=60), p.returncode) for p in running]
    assert [code for _, code in ended] == [0] * 6, ended
    files = sorted(f for f in os.listdir(os.path.join(ROOT, "sql", "migrations")) if f.endswith(".sql"))
    with psycopg.connect(empty_database) as conn:
        rows = conn.execute("SELECT version, name FROM mailproxy.schema_migration ORDER BY version").fetchall()
    assert rows == [(int(f[:4]), f[5:-4]) for f in files]


def test_a_newer_schema_is_left_alone(database):
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("INSERT INTO mailproxy.schema_migration (version, name) VALUES (9999, 'future')")
    done = run_program(SERVER, "migrate", GMP_DATABASE_URL=database)
    assert done.returncode != 0
    assert "9999" in done.stderr and "newer" in done.stderr


# What the schema makes impossible. Each case: what to run, and the constraint that refuses it.

PREPARE = """
INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme');
INSERT INTO mailproxy.account (tenant_id, account_id, host, port) VALUES ('acme', 'main', 'relay.test', 25);
INSERT INTO mailproxy.message (tenant_id, message_id, account_id, size_octets, priority, mime_message_id)
     VALUES ('acme', 'm1', 'main', 10, 2, '<1@test>');
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id)
     SELECT message_pk, now(), priority, tenant_id, account_id FROM mailproxy.message;
"""

REFUSED = [
    ("UPDATE mailproxy.message SET state = 'sent'", "message_is_finished_when_final"),
    ("UPDATE mailproxy.message SET finished_at = now()", "message_is_finished_when_final"),
    ("UPDATE mailproxy.message SET state = 'error', finished_at = now()", "message_error_has_a_reason"),
    ("UPDATE mailproxy.message SET state = 'sent', finished_at = now(), reason = 'but'", "message_sent_has_no_reason"),
    ("UPDATE mailproxy.message SET priority = 4", "message_priority_is_known"),
    ("UPDATE mailproxy.message SET message_id = ''", "message_id_is_short"),
    ("UPDATE mailproxy.message SET message_id = repeat('x', 256)", "message_id_is_short"),
    ("UPDATE mailproxy.message SET batch_code = 'a,b'", "message_batch_code_is_short"),
    ("UPDATE mailproxy.message SET batch_code = repeat('x', 65)", "message_batch_code_is_short"),
    ("UPDATE mailproxy.message SET account_id = 'other'", "message_account_exists"),
    ("INSERT INTO mailproxy.message (tenant_id, message_id, account_id, size_octets, priority, mime_message_id)"
     " VALUES ('acme', 'm1', 'main', 10, 2, '<2@test>')", "message_id_is_unique_in_its_tenant"),
    ("UPDATE mailproxy.queue SET state = 'leased'", "queue_leased_has_a_lease"),
    ("UPDATE mailproxy.queue SET lease_token = 1", "queue_lease_is_whole"),
    ("UPDATE mailproxy.queue SET lease_token = 1, lease_epoch = 1, leased_at = now()", "queue_leased_has_a_lease"),
    ("INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id)"
     " VALUES (0, now(), 2, 'acme', 'main')", "queue_message_pk_fkey"),
    ("UPDATE mailproxy.account SET port = 0", "account_port_is_tcp"),
    ("UPDATE mailproxy.account SET port = 65536", "account_port_is_tcp"),
    ("UPDATE mailproxy.account SET host = ''", "account_host_is_given"),
    ("UPDATE mailproxy.account SET password_sealed = '\\x00'", "account_password_names_its_key"),
    ("UPDATE mailproxy.account SET retry_delays = '{60,-1}'", "account_retry_delays_are_seconds"),
    ("UPDATE mailproxy.account SET retry_max_age_s = -1", "account_retry_max_age_is_not_negative"),
    ("UPDATE mailproxy.account SET paused_at = now()", "account_pause_has_a_reason"),
    ("UPDATE mailproxy.tenant SET retry_max_age_s = -1", "tenant_retry_max_age_is_not_negative"),
    ("UPDATE mailproxy.account_state SET gate_until = now()", "account_state_gate_has_a_reason"),
    ("UPDATE mailproxy.tenant SET api_key_hash = '\\x00'", "tenant_api_key_hash_is_sha256"),
    ("UPDATE mailproxy.tenant SET client_auth_sealed = '\\x00'", "tenant_client_auth_names_its_key"),
    ("UPDATE mailproxy.tenant SET suspended_batches = '{NULL}'", "tenant_suspended_batches_have_codes"),
    ("UPDATE mailproxy.tenant_sync SET told_seq = news_seq + 1", "tenant_sync_told_what_was_news"),
    ("UPDATE mailproxy.tenant_sync SET lease_token = 1", "tenant_sync_lease_is_whole"),
    ("INSERT INTO mailproxy.instance (instance_id) VALUES (2)", "instance_is_one_row"),
    ("UPDATE mailproxy.instance SET api_token_sealed = '\\x00'", "instance_api_token_names_its_key"),
    ("UPDATE mailproxy.instance SET bounce_imap_password_key_id = 'k'", "instance_bounce_password_names_its_key"),
    ("UPDATE mailproxy.instance SET bounce_imap_port = 0", "instance_bounce_imap_port_is_tcp"),
    ("UPDATE mailproxy.instance SET bounce_poll_interval_s = 0", "instance_bounce_poll_interval_is_positive"),
    ("INSERT INTO mailproxy.worker (host, pid, version, lease_s, ended_at) VALUES ('h', 1, 'v', 60, now())",
     "worker_end_is_explained"),
]


@pytest.fixture(scope="module")
def prepared(cluster, template):
    url = cluster.create_database("constraints", template)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(PREPARE)
        conn.execute("INSERT INTO mailproxy.account_state (tenant_id, account_id) VALUES ('acme', 'main')"
                     " ON CONFLICT DO NOTHING")
        yield conn
    cluster.drop_database("constraints")


@pytest.mark.parametrize("statement, constraint", REFUSED, ids=[f"{c}-{i}" for i, (_, c) in enumerate(REFUSED)])
def test_an_illegal_state_is_refused(prepared, statement, constraint):
    with pytest.raises(errors.IntegrityError) as refused:
        prepared.execute(statement)
    assert refused.value.diag.constraint_name == constraint


def test_every_constraint_is_named_for_what_it_says(database):
    """PostgreSQL's made-up names (x_check, x_check1) say nothing in an error."""
    with psycopg.connect(database) as conn:
        names = [row[0] for row in conn.execute(
            "SELECT conname FROM pg_constraint WHERE connamespace = 'mailproxy'::regnamespace AND contype = 'c'")]
    assert [n for n in names if re.search(r"_check\d*$", n)] == []
