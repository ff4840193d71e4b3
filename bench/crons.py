"""Many crons due in the same second: how long until all have fired, and how others fare meanwhile.

python3 bench/crons.py http://127.0.0.1:2024 [crons] [seconds until they are due]
The server needs `crons: { per_user: 0 }`, the graph `builtin:hello` and no authentication.
"""

import datetime
import json
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

url = sys.argv[1]
count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
ahead = int(sys.argv[3]) if len(sys.argv) > 3 else 90


def post(path: str, body: dict) -> None:
    request = urllib.request.Request(url + path, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def fired() -> int:
    with urllib.request.urlopen(url + "/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return int(float(next(x for x in lines if x.startswith("behalf_crons_fired_total")).split()[1]))


due = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=ahead)).replace(microsecond=0)
schedule = f"{due.minute} {due.hour} {due.day} {due.month} * {due.second}"
cron = {"assistant_id": "hello", "schedule": schedule, "input": {"messages": "hi"}}
before, begun = fired(), time.time()
with ThreadPoolExecutor(16) as pool:
    list(pool.map(lambda _: post("/runs/crons", cron), range(count)))
print(f"created {count} in {time.time() - begun:.1f} s")
if time.time() > due.timestamp():
    sys.exit("that took too long: give them more seconds")
time.sleep(due.timestamp() - time.time())
took = []
while fired() - before < count:
    asked = time.time()
    post("/runs/wait", {"assistant_id": "hello", "input": {"messages": "hi"}})
    took.append((time.time() - asked) * 1000)
took.sort()
print(f"all fired after {time.time() - due.timestamp():.1f} s; runs/wait meanwhile: {len(took)}, "
      f"p50 {took[len(took) // 2]:.0f} ms, longest {took[-1]:.0f} ms")
