"""
A backlog sent as fast as it goes, by one worker and by two, into Postfix's smtp-sink.

The service is not active while messages are stored and workers start; the clock runs from its activation until the queue is empty. In the
same round and into the same sink: smtp-source -d, which only sends, over as many sessions, and smtp-source with one connection a mail.
The database says whether each message was sent, and in one attempt.
"""

import statistics
import tempfile

import rig
from support.smtpsink import SmtpSink
from table import Figure

WORKERS = (1, 2)
SEPARATE = 20000  # mails over one connection each: more say nothing more

SMALL = {"messages": 500}


def add_arguments(parser):
    parser.add_argument("--messages", type=int, default=100000, help="the backlog (default 100000)")
    parser.add_argument("--connections", type=int, default=20, help="of the account, and sessions of smtp-source (default 20)")


class Scene:
    def __init__(self, sink, arguments):
        self.sink, self.arguments = sink, arguments
        admin = rig.start(0)
        self.db = rig.database()
        self.api = rig.add_tenant(admin, "bench")
        rig.add_account(self.api, "main", "127.0.0.1", sink.port, max_connections=arguments.connections, batch_size=1000)

    def drain(self, what, workers):
        """Messages a second."""
        rig.start(0)
        ids = [f"{what}-{workers}-{i}" for i in range(self.arguments.messages)]
        rig.post_bodies(self.api, "bench", rig.bodies("bench", ids, 500), 4)
        rig.stand_by(self.db, workers)
        took = rig.let_go(self.db)
        sent, attempts = self.db.execute(
            "SELECT count(DISTINCT m.message_pk), count(*) FROM mailproxy.message m JOIN mailproxy.attempt a USING (message_pk)"
            " WHERE m.state = 'sent' AND m.message_id ^@ %s", (f"{what}-{workers}-",)).fetchone()
        assert sent == attempts == len(ids), f"{sent} of {len(ids)} were sent, in {attempts} attempts"
        return len(ids) / took

    def round(self, what):
        """{who: messages a second}"""
        port, sessions = self.sink.port, self.arguments.connections
        found = {"smtp-source -d": rig.source_rate(port, self.arguments.messages, sessions),
                 "smtp-source": rig.source_rate(port, min(SEPARATE, self.arguments.messages), sessions, keeps_connections=False)}
        found.update({workers: self.drain(what, workers) for workers in WORKERS})
        return found


def round_text(found):
    return ", ".join(f"{who if isinstance(who, str) else f'{who} worker(s)'} {rate:,.0f}/s" for who, rate in found.items())


def report_text(rounds, arguments):
    def line(name, who):
        ratio = statistics.median(r[who] / r["smtp-source -d"] for r in rounds)
        return f"| {name} | {rig.spread([r[who] for r in rounds])} | {ratio:.2f} |"

    return "\n".join([
        f"A backlog of {arguments.messages:,} messages of 1 KB text, {arguments.connections} connections; {len(rounds)} rounds. In every round each"
        " message was sent, in one attempt.",
        "",
        "| messages a second | median | lowest – highest | of `smtp-source -d` |",
        "|---|---|---|---|",
        *(line(f"{n} worker{'s' if n > 1 else ''}", n) for n in WORKERS),
        line("`smtp-source -d` into the same sink, sending only", "smtp-source -d"),
        line("`smtp-source`, one connection a mail", "smtp-source"),
    ])


def measure(arguments):
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=rig.MEMORY) as directory:
        sink = SmtpSink(directory, keeps=False)
        try:
            scene = Scene(sink, arguments)
            rounds = rig.rounds(arguments, lambda number: scene.round(f"r{number}"), round_text)
        finally:
            sink.close()
    figures = [Figure(f"drain a backlog of {arguments.messages:,}, {n} worker{'s' if n > 1 else ''}", "msg/s", [r[n] for r in rounds],
                      target=10000 if n == 1 else None, peer="smtp-source -d", least_ratio=0.5 if n == 1 else None,
                      ratios=[r[n] / r["smtp-source -d"] for r in rounds]) for n in WORKERS]
    return report_text(rounds, arguments), figures
