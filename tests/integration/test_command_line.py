"""The command line as a new user meets it: wrong flags, wrong files, taken ports."""

import secrets
import subprocess

import pytest

from parts.behalf import Behalf, run
from parts.tools import ROOT, free_port


def test_version_and_help(tmp_path):
    assert run("version", folder=tmp_path).stdout.startswith("behalf 0.")
    assert "serve" in run("--help", folder=tmp_path).stdout


@pytest.mark.parametrize("arguments", [["fly"], ["serve"], ["dev", "--prot", "1"],
                                       ["dev", "--port", "70000"], ["secret", "put"]])
def test_a_wrong_command_line_is_exit_code_2(arguments, tmp_path):
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2 and done.stderr


FAULTS = [
    ("server: { listn: x }", "behalf.yaml:1: server.listn: unknown key", "'listen'"),
    ("\n\nstorage: postgres:x", "behalf.yaml:3: storage", "sqlite:"),
    ("graphs:\n  a: [1]", "behalf.yaml:2: graphs.a", ""),
    ("authorization: { threads: sometimes }", "authorization.threads", ""),
    ("authorization: { planets: deny }", "authorization.planets", ""),
    ("identity: [{ type: oidc, issuer: http://id.example.com, audience: a }]", "issuer", "https"),
    ("services: { x: { base_url: https://a.b, credential: { inject: cookie } } }", "inject", ""),
    ("secrets: { type: embedded, master_key: 0123 }", "master_key", "never the secret itself"),
    ("a: [1", "is not YAML", ""),
    ("server: { listen: 0.0.0.0:2024 }", "server", "this machine only"),
]


@pytest.mark.parametrize("text, place, hint", FAULTS)
def test_a_wrong_configuration_names_file_line_and_key(text, place, hint, tmp_path):
    (tmp_path / "behalf.yaml").write_text(text)
    done = run("validate", "behalf.yaml", folder=tmp_path)
    assert done.returncode == 3, done.stdout
    assert place in done.stderr and hint in done.stderr, done.stderr
    assert run("serve", "--config", "behalf.yaml", folder=tmp_path).returncode == 3


def test_examples_are_valid(tmp_path):
    done = run("validate", ROOT / "examples/behalf.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_missing_file_and_a_taken_port_are_said(tmp_path):
    missing = run("serve", "--config", "none.yaml", folder=tmp_path)
    assert missing.returncode == 3 and "none.yaml" in missing.stderr
    server = Behalf(None, tmp_path / "one", command="dev", args=("--data", "data"))
    port = server.url.rsplit(":", 1)[1]
    taken = run("dev", "--port", port, "--data", "two", folder=tmp_path)
    assert taken.returncode == 4 and port in taken.stderr
    same = run("dev", "--port", str(free_port()), "--data", str(server.folder / "data"),
               folder=tmp_path)
    assert same.returncode == 4 and same.stderr
    server.close()


def test_the_master_key_rotates(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(secrets.token_hex(32))
        (tmp_path / name).chmod(0o600)
    config = tmp_path / "behalf.yaml"
    config.write_text("secrets: { type: embedded, path: s.db, master_key: file:one }")
    about = ["--issuer", "i", "--user", "u", "--service", "s"]
    where = ["--config", "behalf.yaml"]
    put = run("secret", "put", *where, *about, folder=tmp_path, input="a-token")
    assert put.returncode == 0, put.stderr
    listed = run("secret", "list", *where, folder=tmp_path)
    assert "\ts\t" in listed.stdout and "a-token" not in listed.stdout
    turned = run("secret", "rotate-master-key", *where, "--new-key", "file:two", folder=tmp_path)
    assert turned.returncode == 0, turned.stderr
    old = run("secret", "list", *where, folder=tmp_path)
    assert old.returncode != 0 and "master key" in old.stderr
    config.write_text(config.read_text().replace("file:one", "file:two"))
    assert "\ts\t" in run("secret", "list", *where, folder=tmp_path).stdout


def test_an_installed_behalf_builds_and_serves_a_plugin(tmp_path):
    build = ROOT / "build" / "release"
    if not (build / "cmake_install.cmake").exists():
        pytest.skip("no build/release to install from")
    prefix, made = tmp_path / "prefix", tmp_path / "made"
    for command in (
        ["cmake", "--install", build, "--prefix", prefix],
        ["cmake", "-S", ROOT / "examples/inbox", "-B", made, f"-DCMAKE_PREFIX_PATH={prefix}",
         "-DCMAKE_BUILD_TYPE=Debug"],
        ["cmake", "--build", made],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "behalf.yaml").write_text(f"graphs: {{ inbox: {made}/libinbox.so }}\n")
    server = Behalf(None, tmp_path / "run", command="serve",
                    args=("--config", str(tmp_path / "behalf.yaml")))
    found = server.call("POST", "/assistants/search", json={}).json()
    assert [a["graph_id"] for a in found] == ["inbox"]
    server.close()
