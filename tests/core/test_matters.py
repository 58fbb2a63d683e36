"""One message, several matters: cut only where the parts are sure of it, and nothing said is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.matters import MOST, MOST_CLAUSES, ORDER, around, clauses, cut, matters, places, settled
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
        ("对讲机没声音 楼下狗叫一晚上", ("对讲机没声音", "楼下狗叫一晚上")),
        ("灯坏了修一下，另外反映一下，垃圾没人收", ("灯坏了修一下，", "另外反映一下，垃圾没人收")),
        ("the tap drips and the hall light is out", ("the tap drips", "and the hall light is out")),
        ("The roof leaks. We're also moving in", ("The roof leaks.", "We're also moving in")),
        ("水管漏水了你们快来人我家没人管", ("水管漏水了", "你们快来人", "我家没人管")),
        ("楼下的人半夜总是在给我打电话", ("楼下的人半夜总是在给我打电话",)),
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
    assert tuple(clause.text for clause in clauses(text)) == parts


def read(text: str, known: dict[str, Parsed], marked: tuple[Entity, ...] = ()) -> tuple[Parsed, ...]:
    """The parts a message is cut into, where the model says this of it, of what stands before and behind each place, and of the middle."""
    said = clauses(text, marked)
    chosen = places(text, known[text], said, known)
    return tuple(known[part] for part in cut(text, said, settled(text, said, chosen, known)))


def told(*parts: Parsed, **others: Parsed) -> tuple[str, dict[str, Parsed]]:
    """A message of these parts, and a model that hears in more than one of them what it hears in the first."""
    texts = [part.text for part in parts]
    known = {part.text: part for part in parts}
    for start in range(len(parts)):
        for stop in range(start + 2, len(parts) + 1):
            joined = "".join(texts[start:stop])
            entities: list[Entity] = []
            at = 0
            for part in parts[start:stop]:
                entities += [Entity(e.entity, e.value, e.start + at, e.end + at) for e in part.entities]
                at += len(part.text)
            first = parts[start]
            known[joined] = Parsed(joined, first.intent, first.confidence, first.ranking, tuple(entities))
    return "".join(texts), known


LAMP = heard("厨房的灯突然坏了修一下。", "repair", 0.99, "灯")
FEE = heard("另外这个月的物业费是多少?", "fee_query", 0.99)


def test_two_sure_matters_are_parted() -> None:
    assert read(*told(LAMP, FEE)) == (LAMP, FEE)


@pytest.mark.parametrize(
    "second",
    [
        heard("麻烦师傅快点过来看一下。", "repair", 0.99),  # of the same
        heard("另外请问大概需要多久。", "fee_query", 0.3),  # nothing is sure of it
        heard("到底什么时候才来看一下。", "ticket_status", 0.6),  # chasing goes with what is chased
        heard("大概就是这样一个情况。", "inform", 0.99),  # opens nothing
    ],
)
def test_what_is_no_matter_of_its_own_is_not_cut_off(second: Parsed) -> None:
    assert len(read(*told(LAMP, second))) == 1


def test_the_same_again_is_two_matters_where_a_sign_says_that_something_new_begins_and_it_is_another_thing() -> None:
    another = heard("另外大堂的玻璃门也关不上了", "repair", 0.99, "玻璃门")
    assert read(*told(LAMP, another)) == (LAMP, another)
    same = heard("那个灯一闪一闪的晃眼睛", "repair", 0.99, "灯")
    assert len(read(*told(LAMP, same))) == 1


def test_the_same_again_is_two_matters_where_another_thing_at_another_place_is_named() -> None:
    def door(text: str) -> Parsed:
        at = text.index("大堂")
        door = heard(text, "repair", 0.999, "玻璃门")
        return Parsed(text, "repair", 0.999, (), (*door.entities, Entity("location", "大堂", at, at + 2)))

    lamp = heard("厨房的灯突然坏了修一下。", "repair", 0.999, "灯")
    assert len(read(*told(lamp, door("大堂的玻璃门也关不上了")))) == 2
    assert len(read(*told(lamp, heard("然后玻璃门也关不上了", "repair", 0.999, "玻璃门")))) == 1


def test_a_comma_says_less_than_the_end_of_a_sentence() -> None:
    def cut_behind(sign: str) -> bool:
        one, other = heard(f"楼道灯坏了{sign}", "repair", 0.995, "灯"), heard("这个月物业费多少", "fee_query", 0.995)
        return len(read(*told(one, other))) == 2

    assert (cut_behind("。"), cut_behind("，")) == (True, False)


def test_a_third_matter_stays_only_where_the_part_in_the_middle_is_another_than_its_neighbour() -> None:
    noise = heard("另外楼上半夜总是大声放音乐。", "complaint", 0.99)
    assert read(*told(LAMP, noise, FEE)) == (LAMP, noise, FEE)
    more = heard("换过一个新的灯泡还是不亮。", "repair", 0.99, "灯泡")
    text, known = told(LAMP, more, FEE)
    assert [part.text for part in read(text, known)] == [LAMP.text + more.text, FEE.text]


def test_whoever_says_how_many_matters_he_has_is_believed() -> None:
    price, pool = heard("物业费的单价是多少;", "fee_query", 0.95), heard("游泳池现在还开不开", "faq", 0.8)
    assert len(read(*told(price, pool))) == 1
    assert len(read(*told(heard("问两件事:物业费的单价是多少;", "fee_query", 0.95), pool))) == 2


def test_a_long_story_is_asked_about_at_four_places_at_most() -> None:
    said = clauses("厨房灯坏了。" * 20)
    assert len(said) == MOST_CLAUSES
    assert len(around("厨房灯坏了。" * 20, said)) == MOST_CLAUSES - 1


def test_speech_without_signs_is_cut_where_something_marked_begins_and_never_within_it() -> None:
    text = "热水器没热水了俺也不知道咋回事这个月物业费能分期不"
    at = text.index("物业费")
    fee = Entity("fee_type", "物业费", at, at + 3)
    assert clauses(text, (fee,))[-1].text == "物业费能分期不"
    month = Entity("period", "这个月", at - 3, at)
    assert clauses(text, (month, fee))[-1].text == "这个月物业费能分期不"


@given(
    st.text()
    | st.lists(
        st.sampled_from(["灯坏了", "另外", "。", ",", "\n", "also ", "而是", "物业费多少", "A. B"]),
        max_size=12,
    ).map("".join)
)
def test_no_text_whatever_loses_a_word_in_the_cutting(text: str) -> None:
    said = clauses(text)
    assert 1 <= len(said) <= MOST_CLAUSES
    assert "".join("".join(clause.text for clause in said).split()) == "".join(text.split())
    assert all(text[clause.start :].startswith(clause.text) for clause in said)
    for before, behind in around(text, said):
        assert before and behind and "".join((before + behind).split()) == "".join(text.split())


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


def test_a_part_that_opens_nothing_keeps_its_words_with_its_neighbour() -> None:
    idle = heard("大概就是这样", "inform", 0.99)
    found = matters(heard("…", "repair"), [LAMP, FEE, idle])
    assert [matter.text for matter in found] == [LAMP.text, f"{FEE.text} {idle.text}"]


def test_a_part_is_the_matter_it_is_likeliest_to_open() -> None:
    praise = Parsed("夸一下门岗", "thank", 0.6, (Ranked("thank", 0.6), Ranked("feedback", 0.3), Ranked("faq", 0.1)), ())
    assert [(matter.intent, matter.confidence) for matter in matters(heard("…", "repair"), [LAMP, praise])] == [
        ("repair", 0.99),
        ("feedback", 0.3),
    ]


def test_a_second_danger_is_no_second_emergency() -> None:
    smoke, fee, faint = heard("楼道冒烟了。", "emergency"), heard("物业费怎么交。", "fee_query"), heard("有人晕倒了。", "emergency")
    found = matters(heard("…", "emergency"), [smoke, fee, faint])
    assert [(matter.intent, matter.text) for matter in found] == [
        ("emergency", "楼道冒烟了。 有人晕倒了。"),
        ("fee_query", "物业费怎么交。"),
    ]


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
