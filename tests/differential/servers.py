"""Starts the two servers that are compared, each with and without authentication."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REFERENCE = ROOT / "build" / "tools" / "reference" / "bin" / "langgraph"


def binary() -> Path:
    return Path(os.environ.get("BEHALF_BINARY", ROOT / "build" / "release" / "behalf")).resolve()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, name: str, command: list, folder: Path, port: int):
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command], cwd=folder, stdout=out, stderr=out,
                start_new_session=True,
                env={**os.environ, "LANGSMITH_TRACING": "false", "LOG_LEVEL": "ERROR",
                     "NO_COLOR": "1"})

    def wait(self, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + "/ok", timeout=1).read()
                return
            time.sleep(0.05)
        end_of_log = self.log.read_text(errors="replace")[-2000:]
        raise SystemExit(f"{self.log.name} says why a server did not start:\n{end_of_log}")

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def behalf(folder: Path, name: str) -> Server:
    port = free_port()
    config = ROOT / "tests" / "graphs" / f"{name}.yaml"
    return Server(name, [binary(), "dev", "--config", config, "--port", port, "--data",
                         folder / f"{name}.data"], folder, port)


def reference(folder: Path, name: str) -> Server:
    port = free_port()
    app = folder / name  # it writes beside its configuration
    shutil.copytree(HERE / "reference", app)
    return Server(name, [REFERENCE, "dev", "--no-browser", "--no-reload", "--n-jobs-per-worker",
                         "20", "--config", f"{name}.json", "--port", port], app, port)
