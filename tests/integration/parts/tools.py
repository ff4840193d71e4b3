"""Where the tools are that scripts/setup-tests installs, and what happens when one is missing."""

import os
import socket
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ROOT / "build" / "tools"


def require(path: Path, what: str) -> Path:
    """The path if it exists. Else the test is skipped with the reason, or fails when CI=true."""
    if path.exists():
        return path
    reason = f"{what} is not there ({path}): run scripts/setup-tests and scripts/build"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A port on 127.0.0.1 that was free a moment ago, for programs that cannot pick their own.

    The system hands ephemeral ports out in turn, so another process is unlikely to get the same
    one before the program binds it.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, seconds: float = 20.0):
    """Waits for the condition to be true, and gives what it gave. Fails when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come true in time")
