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
        agreements: templates of notices, and whether they agreed to them now or take it back.
        lost: what WeChat had taken and did not deliver: as `send` named it, and WeChat's word for the reason.
    """

    openid: str
    to: str
    sent_at: datetime
    external_id: str
    inbound: Inbound | None
    opens: Source | None = None
    closes: bool = False
    agreements: tuple[tuple[str, bool], ...] = ()
    lost: tuple[tuple[str, str], ...] = ()


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
    """What an event means: to the desk (None: nothing), for the windows, for the notices, for what was sent."""

    heard: Callable[[Fields], dict[str, Any]] | None = None
    opens: Source | None = None
    closes: bool = False
    agreements: Callable[[Fields], tuple[tuple[str, bool], ...]] | None = None
    lost: Callable[[Fields], tuple[tuple[str, str], ...]] | None = None


def _arrived(fields: Fields) -> dict[str, Any]:
    # wechatpy has taken `qrscene_` off. A follow without a code has no EventKey, or an empty one.
    key = _text(fields, "EventKey")
    return {"event": "arrived", "start": "" if key.startswith("last_trade_no_") else key.removeprefix("qrscene_")}


def _left(_: Fields) -> dict[str, Any]:
    return {"event": "left"}


def _pressed(fields: Fields) -> dict[str, Any]:
    return {"button": _text(fields, "EventKey")}


def _notices(fields: Fields) -> list[Fields]:
    """The lines of an event about notices. Of one line wechatpy makes no list; and the page's own sample of a change has the
    element of the pop-up."""
    held = (fields.get(f"SubscribeMsg{what}Event") for what in ("Popup", "Change", "Sent"))
    lines = next((element.get("List") for element in held if isinstance(element, Mapping)), None)
    return [line for line in (lines if isinstance(lines, list) else [lines]) if isinstance(line, Mapping) and _text(line, "TemplateId")]


def _agreements(fields: Fields) -> tuple[tuple[str, bool], ...]:
    said = ((_text(line, "TemplateId"), _text(line, "SubscribeStatusString")) for line in _notices(fields))
    return tuple((template, status == "accept") for template, status in said if status in ("accept", "reject"))


def _lost_notices(fields: Fields) -> tuple[tuple[str, str], ...]:
    sent = ((_text(line, "MsgID"), _text(line, "ErrorCode"), _text(line, "ErrorStatus")) for line in _notices(fields))
    return tuple((f"notice:{number}", f"{code} {status}".strip()) for number, code, status in sent if number and code not in ("", "0"))


def _lost_template(fields: Fields) -> tuple[tuple[str, str], ...]:
    number, status = _text(fields, "MsgID"), _text(fields, "Status")
    return ((f"template:{number}", status),) if number and status not in ("", "success") else ()


#: Every other event (a link opened, a position reported) says nothing to the desk.
_EVENTS: Final[Mapping[str, _Happening]] = {
    "subscribe": _Happening(_arrived, "subscribe"),
    "subscribe_scan": _Happening(_arrived, "subscribe"),
    "scan": _Happening(_arrived, "scan"),
    "unsubscribe": _Happening(_left, closes=True),
    "click": _Happening(_pressed, "menu"),
    "scancode_push": _Happening(None, "menu"),
    "scancode_waitmsg": _Happening(None, "menu"),
    "subscribe_msg_popup_event": _Happening(agreements=_agreements),
    # Says that somebody switched the notices off, never that they switched them on.
    "subscribe_msg_change_event": _Happening(agreements=lambda fields: tuple(a for a in _agreements(fields) if not a[1])),
    "subscribe_msg_sent_event": _Happening(lost=_lost_notices),
    "templatesendjobfinish": _Happening(lost=_lost_template),
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
    happening = _Happening(opens="message")
    if kind == "event":
        event = _text(fields, "Event").lower()
        happening = _EVENTS.get(event, _Happening())
        # An event has no id of its own: WeChat says to tell them apart by sender and second.
        external_id = f"{openid}:{int(sent_at.timestamp())}:{event}"
        found = happening.heard(fields) if happening.heard else None
    else:
        number = _text(fields, "MsgId")
        if not number.isascii() or not number.isdigit():
            raise Unreadable("a message has no MsgId")
        external_id = number
        found = _MESSAGES.get(kind, _thing)(fields)
        if _text(fields, "bizmsgmenuid"):  # a click on a link of that kind comes as a text and counts as a menu click
            happening = _Happening(opens="menu")
    inbound = None if found is None else Inbound(NAME, account, external_id, openid, **found)
    return Arrival(
        openid, _text(fields, "ToUserName"), sent_at, external_id, inbound, happening.opens, happening.closes,
        happening.agreements(fields) if happening.agreements else (),
        happening.lost(fields) if happening.lost else (),
    )  # fmt: skip
