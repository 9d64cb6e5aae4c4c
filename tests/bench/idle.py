"""
An idle system: from the moment a client begins its request to the relay's 250, one message at a time.

Each message is sent alone, after a pause of random length, by a client that connects for it. The relay says when it wrote its 250; both clocks
are this machine's.
"""

import random
import tempfile
import time

import rig
from support.ports import free_port
from table import Figure

SMALL = {"messages": 10}


def add_arguments(parser):
    parser.add_argument("--messages", type=int, default=200, help="a round (default 200)")
    parser.add_argument("--pause", type=int, default=100, metavar="MS", help="between two messages on average (default 100)")


def measure_round(number, api, relays, arguments):
    """Milliseconds of each message."""
    began, chance = {}, random.Random(number)
    for i in range(arguments.messages):
        name = f"r{number}-{i}"
        began[name] = time.time()
        rig.enqueue(api, "bench", [rig.message("bench", name)])
        time.sleep(chance.uniform(0.5, 1.5) * arguments.pause / 1000)
    relays.wait_mails(len(began) + sum(i not in began for _, i in relays.look().mails), "the mails at the relay")
    taken = {i: at for at, i in relays.mails}
    return [(taken[i] - at) * 1000 for i, at in began.items()]


def report_text(rounds, arguments):
    return "\n".join([
        f"One worker with the usual settings, one message of 1 KB text at a time, {arguments.pause} ms apart on average; {arguments.messages} a round,"
        f" {len(rounds)} rounds. Milliseconds from the beginning of the request to the relay's 250:",
        "",
        "| | median | lowest – highest |", "|---|---|---|",
        *(f"| p{p} | {rig.spread([rig.percentile(r, p) for r in rounds], 1)} |" for p in (50, 99)),
    ])


def measure(arguments):
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=rig.MEMORY) as directory:
        relays = rig.Relays(directory, [("takes", 0, "127.0.0.1", port)])
        try:
            api = rig.add_tenant(rig.start(1), "bench")
            rig.add_account(api, "main", "127.0.0.1", port)
            rounds = rig.rounds(arguments, lambda number: measure_round(number, api, relays, arguments),
                                lambda times: f"p50 {rig.percentile(times, 50):.1f} ms, p99 {rig.percentile(times, 99):.1f} ms")
        finally:
            relays.close()
    figures = [Figure(f"idle system, request to 250, p{p}", "ms", [rig.percentile(r, p) for r in rounds], target=target, at_most=True)
               for p, target in ((50, 10), (99, 50))]
    return report_text(rounds, arguments), figures
