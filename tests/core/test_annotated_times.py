"""Visiting times as residents write them, against what a perfect clerk would take from them (tests/annotated), and what must
hold of any text whatever."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.resolve.when import Reason, Unclear, Window, parse_when, render, windows
from bot.core.types import Language

FOLDER = Path(__file__).parents[1] / "annotated"
SHANGHAI = ZoneInfo("Asia/Shanghai")
TARGET = 0.93


def lines() -> list[dict[str, Any]]:
    return [
        json.loads(raw)
        for language in ("zh", "en")
        for raw in (FOLDER / f"times.{language}.jsonl").read_text(encoding="utf-8").splitlines()
        if raw.strip()
    ]


def right(line: dict[str, Any]) -> bool:
    """Outcome and, of a window, start and end; of an unclear time the reason."""
    now = datetime.fromisoformat(line["now"]).replace(tzinfo=SHANGHAI)
    found = parse_when(line["text"], now)
    if isinstance(found, Window):
        said = (f"{found.start:%Y-%m-%dT%H:%M}", f"{found.end:%Y-%m-%dT%H:%M}")
        return bool(line["outcome"] == "window" and said == (line["start"], line["end"]))
    if isinstance(found, Unclear):
        return bool(line["outcome"] == "unclear" and line["reason"] == found.reason)
    return bool(line["outcome"] == "none")


def measured() -> dict[str, float]:
    """The share of lines read exactly, by language, for the lines seen while the rules were written and the others."""
    scores: dict[str, list[bool]] = defaultdict(list)
    for line in lines():
        verdict = right(line)
        half = "seen" if int(line["id"][-1]) % 2 == 0 else "unseen"
        for group in (f"{line['lang']} {half}", line["lang"], half, "all"):
            scores[group].append(verdict)
    return {group: round(sum(hits) / len(hits), 4) for group, hits in sorted(scores.items())}


def test_the_desk_reads_what_a_clerk_would() -> None:
    short = {group: share for group, share in measured().items() if share < TARGET}
    assert not short


# ── What holds of any text ──

INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2035, 12, 31)).map(lambda moment: moment.replace(tzinfo=SHANGHAI))
LANGUAGES = st.sampled_from(get_args(Language))

ZH_WORDS = """
    明天 今 晚 大后天 周 三 六 下周 这周 周末 月底 下个月 12月 18号 3号楼 30/11 12.5 早上 上午 中午 下午 傍晚 晚上 凌晨 下班 以后 之前 前 后 点 半 一刻
    到 至 和 或 或者 都行 也行 除了 以外 不行 没空 不在 我妈在 算了 还是 不是 改到 随时 尽快 现在 待会儿 半小时 两个小时 过 漏了 开始 昨天 上周 没来 听日
    明填 期点 旧点 往上 周陆 一点 两点 13 15:30 08:00 24:00 、 , 。 ! ( ) - – : /
"""
EN_WORDS = """
    tomorrow today tonight on at after before by until not from to between and or noon midnight 3 5 11 pm am half past quarter monday
    sat next this week weekend the 18th Dec except but any time busy free home since started in an hour later now asap actually
    sorry first last month 1400 arvo
"""
WORDS = st.sampled_from([*ZH_WORDS.split(), *(f" {word} " for word in EN_WORDS.split())])
SENTENCES = st.lists(WORDS, max_size=12).map("".join)
TEXTS = st.text(max_size=60) | SENTENCES | st.lists(WORDS | st.text(max_size=2), max_size=12).map("".join)


@given(TEXTS, INSTANTS)
@example("last saturday of the month", datetime(2026, 11, 25, 14, 20, tzinfo=SHANGHAI))
def test_no_text_whatever_breaks_the_reading_and_no_window_is_unsound(text: str, now: datetime) -> None:
    found = parse_when(text, now)
    if isinstance(found, Unclear):
        assert found.reason in get_args(Reason)
    elif found is not None:
        assert now <= found.start < found.end
        assert found.start.second == found.start.microsecond == 0
    for window in windows(text, now):
        assert now <= window.start < window.end


@given(SENTENCES, INSTANTS, LANGUAGES)
def test_what_was_read_reads_the_same_in_the_desks_own_words(text: str, now: datetime, language: Language) -> None:
    for window in windows(text, now):
        again = parse_when(render(window, language, now), now)
        assert isinstance(again, Window)
        assert (again.start, again.end) == (window.start, window.end)


@given(INSTANTS, st.integers(0, 500 * 24 * 60), st.integers(1, 4 * 24 * 60), LANGUAGES)
@example(datetime(2026, 11, 27, 23, 10, tzinfo=SHANGHAI), 0, 120, "zh")  # 现在, ten past eleven at night
@example(datetime(2026, 12, 3, 17, 15, tzinfo=SHANGHAI), 2325, 2220, "zh")  # 周末
@example(datetime(2026, 12, 30, 9, 0, tzinfo=SHANGHAI), 0, 900, "en")  # to midnight
def test_any_window_reads_the_same_in_the_desks_own_words(now: datetime, ahead: int, length: int, language: Language) -> None:
    start = now.replace(second=0, microsecond=0) + timedelta(minutes=ahead + 1)
    window = Window(start, start + timedelta(minutes=length), "")
    again = parse_when(render(window, language, now), now)
    assert isinstance(again, Window)
    assert (again.start, again.end) == (window.start, window.end)
