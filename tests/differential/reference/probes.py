"""What tests/graphs/probes.cpp has, for the reference server."""

import asyncio
import operator
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict


class Foo(TypedDict, total=False):
    foo: Annotated[list[str], operator.add]


class Inter(Foo, total=False):
    ans: Any


def note(name: str):
    async def node(state: dict) -> dict:
        return {"foo": [name]}

    return node


def chain(schema: type, **nodes) -> Any:
    builder = StateGraph(schema)
    before = START
    for name, body in nodes.items():
        builder.add_node(name, body)
        builder.add_edge(before, name)
        before = name
    builder.add_edge(before, END)
    return builder.compile()


async def ask(state: Inter) -> dict:
    return {"ans": interrupt({"question": "ok?"})}


inter = chain(Inter, a=note("a"), ask=ask, b=note("b"))


def ask_for(name: str):
    async def node(state: Foo) -> dict:
        return {"foo": [f"{name}: {interrupt(name)}"]}

    return node


_two = StateGraph(Foo)
for _name in ("p", "q"):
    _two.add_node(_name, ask_for(_name))
    _two.add_edge(START, _name)
_two.add_node("b", note("b"))
_two.add_edge(["p", "q"], "b")
_two.add_edge("b", END)
inter2 = _two.compile()


class Slow(TypedDict, total=False):
    n: Any
    delay: Any
    log: Annotated[list[str], operator.add]


async def count_down(state: Slow) -> dict:
    await asyncio.sleep(state.get("delay") or 0)
    return {"n": (state.get("n") or 0) - 1, "log": ["s"]}


_slow = StateGraph(Slow)
_slow.add_node("s", count_down)
_slow.add_edge(START, "s")
_slow.add_conditional_edges("s", lambda state: "s" if (state.get("n") or 0) > 0 else END,
                            ["s", END])
slow = _slow.compile()


async def boom(state: Foo) -> dict:
    raise ValueError("boom happened")


err = chain(Foo, a=note("a"), boom=boom)


async def write(state: Foo) -> dict:
    writer = get_stream_writer()
    for what in ({"a": 1}, "text", 7):
        writer(what)
    return {"foo": ["done"]}


custom = chain(Foo, write=write)


async def plan(state: Foo) -> Command:
    return Command(update={"foo": ["plan"]}, goto=[Send("w", {"x": x}) for x in (1, 2)])


async def w(state: dict) -> dict:
    return {"foo": [f"w{state['x']}"]}


_fan = StateGraph(Foo)
_fan.add_node("plan", plan, destinations=("w",))
_fan.add_node("w", w)
_fan.add_edge(START, "plan")
_fan.add_edge("w", END)
fan = _fan.compile()


class Cfg(TypedDict, total=False):
    seen: Any
    context: Any
    tags: Any


async def show(state: Cfg, config: RunnableConfig, runtime: Runtime) -> dict:
    given = config["configurable"]
    return {"seen": {key: given[key] for key in ("tone", "user_id", "model") if key in given},
            "context": runtime.context or {}, "tags": config.get("tags") or []}


cfg = chain(Cfg, show=show)


class Echo(TypedDict, total=False):
    text: Any
    said: Any


async def say(state: Echo) -> dict:
    return {"said": state.get("text")}


echo = chain(Echo, echo=say)
