"""
Where a message's time goes: processor time by process, WAL and statements for each message, stored and then sent.

First no worker runs, and messages are posted over several connections; then the service is not active while workers start,
and activated. smtp-sink takes the mails. With --reports a tenant's web server is told of them. pg_stat_statements is loaded, which costs some
per cent: absolute figures are those of the other rows.
"""

import statistics
import tempfile

import cost
import rig
from support.smtpsink import SmtpSink
from support.waiting import wait_for

STATEMENTS = 16  # of each phase, the most expensive ones

SMALL = {"messages": 500}


def add_arguments(parser):
    parser.add_argument("--messages", type=int, default=20000, help="a round (default 20000)")
    parser.add_argument("--batch", type=int, default=100, help="messages a request (default 100)")
    parser.add_argument("--clients", type=int, default=4, help="HTTP connections (default 4)")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=20, help="of the account (default 20)")
    parser.add_argument("--reports", action="store_true", help="the tenant is told of its messages")


class Scene:
    def __init__(self, sink, store, arguments):
        self.sink, self.store, self.arguments = sink, store, arguments
        admin = rig.start(0)
        self.db = rig.database()
        self.db.execute("CREATE EXTENSION pg_stat_statements")
        fields = {"client_base_url": store.url, "client_sync_path": "/proxy_sync"} if store else {}
        self.api = rig.add_tenant(admin, "bench", **fields)
        rig.add_account(self.api, "main", "127.0.0.1", sink.port, max_connections=arguments.connections, batch_size=1000)

    def look(self, workers):
        return cost.Look(self.db, cost.programs(workers), {"smtp-sink": self.sink.process.pid})

    def accept(self, number):
        """(messages a second, Cost)"""
        requests = rig.bodies("bench", [f"r{number}-{i}" for i in range(self.arguments.messages)], self.arguments.batch)
        rig.start(0)
        before = self.look(0)
        took = rig.post_bodies(self.api, "bench", requests, self.arguments.clients)
        return self.arguments.messages / took, cost.Cost(before, self.look(0), self.arguments.messages)

    def drain(self, number):
        rig.stand_by(self.db, self.arguments.workers)
        before = self.look(self.arguments.workers)
        took = rig.let_go(self.db)
        if self.store:
            wait_for(lambda: self.store.count() >= (number + 1) * self.arguments.messages, "all reports", rig.PATIENCE_S, 0.05)
        return self.arguments.messages / took, cost.Cost(before, self.look(self.arguments.workers), self.arguments.messages)


def median_of(costs, pick):
    return statistics.median(pick(c) for c in costs)


def process_lines(phases):
    """One line for each process that uses 0.05 µs or more in any phase."""
    names = sorted({name for costs in phases for c in costs for name in c.used_us})
    lines = []
    for name in names:
        values = [median_of(costs, lambda c: c.used_us.get(name, 0)) for costs in phases]
        if max(values) >= 0.05:
            lines.append(f"| {name} | " + " | ".join(f"{v:.1f}" for v in values) + " |")
    for title, prefix in (("PostgreSQL together", "postgres: "), ("everything but the relay", "")):
        values = [median_of(costs, lambda c: c.share_us(prefix) - (0 if prefix else c.used_us.get("smtp-sink", 0))) for costs in phases]
        lines.append(f"| **{title}** | " + " | ".join(f"{v:.1f}" for v in values) + " |")
    return lines


def statement_lines(costs, names):
    """The most expensive statements of a phase, by the clock of their execution."""
    texts = {text for c in costs for text in c.statements}
    zero = (0, 0, 0, 0)
    rows = [(*(median_of(costs, lambda c: c.statements.get(text, zero)[n]) for n in range(4)), text) for text in texts]
    lines = []
    for calls, us, wal, _, text in sorted(rows, key=lambda row: -row[1])[:STATEMENTS]:
        name = names.get(cost.statement_key(text)) or " ".join(text.split())[:60].replace("|", "\\|")
        lines.append(f"| `{name}` | {calls:.4f} | {us:.2f} | {wal:,.0f} |")
    return lines


def report_text(accepted, drained, arguments):
    phases = [[c for _, c in accepted], [c for _, c in drained]]

    def numbers(pick, digits):
        return " | ".join(f"{median_of(costs, pick):,.{digits}f}" for costs in phases)

    names = cost.statement_names()
    head = ["| statement | calls a message | µs a message | WAL a message |", "|---|---:|---:|---:|"]
    return "\n".join([
        f"{arguments.messages:,} messages of 1 KB text a round, {len(accepted)} rounds: stored in requests of {arguments.batch} over {arguments.clients}"
        f" connections without a worker, then sent by {arguments.workers} worker(s) over {arguments.connections} connections"
        f"{' and reported' if arguments.reports else ''}. For each message, medians of the rounds:",
        "",
        "| | stored | sent |", "|---|---:|---:|",
        *process_lines(phases),
        f"| WAL, octets | {numbers(lambda c: c.wal, 0)} |",
        f"| statements | {numbers(lambda c: sum(s[0] for s in c.statements.values()), 3)} |",
        f"| messages a second | {statistics.median(r for r, _ in accepted):,.0f} | {statistics.median(r for r, _ in drained):,.0f} |",
        "",
        "Processes: µs of processor time. Statements: times by the clock of their execution, other processes' turns included.",
        "", "Stored:", "", *head, *statement_lines(phases[0], names), "", "Sent:", "", *head, *statement_lines(phases[1], names),
    ])


def measure(arguments):
    rig.POSTGRES["shared_preload_libraries"] = "pg_stat_statements"
    store = rig.CountingStore() if arguments.reports else None
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=rig.MEMORY) as directory:
        sink = SmtpSink(directory, keeps=False)
        try:
            scene = Scene(sink, store, arguments)
            accepted, drained = zip(*rig.rounds(arguments, lambda number: (scene.accept(number), scene.drain(number)),
                                                lambda r: f"stored {r[0][0]:,.0f}/s, sent {r[1][0]:,.0f}/s"))
        finally:
            sink.close()
            if store:
                store.close()
    return report_text(accepted, drained, arguments), []
