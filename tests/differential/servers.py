"""Starts the two servers that are compared, each with and without authentication, or with agents."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from parts.agents import LOCAL  # noqa: E402
from parts.model_provider import ModelProvider  # noqa: E402
from parts.toolbox import Toolbox, tool  # noqa: E402

REFERENCE = ROOT / "build" / "tools" / "reference" / "bin" / "langgraph"


def binary() -> Path:
    return Path(os.environ.get("BEHALF_BINARY", ROOT / "build" / "release" / "behalf")).resolve()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, name: str, command: list, folder: Path, port: int, **env: str):
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command], cwd=folder, stdout=out, stderr=out,
                start_new_session=True,
                env={**os.environ, "LANGSMITH_TRACING": "false", "LOG_LEVEL": "ERROR",
                     "NO_COLOR": "1", **env})

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


def behalf(folder: Path, name: str, config: Path | None = None) -> Server:
    port = free_port()
    config = config or ROOT / "tests" / "graphs" / f"{name}.yaml"
    return Server(name, [binary(), "dev", "--config", config, "--port", port, "--data",
                         folder / f"{name}.data"], folder, port)


def reference(folder: Path, name: str, **env: str) -> Server:
    port = free_port()
    app = folder / name  # it writes beside its configuration
    shutil.copytree(HERE / "reference", app)
    return Server(name, [REFERENCE, "dev", "--no-browser", "--no-reload", "--n-jobs-per-worker",
                         "20", "--config", f"{name}.json", "--port", port], app, port, **env)


def numbers(*names: str) -> dict:
    return {"type": "object", "properties": {name: {"type": "integer"} for name in names},
            "required": list(names)}


class Agents:
    """What reference/agents.py makes, declared: two servers, a scripted provider for each."""

    def __init__(self, folder: Path):
        self.models = [ModelProvider(folder / f"models-{side}") for side in ("reference", "behalf")]
        self.box = Toolbox()
        texts = {"type": "object", "required": ["to", "text"],
                 "properties": {"to": {"type": "string"}, "text": {"type": "string"}}}
        self.box.offer(tool("add", numbers("a", "b"), description="Adds."),
                       tool("send", texts, description="Sends."),
                       add=lambda args: str(args["a"] + args["b"]),
                       send=lambda args: f"sent to {args['to']}")
        main = {"type": "openai_chat", "base_url": self.models[1].url + "/v1", "model": "main",
                "max_retries": 0, "server": "openai", **LOCAL}
        helper = [{"service": "box", "allow": ["add"], "ask": ["send"]}]
        config = {
            "dev": {"no_auth": True}, "models": {"main": main},
            "services": {"box": {"type": "mcp", "url": self.box.mcp_url, **LOCAL}},
            "agents": {
                "plain": {"model": "main", "prompt": "You are brief."},
                "helper": {"model": "main", "prompt": "You are brief.", "tools": helper},
                "capped": {"model": "main", "limits": {"model_calls": 2},
                            "tools": [{"service": "box", "allow": ["add"]}]}}}
        file = folder / "agents.yaml"
        file.write_text(yaml.safe_dump(config))
        self.servers = [
            reference(folder, "langgraph.agents", MODELS_URL=self.models[0].url),
            behalf(folder, "agents", file)]

    def stop(self) -> None:
        for one in [*self.servers, *self.models, self.box]:
            one.stop()
