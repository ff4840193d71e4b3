"""`behalf new NAME`: what it makes builds, passes its test, and runs."""

import shutil
import subprocess

import pytest
from parts.behalf import Behalf, binary, run


def sanitizers() -> list[str]:
    """A library for a program with sanitizers is built with them."""
    cache = binary().parent / "CMakeCache.txt"
    lines = cache.read_text().splitlines() if cache.exists() else []
    found = [line.split("=", 1)[1] for line in lines if line.startswith("BEHALF_SANITIZE:")]
    return [f"-DCMAKE_CXX_FLAGS=-fsanitize={one}" for one in found if one]


def ends_well(*command: str, cwd) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_it_makes_builds_and_runs(tmp_path):
    made = run("new", "notes", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "notes"
    configure = next(line for line in made.stdout.splitlines() if "cmake -B build" in line)
    ends_well(*configure.split(), *sanitizers(), cwd=folder)
    ends_well("cmake", "--build", "build", cwd=folder)
    ends_well("ctest", "--test-dir", "build", "--output-on-failure", cwd=folder)
    ends_well("git", "init", "-q", cwd=folder)
    left = ends_well("git", "status", "--porcelain", "-uall", cwd=folder)
    assert "build" not in left and "?? README.md" in left

    server = Behalf(None, folder, command="dev", args=("--config", "behalf.yaml", "--no-auth"))
    try:
        client = server.sdk(None)
        thread = client.threads.create()["thread_id"]
        said = {"messages": [{"role": "user", "content": "buy milk"}]}
        client.runs.wait(thread, "notes", input=said)
        asked = client.threads.get_state(thread)["tasks"][0]["interrupts"]
        assert asked[0]["value"]["call"]["args"] == {"text": "buy milk"}
        done = client.runs.wait(thread, "notes", command={"resume": True})
        assert done["messages"][-1]["content"] == "I have noted it down."
        items = client.store.search_items(("everybody",))["items"]
        assert [one["value"] for one in items] == [{"text": "buy milk"}]
    finally:
        server.close()


def test_an_agent_is_served_at_once(tmp_path):
    made = run("new", "--agent", "helper", folder=tmp_path)
    assert made.returncode == 0 and "OPENAI_API_KEY" in made.stdout, made.stderr
    folder = tmp_path / "helper"
    checked = run("validate", "behalf.yaml", folder=folder)
    assert checked.returncode == 0 and "1 model, 1 agent" in checked.stdout, checked.stderr
    server = Behalf(None, folder, command="dev", args=("--config", "behalf.yaml", "--no-auth"),
                    env={"OPENAI_API_KEY": "sk-of-nobody"})
    try:
        found = server.sdk(None).assistants.search()
        assert [(one["graph_id"], one["description"]) for one in found] == [
            ("helper", "Answers questions")]
    finally:
        server.close()
    config = (folder / "behalf.yaml").read_text()
    for line in ("    # tools:", "# services:", "#   mail:"):
        assert line in config
        config = config.replace(line, line.replace("# ", "", 1))
    (folder / "more.yaml").write_text(config)
    whole = run("validate", "more.yaml", folder=folder)
    assert whole.returncode == 0 and "1 service" in whole.stdout, whole.stderr
    without = run("dev", "--config", "behalf.yaml", "--no-auth", folder=folder)
    assert without.returncode == 3 and "models.main.key: " in without.stderr


def test_without_a_package_it_says_how_to_make_one(tmp_path):
    alone = tmp_path / "bin" / "behalf"
    alone.parent.mkdir()
    shutil.copy2(binary(), alone)
    made = subprocess.run(
        [alone, "new", "notes"], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert made.returncode == 0, made.stderr
    assert "cmake --install build/release --prefix PREFIX" in made.stdout
    assert "-DCMAKE_PREFIX_PATH=PREFIX" in made.stdout
    assert "-DCMAKE_PREFIX_PATH=PREFIX" in (tmp_path / "notes" / "README.md").read_text()


@pytest.mark.parametrize("name", ["", "Notes", "a/b", "..", "1st", "a b", "a" * 65])
def test_what_cannot_be_a_name_is_refused(name, tmp_path):
    done = run("new", name, folder=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("behalf: "), done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays(tmp_path):
    (tmp_path / "notes").mkdir()
    done = run("new", "notes", folder=tmp_path)
    assert done.returncode == 1 and "is there already" in done.stderr
    assert not list((tmp_path / "notes").iterdir())
    assert [one.name for one in tmp_path.iterdir()] == ["notes"]
