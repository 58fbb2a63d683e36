"""What Telegram's refusals mean, in one table: whether another try is worth while, and the way out in words for staff.

The words Telegram uses are those of its own server (github.com/tdlib/telegram-bot-api, Client.cpp: fail_query_with_error,
check_chat_access and their like, read at commit 01a3679 of May 2026). They are matched because the status code
alone does not tell a blocked bot from a group it was put out of. What no line knows ends as its exception's last line says.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.channels import SendError

# PTB 22 warns at every RetryAfter, and so would raise under "warnings are errors", unless asked for a timedelta; 23 will
# give one anyway. It looks when the error is made.
os.environ.setdefault("PTB_TIMEDELTA", "true")

#: retry: try again as the desk sees fit. wait: when the platform says. never: for good. follow: to the chat's new id.
#: unconfirmed: it may have arrived.
Verdict: TypeAlias = Literal["retry", "wait", "never", "follow", "unconfirmed"]


@dataclass(frozen=True, slots=True)
class Rule:
    """An error of this kind whose description contains `says` (small letters; "" fits all)."""

    error: type[TelegramError]
    says: str
    verdict: Verdict
    words: str


_FAULT: Final = "这是程序错误，请联系维护人员。 A fault of the desk: tell whoever maintains it."
_PICTURE: Final = "Telegram 不接受这张图片。 Telegram does not take this picture; send it another way."
_TOKEN: Final = (
    "机器人令牌无效，请管理员更换令牌。 The bot's token is not valid: the administrator must put the present one in place."
)
_NETWORK: Final = "连不上 Telegram。 Telegram cannot be reached: look at the network and the proxy."

#: The first line that fits counts, so the particular stand before the general.
RULES: Final = (
    # 403
    Rule(Forbidden, "blocked by the user", "never", "住户已停用机器人，请打电话。 The resident has blocked the bot: telephone."),
    Rule(Forbidden, "user is deactivated", "never", "住户的账号已注销，请打电话。 The resident's account is gone: telephone."),
    Rule(
        Forbidden, "can't initiate", "never",
        "住户还没有打开过机器人，请打电话，或把机器人链接发给住户。"
        " The resident has never opened the bot: telephone, or give them its link.",
    ),
    Rule(Forbidden, "kicked", "never", "机器人已被移出群，请群主重新加入。 The bot was put out of the group: have its owner add it."),
    Rule(Forbidden, "not a member", "never", "机器人不在群里，请群主加入。 The bot is not in the group: have its owner add it."),
    Rule(Forbidden, "bots can't send", "never", "对方是机器人。 The other side is a bot."),
    Rule(Forbidden, "", "never", "Telegram 不允许给对方发消息，请打电话。 Telegram does not let us write to them: telephone."),
    # 400
    Rule(ChatMigrated, "", "follow", "群已升级，改发到新群。 The group was upgraded; its messages go to the new one."),
    Rule(
        BadRequest, "chat not found", "never",
        "找不到会话，可能换过机器人；请打电话。 No such chat, perhaps the bot was changed: telephone.",
    ),
    Rule(BadRequest, "rights to send", "never", "群里禁止机器人发言，请群主放开。 The group does not let the bot speak: ask its owner."),
    Rule(BadRequest, "chat_write_forbidden", "never", "群里禁止机器人发言，请群主放开。 The group does not let the bot speak: ask its owner."),
    Rule(BadRequest, "temporarily unavailable", "retry", "文件暂时取不到。 The file cannot be had at present."),
    Rule(BadRequest, "file is too big", "never", "文件超过 20 MB，Telegram 不提供下载。 The file has more than 20 MB; Telegram does not hand it out."),
    Rule(BadRequest, "photo", "never", _PICTURE),
    Rule(BadRequest, "image", "never", _PICTURE),
    Rule(BadRequest, "", "never", _FAULT),
    # 401, and 404 for a token of the wrong form. The message is not to blame: it waits while the office mends it.
    Rule(InvalidToken, "", "retry", _TOKEN),
    # 409
    Rule(
        Conflict, "webhook is active", "retry",
        "该机器人设置了 webhook，无法轮询：运行 bot channels prepare。"
        " The bot has a webhook, so it cannot be polled: run `bot channels prepare`, or set a webhook in the entry.",
    ),
    Rule(
        Conflict, "", "retry",
        "另一个程序正用同一令牌收消息：请停掉它，或换令牌。"
        " Another program receives with the same token: end it, or have BotFather make a new token.",
    ),
    # 429
    Rule(RetryAfter, "", "wait", "发送过快，Telegram 要求等待。 Too fast: Telegram asks to wait."),
    # No answer. Whether the request was handed over is read off what broke; see `verdict`.
    Rule(TimedOut, "", "unconfirmed", "Telegram 没有答复，可能已送达。 Telegram did not answer; the message may have arrived."),
    Rule(NetworkError, "httpx.", "unconfirmed", "连接中断，可能已送达。 The connection broke; the message may have arrived."),
    Rule(NetworkError, "gateway timeout", "unconfirmed", "Telegram 没有答复，可能已送达。 Telegram did not answer; the message may have arrived."),
    # 5xx and the like
    Rule(NetworkError, "", "retry", "Telegram 出了故障。 Telegram has a failure of its own."),
    # An answer of 200 that cannot be read.
    Rule(TelegramError, "", "unconfirmed", "看不懂 Telegram 的答复，可能已送达。 Telegram's answer cannot be read; the message may have arrived."),
)  # fmt: skip

#: Broken before the request was handed over: it cannot have arrived.
_NOT_HANDED_OVER: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def rule(error: TelegramError) -> Rule:
    """The line of the table for this error."""
    if isinstance(error.__cause__, _NOT_HANDED_OVER):
        return Rule(type(error), "", "retry", _NETWORK)
    said = str(error).lower()
    return next(line for line in RULES if isinstance(error, line.error) and line.says in said)


def refusal(error: TelegramError) -> SendError:
    """The error as the outbox understands it. Nothing Telegram wrote gets in: it may quote a resident, or the token."""
    line = rule(error)
    after = waits(error)
    return SendError(
        line.words,
        retryable=line.verdict in ("retry", "wait", "follow"),
        after=after,
        unconfirmed=line.verdict == "unconfirmed",
    )


def not_heard(error: TelegramError) -> str:
    """The words for a poll that failed: nothing was sent that could have arrived."""
    line = rule(error)
    return _NETWORK if line.verdict == "unconfirmed" else line.words


def waits(error: TelegramError) -> timedelta | None:
    """How long the platform asks us to wait; None: it does not say."""
    if not isinstance(error, RetryAfter):
        return None
    span = error.retry_after
    return span if isinstance(span, timedelta) else timedelta(seconds=span)
