"""Where the plugins of the tests and examples were built: beside the binary."""

from parts.behalf import binary


def plugin(name: str) -> str:
    """The path of libNAME.so."""
    build = binary().parent
    found = [*build.glob(f"tests/plugins/lib{name}.so"), *build.glob(f"examples/*/lib{name}.so")]
    if not found:
        raise RuntimeError(f"no lib{name}.so below {build}: build the release preset")
    return str(found[0])
