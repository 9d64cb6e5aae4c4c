"""
What a message costs when there is more of everything: tenants, workers, backlog, size, recipients, history, and a snapshot held open.

Of each point: messages are stored over HTTP while no worker runs, then workers send them into smtp-sink; processor time of the
server, the workers and PostgreSQL for each message, and messages a second. Backlog and history are made by SQL. Nothing should
grow but what must: with size and recipients.
"""

import dataclasses
import json
import os
import statistics
import tempfile
import time

import cost
import pile
import plot
import rig
from support.smtpsink import SmtpSink
from support.waiting import wait_for
from table import Figure

OCTETS = 200 << 20  # of all messages of one point at most
REQUEST_OCTETS = 4 << 20
CLIENTS = 4
PASSES = 10  # points of what only passes

SMALL = {"messages": 100, "depth": 2000, "history": 2000, "minutes": 0.1}


def add_arguments(parser):
    parser.add_argument("--series", default=",".join(SERIES), help=f"some of {','.join(SERIES)} (default: all)")
    parser.add_argument("--messages", type=int, default=20000, help="of a point (default 20000)")
    parser.add_argument("--connections", type=int, default=20, help="of an account (default 20)")
    parser.add_argument("--depth", type=int, default=1000000, help="the deepest backlog, from 1,000 on by tens (default 1000000)")
    parser.add_argument("--minutes", type=float, default=10, help="that a snapshot is held open under load (default 10)")
    parser.add_argument("--history", type=int, default=1000000, help="the most finished messages, from 1,000 on by tens (default 1000000)")


@dataclasses.dataclass
class Point:
    """µs of processor time for each message, and messages a second."""

    server: float
    workers: float
    postgres: float
    stored: float
    sent: float

    @property
    def total(self):
        return self.server + self.workers + self.postgres


def median_point(points):
    return Point(*(statistics.median(getattr(p, f.name) for p in points) for f in dataclasses.fields(Point)))


def sizes(most):
    """1,000, 10,000, ... and the most."""
    found = [n for n in (10 ** e for e in range(3, 12)) if n < most]
    return found + [most]


class Bench:
    """A fresh system with one tenant; the service is switched off but for the time that messages are sent."""

    def __init__(self, sink, arguments):
        self.sink, self.arguments, self.made = sink, arguments, 0
        rig.reset()
        self.admin = rig.start(0)
        self.db = rig.database()
        self.tenants = []  # (id, Api)
        self.add_tenants(1)
        rig.set_active(self.db, False)

    def close(self):
        self.db.close()
        rig.reset()

    def add_tenants(self, count):
        """Until there are so many."""
        while len(self.tenants) < count:
            name = f"t{len(self.tenants)}"
            self.tenants.append((name, rig.add_tenant(self.admin, name)))
            rig.add_account(self.tenants[-1][1], "main", "127.0.0.1", self.sink.port, max_connections=self.arguments.connections, batch_size=1000)

    def ids(self, count):
        self.made += count
        return [f"m{n}" for n in range(self.made - count, self.made)]

    def look(self, workers):
        return cost.Look(self.db, cost.programs(workers))

    def attempts(self):
        return self.db.execute("SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM mailproxy.attempt_attempt_pk_seq").fetchone()[0]

    def store(self, messages, batch):
        """(Cost, messages a second). The messages take turns among the tenants."""
        requests = []
        for n, (tenant, api) in enumerate(self.tenants):
            mine = messages[n :: len(self.tenants)]
            requests += [(api.token, tenant, json.dumps({"messages": [{**m, "tenant_id": tenant} for m in mine[at : at + batch]]}).encode())
                         for at in range(0, len(mine), batch)]
        before = self.look(0)
        took = rig.post_requests(self.admin, requests, CLIENTS)
        return cost.Cost(before, self.look(0), len(messages)), len(messages) / took

    def send(self, count, workers):
        """(Cost, messages a second) of so many."""
        rig.stand_by(self.db, workers)
        before, done, began = self.look(workers), self.attempts(), time.monotonic()
        rig.set_active(self.db, True)
        wait_for(lambda: self.attempts() - done >= count, f"{count} attempts", rig.PATIENCE_S, 0.01)
        took = time.monotonic() - began
        rig.set_active(self.db, False)
        wait_for(lambda: not self.db.execute("SELECT EXISTS (SELECT FROM mailproxy.queue WHERE state = 'leased')").fetchone()[0],
                 "the workers to hold nothing", rig.PATIENCE_S, 0.05)
        return cost.Cost(before, self.look(workers), self.attempts() - done), count / took

    def pass_once(self, count, workers=1, octets=rig.BODY_OCTETS, recipients=1):
        rig.start(0)
        body = (rig.BODY * (octets // len(rig.BODY) + 1))[:octets]
        to = [f"rcpt{n}@example.net" for n in range(recipients)]
        messages = [{**rig.message("", i), "body": body, "to": to} for i in self.ids(count)]
        batch = max(1, min(100, REQUEST_OCTETS // (octets + 20 * recipients)))
        stored, stored_rate = self.store(messages, batch)
        sent, sent_rate = self.send(count, workers)
        postgres = stored.share_us("postgres: ") + sent.share_us("postgres: ")
        return Point(stored.used_us["server"], sent.share_us("worker-"), postgres, stored_rate, sent_rate)

    def point(self, what, count=None, **how):
        """The median of the rounds; small counts are repeated until as many messages have passed as elsewhere."""
        count = count or self.arguments.messages
        repeats = 1 if "octets" in how or "recipients" in how else max(1, self.arguments.messages // count)
        found = [median_point([self.pass_once(count, **how) for _ in range(repeats)]) for _ in range(self.arguments.rounds)]
        median = median_point(found)
        rig.progress(f"{what}: {median.total:.0f} µs a message, stored {median.stored:,.0f}/s, sent {median.sent:,.0f}/s")
        return what, median

    def pattern(self):
        """The id of a message that stays where it is, to be copied."""
        tenant, api = self.tenants[0]
        if not self.db.execute("SELECT FROM mailproxy.message WHERE message_id = 'pattern'").fetchone():
            rig.enqueue(api, tenant, [rig.message(tenant, "pattern")])
        return "pattern"


def of_tenants(bench):
    for count in (1, 10, 100):
        bench.add_tenants(count)
        yield bench.point(f"{count}")


def of_workers(bench):
    for count in (1, 2, 4, 8):
        yield bench.point(f"{count}", workers=count)


def on_pile(bench, add, most):
    """Of piles of copies that grow to the most, by pile.add_waiting() or add_finished()."""
    pattern, there = bench.pattern(), 0
    for count in sizes(most):
        add(bench.db, pattern, f"pile{count}-", count - there)
        there = count
        yield bench.point(f"{count:,}")


def of_depth(bench):
    return on_pile(bench, pile.add_waiting, bench.arguments.depth)


def of_size(bench):
    for name, octets in (("1 KB", 1 << 10), ("10 KB", 10 << 10), ("100 KB", 100 << 10), ("1 MB", 1 << 20), ("10 MB", 10 << 20), ("25 MB", 25 * 10 ** 6)):
        yield bench.point(name, max(4, min(bench.arguments.messages, OCTETS // octets)), octets=octets)


def of_recipients(bench):
    for count in (1, 10, 100, 1000):
        yield bench.point(f"{count:,}", max(20, bench.arguments.messages // count), recipients=count)


def of_history(bench):
    return on_pile(bench, pile.add_finished, bench.arguments.history)


def of_passing(bench):
    for n in range(1, PASSES + 1):
        found = bench.pass_once(bench.arguments.messages)
        what = f"{n * bench.arguments.messages:,}"
        rig.progress(f"{what}: {found.total:.0f} µs a message")
        yield what, found


def of_snapshot(bench):
    """A point for each tenth of the time: the median of what passes in it."""
    tenth = bench.arguments.minutes * 60 / PASSES
    with rig.database() as holder:
        holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM mailproxy.queue")
        began = time.monotonic()
        for n in range(1, PASSES + 1):
            found = [bench.pass_once(bench.arguments.messages)]
            while time.monotonic() - began < n * tenth:
                found.append(bench.pass_once(bench.arguments.messages))
            minutes, median = f"{(time.monotonic() - began) / 60:.1f}", median_point(found)
            rig.progress(f"{minutes}: {median.total:.0f} µs a message, {len(found)} passes")
            yield minutes, median
        holder.execute("ROLLBACK")


# name: (what stands at x, how, whether the scale of costs is logarithmic)
SERIES = {
    "tenants": ("tenants", of_tenants, False),
    "workers": ("workers", of_workers, False),
    "depth": ("messages waiting all the while", of_depth, False),
    "size": ("size of a message", of_size, True),
    "recipients": ("recipients of a message", of_recipients, True),
    "history": ("finished messages", of_history, False),
    "passing": ("messages since the beginning", of_passing, False),
    "snapshot": ("minutes that a snapshot has been held open", of_snapshot, False),
}
HEAD = "| {} | server, µs | workers, µs | PostgreSQL, µs | together, µs | stored a second | sent a second |\n|---|---:|---:|---:|---:|---:|---:|"


def series_text(name, points, picture):
    lines = [f"| {x} | {p.server:.0f} | {p.workers:.0f} | {p.postgres:.0f} | {p.total:.0f} | {p.stored:,.0f} | {p.sent:,.0f} |" for x, p in points]
    return "\n".join([HEAD.format(SERIES[name][0]), *lines, "", f"![cost by {SERIES[name][0]}]({picture})"])


def draw(directory, name, points):
    label, _, logarithmic = SERIES[name]
    os.makedirs(directory, exist_ok=True)
    plot.draw(os.path.join(directory, f"{name}.svg"), (label, "µs of processor time a message", "messages a second"),
              ("server", "workers", "PostgreSQL", "together", "stored", "sent"),
              [(x, p.server, p.workers, p.postgres, p.total, p.stored, p.sent) for x, p in points], 2, logarithmic)


def measure(arguments):
    directory = os.path.join(rig.ROOT, "docs", "growth") if arguments.write else arguments.out
    texts, figures = [], []
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=rig.MEMORY) as scratch:
        sink = SmtpSink(scratch, keeps=False)
        try:
            for name in arguments.series.split(","):
                rig.progress(f"--- {SERIES[name][0]}")
                bench = Bench(sink, arguments)
                try:
                    bench.pass_once(min(arguments.messages, 5000))  # warm-up
                    points = list(SERIES[name][1](bench))
                finally:
                    bench.close()
                draw(directory, name, points)
                texts.append(series_text(name, points, f"growth/{name}.svg" if arguments.write else f"{name}.svg"))
                (first, least), (last, most) = points[0], points[-1]
                figures.append(Figure(f"cost of a message, {SERIES[name][0]}: {last}", "µs", [most.total], peer=f"that of {first}",
                                      ratios=[most.total / least.total]))
        finally:
            sink.close()
    head = (f"{arguments.messages:,} messages of 1 KB text a point, fewer of large ones; one worker; {arguments.rounds} rounds. µs of processor time for each"
            " message; workers and PostgreSQL together with what they do besides.")
    return "\n\n".join([head, *texts]), figures
