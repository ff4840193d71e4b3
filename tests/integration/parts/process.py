"""Child processes of a test: output in files, ended by pid, never left behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx


class Process:
    """A running program. `stdout` and `stderr` are paths of files that keep all it printed."""

    def __init__(
        self,
        name: str,
        command: list[str | Path],
        folder: Path,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ):
        """`env` is added to this process's environment, without BEHALF_… and INBOX_… in it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.command = [str(part) for part in command]
        self.stdout = folder / f"{name}.stdout"
        self.stderr = folder / f"{name}.stderr"
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("BEHALF_", "INBOX_"))
        }
        with self.stdout.open("ab") as out, self.stderr.open("ab") as err:
            # setpriv: should the test run be killed, the kernel ends this child with it. It
            # watches the thread that started the child: start programs from the main thread.
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**inherited, **(env or {})},
                cwd=cwd or folder,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that ended it."""
        return self._child.poll()

    def resident_kib(self) -> int:
        """Memory in use now, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(x for x in status.splitlines() if x.startswith("VmRSS")).split()[1])

    def output(self) -> str:
        """All it printed so far, for messages."""
        return self.stdout.read_text(errors="replace") + self.stderr.read_text(errors="replace")

    def first_line(self, seconds: float = 30) -> str:
        """Waits for the first whole line on stdout."""
        self.wait_until(lambda: b"\n" in self.stdout.read_bytes(), seconds)
        return self.stdout.read_text().splitlines()[0]

    def wait_for_url(self, url: str, seconds: float = 30) -> None:
        """Waits until a GET of the URL is answered with a status below 500."""

        def answers() -> bool:
            try:
                return httpx.get(url, timeout=2, trust_env=False).status_code < 500
            except httpx.TransportError:
                return False

        self.wait_until(answers, seconds)

    def wait_until(self, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Polls; raises with the program's output when it ends or time runs out first."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.exit_code() is not None:
                raise RuntimeError(f"{self.name} ended with {self.exit_code()}:\n{self.output()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} not ready in {seconds} s:\n{self.output()}")
            time.sleep(0.02)

    def wait(self, seconds: float = 30) -> int:
        """Waits for it to end by itself; answers its exit code."""
        return self._child.wait(seconds)

    def kill(self) -> None:
        """kill -9, for crash tests."""
        if self.exit_code() is None:
            self._child.kill()
        self._child.wait()

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM, and SIGKILL if that does not end it in time; answers the exit code."""
        if self.exit_code() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._child.returncode
