#!/usr/bin/python3
"""
run.py - the whole way, measured: messages posted over HTTP, stored, sent, recorded and reported.

All parts run on this machine: PostgreSQL with fsync on, the server, the workers, Postfix's smtp-sink as the relay and a
tenant's web server. Beside it, in the same run and into the same sink, smtp-source -d: what a program that only
sends reaches. Each round checks that every message came exactly once and was reported exactly once. Figures are medians
of the rounds; trust the ratios more than the numbers.
"""

import argparse
import collections
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from support.api import Api  # noqa: E402
from support.smtpsink import SMTP_SOURCE, SmtpSink  # noqa: E402
from support.store import Store  # noqa: E402
from support.waiting import wait_for  # noqa: E402

HOME = os.path.join(ROOT, ".run-bench")
DEV = os.path.join(ROOT, "dev")
DOCUMENT = os.path.join(ROOT, "docs", "performance.md")
BEGIN, END = "<!-- ./dev bench --write: begin -->", "<!-- ./dev bench --write: end -->"
BODY_OCTETS = 1024
PATIENCE_S = 600


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=500, help="messages a request (default 500)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=20, help="of the account, and sessions of smtp-source (default 20)")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    return parser.parse_args()


def dev(*args, **kwargs):
    env = {k: v for k, v in os.environ.items() if not k.startswith("GMP_")}
    return subprocess.run([DEV, *args], env={**env, "MAILPROXY_HOME": HOME, "GMP_LOG_LEVEL": "warn"}, check=True, text=True,
                          **kwargs)


def measure_source(sink, arguments):
    """Messages a second that smtp-source -d puts into the sink."""
    began = time.monotonic()
    subprocess.run([SMTP_SOURCE, "-d", "-s", str(arguments.connections), "-l", str(BODY_OCTETS), "-m", str(arguments.messages),
                    "-f", "sender@example.com", "-t", "rcpt@example.net", f"127.0.0.1:{sink.port}"], check=True)
    return arguments.messages / (time.monotonic() - began)


def make_batches(number, arguments):
    body = ("A line of text, as long as lines are. " * 2 + "\n") * (BODY_OCTETS // 77)
    ids = [f"r{number}-{i}" for i in range(arguments.messages)]
    messages = [{"id": i, "tenant_id": "bench", "account_id": "main", "from": "sender@example.com",
                 "to": ["rcpt@example.net"], "subject": f"Message {i}", "body": body} for i in ids]
    size = arguments.batch
    return ids, [json.dumps({"messages": messages[at : at + size]}).encode() for at in range(0, len(messages), size)]


def measure_round(number, api, sink, store, arguments):
    """One round of the whole way; seconds from the first post to: all accepted, all taken by the relay, all reported."""
    ids, batches = make_batches(number, arguments)
    wanted = set(ids)
    source_rate = measure_source(sink, arguments)
    before = len(sink.ids())
    began = time.monotonic()
    for raw in batches:
        answer = api.request("POST", "/commands/add-messages", raw=raw, query={"tenant_id": "bench"})
        assert answer.status == 200 and answer.json["rejected"] == [], answer
    accepted = time.monotonic() - began
    # Asked rarely: reading the sink's file takes the processor away from those who are measured.
    wait_for(lambda: len(sink.ids()) - before >= len(ids), "all mails at the sink", PATIENCE_S, 0.1)
    sent = time.monotonic() - began
    wait_for(lambda: store.count() >= number * arguments.messages, "all reports", PATIENCE_S, 0.05)
    reported = time.monotonic() - began
    check_exactly_once(wanted, sink, store)
    return {"smtp-source -d": source_rate, "accepted": len(ids) / accepted, "sent": len(ids) / sent,
            "reported": len(ids) / reported}


def check_exactly_once(wanted, sink, store):
    at_sink = collections.Counter(i for i in sink.ids() if i in wanted)
    told = collections.Counter(e["id"] for e in store.entries() if e["id"] in wanted and e.get("sent_ts"))
    for where, found in (("at the sink", at_sink), ("reported", told)):
        assert set(found) == wanted, f"{len(wanted - set(found))} messages are missing {where}"
        twice = [i for i, n in found.items() if n > 1]
        assert not twice, f"{len(twice)} messages came more than once {where}: {twice[:5]}"


class CountingStore(Store):
    def count(self):
        with self.lock:
            return sum(len(report) for report in self.reports)


def peak_memory_mb(name):
    """The most resident memory that a program of the home has had."""
    with open(os.path.join(HOME, "pid", name), encoding="ascii") as f:
        pid = f.read().split()[0]
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) / 1024


def describe_machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*:\s*(.*)", f.read())
    version = subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout.split()[2]
    return f"{os.cpu_count()} × {model.group(1) if model else platform.machine()}, PostgreSQL {version}"


def report_text(rounds, memory, arguments):
    def line(name, key):
        values = sorted(r[key] for r in rounds)
        return f"| {name} | {statistics.median(values):,.0f} | {values[0]:,.0f} – {values[-1]:,.0f} |"

    ratio = statistics.median(r["reported"] / r["smtp-source -d"] for r in rounds)
    command = "./dev bench" + "".join(f" {a}" for a in sys.argv[1:] if a != "--write")
    return "\n".join([
        f"`{command}` on {describe_machine()}; {time.strftime('%Y-%m-%d')}.",
        "",
        f"{arguments.messages:,} messages of 1 KB text, one recipient each, posted in batches of {arguments.batch} one after the"
        f" other; {arguments.workers} worker(s), {arguments.connections} connections; {len(rounds)} rounds. In every round each message"
        " was at the sink exactly once and reported exactly once.",
        "",
        "| messages a second, from the first post until all are … | median | lowest – highest |",
        "|---|---|---|",
        line("accepted: stored, and answered with 200", "accepted"),
        line("sent: taken by the relay", "sent"),
        line("reported: acknowledged by the tenant", "reported"),
        line("for comparison: `smtp-source -d` into the same sink, sending only", "smtp-source -d"),
        "",
        f"The whole way reaches {ratio:.2f} of `smtp-source -d`. Peak memory: " + ", ".join(
            f"{name} {mb:.0f} MB" for name, mb in memory.items()) + ".",
    ])


def write_document(text):
    with open(DOCUMENT, encoding="utf-8") as f:
        old = f.read()
    with open(DOCUMENT, "w", encoding="utf-8") as f:
        f.write(old[: old.index(BEGIN) + len(BEGIN)] + "\n" + text + "\n" + old[old.index(END) :])


def main():
    arguments = parse_arguments()
    dev("reset", stderr=subprocess.DEVNULL)
    store = CountingStore()
    memory = "/dev/shm"  # the sink's file is not what is measured
    with tempfile.TemporaryDirectory(prefix="mpbench-", dir=memory if os.path.isdir(memory) else None) as directory:
        sink = SmtpSink(directory)
        try:
            url = dev("up", "--workers", str(arguments.workers), stdout=subprocess.PIPE).stdout.strip()
            admin = Api(url)
            key = admin.post("/tenant", {"id": "bench", "client_base_url": store.url, "client_sync_path": "/proxy_sync",
                                         "client_auth": {"method": "none"}}).json["api_key"]
            api = admin.with_token(key)
            answer = api.post("/account", {"id": "main", "host": "127.0.0.1", "port": sink.port, "use_tls": False,
                                           "max_connections": arguments.connections, "batch_size": 1000})
            assert answer.status == 200, answer
            rounds = []
            for number in range(1, arguments.rounds + 1):
                rounds.append(measure_round(number, api, sink, store, arguments))
                print(f"round {number}: " + ", ".join(f"{k} {v:,.0f}/s" for k, v in rounds[-1].items()), flush=True)
            memory = {name: peak_memory_mb(name) for name in ["server"] + [f"worker-{n + 1}" for n in range(arguments.workers)]}
        finally:
            sink.close()
            store.close()
            dev("reset", stderr=subprocess.DEVNULL)
    text = report_text(rounds, memory, arguments)
    print("\n" + text)
    if arguments.write:
        write_document(text)


if __name__ == "__main__":
    main()
