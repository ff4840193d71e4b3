"""The mail itself: a few messages per user, made up from the user's name, kept in memory."""

from dataclasses import asdict, dataclass, replace

_WRITTEN = {
    "alice": [
        ("carol@acme.example", "Budget for the spring fair", "Can you approve 1,200 by Friday?"),
        ("build@acme.example", "Nightly build failed", "Step 'package' ended with status 2."),
        ("dave@acme.example", "Lunch on Thursday?", "The new place at the harbour, at noon."),
    ],
    "bob": [
        ("erin@acme.example", "Contract draft, version 3", "Clause 7 changed. Please read it."),
        ("travel@acme.example", "Your train to Lyon", "Seat 41, coach 5, 08:12 from platform 3."),
    ],
}


@dataclass(frozen=True)
class Message:
    id: str
    sender: str
    to: str
    subject: str
    received_at: str
    body: str
    unread: bool = True

    def summary(self) -> dict:
        """All but the text, as lists show it."""
        fields = self.full()
        del fields["body"]
        return fields

    def full(self) -> dict:
        fields = asdict(self)
        fields["from"] = fields.pop("sender")
        return fields


class Mailboxes:
    """Every read or write names the user; nothing reaches another user's mail."""

    def __init__(self) -> None:
        self._boxes: dict[str, dict[str, Message]] = {}

    def messages(self, user: str, unread_only: bool = False) -> list[Message]:
        """Oldest first."""
        return [m for m in self._box(user).values() if m.unread or not unread_only]

    def find(self, user: str, message_id: str) -> Message | None:
        """None also for a message that exists but belongs to someone else."""
        return self._box(user).get(message_id)

    def mark_done(self, user: str, message_id: str) -> Message | None:
        """Marks a message as read; doing so twice changes nothing more."""
        message = self.find(user, message_id)
        if message is None:
            return None
        done = replace(message, unread=False)
        self._box(user)[message_id] = done
        return done

    def _box(self, user: str) -> dict[str, Message]:
        if user not in self._boxes:
            self._boxes[user] = {m.id: m for m in _first_messages(user)}
        return self._boxes[user]


def _first_messages(user: str) -> list[Message]:
    written = _WRITTEN.get(user) or [
        ("welcome@acme.example", f"Welcome, {user}", f"This mailbox belongs to {user}."),
        ("digest@acme.example", f"Weekly digest for {user}", "Nothing happened."),
    ]
    return [
        Message(
            id=f"{user}-{number}",
            sender=sender,
            to=f"{user}@acme.example",
            subject=subject,
            received_at=f"2026-03-02T{7 + number:02}:15:00Z",
            body=body,
        )
        for number, (sender, subject, body) in enumerate(written, start=1)
    ]
