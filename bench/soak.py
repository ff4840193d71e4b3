"""Many stateless runs against one server: does its memory grow with them?

Prints one line: bytes of resident memory per run, as the slope of a straight line through what was
measured after the warm-up. bench/soak.py [--runs N] [--seconds MOST] [--clients N] [--max BYTES]
"""

import argparse
import pathlib
import statistics
import sys
import time

from load import RUN, throughput
from servers import behalf, scratch

WARM_UP = 0.2  # of the runs: caches and pools fill, the allocator finds its size
SLICE = 5  # seconds of load between two looks


def resident(server) -> int:
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(x for x in status.splitlines() if x.startswith("VmRSS")).split()[1]) * 1024


def slope(points: list[tuple[float, float]]) -> float:
    """Bytes per run by least squares."""
    runs, sizes = zip(*points, strict=True)
    around, middle = statistics.fmean(runs), statistics.fmean(sizes)
    spread = sum((x - around) ** 2 for x in runs)
    return sum((x - around) * (y - middle) for x, y in points) / spread if spread else 0.0


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--runs", type=int, default=2_000_000)
    ask.add_argument("--seconds", type=int, default=1800, help="end after this long in any case")
    ask.add_argument("--clients", type=int, default=32)
    ask.add_argument("--max", type=float, help="fail when it is more bytes per run")
    options = ask.parse_args()
    with scratch() as folder:
        server = behalf(folder)
        try:
            return soak(server, options)
        finally:
            server.stop()


def soak(server, options) -> int:
    done, points, end = 0, [], time.monotonic() + options.seconds
    while done < options.runs and time.monotonic() < end:
        rate, _, _ = throughput(server, "POST", "/runs/wait", options.clients, SLICE, RUN)
        done += int(rate * SLICE)
        points.append((done, resident(server)))
    warm = [p for p in points if p[0] >= WARM_UP * done]
    if len(warm) < 3:
        print("too few runs to tell: give it more time")
        return 2
    grown = slope(warm)
    print(
        f"soak: {done} stateless runs, {warm[0][1] / 2**20:.1f} MiB after {warm[0][0]}, "
        f"{warm[-1][1] / 2**20:.1f} MiB at the end: {grown:.1f} bytes per run"
    )
    return 1 if options.max is not None and grown > options.max else 0


if __name__ == "__main__":
    sys.exit(main())
