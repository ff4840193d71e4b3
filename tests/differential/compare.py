#!/usr/bin/env python3
"""Does the same with the reference server and with ours, and compares what they answer.

usage: compare.py [--short] [--keep FOLDER] [AREA[/SCENARIO]...]

Prints one line per difference, then counts. Ends with 1 when one is not explained in the table of
docs/compatibility.md, or an explanation there has no difference any more.
"""

import argparse
import concurrent.futures
import fnmatch
import importlib
import json
import re
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import servers
from api import Api
from normal import differences, failed, plain

AREAS = sorted(one.stem for one in (servers.HERE / "areas").glob("[a-z]*.py"))


def explanations() -> dict[str, str]:
    """{pattern of NAME#PATH: why}, of the table's rows in docs/compatibility.md."""
    text = (servers.ROOT / "docs" / "compatibility.md").read_text()
    _, _, table = text.partition("## Where answers differ")
    table = table.split("\n## ")[0]
    found = {}
    for row in re.findall(r"^\| (`.+?) \| (.+) \|$", table, re.M):
        for pattern in re.findall(r"`([^`]+)`", row[0]):
            found[pattern] = row[1]
    return found


def scenarios(wanted: list[str], short: bool) -> list[tuple[str, Any]]:
    found = []
    for area in AREAS:
        module = importlib.import_module(f"areas.{area}")
        for name, body in vars(module).items():
            if name.startswith("_") or getattr(body, "__module__", "") != module.__name__ \
                    or not callable(body):
                continue
            label = f"{area}/{name}"
            if wanted and not any(label == one or area == one for one in wanted):
                continue
            if not (short and getattr(body, "slow", False)):
                found.append((label, body))
    return found


def play(label: str, body: Any, *side: Any) -> dict[str, Any]:
    """What a scenario noted, ids and times taken out. What it broke at is noted too."""
    notes: dict[str, Any] = {}
    url, auth_url, *models = side
    api = Api(url, auth_url, notes, label, *models)
    try:
        body(api)
    except Exception as failure:  # noqa: BLE001 - whatever it was, it is what is compared
        where = traceback.extract_tb(failure.__traceback__)[1]
        notes[f"{label}/broken"] = {"at": where.line, "why": type(failure).__name__,
                                    "text": str(failure)[:200]}
    finally:
        api.close()
    return {name: plain(value) for name, value in notes.items()}


def matches(pattern: str, place: str) -> bool:
    # Brackets are list positions here, not sets of letters.
    return fnmatch.fnmatchcase(place, pattern.replace("[", "[[]"))


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."


class Report:
    def __init__(self, known: dict[str, str]):
        self.known, self.used = known, set()
        self.counts = {"equal": 0, "ours-only": 0, "explained": 0, "different": 0}

    def compare(self, name: str, theirs: dict, ours: dict) -> None:
        if name in theirs and name not in ours:
            found = [("", "missing", theirs[name], None)]
        elif name not in theirs:
            # Ours alone got so far, unless it broke off.
            how = "different" if name.endswith("/broken") else "more"
            found = [("", how, None, ours[name])]
        else:
            found = list(differences(theirs[name], ours[name]))
        if not found:
            self.counts["equal"] += 1
            return
        open_ones = []
        for one in found:
            place = f"{name}#{one[0]}"
            why = [pattern for pattern in self.known if matches(pattern, place)]
            self.used.update(why)
            if not why:
                open_ones.append(one)
        more = all(one[1] == "more" for one in open_ones)
        they_fail = failed(theirs.get(name)) and name in ours and not failed(ours[name])
        if not open_ones:
            kind = "explained"
        elif more or they_fail:
            kind = "ours-only"
        else:
            kind = "different"
        self.counts[kind] += 1
        for path, how, left, right in open_ones:
            if kind == "different" and how == "more":
                continue
            print(f"{kind:9} {name}#{path}\n    reference {shown(left)}\n    behalf    "
                  f"{shown(right)}")


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--short", action="store_true", help="under a minute")
    asked.add_argument("--keep", type=Path, help="what was noted, as JSON, in this folder")
    asked.add_argument("--jobs", type=int, default=6)
    asked.add_argument("area", nargs="*", help=", ".join(AREAS))
    given = asked.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without ending the servers
    if not servers.REFERENCE.exists():
        raise SystemExit("the reference server is not there: run scripts/tools/reference")
    chosen = scenarios(given.area, given.short)
    if not chosen:
        raise SystemExit("no scenario of that name")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="behalf-differential-") as scratch:
        folder = Path(scratch)
        running, agents = [], None
        try:
            of_agents = [one for one in chosen if one[0].startswith("agents/")]
            agents = servers.Agents(folder) if of_agents else None
            if len(of_agents) < len(chosen):
                for make, names in ((servers.reference, ("langgraph", "langgraph.auth")),
                                    (servers.behalf, ("behalf", "behalf.auth"))):
                    running += [make(folder, name) for name in names]
            for server in [*running, *(agents.servers if agents else [])]:
                server.wait()
            urls = [server.url for server in running]
            sides = [urls[:2], urls[2:]]
            notes: list[dict[str, Any]] = [{}, {}]
            with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
                played = [[pool.submit(play, label, body, *side) for side in sides]
                          for label, body in chosen if (label, body) not in of_agents]
                for pair in played:
                    for side, one in zip(notes, pair, strict=True):
                        side.update(one.result())
            # One after the other: a model's script is one scenario's.
            for label, body in of_agents:
                for side, server, models in zip(notes, agents.servers, agents.models, strict=True):
                    side.update(play(label, body, server.url, server.url, models))
        finally:
            for server in [*running, *([agents] if agents else [])]:
                server.stop()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
        for name, side in zip(("reference", "behalf"), notes, strict=True):
            (given.keep / f"{name}.json").write_text(json.dumps(side, indent=1, sort_keys=True))
    report = Report(explanations())
    for name in dict.fromkeys([*notes[0], *notes[1]]):
        report.compare(name, *notes)
    unused = []
    if not given.short and not given.area:
        unused = [pattern for pattern in report.known if pattern not in report.used]
    for pattern in unused:
        print(f"no such difference any more: {pattern}")
    total = sum(report.counts.values())
    print(f"{total} comparisons: " + ", ".join(f"{n} {kind}" for kind, n in report.counts.items())
          + f" ({time.monotonic() - began:.0f} s)")
    return 1 if report.counts["different"] or unused else 0


if __name__ == "__main__":
    sys.exit(main())
