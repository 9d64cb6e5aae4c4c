"""PostgreSQL by itself and HTTP by wrk: what other programs measure, and what they say of it."""

import os
import re
import subprocess

# What a message is at the least: a key, whose it is, a kilobyte of text.
TABLE = """CREATE TABLE public.bench_row (row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(),
           tenant_id text NOT NULL, message_id text NOT NULL, content json NOT NULL)"""
INSERT = """INSERT INTO public.bench_row (tenant_id, message_id, content)
            SELECT 'bench', :client_id || '-' || i, json_build_object('body', repeat('A line of text, as it is. ', 40)) FROM generate_series(1, {rows}) i;"""


def parse_pgbench(text):
    """Transactions a second."""
    return float(re.search(r"^tps = ([\d.]+) \(without initial connection time\)", text, re.M).group(1))


def rows_rate(db, url, directory, rows, clients, seconds):
    """Rows a second that PostgreSQL stores, so many a commit, by pgbench with so many connections."""
    db.execute("DROP TABLE IF EXISTS public.bench_row")
    db.execute(TABLE)
    script = os.path.join(directory, "insert.sql")
    with open(script, "w", encoding="utf-8") as f:
        f.write(INSERT.format(rows=rows).replace("\n", " ") + "\n")
    told = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, os.cpu_count())), "-T", str(seconds),
                           "-f", script, url], check=True, capture_output=True, text=True, cwd="/").stdout
    db.execute("DROP TABLE public.bench_row")
    return parse_pgbench(told) * rows


UNIT_MS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}


def parse_wrk(text):
    """{"rate": requests a second, "count": of them, "p50" and "p99": milliseconds, "failed": answers but 2xx and 3xx, and lost connections}"""
    found = {"rate": float(re.search(r"^Requests/sec:\s+([\d.]+)", text, re.M).group(1)),
             "count": int(re.search(r"^\s*(\d+) requests in", text, re.M).group(1))}
    for percent in (50, 99):
        value, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)$", text, re.M).groups()
        found[f"p{percent}"] = float(value) * UNIT_MS[unit]
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    found["failed"] = sum(map(int, errors.groups() if errors else ())) + int(refused.group(1) if refused else 0)
    return found


def wrk(script, arguments, url, connections, seconds):
    """What parse_wrk() says. wrk hands the arguments to the script's init()."""
    told = subprocess.run(["wrk", "-t", str(min(connections, os.cpu_count())), "-c", str(connections), "-d", f"{seconds}s", "--latency", "-s", script,
                           url, "--", *arguments], check=True, capture_output=True, text=True).stdout
    return parse_wrk(told)
