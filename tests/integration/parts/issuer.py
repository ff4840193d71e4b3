"""An OpenID issuer in this process: keys of every kind, and tokens however wrong one wants them.

Signs with `cryptography` directly, for no JWT library would write most of these tokens.
"""

import base64
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from parts.local_server import JsonHandler, LocalServer

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
WIDTHS = {"secp256r1": 32, "secp384r1": 48, "secp521r1": 66, "secp256k1": 32}
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def b64(data: bytes | int) -> str:
    """base64url without padding; of a number, its bytes."""
    if isinstance(data, int):
        data = data.to_bytes((data.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def raw_ecdsa(der: bytes, width: int) -> bytes:
    return b"".join(n.to_bytes(width, "big") for n in decode_dss_signature(der))


def signature(alg: str, key, text: bytes, salt=padding.PSS.DIGEST_LENGTH) -> bytes:
    """As RFC 7518 and 8037 have it; the key may be of another curve than the algorithm's."""
    if alg == "EdDSA":
        return key.sign(text)
    digest = HASHES[alg[2:5]]()
    if alg.startswith("ES"):
        return raw_ecdsa(key.sign(text, ec.ECDSA(digest)), WIDTHS[key.curve.name])
    if alg.startswith("PS"):
        return key.sign(text, padding.PSS(padding.MGF1(digest), salt), digest)
    return key.sign(text, padding.PKCS1v15(), digest)


def jwk(key, kid: str, **more) -> dict:
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        fields = {"kty": "RSA", "n": b64(numbers.n), "e": b64(numbers.e)}
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        fields = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
    else:
        numbers, width = public.public_numbers(), WIDTHS[key.curve.name]
        x, y = (b64(n.to_bytes(width, "big")) for n in (numbers.x, numbers.y))
        fields = {"kty": "EC", "crv": CURVES[key.curve.name], "x": x, "y": y}
    return {**fields, "kid": kid, **more}


def new_rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Issuer(LocalServer):
    """Issuers `<url>/at` and `<url>/plain` with one key set; `keys` are the private ones by kid."""

    AUDIENCE = "behalf"

    def __init__(self) -> None:
        self.keys = {
            "rsa": new_rsa(), "rs256-only": new_rsa(), "weak": new_rsa(1024),
            "encryption": new_rsa(), "wrapping": ec.generate_private_key(ec.SECP256R1()),
            "p256": ec.generate_private_key(ec.SECP256R1()),
            "p384": ec.generate_private_key(ec.SECP384R1()),
            "p521": ec.generate_private_key(ec.SECP521R1()),
            "ed25519": ed25519.Ed25519PrivateKey.generate(),
        }
        about = {"rs256-only": {"alg": "RS256"}, "encryption": {"use": "enc"},
                 "wrapping": {"key_ops": ["deriveKey"]}, "p256": {"use": "sig"}}
        self.jwks = {"keys": [jwk(k, kid, **about.get(kid, {})) for kid, k in self.keys.items()]}
        self.serve(_Handler, owner=self)

    def key_of(self, alg: str) -> str:
        """The kid of the key that algorithm is meant for."""
        kids = {"ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed25519"}
        return kids.get(alg, "rsa")

    def claims(self, profile: str, /, **changed) -> dict:
        """Good ones, with changes; a change to `...` removes the claim."""
        now = int(time.time())
        claims = {"iss": f"{self.url}/{profile}", "aud": self.AUDIENCE, "sub": "alice",
                  "iat": now - 5, "nbf": now - 5, "exp": now + 3600, **changed}
        return {name: value for name, value in claims.items() if value is not ...}

    def header(self, alg: str, profile: str, /, **changed) -> dict:
        typ = "at+jwt" if profile == "at" else "JWT"
        header = {"alg": alg, "typ": typ, "kid": self.key_of(alg), **changed}
        return {name: value for name, value in header.items() if value is not ...}

    def token(self, alg="ES256", profile="at", claims=None, header=None, key=None, by=None) -> str:
        """Signed with `by`'s algorithm (default: the header's) by `key` (default: its own).

        `claims` and `header`: changes to good ones as a dict, or bytes that replace them.
        """
        if not isinstance(header, bytes):
            header = json.dumps(self.header(alg, profile, **(header or {}))).encode()
        if not isinstance(claims, bytes):
            claims = json.dumps(self.claims(profile, **(claims or {}))).encode()
        text = f"{b64(header)}.{b64(claims)}"
        by = by or alg
        return f"{text}.{b64(signature(by, key or self.keys[self.key_of(by)], text.encode()))}"


class _Handler(JsonHandler):
    owner: Issuer

    def do_GET(self) -> None:
        path, _, document = self.path.partition("/.well-known/")
        found = None
        if self.path == "/jwks":
            found = self.owner.jwks
        elif document == "openid-configuration":
            found = {"issuer": self.owner.url + path, "jwks_uri": f"{self.owner.url}/jwks"}
        self.answer(200 if found else 404, found)
