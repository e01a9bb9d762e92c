"""Waiting for conditions, never for time."""

import time

# Far beyond what any condition should take: only a hang is meant to reach it, not a slow machine or a sanitizer.
DEADLINE_S = 60.0
_POLL_S = 0.01


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """Returns the first true value of condition(). Raises AssertionError, which names `what`, after deadline_s."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what}")
        time.sleep(_POLL_S)
