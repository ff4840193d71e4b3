"""`behalf chat --login`: people log in at the issuer of a server's tokens, with a code."""

import os
import re
import subprocess
import time

import pytest
from parts.agents import model
from parts.behalf import Behalf, binary, run
from parts.local_server import JsonHandler, LocalServer
from parts.model_provider import ModelProvider
from parts.tools import until


def test_a_person_logs_in_at_keycloak(keycloak, tmp_path):
    identity = {"type": "oidc", "issuer": keycloak.issuer, "audience": "behalf",
                "allow_generic_jwt_typ": True}
    provider = ModelProvider(tmp_path / "provider")
    server = Behalf({"models": {"m": model(provider, "openai_chat", "echo")},
                     "agents": {"echo": {"model": "m"}}, "identity": [identity]}, tmp_path / "server")
    chat = subprocess.Popen(
        [str(binary()), "chat", "--url", server.url, "--login", "behalf-cli"], cwd=tmp_path, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]})
    try:
        told = ""
        while "valid for" not in told:
            line = chat.stderr.readline()
            assert line, told
            told += line
        assert re.search(rf"^Log in at {keycloak.issuer}/device \(of {keycloak.issuer}\)", told)
        assert re.search(r"^    [A-Z]{4}-[A-Z]{4}$", told, re.M)
        keycloak.approve(re.search(r"or open (\S+)", told)[1], "alice")
        said, failed = chat.communicate("hello\n", timeout=30)
        assert (chat.returncode, failed) == (0, "") and "> \nhello\n" in said, failed
        threads = server.sdk(keycloak.token("alice")).threads.search()
        assert len(threads) == 1 and threads[0]["metadata"]["owner"] == keycloak.subject("alice")
    finally:
        chat.kill()
        chat.wait()
        server.close()
        provider.stop()


class Issuer(LocalServer):
    """Gives a code, and refuses tokens as `says` says."""

    def __init__(self) -> None:
        self.says = ["access_denied"]
        self.asked: list[tuple[float, str]] = []
        self.serve(_Handler, issuer=self)


class _Handler(JsonHandler):
    issuer: Issuer

    def do_GET(self) -> None:
        url = self.issuer.url
        if self.path == "/.well-known/oauth-protected-resource":
            return self.answer(200, {"resource": url, "authorization_servers": [url]})
        if self.path != "/.well-known/openid-configuration":
            return self.answer(404, {})
        self.answer(200, {"issuer": url, "device_authorization_endpoint": f"{url}/device",
                          "token_endpoint": f"{url}/token"})

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        self.issuer.asked.append((time.monotonic(), self.path + " " + form))
        if self.path == "/device":
            return self.answer(200, {"device_code": "d", "user_code": "AB-CD", "expires_in": 60,
                                     "verification_uri": "https://id.example.com/go", "interval": 1})
        self.answer(400, {"error": self.issuer.says.pop(0)})


@pytest.fixture
def issuer():
    made = Issuer()
    yield made
    made.stop()


@pytest.mark.parametrize("says, why", [
    ("access_denied", "the login was refused"), ("expired_token", "the code was not used in time"),
])
def test_a_login_that_fails_is_one_sentence(issuer, tmp_path, says, why):
    issuer.says = [says]
    done = run("chat", "--url", issuer.url, "--login", "cli", "--once", "hi", folder=tmp_path)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert done.stderr.endswith(f"behalf: {why}\n") and "    AB-CD\n" in done.stderr, done.stderr
    assert issuer.asked[0][1] == "/device scope=openid&client_id=cli"
    assert issuer.asked[1][0] - issuer.asked[0][0] >= 0.9  # it waits before it asks


def test_ctrl_c_ends_a_login(issuer, tmp_path):
    issuer.says = ["slow_down"] * 9
    chat = subprocess.Popen([str(binary()), "chat", "--url", issuer.url, "--login", "cli"], cwd=tmp_path,
                            stderr=subprocess.PIPE, text=True)
    until(lambda: issuer.asked)
    time.sleep(0.1)
    chat.send_signal(2)
    _, told = chat.communicate(timeout=10)
    assert chat.returncode != 0 and told.endswith("behalf: the login was given up\n")
