"""Crons: they run when they are due, as who made them; Python SDK, sync and async, and raw HTTP."""

import asyncio
import subprocess
import time
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client
from parts.behalf import run
from parts.stacks import dev_users
from parts.tools import ROOT, TOOLS, require

OFTEN = "* * * * * *"  # the sixth field is seconds
RARE = "30 2 1 1 *"
NOBODY = str(uuid.UUID(int=0))


@pytest.fixture(scope="module")
def server(open_server):
    return open_server({"graphs": {"hello": "builtin:hello"}})


def until(found, seconds: float = 10):
    """The first answer that is something."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return answer


def refusal(server, method: str, path: str, body) -> tuple[int, str]:
    answer = httpx.request(method, server.url + path, json=body)
    return answer.status_code, answer.json()["detail"]


# --- firing -----------------------------------------------------------------------------------


def test_a_stateless_cron_runs_each_time_on_a_thread_of_its_own(client):
    mark = {"mark": str(uuid.uuid4())}
    cron = client.crons.create("hello", schedule=OFTEN, input={"messages": "hi"}, metadata=mark,
                               on_run_completed="keep")
    assert cron["on_run_completed"] == "keep" and cron["thread_id"] is None and cron["enabled"]
    threads = until(lambda: len(all := client.threads.search(metadata=mark)) >= 2 and all)
    first = client.runs.list(threads[0]["thread_id"])[0]
    assert first["metadata"]["mark"] == mark["mark"]
    assert first["kwargs"]["config"]["configurable"]["cron_id"] == cron["cron_id"]
    until(lambda: client.runs.list(threads[0]["thread_id"])[0]["status"] == "success")

    client.crons.update(cron["cron_id"], enabled=False)
    count = client.threads.count(metadata=mark)
    time.sleep(2.2)
    assert client.threads.count(metadata=mark) <= count + 1  # one was perhaps under way
    client.crons.delete(cron["cron_id"])


def test_a_cron_on_a_thread_goes_on_with_it_and_ends_with_it(client):
    thread = client.threads.create()["thread_id"]
    cron = client.crons.create_for_thread(thread, "hello", schedule=OFTEN,
                                          input={"messages": "hi"}, multitask_strategy="enqueue")
    assert cron["thread_id"] == thread and cron["on_run_completed"] is None
    until(lambda: len(client.runs.list(thread)) >= 2)
    client.threads.delete(thread)
    with pytest.raises(httpx.HTTPStatusError) as gone:
        client.crons.delete(cron["cron_id"])
    assert gone.value.response.status_code == 404


def test_no_firing_is_lost_or_repeated_by_a_kill(behalf, tmp_path):
    args = ("--no-auth", "--data", str(tmp_path / "data"))
    config = {"graphs": {"hello": "builtin:hello"}}
    one = behalf(config, command="dev", args=args)
    client = get_sync_client(url=one.url, api_key=None)
    mark = {"mark": "kill"}
    client.crons.create("hello", schedule=OFTEN, input={"messages": "hi"}, metadata=mark,
                        on_run_completed="keep")
    until(lambda: client.threads.count(metadata=mark) >= 2)
    one.kill()
    time.sleep(2)  # firings that are missed
    one.start()
    until(lambda: client.threads.count(metadata=mark) >= 4)
    seconds = [datetime.fromisoformat(t["created_at"]).replace(microsecond=0)
               for t in client.threads.search(metadata=mark, limit=100)]
    assert len(set(seconds)) >= len(seconds) - 1  # the one for those missed may share its second


def test_a_cron_is_its_makers_and_ends_with_the_right(behalf):
    """What the rules refuse does not run: the cron stays, and says why."""
    rules = {"threads": "owner", "crons": "owner", "assistants": "allow",
             "threads.create_run": {"require": ["paid"], "then": "owner"}}
    server = behalf({"graphs": {"hello": "builtin:hello"}, "authorization": rules}
                    | dev_users("alice", "bob"), command="dev")

    def login(user: str) -> dict[str, str]:
        done = run("token", "--url", server.url, "--user", user, "--password", user,
                   folder=server.folder)
        assert done.returncode == 0, done.stderr
        return {"Authorization": f"Bearer {done.stdout.strip()}"}

    headers, bob = login("alice"), login("bob")
    made = httpx.post(server.url + "/runs/crons", headers=headers,
                      json={"assistant_id": "hello", "schedule": OFTEN}).json()
    assert made["user_id"] == "alice" and made["metadata"]["owner"] == "alice"

    def told():
        return httpx.get(f"{server.url}/runs/crons/{made['cron_id']}",
                         headers=headers).json()["last_refusal"]

    refused = until(told)
    assert refused["reason"] == "this needs the permission paid" and refused["count"] >= 1
    for method, path, body in [("GET", made["cron_id"], None),
                               ("PATCH", made["cron_id"], {"enabled": False}),
                               ("DELETE", made["cron_id"], None)]:
        answer = httpx.request(method, f"{server.url}/runs/crons/{path}", headers=bob, json=body)
        assert answer.status_code == 404
    assert httpx.post(server.url + "/runs/crons/search", headers=bob, json={}).json() == []
    assert httpx.post(server.url + "/runs/crons/count", headers=bob, json={}).json() == 0
    assert httpx.post(server.url + "/runs/crons/count", headers=headers, json={}).json() == 1


# --- the API ----------------------------------------------------------------------------------


def test_every_method_of_the_sync_client(client):
    mark = {"mark": str(uuid.uuid4())}
    made = [client.crons.create("hello", schedule=f"{n} 2 1 1 *", metadata=mark, enabled=False,
                                timezone="Europe/Berlin", config={"tags": ["t"]},
                                end_time=datetime.now(UTC) + timedelta(days=900))
            for n in range(3)]
    assert made[0]["next_run_date"].endswith("-01-01T01:00:00.000000+00:00")
    assert made[0]["payload"]["config"] == {"tags": ["t"],
                                            "configurable": {"cron_id": made[0]["cron_id"]}}
    page = client.crons.search(metadata=mark, limit=2, sort_by="next_run_date", sort_order="asc",
                               select=["cron_id", "next_run_date"])
    assert [one["cron_id"] for one in page] == [one["cron_id"] for one in made[:2]]
    assert set(page[0]) == {"cron_id", "next_run_date"}
    assert client.crons.count(metadata=mark) == 3
    assert client.crons.search(metadata=mark, enabled=True) == []
    assert client.crons.search(assistant_id=NOBODY) == []
    changed = client.crons.update(made[0]["cron_id"], schedule="0 9 * * *", timezone="UTC",
                                  metadata={"more": 1}, input={"messages": "x"}, end_time=None)
    assert changed["schedule"] == "0 9 * * *" and changed["metadata"] == {**mark, "more": 1}
    assert changed["next_run_date"].endswith("T09:00:00.000000+00:00")
    client.crons.delete(made[1]["cron_id"])
    assert client.crons.count(metadata=mark) == 2


def test_every_method_of_the_async_client(server):
    async def all_of_it() -> None:
        client = get_client(url=server.url, api_key=None)
        mark = {"mark": str(uuid.uuid4())}
        thread = (await client.threads.create())["thread_id"]
        on_thread = await client.crons.create_for_thread(thread, "hello", schedule=RARE,
                                                         metadata=mark)
        alone = await client.crons.create("hello", schedule="@yearly", metadata=mark)
        assert await client.crons.count(metadata=mark) == 2
        assert [one["cron_id"] for one in await client.crons.search(thread_id=thread)] == [
            on_thread["cron_id"]]
        changed = await client.crons.update(alone["cron_id"], on_run_completed="keep")
        assert changed["on_run_completed"] == "keep"
        assert changed["next_run_date"] == alone["next_run_date"]
        await client.crons.delete(alone["cron_id"])
        assert await client.crons.count(metadata=mark) == 1

    asyncio.run(all_of_it())


def test_every_method_of_the_javascript_sdk(server):
    script = require(TOOLS / "node" / "node_modules", "the JavaScript SDK").parent
    (script / "crons.mjs").write_text((ROOT / "tests/integration/js/crons.mjs").read_text())
    done = subprocess.run(["node", "crons.mjs", server.url], cwd=script, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def test_pages_are_announced(server, client):
    mark = {"mark": str(uuid.uuid4())}
    for _ in range(3):
        client.crons.create("hello", schedule=RARE, metadata=mark, enabled=False)
    answer = httpx.post(server.url + "/runs/crons/search", json={"metadata": mark, "limit": 2})
    assert answer.headers["x-pagination-total"] == "3"
    assert answer.headers["x-pagination-next"] == "2"
    assert len(answer.json()) == 2


def test_an_end_that_is_past_leaves_nothing_to_fire(client):
    cron = client.crons.create("hello", schedule=OFTEN, end_time=datetime(2020, 1, 1, tzinfo=UTC))
    assert cron["next_run_date"] is None and cron["enabled"]
    client.crons.delete(cron["cron_id"])


BASE = {"assistant_id": "hello", "schedule": RARE}
SCHEDULE = "Ensure the schedule uses the standard cron format"


@pytest.mark.parametrize(("body", "status", "detail"), [
    ({}, 422, "required"),
    ({"assistant_id": "hello"}, 422, "schedule"),
    ([], 422, "object"),
    ({**BASE, "schedule": "bad"}, 422, SCHEDULE),
    ({**BASE, "schedule": ""}, 422, SCHEDULE),
    ({**BASE, "schedule": "* " * 4000}, 422, SCHEDULE),
    ({**BASE, "schedule": None}, 422, "string"),
    ({**BASE, "schedule": "0 0 31 2 *"}, 400, "failed to find next date"),
    ({**BASE, "timezone": "Bad/Zone"}, 422,
     "Invalid timezone: 'Bad/Zone'. Use IANA timezone format (e.g. 'America/New_York')."),
    ({**BASE, "timezone": "../../etc/passwd"}, 422, "Invalid timezone"),
    ({**BASE, "timezone": 1}, 422, "string"),
    ({**BASE, "command": {"resume": "yes"}}, 422, "a cron takes no command"),
    ({**BASE, "end_time": "soon"}, 422, "ISO 8601"),
    ({**BASE, "end_time": None}, 422, "end_time"),
    ({**BASE, "assistant_id": "nope"}, 404, "Assistant 'nope' not found"),
    ({**BASE, "assistant_id": NOBODY}, 404, "not found"),
    ({**BASE, "on_run_completed": "burn"}, 422, "delete"),
    ({**BASE, "enabled": "yes"}, 422, "boolean"),
    ({**BASE, "input": "text"}, 422, "input"),
    ({**BASE, "metadata": []}, 422, "object"),
    ({**BASE, "metadata": {str(n): n for n in range(2000)}}, 422, "members"),
    ({**BASE, "stream_mode": "loud"}, 422, "stream mode"),
    ({**BASE, "interrupt_before": 1}, 422, "array"),
    ({**BASE, "durability": "never"}, 422, "sync"),
    ({**BASE, "config": {"recursion_limit": "x"}}, 422, "recursion_limit"),
    ({**BASE, "context": {"a": 1}, "config": {"configurable": {"b": 1}}}, 400, "context"),
])
def test_bad_input_is_refused_when_the_cron_is_created(server, client, body, status, detail):
    before = client.crons.count()
    got, said = refusal(server, "POST", "/runs/crons", body)
    assert (got, detail in said) == (status, True), said
    assert client.crons.count() == before


@pytest.mark.parametrize(("body", "status", "detail"), [
    ({}, 400, "Request body cannot be empty"),
    ({"schedule": "bad"}, 422, SCHEDULE),
    ({"timezone": "Bad/Zone"}, 422, "Invalid timezone"),
    ({"stream_mode": "loud"}, 422, "stream mode"),
    ({"enabled": None}, 422, "boolean"),
    ({"schedule": "0 0 30 2 *"}, 400, "failed to find next date"),
])
def test_a_bad_change_changes_nothing(server, client, body, status, detail):
    cron = client.crons.create("hello", schedule=RARE, enabled=False)
    path = f"/runs/crons/{cron['cron_id']}"
    got, said = refusal(server, "PATCH", path, body)
    assert (got, detail in said) == (status, True), said
    assert httpx.get(server.url + path).json() == cron
    client.crons.delete(cron["cron_id"])


def test_what_is_not_there_is_not_found(server):
    assert refusal(server, "GET", f"/runs/crons/{NOBODY}", None) == (404, "Not Found")
    assert refusal(server, "DELETE", f"/runs/crons/{NOBODY}", None) == (404, "Not Found")
    assert refusal(server, "PATCH", f"/runs/crons/{NOBODY}", {"enabled": True}) == (
        404, f"Cron '{NOBODY}' not found")
    assert refusal(server, "GET", "/runs/crons/x", None) == (
        422, "Invalid cron ID: must be a UUID")
    assert refusal(server, "POST", f"/threads/{NOBODY}/runs/crons", BASE) == (
        404, f"Thread with ID '{NOBODY}' not found. Please verify the ID is correct and the thread "
             "hasn't been deleted or expired.")
    assert refusal(server, "POST", "/runs/crons/search", {"assistant_id": "hello"})[0] == 422


def test_a_user_has_so_many_crons(behalf):
    server = behalf({"graphs": {"hello": "builtin:hello"}, "crons": {"per_user": 2}},
                    command="dev", args=("--no-auth",))
    for _ in range(2):
        assert httpx.post(server.url + "/runs/crons", json=BASE).status_code == 200
    status, said = refusal(server, "POST", "/runs/crons", BASE)
    assert status == 429 and "2 crons" in said
