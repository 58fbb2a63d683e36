"""An Official Account as a channel: callbacks in, passive replies, customer-service messages, templates, photos, menu, check.

A message on its way out takes the first way that is open:

1. the response to the callback that asked (`routes`), while WeChat waits: free, but one text, and once;
2. a customer-service message (`send`), counted against the resident's windows before it is sent;
3. the account's template message, then its subscription notice, where it has them and the resident has agreed (`agreements`):
   a line or two of the news;
4. none: `SendError` with the reasons, and the desk makes a phone task of it.

A callback is answered only when its message is kept. If it could not be kept, not even a moment later, or an account that may only reply has no
answer yet, the connection is left open: WeChat gives up after five seconds and delivers again, three times in all. It is the
only way it documents to be asked again; an error page may be shown to the resident as it is.
"""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import httpx
import structlog
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.channels import (
    Accept,
    Answers,
    Finding,
    Limits,
    Message,
    Notebook,
    Reach,
    Receipt,
    SendError,
    in_both,
    in_language,
    one_after_another,
)
from bot.channels.wechat import check, inbound, menu, replies
from bot.channels.wechat.account import WeChatAccount
from bot.channels.wechat.agreements import Agreements
from bot.channels.wechat.client import TIMEOUT, Client, Denied
from bot.channels.wechat.envelope import MOST_BYTES, Envelope, Opened, Refused
from bot.channels.wechat.inbound import NAME, Arrival, Unreadable
from bot.channels.wechat.window import Windows
from bot.core.types import Media

log = structlog.get_logger()

SUCCESS: Final = "success"
LIMITS: Final = Limits(bytes=replies.MOST_BYTES)
#: How far a message of several pieces has come.
PROGRESS_KEEP: Final = timedelta(days=1)
#: For so long WeChat knows a template message by its name (`client_msg_id`, 10 minutes); less what a call takes.
NAMED_FOR: Final = timedelta(minutes=9)
#: How often it is written down that WeChat called us.
_HEARD_EVERY: Final = timedelta(hours=1)
_KEEP_HEARD: Final = timedelta(days=400)
#: How long after each try to keep a delivery the next follows, in seconds, while WeChat still waits; None: it is left to the next delivery.
_PAUSES: Final[tuple[float | None, ...]] = (0.5, None)
_NO_REPLY: Final = in_both(
    "消息太长或带照片，只能回复来信的公众号发不出。请打电话。",
    "Longer than the one text this account may reply with, or with photos. Telephone.",
)
_NONE_AGREED: Final = in_both(
    "住户没有同意接收订阅通知，或同意的次数已用完。请打电话。",
    "The resident has not agreed to notices (订阅通知), or the agreement is used up. Telephone.",
)
_MAY_HAVE_ARRIVED: Final = in_both(
    "模板消息可能已送达，无法再确认。请打电话告知。", "The template message may have arrived; nobody can tell any more. Telephone."
)
_WAITS: Final = in_both("公众号只能回复来信，等住户来信时一并告知。", "The account may only reply: it is said when the resident writes next.")
_NONE_LEFT: Final = in_both(
    "微信允许的客服消息已用完（住户来信后48小时内5条，点菜单、关注、扫码后1分钟内3条）。请打电话，或等住户来信。",
    "Telephone, or wait until they write: no customer-service message is left (5 within 48 hours of the resident's last message, 3"
    " within a minute of a menu click, a follow or a scan).",
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take. Machine time.

    Args:
        patience: how long a callback waits for the desk's answer; WeChat waits five seconds in all.
        hang_up: how long a connection that is not to be answered is kept open at most.
        contact: how long news of an account that may only reply rests between two looks. The desk looks eight times, then
            it becomes a phone task; whatever the resident sends in the meantime is answered with it.
    """

    patience: timedelta = timedelta(seconds=4)
    hang_up: timedelta = timedelta(seconds=8)
    contact: timedelta = timedelta(hours=1)


class WeChat:
    """One Official Account.

    Args:
        notebook: windows, agreements and the access token, shared by all processes.
        now: the machine clock, aware UTC.
        sleep: waits, in seconds.
        photo: the bytes of a photo in the media store by its name, for photos staff send; None: they cannot be sent.
        http: a client to use and leave open; without it one is made, and closed by `aclose`.
        pictures: hosts besides WeChat's own that photos may be fetched from.
    """

    def __init__(
        self,
        account: WeChatAccount,
        notebook: Notebook,
        now: Callable[[], datetime],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pace: Pace | None = None,
        photo: Callable[[str], bytes] | None = None,
        http: httpx.AsyncClient | None = None,
        pictures: tuple[str, ...] = (),
        buttons: object = (),
    ) -> None:
        self.settings = account
        self.pace = pace or Pace()
        self.envelope = Envelope(account.app_id, account.token, account.aes_keys, now)
        self.windows = Windows(notebook, now)
        self.agreements = Agreements(notebook)
        self._notebook = notebook
        self._now = now
        self._photo = photo
        self._buttons = buttons
        self._heard_at: datetime | None = None
        self._own = http is None
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT)
        self.client = Client(account, notebook, self._http, now, sleep, pictures=pictures)

    @property
    def name(self) -> str:
        return NAME

    @property
    def account(self) -> str:
        return self.settings.account

    @property
    def limits(self) -> Limits:
        return LIMITS

    @property
    def reach(self) -> Reach:
        return self.settings.reach

    async def close(self) -> None:
        """Close the connections."""
        if self._own:
            await self._http.aclose()

    # ── callbacks ──

    def routes(self, accept: Accept, answers: Answers) -> Sequence[BaseRoute]:
        async def verify(request: Request) -> Response:
            try:
                echo = self.envelope.echo(request.query_params)
            except Refused as refused:
                return await self._refuse(refused)
            return PlainTextResponse(echo, background=BackgroundTask(self._note_heard))

        async def callback(request: Request) -> Response:
            since = asyncio.get_running_loop().time()
            try:
                opened, arrival = await self._read(request)
            except Refused as refused:
                return await self._refuse(refused)
            except Unreadable as unreadable:
                # It came from WeChat and would come no better a second time.
                log.warning("wechat_unreadable", account=self.account, why=str(unreadable))
                return PlainTextResponse(SUCCESS)
            except ClientDisconnect:
                return Response(status_code=400)
            gone = asyncio.create_task(_hung_up(request))
            try:
                # WeChat delivers three times and then gives up: what fails for a moment is not left to the next of them alone.
                for pause in _PAUSES:
                    try:
                        return await self._answer(gone, opened, arrival, accept, answers, since)
                    except Exception:
                        log.error("wechat_not_accepted", account=self.account, trace=traceback.format_exc())
                    if pause is None or (await asyncio.wait((gone,), timeout=pause))[0]:
                        break  # nobody waits any more: it comes again
                return await self._leave_open(gone)
            finally:
                gone.cancel()
                await self._note_heard()

        path = self.settings.path  # one address for both, as WeChat has it
        return (Route(path, verify, methods=["GET"]), Route(path, callback, methods=["POST"]))

    async def _read(self, request: Request) -> tuple[Opened, Arrival]:
        self.envelope.caller(request.query_params)  # a stranger's body is not even read
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise Refused(f"more than {MOST_BYTES} bytes", 413)
        opened = self.envelope.open(request.query_params, bytes(body))
        arrival = inbound.read(self.account, opened.xml)
        if self.settings.original_id and arrival.to != self.settings.original_id:
            raise Refused("the message is for another account: check original_id")
        return opened, arrival

    async def _refuse(self, refused: Refused) -> Response:
        log.warning("wechat_refused", account=self.account, why=str(refused), setting=refused.setting)
        # WeChat's own signature was on either, so nobody else can write this.
        if refused.setting:
            await self._note(check.SETTING_PAGE, {"what": refused.setting}, timedelta(days=1))
        if refused.skew is not None:
            await self._note(check.SKEW_PAGE, {"at": self._now().isoformat(), "seconds": int(refused.skew.total_seconds())}, _KEEP_HEARD)
        return PlainTextResponse("refused", status_code=refused.status)

    async def _note_heard(self) -> None:
        """That WeChat calls us, now and then."""
        now = self._now()
        if self._heard_at is None or now - self._heard_at >= _HEARD_EVERY:
            self._heard_at = now
            await self._note(check.HEARD_PAGE, {"at": now.isoformat()}, _KEEP_HEARD)

    async def _note(self, page: str, content: Mapping[str, Any], keep: timedelta) -> None:
        try:
            await self._notebook.change(page, partial(_instead, content=content), keep)
        except Exception:  # it only serves `check`
            log.error("wechat_note_lost", account=self.account, trace=traceback.format_exc())

    async def _answer(
        self,
        gone: asyncio.Task[None],
        opened: Opened,
        arrival: Arrival,
        accept: Accept,
        answers: Answers,
        since: float,
    ) -> Response:
        # The window first: the desk may have its answer before `accept` has returned here. A redelivery fills nothing.
        if arrival.opens:
            await self.windows.opened(arrival.openid, arrival.opens, arrival.sent_at, arrival.external_id)
        if arrival.closes:
            await self.windows.closed(arrival.openid)
        for template, agreed in arrival.agreements:
            change = self.agreements.agreed if agreed else self.agreements.refused
            await change(arrival.openid, template, arrival.sent_at)
        for sent, why in arrival.lost:
            known = await answers.undelivered(self, arrival.openid, sent, _not_shown(why))
            log.warning("wechat_not_shown", account=self.account, sent=sent, why=why, known=known)
        if arrival.inbound is None:
            return PlainTextResponse(SUCCESS)
        receipt = await accept(arrival.inbound)
        if arrival.closes:
            return PlainTextResponse(SUCCESS)
        messages = await self._taken(receipt, answers, since)
        await asyncio.sleep(0)  # what has happened to the connection in the meantime shows now
        if gone.done():
            if messages:
                await answers.settle(messages, delivered=False)
            return PlainTextResponse(SUCCESS)
        # A template that may have arrived is not said a second time in a reply; what follows it waits with it, for the order.
        count, text = replies.together(messages[: await self._first_in_doubt(messages)])
        if count < len(messages):
            await answers.settle(messages[count:], delivered=False)
        if count:
            xml = replies.reply(text, to=arrival.openid, sender=arrival.to, at=self._now())
            sealed = self.envelope.seal(xml, opened.key)
            # Settled before it is written: if it is lost on the way WeChat asks again, and is given the same once more.
            await answers.settle(messages[:count], delivered=True)
            return Response(sealed, media_type="application/xml")
        if not messages and self.reach == "reply_only" and not receipt.duplicate:
            # Nothing yet, and no other way to say it: let WeChat ask a second time.
            return await self._leave_open(gone)
        return PlainTextResponse(SUCCESS)

    async def _taken(self, receipt: Receipt, answers: Answers, since: float) -> Sequence[Message]:
        """What the desk has to say by now. The message is kept, so whatever fails here costs the passive reply alone.

        Patience counts from when the call came in, as WeChat's does.
        """
        spent = timedelta(seconds=asyncio.get_running_loop().time() - since)
        try:
            return await answers.take(receipt, max(timedelta(0), self.pace.patience - spent))
        except Exception:
            log.error("wechat_no_answer", account=self.account, trace=traceback.format_exc())
            return ()

    async def _leave_open(self, gone: asyncio.Task[None]) -> Response:
        """Say nothing until WeChat gives up waiting and delivers again."""
        await asyncio.wait((gone,), timeout=self.pace.hang_up.total_seconds())
        return Response(status_code=503)

    # ── sending ──

    async def send(self, to: str, message: Message) -> str:
        """Deliver by customer-service message, else by template or notice. Raises SendError."""
        reasons: list[str] = []
        if self.settings.template is not None and (begun := await self._template_in_doubt(message)) is not None:
            return await self._template_again(to, message, begun)
        if self.reach != "reply_only":
            try:
                return await self._by_service(to, message)
            except Denied as denied:
                if denied.meaning.about != "way":
                    raise
                reasons.append(str(denied))
                if denied.code in (45015, 45047):
                    await self.windows.closed(to)
            except _NoneLeft:
                reasons.append(_NONE_LEFT)
        elif message.photos or not replies.together((message,))[0]:
            raise SendError(_NO_REPLY, retryable=False)
        for send_form in (self._by_template, self._by_notice):
            try:
                if sent := await send_form(to, message):
                    return sent
            except _NoneLeft:
                reasons.append(_NONE_AGREED)
            except Denied as denied:
                if denied.meaning.about != "way":
                    raise
                reasons.append(str(denied))
        if self.reach == "reply_only":
            raise SendError(one_after_another((_WAITS, *reasons)), retryable=True, after=self.pace.contact)
        raise SendError(one_after_another(reasons), retryable=False)

    async def _by_service(self, to: str, message: Message) -> str:
        """In pieces, and photos after them. How far it came is noted, so that a second try goes on from there.

        A piece that may have arrived counts as sent, and the pieces after it are sent all the same; the message ends
        unconfirmed.
        """
        if message.photos and self._photo is None:
            raise SendError(in_both("这里不能发照片。请打电话告知。", "Photos cannot be sent from here. Telephone."), retryable=False)
        units: list[tuple[str, str]] = [("text", piece) for piece in replies.pieces(replies.words(message))]
        units += [("image", name) for name in message.photos]
        page = f"progress:{message.id}"
        progress = dict(await self._notebook.read(page) or {}) if len(units) > 1 else {}
        done, doubt = int(progress.get("done", 0)), str(progress.get("doubt", ""))
        taken = await self.windows.take(to, len(units) - done)
        if taken is None:
            raise _NoneLeft
        for position, (kind, value) in enumerate(units[done:], done):
            try:
                await self.client.post("/cgi-bin/message/custom/send", await self._unit(to, kind, value))
            except Exception as error:
                if not (isinstance(error, SendError) and error.unconfirmed):
                    await self.windows.give_back(to, taken, len(units) - position)
                    raise
                doubt = str(error)
            if len(units) > 1:
                progress = {"done": position + 1, "doubt": doubt}
                await self._notebook.change(page, partial(_instead, content=progress), PROGRESS_KEEP)
        if doubt:
            raise SendError(doubt, retryable=True, unconfirmed=True)
        return f"service:{message.id}"

    async def _unit(self, to: str, kind: str, value: str) -> Mapping[str, Any]:
        if kind == "text":
            return {"touser": to, "msgtype": "text", "text": {"content": value}}
        assert self._photo is not None
        media_id = await self.client.upload(await asyncio.to_thread(self._photo, value))
        return {"touser": to, "msgtype": "image", "image": {"media_id": media_id}}

    async def _by_template(self, to: str, message: Message) -> str:
        form = self.settings.template
        if form is None:
            return ""
        body = {
            "touser": to,
            "template_id": form.id,
            # WeChat sends one message of this name to a resident within ten minutes, so a second try does no harm.
            "client_msg_id": f"{self.account}-{message.id}",
            "data": replies.filled(form, message.text),
            **({"url": form.link} if form.link else {}),
        }
        try:
            answer = await self.client.post("/cgi-bin/message/template/send", body)
        except SendError as error:
            if not error.unconfirmed:
                raise
            content = {"begun": self._now().isoformat()}
            await self._notebook.change(f"template:{message.id}", partial(_if_none, content=content), PROGRESS_KEEP)
            raise SendError(str(error), retryable=True, after=error.after) from error
        return f"template:{answer.get('msgid', message.id)}"

    async def _template_in_doubt(self, message: Message) -> datetime | None:
        """When this message was first tried by template and may have arrived; None where it was not."""
        page = await self._notebook.read(f"template:{message.id}")
        return datetime.fromisoformat(page["begun"]) if page else None

    async def _first_in_doubt(self, messages: Sequence[Message]) -> int:
        """The position of the first message that may have arrived by template; their number where there is none."""
        if self.settings.template is not None:
            for position, message in enumerate(messages):
                if await self._template_in_doubt(message) is not None:
                    return position
        return len(messages)

    async def _template_again(self, to: str, message: Message, begun: datetime) -> str:
        """A template that may have arrived is sent again as a template or not at all: any other way, the resident would read the news
        twice. Once WeChat has forgotten its name, nobody can tell any more. Raises SendError."""
        if self._now() - begun >= NAMED_FOR:
            raise SendError(_MAY_HAVE_ARRIVED, retryable=False, unconfirmed=True)
        return await self._by_template(to, message)

    async def _by_notice(self, to: str, message: Message) -> str:
        form = self.settings.notice
        if form is None:
            return ""
        taken = await self.agreements.take(to, form)
        if taken is None:
            raise _NoneLeft
        body = {
            "touser": to,
            "template_id": form.id,
            "data": replies.filled(form, message.text),
            **({"page": form.link} if form.link else {}),
        }
        try:
            answer = await self.client.post("/cgi-bin/message/subscribe/bizsend", body)
        except Exception as error:
            if isinstance(error, Denied) and error.code == 43101:
                await self.agreements.none(to, form.id)
            elif not (isinstance(error, SendError) and error.unconfirmed):
                await self.agreements.give_back(to, form, taken)
            raise
        # Its page names no number in the answer, though the event that reports on it has one: then it is known by ours.
        return f"notice:{answer.get('msgid') or message.id}"

    # ── photos, menu, codes ──

    async def fetch(self, media: Media) -> bytes:
        """The bytes of a photo or voice message, within three days of its arrival. Raises SendError."""
        if media.kind == "file":
            raise SendError(in_both("这种文件不从微信下载。", "Files of this kind are not fetched from WeChat."), retryable=False)
        media_id, _, address = media.reference.partition(" ")
        if not self.settings.secret:
            return await self.client.picture(address)
        try:
            return await self.client.download(media_id)
        except Denied as denied:
            if denied.code != 48001 or not address:
                raise
            return await self.client.picture(address)

    async def set_menu(self, buttons: object) -> None:
        """Put this menu under the conversation. Raises ValueError for a menu WeChat would not take, SendError otherwise."""
        await self.client.post("/cgi-bin/menu/create", menu.checked(buttons), repeatable=True)

    async def prepare(self) -> Sequence[Finding]:
        """Put the desk's menu under the conversation; an account without that right is told so."""
        if not self._buttons:
            return ()
        try:
            await self.set_menu(self._buttons)
        except (SendError, ValueError) as failed:
            words = in_both(
                f"菜单没有设置成功：{in_language(str(failed), 'zh').removesuffix('。')}。",
                f"The menu could not be set: {in_language(str(failed), 'en')}",
            )
            return (Finding(False, words, in_both("见 docs/channels/wechat.md 菜单一节。", "See docs/channels/wechat.md, the menu.")),)
        return (Finding(True, in_both("菜单已设置。", "The menu is set.")),)

    async def delete_menu(self) -> None:
        """Take the menu away. Raises SendError."""
        await self.client.get("/cgi-bin/menu/delete")

    async def code(self, start: str, lasts: timedelta) -> str:
        """What to draw as a QR code: whoever scans it within that time arrives with `start`, e.g. an invite.

        developers.weixin.qq.com/doc/service/api/qrcode/qrcodes/api_createqrcode. Raises ValueError, SendError.
        """
        if not 1 <= len(start) <= 64:
            raise ValueError("What a code carries has 1 to 64 characters.")
        if not timedelta(minutes=1) <= lasts <= timedelta(days=30):
            raise ValueError("A code lasts from a minute to 30 days.")
        body = {
            "expire_seconds": int(lasts.total_seconds()),
            "action_name": "QR_STR_SCENE",
            "action_info": {"scene": {"scene_str": start}},
        }
        answer = await self.client.post("/cgi-bin/qrcode/create", body, repeatable=True)
        return str(answer.get("url", ""))

    async def link(self, start: str, lasts: timedelta) -> str:
        """As `channels.Invites` wants it: `code`, for at most the 30 days WeChat allows."""
        return await self.code(start, min(lasts, timedelta(days=30)))

    # ── check ──

    async def check(self) -> Sequence[Finding]:
        """Whether the account works. Nothing is sent to anybody."""
        return await check.findings(self.settings, self.client, self._notebook, self._now)


async def _hung_up(request: Request) -> None:
    """Ends when the other side closes the connection.

    `Request.is_disconnected` never finds out behind a middleware made by `@app.middleware("http")`, as the desk's pages
    have one: it looks and gives up before the middleware has passed the question on.
    """
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _if_none(before: Mapping[str, Any] | None, content: Mapping[str, Any]) -> Mapping[str, Any]:
    return before or content


def _instead(_: Mapping[str, Any] | None, content: Mapping[str, Any]) -> Mapping[str, Any]:
    return content


def _not_shown(why: str) -> str:
    """For staff: WeChat took a template or a notice, and reports `why` it was not shown."""
    if "user" in why and "block" in why:
        return in_both("微信没有送达：住户拒收本号的消息。请打电话。", "WeChat did not deliver it: the resident refuses messages of the account. Telephone.")
    plain = re.sub(r"[^\w:. -]", "", why)[:60]
    return in_both(f"微信收下了消息，但没有送达（{plain}）。请打电话。", f"WeChat took the message and did not deliver it ({plain}). Telephone.")


class _NoneLeft(Exception):
    """No window is open for so many messages, or the resident has agreed to no notice."""

