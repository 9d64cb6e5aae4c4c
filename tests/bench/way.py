"""
The whole way: messages posted over HTTP, stored, sent, recorded and reported.

Postfix's smtp-sink is the relay; a tenant's web server takes the reports. In the same round and into the same sink: a
private Postfix, as it is by default, that relays as many mails of that size (root alone may start it); and smtp-source -d, which only
sends. Each round checks that every message came exactly once and was reported exactly once.
"""

import collections
import os
import statistics
import tempfile
import time

import rig
from support.postfix import Forwarder
from support.smtpsink import SmtpSink
from support.waiting import wait_for
from table import Figure

SMALL = {"messages": 500}


def add_arguments(parser):
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=500, help="messages a request (default 500)")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=20, help="of the account, and sessions of smtp-source (default 20)")


def measure_postfix(postfix, sink, arguments):
    """Messages a second, from the first connection to Postfix until the sink has taken all."""
    before, began = sink.count(), time.monotonic()
    rig.source_rate(postfix.port, arguments.messages, arguments.connections)
    wait_for(lambda: sink.count() - before >= arguments.messages, "all mails of Postfix at the sink", rig.PATIENCE_S, 0.1)
    return arguments.messages / (time.monotonic() - began)


def measure_round(number, api, sink, postfix, store, arguments):
    """One round of the whole way; seconds from the first post to: all accepted, all taken by the relay, all reported."""
    ids = [f"r{number}-{i}" for i in range(arguments.messages)]
    requests = rig.bodies("bench", ids, arguments.batch)
    postfix_rate = measure_postfix(postfix, sink, arguments) if postfix else None
    source_rate = rig.source_rate(sink.port, arguments.messages, arguments.connections)
    before = len(sink.ids())
    began = time.monotonic()
    accepted = rig.post_bodies(api, "bench", requests, 1)
    # Asked rarely: reading the sink's file takes the processor away from those who are measured.
    wait_for(lambda: len(sink.ids()) - before >= len(ids), "all mails at the sink", rig.PATIENCE_S, 0.1)
    sent = time.monotonic() - began
    wait_for(lambda: store.count() >= (number + 1) * arguments.messages, "all reports", rig.PATIENCE_S, 0.05)
    reported = time.monotonic() - began
    check_exactly_once(set(ids), sink, store)
    return {"Postfix": postfix_rate, "smtp-source -d": source_rate, "accepted": len(ids) / accepted, "sent": len(ids) / sent,
            "reported": len(ids) / reported}


def check_exactly_once(wanted, sink, store):
    at_sink = collections.Counter(i for i in sink.ids() if i in wanted)
    told = collections.Counter(e["id"] for e in store.entries() if e["id"] in wanted and e.get("sent_ts"))
    for where, found in (("at the sink", at_sink), ("reported", told)):
        assert set(found) == wanted, f"{len(wanted - set(found))} messages are missing {where}"
        twice = [i for i, n in found.items() if n > 1]
        assert not twice, f"{len(twice)} messages came more than once {where}: {twice[:5]}"


def report_text(rounds, peak_mb, arguments):
    def line(name, key):
        return f"| {name} | {rig.spread([r[key] for r in rounds])} |"

    def ratio(peer):
        return statistics.median(r["reported"] / r[peer] for r in rounds)

    has_postfix = rounds[0]["Postfix"] is not None
    return "\n".join([
        f"{arguments.messages:,} messages of 1 KB text, one recipient each, posted in batches of {arguments.batch} one after the"
        f" other; {arguments.workers} worker(s), {arguments.connections} connections; {len(rounds)} rounds. In every round each message"
        " was at the sink exactly once and reported exactly once.",
        "",
        "| messages a second, from the first post until all are … | median | lowest – highest |",
        "|---|---|---|",
        line("accepted: stored, and answered with 200", "accepted"),
        line("sent: taken by the relay", "sent"),
        line("reported: acknowledged by the tenant", "reported"),
        *([line("for comparison: relayed by Postfix to the same sink", "Postfix")] if has_postfix else []),
        line("for comparison: `smtp-source -d` into the same sink, sending only", "smtp-source -d"),
        "",
        "The whole way reaches " + (f"{ratio('Postfix'):.1f} times what Postfix does, and " if has_postfix else "")
        + f"{ratio('smtp-source -d'):.2f} of `smtp-source -d`. Peak memory: " + ", ".join(
            f"{name} {mb:.0f} MB" for name, mb in peak_mb.items()) + ".",
    ])


def measure(arguments):
    store = rig.CountingStore()
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=rig.MEMORY) as directory:
        sink = SmtpSink(directory)
        postfix = Forwarder(sink.port) if os.geteuid() == 0 else None
        try:
            admin = rig.start(arguments.workers)
            api = rig.add_tenant(admin, "bench", client_base_url=store.url, client_sync_path="/proxy_sync")
            rig.add_account(api, "main", "127.0.0.1", sink.port, max_connections=arguments.connections, batch_size=1000)
            rounds = rig.rounds(arguments, lambda number: measure_round(number, api, sink, postfix, store, arguments),
                                lambda r: ", ".join(f"{k} {v:,.0f}/s" for k, v in r.items() if v))
            peak_mb = {name: rig.resident_mb(name, "VmHWM") for name in ["server"] + [f"worker-{n + 1}" for n in range(arguments.workers)]}
        finally:
            if postfix:
                postfix.close()
            sink.close()
            store.close()
    peer, least = ("Postfix", 7) if postfix else ("smtp-source -d", None)
    figures = [Figure("whole way: posted, stored, sent, recorded, reported", "msg/s", [r["reported"] for r in rounds], target=5000,
                      peer=peer, least_ratio=least, ratios=[r["reported"] / r[peer] for r in rounds])]
    return report_text(rounds, peak_mb, arguments), figures
