"""How much one user may keep on the server: limits.user and limits.tenant."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx


def test_a_user_has_so_many_threads_assistants_and_items(behalf):
    limits = {"user": {"threads": 3, "assistants": 2, "items": 2},
              "tenant": {"threads": 5, "items": 100}}
    server = behalf({"limits": limits, "authorization": {"*": "owner"},
                     "graphs": ["builtin:hello"]}, command="dev")

    def token(name: str) -> str:
        return server.call("POST", "/dev/token", data={
            "grant_type": "password", "username": name, "password": name}).json()["access_token"]

    alice, bob = token("alice"), token("bob")
    run = {"assistant_id": "hello", "input": {"messages": "hi"}}

    def create(_=None) -> httpx.Response:
        return server.call("POST", "/threads", alice, json={})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(create, range(20)))
    made = [one.json()["thread_id"] for one in answers if one.status_code == 200]
    assert len(made) == 3
    refused = {one.text for one in answers if one.status_code != 200}
    assert refused == {'{"detail":"there may be no more than 3 threads of one user; delete one'
                       ' first"}'}
    assert {one.status_code for one in answers} == {200, 429}

    # However a thread would be made; a stateless run's own does not count.
    on_new = {**run, "if_not_exists": "create"}
    new = f"/threads/{uuid4()}/runs/wait"
    assert server.call("POST", new, alice, json=on_new).status_code == 429
    assert server.call("POST", f"/threads/{made[0]}/copy", alice).status_code == 429
    kept = {**run, "on_completion": "keep"}
    assert server.call("POST", "/runs/wait", alice, json=kept).status_code == 429
    assert server.call("POST", "/runs/batch", alice, json=[run, kept]).status_code == 429
    assert server.call("POST", "/runs/wait", alice, json=run).status_code == 200
    assert server.call("POST", f"/threads/{made[0]}/runs/wait", alice, json=run).status_code == 200
    assert server.call("GET", f"/threads/{made[0]}/runs", alice).json()[0]["status"] == "success"

    assert server.call("DELETE", f"/threads/{made[1]}", alice).status_code == 204
    assert server.call("POST", new, alice, json=on_new).status_code == 200
    assert create().status_code == 429
    for _ in range(2):
        assert server.call("POST", "/threads", bob, json={}).status_code == 200
    assert "tenant" in server.call("POST", "/threads", bob, json={}).json()["detail"]

    def assistant() -> httpx.Response:
        return server.call("POST", "/assistants", alice, json={"graph_id": "hello"})

    first = assistant().json()["assistant_id"]
    assert [assistant().status_code, assistant().status_code] == [200, 429]
    assert server.call("PATCH", f"/assistants/{first}", alice, json={"name": "x"}).is_success
    assert server.call("DELETE", f"/assistants/{first}", alice).is_success
    assert assistant().status_code == 200

    def put(key: str) -> int:
        return server.call("PUT", "/store/items", alice, json={
            "namespace": ["a"], "key": key, "value": {}}).status_code

    assert [put("a"), put("b"), put("c"), put("a")] == [204, 204, 429, 204]
    gone = {"namespace": ["a"], "key": "b"}
    assert server.call("DELETE", "/store/items", alice, json=gone).status_code == 204
    assert put("c") == 204
