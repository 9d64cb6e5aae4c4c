"""The schema as pg_dump tells it, without what differs from day to day. `schema.py FILE` writes it there."""

import re
import subprocess
import sys

from support.postgres import Cluster
from support.builds import SERVER
from support.programs import run_program

DATED_PARTITIONS = "mailproxy.*_[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]"
HEAD = "-- The whole schema after all migrations. Written by ./dev schema; a test compares it. Partitions by day are left out.\n\n"


def dump_schema(url):
    text = subprocess.run(
        ["pg_dump", "--schema-only", "--no-owner", "--schema=mailproxy", f"--exclude-table={DATED_PARTITIONS}", url],
        check=True, capture_output=True, text=True).stdout
    # The server's and pg_dump's versions, and pg_dump's random \restrict key.
    text = re.sub(r"^(-- Dumped .*|\\(un)?restrict .*)\n", "", text, flags=re.M)
    text = re.sub(r"^--\n-- PostgreSQL database dump( complete)?\n--\n", "", text, flags=re.M)
    return HEAD + re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def main(path):
    cluster = Cluster(**Cluster.VOLATILE)
    try:
        url = cluster.create_database("schema")
        done = run_program(SERVER, "migrate", GMP_DATABASE_URL=url)
        if done.returncode != 0:
            sys.exit(done.stderr)
        text = dump_schema(url)
    finally:
        cluster.close()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
