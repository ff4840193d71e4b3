"""A real Vault with everything in memory, and the set-up Behalf expects of an operator."""

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from parts.process import Process
from parts.tools import TOOLS, require

# A user's token reads and writes below that user's folder; {accessor} names the auth mount whose
# alias, the subject of the JWT, is the folder.
USER_POLICY = """
path "{kv}/data/users/{{{{identity.entity.aliases.{accessor}.name}}}}/*" {{
  capabilities = ["create", "read", "update", "patch", "delete"]
}}
path "{kv}/metadata/users/{{{{identity.entity.aliases.{accessor}.name}}}}/*" {{
  capabilities = ["read", "list", "delete"]
}}
"""

SERVICE_POLICY = """
path "{kv}/data/users/*" {{ capabilities = ["create", "read", "update", "delete"] }}
path "{kv}/metadata/users/*" {{ capabilities = ["read", "list", "delete"] }}
"""


class Vault:
    """A server process and its root token; helpers do what an operator would with the CLI."""

    def __init__(self, folder: Path):
        binary = require(TOOLS / "vault-server", "Vault")
        self.process = Process("vault", [binary], folder)
        started = json.loads(self.process.first_line())
        self.address: str = started["address"]
        self.root_token: str = started["root_token"]
        self._unseal_key: str = started["unseal_key"]
        self._numbers = count(1)
        self._http = httpx.Client(base_url=self.address, timeout=60, trust_env=False)

    def stop(self) -> None:
        self._http.close()
        self.process.stop()

    def call(
        self, method: str, path: str, body: dict | None = None, token: str | None = None
    ) -> httpx.Response:
        """`call("GET", "secret/data/x")`: the raw answer, as root unless a token is given."""
        headers = {"X-Vault-Token": self.root_token if token is None else token}
        return self._http.request(method, f"/v1/{path}", json=body, headers=headers)

    def do(self, method: str, path: str, body: dict | None = None) -> dict:
        """As `call`, by root; raises unless the answer is 2xx; {} for an empty body."""
        answer = self.call(method, path, body)
        if not answer.is_success:
            raise RuntimeError(f"vault: {method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else {}

    def seal(self) -> None:
        """From now on every call is answered 503, until `unseal`."""
        self.do("PUT", "sys/seal")

    def unseal(self) -> None:
        self.do("PUT", "sys/unseal", {"key": self._unseal_key})

    def user_store(
        self,
        issuer: str,
        jwks_url: str,
        audience: str = "behalf",
        token_ttl: str = "10m",
        token_type: str = "default",
    ) -> "UserStore":
        """Fresh mounts: KV v2, and jwt auth that trusts the issuer, one folder per subject.

        The JWKS URL must answer now: Vault fetches it when it is configured. `token_type`:
        `default` (renewable) or `batch`.
        """
        number = next(self._numbers)
        kv, auth, role = f"kv{number}", f"jwt{number}", "behalf-user"
        self.do("POST", f"sys/mounts/{kv}", {"type": "kv", "options": {"version": "2"}})
        self.do("POST", f"sys/auth/{auth}", {"type": "jwt"})
        self.do("POST", f"auth/{auth}/config", {"jwks_url": jwks_url, "bound_issuer": issuer})
        accessor = self.do("GET", "sys/auth")["data"][f"{auth}/"]["accessor"]
        policy = USER_POLICY.format(kv=kv, accessor=accessor)
        self.do("PUT", f"sys/policies/acl/{auth}", {"policy": policy})
        self.do(
            "POST",
            f"auth/{auth}/role/{role}",
            {
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": [audience],
                "token_policies": [auth],
                "token_ttl": token_ttl,
                "token_type": token_type,
            },
        )
        return UserStore(self, kv, auth, role)

    def app_role(self, kv: str, token_ttl: str = "10m", uses: int = 0) -> "AppRole":
        """An AppRole that may read and write every user's folder of that KV mount."""
        name = f"approle{next(self._numbers)}"
        self.do("POST", f"sys/auth/{name}", {"type": "approle"})
        self.do("PUT", f"sys/policies/acl/{name}", {"policy": SERVICE_POLICY.format(kv=kv)})
        role = {"token_policies": [name], "token_ttl": token_ttl, "token_num_uses": uses}
        self.do("POST", f"auth/{name}/role/behalf", role)
        role_id = self.do("GET", f"auth/{name}/role/behalf/role-id")["data"]["role_id"]
        secret_id = self.do("POST", f"auth/{name}/role/behalf/secret-id")["data"]["secret_id"]
        return AppRole(name, role_id, secret_id)


@dataclass(frozen=True)
class AppRole:
    """How a server logs in as itself: POST auth/<mount>/login {role_id, secret_id}."""

    mount: str
    role_id: str
    secret_id: str


@dataclass(frozen=True)
class UserStore:
    """A KV v2 mount with one folder per subject, and the jwt auth mount that opens them."""

    vault: Vault
    kv: str
    auth: str
    role: str

    def path(self, subject: str, service: str) -> str:
        return f"{self.kv}/data/users/{subject}/{service}"

    def put(self, subject: str, service: str, secret: dict) -> int:
        """Stores a user's secret, as the operator; answers the new version."""
        answer = self.vault.do("POST", self.path(subject, service), {"data": secret})
        return answer["data"]["version"]

    def login(self, jwt: str) -> httpx.Response:
        """What Behalf does: trade the user's JWT for a Vault token (auth.client_token)."""
        body = {"role": self.role, "jwt": jwt}
        return self.vault.call("POST", f"auth/{self.auth}/login", body, token="")

    def token(self, jwt: str) -> str:
        answer = self.login(jwt)
        answer.raise_for_status()
        return answer.json()["auth"]["client_token"]
