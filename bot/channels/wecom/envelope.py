"""The envelope of a callback: who sealed it, when, and what is in it. Pure: no clock, no network, no database.

Nothing of an envelope is parsed before its seal is known to be right: the ciphertext is cut out by a pattern, because wechatpy
hands the whole body to an XML parser first, compares signatures in a time that tells how much of one is right, and looks at
no clock. The decryption itself is wechatpy's.

Rules: developer.work.weixin.qq.com/document/path/90968 (加解密方案说明).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner

from bot.channels.wecom.account import CallbackKey

#: A real envelope is some hundred bytes; the text in it at most 2,048.
LARGEST_BODY = 64 * 1024
#: How old an envelope may be, or how far its clock may be ahead of ours. The platform's own tries take 20 s.
FRESH = timedelta(minutes=5)

_SEALED = re.compile(rb"<Encrypt>\s*(?:<!\[CDATA\[)?\s*([A-Za-z0-9+/=]+)\s*(?:\]\]>)?\s*</Encrypt>")
_DECLARES = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,12}")


class Refused(Exception):
    """The envelope is not opened. `why` is for the log; whoever sent it is told nothing.

    Args:
        skew: how far the sender's clock is ahead of ours, when that is the only thing wrong.
    """

    def __init__(self, why: str, skew: timedelta | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.skew = skew


@dataclass(frozen=True, slots=True)
class Seal:
    """The three things in the address that vouch for an envelope."""

    signature: str
    timestamp: str
    nonce: str

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Seal:
        return cls(query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", ""))


def sealed_in(body: bytes) -> str:
    """The ciphertext of a POST body. Raises Refused."""
    if len(body) > LARGEST_BODY:
        raise Refused("the body is too large")
    found = _SEALED.findall(body)
    if len(found) != 1:
        raise Refused("the body holds no ciphertext")
    ciphertext: bytes = found[0]
    return ciphertext.decode("ascii")


def unseal(ciphertext: str, seal: Seal, keys: Sequence[CallbackKey], corp: str, now: datetime) -> str:
    """What is in the envelope. The current key is tried first, then the previous one.

    Args:
        corp: whom it must be addressed to. now: aware UTC.

    Raises Refused.
    """
    signed = [key for key in keys if _signed_by(key, seal, ciphertext)]
    if not signed:
        raise Refused("the signature is wrong")
    if not _SECONDS.fullmatch(seal.timestamp):
        raise Refused("the timestamp is no number")
    skew = datetime.fromtimestamp(int(seal.timestamp), UTC) - now
    if abs(skew) > FRESH:
        raise Refused("the envelope is stale", skew)
    for key in signed:
        try:
            crypto = WeChatCrypto(key.token, key.aes_key, corp)
            plain = crypto.decrypt_message({"Encrypt": ciphertext}, seal.signature, seal.timestamp, seal.nonce)
        except Exception:
            # wechatpy raises whatever the broken bytes lead to: its own exceptions, struct.error, UnicodeDecodeError,
            # ValueError, IndexError. All mean the same: this key does not open it.
            continue
        if plain:
            return str(plain)
    raise Refused("no key opens it")


def without_declarations(xml: str) -> str:
    """The XML, unless it declares a document type or an entity: a real message never does. Raises Refused."""
    if _DECLARES.search(xml):
        raise Refused("the message declares a document type")
    return xml


def _signed_by(key: CallbackKey, seal: Seal, ciphertext: str) -> bool:
    signer = WeChatSigner()
    signer.add_data(key.token, seal.timestamp, seal.nonce, ciphertext)
    expected: str = signer.signature
    return hmac.compare_digest(expected.encode(), seal.signature.encode("utf-8", "replace"))
