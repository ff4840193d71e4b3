"""The same rule as ours: a known token is a user, and users see what they own."""

from langgraph_sdk import Auth

auth = Auth()
USERS = {"bench-token": "alice"}


@auth.authenticate
async def authenticate(authorization: str | None) -> str:
    token = (authorization or "").removeprefix("Bearer ")
    if token not in USERS:
        raise Auth.exceptions.HTTPException(status_code=401, detail="Unauthorized")
    return USERS[token]


@auth.on.threads
async def owner(ctx: Auth.types.AuthContext, value: dict) -> dict:
    value.setdefault("metadata", {})["owner"] = ctx.user.identity
    return {"owner": ctx.user.identity}
