"""
add-messages, one message a request over 32 connections, by wrk: requests a second, and how long each takes.

Each is answered after its commit. No worker runs. In the same round PostgreSQL alone, by pgbench over as many connections: one row
of a kilobyte a commit.
"""

import json
import os
import statistics
import tempfile

import peers
import rig
from table import Figure

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "single.lua")

SMALL = {"seconds": 1}


def add_arguments(parser):
    parser.add_argument("--connections", type=int, default=32, help="HTTP connections, and pgbench's (default 32)")
    parser.add_argument("--seconds", type=int, default=10, help="a round (default 10)")


def measure_round(number, api, db, directory, arguments):
    """What peers.parse_wrk() says, and `alone`: rows a second of PostgreSQL alone."""
    body = os.path.join(directory, "body.json")
    with open(body, "w", encoding="utf-8") as f:
        json.dump({"messages": [rig.message("bench", "@ID@")]}, f)
    alone = peers.rows_rate(db, rig.database_url(), directory, 1, arguments.connections, arguments.seconds)
    found = peers.wrk(SCRIPT, [body, api.token, f"r{number}"], api.url + "/commands/add-messages?tenant_id=bench", arguments.connections,
                      arguments.seconds)
    assert found["failed"] == 0, f"{found['failed']} requests failed"
    stored = rig.count_stored(db, f"r{number}-")
    # Of each connection one may be stored whose answer wrk did not wait for.
    assert found["count"] <= stored <= found["count"] + arguments.connections, (found, stored)
    return {**found, "alone": alone}


def report_text(rounds, arguments):
    def line(name, key, digits=0):
        return f"| {name} | {rig.spread([r[key] for r in rounds], digits)} |"

    return "\n".join([
        f"Messages of 1 KB text, one a request, over {arguments.connections} connections for {arguments.seconds} s, no worker; {len(rounds)} rounds. All"
        " that was answered was in the database.",
        "",
        "| | median | lowest – highest |", "|---|---|---|",
        line("requests a second", "rate"),
        line("p50, ms", "p50", 1),
        line("p99, ms", "p99", 1),
        line("rows of 1 KB a second, PostgreSQL alone, one a commit", "alone"),
        "",
        f"That is {statistics.median(r['rate'] / r['alone'] for r in rounds):.2f} of PostgreSQL alone.",
    ])


def measure(arguments):
    api = rig.add_tenant(rig.start(0), "bench")
    rig.add_account(api, "main", "127.0.0.1", 9)
    db = rig.database()
    with tempfile.TemporaryDirectory(prefix="mpbench-") as directory:
        rounds = rig.rounds(arguments, lambda number: measure_round(number, api, db, directory, arguments),
                            lambda r: f"{r['rate']:,.0f}/s, p50 {r['p50']:.1f} ms, p99 {r['p99']:.1f} ms, PostgreSQL alone {r['alone']:,.0f}/s")
    work = f"add-messages, 1 a request, {arguments.connections} connections"
    figures = [Figure(work, "req/s", [r["rate"] for r in rounds], target=5000, peer="PostgreSQL alone", ratios=[r["rate"] / r["alone"] for r in rounds]),
               Figure(f"{work}, p99", "ms", [r["p99"] for r in rounds], target=20, at_most=True)]
    return report_text(rounds, arguments), figures
