"""One server as a comparing client sees it: every answer that is noted is compared."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
from langgraph_sdk import get_sync_client

KEY = "your-secret-key-change-in-production"
SCOPES = ("read", "write", "assistants:write", "me")
# What clients read of an answer's head.
LONGEST = 15
HEADERS = ("content-location", "location", "x-pagination-total", "x-pagination-next",
           "www-authenticate", "allow")


def events(response: httpx.Response, until: Callable[[list], bool] | None = None) -> list[dict]:
    """The frames of a stream: {event, data} with {id: true} where there was one."""
    found: list[dict] = []
    frame: dict[str, Any] = {}
    end = time.monotonic() + LONGEST
    for line in response.iter_lines():
        if time.monotonic() > end:  # heartbeats come for ever
            raise AssertionError(f"still open after {LONGEST} s: {[one['event'] for one in found]}")
        if not line:
            if "event" in frame:
                found.append(frame)
                if until and until(found):
                    break
            frame = {}
        elif not line.startswith(":"):
            name, _, text = line.partition(":")
            text = text.removeprefix(" ")
            frame[name] = json.loads(text) if name == "data" else text
    return found


class Api:
    """`call` and `stream` note what they got under a name, `ask` and `follow` do not."""

    def __init__(self, url: str, auth_url: str, notes: dict[str, Any], prefix: str, models: Any = None):
        self.url, self.auth_url, self.models = url, auth_url, models
        self.notes, self.prefix = notes, prefix
        self.headers: dict[str, str] = {}
        # A connection for each request: what one answer does to its connection is not compared.
        self.http = httpx.Client(base_url=url, timeout=40, trust_env=False,
                                 limits=httpx.Limits(max_keepalive_connections=0))
        self.sdk = get_sync_client(url=url, api_key=None)

    def close(self) -> None:
        self.http.close()

    def login(self, user: str, scopes: tuple[str, ...] = SCOPES, **claims) -> "Api":
        """The same server with authentication, as this user."""
        token = jwt.encode({"sub": user, "scopes": list(scopes), **claims}, KEY, "HS256")
        return self.with_token(token)

    def with_token(self, token: str | None) -> "Api":
        other = Api(self.auth_url, self.auth_url, self.notes, self.prefix)
        if token:
            other.headers = {"Authorization": f"Bearer {token}"}
            other.sdk = get_sync_client(url=self.auth_url, api_key=None, headers=other.headers)
        return other

    def note(self, name: str, value: Any) -> Any:
        name = f"{self.prefix}/{name}"
        assert name not in self.notes, f"{name} stands twice"
        self.notes[name] = json.loads(json.dumps(value, default=str))
        return value

    def request(self, method: str, path: str, body: Any = None, *, raw: str | bytes | None = None,
                headers: dict | None = None, params: Any = None) -> httpx.Response:
        content = raw if raw is not None else (None if body is None else json.dumps(body))
        if content is None and method in ("POST", "PATCH", "PUT") and raw is None:
            content = ""
        return self.http.request(
            method, path, content=content, params=params,
            headers={"Content-Type": "application/json", **self.headers, **(headers or {})})

    def ask(self, method: str, path: str, body: Any = None, **options) -> Any:
        answer = self.request(method, path, body, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def call(self, name: str, method: str, path: str, body: Any = None, **options) -> Any:
        """Notes status, body and the head's fields; answers the body."""
        answer = self.request(method, path, body, **options)
        try:
            seen = answer.json() if answer.content else None
        except ValueError:
            seen = answer.text
        noted: dict[str, Any] = {"status": answer.status_code, "body": seen}
        noted.update({key: answer.headers[key] for key in HEADERS if key in answer.headers})
        self.note(name, noted)
        return seen

    def follow(self, method: str, path: str, body: Any = None, *, headers: dict | None = None,
               params: Any = None, until: Callable[[list], bool] | None = None,
               ) -> tuple[int, list[dict] | Any, httpx.Headers]:
        content = None if body is None else json.dumps(body)
        with self.http.stream(method, path, content=content, params=params,
                              headers={"Content-Type": "application/json", **self.headers,
                                       **(headers or {})}) as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
                return answer.status_code, answer.json() if answer.content else None, answer.headers
            return answer.status_code, events(answer, until), answer.headers

    def status(self, method: str, path: str, body: Any = None) -> int:
        """Of an answer that may have no end."""
        with self.http.stream(method, path, json=body, headers=self.headers) as answer:
            return answer.status_code

    def stream(self, name: str, path: str, body: Any = None, method: str = "POST",
               **options) -> list[dict]:
        """Notes the frames; ids only as being there."""
        status, found, headers = self.follow(method, path, body, **options)
        noted = {"status": status}
        noted.update({key: headers[key] for key in HEADERS if key in headers})
        if isinstance(found, list):
            noted["events"] = [{**one, "id": True} if "id" in one else one for one in found]
        else:
            noted["body"] = found
        self.note(name, noted)
        return found if isinstance(found, list) else []

    def script(self, *steps: dict) -> None:
        """What this server's model says from now on. Agents only."""
        usage = {"input": 12, "output": 5, "cache_read": 4, "reasoning": 2}
        self.models.script("main", *({"usage": usage, **one} for one in steps))

    def thread(self, **body) -> str:
        return self.ask("POST", "/threads", body)["thread_id"]

    def run(self, thread: str, graph: str, input: Any = None, **body) -> Any:
        """A run to its end."""
        return self.ask("POST", f"/threads/{thread}/runs/wait",
                        {"assistant_id": graph, "input": input, **body})

    def begin(self, thread: str, graph: str, input: Any = None, **body) -> str:
        return self.ask("POST", f"/threads/{thread}/runs",
                        {"assistant_id": graph, "input": input, **body})["run_id"]

    def until(self, condition: Callable[[], Any], seconds: float = 20) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.05)
        raise AssertionError("it did not come true in time")

    def until_status(self, thread: str, run: str, *statuses: str) -> str:
        def reached() -> str | None:
            answer = self.request("GET", f"/threads/{thread}/runs/{run}")
            status = answer.json().get("status") if answer.status_code == 200 else "gone"
            return status if status in statuses else None

        return self.until(reached)

    def beside(self, work: Callable[[], Any]) -> "Beside":
        """Does `work` meanwhile; `.result()` waits for it."""
        return Beside(work)


class Beside:
    def __init__(self, work: Callable[[], Any]):
        self.got: Any = None
        self.failure: BaseException | None = None

        def run() -> None:
            try:
                self.got = work()
            except BaseException as failure:  # noqa: BLE001 - raised where it is waited for
                self.failure = failure

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def result(self, seconds: float = 40) -> Any:
        self.thread.join(seconds)
        if self.thread.is_alive():
            raise AssertionError("it did not end in time")
        if self.failure:
            raise self.failure
        return self.got


def slow(scenario: Callable) -> Callable:
    """Not in the short form."""
    scenario.slow = True
    return scenario
