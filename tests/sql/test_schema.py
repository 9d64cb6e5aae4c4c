"""The schema: its snapshot, and migrations that several programs run at once. What it refuses is in ../tap/constraints.sql."""

import os
import subprocess

import psycopg
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
