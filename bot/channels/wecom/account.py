"""One entry of data/channels.yml, read and checked: which application of which company, and its secrets.

The file holds the names of environment variables, never a secret. Nothing here is printed: secrets are kept out of `repr`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Literal, TypeAlias, cast

NAME = "wecom"
ROBOT = "wecom-robot"

Form: TypeAlias = Literal["text", "markdown"]
Secrets: TypeAlias = Callable[[str], str | None]

#: Both are chosen when the callback is set up (developer.work.weixin.qq.com/document/path/90930): a Token of at most 32 letters
#: and digits, an EncodingAESKey of exactly 43.
_TOKEN = re.compile(r"[A-Za-z0-9]{1,32}")
_AES_KEY = re.compile(r"[A-Za-z0-9]{43}")
_CORP = re.compile(r"[A-Za-z0-9_-]{6,64}")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROBOT_KEY = re.compile(r"[A-Za-z0-9-]{8,128}")

_APPLICATION_KEYS = frozenset(
    {"community", "account", "corp", "agent", "secret", "token", "aes_key", "previous_token", "previous_aes_key", "cards"}
)
_ROBOT_KEYS = frozenset({"community", "account", "key", "form", "at"})
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
#: When most offices close.
DIGEST_AT = time(18, 0)


@dataclass(frozen=True, slots=True)
class CallbackKey:
    """What a callback is signed (`token`) and encrypted (`aes_key`) with."""

    token: str = field(repr=False)
    aes_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WeComAccount:
    """One application of one company.

    Args:
        community: the code of the community whose staff it serves.
        name: the account's name in the database, by default the agent id. It never changes, or conversations are lost.
        corp: 企业ID. agent: AgentId of the application. secret: its Secret.
        keys: the callback's current key first, then the previous one while a change is under way.
        cards: whether buttons are shown. Members who read in WeChat (微信插件) see no cards at all: then they get numbered lines.
    """

    community: str
    name: str
    corp: str
    agent: int
    secret: str = field(repr=False)
    keys: tuple[CallbackKey, ...] = field(repr=False)
    cards: bool = True

    @property
    def path(self) -> str:
        """Where the platform calls us; the office types it, after its own host, into 接收消息服务器配置."""
        return f"/channels/{NAME}/{self.community}/{self.name}"


@dataclass(frozen=True, slots=True)
class RobotAccount:
    """A group's robot. `key` is the last part of its webhook address: whoever has it can write to the group. `at`: when it tells
    the day's figures, by the community's clock."""

    community: str
    name: str
    key: str = field(repr=False)
    form: Form = "markdown"
    at: time = DIGEST_AT


def account(entry: Mapping[str, Any], secret: Secrets) -> WeComAccount:
    """The application of one entry under `wecom:`. Raises ValueError with the key and the remedy.

    Args:
        secret: the value of an environment variable, None when it is not set.
    """
    _known(entry, _APPLICATION_KEYS, NAME)
    agent = entry.get("agent")
    if not isinstance(agent, int) or isinstance(agent, bool) or agent <= 0:
        raise ValueError(f"{NAME}.agent: {agent!r} is no AgentId. It is the number on the page of the application.")
    shown = entry.get("cards", True)
    if not isinstance(shown, bool):
        raise ValueError(f"{NAME}.cards: {shown!r} is not known. Write true or false.")
    current = CallbackKey(
        _secret(entry, "token", secret, _TOKEN, "Token: 1 to 32 letters and digits"),
        _secret(entry, "aes_key", secret, _AES_KEY, "EncodingAESKey: exactly 43 letters and digits"),
    )
    keys = [current]
    if entry.get("previous_aes_key") or entry.get("previous_token"):
        keys.append(_previous(entry, current, secret))
    return WeComAccount(
        community=_text(entry, "community", _PLAIN, "the community's code, e.g. YH"),
        name=_text(entry, "account", _PLAIN, "a short name of Latin letters and digits", str(agent)),
        corp=_text(entry, "corp", _CORP, "the 企业ID, to be found under 我的企业"),
        agent=agent,
        secret=_secret(entry, "secret", secret, re.compile(r"\S{16,}"), "the Secret of the application"),
        keys=tuple(keys),
        cards=shown,
    )


def robot_account(entry: Mapping[str, Any], secret: Secrets) -> RobotAccount:
    """The robot of one entry under `wecom-robot:`. Raises ValueError with the key and the remedy."""
    _known(entry, _ROBOT_KEYS, ROBOT)
    form = entry.get("form", "markdown")
    if form not in ("text", "markdown"):
        raise ValueError(f"{ROBOT}.form: {form!r} is not known. Write text or markdown.")
    at = entry.get("at", DIGEST_AT.isoformat("minutes"))
    if not isinstance(at, str) or not _TIME.fullmatch(at):
        # Without its quotes YAML reads 18:00 as a number.
        raise ValueError(f"{ROBOT}.at: {at!r} is no time of day. Write it in quotes, e.g. '18:00'.")
    return RobotAccount(
        community=_text(entry, "community", _PLAIN, "the community's code, e.g. YH"),
        name=_text(entry, "account", _PLAIN, "a short name of Latin letters and digits"),
        key=_secret(entry, "key", secret, _ROBOT_KEY, "what follows key= in the robot's webhook address", ROBOT),
        form=cast(Form, form),
        at=time.fromisoformat(at),
    )


def _previous(entry: Mapping[str, Any], current: CallbackKey, secret: Secrets) -> CallbackKey:
    token, aes_key = current.token, current.aes_key
    if entry.get("previous_token"):
        token = _secret(entry, "previous_token", secret, _TOKEN, "the Token used before")
    if entry.get("previous_aes_key"):
        aes_key = _secret(entry, "previous_aes_key", secret, _AES_KEY, "the EncodingAESKey used before")
    return CallbackKey(token, aes_key)


def _known(entry: Mapping[str, Any], keys: frozenset[str], under: str) -> None:
    unknown = sorted(set(entry) - keys)
    if unknown:
        raise ValueError(f"{under}.{unknown[0]}: is not known. Known are {', '.join(sorted(keys))}.")


def _text(
    entry: Mapping[str, Any], key: str, form: re.Pattern[str], what: str, otherwise: str | None = None
) -> str:
    value = entry.get(key, otherwise)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not form.fullmatch(text):
        raise ValueError(f"{key}: {value!r} does not do. Write {what}.")
    return text


def _secret(
    entry: Mapping[str, Any], key: str, secret: Secrets, form: re.Pattern[str], what: str, under: str = NAME
) -> str:
    name = entry.get(key)
    if not isinstance(name, str) or not name:
        raise ValueError(f"{under}.{key}: is missing. Write the name of the environment variable that holds it ({what}).")
    value = secret(name)
    if not value:
        raise ValueError(f"{under}.{key}: the environment variable {name} is not set. Set it to {what}.")
    if not form.fullmatch(value):
        raise ValueError(f"{under}.{key}: what {name} holds has the wrong form. It must be {what}.")
    return value
