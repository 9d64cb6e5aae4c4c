"""
Resident memory of the server and of one worker: at rest, with 500 SMTP connections, with large attachments, and while many
messages pass.

Each is measured once, after both programs were started anew: most is the most they had at any moment (VmHWM, set back before). A run of
1,000,000 messages takes --messages 1000000.
"""

import base64
import json
import os
import tempfile
import time

import rig
from support.ports import free_port
from support.smtpsink import SmtpSink
from table import Figure

PROGRAMS = ("server", "worker-1")
SLOW_MS = 2000
PARTS = 10
CLIENTS = 4
SETTLE_S = 2

SMALL = {"messages": 1000, "connections": 50, "attachments": 2, "attachment_mb": 1}


def add_arguments(parser):
    parser.add_argument("--messages", type=int, default=200000, help="that pass one after the other (default 200000)")
    parser.add_argument("--connections", type=int, default=500, help="to a relay that takes 2 s for each message (default 500)")
    parser.add_argument("--attachments", type=int, default=20, help="messages with one each (default 20)")
    parser.add_argument("--attachment-mb", type=int, default=10)


def now():
    return {program: rig.resident_mb(program) for program in PROGRAMS}


def forget_most():
    for program in PROGRAMS:
        with open(f"/proc/{rig.program_pid(program)}/clear_refs", "w", encoding="ascii") as f:
            f.write("5")  # proc(5): sets VmHWM back


def most():
    return {program: rig.resident_mb(program, "VmHWM") for program in PROGRAMS}


class Scene:
    def __init__(self, directory, sink, arguments):
        self.arguments, self.directory, self.sink = arguments, directory, sink
        self.settings = {"GMP_WORKER_CONNECTIONS": arguments.connections * 5 // 4}  # some are kept for accounts that have none
        self.slow_port = free_port()
        api = rig.add_tenant(rig.start(0, **self.settings), "bench")
        rig.add_account(api, "main", "127.0.0.1", sink.port, max_connections=20, batch_size=1000)
        rig.add_account(api, "slow", "127.0.0.1", self.slow_port, max_connections=arguments.connections, batch_size=4 * arguments.connections)
        self.token, self.db = api.token, rig.database()
        self.api = None

    def restart(self):
        """Both programs anew, at rest."""
        self.db.close()
        rig.down()
        self.api = rig.start(1, **self.settings).with_token(self.token)
        self.db = rig.database()
        time.sleep(SETTLE_S)
        forget_most()

    def rest(self):
        self.restart()
        return now()

    def connections(self):
        """(most memory, most connections at once)"""
        relays = rig.Relays(self.directory, [("takes", SLOW_MS, "127.0.0.1", self.slow_port)])
        try:
            self.restart()
            ids = [f"slow-{i}" for i in range(4 * self.arguments.connections)]
            rig.post_bodies(self.api, "bench", rig.bodies("bench", ids, 500, "slow"), 1)
            relays.wait_mails(len(ids), "all mails at the slow relay")
            return most(), max(count for _, count, _ in relays.look().open)
        finally:
            relays.close()

    def attachments(self):
        """(most memory, memory afterwards)"""
        self.restart()
        content = base64.b64encode(os.urandom(self.arguments.attachment_mb << 20)).decode()
        requests = [json.dumps({"messages": [{**rig.message("bench", f"large-{i}"), "attachments": [
            {"filename": "large.bin", "fetch_mode": "base64", "content": content}]}]}).encode() for i in range(self.arguments.attachments)]
        rig.post_bodies(self.api, "bench", requests, CLIENTS)
        rig.wait_empty(self.db, 0.1)
        time.sleep(SETTLE_S)
        return most(), now()

    def passing(self):
        """[(messages so far, memory)], whenever the queue is empty again."""
        self.restart()
        found, size = [], self.arguments.messages // PARTS
        for part in range(PARTS):
            ids = [f"pass-{part}-{i}" for i in range(size)]
            for at in range(0, size, 20000):  # not all bodies at once: this program's memory is not what is measured
                rig.post_bodies(self.api, "bench", rig.bodies("bench", ids[at : at + 20000], 500), CLIENTS)
            rig.wait_empty(self.db, 0.1)
            found.append(((part + 1) * size, now()))
            rig.progress(f"{found[-1][0]:,} messages: {told(found[-1][1])}")
        return found


def told(memory):
    return ", ".join(f"{program} {mb:.0f} MB" for program, mb in memory.items())


def report_text(rest, busy, count, large, after_large, passing, arguments):
    def line(name, memory):
        return f"| {name} | " + " | ".join(f"{memory[program]:.0f}" for program in PROGRAMS) + " |"

    return "\n".join([
        "Resident memory, MB; both programs with their usual settings, started anew for each line but the last ones.",
        "",
        "| | server | worker |", "|---|---:|---:|",
        line("at rest", rest),
        line(f"most, {count} SMTP connections at once, each dot answered after {SLOW_MS // 1000} s", busy),
        line(f"most, {arguments.attachments} messages with {arguments.attachment_mb} MB attached, posted over {CLIENTS} connections", large),
        line("after these", after_large),
        *(line(f"after {messages:,} messages", memory) for messages, memory in passing),
    ])


def measure(arguments):
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=rig.MEMORY) as directory:
        sink = SmtpSink(directory, keeps=False)
        try:
            scene = Scene(directory, sink, arguments)
            rest = scene.rest()
            rig.progress(f"at rest: {told(rest)}")
            busy, count = scene.connections()
            rig.progress(f"{count} connections: {told(busy)}")
            large, after_large = scene.attachments()
            rig.progress(f"attachments: {told(large)}, afterwards {told(after_large)}")
            passing = scene.passing()
        finally:
            sink.close()
    last, half = passing[-1][1], passing[PARTS // 2 - 1][1]
    figures = [Figure("server at rest", "MB", [rest["server"]], target=50, at_most=True),
               Figure(f"server after {arguments.messages:,} messages", "MB", [last["server"]], target=50, at_most=True, peer="half as many",
                      ratios=[last["server"] / half["server"]]),
               Figure(f"worker with {count} SMTP connections", "MB", [busy["worker-1"]], target=100, at_most=True),
               Figure(f"worker after {arguments.messages:,} messages", "MB", [last["worker-1"]], target=100, at_most=True, peer="half as many",
                      ratios=[last["worker-1"] / half["worker-1"]])]
    return report_text(rest, busy, count, large, after_large, passing, arguments), figures
