"""What WeChat sent → `Inbound`, and which window it opens. One table for messages, one for events.

developers.weixin.qq.com/doc/service/guide/product/message/Receiving_standard_messages and Receiving_event_pushes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from wechatpy import parse_message

from bot.channels import Inbound
from bot.channels.wechat.window import Source
from bot.core.types import Media

NAME: Final = "wechat"
_OPENID: Final = re.compile(r"[A-Za-z0-9_-]{6,64}")


class Unreadable(Exception):
    """A message of WeChat's that lacks what every message has. The reason holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message or event.

    Args:
        inbound: what the desk hears; None: nothing that concerns it.
        openid, sent_at: whose, and when by WeChat's clock.
        opens: the window it opens.
        closes: they left: nothing more may be sent.
        to: the account it was sent to (gh_…).
        trouble: what WeChat reports about a template message it had taken, for the log.
    """

    openid: str
    to: str
    sent_at: datetime
    external_id: str
    inbound: Inbound | None
    opens: Source | None = None
    closes: bool = False
    trouble: str = ""


#: A message's fields as wechatpy found them. A value is text, or None where the element was empty.
Fields: TypeAlias = Mapping[str, Any]


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _words(fields: Fields) -> dict[str, Any]:
    return {"text": _text(fields, "Content")}


def _photo(fields: Fields) -> dict[str, Any]:
    # Its web address stands behind the id: an account without the right to fetch files has no other way to the photo.
    return {"media": (Media("photo", f"{_text(fields, 'MediaId')} {_text(fields, 'PicUrl')}".strip()),)}


def _voice(fields: Fields) -> dict[str, Any]:
    # `Recognition`, WeChat's own transcript, is being withdrawn and is not read.
    return {"media": (Media("voice", _text(fields, "MediaId")),)}


def _place(fields: Fields) -> dict[str, Any]:
    spot = f"{_text(fields, 'Location_X')},{_text(fields, 'Location_Y')}"
    return {"location": _text(fields, "Label").strip() or spot}


def _thing(fields: Fields) -> dict[str, Any]:
    # Nothing the desk can read. It hears of which kind it was, so that it can say so.
    return {"media": (Media("file", _text(fields, "MsgType").lower()),)}


_MESSAGES: Final[Mapping[str, Callable[[Fields], dict[str, Any]]]] = {
    "text": _words,
    "image": _photo,
    "voice": _voice,
    "location": _place,
}


@dataclass(frozen=True, slots=True)
class _Happening:
    """What an event means: to the desk (None: nothing), and for the windows."""

    heard: Callable[[Fields], dict[str, Any]] | None = None
    opens: Source | None = None
    closes: bool = False


def _arrived(fields: Fields) -> dict[str, Any]:
    # wechatpy has taken `qrscene_` off. A follow without a code has no EventKey, or an empty one.
    key = _text(fields, "EventKey")
    return {"event": "arrived", "start": "" if key.startswith("last_trade_no_") else key.removeprefix("qrscene_")}


def _left(_: Fields) -> dict[str, Any]:
    return {"event": "left"}


def _pressed(fields: Fields) -> dict[str, Any]:
    return {"button": _text(fields, "EventKey")}


#: Every other event (a link opened, a template delivered, a position reported) says nothing to the desk.
_EVENTS: Final[Mapping[str, _Happening]] = {
    "subscribe": _Happening(_arrived, "subscribe"),
    "subscribe_scan": _Happening(_arrived, "subscribe"),
    "scan": _Happening(_arrived, "scan"),
    "unsubscribe": _Happening(_left, closes=True),
    "click": _Happening(_pressed, "menu"),
    "scancode_push": _Happening(None, "menu"),
    "scancode_waitmsg": _Happening(None, "menu"),
}


def read(account: str, xml: str) -> Arrival:
    """What a decrypted message says. Its XML was checked by `envelope`.

    Raises:
        Unreadable: it has no sender, time, kind or id.
    """
    try:
        message = parse_message(xml)
        fields: Fields = message._data
        kind = _text(fields, "MsgType").lower()
        sent_at = datetime.fromtimestamp(int(_text(fields, "CreateTime")), UTC)
    except Exception as error:  # wechatpy trusts its input: KeyError, AttributeError, ValueError …
        raise Unreadable(f"a message could not be read ({type(error).__name__})") from error
    openid = _text(fields, "FromUserName")
    if not _OPENID.fullmatch(openid):
        raise Unreadable("a message names no sender")
    opens: Source | None
    trouble = ""
    if kind == "event":
        event = _text(fields, "Event").lower()
        happening = _EVENTS.get(event, _Happening())
        # An event has no id of its own: WeChat says to tell them apart by sender and second.
        external_id = f"{openid}:{int(sent_at.timestamp())}:{event}"
        found = happening.heard(fields) if happening.heard else None
        opens, closes = happening.opens, happening.closes
        if event == "templatesendjobfinish" and _text(fields, "Status") != "success":
            trouble = f"template:{_text(fields, 'MsgID')} was not shown: {_text(fields, 'Status')}"
    else:
        number = _text(fields, "MsgId")
        if not number.isascii() or not number.isdigit():
            raise Unreadable("a message has no MsgId")
        external_id = number
        found = _MESSAGES.get(kind, _thing)(fields)
        # A click on a link of the bizmsgmenu kind comes as a text and counts as a menu click.
        opens, closes = ("menu" if _text(fields, "bizmsgmenuid") else "message"), False
    inbound = None if found is None else Inbound(NAME, account, external_id, openid, **found)
    return Arrival(openid, _text(fields, "ToUserName"), sent_at, external_id, inbound, opens, closes, trouble)
