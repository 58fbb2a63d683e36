"""WeChat's error codes: what the desk does, and what staff or the office should know.

developers.weixin.qq.com, 通用错误码 and the pages of the single calls. A code that is not here is tried again: WeChat says no
by a code, so nothing was delivered, and what goes on failing ends with a phone task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias

Do: TypeAlias = Literal["retry", "wait", "never", "refresh"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a code means.

    Args:
        do: `retry` as the desk sees fit; `wait` for `after` at least; `never` again; `refresh` the access token, once.
        says: the meaning and the way out, for staff; no personal data.
        about: whether it is this way of sending that is closed (another may be open), this person, or neither.
    """

    do: Do
    says: str
    after: timedelta | None = None
    about: Literal["", "way", "person"] = ""


_MINUTE, _TEN_MINUTES, _HOUR = timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1)
#: An error of the set-up stops every message: it waits for a person, and leaves them some time.
_SETUP: Final = _TEN_MINUTES

ERRORS: Final[Mapping[int, Verdict]] = {
    -1: Verdict("retry", "WeChat is busy"),
    40001: Verdict("refresh", "the access token or the AppSecret is refused: check `secret`, and that no other program draws tokens of this account with the old interface", _MINUTE),
    40014: Verdict("refresh", "the access token is refused", _MINUTE),
    42001: Verdict("refresh", "the access token has expired", _MINUTE),
    40003: Verdict("never", "WeChat knows no such follower of this account: the resident has unfollowed it, or it is an address of another account. Telephone", about="person"),
    43004: Verdict("never", "the resident does not follow the account. Telephone, and ask them to scan the office's code", about="person"),
    43019: Verdict("never", "the account has put the resident on its blacklist (黑名单). Take them off it, or telephone", about="person"),
    50002: Verdict("never", "WeChat has limited the resident's account. Telephone", about="person"),
    48002: Verdict("never", "the resident has switched off messages of this account. Telephone", about="person"),
    45015: Verdict("never", "more than 48 hours, or one minute after a menu click, since the resident wrote. Telephone, or wait until they write", about="way"),
    45047: Verdict("never", "the messages WeChat allows until the resident writes again are used up. Telephone, or wait until they write", about="way"),
    43101: Verdict("never", "the resident has not agreed to notices (订阅通知), or the agreement is used up. Telephone", about="way"),
    48001: Verdict("never", "the account may not use this interface: not verified (认证), or without that right. Set reach: reply_only, or take the template out", about="way"),
    40037: Verdict("never", "WeChat knows no such template of this account: check the template's id", about="way"),
    47003: Verdict("never", "a field of the template is wrong, missing or too long: compare `fields` with the template at WeChat", about="way"),
    41030: Verdict("never", "the page of the mini programme does not exist: check the notice's link", about="way"),
    45002: Verdict("never", "the text is longer than WeChat takes (2048 bytes)"),
    44004: Verdict("never", "the text is empty"),
    47001: Verdict("never", "WeChat could not read the call: a fault of this program, please report it"),
    40007: Verdict("never", "the file is gone: WeChat keeps what residents send for three days"),
    40004: Verdict("never", "WeChat does not take this kind of file"),
    40005: Verdict("never", "WeChat does not take this kind of file"),
    40006: Verdict("never", "the file is too large for WeChat"),
    40009: Verdict("never", "the photo is too large for WeChat"),
    45009: Verdict("wait", "the account's daily limit of calls is used up; WeChat counts from midnight. It can be cleared by hand ten times a month", _HOUR),
    45011: Verdict("wait", "too many calls in this minute", _MINUTE),
    40164: Verdict("wait", "this machine's address is not on the account's IP whitelist: enter it under 基础信息 → 开发密钥 → API IP白名单, which takes some minutes", _SETUP),
    40013: Verdict("wait", "the AppID is wrong: check `app_id`", _SETUP),
    40125: Verdict("wait", "the AppSecret is wrong: check `secret`; it changes whenever somebody resets it", _SETUP),
    40243: Verdict("wait", "the AppSecret is frozen: unfreeze it under 基础信息 → 开发密钥, which takes ten minutes", _SETUP),
    41002: Verdict("wait", "the AppID is missing: check `app_id`", _SETUP),
    41004: Verdict("wait", "the AppSecret is missing: check `secret`", _SETUP),
    48004: Verdict("wait", "WeChat has blocked the interface for a breach of its rules: log in to the account and read the notice", _HOUR),
    50001: Verdict("wait", "the interface is not authorised for this account", _HOUR),
    89503: Verdict("wait", "an administrator of the account must confirm this machine's address in WeChat", _SETUP),
    89501: Verdict("wait", "an administrator of the account must confirm this machine's address in WeChat", _SETUP),
    89506: Verdict("wait", "an administrator refused this machine's address twice: it cannot be used for 24 hours", _HOUR),
    89507: Verdict("wait", "an administrator refused this machine's address: it cannot be used for an hour", _HOUR),
}  # fmt: skip
UNKNOWN: Final = Verdict("retry", "an error this desk does not know")


def verdict(code: int) -> Verdict:
    return ERRORS.get(code, UNKNOWN)
