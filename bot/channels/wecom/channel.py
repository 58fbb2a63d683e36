"""One application of WeCom as a channel of the desk.

What goes out is paced per member, split or laid out as a card, and tried again without doubling (`repeats`; a photo by the media
id it was uploaded under). What comes in is opened, read and kept before it is acknowledged. The notebook holds the access token,
the ledger of each member, what was said to them lately, and for each card the codes that allow to change it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.channels import Accept, Answers, Finding, Limits, Message, Notebook, Reach, SendError, in_both
from bot.channels.cutting import pieces
from bot.channels.wecom import cards, envelope, inbound, repeats
from bot.channels.wecom.account import NAME, WeComAccount
from bot.channels.wecom.api import BASE, EMPTY, PATIENCE, Api, Patience, Refusal, Unanswered, unanswered
from bot.channels.wecom.cardbook import CardBook
from bot.channels.wecom.envelope import LARGEST_BODY, Refused, Seal
from bot.channels.wecom.inspection import inspect
from bot.channels.wecom.pace import SLACK, Pace, TooSoon
from bot.channels.wecom.repeats import Repeats
from bot.core.types import Media

log = structlog.get_logger()

#: Bytes of a text message (developer.work.weixin.qq.com/document/path/90236); the platform cuts off what is longer.
LONGEST_TEXT = 2048
#: Messages to one member: in a minute, in an hour. What is more is dropped without a word.
MEMBER_PACE = Pace(30, 1000)
#: A member id (90313, 40003). `@all` and `a|b` are no ids: the platform would write to everybody, or to both.
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
LARGEST_PHOTO = 20 * 1024 * 1024
#: How often it is written down that the platform called us.
_HEARD_EVERY = timedelta(hours=1)
_NO_MEMBER = in_both(
    "地址不是企业微信的成员账号。请在员工登记里改正。", "The address is no member id of WeCom: correct it in the staff register."
)
_NO_PHOTOS = in_both("这里不能发照片。请打电话告知。", "Photos cannot be sent from here. Telephone.")
_PHOTO_GONE = in_both("照片已不在系统里。请打电话告知。", "The photo is no longer there. Telephone.")
_PERHAPS = in_both(
    "卡片可能已送达：上一次发送没有得到答复，这一次被当作重复拒绝。",
    "The card may have arrived: the try before had no answer, and this one was refused as a double.",
)
_LONG_AGO = in_both(
    "消息可能已送达：数小时前的一次发送没有得到答复，现在重发可能重复。",
    "The message may have arrived: a try hours ago had no answer, and another now might be a double.",
)
_ENOUGH = in_both(
    "发给该成员的消息已到企业微信的上限，多的会被丢弃，稍后再发。",
    "The member has had as many messages as WeCom delivers; it would drop this one.",
)
_KEEP_HEARD = timedelta(days=400)
#: As they come with text that was copied out of office programs.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class _Progress:
    """How many pieces of a text, or photos, of a message went out, and the platform's ids of them.

    Args:
        media: under which id the next photo was uploaded, while a try of it may have arrived.
        since: when the first of these tries began, as ISO 8601.
    """

    done: int = 0
    ids: tuple[str, ...] = ()
    media: str = ""
    since: str = ""

    @classmethod
    def of(cls, page: Mapping[str, Any] | None) -> _Progress:
        return cls() if page is None else cls(**{**page, "ids": tuple(page["ids"])})

    def page(self) -> Mapping[str, Any]:
        return asdict(self)


class WeCom:
    """One application.

    Args:
        notebook: this account's own.
        now: the machine clock, aware UTC.
        base, patience: where the platform is, and how long to wait for it.
        pace: what may be sent to one member.
        photo: a photo of the media store by its name, as a JPEG; None: photos are not sent.
    """

    name = NAME
    reach: Reach = "always"

    def __init__(
        self,
        account: WeComAccount,
        notebook: Notebook,
        now: Callable[[], datetime],
        *,
        base: str = BASE,
        patience: Patience = PATIENCE,
        pace: Pace = MEMBER_PACE,
        photo: Callable[[str], bytes] | None = None,
    ) -> None:
        self.account = account.name
        self.limits = Limits(bytes=LONGEST_TEXT, buttons=cards.BUTTONS if account.cards else 0)
        self._account = account
        self._notebook = notebook
        self._now = now
        self._pace = pace
        self._photo = photo
        self._api = Api(account, notebook, now, base, patience)
        self._book = CardBook(notebook, now)
        self._repeats = Repeats(notebook, now)
        self._heard_at: datetime | None = None

    async def close(self) -> None:
        """Give the connections back."""
        await self._api.close()

    # ── out ──

    async def send(self, to: str, message: Message) -> str:
        """Deliver to a member: photos, then the words, as a card when there are buttons and they fit one. Raises SendError."""
        if not _MEMBER.fullmatch(to):
            raise SendError(_NO_MEMBER, retryable=False)
        photos = await self._send_photos(to, message)  # first, so that what asks for something stands last
        message = replace(message, text=_writable(message.text))
        if photos and not message.text and not message.buttons:
            return photos
        if not message.buttons:
            return await self._send_text(to, message.id, message.text)
        shown = cards.face(message) if self._account.cards else None
        if shown is None:
            return await self._send_text(to, message.id, cards.numbered(message))
        return await self._send_card(to, message, shown)

    async def update_card(self, message_id: int, text: str) -> bool:
        """Put a sentence where the buttons of this message were, in the chat of the member it was sent to.

        False: there is nothing to change it with (no card was sent, it is older than 72 hours, or every code is used up); then
        the news has to go as a message. Raises SendError when the platform did not answer, or must be asked again later.
        """
        while (taken := await self._book.take(message_id)) is not None:
            body = {
                "userids": [taken.to],
                "agentid": self._account.agent,
                "response_code": taken.code,
                **cards.changed(taken.face, taken.keys, taken.pressed, text),
            }
            try:
                await self._api.post("message/update_template_card", body)
                return True
            except Unanswered as silent:
                if silent.sent:  # the code may be used up, and the card changed
                    raise SendError(unanswered(str(silent)), retryable=False, unconfirmed=True) from None
                await self._book.give_back(message_id, taken)
                raise silent.as_send_error() from None
            except Refusal as refused:
                if refused.trouble.then != "never":
                    await self._book.give_back(message_id, taken)
                    raise refused.as_send_error() from None
                log.info("wecom_card_code_refused", account=self.account, message=message_id, code=refused.code)
        return False

    async def _send_photos(self, to: str, message: Message) -> str:
        """The platform knows a photo by its media id. So a try that may have arrived is repeated under the same one."""
        if message.photos and self._photo is None:
            raise SendError(_NO_PHOTOS, retryable=False)
        page = f"photos:{message.id}"
        progress = _Progress.of(await self._notebook.read(page) if message.photos else None)
        for name in message.photos[progress.done :]:
            await self._enter(to)
            first = not progress.media
            if first:
                media = await self._upload(name)
                progress = replace(progress, media=media, since=self._now().isoformat())
                await self._remember(page, progress)
            if self._now() - datetime.fromisoformat(progress.since) > repeats.LOOKS_BACK - SLACK:
                raise SendError(_LONG_AGO, retryable=False, unconfirmed=True)
            try:
                answer = await self._deliver(to, {"msgtype": "image", "image": {"media_id": progress.media}, **repeats.ASK})
            except (Unanswered, Refusal) as failed:
                if first and not (isinstance(failed, Unanswered) and failed.sent):
                    await self._remember(page, replace(progress, media="", since=""))
                raise failed.as_send_error() from None
            progress = _Progress(progress.done + 1, (*progress.ids, str(answer.get("msgid", ""))))
            await self._remember(page, progress)
        return ",".join(progress.ids)

    async def _upload(self, name: str) -> str:
        assert self._photo is not None
        try:
            return await self._api.upload(await asyncio.to_thread(self._photo, name))
        except FileNotFoundError:
            raise SendError(_PHOTO_GONE, retryable=False) from None
        except (Unanswered, Refusal) as failed:
            raise failed.as_send_error() from None

    async def _send_text(self, to: str, message_id: int, text: str) -> str:
        parts = pieces(text, LONGEST_TEXT - repeats.LONGEST_MARK)
        if not parts:
            raise SendError(EMPTY, retryable=False)
        page = f"out:{message_id}"
        progress = _Progress.of(await self._notebook.read(page)) if len(parts) > 1 else _Progress()
        for part in parts[progress.done :]:
            answer = await self._send_piece(to, f"{message_id}.{progress.done}", part)
            progress = _Progress(progress.done + 1, (*progress.ids, str(answer.get("msgid", ""))))
            if len(parts) > 1:
                await self._remember(page, progress)
        return ",".join(progress.ids)

    async def _send_piece(self, to: str, who: str, text: str) -> Mapping[str, Any]:
        await self._enter(to)
        said = await self._repeats.enter(to, text, who)
        if self._now() - said.since > repeats.LOOKS_BACK - SLACK:
            # The platform may have forgotten it, and would show it twice.
            raise SendError(_LONG_AGO, retryable=False, unconfirmed=True)
        try:
            return await self._deliver(to, {"msgtype": "text", "text": {"content": text + said.mark}, **repeats.ASK})
        except (Unanswered, Refusal) as failed:
            if said.first and not (isinstance(failed, Unanswered) and failed.sent):
                await self._repeats.withdraw(to, text, who)
            raise failed.as_send_error() from None

    async def _send_card(self, to: str, message: Message, shown: cards.Face) -> str:
        await self._enter(to)
        offer = await self._book.offer(message, to, shown)
        if offer.sent_as is not None:  # it went out, and whoever sent it died before saying so
            return offer.sent_as
        card = cards.card(message, shown, cards.task_of(await self._book.series(), message.id))
        try:
            answer = await self._deliver(to, {"msgtype": "template_card", "template_card": card})
        except Unanswered as silent:
            if not silent.sent and not offer.doubt:
                await self._book.withdraw(message.id)
            raise silent.as_send_error() from None
        except Refusal as refused:
            if refused.trouble.of_card and offer.doubt:
                # A card's name is taken once: most likely an earlier try arrived, and this one is refused for it.
                raise SendError(_PERHAPS, retryable=False, unconfirmed=True) from None
            if not offer.doubt:
                await self._book.withdraw(message.id)
            if not refused.trouble.of_card:
                raise refused.as_send_error() from None
            log.warning("wecom_card_refused", account=self.account, message=message.id, code=refused.code)
            return await self._send_text(to, message.id, cards.numbered(message))
        await self._book.sent(message.id, str(answer.get("msgid", "")), str(answer.get("response_code", "")))
        return str(answer.get("msgid", ""))

    async def _enter(self, to: str) -> None:
        """Enter a message in the member's ledger, before it is sent. Raises SendError when it is too soon for one."""
        now = self._now()
        try:
            await self._notebook.change(f"pace:{to.lower()}", lambda page: self._pace.enter(page, now), self._pace.keep)
        except TooSoon as early:
            raise SendError(_ENOUGH, retryable=True, after=early.after) from None

    async def _deliver(self, to: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises Refusal, Unanswered."""
        answer = await self._api.post("message/send", {"touser": to, "agentid": self._account.agent, **body})
        # One recipient: named here, it got nothing, though errcode says 0.
        for field, code in (("invaliduser", 81013), ("unlicenseduser", 701008)):
            if answer.get(field):
                raise Refusal(code, field)
        return answer

    async def _remember(self, page: str, progress: _Progress) -> None:
        kept = progress.page()
        await self._notebook.change(page, lambda _: kept, repeats.KEEP)

    # ── in ──

    def routes(self, accept: Accept, answers: Answers) -> Sequence[BaseRoute]:
        """The callback: the check of the address, and what members do. Nothing is answered in the response: application messages
        are always allowed, and only one passive reply would fit into it."""

        async def verify(request: Request) -> Response:
            seal = Seal.of(request.query_params)
            # A "+" that was not escaped comes as a space; base64 has none.
            ciphertext = request.query_params.get("echostr", "").replace(" ", "+")
            try:
                plain = envelope.unseal(ciphertext, seal, self._account.keys, self._account.corp, self._now())
            except Refused as refused:
                return self._refuse(refused)
            return PlainTextResponse(plain, background=BackgroundTask(self._note_heard))

        async def hear(request: Request) -> Response:
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    return Response(status_code=413)
            seal = Seal.of(request.query_params)
            try:
                xml = envelope.unseal(
                    envelope.sealed_in(bytes(body)), seal, self._account.keys, self._account.corp, self._now()
                )
                heard = inbound.read(xml, self._account)
            except Refused as refused:
                return self._refuse(refused)
            try:
                await self._keep(heard, accept)
            except Exception as error:
                # No 200: the platform delivers again.
                log.error("wecom_not_kept", account=self.account, error=type(error).__name__)
                return Response(status_code=500)
            return Response(background=BackgroundTask(self._note_heard))

        return (
            Route(self._account.path, verify, methods=["GET"]),
            Route(self._account.path, hear, methods=["POST"]),
        )

    async def _keep(self, heard: inbound.Heard, accept: Accept) -> None:
        if heard.inbound is None:
            return
        if heard.pressed is not None:
            message_id = cards.message_of(heard.pressed.task, await self._book.series())
            if message_id is None:
                # A card of another database: its token would name a message of this one.
                log.info("wecom_foreign_card", account=self.account)
                return
            await self._book.pressed(message_id, heard.inbound.address, heard.pressed.key, heard.pressed.code)
        await accept(heard.inbound)

    def _refuse(self, refused: Refused) -> Response:
        log.warning("wecom_callback_refused", account=self.account, why=refused.why)
        note = None if refused.skew is None else BackgroundTask(self._note_skew, refused.skew)
        return Response(status_code=403, background=note)

    async def _note_heard(self) -> None:
        now = self._now()
        if self._heard_at is not None and now - self._heard_at < _HEARD_EVERY:
            return
        await self._note("heard", {"at": now.isoformat()})
        self._heard_at = now

    async def _note_skew(self, skew: timedelta) -> None:
        await self._note("skew", {"at": self._now().isoformat(), "seconds": int(skew.total_seconds())})

    async def _note(self, page: str, content: Mapping[str, Any]) -> None:
        try:
            await self._notebook.change(page, lambda _: content, _KEEP_HEARD)
        except Exception as error:  # it only serves `check`
            log.warning("wecom_note_failed", account=self.account, error=type(error).__name__)

    # ── photos ──

    async def fetch(self, media: Media) -> bytes:
        """A photo a member sent; the platform keeps it for three days. Raises SendError."""
        try:
            return await self._api.download("media/get", LARGEST_PHOTO, media_id=media.reference)
        except ValueError as large:
            raise SendError(in_both("文件太大，不下载。", f"{large}."), retryable=False) from None
        except Unanswered as silent:
            raise silent.as_send_error() from None
        except Refusal as refused:
            raise refused.as_send_error() from None

    # ── the account ──

    async def check(self) -> Sequence[Finding]:
        """Token, application, visible range, trusted address, callback, clocks. Never raises."""
        return await inspect(self._api, self._account, self._notebook, self._now)


def _writable(text: str) -> str:
    """Without the halves of characters that cannot be written as UTF-8, and without characters that nothing can show: the platform
    refuses a message for them (40033)."""
    return _UNSEEN.sub("", text.encode("utf-8", "replace").decode())
