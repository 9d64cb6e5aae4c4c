#!/usr/bin/python3
"""
views.py [--finished N] [--waiting N] - how long each view and function for operators takes, on a database with that history and backlog.

Medians of five readings in a private PostgreSQL, without parallel workers: by the clock, and the processor's time alone, which says more on a
machine that is busy with other things. Nothing passes or fails.
"""

import argparse
import os
import statistics
import sys
import time

import psycopg

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from support.builds import SERVER  # noqa: E402
from support.filled import fill  # noqa: E402
from support.postgres import Cluster  # noqa: E402
from support.programs import run_program  # noqa: E402


def processor_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(conn, query):
    """(seconds by the clock, of the processor, rows)"""
    began, used = time.monotonic(), processor_s(conn.info.backend_pid)
    rows = len(conn.execute(query).fetchall())
    return time.monotonic() - began, processor_s(conn.info.backend_pid) - used, rows


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--finished", type=int, default=1_000_000)
    options.add_argument("--waiting", type=int, default=100_000)
    options = options.parse_args()
    cluster = Cluster(**Cluster.VOLATILE, shared_buffers="256MB")
    try:
        url = cluster.create_database("views")
        done = run_program(SERVER, "migrate", GMP_DATABASE_URL=url)
        if done.returncode != 0:
            sys.exit(done.stderr)
        with psycopg.connect(url, autocommit=True) as conn:
            fill(conn, options.finished, options.waiting)
            views = [name for name, in conn.execute("SELECT name FROM mailproxy.schema_object WHERE kind = 'view' ORDER BY name")]
            queries = {name: f"SELECT * FROM mailproxy.{name}" for name in views}
            queries["audit()"] = "SELECT * FROM mailproxy.audit()"
            queries["explain_message()"] = "SELECT * FROM mailproxy.explain_message('t1', 'queued1')"
            conn.execute("SET max_parallel_workers_per_gather = 0")
            print(f"{options.finished:,} finished, {options.waiting:,} waiting\n\n| query | rows | ms | processor, ms |\n|---|---:|---:|---:|")
            for name, query in queries.items():
                times = [timed(conn, query) for _ in range(5)]
                clock, processor = (statistics.median(column) * 1000 for column in list(zip(*times))[:2])
                print(f"| `{name}` | {times[0][2]} | {clock:,.0f} | {processor:,.0f} |", flush=True)
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
