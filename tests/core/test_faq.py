"""data/faq.yml: what the office answers, and what is told to an office that mistypes an entry."""

from __future__ import annotations

import re
import shutil
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from stage import POLICY

from bot import office
from bot.core.faq import LANGUAGES, Entry, Faq, FaqError, load

ROOT = Path(__file__).parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "data" / "faq.yml").read_text(encoding="utf-8"))
FAQ = load(RAW)
ENTRIES = {entry.id: entry for entry in FAQ.entries}
#: The clauses of DOMAIN.md. An answer cites no other law, for nobody here has read another.
CLAUSES = {"13–16", "15", "17", "944", "945", "1864"}


def answers(name: str) -> tuple[str, str]:
    return ENTRIES[name].wordings["zh"].answer, ENTRIES[name].wordings["en"].answer


# ── What the shipped file says ──


def test_there_are_entries_enough_in_both_languages() -> None:
    assert len(FAQ.entries) >= 85
    for entry in FAQ.entries:
        for language in LANGUAGES:
            assert len(entry.wordings[language].questions) >= 3, entry.id
        assert entry.as_of >= date(2026, 1, 1), entry.id
        assert entry.about, entry.id


@pytest.mark.parametrize("day", [0, 6])
def test_the_hours_told_are_the_hours_kept(day: int) -> None:
    for answer in answers("office_hours"):
        for begin, end in POLICY.service_hours[day]:
            assert f"{begin:%-H:%M}–{end:%-H:%M}" in answer


@pytest.mark.parametrize(
    ("name", "kind", "category", "clock", "told"),
    [
        ("repair_times", "repair", "general", "first_response", ("1小时", "1 service hour")),
        ("repair_times", "repair", "urgent", "next_step", ("15分钟", "15 minutes")),
        ("complaint_times", "complaint", "", "first_response", ("1小时", "1 service hour")),
        ("complaint_times", "complaint", "", "next_step", ("4小时", "4 hours")),
        ("complaint_times", "complaint", "", "resolve", ("3个工作日", "3 working days")),
        ("fee_dispute", "fee_case", "", "first_response", ("4小时", "4 service hours")),
        ("fee_dispute", "fee_case", "", "resolve", ("3个工作日", "3 working days")),
        ("desk_person", "enquiry", "handoff", "first_response", ("10分钟", "10 minutes")),
    ],
)  # fmt: skip
def test_no_answer_promises_more_than_the_clocks(name: str, kind: str, category: str, clock: str, told: tuple[str, str]) -> None:
    allowance = next(a for a in POLICY.allowances(kind, category) if a.name == clock)
    minutes = int(allowance.within.total_seconds()) // 60
    for answer, words in zip(answers(name), told, strict=True):
        assert words in answer
        figure = int(re.findall(r"\d+", words)[0])
        assert figure == (allowance.working_days or (minutes if minutes < 60 else minutes // 60))


def test_other_times_told_are_the_policys() -> None:
    assert all(str(POLICY.keep_misread.days) in answer for answer in answers("privacy_kept"))
    assert all(str(POLICY.reopen_within.days) in answer for answer in answers("repair_again"))
    assert all(f"{POLICY.urge_every.total_seconds() / 3600:.0f}" in answer for answer in answers("progress"))


@pytest.mark.parametrize("entry", FAQ.entries, ids=lambda entry: entry.id)
def test_an_answer_names_no_sum_and_no_law_but_those_of_the_domain(entry: Entry) -> None:
    for wording in entry.wordings.values():
        assert not re.search(r"\d\s*(?:元|块)|[¥￥]|\b(?:CNY|RMB|yuan)\b", wording.answer), "tariffs are posted, not told here"
        cited = re.findall(r"第([\d–]+)条|\barts?\. ([\d–]+)|〔2003〕(\d+)|\[2003\] (\d+)", wording.answer)
        assert {clause for found in cited for clause in found if clause} <= CLAUSES


@pytest.mark.parametrize("entry", FAQ.entries, ids=lambda entry: entry.id)
def test_both_languages_name_the_same_public_numbers(entry: Entry) -> None:
    zh, en = (set(re.findall(r"(?<!\d)(?:110|119|120|12345|95598)(?!\d)", entry.wordings[language].answer)) for language in LANGUAGES)
    assert zh == en


@pytest.mark.parametrize("name", ["gas_smell", "gas_supply", "fire_equipment", "fire_escape", "aed", "insurance", "falling_things"])
def test_a_danger_that_may_be_present_comes_first(name: str) -> None:
    for answer in answers(name):
        assert re.match(r"(?:如果|开窗|有人|Open|If)", answer)


# ── What is told to an office that mistypes ──


def small() -> dict[str, Any]:
    return {
        "version": 1,
        "alike": {"zh": [["快递", "包裹"]], "en": [["parcel", "package"]]},
        "unanswered": {"zh": ["泳池多深"], "en": ["how deep is the pool"]},
        "entries": [
            {"id": name, "as_of": date(2026, 11, 20),
             "zh": {"questions": [f"{zh}甲", f"{zh}乙", f"{zh}丙"], "answer": "请拨{duty_phone}。"},
             "en": {"questions": [f"{en} a", f"{en} b", f"{en} c"], "answer": "Call {duty_phone}."}}
            for name, zh, en in (("hours", "几点", "when"), ("place", "哪里", "where"))
        ],
    }  # fmt: skip


def edited(path: str, value: Any) -> dict[str, Any]:
    """The small file with one key set, or taken out when the value is `...`."""
    raw = deepcopy(small())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = raw
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("version", 2, "version: is 2; this desk reads version 1"),
        ("entry", [], "entry: unknown key; known: version, alike, unanswered, entries"),
        ("entries", ..., "entries: is missing; add at least one entry"),
        ("entries", {"hours": {}}, "entries: is missing; add at least one entry"),
        ("entries.0", "hours", "entries[0]: holds no keys; write id, as_of, zh and en"),
        ("entries.0.id", "Hours!", "entries[0].id: 'Hours!' is no short name; write small letters"),
        ("entries.0.id", ..., "entries[0].id: 'None' is no short name"),
        ("entries.1.id", "hours", "entries.hours.id: is given twice; give the second entry another name"),
        ("entries.0.topic", "x", "entries.hours.topic: unknown key; known: id, about, as_of, asks_person, zh, en"),
        ("entries.0.about", "Opening Hours", "entries.hours.about: 'Opening Hours' is no topic; write one word"),
        ("entries.0.asks_person", "yes", "entries.hours.asks_person: 'yes' is neither true nor false"),
        ("entries.0.as_of", ..., "entries.hours.as_of: is missing; write the day the answer was last checked"),
        ("entries.0.as_of", "last week", "entries.hours.as_of: 'last week' is not a day; write year-month-day"),
        ("entries.0.as_of", 2026, "entries.hours.as_of: '2026' is not a day"),
        ("entries.0.en", ..., "entries.hours.en: is missing; write questions and answer, both languages are required"),
        ("entries.0.en.reply", "x", "entries.hours.en.reply: unknown key; known: questions, answer"),
        ("entries.0.zh.questions", ..., "entries.hours.zh.questions: has 0; give at least 3 ways of asking"),
        ("entries.0.zh.questions", ["几点", "几时"], "entries.hours.zh.questions: has 2; give at least 3"),
        ("entries.0.zh.questions", "几点开门", "entries.hours.zh.questions: is not a list of questions"),
        ("entries.0.zh.questions.1", True, "entries.hours.zh.questions[1]: is no question (True); write it in words"),
        ("entries.0.zh.questions.1", "？？", "entries.hours.zh.questions[1]: is no question ('？？')"),
        ("entries.0.en.questions.1", "几点下班", "entries.hours.en.questions[1]: '几点下班' is Chinese; move it to zh"),
        ("entries.1.zh.questions.0", "几点甲？", "entries.place.zh.questions[0]: '几点甲？' is asked in entries.hours.zh.questions[0] already"),
        ("entries.0.zh.questions.1", "几点甲", "entries.hours.zh.questions[1]: '几点甲' is asked in entries.hours.zh.questions[0] already"),
        ("unanswered.en.0", "Where A?", "unanswered.en[0]: 'Where A?' is asked in entries.place.en.questions[0] already"),
        ("entries.0.en.answer", ..., "entries.hours.en.answer: is missing; write the answer in at most 3 short lines"),
        ("entries.0.en.answer", 7, "entries.hours.en.answer: is missing"),
        ("entries.0.en.answer", "1\n2\n3\n{duty_phone}", "entries.hours.en.answer: has 4 lines; shorten it to 3"),
        ("entries.0.en.answer", "{duty_phone}" + "a" * 160, "entries.hours.en.answer: line 1 has 172 characters; shorten it to 160"),
        ("entries.0.en.answer", "Call {duty_fone}.", "entries.hours.en.answer: {duty_fone} is unknown; known: community, duty_phone"),
        ("entries.0.en.answer", "Call {duty_phone.", "entries.hours.en.answer: its braces do not match; write {duty_phone}"),
        ("entries.0.en.answer", "Call us.", "entries.hours: {duty_phone} stands in one language only; write it in both answers"),
        ("alike", [], "alike: holds no languages; write alike.zh and alike.en, each a list"),
        ("alike.fr", [], "alike.fr: unknown language; known: zh, en"),
        ("alike.zh", "快递", "alike.zh: is not a list of rows; write for example"),
        ("alike.zh.0", ["快递"], "alike.zh[0]: is not a row of two or more words"),
        ("alike.en.0", "parcel", "alike.en[0]: is not a row of two or more words"),
        ("alike.zh", [["快递", "包裹"], ["邮包", "包裹"]], "alike.zh[1]: '包裹' stands in alike.zh[0] already"),
        ("unanswered.zh", "泳池多深", "unanswered.zh: is not a list of questions"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_key_and_remedy(path: str, value: Any, told: str) -> None:
    with pytest.raises(FaqError) as refused:
        load(edited(path, value))
    assert f"data/faq.yml: {told}" in str(refused.value)


def test_a_small_file_is_read_as_it_stands() -> None:
    faq = load(small())
    assert [entry.id for entry in faq.entries] == ["hours", "place"]
    assert faq.entries[0] == Entry("hours", "", date(2026, 11, 20), False, faq.entries[0].wordings)
    assert faq.entries[0].wordings["en"].answer == "Call {duty_phone}."
    assert faq.alike["zh"] == (("快递", "包裹"),)
    assert faq.unanswered["en"] == ("how deep is the pool",)


def test_alike_and_unanswered_may_be_left_out() -> None:
    raw = small()
    del raw["alike"], raw["unanswered"]
    assert load(raw).alike == load(raw).unanswered == Faq().alike == {"zh": (), "en": ()}


def test_all_mistakes_are_told_at_once() -> None:
    raw = edited("version", 3)
    raw["entries"][0]["as_of"] = "soon"
    del raw["entries"][1]["en"]
    with pytest.raises(FaqError) as refused:
        load(raw)
    assert len(str(refused.value).splitlines()) == 3


@pytest.mark.parametrize("raw", [None, [], "faq", 3])
def test_an_empty_or_foreign_file_is_refused_in_words(raw: Any) -> None:
    with pytest.raises(FaqError, match=r"data/YH/faq\.yml: the file: holds no keys"):
        load(raw, "data/YH/faq.yml")


def test_the_office_reads_the_entries_and_names_what_is_wrong(tmp_path: Path) -> None:
    assert {entry.id for entry in office.open_office(ROOT).faq.entries} == set(ENTRIES)
    shutil.copyfile(ROOT / "domain.yml", tmp_path / "domain.yml")
    (tmp_path / "data").mkdir()
    for file in ("policy.yml", "triage.yml", "kinds.yml"):
        shutil.copyfile(ROOT / "data" / file, tmp_path / "data" / file)
    with pytest.raises(office.Mistakes) as refused:
        office.open_office(tmp_path)
    assert "faq.yml: the file: is missing. Restore it from the release." in str(refused.value)
    (tmp_path / "data" / "faq.yml").write_text(yaml.safe_dump(edited("entries.0.as_of", "soon")), encoding="utf-8")
    with pytest.raises(office.Mistakes) as refused:
        office.open_office(tmp_path)
    assert "data/faq.yml: entries.hours.as_of: 'soon' is not a day" in str(refused.value)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["version", "entries", "alike", "unanswered", "id", "as_of", "zh", "en", "questions", "answer"]), inner, max_size=5), max_leaves=16)
)  # fmt: skip
def test_whatever_the_file_holds_it_is_read_or_refused_in_words(raw: Any) -> None:
    with pytest.raises(FaqError):
        load(raw)
