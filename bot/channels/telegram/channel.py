"""A Telegram bot as a channel: it hears by polling or by webhook, and speaks at the pace Telegram allows.

What must never happen here: an update is acknowledged before `accept` has kept it; a part of a message that arrived is sent
again; a chat that must wait holds up another; a resident's words are read as markup.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from telegram import LinkPreviewOptions, Update
from telegram.error import ChatMigrated, InvalidToken, RetryAfter, TelegramError

from bot.channels import Accept, Answers, Finding, Limits, Message, Notebook, Reach, SendError
from bot.channels.telegram import checking
from bot.channels.telegram.account import NAME, MenuItem, TelegramAccount
from bot.channels.telegram.api import HOLD, READ, Api, readable
from bot.channels.telegram.errors import not_heard, refusal, rule, waits
from bot.channels.telegram.pace import Pace
from bot.channels.telegram.parts import LONGEST, MOST_BUTTONS, Part, parts_of
from bot.channels.telegram.reading import ALLOWED, Moved, Reader, Said
from bot.core.types import Media
from bot.traces import trace

log = structlog.get_logger()

#: Of files a bot may download (Bot API, getFile): 20 MB.
LARGEST_FILE: Final = 20 * 1024 * 1024
#: Of a webhook's body, in bytes. The longest update is a message of 4096 characters, with the one it answers, and their marks.
LARGEST_BODY: Final = 256 * 1024
SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
#: A message can be edited for 48 hours (Bot API, editMessageText; the apps allow no more).
EDITABLE: Final = timedelta(hours=50)
#: So many messages of a chat are remembered, for corrections.
REMEMBERED: Final = 30
#: Longer than the outbox tries.
UNDER_WAY: Final = timedelta(days=7)
#: A group that became another chat never becomes the old one again.
FOR_GOOD: Final = timedelta(days=3650)
#: A message of many parts gives its place back after so long, and goes on where it stopped when its turn comes again:
#: the worker gives one send 20 s, and one cut short in the middle of a call would be doubled.
ONE_GO: Final = timedelta(seconds=3)
_SOON: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = 60.0
_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)


class Telegram:
    """One bot, as far as both ways of hearing are alike.

    Args:
        notebook: keeps what was sent in part, which update a message came by, and where a group moved.
        now: the machine clock.
        sleep: waits so many seconds of it.
        jitter: a number from 0 to 1.
        menu: the commands shown beside the input field.
        picture: the bytes of a photo of the media store, by its name; None: photos are not sent.
    """

    name = NAME
    limits = Limits(characters=LONGEST, buttons=MOST_BUTTONS)
    reach: Reach = "always"

    def __init__(
        self,
        account: TelegramAccount,
        notebook: Notebook,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
        menu: Sequence[MenuItem] = (),
        picture: Callable[[str], Awaitable[bytes]] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._account = account
        self._notebook = notebook
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        self._menu = tuple(menu)
        self._picture = picture
        self._pace = pace or Pace(now, sleep)
        self._reader = Reader(account, self._menu)
        self._api = Api(account)
        self._bot = self._api.bot
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def account(self) -> str:
        return self._account.account

    async def close(self) -> None:
        """Let the taps be answered, and close the connections."""
        await asyncio.gather(*self._answering)
        await self._api.close()

    # ── in ──

    async def _hear(self, update: Update, accept: Accept) -> None:
        """Hand one update to the desk. When this returns, Telegram may forget it; what `accept` raises is raised."""
        try:
            said = self._reader.read(update)
        except Exception as error:
            # A fault of ours in one message must not keep all that follow from being heard. Who wrote it is answered as if
            # there had been no words.
            log.error("telegram_update_unread", account=self.account, update=update.update_id, trace=trace(error))
            said = self._reader.wordless(update)
        if isinstance(said, Moved):
            await self._follow(said.chat, said.to)
        elif said is not None:
            await self._keep(said, accept)

    async def _keep(self, said: Said, accept: Accept) -> None:
        if said.query:
            # First of all, because the button shows a clock until then; beside the rest, because nothing depends on it.
            task = asyncio.create_task(self._answer(said.query))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        message = said.message
        if said.edit:
            heard = await self._notebook.read(_heard_page(message.address)) or {}
            original = heard.get("updates", {}).get(str(said.number), "")
            # An edit of what was never heard is heard as new: its words count.
            message = replace(message, replaces=original)
        await accept(message)
        if said.number and not said.edit:
            await self._remember(message.address, said.number, message.external_id)

    async def _answer(self, query: str) -> None:
        """Tell the button that it was heard. Telegram takes that for a short while only, and a redelivered tap was answered
        before; either way the tap itself counts."""
        try:
            await self._bot.answer_callback_query(query)
        except TelegramError as error:
            log.info("telegram_tap_unanswered", account=self.account, why=type(error).__name__)

    async def _remember(self, address: str, number: int, update: str) -> None:
        """Which update this message came by: an edit of it names the message alone."""

        def noted(page: Mapping[str, Any] | None) -> Mapping[str, Any]:
            updates = {**(page or {}).get("updates", {}), str(number): update}
            return {"updates": {key: updates[key] for key in sorted(updates, key=int)[-REMEMBERED:]}}

        await self._notebook.change(_heard_page(address), noted, EDITABLE)

    async def _follow(self, chat: int, to: int) -> None:
        await self._notebook.change(f"moved/{chat}", lambda _: {"to": to}, FOR_GOOD)

    # ── out ──

    async def send(self, to: str, message: Message) -> str:
        """Deliver all parts that did not go out earlier, and return Telegram's number of the last. Raises SendError."""
        chat = await self._moved_to(int(to))
        parts = parts_of(message)
        if not parts:
            raise SendError("消息为空。 The message is empty: a fault of the desk.", retryable=False)
        page, started = f"sent/{message.id}", self._now()
        several = len(parts) > 1
        gone: dict[str, str] = dict((await self._notebook.read(page) or {}).get("parts", {})) if several else {}
        for position, part in enumerate(parts):
            if str(position) in gone:
                continue
            if self._now() - started > ONE_GO:
                raise SendError("长消息分几次发送。 A long message goes out in several goes.", retryable=True, after=_SOON)
            try:
                number = await self._send_part(chat, part)
            except SendError as error:
                if not error.unconfirmed or not several:
                    raise
                # It may have arrived: it is not sent again, but those after it still are.
                number = ""
            gone[str(position)] = number
            if several:
                await self._note_part(page, position, number)
            if not number and position < len(parts) - 1:
                raise SendError("连接中断，其余部分稍后再发。 The connection broke; the rest follows.", retryable=True)
        if not all(gone.values()):
            raise SendError("有一部分可能没有送达。 A part of it may not have arrived.", retryable=False, unconfirmed=True)
        return gone[str(len(parts) - 1)]

    async def _note_part(self, page: str, position: int, number: str) -> None:
        await self._notebook.change(
            page, lambda old: {"parts": {**(old or {}).get("parts", {}), str(position): number}}, UNDER_WAY
        )

    async def _send_part(self, chat: int, part: Part) -> str:
        """One call, and a second one where the group has moved meanwhile."""
        try:
            return await self._call(chat, part)
        except ChatMigrated as moved:
            await self._follow(chat, moved.new_chat_id)
            chat = moved.new_chat_id
        except TelegramError as error:
            raise refusal(error) from None
        try:
            return await self._call(chat, part)
        except TelegramError as error:
            raise refusal(error) from None

    async def _call(self, chat: int, part: Part) -> str:
        photo = await self._photo(part.photo) if part.photo else None
        async with self._pace.turn(chat):
            try:
                if photo is not None:
                    sent = await self._bot.send_photo(chat, photo, reply_markup=part.keyboard)
                else:
                    # No parse mode, so nothing a resident or a colleague wrote becomes markup; no preview, because Telegram
                    # would open the link to draw it, and a link may work once.
                    sent = await self._bot.send_message(
                        chat, part.text, reply_markup=part.keyboard, link_preview_options=_PREVIEW
                    )
            except RetryAfter as told:
                self._pace.wait(chat, waits(told) or timedelta(seconds=1))
                raise
        return str(sent.message_id)

    async def _photo(self, name: str) -> bytes:
        if self._picture is None:
            raise SendError("此渠道未设置图片。 No pictures are set up for this channel.", retryable=False)
        try:
            return await self._picture(name)
        except FileNotFoundError:
            raise SendError("图片已不存在。 The picture is no longer there.", retryable=False) from None

    async def _moved_to(self, chat: int) -> int:
        """Where this chat is now. Only groups move, and a group moves once."""
        page = await self._notebook.read(f"moved/{chat}") if chat < 0 else None
        return int(page["to"]) if page else chat

    # ── files ──

    async def fetch(self, media: Media) -> bytes:
        """The bytes of a photo. Raises SendError."""
        try:
            file = await self._bot.get_file(media.reference)
            if (file.file_size or 0) > LARGEST_FILE:
                raise SendError("文件超过 20 MB。 The file has more than 20 MB.", retryable=False)
            try:
                return bytes(await file.download_as_bytearray())
            except InvalidToken:
                # The library's name for every 404: the link of a file ends after an hour. The next try asks for a new one.
                raise SendError("文件链接已过期。 The link of the file has ended.", retryable=True) from None
        except TelegramError as error:
            line = rule(error)
            raise SendError(line.words, retryable=line.verdict != "never", after=waits(error)) from None

    # ── the account ──

    async def link(self, start: str, lasts: timedelta) -> str:
        """A deep link into the chat (core.telegram.org/api/links, bot links): it works for as long as the bot has its name."""
        return f"https://t.me/{self._account.username}?start={start}"

    async def check(self) -> Sequence[Finding]:
        """Ask Telegram whether everything is as the entry says. Never raises."""
        return await checking.findings(self._api, self._account, self._menu, self._now)

    async def prepare(self) -> Sequence[Finding]:
        """Make it so: the webhook or none, and the menu. Nothing that waits at Telegram is dropped. Never raises."""
        return await checking.prepare(self._api, self._account, self._menu)


class PolledTelegram(Telegram):
    """Asks Telegram for messages. The desk lets one process at a time do so."""

    _offset: int | None = None

    async def listen(self, accept: Accept) -> None:
        """Hear until cancelled."""
        failures = 0
        while True:
            asked = None
            try:
                await self._poll(accept)
            except TelegramError as error:
                asked = waits(error)
                log.warning("telegram_not_heard", account=self.account, why=not_heard(error))
            except Exception as error:
                # Not kept: Telegram gives the update, and all after it, again.
                log.error("telegram_not_kept", account=self.account, trace=trace(error))
            else:
                failures = 0
                continue
            failures += 1
            await self._pause(failures, asked)

    async def _poll(self, accept: Accept) -> None:
        """Ask once and hear what comes. The next poll's offset is what lets Telegram forget."""
        updates = await self._bot.get_updates(
            offset=self._offset, timeout=HOLD, allowed_updates=ALLOWED, read_timeout=READ
        )
        for update in updates:
            await self._hear(update, accept)
            self._offset = update.update_id + 1
        if not updates:
            # What came before the offset is forgotten by now, so it has done its work. After a silent week numbers start
            # anew, perhaps lower (Bot API, Update.update_id): an old offset would hide them.
            self._offset = None

    async def _pause(self, failures: int, asked: timedelta | None) -> None:
        seconds = min(_LONGEST_PAUSE, 2.0 ** min(failures, 6)) * (0.5 + self._jitter())
        await self._sleep(asked.total_seconds() if asked else seconds)


class HookedTelegram(Telegram):
    """Is called by Telegram. It calls one chat's messages one after the other, so their order is kept (Client.cpp and
    WebhookActor.cpp: a queue per chat)."""

    def routes(self, accept: Accept, answers: Answers) -> Sequence[BaseRoute]:
        """The webhook. Answers are sent by `send`: a response could carry one, but Telegram never says whether it arrived."""

        async def deliver(request: Request) -> Response:
            return Response(status_code=await self._delivered(request, accept))

        return (Route(self._account.path, deliver, methods=["POST"]),)

    async def _delivered(self, request: Request, accept: Accept) -> int:
        """The status to answer with. Only 2xx lets Telegram forget the update; it repeats every other."""
        shown = request.headers.get(SECRET_HEADER, "")
        if not self._knows(shown):
            return 403
        body = await _body(request, LARGEST_BODY)
        if body is None:
            return 413
        try:
            update = Update.de_json(readable(json.loads(body)), None)
        except (ValueError, KeyError, TypeError):
            return 400
        try:
            await self._hear(update, accept)
        except Exception as error:
            log.error("telegram_not_kept", account=self.account, update=update.update_id, trace=trace(error))
            return 503
        return 200

    def _knows(self, shown: str) -> bool:
        """Whether the caller has the secret, found out in a time that tells nothing about it."""
        return hmac.compare_digest(shown.encode(), self._account.webhook_secret.encode())



async def _body(request: Request, most: int) -> bytes | None:
    """The body, unless it has more than `most` bytes; no more than that is ever held."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) > most:
            return None
    return bytes(held)


def _heard_page(address: str) -> str:
    return f"heard/{address}"
