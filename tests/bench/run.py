#!/usr/bin/python3
"""
run.py - the system measured: ./dev bench [ROW] [--help]

Without a row all that have a target, one after the other, and a table of them at the end; some twenty minutes. Rows:

    accept     add-messages, a hundred a request
    single     add-messages, one a request over 32 connections
    drain      a backlog sent by one worker and by two
    way        the whole way of a message: posted over HTTP, stored, sent, recorded and reported
    idle       an idle system: from the request to the relay's 250
    slow-dot   200 connections to a relay that takes 50 ms for each message
    fair       1,000 accounts with their own relays, alone, beside dead and slow ones, beside a deep backlog
    memory     resident memory at rest, with 500 connections, large attachments, many messages
and without a target:
    growth     what a message costs with more tenants, workers, backlog, size, recipients, history; drawn by gnuplot
    budget     where a message's time goes: processor time by process, WAL, statements

All parts run on this machine: PostgreSQL with fsync on, the server, the workers, the relays. Figures are medians of the
rounds; trust the ratios more than the numbers.
"""

import argparse
import os
import sys
import time
import traceback

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

WITH_TARGET = {"accept": accept, "single": single, "drain": drain, "way": way, "idle": idle, "slow-dot": slow_dot, "fair": fair, "memory": memory}
ROWS = {**WITH_TARGET, "growth": growth, "budget": budget}


def make_parser(row):
    """Of one row; None: of all that have a target."""
    parser = argparse.ArgumentParser(prog="./dev bench" + (f" {row}" if row else ""), description=ROWS[row].__doc__ if row else __doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="sizes that show whether it works, and nothing else")
    parser.add_argument("--out", default=os.path.join(rig.ROOT, "build", "bench"), metavar="FOLDER",
                        help="where bench.md and bench.json go (default build/bench)")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    if row:
        ROWS[row].add_arguments(parser)
    return parser


def arguments_of(row, given):
    """The row's own arguments; --small changes the defaults of some."""
    parser = make_parser(row)
    if "--small" in given:
        parser.set_defaults(rounds=1, **ROWS[row].SMALL)
    return parser.parse_args(given)


def measure(row, arguments):
    """(heading, text, figures)"""
    rig.reset()
    load = rig.Load()
    try:
        text, figures = ROWS[row].measure(arguments)
    finally:
        rig.reset()
    heading = rig.heading(load)
    if arguments.write:
        rig.write_document(row, heading + "\n\n" + text)
    return heading, text, figures


def one(row, given):
    arguments = arguments_of(row, given)
    heading, text, figures = measure(row, arguments)
    print(heading, text, *([table.plain(figures)] if figures else []), sep="\n\n")
    table.write_files(arguments.out, heading, text, figures)


def every(given):
    """All that have a target; one that fails does not keep the others from being measured."""
    common = make_parser(None).parse_args(given)
    texts, figures, failed, began = [], [], [], time.monotonic()
    load = rig.Load()
    for number, row in enumerate(WITH_TARGET, 1):
        rig.progress(f"=== {number} of {len(WITH_TARGET)}: {row}, after {(time.monotonic() - began) / 60:.0f} minutes")
        try:
            heading, text, found = measure(row, arguments_of(row, given))
            texts.append(f"## {row}\n\n{heading}\n\n{text}")
            figures += found
        except Exception:  # whatever it is, it is told, and the exit code tells it again
            traceback.print_exc()
            failed.append(row)
    heading = rig.heading(load) + "".join(f" {row} FAILED." for row in failed)
    print(heading, table.plain(figures), sep="\n\n")
    table.write_files(common.out, heading, "\n\n".join(texts), figures)
    if common.write:
        rig.write_document(None, heading + "\n\n" + table.markdown(figures))
    return 1 if failed else 0


def main():
    given = sys.argv[1:]
    if given and given[0] in ROWS:
        return one(given[0], given[1:])
    return every(given)


if __name__ == "__main__":
    sys.exit(main())
