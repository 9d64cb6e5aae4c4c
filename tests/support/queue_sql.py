"""The workers' hot statements, driven from a test without a worker: claims, records and the death of who made them."""

import pathlib
import re

import psycopg

from .builds import ROOT

STATEMENTS = {path.stem: path.read_text() for path in pathlib.Path(ROOT, "sql", "statements").glob("*/*.sql")}


def statement(name):
    return pathlib.Path(ROOT, "sql", "statements", name + ".sql").read_text()


def options_of_the_programs():
    """What libpq's connections of the programs begin with."""
    return re.search(r'"(-c enable_[^"]*)"', pathlib.Path(ROOT, "common", "db.c").read_text()).group(1)


def change_queue_row(api, message_id, sql, *params):
    """Change the message's queue row as a worker, or who suspends a batch, would."""
    assert api.system.rows(f"UPDATE mailproxy.queue q SET {sql} FROM mailproxy.message m WHERE m.message_pk = q.message_pk"
                           " AND m.tenant_id = %s AND m.message_id = %s RETURNING 1", *params, api.tenant_id, message_id)


class Claimer:
    """One worker's connection and epoch."""

    # The columns of claim_messages that tests look at.
    AGAIN_MS, REJECTED, PK, TOKEN, PRIORITY, ACCOUNT, CONNECTIONS, KEPT_BACK, PASSED = 0, 1, 2, 3, 8, 19, 32, -3, -2

    def __init__(self, url):
        self.conn = psycopg.connect(url, autocommit=True, options="-c enable_seqscan=off -c jit=off", prepare_threshold=None)
        self.epoch = self.conn.execute(
            "INSERT INTO mailproxy.worker (host, pid, version, lease_s, started_at, heartbeat_at)"
            " VALUES ('test', 1, 'v', 3600, 'epoch', now()) RETURNING epoch").fetchone()[0]
        self.conn.execute("PREPARE claim AS " + statement("claim/claim_messages"))
        self.conn.execute("PREPARE record AS " + statement("record/record_attempts"))
        self.answer = None  # of the last claim, as it came

    def claim(self, most=50, batch_size=50, held=(), few=None, unproven=50, reserve=-10000, everything=True):
        """
        Rows that are messages. held: (tenant, account, messages, connections) of what it holds already; few: how many more of
        each it may have, by first contact. unproven, reserve: $12 and $13, by which there is more than enough room for all.
        """
        tenants, accounts, counts, kept = (list(column) for column in zip(*held)) if held else ([], [], [], [])
        values = psycopg.sql.SQL(", ").join(map(psycopg.sql.Literal, [self.epoch, tenants, accounts, counts, batch_size, most, 65536, kept, 10,
                                                                    few or [None] * len(held), [1] * len(held), unproven, reserve, 0, 0, everything]))
        self.answer = self.conn.execute(psycopg.sql.SQL("EXECUTE claim({})").format(values)).fetchall()
        return [row for row in self.answer if row[self.PK] is not None]

    def record(self, rows, outcome="sent", blame="none", phase="dot", code=250, reason=None, taken=None, retry_s=0):
        n = len(rows)
        taken = outcome == "sent" if taken is None else taken
        arrays = [[r[self.PK] for r in rows], [r[self.TOKEN] for r in rows], [outcome] * n, [retry_s] * n, [1] * n, [code] * n,
                  [None] * n, [reason] * n, [reason] * n, [None] * n, [None] * n, [None] * n, [0] * n, [0] * n, [0] * n, [0] * n,
                  [blame] * n, [phase] * n, [taken] * n, [10] * n, [100] * n]
        values = psycopg.sql.SQL(", ").join(map(psycopg.sql.Literal, arrays))
        return self.conn.execute(psycopg.sql.SQL("EXECUTE record({})").format(values)).fetchall()

    def close(self):
        self.conn.close()


def by_account(rows):
    """How many of what a claim gave are of which account."""
    accounts = [row[Claimer.ACCOUNT] for row in rows]
    return {account: accounts.count(account) for account in accounts}


def add_account(conn, tenant="acme", account="main", rate_limits=None, proven=True, **fields):
    """An account, its tenant when there is none yet, and their states."""
    conn.execute("INSERT INTO mailproxy.tenant (tenant_id, rate_limits) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                 (tenant, psycopg.types.json.Jsonb(rate_limits) if rate_limits else None))
    conn.execute("INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES (%s) ON CONFLICT DO NOTHING", (tenant,))
    columns = {"tenant_id": tenant, "account_id": account, "host": "relay.test", "port": 25, **fields}
    conn.execute(psycopg.sql.SQL("INSERT INTO mailproxy.account ({}) VALUES ({})").format(
        psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns)),
        psycopg.sql.SQL(", ").join(map(psycopg.sql.Literal, columns.values()))))
    conn.execute("INSERT INTO mailproxy.account_state (tenant_id, account_id, proven) VALUES (%s, %s, %s)",
                 (tenant, account, proven))


def add_messages(conn, count, tenant="acme", account="main", priority=2):
    """Messages that are due."""
    conn.execute(
        "WITH m AS (INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority)"
        " SELECT %s, %s, gen_random_uuid(), '<x@test>', 100, %s FROM generate_series(1, %s) RETURNING *),"
        " b AS (INSERT INTO mailproxy.message_body SELECT message_pk, created_at, '{}' FROM m)"
        " INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id)"
        " SELECT message_pk, now(), priority, tenant_id, account_id FROM m", (tenant, account, priority, count))


def most_in_a_window(times, length):
    """The most of these times that any window of that length holds."""
    times, most, first = sorted(times), 0, 0
    for last, time in enumerate(times):
        while times[first] <= time - length:
            first += 1
        most = max(most, last - first + 1)
    return most
