"""Runs the reference server and Behalf side by side and prints ratios; see docs/benchmarks.md."""

import argparse
import re
import subprocess
import time

from load import RUN, first_event, idle_streams, throughput, versions
from servers import ROOT, behalf, reference, scratch
from table import Table


def compare(table: Table, what: str, one, ours, theirs, budget: str = "") -> None:
    """`one(server)` gives (rate, p50, p99)."""
    rate, p50, p99 = one(ours)
    text = f"{rate:,.1f}/s p50 {p50:.2f} p99 {p99:.2f} ms"
    if theirs is None:
        return table.add(what, text, budget=budget)
    other, q50, q99 = one(theirs)
    table.add(what, text, f"{other:,.1f}/s p50 {q50:.2f} p99 {q99:.2f} ms", f"{rate / other:,.0f}×",
              budget)


def cost_of_a_run(table: Table, server, seconds: int) -> None:
    cpu, written = server.cpu_seconds(), server.bytes_written()
    rate, _, _ = throughput(server, "POST", "/runs/wait", 64, seconds, RUN)
    runs = rate * seconds
    table.add("CPU of a POST /runs/wait, 64 clients",
              f"{(server.cpu_seconds() - cpu) / runs * 1e6:.0f} µs", budget="≤ 60 µs")
    table.add("written to disk by it",
              f"{(server.bytes_written() - written) / runs / 1000:.2f} KB", budget="≤ 3 KB")


def side_by_side(table: Table, seconds: int, folder) -> None:
    ours, theirs = behalf(folder), reference(folder)
    try:
        pairs = [(s.cold_start * 1000, s.memory_mib()) if s else (0, 0) for s in (ours, theirs)]
        table.add("cold start to /ok", f"{pairs[0][0]:.0f} ms", f"{pairs[1][0]:.0f} ms",
                  f"{pairs[1][0] / pairs[0][0]:.0f}×", "≤ 100 ms")
        table.add("idle memory (PSS)", f"{pairs[0][1]:.1f} MiB", f"{pairs[1][1]:.1f} MiB",
                  f"{pairs[1][1] / pairs[0][1]:.0f}×", "≤ 40 MiB")
        before = ours.cpu_seconds()
        time.sleep(5)
        table.add("idle CPU over 5 s", f"{(ours.cpu_seconds() - before) / 5 * 100:.1f} %", budget="0 %")
        compare(table, "GET /ok, 64 clients",
                lambda s: throughput(s, "GET", "/ok", 64, seconds), ours, theirs)
        compare(table, "POST /threads, 64 clients",
                lambda s: throughput(s, "POST", "/threads", 64, seconds, {}), ours, theirs, "≥ 10×")
        for clients, budget in ((1, "≥ 1,000×"), (8, "≥ 50×"), (64, "≥ 150×")):
            compare(table, f"POST /runs/wait, {clients} clients",
                    lambda s, n=clients: throughput(s, "POST", "/runs/wait", n, seconds, RUN),
                    ours, theirs, budget)
        cost_of_a_run(table, ours, seconds)
        for s in filter(None, (ours, theirs)):
            p50, p99 = first_event(s, 300 if s is ours else 10)
            table.add(f"first event, {s.name}", f"p50 {p50:.2f} p99 {p99:.2f} ms",
                      budget="p50 ≤ 2, p99 ≤ 10 ms" if s is ours else "")
        table.add("memory after the load (PSS)", f"{ours.memory_mib():.1f} MiB",
                  f"{theirs.memory_mib():.1f} MiB" if theirs else "")
    finally:
        for s in filter(None, (ours, theirs)):
            s.stop()


def alone(table: Table, folder) -> None:
    held = folder / "held"
    held.mkdir()
    server = behalf(held)
    try:
        # A run that waits for its time: its stream is open and idle.
        kib = idle_streams(server, 5000, RUN | {"after_seconds": 600})
        table.add("idle SSE stream (5,000 held)", f"{kib:.1f} KiB each", budget="≤ 20 KiB")
    finally:
        server.stop()
    for name in ("jwt_verify", "inject", "storage_commit"):
        program = ROOT / "build/release/bench" / name
        if program.exists():
            print(f"-- {name}")
            print(subprocess.run([program], capture_output=True, text=True, check=True).stdout)
    speed = subprocess.run(["openssl", "speed", "-seconds", "3", "ecdsap256", "rsa2048"],
                           capture_output=True, text=True).stdout
    for line in speed.splitlines():
        if re.search(r"^(rsa 2048|\s*256 bits ecdsa)", line):
            print("openssl speed:", line.strip())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=8, help="of load per figure")
    options.add_argument("--markdown", help="also write the table to this file")
    given = options.parse_args()
    print("\n".join(versions()))
    table = Table()
    with scratch() as folder:
        side_by_side(table, given.seconds, folder)
        alone(table, folder)
    if given.markdown:
        with open(given.markdown, "w") as out:
            out.write("\n".join(versions()) + "\n\n" + table.markdown() + "\n")


if __name__ == "__main__":
    main()
