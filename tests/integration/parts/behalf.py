"""The binary under test: started on a free port with a configuration, watched, ended by pid."""

import os
import subprocess
from pathlib import Path

import httpx
import yaml

from parts.process import Process
from parts.tools import ROOT, free_port, require


def binary() -> Path:
    """BEHALF_BINARY, or build/release/behalf."""
    default = ROOT / "build" / "release" / "behalf"
    return require(Path(os.environ.get("BEHALF_BINARY", default)).resolve(), "the behalf binary")


def write_config(path: Path, config: dict) -> Path:
    """Writes a configuration file as YAML, keys in the order given."""
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return path


def run(*arguments: str | Path, folder: Path, **options) -> subprocess.CompletedProcess:
    """Runs `behalf ARGUMENTS…` to its end, with output captured as text."""
    command = [str(part) for part in (binary(), *arguments)]
    options = {"timeout": 60, **options}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, **options)


class Behalf:
    """A server process. Its working folder keeps the configuration, data, audit and output."""

    def __init__(
        self,
        config: dict | None,
        folder: Path,
        command: str = "serve",
        args: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        wait: bool = True,
    ):
        """`config` gets `server.listen` unless it names one; None runs without a file."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._command, self._args, self._env = command, args, env
        self.config_file: Path | None = None
        if config is None:
            port = free_port()
            self._args = (*args, "--port", str(port))
            self.url = f"http://127.0.0.1:{port}"
        else:
            server = {"listen": f"127.0.0.1:{free_port()}", **config.get("server", {})}
            self.url = f"http://{server['listen']}"
            self.config_file = write_config(folder / "behalf.yaml", {**config, "server": server})
        self._http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        self.start(wait)

    def start(self, wait: bool = True) -> None:
        """Starts it (again, after `kill` or `stop`) on the same port and data; output appends."""
        command: list[str | Path] = [binary(), self._command, *self._args]
        if self.config_file:
            command += ["--config", self.config_file]
        self.process = Process("behalf", command, self.folder, env=self._env)
        if not wait:
            return
        try:
            self.process.wait_for_url(f"{self.url}/ok")
        except Exception:
            self.process.stop()
            raise

    def kill(self) -> None:
        """kill -9: nothing is flushed, nothing said."""
        self.process.kill()

    def stop(self) -> int:
        """SIGTERM and wait for the drain; answers the exit code."""
        return self.process.stop()

    def close(self) -> None:
        self._http.close()
        self.process.stop()

    def call(self, method: str, path: str, token: str | None = None, **options) -> httpx.Response:
        """`call("POST", "/threads", token, json={})`: the raw answer of the API."""
        headers = {**options.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self._http.request(method, path, headers=headers, **options)

    def sdk(self, token: str | None):
        """The official Python client, synchronous, as the user of that token."""
        from langgraph_sdk import get_sync_client

        headers = {"Authorization": f"Bearer {token}"} if token else None
        return get_sync_client(url=self.url, headers=headers, api_key=None)
