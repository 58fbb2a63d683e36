"""Whether an account works, in words an office understands, Chinese first and then English. Nothing is sent to anybody, and
nothing raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from bot.channels import Finding, Notebook, SendError, in_both
from bot.channels.wechat.account import PUSH, Form, WeChatAccount
from bot.channels.wechat.client import Client, Denied
from bot.channels.wechat.envelope import TOLERANCE

SETTING_PAGE: Final = "setting"
"""Written by a callback of WeChat's that came in a mode that is not taken; kept for a day."""
HEARD_PAGE: Final = "heard"
"""When WeChat last called us, to the hour."""
SKEW_PAGE: Final = "skew"
"""By how much our clocks differed when a callback was refused for it."""
_MAY_SEND: Final = in_both("本号可以发客服消息。", "The account may send customer-service messages.")
_NOT_KNOWN: Final = in_both("不清楚本号能不能发客服消息。", "Whether customer-service messages may be sent is not known.")
_CLOCK: Final = timedelta(seconds=60)
"""A clock may be this wrong before it is worth a word; callbacks are refused from `TOLERANCE` on."""
_FIELD: Final = re.compile(r"\{\{\s*(\w+)\.DATA\s*\}\}")


@dataclass(frozen=True, slots=True)
class _Listed:
    """Where WeChat lists the forms of one kind, and how it calls what is needed of them. `what` is its key in the entry as well."""

    zh: str
    what: str
    path: str
    rows: str
    key: str


_TEMPLATES: Final = _Listed(
    "模板", "template", "/cgi-bin/template/get_all_private_template", "template_list", "template_id"
)
_NOTICES: Final = _Listed("订阅通知", "notice", "/wxaapi/newtmpl/gettemplate", "data", "priTmplId")


#: How the list of notices calls their kind: one-time (一次性订阅), long-term (长期订阅).
_KINDS: Final = {"2": False, "3": True}


async def findings(
    account: WeChatAccount, client: Client, notebook: Notebook, now: Callable[[], datetime]
) -> Sequence[Finding]:
    """All that can be found out from here, the gravest first."""
    found = [*await _setting(notebook), *await _callback(account, notebook)]
    if not account.secret:
        return (*found, Finding(True, in_both("没有设置 AppSecret：本号只回复来信，不主动发消息。", "No AppSecret is set: the account replies, and calls nothing.")))
    try:
        await client.token()
    except Exception as error:
        return (*found, Finding(False, in_both("微信没有给出访问令牌。", "WeChat gives out no access token."), _why(error)))
    found = [*found, Finding(True, in_both("AppID、AppSecret 和本机地址都被接受。", "AppID, AppSecret and this machine's address are accepted.")), *_clock(client, now())]
    found.append(await _rights(account, client))
    for form, listed in ((account.template, _TEMPLATES), (account.notice, _NOTICES)):
        if form is not None:
            found.append(await _known(client, form, listed))
    if account.template is None and account.notice is None:
        found.append(
            Finding(
                True,
                in_both(
                    "没有设置模板：两天没有来信的住户，消息改由电话告知。",
                    "No template is set: news for residents who have not written for two days is told by telephone.",
                ),
            )
        )
    return tuple(found)


async def _setting(notebook: Notebook) -> list[Finding]:
    try:
        page = await notebook.read(SETTING_PAGE)
    except Exception as error:
        return [Finding(False, in_both("读不到系统自己的记录。", "The desk's own notes cannot be read."), _why(error))]
    if page is None:
        return []
    return [Finding(False, in_both("一天之内有住户的来信被拒收。", "Messages of residents were refused within the last day."), str(page["what"]))]


async def _callback(account: WeChatAccount, notebook: Notebook) -> list[Finding]:
    """Whether WeChat calls us, and whether its calls are believed."""
    try:
        heard, skewed = await notebook.read(HEARD_PAGE), await notebook.read(SKEW_PAGE)
    except Exception:
        return []  # `_setting` has said that the notes cannot be read
    if heard is None:
        found = [
            Finding(
                False,
                in_both("微信从未调用过本系统：住户的来信收不到。", "WeChat has never called the desk: what residents write does not arrive."),
                in_both(
                    f"请在系统运行时，到 {PUSH} 填写 https://<本系统地址>{account.path}、Token 和 EncodingAESKey，选安全模式和 XML，再点提交。",
                    f"Under {PUSH}, enter https://<your desk>{account.path}, the Token and the EncodingAESKey, 安全模式 and XML, while the "
                    "desk runs, and press 提交.",
                ),
            )
        ]
    else:
        at = heard["at"][:16].replace("T", " ")
        found = [Finding(True, in_both(f"微信调用过本系统（UTC {at} 或以后）。", f"WeChat called the desk ({at} UTC or later)."))]
    if skewed is not None and (heard is None or skewed["at"] > heard["at"]):
        found.append(_wrong_clock(timedelta(seconds=int(skewed["seconds"]))))
    return found


def _clock(client: Client, now: datetime) -> list[Finding]:
    try:
        skew = parsedate_to_datetime(client.server_time or "") - now
    except ValueError:  # no Date, or none that can be read
        return []
    return [Finding(True, in_both("时钟准确。", "The clock is right.")) if abs(skew) <= _CLOCK else _wrong_clock(skew)]


def _wrong_clock(skew: timedelta) -> Finding:
    seconds = int(skew.total_seconds())
    return Finding(
        False,
        in_both(
            f"本机时钟比微信{'慢' if seconds > 0 else '快'} {abs(seconds)} 秒；相差 {int(TOLERANCE.total_seconds())} 秒起，微信的来信会被拒收。",
            f"The desk's clock is {abs(seconds)} s {'behind' if seconds > 0 else 'ahead of'} WeChat's; from "
            f"{int(TOLERANCE.total_seconds())} s on the desk refuses what WeChat sends.",
        ),
        in_both("请让本机与时间服务器（NTP）对时。", "Let the machine take its time from a time server (NTP)."),
    )


async def _rights(account: WeChatAccount, client: Client) -> Finding:
    """Whether customer-service messages are allowed: one to nobody is refused for its address, or for the right to send."""
    nobody = {"touser": "", "msgtype": "text", "text": {"content": "-"}}
    replies_only = account.reach == "reply_only"
    try:
        await client.post("/cgi-bin/message/custom/send", nobody)
    except Denied as denied:
        if denied.code == 48001:
            if replies_only:
                return Finding(True, in_both("本号只能回复来信，与设置一致。", "The account may only reply, as it is set up."))
            return Finding(
                False,
                in_both("本号不能发客服消息。", "The account may not send customer-service messages."),
                in_both("请设 reach: reply_only，或为公众号办理微信认证。", "Set reach: reply_only, or have the account verified (微信认证)."),
            )
        if denied.meaning.about == "person":
            if not replies_only:
                return Finding(True, _MAY_SEND)
            return Finding(
                False,
                in_both("本号可以发客服消息，却设成了只回复。", "The account may send customer-service messages, but is set up to reply only."),
                in_both("请去掉 reach: reply_only。", "Take reach: reply_only out."),
            )
        return Finding(False, _NOT_KNOWN, _why(denied))
    except Exception as error:
        return Finding(False, _NOT_KNOWN, _why(error))
    return Finding(True, _MAY_SEND)


async def _known(client: Client, form: Form, listed: _Listed) -> Finding:
    """Whether WeChat knows the form, with these fields."""
    try:
        rows = (await client.get(listed.path)).get(listed.rows) or ()
    except Exception as error:
        words = in_both(f"取不到本号的{listed.zh}清单。", f"The list of the account's {listed.what}s cannot be had.")
        return Finding(False, words, _why(error))
    for row in rows:
        if isinstance(row, Mapping) and row.get(listed.key) == form.id:
            fields = set(_FIELD.findall(str(row.get("content", ""))))
            wrong = sorted(set(form.fields) ^ fields)
            if _KINDS.get(str(row.get("type")), form.long_term) != form.long_term:
                return _other_kind(listed, long_term=not form.long_term)
            if not wrong:
                return Finding(True, in_both(f"微信有这个{listed.zh}，字段一致。", f"The {listed.what} is known to WeChat, with these fields."))
            return Finding(
                False,
                in_both(f"{listed.zh}的字段与微信的不一致。", f"The fields of the {listed.what} are not those at WeChat."),
                in_both(
                    f"请核对：{'、'.join(wrong)}。微信的字段：{'、'.join(sorted(fields))}。",
                    f"Compare: {', '.join(wrong)}. At WeChat: {', '.join(sorted(fields))}.",
                ),
            )
    words = in_both(f"微信没有这个 id 的{listed.zh}。", f"WeChat knows no {listed.what} with this id.")
    return Finding(False, words, in_both(f"请核对 {listed.what}.id。", f"Check {listed.what}.id."))


def _other_kind(listed: _Listed, *, long_term: bool) -> Finding:
    zh, en = ("长期", "long-term") if long_term else ("一次性", "one-time")
    return Finding(
        False,
        in_both(f"这个{listed.zh}是{zh}订阅，设置里写的不是。", f"The {listed.what} is a {en} one at WeChat, and is set up as the other kind."),
        in_both(f"请设 {listed.what}.long_term: {str(long_term).lower()}。", f"Set {listed.what}.long_term: {str(long_term).lower()}."),
    )


def _why(error: Exception) -> str:
    kind = type(error).__name__
    return str(error) if isinstance(error, SendError) else in_both(f"程序出错（{kind}）。", f"A fault: {kind}.")
