"""Telegram, by python-telegram-bot (LGPL-3.0, used as a library) and the Bot API. Its pages, from outside in:

- `account`: the entry of data/channels.yml.
- `channel`: hearing and speaking; begin there.
- `reading`: an update → what the desk hears.      `parts`: a message → what fits.
- `pace`: how fast.      `errors`: what refusals mean.
- `checking`: what an office is told about its bot.      `api`: the library, with three things put right.
"""

from __future__ import annotations

from typing import Any

from bot.channels import Notebook
from bot.channels.telegram.account import NAME, MenuItem, TelegramAccount, account
from bot.channels.telegram.channel import HookedTelegram, PolledTelegram, Telegram

__all__ = ["NAME", "HookedTelegram", "MenuItem", "PolledTelegram", "Telegram", "TelegramAccount", "account", "channel"]


def channel(account: TelegramAccount, notebook: Notebook, **parts: Any) -> PolledTelegram | HookedTelegram:
    """The channel of an account: polled, or called by Telegram where the account names a webhook. `parts` as `Telegram` has them."""
    return (HookedTelegram if account.webhook else PolledTelegram)(account, notebook, **parts)
