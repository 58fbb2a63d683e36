"""data/policy.yml: a supervisor who mistypes a rule is told where, what and how to mend it, all at once."""

from __future__ import annotations

from copy import deepcopy
from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import POLICY, POLICY_RAW

from bot.core.policy import PolicyError, duration, load
from bot.core.tickets import TRANSITIONS


def edited(path: str, value: Any) -> dict[str, Any]:
    """The shipped policy with one key set, or taken out when the value is `...`."""
    raw = deepcopy(POLICY_RAW)
    *parents, last = path.split("|")
    place = raw
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return raw


def complaint(raw: Any) -> str:
    with pytest.raises(PolicyError) as refused:
        load(raw)
    return str(refused.value)


def test_the_shipped_policy_says_what_the_desk_does() -> None:
    assert POLICY.sure > POLICY.confirm
    assert POLICY.service_hours[0] == ((time(8, 30), time(12)), (time(13, 30), time(18)))
    assert POLICY.working_days == {0, 1, 2, 3, 4}
    assert POLICY.escalation_levels == ("supervisor", "manager")
    assert (POLICY.quiet_from, POLICY.quiet_until) == (time(21), time(9))
    assert POLICY.auto_close_after == timedelta(days=7)
    assert POLICY.urge_every == timedelta(hours=4)
    assert "爆管" in POLICY.urgent_words and "power cut" in POLICY.urgent_words


@pytest.mark.parametrize("kind", list(TRANSITIONS))
def test_no_kind_of_ticket_is_without_a_clock(kind: str) -> None:
    assert POLICY.allowances(kind, "something nobody thought of")


def test_a_category_of_its_own_goes_before_the_kinds_row() -> None:
    assert POLICY.allowances("repair", "urgent")[0].within == timedelta(minutes=15)
    assert POLICY.allowances("repair", "general") == POLICY.allowances("repair", "anything")
    assert POLICY.allowances("lottery", "x") == ()


@pytest.mark.parametrize(
    ("path", "value", "named", "remedy"),
    [
        ("understanding|sure", 1.5, "understanding.sure", "between 0 and 1"),
        ("understanding|sure", True, "understanding.sure", "between 0 and 1"),
        ("understanding|confirm", "half", "understanding.confirm", "between 0 and 1"),
        ("understanding|confirm", 0.9, "understanding.confirm", "below understanding.sure"),
        ("understanding|misses_before_person", 0, "understanding.misses_before_person", "at least 1"),
        ("understanding|burst_window", "1 second", "understanding.burst_window", "write for example 30s"),
        ("understanding|burst_window", ..., "understanding.burst_window", "add it"),
        ("faq|sure", 2, "faq.sure", "between 0 and 1"),
        ("shadow|accounts", "YH", "shadow.accounts", "write for example [YH]"),
        ("shadow|accounts", ["YH/wechat/main/x"], "shadow.accounts", "code/channel/account"),
        ("shadow|accounts", [7], "shadow.accounts", "code/channel/account"),
        ("shadow|accounts", ..., "shadow.accounts", "add it"),
        ("shadow|report_day", "monday", "shadow.report_day", "known: mon"),
        ("shadow|report_at", 540, "shadow.report_at", "write it in quotes"),
        ("privacy|keep|suggestions", ..., "privacy.keep.suggestions", "add it"),
        ("faq", ..., "faq.sure", "add it"),
        ("service_hours|mon", ["08:30 to 12:00"], "service_hours.mon", '"08:30-12:00"'),
        ("service_hours|mon", "08:30-12:00", "service_hours.mon", '["08:30-12:00"]'),
        ("service_hours|mon", ["12:00-08:30"], "service_hours.mon", "not a span"),
        ("service_hours|mon", ["08:30-12:00", "11:00-18:00"], "service_hours.mon", "overlaps"),
        ("service_hours|mon", ["25:00-26:00"], "service_hours.mon", "not a time of day"),
        ("service_hours|monday", ["08:30-12:00"], "service_hours.monday", "known: mon, tue"),
        ("service_hours", ..., "service_hours", "add it"),
        ("service_hours", {"mon": [], "sun": []}, "service_hours", "at least one span"),
        ("working_days", ["mon", "funday"], "working_days", "known: mon, tue"),
        ("working_days", [], "working_days", "write for example [mon"),
        ("working_days", "mon", "working_days", "write for example [mon"),
        ("holiday_country", ..., "holiday_country", "add it"),
        ("clocks", ..., "clocks", "add it"),
        ("clocks", "none", "clocks", "add it"),
        ("clocks|repiar/*", {"resolve": {"within": "1h", "clock": "service"}}, "clocks.repiar/*", "kinds: repair"),
        ("clocks|repair", {"resolve": {"within": "1h", "clock": "service"}}, "clocks.repair", "repair/*"),
        ("clocks|repair/*", "1h", "clocks.repair/*", "known: first_response"),
        ("clocks|repair/*|finish", {"within": "1h", "clock": "service"}, "clocks.repair/*.finish", "known: first_response"),
        ("clocks|repair/*|resolve", "24h", "clocks.repair/*.resolve", "{within: 1h, clock: service}"),
        ("clocks|repair/*|resolve", {"within": "1h", "clock": "work"}, "clocks.repair/*.resolve", "elapsed or service"),
        ("clocks|repair/*|resolve", {"within": "1x", "clock": "service"}, "clocks.repair/*.resolve", "15m"),
        ("clocks|repair/*|resolve", {"within": "1h", "clock": "service", "pause": True}, "clocks.repair/*.resolve", "pausable"),
        ("escalation|levels", [], "escalation.levels", "[supervisor, manager]"),
        ("escalation|levels", "supervisor", "escalation.levels", "[supervisor, manager]"),
        ("escalation|levels", ["boss"], "escalation.levels", "known: cashier"),
        ("survey|quiet_from", 1230, "survey.quiet_from", "in quotes"),
        ("survey|quiet_until", "nine", "survey.quiet_until", '"08:30"'),
        ("survey|low_score", 5, "survey.low_score", "1 to 4"),
        ("repair|urgent_words", "爆管", "repair.urgent_words", "zh: [爆管]"),
        ("repair|auto_close_after", "99999999999d", "repair.auto_close_after", "write less"),
        ("draft|drop_after", None, "draft.drop_after", "add it"),
        ("handover", ..., "handover.idle_back_to_desk", "add it"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(path: str, value: Any, named: str, remedy: str) -> None:
    said = complaint(edited(path, value))
    line = next(line for line in said.splitlines() if f"data/policy.yml: {named}: " in line)
    assert remedy in line


def test_several_mistakes_are_named_at_once_one_a_line() -> None:
    raw = edited("understanding|sure", 7)
    raw["survey"]["after"] = "soon"
    del raw["draft"]["ask_after"]
    lines = complaint(raw).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["understanding.sure", "survey.after", "draft.ask_after"]


@pytest.mark.parametrize("raw", [None, [], "policy", 3])
def test_an_empty_or_foreign_file_is_refused_in_words(raw: Any) -> None:
    assert "data/policy.yml" in complaint(raw)


def test_an_empty_mapping_names_every_key_that_is_needed() -> None:
    said = complaint({})
    for key in ("service_hours", "clocks", "working_days", "escalation.levels", "survey.quiet_from", "repair.urge_every"):
        assert f": {key}: is missing" in said


def test_the_file_named_in_a_mistake_is_the_one_that_was_read() -> None:
    with pytest.raises(PolicyError, match=r"data/YH/policy\.yml: holiday_country"):
        load(edited("holiday_country", ...), "data/YH/policy.yml")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        (" 8h ", timedelta(hours=8)),
        ("3d", timedelta(days=3)),
    ],
)
def test_durations_are_read_as_written(text: str, length: timedelta) -> None:
    assert duration(text) == length


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=6), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3)), st.sampled_from(sorted(POLICY_RAW)))
def test_whatever_stands_under_a_key_it_is_either_taken_or_named(value: Any, key: str) -> None:
    raw = {**POLICY_RAW, key: value}
    try:
        load(raw)
    except PolicyError as refused:
        assert key in str(refused)
    else:
        assert key == "holiday_country"
