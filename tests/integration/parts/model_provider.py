"""The scripted model provider of examples/assistant/provider, as the service agents think with."""

import json
import sys
from pathlib import Path

import httpx

from parts.process import Process
from parts.tools import ROOT


class ModelProvider:
    """One port, four wires. Models `echo` and `obedient` are there; `script` makes others."""

    def __init__(self, folder: Path):
        program = ROOT / "examples" / "assistant" / "provider"
        self.process = Process("models", [sys.executable, program, "--record"], folder)
        self.url: str = json.loads(self.process.first_line())["url"]
        self._http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def stop(self) -> None:
        self._http.close()
        self.process.stop()

    def script(self, model: str, *steps: dict, **more) -> None:
        """From now on: steps in order, the last for ever; or `rules=`. See the provider's README."""
        script = more | ({"steps": list(steps)} if steps else {})
        self._http.put(f"/control/models/{model}", json=script).raise_for_status()

    def requests(self, model: str | None = None) -> list[dict]:
        """What arrived: method, path, headers, body, wire, model, status, outcome."""
        all_of_them = self._http.get("/control/requests").raise_for_status().json()["requests"]
        return [one for one in all_of_them if model in (None, one["model"])]

    def forget_requests(self) -> None:
        self._http.delete("/control/requests").raise_for_status()
