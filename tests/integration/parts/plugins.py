"""Where the plugins of the tests and examples were built: beside the binary."""

from parts.behalf import binary


def plugin(name: str) -> str:
    """The path of libNAME.so."""
    build = binary().parent
    places = ("tests/plugins", "tests/graphs", "examples/*")
    found = [file for place in places for file in build.glob(f"{place}/lib{name}.so")]
    if not found:
        raise RuntimeError(f"no lib{name}.so below {build}: build the release preset")
    return str(found[0])
