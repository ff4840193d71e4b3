"""Model providers that others wrote: what they say on the wires is their opinion, not ours."""

import json
import shutil
from pathlib import Path

from parts.process import Process
from parts.tools import TOOLS, free_port, require


class Aimock:
    """@copilotkit/aimock, all four wires; `fixtures` as its documentation has them."""

    def __init__(self, folder: Path, fixtures: list[dict]):
        node = require(Path(shutil.which("node") or "/usr/bin/node"), "Node")
        script = require(TOOLS / "node" / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js",
                         "aimock")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "fixtures.json"
        file.write_text(json.dumps({"fixtures": fixtures}))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        slow = ["-c", "6", "-l", "20"]  # characters, milliseconds: it streams
        self.process = Process("aimock", [node, script, "-p", str(port), "-f", file, *slow], folder)
        self.process.wait_for_url(f"{self.url}/v1/models")

    def stop(self) -> None:
        self.process.stop()


class LiteLLM:
    """Its proxy: `models` by name, what `litellm_params` has beside a model's name and key."""

    def __init__(self, folder: Path, models: dict[str, dict]):
        program = require(TOOLS / "litellm" / "bin" / "litellm", "LiteLLM")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "litellm.json"  # YAML, too
        made = [{"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_key": "none", **more}}
                for name, more in models.items()]
        file.write_text(json.dumps({"model_list": made, "general_settings": {"master_key": "sk-lite"},
                                    "litellm_settings": {"num_retries": 0}}))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = Process("litellm", [program, "--config", file, "--port", str(port), "--host",
                                           "127.0.0.1", "--telemetry", "False"], folder,
                               env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True"})
        self.process.wait_for_url(f"{self.url}/health/liveliness", 120)  # it reads much Python

    def stop(self) -> None:
        self.process.stop()
