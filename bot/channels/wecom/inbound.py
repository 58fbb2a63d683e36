"""What a member did, read from the opened message: words, a photo, a pressed button, an arrival.

Shapes: developer.work.weixin.qq.com/document/path/90239 (消息格式) and 90240 (事件格式).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wechatpy.enterprise import parse_message

from bot.channels import Inbound
from bot.channels.wecom.account import NAME, WeComAccount
from bot.channels.wecom.envelope import Refused, without_declarations
from bot.core.types import Media


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of a card. `task` names the card, `code` allows to change it once."""

    task: str
    key: str
    code: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. `inbound` is None for what the desk has no use for; it is acknowledged all the same."""

    inbound: Inbound | None
    pressed: Pressed | None = None


def read(xml: str, account: WeComAccount) -> Heard:
    """The message of an opened envelope. Raises Refused when it is none, or not for this application."""
    try:
        # `_data` is the message as a mapping, whichever class wechatpy has for it: 1.8 has none for card events.
        data: Mapping[str, Any] = parse_message(without_declarations(xml))._data
        kind, sender = str(data["MsgType"]).lower(), str(data["FromUserName"])
        event = str(data["Event"]).lower() if kind == "event" else ""
    except Refused:
        raise
    except Exception:
        raise Refused("the message cannot be read") from None
    if data.get("ToUserName") != account.corp:
        raise Refused("the message is for another company")
    if "AgentID" not in data:  # of the company as a whole: its address book, its batch jobs
        return Heard(None)
    if data["AgentID"] != str(account.agent):
        raise Refused("the message is for another application")
    if not sender:
        raise Refused("the message has no sender")

    what = _EVENTS.get(event) if event else _MESSAGES.get(kind)
    if what is None:
        return Heard(None)
    pressed = None
    if event == _CARD:
        pressed = Pressed(_word(data, "TaskId"), _word(data, "EventKey"), _word(data, "ResponseCode"))
    return Heard(Inbound(NAME, account.name, _id_of(data, event), sender, **what(data)), pressed)


def _id_of(data: Mapping[str, Any], event: str) -> str:
    """The vendor's advice: MsgId, and for events, which have none, sender and time. The kind and the card are added, since
    one member may do two different things within a second."""
    number = _word(data, "MsgId")
    if number:
        return number
    parts = (_word(data, "FromUserName"), _word(data, "CreateTime"), event, _word(data, "TaskId"), _word(data, "EventKey"))
    return ":".join(part for part in parts if part)


def _word(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _place(data: Mapping[str, Any]) -> str:
    parts = (_word(data, "Location_X"), _word(data, "Location_Y"), _word(data, "Label"))
    return " ".join(part for part in parts if part)


def _link(data: Mapping[str, Any]) -> str:
    return " ".join(part for part in (_word(data, "Title"), _word(data, "Url")) if part)


def _sent(kind: Any) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda data: {"media": (Media(kind, _word(data, "MediaId")),)}


_CARD = "template_card_event"

_MESSAGES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "text": lambda data: {"text": _word(data, "Content")},
    "image": _sent("photo"),
    "voice": _sent("voice"),
    "video": _sent("file"),
    "location": lambda data: {"location": _place(data)},
    "link": lambda data: {"text": _link(data)},
}
#: `subscribe` comes when a member joins the application's visible range, `unsubscribe` when one leaves it or the company.
#: `enter_agent` comes at every opening of the application and says nothing new, so it is not heard.
_EVENTS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "subscribe": lambda data: {"event": "arrived"},
    "unsubscribe": lambda data: {"event": "left"},
    "click": lambda data: {"button": _word(data, "EventKey")},
    _CARD: lambda data: {"tap": _word(data, "EventKey")},
}
