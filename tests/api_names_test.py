"""Every public name of behalf/*.hpp stands in docs/reference/graph-api.md.

Run with the root of the checkout. A name is public when it is declared in a namespace or in the
public part of a class. What a compiler needs and nobody writes (`await_resume`) is left out, and so
is what stands below "for whoever drives it".
"""

import pathlib
import re
import sys

MACHINERY = {"await_ready", "await_suspend", "await_resume", "awaiter", "to_parent", "promise_type",
             "initial_suspend", "final_suspend", "unhandled_exception", "return_value",
             "get_return_object", "throw_exception_from_error", "handle", "type",
             # of coroutine_promise, coroutine_slot, coroutine_place, coroutine_group
             "own", "own_place", "next_question", "next_group", "next_call", "next_place", "slot",
             "parent", "group", "failed", "child", "child_ended", "stop_at", "take_asked",
             "take_question", "take_reply", "return_void", "requires"}
WORD = r"[A-Za-z_]\w*"


def plain(text: str) -> str:
    """Without what is for drivers, comments, texts and what the preprocessor continues."""
    text = re.sub(r"(?s)// --- for whoever drives it.*?(?=\n\s*// --- |\nprivate:|\n};)", "", text)
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'"(\\.|[^"\\\n])*"|\'(\\.|[^\'\\\n])\'', '""', text)
    return re.sub(r"\\\n", " ", text)


def without_templates(text: str) -> str:
    depth, kept = 0, []
    for c in text.replace("->", ""):
        depth += c == "<"
        kept.append("" if depth else c)
        depth -= c == ">"
    return "".join(kept)


def name_of(statement: str) -> str | None:
    """What a declaration declares; None for what declares no name of its own."""
    statement = without_templates(re.sub(r"\[\[.*?\]\]", " ", statement))
    statement = re.sub(r"^\s*template\b", "", statement).strip()
    if re.match(r"(friend|namespace|static_assert)\b", statement) or "operator" in statement:
        return None
    if known := re.match(rf"(?:class|struct|enum class|enum|using|concept)\s+({WORD})", statement):
        return known[1]
    words = re.findall(rf"~?{WORD}", re.split(r"[(={{]", statement)[0])
    return None if not words or words[-1].startswith("~") else words[-1]


def public_names(text: str) -> set[str]:
    found = set(re.findall(rf"#define\s+({WORD})", text))
    text = re.sub(r"(?m)^\s*#.*$", "", text)
    text = re.sub(r"\b(public|private|protected):", r";@\1;", text)
    scopes = [["namespace", "", True]]  # kind, name, whether what comes is public
    statement = ""
    for token in re.findall(r"[{};]|[^{};]+", text):
        inside = scopes[-1]
        if token not in "{};":
            statement = token
            continue
        if inside[0] == "body":
            scopes.append(["body", "", False]) if token == "{" else None
        elif statement.startswith("@"):
            inside[2] = statement == "@public"
        else:
            name = name_of(statement)
            plainly = without_templates(statement).split("(")[0]
            of_type = re.search(r"\b(class|struct)\b", plainly) and "=" not in plainly
            if name and name != inside[1] and inside[2] and not (of_type and token == ";"):
                found.add(name)
            if token == "{" and "namespace" in plainly:
                scopes.append(["namespace", "", True])
            elif token == "{" and of_type:
                scopes.append(["class", name, inside[2] and "struct" in plainly])
            elif token == "{":
                scopes.append(["body", "", False])
        if token == "}":
            scopes.pop()
        statement = ""
    assert len(scopes) == 1, "the braces do not match"
    return found


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    reference = (root / "docs/reference/graph-api.md").read_text()
    known = set(re.findall(WORD, reference))
    missing = 0
    for header in sorted((root / "behalf").glob("*.hpp")):
        for name in sorted(public_names(plain(header.read_text())) - known - MACHINERY):
            if not name.endswith("_"):
                print(f"behalf/{header.name}: {name} is not in docs/reference/graph-api.md")
                missing += 1
    return missing > 0


if __name__ == "__main__":
    sys.exit(main())
