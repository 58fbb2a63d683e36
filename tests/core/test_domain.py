"""domain.yml: every text in both languages, every text that is spoken exists, and no text that nobody speaks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from stage import DOMAIN_TEXT, INTENTS, MISTAKES, RESPONSES, ROOT, RULES, SCRIPT

from bot.core import texts
from bot.core.domain import LANGUAGES, Mistake, Mistakes, placeholders, read_responses
from bot.core.flows.binding import ROLES
from bot.core.policy import CLOCK_NAMES
from bot.core.tickets import STEPS, TRANSITIONS

CORE = sorted((ROOT / "bot" / "core").rglob("*.py"))
BOT = sorted((ROOT / "bot").rglob("*.py"))
STATUSES = {status for table in TRANSITIONS.values() for status in table}
#: Keys made of a name at run time, and the names: what the dialogue can come to say.
MADE: dict[str, set[str]] = {
    "utter_status_": STATUSES,
    "utter_moved_": STATUSES | {"other"} | {f"{kind}_{status}" for kind, table in TRANSITIONS.items() for status in table},
    "utter_clock_": {*CLOCK_NAMES, "rework"},
    "utter_safety_": {danger.name for danger in RULES.dangers} | {"general"},
    "utter_confirm_intent_": set(INTENTS),
    "utter_part_role_": set(ROLES),
    "utter_act_": set(STEPS),
}


def spoken(files: list[Path]) -> dict[str, str]:
    """Response key → the file that names it, for every complete key written in these files."""
    found: dict[str, str] = {}
    for file in files:
        for key in re.findall(r"""["'](utter_[a-z_]*[a-z])["']""", file.read_text(encoding="utf-8")):
            found.setdefault(key, str(file.relative_to(ROOT)))
    return found


def on_the_page() -> set[str]:
    """The texts that the residents' pages show, as their templates and the script name them."""
    web = ROOT / "bot" / "web"
    template = (web / "templates" / "chat.html").read_text(encoding="utf-8")
    script = (web / "static" / "chat.js").read_text(encoding="utf-8")
    mine = (web / "templates" / "mine.html").read_text(encoding="utf-8")
    of_a_copy = {f"mine_{name}" for name in re.findall(r"\bt\.([a-z_]+)", mine)}
    return of_a_copy | set(re.findall(r"\bt\.([a-z_]+)", template)) | set(re.findall(r"""\bsay\(["']([a-z_]+)["']""", script))


def domain(responses: str, intents: str = "[greet]") -> tuple[Mistake, ...]:
    return read_responses(f"intents: {intents}\nresponses:\n{responses}")[2]


def both(zh: str, en: str, more: str = "") -> str:
    """One response in both languages."""
    return (
        f"  utter_x:\n    - text: {zh}\n{more}"
        f"    - text: {en}\n      condition: [{{type: slot, name: language, value: en}}]\n{more}"
    )


# ── The shipped file ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_domain_has_no_mistakes() -> None:
    assert [str(mistake) for mistake in MISTAKES] == []
    assert len(RESPONSES) > 100


def test_no_key_is_written_twice() -> None:
    """YAML keeps the last of two equal keys and says nothing: an edit of the first would never be seen."""
    keys = re.findall(r"(?m)^  (utter_\w+):", DOMAIN_TEXT)
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("key", "file"), sorted(spoken(BOT).items()))
def test_every_text_that_is_spoken_exists(key: str, file: str) -> None:
    assert key in RESPONSES, f"{file} says {key}"


@pytest.mark.parametrize("name", sorted(on_the_page()))
def test_every_text_of_the_residents_page_exists(name: str) -> None:
    assert f"utter_page_{name}" in RESPONSES


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_every_status_has_its_word(status: str) -> None:
    assert f"utter_status_{status}" in RESPONSES


@pytest.mark.parametrize("line", sorted(RULES.lines))
def test_every_danger_has_its_safety_line_with_a_public_number(line: str) -> None:
    for language in LANGUAGES:
        for variant in RESPONSES[line][language]:
            assert re.search(r"\b(?:110|119|120)\b", re.sub(r"[\u3400-\u9fff、。，；！？]", " ", variant.text)), language


def test_no_text_is_dead() -> None:
    """A text that nobody speaks is edited by the office in vain."""
    said = set(spoken(BOT)) | {prefix + name for prefix, names in MADE.items() for name in names}
    # The script also chooses between two names, so for this question a name in quotes is enough.
    quoted = re.findall(r'"([a-z_]+)"', (ROOT / "bot" / "web" / "static" / "chat.js").read_text(encoding="utf-8"))
    said |= SCRIPT.danger.lines
    said |= {f"utter_page_{name}" for name in on_the_page() | set(quoted)}
    assert sorted(set(RESPONSES) - said) == []


def test_a_made_key_is_made_where_we_think_it_is() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in BOT)
    for prefix in MADE:
        assert f'f"{prefix}{{' in source, f"no file makes {prefix}… any more"


def test_a_status_word_is_the_same_in_every_kind_that_uses_it_and_short() -> None:
    for status in STATUSES:
        for language in LANGUAGES:
            assert 0 < len(texts.words(SCRIPT, language, f"utter_status_{status}")) <= 30  # type: ignore[arg-type]


def test_english_texts_hold_no_chinese_and_the_other_way_round() -> None:
    for key, by_language in RESPONSES.items():
        for variant in by_language["en"]:
            assert not re.search(r"[\u3400-\u9fff]", variant.text + "".join(b.label for b in variant.buttons)), key
        for variant in by_language["zh"]:
            assert re.search(r"[\u3400-\u9fff]", variant.text) or set(placeholders(variant.text)), key


def test_every_button_leads_somewhere() -> None:
    """Its payload begins with a verb that the dialogue hears; a tap is never answered with silence or a shrug."""
    from bot.core.listening.buttons import BUTTONS

    for key, by_language in RESPONSES.items():
        for variants in by_language.values():
            for button in (b for v in variants for b in v.buttons):
                verb, _, rest = button.value.partition(":")
                assert verb in BUTTONS, (key, button)
                assert verb != "menu" or rest in INTENTS, (key, button)


def test_courtesy_the_desk_says_nin_and_never_ni() -> None:
    for key, by_language in RESPONSES.items():
        for variant in by_language["zh"]:
            assert "你" not in variant.text, key


def test_no_reminder_threatens_to_cut_a_utility() -> None:
    for key, by_language in RESPONSES.items():
        for variant in by_language["zh"]:
            assert not re.search(r"停水|停电|断水|断电|停气", variant.text), key


def test_the_intents_are_those_of_the_labelling_rules() -> None:
    scored = {
        "repair", "complaint", "fee_query", "permit", "emergency", "service_request", "ticket_status", "ticket_change",
        "faq", "feedback", "handoff", "bind", "inform", "affirm", "deny", "cancel", "rate", "greet", "thank", "goodbye",
        "out_of_scope",
    }  # fmt: skip
    assert scored == INTENTS


# ── What an office can get wrong ────────────────────────────────────────────────────────────────────────────────────

GOOD = both("您好", "Hello")
BUTTON = '      buttons: [{title: "A", payload: "yes"}]\n'


def test_a_good_response_is_no_mistake() -> None:
    assert domain(GOOD) == ()
    assert domain(both("您好{name}", "Hello {name}", BUTTON)) == ()


@pytest.mark.parametrize(
    ("story", "responses", "problem", "remedy"),
    [
        ("English forgotten", "  utter_x:\n    - text: 您好\n", "no text for language 'en'", "Add it"),
        (
            "Chinese forgotten",
            "  utter_x:\n    - text: Hello\n      condition: [{type: slot, name: language, value: en}]\n",
            "no text for language 'zh'",
            "Add it",
        ),
        ("a key without wordings", "  utter_x:\n", "is not a wording", "- text:"),
        ("a bare sentence", "  utter_x: 您好\n", "is not a wording", "- text:"),
        ("placeholders differ", both('"{a}和{b}"', '"{a}"'), "placeholders differ between languages: b", "same in each"),
        ("a brace left open", both('"您好{name"', '"Hello {name}"'), "unbalanced braces", "Close each"),
        ("a brace too many", both('"您好}"', '"Hello"'), "unbalanced braces", "Close each"),
        ("a picture", both("您好", "Hello", "      image: a.png\n"), "unsupported Rasa feature: image", "text and buttons"),
        ("a channel", both("您好", "Hello", "      channel: telegram\n"), "unsupported Rasa feature: channel", "text and buttons"),
        ("nothing but spaces", both('"  "', "Hello"), "has an empty text", "Write one"),
        ("a number for a text", both("5", "Hello"), "has an empty text", "Write one"),
        (
            "a condition on another slot",
            GOOD + "    - text: 晚上好\n      condition: [{type: slot, name: evening, value: true}]\n",
            "unsupported condition",
            "Only the slot 'language'",
        ),
        (
            "a condition on a language we do not speak",
            GOOD + "    - text: Bonjour\n      condition: [{type: slot, name: language, value: fr}]\n",
            "unsupported condition",
            "Only the slot 'language'",
        ),
        (
            "a second condition that would be ignored",
            GOOD + "    - text: Hi\n      condition: [{type: slot, name: language, value: en}, {type: slot, name: vip, value: true}]\n",
            "unsupported condition",
            "Only the slot 'language'",
        ),
        ("a condition that is no list", GOOD + "    - text: Hi\n      condition: english\n", "unsupported condition", "Only the slot"),
        (
            "a button without payload",
            both("您好", "Hello", '      buttons: [{title: "A"}]\n'),
            "has a button",
            "a title and a payload",
        ),
        (
            "buttons in one language only",
            "  utter_x:\n    - text: 您好\n" + BUTTON + "    - text: Hello\n      condition: [{type: slot, name: language, value: en}]\n",
            "button payloads differ",
            "same payloads",
        ),
        (
            "a placeholder in one button only",
            "  utter_x:\n    - text: 您好\n      buttons: [{title: 'A {a}', payload: 'yes'}]\n"
            "    - text: Hello\n      buttons: [{title: 'A', payload: 'yes'}]\n"
            "      condition: [{type: slot, name: language, value: en}]\n",
            "placeholders differ between languages: a",
            "same in each",
        ),
    ],
)
def test_a_mistake_is_named_with_file_key_problem_and_remedy(story: str, responses: str, problem: str, remedy: str) -> None:
    found = domain(responses)
    assert any(problem in m.problem and remedy in m.remedy and m.key == "utter_x" for m in found), (story, found)
    assert all(str(m).startswith("domain.yml: utter_x: ") for m in found)


def test_broken_yaml_is_named_with_its_line() -> None:
    _, _, found = read_responses("responses:\n  utter_x:\n    - text: \"never closed\n", "desk/domain.yml")
    assert len(found) == 1 and found[0].file == "desk/domain.yml"
    assert found[0].key.startswith("line ") and "not valid YAML" in found[0].problem


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words", "responses: [a, b]\n", "responses: hello\n"])
def test_a_file_of_another_shape_is_named(text: str) -> None:
    assert [m.key for m in read_responses(text)[2]] == ["responses"]


@pytest.mark.parametrize("text", ["", "version: '3.1'\n", "responses:\n"])
def test_an_empty_file_has_no_texts_and_no_crash(text: str) -> None:
    assert read_responses(text) == ({}, frozenset(), ())


def test_an_intent_with_rasa_options_is_named() -> None:
    found = domain(GOOD, "[greet, {repair: {use_entities: [item]}}]")
    assert [m.key for m in found] == ["intents"]


def test_several_mistakes_are_named_at_once() -> None:
    found = domain("  utter_a:\n    - text: 您好\n  utter_b:\n    - text: '{x'\n")
    assert {m.key for m in found} == {"utter_a", "utter_b"}
    error = Mistakes(found)
    assert error.found == found and len(str(error).splitlines()) == len(found)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab{}:", max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["text", "buttons", "condition", "z"]), inner, max_size=3),
    max_leaves=8,
)


@given(plain, plain)
def test_whatever_is_written_it_is_read_or_named(entry: Any, intents: Any) -> None:
    text = yaml.safe_dump({"responses": {"utter_x": entry}, "intents": intents}, allow_unicode=True)
    _, names, found = read_responses(text)
    assert found and all(m.file and m.key and m.problem and m.remedy for m in found)  # a wording in two languages never comes up
    assert all(isinstance(name, str) for name in names)


# ── Filling ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text(max_size=20))
def test_a_residents_own_braces_are_never_read_as_placeholders(text: str) -> None:
    assert texts._fill("{note}：{number}", {"note": text}) == f"{text}：{{number}}"
    assert texts._fill("{note}{text}", {"note": "{text}", "text": text}) == "{text}" + text


def test_the_ticket_number_stays_for_the_store_to_fill() -> None:
    assert "{number}" in texts.say(SCRIPT, "zh", "utter_opened_repair").text


@given(st.sampled_from(sorted(RESPONSES)), st.sampled_from(["zh", "en"]), st.integers(0, 50))
def test_wording_may_vary_but_never_by_chance(key: str, language: Any, turn: int) -> None:
    assert texts.say(SCRIPT, language, key, turn) == texts.say(SCRIPT, language, key, turn)
    assert texts.words(SCRIPT, language, key, turn) == texts.say(SCRIPT, language, key, turn).text
