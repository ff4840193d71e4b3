"""What newcomers run first: the demo, and the example's assistant, each as it is shipped."""

import os
import re
import subprocess
import sys

import pytest
from parts.behalf import binary, run
from parts.tools import ROOT, until

EXAMPLES = ROOT / "examples"


def shipped(program: str, **options) -> subprocess.Popen:
    env = os.environ | {"BEHALF_BINARY": str(binary())}
    return subprocess.Popen([sys.executable, str(EXAMPLES / program)], env=env, text=True, **options)


def test_the_demo_shows_the_journey_and_finds_no_token():
    demo = shipped("inbox/demo.py", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, said
    assert re.search(r"tokens and keys, .*: 0 hits", said)
    assert int(re.search(r"came side by side: (\d+) times", said)[1]) > 0
    assert len(re.findall(r"asked to approve get_message .*: (?:approve|reject)", said)) == 2
    assert said.count("tainted by words of strangers from mail, private data from mail") == 2
    assert "bob reads alice's thread: 404" in said
    for reason in ("carol has no mail token: ", "bob's mail token was revoked by the mail service: "):
        assert "needs_auth" in re.search(re.escape(reason) + "(.*)", said)[1]


@pytest.fixture
def assistant(tmp_path):
    """Where the example listens."""
    with open(tmp_path / "said.txt", "w") as said:
        server = shipped("assistant/start.py", stdout=said, stderr=subprocess.STDOUT)
    try:
        talk = until(
            lambda: re.search(r"behalf chat --url (\S+) --user alice", (tmp_path / "said.txt").read_text())
        )
        yield talk[1]
    finally:
        server.terminate()
        assert server.wait(20) == 0


def test_the_assistant_answers_without_a_model_of_ones_own(assistant, tmp_path):
    asked = ("chat", "--url", assistant, "--user", "alice", "--once")
    done = run(*asked, "Is there mail about the moon?", folder=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "There is none."), done.stderr
