"""
add-messages, a hundred messages a request over several connections that stay open: messages a second that are stored.

No worker runs. In the same round PostgreSQL alone, by pgbench over as many connections: 500 rows a commit, each a key and a
kilobyte, without a program, checks, or a second table.
"""

import statistics
import tempfile

import peers
import rig
from table import Figure

PEER_ROWS = 500

SMALL = {"messages": 500, "peer_seconds": 1}


def add_arguments(parser):
    parser.add_argument("--messages", type=int, default=50000, help="a round (default 50000)")
    parser.add_argument("--batch", type=int, default=100, help="messages a request (default 100)")
    parser.add_argument("--clients", type=int, default=4, help="HTTP connections, and pgbench's (default 4)")
    parser.add_argument("--peer-seconds", type=int, default=5, help="pgbench runs so long each round (default 5)")


def measure_round(number, api, db, directory, arguments):
    """(messages a second, rows a second of PostgreSQL alone)"""
    alone = peers.rows_rate(db, rig.database_url(), directory, PEER_ROWS, arguments.clients, arguments.peer_seconds)
    ids = [f"r{number}-{i}" for i in range(arguments.messages)]
    took = rig.post_bodies(api, "bench", rig.bodies("bench", ids, arguments.batch), arguments.clients)
    stored = rig.count_stored(db, f"r{number}-")
    assert stored == len(ids), f"{stored} of {len(ids)} messages are stored"
    return len(ids) / took, alone


def report_text(rounds, arguments):
    return "\n".join([
        f"{arguments.messages:,} messages of 1 KB text in requests of {arguments.batch} over {arguments.clients} connections, no worker;"
        f" {len(rounds)} rounds. After every round all of them were in the database.",
        "",
        "| a second | median | lowest – highest |", "|---|---|---|",
        f"| messages stored, and answered with 200 | {rig.spread([ours for ours, _ in rounds])} |",
        f"| rows of 1 KB, PostgreSQL alone, {PEER_ROWS} a commit | {rig.spread([alone for _, alone in rounds])} |",
        "",
        f"The whole is {statistics.median(ours / alone for ours, alone in rounds):.2f} of PostgreSQL alone.",
    ])


def measure(arguments):
    api = rig.add_tenant(rig.start(0), "bench")
    rig.add_account(api, "main", "127.0.0.1", 9)
    db = rig.database()
    with tempfile.TemporaryDirectory(prefix="mpbench-") as directory:
        rounds = rig.rounds(arguments, lambda number: measure_round(number, api, db, directory, arguments),
                            lambda r: f"stored {r[0]:,.0f}/s, PostgreSQL alone {r[1]:,.0f} rows/s")
    figure = Figure(f"add-messages, {arguments.batch} a request", "msg/s", [ours for ours, _ in rounds], target=30000, peer="PostgreSQL alone",
                    ratios=[ours / alone for ours, alone in rounds])
    return report_text(rounds, arguments), [figure]
