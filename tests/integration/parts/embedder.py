"""An embeddings endpoint of the OpenAI kind, whose vectors follow from the words of a text.

Texts with words in common are near; those without are not. It counts, fails on request, and keeps
what reached it.
"""

import hashlib
import json
import math

from parts.local_server import JsonHandler, LocalServer

DIMS = 64


def vector_of(text: str) -> list[float]:
    """Each word adds to its own few places."""
    vector = [0.0] * DIMS
    for word in text.lower().replace('"', " ").replace(":", " ").split():
        for byte in hashlib.sha256(word.encode()).digest()[:4]:
            vector[byte % DIMS] += 1.0
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [3 * x / length for x in vector]  # of any length: whoever compares sees to that


class Embedder(LocalServer):
    """POST /v1/embeddings. Set `status` and it fails with that, and `retry_after` if there is one.

    A text that holds `refuse me` is a 400. `texts` are those embedded, in order of arrival.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls: list[dict] = []
        self.control = {"status": 200, "retry_after": None}
        self.serve(_Handler, texts=self.texts, calls=self.calls, control=self.control)
        self.url += "/v1"


class _Handler(JsonHandler):
    protocol_version = "HTTP/1.1"
    texts: list[str]
    calls: list[dict]
    control: dict

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.calls.append({"path": self.path, "headers": headers, "body": body})
        if self.path != "/v1/embeddings":
            return self.answer(404, {})
        if self.control["status"] != 200:
            after = self.control["retry_after"]
            return self.answer(self.control["status"], {"error": {"message": "no"}},
                               {"Retry-After": after} if after else None)
        if any("refuse me" in text for text in body["input"]):
            return self.answer(400, {"error": {"message": "not this"}})
        self.texts.extend(body["input"])
        data = [{"object": "embedding", "index": at, "embedding": vector_of(text)}
                for at, text in enumerate(body["input"])]
        self.answer(200, {"object": "list", "model": body["model"], "data": data[::-1]})
