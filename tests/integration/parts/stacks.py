"""Whole set-ups of the journey: an identity provider, a secret store and services, by name."""

import secrets

from parts.behalf import Behalf, run
from parts.inbox import Inbox
from parts.keycloak import Keycloak
from parts.plugins import plugin
from parts.tools import free_port
from parts.vault import Vault

OWNER = {"*": "deny", "threads": "owner", "assistants": "allow", "store": "owner"}


def services(inbox: Inbox) -> dict:
    local = {"allow_private": True, "allow_http": True}
    credential = {"from": "secrets", "name": "mail", "inject": "bearer"}
    return {
        "mail": {"type": "mcp", "url": inbox.mcp_url, "credential": credential, **local},
        "mail-api": {"type": "http", "base_url": inbox.url, "credential": credential, **local},
    }


def base(inbox: Inbox | None = None) -> dict:
    """Graphs and rules that every stack has, and the mail service's two faces."""
    graphs = {name: f"{plugin('probe')}:{name}" for name in ("probe", "steps", "ask", "survey")}
    config = {
        "log": {"level": "debug"},
        "authorization": dict(OWNER),
        "graphs": {"hello": "builtin:hello", "inbox": plugin("inbox"), **graphs},
    }
    return config | ({"services": services(inbox)} if inbox else {})


def dev_users(*names: str) -> dict:
    return {"dev": {"users": [{"name": name} for name in names]}}


class Stack:
    """A running server and how its users log in and get their tokens stored."""

    def __init__(self, server: Behalf, login, store):
        self.server, self.login, self.store = server, login, store


def start(
    behalf,
    tmp_path,
    identity: str,
    secret_store: str,
    config: dict,
    users,
    request,
    vault_address: str | None = None,
) -> Stack:
    """`identity`: dev or keycloak; `secret_store`: embedded or vault, which the server may reach
    at another address than the tests (a proxy's)."""
    config = {**config, "server": {"listen": f"127.0.0.1:{free_port()}", **config.get("server", {})}}
    issuer = f"http://{config['server']['listen']}/dev"
    if identity == "keycloak":
        keycloak: Keycloak = request.getfixturevalue("keycloak")
        issuer, jwks = keycloak.issuer, keycloak.jwks_url
        config["identity"] = [
            {
                "type": "oidc",
                "issuer": issuer,
                "audience": "behalf",
                "allow_generic_jwt_typ": True,
                "userinfo": True,
                "permissions_claim": "permissions",
                "custom": {"realm_tenant": "tenant"},
            }
        ]
    else:
        config |= dev_users(*users)
    command = "dev" if identity == "dev" else "serve"
    args = ("--data", "data") if identity == "dev" else ()

    def subject(user: str) -> str:
        return keycloak.subject(user) if identity == "keycloak" else user

    if secret_store == "embedded":
        return _embedded(
            behalf, tmp_path, config, command, args, issuer, identity, subject, request
        )
    if identity == "dev":  # Vault wants the issuer's keys when it is set up
        first = behalf(
            config | {"services": {}}, folder=tmp_path / "stack", command=command, args=args
        )
        jwks = f"{first.url}/dev/jwks"
        store = request.getfixturevalue("vault").user_store(issuer, jwks)
        first.stop()
    else:
        store = request.getfixturevalue("vault").user_store(issuer, jwks)
    config["secrets"] = _vault_section(request.getfixturevalue("vault"), store)
    if vault_address:
        config["secrets"]["address"] = vault_address
    server = behalf(config, folder=tmp_path / "stack", command=command, args=args)
    return Stack(
        server,
        _login(server, identity, request),
        lambda user, service, token: store.put(subject(user), service, {"token": token}),
    )


def _vault_section(vault: Vault, store) -> dict:
    return {
        "type": "vault",
        "address": vault.address,
        "auth": {"type": "jwt", "mount": store.auth, "role": store.role},
        "path": f"{store.kv}/data/users/{{subject}}/{{service}}",
    }


def _embedded(behalf, tmp_path, config, command, args, issuer, identity, subject, request) -> Stack:
    folder = tmp_path / "stack"
    if identity == "keycloak":
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "master.key").write_text(secrets.token_hex(32))
        (folder / "master.key").chmod(0o600)
        config["secrets"] = {
            "type": "embedded",
            "path": "secrets.db",
            "master_key": "file:master.key",
        }
    server = behalf(config, folder=folder, command=command, args=args)
    where = ["--config", str(server.config_file)]
    where += ["--data", "data"] if identity == "dev" else []

    def store(user: str, service: str, token: str) -> None:
        done = run(
            "secret",
            "put",
            *where,
            "--issuer",
            issuer,
            "--user",
            subject(user),
            "--service",
            service,
            folder=folder,
            input=token,
        )
        assert done.returncode == 0, done.stderr

    return Stack(server, _login(server, identity, request), store)


def _login(server: Behalf, identity: str, request):
    if identity == "keycloak":
        return request.getfixturevalue("keycloak").token

    def login(user: str) -> str:
        done = run(
            "token", "--url", server.url, "--user", user, "--password", user, folder=server.folder
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return login
