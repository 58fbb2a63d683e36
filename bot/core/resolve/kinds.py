"""Which fee, and which permit, a resident's words mean: 公摊水费, "car park money", 搬冰箱出门要开的条.

For fee questions and permits in later rounds. The words are the office's (data/kinds.yml); the names below are the desk's, for
tariffs, papers and texts go by them. It must never take another matter for one of them: a leaking pipe is no water fee, a
barking dog no pet to register; None means "show the list".

Parses what it is given and opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.core.resolve.hanzi import simple

FEES: Final = (
    "property", "water", "electricity", "shared_utilities", "parking", "repair_charge", "renovation_deposit", "deposit",
    "late_fee", "gas", "heating", "garbage",
)  # fmt: skip
PERMITS: Final = (
    "move_in", "move_out", "renovation", "hot_work", "extended_hours", "worker_pass", "goods_release", "access_card",
    "face_or_fingerprint", "tenant_registration", "car_pass", "plate_change", "charging_post", "visitor", "lift_booking",
    "letter", "name_transfer", "mandate", "pet", "sign_or_event", "supply_activation",
)  # fmt: skip
LANGUAGES: Final = ("zh", "en")

_LONGEST: Final = 300
"""Characters looked at; the kind is named early or not at all."""
_DENIED: Final = re.compile(
    r"(?:不是|并非|不要|不想|不问|不查|不办|没有?|\b(?:not|isn'?t|don'?t (?:want|mean)|no))\s?(?:我的|问|查|办|the |a |my "
    r"|about )*$",
    re.IGNORECASE,
)
#: What may stand around a word that is said alone: "水的", "水吧", "my water please".
_AROUND: Final = r"[\W_]*(?:(?:就是|是|查|问|交|缴|我家的?|我们家的?|我的|那个|关于|the|my|our|for|about|just|it'?s)[\W_]*)*"
_BEHIND: Final = r"[\W_]*(?:(?:的|吧|呀|啊|呢|那个|方面|这块|那块|please|thanks|one|then)[\W_]*)*"


class KindsError(ValueError):
    """kinds.yml is unusable; the message lists each key with its remedy."""


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    words: re.Pattern[str]
    alone: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class _List:
    """The kinds of one list in the order in which they are tried, and the words that are none of them."""

    kinds: tuple[_Kind, ...]
    aside: re.Pattern[str] | None

    def kind(self, text: str) -> str | None:
        read = simple(text)[:_LONGEST]
        if self.aside is not None:
            read = self.aside.sub(lambda match: "\x00" * len(match[0]), read)
        for kind in self.kinds:
            if any(match[0] and not _DENIED.search(read, 0, match.start()) for match in kind.words.finditer(read)):
                return kind.name
        return next((kind.name for kind in self.kinds if kind.alone and kind.alone.fullmatch(read)), None)


@dataclass(frozen=True, slots=True)
class Kinds:
    """The words of data/kinds.yml, compiled. Empty, it knows none and answers None."""

    fees: _List = _List((), None)
    permits: _List = _List((), None)

    def fee(self, text: str) -> str | None:
        """The kind of fee the text names, one of `FEES`, or None."""
        return self.fees.kind(text)

    def permit(self, text: str) -> str | None:
        """The kind of permit the text names, one of `PERMITS`, or None."""
        return self.permits.kind(text)


def _patterns(raw: Any, where: str, problems: list[str], *, needed: bool) -> list[str]:
    """The patterns of both languages, checked one by one."""
    if not isinstance(raw, Mapping):
        problems.append(f"{where}: holds no words; write {where}.zh and {where}.en, each a list of patterns")
        return []
    sources: list[str] = []
    for language in LANGUAGES:
        listed = raw.get(language)
        if not listed and not needed:
            continue
        if not isinstance(listed, list) or not listed:
            problems.append(f"{where}.{language}: has no patterns; add at least one, both languages are required")
            continue
        for index, source in enumerate(listed):
            here = f"{where}.{language}[{index}]"
            if not isinstance(source, str) or not source:
                problems.append(f"{here}: is no pattern; write it in single quotes")
                continue
            try:
                empty = re.compile(source, re.IGNORECASE).search("") is not None
            except re.error as error:
                problems.append(f"{here}: is not a regular expression ({error}); correct {source!r}")
                continue
            if empty:
                problems.append(f"{here}: matches the empty text and so every message; make {source!r} narrower")
                continue
            sources.append(f"(?:{source})")
    return sources


def _alone(raw: Any, where: str, problems: list[str]) -> re.Pattern[str] | None:
    if raw is None:
        return None
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not all(isinstance(word, str) and word for word in raw):
        problems.append(f"{where}: is not a list of words; write for example [水, water]")
        return None
    words = "|".join(re.escape(word) for word in raw)
    return re.compile(rf"{_AROUND}(?:{words}){_BEHIND}", re.IGNORECASE) if words else None


def _read(raw: Mapping[str, Any], key: str, names: Sequence[str], problems: list[str]) -> _List:
    section = raw.get(key)
    if not isinstance(section, Mapping) or not isinstance(section.get("kinds"), Mapping):
        problems.append(f"{key}: is missing; add {key}.kinds with a row for each of {', '.join(names)}")
        return _List((), None)
    problems.extend(f"{key}.{other}: unknown key; known: aside, kinds" for other in section if other not in ("aside", "kinds"))
    rows = section["kinds"]
    problems.extend(f"{key}.kinds.{name}: is missing; add its words" for name in names if name not in rows)
    kinds: list[_Kind] = []
    for name, row in rows.items():
        where = f"{key}.kinds.{name}"
        if name not in names:
            problems.append(f"{where}: is not known to the desk; known: {', '.join(names)}")
            continue
        sources = _patterns(row, where, problems, needed=True)
        if not isinstance(row, Mapping):
            continue
        unknown = [str(other) for other in row if other not in (*LANGUAGES, "alone")]
        problems.extend(f"{where}.{other}: unknown key; known: zh, en, alone" for other in unknown)
        alone = _alone(row.get("alone"), f"{where}.alone", problems)
        if sources:
            kinds.append(_Kind(name, re.compile("|".join(sources), re.IGNORECASE), alone))
    aside = _patterns(section.get("aside", {}), f"{key}.aside", problems, needed=False)
    return _List(tuple(kinds), re.compile("|".join(aside), re.IGNORECASE) if aside else None)


def load(raw: Any, file: str = "data/kinds.yml") -> Kinds:
    """The kinds from their parsed YAML. Raises KindsError listing every mistake as `file: key: problem; remedy`."""
    if not isinstance(raw, Mapping):
        raise KindsError(f"{file}: the file: holds no keys; start from the kinds.yml that was shipped")
    problems: list[str] = []
    if raw.get("version") != 1:
        problems.append(f"version: is {raw.get('version')!r}; this desk reads version 1")
    problems.extend(f"{key}: unknown key; known: version, fees, permits" for key in raw if key not in ("version", "fees", "permits"))
    kinds = Kinds(_read(raw, "fees", FEES, problems), _read(raw, "permits", PERMITS, problems))
    if problems:
        raise KindsError("\n".join(f"{file}: {problem}" for problem in problems))
    return kinds
