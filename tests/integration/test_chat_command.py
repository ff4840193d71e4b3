"""`behalf chat` as people and scripts use it: standard input is a pipe, so no terminal is needed."""

import os
import re
import signal
import subprocess

import pytest
from parts.behalf import Behalf, binary, run
from parts.plugins import plugin
from parts.tools import until

ALICE = ("--user", "alice")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chat")
    started = Behalf({"graphs": [plugin("clerk")]}, folder, command="dev",
                     args=("--data", str(folder / "data")))
    yield started
    started.close()


@pytest.fixture
def chat(server, tmp_path):
    """chat("--once", "hi"), chat(says="hi\\n"): what it printed, and how it ended."""
    def start(*arguments: str, says: str = "", who: tuple[str, ...] = ALICE, env=None):
        env = {"PATH": os.environ["PATH"], **(env or {})}
        return run("chat", "--url", server.url, *who, *arguments, folder=tmp_path, input=says,
                   env=env)
    return start


def thread_of(said: str) -> str:
    return re.search(r"Thread ([0-9a-f-]{36})\.", said)[1]


def test_one_question_prints_its_answer_alone(chat):
    done = chat("--once", "hi")
    assert (done.returncode, done.stdout) == (0, "You said: hi\n"), done.stderr
    assert done.stderr == "It was asked nicely.\n"


def test_a_conversation_goes_on(chat):
    done = chat(says="hello\nagain")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("You said: hello\n") < done.stdout.index("You said: again\n")
    more = chat("--thread", thread_of(done.stdout), says="more\n")
    shown = ("> hello\n", "You said: hello\n", "> again\n", "You said: again\n", "You said: more\n")
    assert all(one in more.stdout for one in shown), more.stdout


@pytest.mark.parametrize("line, decision", [
    ("a", '{"type":"approve"}'),
    ("reject not to him", '{"type":"reject","message":"not to him"}'),
    ("respond sent already", '{"type":"respond","message":"sent already"}'),
    ('e {"to":"eve"}', '{"type":"edit","edited_action":{"name":"send","args":{"to":"eve"}}}'),
])
def test_an_approval_is_asked_for(chat, line, decision):
    done = chat(says=f"send bob\nyes\n{line}\n")
    assert done.returncode == 0, done.stderr
    asked = 'The assistant asks to call send with\n  "to": "bob"\n  | Sends a letter\n'
    assert asked in done.stdout
    assert "The answer is one of: approve, edit {JSON}, reject [why] or respond" in done.stdout
    told = f'-> send {{"to":"bob"}}\n<- decided\nDone: {{"decisions":[{decision}]}}\n'
    assert told in done.stdout, done.stdout


def test_another_question_takes_any_value(chat):
    for line, value in (('{"n": 1}', '{"n":1}'), ("the red one", '"the red one"')):
        done = chat(says=f"ask\n{line}\n")
        assert done.returncode == 0 and "The assistant asks: which one?" in done.stdout
        assert f"It is {value}\n" in done.stdout


def test_an_open_approval_is_code_3_and_can_be_answered_later(chat, server):
    left = chat(says="send bob\n")
    thread = thread_of(left.stdout)
    told = ('waits for an approval of send {"to":"bob"}; to go on: '
            f"behalf chat --url {server.url} --user alice --thread {thread}")
    assert left.returncode == 3 and told in left.stderr, left.stderr
    still = chat("--thread", thread, "--once", "hi")
    assert (still.returncode, still.stdout) == (3, "") and told in still.stderr
    done = chat("--thread", thread, says="a\n")
    assert done.returncode == 0 and 'Done: {"decisions":[{"type":"approve"}]}' in done.stdout
    once = chat("--once", "send bob")
    assert (once.returncode, once.stdout) == (3, "") and "an approval of send" in once.stderr
    asked = chat("--once", "ask")
    assert asked.returncode == 3 and 'an answer to "which one?"' in asked.stderr


def test_failures_are_one_sentence_without_control_characters(chat):
    failed = chat("--once", "fail")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "behalf: the clerk[31m is out\n"
    after = chat(says="fail\nhi\n")
    assert after.returncode == 0 and "You said: hi\n" in after.stdout
    silent = chat("--once", "nothing")
    assert silent.returncode == 1 and "nothing that is a message" in silent.stderr
    other = chat("--agent", "none", "--once", "hi")
    assert other.returncode == 1 and other.stderr.count("\n") == 1 and "none" in other.stderr


def test_what_models_say_obeys_no_terminal(chat):
    said = "\x1b]0;mine\x07 \u202eb \x9b2J"
    done = chat("--once", said)
    assert (done.returncode, done.stdout) == (0, "You said: ]0;mine b 2J\n")


def test_a_token_comes_from_the_environment_and_is_never_shown(chat, server, tmp_path):
    who = ("--url", server.url, "--user", "alice", "--password", "alice")
    token = run("token", *who, folder=tmp_path).stdout.strip()
    assert chat("--once", "hi", who=(), env={"BEHALF_TOKEN": token}).stdout == "You said: hi\n"
    assert chat("--once", "hi", who=("--token", token)).stdout == "You said: hi\n"
    assert chat("--once", "hi", who=()).returncode == 1
    for wrong in (("--token", "sesame"), ("--tokn", "sesame"), ("sesame",),
                  ("--tokn=sesame",), ("--token", "sesame", "--user", "alice"),
                  ("--token", "sesame\n")):
        done = chat("--once", "hi", who=wrong)
        assert done.returncode in (1, 2) and "sesame" not in done.stdout + done.stderr, done
    wrong = chat("--once", "hi", "--password", "sesame")
    assert wrong.returncode == 1 and "sesame" not in wrong.stderr


WIRES = {
    "openai": ({"type": "openai"}, "/v1"),
    "chat": ({"type": "openai_chat"}, "/v1"),
    "anthropic": ({"type": "anthropic", "parameters": {"max_tokens": 500}}, ""),
    "gemini": ({"type": "gemini"}, ""),
}


@pytest.mark.parametrize("wire", WIRES)
def test_a_declared_agent_shows_its_calls_and_asks(wire, behalf, inbox, own_models, tmp_path):
    kind, path = WIRES[wire]
    reach = {"allow_private": True, "allow_http": True}
    own_models.script("main", rules=[
        {"user": "letters of (\\w+)", "text": "I look.",
         "calls": [{"name": "search_messages", "args": {"query": "{1}"}}]},
        {"result": "", "text": ["That ", "is ", "all."]}])
    credential = {"from": "secrets", "name": "mail", "inject": "bearer"}
    server = behalf({
        "services": {"mail": {"type": "mcp", "url": inbox.mcp_url, **reach,
                              "credential": credential}},
        "models": {"main": {**kind, **reach, "base_url": own_models.url + path, "model": "main",
                            "key": "env:MODEL_KEY"}},
        "agents": {"helper": {"model": "main", "tools": ["mail"]}},
    }, command="dev", args=("--data", "data"), env={"MODEL_KEY": "sk-of-the-operator"})
    put = run("secret", "put", "--data", "data", "--user", "alice", "--issuer",
              f"{server.url}/dev", "--service", "mail", folder=server.folder,
              input=inbox.tokens["alice"])
    assert put.returncode == 0, put.stderr
    ask = ("chat", "--url", server.url, *ALICE)
    waits = run(*ask, "--once", "letters of bob", folder=tmp_path)
    assert (waits.returncode, waits.stdout) == (3, ""), waits.stderr
    assert 'an approval of search_messages {"query":"bob"}' in waits.stderr
    done = run(*ask, folder=tmp_path, input='letters of bob\ne {"query": "carol"}\n')
    assert done.returncode == 0, done.stderr
    call = '-> search_messages {"query":"bob"}\n'
    said = done.stdout.replace('"query": "bob"}', '"query":"bob"}')  # as the model wrote it
    for one in ("I look.\n", call,
                'The assistant asks to call search_messages with\n  "query": "bob"\n',
                "\n<- ", "\nThat is all.\n"):
        assert said.count(one) == 1, said
    assert "<- failed" not in done.stdout


def test_assistants_that_somebody_made_are_not_taken_for_the_graphs_own(chat, server, tmp_path):
    token = run("token", "--url", server.url, *ALICE, "--password", "alice", folder=tmp_path)
    assistants = server.sdk(token.stdout.strip()).assistants
    mine = assistants.create("clerk", name="Mine")["assistant_id"]
    [own] = assistants.search(metadata={"created_by": "system"})
    said = chat(says="hi\n")
    assistants.delete(mine)
    assert said.returncode == 0, said.stderr
    thread = server.sdk(token.stdout.strip()).threads.get(thread_of(said.stdout))
    assert thread["metadata"]["assistant_id"] == own["assistant_id"]


def test_nobody_there_is_code_4(tmp_path):
    gone = run("chat", "--url", "http://127.0.0.1:1", "--once", "hi", folder=tmp_path)
    assert gone.returncode == 4 and "could not be reached" in gone.stderr
    assert run("chat", "--url", "here", "--once", "hi", folder=tmp_path).returncode == 2


def test_ctrl_c_stops_the_answer_and_not_the_chat(server, tmp_path):
    command = [binary(), "chat", "--url", server.url, *ALICE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, cwd=tmp_path, **pipes) as talking:
        thread = thread_of(talking.stdout.readline())
        token = run("token", "--url", server.url, *ALICE, "--password", "alice", folder=tmp_path)
        runs = server.sdk(token.stdout.strip()).runs

        def statuses() -> list[str]:
            return [one["status"] for one in runs.list(thread)]

        talking.stdin.write("wait\n")
        talking.stdin.flush()
        until(lambda: statuses() == ["running"])
        talking.send_signal(signal.SIGINT)
        until(lambda: statuses() == ["interrupted"])
        said, why = talking.communicate("hi\n", timeout=20)
    assert talking.returncode == 0 and "You said: hi\n" in said
    assert why == "behalf: stopped by Ctrl-C\n"


def test_https_is_checked_by_the_systems_authorities(behalf, tmp_path):
    files = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", files["key"], "-out", files["cert"]], check=True,
                   capture_output=True)
    server = behalf({"server": {"tls": files}, "graphs": [plugin("clerk")]}, wait=False,
                    command="dev", args=("--no-auth", "--data", str(tmp_path / "data")))
    ask = ("chat", "--url", server.url.replace("http:", "https:"), "--once", "hi")
    trusts = {**os.environ, "SSL_CERT_FILE": files["cert"]}
    until(lambda: run(*ask, folder=tmp_path, env=trusts).stdout == "You said: hi\n")
    refused = run(*ask, folder=tmp_path)
    assert refused.returncode == 4 and "certificate" in refused.stderr, refused.stderr
