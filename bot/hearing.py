"""From a claimed burst to what the dialogue hears: the words joined, triaged, parsed, split into matters.

No transaction is open here. A slow or dead NLU is not an error: the burst is then heard as not understood, and the
dialogue goes on with buttons, menus and rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from bot.core.codec import state_from_json
from bot.core.danger import asks
from bot.core.domain import Script
from bot.core.resolve.numerals import ZH_NUMERAL
from bot.core.resolve.opening import bare
from bot.core.types import Heard, Language, Matter, Media
from bot.faq import Finder
from bot.store import Claim
from bot.understanding import Nlu, Understood, understand
from bot.workers import Hearing

#: Read as these, a message may still ask about a rule ("晚上好，你是真人吗"), as may whatever is put as a question; an entry must then
#: stand out further (`faq.sure_elsewhere`).
_PERHAPS_ASKED = frozenset({"fee_query", "permit", "ticket_status", "greet", "out_of_scope"})
#: What makes a question of fees one of the speaker's own account: the cashier's, never the FAQ's.
_OWN_ACCOUNT = re.compile(r"我家|我们家|我的|我这|咱家|本户|欠|\b(?:my|our|mine|i owe|we owe)\b", re.IGNORECASE)


_FIGURE = re.compile(rf"\d|{ZH_NUMERAL}")
#: By one of these a tariff is asked for: "一平米多少钱" is no figure of anybody's account.
_ONE_UNIT = re.compile(r"(?:[一每1]|an?|one|per) ?(?:个?平(?:米|方|方米)?|[度吨方]|立方米?|sq(?:uare )?m(?:et(?:re|er))?|sqm|m2|kwh|ton(?:ne)?)", re.IGNORECASE)


def _of_an_account(matter: Matter) -> bool:
    amounts = any(_FIGURE.search(amount) and not _ONE_UNIT.fullmatch(amount) for amount in matter.values("amount"))
    return bool(matter.values("period") or amounts or _OWN_ACCOUNT.search(matter.text))


def _joined(said: Iterable[str]) -> str:
    """The words of a burst, one message a line. What is said twice in a row is said once: a number sent twice is a tap that shook."""
    return "\n".join(words for words, _ in groupby(filter(None, said)))


class Ear:
    """Hears bursts with one NLU. `last` is what was understood latest, for a terminal that shows it; `finder` looks up what is
    asked in data/faq.yml."""

    def __init__(self, nlu: Nlu, script: Script, finder: Finder | None = None) -> None:
        self.nlu = nlu
        self._script = script
        self._finder = finder
        self.last: Understood | None = None

    async def _looked_up(self, matter: Matter, language: Language) -> Matter:
        """A question of the kind data/faq.yml answers, with the entry that does."""
        if self._finder is None or (matter.intent == "fee_query" and _of_an_account(matter)):
            return matter
        question, put = bare(matter.text), asks(matter.text)
        if matter.intent == "faq" or (matter.intent == "fee_query" and put):
            return replace(matter, faq=await self._finder.find(question, language))
        if put or matter.intent in _PERHAPS_ASKED:
            elsewhere = self._script.policy.faq_sure_elsewhere
            return replace(matter, faq=await self._finder.find(question, language, elsewhere))
        return matter

    async def hear(self, claim: Claim) -> Hearing:
        """The burst as one event. Buttons need no words understood; the latest one of a burst counts."""
        messages = [row.message for row in claim.rows]
        text = _joined(m.text.strip() for m in messages)
        button = next((m.button for m in reversed(messages) if m.button), None)
        media: tuple[Media, ...] = tuple(item for m in messages for item in m.media)
        location = next((m.location for m in reversed(messages) if m.location), None)
        self.last = None
        language = next((m.language for m in reversed(messages) if m.language), None)
        beside = Heard(
            button=button,
            media=media,
            location=location,
            language=language,
            start=next((m.start for m in reversed(messages) if m.start), ""),
            phone=next((m.phone for m in reversed(messages) if m.phone), ""),
            group=any(m.group for m in messages),
            event=messages[-1].event,
        )
        if not text:
            return Hearing(beside)
        state = state_from_json(claim.state)
        default = language or state.language
        understood = await understand(self.nlu, self._script.triage, text, default=default)
        self.last = understood
        matters = [await self._looked_up(matter, understood.language) for matter in understood.matters]
        heard = replace(
            beside,
            text=text,
            matters=tuple(matters),
            triage=understood.triage,
            doubt=understood.doubt,
            understood=understood.understood,
            language=understood.language,
            model=understood.parsed.model if understood.parsed else "",
        )
        parse: dict[str, Any] | None = None
        model = ""
        if understood.parsed is not None:
            model = understood.parsed.model
            parse = {"matters": [asdict(m) for m in matters], "language": understood.language}
        return Hearing(heard, {row.id: (parse, model) for row in claim.rows[:1]})
