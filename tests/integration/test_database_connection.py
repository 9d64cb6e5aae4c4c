"""Connections to the database: a worker's that breaks at the worst moment, and the server's that has carried much."""

import os
import subprocess

from support.builds import BUILD
from support.programs import message
from support.waiting import wait_for

CUT_CONNECTION = os.path.join(BUILD, "tests", "integration", "cut-connection")


def test_a_connection_that_breaks_while_answers_are_read_and_more_is_asked(database):
    """None is left without an end, and the program goes on."""
    lines = subprocess.run([CUT_CONNECTION, database], check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[0] == "answer"
    assert lines[1] in ("answer", "gone"), "it may have been answered before the end"
    assert lines[2:] == ["gone", "gone", "gone", "connected again"]


def test_a_server_connection_that_carried_much_is_replaced(new_system, relay):
    """libpq's buffers would keep the size of the largest statement for good; usual ones pass over one and the same connection."""
    system = new_system(workers=0, GMP_DB_POOL_SIZE=1)
    api = system.add_tenant()
    system.add_account(api, relay)

    def backend():
        return system.rows("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mailproxy-server'")

    before = backend()
    api.enqueue(message("small"))
    assert backend() == before
    api.enqueue(message("large", body="x" * (5 << 20)))
    api.enqueue(message("small again"))
    wait_for(lambda: len(backend()) == 1 and backend() != before, "another connection alone")
