"""Wait for a condition, never for a time."""

import os
import time

# Sanitized programs are slower; a limit is there to end a hang, not to measure speed.
LIMIT_FACTOR = float(os.environ.get("MAILPROXY_TEST_PATIENCE", "1"))


def wait_for(predicate, what, timeout=20.0, poll=0.02):
    """Return the first true value of predicate(); fail, naming `what`, when there is none in time."""
    end = time.monotonic() + timeout * LIMIT_FACTOR
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"waited {timeout * LIMIT_FACTOR:.0f} s in vain for {what}; last value: {value!r}")
        time.sleep(poll)
