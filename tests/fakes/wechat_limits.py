"""What WeChat allows, for the fake alone: the adapter has its own figures, so that a slip in one of them shows.

Source pages are below developers.weixin.qq.com/doc/service/ unless said otherwise. Read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limit:
    value: int
    unit: str
    source: str


TEXT: Final = Limit(2048, "bytes of UTF-8", "guide/product/message/Passive_user_reply_message; error 45002")
ANSWER_WITHIN: Final = Limit(5, "seconds", "guide/product/message/Passive_user_reply_message")
DELIVERIES: Final = Limit(3, "tries in all", "guide/product/message/Passive_user_reply_message (总共重试三次)")

#: What a resident did → how many customer-service messages, for how many seconds.
QUOTA: Final[Mapping[str, tuple[Limit, Limit]]] = {
    "message": (Limit(5, "messages", "api/customer/message/api_sendcustommessage"), Limit(48 * 3600, "seconds", "the same")),
    "menu": (Limit(3, "messages", "api/customer/message/api_sendcustommessage"), Limit(60, "seconds", "the same")),
    "subscribe": (Limit(3, "messages", "api/customer/message/api_sendcustommessage"), Limit(60, "seconds", "the same")),
    "scan": (Limit(3, "messages", "api/customer/message/api_sendcustommessage"), Limit(60, "seconds", "the same")),
}

TOKEN_LIFE: Final = Limit(7200, "seconds", "api/base/api_getstableaccesstoken")
TOKEN_OVERLAP: Final = Limit(300, "seconds", "api/base/api_getstableaccesstoken (提前5分钟更新, both valid)")
FORCE_APART: Final = Limit(30, "seconds", "api/base/api_getstableaccesstoken (时间隔至少为30s)")
FORCE_DAILY: Final = Limit(20, "a day", "api/base/api_getstableaccesstoken (每天20次)")

MEDIA_LIFE: Final = Limit(3 * 24 * 3600, "seconds", "api/material/temporary/api_uploadtempmedia (保存3天)")
IMAGE: Final = Limit(10 * 1024 * 1024, "bytes", "api/material/temporary/api_uploadtempmedia")
CLIENT_MSG_ID_LIFE: Final = Limit(600, "seconds", "api/notify/template (client_msg_id, 10分钟)")

#: A template's or notice's field by its kind.
FIELDS: Final[Mapping[str, Limit]] = {
    "thing": Limit(20, "characters", "订阅消息参数值内容限制说明"),
    "character_string": Limit(32, "characters", "订阅消息参数值内容限制说明"),
    "phrase": Limit(5, "characters", "订阅消息参数值内容限制说明"),
    "name": Limit(10, "characters", "订阅消息参数值内容限制说明"),
}

SCENE: Final = Limit(64, "characters", "api/qrcode/qrcodes/api_createqrcode (scene_str)")
CODE_LIFE: Final = Limit(30 * 24 * 3600, "seconds", "api/qrcode/qrcodes/api_createqrcode (expire_seconds)")

MENU_BUTTONS: Final = Limit(3, "buttons", "api/custommenu/api_createcustommenu")
MENU_BENEATH: Final = Limit(5, "buttons", "api/custommenu/api_createcustommenu")
MENU_NAME: Final = Limit(16, "bytes", "api/custommenu/api_createcustommenu")
MENU_NAME_BENEATH: Final = Limit(60, "bytes", "api/custommenu/api_createcustommenu")
MENU_KEY: Final = Limit(128, "bytes", "api/custommenu/api_createcustommenu")
