"""The calls to the platform: one HTTP client, one access token for all processes, one bounded refresh.

wechatpy's client does the requests, in a thread since it has no other way. Its own token handling is left out: it would fetch
without a time limit, keep the token in this process alone, and on a token that is refused for good call itself without end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

import requests
from requests import exceptions as broken
from urllib3.exceptions import NewConnectionError
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException

from bot.channels import Notebook, SendError, in_both
from bot.channels.wecom.account import WeComAccount
from bot.channels.wecom.troubles import Trouble, trouble

_T = TypeVar("_T")

BASE = "https://qyapi.weixin.qq.com/cgi-bin/"
#: Seconds to connect, and between two bytes. Four calls (token, message, token, message) end before the outbox gives a send up.
Patience: TypeAlias = tuple[float, float]
PATIENCE: Patience = (2.0, 4.0)
#: Calls at once. The outbox sends twenty messages at a time: on a platform that is silent two rounds are through before it gives up.
_THREADS = 10
#: A token is not used in its last minutes: a call on its way would arrive too late.
_SPARE = timedelta(minutes=5)
_TOKEN = "token"
EMPTY = in_both("消息没有内容，是程序错误。请联系维护人员。", "The message is empty: a fault of the desk. Tell whoever maintains it.")
#: The connection never came about, or broke before a request was sent: nothing can have arrived.
_NOT_SENT = (broken.ConnectTimeout, broken.InvalidURL, broken.SSLError, broken.ProxyError)
#: Answers of a server that looked at the request and did not take it.
_NOT_TAKEN = frozenset({400, 401, 403, 404, 405, 408, 411, 413, 414, 429, 431, 503})


class Refusal(Exception):
    """The platform answered with an error code."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"errcode {code}")
        self.code = code
        self.said = said

    @property
    def trouble(self) -> Trouble:
        return trouble(self.code)

    def as_send_error(self) -> SendError:
        """The words leave out what the platform said: it repeats ids and addresses."""
        known = self.trouble
        english = f"WeCom {self.code}: {known.means}. {known.remedy}".rstrip()
        return SendError(in_both(f"企业微信 {self.code}：{known.zh}", english), retryable=known.then != "never", after=known.wait)


def unanswered(why: str) -> str:
    """For staff: the platform gave no answer."""
    return in_both(
        f"企业微信没有答复（{why}）。请打电话告知，并请维护人员查网络。",
        f"WeCom does not answer ({why}). Telephone, and have the network looked at.",
    )


class Unanswered(Exception):
    """The platform gave no answer that says whether it took the request. `sent`: it may have."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent

    def as_send_error(self) -> SendError:
        return SendError(unanswered(str(self)), retryable=True)


class _Client(WeChatClient):  # type: ignore[misc]
    """wechatpy's client, which follows no redirect, leaves a file unread, so that it can be read up to a limit, and closes a
    connection that broke in the middle of an answer."""

    def __init__(self, base: str, patience: Patience) -> None:
        super().__init__("", "", timeout=patience, auto_retry=False)
        self.API_BASE_URL = base
        self.server_time: str | None = None

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        return super()._request(method, url_or_endpoint, stream=True, allow_redirects=False, **kwargs)

    def _decode_result(self, res: requests.Response) -> Any:
        self.server_time = res.headers.get("Date", self.server_time)
        if "Content-Disposition" in res.headers:
            return res
        try:
            return super()._decode_result(res)
        finally:
            res.close()


class Api:
    """The platform as one account calls it.

    Args:
        account: None for a robot, whose key is its only credential.
        notebook: keeps the access token for all processes.
        now: the machine clock, aware UTC.
    """

    def __init__(
        self,
        account: WeComAccount | None,
        notebook: Notebook,
        now: Callable[[], datetime],
        base: str = BASE,
        patience: Patience = PATIENCE,
    ) -> None:
        self._account = account
        self._notebook = notebook
        self._now = now
        self._client = _Client(base, patience)
        # Threads of its own, so that a silent platform holds up nobody else's.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="wecom")
        self._fetching = asyncio.Lock()

    @property
    def server_time(self) -> str | None:
        """The Date header of the latest answer."""
        return self._client.server_time

    async def post(self, endpoint: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises Refusal, Unanswered."""
        return await self._with_token(
            lambda token: self._call("post", endpoint, params=[("access_token", token)], data=dict(body))
        )

    async def get(self, endpoint: str, **query: str | int) -> Mapping[str, Any]:
        """Raises Refusal, Unanswered."""
        return await self._with_token(
            lambda token: self._call("get", endpoint, params=[("access_token", token), *query.items()])
        )

    async def by_key(self, endpoint: str, key: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A call of a robot. Raises Refusal, Unanswered."""
        return await self._call("post", endpoint, params=[("key", key)], data=dict(body))

    async def download(self, endpoint: str, largest: int, **query: str) -> bytes:
        """A file. Raises Refusal, Unanswered, and ValueError when it has more than `largest` bytes."""
        return await self._with_token(
            lambda token: self._thread(
                lambda: self._file(endpoint, [("access_token", token), *query.items()], largest)
            )
        )

    async def upload(self, photo: bytes) -> str:
        """A JPEG for a message, which the platform keeps for three days: its media id. Raises Refusal, and Unanswered with `sent`
        False: no message was on its way yet."""
        files = {"media": ("photo.jpg", photo, "image/jpeg")}
        try:
            answer = await self._with_token(
                lambda token: self._call("post", "media/upload", params=[("access_token", token), ("type", "image")], files=files)
            )
        except Unanswered as silent:
            raise Unanswered(f"media/upload: {silent}", sent=False) from None
        if not answer.get("media_id"):
            raise Unanswered("media/upload: the answer holds no media id", sent=False)
        return str(answer["media_id"])

    async def refresh(self, stale: str = "", *, anew: bool = False) -> str:
        """A token that is not `stale`: what somebody else fetched meanwhile, or a new one; with `anew` always a new one.

        Raises Refusal, and Unanswered with `sent` False: no message was on its way yet.
        """
        async with self._fetching:
            kept = None if anew else await self._kept()
            if kept is not None and kept != stale:
                return kept
            account = self._account
            assert account is not None, "a robot has no access token"
            query = [("corpid", account.corp), ("corpsecret", account.secret)]
            try:
                answer = await self._call("get", "gettoken", params=query)
            except Unanswered as silent:
                raise Unanswered(f"gettoken: {silent}", sent=False) from None
            token, lasts = str(answer.get("access_token", "")), timedelta(seconds=int(answer.get("expires_in", 0)))
            if not token:
                raise Unanswered("gettoken: the answer holds no token", sent=False)
            good_for = max(lasts - _SPARE, timedelta(seconds=1))
            until = self._now() + good_for
            await self._notebook.change(_TOKEN, lambda _: {"token": token, "until": until.isoformat()}, good_for)
            return token

    async def close(self) -> None:
        """Give connections and threads back."""
        self._client._http.close()
        await asyncio.to_thread(self._threads.shutdown)

    async def _kept(self) -> str | None:
        page = await self._notebook.read(_TOKEN)
        if page is None or datetime.fromisoformat(page["until"]) <= self._now():
            return None
        return str(page["token"])

    async def _with_token(self, call: Callable[[str], Awaitable[_T]]) -> _T:
        token = await self._kept() or await self.refresh()
        try:
            return await call(token)
        except Refusal as refused:
            if refused.trouble.then != "refresh":
                raise
        # Once: a fresh token that is refused too is for the outbox to try again later.
        return await call(await self.refresh(token))

    async def _call(self, method: str, endpoint: str, **request: Any) -> Mapping[str, Any]:
        answer = await self._thread(lambda: getattr(self._client, method)(endpoint, **request))
        if not isinstance(answer, Mapping):
            raise Unanswered("the answer was no JSON", sent=True)
        return answer

    async def _thread(self, call: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except WeChatClientException as error:
            if error.errcode is None:
                status = error.response.status_code
                error.response.close()
                raise Unanswered(f"HTTP {status}", sent=status not in _NOT_TAKEN) from None
            raise Refusal(int(error.errcode), str(error.errmsg)) from None
        except _NOT_SENT as error:
            raise Unanswered(type(error).__name__, sent=False) from None
        except broken.ConnectionError as error:
            # A refused connection and an unknown host come as this too: those carried nothing.
            reason = getattr(error.args[0], "reason", None) if error.args else None
            raise Unanswered(type(error).__name__, sent=not isinstance(reason, NewConnectionError)) from None
        except requests.RequestException as error:
            raise Unanswered(type(error).__name__, sent=True) from None

    def _file(self, endpoint: str, params: list[tuple[str, str]], largest: int) -> bytes:
        answer = self._client.get(endpoint, params=params)
        if not isinstance(answer, requests.Response):
            raise Unanswered("the answer was no file", sent=True)
        with answer:
            data = bytearray()
            for chunk in answer.iter_content(64 * 1024):
                data += chunk
                if len(data) > largest:
                    raise ValueError(f"the file has more than {largest} bytes")
            return bytes(data)
