#!/usr/bin/python3
"""
run.py - the system measured, one row of figures at a time: ./dev bench [ROW] [--help]

    accept     add-messages, a hundred a request
    single     add-messages, one a request over 32 connections
    drain      a backlog sent by one worker and by two
    way        the whole way of a message: posted over HTTP, stored, sent, recorded and reported
    idle       an idle system: from the request to the relay's 250
    slow-dot   200 connections to a relay that takes 50 ms for each message
    fair       1,000 accounts with their own relays, alone, beside dead and slow ones, beside a deep backlog
    memory     resident memory at rest, with 500 connections, large attachments, many messages
    growth     what a message costs with more tenants, workers, backlog, size, recipients, history; drawn by gnuplot
    budget     where a message's time goes: processor time by process, WAL, statements

All parts run on this machine: PostgreSQL with fsync on, the server, the workers, the relays. Figures are medians of the
rounds; trust the ratios more than the numbers.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import accept  # noqa: E402
import budget  # noqa: E402
import drain  # noqa: E402
import fair  # noqa: E402
import growth  # noqa: E402
import idle  # noqa: E402
import memory  # noqa: E402
import rig  # noqa: E402
import single  # noqa: E402
import slow_dot  # noqa: E402
import table  # noqa: E402
import way  # noqa: E402

ROWS = {"accept": accept, "single": single, "drain": drain, "way": way, "idle": idle, "slow-dot": slow_dot, "fair": fair, "memory": memory, "growth": growth, "budget": budget}


def parse_arguments():
    names = sys.argv[1:2] if sys.argv[1:2] and sys.argv[1] in ROWS else []
    row = names[0] if names else "way"
    parser = argparse.ArgumentParser(prog=f"./dev bench {row}", description=ROWS[row].__doc__ if names else __doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", default=os.path.join(rig.ROOT, "build", "bench"), metavar="FOLDER",
                        help="where bench.md and bench.json go (default build/bench)")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    ROWS[row].add_arguments(parser)
    return row, parser.parse_args(sys.argv[1 + len(names) :])


def main():
    row, arguments = parse_arguments()
    rig.reset()
    load = rig.Load()
    try:
        text, figures = ROWS[row].measure(arguments)
    finally:
        rig.reset()
    heading = rig.heading(load)
    print(heading, text, table.plain(figures) if figures else "", sep="\n\n")
    table.write_files(arguments.out, heading, text, figures)
    if arguments.write:
        rig.write_document(row, heading + "\n\n" + text)


if __name__ == "__main__":
    main()
