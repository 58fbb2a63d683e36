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
        zh: what it means and what to do, for staff, without personal data.
        means, remedy: the same in English.
        of_card: only a card can have it; the same words may go as text.
    """

    then: Then
    zh: str
    means: str = ""
    remedy: str = ""
    wait: timedelta | None = None
    of_card: bool = False


#: Long enough for somebody to repair an account before the outbox gives up: its eight tries then span more than an hour.
_REPAIR = timedelta(minutes=10)

_VISIBLE = "In 应用管理 → the application → 可见范围, add the member (or the department); or correct the member id at the desk."
_ZH_VISIBLE = "请在 应用管理 → 应用 → 可见范围 加入该成员（或部门），或在系统里改正成员账号。"
_ZH_CODE = "这是程序错误，请联系维护人员。"
_CODE = "This is a fault of the desk: report it with the code."

TROUBLES: Mapping[int, Trouble] = {
    -1: Trouble("retry", "企业微信系统繁忙。", "the platform is busy"),
    # ── the access token ──
    40014: Trouble("refresh", "访问令牌无效。", "the access token is not valid"),
    41001: Trouble("refresh", "缺少访问令牌。", "the access token is missing"),
    42001: Trouble("refresh", "访问令牌已过期。", "the access token has expired"),
    # ── the account ──
    40001: Trouble("wait", "Secret 不对。请从 应用管理 → 应用 → Secret 重新复制。", "the Secret is wrong", "Copy the Secret again from 应用管理 → the application → Secret.", _REPAIR),
    40013: Trouble("wait", "企业ID 不对。请从 我的企业 → 企业信息 重新复制。", "the 企业ID is wrong", "Copy it again from 我的企业 → 企业信息.", _REPAIR),
    40056: Trouble("wait", "没有这个 AgentId 的应用。请从应用页面重新复制 AgentId。", "there is no application of this AgentId", "Copy AgentId again from the application.", _REPAIR),
    48002: Trouble(
        "wait", "这个 Secret 不能发消息。请用应用的 Secret，不要用通讯录同步的。", "this Secret may not send messages", "Use the Secret of the application, not of 通讯录同步.", _REPAIR
    ),
    50003: Trouble("wait", "应用已停用。请在 应用管理 里重新启用。", "the application is switched off", "Switch it on again: 应用管理 → the application.", _REPAIR),
    # The list speaks of service providers only; that 企业可信IP is meant for an application of one's own is from many reports.
    60020: Trouble(
        "wait",
        "企业微信不信任本机地址。请在 应用管理 → 应用 → 企业可信IP 加入本机的公网地址。",
        "the platform does not trust the address the desk calls from",
        "In 应用管理 → the application → 企业可信IP, add the desk's public address.",
        _REPAIR,
    ),
    301002: Trouble("wait", "Secret 属于另一个应用。AgentId 和 Secret 请取自同一页。", "this Secret belongs to another application", "Take AgentId and Secret from one page.", _REPAIR),
    # ── quotas ──
    45009: Trouble(
        "wait",
        "调用太频繁，企业微信暂停了接口。一直不恢复请用“频率自助解封工具”。",
        "too many calls; the platform blocks for a minute, an hour or the day, whichever limit was passed",
        "See 频率自助解封工具 if it stays.",
        timedelta(minutes=5),
    ),
    45033: Trouble("retry", "同时调用太多。", "too many calls at once"),
    # ── the member ──
    40003: Trouble("never", "没有这个成员账号。" + _ZH_VISIBLE, "there is no such member id", _VISIBLE),
    40031: Trouble("never", "成员账号不在通讯录里。" + _ZH_VISIBLE, "the member id is not in the company's address book", _VISIBLE),
    43004: Trouble("never", "成员还没有加入企业微信。请成员先登录一次企业微信。", "the member has not joined WeCom yet", "The member must log in to WeCom once."),
    46004: Trouble("never", "没有这个成员。" + _ZH_VISIBLE, "there is no such member", _VISIBLE),
    50002: Trouble("never", "成员不在应用的可见范围内。" + _ZH_VISIBLE, "the member is outside the application's visible range", _VISIBLE),
    60011: Trouble("never", "应用对该成员没有权限。" + _ZH_VISIBLE, "the application has no right over this member", _VISIBLE),
    60111: Trouble("never", "没有这个成员账号。" + _ZH_VISIBLE, "there is no such member id", _VISIBLE),
    81013: Trouble("never", "没有人收到：成员已离开，或不在可见范围内。" + _ZH_VISIBLE, "nobody could be reached: the member has left, or is outside the visible range", _VISIBLE),
    82001: Trouble("never", "消息没有写明收件人。" + _ZH_VISIBLE, "the message names nobody", _VISIBLE),
    301021: Trouble("never", "成员账号无效。" + _ZH_VISIBLE, "the member id is not valid", _VISIBLE),
    701008: Trouble("never", "成员没有接口许可。请在 我的企业 分配许可，或改发给别的成员。", "the member has no interface licence", "Assign one under 我的企业, or write to another member."),
    # ── the message ──
    40004: Trouble("never", "企业微信不接受这种图片（只收 JPG、PNG）。请打电话告知。", "the platform does not take this kind of picture (JPG and PNG alone)", "Telephone."),
    40005: Trouble("never", "上传的文件类型不被认识。" + _ZH_CODE, "the kind of upload is not known", _CODE),
    40006: Trouble("never", "照片太大或太小，企业微信不接受（最大10MB）。请打电话告知。", "the photo is too large or too small for the platform (10 MB)", "Telephone."),
    40009: Trouble("never", "照片太大或太小，企业微信不接受（最大10MB）。请打电话告知。", "the photo is too large or too small for the platform (10 MB)", "Telephone."),
    40007: Trouble("never", "文件已不在企业微信：只保存三天。", "the file is not on the platform any more: it keeps files for three days"),
    40008: Trouble("never", "消息类型不被认识。" + _ZH_CODE, "the kind of message is not known", _CODE),
    40033: Trouble("never", "消息里有企业微信拒绝的字符。" + _ZH_CODE, "the message holds characters the platform refuses", _CODE),
    40035: Trouble("never", "请求格式不对。" + _ZH_CODE, "the request is malformed", _CODE),
    40058: Trouble("never", "请求格式不对。" + _ZH_CODE, "the request is malformed", _CODE),
    40063: Trouble("never", "请求缺少内容。" + _ZH_CODE, "the request lacks something", _CODE),
    44004: Trouble("never", "消息没有内容。" + _ZH_CODE, "the message is empty", _CODE),
    45002: Trouble("never", "消息太长。" + _ZH_CODE, "the message is too long", _CODE),
    # ── cards ──
    42014: Trouble("never", "卡片的 task_id 不被接受。", "the card's task_id is not allowed", of_card=True),
    42015: Trouble("never", "卡片是另一个应用发的。", "the card was sent by another application"),
    42016: Trouble("never", "没有这个 task_id 的卡片。", "there is no card of this task_id"),
    42017: Trouble("never", "没有这个按钮。", "there is no button of this key", of_card=True),
    42018: Trouble("never", "按钮的 key 不被接受。", "a button's key is not allowed", of_card=True),
    42019: Trouble("never", "按钮缺少 key。", "a button's key is missing", of_card=True),
    42020: Trouble("never", "按钮缺少名称。", "a button's name is missing", of_card=True),
    # Listed as "code已经被使用过。只能使用一次", without saying which code; that a card's response_code is meant is a guess.
    42022: Trouble("never", "更新卡片的 code 已用过。", "the code has been used"),
    # From a public project's notes on the list of 96213, not from 90313.
    42045: Trouble("never", "卡片缺少 card_action 或格式不对。", "the card's card_action is missing or malformed", of_card=True),
    # ── the robot ──
    93000: Trouble("wait", "群机器人已被移除，或地址不对。请重新复制 webhook 地址。", "the robot was removed, or its address is wrong", "Copy its webhook address again.", _REPAIR),
    93004: Trouble("wait", "群机器人已停用。请在群设置里重新启用。", "the robot is switched off", "Switch it on again in the group's settings.", _REPAIR),
    93008: Trouble("wait", "群机器人不在群里。请重新加入。", "the robot is not in the group", "Add it to the group again.", _REPAIR),
}


_UNKNOWN = Trouble(
    "never",
    "企业微信拒绝了这条消息。请打电话告知，并在《全局错误码》(90313) 里查这个代码。",
    "the platform refused",
    "Telephone, and look the code up in 全局错误码 (90313).",
    of_card=True,
)


def trouble(code: int) -> Trouble:
    """What this code means. One that is not listed ends the message, and staff see the number; a card goes as text instead, since
    most codes of cards are not in the list."""
    return TROUBLES.get(code) or _UNKNOWN
