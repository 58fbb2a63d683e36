"""When somebody is at home, in residents' words. It is Monday 23 November 2026, ten in the morning, in Shanghai."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.core.resolve.when import PARTS, Unclear, Window, parse_when, render, windows
from bot.core.types import Language

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)


def said(text: str, now: datetime = NOW) -> str:
    """A window as "11-24 14:00-18:00", or the reason why there is none."""
    found = parse_when(text, now)
    if isinstance(found, Window):
        assert found.start.tzinfo is now.tzinfo and found.start < found.end
        return f"{found.start:%m-%d %H:%M}-{found.end:%H:%M}"
    return found.reason if found else "nothing"


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("今天", "11-23 10:00-21:00"),
        ("今晚7点后", "11-23 19:00-21:00"),
        ("明天下午", "11-24 14:00-18:00"),
        ("明早8点", "11-24 08:00-09:00"),
        ("后天两点到四点", "11-25 14:00-16:00"),
        ("大后天", "11-26 08:00-21:00"),
        ("周六上午", "11-28 09:00-12:00"),
        ("下周三", "12-02 08:00-21:00"),
        ("下了班", "11-23 18:00-21:00"),
        ("明天下了班", "11-24 18:00-21:00"),
        ("七点一刻", "11-23 19:15-20:15"),
        ("七点半", "11-23 19:30-20:30"),
        ("两三点", "11-23 14:00-15:00"),
        ("现在就行", "11-23 10:00-12:00"),
        ("随时", "11-23 10:00-21:00"),
        ("明天随时都行", "11-24 08:00-21:00"),
        ("18号下午", "12-18 14:00-18:00"),
        ("12月3号", "12-03 08:00-21:00"),
        ("十一月二十九号晚上八点", "11-29 20:00-21:00"),
        ("月底", "11-30 08:00-21:00"),
        ("3-5点", "11-23 15:00-17:00"),
        ("明天14:00-18:00", "11-24 14:00-18:00"),
        ("明天5点前", "11-24 08:00-17:00"),
        ("早上7点", "11-24 07:00-08:00"),
        ("周末", "11-28 08:00-21:00"),
        ("\uff13\uff0d\uff15点", "11-23 15:00-17:00"),
        ("tomorrow after 6pm", "11-24 18:00-21:00"),
        ("Thursday evening", "11-26 19:00-21:00"),
        ("sat morning", "11-28 09:00-12:00"),
        ("3-5pm today", "11-23 15:00-17:00"),
        ("any time", "11-23 10:00-21:00"),
        ("any time after 3pm", "11-23 15:00-21:00"),
        ("now", "11-23 10:00-12:00"),
        ("the 18th", "12-18 08:00-21:00"),
        ("in the afternoon", "11-23 14:00-18:00"),
        ("at 3 in the afternoon", "11-23 15:00-16:00"),
        ("tomorrow between 2 and 4", "11-24 14:00-16:00"),
        ("11am-1pm tomorrow", "11-24 11:00-13:00"),
        ("half past seven tonight", "11-23 19:30-20:30"),
        ("Dec 3rd in the morning", "12-03 09:00-12:00"),
        ("next tuesday", "12-01 08:00-21:00"),
    ],
)
def test_a_visiting_time_is_read(text: str, window: str) -> None:
    assert said(text) == window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("后天吧,算了还是大后天", "11-26 08:00-21:00"),
        ("后天下午吧,算了还是大后天", "11-26 14:00-18:00"),
        ("Friday no, make it Saturday afternoon", "11-28 14:00-18:00"),
        ("明天不行,后天上午可以", "11-25 09:00-12:00"),
        ("not tomorrow, Friday", "11-27 08:00-21:00"),
        ("昨天报的修,明天下午来", "11-24 14:00-18:00"),
    ],
)
def test_the_last_word_counts(text: str, window: str) -> None:
    assert said(text) == window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("听日朝早", "11-24 08:00-10:00"),
        ("明朝下半日三点", "11-24 15:00-16:00"),
        ("后儿个擦黑", "11-25 17:00-19:00"),
        ("明填期点以后", "11-24 19:00-21:00"),
        ("周陆下五", "11-28 14:00-18:00"),
        ("今天往上八点", "11-23 20:00-21:00"),
        ("聽日下晝三點半", "11-24 15:30-16:30"),
        ("sat arvo, from 3", "11-28 15:00-18:00"),
        ("tmrw b4 noon", "11-24 08:00-12:00"),
    ],
)
def test_other_ways_of_saying_it_mean_the_same(text: str, window: str) -> None:
    assert said(text) == window


@pytest.mark.parametrize(
    "text",
    [
        "往上走到18楼", "周陆师傅电话多少", "留点时间给我", "起点在哪", "漏了一点水", "快一点", "有两点建议", "早上好",
        "good morning", "我姓周", "天津天气", "跟前儿子在玩",
    ],
)  # fmt: skip
def test_a_dialect_word_is_none_inside_another(text: str) -> None:
    assert parse_when(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("除了周一都行", "11-24 08:00-21:00"),
        ("周三不行,其他时间都可以", "11-23 10:00-21:00"),
        ("明天除了中午都行", "11-24 08:00-12:00"),
        ("除了周六都没空", "11-28 08:00-21:00"),
        ("any day but Monday", "11-24 08:00-21:00"),
        ("any time other than the morning", "11-23 12:00-21:00"),
    ],
)
def test_of_all_but_an_exception_the_first_that_fits_is_taken(text: str, window: str) -> None:
    assert said(text) == window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("明天要上班,下班后可以", "11-24 18:00-21:00"),
        ("明天我不在家,我妈在", "11-24 08:00-21:00"),
        ("明早,九点半我要去加班", "11-24 08:00-10:00"),
        ("周六早上来吧,我不上班", "11-28 08:00-10:00"),
        ("明天下午来帮个忙", "11-24 14:00-18:00"),
        ("I'm out until 4, after that is fine", "11-23 16:00-21:00"),
        ("I won't be home until 6", "11-23 18:00-21:00"),
    ],
)
def test_what_stands_in_the_way_is_no_offer(text: str, window: str) -> None:
    assert said(text) == window


@pytest.mark.parametrize(
    "text",
    [
        "昨晚八点就没电了", "凌晨三点警报器自己响了", "每天晚上十点楼上都很吵", "明天停水吗", "你们周末上班吗", "五分钟后又跳闸了",
        "it started on Monday", "the light doesn't work at night", "nobody came yesterday and I waited from 2 till 6",
    ],
)  # fmt: skip
def test_a_time_that_is_the_troubles_is_nobodys_visit(text: str) -> None:
    assert parse_when(text, NOW) is None


def test_a_weekend_is_one_window_of_two_days() -> None:
    for text in ("周末", "周六周日都行", "the weekend", "sat & sun"):
        window = parse_when(text, NOW)
        assert isinstance(window, Window)
        assert render(window, "zh", NOW) == "11月28日(周六)08:00–11月29日(周日)21:00"
        assert render(window, "en", NOW) == "Sat 28 Nov 08:00 – Sun 29 Nov 21:00"
    assert said("周末下午") == "11-28 14:00-18:00"


def test_of_alternatives_the_first_is_taken_and_all_are_known() -> None:
    assert said("周六或周日上午") == "11-28 09:00-12:00"
    assert [window.start.day for window in windows("周六或周日上午", NOW)] == [28, 29]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("昨天下午", "past"),
        ("今天早上", "past"),
        ("yesterday", "past"),
        ("凌晨三点", "small_hours"),
        ("明天晚上12点", "small_hours"),
        ("2am", "small_hours"),
        ("下周", "which_day"),
        ("改天吧", "which_day"),
        ("24号周三", "conflict"),
        ("2月30号", "conflict"),
        ("明天不行", "refused"),
    ],
)
def test_a_time_nobody_can_keep_is_asked_again(text: str, reason: str) -> None:
    now = NOW.replace(hour=12)
    assert said(text, now) == reason


@pytest.mark.parametrize(
    "text",
    ["4栋1单元703", "13812345678", "我18号楼的", "物业费多少", "YH-BX-20261123-0001", "", "what is the fee"],
)
def test_what_is_no_time_is_no_time(text: str) -> None:
    assert parse_when(text, NOW) is None


def test_a_passed_part_of_today_is_cut_off_and_a_passed_weekday_is_next_week() -> None:
    evening = NOW.replace(hour=15, minute=20, second=30)
    assert said("今天下午", evening) == "11-23 15:21-18:00"
    assert said("周一上午", evening) == "11-30 09:00-12:00"
    assert said("上午", evening) == "11-24 09:00-12:00"


def test_the_table_of_parts_stands_as_agreed() -> None:
    agreed = {
        "早上": (8, 10),
        "上午": (9, 12),
        "中午": (12, 14),
        "下午": (14, 18),
        "傍晚": (17, 19),
        "晚上": (19, 21),
    }
    assert {name: PARTS[name] for name in agreed} == agreed
    for name, (begin, finish) in agreed.items():
        assert said(f"明天{name}") == f"11-24 {begin:02}:00-{finish:02}:00"


def test_a_window_is_written_in_both_languages() -> None:
    window = parse_when("明天下午", NOW)
    assert isinstance(window, Window)
    assert render(window, "zh", NOW) == "明天(24日 周二)14:00–18:00"
    assert render(window, "en", NOW) == "tomorrow (Tue 24 Nov) 14:00–18:00"


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        parse_when("明天", datetime(2026, 11, 23))


INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2035, 12, 31)).map(
    lambda moment: moment.replace(tzinfo=SHANGHAI)
)


@given(
    INSTANTS, st.integers(0, 400), st.integers(360, 1380), st.integers(1, 600), st.sampled_from(["zh", "en"])
)
def test_a_rendered_window_reads_back_as_itself(
    now: datetime, ahead: int, begin: int, length: int, language: Language
) -> None:
    day: date = now.date() + timedelta(days=ahead)
    end_minute = min(begin + length, 1439)
    start = datetime.combine(day, time(begin // 60, begin % 60), tzinfo=SHANGHAI)
    end = datetime.combine(day, time(end_minute // 60, end_minute % 60), tzinfo=SHANGHAI)
    assume(start >= now)
    found = parse_when(render(Window(start, end, ""), language, now), now)
    assert isinstance(found, Window)
    assert (found.start, found.end) == (start, end)


WORDS = [
    "明天",
    "今",
    "晚",
    "周",
    "三",
    "下",
    "点",
    "到",
    "半",
    "13",
    "号",
    "月",
    "-",
    ":",
    "tomorrow ",
    "at ",
    "half past ",
    "3",
    "pm",
    " to ",
    "或",
    "不行",
    "now",
    "99",
]


@given(st.text() | st.lists(st.sampled_from(WORDS), max_size=8).map("".join), INSTANTS)
def test_no_text_whatever_breaks_the_reading(text: str, now: datetime) -> None:
    found = parse_when(text, now)
    assert found is None or isinstance(found, Unclear) or now <= found.start < found.end
    for window in windows(text, now):
        assert parse_when(render(window, "zh", now), now) == Window(
            window.start,
            window.end,
            parse_when(render(window, "zh", now), now).text,  # type: ignore[union-attr]
        )
