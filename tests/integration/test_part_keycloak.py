"""The Keycloak that other tests stand on issues the tokens they count on."""

import base64
import hashlib
import html
import re
import secrets
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from parts.keycloak import claims_of


def test_tokens_carry_our_audience_the_tenant_and_permissions(keycloak):
    claims = claims_of(keycloak.token("alice"))
    assert claims["iss"] == keycloak.issuer
    assert "behalf" in ([claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"])
    assert claims["tenant"] == "acme"
    assert set(claims["permissions"]) == {"threads:read", "threads:write", "store:write"}
    assert claims_of(keycloak.token("carol"))["permissions"] == ["threads:read"]
    assert claims_of(keycloak.token("mallory"))["tenant"] == "globex"


def test_subjects_differ_and_are_safe_in_a_path(keycloak):
    subjects = {keycloak.subject(user) for user in ("alice", "bob", "carol", "mallory")}
    assert len(subjects) == 4
    assert all(re.fullmatch(r"[0-9a-f-]{36}", subject) for subject in subjects)


@pytest.mark.parametrize(
    "client, algorithm, kind", [("behalf", "RS256", "JWT"), ("behalf-es256", "ES256", "at+jwt")]
)
def test_tokens_verify_with_the_published_keys(keycloak, client, algorithm, kind):
    token = keycloak.token("alice", client=client)
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == (algorithm, kind)
    key = jwt.PyJWKClient(keycloak.jwks_url, timeout=60).get_signing_key_from_jwt(token)
    jwt.decode(token, key, algorithms=[algorithm], audience="behalf", issuer=keycloak.issuer)


def test_another_apps_token_is_valid_but_not_for_us(keycloak):
    claims = claims_of(keycloak.token("alice", client="other-app"))
    audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
    assert "behalf" not in audiences
    assert claims["iss"] == keycloak.issuer


def test_introspection_and_userinfo_know_a_token_until_logout(keycloak):
    token = keycloak.token("bob")
    bearer = {"Authorization": f"Bearer {token}"}
    seen = keycloak.introspect(token)
    assert seen["active"] is True
    assert (seen["username"], seen["tenant"]) == ("bob", "acme")
    info = httpx.get(keycloak.discovery["userinfo_endpoint"], headers=bearer, timeout=60)
    assert info.json()["tenant"] == "acme"

    keycloak.log_out("bob")
    assert keycloak.introspect(token)["active"] is False
    again = httpx.get(keycloak.discovery["userinfo_endpoint"], headers=bearer, timeout=60)
    assert again.status_code == 401


def test_new_tokens_use_a_rotated_key_that_is_published(keycloak):
    before = jwt.get_unverified_header(keycloak.token("alice"))["kid"]
    keycloak.rotate_keys()
    token = keycloak.token("alice")
    after = jwt.get_unverified_header(token)["kid"]
    assert after != before
    published = {key["kid"] for key in httpx.get(keycloak.jwks_url, timeout=60).json()["keys"]}
    assert {before, after} <= published


def test_authorization_code_needs_pkce(keycloak):
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    redirect = "http://127.0.0.1:45678/callback"
    request = {
        "client_id": "behalf",
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": redirect,
        "state": "s1",
    }
    proof = {
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    endpoint = keycloak.discovery["authorization_endpoint"]
    with httpx.Client(timeout=60) as browser:
        refused = browser.get(endpoint, params=request)
        assert "error=invalid_request" in refused.headers["location"]

        page = browser.get(endpoint, params=request | proof)
        action = html.unescape(re.search(r'action="([^"]+)"', page.text)[1])
        # The cookies are marked Secure; browsers send those over http to this machine, httpx not.
        cookies = "; ".join(f"{c.name}={c.value}" for c in browser.cookies.jar)
        login = {"username": "alice", "password": "alice"}
        done = browser.post(action, data=login, headers={"Cookie": cookies})
    location = done.headers["location"]
    assert location.startswith(redirect)
    exchange = {
        "grant_type": "authorization_code",
        "client_id": "behalf",
        "redirect_uri": redirect,
        "code": parse_qs(urlsplit(location).query)["code"][0],
    }
    token = keycloak.grant({**exchange, "code_verifier": verifier})["access_token"]
    assert claims_of(token)["preferred_username"] == "alice"
