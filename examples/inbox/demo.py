"""The journey, shown: two users' agents read and tidy their own mail, each as their own user.

Run it by scripts/demo. Starts the mail service, a scripted model and Behalf on free ports, plays alice
and bob side by side through the official SDK, with a graph and with a declared agent, shows what is
refused, and searches everything written for tokens and for the model's key.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from langgraph_sdk import get_client

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))
from parts.frames import told_by  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ASSISTANT = HERE.parent / "assistant"
BINARY = pathlib.Path(os.environ.get("BEHALF_BINARY", ROOT / "build/release/behalf"))
PLUGIN = BINARY.parent / "examples/inbox/libinbox.so"
said: list[str] = []


def say(text: str = "") -> None:
    said.append(text)
    print(text, flush=True)


def step(number: str, text: str) -> None:
    say(f"  {number:>5}  {text}")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def post(url: str, body: dict, bearer: str) -> dict:
    request = urllib.request.Request(
        url,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class Demo:
    def __init__(self, folder: pathlib.Path, port: int | None):
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.issuer = f"{self.url}/dev"
        self.mail_tokens = {u: "mail-" + secrets.token_urlsafe(24) for u in ("alice", "bob")}
        self.admin = secrets.token_urlsafe(24)
        self.model_key = "sk-" + secrets.token_urlsafe(32)
        self.speakers: list[str] = []  # who got a part of an answer, in turn
        self.processes: list[subprocess.Popen] = []
        self.streams: list[str] = []
        self.logins: dict[str, str] = {}

    def start(self, name: str, command: list, **options) -> subprocess.Popen:
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen([str(part) for part in command], stderr=log, cwd=self.folder, **options)
        self.processes.append(process)
        return process

    def start_mail(self) -> None:
        def digest(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        accounts = self.folder / "accounts.json"
        accounts.write_text(
            json.dumps(
                {
                    "users": {u: {"token_sha256": digest(t)} for u, t in self.mail_tokens.items()},
                    "admin_key_sha256": digest(self.admin),
                }
            )
        )
        process = self.start(
            "mail",
            [sys.executable, HERE / "server", "--accounts", accounts],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.mail = json.loads(process.stdout.readline())["url"]
        say(f"mail service   {self.mail}   (MCP at /mcp, HTTP under /api; a token per user)")

    def start_model(self) -> None:
        process = self.start(
            "model",
            [sys.executable, ASSISTANT / "provider", "--scripts", ASSISTANT / "script.json"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.model = json.loads(process.stdout.readline())["url"]
        say(f"model          {self.model}   (scripted, speaks Chat Completions; the operator's key)")

    def configuration(self) -> str:
        """That of the journey, with the models and agents of the assistant's example."""
        agent = (ASSISTANT / "behalf.yaml").read_text().partition("\nmodels:")
        text = (HERE / "behalf.yaml").read_text() + agent[1] + agent[2]
        filled = {
            "MAIL_URL": self.mail,
            "PLUGIN": str(PLUGIN),
            "MODEL_URL": self.model + "/v1",
            "MODEL": "scripted",
        }
        for word, value in filled.items():
            text = text.replace("${" + word + "}", value)
        return text

    def start_behalf(self) -> None:
        config = self.folder / "behalf.yaml"
        config.write_text(self.configuration())
        out = open(self.folder / "behalf.out", "ab")
        self.data = self.folder / "data"
        process = self.start(
            "behalf",
            [BINARY, "dev", "--config", config, "--data", self.data, "--port", self.port],
            stdout=out,
            env=os.environ | {"MODEL_KEY": self.model_key},
        )
        for _ in range(500):
            if process.poll() is not None:
                raise SystemExit((self.folder / "behalf.log").read_text())
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + "/ok", timeout=1).read()
                say(f"behalf         {self.url}   (development issuer at /dev)")
                return
            time.sleep(0.01)
        raise SystemExit("behalf did not answer /ok in time")

    def behalf(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run([BINARY, *arguments], input=stdin, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"behalf {' '.join(arguments[:2])}: {done.stderr}")
        return done.stdout.strip()

    def store_tokens(self) -> None:
        for user, token in self.mail_tokens.items():
            self.behalf(
                "secret",
                "put",
                "--data",
                str(self.data),
                "--issuer",
                self.issuer,
                "--user",
                user,
                "--service",
                "mail",
                stdin=token,
            )
        say("secret store   each user's mail token put by `behalf secret put`, encrypted at rest")

    def login(self, user: str) -> str:
        token = self.behalf("token", "--url", self.url, "--user", user, "--password", user)
        self.logins[user] = token
        return token

    def client(self, user: str):
        headers = {"Authorization": f"Bearer {self.logins[user]}"}
        return get_client(url=self.url, headers=headers, api_key=None)

    def receipts(self) -> list[dict]:
        return [json.loads(line) for line in (self.data / "audit.jsonl").read_text().splitlines()]

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)


async def stream(demo: Demo, client, thread: str, **run) -> list:
    events = []
    async for part in client.runs.stream(thread, "inbox", stream_mode=["updates", "custom"], **run):
        demo.streams.append(f"{part.event} {json.dumps(part.data)}")
        events.append(part)
    return events


async def journey(demo: Demo, user: str) -> str:
    lines = [("1, 2", f"{user} logs in at the issuer and gets a token")]
    demo.login(user)
    client = demo.client(user)
    thread = (await client.threads.create())["thread_id"]
    lines.append(("3-7", f"thread {thread[:8]}… created: token verified, owner stamped"))
    events = await stream(demo, client, thread, input={})
    asked = next(
        e.data["__interrupt__"][0] for e in events if e.event == "updates" and "__interrupt__" in e.data
    )
    fetched = next(e.data for e in events if e.event == "custom")
    lines.append(("8-10", f"mail.list_unread by MCP as {fetched['as']}, receipt {fetched['receipt']}"))
    for line in asked["value"]["summary"].splitlines():
        lines.append(("", line))
    lines.append(("", f"the agent asks: {asked['value']['question']}  {user}: yes"))
    events = await stream(demo, client, thread, command={"resume": True})
    marked = next(e.data for e in events if e.event == "custom")
    lines.append(("8-10", f"mail-api POST …/done as {marked['as']}, receipts {marked['receipts']}"))
    state = await client.threads.get_state(thread)
    demo.streams.append(json.dumps(state))
    history = await client.threads.get_history(thread)
    demo.streams.append(json.dumps(history))
    lines.append(("11", f"answer: {state['values']['messages'][-1]['content']}"))
    say(f"\n{user}")
    for number, text in lines:
        step(number, text)
    return thread


async def talk(demo: Demo, user: str, thread: str, **run) -> dict:
    """One run of the agent: {parts: how many its answers came in, asked: what the user is asked}."""
    got = {"parts": 0, "asked": None}
    modes = ["messages-tuple", "updates"]
    async for part in demo.client(user).runs.stream(thread, "helper", stream_mode=modes, **run):
        demo.streams.append(f"{part.event} {json.dumps(part.data)}")
        if part.event == "messages" and part.data[0]["type"] == "AIMessageChunk":
            got["parts"] += 1
            demo.speakers.append(user)
        if part.event == "updates" and "__interrupt__" in part.data:
            got["asked"] = part.data["__interrupt__"][0]["value"]
    return got


async def conversation(demo: Demo, user: str, subject: str, decision: dict) -> list[tuple[str, str]]:
    client = demo.client(user)
    thread = (await client.threads.create())["thread_id"]
    question = {"role": "user", "content": f"Is there mail about the {subject}?"}
    first = await talk(demo, user, thread, input={"messages": [question]})
    call = first["asked"]["action_requests"][0]
    taint = call["tainted_by"]  # {"untrusted": {service: calls}, "private": …}
    second = await talk(demo, user, thread, command={"resume": {"decisions": [decision]}})
    messages = (await client.threads.get_state(thread))["values"]["messages"]
    demo.streams.append(json.dumps(messages))
    usage = [m["usage_metadata"] for m in messages if m.get("usage_metadata")]
    tokens = {way: sum(one[f"{way}_tokens"] for one in usage) for way in ("input", "output")}
    streamed = first["parts"] + second["parts"]
    return [
        ("", f"{user}: {question['content']}"),
        ("", f"helper: {messages[1]['content']}"),
        ("8-10", "mail.search_messages, called at once, as the user"),
        ("", f"helper: {messages[3]['content']}"),
        ("", f"asked to approve {call['name']} {json.dumps(call['args'])}: {decision['type']}"),
        (
            "",
            f"tainted by words of strangers from {', '.join(taint['untrusted'])}, private data from "
            f"{', '.join(taint['private'])}",
        ),
        ("11", f"helper: {messages[-1]['content']}"),
        (
            "",
            f"{len(usage)} answers in {streamed} parts; {tokens['input']} tokens in, {tokens['output']} out",
        ),
    ]


async def conversations(demo: Demo) -> None:
    say("\nan agent that the configuration declares: both talk to it at once")
    reject = {"type": "reject", "message": "Not that one."}
    told = await asyncio.gather(
        conversation(demo, "alice", "budget", {"type": "approve"}),
        conversation(demo, "bob", "contract", reject),
    )
    for user, lines in zip(("alice", "bob"), told, strict=True):
        say(f"\n{user}")
        for number, text in lines:
            step(number, text)
    turns = sum(a != b for a, b in zip(demo.speakers, demo.speakers[1:], strict=False))
    say(f"\n         their answers came side by side: {turns} times the next part was the other's")


async def refusals(demo: Demo, alices_thread: str) -> None:
    say("\nrefusals")
    request = urllib.request.Request(
        f"{demo.url}/threads/{alices_thread}",
        headers={"Authorization": f"Bearer {demo.logins['bob']}"},
    )
    try:
        urllib.request.urlopen(request)
        raise SystemExit("bob read alice's thread")
    except urllib.error.HTTPError as refused:
        step("7", f"bob reads alice's thread: {refused.code} {refused.read().decode()}")

    demo.login("carol")
    outcome = await run_alone(demo, "carol")
    step("6a", f"carol has no mail token: {outcome}")

    post(demo.mail + "/admin/revoke", {"user": "bob"}, demo.admin)
    outcome = await run_alone(demo, "bob")
    step("9", f"bob's mail token was revoked by the mail service: {outcome}")


async def run_alone(demo: Demo, user: str) -> str:
    try:
        result = await demo.client(user).runs.wait(None, "inbox", input={})
        raise SystemExit(f"{user}'s run should have failed, and answered {result}")
    except Exception as refused:  # the SDK's own class
        demo.streams.append(str(refused))
        return str(refused)


def forms(token: str) -> list[bytes]:
    raw = token.encode()
    shifted = [base64.b64encode(b"x" * n + raw)[4 if n else 0 : -4] for n in range(3)]
    return [raw, raw.hex().encode(), urllib.parse.quote(token, safe="").encode(), *shifted]


def search(demo: Demo) -> int:
    (demo.folder / "streams.txt").write_text("\n".join(demo.streams))
    (demo.folder / "said.txt").write_text("\n".join(said))
    metrics = urllib.request.urlopen(demo.url + "/metrics").read()
    (demo.folder / "metrics.txt").write_bytes(metrics)
    tokens = [*demo.mail_tokens.values(), *demo.logins.values(), demo.model_key]
    hits = files = size = 0
    for path in sorted(p for p in demo.folder.rglob("*") if p.is_file()):
        content = told_by(path)
        files += 1
        size += path.stat().st_size
        for token in tokens:
            for form in forms(token):
                if form in content:
                    hits += 1
                    say(f"  FOUND a token in {path}")
    say(
        f"\nproof\n         {len(tokens)} tokens and keys, each in 6 forms, searched in {files} files "
        f"({size:,} bytes: database, log, audit, streams, metrics): {hits} hits"
    )
    return hits


def show_receipts(demo: Demo) -> None:
    say("\nreceipts (audit.jsonl, hash-chained)")
    for line in demo.receipts():
        who = line.get("subject") or line.get("who", {}).get("subject", "")
        say(
            f"  {line['seq']:>5}  {who:6} {line['service']:9} {line['method']:5} "
            f"{line['host']}{line['path']}  {line['action']} {line['outcome']}"
        )
    say("         " + demo.behalf("audit", "verify", str(demo.data / "audit.jsonl")).splitlines()[0])


async def play(demo: Demo) -> int:
    threads = await asyncio.gather(journey(demo, "alice"), journey(demo, "bob"))
    await conversations(demo)
    await refusals(demo, threads[0])
    show_receipts(demo)
    return search(demo)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--keep", action="store_true", help="leave the servers running")
    options.add_argument("--port", type=int, help="for Behalf; any free one by default")
    given = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="behalf-demo-"))
    demo = Demo(folder, given.port)
    try:
        demo.start_mail()
        demo.start_model()
        demo.start_behalf()
        demo.store_tokens()
        hits = asyncio.run(play(demo))
        if given.keep:
            say(f"\nStill running: {demo.url}/docs   Ctrl-C ends it. Data in {folder}")
            with contextlib.suppress(KeyboardInterrupt):
                demo.processes[-1].wait()
        return 1 if hits else 0
    finally:
        demo.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
