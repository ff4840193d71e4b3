"""A real browser: the React hooks of both JavaScript packages, and the server's own page.

A page of another origin calls a server whose users have tokens, and which lets pages of that origin
in. Each scenario of js/browser/ is a test.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from parts.behalf import Behalf
from parts.plugins import plugin
from parts.tools import ROOT, TOOLS, free_port, require
from test_client_graphs import token

SOURCES = ROOT / "tests" / "integration" / "js"
CHROMIUM = Path("/usr/bin/chromium")


def scenarios() -> list[tuple[str, str]]:
    """(page, name) of all, as the pages offer them."""
    found = []
    for page in ("react", "sdk"):
        text = (SOURCES / "browser" / f"{page}.js").read_text()
        offered = text[text.index("\noffer({"):]
        found += [(page, name) for name in re.findall(r'^  "(.+?)": ', offered, re.M)]
    return [*found, ("docs", "the list of operations")]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What each scenario says went wrong, by page and name."""
    modules = require(TOOLS / "node" / "node_modules", "the JavaScript SDK")
    require(CHROMIUM, "Chromium")
    work = tmp_path_factory.mktemp("pages")
    (work / "node_modules").symlink_to(modules)
    shutil.copytree(SOURCES / "browser", work / "browser")
    shutil.copy(SOURCES / "browser.mjs", work)
    page_port = free_port()
    config = yaml.safe_load((ROOT / "tests" / "graphs" / "behalf.auth.yaml").read_text())
    config["graphs"] = [plugin("test_graphs")]
    config["plugins"] = [plugin("test_policy")]
    config["server"] = {"cors": {"allow_origins": [f"http://localhost:{page_port}"]}}
    server = Behalf(config, work / "server", command="dev")
    everything = ("me", "read", "write")
    results = {}
    try:
        for page in ("react", "sdk", "docs"):
            done = subprocess.run(
                ["node", "browser.mjs", str(page_port), str(CHROMIUM), page, server.url,
                 token("alice", *everything), token("johndoe", *everything)],
                cwd=work, capture_output=True, text=True, timeout=100)
            assert done.returncode == 0, done.stdout + done.stderr
            results.update({(page, name): wrong
                            for name, wrong in json.loads(done.stdout).items()})
    finally:
        server.close()
    return results


@pytest.mark.parametrize("page,name", scenarios())
def test_in_a_browser(played, page, name):
    assert played[page, name] is None, played[page, name]
