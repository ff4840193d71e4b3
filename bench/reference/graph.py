"""The reference server's side of the comparison: one trivial node, as in our `hello` graph."""

from typing import Annotated

from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    messages: Annotated[list, add_messages]
    who: str


async def answer(state: State, config) -> dict:
    who = config["configurable"].get("langgraph_auth_user_id", "")
    return {"messages": [AIMessage(content=f"hello {who}")], "who": who}


builder = StateGraph(State)
builder.add_node("answer", answer)
builder.add_edge(START, "answer")
builder.add_edge("answer", END)
hello = builder.compile()
