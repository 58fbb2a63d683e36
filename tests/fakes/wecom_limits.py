"""What WeCom documents as its limits. Only the fake reads this: the adapter has figures of its own, so that a wrong one shows.

`source` is a page under developer.work.weixin.qq.com/document/path/. `hard` False: the page words it as advice (建议不超过).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    value: int
    unit: str
    source: str
    hard: bool = True


TEXT = Limit(2048, "bytes", "90236 文本消息 content")
PER_MINUTE = Limit(30, "messages to one member in 60 s", "90236 频率限制")
PER_HOUR = Limit(1000, "messages to one member in 3600 s", "90236 频率限制")
DUPLICATE_INTERVAL = Limit(14400, "seconds, 1800 by default", "90236 duplicate_check_interval")
TITLE = Limit(36, "characters", "90236 按钮交互型 main_title.title", hard=False)
SUBTITLE = Limit(160, "characters", "90236 按钮交互型 sub_title_text", hard=False)
BUTTONS = Limit(6, "buttons", "90236 按钮交互型 button_list")
LABEL = Limit(10, "characters", "90236 按钮交互型 button_list.text", hard=False)
KEY = Limit(1024, "bytes", "90236 按钮交互型 button_list.key")
TASK = Limit(128, "bytes of [0-9A-Za-z_@-]", "90236 task_id")
CODE = Limit(72 * 3600, "seconds, once", "94888 response_code")
TOKEN = Limit(7200, "seconds", "91039 expires_in")
NEEDLESS_TOKENS = Limit(5, "calls of gettoken while the last token is good", "91039 不能频繁调用; the number is ours")
CALLBACK_TRIES = Limit(4, "deliveries: one and three more", "90238 接收消息协议的说明")
ROBOT_PER_MINUTE = Limit(20, "messages of one robot in 60 s", "91770 消息发送频率限制")
ROBOT_TEXT = Limit(2048, "bytes", "91770 text.content")
ROBOT_MARKDOWN = Limit(4096, "bytes", "91770 markdown.content")
PHOTO = Limit(10 * 1024 * 1024, "bytes, JPG or PNG", "90253 上传的媒体文件限制")
PHOTO_LEAST = Limit(6, "bytes: more than five", "90253 上传的媒体文件限制")
MEDIA = Limit(3 * 86400, "seconds", "90239 MediaId 仅三天内有效")
