"""What a channel is to the desk: where messages come from and go to.

A channel knows its platform and nothing else: no database, no ticket, no other channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

from starlette.routing import BaseRoute

from bot.core.types import Button, Language, Media

Reach: TypeAlias = Literal["always", "window", "reply_only"]

#: How the page of a notebook begins that holds what the person at an address has agreed to. It goes when they are forgotten.
AGREED: Final = "agreed:"


#: Fields of a message that most messages lack.
_RARE = ("tap", "start", "event", "phone", "group", "replaces")


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as it came in. `external_id` is the platform's own id of it: a redelivery carries the same one.

    `address` is where an answer goes: a chat, an openid, a member.

    Args:
        button: what a button sends back, where the platform carries it whole.
        tap: a short token instead (`token_of` made it), for platforms that carry few bytes; the desk looks up what it meant.
        start: what a deep link or a scanned code carried, e.g. an invite.
        event: "arrived" (they opened the chat or subscribed) or "left" (unsubscribed, blocked us); a message is "".
        phone: a telephone the platform vouches for as the sender's own.
        group: said in a group, to the desk. Never answered with personal data.
        replaces: the external id of the message this is an edit of: a correction.
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
    tap: str = ""
    start: str = ""
    event: Literal["", "arrived", "left"] = ""
    phone: str = ""
    group: bool = False
    replaces: str = ""

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
            # Only some messages have these; a row without them is as small as before.
            **{name: value for name in _RARE if (value := getattr(self, name))},
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
            **{name: data[name] for name in _RARE if name in data},
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message may hold. `characters` counts as the platform counts; 0: no limit."""

    characters: int = 0
    bytes: int = 0
    buttons: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """A delivery that is kept: its platform may be acknowledged. A duplicate changed nothing."""

    inbox_id: int
    conversation_id: int
    duplicate: bool


class Accept(Protocol):
    """Keeps a delivery. When it returns, the message is committed and the platform may be acknowledged; when it raises, the
    platform must not be, so that it delivers again."""

    async def __call__(self, message: Inbound) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class Message:
    """One outbox row on its way. `id` is the row's: a channel that can deduplicate may use it."""

    id: int
    text: str
    buttons: tuple[Button, ...] = ()
    key: str = ""
    author: str = ""  # the person whose words these are; empty: the desk's own
    photos: tuple[str, ...] = ()  # names in the media store


def token_of(message: Message, position: int) -> str:
    """A short token for the button at this position, for platforms that carry few bytes: it comes back as `Inbound.tap`."""
    return f"{message.id}.{position}"


def tapped(tap: str) -> tuple[int, int] | None:
    """The outbox row and the position of the button that such a token names; None for what is no token."""
    row, dot, position = tap.partition(".")
    if not dot or not (row.isascii() and row.isdigit() and position.isascii() and position.isdigit()) or len(row) > 18:
        return None
    return int(row), int(position)


def in_both(zh: str, en: str) -> str:
    """A reason in the two languages of the staff, as one line of a row; `in_language` takes one out again. `zh` ends with 。"""
    return f"{zh} {en}"


def in_language(reason: str, language: str) -> str:
    """What `in_both` made, in one language; a reason in one language alone is shown as it is."""
    zh, stop, en = reason.partition("。 ")
    if not stop:
        return reason
    return en if language == "en" else f"{zh}。"


def one_after_another(reasons: Sequence[str]) -> str:
    """Several reasons of `in_both` as one."""
    return in_both("".join(in_language(r, "zh") for r in reasons), " ".join(in_language(r, "en") for r in reasons))


class SendError(Exception):
    """The platform did not take the message.

    Args:
        reason: for staff, with the way out, in the two languages that `in_both` puts together, without personal data.
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
class Listens(Protocol):
    """A channel that asks its platform for messages (long polling)."""

    async def listen(self, accept: Accept) -> None:
        """Hear until cancelled. The desk runs it in one process at a time, under a lease of the account; it survives every
        error of the platform, waiting as the platform asks."""
        ...


@runtime_checkable
class Serves(Protocol):
    """A channel whose platform calls us."""

    def routes(self, accept: Accept, answers: Answers) -> Sequence[BaseRoute]:
        """What the web server is to serve for this account."""
        ...


class Answers(Protocol):
    """The desk's answer to a delivery while its platform still waits for the response (a passive reply); and what a platform
    says later of a message it had taken."""

    async def take(self, receipt: Receipt, patience: timedelta) -> tuple[Message, ...]:
        """The conversation's unsent messages, claimed, as soon as the delivery was heard; () when that takes longer than
        `patience` or nothing is to be said. Whoever takes them must `settle` them."""
        ...

    async def settle(self, messages: Sequence[Message], *, delivered: bool) -> None:
        """They went out with the response (`sent_unconfirmed` until the platform asks again), or go back to the queue."""
        ...

    async def undelivered(self, channel: Channel, to: str, external_id: str, reason: str) -> bool:
        """The message `send` returned this id for did not arrive after all: it failed, and becomes a call for staff, once.

        Args:
            reason: as in SendError.

        Returns:
            False: no such message is known.
        """
        ...


class Notebook(Protocol):
    """Small facts a platform makes an account keep across restarts and processes. One transaction each."""

    async def read(self, page: str) -> Mapping[str, Any] | None:
        """The page as it stands, unless its time has passed."""
        ...

    async def change(
        self, page: str, edit: Callable[[Mapping[str, Any] | None], Mapping[str, Any]], keep: timedelta
    ) -> Mapping[str, Any]:
        """Replace the page by what `edit` makes of it (None: there is none), alone among all processes, and return that.
        `edit` is quick and pure; what it raises changes nothing. The page is forgotten after `keep`."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What `bot channels check` found: fine or not, in words an office understands, with what it must do."""

    ok: bool
    what: str
    remedy: str = ""


@runtime_checkable
class Checks(Protocol):
    """A channel that can tell whether its account works."""

    async def check(self) -> Sequence[Finding]:
        """Ask the platform. Never raises: what fails is a finding."""
        ...


@runtime_checkable
class Invites(Protocol):
    """A channel that residents can be led into by a link."""

    async def link(self, start: str, lasts: timedelta) -> str:
        """What opens a chat and carries `start` (1 to 64 characters): to be tapped, or drawn as a QR code. It may stop working after
        `lasts`. Raises SendError."""
        ...


@runtime_checkable
class Prepares(Protocol):
    """A channel whose platform must be told something once: a webhook, a menu."""

    async def prepare(self) -> Sequence[Finding]:
        """Set it. Never raises: what fails is a finding."""
        ...


@runtime_checkable
class Announces(Protocol):
    """A channel that speaks to a group of colleagues, who are told the day's figures there."""

    @property
    def digest_at(self) -> time:
        """When, by the community's clock."""
        ...


@runtime_checkable
class Redraws(Protocol):
    """A channel that can change a message with buttons after it was sent."""

    async def update_card(self, message_id: int, text: str) -> bool:
        """Put a sentence where the buttons of the outbox row's message were. False: there is nothing to change it with.
        Raises SendError."""
        ...


@runtime_checkable
class Fetches(Protocol):
    """A channel whose photos stay on the platform until they are asked for."""

    async def fetch(self, media: Media) -> bytes:
        """The bytes of a photo the channel named. Raises SendError."""
        ...
