"""What servers.py declares as agents of ours, by create_agent."""

import os

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, ModelCallLimitMiddleware
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="main", base_url=os.environ["MODELS_URL"] + "/v1", api_key="none",
                   stream_usage=True, max_retries=0)


@tool
def add(a: int, b: int) -> str:
    """Adds."""
    return str(a + b)


@tool
def send(to: str, text: str) -> str:
    """Sends."""
    return f"sent to {to}"


PROMPT = "You are brief."
plain = create_agent(model, system_prompt=PROMPT, name="plain")
helper = create_agent(model, [add, send], system_prompt=PROMPT, name="helper",
                      middleware=[HumanInTheLoopMiddleware({"send": True})])
capped = create_agent(model, [add], name="capped",
                       middleware=[ModelCallLimitMiddleware(run_limit=2)])
