"""Our verdict on a token against a well-known library's: PyJWT, given the same keys and demands.

What the library refuses we must refuse. What we refuse and it takes must be in DIFFERENCES.
"""

import collections
import http.client
import json
import time
import uuid
import warnings
from collections.abc import Callable, Iterator

import jwt
import pytest
from parts.issuer import Issuer
from parts.stacks import OWNER
from parts.token_cases import ALGORITHMS, Case, all_cases

DIFFERENCES = {
    "weak keys": "RSA below 2048 bits is no key to us (RFC 7518 3.3); the library warns",
    "key_ops": "a key's own word on its use counts (RFC 7517 4.3); the library does not read it",
    "extensions": "we know no extension, so `crit` and `b64` are refused whatever they say",
    "unique names": "a name that stands twice has two readers (RFC 7519 4); the library takes one",
    "no padding": "base64url has no padding in a JWS (RFC 7515 2); one issuer's habit is let pass",
    "size": "16 KB is enough for a token",
    "expired is expired": "clocks may differ for nbf and iat, but an end is an end",
    "dates": "a date is a whole number, above 0, before the year 10000; the library takes texts",
    "subjects": "a subject goes into rows, logs and policies: text, no control characters, short",
    "strict JSON": "UTF-8 and RFC 8259 to the letter; Python's reader knows more",
    "kinds of token": "only access tokens: by `typ` (RFC 9068), else by what ID tokens carry",
}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    server = Issuer()
    yield server
    server.stop()


def library(issuer: Issuer) -> Callable[[Case], str | None]:
    """Why the library refuses a token; None when it takes it."""
    published = [jwt.PyJWK(k, k.get("alg")) for k in issuer.jwks["keys"] if k.get("use") != "enc"]
    kty = {"R": "RSA", "P": "RSA"}
    curves = {"ES256": "P-256", "ES384": "P-384", "EdDSA": "Ed25519"}

    def fits(key: jwt.PyJWK, alg) -> bool:
        data = key._jwk_data
        wanted = curves.get(alg) if isinstance(alg, str) else None
        return data.get("crv") == wanted if wanted else data["kty"] == kty.get(str(alg)[:1])

    def choose(token: str):
        """By kid; without one the only key that fits. One bound to an algorithm is used as such."""
        header = jwt.get_unverified_header(token)
        if "kid" in header:
            found = [k for k in published if k.key_id == header["kid"]]
        else:
            found = [k for k in published if fits(k, header.get("alg"))]
        if len(found) != 1:
            raise jwt.InvalidKeyError("no such key, or several")
        return found[0] if "alg" in found[0]._jwk_data else found[0].key

    def verdict(case: Case) -> str | None:
        # jti: we do not use it, so neither demands anything of it.
        options = {"require": ["exp", "iss", "aud", "sub"], "verify_jti": False}
        try:
            jwt.decode(case.token, choose(case.token), ALGORITHMS[case.profile], options,
                       audience=Issuer.AUDIENCE, issuer=f"{issuer.url}/{case.profile}", leeway=60)
        except (jwt.PyJWTError, TypeError, ValueError) as why:
            return f"{type(why).__name__}: {why}"
        return None

    return verdict


class Door:
    """One connection to the server; the header is sent as written."""

    def __init__(self, url: str):
        self._to = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        self._path = f"/threads/{uuid.uuid4()}"

    def accepts(self, token: str) -> bool:
        """Whoever comes in is told that this thread does not exist; the others need a token."""
        self._to.putrequest("GET", self._path)
        self._to.putheader("Authorization", f"Bearer {token}".encode())
        self._to.endheaders()
        answer = self._to.getresponse()
        body = answer.read()
        assert answer.status in (401, 404), (answer.status, body)
        assert (answer.status == 401) == ("WWW-Authenticate" in answer.headers)
        assert token.encode() not in body
        return answer.status == 404


def test_nothing_the_library_refuses_comes_in(behalf, issuer, tmp_path):
    provider = {"type": "oidc", "audience": Issuer.AUDIENCE}
    server = behalf({
        "identity": [
            {**provider, "issuer": f"{issuer.url}/at", "algorithms": ALGORITHMS["at"]},
            {**provider, "issuer": f"{issuer.url}/plain", "allow_generic_jwt_typ": True,
             "identity_prefix": "plain:"}],
        "authorization": OWNER, "graphs": {"hello": "builtin:hello"}})
    began = time.monotonic()
    door, judge, faults = Door(server.url), library(issuer), []
    met: collections.Counter[str] = collections.Counter()
    for case in all_cases(issuer):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            refusal = judge(case)
        taken = door.accepts(case.token)
        if taken == (refusal is None):
            met["both take" if taken else "both refuse"] += 1
        if case.good and not (taken and refusal is None):
            faults.append(f"{case.name}: must be taken (we: {taken}, the library: {refusal})")
        elif taken and refusal:
            faults.append(f"{case.name}: WE TAKE what the library refuses: {refusal}")
        elif not taken and not refusal:
            met[case.stricter or "?"] += 1
            if case.stricter not in DIFFERENCES:
                faults.append(f"{case.name}: we refuse what the library takes, without a reason")
    spent = time.monotonic() - began
    (tmp_path / "verdicts.json").write_text(json.dumps(met | {"seconds": round(spent, 2)}))
    assert not faults, "\n".join(faults)
    assert not (unmet := set(DIFFERENCES) - set(met)), f"differences that are none: {unmet}"
    assert met["both take"] >= 35 and met["both refuse"] >= 400, met
    assert spent < 15, f"{sum(met.values())} tokens in {spent:.1f} s"
