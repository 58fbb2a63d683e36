"""Safe mode (安全模式): who calls, whether it is fresh, and what is inside; and the answer sealed again.

The cipher and the XML of the answer are wechatpy's. Everything that decides whether a call is believed is here, because
wechatpy compares signatures in the open (`!=`), takes a call of any age, parses a document before it knows who sent it,
follows document types, and reports bad input by whatever exception happens to come of it.

The order is the point: size, then the signature over the query (it names the sender, and nothing was parsed yet), then
freshness, then the envelope, then the signature over it, then the cipher, then what was inside. A replay within the
freshness window meets the desk's own deduplication.

developers.weixin.qq.com/doc/service/guide/dev/push/encryption
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn
from xml.parsers import expat

from wechatpy.crypto import PrpCrypto, WeChatCrypto

from bot.channels import in_both
from bot.channels.wechat.account import PUSH

MOST_BYTES: Final = 64 * 1024
"""Of one call. A text message has 2048 bytes at most; encryption, base64 and the other fields make of it about 5 kB."""
TOLERANCE: Final = timedelta(minutes=5)
"""How far a call's timestamp may be from this machine's clock."""
MOST_ELEMENTS: Final = 256
DEEPEST: Final = 8
"""Elements inside one another. The deepest message, several photos sent by a menu button, has 5."""

_ECHO: Final = re.compile(r"[A-Za-z0-9_+/=.-]{1,128}")
_SHORT: Final = re.compile(r"[\x21-\x7e]{1,64}")


class Refused(Exception):
    """A call that is not believed or not understood.

    Args:
        reason: for the log, without a word of what was sent.
        status: the HTTP status of the answer.
        setting: what the office must change at WeChat, when the caller is WeChat itself and set up wrongly.
        skew: how far WeChat's clock is ahead of ours, when that is the only thing wrong.
    """

    def __init__(self, reason: str, status: int = 403, setting: str = "", skew: timedelta | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.setting = setting
        self.skew = skew


@dataclass(frozen=True, slots=True)
class Opened:
    """What a call held: the message's XML, and which of the account's keys opened it."""

    xml: str
    key: int


def read_fields(xml: str) -> dict[str, str]:
    """The elements directly inside the document's root, with their text.

    Raises:
        Refused: it is no XML, declares a document type or an entity, says an element twice, or is built too deep.
    """
    found: dict[str, str] = {}
    path: list[str] = []
    count = 0

    def never(*_: object) -> NoReturn:
        raise Refused("the XML declares a document type", 400)

    def start(name: str, _: object) -> None:
        nonlocal count
        count += 1
        path.append(name)
        if count > MOST_ELEMENTS or len(path) > DEEPEST:
            raise Refused("the XML is built too deep or too wide", 400)
        if len(path) == 2:
            if name in found:
                raise Refused("the XML says an element twice", 400)
            found[name] = ""

    def words(data: str) -> None:
        if len(path) == 2:
            found[path[1]] += data

    # The encoding is ours to say: a declaration of another one inside the document is not followed.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = never
    parser.EntityDeclHandler = never
    parser.ExternalEntityRefHandler = never
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    parser.CharacterDataHandler = words
    try:
        parser.Parse(xml.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        raise Refused("the body is no XML", 400) from error
    return found


class _Cipher(PrpCrypto):  # type: ignore[misc]
    """wechatpy's cipher with the 16 leading characters taken from the system's generator: they are what makes two equal
    messages look different, and wechatpy draws them from a predictable one."""

    def get_random_string(self) -> str:
        return secrets.token_hex(8)


class _Sealing(WeChatCrypto):  # type: ignore[misc]
    def encrypt_message(self, msg: str, nonce: str, timestamp: str | None = None) -> str:
        return str(self._encrypt_message(msg, nonce, timestamp, _Cipher))


class Envelope:
    """Opens the calls of one account and seals the answers.

    Args:
        keys: its EncodingAESKeys, the present one first.
        now: the machine clock, aware UTC.
        fresh: how old a call may be; None would take any (only a test does).
    """

    def __init__(
        self,
        app_id: str,
        token: str,
        keys: Sequence[str],
        now: Callable[[], datetime],
        fresh: timedelta | None = TOLERANCE,
    ) -> None:
        self._app_id = app_id
        self._token = token
        self._keys = tuple(keys)
        self._now = now
        self._fresh = fresh
        self._ciphers = tuple(_Cipher(base64.b64decode(key + "=")) for key in self._keys)

    def _signature(self, *parts: str) -> str:
        # SHA-1 is WeChat's choice. It is keyed by the token and lives for minutes.
        return hashlib.sha1("".join(sorted((self._token, *parts))).encode()).hexdigest()

    def _signed(self, signature: str, *parts: str) -> bool:
        return hmac.compare_digest(self._signature(*parts).encode(), signature.encode())

    def caller(self, query: Mapping[str, str]) -> tuple[str, str]:
        """The call's timestamp and nonce, when it is WeChat that calls, and calls now. Raises Refused."""
        stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not re.fullmatch(r"[0-9]{1,12}", stamp) or not _SHORT.fullmatch(nonce):
            raise Refused("timestamp or nonce is missing", 400)
        if not self._signed(query.get("signature", ""), stamp, nonce):
            raise Refused("the signature is not WeChat's: another sender, or the Token here and at WeChat differ")
        if self._fresh is not None:
            skew = datetime.fromtimestamp(int(stamp), UTC) - self._now()
            if abs(skew) > self._fresh:
                raise Refused("the call is too old or from the future: a replay, or this machine's clock is wrong", skew=skew)
        return stamp, nonce

    def echo(self, query: Mapping[str, str]) -> str:
        """What WeChat wants back when the address is entered: proof that the Token is known here.

        Raises:
            Refused: it is not WeChat that asks.
        """
        self.caller(query)
        echo = query.get("echostr", "")
        if not _ECHO.fullmatch(echo):  # it is sent back as it came, so it must not be able to be a page
            raise Refused("echostr is missing", 400)
        return echo

    def open(self, query: Mapping[str, str], body: bytes) -> Opened:
        """The message inside a call.

        Raises:
            Refused: with the reason; `setting` is filled when it is WeChat that calls, in a mode that is not taken.
        """
        if len(body) > MOST_BYTES:
            raise Refused(f"more than {MOST_BYTES} bytes", 413)
        stamp, nonce = self.caller(query)
        if query.get("encrypt_type", "raw") != "aes" or not query.get("msg_signature"):
            raise Refused(
                "WeChat sends in plaintext",
                setting=in_both(
                    f"微信用明文模式发来，途中谁都能看、能改。请到 {PUSH} 选安全模式。",
                    "WeChat sends in plaintext mode (明文模式), which anybody on the way can read and change. "
                    f"Choose 安全模式 under {PUSH}.",
                ),
            )
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise Refused("the body is no UTF-8", 400) from error
        if text.lstrip().startswith("{"):
            raise Refused(
                "WeChat sends JSON",
                setting=in_both(f"微信发来的是 JSON。请到 {PUSH} 把数据格式选为 XML。", f"WeChat sends JSON. Choose XML as 数据格式 under {PUSH}."),
            )
        outer = read_fields(text)
        encrypted = outer.get("Encrypt", "")
        if not encrypted or not self._signed(query["msg_signature"], stamp, nonce, encrypted):
            raise Refused("the signature does not fit the body")
        if outer.keys() & {"FromUserName", "MsgType", "Content"}:
            raise Refused(
                "WeChat sends in compatibility mode",
                setting=in_both(
                    f"微信用兼容模式发来：住户的话在密文旁边明着传。请到 {PUSH} 选安全模式。",
                    "WeChat sends in compatibility mode (兼容模式): what residents write travels readable beside the "
                    f"encrypted copy. Choose 安全模式 under {PUSH}.",
                ),
            )
        return self.decrypt(encrypted)

    def decrypt(self, encrypted: str) -> Opened:
        """Opened by the first key that fits. Raises Refused."""
        for key, cipher in enumerate(self._ciphers):
            try:
                xml = str(cipher.decrypt(encrypted, self._app_id))
            # A wrong key makes noise of it, and wechatpy meets noise with all kinds of exceptions.
            except Exception:
                continue
            read_fields(xml)
            return Opened(xml, key)
        raise Refused(
            "no EncodingAESKey of this account opens it: the key here and at WeChat differ, or it is for another AppID"
        )

    def seal(self, xml: str, key: int) -> str:
        """An answer, encrypted with the key its question came with, and signed."""
        crypto = _Sealing(self._token, self._keys[key], self._app_id)
        return crypto.encrypt_message(xml, secrets.token_hex(8), str(int(self._now().timestamp())))
