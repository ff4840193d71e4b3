"""What runs take on disk: bytes of the database for each kept run, and what each step of a
conversation adds to it and writes.

bench/disk_use.py [--runs N] [--messages N]
"""

import argparse
import contextlib
import sqlite3
import uuid

from load import RUN
from many_runs import call
from servers import behalf, scratch

MOST = 20_000


def used(folder) -> int:
    """Bytes of the database's pages, in its log or not."""
    file = f"file:{folder}/behalf.db?mode=ro"
    with contextlib.closing(sqlite3.connect(file, uri=True)) as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        free = db.execute("PRAGMA freelist_count").fetchone()[0]
        return (pages - free) * db.execute("PRAGMA page_size").fetchone()[0]


def kept(runs: int, path, more: dict) -> float:
    with scratch() as folder:
        server = behalf(folder)
        try:
            call(server, "POST", path(), RUN | more)
            before = used(folder)
            for _ in range(runs):
                call(server, "POST", path(), RUN | more)
            return (used(folder) - before) / runs
        finally:
            server.stop()


def conversation(messages: int) -> list[str]:
    """Two messages with each run: 200 characters that are said, and the answer."""
    with scratch() as folder:
        server = behalf(folder)
        try:
            path = f"/threads/{uuid.uuid4()}/runs/wait"
            seen = []  # before each run, and after the last
            for _ in range(messages // 2):
                seen.append((used(folder), server.bytes_written()))
                words = " ".join(uuid.uuid4().hex[:7] for _ in range(25))
                said = {"messages": [{"role": "user", "content": words}]}
                call(server, "POST", path, RUN | {"if_not_exists": "create", "input": said})
            seen.append((used(folder), server.bytes_written()))
        finally:
            server.stop()
    lines = []
    for last in sorted({10, 100, messages}):
        runs = last // 2
        first = max(1, runs - 10)
        adds, writes = ((seen[runs][i] - seen[first][i]) / (runs - first) for i in (0, 1))
        lines.append(f"up to message {last}: a run adds {adds:.0f} bytes, {writes:.0f} written")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--messages", type=int, default=200)
    given = options.parse_args()
    runs = min(given.runs, MOST)
    thread = uuid.uuid4()
    new = {"if_not_exists": "create"}
    for what, path, more in (
        ("on a thread of its own", lambda: f"/threads/{uuid.uuid4()}/runs/wait", new),
        ("on one thread", lambda: f"/threads/{thread}/runs/wait", new),
        ("without a thread, kept", lambda: "/runs/wait", {"on_completion": "keep"}),
    ):
        print(f"a run {what}: {kept(runs, path, more):.0f} bytes")
    for line in conversation(max(12, min(given.messages, MOST))):
        print(line)


if __name__ == "__main__":
    main()
