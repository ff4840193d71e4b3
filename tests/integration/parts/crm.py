"""Contacts over HTTP, with the OpenAPI document that FastAPI makes of it. Each user has their own."""

import socket
import threading
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Form, Header, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, Field

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


class ContactIn(BaseModel):
    name: str = Field(min_length=1)
    email: str | None = None
    tags: list[str] = []


class Contact(ContactIn):
    id: str


class Crm:
    """`calls` are (user, method, path with query) in order of arrival, `sent` the bodies of writes."""

    def __init__(self, tokens: dict[str, str]):
        """`tokens`: of each user."""
        self.users = {token: user for user, token in tokens.items()}
        self.contacts = {user: {"7": Contact(id="7", name=f"Friend of {user}", tags=["friend"])}
                         for user in tokens}
        self.calls: list[tuple[str, str, str]] = []
        self.sent: list[dict] = []
        app = _app(self)
        self.document: dict = app.openapi()
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]},
                                        daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def forget(self) -> None:
        self.calls.clear()
        self.sent.clear()


def _app(crm: Crm) -> FastAPI:
    app = FastAPI(title="CRM", generate_unique_id_function=lambda route: route.name)

    def caller(request: Request, authorization: Annotated[str, Header()]) -> str:
        user = crm.users.get(authorization.removeprefix("Bearer "))
        query = f"?{request.url.query}" if request.url.query else ""
        crm.calls.append((user or "nobody", request.method, request.url.path + query))
        if user is None:
            raise HTTPException(401, "who are you?")
        return user

    User = Annotated[str, Depends(caller)]
    Id = Annotated[str, Path(description="of a contact")]

    @app.get("/contacts")
    def list_contacts(user: User, tag: Annotated[list[str], Query(default_factory=list)],
                      limit: Annotated[int, Query(ge=1, le=50)] = 10) -> list[Contact]:
        """Contacts that have all of the tags."""
        found = [one for one in crm.contacts[user].values() if set(tag) <= set(one.tags)]
        return found[:limit]

    @app.get("/contacts/{contact_id}")
    def get_contact(user: User, contact_id: Id) -> Contact:
        if contact_id not in crm.contacts[user]:
            raise HTTPException(404, "no such contact")
        return crm.contacts[user][contact_id]

    @app.get("/contacts/{contact_id}/secrets")
    def get_secrets(user: User, contact_id: Id) -> str:
        return "what the agent may not read"

    @app.post("/contacts", status_code=201)
    def create_contact(user: User, contact: ContactIn) -> Contact:
        crm.sent.append(contact.model_dump())
        made = Contact(id=str(100 + len(crm.contacts[user])), **contact.model_dump())
        return crm.contacts[user].setdefault(made.id, made)

    @app.delete("/contacts/{contact_id}", status_code=204)
    def forget_contact(user: User, contact_id: Id) -> None:
        crm.contacts[user].pop(contact_id, None)

    @app.post("/notes")
    def add_note(user: User, text: Annotated[str, Form()], x_kind: Annotated[str, Header()] = "") -> str:
        crm.sent.append({"text": text, "kind": x_kind})
        return "noted"

    @app.get("/picture")
    def get_picture(user: User) -> Response:
        return Response(PNG, media_type="image/png")

    @app.get("/moved")
    def get_moved(user: User) -> Response:
        return Response(status_code=302, headers={"Location": "http://127.0.0.1:1/contacts"})

    return app
