"""Assistants as agents of the A2A protocol, by its official SDK: both versions that it speaks."""

import asyncio
import base64
import json
import uuid

import httpx
import pytest
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types.a2a_pb2 import (
    AgentCard,
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import (
    ContentTypeNotSupportedError,
    InvalidParamsError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf import json_format
from parts.behalf import Behalf
from parts.plugins import plugin
from parts.stacks import dev_users

BOTH = pytest.mark.parametrize("version", ["1.0", "0.3"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    config = dev_users("alice", "bob") | {"graphs": [plugin("test_graphs")]}
    server = Behalf(config, tmp_path_factory.mktemp("a2a"), command="dev", args=("--data", "data"))
    yield server
    server.close()


def token(server, user: str = "alice") -> str:
    form = {"grant_type": "password", "client_id": "t", "username": user, "password": user}
    return server.call("POST", "/dev/token", data=form).json()["access_token"]


def agent_of(graph: str) -> str:
    """The server's own assistant of a graph."""
    return str(uuid.uuid5(uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8"), graph))


class Agent:
    """An agent as one user talks to it."""

    def __init__(self, server, graph: str, who: str = "alice", version: str = "1.0",
                 polling: bool = False):
        self.url = f"{server.url}/a2a/{agent_of(graph)}"
        self.token, self.version, self.polling = token(server, who), version, polling

    async def __aenter__(self) -> "Agent":
        self.http = httpx.AsyncClient(
            timeout=30, headers={"Authorization": f"Bearer {self.token}"})
        self.card = await A2ACardResolver(self.http, self.url).get_agent_card()
        card = AgentCard()
        card.CopyFrom(self.card)
        kept = [one for one in card.supported_interfaces if one.protocol_version == self.version]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(kept)
        self.streaming, self.whole = (
            ClientFactory(ClientConfig(streaming=streaming, httpx_client=self.http,
                                       polling=self.polling)).create(card)
            for streaming in (True, False))
        return self

    async def __aexit__(self, *_) -> None:
        await self.http.aclose()

    async def stream(self, *parts: Part, **where) -> list:
        return [event async for event in self.streaming.send_message(request(*parts, **where))]

    async def send(self, *parts: Part, configuration=None, **where):
        asked = request(*parts, **where)
        if configuration:
            asked.configuration.CopyFrom(configuration)
        [event] = [event async for event in self.whole.send_message(asked)]
        return event.task

    async def get(self, task, **more):
        return await self.whole.get_task(GetTaskRequest(id=task.id, **more))

    async def cancel(self, task):
        return await self.whole.cancel_task(CancelTaskRequest(id=task.id))

    async def subscribe(self, task) -> list:
        return [event async for event in
                self.streaming.subscribe(SubscribeToTaskRequest(id=task.id))]


def request(*parts: Part, **where) -> SendMessageRequest:
    return SendMessageRequest(message=Message(
        role=Role.ROLE_USER, message_id=str(uuid.uuid4()), parts=parts, **where))


def text(said: str) -> Part:
    return Part(text=said)


def data(value) -> Part:
    return json_format.ParseDict({"data": value}, Part())


def told(task) -> str:
    return "".join(part.text for one in task.artifacts for part in one.parts)


def test_the_card_says_how_to_talk_and_log_in(server):
    agent = agent_of("agent_with_tools")
    me = token(server)
    for path in (f"/a2a/{agent}/.well-known/agent-card.json", f"/a2a/{agent}",
                 f"/a2a/{agent}/.well-known/agent.json",
                 f"/.well-known/agent-card.json?assistant_id={agent}"):
        assert server.call("GET", path).status_code == 401
        card = server.call("GET", path, me).json()
        assert card["name"] == "agent_with_tools"
        assert card["url"] == f"{server.url}/a2a/{agent}"
        assert (card["preferredTransport"], card["protocolVersion"]) == ("JSONRPC", "0.3.0")
        assert [one["protocolVersion"] for one in card["supportedInterfaces"]] == ["1.0", "0.3"]
        assert card["capabilities"]["streaming"] is True
        assert card["capabilities"]["pushNotifications"] is False
        assert card["defaultInputModes"] == ["application/json", "text/plain"]
        assert card["securitySchemes"]["bearer"]["scheme"] == "bearer"
        assert card["securitySchemes"]["oidc"]["openIdConnectUrl"] == (
            f"{server.url}/dev/.well-known/openid-configuration")
        assert card["security"] == [{"oidc": []}, {"bearer": []}]
    without_messages = server.call("GET", f"/a2a/{agent_of('inter')}", me).json()
    assert without_messages["defaultInputModes"] == ["application/json"]
    for path in ("/a2a/agent_with_tools", "/a2a/agent_with_tools/.well-known/agent-card.json",
                 "/.well-known/agent-card.json?assistant_id=agent_with_tools"):
        assert server.call("GET", path, me).json() == card  # a graph's name is its assistant's
    for path in ("/.well-known/agent-card.json", f"/a2a/{uuid.uuid4()}", "/a2a/nobody",
                 "/.well-known/agent-card.json?assistant_id=nobody"):
        refused = server.call("GET", path, me)
        assert refused.status_code == 400 and refused.json()["detail"]


@BOTH
def test_a_message_becomes_a_task_that_can_be_got(server, version):
    async def play():
        async with Agent(server, "agent_with_tools", version=version) as agent:
            task = await agent.send(text("hi"))
            assert task.status.state == TaskState.TASK_STATE_COMPLETED
            assert told(task) == "Done."
            assert [one.role for one in task.history] == [
                Role.ROLE_USER, Role.ROLE_AGENT, Role.ROLE_AGENT]
            got = await agent.get(task)
            assert (got.status.state, told(got)) == (task.status.state, "Done.")
            assert [one.message_id for one in got.history] == [
                one.message_id for one in task.history]
            assert [one.parts[0].text for one in (await agent.get(task, history_length=1)).history
                    ] == ["Done."]
            assert not (await agent.get(task, history_length=0)).history
            more = await agent.send(text("again"), context_id=task.context_id)
            assert more.context_id == task.context_id and more.id != task.id
            assert len(more.history) > len(task.history)
            assert told(await agent.get(task)) == "Done."  # the first one still is what it was
            with pytest.raises(UnsupportedOperationError):
                await agent.send(text("more"), task_id=task.id, context_id=task.context_id)
            with pytest.raises(TaskNotCancelableError):
                await agent.cancel(task)

    asyncio.run(play())


@BOTH
def test_a_stream_tells_what_happens(server, version):
    async def play():
        async with Agent(server, "stategraph_text", version=version) as agent:
            events = await agent.stream(text("hi"))
            assert [one.WhichOneof("payload") for one in events[:2]] == ["task", "status_update"]
            assert events[0].task.status.state == TaskState.TASK_STATE_SUBMITTED
            assert events[0].task.history[0].parts[0].text == "hi"
            assert events[1].status_update.status.state == TaskState.TASK_STATE_WORKING
            said = [one.status_update.status.message for one in events[2:-2]]
            assert said and said[-1].parts[0].text == "Plan accepted."
            assert len({one.message_id for one in said}) == 1
            assert events[-2].artifact_update.artifact.parts[0].text == "Plan accepted."
            assert events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
            task = events[0].task
            assert all((one.status_update.task_id or one.artifact_update.task_id) == task.id
                       for one in events[1:])
            assert told(await agent.get(task)) == "Plan accepted."

    asyncio.run(play())


def test_an_agent_that_says_more_than_is_kept_is_followed_to_its_end(behalf):
    small = {"graphs": [plugin("test_graphs")], "runs": {"event_bytes": 16384}}
    server = behalf(dev_users("alice") | small, command="dev", args=("--data", "data"))
    me = token(server)
    message = {"role": "user", "messageId": "1",
               "parts": [{"kind": "data", "data": {"words": 3000, "ms": 0}}]}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": {"message": message}}
    url = f"/a2a/{agent_of('talk')}"

    def events(body: dict) -> list[dict]:
        said = server.call("POST", url, me, json=body).text
        return [json.loads(line[6:])["result"] for line in said.splitlines()
                if line.startswith("data: ")]

    *_, artifact, last = events(asked)
    assert (last["status"]["state"], last["final"]) == ("completed", True)
    assert artifact["artifact"]["parts"][0]["text"].endswith(" w3000")


@BOTH
def test_a_task_asks_and_the_next_message_is_the_answer(server, version):
    async def play():
        async with Agent(server, "interrupt_graph", version=version) as agent:
            asked = await agent.send(data({"request": "send the mail"}))
            assert asked.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
            [question] = asked.status.message.parts
            assert json_format.MessageToDict(question.data)["prompt"].startswith("Approve")
            assert asked.artifacts[0].name == "Interrupt"
            got = await agent.get(asked)
            assert got.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
            assert got.artifacts[0].artifact_id == asked.artifacts[0].artifact_id
            # The task goes on: same id, same context.
            done = await agent.send(data({"approved": True}), task_id=asked.id,
                                    context_id=asked.context_id)
            assert (done.id, done.context_id) == (asked.id, asked.context_id)
            assert done.status.state == TaskState.TASK_STATE_COMPLETED
            values = json_format.MessageToDict(done.artifacts[0].parts[0].data)
            assert values["decision"] == {"approved": True}
            assert (await agent.get(asked)).status.state == TaskState.TASK_STATE_COMPLETED

            # As a stream, answered by text.
            events = await agent.stream(data({"request": "again"}))
            assert events[-1].status_update.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
            waiting = events[0].task
            seen = await agent.subscribe(waiting)
            assert seen[0].task.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
            events = await agent.stream(text("yes"), task_id=waiting.id)
            assert events[0].task.id == waiting.id
            assert events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
            values = json_format.MessageToDict((await agent.get(waiting)).artifacts[0].parts[0].data)
            assert values["decision"] == {"value": "yes"}

    asyncio.run(play())


def test_answers_that_come_at_once_do_not_queue_up(server):
    async def play():
        async with Agent(server, "interrupt_graph") as agent:
            asked = await agent.send(data({"request": "x"}))
            answers = await asyncio.gather(
                *(agent.send(data({"resume": n}), task_id=asked.id) for n in range(8)),
                return_exceptions=True)
            taken = [one for one in answers if not isinstance(one, Exception)]
            refused = [one for one in answers if isinstance(one, Exception)]
            assert taken and refused
            assert all(isinstance(one, InvalidParamsError | UnsupportedOperationError)
                       for one in refused)

    asyncio.run(play())


@BOTH
def test_a_question_can_be_withdrawn(server, version):
    async def play():
        async with Agent(server, "interrupt_graph", version=version) as agent:
            asked = await agent.send(data({"request": "x"}))
            gone = await agent.cancel(asked)
            assert gone.status.state == TaskState.TASK_STATE_CANCELED
            got = await agent.get(asked)
            assert got.status.state == TaskState.TASK_STATE_CANCELED
            assert got.status.timestamp == gone.status.timestamp
            thread = f"/threads/{asked.context_id}"
            [run] = server.call("GET", f"{thread}/runs", agent.token).json()
            assert run["status"] == "interrupted"
            state = server.call("GET", f"{thread}/state", agent.token).json()
            assert state["next"] == state["interrupts"] == []
            assert server.call("GET", thread, agent.token).json()["status"] == "idle"
            with pytest.raises(UnsupportedOperationError):
                await agent.send(text("yes"), task_id=asked.id)
            with pytest.raises(TaskNotCancelableError):
                await agent.cancel(asked)
            next_one = await agent.send(data({"request": "y"}), context_id=asked.context_id)
            assert next_one.status.state == TaskState.TASK_STATE_INPUT_REQUIRED

    asyncio.run(play())


def test_a_question_is_withdrawn_or_answered_not_both(server):
    async def play():
        async with Agent(server, "interrupt_graph") as agent:
            for _ in range(10):
                asked = await agent.send(data({"request": "x"}))
                calls = await asyncio.gather(
                    agent.cancel(asked), agent.send(text("yes"), task_id=asked.id),
                    agent.cancel(asked), return_exceptions=True)
                done = [one for one in calls if not isinstance(one, Exception)]
                assert len(done) == 1, calls
                assert all(isinstance(one, TaskNotCancelableError | UnsupportedOperationError
                                      | InvalidParamsError)
                           for one in calls if isinstance(one, Exception)), calls
                assert (await agent.get(asked)).status.state == done[0].status.state

    asyncio.run(play())


@BOTH
def test_a_task_that_is_not_waited_for_is_followed_and_canceled(server, version):
    async def play():
        async with Agent(server, "delay", version=version, polling=True) as agent:
            slow = data({"delay": 1500, "messages": [{"type": "human", "content": "go"}]})
            begun = await agent.send(slow)
            assert begun.status.state in (TaskState.TASK_STATE_SUBMITTED,
                                          TaskState.TASK_STATE_WORKING)
            with pytest.raises(UnsupportedOperationError):  # a stream is of what is not over
                await agent.subscribe(await over(agent, await agent.send(text("quick"))))
            events = await agent.subscribe(begun)
            assert events[0].task.id == begun.id
            assert not events[0].task.artifacts
            assert events[-2].artifact_update.artifact.parts[0].text.startswith("finished after")
            assert events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED

            endless = await agent.send(
                data({"delay": 60000, "messages": [{"type": "human", "content": "go"}]}))
            reader = asyncio.create_task(agent.subscribe(endless))
            await asyncio.sleep(0.2)
            gone = await agent.cancel(endless)
            assert gone.status.state == TaskState.TASK_STATE_CANCELED
            assert (await reader)[-1].status_update.status.state == TaskState.TASK_STATE_CANCELED
            assert (await agent.get(endless)).status.state == TaskState.TASK_STATE_CANCELED

    asyncio.run(play())


async def over(agent: Agent, task):
    for _ in range(100):
        task = await agent.get(task)
        if task.status.state == TaskState.TASK_STATE_COMPLETED:
            return task
        await asyncio.sleep(0.05)
    raise AssertionError(task)


def test_a_task_that_fails_says_why(server):
    async def play():
        async with Agent(server, "error") as agent:
            task = await agent.send(text("hi"))
            assert task.status.state == TaskState.TASK_STATE_FAILED
            assert task.status.message.parts[0].text == "Boo!"
            events = await agent.stream(text("hi"))
            assert events[-1].status_update.status.message.parts[0].text == "Boo!"

    asyncio.run(play())


def test_files_are_blocks_of_the_message(server):
    async def play():
        picture = base64.b64encode(b"\x89PNG").decode()
        async with Agent(server, "delay") as agent:
            task = await agent.send(
                text("look"), Part(raw=b"\x89PNG", media_type="image/png", filename="a.png"),
                Part(url="https://example.com/b.pdf", media_type="application/pdf"),
                data({"delay": 1}))
            said = task.history[0].parts
            assert said[0].text == "look"
            assert (said[1].raw, said[1].media_type, said[1].filename) == (
                b"\x89PNG", "image/png", "a.png")
            assert said[2].url == "https://example.com/b.pdf"
            state = server.call("GET", f"/threads/{task.context_id}",
                                token(server)).json()["values"]["messages"][0]
            assert state["content"] == [
                {"type": "text", "text": "look"},
                {"type": "image", "base64": picture, "mime_type": "image/png",
                 "extras": {"filename": "a.png"}},
                {"type": "file", "url": "https://example.com/b.pdf",
                 "mime_type": "application/pdf"}]
        async with Agent(server, "inter") as agent:
            with pytest.raises(InvalidParamsError, match="messages"):
                await agent.send(text("look"))

    asyncio.run(play())


def test_an_agent_takes_the_files_it_says(server):
    me = token(server)
    made = server.call("POST", "/assistants", me, json={
        "graph_id": "delay", "name": "pictures",
        "metadata": {"a2a": {"input_modes": ["text/plain", "image/*"]}}}).json()
    card = server.call("GET", f"/a2a/{made['assistant_id']}", me).json()
    assert card["defaultInputModes"] == ["text/plain", "image/*"]

    async def play():
        async with Agent(server, "delay") as agent:
            agent.streaming._transport.url = agent.whole._transport.url = (
                f"{server.url}/a2a/{made['assistant_id']}")
            await agent.send(Part(raw=b"x", media_type="image/png"))
            with pytest.raises(ContentTypeNotSupportedError):
                await agent.send(Part(raw=b"x", media_type="application/pdf"))

    asyncio.run(play())


@BOTH
def test_others_find_nothing(server, version):
    async def play():
        async with (Agent(server, "interrupt_graph", version=version) as mine,
                    Agent(server, "interrupt_graph", "bob", version) as theirs):
            task = await mine.send(data({"request": "x"}))
            for call in (theirs.get, theirs.cancel, theirs.subscribe):
                with pytest.raises(TaskNotFoundError):
                    await call(task)
            with pytest.raises(TaskNotFoundError):
                await theirs.send(text("yes"), task_id=task.id)
            with pytest.raises(InvalidParamsError):
                await theirs.send(data({"request": "y"}), context_id=task.context_id)
            assert (await mine.get(task)).status.state == TaskState.TASK_STATE_INPUT_REQUIRED
        async with Agent(server, "inter") as another:  # nor does another agent
            with pytest.raises(TaskNotFoundError):
                await another.get(task)

    asyncio.run(play())


def page(agent, **asked):
    return agent.whole.list_tasks(ListTasksRequest(**asked))


def test_tasks_are_listed(server):
    async def play():
        async with (Agent(server, "interrupt_graph") as agent,
                    Agent(server, "interrupt_graph", "bob") as theirs,
                    Agent(server, "agent_with_tools") as another):
            before = (await page(agent)).total_size
            asked = [await agent.send(data({"request": n})) for n in range(3)]
            done = await agent.send(data({"approved": True}), task_id=asked[0].id)
            gone = await agent.cancel(asked[1])
            first = await page(agent, page_size=2)
            assert [one.id for one in first.tasks] == [gone.id, done.id]  # what changed last
            assert (first.page_size, first.total_size) == (2, before + 3)
            rest = await page(agent, page_size=2, page_token=first.next_page_token)
            assert rest.tasks[0].id == asked[2].id
            everything = await page(agent, page_size=100)
            assert not everything.next_page_token
            assert not everything.tasks[0].artifacts
            # Every task has one place, whatever the size of pages.
            seen, token = [], ""
            while True:
                part = await page(agent, page_size=1, page_token=token)
                seen += [one.id for one in part.tasks]
                token = part.next_page_token
                if not token:
                    break
            assert seen == [one.id for one in everything.tasks] and len(set(seen)) == len(seen)

            def of(found) -> list:
                return [one.id for one in found.tasks if one.id in {it.id for it in asked}]

            for state, task in ((TaskState.TASK_STATE_COMPLETED, done),
                                (TaskState.TASK_STATE_CANCELED, gone),
                                (TaskState.TASK_STATE_INPUT_REQUIRED, asked[2])):
                found = await page(agent, status=state)
                assert of(found) == [task.id]
                assert {one.status.state for one in found.tasks} == {state}
            for state in (TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_REJECTED):
                assert (await page(agent, status=state)).total_size == 0
            [waiting] = (await page(agent, context_id=asked[2].context_id, include_artifacts=True)
                         ).tasks
            assert waiting.artifacts[0].name == "Interrupt"
            since = done.status.timestamp
            assert of(await page(agent, status_timestamp_after=since)) == [gone.id, done.id]
            # Nobody else's, and of no other agent.
            assert (await page(theirs)).total_size == 0
            assert (await page(theirs, context_id=asked[2].context_id)).total_size == 0
            assert of(await page(another)) == []
            for nowhere in (str(uuid.uuid4()), "x"):
                assert (await page(agent, context_id=nowhere)).total_size == 0

            said = await another.send(text("hi"))
            more = await another.send(text("again"), context_id=said.context_id)
            both = await page(another, context_id=said.context_id, include_artifacts=True)
            assert [one.id for one in both.tasks] == [more.id, said.id]
            assert [len(one.history) for one in both.tasks] == [6, 3]
            assert [told(one) for one in both.tasks] == ["Done.", "Done."]
            short = await page(another, context_id=said.context_id, history_length=0)
            assert [(one.id, len(one.history), one.status.state) for one in short.tasks] == [
                (one.id, 0, TaskState.TASK_STATE_COMPLETED) for one in both.tasks]

    asyncio.run(play())


def test_tasks_are_listed_in_the_words_of_03(server):
    me = token(server)
    agent = f"/a2a/{agent_of('stategraph_text')}"
    sent = server.call("POST", agent, me, json={
        "jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {
            "role": "user", "messageId": "m", "parts": [{"kind": "text", "text": "hi"}]}}})
    task = sent.json()["result"]
    found = server.call("POST", agent, me, json={
        "jsonrpc": "2.0", "id": 2, "method": "tasks/list", "params": {
            "contextId": task["contextId"], "status": "completed", "lastUpdatedAfter": 1,
            "includeArtifacts": True, "pageSize": None}}).json()["result"]
    assert found == {"tasks": [task], "totalSize": 1, "pageSize": 50, "nextPageToken": ""}


def test_push_notifications_are_refused(server):
    async def play():
        async with Agent(server, "agent_with_tools") as agent:
            push = TaskPushNotificationConfig(task_id="x", url="https://example.com/hook")
            with pytest.raises(PushNotificationNotSupportedError):
                await agent.whole.create_task_push_notification_config(push)
            with pytest.raises(PushNotificationNotSupportedError):
                await agent.send(text("hi"), configuration=SendMessageConfiguration(
                    task_push_notification_config=push))

    asyncio.run(play())


def test_rights_are_those_of_runs_threads_and_assistants(behalf):
    config = dev_users("alice") | {"graphs": [plugin("test_graphs")], "authorization": {
        "*": "allow", "threads.create_run": "deny"}}
    server = behalf(config, command="dev", args=("--data", "data"))
    at = f"/a2a/{agent_of('agent_with_tools')}"
    send = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {
        "role": "user", "messageId": "m", "parts": [{"kind": "text", "text": "hi"}]}}}
    assert server.call("POST", at, json=send).status_code == 401
    assert server.call("GET", at, token(server)).status_code == 200
    refused = server.call("POST", at, token(server), json=send)
    assert refused.status_code == 200 and refused.json()["error"]["code"] == -32602
    assert server.call("POST", "/threads/search", token(server), json={}).json() == []


@pytest.mark.parametrize("denied", ["threads.search", "assistants.read"])
def test_who_may_not_search_threads_lists_no_tasks(behalf, denied):
    config = dev_users("alice") | {"graphs": [plugin("test_graphs")], "authorization": {
        "*": "allow", denied: "deny"}}
    server = behalf(config, command="dev", args=("--data", "data"))
    refused = server.call("POST", f"/a2a/{agent_of('agent_with_tools')}", token(server), json={
        "jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}})
    assert refused.status_code == 200 and refused.json()["error"]["code"] == -32602


def test_it_can_be_turned_off(behalf):
    server = behalf(dev_users("alice") | {"graphs": {"hello": "builtin:hello"},
                                          "server": {"a2a": False}},
                    command="dev", args=("--data", "data"))
    at = f"/a2a/{agent_of('hello')}"
    assert server.call("POST", at, json={}).status_code == 401
    for method, path in (("POST", at), ("GET", at), ("GET", f"{at}/.well-known/agent-card.json"),
                         ("GET", "/.well-known/agent-card.json")):
        assert server.call(method, path, token(server)).status_code == 404


def test_what_is_wrong_is_said(server):
    agent, me = agent_of("agent_with_tools"), token(server)

    def code(body, headers=None, at=agent) -> int:
        content = body if isinstance(body, str) else json.dumps(body)
        answer = httpx.post(f"{server.url}/a2a/{at}", content=content, timeout=30,
                            headers={"Authorization": f"Bearer {me}", **(headers or {})})
        assert answer.status_code == 200, answer.text
        text = answer.text
        if answer.headers["content-type"].startswith("text/event-stream"):
            text = text.split("data: ")[1]
        said = json.loads(text)
        assert said["jsonrpc"] == "2.0" and said["error"]["message"], said
        return said["error"]["code"]

    def call(method, params, **more):
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **more}

    def send(message, **more):
        return call("message/send", {"message": message, **more})

    part = {"kind": "text", "text": "hi"}
    good = {"role": "user", "messageId": "m", "parts": [part]}
    assert code("{") == -32700
    assert code("") == code("[]") == code("7") == code([call("tasks/get", {})]) == -32600
    assert code({"id": 1, "method": "tasks/get"}) == -32600
    assert code({"jsonrpc": "2.0", "method": "tasks/get"}) == -32600
    assert code(call("tasks/get", {}, id="x" * 1025)) == -32600  # every event would repeat it
    assert code(call("tasks/get", {}, id={})) == code(call("tasks/get", {}, id=None)) == -32600
    assert code(call(7, {})) == code({"jsonrpc": "2.0", "id": 1}) == -32600
    assert code(call("tasks/nothing", {})) == -32601
    assert code(call("tasks/get", {}), {"A2A-Version": "7.0"}) == -32009
    assert code(send(good), at=str(uuid.uuid4())) == code(send(good), at="nobody") == -32602
    for params in ({}, [], {"id": 7}, {"id": None}, {"id": f"{uuid.uuid4()}:{uuid.uuid4()}",
                                                    "historyLength": -1}):
        for method in ("tasks/get", "tasks/cancel", "tasks/resubscribe", "GetTask"):
            assert code(call(method, params)) == -32602, (method, params)
    for name in ("x", "", ":", "a:b", f"{uuid.uuid4()}:{uuid.uuid4()}", str(uuid.uuid4()), "x" * 999):
        for method in ("tasks/get", "tasks/cancel", "tasks/resubscribe", "SubscribeToTask"):
            assert code(call(method, {"id": name})) == -32001, (method, name)
    for wrong in ({}, [], "hi", None, {**good, "messageId": 7}, {**good, "messageId": ""},
                  {**good, "messageId": "x" * 10_000}, {**good, "role": "system"},
                  {**good, "parts": []}, {**good, "parts": {}}, {**good, "parts": [7]},
                  {**good, "parts": [part] * 1001}, {**good, "parts": [{"text": 7}]},
                  {**good, "parts": [{"text": "a", "data": {}}]},
                  {**good, "parts": [{"file": {}}]}, {**good, "parts": [{"file": "x"}]},
                  {**good, "parts": [{"file": {"bytes": "!", "mimeType": "image/png"}}]},
                  {**good, "parts": [{"file": {"bytes": "eA==", "uri": "https://x"}}]},
                  {**good, "contextId": "x"}, {**good, "contextId": 7}, {**good, "taskId": {}},
                  {**good, "metadata": "x"}, {**good, "command": 7},
                  {**good, "command": {"resume": 1}},
                  {**good, "metadata": {"x": "y" * 70_000}}):
        assert code(send(wrong)) == code({**send(wrong), "method": "message/stream"}) == -32602, wrong
    assert code(send({**good, "parts": [{"kind": "video"}]})) == -32005
    assert code(send({**good, "parts": [{"data": [1]}]})) == -32005
    for wrong in ({"historyLength": -1}, {"historyLength": "1"}, {"blocking": "no"}, 7):
        assert code(send(good, configuration=wrong)) == -32602, wrong
    push = {"pushNotificationConfig": {"url": "https://example.com"}}
    assert code(send(good, configuration=push)) == -32003
    assert code(call("tasks/pushNotificationConfig/set", {})) == -32003
    for wrong in ({"pageSize": 0}, {"pageSize": 101}, {"pageSize": "1"}, {"pageToken": "x"},
                  {"pageToken": "MTIz"}, {"status": "bogus"}, {"status": 7}, {"historyLength": -1},
                  {"contextId": 7}, {"statusTimestampAfter": "junk"}, {"lastUpdatedAfter": "1"},
                  {"lastUpdatedAfter": -1}, {"includeArtifacts": "yes"}):
        assert code(call("ListTasks", wrong)) == code(call("tasks/list", wrong)) == -32602, wrong
    assert code(call("ListTasks", {}), at=str(uuid.uuid4())) == -32602
    assert code(send(good, context=7)) == -32602
    assert code({**send(good), "params": {"message": {**good, "taskId": "x"}}}) == -32001
