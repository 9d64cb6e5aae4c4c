"""
What work costs: processor time of each process of the system by its name, WAL and statements, between two looks.

Processor time is that of /proc/PID/stat, whose sum is exact and whose unit is a hundredth of a second. PostgreSQL's processes go by
application_name or backend_type, rig.database()'s are left out; of those that ended in between (autovacuum's workers) the postmaster tells the sum.
"""

import os
import pathlib
import re
import sys

import rig
from support.builds import ROOT

sys.path.insert(0, os.path.join(ROOT, "sql"))

import embed  # noqa: E402

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
ENDED = "postgres: ended meanwhile"


def parse_stat(text):
    """Of /proc/PID/stat: (parent, µs of its own, µs of its children that ended)."""
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) * TICK_US, (int(fields[13]) + int(fields[14])) * TICK_US


def read_stat(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return parse_stat(f.read())
    except (FileNotFoundError, ProcessLookupError):
        return None


def statement_key(text):
    """The same for a statement of sql/statements and for what pg_stat_statements makes of it, which puts $n for constants."""
    without_constants = re.sub(r"'(?:[^']|'')*'|\$\d+|\b\d+(\.\d+)?\b|\b(true|false|null)\b|(?<=extract\()\w+", "?", text, flags=re.I)
    return re.sub(r"\s+", " ", without_constants).strip(" ;")


def statement_names():
    """{key: name of the file}"""
    files = (pathlib.Path(ROOT) / "sql" / "statements").rglob("*.sql")
    return {statement_key(embed.without_comments(embed.with_included(file))): file.stem for file in files}


class Look:
    """The counters at one moment. `others` are processes that are no part of the system: {name: pid}."""

    def __init__(self, db, programs, others=None):
        self.named = {pid: name for name, pid in {**programs, **(others or {})}.items()}
        self.lsn, postmaster = db.execute("/* bench */ SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, pg_backend_pid()").fetchone()
        postmaster = read_stat(postmaster)[0]
        for pid, name in db.execute("/* bench */ SELECT pid, CASE backend_type WHEN 'client backend' THEN application_name ELSE backend_type END"
                                    "  FROM pg_stat_activity WHERE application_name IS DISTINCT FROM 'bench'"):  # rig.database(): who only looks
            self.named[pid] = f"postgres: {name}"
        self.named[postmaster] = "postgres: postmaster"
        stats = {pid: read_stat(pid) for pid in self.named}
        self.used_us = {pid: stat[1] for pid, stat in stats.items() if stat}
        self.ended_us = stats[postmaster][2]
        self.statements = {}
        if "pg_stat_statements" in rig.POSTGRES.get("shared_preload_libraries", ""):
            self.statements = {row[0]: row[1:] for row in db.execute(
                "/* bench */ SELECT query, sum(calls)::bigint, sum(total_exec_time) * 1000, sum(wal_bytes)::bigint, sum(rows)::bigint"
                "  FROM pg_stat_statements WHERE query NOT LIKE '/* bench */%' GROUP BY query")}


class Cost:
    """
    Of `units` pieces of work between two looks, for each:
    used_us     {process: µs of processor time}
    wal         octets
    statements  {text: (calls, µs by the clock, octets of WAL, rows)}; none without pg_stat_statements
    """

    def __init__(self, before, after, units):
        self.used_us = {}
        gone_us = after.ended_us - before.ended_us
        for pid, us in before.used_us.items():
            if pid not in after.used_us:
                gone_us -= us
        for pid, us in after.used_us.items():
            name = after.named[pid]
            self.used_us[name] = self.used_us.get(name, 0) + (us - before.used_us.get(pid, 0)) / units
        self.used_us[ENDED] = max(0, gone_us) / units
        self.wal = float(after.lsn - before.lsn) / units
        self.statements = {}
        for text, now in after.statements.items():
            then = before.statements.get(text, (0, 0, 0, 0))
            if now[0] > then[0]:
                self.statements[text] = tuple(float(a - b) / units for a, b in zip(now, then))

    def share_us(self, prefix):
        """Of all processes whose name begins so."""
        return sum(us for name, us in self.used_us.items() if name.startswith(prefix))


def programs(workers):
    """{name: pid} of the running programs: all workers go by one name with their number."""
    return {name: rig.program_pid(name) for name in ["server"] + [f"worker-{n + 1}" for n in range(workers)]}
