"""The store: semantic search, time to live, listing of namespaces, by the official SDK."""

import asyncio
import time

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client
from parts.embedder import DIMS, Embedder
from parts.plugins import plugin

KEY = "sk-embeddings-0123456789abcdef"


@pytest.fixture
def embedder():
    part = Embedder()
    yield part
    part.stop()


def config(embedder=None, url=None, **store) -> dict:
    """A server without identity, so that every item is everybody's."""
    made = {"store": store, "graphs": []}
    if embedder or url:
        made["store"]["index"] = {
            "dims": DIMS,
            "embed": {"base_url": url or embedder.url, "model": "words", "key": "env:EMBED_KEY",
                      "allow_private": True, "allow_http": True},
            "fields": ["text", "tags[*]"],
        }
    return made


@pytest.fixture
def store(behalf, embedder):
    """start(**store) -> (server, its SDK client)."""

    def begin(given=None, **options):
        server = behalf(given or config(embedder, **options), env={"EMBED_KEY": KEY})
        return server, get_sync_client(url=server.url)

    return begin


def keys(found) -> list[str]:
    return [item["key"] for item in found["items"]]


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def fill(client) -> None:
    for key, text in [("cat", "my cat sleeps all day"), ("dog", "the dog runs in the park"),
                      ("car", "a red car on the road")]:
        client.store.put_item(["notes", "pets" if key != "car" else "things"], key, {"text": text})


def test_items_are_found_by_meaning(store, embedder):
    _, client = store()
    fill(client)
    found = client.store.search_items(["notes"], query="where does the cat sleep all day")
    assert keys(found)[0] == "cat" and len(found["items"]) == 3
    scores = [item["score"] for item in found["items"]]
    assert scores == sorted(scores, reverse=True) and 0.5 < scores[0] <= 1.001
    assert keys(client.store.search_items(["notes", "things"], query="my cat")) == ["car"]
    assert keys(client.store.search_items(["notes"], query="my cat sleeps", limit=1)) == ["cat"]
    assert "cat" not in keys(
        client.store.search_items(["notes"], query="my cat sleeps all day", offset=1))
    assert keys(client.store.search_items(["notes"], query="my cat", filter={"text": {
        "$eq": "a red car on the road"}})) == ["car"]
    assert client.store.search_items(["other"], query="my cat")["items"] == []
    listed = client.store.search_items(["notes"])
    assert len(listed["items"]) == 3 and all(item["score"] is None for item in listed["items"])
    assert embedder.calls[0]["headers"]["authorization"] == f"Bearer {KEY}"
    assert embedder.calls[0]["body"]["model"] == "words"


def test_an_item_is_found_as_it_is_now(store):
    _, client = store()
    client.store.put_item(["n"], "k", {"text": "apples and pears"})
    client.store.put_item(["n"], "other", {"text": "music of the night"})
    client.store.put_item(["n"], "k", {"text": "loud music"})
    found = client.store.search_items(["n"], query="loud music")
    assert keys(found) == ["k", "other"] and found["items"][0]["value"] == {"text": "loud music"}
    client.store.delete_item(["n"], "k")
    assert keys(client.store.search_items(["n"], query="loud music")) == ["other"]


def test_each_put_says_by_what_it_is_found(store, embedder):
    _, client = store()
    value = {"text": "green tea", "title": "volcano", "tags": ["first kind", "second sort"]}
    client.store.put_item(["n"], "as configured", value)
    assert embedder.texts == ["green tea", "first kind", "second sort"]
    client.store.put_item(["n"], "by title", value, index=["title"])
    client.store.put_item(["n"], "never", value, index=False)
    assert embedder.texts[3:] == ["volcano"]
    found = client.store.search_items(["n"], query="volcano")
    assert keys(found) == ["by title", "as configured"]
    assert keys(client.store.search_items(["n"], query="second sort"))[0] == "as configured"
    with pytest.raises(httpx.HTTPStatusError) as refused:
        client.store.put_item(["n"], "k", value, index=["a["])
    assert refused.value.response.status_code == 422


def test_nothing_is_lost_while_the_endpoint_is_down(store, embedder):
    server, client = store()
    client.store.put_item(["n"], "before", {"text": "blue sky"})
    embedder.control["status"] = 500
    begun = time.monotonic()
    client.store.put_item(["n"], "meanwhile", {"text": "green sea"})
    assert client.store.get_item(["n"], "meanwhile")["value"] == {"text": "green sea"}
    client.store.put_item(["n"], "and another", {"text": "grey stone"})
    assert time.monotonic() - begun < 10
    answer = httpx.post(f"{server.url}/store/items/search", json={
        "namespace_prefix": ["n"], "query": "green sea"})
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    assert "embeddings" in answer.json()["detail"]
    assert len(client.store.search_items(["n"])["items"]) == 3  # without a query it needs nobody
    server.kill()
    embedder.control["status"] = 200
    server.start()

    def all_found():
        found = client.store.search_items(["n"], query="green sea")
        return keys(found) if len(found["items"]) == 3 else None

    assert wait_for(all_found)[0] == "meanwhile"


def test_the_endpoint_is_left_alone_as_long_as_it_says(store, embedder):
    _, client = store()
    embedder.control.update(status=429, retry_after="3")
    client.store.put_item(["n"], "k", {"text": "green sea"})
    calls = len(embedder.calls)
    time.sleep(1.5)
    assert len(embedder.calls) == calls
    embedder.control["status"] = 200
    wait_for(lambda: embedder.texts == ["green sea"])
    assert keys(client.store.search_items(["n"], query="green sea")) == ["k"]


def test_a_text_that_is_refused_does_not_hold_up_others(store, embedder):
    server, client = store()
    client.store.put_item(["n"], "first", {"text": "it works"})
    embedder.control["status"] = 500
    for key, text in [("a", "one"), ("b", "refuse me"), ("c", "two")]:
        client.store.put_item(["n"], key, {"text": text})
    embedder.control["status"] = 200
    wait_for(lambda: {"one", "two"} <= set(embedder.texts))
    assert client.store.get_item(["n"], "b")["value"] == {"text": "refuse me"}
    wait_for(lambda: set(keys(client.store.search_items(["n"], query="one two it works")))
             == {"first", "a", "c"})
    answer = httpx.post(f"{server.url}/store/items/search", json={
        "namespace_prefix": [], "query": "refuse me"})
    assert answer.status_code == 422


def test_items_from_before_the_index_are_embedded(behalf, embedder):
    server = behalf(config(), env={"EMBED_KEY": KEY})
    client = get_sync_client(url=server.url)
    fill(client)
    assert len(client.store.search_items(["notes"], query="my cat")["items"]) == 3  # only listed
    server.stop()
    again = behalf(config(embedder), folder=server.folder, env={"EMBED_KEY": KEY})
    client = get_sync_client(url=again.url)
    wait_for(lambda: keys(client.store.search_items(["notes"], query="my cat"))[:1] == ["cat"])


def test_a_private_endpoint_needs_leave(behalf, embedder):
    given = config(embedder)
    del given["store"]["index"]["embed"]["allow_private"]
    server = behalf(given, env={"EMBED_KEY": KEY})
    client = get_sync_client(url=server.url)
    client.store.put_item(["n"], "k", {"text": "green sea"})
    assert client.store.get_item(["n"], "k")["value"] == {"text": "green sea"}
    answer = httpx.post(f"{server.url}/store/items/search", json={
        "namespace_prefix": ["n"], "query": "green sea"})
    assert answer.status_code == 503 and embedder.calls == []


def test_reading_starts_the_time_to_live_anew(store):
    server, client = store(config(ttl={"default_ttl": 0.05, "refresh_on_read": True,
                                       "sweep_interval_minutes": 0.02}))
    for key in ("read", "searched", "left", "peeked"):
        client.store.put_item([key], key, {})
    client.store.put_item(["kept"], "kept", {}, ttl=60)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert client.store.get_item(["read"], "read", refresh_ttl=None)["key"] == "read"
        assert keys(client.store.search_items(["searched"])) == ["searched"]
        client.store.get_item(["peeked"], "peeked", refresh_ttl=False)
        client.store.search_items(["left"], refresh_ttl=False)
        time.sleep(0.4)
    assert client.store.get_item(["left"], "left") is None
    assert client.store.get_item(["peeked"], "peeked") is None
    assert client.store.list_namespaces()["namespaces"] == [["kept"], ["read"], ["searched"]]


def test_every_store_method_of_the_asynchronous_client(behalf, embedder):
    server = behalf(config(embedder), env={"EMBED_KEY": KEY})

    async def use():
        client = get_client(url=server.url)
        await client.store.put_item(["a", "b"], "k", {"text": "green sea"}, ttl=5)
        assert (await client.store.get_item(["a", "b"], "k", refresh_ttl=True))["key"] == "k"
        assert keys(await client.store.search_items(["a"], query="sea", refresh_ttl=True)) == ["k"]
        listed = await client.store.list_namespaces(prefix=["*", "b"], max_depth=1)
        assert listed["namespaces"] == [["a"]]
        await client.store.delete_item(["a", "b"], "k")
        assert keys(await client.store.search_items([])) == []

    asyncio.run(use())


def test_nodes_search_by_meaning_and_list_namespaces(behalf, embedder):
    given = config(embedder)
    given["graphs"] = [plugin("probe")]
    client = get_sync_client(url=behalf(given, env={"EMBED_KEY": KEY}).url)

    def remember(text, query):
        do = {"op": "store", "text": text, "query": query}
        return client.runs.wait(None, "probe", input={"do": do})["result"]

    remember("green sea", "sea")
    remember("red sun", "sun")
    said = remember("blue moon", "a red sun")
    assert said["found"][0] == ["red sun", True] and len(said["found"]) == 2
    assert said["namespaces"] == [["of nodes", "kept"]]
    assert embedder.texts.count("red sun") == 1  # by its title alone
    assert client.store.search_items(["of nodes"], query="red sun")["items"][0]["score"] > 0.9
