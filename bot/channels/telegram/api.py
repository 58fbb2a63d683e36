"""The way to Telegram's Bot API: python-telegram-bot's `Bot`, with three things put right.

- An update that the library cannot read must not hold up those behind it: it comes through as an update without contents.
- The token is a part of every address, and httpx logs addresses: it must not.
- The server's clock is in its answers' Date header; `check` wants to know it.
"""

from __future__ import annotations

import json
import logging
import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final

import httpx
import structlog
from telegram import Bot, Update
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

from bot.channels.telegram.account import TelegramAccount

log = structlog.get_logger()

#: Seconds. One call, waiting for its turn included, must end well within the worker's limit of a send (20 s).
CONNECT, WRITE, READ, POOL = 3.0, 3.0, 5.0, 2.0
#: How long Telegram holds a poll that has nothing to say, in seconds; its server allows 50 (Client.h, LONG_POLL_MAX_TIMEOUT).
HOLD: Final = 25
CONNECTIONS: Final = 64


def readable(raw: dict[str, Any]) -> dict[str, Any]:
    """The update as it came, or its number alone where the library cannot read it. Raises KeyError or TypeError for what is
    no update at all."""
    number = raw["update_id"]
    try:
        Update.de_json(dict(raw), None)
    except Exception as error:
        # Whatever a field of a newer API makes the library raise. The contents are a resident's: they are not logged.
        log.error("telegram_update_unreadable", update=number, error=type(error).__name__)
        return {"update_id": int(number)}
    return raw


class _Request(HTTPXRequest):
    """PTB's own way over HTTP, except that it skips unreadable updates and logs no answer it cannot read."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        try:
            answer = json.loads(payload.decode("utf-8", "replace"))
        except ValueError:
            raise TelegramError("Invalid server response") from None
        if not isinstance(answer, dict):
            raise TelegramError("Invalid server response")
        result = answer.get("result")
        if isinstance(result, list):
            answer["result"] = [readable(r) if isinstance(r, dict) and "update_id" in r else r for r in result]
        return answer


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted, read from disk once for all bots."""
    return httpx.create_ssl_context()


class Api:
    """One bot's connections. `server_date` is what the server's clock said last."""

    def __init__(self, account: TelegramAccount) -> None:
        # httpx writes every address at INFO, httpcore at DEBUG; ours hold the token.
        for name in ("httpx", "httpcore"):
            logger = logging.getLogger(name)
            logger.setLevel(max(logging.WARNING, logger.level))
        self.server_date: datetime | None = None
        ways = {
            "read_timeout": READ,
            "write_timeout": WRITE,
            "media_write_timeout": WRITE,
            "connect_timeout": CONNECT,
            "pool_timeout": POOL,
            "proxy": account.proxy or None,
            "httpx_kwargs": {"event_hooks": {"response": [self._note_date]}, "verify": _trusted()},
        }
        self._requests = (
            _Request(connection_pool_size=1, **ways),  # type: ignore[arg-type]
            _Request(connection_pool_size=CONNECTIONS, **ways),  # type: ignore[arg-type]
        )
        self.bot = Bot(
            account.token,
            base_url=f"{account.api}/bot",
            base_file_url=f"{account.api}/file/bot",
            get_updates_request=self._requests[0],
            request=self._requests[1],
        )

    async def _note_date(self, response: httpx.Response) -> None:
        try:
            self.server_date = parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError):
            self.server_date = None

    async def close(self) -> None:
        """Close the connections."""
        for request in self._requests:
            await request.shutdown()
