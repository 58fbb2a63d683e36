"""Words that are commands wherever they are said alone, as menus and chat apps offer them: /start, 菜单, 绑定, 隐私.

A whole message only; what is said in a sentence is for the language model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.core.resolve.hanzi import simple
from bot.core.resolve.numerals import fold

#: The command of a chat app, without its slash → what the button of the same meaning sends back.
SLASHES: Final[Mapping[str, str]] = {
    "repair": "menu:repair",
    "complaint": "menu:complaint",
    "fees": "menu:fee_query",
    "permit": "menu:permit",
    "progress": "menu:ticket_status",
    "home": "bind:",
    "privacy": "privacy:",
    "person": "menu:handoff",
}
#: What is typed → what the button of the same name sends back.
COMMANDS: Final[Mapping[str, str]] = {
    **{f"/{name}": value for name, value in SLASHES.items()},
    **dict.fromkeys(("/start", "/menu", "/help", "菜单", "帮助", "menu", "help"), "greet:"),
    **dict.fromkeys(("/bind", "绑定", "绑定房号", "我的房屋", "link my home", "my home"), "bind:"),
    **dict.fromkeys(("隐私", "我的信息", "个人信息", "privacy", "my data"), "privacy:"),
    **dict.fromkeys(("人工", "转人工"), "menu:handoff"),
    **dict.fromkeys(("返回", "上一步", "返回上一步", "退回上一步", "回到上一步", "back", "go back", "one step back"), "back:"),
    **dict.fromkeys(("重新来", "重来", "重新开始", "从头来", "重新填", "重填", "start over", "start again", "restart"), "restart:"),
}


def command(text: str) -> str | None:
    """The button that these words stand for, or None. A bot's name behind the command is left out (/menu@somebot)."""
    bare = simple(fold(text)).strip(" \t\n。.!?").lower()
    if bare.startswith("/"):
        bare = bare.partition("@")[0].partition(" ")[0]
    return COMMANDS.get(bare)
