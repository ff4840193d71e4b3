"""Tokens for comparing verdicts: well signed, by claims no server should take, or just about."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from parts.issuer import Issuer


@dataclass(frozen=True)
class Case:
    """`good`: everyone must take it. `stricter`: why we may refuse what the library takes."""

    name: str
    token: str
    profile: str = "at"
    good: bool = False
    stricter: str | None = None


def dates(i: Issuer) -> Iterator[Case]:
    now = int(time.time())
    for seconds in (-1_000_000, -3600, -90, -30, -2):
        fresh = "expired is expired" if seconds > -60 else None
        yield Case(f"exp {seconds} s", i.token(claims={"exp": now + seconds}), stricter=fresh)
    for seconds in (40, 86_400, 10 * 365 * 86_400):
        yield Case(f"exp {seconds} s", i.token(claims={"exp": now + seconds}), good=True)
    for name in ("nbf", "iat"):
        for seconds, good in ((-86_400, True), (0, True), (30, True), (120, False), (9e6, False)):
            late = {name: now + int(seconds)}
            yield Case(f"{name} {seconds} s", i.token(claims=late), good=good)
    odd = {"text": str(now + 600), "fraction": now + 600.5, "whole fraction": now + 600.0,
           "word": "soon", "null": None, "true": True, "list": [now + 600], "negative": -5,
           "zero": 0, "year 10000": 253_402_300_800, "2^63": 2**63, "10^400": 10**400,
           "1e300": 1e300}
    for name in ("exp", "nbf", "iat"):
        for kind, value in odd.items():
            token = i.token(claims={name: value})
            yield Case(f"{name} is {kind}", token, stricter="dates")
    yield Case("no exp", i.token(claims={"exp": ...}))
    for word in (b"NaN", b"Infinity", b"-Infinity"):
        text = json.dumps(i.claims("at")).encode()
        yield Case(f"exp is {word.decode()}", i.token(claims=text.replace(
            str(i.claims("at")["exp"]).encode(), word)))


def claims(i: Issuer) -> Iterator[Case]:
    for aud in (..., None, "", "other", "Behalf", "behalf ", "behalf2", [], ["other"], [None], 5,
                {"behalf": 1}, [["behalf"]]):
        yield Case(f"aud {aud!r}", i.token(claims={"aud": aud}))
    yield Case("aud has a number", i.token(claims={"aud": ["behalf", 5]}))
    at = f"{i.url}/at"
    for iss in (..., None, "", at + "/", at.upper(), "http://127.0.0.1:1", 5, [at], {at: 1},
                f"{i.url}/at#", at + "\x00"):
        yield Case(f"iss {str(iss).replace(i.url, '')!r}", i.token(claims={"iss": iss}))
    yield Case("iss the other issuer's, keys the same", i.token(
        claims={"iss": f"{i.url}/plain"}), "plain", good=True)
    yield Case("iss the other issuer's, not its algorithms", i.token(
        "RS512", claims={"iss": f"{i.url}/plain"}), "plain")
    for sub in (..., None, 5, True, ["alice"], {"id": "alice"}):
        yield Case(f"sub {sub!r}", i.token(claims={"sub": sub}))
    for sub in ("", "a\nb", "a\x00", "\x7f", "x" * 1025):
        yield Case(f"sub {sub[:9]!r}", i.token(claims={"sub": sub}), stricter="subjects")


def odd_json(i: Issuer) -> Iterator[Case]:
    good = json.dumps(i.claims("at")).encode()
    for name in ("iss", "aud", "sub", "exp", "nbf", "iat"):
        own = json.dumps(i.claims("at")[name]).encode()
        twice = good[:-1] + b', "' + name.encode() + b'": ' + own + b"}"
        yield Case(f"{name} twice", i.token(claims=twice), stricter="unique names")
        other = {"exp": b"1"}.get(name, b'"x"')
        first = b'{"' + name.encode() + b'": ' + other + b", " + good[1:]
        yield Case(f"{name} twice, wrong first", i.token(claims=first), stricter="unique names")
    escaped = good[:-1] + b', "\\u0061ud": "behalf"}'
    yield Case("aud twice, once escaped", i.token(claims=escaped), stricter="unique names")
    inner = good[:-1] + b', "x": {"a": 1, "a": 2}}'
    yield Case("name twice, inside", i.token(claims=inner), stricter="unique names")
    for name, bad in {"nothing": b"", "null": b"null", "list": b"[" + good + b"]", "text": b'"x"',
                      "number": b"5", "cut": good[:-1], "text after": good + b"x",
                      "two": good + good, "comment": b"/**/" + good, "single quotes":
                      good.replace(b'"', b"'"), "comma": good[:-1] + b",}",
                      "zero byte": good + b"\0", "raw tab": good.replace(b"alice", b"a\tb"),
                      "not UTF-8": good.replace(b"alice", b"\xff\xfe"),
                      "overlong UTF-8": good.replace(b"alice", b"\xc0\xaf")}.items():
        yield Case(f"claims are {name}", i.token(claims=bad))
    lenient = {"NaN": b"NaN", "Infinity": b"Infinity", "half a pair": b'"\\ud800"',
               "nested 200 deep": b"[" * 200 + b"]" * 200}
    for name, value in lenient.items():
        token = i.token(claims=good[:-1] + b', "x": ' + value + b"}")
        yield Case(f"a claim is {name}", token, stricter="strict JSON")
    for name, code in (("UTF-16", "utf-16"), ("UTF-32", "utf-32"), ("BOM", "utf-8-sig")):
        token = i.token(claims=good.decode().encode(code))
        yield Case(f"claims in {name}", token, stricter="strict JSON")


def kinds_of_token(i: Issuer) -> Iterator[Case]:
    for typ in ("JWT", "jwt", "dpop+jwt", "logout+jwt", "oauth-id-jag+jwt", "", "at+jwt ", "at", 5,
                None, ["at+jwt"], ...):
        yield Case(f"typ {typ!r}", i.token(header={"typ": typ}), stricter="kinds of token")
    for typ in ("logout+jwt", "dpop+jwt", "", 5, None):
        token = i.token(profile="plain", header={"typ": typ})
        yield Case(f"plain, typ {typ!r}", token, "plain", stricter="kinds of token")
    marks = {"nonce": "n", "at_hash": "h", "c_hash": "h", "s_hash": "h", "events": {}, "typ": "ID"}
    for name, value in marks.items():
        token = i.token(profile="plain", claims={name: value})
        yield Case(f"plain, {name} as in an ID token", token, "plain", stricter="kinds of token")
