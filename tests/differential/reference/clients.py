"""What tests/graphs/{agent,state,tools,waiting,…}.cpp have, for the reference server."""

import asyncio
import collections
import operator
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.types import Send, interrupt
from typing_extensions import TypedDict


class Parts(BaseChatModel):
    """Streams these parts as one message."""

    parts: list[str]

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        whole = AIMessage("".join(self.parts))
        return ChatResult(generations=[ChatGeneration(message=whole)])

    async def _astream(self, messages, stop=None,
                       run_manager: AsyncCallbackManagerForLLMRun | None = None,
                       **kwargs) -> AsyncIterator[ChatGenerationChunk]:
        same = str(uuid.uuid4())
        for at, part in enumerate(self.parts):
            last = "last" if at + 1 == len(self.parts) else None
            chunk = ChatGenerationChunk(message=AIMessageChunk(part, id=same,
                                                                 chunk_position=last))
            if run_manager:
                await run_manager.on_llm_new_token(part, chunk=chunk)
            yield chunk


class Turns:
    """Gives each thread its answers in turn, a character at a time."""

    def __init__(self, *answers: str):
        self.answers, self.turns = answers, collections.Counter()

    async def reply(self, config: RunnableConfig) -> AIMessage:
        thread = config["configurable"].get("thread_id", "$")
        text = self.answers[self.turns[thread] % len(self.answers)]
        self.turns[thread] += 1
        return await Parts(parts=list(text)).ainvoke([], config)


class Messages(TypedDict, total=False):
    messages: Annotated[list, add_messages]


class AgentState(Messages, total=False):
    sharedStateFromStoreConfig: dict | None
    sharedStateValue: Any
    interrupt: bool
    keyOne: str | None
    keyTwo: str | None
    sleep: Any


class AgentOutput(Messages, total=False):
    sharedStateValue: Any
    interrupt: bool
    keyOne: str | None
    keyTwo: str | None
    sleep: Any


class AgentConfig(TypedDict, total=False):
    model_name: str


_turns = Turns("begin", "end")


async def call_model(state: AgentState, config: RunnableConfig, store: BaseStore) -> dict:
    if state.get("interrupt"):
        interrupt("i want to interrupt")
    told = state.get("sleep")
    if told and state["messages"][-1].type == "human":
        if isinstance(told, dict):
            for step in range(told["steps"]):
                get_stream_writer()({"type": "sleep", "step": step})
                await asyncio.sleep(told["ms"] / 1000)
        else:
            await asyncio.sleep(told)
    reply = await _turns.reply(config)
    if not state.get("sharedStateFromStoreConfig"):
        await store.aput(("sharedState", "data"), "user_id",
                         {"id": config["configurable"].get("user_id")})
    return {"interrupt": False, "messages": [reply]}


async def call_tool(state: AgentState, store: BaseStore) -> dict:
    item = await store.aget(("sharedState", "data"), "user_id")
    said = ToolMessage("tool_call__" + state["messages"][-1].content, tool_call_id="tool_call_id")
    return {"messages": [said], "sharedStateFromStoreConfig": item.value if item else None}


async def check_shared_state(state: AgentState, store: BaseStore) -> dict:
    item = await store.aget(("inputtedState", "data"), "my_key")
    if not item or not item.value.get("isTrue"):
        raise RuntimeError("Value is not true")
    return {}


def after_model(state: AgentState) -> str:
    first = state["messages"][0].content
    if first == "should_end":
        return END
    if first == "___check_state_value":
        return "checkSharedState"
    return END if state["messages"][-1].content == "end" else "tool"


_agent = StateGraph(AgentState, output_schema=AgentOutput, context_schema=None)
_agent.add_node("agent", call_model)
_agent.add_node("tool", call_tool)
_agent.add_node("checkSharedState", check_shared_state)
_agent.add_edge(START, "agent")
_agent.add_conditional_edges("agent", after_model, ["tool", "checkSharedState", END])
_agent.add_edge("tool", "agent")
_agent.add_edge("checkSharedState", END)
agent = _agent.compile()


class SimpleState(Messages, total=False):
    key_one: Any
    key_two: Any
    sleep: Any


_simple_turns = Turns("begin", "end\u2028")


async def call_simple_model(state: SimpleState, config: RunnableConfig, store: BaseStore) -> dict:
    header = config["configurable"].get("x-configurable-header")
    if header:
        return {"messages": [AIMessage(f"end: {header}")]}
    place = (config["configurable"].get("langgraph_auth_user_id") or "ALL",)
    if not await store.aget(place, "key_one"):
        await store.aput(place, "key_one", {"text": state["messages"][-1].content})
    return {"messages": [await _simple_turns.reply(config)]}


async def simple_tool(message: Any) -> dict:
    return {"messages": [ToolMessage("tool_call__" + message.content,
                                     tool_call_id="tool_call_id")]}


def after_simple_model(state: SimpleState):
    newest = state["messages"][-1]
    return END if newest.content.startswith("end") else Send("tool", newest)


_agent_simple = StateGraph(SimpleState)
_agent_simple.add_node("agent", call_simple_model)
_agent_simple.add_node("tool", simple_tool)
_agent_simple.add_edge(START, "agent")
_agent_simple.add_conditional_edges("agent", after_simple_model, ["tool", END])
_agent_simple.add_edge("tool", "agent")
agent_simple = _agent_simple.compile()


async def asks_for_weather(state: Messages) -> dict:
    if state["messages"][-1].type == "tool":
        return {"messages": [AIMessage("Done.")]}
    call = {"name": "weather", "args": {"query": "SF"}, "id": "call_embed_1"}
    return {"messages": [AIMessage("", tool_calls=[call])]}


async def tell_weather(state: Messages) -> dict:
    call = state["messages"][-1].tool_calls[0]
    foggy = call["args"]["query"].lower() in ("sf", "san francisco")
    text = "It's 60 degrees and foggy." if foggy else "It's 90 degrees and sunny."
    return {"messages": [ToolMessage(text, tool_call_id=call["id"])]}


_tools = StateGraph(Messages)
_tools.add_node("agent", asks_for_weather)
_tools.add_node("tools", tell_weather)
_tools.add_edge(START, "agent")
_tools.add_conditional_edges(
    "agent", lambda state: "tools" if getattr(state["messages"][-1], "tool_calls", None) else END,
    ["tools", END])
_tools.add_edge("tools", "agent")
agent_with_tools = _tools.compile()


def one_node(schema: type, name: str, body, **options) -> Any:
    builder = StateGraph(schema, **options)
    builder.add_node(name, body)
    builder.add_edge(START, name)
    builder.add_edge(name, END)
    return builder.compile()


class DelayState(Messages, total=False):
    delay: int


async def run_long(state: DelayState) -> dict:
    delay = state.get("delay") or 0
    await asyncio.sleep(delay / 1000)
    return {"messages": [AIMessage(f"finished after {delay}ms")]}


delay = one_node(DelayState, "long_running", run_long)


class CustomError(ValueError):
    pass


async def fail_after_a_second(state: Messages) -> dict:
    await asyncio.sleep(1)
    raise CustomError("Boo!")


error = one_node(Messages, "single_node", fail_after_a_second)


def joined(have: list, more: Any) -> list:
    return have + (more if isinstance(more, list) else [more])


class DynamicState(TypedDict, total=False):
    node: str
    messages: Annotated[list, joined]


def dynamic(config: RunnableConfig) -> Any:
    name = config.get("configurable", {}).get("nodeName", "default")

    async def name_itself(state: DynamicState) -> dict:
        return {"node": name, "messages": [name]}

    return one_node(DynamicState, name, name_itself)


class InterruptState(TypedDict, total=False):
    request: Any
    decision: Any
    completed: Any


async def review(state: InterruptState) -> dict:
    answer = interrupt({"prompt": "Approve the outbound action?",
                        "request": state.get("request")})
    return {"decision": answer if isinstance(answer, dict) else {"value": answer},
            "completed": True}


interrupt_graph = one_node(InterruptState, "review", review)


class RuntimeContext(TypedDict, total=False):
    model: Literal["openai", "anthropic", "unknown"]


class RuntimeState(TypedDict, total=False):
    message: Any
    model: str


async def use_context(state: RuntimeState, runtime: Runtime[RuntimeContext]) -> dict:
    return {"model": (runtime.context or {}).get("model")}


simple_runtime = one_node(RuntimeState, "use_context", use_context,
                          context_schema=RuntimeContext)


class CountState(Messages, total=False):
    count: Annotated[int, lambda have, more: more]


async def respond(state: CountState) -> dict:
    count = state.get("count", 0) + 1
    return {"count": count, "messages": [AIMessage(f"Response {count}")]}


state_schema_graph = one_node(CountState, "respond", respond)


async def say_accepted(state: Messages, config: RunnableConfig) -> dict:
    return {"messages": [await Parts(parts=["Plan ", "accepted."]).ainvoke([], config)]}


stategraph_text = one_node(Messages, "respond", say_accepted)


class NestedState(TypedDict, total=False):
    messages: Annotated[list, operator.add]
    entered: Literal["grandparent", "parent", "child"]


def entered(name: str):
    async def node(state: NestedState) -> dict:
        return {"messages": [f"Entered {name} node"]}

    return node


def two(first: str, second: str, last: Any) -> Any:
    builder = StateGraph(NestedState)
    builder.add_node(first, entered(first))
    builder.add_node(second, last)
    builder.add_edge(START, first)
    builder.add_edge(first, second)
    builder.add_edge(second, END)
    return builder.compile()


nested = two("gp_one", "gp_two", two("p_one", "p_two", two("c_one", "c_two", entered("c_two"))))


class RouteState(Messages, total=False):
    route: Literal["weather", "other"]


class CityState(Messages, total=False):
    city: str


async def find_city(state: CityState) -> dict:
    return {"city": "San Francisco"}


async def say_weather(state: CityState) -> dict:
    return {"messages": [AIMessage(f"It's sunny in {state['city']}!")]}


_city = StateGraph(CityState)
_city.add_node("model_node", find_city)
_city.add_node("weather_node", say_weather)
_city.add_edge(START, "model_node")
_city.add_edge("model_node", "weather_node")
_city.add_edge("weather_node", END)


async def choose(state: RouteState) -> dict:
    return {"route": "weather"}


async def say_hello(state: RouteState) -> dict:
    return {"messages": [AIMessage("Hello")]}


_weather = StateGraph(RouteState)
_weather.add_node("router_node", choose)
_weather.add_node("normal_llm_node", say_hello)
_weather.add_node("weather_graph", _city.compile(interrupt_before=["weather_node"]))
_weather.add_edge(START, "router_node")
_weather.add_conditional_edges(
    "router_node",
    lambda state: "weather_graph" if state["route"] == "weather" else "normal_llm_node",
    ["weather_graph", "normal_llm_node"])
_weather.add_edge("normal_llm_node", END)
_weather.add_edge("weather_graph", END)
weather = _weather.compile()
