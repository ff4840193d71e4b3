"""For tests: which calls arrived and as whom. It keeps fingerprints of tokens, never tokens."""

from collections import deque

from accounts import fingerprint


class CallRecorder:
    """ASGI middleware, outermost, that remembers the last calls made to the mail service."""

    def __init__(self, app, kept: int = 100_000):
        self._app = app
        self._calls: deque[dict] = deque(maxlen=kept)
        self._seen = 0

    def calls(self) -> list[dict]:
        return list(self._calls)

    def clear(self) -> None:
        self._calls.clear()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"].startswith("/admin"):
            return await self._app(scope, receive, send)

        async def note_answer(message):
            if message["type"] == "http.response.start":
                self._record(scope, message["status"])
            await send(message)

        await self._app(scope, receive, note_answer)

    def _record(self, scope, status: int) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        scheme, _, token = headers.get("authorization", "").partition(" ")
        user = scope.get("user")
        self._seen += 1
        self._calls.append(
            {
                "seq": self._seen,
                "user": user.access_token.subject if getattr(user, "access_token", None) else None,
                "token_sha256": fingerprint(token) if scheme.lower() == "bearer" else None,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "headers": sorted(headers),
            }
        )
