"""The platforms the desk speaks on: how an entry of data/channels.yml is read, and how the channel is made of it.

Their libraries are heavy, so this module is imported where an account is listed, and not before. To add a channel, list it in
PLATFORMS.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from bot.accounts import Account, Secret
from bot.channels import Channel, telegram, wechat, wecom
from bot.core import texts
from bot.core.domain import Script
from bot.core.resolve.command import SLASHES
from bot.media import SIDES, MediaStore
from bot.notebook import Notes


@dataclass(frozen=True, slots=True)
class Parts:
    """What channels are built from besides their account and notebook."""

    now: Callable[[], datetime]
    script: Script
    picture: Callable[[str], Awaitable[bytes]]
    media: MediaStore


def _telegram(account: Any, notes: Notes, parts: Parts) -> Channel:
    return telegram.channel(
        account, notes, now=parts.now, sleep=asyncio.sleep, jitter=random.random, menu=menu(parts.script),
        picture=parts.picture,
    )  # fmt: skip


def _jpeg(media: MediaStore, name: str) -> bytes:
    """A kept photo as WeChat and WeCom take one: neither takes WebP."""
    data, content_type = media.open(name)
    return data if content_type == "image/jpeg" else media.thumbnail(name, SIDES[-1])


def _wechat(account: Any, notes: Notes, parts: Parts) -> Channel:
    return wechat.WeChat(account, notes, parts.now, photo=partial(_jpeg, parts.media), buttons=menu_of_three(parts.script))


def _wecom(account: Any, notes: Notes, parts: Parts) -> Channel:
    return wecom.WeCom(account, notes, parts.now, photo=partial(_jpeg, parts.media))


#: An Official Account has three buttons with up to five beneath each: which of the menu stands beneath which.
_BENEATH = (
    ("utter_label_menu_work", ("menu:repair", "menu:complaint", "menu:ticket_status")),
    ("utter_label_menu_home", ("menu:fee_query", "menu:permit", "bind:")),
    ("utter_label_menu_more", ("privacy:", "menu:handoff")),
)


def menu_of_three(script: Script) -> list[dict[str, Any]]:
    """The menu of an Official Account, which is Chinese, from `utter_label_menu`."""
    titles = {b.value: b.label for b in texts.say(script, "zh", "utter_label_menu").buttons}
    return [
        {
            "name": texts.words(script, "zh", key),
            "sub_button": [{"type": "click", "name": titles[value], "key": value} for value in values],
        }
        for key, values in _BENEATH
    ]


def menu(script: Script) -> tuple[telegram.MenuItem, ...]:
    """The menu beside the input field, from domain.yml's `utter_label_menu`."""
    titles: dict[str, dict[str, str]] = {
        language: {b.value: b.label for b in texts.say(script, "zh" if language == "zh" else "en", "utter_label_menu").buttons}
        for language in ("zh", "en")
    }
    return tuple(
        telegram.MenuItem(slash, value, {"zh": titles["zh"][value], "en": titles["en"][value]})
        for slash, value in SLASHES.items()
        if value in titles["zh"]
    )


@dataclass(frozen=True, slots=True)
class Platform:
    """`read` makes an account of an entry (ValueError names key and remedy); `build` makes the channel of an account."""

    read: Callable[[Mapping[str, Any], Secret], Account]
    build: Callable[[Any, Notes, Parts], Channel]


PLATFORMS: Mapping[str, Platform] = {
    telegram.NAME: Platform(telegram.account, _telegram),
    wechat.NAME: Platform(wechat.account, _wechat),
    wecom.NAME: Platform(wecom.account, _wecom),
    wecom.ROBOT: Platform(wecom.robot_account, lambda account, notes, parts: wecom.Robot(account, notes, parts.now)),
}
