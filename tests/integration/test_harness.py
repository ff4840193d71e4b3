"""The harness itself: programs end when told, failures are told with what was printed."""

import sys
from pathlib import Path

import httpx
import pytest
import yaml
from parts import tools
from parts.behalf import write_config
from parts.process import Process


def python(folder: Path, code: str) -> Process:
    return Process("script", [sys.executable, "-c", code], folder)


def test_a_program_is_ended_by_its_pid(tmp_path):
    script = python(tmp_path, "import signal; print('up', flush=True); signal.pause()")
    assert script.first_line() == "up"
    assert script.exit_code() is None
    assert script.stop() == -15
    assert not Path(f"/proc/{script.pid}").exists()


def test_a_program_that_ignores_sigterm_is_killed(tmp_path):
    code = "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    script = python(tmp_path, f"{code}; signal.pause()")
    script.first_line()
    assert script.stop(seconds=0.2) == -9


def test_a_program_that_ends_early_is_told_with_its_output(tmp_path):
    script = python(tmp_path, "import sys; sys.exit('no such luck')")
    with pytest.raises(RuntimeError, match="ended with 1:(.|\n)*no such luck"):
        script.first_line()


def test_the_own_settings_of_a_developer_do_not_reach_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("BEHALF_SERVER_LISTEN", "0.0.0.0:1")
    script = python(tmp_path, "import os; print('BEHALF_SERVER_LISTEN' in os.environ)")
    assert script.first_line() == "False"


def test_a_missing_tool_skips_here_and_fails_in_ci(tmp_path, monkeypatch):
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="Vault is not there"):
        tools.require(tmp_path / "absent", "Vault")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Vault is not there"):
        tools.require(tmp_path / "absent", "Vault")


def test_configurations_are_written_as_yaml_in_order(tmp_path):
    config = {"server": {"listen": "127.0.0.1:1"}, "authorization": {"*": "deny"}}
    text = write_config(tmp_path / "c.yaml", config).read_text()
    assert text.index("server") < text.index("authorization")
    assert yaml.safe_load(text) == config


STAND_IN = """#!{python}
import http.server, sys, yaml
config = yaml.safe_load(open(sys.argv[sys.argv.index("--config") + 1]))
if "broken" in config:
    sys.exit("behalf.yaml:1: broken: unknown key")
host, port = config["server"]["listen"].split(":")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch) -> None:
    """In place of the binary, so that the factory is tested by itself."""
    script = tmp_path / "stand-in"
    script.write_text(STAND_IN.format(python=sys.executable))
    script.chmod(0o755)
    monkeypatch.setenv("BEHALF_BINARY", str(script))


def test_the_server_factory_survives_kill_and_starts_again_in_place(stand_in, behalf):
    first, second = behalf({"storage": "sqlite:./a.db"}), behalf({})
    assert first.url != second.url and first.folder != second.folder
    assert first.call("GET", "/ok").status_code == 200
    first.kill()
    with pytest.raises(httpx.TransportError):
        first.call("GET", "/ok")
    first.start()
    assert first.call("GET", "/ok").status_code == 200
    assert first.stop() == -15


def test_the_server_factory_tells_why_a_start_failed(stand_in, behalf):
    with pytest.raises(RuntimeError, match="broken: unknown key"):
        behalf({"broken": True})


def test_the_mirror_keeps_and_reflects_what_arrived(mirror):
    headers = {"Authorization": "Bearer canary-1"}
    answer = httpx.post(f"{mirror.url}/reflect?x=1", json={"a": 1}, headers=headers)
    assert answer.json()["headers"]["authorization"] == "Bearer canary-1"
    assert answer.headers["x-reflected"] == "Bearer canary-1"
    assert mirror.seen[0].holds("canary-1") and not mirror.seen[0].holds("canary-2")
    moved = httpx.get(f"{mirror.url}/redirect/307?to=http://127.0.0.1:9/x")
    assert (moved.status_code, moved.headers["location"]) == (307, "http://127.0.0.1:9/x")
    assert httpx.get(f"{mirror.url}/status/503").status_code == 503
