"""A server with declared agents over the mail service, and models of the scripted provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parts import stacks
from parts.behalf import Behalf
from parts.inbox import Inbox
from parts.model_provider import ModelProvider
from parts.toolbox import Toolbox

LOCAL = {"allow_private": True, "allow_http": True}
ALLOWED = ["list_unread", "search_messages", "whoami"]
WIRES = {"openai": "/v1", "openai_chat": "/v1", "anthropic": "", "gemini": ""}  # and where they begin
KEY_HEADERS = {"openai": "authorization", "openai_chat": "authorization", "anthropic": "x-api-key",
               "gemini": "x-goog-api-key"}


def model(provider: ModelProvider, wire: str, name: str = "m", key=None, **more) -> dict:
    """A model of `models:`. `key` is a reference, or where each user's own is."""
    own = {"type": wire, "base_url": provider.url + WIRES[wire], "model": name, **LOCAL, **more}
    return own | ({"key": key} if key else {})


def box_service(box: Toolbox) -> dict:
    """The toolbox as a service that is called with each user's token for mail."""
    return {"type": "mcp", "url": box.mcp_url, **LOCAL,
            "credential": {"from": "secrets", "name": "mail", "inject": "bearer"}}


def key_file(folder: Path, name: str, key: str) -> str:
    file = folder / f"{name}.key"
    file.write_text(key)
    return f"file:{file}"


def reader(of_model: str, **more) -> dict:
    """An agent that may read mail, and asks before it opens a message, whatever it has read."""
    tools = [{"service": "mail", "allow": ALLOWED, "ask": ["get_message"]}]
    return {"model": of_model, "prompt": "You help {identity} with mail.", "tools": tools,
            "safety": {"rule_of_two": "off"}, **more}


@contextmanager
def neighbours(folder: Path) -> Iterator[tuple[Inbox, ModelProvider, Toolbox]]:
    """A mail service, a model provider and a toolbox, for servers that are closed before these end."""
    inbox, provider, box = Inbox(folder / "inbox"), ModelProvider(folder / "provider"), Toolbox()
    try:
        yield inbox, provider, box
    finally:
        provider.stop()
        box.go.set()
        box.stop()
        inbox.stop()


class Agents:
    """One running server, its users alice and bob logged in."""

    def __init__(self, folder: Path, inbox: Inbox, models: dict, agents: dict,
                 connected: tuple[str, ...] = ("alice", "bob"), **config):
        """`connected` are the users who have given the server a key to their mail."""
        given = {"log": {"level": "debug"}, "authorization": dict(stacks.OWNER),
                 "services": stacks.services(inbox), "models": models, "agents": agents} | config
        self.stack = stacks.start(Behalf, folder, "dev", "embedded", given, ("alice", "bob"), None)
        self.server = self.stack.server
        self.tokens = {}
        for user in ("alice", "bob"):
            if user in connected:
                self.stack.store(user, "mail", inbox.tokens[user])
            self.tokens[user] = self.stack.login(user)

    def client(self, user: str = "alice"):
        return self.server.sdk(self.tokens[user])

    def chat(self, agent: str, user: str = "alice") -> "Chat":
        return Chat(self.client(user), agent)


class Chat:
    """One user's thread with one agent, through the official SDK."""

    def __init__(self, client, agent: str):
        self.client, self.agent = client, agent
        self.thread: str = client.threads.create()["thread_id"]
        self.parts: list = []

    def run(self, **what) -> list[dict]:
        """Streams a run to its end, into `parts`; the messages of the thread."""
        modes = ["messages-tuple", "values", "updates", "custom"]
        self.parts = list(self.client.runs.stream(self.thread, self.agent, stream_mode=modes, **what))
        return self.messages()

    def say(self, text: str) -> list[dict]:
        return self.run(input={"messages": [{"type": "human", "content": text}]})

    def resume(self, value) -> list[dict]:
        return self.run(command={"resume": value})

    def state(self) -> dict:
        return self.client.threads.get_state(self.thread)

    def messages(self) -> list[dict]:
        return self.state()["values"].get("messages", [])

    def interrupts(self) -> list[dict]:
        return [one for task in self.state()["tasks"] for one in task["interrupts"]]

    def status(self) -> str:
        """Of the last run: success, error, interrupted, …"""
        return self.client.runs.list(self.thread)[0]["status"]

    def errors(self) -> list:
        return [part.data for part in self.parts if part.event == "error"]

    def chunks(self) -> list[tuple[dict, dict]]:
        """What streamed of the model's answers: (chunk, metadata)."""
        told = [part.data for part in self.parts if part.event == "messages"]
        return [(chunk, about) for chunk, about in told if chunk["type"] == "AIMessageChunk"]


def text_of(message: dict) -> str:
    """The text of a message, be its content a string or blocks."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content if block["type"] == "text")
