"""Who may call: users and their bearer tokens, of which only SHA-256 hashes are kept."""

import hashlib
import hmac
import json
import os
from pathlib import Path


def fingerprint(token: str) -> str:
    """The SHA-256 of a token in hex: what this program keeps, compares and records."""
    return hashlib.sha256(token.encode()).hexdigest()


class Accounts:
    """Users by token fingerprint, and the key that opens /admin."""

    def __init__(self, users: dict[str, str], admin_key: str | None):
        """`users` maps a fingerprint to a user name; `admin_key` is a fingerprint too."""
        self._users = users
        self._admin_key = admin_key

    @classmethod
    def load(cls, path: str | None) -> "Accounts":
        """Reads a JSON file, or without one the environment variable INBOX_ACCOUNTS.

        {"users": {"alice": {"token_sha256": "…"}}, "admin_key_sha256": "…"}; `token` and
        `admin_key` take the plain value where a file with a secret in it is no concern.
        """
        text = Path(path).read_text() if path else os.environ.get("INBOX_ACCOUNTS", "")
        if not text:
            raise ValueError("no accounts: give --accounts FILE or set INBOX_ACCOUNTS")
        given = json.loads(text)
        users = {_hash_of(entry, "token"): name for name, entry in given["users"].items()}
        return cls(users, _hash_of(given, "admin_key", required=False))

    def user_of(self, token: str) -> str | None:
        """The user this token belongs to; None for an unknown or revoked one."""
        return self._users.get(fingerprint(token))

    def is_valid(self, token_hash: str) -> bool:
        return token_hash in self._users

    def is_admin(self, key: str) -> bool:
        return self._admin_key is not None and hmac.compare_digest(
            fingerprint(key), self._admin_key
        )

    def add(self, user: str, token: str) -> None:
        self._users[fingerprint(token)] = user

    def revoke(self, user: str) -> int:
        """Makes all tokens of a user unknown; answers how many those were."""
        theirs = [token_hash for token_hash, name in self._users.items() if name == user]
        for token_hash in theirs:
            del self._users[token_hash]
        return len(theirs)


def _hash_of(entry: dict, key: str, required: bool = True) -> str | None:
    if f"{key}_sha256" in entry:
        return entry[f"{key}_sha256"].lower()
    if key in entry:
        return fingerprint(entry[key])
    if required:
        raise ValueError(f"an account needs {key} or {key}_sha256")
    return None
