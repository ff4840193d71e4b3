"""The reference MCP server over Streamable HTTP: no users, every feature of the protocol."""

import shutil
from pathlib import Path

from parts.process import Process
from parts.tools import TOOLS, free_port, require


class Everything:
    def __init__(self, folder: Path):
        node = require(Path(shutil.which("node") or "/usr/bin/node"), "Node")
        package = "@modelcontextprotocol/server-everything/dist/index.js"
        script = require(TOOLS / "node" / "node_modules" / package, "the MCP reference server")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.mcp_url = f"{self.url}/mcp"
        port = self.url.rsplit(":", 1)[1]
        self.process = Process(
            "everything", [node, script, "streamableHttp"], folder, env={"PORT": port}
        )
        self.process.wait_for_url(self.url)

    def stop(self) -> None:
        self.process.stop()
