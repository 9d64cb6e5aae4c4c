"""What operators see of running programs: docs/operating.md with its answers, and that an audit balances whatever happens."""

import os
import re
import threading

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from support import examples
from support.builds import ROOT
from support.ports import free_port
from support.programs import message
from support.waiting import wait_for

DOCUMENT = os.path.join(ROOT, "docs", "operating.md")
REWRITE = os.environ.get("MAILPROXY_REWRITE_DOCS") == "1"
# What differs from run to run: times, and with them the width of columns; the figures of the questions about speed and size; how many
# connections a worker found worth opening.
VOLATILE = [
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?(\.\d+)?(\+00| UTC)?"), "T"),
    (re.compile(r"-?\b\d\d:\d\d:\d\d(\.\d+)?"), "I"),
    (re.compile(r"\b\d+ ms waiting to be claimed, \d+ composing, \d+ connecting, \d+ sending"), "M"),
    (re.compile(r"pg_terminate_backend\(\d+\)"), "P"),
    (re.compile(r"\b\d+ (kB|bytes)"), "S"),
    (re.compile(r"\bafter \d+ ms\b"), "after N ms"),
    (re.compile(r"\b\d+ in use\b"), "N in use"),
    (re.compile(r"\(worker (\d+): \d+\)"), r"(worker \1: N)"),
    (re.compile(r"(?:\n +\w+ +\| T \|[ |\d]+)+\n\(\d+ rows?\)"), "\nL"),  # of one minute or two
    (re.compile(r"\bqueue( +\| +\d+){2}"), "D"),
    (re.compile(r"-{2,}"), "-"),
    (re.compile(r" +"), " "),
]


class Evening:
    """The scenes of the document: what happens, for real, before each of its questions."""

    def __init__(self, start, database, relay, store):
        self.start, self.database, self.relay, self.store = start, database, relay, store
        self.system = None
        self.closed_port = free_port()
        self.let_go = threading.Event()
        self.forgotten = None
        self.scenes = {"an evening": self.begin, "a worker is killed in the middle of a message": self.kill,
                       "another worker takes over": self.take_over, "somebody forgets a transaction": self.forget}

    def answer_rcpt(self, _session, command):
        if "busy@" in command:
            return "450 4.2.1 Mailbox busy, try again later"
        return "550 5.1.1 No such user here" if "nobody@" in command else None

    def answer_dot(self, _session, mail):
        if mail.recipients[0].startswith("slow@"):
            self.let_go.wait(60)

    def begin(self):
        self.relay.on("rcpt", self.answer_rcpt)
        self.relay.on("dot", self.answer_dot)
        self.system = self.start(workers=0, GMP_RETRY_DELAYS="3600", GMP_LEASE_SECONDS="10")
        shop, news, club = self.system.add_tenant("shop", self.store), self.system.add_tenant("news"), self.system.add_tenant("club")
        self.store.stop()
        self.system.add_account(shop, self.relay)
        self.system.add_account(news, self.relay, "bulk", limit_per_hour=5)
        assert club.post("/account", {"id": "main", "host": "127.0.0.1", "port": self.closed_port, "use_tls": False}).status == 200
        self.system.add_account(club, self.relay, "backup")
        assert news.post("/commands/suspend", batch_code="spring").status == 200
        shop.enqueue(*[message(f"order-{i}", to=[f"customer{i}@example.net"]) for i in range(1, 21)],
                     message("order-busy", to=["busy@example.net"]), message("order-nobody", to=["nobody@example.net"]))
        news.enqueue(*[message(f"spring-{i}", "bulk", batch_code="spring") for i in range(1, 4)])
        news.enqueue(*[message(f"digest-{i}", "bulk") for i in range(1, 13)])
        club.enqueue(message("invitation"))
        self.add_worker("mail1", 4711)
        wait_for(lambda: self.count("message WHERE state = 'sent'") == 25 and self.count("message WHERE state = 'error'") == 1
                 and self.count("queue WHERE state = 'leased'") == 0
                 and self.count("account_state WHERE gate_until > now()") == 2
                 and self.count("tenant_sync WHERE failures > 0") == 1, "the evening to be as the document tells")
        self.age_events()

    def count(self, what):
        return self.system.value("SELECT count(*) FROM mailproxy." + what)

    def add_worker(self, host, pid):
        """Its row gets the name and number that the document uses."""
        worker = self.system.start_worker()
        self.system.rows("UPDATE mailproxy.worker SET host = %s, pid = %s WHERE pid = %s AND ended_at IS NULL", host, pid, worker.pid)

    def age_events(self):
        """Seven minutes pass for the reports. Just after midnight that was yesterday."""
        self.system.rows("CREATE TABLE mailproxy.event_before PARTITION OF mailproxy.event FOR VALUES FROM (MINVALUE) TO ('%s')"
                         % self.system.value("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD 00:00:00+00')"))
        self.system.rows("UPDATE mailproxy.event SET created_at = created_at - interval '7 minutes'")
        wait_for(lambda: self.system.rows("UPDATE mailproxy.tenant_sync SET failures = 1, retry_at = now() + interval '5 minutes'"
                                          " WHERE failures > 0 AND lease_token IS NULL RETURNING 1"), "no call to be under way")

    def kill(self):
        self.store.api.enqueue(message("order-slow", to=["slow@example.net"]))
        wait_for(lambda: self.count("queue WHERE state = 'leased'") == 1 and self.relay.count("dot") == 26, "the last message to be under way")
        self.system.workers[0].kill()
        wait_for(lambda: self.count("worker_status WHERE state = 'dead'") == 1, "the worker to count as dead", timeout=40)

    def take_over(self):
        self.let_go.set()
        self.add_worker("mail2", 4712)
        self.system.wait_state("sent", "order-slow", tenant="shop", timeout=60)

    def forget(self):
        self.forgotten = psycopg.connect(self.database, application_name="monthly report")
        self.forgotten.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.forgotten.execute("SELECT count(*) FROM mailproxy.message")

    def environment(self):
        parts = conninfo_to_dict(self.database)
        return {"PGHOST": parts["host"], "PGUSER": parts["user"], "PGDATABASE": parts["dbname"], "PGTZ": "UTC", "PGAPPNAME": "psql",
                "PSQLRC": "/dev/null", "PGOPTIONS": "-c datestyle=ISO"}

    def close(self):
        self.let_go.set()
        if self.forgotten:
            self.forgotten.close()


@pytest.fixture
def evening(new_system, database, relay, store):
    evening = Evening(new_system, database, relay, store)
    yield evening
    evening.close()


def test_every_question_gets_the_answer_that_is_written(evening):
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    names = [("10025", str(evening.relay.port)), ("10026", str(evening.closed_port)), ("10080", str(evening.store.port))]
    today, differing = examples.run_all(text, evening.environment(), names, evening.scenes, VOLATILE)
    if REWRITE:
        with open(DOCUMENT, "w", encoding="utf-8") as file:
            file.write(today)
        return
    assert not differing, "\n".join(f"{command}\n written: {written}\n given:   {given}" for command, written, given in differing)
    assert len(re.findall(r"^## \d+\. ", text, re.M)) >= 12


def test_an_audit_balances_at_any_moment_while_workers_run_and_are_killed(new_system, smtp_sink):
    system = new_system(workers=2, GMP_LEASE_SECONDS=2)
    api = system.add_tenant()
    system.add_account(api, smtp_sink)
    audits, unbalanced = [], []
    over = threading.Event()

    def audit():
        with psycopg.connect(system.database_url, autocommit=True) as conn:
            while not over.is_set():
                for tenant, accepted, sent, error, cancelled, queued, balanced in conn.execute("SELECT * FROM mailproxy.audit()"):
                    audits.append((accepted, queued))
                    if not balanced or accepted != sent + error + cancelled + queued:
                        unbalanced.append((tenant, accepted, sent, error, cancelled, queued, balanced))

    auditor = threading.Thread(target=audit)
    auditor.start()
    try:
        for part in range(6):
            api.enqueue(*[message(f"m{part}-{i}") for i in range(400)])
            if part == 3:
                system.workers[0].kill()
                system.start_worker()
        assert api.post("/commands/delete-messages", {"ids": [f"m5-{i}" for i in range(350, 400)]}).status == 200
        system.wait_all_final(timeout=120)
    finally:
        over.set()
        auditor.join()
    assert unbalanced == []
    assert any(queued for _, queued in audits) and len(set(audits)) > 10, "audited while mail flowed"
    last = system.rows("SELECT * FROM mailproxy.audit('acme')")
    assert [(r["queued"], r["error"], r["balanced"]) for r in last] == [(0, 0, True)]
