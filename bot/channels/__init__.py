"""What a channel is to the desk: where messages come from and go to.

A channel knows its platform and nothing else: no database, no ticket, no other channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from bot.core.types import Button, Language, Media

Reach: TypeAlias = Literal["always", "window", "reply_only"]


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as it came in. `external_id` is the platform's own id of it: a redelivery carries the same one.

    `address` is where an answer goes: a chat, an openid, a member.
    """

    channel: str
    account: str
    external_id: str
    address: str
    text: str = ""
    button: str | None = None
    media: tuple[Media, ...] = ()
    location: str | None = None
    sender_name: str = ""
    language: Language | None = None  # of the page or account it came by, for what has no words

    def to_json(self) -> dict[str, Any]:
        """What the inbox row keeps."""
        return {
            "text": self.text,
            "button": self.button,
            "media": [[m.kind, m.reference, m.path] for m in self.media],
            "location": self.location,
            "sender_name": self.sender_name,
            "address": self.address,
            "language": self.language,
        }

    @classmethod
    def from_json(cls, channel: str, account: str, external_id: str, data: Mapping[str, Any]) -> Inbound:
        """The message of an inbox row."""
        return cls(
            channel,
            account,
            external_id,
            data["address"],
            data.get("text", ""),
            data.get("button"),
            tuple(Media(kind, reference, path) for kind, reference, path in data.get("media", ())),
            data.get("location"),
            data.get("sender_name", ""),
            data.get("language"),
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message may hold. `characters` counts as the platform counts; 0: no limit."""

    characters: int = 0
    bytes: int = 0
    buttons: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One outbox row on its way. `id` is the row's: a channel that can deduplicate may use it."""

    id: int
    text: str
    buttons: tuple[Button, ...] = ()
    key: str = ""
    author: str = ""  # the person whose words these are; empty: the desk's own
    photos: tuple[str, ...] = ()  # names in the media store


class SendError(Exception):
    """The platform did not take the message.

    Args:
        reason: for staff, without personal data.
        retryable: whether another try may succeed.
        after: how long the platform asks us to wait; None: as the desk sees fit.
        unconfirmed: the message may have arrived all the same (the connection broke after it was handed over), and a
            second try would risk a double: it ends `sent_unconfirmed`.
    """

    def __init__(
        self, reason: str, *, retryable: bool, after: timedelta | None = None, unconfirmed: bool = False
    ) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.after = after
        self.unconfirmed = unconfirmed


class Channel(Protocol):
    """One account on one platform."""

    @property
    def name(self) -> str: ...

    @property
    def account(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def reach(self) -> Reach: ...

    async def send(self, to: str, message: Message) -> str:
        """Deliver, and return the platform's id of it. Raises SendError."""
        ...


@runtime_checkable
class Fetches(Protocol):
    """A channel whose photos stay on the platform until they are asked for."""

    async def fetch(self, media: Media) -> bytes:
        """The bytes of a photo the channel named. Raises SendError."""
        ...
