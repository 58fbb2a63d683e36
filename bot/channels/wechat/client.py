"""Calls to WeChat, and the access token that all processes of a deployment share.

wechatpy's own client is not used: it blocks, repeats a refused call without end, fetches tokens without a time limit by an
interface that invalidates the token of everybody else, and does not know the newer calls.

The token (`POST /cgi-bin/stable_token`) lives in the Notebook. Rules:
1. One process draws it, the others go on with the old one, which WeChat honours for five minutes more, or wait.
2. It is drawn anew four and a half minutes before it ends: WeChat gives out a new one from five minutes before.
3. When a call is refused for its token, the shared one is looked at first: another process may have drawn since. Then it is
   drawn without force; only if WeChat returns the very token it refused, by force: 30 seconds apart and 20 a day at most,
   as WeChat allows. The call is repeated once, whatever comes of it.

developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal, NoReturn, TypeAlias

import httpx
import structlog

from bot.channels import Notebook, SendError, in_both
from bot.channels.wechat.account import WeChatAccount
from bot.channels.wechat.errors import Verdict, verdict

# httpx writes every request's address at INFO, and WeChat takes its token in the address.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

log = structlog.get_logger()

TOKEN: Final = "/cgi-bin/stable_token"
PAGE: Final = "token"
KEEP: Final = timedelta(days=2)
EARLY: Final = timedelta(seconds=270)
"""Before its end, that the token is drawn anew."""
SPARE: Final = timedelta(seconds=10)
"""Before its end, that a token is no longer used: the call takes a while to arrive."""
DRAWING: Final = timedelta(seconds=20)
"""How long a process that draws the token is waited for before another does."""
LOOKS: Final = 12
LOOK_EVERY: Final = 0.5
FORCE_APART: Final = timedelta(seconds=30)
FORCE_DAILY: Final = 20
LARGEST_FILE: Final = 12 * 1024 * 1024
"""Bytes. WeChat takes photos up to 10 MB and voice up to 2 MB from residents."""
PICTURES: Final = ".qpic.cn"
"""Where WeChat keeps the photos residents send, e.g. mmbiz.qpic.cn."""
TIMEOUT: Final = httpx.Timeout(5.0, connect=3.0)
"""Seconds. With a refused token one message may take four calls, and the desk gives a send twenty seconds in all."""

Query: TypeAlias = Mapping[str, str]
_STRANGE: Final = in_both("照片的地址不是微信的。", "A photo's address is not WeChat's.")


class Denied(SendError):
    """WeChat answered with an error code: nothing was done."""

    def __init__(self, code: int, meaning: Verdict) -> None:
        words = in_both(f"微信 {code}：{meaning.zh}", f"WeChat {code}: {meaning.says}.")
        super().__init__(words, retryable=meaning.do != "never", after=meaning.after)
        self.code = code
        self.meaning = meaning


@dataclass(frozen=True, slots=True)
class _Answer:
    """Of one call: the JSON, or the file that came instead of it."""

    data: Mapping[str, Any]
    file: bytes | None = None

    @property
    def code(self) -> int:
        value = self.data.get("errcode", 0)
        return value if isinstance(value, int) else -1


def _file(answer: _Answer) -> bytes:
    if answer.file is None:
        raise SendError(in_both("微信没有给出文件：是视频，须另行获取。", "WeChat gave no file: a video, which is fetched elsewhere."), retryable=False)
    return answer.file


def _broken(error: Exception, repeatable: bool) -> NoReturn:
    """The connection failed. Whether WeChat got the call is known only if it never came about."""
    kind = type(error).__name__
    if repeatable or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        words = in_both(
            f"连不上微信（{kind}）。请打电话告知，并请维护人员查网络。", f"WeChat could not be reached ({kind}). Telephone, and have the network looked at."
        )
        raise SendError(words, retryable=True) from error
    words = in_both(
        f"消息交给微信后连接中断（{kind}），可能已送达。",
        f"The connection to WeChat broke after the message was handed over ({kind}): it may have arrived.",
    )
    raise SendError(words, retryable=True, unconfirmed=True) from error


def _unusable(status: int, retry_after: str, repeatable: bool) -> NoReturn:
    """An answer that is not WeChat's JSON: a gateway's, or a proxy's."""
    reason = in_both(f"微信答复 HTTP {status}，不是正常的答复。", f"WeChat answered HTTP {status}, which is no answer of its interface.")
    if status == 429:
        seconds = int(retry_after) if retry_after.isdigit() else 60
        raise SendError(reason, retryable=True, after=timedelta(seconds=seconds))
    if status in (200, 504):  # taken, and the answer was lost on its way
        raise SendError(reason, retryable=True, unconfirmed=not repeatable)
    raise SendError(reason, retryable=status >= 500)


class Client:
    """Calls WeChat for one account.

    Args:
        notebook: where the token is shared.
        pictures: further hosts that photos may be fetched from, e.g. a test's.
        now: the machine clock, aware UTC.
        sleep: waits, in seconds.
        http: closed by whoever made it.
        share: False draws a token for every call (only a test does).
    """

    def __init__(
        self,
        account: WeChatAccount,
        notebook: Notebook,
        http: httpx.AsyncClient,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        *,
        pictures: tuple[str, ...] = (),
        share: bool = True,
    ) -> None:
        self._account = account
        self._notebook = notebook
        self._http = http
        self._now = now
        self._sleep = sleep
        self._pictures = pictures
        self._share = share
        self._drawing = asyncio.Lock()
        #: The Date header of the latest answer.
        self.server_time: str | None = None

    # ── calls ──

    async def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Mapping[str, Any]:
        """A call with JSON. `repeatable`: doing it twice does no harm. Raises SendError, of which Denied is one."""
        # Plain characters: WeChat shows \\uXXXX to the resident as it stands (error 40033 at best).
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json; charset=utf-8"}
        return (
            await self._call("POST", path, {}, repeatable, content=content, headers=headers)
        ).data

    async def get(self, path: str, query: Query | None = None) -> Mapping[str, Any]:
        """A question. Raises SendError."""
        return (await self._call("GET", path, query or {}, True)).data

    async def download(self, media_id: str) -> bytes:
        """A file a resident sent, within its three days. Raises SendError."""
        answer = await self._call("GET", "/cgi-bin/media/get", {"media_id": media_id}, True)
        return _file(answer)

    async def picture(self, address: str) -> bytes:
        """A photo at its own web address (PicUrl), which needs no right and no token. Raises SendError."""
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise SendError(_STRANGE, retryable=False) from error
        if url.host.endswith(PICTURES):  # WeChat writes http://; it serves both
            url = url.copy_with(scheme="https", port=None)
        elif url.host not in self._pictures:
            raise SendError(_STRANGE, retryable=False)
        return _file(await self._once("GET", url, {}, True))

    async def upload(self, photo: bytes) -> str:
        """A photo for a message: its media id. Raises SendError."""
        answer = await self._call(
            "POST", "/cgi-bin/media/upload", {"type": "image"}, True, files={"media": ("photo.jpg", photo, "image/jpeg")}
        )
        return str(answer.data.get("media_id", ""))

    async def _call(
        self, method: Literal["GET", "POST"], path: str, query: Query, repeatable: bool, **content: Any
    ) -> _Answer:
        token = await self.token()
        answer = await self._once(method, path, {**query, "access_token": token}, repeatable, **content)
        if answer.code and verdict(answer.code).do == "refresh":
            token = await self.token(spoiled=token)
            answer = await self._once(method, path, {**query, "access_token": token}, repeatable, **content)
        if answer.code:
            raise Denied(answer.code, verdict(answer.code))
        return answer

    async def _once(
        self, method: str, where: str | httpx.URL, query: Query, repeatable: bool, **content: Any
    ) -> _Answer:
        """One exchange: `where` is a path of the interface, or another address."""
        url = self._account.api + where if isinstance(where, str) else where
        try:
            async with self._http.stream(method, url, params=dict(query) or None, **content) as response:
                self.server_time = response.headers.get("date", self.server_time)
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > LARGEST_FILE:
                        raise SendError(in_both("文件太大，不下载。", f"The file has more than {LARGEST_FILE} bytes."), retryable=False)
        except httpx.HTTPError as error:
            _broken(error, repeatable)
        kind = response.headers.get("content-type", "")
        if response.status_code == 200 and kind.startswith(("image/", "audio/", "video/", "voice/", "application/octet")):
            return _Answer({}, bytes(body))
        try:
            data = json.loads(body) if response.status_code == 200 else None
        except ValueError:
            data = None
        if not isinstance(data, dict):
            _unusable(response.status_code, response.headers.get("retry-after", ""), repeatable)
        return _Answer(data)

    # ── the token ──

    async def token(self, spoiled: str = "") -> str:
        """The shared access token; another one than `spoiled`, which WeChat has refused. Raises SendError."""
        if not self._account.secret:
            words = in_both(
                "本号没有设置 AppSecret，只能回复来信。请打电话。",
                "The account has no AppSecret here, so WeChat cannot be called: only replies are possible. Telephone.",
            )
            raise SendError(words, retryable=False)
        if not self._share:
            return await self._draw(spoiled, {})
        async with self._drawing:  # the calls of this process ask one at a time; the Notebook settles it between processes
            for _ in range(LOOKS):
                page = await self._notebook.read(PAGE)
                now = self._now().timestamp()
                held = self._held(page, now, spoiled)
                if held and page is not None and now < page["renew"]:
                    return held
                me = secrets.token_hex(8)
                page = await self._notebook.change(PAGE, partial(self._claim, spoiled=spoiled, me=me), KEEP)
                if page.get("drawn_by") == me:
                    return await self._draw(spoiled, page)
                if held:
                    return held
                await self._sleep(LOOK_EVERY)
        raise SendError(in_both("另一个进程还没取完访问令牌。", "Another process has not finished drawing the access token."), retryable=True)

    @staticmethod
    def _held(page: Mapping[str, Any] | None, now: float, spoiled: str) -> str:
        """The page's token, if it can be used."""
        if page is None or page.get("token", spoiled) == spoiled:
            return ""
        return str(page["token"]) if now < page["expires"] - SPARE.total_seconds() else ""

    def _claim(self, page: Mapping[str, Any] | None, spoiled: str, me: str) -> Mapping[str, Any]:
        now = self._now().timestamp()
        page = page or {}
        drawn = self._held(page, now, spoiled) and now < page["renew"]
        busy = page.get("drawn_by") and now < page.get("drawn_until", 0)
        if drawn or busy:
            return page
        return {**page, "drawn_by": me, "drawn_until": now + DRAWING.total_seconds()}

    async def _draw(self, spoiled: str, page: Mapping[str, Any]) -> str:
        forced = [float(at) for at in page.get("forced", ())]
        try:
            answer = await self._ask(force=False)
            if spoiled and answer.get("access_token") == spoiled:
                forced = self._may_force(forced)
                answer = await self._ask(force=True)
            token, seconds = str(answer.get("access_token", "")), float(answer.get("expires_in", 0))
            if not token or seconds <= 0:
                raise SendError(in_both("微信没有给出访问令牌。", "WeChat gave no access token."), retryable=True)
        except BaseException:
            await self._note(lambda page: {**page, "forced": forced})
            raise
        now = self._now().timestamp()
        renew = max(now + SPARE.total_seconds(), now + seconds - EARLY.total_seconds())
        await self._note(
            lambda page: {**page, "token": token, "expires": now + seconds, "renew": renew, "forced": forced}
        )
        log.info("wechat_token_drawn", account=self._account.account, forced=bool(spoiled and forced))
        return token

    def _may_force(self, forced: list[float]) -> list[float]:
        """The times of the last day, with now. Raises SendError when WeChat would not allow it."""
        now = self._now().timestamp()
        today = [at for at in forced if at > now - timedelta(days=1).total_seconds()]
        if today and now - max(today) < FORCE_APART.total_seconds():
            words = in_both("访问令牌被拒绝，刚才已强制更新过。", "The access token is refused, and was drawn by force just now.")
            raise SendError(words, retryable=True, after=FORCE_APART)
        if len(today) >= FORCE_DAILY:
            words = in_both(
                "访问令牌一再被拒绝：有别的程序在取本号的令牌。请停掉它。",
                "The access token is refused again and again: another program draws tokens of this account. Stop it.",
            )
            raise SendError(words, retryable=True, after=timedelta(hours=1))
        return [*today, now]

    async def _note(self, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Write the page and let the next one draw."""
        await self._notebook.change(PAGE, lambda page: {**edit(page or {}), "drawn_by": "", "drawn_until": 0}, KEEP)

    async def _ask(self, *, force: bool) -> Mapping[str, Any]:
        content = json.dumps(
            {
                "grant_type": "client_credential",
                "appid": self._account.app_id,
                "secret": self._account.secret,
                "force_refresh": force,
            }
        ).encode()
        answer = await self._once("POST", TOKEN, {}, True, content=content, headers={"content-type": "application/json"})
        if answer.code:
            raise Denied(answer.code, verdict(answer.code))
        return answer.data
