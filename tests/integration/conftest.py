"""Fixtures: real programs on loopback. README.md says what each one is and can do."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from parts.behalf import Behalf  # noqa: E402
from parts.everything import Everything  # noqa: E402
from parts.inbox import Inbox  # noqa: E402
from parts.keycloak import Keycloak  # noqa: E402
from parts.mirror import Mirror  # noqa: E402
from parts.tools import ROOT  # noqa: E402
from parts.vault import Vault  # noqa: E402


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


@pytest.fixture(scope="session")
def parts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts", numbered=False)


@pytest.fixture(scope="session")
def vault(parts_folder: Path) -> Iterator[Vault]:
    """One Vault for all tests; `user_store` and `app_role` give each test mounts of its own."""
    server = Vault(parts_folder / "vault")
    yield server
    server.stop()


@pytest.fixture
def own_vault(tmp_path: Path) -> Iterator[Vault]:
    """A Vault of this test's own, to seal or stop."""
    server = Vault(tmp_path / "vault")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def keycloak(parts_folder: Path) -> Iterator[Keycloak]:
    """One Keycloak for all tests, realm `acme` imported."""
    server = Keycloak(parts_folder / "keycloak")
    yield server
    server.stop()


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    """A mail service of this test's own; MCP answers are SSE streams."""
    server = Inbox(tmp_path / "inbox")
    yield server
    server.stop()


@pytest.fixture
def inbox_json(tmp_path: Path) -> Iterator[Inbox]:
    """As `inbox`, with MCP answers in JSON."""
    server = Inbox(tmp_path / "inbox-json", json_response=True)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def everything(parts_folder: Path) -> Iterator[Everything]:
    """The MCP reference server; it has no users."""
    server = Everything(parts_folder / "everything")
    yield server
    server.stop()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """An upstream in this process that reflects, redirects and fails, and keeps what arrived."""
    server = Mirror()
    yield server
    server.stop()


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
