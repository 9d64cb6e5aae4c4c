"""
One worker, 200 connections to a relay that answers each final dot after 50 ms: 4,000 messages a second at most.

The messages are there before the worker starts. Beside it, in the same run and into the same relay, smtp-source -d with as
many sessions. How many connections are busy is the relay's word: those whose dot waits for its reply.
"""

import statistics
import tempfile

import rig
from support.ports import free_port
from table import Figure

SMALL = {"messages": 1000, "connections": 50}


def add_arguments(parser):
    parser.add_argument("--messages", type=int, default=20000, help="a round (default 20000)")
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--delay", type=int, default=50, metavar="MS", help="of the reply to the dot (default 50)")


def figures(relays, before, messages):
    """Messages a second; connections open and busy while four fifths of them were taken."""
    times = [at for at, _ in relays.mails[before : before + messages]]
    first, last = times[messages // 10], times[messages - messages // 10]
    open_then = [(connections, waiting) for at, connections, waiting in relays.open if first <= at <= last]
    return {"rate": (len(times) - 1) / (times[-1] - times[0]), "open": statistics.mean(n for n, _ in open_then),
            "busy": statistics.mean(n for _, n in open_then), "most": max(n for _, n in open_then)}


def measure_source(relays, port, arguments):
    before = len(relays.look().mails)
    rig.source_rate(port, arguments.messages, arguments.connections)
    relays.wait_mails(before + arguments.messages, "smtp-source's mails")
    return figures(relays, before, arguments.messages)


def measure_worker(number, api, relays, settings, arguments):
    rig.start(0, **settings)
    for at in range(0, arguments.messages, 1000):
        rig.enqueue(api, "bench", [rig.message("bench", f"r{number}-{i}") for i in range(at, min(at + 1000, arguments.messages))])
    before = len(relays.look().mails)
    rig.start(1, **settings)
    relays.wait_mails(before + arguments.messages, "all mails at the relay")
    return figures(relays, before, arguments.messages)


def report_text(rounds, arguments):
    def line(name, who):
        rates, shares = [r[who]["rate"] for r in rounds], [r[who]["busy"] for r in rounds]
        most = statistics.median(r[who]["most"] for r in rounds)
        return f"| {name} | {rig.spread(rates)} | {statistics.median(shares):.0f} | {most:.0f} |"

    limit = arguments.connections * 1000 / arguments.delay
    rate = statistics.median(r["worker"]["rate"] for r in rounds)
    ratio = statistics.median(r["worker"]["rate"] / r["smtp-source"]["rate"] for r in rounds)
    return "\n".join([
        f"{arguments.messages:,} messages of 1 KB text that wait for one worker, {arguments.connections} connections, each dot answered"
        f" after {arguments.delay} ms; {len(rounds)} rounds. Busy: connections whose dot waits for its reply, looked at every 50 ms by the"
        " relay, without the first and the last tenth of the messages.",
        "",
        "| | messages a second, median | lowest – highest | busy connections, mean | most |",
        "|---|---|---|---|---|",
        line("one worker", "worker"),
        line(f"`smtp-source -d -s {arguments.connections}` into the same relay", "smtp-source"),
        "",
        f"The worker reaches {rate / limit:.2f} of the arithmetic limit of {limit:,.0f} a second, and {ratio:.2f} of `smtp-source`.",
    ])


def measure(arguments):
    port = free_port()
    # A few connections are kept for accounts that have none, see worker/send/contact.h.
    settings = {"GMP_WORKER_CONNECTIONS": arguments.connections * 5 // 4}
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=rig.MEMORY) as directory:
        relays = rig.Relays(directory, [("takes", arguments.delay, "127.0.0.1", port)])
        try:
            api = rig.add_tenant(rig.start(0, **settings), "bench")
            rig.add_account(api, "main", "127.0.0.1", port, max_connections=arguments.connections,
                            batch_size=4 * arguments.connections)
            rounds = rig.rounds(
                arguments,
                lambda number: {"smtp-source": measure_source(relays, port, arguments),
                                "worker": measure_worker(number, api, relays, settings, arguments)},
                lambda r: ", ".join(f"{who} {f['rate']:,.0f}/s over {f['busy']:.0f} busy of {f['open']:.0f}" for who, f in r.items()))
        finally:
            relays.close()
    figures = [Figure(f"{arguments.connections} connections, each dot answered after {arguments.delay} ms", "msg/s", [r["worker"]["rate"] for r in rounds],
                      target=3000, peer="smtp-source -d", ratios=[r["worker"]["rate"] / r["smtp-source"]["rate"] for r in rounds])]
    return report_text(rounds, arguments), figures
