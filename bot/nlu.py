"""Client of the Rasa server: one sentence in, what it seems to want out.

It gives an answer within its time limit or says that it has none (`NluUnavailable`); the desk works
without it. It never logs what a resident wrote, never lets a resident's text steer Rasa (a leading `/` would
be taken for an intent), and never waits for a server that has just been found dead.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import httpx

from bot.core.types import Entity, Parsed, Ranked

# httpx writes every request's address at INFO, and Rasa takes its token in the address.
logging.getLogger("httpx").setLevel(logging.WARNING)

MAX_CHARACTERS: Final = 1000
"""Longest text that is parsed; what follows is seldom more than a copy of what came before."""
FIRST_TRY_SHARE: Final = 0.6
"""Share of the limit that the first try may use, so that the second has a chance."""
FAILURES_TO_OPEN: Final = 2
"""Calls in a row without any answer after which the server counts as dead."""
OPEN_SECONDS: Final = 5.0
"""How long a dead server is not asked; then one call tries it."""
MODEL_SECONDS: Final = 30.0
"""How long the model's name, which a parse does not carry, is believed before it is asked again."""

Answer = TypeVar("Answer")


class NluUnavailable(Exception):
    """The language model gave no usable answer in time; the message says why, without the resident's
    words."""


class _Silent(Exception):
    """The server did not answer at all: refused, broke off or was too slow. Only this opens the breaker."""


class _Unusable(Exception):
    """The server answered, but not with what was asked for."""


class RasaNlu:
    """Asks a Rasa server what a sentence means.

    Args:
        url: where the server answers, e.g. `http://127.0.0.1:5005`.
        token: its auth token.
        client: an `httpx.AsyncClient` to use and leave open; without it one is made, and closed by `aclose`.
        timeout: seconds for a whole call, the second try included (DESIGN.md: 2 s).
        clock: the machine clock in seconds; only differences matter.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        client: httpx.AsyncClient | None = None,
        timeout: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._clock = clock
        self._owns_client = client is None
        # trust_env off: a proxy set for the office's browser must not see what residents write.
        # Plain HTTP needs no certificates, and reading them costs 30 ms for every client made.
        certificates = self._url.startswith("https:")
        self._client = client or httpx.AsyncClient(trust_env=False, timeout=timeout, verify=certificates)
        self._silences = 0
        self._asked_from = -math.inf
        self._model = ""
        self._model_until = -math.inf

    async def aclose(self) -> None:
        """Closes the connections this object opened; a client passed in stays open."""
        if self._owns_client:
            await self._client.aclose()

    async def parse(self, text: str, language: str) -> Parsed:
        """Reads one sentence.

        Args:
            text: the resident's words; the first 1000 characters are read.
            language: `zh` or `en`. One model reads both; the argument is the Nlu protocol's.

        Returns:
            Offsets count from the start of `text`; `Parsed.text` is what was read.

        Raises:
            ValueError: there is nothing to read.
            NluUnavailable: no usable answer within the limit, or the server was found dead a moment ago.
        """
        heard = text[:MAX_CHARACTERS]
        words = heard.strip()
        if not words:
            raise ValueError("an empty message cannot be parsed")

        async def ask() -> Parsed:
            if self._clock() >= self._model_until:
                await self._ask_model()
            answer = await self._call("POST", "/model/parse", {"text": _harmless(words)})
            # Rasa strips the text and counts offsets from there.
            return _parsed(heard, len(heard) - len(heard.lstrip()), answer, self._model)

        return await self._within_limit(ask)

    async def health(self) -> str:
        """Names the model the server has loaded (its hash); asks the server each time.

        Raises:
            NluUnavailable: no server, a wrong token, or a server without a model.
        """
        return await self._within_limit(self._ask_model)

    async def _within_limit(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Two tries within the limit, and the breaker's bookkeeping."""
        now = self._clock()
        if now < self._asked_from:
            raise NluUnavailable("Rasa did not answer a moment ago and is not asked again yet")
        if self._silences >= FAILURES_TO_OPEN:
            # Half open: this call tries the server, calls beside it do not wait.
            self._asked_from = now + OPEN_SECONDS
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    answer = await self._try(ask, self._timeout * FIRST_TRY_SHARE)
                except (_Silent, _Unusable):
                    answer = await self._try(ask, self._timeout)
        except (_Silent, TimeoutError) as error:
            self._silences += 1
            self._model_until = -math.inf
            if self._silences >= FAILURES_TO_OPEN:
                self._asked_from = self._clock() + OPEN_SECONDS
            why = str(error) or f"no answer within {self._timeout:g} s"
            raise NluUnavailable(f"Rasa is not reachable: {why}") from None
        except (_Unusable, NluUnavailable) as error:
            self._answered()
            raise NluUnavailable(str(error)) from None
        self._answered()
        return answer

    def _answered(self) -> None:
        self._silences = 0
        self._asked_from = -math.inf

    async def _try(self, ask: Callable[[], Awaitable[Answer]], seconds: float) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                return await ask()
        except TimeoutError:
            raise _Silent(f"no answer within {self._timeout:g} s") from None

    async def _ask_model(self) -> str:
        name = (await self._call("GET", "/status", None)).get("model_file")
        if not isinstance(name, str) or not name:
            raise _Unusable("Rasa runs without a model")
        self._model = name.rsplit("/", 1)[-1].removesuffix(".tar.gz")
        self._model_until = self._clock() + MODEL_SECONDS
        return self._model

    async def _call(self, method: str, path: str, body: Mapping[str, str] | None) -> Mapping[str, Any]:
        try:
            response = await self._client.request(
                method, self._url + path, params={"token": self._token}, json=body, timeout=self._timeout
            )
        except httpx.TransportError as error:
            raise _Silent(type(error).__name__) from None
        if response.status_code in (401, 403):
            raise NluUnavailable("Rasa refuses our token")
        if response.status_code == 409:
            raise NluUnavailable("Rasa runs without a model")
        if response.status_code != 200:
            raise _Unusable(f"Rasa answered with status {response.status_code}")
        try:
            answer = response.json()
        except ValueError:
            raise _Unusable("Rasa answered with something that is not JSON") from None
        if not isinstance(answer, dict):
            raise _Unusable("Rasa answered with JSON that is not an object")
        return answer


def _harmless(words: str) -> str:
    """The words as Rasa may have them, same length: no leading `/` (its shortcut for stating an
    intent), no half of a
    surrogate pair (not encodable)."""
    if words.startswith("/"):
        words = "／" + words[1:]
    return words.encode("utf-8", errors="replace").decode("utf-8")


def _parsed(heard: str, shift: int, answer: Mapping[str, Any], model: str) -> Parsed:
    """Checks an answer's shape and brings it into ours.

    Raises:
        _Unusable: the answer is not a parse.
    """
    try:
        ranking = tuple(
            Ranked(str(row["name"]), _confidence(row["confidence"])) for row in answer["intent_ranking"]
        )
        name, confidence = answer["intent"]["name"], _confidence(answer["intent"]["confidence"])
        spans = [_span(row, heard, shift) for row in answer["entities"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _Unusable("Rasa answered with something that is not a parse") from None
    entities = tuple(entity for entity, _ in merged(spans))
    # No intent at all (Rasa's null) is what the desk calls out_of_scope with no confidence.
    return Parsed(heard, str(name or "out_of_scope"), confidence if name else 0.0, ranking, entities, model)


def _confidence(value: Any) -> float:
    number = float(value)
    if not 0.0 <= number <= 1.0001:  # also refuses NaN; Rasa's sums may exceed 1 by rounding
        raise ValueError("a confidence lies between 0 and 1")
    return min(number, 1.0)


def _span(row: Mapping[str, Any], heard: str, shift: int) -> tuple[Entity, float]:
    start, end = row["start"] + shift, row["end"] + shift
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(heard)):
        raise ValueError("an entity lies inside the text")
    # The resident's own characters; a pattern's match carries no confidence and is certain.
    return Entity(str(row["entity"]), heard[start:end], start, end), _confidence(
        row.get("confidence_entity", 1.0)
    )


def merged(spans: list[tuple[Entity, float]]) -> list[tuple[Entity, float]]:
    """Of overlapping entities keeps the longest, of equally long ones the surest; in the order of the
    text."""
    kept: list[tuple[Entity, float]] = []
    for entity, sure in sorted(spans, key=lambda s: (s[0].start - s[0].end, -s[1], s[0].start, s[0].entity)):
        if all(entity.end <= other.start or other.end <= entity.start for other, _ in kept):
            kept.append((entity, sure))
    return sorted(kept, key=lambda s: s[0].start)
