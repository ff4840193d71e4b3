"""Starts the mail service and Behalf with the agent of behalf.yaml, and says how to talk with it.

BEHALF_BINARY names another program, PORT its port.
With OPENAI_BASE_URL (and OPENAI_API_KEY, OPENAI_MODEL) the agent asks that server; without, a scripted
one on this machine, which knows one conversation. Ctrl-C ends all of it.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BINARY = os.environ.get("BEHALF_BINARY", str(HERE.parent.parent / "build/release/behalf"))


def begin(processes: list, command: list, **options) -> subprocess.Popen:
    processes.append(subprocess.Popen([str(part) for part in command], **options))
    return processes[-1]


def first_line(process: subprocess.Popen) -> dict:
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{process.args[1]} did not start: it needs build/tools/venv/bin/python")
    return json.loads(line)


def port_to_use() -> int:
    wanted = os.environ.get("PORT", "0")
    if not (wanted.isdecimal() and int(wanted) < 65536):
        raise SystemExit(f"PORT is no port: {wanted}")
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", int(wanted)))
        except OSError as why:
            raise SystemExit(f"PORT {wanted} cannot be used: {why.strerror}") from None
        return probe.getsockname()[1]


def main() -> int:
    processes: list[subprocess.Popen] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    with tempfile.TemporaryDirectory(prefix="behalf-assistant-") as name:
        folder = pathlib.Path(name)
        try:
            return serve(folder, processes)
        except KeyboardInterrupt:
            return 0
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(15)


def serve(folder: pathlib.Path, processes: list) -> int:
    if not os.access(BINARY, os.X_OK):
        raise SystemExit(f"{BINARY} is not there: scripts/build release makes it, or say BEHALF_BINARY")
    port = port_to_use()
    tokens = {user: "mail-" + secrets.token_urlsafe(24) for user in ("alice", "bob")}
    known = {u: {"token_sha256": hashlib.sha256(t.encode()).hexdigest()} for u, t in tokens.items()}
    (folder / "accounts.json").write_text(json.dumps({"users": known}))
    mail = begin(
        processes,
        [sys.executable, HERE.parent / "inbox/server", "--accounts", folder / "accounts.json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    filled = {
        "MAIL_URL": first_line(mail)["url"],
        "MODEL_URL": os.environ.get("OPENAI_BASE_URL", ""),
        "MODEL": os.environ.get("OPENAI_MODEL", "gpt-5.2"),
    }
    key = os.environ.get("OPENAI_API_KEY") or "unused-" + secrets.token_urlsafe(12)
    if not filled["MODEL_URL"]:
        script = begin(
            processes,
            [sys.executable, HERE / "provider", "--scripts", HERE / "script.json"],
            stdout=subprocess.PIPE,
            text=True,
        )
        filled |= {"MODEL_URL": first_line(script)["url"] + "/v1", "MODEL": "scripted"}
    text = (HERE / "behalf.yaml").read_text()
    for word, value in filled.items():
        text = text.replace("${" + word + "}", value)
    config, data = folder / "behalf.yaml", folder / "data"
    config.write_text(text)
    url = f"http://127.0.0.1:{port}"
    begin(
        processes,
        [BINARY, "dev", "--watch", "--config", config, "--data", data, "--port", port],
        env=os.environ | {"MODEL_KEY": key},
    )
    wait_for(url, processes[-1])
    for user, token in tokens.items():
        put = [
            BINARY,
            "secret",
            "put",
            "--data",
            data,
            "--issuer",
            f"{url}/dev",
            "--user",
            user,
            "--service",
            "mail",
        ]
        subprocess.run(
            [str(part) for part in put], input=token, text=True, check=True, stdout=subprocess.DEVNULL
        )
    print(
        f"\nThe agent asks the model {filled['MODEL']} at {filled['MODEL_URL']}."
        f"\nChange it in {config}: it is read anew.\n\nIn another terminal:\n"
        f"  {BINARY} chat --url {url} --user alice\n",
        flush=True,
    )
    return processes[-1].wait()


def wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(500):
        if process.poll() is not None:
            raise SystemExit("behalf did not start")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url + "/ok", timeout=1).read()
            return
        time.sleep(0.02)
    raise SystemExit("behalf did not answer in time")


if __name__ == "__main__":
    sys.exit(main())
