"""How ordinary encoders write a token: what upstreams send back, and what no sink may hold."""

import base64
import html
import quopri
import textwrap
import urllib.parse


def _some(token: str, write, step: int) -> str:
    return "".join(write(c) if i % step == 0 else c for i, c in enumerate(token))


def _wrap(text: str, columns: int, end: str = "\n") -> str:
    return end.join(textwrap.wrap(text, columns))


def _base64(content: bytes) -> dict[str, str]:
    standard, url = base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()
    return {"base64": standard, "base64url": url, "unpadded": url.rstrip("=")}


def encodings(token: str) -> dict[str, str]:
    """By name; none of them holds the token in plain but "plain"."""
    raw = token.encode()
    wide = {"le": token.encode("utf-16-le"), "be": token.encode("utf-16-be")}
    found = {
        "plain": token,
        "json": _some(token, lambda c: f"\\u{ord(c):04x}", 1),
        "json upper": _some(token, lambda c: f"\\u{ord(c):04X}", 1),
        "json second": _some(token, lambda c: f"\\u{ord(c):04x}", 2),
        "json third": _some(token, lambda c: f"\\u{ord(c):04X}", 3),
        "json slash": token.replace("/", "\\/"),
        "quote": urllib.parse.quote(token),
        "quote all": urllib.parse.quote(token, safe=""),
        "component": urllib.parse.quote(token, safe="!~*'()"),
        "tilde": urllib.parse.quote(token, safe="").replace("~", "%7E"),
        "percent": "".join(f"%{b:02X}" for b in raw),
        "percent lower": "".join(f"%{b:02x}" for b in raw),
        "percent mixed": "".join(f"%{b:02x}" if i % 2 else f"%{b:02X}" for i, b in enumerate(raw)),
        "percent second": _some(token, lambda c: f"%{ord(c):02X}", 2),
        "double percent": urllib.parse.quote(urllib.parse.quote(token, safe="")),
        "double percent all": "".join(f"%25{b:02X}" for b in raw),
        "html": html.escape(token).replace("+", "&plus;").replace("/", "&sol;"),
        "html decimal": "".join(f"&#{b};" for b in raw),
        "html hexadecimal": "".join(f"&#x{b:X};" for b in raw),
        "html second": _some(token, lambda c: f"&#{ord(c)};", 2),
        "quoted-printable": quopri.encodestring(raw).decode(),
        "quoted-printable, folded": "=\r\n".join(
            part.replace("=", "=3D").replace("~", "=7E") for part in textwrap.wrap(token, 19)),
        "utf-16-le": wide["le"].decode("latin-1"),
        "utf-16-be": wide["be"].decode("latin-1"),
    }
    for case in (str.lower, str.upper):
        digits = case(raw.hex())
        found[f"hex {case.__name__}"] = digits
        for name, between in (("colons", ":"), ("blanks", " "), ("dashes", "-")):
            found[f"hex {case.__name__} {name}"] = between.join(textwrap.wrap(digits, 2))
    for shift in range(3):
        for name, text in _base64(b"u" * shift + raw).items():
            found[f"{name} {shift}"] = text
            found[f"{name} {shift} in 64"] = _wrap("A" * 20 + text, 64)
            found[f"{name} {shift} in 76"] = _wrap("A" * 40 + text, 76, "\r\n")
            found[f"{name} {shift} of base64"] = base64.b64encode(text.encode()).decode()
            found[f"base64 of {name} {shift} in 76"] = _wrap(
                base64.b64encode(_wrap(text, 76).encode()).decode(), 76)
    for name, content in wide.items():
        for kind, text in _base64(content).items():
            found[f"{kind} of utf-16-{name}"] = text
    return found
