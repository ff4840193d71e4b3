"""What tests/graphs/policy.cpp decides, for the reference server."""

import jwt
from langgraph_sdk import Auth

auth = Auth()
KEY = "your-secret-key-change-in-production"
PERMISSIONS = {"read", "write", "assistants:write", "me"}


@auth.authenticate
async def by_token(authorization: str | None) -> dict:
    try:
        claims = jwt.decode((authorization or "").removeprefix("Bearer "), KEY, ["HS256"])
    except jwt.PyJWTError:
        raise Auth.exceptions.HTTPException(status_code=401, detail="Invalid token") from None
    if claims.get("sub") not in ("alice", "johndoe"):
        raise Auth.exceptions.HTTPException(status_code=401, detail="Invalid token")
    scopes = claims.get("scopes") or []
    scopes = scopes.split() if isinstance(scopes, str) else scopes
    return {"identity": claims["sub"], "permissions": [s for s in scopes if s in PERMISSIONS]}


def stamp(ctx: Auth.types.AuthContext, value: dict) -> dict:
    owner = {"owner": ctx.user.identity}
    value.setdefault("metadata", {}).update(owner)
    return owner


@auth.on
async def anything(ctx: Auth.types.AuthContext, value: dict) -> bool:
    return bool(ctx.permissions)


async def owned(ctx: Auth.types.AuthContext, value: dict) -> dict:
    if ctx.action in ("create", "update", "create_run"):
        return stamp(ctx, value)
    return {"owner": ctx.user.identity}


auth.on.threads(owned)
auth.on.assistants(owned)


@auth.on.assistants.create
async def create_assistant(ctx: Auth.types.AuthContext, value: dict) -> bool:
    if "assistants:write" not in ctx.permissions:
        return False
    stamp(ctx, value)
    return True


@auth.on.assistants.search
async def search_assistants(ctx: Auth.types.AuthContext, value: dict) -> dict:
    return {"owner": ctx.user.identity}


@auth.on.threads.create
async def create_thread(ctx: Auth.types.AuthContext, value: dict):
    if not {"me", "threads:write", "threads:*"} & set(ctx.permissions):
        return False
    return stamp(ctx, value)


@auth.on.store()
async def own_items(ctx: Auth.types.AuthContext, value: dict):
    labels = value.get("namespace")
    if labels and ctx.user.identity not in labels:
        return False
    return {"namespace": {"$contains": ctx.user.identity}}
