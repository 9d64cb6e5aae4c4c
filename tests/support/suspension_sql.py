"""Suspension's statements as the programs run them, and two transactions interleaved by hand."""

import threading

import psycopg

from .queue_sql import STATEMENTS
from .waiting import wait_for

PREPARE = """
INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme'), ('other');
INSERT INTO mailproxy.account (tenant_id, account_id, host, port)
     VALUES ('acme', 'main', 'relay.test', 25), ('other', 'main', 'relay.test', 25);
INSERT INTO mailproxy.account_state (tenant_id, account_id, proven) SELECT tenant_id, account_id, true FROM mailproxy.account;
INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('acme'), ('other');
INSERT INTO mailproxy.worker (host, pid, version, lease_s, started_at, steady_since)
     VALUES ('h', 1, 'v', 60, 'epoch', now() - interval '1 hour'),
            ('h', 2, 'v', 60, 'epoch', now() - interval '1 hour');
"""


class Connection:
    """One connection of a program: its statements by name, and what it sees and waits for."""

    def __init__(self, url):
        self.url = url
        self.db = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor)
        self.prepared = set()
        self.cursor = None  # of the last statement

    def run(self, statement, *params):
        """The rows of a statement of sql/statements/; none where it returns none."""
        if statement not in self.prepared:
            self.db.execute(f'PREPARE "{statement}" AS {STATEMENTS[statement]}'.replace("%", "%%"), ())
            self.prepared.add(statement)
        marks = "(" + ", ".join(["%s"] * len(params)) + ")" if params else ""
        self.cursor = self.db.execute(f'EXECUTE "{statement}"{marks}', params)
        return self.cursor.fetchall() if self.cursor.description else None

    def sql(self, text, *params):
        cursor = self.db.execute(text, params)
        return cursor.fetchall() if cursor.description else None

    def begin(self):
        self.db.execute("BEGIN")

    def commit(self):
        self.db.execute("COMMIT")

    def is_waiting(self, watcher):
        return watcher.sql("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", self.db.info.backend_pid)[0][0]

    # What the programs do.

    def add(self, *ids, batch="b1", tenant="acme", due_s=None):
        n = len(ids)
        return self.run("enqueue_messages", [tenant] * n, list(ids), ["main"] * n, [2] * n, [100] * n, [0] * n, [batch] * n,
                        [f"<{i}@test>" for i in ids], [False] * n, [due_s] * n, ["{}"] * n)

    def replace(self, *ids, batch="b1", tenant="acme"):
        """As one transaction of the server does it."""
        self.run("share_tenants", [tenant] if batch else [])
        assert self.add(*ids, batch=batch, tenant=tenant) == []
        verdicts = self.run("replace_messages", [tenant] * len(ids), list(ids), ["main"] * len(ids))
        assert {verdict for _, verdict in verdicts} == {"replaced"}
        assert len(self.add(*ids, batch=batch, tenant=tenant)) == len(ids)

    def claim(self, epoch=1):
        """{message_id: (message_pk, lease_token)}"""
        rows = self.run("claim_messages", epoch, [], [], [], 1000, 1000, 65536, [], 1000, [], [], 1000, -10000, 0, 0, True)
        pk, token, message_id = ([c.name for c in self.cursor.description].index(name)
                                 for name in ("message_pk", "lease_token", "message_id"))
        return {row[message_id]: (row[pk], row[token]) for row in rows if row[pk] is not None}

    def suspend(self, batch="b1", tenant="acme"):
        return self.run("suspend_tenant", tenant, batch, 1000)

    def activate(self, batch="b1", tenant="acme"):
        return self.run("activate_tenant", tenant, batch)

    def states(self):
        """{message_id: state of its queue row}"""
        return dict(self.sql("SELECT m.message_id, q.state::text FROM mailproxy.queue q JOIN mailproxy.message m USING (message_pk)"))


def record(c, claims, outcome="deferred", blame="recipient", phase="dot"):
    n = len(claims)
    later = 0 if outcome == "deferred" else None
    recorded = c.run("record_attempts", [pk for pk, _ in claims], [token for _, token in claims], [outcome] * n, [later] * n,
                     [1] * n, [451] * n, ["4.3.0"] * n, ["451 later"] * n, ["later" if outcome != "sent" else None] * n,
                     [None] * n, [None] * n, [None] * n, [1] * n, [1] * n, [1] * n, [1] * n, [blame] * n, [phase] * n,
                     [outcome == "sent"] * n, [60] * n, [7200] * n)
    assert len(recorded) == n


def reap(c, _claims):
    c.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '1 hour' WHERE epoch = 1")
    assert c.run("reap_workers", 2)


# The ways in which a message leaves a worker's hands and is not done; and its state when its batch is not suspended.
ENDS = {
    "deferred": (lambda c, claims: record(c, claims), "scheduled"),
    "its account at fault": (lambda c, claims: record(c, claims, blame="account", phase="greeting"), "ready"),
    "its account at fault, told of it alone": (lambda c, claims: record(c, claims, blame="account"), "scheduled"),
    "returned": (lambda c, claims: c.run("return_claims", [pk for pk, _ in claims], [t for _, t in claims]), "ready"),
    "recovered": (lambda c, claims: c.run("recover_leases", 1, []), "ready"),
    "its worker ended": (lambda c, claims: c.run("end_worker", 1), "ready"),
    "its worker died": (reap, "ready"),
}


class Later:
    """A call in a thread of its own, which waits for a lock of somebody else."""

    def __init__(self, call):
        self.error = None
        self.thread = threading.Thread(target=self._run, args=(call,))
        self.thread.start()

    def _run(self, call):
        try:
            call()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def join(self):
        self.thread.join(60)
        assert not self.thread.is_alive(), "it waits for ever"
        if self.error:
            raise self.error


def interleave(watcher, first, do_first, second, do_second):
    """The second begins while the first has done its work and not committed; it waits, and goes on then."""
    first.begin()
    do_first(first)
    later = Later(lambda: do_second(second))
    wait_for(lambda: second.is_waiting(watcher) or not later.thread.is_alive(), "the second to wait")
    assert later.thread.is_alive() or later.error, "the second did not wait for the first"
    first.commit()
    later.join()
