"""The command line as a new user meets it: wrong flags, wrong files, taken ports."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys

import httpx
import pytest
import yaml
from parts.behalf import Behalf, binary, run, write_config
from parts.frames import told_by
from parts.plugins import plugin
from parts.process import Process
from parts.tools import ROOT, free_port


def test_version_and_help(tmp_path):
    assert run("version", folder=tmp_path).stdout.startswith("behalf 0.")
    assert "serve" in run("--help", folder=tmp_path).stdout


@pytest.mark.parametrize("arguments", [["fly"], ["serve"], ["dev", "--prot", "1"],
                                       ["dev", "--port", "70000"], ["secret", "put"],
                                       ["secret", "list"], ["secret", "pt"], []])
def test_a_wrong_command_line_is_exit_code_2(arguments, tmp_path):
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("behalf: ")
    assert not done.stdout and not list(tmp_path.iterdir())


def test_a_mistyped_command_is_told_the_real_ones(tmp_path):
    assert "no command 'sreve'; there are: dev, serve" in run("sreve", folder=tmp_path).stderr
    assert "no command 'pt'; there are: put, list" in run("secret", "pt", folder=tmp_path).stderr
    assert "not expected: --prot 1" in run("dev", "--prot", "1", folder=tmp_path).stderr


def test_every_command_explains_itself(tmp_path):
    for command in ("new", "dev", "serve", "validate", "schema", "secret put", "secret list",
                    "secret delete", "secret rotate-master-key", "audit verify", "token",
                    "chat"):
        done = run(*command.split(), "--help", folder=tmp_path)
        assert done.returncode == 0 and f"Usage: behalf {command} " in done.stdout, done.stdout
        assert "TEXT REQUIRED      Conf" not in done.stdout
    assert run("--version", folder=tmp_path).stdout == run("version", folder=tmp_path).stdout


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
    ("server: { listen: 0.0.0.0:2024 }", "behalf.yaml:1: server.listen", "this machine only"),
    ("server:\n  listen: example.com:80", "behalf.yaml:2: server.listen", "no IP address"),
    ("storage: sqlite:a\nstorage: sqlite:b", "behalf.yaml:2: storage", "twice, first at"),
    ("server:\n  listen: '1'\n  listen: '2'", "behalf.yaml:3: server.listen", "twice"),
    ("server:\n\tlisten: '1'", "behalf.yaml:2: ", "tab"),
    ("storage: sqlite:", "behalf.yaml:1: ", "quotes"),
    ("audit: a\n---\naudit: b", "behalf.yaml", "several YAML documents"),
    ("log: { level: [a] }", "behalf.yaml:1: log.level", "debug, info"),
    ("plugins: { a: b }", "behalf.yaml:1: plugins", "list of texts"),
    ("identity: [oidc]", "behalf.yaml:1: identity[0]", "must be a mapping"),
    ("services:\n  x:", "behalf.yaml:2: services.x", "is empty"),
    ("services: { x: { base_url: 'ftp://a' } }", "services.x.base_url", "http"),
    ("runs:\n  timeout:", "behalf.yaml:2: runs.timeout", "has no value"),
    ("dev: { users: [{ name: a, claims: 4 }] }", "dev.users[0].claims", "mapping"),
    ("dev: { users: [{ name: a }, { name: a }] }", "dev.users", "two users"),
    ("graphs:\n  a: builtin:b", "behalf.yaml:2: graphs.a", "builtin:hello"),
    ("limits: { user: { burst: -1 } }", "limits.user.burst", "a number from 0 to 1000000000"),
    ("runs: { user_share: 2 }", "runs.user_share", "a number from 0 to 1"),
    ("identity:\n  # - type: oidc", "behalf.yaml:1: identity", "has no value"),
    ("authorization:\n  # threads: owner", "behalf.yaml:1: authorization", "has no value"),
    ("server: { listen: 127.0.0.1:99999 }", "server.listen", "65535"),
    ("secrets: { type: vault, address: nowhere, auth: { type: jwt, role: r } }", "secrets", "URL"),
    ("models: { m: { type: openai, model: x, key: 'env:' } }", "models.m.key", "names nothing"),
    ("secrets: {}", "behalf.yaml:1: secrets:", "lacks master_key"),
    ("secrets:\n  master_key: env:K\n  others:\n    o: { type: embedded }",
     "behalf.yaml:4: secrets.others.o:", "lacks master_key"),
    ("\nauthorization: { threads: owner }", "behalf.yaml:2: authorization", "identity"),
]


@pytest.mark.parametrize("text, place, hint", FAULTS)
def test_a_wrong_configuration_names_file_line_and_key(text, place, hint, tmp_path):
    (tmp_path / "behalf.yaml").write_text(text)
    done = run("validate", "behalf.yaml", folder=tmp_path)
    assert done.returncode == 3, done.stdout
    assert place in done.stderr and hint in done.stderr, done.stderr
    assert done.stderr.startswith("behalf: ") and done.stderr.count("\n") == 1
    assert run("serve", "--config", "behalf.yaml", folder=tmp_path).returncode == 3


SERVE_FAULTS = [
    ("graphs:\n  a: ./none.so", "behalf.yaml:2: graphs.a", "No such file"),
    ("plugins: [./behalf.yaml]", "behalf.yaml:1: plugins", "cannot be used"),
    ("log: { file: none/log }", "behalf.yaml:1: log.file", "No such file"),
    ("log: { file: . }", "behalf.yaml:1: log.file", "Is a directory"),
    ("server: { tls: { cert: none.pem, key: none.pem } }", "server.tls.cert", "No such file"),
    ("egress:\n  ca_file: .", "behalf.yaml:2: egress.ca_file", "folder"),
    ("secrets: { type: embedded, master_key: file:none }", "secrets.master_key", "No such file"),
    ("secrets: { type: embedded, master_key: 'env:NOT_SET' }", "secrets.master_key", "not set"),
    ("models:\n  m: { type: openai, model: x, key: 'file:behalf.yaml' }",
     "behalf.yaml:2: models.m.key: file:behalf.yaml", "cannot be sent as a key"),
]


@pytest.mark.parametrize("text, place, hint", SERVE_FAULTS)
def test_what_this_machine_lacks_is_said_with_its_key(text, place, hint, tmp_path):
    (tmp_path / "behalf.yaml").write_text(text)
    done = run("serve", "--config", "behalf.yaml", "--port", "0", folder=tmp_path)
    assert done.returncode == 3, done.stderr
    assert place in done.stderr and hint in done.stderr, done.stderr
    assert "terminate" not in done.stderr and not done.stdout


def test_all_faults_come_in_the_order_of_the_file(tmp_path):
    (tmp_path / "f.yaml").write_text("runs: { slots: no }\nlog: { level: x }\nsever: {}\n")
    said = run("validate", "f.yaml", folder=tmp_path).stderr.splitlines()
    assert [line.split(":")[2] for line in said] == ["1", "2", "3"]


def test_a_wrong_variable_is_named(tmp_path):
    (tmp_path / "f.yaml").write_text("server: { listen: '1' }")
    env = {**os.environ, "BEHALF_SERVER_LISTEN": "here"}
    done = run("validate", "f.yaml", folder=tmp_path, env=env)
    assert done.returncode == 3 and "behalf: BEHALF_SERVER_LISTEN: server.listen" in done.stderr


@pytest.mark.parametrize("command", [["validate"], ["serve", "--config"], ["dev", "--config"]])
def test_what_is_no_readable_file_is_refused(command, tmp_path):
    for name, why in ((".", "folder"), ("none.yaml", "No such file")):
        done = run(*command, name, folder=tmp_path)
        assert done.returncode == 3 and why in done.stderr, done.stderr


def test_validate_knows_what_graphs_a_library_has(tmp_path):
    (tmp_path / "f.yaml").write_text(f"graphs:\n  zzz: {plugin('probe')}\n")
    done = run("validate", "f.yaml", folder=tmp_path)
    assert done.returncode == 3 and "f.yaml:2: graphs.zzz: no graph 'zzz'" in done.stderr
    assert "there are: probe, " in done.stderr


def test_handlers_that_nobody_asked_for_are_refused(tmp_path):
    """Neither taken along by chance nor left out without a word."""
    (tmp_path / "f.yaml").write_text(f"graphs: [{plugin('gate')}]\n")
    done = run("validate", "f.yaml", folder=tmp_path)
    assert done.returncode == 3 and "f.yaml:1: graphs[0]: " in done.stderr, done.stderr
    assert "list it under plugins" in done.stderr


@pytest.mark.parametrize("command", [["validate"], ["storage", "check"], ["audit", "verify"]])
def test_a_missing_file_is_asked_for_as_it_is_given(command, tmp_path):
    done = run(*command, folder=tmp_path)
    assert done.returncode == 2 and "FILE is required" in done.stderr, done.stderr


def test_a_library_that_ends_the_process_is_named(tmp_path):
    (tmp_path / "bad.cpp").write_text("struct at_load { at_load() { __builtin_trap(); } } now;")
    subprocess.run(["g++", "-shared", "-fPIC", "-o", tmp_path / "libbad.so", tmp_path / "bad.cpp"],
                   check=True)
    (tmp_path / "f.yaml").write_text("graphs: [./libbad.so]\n")
    done = run("validate", "f.yaml", folder=tmp_path)
    assert done.returncode < 0 and "library_loading" in done.stderr, done.stderr
    assert "libbad.so" in done.stderr


def redirected(how: str, folder, config: dict) -> tuple[Process, str]:
    """`behalf dev` with its standard descriptors as a shell makes them, and its URL."""
    port = free_port()
    config_file = write_config(folder / "f.yaml", config)
    command = ["sh", "-c", f'exec "$@" {how}', "sh", binary(), "dev", "--config", config_file,
               "--data", "data", "--port", str(port)]
    server = Process("behalf", command, folder)
    server.wait_for_url(f"http://127.0.0.1:{port}/ok")
    return server, f"http://127.0.0.1:{port}"


def test_closed_standard_descriptors_are_nobody_elses(tmp_path):
    config = {"allow_core_dumps": True}  # else only root may look
    server, _ = redirected("<&- >&- 2>&-", tmp_path, config)
    for fd in range(3):
        assert os.readlink(f"/proc/{server.pid}/fd/{fd}") == "/dev/null"
    assert server.stop() == 0


def test_who_stops_reading_the_log_stops_nothing_else(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    server, url = redirected("2>pipe", tmp_path, {"log": {"access": True}})
    for _ in range(100):
        assert httpx.get(f"{url}/ok", timeout=5).status_code == 200
    told = httpx.get(f"{url}/metrics", timeout=5).text
    assert float(re.search(r"^behalf_log_lines_lost_total (\S+)", told, re.M)[1]) > 0
    assert server.stop() == 0
    os.close(reader)


def test_localhost_is_an_address(tmp_path):
    listen = f"localhost:{free_port()}"
    for config, args in (({"server": {"listen": listen}}, ()), (None, ("--host", "localhost"))):
        server = Behalf(config, tmp_path / "run", command="dev", args=("--data", "data", *args))
        assert server.call("GET", "/ok").status_code == 200
        server.close()


def test_examples_are_valid(tmp_path):
    done = run("validate", ROOT / "examples/behalf.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_missing_file_and_a_taken_port_are_said(tmp_path):
    missing = run("serve", "--config", "none.yaml", folder=tmp_path)
    assert missing.returncode == 3 and "none.yaml" in missing.stderr
    server = Behalf(None, tmp_path / "one", command="dev", args=("--data", "data"))
    port = server.url.rsplit(":", 1)[1]
    taken = run("dev", "--port", port, "--data", "two", folder=tmp_path)
    assert taken.returncode == 4 and port in taken.stderr and "--port" in taken.stderr
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


def test_secrets_go_into_the_store_that_is_named(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(secrets.token_hex(32))
        (tmp_path / name).chmod(0o600)
    (tmp_path / "behalf.yaml").write_text(
        "secrets: { path: s.db, master_key: file:one,"
        " others: { team: { path: t.db, master_key: file:two } } }")
    where = ["--config", "behalf.yaml"]
    about = ["--issuer", "i", "--user", "u", "--service", "s"]
    team = ["--store", "team"]
    assert run("secret", "put", *where, *team, *about, folder=tmp_path, input="t").returncode == 0
    assert run("secret", "list", *where, folder=tmp_path).stdout == ""
    assert "\ts\t" in run("secret", "list", *where, *team, folder=tmp_path).stdout
    assert run("secret", "delete", *where, *team, *about, folder=tmp_path).returncode == 0
    assert run("secret", "list", *where, *team, folder=tmp_path).stdout == ""
    wrong = run("secret", "list", *where, "--store", "tema", folder=tmp_path)
    assert wrong.returncode == 2 and "tema" in wrong.stderr


def test_a_token_that_no_header_can_hold_is_refused(tmp_path):
    about = ["--issuer", "i", "--user", "u", "--service", "s", "--data", "d"]
    for value in ("", "\n", "two\nlines", "tab\there", "a" * 65537, "a" * 20000):
        put = run("secret", "put", *about, folder=tmp_path, input=value)
        assert put.returncode == 2 and "value" in put.stderr and "two" not in put.stderr
    past = run("secret", "put", *about, "--expires-at", "2020-01-01T00:00:00Z", folder=tmp_path,
               input="a")
    assert past.returncode == 2 and "past" in past.stderr
    assert run("secret", "put", *about, folder=tmp_path, input="windows\r\n").returncode == 0


def test_a_store_is_made_for_a_value_alone_and_told(tmp_path):
    about = ["--issuer", "http://x/dev", "--user", "u", "--service", "s", "--data", "typo"]
    empty = run("secret", "put", *about, folder=tmp_path, input="")
    assert empty.returncode == 2 and not (tmp_path / "typo").exists()
    made = run("secret", "put", *about, folder=tmp_path, input="a token")
    assert made.returncode == 0 and "there was no secret store in typo" in made.stderr
    assert "warning: the value has a blank" in made.stderr
    again = run("secret", "put", *about, folder=tmp_path, input="a-token-of-some-length")
    assert (again.returncode, again.stderr) == (0, "")


def test_serve_has_no_store_by_dev(tmp_path):
    (tmp_path / "f.yaml").write_text(
        "server: { listen: 127.0.0.1:1 }\ndev: { users: [{ name: alice }] }\n"
        "services: { mail: { base_url: https://mail.example, credential: { from: secrets } } }\n")
    assert run("validate", "f.yaml", folder=tmp_path).returncode == 0
    refused = run("serve", "--config", "f.yaml", folder=tmp_path)
    assert refused.returncode == 3 and "f.yaml:3: services.mail: " in refused.stderr, refused.stderr


def test_a_token_that_nothing_would_look_for_is_warned_of(tmp_path):
    (tmp_path / "one").write_text(secrets.token_hex(32))
    (tmp_path / "one").chmod(0o600)
    made = run("api-key", "--subject", "u", folder=tmp_path).stdout
    entry = yaml.safe_load(made.split("\n", 1)[1])
    (tmp_path / "f.yaml").write_text(yaml.safe_dump({
        "secrets": {"type": "embedded", "path": "s.db", "master_key": "file:one"},
        "identity": [{"type": "api_key", "keys": entry}],
        "services": {"mail": {"base_url": "https://mail.example", "credential": {"name": "box"}}}}))

    def put(issuer: str, service: str) -> str:
        done = run("secret", "put", "--config", "f.yaml", "--user", "u", "--issuer", issuer,
                   "--service", service, folder=tmp_path, input="a-token-of-some-length")
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert put("api_key", "box") == ""
    assert "no issuer 'api-key'; there are: api_key" in put("api-key", "box")
    assert "'mail'; there are: box" in put("api_key", "mail")


@pytest.mark.parametrize("secrets_section", [
    "", "secrets: { type: embedded, path: s.db }",
    "secrets: { type: embedded, path: s.db, master_key: file:key }"])
def test_secrets_of_a_data_folder_are_found_where_put_stored_them(tmp_path, secrets_section):
    (tmp_path / "key").write_text(secrets.token_hex(32))
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "f.yaml").write_text(secrets_section)
    where = ["--config", "f.yaml", "--data", "data"]
    about = ["--user", "u", "--issuer", "i", "--service", "s"]
    assert run("secret", "put", *where, *about, folder=tmp_path, input="t").returncode == 0
    listed = run("secret", "list", *where, folder=tmp_path)
    assert listed.returncode == 0 and "\ts\t" in listed.stdout, listed.stderr
    typo = run("secret", "list", "--config", "f.yaml", "--data", "typo", folder=tmp_path)
    assert typo.returncode == 3 and not (tmp_path / "typo").exists()


def test_a_mistyped_data_folder_is_not_made(tmp_path):
    done = run("secret", "list", "--data", "typo", folder=tmp_path)
    assert done.returncode == 3 and "typo" in done.stderr and not (tmp_path / "typo").exists()


def test_an_api_key_is_printed_once_and_its_hash_lets_it_in(tmp_path):
    made = run("api-key", "--subject", 'nightly "report"', "--identity-prefix", "key:",
               "--permission", "threads:write", "--permission", "a, b", "--expires-at",
               "2999-01-31T00:00:00Z", folder=tmp_path)
    assert made.returncode == 0 and not made.stderr, made.stderr
    key, entries = made.stdout.split("\n", 1)
    assert re.fullmatch(r"bh_[A-Za-z0-9_-]{43}", key) and key not in entries
    (entry,) = yaml.safe_load(entries)
    assert entry["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    assert entry["permissions"] == ["threads:write", "a, b"]
    line = entries.splitlines()[-1]  # as a person would paste it
    (tmp_path / "behalf.yaml").write_text(
        f"identity:\n  - type: api_key\n    keys:\n      {line}\n"
        "authorization: { threads: { require: ['a, b'], then: owner } }\n")
    server = Behalf(None, tmp_path / "run", command="serve",
                    args=("--config", str(tmp_path / "behalf.yaml")))
    for headers in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}):
        thread = server.call("POST", "/threads", json={}, headers=headers)
        assert thread.json()["metadata"]["owner"] == 'key:nightly "report"', thread.text
    other = run("api-key", "--subject", "x", folder=tmp_path).stdout.split("\n", 1)[0]
    assert other != key
    assert server.call("POST", "/threads", json={}, headers={"X-Api-Key": other}).status_code == 401
    server.close()
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or key.encode() not in told_by(file), file


@pytest.mark.parametrize("wrong", [[], ["--subject", ""], ["--subject", "x", "--tenant", ""],
                                   ["--subject", "x", "--expires-at", "2020-01-01T00:00:00Z"],
                                   ["--subject", "x", "--expires-at", "soon"]])
def test_a_wrong_api_key_command_makes_none(wrong, tmp_path):
    done = run("api-key", *wrong, folder=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("behalf: ") and not done.stdout


def test_a_key_nobody_could_read_is_a_failure(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), "api-key", "--subject", "x"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "standard output" in done.stderr


def test_an_api_key_cannot_be_taken_for_a_user(tmp_path):
    entry = run("api-key", "--subject", "alice", folder=tmp_path).stdout.splitlines()[-1]
    (tmp_path / "f.yaml").write_text(
        "identity:\n  - { type: oidc, issuer: https://id.example.com, audience: a }\n"
        f"  - type: api_key\n    keys:\n      {entry}\n")
    done = run("validate", "f.yaml", folder=tmp_path)
    assert done.returncode == 3 and "providers 1 and 2 share a tenant" in done.stderr


def test_audit_verify_names_file_and_line(tmp_path):
    (tmp_path / "a.jsonl").write_text("not a line\n")
    done = run("audit", "verify", "a.jsonl", folder=tmp_path)
    assert done.returncode == 1 and "a.jsonl: line 1" in done.stderr
    assert "none.jsonl" in run("audit", "verify", "none.jsonl", folder=tmp_path).stderr
    wrong = run("audit", "verify", "a.jsonl", "--anchor", "x:y", folder=tmp_path)
    assert wrong.returncode == 2


def test_logging_in_says_what_is_wrong(tmp_path):
    server = Behalf(None, tmp_path / "dev", command="dev", args=("--data", "data"))
    who = ["--user", "alice", "--password"]
    assert run("token", "--url", server.url + "/", *who, "alice", folder=tmp_path).returncode == 0
    wrong = run("token", "--url", server.url, *who, "no-such-word", folder=tmp_path)
    assert wrong.returncode == 1 and "user or password" in wrong.stderr
    assert "no-such-word" not in wrong.stderr
    other = run("token", "--url", server.url + "/x", *who, "alice", folder=tmp_path)
    assert other.returncode == 1 and "no development issuer" in other.stderr
    server.close()
    gone = run("token", "--url", server.url, *who, "alice", folder=tmp_path)
    assert gone.returncode == 4 and "could not be reached" in gone.stderr
    assert run("token", "--url", "here", *who, "a", folder=tmp_path).returncode == 2


def test_the_second_signal_ends_the_process_at_once(tmp_path):
    server = Behalf(None, tmp_path / "dev", command="dev", args=("--data", "data"))
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as slow:
        slow.sendall(b"POST /threads HTTP/1.1\r\nHost: localhost\r\n")
        os.kill(server.process.pid, signal.SIGINT)
        server.process.wait_until(lambda: "stopping" in server.process.output())
        os.kill(server.process.pid, signal.SIGINT)
        assert server.process.wait(5) == -signal.SIGINT
    server.start()
    server.close()


def test_test_users_open_to_the_network_are_warned_of(tmp_path):
    for host, warned in (("0.0.0.0", True), ("127.0.0.1", False)):
        server = Behalf(None, tmp_path / host, command="dev",
                        args=("--data", "data", "--host", host))
        assert ("Not only this machine" in server.process.stdout.read_text()) == warned
        server.close()


def test_few_open_files_leave_some_to_everything_but_connections(tmp_path, monkeypatch):
    few = tmp_path / "few"
    few.write_text(f'#!/bin/sh\nulimit -n 300\nexec "{binary()}" "$@"\n')
    few.chmod(0o755)
    monkeypatch.setenv("BEHALF_BINARY", str(few))
    server = Behalf(None, tmp_path / "run", command="dev", args=("--data", "data"))
    assert "max_connections_lowered configured=10000 used=150" in server.process.output()
    port = int(server.url.rsplit(":", 1)[1])
    with contextlib.ExitStack() as held:
        for _ in range(280):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        other = held.enter_context(
            socket.create_connection(("127.0.0.1", port), 5, source_address=("127.0.0.2", 0)))
        other.sendall(b"GET /ok HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 200")
    assert "accept_failed" not in server.process.output()
    server.close()


def test_the_second_dev_in_a_folder_is_told_why(tmp_path):
    server = Behalf(None, tmp_path / "one", command="dev", args=("--data", "data"))
    done = run("dev", "--port", "0", "--data", server.folder / "data", folder=tmp_path)
    assert done.returncode == 4 and "another" in done.stderr and "--data" in done.stderr
    server.close()


def test_a_configuration_that_dev_does_not_read_is_named(tmp_path):
    (tmp_path / "behalf.yaml").write_text("models: {}")
    server = Process("dev", [binary(), "dev", "--port", "0"], tmp_path)
    server.wait_until(lambda: "started" in server.output())
    assert "behalf.yaml in this folder is not read without --config" in server.output()
    server.stop()


# Documentation and loader are kept together by the schema, which the loader itself tells.


def read_keys(node: dict, at: str = "") -> dict[str, dict]:
    """Dotted path of every key in a schema with its own node; a name of the user's own is `*`."""
    found = {}
    for name, child in node.get("properties", {}).items():
        found[f"{at}{name}"] = child
        found |= read_keys(child.get("items", child), f"{at}{name}.")
    if isinstance(node.get("additionalProperties"), dict):
        found |= read_keys(node["additionalProperties"], f"{at}*.")
    return found


def documented_keys() -> dict[str, str]:
    """Every key in the tables and headings of docs/config.md, with its default there."""
    found, prefix = {}, ""
    for line in (ROOT / "docs/config.md").read_text().splitlines():
        if line.startswith("## "):
            sections = line[3:].split(", ")
            found |= dict.fromkeys(sections, "")
            by_name = "*." if sections[0] in ("services", "models", "agents") else ""
            prefix = f"{sections[0]}.{by_name}"
            prefix = prefix if len(sections) == 1 else ""
        if not line.startswith("| `") or prefix == "authorization.":  # rules are no keys
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        names = [one for text in re.findall("`(.*?)`", cells[0]) for one in expanded(text)]
        defaults = cells[1].split(", ")
        for i, name in enumerate(names):
            found[prefix + name] = defaults[i] if len(defaults) == len(names) else ""
    return found


def expanded(text: str) -> list[str]:
    """`tls: {cert, key}` is tls, tls.cert and tls.key."""
    outer, _, inner = text.partition(": {")
    return [outer] + [f"{outer}.{name}" for name in inner.strip("}").split(", ") if name]


def plain(default: str) -> str:
    """`20 MiB` and `1h` as the schema has them: a number, seconds."""
    size = re.fullmatch(r"(\d+) ([KM])iB", default)
    time = re.fullmatch(r"(\d+)([smhd])", default)
    if size:
        return str(int(size[1]) * {"K": 1 << 10, "M": 1 << 20}[size[2]])
    if time:
        return f"{int(time[1]) * {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[time[2]]}s"
    return default.strip("`")


def test_every_key_the_loader_reads_is_documented_and_no_other(tmp_path):
    schema = json.loads(run("schema", folder=tmp_path).stdout)
    read, written = read_keys(schema), documented_keys()
    more = {key for key in read if key.startswith("secrets.others.*.")}
    assert more  # each with the keys of `secrets` itself, which are documented once
    assert {key.replace(".others.*", "") for key in more} <= set(read)
    assert sorted(written) == sorted(set(read) - more)
    for key, default in written.items():
        known = read[key].get("default")
        if isinstance(known, (str, int, float)) and default and key != "secrets.path":
            as_text = str(known).lower() if isinstance(known, bool) else str(known)
            assert plain(default) in (as_text, as_text.removesuffix(".0")), key


def test_the_schema_takes_the_examples_and_refuses_what_the_loader_refuses(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(run("schema", folder=tmp_path).stdout)
    check = jsonschema.Draft202012Validator(schema)
    for file in ("behalf.yaml", "inbox/behalf.yaml", "assistant/behalf.yaml"):
        text = (ROOT / "examples" / file).read_text()
        assert not list(check.iter_errors(yaml.safe_load(text))), file
    for text in ("sever: {}", "server: { max_connections: 0 }", "log: { level: loud }",
                 "services: { x: { typ: mcp } }", "identity: [{ issuer: 'https://a.example' }]"):
        (tmp_path / "f.yaml").write_text(text)
        assert list(check.iter_errors(yaml.safe_load(text))), text
        assert run("validate", "f.yaml", folder=tmp_path).returncode == 3


def test_the_readme_tour_tells_what_happens(tmp_path):
    text = (ROOT / "README.md").read_text()
    server = Behalf(None, tmp_path / "dev", command="dev", args=("--data", "data"))
    text = text.replace("http://127.0.0.1:2024", server.url)
    who = ["--user", "alice", "--password", "alice"]
    token = run("token", "--url", server.url, *who, folder=tmp_path).stdout.strip()
    told_to = {"text": True, "capture_output": True, "env": {**os.environ, "TOKEN": token}}
    calls = re.findall(r"\$ (curl .*?[^\\])\n(\{.*?\})\n", text, re.DOTALL)
    assert len(calls) == 2
    for command, promised in calls:
        told = subprocess.run(["bash", "-c", command], **told_to).stdout
        pattern = ".*".join(re.escape(part) for part in promised.split("…"))
        assert re.fullmatch(pattern, told), f"{command}\n{told}"
    (tour,) = snippets("README.md", "python")
    (tmp_path / "tour.py").write_text(tour.replace("http://127.0.0.1:2024", server.url))
    said = subprocess.run([sys.executable, tmp_path / "tour.py"], **told_to)
    assert "hello alice" in said.stdout and not said.stderr, said.stderr
    server.close()


def snippets(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(f"```{language}\\n(.*?)```", text, re.DOTALL)


def test_the_configurations_of_every_provider_are_valid(tmp_path):
    pages = snippets("docs/how-to/models.md", "yaml")
    assert len(pages) > 10
    for i, text in enumerate(pages):
        (tmp_path / f"{i}.yaml").write_text(text + "dev: { users: [{ name: alice }] }\n")
        done = run("validate", f"{i}.yaml", folder=tmp_path)
        assert done.returncode == 0, text + done.stderr


def write_manual_project(folder):
    """The graph of docs/how-to/write-a-graph.md, as its reader would have it."""
    folder.mkdir()
    page = "docs/how-to/write-a-graph.md"
    (folder / "mine.cpp").write_text(snippets(page, "cpp")[0])
    (folder / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.24)\n"
                                           "project(mine CXX)\n" + snippets(page, "cmake")[0])
    return folder


def test_an_installed_behalf_builds_and_serves_a_plugin(tmp_path):
    build = ROOT / "build" / "release"
    if not (build / "cmake_install.cmake").exists():
        pytest.skip("no build/release to install from")
    prefix, made, mine = tmp_path / "prefix", tmp_path / "made", tmp_path / "mine-built"
    for command in (
        ["cmake", "--install", build, "--prefix", prefix],
        ["cmake", "-S", ROOT / "examples/inbox", "-B", made, f"-DCMAKE_PREFIX_PATH={prefix}",
         "-DCMAKE_BUILD_TYPE=Debug"],
        ["cmake", "--build", made],
        ["cmake", "-S", write_manual_project(tmp_path / "mine"), "-B", mine,
         f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Debug"],
        ["cmake", "--build", mine],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "behalf.yaml").write_text(
        f"graphs: {{ inbox: {made}/libinbox.so, mine: {mine}/libmine.so }}\n")
    server = Behalf(None, tmp_path / "run", command="serve",
                    args=("--config", str(tmp_path / "behalf.yaml")))
    found = server.call("POST", "/assistants/search", json={}).json()
    assert sorted(a["graph_id"] for a in found) == ["inbox", "mine"]
    run_it = server.call("POST", "/runs/wait", json={"assistant_id": "mine", "input": {}})
    assert run_it.json()["__error__"]["message"] == "there is no service 'mail'"
    server.close()
