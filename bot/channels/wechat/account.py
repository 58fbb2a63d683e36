"""One account as an office writes it in data/channels.yml. Secrets are given as names of environment variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.channels import Reach

API: Final = "https://api.weixin.qq.com"
SAFE: Final = "safe"

#: How a template's field may be called, and how many characters of it WeChat shows or takes. A field's kind is its name
#: without the figures: `thing4` is a `thing`. developers.weixin.qq.com, 订阅消息参数值内容限制说明.
FIELD_CHARACTERS: Final[Mapping[str, int]] = {
    "thing": 20,
    "character_string": 32,
    "phrase": 5,
    "name": 10,
    "const": 20,
}
#: Of a field of an older kind (`keyword1`): no limit is published.
OTHER_FIELD_CHARACTERS: Final = 20
NEWS: Final = "{text}"


@dataclass(frozen=True, slots=True)
class Form:
    """A template message, or a subscription notice: for news when no customer-service message may be sent.

    Args:
        id: the template's id at WeChat.
        fields: its fields and what is put into them. `{text}` is the news: the first field that has it gets the beginning,
            the next the continuation. Everything else is sent as it stands.
        link: where a tap on it leads: a web address (template) or a page of the office's mini programme (notice).
        long_term: of a notice: it is a 长期 one, for which a resident agrees once; else each notice takes an agreement.
    """

    id: str
    fields: Mapping[str, str]
    link: str = ""
    long_term: bool = False


@dataclass(frozen=True, slots=True)
class WeChatAccount:
    """An Official Account of one community.

    Args:
        community: the community's code.
        account: what this desk calls the account; part of its callback's address.
        app_id: AppID.
        secret: AppSecret; empty only for an account that may only reply and has none.
        token: the Token of the message-push settings.
        aes_key, previous_aes_key: EncodingAESKey; for a while after a change WeChat may still use the one before.
        original_id: 原始ID (gh_…), the account's name inside messages. When given, messages for another are refused.
        reach: `window`, or `reply_only` for accounts without the right to send customer-service messages.
        template, notice: what news is sent by when no window is open, tried in this order.
        api: where WeChat's interface is.
    """

    community: str
    account: str
    app_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    previous_aes_key: str = field(default="", repr=False)
    original_id: str = ""
    reach: Reach = "window"
    template: Form | None = None
    notice: Form | None = None
    api: str = API

    @property
    def name(self) -> str:
        """What the database calls it."""
        return self.account

    @property
    def path(self) -> str:
        """The address of the callback on this desk's server."""
        return f"/wechat/{self.account}"

    @property
    def aes_keys(self) -> tuple[str, ...]:
        return (self.aes_key, self.previous_aes_key) if self.previous_aes_key else (self.aes_key,)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a value must look like, and where an office finds the right one."""

    pattern: re.Pattern[str]
    remedy: str


#: Where an office finds things: developers.weixin.qq.com/doc/service/guide/dev/migration (since December 2025).
BASICS: Final = "微信开发者平台 (developers.weixin.qq.com/platform) → 我的业务 → 服务号/公众号 → 基础信息"
PUSH: Final = f"{BASICS} → 域名与消息推送配置"
KEYS: Final = f"{BASICS} → 开发密钥"
_RULES: Final[Mapping[str, _Rule]] = {
    "community": _Rule(re.compile(r"\S+"), "the code of a community of this desk, e.g. YH"),
    "account": _Rule(
        re.compile(r"[a-z0-9][a-z0-9-]{0,31}"), "a name of your own: small letters, digits and -, at most 32"
    ),
    "app_id": _Rule(re.compile(r"wx[0-9a-f]{16}"), f"copy the AppID (wx and 16 digits or a–f) from {BASICS}"),
    "original_id": _Rule(re.compile(r"gh_[0-9a-f]{12}"), f"copy the 原始ID (gh_…) from {BASICS}, or leave it out"),
}
_SECRETS: Final[Mapping[str, _Rule]] = {
    "secret": _Rule(re.compile(r"[0-9a-f]{32}"), f"AppSecret, 32 characters; it is shown once, when it is enabled or reset under {KEYS}"),
    "token": _Rule(
        re.compile(r"[A-Za-z0-9]{3,32}"),
        f"the Token you entered under {PUSH}: 3 to 32 letters or digits"
    ),
    "aes_key": _Rule(
        re.compile(r"[A-Za-z0-9]{43}"), f"the EncodingAESKey under {PUSH}: 43 letters and digits"
    ),
    "previous_aes_key": _Rule(re.compile(r"[A-Za-z0-9]{43}"), "the EncodingAESKey used before, or leave it out"),
}
_OPTIONAL: Final = {"original_id", "previous_aes_key"}
#: An account that is not verified may have no AppSecret (该账号尚未完成主体认证), and needs none to reply.
_OPTIONAL_TO_REPLY: Final = {*_OPTIONAL, "secret"}
_OTHERS: Final = {"mode", "reach", "template", "notice", "api"}
_REACHES: Final = ("window", "reply_only")
_FORM_KEYS: Final = {"template": ("id", "fields", "link"), "notice": ("id", "fields", "link", "long_term")}


def _place(name: object) -> str:
    return f"channels.yml, wechat {name}"


def _value(where: str, key: str, value: object, rule: _Rule) -> str:
    if not isinstance(value, str) or not rule.pattern.fullmatch(value):
        raise ValueError(f"{where}: {key} is not right. Needed: {rule.remedy}.")
    return value


def _secret(where: str, key: str, name: object, secret: Callable[[str], str | None]) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"{where}: {key} must be the name of an environment variable, e.g. DESK_WECHAT_YH_{key.upper()}."
        )
    value = secret(name)
    if not value:
        raise ValueError(
            f"{where}: {key} names the environment variable {name}, which is not set. Put there: {_SECRETS[key].remedy}."
        )
    if not _SECRETS[key].pattern.fullmatch(value):  # the value itself is never repeated
        raise ValueError(f"{where}: what {name} holds is no {key}. Needed: {_SECRETS[key].remedy}.")
    return value


def _form(where: str, key: str, entry: object) -> Form | None:
    if entry is None:
        return None
    known = _FORM_KEYS[key]
    if not isinstance(entry, Mapping) or set(entry) - set(known):
        raise ValueError(f"{where}: {key} takes {', '.join(known[:-1])} and {known[-1]}, e.g. {{id: …, fields: {{thing4: '{NEWS}'}}}}.")
    identity, fields, link, long_term = entry.get("id"), entry.get("fields"), entry.get("link", ""), entry.get("long_term", False)
    if not isinstance(identity, str) or not identity.strip():
        raise ValueError(f"{where}: {key}.id is missing. Copy the template's id (模板ID) from WeChat.")
    if not isinstance(fields, Mapping) or not fields:
        raise ValueError(f"{where}: {key}.fields is missing. Name the template's fields, e.g. {{thing4: '{NEWS}'}}.")
    for name, words in fields.items():
        if not isinstance(name, str) or not isinstance(words, str) or not words:
            raise ValueError(f"{where}: {key}.fields.{name} must be text, e.g. '{NEWS}'.")
        if words != NEWS and len(words) > field_characters(name):
            raise ValueError(
                f"{where}: {key}.fields.{name} is longer than the {field_characters(name)} characters WeChat shows."
            )
    if NEWS not in fields.values():
        raise ValueError(f"{where}: no field of {key} is '{NEWS}', so the news would not be in it. Give one that value.")
    if not isinstance(link, str):
        raise ValueError(f"{where}: {key}.link must be text.")
    if not isinstance(long_term, bool):
        raise ValueError(f"{where}: {key}.long_term is true (长期订阅) or false (一次性订阅).")
    return Form(identity.strip(), dict(fields), link, long_term)


def field_characters(name: str) -> int:
    """How many characters a template's field of this name takes."""
    return FIELD_CHARACTERS.get(name.rstrip("0123456789"), OTHER_FIELD_CHARACTERS)


def account(entry: Mapping[str, Any], secret: Callable[[str], str | None]) -> WeChatAccount:
    """The account of one item under `wechat` in data/channels.yml.

    Args:
        secret: the value of an environment variable, None when it is not set.

    Raises:
        ValueError: naming the key and what to do.
    """
    where = _place(entry.get("account", "?"))
    unknown = set(entry) - set(_RULES) - set(_SECRETS) - _OTHERS
    if unknown:
        known = ", ".join([*_RULES, *_SECRETS, *sorted(_OTHERS)])
        raise ValueError(f"{where}: {', '.join(sorted(map(str, unknown)))} is not known. Known keys: {known}.")
    if entry.get("mode", SAFE) != SAFE:
        raise ValueError(
            f"{where}: mode {entry['mode']} is not offered: only in safe mode (安全模式) can nobody else read or forge what "
            f"residents write. Choose 安全模式 under {PUSH} and leave mode out here."
        )
    if entry.get("reach", "window") not in _REACHES:
        raise ValueError(
            f"{where}: reach is window (the account may send customer-service messages) or reply_only (it may not)."
        )
    optional = _OPTIONAL_TO_REPLY if entry.get("reach") == "reply_only" else _OPTIONAL
    if "secret" not in entry and ("template" in entry or "notice" in entry):
        raise ValueError(f"{where}: template and notice need secret. Needed: {_SECRETS['secret'].remedy}.")
    values = {
        key: _value(where, key, entry.get(key), rule)
        for key, rule in _RULES.items()
        if key in entry or key not in optional
    }
    secrets = {
        key: _secret(where, key, entry.get(key), secret)
        for key in _SECRETS
        if key in entry or key not in optional
    }
    api = entry.get("api", API)
    if not isinstance(api, str) or not re.fullmatch(r"https?://[^\s/?#]+", api):
        raise ValueError(f"{where}: api is {API}, or leave it out.")
    return WeChatAccount(
        **values,
        **{"secret": "", **secrets},
        reach=entry.get("reach", "window"),
        template=_form(where, "template", entry.get("template")),
        notice=_form(where, "notice", entry.get("notice")),
        api=api,
    )
