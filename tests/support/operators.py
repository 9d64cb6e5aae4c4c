"""A database whose queue is driven by the workers' own statements, for the tests of what operators see of it."""

import itertools

import psycopg
import psycopg.sql
from psycopg.rows import dict_row

from .queue_sql import Claimer, add_account

_number = itertools.count(1)


class Desk:
    """An operator's connection; tenant acme with account main."""

    def __init__(self, url):
        self.url = url
        self.db = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self.workers = []
        for parent in "attempt", "event":  # a test that makes something older may run just after midnight
            self.db.execute(psycopg.sql.SQL("CREATE TABLE mailproxy.{} PARTITION OF mailproxy.{} FOR VALUES FROM (MINVALUE) TO ({})").format(
                psycopg.sql.Identifier(parent + "_before"), psycopg.sql.Identifier(parent),
                psycopg.sql.Literal(self.value("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD 00:00:00+00')"))))
        self.account()

    def close(self):
        for worker in self.workers:
            worker.close()
        self.db.close()

    def sql(self, statement, *params):
        self.db.execute(statement, params or None)

    def rows(self, query, *params):
        return self.db.execute(query, params or None).fetchall()

    def row(self, query, *params):
        row, = self.rows(query, *params)
        return row

    def value(self, query, *params):
        value, = self.row(query, *params).values()
        return value

    def account(self, tenant="acme", account="main", **fields):
        add_account(self.db, tenant, account, **fields)

    def messages(self, count, tenant="acme", account="main", priority=2, batch_code=None, due_in_s=0):
        """Their ids. due_in_s: as their sender wishes."""
        names = [f"m{next(_number)}" for _ in range(count)]
        self.db.execute(
            "WITH m AS (INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, batch_code)"
            " SELECT %s, %s, n, '<x@test>', 100, %s, %s FROM unnest(%s::text[]) n RETURNING *)"
            " INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id, state)"
            " SELECT message_pk, now() + make_interval(secs => %s), priority, tenant_id, account_id,"
            " (CASE WHEN %s > 0 THEN 'scheduled' ELSE 'ready' END)::mailproxy.queue_state FROM m",
            (tenant, account, priority, batch_code, names, due_in_s, due_in_s))
        return names

    def worker(self):
        self.workers.append(Claimer(self.url))
        return self.workers[-1]
