"""One message is understood: dangers whatever the model says, separate wishes apart, honest silence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bot.core.triage import TriageRules, load
from bot.core.types import Entity, Parsed, Ranked
from bot.nlu import NluUnavailable
from bot.understanding import understand

RULES: TriageRules = load(
    yaml.safe_load((Path(__file__).parents[2] / "data" / "triage.yml").read_text(encoding="utf-8"))
)
#: With bars of the tests' own: those of data/triage.yml are read off again with each new model.
WEIGHED = replace(RULES, weighing={**RULES.weighing, "nothing": 0.5, "excused": 0.6, "doubt": 0.1})
LEAK = "我家厨房的水管漏水了。"
FEE = "另外这个月的物业费是多少?"
NOISE = "还有楼上半夜总是大声放音乐。"


class Model:
    """A language model that knows these sentences; for any other it has no answer."""

    def __init__(self, intents: Mapping[str, str], confidence: float = 0.9) -> None:
        self.intents = intents
        self.confidence = confidence
        self.asked: list[tuple[str, str]] = []

    async def parse(self, text: str, language: str) -> Parsed:
        self.asked.append((text, language))
        if text not in self.intents:
            raise NluUnavailable("Rasa is not reachable: ConnectError")
        intent = self.intents[text]
        rest = Ranked("inform", 1 - self.confidence)
        item = (Entity("item", text[:2], 0, 2),)
        return Parsed(
            text, intent, self.confidence, (Ranked(intent, self.confidence), rest), item, "0123abcd"
        )


async def test_one_wish_is_asked_about_once_and_is_one_matter() -> None:
    model = Model({LEAK: "repair"})
    understood = await understand(model, RULES, LEAK)
    assert model.asked == [(LEAK, "zh")]
    assert [(matter.intent, matter.text) for matter in understood.matters] == [("repair", LEAK)]
    assert understood.understood and understood.triage is None and understood.why == ""
    assert understood.parsed is not None and understood.parsed.model == "0123abcd"


async def test_a_leak_and_a_question_about_the_fee_are_two_matters_the_leak_first() -> None:
    model = Model({FEE + LEAK: "fee_query", FEE: "fee_query", LEAK: "repair"})
    understood = await understand(model, RULES, FEE + LEAK)
    assert [(matter.intent, matter.text) for matter in understood.matters] == [
        ("repair", LEAK),
        ("fee_query", FEE),
    ]


async def test_the_clauses_are_asked_about_at_the_same_time() -> None:
    both_asked = asyncio.Event()

    class Waiting(Model):
        async def parse(self, text: str, language: str) -> Parsed:
            answer = await super().parse(text, language)
            if len(self.asked) == 3:
                both_asked.set()
            if len(self.asked) > 1:
                await both_asked.wait()
            return answer

    model = Waiting({LEAK + FEE: "repair", LEAK: "repair", FEE: "fee_query"})
    async with asyncio.timeout(5):
        understood = await understand(model, RULES, LEAK + FEE)
    assert [matter.intent for matter in understood.matters] == ["repair", "fee_query"]


async def test_a_model_that_falls_silent_in_between_leaves_the_message_uncut_and_says_so() -> None:
    model = Model({LEAK + FEE: "repair", LEAK: "repair"})
    understood = await understand(model, RULES, LEAK + FEE)
    assert [(matter.intent, matter.text) for matter in understood.matters] == [("repair", LEAK + FEE)]
    assert understood.understood
    assert understood.why == "Rasa is not reachable: ConnectError"


async def test_a_fire_is_heard_though_the_model_is_down() -> None:
    model = Model({})
    understood = await understand(model, RULES, "3栋着火了!!快来人")
    assert understood.triage is not None and understood.triage.danger == "fire"
    assert not understood.understood
    assert (understood.matters, understood.parsed) == ((), None)
    assert understood.why == "Rasa is not reachable: ConnectError"


async def test_a_fire_the_model_took_for_a_repair_is_an_emergency_first_and_surely() -> None:
    text = "厨房起火了怎么办"
    understood = await understand(Model({text: "repair"}), RULES, text)
    first, second = understood.matters
    assert (first.intent, first.confidence, first.text) == ("emergency", 1.0, text)
    assert first.ranking == (Ranked("emergency", 1.0), Ranked("repair", 0.0), Ranked("inform", 0.0))
    assert first.values("item") == ("厨房",)
    assert second.intent == "repair"


async def test_a_fire_the_model_heard_too_is_not_opened_twice() -> None:
    text = "厨房起火了怎么办"
    understood = await understand(Model({text: "emergency"}, 0.6), RULES, text)
    assert [(matter.intent, matter.confidence) for matter in understood.matters] == [("emergency", 0.6)]


async def test_three_wishes_and_a_danger_stay_three_matters_and_the_danger_has_its_words() -> None:
    gas = "另外家里闻到很重的煤气味。"
    text = NOISE + gas + FEE
    model = Model(
        {text: "complaint", NOISE: "complaint", gas + FEE: "repair", NOISE + gas: "complaint", FEE: "fee_query", gas: "repair"}
    )
    understood = await understand(model, RULES, text)
    assert [matter.intent for matter in understood.matters] == ["emergency", "complaint", "fee_query"]
    assert gas in understood.matters[0].text


class Certain(Model):
    """A model that gives an emergency a share of its own in every text, whatever else it hears."""

    def __init__(self, intents: Mapping[str, str], emergency: Mapping[str, float]) -> None:
        super().__init__(intents)
        self.emergency = emergency

    async def parse(self, text: str, language: str) -> Parsed:
        read = await super().parse(text, language)
        share = self.emergency.get(text, 0.0)
        ranked = sorted((Ranked(read.intent, 1 - share), Ranked("emergency", share)), key=lambda row: -row.confidence)
        return replace(read, intent=ranked[0].intent, confidence=ranked[0].confidence, ranking=tuple(ranked))


async def test_a_rule_the_model_firmly_contradicts_raises_a_doubt_and_no_alarm() -> None:
    text = "厨房起火了怎么办"
    understood = await understand(Certain({text: "faq"}, {text: 0.001}), RULES, text)
    assert (understood.triage, understood.doubt) == (None, True)
    assert [matter.intent for matter in understood.matters] == ["faq"]


async def test_an_alarm_that_rings_without_a_fire_leaves_a_doubt_whatever_the_model_thinks_and_without_it() -> None:
    text = "没有着火,报警器一直响"
    understood = await understand(Certain({text: "repair"}, {text: 0.001}), RULES, text)
    assert ([matter.intent for matter in understood.matters], understood.triage, understood.doubt) == (["repair"], None, True)
    silent = await understand(Model({}), RULES, text)
    assert (silent.understood, silent.triage, silent.doubt) == (False, None, True)


async def test_a_danger_no_rule_knows_is_an_emergency_when_the_model_is_sure_enough() -> None:
    text = "那边情况很不好"
    understood = await understand(Certain({text: "repair"}, {text: 0.5}), WEIGHED, text)
    assert (understood.triage, understood.doubt) == (None, False)
    assert [matter.intent for matter in understood.matters] == ["emergency", "repair"]
    calm = await understand(Certain({text: "repair"}, {text: 0.2}), WEIGHED, text)
    assert ([matter.intent for matter in calm.matters], calm.doubt) == (["repair"], True)
    sure = await understand(Certain({text: "repair"}, {text: 0.001}), WEIGHED, text)
    assert ([matter.intent for matter in sure.matters], sure.doubt) == (["repair"], False)


async def test_what_the_model_takes_for_danger_is_none_where_the_words_say_that_it_is_past() -> None:
    text = "昨天电梯困人了"
    understood = await understand(Certain({text: "complaint"}, {text: 0.55}), WEIGHED, text)
    assert (understood.triage, understood.doubt) == (None, True)
    assert [(matter.intent, matter.confidence) for matter in understood.matters] == [("complaint", pytest.approx(0.45))]
    assert understood.parsed is not None and understood.parsed.intent == "emergency", "what the model said is kept as it was"


async def test_a_part_that_sounds_like_danger_by_itself_raises_a_doubt_not_the_alarm() -> None:
    intents = {LEAK + FEE: "repair", LEAK: "repair", FEE: "fee_query"}
    understood = await understand(Certain(intents, {LEAK: 0.96}), RULES, LEAK + FEE)
    assert ([matter.intent for matter in understood.matters], understood.triage, understood.doubt) == (["repair", "fee_query"], None, True)
    calm = await understand(Certain(intents, {LEAK: 0.6}), RULES, LEAK + FEE)
    assert not calm.doubt


async def test_a_message_without_words_is_understood_to_say_nothing() -> None:
    model = Model({})
    understood = await understand(model, RULES, "  \n", default="en")
    assert (understood.matters, understood.understood, understood.language) == ((), True, "en")
    assert model.asked == []


@pytest.mark.parametrize(
    ("text", "language", "default", "spoken"),
    [
        ("My kitchen tap leaks", None, "zh", "en"),
        ("3-2-501", None, "en", "en"),
        ("3-2-501", None, "zh", "zh"),
        ("WiFi坏了", "en", "zh", "en"),
    ],
)
async def test_words_tell_the_language_unless_it_is_known(
    text: str, language: str | None, default: str, spoken: str
) -> None:
    model = Model({text: "inform"})
    understood = await understand(model, RULES, text, language, default)  # type: ignore[arg-type]
    assert understood.language == spoken
    assert model.asked == [(text, spoken)]


async def test_a_mistake_in_the_model_client_is_not_taken_for_silence() -> None:
    class Broken(Model):
        async def parse(self, text: str, language: str) -> Parsed:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await understand(Broken({}), RULES, LEAK)
