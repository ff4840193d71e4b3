"""OpenAI's embeddings: texts with words in common are near."""

import base64
import hashlib
import math
import struct

from shared import check


def vector_of(text: str, dims: int) -> list[float]:
    """Each word adds to its own few places; of length 1."""
    vector = [0.0] * dims
    for word in text.lower().split():
        for at in struct.unpack("<4I", hashlib.sha256(word.encode()).digest()[:16]):
            vector[at % dims] += 1.0
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]


def embed(body: dict) -> dict:
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    check(
        isinstance(texts, list) and texts and all(isinstance(text, str) and text for text in texts),
        "'input' must be a text or a list of texts, none empty",
    )
    data = []
    for at, text in enumerate(texts):
        vector = vector_of(text, body.get("dimensions", 64))
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": at, "embedding": vector})
    count = sum(len(text.split()) for text in texts)
    return {
        "object": "list",
        "model": body["model"],
        "data": data,
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }
