"""A real Keycloak with everything in memory and the realm `acme` of keycloak/behalf-realm.json."""

import html
import json
import re
import shutil
from pathlib import Path

import httpx
import jwt

from parts.process import Process
from parts.tools import TOOLS, free_port, require

REALM_FILE = Path(__file__).resolve().parents[1] / "keycloak" / "behalf-realm.json"
ADMIN = "admin"


class Keycloak:
    """Users alice, bob, carol (tenant acme; carol may only read) and mallory (tenant globex)."""

    realm = "acme"
    client = "behalf"
    introspection_client = "behalf-introspection"
    introspection_secret = "introspection-client-secret"

    def __init__(self, folder: Path):
        home = require(TOOLS / "keycloak", "Keycloak")
        java = require(Path(shutil.which("java") or "/usr/bin/java"), "Java")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.issuer = f"{self.url}/realms/{self.realm}"
        self.process = Process(
            "keycloak",
            _command(java, home, self.url),
            folder,
            env={"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN},
        )
        self.process.wait_for_url(f"{self.url}/realms/master", seconds=180)
        self._http = httpx.Client(timeout=60, trust_env=False)
        self._rotations = 0
        self._import_realm()
        self.discovery: dict = self._get(f"{self.issuer}/.well-known/openid-configuration")
        self.jwks_url: str = self.discovery["jwks_uri"]

    def stop(self) -> None:
        self._http.close()
        self.process.stop()

    def token(self, user: str, client: str = "behalf", scope: str = "openid") -> str:
        """Logs the user in (password = name) and answers the access token.

        Clients: `behalf` (RS256), `behalf-es256`, and `other-app`, whose tokens are not for us.
        """
        form = {"grant_type": "password", "client_id": client, "scope": scope}
        return self.grant({**form, "username": user, "password": user})["access_token"]

    def approve(self, address: str, user: str) -> None:
        """What a person does in a browser with the address that a device shows: logs in, agrees."""
        with httpx.Client(timeout=60, trust_env=False) as browser:
            page = _follow(browser, browser.get(address))
            given = {"username": user, "password": user}
            for form in (given, {"accept": "Yes"}):
                action = page.url.join(html.unescape(re.search(r'action="([^"]+)"', page.text)[1]))
                hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
                page = _follow(
                    browser, browser.post(action, data=dict(hidden) | form, headers=_cookies(browser))
                )
            if "Device Login Successful" not in page.text:
                raise RuntimeError(f"keycloak: {page.status_code} {page.text}")

    def grant(self, form: dict[str, str]) -> dict:
        """Any request to the token endpoint; raises unless it is answered 200."""
        answer = self._http.post(self.discovery["token_endpoint"], data=form)
        if answer.status_code != 200:
            raise RuntimeError(f"keycloak: {answer.status_code} {answer.text}")
        return answer.json()

    def subject(self, user: str) -> str:
        """The `sub` of that user's tokens."""
        return claims_of(self.token(user))["sub"]

    def introspect(self, token: str) -> dict:
        answer = self._http.post(
            self.discovery["introspection_endpoint"],
            data={"token": token},
            auth=(self.introspection_client, self.introspection_secret),
        )
        answer.raise_for_status()
        return answer.json()

    def log_out(self, user: str) -> None:
        """Ends all sessions of a user: userinfo and introspection refuse their tokens from now."""
        admin = self._admin_headers()
        users = f"{self.url}/admin/realms/{self.realm}/users"
        found = self._http.get(users, params={"username": user, "exact": "true"}, headers=admin)
        user_id = found.raise_for_status().json()[0]["id"]
        self._http.post(f"{users}/{user_id}/logout", headers=admin).raise_for_status()

    def rotate_keys(self, algorithm: str = "RS256") -> None:
        """Adds a signing key that new tokens use from now on; old ones stay in the key set."""
        admin = self._admin_headers()
        realm = f"{self.url}/admin/realms/{self.realm}"
        realm_id = self._http.get(realm, headers=admin).raise_for_status().json()["id"]
        self._rotations += 1  # the newest has the highest priority, and so signs
        component = {
            "name": f"rotated {self._rotations}",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": realm_id,
            "config": {
                "priority": [str(200 + self._rotations)],
                "algorithm": [algorithm],
                "keySize": ["2048"],
            },
        }
        answer = self._http.post(f"{realm}/components", json=component, headers=admin)
        answer.raise_for_status()

    def _import_realm(self) -> None:
        realm = json.loads(REALM_FILE.read_text())
        answer = self._http.post(f"{self.url}/admin/realms", json=realm, headers=self._admin_headers())
        if answer.status_code != 201:
            raise RuntimeError(f"keycloak: realm import: {answer.status_code} {answer.text}")

    def _admin_headers(self) -> dict[str, str]:
        answer = self._http.post(
            f"{self.url}/realms/master/protocol/openid-connect/token",
            data={
                "grant_type": "password",
                "client_id": "admin-cli",
                "username": ADMIN,
                "password": ADMIN,
            },
        )
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}

    def _get(self, url: str) -> dict:
        return self._http.get(url).raise_for_status().json()


def _cookies(browser: httpx.Client) -> dict[str, str]:
    """They are marked Secure; browsers send those over http to this machine, httpx does not."""
    return {"Cookie": "; ".join(f"{c.name}={c.value}" for c in browser.cookies.jar)}


def _follow(browser: httpx.Client, answer: httpx.Response) -> httpx.Response:
    while answer.is_redirect:
        answer = browser.get(answer.headers["location"], headers=_cookies(browser))
    return answer


def claims_of(token: str) -> dict:
    """The claims of a JWT, unverified: for looking, not for trusting."""
    return jwt.decode(token, options={"verify_signature": False})


def _command(java: Path, home: Path, url: str) -> list[str | Path]:
    """What bin/kc.sh runs, without its shell in between, so that one pid is the server."""
    opens = ["java.util", "java.util.concurrent", "java.security"]
    return [
        java,
        "-Xms64m",
        "-Xmx384m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in opens),
        "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
        "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        "-Dpicocli.disable.closures=true",
        f"-Dkc.home.dir={home}",
        f"-Djboss.server.config.dir={home}/conf",
        "-cp",
        home / "lib" / "quarkus-run.jar",
        "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
        "start",
        "--optimized",
        "--cache=local",
        "--http-enabled=true",
        "--http-host=127.0.0.1",
        f"--http-port={url.rsplit(':', 1)[1]}",
        f"--hostname={url}",
    ]
