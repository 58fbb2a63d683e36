"""One message, several matters: cut only where the parts are sure of it, and nothing said is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.matters import MOST, MOST_PIECES, ORDER, clauses, matters
from bot.core.types import Entity, Parsed, Ranked


def heard(text: str, intent: str, confidence: float = 0.9, item: str | None = None) -> Parsed:
    start = text.find(item) if item else 0
    entities = (Entity("item", item, start, start + len(item)),) if item else ()
    return Parsed(text, intent, confidence, (), entities)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("灯坏了修一下,另外想问物业费多少", ("灯坏了修一下,", "另外想问物业费多少")),
        ("灯坏了,另外物业费多少", ("灯坏了,", "另外物业费多少")),
        ("厨房漏水了。物业费怎么交", ("厨房漏水了。", "物业费怎么交")),
        ("厨房漏水了\uff01物业费怎么交\uff1f", ("厨房漏水了\uff01", "物业费怎么交\uff1f")),
        ("灯坏了修一下\n车位怎么续费", ("灯坏了修一下", "车位怎么续费")),
        ("The lamp is broken. Also, how do I pay?", ("The lamp is broken.", "Also, how do I pay?")),
        ("不是灯坏了。而是整个家里没电", ("不是灯坏了。而是整个家里没电",)),
        ("灯坏了三天了,还有多久来", ("灯坏了三天了,", "还有多久来")),
        ("①灯坏了 ②物业费多少", ("①灯坏了", "②物业费多少")),
        ("停水停电，是因为欠费吗", ("停水停电，", "是因为欠费吗")),
        ("还没修好，因为没人来", ("还没修好，因为没人来",)),
        ("你好。楼道灯坏了。", ("你好。楼道灯坏了。",)),
        ("热水管子又呲水了俺家水费是不是也得跟着涨啊", ("热水管子又呲水了", "俺家水费是不是也得跟着涨啊")),
        ("窗帘盒上面渗水了我想办个宠物登记", ("窗帘盒上面渗水了", "我想办个宠物登记")),
        ("水管漏水了还在漏", ("水管漏水了还在漏",)),
        ("heating is off and any news on my window", ("heating is off", "and any news on my window")),
        ("灯坏了", ("灯坏了",)),
        ("", ("",)),
    ],
)
def test_where_a_message_may_be_cut(text: str, parts: tuple[str, ...]) -> None:
    assert clauses(text) == parts


def test_never_more_than_three_matters_and_the_rest_stays_with_the_last() -> None:
    said = ["厨房灯坏了。", "另外物业费怎么交。", "另外车位怎么续费。", "另外垃圾没人收拾。"]
    intents = ["repair", "fee_query", "permit", "complaint"]
    found = matters(heard("".join(said), "repair"), [heard(t, i) for t, i in zip(said, intents, strict=True)])
    assert len(found) == MOST
    assert any(matter.text.endswith("垃圾没人收拾。") for matter in found)


def test_a_danger_told_fourth_is_not_buried_in_the_third() -> None:
    said = ["厨房灯坏了。", "另外物业费怎么交。", "另外车位怎么续费。", "另外楼道冒烟了。"]
    intents = ["repair", "fee_query", "permit", "emergency"]
    found = matters(heard("".join(said), "repair"), [heard(t, i) for t, i in zip(said, intents, strict=True)])
    assert [matter.intent for matter in found] == ["emergency", "repair", "fee_query"]
    assert found[0].text == said[3]
    assert found[2].text == f"{said[1]} {said[2]}", "the one that makes room keeps its words"


def test_a_second_danger_told_fourth_takes_nobody_s_place() -> None:
    said = ["楼道冒烟了。", "另外物业费怎么交。", "另外垃圾没人收拾。", "另外有人晕倒了。"]
    intents = ["emergency", "fee_query", "complaint", "emergency"]
    found = matters(heard("".join(said), "emergency"), [heard(t, i) for t, i in zip(said, intents, strict=True)])
    assert [matter.intent for matter in found] == ["emergency", "complaint", "fee_query"]


def test_whoever_says_how_many_matters_he_has_has_so_many() -> None:
    parts = [heard("物业费单价多少;", "fee_query"), heard("游泳池还开不开", "faq", 0.56)]
    assert len(matters(heard("问两件事:物业费单价多少;游泳池还开不开", "fee_query"), parts)) == 2
    assert len(matters(heard("物业费单价多少;游泳池还开不开", "fee_query"), parts)) == 1


def test_another_thing_that_is_broken_too_is_not_what_is_chased() -> None:
    chased = heard("did anyone pick up my ticket?", "ticket_status", 1.0)
    too = heard("now the light's gone as well", "repair", 0.98, item="light")
    assert len(matters(heard("…", "ticket_status"), [chased, too])) == 2
    same = heard("now the light's gone", "repair", 0.98, item="light")
    assert len(matters(heard("…", "ticket_status"), [chased, same])) == 1


def test_a_long_story_is_asked_about_in_eight_pieces_at_most() -> None:
    assert len(clauses("厨房灯坏了。" * 20)) == MOST_PIECES


@given(
    st.text()
    | st.lists(
        st.sampled_from(["灯坏了", "另外", "。", ",", "\n", "also ", "而是", "物业费多少", "A. B"]),
        max_size=12,
    ).map("".join)
)
def test_no_text_whatever_loses_a_word_in_the_cutting(text: str) -> None:
    parts = clauses(text)
    assert 1 <= len(parts) <= MOST_PIECES
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_two_sure_matters_are_opened_in_the_order_of_the_rules() -> None:
    fee, lamp = heard("物业费怎么交。", "fee_query"), heard("另外厨房灯坏了", "repair", item="灯")
    found = matters(heard("物业费怎么交。另外厨房灯坏了", "fee_query"), [fee, lamp])
    assert [matter.intent for matter in found] == ["repair", "fee_query"]


def test_danger_goes_before_everything() -> None:
    found = matters(
        heard("…", "faq"),
        [heard("几点开门", "faq"), heard("物业费多少", "fee_query", 0.97), heard("楼道冒烟了", "emergency")],
    )
    assert [matter.intent for matter in found] == ["emergency", "fee_query", "faq"]


def test_an_unsure_part_opens_nothing_but_keeps_its_words() -> None:
    lamp, fee, unsure = (
        heard("灯坏了。", "repair", item="灯"),
        heard("另外物业费多少。", "fee_query"),
        heard("大概就是这样", "permit", 0.3),
    )
    found = matters(heard("…", "repair"), [lamp, fee, unsure])
    assert [matter.text for matter in found] == ["灯坏了。", "另外物业费多少。 大概就是这样"]


def test_a_value_joined_to_a_matter_still_points_at_its_words() -> None:
    where = Parsed("我是4栋703的。", "inform", 0.9, (), (Entity("room", "703", 4, 7),))
    lamp, fee = heard("厨房灯坏了。", "repair", item="灯"), heard("另外物业费多少", "fee_query")
    for order in ([where, lamp, fee], [lamp, where, fee]):
        first = matters(heard("…", "repair"), order)[0]
        assert {entity.value for entity in first.entities} == {"703", "灯"}
        assert all(first.text[entity.start : entity.end] == entity.value for entity in first.entities)


def test_one_sure_matter_among_greetings_stays_whole() -> None:
    whole = heard("你好呀师傅。灯坏了", "repair")
    (found,) = matters(whole, [heard("你好呀师傅。", "greet"), heard("灯坏了", "repair")])
    assert (found.text, found.intent) == (whole.text, "repair")


def test_the_same_intent_is_two_matters_only_for_two_things() -> None:
    lamp, tap = heard("厨房灯坏了。", "repair", item="灯"), heard("水龙头漏水。", "repair", item="水龙头")
    assert len(matters(heard("…", "repair"), [lamp, tap])) == 2
    assert len(matters(heard("…", "repair"), [lamp, heard("灯一直闪。", "repair", item="灯")])) == 1
    assert len(matters(heard("…", "repair"), [lamp, heard("快来修一下。", "repair")])) == 1


def test_behind_a_sign_that_something_new_begins_less_certainty_is_enough() -> None:
    lamp = heard("厨房灯坏了，", "repair", item="灯")
    for sign, count in (("另外", 2), ("", 1)):
        unsure = Parsed(f"{sign}夸一下门岗", "out_of_scope", 0.5, (Ranked("out_of_scope", 0.5), Ranked("feedback", 0.3)), ())
        assert len(matters(heard("…", "repair"), [lamp, unsure])) == count


def test_a_danger_told_late_is_a_matter_whatever_stands_before_it() -> None:
    found = matters(heard("…", "fee_query"), [heard("物业费怎么交，", "fee_query"), heard("楼道冒烟了", "emergency")])
    assert [matter.intent for matter in found] == ["emergency", "fee_query"]


def test_an_application_and_its_price_are_one_matter() -> None:
    card, price = heard("想办张门禁卡，", "permit"), heard("要多少钱", "fee_query")
    assert [matter.intent for matter in matters(heard("…", "permit"), [card, price])] == ["permit"]


def test_two_symptoms_behind_a_comma_are_one_fault() -> None:
    socket, lamp = heard("书房插座没电了，", "repair", 0.99, item="插座"), heard("台灯点不亮", "repair", 0.99, item="台灯")
    assert len(matters(heard("…", "repair"), [socket, lamp])) == 1


def test_chasing_is_one_matter_with_what_is_chased() -> None:
    lamp, chase = heard("上周报的灯坏了。", "repair", item="灯"), heard("到底什么时候来", "ticket_status")
    assert len(matters(heard("…", "ticket_status"), [lamp, chase])) == 1
    assert (
        len(matters(heard("…", "ticket_status"), [chase, heard("另外厨房漏水", "repair", item="厨房")])) == 2
    )


def test_fault_plus_blame_is_one_matter() -> None:
    lamp, blame = heard("楼道灯坏了。", "repair", item="灯"), heard("你们太不负责任了", "complaint")
    (found,) = matters(heard("…", "repair"), [lamp, blame])
    assert found.intent == "repair"


INTENTS = [*ORDER, "greet", "inform", "deny", "unheard_of"]
PARTS = st.lists(
    st.builds(heard, st.text(max_size=12), st.sampled_from(INTENTS), st.floats(0, 1)), max_size=3
)


@given(PARTS)
def test_whatever_the_parts_the_answer_is_in_order_and_whole(parts: list[Parsed]) -> None:
    whole = heard(" ".join(part.text for part in parts), "repair")
    found = matters(whole, parts)
    assert 1 <= len(found) <= MOST
    ranks = [ORDER[matter.intent] for matter in found]
    assert ranks == sorted(ranks)
    assert sorted("".join(matter.text for matter in found).replace(" ", "")) == sorted(
        whole.text.replace(" ", "")
    )
