"""No two headers define a type of one name in one namespace.

Run with the root of the checkout. Compilers see one file at a time and linkers keep one of two inline
functions of one name: a program with two types of one name destroys the one as the other.
"""

import pathlib
import re
import sys

FOLDERS = ["behalf", "runtime", "actors", "agents", "secrets", "connectors", "config", "testing"]
OPENS = re.compile(r"namespace ([\w:]+) \{")
CLOSES = re.compile(r"\} // namespace")
DEFINES = re.compile(r"(?:struct|class|enum class|union) (\w+)(?: final)?(?: ?:[^:;{][^;{]*)? ?\{")


def types_of(text: str) -> list[str]:
    """Of a header, in the form clang-format gives it: what stands at the beginning of a line."""
    spaces: list[str] = []
    found = []
    for line in text.splitlines():
        if opened := OPENS.match(line):
            spaces.append(opened[1])
        elif CLOSES.match(line):
            spaces.pop()
        elif defined := DEFINES.match(line):
            found.append("::".join([*spaces, defined[1]]))
    return found


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    where: dict[str, pathlib.Path] = {}
    faults = []
    for folder in FOLDERS:
        for header in sorted((root / folder).rglob("*.hpp")):
            for name in types_of(header.read_text()):
                if name in where:
                    faults.append(f"{name} is defined in {where[name]} and in {header}")
                where[name] = header
    if len(where) < 100:
        faults.append(f"only {len(where)} types found under {root}: wrong folder?")
    print("\n".join(faults) or f"{len(where)} types, each defined once")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
