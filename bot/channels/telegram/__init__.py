"""Telegram, by python-telegram-bot (LGPL-3.0, used as a library) and the Bot API. Its pages, from outside in:

- `account`: the entry of data/channels.yml.
- `channel`: hearing and speaking; begin there.
- `reading`: an update → what the desk hears.      `parts`: a message → what fits.
- `pace`: how fast.      `errors`: what refusals mean.
- `checking`: what an office is told about its bot.      `api`: the library, with three things put right.
"""

from __future__ import annotations

from bot.channels.telegram.account import MenuItem, TelegramAccount, account
from bot.channels.telegram.channel import HookedTelegram, PolledTelegram, Telegram

__all__ = ["HookedTelegram", "MenuItem", "PolledTelegram", "Telegram", "TelegramAccount", "account"]
