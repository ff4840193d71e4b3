"""SIGHUP: what holds at once, what needs a restart, and that nothing about it ends the server."""

import hashlib
import os
import signal

import pytest
from parts.behalf import write_config


def key_entry(key: str) -> dict:
    return {"sha256": hashlib.sha256(key.encode()).hexdigest(), "subject": key}


class Reloading:
    """A server whose configuration file a test rewrites."""

    def __init__(self, behalf, folder, **sections):
        self.log = folder / "log.txt"
        self.config = {
            "log": {"file": str(self.log)},
            "identity": [{"type": "api_key", "keys": [key_entry("first")]}],
            "graphs": {"hello": "builtin:hello"}, **sections}
        self.server = behalf(self.config, folder=folder / "server")
        self.config["server"] = {"listen": self.server.url.removeprefix("http://")}

    def lines(self, event: str) -> list[str]:
        text = self.log.read_text() if self.log.exists() else ""
        return [line for line in text.splitlines() if f" {event}" in line]

    def hang_up(self, word: str) -> str:
        """Sends SIGHUP and waits until the log has one more line of that event."""
        before = len(self.lines(word))
        os.kill(self.server.process.pid, signal.SIGHUP)
        self.server.process.wait_until(lambda: len(self.lines(word)) > before)
        return self.lines(word)[-1]

    def rewrite(self, **sections) -> None:
        self.config |= sections
        write_config(self.server.config_file, self.config)

    def status(self, key: str, method: str = "POST", path: str = "/threads") -> int:
        return self.server.call(method, path, headers={"X-Api-Key": key}, json={}).status_code


@pytest.fixture
def live(behalf, tmp_path):
    return lambda **sections: Reloading(behalf, tmp_path, **sections)


def test_keys_and_rules_hold_at_once(live):
    it = live()
    assert (it.status("first"), it.status("second")) == (200, 401)
    it.rewrite(identity=[{"type": "api_key", "keys": [key_entry("second")]}],
               authorization={"*": "allow", "threads.search": "deny"})
    it.hang_up("reloaded")
    assert (it.status("first"), it.status("second")) == (401, 200)
    assert it.status("second", path="/threads/search") == 403
    assert any("authorization.threads.search" in line for line in it.lines("reload_changed"))


def test_limits_hold_at_once(live):
    it = live()
    it.rewrite(limits={"user": {"requests_per_second": 0.001}})
    it.hang_up("reloaded")
    assert [it.status("first") for _ in range(2)] == [200, 429]


def test_a_log_that_was_moved_away_is_opened_anew(live):
    it = live()
    it.log.rename(it.log.with_suffix(".1"))
    it.hang_up("reloaded")
    assert it.log.exists()
    it.rewrite(log={"file": str(it.log), "level": "warning"}, runs={"slots": 3})
    it.hang_up("reload_needs_a_restart")
    it.server.config_file.unlink()
    it.hang_up("reload_refused")  # so the one before is over
    assert len(it.lines("reloaded")) == 1  # which is told at info


def test_a_log_file_that_cannot_be_written_changes_nothing(live, tmp_path):
    it = live()
    good = it.config["log"]
    it.rewrite(log={"file": str(tmp_path / "none" / "log.txt")},
               limits={"user": {"requests_per_second": 0.001}})
    assert "key=log.file" in it.hang_up("reload_refused")
    assert not it.lines("reload_changed") and not it.lines("reloaded")
    assert [it.status("first") for _ in range(3)] == [200] * 3
    it.rewrite(log=good, limits={})
    it.hang_up("reloaded")
    assert len(it.lines("reload_refused")) == 1 and not (tmp_path / "none").exists()


def test_what_needs_a_restart_is_named(live):
    it = live()
    it.rewrite(runs={"slots": 3})
    it.hang_up("reloaded")
    (line,) = it.lines("reload_needs_a_restart")
    assert "key=runs.slots" in line


@pytest.mark.parametrize("fault, where, key", [
    ("authorization: { threads: sometimes }", "behalf.yaml:", "authorization.threads"),
    ("identity: [", "behalf.yaml:", "is not YAML"),
    ("server: { listen: '0.0.0.0:1' }", "behalf.yaml:1", "server.listen"),
])
def test_an_invalid_file_changes_nothing(live, fault, where, key):
    it = live()
    it.server.config_file.write_text(fault)
    line = it.hang_up("reload_refused")
    assert where in line and key in line, line
    assert (it.status("first"), it.status("second")) == (200, 401)


@pytest.mark.parametrize("keep, told", [("", "nothing stands in the file"), ("a part", "key=authorization")])
def test_a_file_that_was_cut_off_opens_nothing(live, keep, told):
    it = live(authorization={"*": "allow", "threads.search": "deny"})
    whole = it.server.config_file.read_text()
    it.server.config_file.write_text(whole[:whole.index("authorization:")] if keep else "")
    assert told in it.hang_up("reload_refused")
    assert it.status("first", path="/threads/search") == 403 and it.status("first") == 200
    it.server.config_file.write_text(whole)
    it.hang_up("reloaded")
    assert not it.lines("reload_changed")


def test_without_its_file_it_goes_on(live):
    it = live()
    it.server.config_file.unlink()
    it.hang_up("reload_refused")
    assert it.status("first") == 200


def test_many_hang_ups_end_nothing(live):
    it = live()
    for _ in range(50):
        os.kill(it.server.process.pid, signal.SIGHUP)
        assert it.status("first") == 200
    it.hang_up("reloaded")
    assert it.server.stop() == 0


def test_the_development_server_survives_a_hang_up(behalf):
    server = behalf(None, command="dev")
    os.kill(server.process.pid, signal.SIGHUP)
    server.process.wait_until(lambda: "reloaded" in server.process.output())
    form = {"grant_type": "password", "client_id": "t", "username": "alice", "password": "alice"}
    token = server.call("POST", "/dev/token", data=form).json()["access_token"]
    assert server.call("POST", "/threads", token, json={}).status_code == 200
