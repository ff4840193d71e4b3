"""RemoteGraph of LangGraph: our graphs as if they were local ones, and as nodes of local ones."""

import asyncio
import operator
from typing import Annotated, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_client, get_sync_client
from test_client_graphs import started

HUMAN = {"messages": [{"role": "human", "content": "hi", "id": "h"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = started("behalf", tmp_path_factory.mktemp("remote"))
    yield server
    server.close()


def remote(server, name: str) -> RemoteGraph:
    return RemoteGraph(name, client=get_client(url=server.url, api_key=None),
                       sync_client=get_sync_client(url=server.url, api_key=None))


@pytest.fixture
def thread(server) -> dict:
    made = get_sync_client(url=server.url, api_key=None).threads.create()
    return {"configurable": {"thread_id": made["thread_id"]}}


def test_it_is_called_and_streams(server):
    echo = remote(server, "echo")
    assert echo.invoke({"text": "x"})["said"] == "x"
    assert list(echo.stream({"text": "x"}, stream_mode="updates")) == [{"echo": {"said": "x"}}]
    modes = ["values", "updates", "custom"]
    parts = list(remote(server, "custom").stream({"foo": []}, stream_mode=modes))
    assert [(one.event, one.data) for one in parts] == [
        ("values", {"foo": []}), ("custom", {"a": 1}), ("custom", "text"), ("custom", 7),
        ("updates", {"write": {"foo": ["done"]}}), ("values", {"foo": ["done"]})]
    words = [chunk["content"] for chunk, about in
             remote(server, "stategraph_text").stream(HUMAN, stream_mode="messages")]
    assert words == ["Plan ", "accepted."]

    async def beside():
        echo = remote(server, "echo")
        assert (await echo.ainvoke({"text": "x"}))["said"] == "x"
        parts = [one async for one in echo.astream({"text": "x"}, stream_mode="updates")]
        assert parts == [{"echo": {"said": "x"}}]

    asyncio.run(beside())


def test_its_state_is_read_and_changed(server, thread):
    inter = remote(server, "inter")
    inter.invoke({"foo": ["x"]}, thread)
    state = inter.get_state(thread)
    assert state.next == ("ask",) and state.values == {"foo": ["x", "a"]}
    assert state.tasks[0].interrupts[0].value == {"question": "ok?"}
    forked = inter.update_state(thread, {"foo": ["by hand"]}, as_node="a")
    assert forked["configurable"]["checkpoint_id"] != state.config["configurable"]["checkpoint_id"]
    assert inter.get_state(forked).values == {"foo": ["x", "a", "by hand"]}
    history = list(inter.get_state_history(thread, limit=10))
    assert [one.metadata["source"] for one in history] == ["update", "loop", "loop", "input"]
    before = list(inter.get_state_history(thread, before=history[1].config))
    assert len(before) == 2
    answered = inter.invoke(Command(resume="yes"), thread)
    assert answered == {"foo": ["x", "a", "by hand", "b"], "ans": "yes"}

    async def beside():
        inter = remote(server, "inter")
        assert (await inter.aget_state(thread)).next == ()
        await inter.aupdate_state(thread, {"foo": ["z"]}, as_node="a")
        newest = [one async for one in inter.aget_state_history(thread, limit=1)]
        assert newest[0].values["foo"][-1] == "z"

    asyncio.run(beside())


def test_a_state_within_is_shown(server, thread):
    weather = remote(server, "weather")
    weather.invoke(HUMAN, thread)
    inside = weather.get_state(thread, subgraphs=True).tasks[0].state
    assert inside.next == ("weather_node",) and inside.values["city"] == "San Francisco"


def test_it_is_drawn(server):
    nested = remote(server, "nested")
    assert list(nested.get_graph().nodes) == ["__start__", "gp_one", "gp_two", "__end__"]
    deep = nested.get_graph(xray=True)
    assert "gp_two:p_two:c_one" in deep.nodes and "gp_two" not in deep.nodes
    assert "gp_two:p_one" in nested.get_graph(xray=1).nodes
    assert "graph TD" in deep.draw_mermaid()
    assert list(asyncio.run(remote(server, "nested").aget_graph(xray=True)).nodes) == list(deep.nodes)


class Local(TypedDict):
    foo: Annotated[list, operator.add]


def around(node):
    builder = StateGraph(Local)
    builder.add_node("before", lambda state: {"foo": ["before"]})
    builder.add_node("there", node)
    builder.add_edge(START, "before")
    builder.add_edge("before", "there")
    builder.add_edge("there", END)
    return builder


def test_it_is_a_node_of_a_local_graph(server):
    fan = remote(server, "fan")
    local = around(fan).compile()
    assert local.invoke({"foo": ["x"]})["foo"] == [
        "x", "before", "x", "before", "plan", "w1", "w2"]
    parts = list(local.stream({"foo": []}, stream_mode="updates", subgraphs=True))
    assert [(ns[0].split(":")[0] if ns else "", list(update)) for ns, update in parts] == [
        ("", ["before"]), ("there", ["plan"]), ("there", ["w"]), ("there", ["w"]), ("", ["there"])]

    async def beside():
        local = around(remote(server, "fan")).compile()
        made = await local.ainvoke({"foo": ["x"]})
        assert made["foo"][-3:] == ["plan", "w1", "w2"]

    asyncio.run(beside())


def test_it_fails_like_a_local_graph(server):
    with pytest.raises(RemoteException, match="boom happened"):
        remote(server, "err").invoke({"foo": []})


def test_nothing_it_offers_is_untried():
    tried = {"copy", "with_config", "get_graph", "aget_graph", "get_state", "aget_state",
             "get_state_history", "aget_state_history", "update_state", "aupdate_state",
             "stream", "astream", "invoke", "ainvoke"}
    # What RemoteGraph itself refuses.
    refused = {"bulk_update_state", "abulk_update_state", "stream_events", "astream_events"}
    offered = {name for name in vars(RemoteGraph) if not name.startswith("_")}
    assert offered - tried - refused == set()


def test_a_copy_has_its_settings(server):
    cfg = remote(server, "cfg").with_config({"configurable": {"tone": "warm"}})
    assert cfg.invoke({})["seen"]["tone"] == "warm"
    assert cfg.copy({}).invoke({})["seen"]["tone"] == "warm"
