"""Which graphs a server serves, and what their assistants start from; `behalf dev --watch`."""

import os
import shutil

from parts.behalf import Behalf, run
from parts.plugins import plugin


def served(server: Behalf) -> dict[str, dict]:
    found = server.call("POST", "/assistants/search", json={"limit": 100}).json()
    return {one["graph_id"]: one for one in found}


def answer(server: Behalf, graph: str, **body) -> dict:
    return server.call("POST", "/runs/wait", json={"assistant_id": graph, **body}).json()


def test_a_list_serves_whole_libraries(behalf):
    server = behalf({"graphs": [plugin("probe"), plugin("keeper"), "builtin:hello"]})
    names = served(server)
    assert {"probe", "steps", "survey", "toil", "keeper", "hello"} <= set(names)
    assert answer(server, "steps", input={"upto": 2})["n"] == 2


def test_an_assistant_starts_from_what_the_configuration_says(behalf):
    entry = {"path": "builtin:hello", "name": "greeter", "description": "Greets",
             "config": {"configurable": {"tone": "warm"}, "tags": ["t"]},
             "metadata": {"team": "x"}}
    server = behalf({"graphs": ["builtin:hello", entry]})
    found = served(server)
    assert found["greeter"]["config"] == entry["config"]
    assert found["greeter"]["metadata"] == {"team": "x", "created_by": "system"}
    assert found["greeter"]["description"] == "Greets"
    assert found["hello"]["config"] == {}
    thread = server.call("POST", "/threads", json={}).json()["thread_id"]
    run = server.call("POST", f"/threads/{thread}/runs", json={
        "assistant_id": "greeter", "input": {}, "metadata": {"mine": 1},
        "config": {"configurable": {"other": 1}}}).json()
    configurable = run["kwargs"]["config"]["configurable"]
    assert configurable["tone"] == "warm" and configurable["other"] == 1
    assert run["kwargs"]["config"]["tags"] == ["t"]
    assert run["metadata"]["team"] == "x" and run["metadata"]["mine"] == 1


def test_what_the_configuration_says_anew_holds_after_a_restart(behalf):
    entry = {"path": "builtin:hello", "context": {"model": "a"}}
    first = behalf({"graphs": [entry]})
    made = served(first)["hello"]
    assert made["context"] == {"model": "a"}
    first.stop()
    text = first.config_file.read_text().replace("model: a", "model: b")
    first.config_file.write_text(text)
    first.start()
    again = served(first)["hello"]
    assert again["context"] == {"model": "b"}
    assert again["created_at"] == made["created_at"]


def graphs_named_in_a_refusal(server: Behalf) -> str:
    return server.call("POST", "/runs/wait", json={"assistant_id": "?"}).text


def replace(library, by: str) -> None:
    """As a linker does it: under another name first."""
    fresh = library.with_suffix(".new")
    shutil.copyfile(by, fresh)
    os.replace(fresh, library)


def test_a_rebuilt_library_serves_new_runs_while_old_ones_go_on(behalf, tmp_path):
    library = tmp_path / "libmine.so"
    shutil.copyfile(plugin("probe"), library)
    server = behalf({"graphs": [str(library)]}, command="dev",
                    args=("--no-auth", "--watch", "--data", str(tmp_path / "data")))
    assert "steps" in served(server)
    thread = server.call("POST", "/threads", json={}).json()["thread_id"]
    runs = f"/threads/{thread}/runs"
    old = f"{runs}/" + server.call("POST", runs, json={
        "assistant_id": "steps", "input": {"upto": 20, "pause_ms": 500}}).json()["run_id"]
    wait_until = server.process.wait_until
    wait_until(lambda: server.call("GET", old).json()["status"] == "running")
    replace(library, plugin("keeper"))
    wait_until(lambda: "keeper" in graphs_named_in_a_refusal(server))
    assert "steps" not in graphs_named_in_a_refusal(server)
    assert server.call("GET", old).json()["status"] == "running"
    assert server.call("GET", f"{old}/join").json()["n"] == 20
    assert "keeper" in served(server)

    replace(library, __file__)  # no library at all
    wait_until(lambda: "watch_refused" in server.process.output())
    assert "keeper" in graphs_named_in_a_refusal(server)
    replace(library, plugin("probe"))
    wait_until(lambda: "steps" in graphs_named_in_a_refusal(server))
    assert answer(server, "steps", input={"upto": 2})["n"] == 2


def test_without_authentication_everybody_is_one_user(behalf, tmp_path):
    server = behalf({"graphs": ["builtin:hello"], "authorization": {"threads": "deny"}},
                    command="dev", args=("--no-auth", "--data", str(tmp_path / "data")))
    said = server.process.output()
    assert "WITHOUT AUTHENTICATION" in said, said
    for headers in ({}, {"X-Api-Key": "lsv2_x"}, {"Authorization": "Bearer whoever"}):
        made = server.call("POST", "/threads", headers=headers, json={})
        assert made.status_code == 200, made.text
    assert answer(server, "hello", input={})["who"] == "stranger"


def test_without_authentication_nobody_else_can_reach_it(tmp_path):
    done = run("dev", "--no-auth", "--host", "0.0.0.0", "--port", "0", folder=tmp_path)
    assert done.returncode == 3 and "--no-auth: server.listen: " in done.stderr, done.stderr
    assert "this machine only" in done.stderr
    assert run("serve", "--no-auth", folder=tmp_path).returncode == 2
