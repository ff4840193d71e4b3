"""Tokens for comparing verdicts: good ones of every kind, and every way to spoil keys, algorithms,
signatures, headers and the text. token_claims.py spoils what is signed."""

import hashlib
import hmac
import json
import random
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from parts.issuer import Issuer, b64, jwk, new_rsa, signature, unb64
from parts.token_claims import Case, claims, dates, kinds_of_token, odd_json

ALGORITHMS = {
    "at": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"],
    "plain": ["ES256", "EdDSA", "PS256", "RS256"],
}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def all_cases(issuer: Issuer) -> list[Case]:
    families = [good_tokens, flipped_bits, wrong_signers, other_algorithms, odd_signatures,
                odd_headers, odd_encodings, odd_shapes, dates, claims, odd_json, kinds_of_token]
    return [Case(f"{family.__name__}: {c.name}", *(c.token, c.profile, c.good, c.stricter))
            for family in families for c in family(issuer)]


def good_tokens(i: Issuer) -> Iterator[Case]:
    for profile, algorithms in ALGORITHMS.items():
        for alg in algorithms:
            yield Case(f"{alg} {profile}", i.token(alg, profile), profile, good=True)
    more = {"aud list": {"aud": ["x", i.AUDIENCE]}, "no nbf, no iat": {"nbf": ..., "iat": ...},
            "other claims": {"scope": "a b", "roles": {"a": [1, 2.5, None]}, "jti": "1"},
            "subject in Unicode": {"sub": "álïçé 🔑"}}
    for name, changed in more.items():
        yield Case(name, i.token(claims=changed), good=True)
    for typ in ("application/at+jwt", "AT+JWT"):
        yield Case(f"typ {typ}", i.token(header={"typ": typ}), good=True)
    yield Case("no typ, plain", i.token(profile="plain", header={"typ": ...}), "plain", good=True)
    yield Case("no kid, one key fits", i.token("ES384", header={"kid": ...}), good=True)
    yield Case("key for its own algorithm", i.token(
        "RS256", header={"kid": "rs256-only"}, key=i.keys["rs256-only"]), good=True)
    spaced = f" {json.dumps(i.claims('at'), indent=1)}\n".encode()
    yield Case("white space in claims", i.token(claims=spaced), good=True)
    whole = i.token("EdDSA", claims={"note": "x" * 9000})
    yield Case("large", whole, good=True)


def flipped_bits(i: Issuer) -> Iterator[Case]:
    """In each part's bytes, and in each part's text as it travels."""
    chance = random.Random(7)
    for alg in ALGORITHMS["at"]:
        parts = i.token(alg).split(".")
        for n, part in enumerate(parts):
            data = unb64(part)
            ends = [0, len(data) * 8 - 1]
            for bit in ends + [chance.randrange(len(data) * 8) for _ in range(5)]:
                bad = bytearray(data)
                bad[bit // 8] ^= 1 << bit % 8
                yield Case(f"{alg} part {n} bit {bit}",
                           ".".join([*parts[:n], b64(bytes(bad)), *parts[n + 1:]]))
            at = chance.randrange(len(part))
            letter = "A" if part[at] != "A" else "B"
            yield Case(f"{alg} part {n} letter {at}", ".".join(
                [*parts[:n], part[:at] + letter + part[at + 1:], *parts[n + 1:]]))


def wrong_signers(i: Issuer) -> Iterator[Case]:
    own = {"rsa": new_rsa(), "p256": ec.generate_private_key(ec.SECP256R1()),
           "p384": ec.generate_private_key(ec.SECP384R1()),
           "ed25519": ed25519.Ed25519PrivateKey.generate()}
    for alg in ALGORITHMS["at"]:
        key = own[i.key_of(alg)]
        yield Case(f"{alg} by a stranger", i.token(alg, key=key))
        embedded = {"jwk": jwk(key, i.key_of(alg)), "jku": "http://127.0.0.1:1/jwks"}
        yield Case(f"{alg} with the stranger's key inside", i.token(alg, header=embedded, key=key))
    for kid in ("unknown", "", "../../dev/null", "p256' OR '1'='1", "rsa", "p384", "ed25519"):
        yield Case(f"kid {kid!r}", i.token(header={"kid": kid}))
    for kid in (None, 5, ["p256"], {"kid": "p256"}, True):
        yield Case(f"kid {kid!r}", i.token(header={"kid": kid}))
    yield Case("no kid, several fit", i.token("RS256", header={"kid": ...}))
    weak = i.token("RS256", header={"kid": "weak"}, key=i.keys["weak"])
    yield Case("1024 bits", weak, stricter="weak keys")
    use = i.token("RS256", header={"kid": "encryption"}, key=i.keys["encryption"])
    yield Case("key for encryption", use)
    ops = i.token(header={"kid": "wrapping"}, key=i.keys["wrapping"])
    yield Case("key for key agreement", ops, stricter="key_ops")
    for alg in ("RS384", "PS256"):
        yield Case(f"{alg} by a key for RS256 only",
                   i.token(alg, header={"kid": "rs256-only"}, key=i.keys["rs256-only"]))
    for key, kid in (("x5c", ["AAAA"]), ("x5u", "http://127.0.0.1:1/c"), ("jku", "http://x/")):
        yield Case(f"{key} by the right key is not looked at", i.token(header={key: kid}),
                   good=True)


def other_algorithms(i: Issuer) -> Iterator[Case]:
    header, payload, signed = i.token("RS256").split(".")
    for alg in ("none", "None", "nOnE", "NONE"):
        unsigned = f"{b64(json.dumps(i.header(alg, 'at')).encode())}.{payload}"
        yield Case(f"alg {alg}, no signature", unsigned + ".")
        yield Case(f"alg {alg}, a signature", f"{unsigned}.{signed}")
    public = i.keys["rsa"].public_key()
    form = serialization.PublicFormat
    secrets = {
        "PEM": public.public_bytes(serialization.Encoding.PEM, form.SubjectPublicKeyInfo),
        "PKCS1": public.public_bytes(serialization.Encoding.PEM, form.PKCS1),
        "DER": public.public_bytes(serialization.Encoding.DER, form.SubjectPublicKeyInfo),
        "JWK": json.dumps(i.jwks["keys"][0]).encode(), "nothing": b"", "secret": b"secret"}
    for name, secret in secrets.items():
        for alg in ("HS256", "HS512"):
            head = json.dumps(i.header(alg, "at")).encode()
            text = f"{b64(head)}.{payload}"
            digest = hmac.new(secret, text.encode(), getattr(hashlib, f"sha{alg[2:]}")).digest()
            yield Case(f"{alg} with the public key as {name}", f"{text}.{b64(digest)}")
    for alg in ("rs256", "RS1", "ES256K", "ES521", "Ed448", "A128KW", "", " RS256", "RS256 "):
        yield Case(f"alg {alg!r}", i.token("RS256", header={"alg": alg}))
    for alg in (None, 256, True, ["RS256"], {"RS256": 1}, ...):
        yield Case(f"alg {alg!r}", i.token("RS256", header={"alg": alg}))
    yield Case("ES512 is not on the list", i.token("ES512", key=i.keys["p521"]))
    for said in ALGORITHMS["at"]:
        for used in ALGORITHMS["at"]:
            if said != used:
                yield Case(f"{said} signed as {used}", i.token(said, by=used))
    for alg in sorted(set(ALGORITHMS["at"]) - set(ALGORITHMS["plain"])):
        yield Case(f"{alg}, which this issuer may not use", i.token(alg, "plain"), "plain")
    kid = {"kid": "p384"}
    yield Case("ES256 on P-384", i.token("ES256", header=kid, key=i.keys["p384"]))


def odd_signatures(i: Issuer) -> Iterator[Case]:
    head, payload, raw = i.token("ES256").split(".")
    text = f"{head}.{payload}"
    data = unb64(raw)
    r, s = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")

    def pair(r: int, s: int) -> bytes:
        return (r % 2**256).to_bytes(32, "big") + (s % 2**256).to_bytes(32, "big")

    yield Case("ECDSA, the other s", f"{text}.{b64(pair(r, P256_ORDER - s))}", good=True)
    odd = {"DER": encode_dss_signature(r, s), "zeros": bytes(64), "r 0": pair(0, s),
           "s 0": pair(r, 0), "r n": pair(P256_ORDER, s), "s n": pair(r, P256_ORDER),
           "swapped": pair(s, r), "all ones": b"\xff" * 64, "short": data[:-1],
           "long": data + b"\0", "zero before": b"\0" + data, "r alone": data[:32],
           "wide": b"\0" * 16 + data[:32] + b"\0" * 16 + data[32:], "twice": data * 2, "none": b""}
    for name, bad in odd.items():
        yield Case(f"ECDSA {name}", f"{text}.{b64(bad)}")
    head, payload, raw = i.token("EdDSA").split(".")
    data = unb64(raw)
    text, scalar = f"{head}.{payload}", int.from_bytes(data[32:], "little")
    shifted = data[:32] + (scalar + ED25519_ORDER).to_bytes(32, "little")
    for name, bad in {"S + L": shifted, "zeros": bytes(64), "short": data[:-1], "none": b"",
                      "long": data + b"\0", "neutral point": b"\1" + bytes(63)}.items():
        yield Case(f"EdDSA {name}", f"{text}.{b64(bad)}")
    for alg in ("RS256", "PS256"):
        head, payload, raw = i.token(alg).split(".")
        data, n = unb64(raw), i.keys["rsa"].public_key().public_numbers().n
        over = int.from_bytes(data, "big") + n
        for name, bad in {"zero before": b"\0" + data, "short": data[:-1], "none": b"",
                          "plus n": over.to_bytes(257, "big"), "zeros": bytes(256),
                          "one": bytes(255) + b"\1", "n": n.to_bytes(256, "big")}.items():
            yield Case(f"{alg} {name}", f"{head}.{payload}.{b64(bad)}")
    head, payload, _ = i.token("PS256").split(".")
    text = f"{head}.{payload}"
    for salt in (0, 20, 64, padding.PSS.MAX_LENGTH):
        salted = signature("PS256", i.keys["rsa"], text.encode(), salt)
        yield Case(f"PS256 salt of {salt}", f"{text}.{b64(salted)}")


def odd_headers(i: Issuer) -> Iterator[Case]:
    for crit in (["b64"], ["exp"], ["http://example.com/x"], [], "b64", None, [5], {}):
        yield Case(f"crit {crit!r}", i.token(header={"crit": crit}))
    yield Case("crit and its extension", i.token(header={"crit": ["x"], "x": 1}))
    yield Case("b64 false", i.token(header={"crit": ["b64"], "b64": False}))
    yield Case("b64 false, not critical", i.token(header={"b64": False}))
    critical = i.token(header={"crit": ["b64"], "b64": True})
    yield Case("b64 true", critical, stricter="extensions")
    yield Case("b64 true, not critical", i.token(header={"b64": True}), stricter="extensions")
    good = json.dumps(i.header("ES256", "at"))
    twice = good.replace("{", '{"alg": "none", ', 1)
    yield Case("alg twice, none first", i.token(header=twice.encode()), stricter="unique names")
    yield Case("alg twice, none last", i.token(header=(good[:-1] + ', "alg": "none"}').encode()))
    yield Case("kid twice", i.token(header=good.replace("{", '{"kid": "rsa", ', 1).encode()),
               stricter="unique names")
    for name, head in {"list": b"[]", "text": b'"alg"', "nothing": b"", "null": b"null",
                       "not JSON": b"{alg: RS256}", "empty object": b"{}",
                       "text after": good.encode() + b"x", "not UTF-8": b'{"alg":"\xff"}',
                       "nested": b'{"a":' * 2000 + b"1" + b"}" * 2000}.items():
        yield Case(f"header is {name}", i.token(header=head))
    for name in ("zip", "enc", "cty"):
        value = {"zip": "DEF", "enc": "A128GCM", "cty": "json"}[name]
        yield Case(f"{name} is not looked at", i.token(header={name: value}), good=True)


def odd_encodings(i: Issuer) -> Iterator[Case]:
    while True:  # one whose parts all have spare bits and hold - or _
        parts = i.token("RS256", claims={"jti": b64(random.randbytes(9)), "note": "ÿ>?~" * 3},
                        header={"note": "ÿ>?~" * 3 + "x" * random.randrange(3)}).split(".")
        if all(len(p) % 4 for p in parts) and any(c in parts[2] for c in "-_"):
            break
    for n, part in enumerate(parts):
        def put(text: str, n: int = n) -> str:
            return ".".join([*parts[:n], text, *parts[n + 1:]])

        spare = b64(unb64(part))[:-1] + chr(ord(part[-1]) + 1)
        if unb64(spare) == unb64(part):
            yield Case(f"part {n}, spare bits set", put(spare))
        padded = part + "=" * (-len(part) % 4)
        yield Case(f"part {n} padded", put(padded), stricter="no padding" if n == 2 else None)
        for bad in ("=", "==", "===", "A", "!", "%3D", "+", "é", "~"):
            if part + bad != padded:
                yield Case(f"part {n} then {bad!r}", put(part + bad))
        yield Case(f"part {n} cut by one", put(part[:-1]))
        yield Case(f"part {n} with a space inside", put(part[:9] + " " + part[9:]))
        yield Case(f"part {n} with ! inside", put(part[:9] + "!" + part[9:]))
        standard = part.replace("-", "+").replace("_", "/")
        if standard != part:
            yield Case(f"part {n} in the other alphabet", put(standard))


def odd_shapes(i: Issuer) -> Iterator[Case]:
    token = i.token("RS256")
    head, payload, signed = token.split(".")
    for bad in ("x", ".", "..", "...", f"{head}.{payload}", f"{head}.{payload}.", f".{payload}.",
                f"{head}..{signed}", f".{payload}.{signed}", f"..{signed}", "." + token,
                f"{token}.", f"{token}.{signed}", f"{token}..", f"{payload}.{head}.{signed}",
                f"{head}.{payload}.{signed}.{signed}.{signed}", token * 2, f'"{token}"',
                f"Bearer {token}", f"{token},{token}", f"{token} {token}",
                json.dumps({"payload": payload})):
        yield Case(f"shape {bad[:12]}…{bad[-5:]} ({len(bad)})", bad)
    other = i.token("RS256", claims={"sub": "mallory"})
    yield Case("another's signature", f"{head}.{payload}.{other.split('.')[2]}")
    yield Case("another's claims", f"{head}.{other.split('.')[1]}.{signed}")
    huge = i.token("EdDSA", claims={"note": "x" * 14_000})
    yield Case("more than 16 KB", huge, stricter="size")
