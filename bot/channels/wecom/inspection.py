"""What `bot channels check` asks about an application, in the order in which an office would have to put it right."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from bot.channels import Finding, Notebook
from bot.channels.wecom.account import WeComAccount
from bot.channels.wecom.api import Api, Refusal, Unanswered
from bot.channels.wecom.envelope import FRESH

#: A clock may be this wrong before it is worth a word; callbacks are refused at `FRESH`.
_CLOCK = timedelta(seconds=60)
_FROM = re.compile(r"from ip: ([0-9a-fA-F.:]+)")


async def inspect(
    api: Api, account: WeComAccount, notebook: Notebook, now: Callable[[], datetime]
) -> Sequence[Finding]:
    """Never raises: what fails is a finding."""
    findings: list[Finding] = []
    for ask in (_token, _application, _clock):
        try:
            findings.extend(await ask(api, account, now))
        except Refusal as refused:
            findings.append(_refused(refused))
            break
        except Unanswered as silent:
            findings.append(
                Finding(False, f"WeCom does not answer ({silent})", "Let the desk's server reach qyapi.weixin.qq.com:443.")
            )
            break
        except Exception as error:
            findings.append(Finding(False, f"the question failed ({type(error).__name__})", "Report this."))
            break
    try:
        findings.extend(await _callback(account, notebook, now))
    except Exception as error:
        findings.append(Finding(False, f"the notebook cannot be read ({type(error).__name__})", "Check the database."))
    return tuple(findings)


async def _token(api: Api, account: WeComAccount, now: Callable[[], datetime]) -> list[Finding]:
    await api.refresh(anew=True)
    return [Finding(True, "企业ID and Secret are right")]


async def _application(api: Api, account: WeComAccount, now: Callable[[], datetime]) -> list[Finding]:
    agent = await api.get("agent/get", agentid=account.agent)
    findings = [Finding(True, f"application {account.agent} answers, and the desk's address is trusted (企业可信IP)")]
    if agent.get("close"):
        findings.append(
            Finding(False, "the application is switched off", "Switch it on in 应用管理 → the application → 已启用.")
        )
    members = len((agent.get("allow_userinfos") or {}).get("user") or ())
    groups = len((agent.get("allow_partys") or {}).get("partyid") or ())
    tags = len((agent.get("allow_tags") or {}).get("tagid") or ())
    if members or groups or tags:
        findings.append(Finding(True, f"visible to {members} members, {groups} departments, {tags} tags"))
    else:
        findings.append(
            Finding(
                False,
                "the application is visible to nobody, so it can write to nobody",
                "In 应用管理 → the application → 可见范围, add the departments or members of the staff.",
            )
        )
    return findings


async def _clock(api: Api, account: WeComAccount, now: Callable[[], datetime]) -> list[Finding]:
    if api.server_time is None:
        return []
    skew = parsedate_to_datetime(api.server_time) - now()
    if abs(skew) <= _CLOCK:
        return [Finding(True, "the clock is right")]
    return [_wrong_clock(skew)]


def _wrong_clock(skew: timedelta) -> Finding:
    seconds = int(skew.total_seconds())
    return Finding(
        False,
        f"the desk's clock is {abs(seconds)} s {'behind' if seconds > 0 else 'ahead'}; "
        f"from {int(FRESH.total_seconds())} s on it refuses what WeCom sends",
        "Let the server take its time from NTP.",
    )


async def _callback(account: WeComAccount, notebook: Notebook, now: Callable[[], datetime]) -> list[Finding]:
    findings = []
    heard, skewed = await notebook.read("heard"), await notebook.read("skew")
    if heard is None:
        findings.append(
            Finding(
                False,
                "WeCom has never called the desk: members can neither write nor press a button",
                f"In 应用管理 → the application → 接收消息 → 设置API接收, give https://<your desk>{account.path} with the Token "
                "and EncodingAESKey of the configuration, while the desk runs, and save.",
            )
        )
    else:
        findings.append(Finding(True, f"WeCom called the desk ({heard['at'][:16].replace('T', ' ')} UTC or later)"))
    if skewed is not None and (heard is None or skewed["at"] > heard["at"]):
        findings.append(_wrong_clock(timedelta(seconds=int(skewed["seconds"]))))
    return findings


def _refused(refused: Refusal) -> Finding:
    known = refused.trouble
    remedy = known.remedy
    address = _FROM.search(refused.said)
    if refused.code == 60020 and address:
        remedy = f"{remedy} It is {address.group(1)}."
    return Finding(False, f"{known.means} (errcode {refused.code})", remedy)
