"""Records sealed at rest: nothing that users said is in any file, and everything goes on as before."""

import base64
import os
import sqlite3
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from langgraph_sdk.errors import APIStatusError
from parts.behalf import Behalf, run, write_config
from parts.embedder import DIMS, Embedder
from parts.frames import told_by
from parts.local_server import JsonHandler, LocalServer
from parts.plugins import plugin
from parts.tools import until

# Said by the graphs themselves: a question that is asked, an error that is met.
SAID = {"interrupt": '"question":"ok?"', "error": "the node failed as asked"}
PLACES = ("input", "answer", "state", "item", "cron", "webhook", "later", "context", "command")


class Refusing(LocalServer):
    """A receiver of webhooks that takes none, so that they wait."""

    def __init__(self) -> None:
        self.serve(_Handler)


class _Handler(JsonHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.answer(500, {})


@pytest.fixture
def parts():
    started = Embedder(), Refusing()
    yield started
    for one in started:
        one.stop()


def new_key(path) -> str:
    path.write_text(base64.b64encode(os.urandom(32)).decode())
    path.chmod(0o600)
    return f"file:{path}"


def config(parts, **sections) -> dict:
    index = {"dims": DIMS, "fields": ["text"], "embed": {
        "base_url": parts[0].url, "model": "words", "allow_private": True, "allow_http": True}}
    return {"graphs": [plugin("probe")], "store": {"index": index},
            "webhooks": {"allow_private": True, "allow_http": True, "first_pause": "1h"}, **sections}


def reconfigure(server: Behalf, **sections) -> None:
    """Of a server that is stopped; None takes a section away."""
    kept = yaml.safe_load(server.config_file.read_text()) | sections
    write_config(server.config_file, {k: v for k, v in kept.items() if v is not None})


def storage(server: Behalf, *arguments: str):
    return run("storage", *arguments, folder=server.folder)


def hits(folder, canaries: dict[str, str]) -> set[str]:
    files = [told_by(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(files) > 3
    return {name for name, text in canaries.items() if any(text.encode() in one for one in files)}


class Journey:
    """What users do, and what must be there however often the server was started since."""

    def __init__(self, server: Behalf, refusing: str):
        self.client, self.server = server.sdk(None), server
        self.said = {name: f"canary-{name}-{uuid.uuid4().hex}" for name in PLACES}
        self.hook = refusing + "/500"

    def begin(self) -> None:
        client, said = self.client, self.said
        # The metadata of checkpoints repeats it.
        self.assistant = client.assistants.create("ask", context={"tone": said["context"]})
        self.thread = client.threads.create(metadata={"topic": "clear"})["thread_id"]
        client.runs.wait(self.thread, self.assistant["assistant_id"],
                         input={"foo": [said["input"]]}, webhook=self.hook)
        assert client.threads.get(self.thread)["status"] == "interrupted"
        self.other = client.threads.create(graph_id="ask")["thread_id"]
        client.threads.update_state(self.other, {"foo": [said["state"]]}, as_node="a")
        self.failed = client.threads.create()["thread_id"]
        self.server.call("POST", f"/threads/{self.failed}/runs/wait", json={
            "assistant_id": "probe", "webhook": self.hook,
            "input": {"do": {"op": "throw", "why": said["webhook"]}}})
        client.store.put_item(["notes"], "one", {"text": said["item"] + " cat", "kind": "pet"})
        client.store.put_item(["notes"], "two", {"text": "a storm at sea", "kind": "weather"})
        at = datetime.now(UTC) + timedelta(days=2)
        self.cron = client.crons.create("ask", schedule=f"{at.minute} {at.hour} * * *",
                                        input={"foo": [said["cron"]]})["cron_id"]
        later = client.threads.create()["thread_id"]
        self.later = later, client.runs.create(later, "ask", input={"foo": [said["later"]]},
                                               after_seconds=3600)["run_id"]

    def go_on(self) -> None:
        client, said = self.client, self.said
        copy = client.threads.copy(self.thread)["thread_id"]
        answered = client.runs.wait(self.thread, "ask", command={
            "resume": said["answer"], "update": {"foo": [said["command"]]}})
        assert answered["ans"] == said["answer"]
        history = client.threads.get_history(self.thread, limit=20)
        assert len(history) > 3
        assert history[0]["values"]["foo"] == [said["input"], "a", said["command"]]
        before = client.threads.get_history(self.thread, limit=20, metadata={"source": "input"})
        forked = client.runs.wait(copy, "ask", input=None, checkpoint=before[-1]["checkpoint"] | {
            "thread_id": copy})
        assert forked["foo"] == [said["input"], "a"]
        assert client.threads.get(copy)["interrupts"]

    def check(self) -> None:
        client, said = self.client, self.said
        state = client.threads.get_state(self.thread)["values"]
        assert state["foo"][0] == said["input"]
        found = client.threads.search(values={"foo": [said["state"]]})
        assert [one["thread_id"] for one in found] == [self.other]
        assert client.threads.search(metadata={"topic": "clear"}, limit=50)
        assert client.threads.count(values={"foo": [said["state"]]}) == 1
        assert said["item"] in client.store.get_item(["notes"], "one")["value"]["text"]
        items = client.store.search_items(["notes"], filter={"kind": "pet"})["items"]
        assert [one["key"] for one in items] == ["one"]
        near = until(lambda: client.store.search_items(["notes"], query="storm sea")["items"])
        assert near[0]["key"] == "two"
        crons = client.crons.search(limit=10)
        assert [one["payload"]["input"]["foo"] for one in crons] == [[said["cron"]]]
        run = client.runs.get(*self.later)
        assert (run["status"], run["kwargs"]["input"]["foo"]) == ("pending", [said["later"]])
        assistant = client.assistants.get(self.assistant["assistant_id"])
        assert assistant["context"]["tone"] == said["context"]

    def prune(self) -> None:
        self.client.threads.prune([self.thread], strategy="keep_latest")
        assert len(self.client.threads.get_history(self.thread, limit=20)) == 1
        assert self.client.threads.get_state(self.thread)["values"]["ans"] == self.said["answer"]


def test_nothing_that_was_said_is_in_any_file(behalf, parts, tmp_path):
    key = new_key(tmp_path / "master.key")
    server = behalf(config(parts, encryption={"master_key": key}))
    journey = Journey(server, parts[1].url)
    journey.begin()
    journey.check()
    canaries = {**journey.said, **SAID}
    assert hits(server.folder, canaries) == set(), "beside the server, in the log of the database"
    server.kill()
    assert hits(server.folder, canaries) == set()
    server.start()
    journey.go_on()
    journey.check()
    assert server.stop() == 0
    assert hits(server.folder, canaries) == set()
    assert "clear" in server.folder.joinpath("behalf.db").read_bytes().decode("latin-1")

    fresh = new_key(tmp_path / "fresh.key")
    done = storage(server, "rotate-master-key", "--config", "behalf.yaml", "--new-key", fresh)
    assert done.returncode == 0, done.stderr
    server.start(wait=False)
    assert until(server.process.exit_code) == 3
    assert "encryption.master_key is not the key its records were sealed with" in \
        server.process.output()
    reconfigure(server, encryption={"master_key": fresh})
    server.start()
    journey.check()
    refused = storage(server, "reseal", "--config", "behalf.yaml")
    assert refused.returncode == 1 and "in use by" in refused.stderr
    server.stop()
    done = storage(server, "reseal", "--config", "behalf.yaml", "--new-data-keys")
    assert done.returncode == 0, done.stderr
    assert "1 data keys made, 1 dropped" in done.stdout
    looked = storage(server, "check", "behalf.db", "--config", "behalf.yaml")
    assert looked.returncode == 0 and " 0 faults" in looked.stdout
    assert "are sealed and were not looked into" in storage(server, "check", "behalf.db").stdout
    server.start()
    journey.check()
    journey.prune()
    server.stop()
    assert hits(server.folder, canaries) == set()


def test_records_from_before_are_sealed_by_a_command(behalf, parts, tmp_path):
    server = behalf(config(parts))
    journey = Journey(server, parts[1].url)
    journey.begin()
    journey.go_on()
    journey.check()
    canaries = {**journey.said, **SAID}
    server.kill()
    assert hits(server.folder, canaries) == set(canaries), "else the other test proves nothing"
    key = new_key(tmp_path / "master.key")
    reconfigure(server, encryption={"master_key": key})
    server.start()
    journey.check()
    server.stop()
    done = storage(server, "reseal", "--config", "behalf.yaml")
    assert done.returncode == 0, done.stderr
    assert hits(server.folder, canaries) == set()
    server.start()
    journey.check()
    server.stop()

    reconfigure(server, encryption=None)
    server.start(wait=False)
    assert until(server.process.exit_code) == 3
    assert "encryption.master_key is not set" in server.process.output()
    reconfigure(server, encryption={"master_key": key, "seal": False})
    server.start()
    journey.check()
    server.stop()
    done = storage(server, "reseal", "--config", "behalf.yaml")
    assert done.returncode == 0 and "nothing is sealed any more" in done.stdout, done.stderr
    reconfigure(server, encryption=None)
    server.start()
    journey.check()


def test_a_run_goes_on_after_kill_9(behalf, parts, tmp_path):
    key = new_key(tmp_path / "master.key")
    server = behalf(config(parts, encryption={"master_key": key}))
    client = server.sdk(None)
    thread = client.threads.create()["thread_id"]
    run_id = client.runs.create(thread, "steps", input={"upto": 40, "pause_ms": 50})["run_id"]
    until(lambda: (client.threads.get_state(thread)["values"] or {}).get("n", 0) > 3)
    server.kill()
    server.start()
    values = client.runs.join(thread, run_id)
    assert values["seen"] == list(range(1, 41))


def test_a_row_that_was_changed_fails_its_own_request(behalf, parts, tmp_path):
    key = new_key(tmp_path / "master.key")
    server = behalf(config(parts, encryption={"master_key": key}))
    client = server.sdk(None)
    for name in ("one", "two"):
        client.store.put_item(["notes"], name, {"text": f"secret of {name}"})
    server.stop()
    with sqlite3.connect(server.folder / "behalf.db") as db:
        db.execute("UPDATE item SET doc=(SELECT doc FROM item WHERE id='two') WHERE id='one'")
    server.start()
    with pytest.raises(APIStatusError) as failed:
        client.store.get_item(["notes"], "one")
    assert failed.value.status_code == 500
    assert client.store.get_item(["notes"], "two")["value"]["text"] == "secret of two"
    found = client.store.search_items(["notes"])["items"]
    assert "secret of two" in [one["value"].get("text") for one in found]
    log = server.process.output()
    assert "the stored item one is damaged: it does not open" in log
    assert "secret of" not in log
