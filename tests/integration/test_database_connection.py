"""A worker's connection to the database that breaks at the worst moment."""

import os
import subprocess

from support.builds import BUILD

CUT_CONNECTION = os.path.join(BUILD, "tests", "integration", "cut-connection")


def test_a_connection_that_breaks_while_answers_are_read_and_more_is_asked(database):
    """None is left without an end, and the program goes on."""
    lines = subprocess.run([CUT_CONNECTION, database], check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[0] == "answer"
    assert lines[1] in ("answer", "gone"), "it may have been answered before the end"
    assert lines[2:] == ["gone", "gone", "gone", "connected again"]
