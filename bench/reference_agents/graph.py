"""The reference server's side of bench/agents.py: create_agent on the same scripted provider."""

import json
import os

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
async def lookup(q: str) -> str:
    """Looks something up."""
    return "found it"


def agent(model: str, tools: list):
    chat = ChatOpenAI(model=model, base_url=os.environ["BENCH_MODELS"], api_key="none", max_retries=0)
    return create_agent(chat, tools, system_prompt="You are brief.")


MODELS = json.loads(os.environ["BENCH_AGENTS"])
plain, tools, long, paced = (agent(MODELS[name], [lookup] if name == "tools" else [])
                             for name in ("plain", "tools", "long", "paced"))
