"""What the platform's error codes mean for a message, and what staff can do: one table.

The meanings are those of 全局错误码 (developer.work.weixin.qq.com/document/path/90313). That page was read in stored copies and in
public clients that repeat it, not tried; what could not be found there says so. What a code leads to is this project's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

Then: TypeAlias = Literal["refresh", "retry", "wait", "never"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One way to be refused.

    Args:
        then: refresh (fetch a new access token, once), retry (as the outbox does), wait (somebody must put the account right, or
            a quota must pass: try again after `wait`), never (this message will not be taken).
        means, remedy: for staff, without personal data.
        of_card: only a card can have it; the same words may go as text.
    """

    then: Then
    means: str
    remedy: str = ""
    wait: timedelta | None = None
    of_card: bool = False


#: Long enough for somebody to repair an account before the outbox gives up: its eight tries then span more than an hour.
_REPAIR = timedelta(minutes=10)

_VISIBLE = "In 应用管理 → the application → 可见范围, add the member (or the department); or correct the member id at the desk."
_CODE = "This is a fault of the desk: report it with the code."

TROUBLES: Mapping[int, Trouble] = {
    -1: Trouble("retry", "the platform is busy"),
    # ── the access token ──
    40014: Trouble("refresh", "the access token is not valid"),
    41001: Trouble("refresh", "the access token is missing"),
    42001: Trouble("refresh", "the access token has expired"),
    # ── the account ──
    40001: Trouble("wait", "the Secret is wrong", "Copy the Secret again from 应用管理 → the application → Secret.", _REPAIR),
    40013: Trouble("wait", "the 企业ID is wrong", "Copy it again from 我的企业 → 企业信息.", _REPAIR),
    40056: Trouble("wait", "there is no application of this AgentId", "Copy AgentId again from the application.", _REPAIR),
    48002: Trouble(
        "wait", "this Secret may not send messages", "Use the Secret of the application, not of 通讯录同步.", _REPAIR
    ),
    50003: Trouble("wait", "the application is switched off", "Switch it on again: 应用管理 → the application.", _REPAIR),
    # The list speaks of service providers only; that 企业可信IP is meant for an application of one's own is from many reports.
    60020: Trouble(
        "wait",
        "the platform does not trust the address the desk calls from",
        "In 应用管理 → the application → 企业可信IP, add the desk's public address.",
        _REPAIR,
    ),
    301002: Trouble("wait", "this Secret belongs to another application", "Take AgentId and Secret from one page.", _REPAIR),
    # ── quotas ──
    45009: Trouble(
        "wait",
        "too many calls; the platform blocks for a minute, an hour or the day, whichever limit was passed",
        "See 频率自助解封工具 if it stays.",
        timedelta(minutes=5),
    ),
    45033: Trouble("retry", "too many calls at once"),
    # ── the member ──
    40003: Trouble("never", "there is no such member id", _VISIBLE),
    40031: Trouble("never", "the member id is not in the company's address book", _VISIBLE),
    43004: Trouble("never", "the member has not joined WeCom yet", "The member must log in to WeCom once."),
    46004: Trouble("never", "there is no such member", _VISIBLE),
    50002: Trouble("never", "the member is outside the application's visible range", _VISIBLE),
    60011: Trouble("never", "the application has no right over this member", _VISIBLE),
    60111: Trouble("never", "there is no such member id", _VISIBLE),
    81013: Trouble("never", "nobody could be reached: the member has left, or is outside the visible range", _VISIBLE),
    82001: Trouble("never", "the message names nobody", _VISIBLE),
    301021: Trouble("never", "the member id is not valid", _VISIBLE),
    701008: Trouble("never", "the member has no interface licence", "Assign one under 我的企业, or write to another member."),
    # ── the message ──
    40007: Trouble("never", "the file is not on the platform any more: it keeps files for three days"),
    40008: Trouble("never", "the kind of message is not known", _CODE),
    40033: Trouble("never", "the message holds characters the platform refuses", _CODE),
    40035: Trouble("never", "the request is malformed", _CODE),
    40058: Trouble("never", "the request is malformed", _CODE),
    40063: Trouble("never", "the request lacks something", _CODE),
    44004: Trouble("never", "the message is empty", _CODE),
    45002: Trouble("never", "the message is too long", _CODE),
    # ── cards ──
    42014: Trouble("never", "the card's task_id is not allowed", of_card=True),
    42015: Trouble("never", "the card was sent by another application"),
    42016: Trouble("never", "there is no card of this task_id"),
    42017: Trouble("never", "there is no button of this key", of_card=True),
    42018: Trouble("never", "a button's key is not allowed", of_card=True),
    42019: Trouble("never", "a button's key is missing", of_card=True),
    42020: Trouble("never", "a button's name is missing", of_card=True),
    # Listed as "code已经被使用过。只能使用一次", without saying which code; that a card's response_code is meant is a guess.
    42022: Trouble("never", "the code has been used"),
    # From a public project's notes on the list of 96213, not from 90313.
    42045: Trouble("never", "the card's card_action is missing or malformed", of_card=True),
    # ── the robot ──
    93000: Trouble("wait", "the robot was removed, or its address is wrong", "Copy its webhook address again.", _REPAIR),
    93004: Trouble("wait", "the robot is switched off", "Switch it on again in the group's settings.", _REPAIR),
    93008: Trouble("wait", "the robot is not in the group", "Add it to the group again.", _REPAIR),
}


def trouble(code: int) -> Trouble:
    """What this code means. One that is not listed ends the message, and staff see the number; a card goes as text instead, since
    most codes of cards are not in the list."""
    return TROUBLES.get(code) or Trouble("never", "the platform refused", "Look the code up in 全局错误码 (90313).", of_card=True)
