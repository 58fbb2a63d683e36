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
        zh, says: the meaning and the way out, for staff; no personal data.
        about: whether it is this way of sending that is closed (another may be open), this person, or neither.
    """

    do: Do
    zh: str
    says: str
    after: timedelta | None = None
    about: Literal["", "way", "person"] = ""


_MINUTE, _TEN_MINUTES, _HOUR = timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1)
#: An error of the set-up stops every message: it waits for a person, and leaves them some time.
_SETUP: Final = _TEN_MINUTES

ERRORS: Final[Mapping[int, Verdict]] = {
    -1: Verdict("retry", "微信系统繁忙。", "WeChat is busy"),
    40001: Verdict("refresh", "访问令牌或 AppSecret 被拒绝：请核对 secret，并确认没有别的程序用旧接口取本号的令牌。", "the access token or the AppSecret is refused: check `secret`, and that no other program draws tokens of this account with the old interface", _MINUTE),
    40014: Verdict("refresh", "访问令牌被拒绝。", "the access token is refused", _MINUTE),
    42001: Verdict("refresh", "访问令牌已过期。", "the access token has expired", _MINUTE),
    40003: Verdict("never", "本号没有这位关注者：住户已取消关注，或地址属于另一个公众号。请打电话。", "WeChat knows no such follower of this account: the resident has unfollowed it, or it is an address of another account. Telephone", about="person"),
    43004: Verdict("never", "住户没有关注公众号。请打电话，并请住户扫物业的二维码关注。", "the resident does not follow the account. Telephone, and ask them to scan the office's code", about="person"),
    43019: Verdict("never", "住户在公众号的黑名单里。请移出黑名单，或打电话。", "the account has put the resident on its blacklist (黑名单). Take them off it, or telephone", about="person"),
    50002: Verdict("never", "住户的微信账号受限。请打电话。", "WeChat has limited the resident's account. Telephone", about="person"),
    48002: Verdict("never", "住户关闭了本号的消息。请打电话。", "the resident has switched off messages of this account. Telephone", about="person"),
    45015: Verdict("never", "住户来信已超过48小时（点菜单后超过1分钟），不能主动发消息。请打电话，或等住户来信。", "more than 48 hours, or one minute after a menu click, since the resident wrote. Telephone, or wait until they write", about="way"),
    45047: Verdict("never", "在住户再次来信之前，微信允许的条数已用完。请打电话，或等住户来信。", "the messages WeChat allows until the resident writes again are used up. Telephone, or wait until they write", about="way"),
    43101: Verdict("never", "住户没有同意接收订阅通知，或同意的次数已用完。请打电话。", "the resident has not agreed to notices (订阅通知), or the agreement is used up. Telephone", about="way"),
    48001: Verdict("never", "公众号没有这个接口的权限（未认证）。请设 reach: reply_only，或去掉模板。", "the account may not use this interface: not verified (认证), or without that right. Set reach: reply_only, or take the template out", about="way"),
    40037: Verdict("never", "公众号没有这个模板。请核对模板 id。", "WeChat knows no such template of this account: check the template's id", about="way"),
    47003: Verdict("never", "模板的字段不对、缺少或过长。请对照微信后台核对 fields。", "a field of the template is wrong, missing or too long: compare `fields` with the template at WeChat", about="way"),
    41030: Verdict("never", "小程序页面不存在。请核对通知的 link。", "the page of the mini programme does not exist: check the notice's link", about="way"),
    45002: Verdict("never", "文字超过微信的上限（2048字节）。请打电话。", "the text is longer than WeChat takes (2048 bytes)"),
    44004: Verdict("never", "消息没有内容。", "the text is empty"),
    47001: Verdict("never", "微信读不懂这次请求，是程序错误。请联系维护人员。", "WeChat could not read the call: a fault of this program, please report it"),
    40007: Verdict("never", "文件已不在：住户发来的文件微信只保存三天。", "the file is gone: WeChat keeps what residents send for three days"),
    40004: Verdict("never", "微信不接受这种文件。", "WeChat does not take this kind of file"),
    40005: Verdict("never", "微信不接受这种文件。", "WeChat does not take this kind of file"),
    40006: Verdict("never", "文件太大，微信不接受。", "the file is too large for WeChat"),
    40009: Verdict("never", "照片太大，微信不接受。", "the photo is too large for WeChat"),
    45009: Verdict("wait", "公众号当天的调用次数已用完，零点重新计数；每月可手动清零十次。", "the account's daily limit of calls is used up; WeChat counts from midnight. It can be cleared by hand ten times a month", _HOUR),
    45011: Verdict("wait", "这一分钟内调用太频繁。", "too many calls in this minute", _MINUTE),
    40164: Verdict("wait", "本机地址不在公众号的 IP 白名单里：请在 基础信息 → 开发密钥 → API IP白名单 中加入，几分钟后生效。", "this machine's address is not on the account's IP whitelist: enter it under 基础信息 → 开发密钥 → API IP白名单, which takes some minutes", _SETUP),
    40013: Verdict("wait", "AppID 不对：请核对 app_id。", "the AppID is wrong: check `app_id`", _SETUP),
    40125: Verdict("wait", "AppSecret 不对：请核对 secret；有人重置后它会改变。", "the AppSecret is wrong: check `secret`; it changes whenever somebody resets it", _SETUP),
    40243: Verdict("wait", "AppSecret 已冻结：请在 基础信息 → 开发密钥 解冻，十分钟后生效。", "the AppSecret is frozen: unfreeze it under 基础信息 → 开发密钥, which takes ten minutes", _SETUP),
    41002: Verdict("wait", "缺少 AppID：请核对 app_id。", "the AppID is missing: check `app_id`", _SETUP),
    41004: Verdict("wait", "缺少 AppSecret：请核对 secret。", "the AppSecret is missing: check `secret`", _SETUP),
    48004: Verdict("wait", "接口因违规被微信封禁：请登录公众号查看通知。", "WeChat has blocked the interface for a breach of its rules: log in to the account and read the notice", _HOUR),
    50001: Verdict("wait", "公众号没有这个接口的授权。", "the interface is not authorised for this account", _HOUR),
    89503: Verdict("wait", "本机地址须由公众号管理员在微信里确认。", "an administrator of the account must confirm this machine's address in WeChat", _SETUP),
    89501: Verdict("wait", "本机地址须由公众号管理员在微信里确认。", "an administrator of the account must confirm this machine's address in WeChat", _SETUP),
    89506: Verdict("wait", "管理员两次拒绝了本机地址，24小时内不能使用。", "an administrator refused this machine's address twice: it cannot be used for 24 hours", _HOUR),
    89507: Verdict("wait", "管理员拒绝了本机地址，一小时内不能使用。", "an administrator refused this machine's address: it cannot be used for an hour", _HOUR),
}  # fmt: skip
UNKNOWN: Final = Verdict("retry", "本系统不认识的错误。请打电话，并联系维护人员。", "an error this desk does not know. Telephone, and tell whoever maintains it")


def verdict(code: int) -> Verdict:
    return ERRORS.get(code, UNKNOWN)
