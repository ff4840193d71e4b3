"""Starts and stops the servers that are compared; reads their memory and start-up time."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKEN = "bench-token"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(pid: int) -> list[int]:
    """The process and everything below it."""
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{one}/task").iterdir():
                queue += [int(p) for p in (task / "children").read_text().split()]
    return found


class Measured:
    """A process, and what it took so far, with all below it."""

    process: subprocess.Popen

    def memory_mib(self) -> float:
        """Proportional set size of the whole process tree."""
        total = 0
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total / 1024

    def cpu_seconds(self) -> float:
        ticks = 0
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


class Server(Measured):
    """A server under test: its URL, the headers a client needs, and its cold start in seconds."""

    def __init__(self, name: str, command: list[str], cwd: pathlib.Path, env: dict | None = None):
        self.name = name
        self.port = int(command[command.index("--port") + 1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.headers = {"Authorization": f"Bearer {TOKEN}"}
        self.log = open(cwd / f"{name}.log", "wb")
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command, cwd=cwd, stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        self._until_ok(120)
        self.cold_start = time.perf_counter() - began

    def _until_ok(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                said = pathlib.Path(self.log.name).read_text()[-2000:]
                raise SystemExit(f"{self.name} ended at start:\n{said}")
            try:
                urllib.request.urlopen(self.url + "/ok", timeout=1).read()
                return
            except OSError:
                time.sleep(0.002)
        raise SystemExit(f"{self.name} did not answer /ok in {seconds} s")

    def bytes_written(self) -> int:
        """To disks, by the process itself."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/io").read_text().splitlines()
        return int(next(x for x in lines if x.startswith("write_bytes")).split()[1])

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()


BEHALF_CONFIG = """\
storage: sqlite:{folder}/behalf.db
log: {{ level: warning }}
identity:
  - type: api_key
    keys:
      - {{ sha256: {digest}, subject: alice }}
authorization:
  threads: owner
"""
HELLO = """\
graphs:
  hello: builtin:hello
"""


def behalf(folder: pathlib.Path, serves: str = HELLO) -> Server:
    """`serves` is YAML: graphs or agents, and what they need."""
    config = folder / "behalf.yaml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    config.write_text(BEHALF_CONFIG.format(folder=folder, digest=digest) + serves)
    binary = os.environ.get("BEHALF_BINARY", str(ROOT / "build/release/behalf"))
    command = [binary, "serve", "--config", str(config), "--port", str(free_port())]
    server = Server("behalf", command, folder)
    server.headers = {"X-Api-Key": TOKEN}
    return server


def reference(folder: pathlib.Path, name: str = "reference", env: dict | None = None) -> Server | None:
    """The Python reference server in memory with the graphs of bench/`name`, or None when it is not
    installed."""
    program = ROOT / "build/tools/reference/bin/langgraph"
    if not program.exists():
        return None
    app = folder / name
    shutil.copytree(ROOT / "bench" / name, app)
    shutil.copy(ROOT / "bench/reference/auth.py", app)  # the same for all of them
    command = [str(program), "dev", "--no-browser", "--no-reload", "--port", str(free_port())]
    quiet = {"LANGSMITH_TRACING": "false", "LOG_LEVEL": "ERROR"}
    return Server("reference", command, app, quiet | (env or {}))


@contextlib.contextmanager
def scratch():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="behalf-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
