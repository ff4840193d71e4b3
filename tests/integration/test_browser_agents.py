"""Declared agents in a real browser, by the hooks that chat pages are made of: tokens as they come,
calls, questions and their answers, and a page that is loaded anew in the middle of it."""

import json
import shutil
import subprocess

import pytest
from parts.agents import Agents, model, neighbours, reader
from parts.tools import TOOLS, free_port, require
from test_browser import CHROMIUM, SOURCES

KINDS = ("tokens", "approved", "rejected", "answered instead", "loaded anew",
         "loaded anew at a question")
SCENARIOS = [f"{kind} by {how}" for how in ("runs", "thread") for kind in KINDS]
SCENARIOS.append("asked elsewhere")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What each scenario says went wrong, by name."""
    modules = require(TOOLS / "node" / "node_modules", "the JavaScript SDK")
    require(CHROMIUM, "Chromium")
    folder = tmp_path_factory.mktemp("agents")
    work = folder / "page"
    work.mkdir()
    (work / "node_modules").symlink_to(modules)
    shutil.copytree(SOURCES / "browser", work / "browser")
    shutil.copy(SOURCES / "browser.mjs", work)
    page_port = free_port()
    with neighbours(folder) as (inbox, provider, _):
        parts = [f"{' ' if n else ''}w{n + 1}" for n in range(30)]
        provider.script("slow", {"text": parts, "knobs": {"delay_ms": 25}})
        provider.script("clerk", rules=[
            {"user": "mail", "text": "I look.", "calls": [{"name": "list_unread", "args": {}}]},
            {"result": '"total"', "calls": [{"name": "get_message", "args": {"id": "m1"}}]},
            {"result": "", "text": "That is all."}])
        models = {name: model(provider, "openai_chat", name) for name in ("slow", "clerk")}
        agents = {"slow": {"model": "slow"}, "clerk": reader("clerk")}
        server = Agents(folder / "server", inbox, models, agents,
                        server={"cors": {"allow_origins": [f"http://localhost:{page_port}"]}})
        try:
            done = subprocess.run(
                ["node", "browser.mjs", str(page_port), str(CHROMIUM), "agents", server.server.url,
                 server.tokens["alice"], server.tokens["bob"]],
                cwd=work, capture_output=True, text=True, timeout=150)
            assert done.returncode == 0, done.stdout + done.stderr
            yield json.loads(done.stdout)
        finally:
            server.server.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_in_a_browser(played, name):
    assert played[name] is None, played[name]


def test_all_were_played(played):
    assert sorted(played) == sorted(SCENARIOS)
