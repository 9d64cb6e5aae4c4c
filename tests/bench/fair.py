"""
1,000 accounts with relays of their own: how long a single mail takes from its acceptance to the relay's 250.

Three times the same load on the healthy accounts, one message a request, at a steady pace: alone; with ten accounts
whose relays accept and say nothing and ten whose relays take five seconds for each message, all twenty of them with messages
waiting; and with a tenant's backlog besides. Acceptance is the database's time of the transaction.
"""

import json
import tempfile
import time
import threading

import rig
from support.ports import free_port
from support.waiting import wait_for
from table import Figure

BAD = 10  # of each kind
SLOW_MS = 5000
BAD_MESSAGES = 100  # of each bad account
CLIENTS = 4

SMALL = {"accounts": 30, "messages": 20, "pace": 20, "backlog": 1000}


def add_arguments(parser):
    parser.add_argument("--accounts", type=int, default=1000, help="the bad ones among them (default 1000)")
    parser.add_argument("--messages", type=int, default=2000, help="of the healthy accounts, a round (default 2000)")
    parser.add_argument("--pace", type=int, default=100, help="of them a second (default 100)")
    parser.add_argument("--backlog", type=int, default=200000)


class Scene:
    """The accounts and their relays; ten accounts a tenant."""

    def __init__(self, directory, arguments):
        self.port = free_port()
        kinds = [("hangs", 0)] * BAD + [("takes", SLOW_MS)] * BAD + [("takes", 0)] * (arguments.accounts - 2 * BAD)
        addresses = [f"127.1.{n // 250}.{1 + n % 250}" for n in range(arguments.accounts)]
        self.relays = rig.Relays(directory, [(*kind, address, self.port) for kind, address in zip(kinds, addresses)]
                                 + [("takes", 0, "127.2.0.1", self.port)])
        self.arguments = arguments
        self.admin = rig.start(1)
        self.db = rig.database()
        self.accounts = []  # (Api, tenant, account), as kinds
        for n, address in enumerate(addresses):
            tenant = f"t{n // 10}"
            api = self.accounts[-1][0] if n % 10 else rig.add_tenant(self.admin, tenant)
            rig.add_account(api, f"a{n}", address, self.port)
            self.accounts.append((api, tenant, f"a{n}"))
        self.deep = rig.add_tenant(self.admin, "deep")
        rig.add_account(self.deep, "main", "127.2.0.1", self.port)
        self.healthy = self.accounts[2 * BAD :]

    def send(self, what):
        """One message of each healthy account after another, at the pace; their ids. Each client has its part of them."""
        ids = [f"{what}-{i}" for i in range(self.arguments.messages)]
        began = time.monotonic()

        def post(part):
            for i in range(part, len(ids), CLIENTS):
                api, tenant, account = self.healthy[i % len(self.healthy)]
                time.sleep(max(0, began + i / self.arguments.pace - time.monotonic()))
                api.request("POST", "/commands/add-messages", query={"tenant_id": tenant},
                            raw=json.dumps({"messages": [rig.message(tenant, ids[i], account)]}).encode())

        clients = [threading.Thread(target=post, args=(part,)) for part in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return ids

    def round(self, what):
        """Milliseconds from acceptance to 250, of each message."""
        ids = self.send(what)
        wanted = set(ids)
        wait_for(lambda: len(wanted & {i for _, i in self.relays.look().mails}) == len(ids), "the healthy accounts' mails",
                     rig.PATIENCE_S, 0.5)
        taken = {i: at for at, i in self.relays.mails if i in wanted}
        accepted = dict(self.db.execute("SELECT message_id, extract(epoch FROM created_at)::float8 FROM mailproxy.message"
                                        " WHERE message_id = ANY (%s)", (ids,)).fetchall())
        return [(taken[i] - accepted[i]) * 1000 for i in ids]

    def fill_bad(self, number):
        """So many messages wait at each dead and slow account."""
        for api, tenant, account in self.accounts[: 2 * BAD]:
            rig.enqueue(api, tenant, [rig.message(tenant, f"bad{number}-{account}-{i}", account) for i in range(BAD_MESSAGES)])

    def backlog(self):
        return self.db.execute("SELECT count(*) FROM mailproxy.queue WHERE tenant_id = 'deep'").fetchone()[0]

    def fill_backlog(self, number):
        for at in range(0, self.arguments.backlog - self.backlog(), 1000):
            rig.enqueue(self.deep, "deep", [rig.message("deep", f"backlog{number}-{at + i}") for i in range(1000)])
            if at % 20000 == 0:
                rig.progress(f"backlog: {self.backlog():,}")


def measure_rounds(scene, what, name, before=None):
    """[(p50, p99)]"""
    found = []
    for number in range(1, scene.arguments.rounds + 1):
        if before:
            before(number)
        times = scene.round(f"{what}{number}")
        found.append((rig.percentile(times, 50), rig.percentile(times, 99)))
        rig.progress(f"{name}, round {number}: p50 {found[-1][0]:.0f} ms, p99 {found[-1][1]:.0f} ms")
    return found


def report_text(rows, left, arguments):
    def line(name, found):
        return f"| {name} | {rig.spread([p50 for p50, _ in found])} | {rig.spread([p99 for _, p99 in found])} |"

    return "\n".join([
        f"{arguments.accounts:,} accounts, each with a relay of its own, ten a tenant; one worker with the usual settings. Single mails of"
        f" {arguments.accounts - 2 * BAD} healthy accounts, {arguments.pace} a second, {arguments.messages:,} a round, {arguments.rounds} rounds: milliseconds"
        f" from acceptance to the relay's 250. {BAD} dead relays accept and say nothing, {BAD} slow ones take {SLOW_MS // 1000} s for each message;"
        f" each has {BAD_MESSAGES} messages or more waiting.",
        "",
        "| healthy accounts' single mails … | p50, median | lowest – highest | p99, median | lowest – highest |",
        "|---|---|---|---|---|",
        line("alone", rows["alone"]),
        line(f"beside {BAD} dead and {BAD} slow accounts", rows["bad"]),
        line(f"and a tenant {arguments.backlog:,} deep, sending as fast as it goes", rows["deep"]),
        "",
        f"Of the backlog {left:,} messages were left at the end of the last round.",
    ])


def measure(arguments):
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=rig.MEMORY) as directory:
        scene = Scene(directory, arguments)
        try:
            rig.progress("every account's first mail")
            scene.round("first")
            rows = {"alone": measure_rounds(scene, "alone", "alone"),
                    "bad": measure_rounds(scene, "bad", "beside dead and slow ones", scene.fill_bad)}
            rows["deep"] = measure_rounds(scene, "deep", "and a backlog", scene.fill_backlog)
            left = scene.backlog()
        finally:
            scene.relays.close()
    figures = [Figure("single mails beside dead and slow relays, p99", "ms", [p99 for _, p99 in rows["bad"]], peer="alone",
                      ratios=[bad / alone for (_, bad), (_, alone) in zip(rows["bad"], rows["alone"])]),
               Figure(f"single mails beside a tenant {arguments.backlog:,} deep, p99", "ms", [p99 for _, p99 in rows["deep"]], target=200, at_most=True,
                      peer="alone", ratios=[deep / alone for (_, deep), (_, alone) in zip(rows["deep"], rows["alone"])])]
    return report_text(rows, left, arguments), figures
