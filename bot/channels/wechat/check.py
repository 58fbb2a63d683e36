"""Whether an account works, in words an office understands. Nothing is sent to anybody, and nothing raises."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.channels import Finding, Notebook, SendError, in_language
from bot.channels.wechat.account import Form, WeChatAccount
from bot.channels.wechat.client import Client, Denied

SETTING_PAGE: Final = "setting"
"""Written by a callback of WeChat's that came in a mode that is not taken; kept for a day."""
_FIELD: Final = re.compile(r"\{\{\s*(\w+)\.DATA\s*\}\}")


@dataclass(frozen=True, slots=True)
class _Listed:
    """Where WeChat lists the forms of one kind, and how it calls what is needed of them."""

    what: str
    path: str
    rows: str
    key: str


_TEMPLATES: Final = _Listed(
    "template", "/cgi-bin/template/get_all_private_template", "template_list", "template_id"
)
_NOTICES: Final = _Listed("notice", "/wxaapi/newtmpl/gettemplate", "data", "priTmplId")


async def findings(account: WeChatAccount, client: Client, notebook: Notebook) -> Sequence[Finding]:
    """All that can be found out from here, the gravest first."""
    found = await _setting(notebook)
    if not account.secret:
        return (*found, Finding(True, "No AppSecret is set: the account replies, and calls nothing"))
    try:
        await client.token()
    except Exception as error:
        return (*found, Finding(False, "WeChat gives out no access token", _why(error)))
    found = [*found, Finding(True, "AppID, AppSecret and this machine's address are accepted")]
    found.append(await _rights(account, client))
    for form, listed in ((account.template, _TEMPLATES), (account.notice, _NOTICES)):
        if form is not None:
            found.append(await _known(client, form, listed))
    if account.template is None and account.notice is None:
        found.append(
            Finding(
                True, "No template is set: news for residents who have not written for two days is told by telephone"
            )
        )
    return tuple(found)


async def _setting(notebook: Notebook) -> list[Finding]:
    try:
        page = await notebook.read(SETTING_PAGE)
    except Exception as error:
        return [Finding(False, "The desk's own notes cannot be read", _why(error))]
    if page is None:
        return []
    return [Finding(False, "Messages of residents were refused within the last day", str(page["what"]))]


async def _rights(account: WeChatAccount, client: Client) -> Finding:
    """Whether customer-service messages are allowed: one to nobody is refused for its address, or for the right to send."""
    nobody = {"touser": "", "msgtype": "text", "text": {"content": "-"}}
    replies_only = account.reach == "reply_only"
    try:
        await client.post("/cgi-bin/message/custom/send", nobody)
    except Denied as denied:
        if denied.code == 48001:
            if replies_only:
                return Finding(True, "The account may only reply, as it is set up")
            return Finding(
                False,
                "The account may not send customer-service messages",
                "Set reach: reply_only, or have the account verified (微信认证).",
            )
        if denied.meaning.about == "person":
            if not replies_only:
                return Finding(True, "The account may send customer-service messages")
            return Finding(
                False,
                "The account may send customer-service messages, but is set up to reply only",
                "Take reach: reply_only out.",
            )
        return Finding(False, "Whether customer-service messages may be sent is not known", _why(denied))
    except Exception as error:
        return Finding(False, "Whether customer-service messages may be sent is not known", _why(error))
    return Finding(True, "The account may send customer-service messages")


async def _known(client: Client, form: Form, listed: _Listed) -> Finding:
    """Whether WeChat knows the form, with these fields."""
    try:
        rows = (await client.get(listed.path)).get(listed.rows) or ()
    except Exception as error:
        return Finding(False, f"The list of the account's {listed.what}s cannot be had", _why(error))
    for row in rows:
        if isinstance(row, Mapping) and row.get(listed.key) == form.id:
            fields = set(_FIELD.findall(str(row.get("content", ""))))
            wrong = sorted(set(form.fields) ^ fields)
            if not wrong:
                return Finding(True, f"The {listed.what} is known to WeChat, with these fields")
            return Finding(
                False,
                f"The fields of the {listed.what} are not those at WeChat",
                f"Compare: {', '.join(wrong)}. At WeChat: {', '.join(sorted(fields))}.",
            )
    return Finding(False, f"WeChat knows no {listed.what} with this id", f"Check {listed.what}.id.")


def _why(error: Exception) -> str:
    return in_language(str(error), "en") if isinstance(error, SendError) else f"A fault: {type(error).__name__}."
