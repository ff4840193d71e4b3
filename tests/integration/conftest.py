"""Fixtures: real programs on loopback. README.md says what each one is and can do."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from langgraph_sdk import get_sync_client

sys.path.insert(0, str(Path(__file__).parent))

from parts.agents import Agents  # noqa: E402
from parts.behalf import Behalf  # noqa: E402
from parts.everything import Everything  # noqa: E402
from parts.inbox import Inbox  # noqa: E402
from parts.keycloak import Keycloak  # noqa: E402
from parts.mirror import Mirror  # noqa: E402
from parts.model_provider import ModelProvider  # noqa: E402
from parts.tools import ROOT  # noqa: E402
from parts.vault import Vault  # noqa: E402

Part = TypeVar("Part", Vault, Keycloak, Inbox, Everything, Mirror, ModelProvider)


def pytest_configure(config: pytest.Config) -> None:
    """Output of all programs goes to build/integration/<pid>; folders of ended runs are removed."""
    if config.option.basetemp is not None:
        return
    runs = ROOT / "build" / "integration"
    runs.mkdir(parents=True, exist_ok=True)
    for old in runs.iterdir():
        if old.name.isdigit() and not Path("/proc", old.name).exists():
            shutil.rmtree(old, ignore_errors=True)
    config.option.basetemp = runs / str(os.getpid())


def running(part: Part) -> Iterator[Part]:
    """A started part, stopped when the tests it is for have ended."""
    yield part
    part.stop()


@pytest.fixture(scope="session")
def parts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts", numbered=False)


@pytest.fixture(scope="session")
def vault(parts_folder: Path) -> Iterator[Vault]:
    """One Vault for all tests; `user_store` and `app_role` give each test mounts of its own."""
    yield from running(Vault(parts_folder / "vault"))


@pytest.fixture
def own_vault(tmp_path: Path) -> Iterator[Vault]:
    """A Vault of this test's own, to seal or stop."""
    yield from running(Vault(tmp_path / "vault"))


@pytest.fixture(scope="session")
def keycloak(parts_folder: Path) -> Iterator[Keycloak]:
    """One Keycloak for all tests, realm `acme` imported."""
    yield from running(Keycloak(parts_folder / "keycloak"))


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    """A mail service of this test's own; MCP answers are SSE streams."""
    yield from running(Inbox(tmp_path / "inbox"))


@pytest.fixture
def inbox_json(tmp_path: Path) -> Iterator[Inbox]:
    """As `inbox`, with MCP answers in JSON."""
    yield from running(Inbox(tmp_path / "inbox-json", json_response=True))


@pytest.fixture(scope="session")
def everything(parts_folder: Path) -> Iterator[Everything]:
    """The MCP reference server; it has no users."""
    yield from running(Everything(parts_folder / "everything"))


@pytest.fixture
def own_models(tmp_path: Path) -> Iterator[ModelProvider]:
    """A model provider of this test's own, which says what its scripts say."""
    yield from running(ModelProvider(tmp_path / "models"))


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """An upstream in this process that reflects, redirects and fails, and keeps what arrived."""
    yield from running(Mirror())


@pytest.fixture
def behalf(tmp_path: Path) -> Iterator[Callable[..., Behalf]]:
    """A factory: behalf(config, command="serve", args=(), env=None, wait=True) -> Behalf."""
    started: list[Behalf] = []

    def start(config: dict | None = None, folder: Path | None = None, **options) -> Behalf:
        server = Behalf(config, folder or tmp_path / f"behalf{len(started)}", **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict], Behalf]]:
    """A factory of servers that ask nobody who they are, ended with the module's tests."""
    started: list[Behalf] = []

    def start(config: dict) -> Behalf:
        folder = tmp_path_factory.mktemp("behalf")
        started.append(Behalf(config, folder, command="dev",
                              args=("--no-auth", "--data", str(folder / "data"))))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="module")
def client(server):
    """The official SDK, of a module's `server`."""
    return get_sync_client(url=server.url, api_key=None)


@pytest.fixture
def agents(parts) -> Agents:
    """The server with agents, of a module's `parts`, where it comes first."""
    return parts[0]


@pytest.fixture
def models(parts) -> ModelProvider:
    """The model provider of a module's `parts`, where it comes second; earlier requests are forgotten."""
    parts[1].forget_requests()
    return parts[1]


@pytest.fixture
def thread(client) -> str:
    return client.threads.create()["thread_id"]
