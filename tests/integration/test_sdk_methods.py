"""Every public method of the official SDKs (Python: sync and async; JavaScript) does what it is for.

The methods are listed by reflection, so that a newer SDK names what it has new and nobody tries.
"""

import asyncio
import inspect
import json
import shutil
import subprocess
import uuid

import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.errors import NotFoundError
from parts.tools import ROOT, TOOLS, require
from test_client_graphs import started

HUMAN = {"messages": [{"role": "human", "content": "hi", "id": "h"}]}
PARTS = ("assistants", "crons", "runs", "store", "threads")
# Members of a stream's parts that do nothing with a server, and those that the other client's
# part has in another form.
NOT_CALLED = {"stream.observe_applied_through_seq"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = started("behalf", tmp_path_factory.mktemp("methods"))
    yield server
    server.close()


def methods_of(thing) -> set[str]:
    return {name for name in dir(type(thing)) if not name.startswith("_")}


class Noted:
    """A part of a client, whose calls are awaited alike and noted."""

    def __init__(self, part, name: str, notes: set[str]):
        self._part, self._name, self._notes = part, name, notes

    def __getattr__(self, method: str):
        async def call(*args, **kwargs):
            self._notes.add(f"{self._name}.{method}")
            made = getattr(self._part, method)(*args, **kwargs)
            if inspect.isawaitable(made):
                return await made
            if inspect.isasyncgen(made):
                return [one async for one in made]
            return list(made) if inspect.isgenerator(made) else made

        return call


class Client:
    def __init__(self, sdk):
        self.sdk, self.notes = sdk, set()
        for name in PARTS:
            setattr(self, name, Noted(getattr(sdk, name), name, self.notes))


async def assistants(c: Client):
    made = await c.assistants.create("echo", name="mine", metadata={"by": "sdk"})
    at = made["assistant_id"]
    assert (await c.assistants.get(at))["name"] == "mine"
    assert (await c.assistants.update(at, name="renamed"))["version"] == 2
    assert [one["version"] for one in await c.assistants.get_versions(at)] == [2, 1]
    assert (await c.assistants.set_latest(at, 1))["name"] == "mine"
    assert (await c.assistants.count(metadata={"by": "sdk"})) == 1
    assert [one["assistant_id"] for one in await c.assistants.search(metadata={"by": "sdk"})] == [at]
    drawn = await c.assistants.get_graph(at, xray=True)
    assert [node["id"] for node in drawn["nodes"]] == ["__start__", "echo", "__end__"]
    assert (await c.assistants.get_schemas(at))["graph_id"] == "echo"
    inner = await c.assistants.search(graph_id="nested")
    below = await c.assistants.get_subgraphs(inner[0]["assistant_id"], recurse=True)
    assert sorted(below) == ["gp_two", "gp_two|p_two"]
    await c.assistants.delete(at)
    with pytest.raises(NotFoundError):
        await c.assistants.get(at)


async def threads(c: Client):
    made = await c.threads.create(metadata={"by": "sdk"}, graph_id="echo")
    at = made["thread_id"]
    await c.threads.update(at, metadata={"more": 1})
    assert (await c.threads.get(at))["metadata"]["more"] == 1
    await c.runs.wait(at, "echo", input={"text": "x"})
    await c.threads.update_state(at, {"said": "by hand"}, as_node="echo")
    assert (await c.threads.get_state(at))["values"] == {"text": "x", "said": "by hand"}
    assert len(await c.threads.get_history(at, limit=50)) == 4
    copy = await c.threads.copy(at)
    assert (await c.threads.count(metadata={"by": "sdk"})) == 2
    assert len(await c.threads.search(metadata={"by": "sdk"}, select=["thread_id"])) == 2
    pruned = await c.threads.prune([copy["thread_id"]], strategy="delete")
    assert pruned["pruned_count"] == 1
    await c.threads.delete(at)
    with pytest.raises(NotFoundError):
        await c.threads.get(at)


async def runs(c: Client):
    at = (await c.threads.create())["thread_id"]
    assert (await c.runs.wait(at, "echo", input={"text": "x"}))["said"] == "x"
    parts = await c.runs.stream(at, "talk", input={**HUMAN, "words": 2}, stream_mode="updates")
    assert [one.event for one in parts] == ["metadata", "updates"]
    slow = {"n": 100, "delay": 0.1}
    run = await c.runs.create(at, "slow", input=slow, stream_resumable=True)
    assert run["run_id"] in [one["run_id"] for one in await c.runs.list(at)]
    await c.runs.cancel(at, run["run_id"], wait=True)
    assert (await c.runs.get(at, run["run_id"]))["status"] == "interrupted"
    parts = await c.runs.join_stream(at, run["run_id"], last_event_id="-1")
    assert parts[0].event == "metadata"
    await c.runs.delete(at, run["run_id"])
    last = await c.runs.create(at, "echo", input={"text": "y"})
    assert (await c.runs.join(at, last["run_id"]))["said"] == "y"
    batch = [{"assistant_id": "slow", "input": slow}] * 2
    created = await c.runs.create_batch(batch)
    assert len(created) == 2
    for one in created:
        await c.runs.cancel_many(thread_id=one["thread_id"], run_ids=[one["run_id"]])


async def crons(c: Client):
    at = (await c.threads.create())["thread_id"]
    alone = await c.crons.create("echo", schedule="0 0 1 1 *", input={"text": "x"})
    on_thread = await c.crons.create_for_thread(at, "echo", schedule="0 0 1 1 *")
    assert (await c.crons.count(thread_id=at)) == 1
    found = await c.crons.search(thread_id=at)
    assert [one["cron_id"] for one in found] == [on_thread["cron_id"]]
    changed = await c.crons.update(alone["cron_id"], schedule="0 0 2 1 *", enabled=False)
    assert changed["schedule"] == "0 0 2 1 *"
    for one in (alone, on_thread):
        await c.crons.delete(one["cron_id"])
    assert (await c.crons.count(thread_id=at)) == 0


async def store(c: Client):
    place = ["sdk", str(uuid.uuid4())]
    await c.store.put_item(place, "k", {"n": 1}, index=False, ttl=10)
    assert (await c.store.get_item(place, "k"))["value"] == {"n": 1}
    found = await c.store.search_items(place, filter={"n": {"$gte": 1}})
    assert [one["key"] for one in found["items"]] == ["k"]
    assert (await c.store.list_namespaces(prefix=place))["namespaces"] == [place]
    await c.store.delete_item(place, "k")
    assert (await c.store.search_items(place))["items"] == []


async def long_streams(c: Client):
    """The one of a thread, which lasts until its reader leaves."""
    at = (await c.threads.create())["thread_id"]
    run = await c.runs.create(at, "echo", input={"text": "x"}, stream_resumable=True)
    await c.runs.join(at, run["run_id"])
    c.notes.add("threads.join_stream")
    stream = c.sdk.threads.join_stream(at, last_event_id="-")
    if inspect.isawaitable(stream):
        stream = await stream
    if hasattr(stream, "__anext__"):
        first = await stream.__anext__()
        await stream.aclose()
    else:
        first = next(stream)
        stream.close()
    assert first.event == "metadata"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_every_method(server, kind):
    async def all_of_it():
        make = get_sync_client if kind == "sync" else get_client
        client = Client(make(url=server.url, api_key=None))
        for case in (assistants, threads, runs, crons, store, long_streams):
            await case(client)
        client.notes.add("threads.stream")  # the tests below
        there = {f"{part}.{method}" for part in PARTS
                 for method in methods_of(getattr(client.sdk, part))}
        assert there - client.notes == set(), "methods that no test calls"
        await client.sdk.aclose() if kind == "async" else client.sdk.close()

    asyncio.run(all_of_it())


@pytest.mark.parametrize("package", [
    "@langchain/langgraph-sdk",
    # The one that @langchain/react brings along speaks the streaming protocol's second version.
    "./node_modules/@langchain/react/node_modules/@langchain/langgraph-sdk/dist/index.js"])
def test_every_method_in_javascript(server, package):
    script = require(TOOLS / "node" / "node_modules", "the JavaScript SDK").parent
    shutil.copy(ROOT / "tests/integration/js/methods.mjs", script)
    done = subprocess.run(["node", "methods.mjs", server.url, package], cwd=script,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads(done.stdout.splitlines()[-1])) >= 44


def members_of(stream) -> set[str]:
    """What a thread's stream offers, and its parts."""
    names = {f"stream.{name}" for name in methods_of(stream)}
    for part in vars(stream):
        if not part.startswith("_"):
            names.add(f"stream.{part}")
    for part in ("run", "agent"):
        names |= {f"{part}.{name}" for name in methods_of(getattr(stream, part))}
    return names - NOT_CALLED


ALL_OF_A_STREAM = {
    "stream.thread_id", "stream.assistant_id", "stream.interrupted", "stream.interrupts",
    "stream.run", "stream.agent", "stream.output", "stream.values", "stream.messages",
    "stream.tool_calls", "stream.subgraphs", "stream.subagents", "stream.extensions",
    "stream.events", "stream.subscribe", "stream.interleave_projections", "stream.close",
    "run.start", "run.respond", "agent.get_tree",
}


def test_every_member_of_a_thread_stream_sync(server):
    with get_sync_client(url=server.url, api_key=None) as client:
        threads = client.threads
        with threads.stream(assistant_id="talk") as stream:
            assert members_of(stream) == ALL_OF_A_STREAM
            assert stream.assistant_id == "talk" and uuid.UUID(stream.thread_id)
            stream.run.start(input={**HUMAN, "words": 3, "ms": 5})
            [message] = list(stream.messages)
            assert str(message.text) == "w1 w2 w3"
            assert stream.output["messages"][-1]["content"] == "w1 w2 w3"
            assert [n["id"] for n in stream.agent.get_tree()["nodes"]][1] == "talk"
        with threads.stream(assistant_id="echo") as stream:
            stream.run.start(input={"text": "x"})
            assert isinstance(next(iter(stream.values)), dict)  # what is there already
            assert stream.values.get()["text"] == "x"
        with threads.stream(assistant_id="inter") as stream:
            stream.run.start(input={"foo": []})
            events = []
            for event in stream.events:
                events.append(event["method"])
                if event["method"] == "input.requested":
                    break
            while not stream.interrupted:
                pass
            assert stream.interrupts[0]["value"] == {"question": "ok?"}
            stream.run.respond("yes")
            assert stream.output["ans"] == "yes"
        # On a stream of its own: the SDK may show a second reader only what is new.
        with threads.stream(assistant_id="inter") as stream:
            stream.run.start(input={"foo": []})
            for _ in stream.subscribe(["input"]):
                break
        with threads.stream(assistant_id="agent_with_tools") as stream:
            stream.run.start(input=HUMAN)
            [call] = list(stream.tool_calls)
            assert call.name == "weather" and "foggy" in str(call.output)
        with threads.stream(assistant_id="nested") as stream:
            stream.run.start(input={"messages": []})
            assert [one.graph_name for one in stream.subgraphs] == ["gp_two"]
            assert stream.subagents is stream.subgraphs
        with threads.stream(assistant_id="plain_zod_graph") as stream:
            stream.run.start(input={"items": []})
            kinds = [kind for kind, _ in stream.interleave_projections(["values", "checkpoints"])]
            assert kinds[-1] == "values" and kinds.count("checkpoints") >= 2
        with threads.stream(assistant_id="custom") as stream:
            stream.run.start(input={"foo": []})
            stream.extensions["progress"]
        stream.close()


def test_every_member_of_a_thread_stream_async(server):
    async def journey():
        async with get_client(url=server.url, api_key=None) as client:
            threads = client.threads
            for transport in ("sse", "websocket"):
                async with threads.stream(assistant_id="talk", transport=transport) as stream:
                    assert members_of(stream) == ALL_OF_A_STREAM
                    await stream.run.start(input={**HUMAN, "words": 3, "ms": 5})
                    [message] = [one async for one in stream.messages]
                    assert await message.text == "w1 w2 w3"
                    assert (await stream.output)["messages"][-1]["content"] == "w1 w2 w3"
                    tree = await stream.agent.get_tree()
                    assert [n["id"] for n in tree["nodes"]][1] == "talk"
                async with threads.stream(assistant_id="echo", transport=transport) as stream:
                    await stream.run.start(input={"text": "x"})
                    async for snapshot in stream.values:
                        if "text" in snapshot:  # the first is what is there already
                            break
                async with threads.stream(assistant_id="inter", transport=transport) as stream:
                    await stream.run.start(input={"foo": []})
                    async for event in stream.events:
                        if event.get("method") == "input.requested":
                            break
                    while not stream.interrupted:
                        await asyncio.sleep(0.01)
                    await stream.run.respond("yes")
                    assert (await stream.output)["ans"] == "yes"
                async with threads.stream(assistant_id="inter", transport=transport) as stream:
                    await stream.run.start(input={"foo": []})
                    async for _ in stream.subscribe(["input"]):
                        break
            async with threads.stream(assistant_id="agent_with_tools") as stream:
                await stream.run.start(input=HUMAN)
                [call] = [one async for one in stream.tool_calls]
                assert call.name == "weather" and "foggy" in str(await call.output)
            async with threads.stream(assistant_id="nested") as stream:
                await stream.run.start(input={"messages": []})
                assert [one.graph_name async for one in stream.subgraphs] == ["gp_two"]
            async with threads.stream(assistant_id="plain_zod_graph") as stream:
                await stream.run.start(input={"items": []})
                wanted = ["values", "checkpoints"]
                kinds = [kind async for kind, _ in stream.interleave_projections(wanted)]
                assert kinds[-1] == "values" and kinds.count("checkpoints") >= 2

    asyncio.run(journey())
