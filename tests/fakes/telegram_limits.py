"""What Telegram allows, as the fake enforces it. Read by the fake alone: the adapter has its own numbers, so that a wrong one
on either side shows.

"Bot API" is core.telegram.org/bots/api, "FAQ" core.telegram.org/bots/faq (My bot is hitting limits), "server" the source of
Telegram's own Bot API server, github.com/tdlib/telegram-bot-api at commit 01a3679 of May 2026.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """One number, its unit and the page it stands on."""

    value: int
    unit: str
    source: str


TEXT = Limit(4096, "UTF-16 code units, after trimming", "Bot API, sendMessage, text; MessageEntity, offset")
CALLBACK_DATA = Limit(64, "bytes", "Bot API, InlineKeyboardButton, callback_data")
BUTTONS = Limit(100, "buttons of a message", "limits.tginfo.me, Bots; not in the Bot API")
BUTTONS_IN_A_ROW = Limit(8, "buttons", "limits.tginfo.me, Bots; not in the Bot API")
CALLBACK_ANSWER = Limit(200, "characters", "Bot API, answerCallbackQuery, text")
CALLBACK_ANSWERABLE = Limit(15, "seconds", "not published; the refusal's words are in the server's Client.cpp")
PER_CHAT = Limit(1, "messages a second", "FAQ")
PER_GROUP = Limit(20, "messages a minute", "FAQ")
OVERALL = Limit(30, "messages a second", "FAQ")
UPDATES = Limit(100, "updates of one poll", "Bot API, getUpdates, limit")
HOLD = Limit(50, "seconds", "server, Client.h, LONG_POLL_MAX_TIMEOUT")
KEPT = Limit(24 * 3600, "seconds", "Bot API, Getting updates; server, add_message_update")
DOWNLOAD = Limit(20 * 1024 * 1024, "bytes", "Bot API, getFile; server, MAX_DOWNLOAD_FILE_SIZE")
UPLOAD_PHOTO = Limit(10 * 1024 * 1024, "bytes", "Bot API, sendPhoto")
FILE_LINK = Limit(3600, "seconds", "Bot API, getFile")
SECRET = Limit(256, "of A-Z, a-z, 0-9, _ and -", "Bot API, setWebhook, secret_token")
WEBHOOK_CALLS = Limit(100, "simultaneous calls", "Bot API, setWebhook, max_connections")
COMMANDS = Limit(100, "commands", "Bot API, setMyCommands")
COMMAND = Limit(32, "of a-z, 0-9 and _", "Bot API, BotCommand, command")
COMMAND_TITLE = Limit(256, "characters", "Bot API, BotCommand, description")
START = Limit(64, "of A-Z, a-z, 0-9, _ and -", "core.telegram.org/bots/features, Deep linking")
WEBHOOK_PORTS = (443, 80, 88, 8443)  # Bot API, setWebhook, notes
