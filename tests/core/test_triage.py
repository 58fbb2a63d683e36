"""Life-safety triage: who must be answered with a safety line first, and who must not be frightened."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.core import triage as judging
from bot.core.triage import DANGERS, READINGS, SCOPES, SIGNS, TriageRules, load, stands_down, triage

SOURCE: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "data" / "triage.yml").read_text(encoding="utf-8")
)
RULES: TriageRules = load(SOURCE)

IN_DANGER = [
    ("fire", "3栋着火了!!快来人"),
    ("fire", "楼下电动车烧起来了"),
    ("fire", "厨房起火了怎么办"),
    ("fire", "是不是着火了?走廊里红红的"),
    ("fire", "刚才着火了,现在火灭了"),
    ("fire", "昨天报修没人来,今天厨房着火了"),
    ("fire", "火还没扑灭,大火"),
    ("fire", "there is a fire on the 5th floor"),
    ("fire", "my kitchen is on fire what do i do"),
    ("fire", "The fire alarm is going off and nobody knows why"),
    ("fire", "not sure if there's a fire but I see flames"),
    ("fire", "着火了,没有人受伤"),
    ("smoke", "配电房那边一直往外冒烟"),
    ("smoke", "楼道里全是烟,看不清"),
    ("smoke", "地库有浓烟"),
    ("smoke", "家里有股烧焦的味道"),
    ("smoke", "thick smoke coming from the basement"),
    ("smoke", "there's a burning smell from the socket"),
    ("gas", "闻到很重的煤气味"),
    ("gas", "家里燃气好像漏了,我该怎么办"),
    ("gas", "天然气泄漏"),
    ("gas", "昨天开始有煤气味,现在还有"),
    ("gas", "I smell gas in the kitchen, what should I do?"),
    ("gas", "gas leak at building 4"),
    ("gas", "the co alarm keeps going off"),
    ("suicide", "8楼有人要跳楼"),
    ("suicide", "我不想活了"),
    ("suicide", "再不解决我就跳楼"),
    ("suicide", "a man is about to jump from the roof"),
    ("suicide", "i want to kill myself"),
    ("drowning", "有小孩掉进景观池了"),
    ("drowning", "泳池有人溺水"),
    ("drowning", "a kid fell into the pond and is going under"),
    ("violence", "楼下有人打架,打得很凶"),
    ("violence", "我老公被保安打了"),
    ("violence", "隔壁有人拿刀"),
    ("violence", "there's a man with a knife in the lobby"),
    ("violence", "my husband is beating me"),
    ("intruder", "有陌生人撬我家门锁"),
    ("intruder", "家里进贼了"),
    ("intruder", "someone is in my apartment"),
    ("intruder", "somebody is trying to force my door"),
    ("injury", "门口有个老人晕倒了"),
    ("injury", "我爸叫不醒了"),
    ("injury", "施工的人从梯子上摔下来起不来了"),
    ("injury", "老人摔倒流了好多血"),
    ("injury", "我妈没有呼吸了"),
    ("injury", "a man collapsed in the lobby"),
    ("injury", "my father is not breathing"),
    ("injury", "救命啊"),
    ("injury", "she fell down the stairs and can't get up, bleeding"),
    ("trapped_lift", "我被困在电梯里了"),
    ("trapped_lift", "2单元电梯困人"),
    ("trapped_lift", "电梯停了,我们几个人在里面出不来"),
    ("trapped_lift", "刚刚电梯停了,我妈关在里面"),
    ("trapped_lift", "I'm stuck in the lift"),
    ("trapped_lift", "the elevator stopped and there are people inside"),
    ("trapped_lift", "没有人来救我们,困在电梯半小时了"),
    ("trapped_room", "孩子一个人被反锁在家里了"),
    ("trapped_room", "我关在卫生间出不来了"),
    ("trapped_room", "my toddler is locked in the bathroom"),
    ("electric", "插座冒火花"),
    ("electric", "水漏到配电箱里了"),
    ("electric", "电线掉下来了在路上"),
    ("electric", "sparks coming out of the outlet"),
    ("electric", "water is dripping into the fuse box"),
    ("missing_person", "我家孩子不见了,五岁"),
    ("missing_person", "老人走失了,帮看下监控"),
    ("missing_person", "my daughter is missing"),
    ("missing_person", "can't find my son anywhere"),
    ("dog_attack", "有条大狗在咬人"),
    ("dog_attack", "我刚被一条狗咬了"),
    ("dog_attack", "a dog is attacking people by the gate"),
    ("dog_attack", "my kid was bitten by a dog"),
    ("falling_objects", "楼上有人往下扔酒瓶"),
    ("falling_objects", "外墙瓷砖掉下来差点砸到人"),
    ("falling_objects", "someone is throwing bottles out of the window"),
    ("falling_objects", "glass is falling onto the pavement where kids play"),
    ("fire", "电瓶车在充电棚里炸了"),
    ("fire", "锅烧着了火好大"),
    ("electric", "漏水导致电线冒火花"),
    ("fire", "could you send someone there is a fire"),
    ("smoke", "我家对门好像有一股糊味"),
    ("suicide", "邻居站在天台上喊要跳"),
    ("injury", "小孩头卡在栏杆里了"),
    ("intruder", "刚发现家里被撬了"),
    ("trapped_lift", "电梯突然掉下来,里面还有一个老太太"),
    ("gas", "how do I report a gas leak?"),
]

NOBODY_IN_DANGER = [
    "没有着火,就是问问",
    "没着火",
    "楼道没有冒烟",
    "没闻到煤气味",
    "没有人受伤,就是墙坏了",
    "电梯里没有人被困",
    "no fire, just asking",
    "there is no smoke and nobody is hurt",
    "I don't smell gas",
    "no one is stuck in the lift",
    "昨天困人了现在没事",
    "昨天电梯困人了",
    "上次着火之后楼道一直没刷",
    "去年有人跳楼",
    "火已经灭了",
    "刚才是误报,没有着火",
    "煤气味是误报",
    "last year there was a fire in building 3",
    "yesterday someone was stuck in the lift",
    "the fire is out now",
    "smoke alarm was a false alarm",
    "万一着火怎么办?",
    "如果电梯困人打什么电话",
    "要是煤气泄漏你们管吗",
    "what if there is a fire at night?",
    "in case of a gas leak who do I call",
    "if someone gets stuck in the lift, what is the procedure?",
    "气得冒烟",
    "我嗓子都冒烟了",
    "热死了",
    "火大",
    "笑死我了",
    "累死了",
    "急死了,什么时候来",
    "真让人窒息的物业",
    "信息爆炸",
    "this bill nearly gave me a heart attack",
    "I'm drowning in work",
    "you should be fired",
    "fire the manager",
    "担心线路老化会着火",
    "电动车充电怕着火",
    "杂物堆在消防通道容易起火",
    "these wires could cause a fire",
    "经常有人高空抛物",
    "楼上天天打架",
    "people always fighting next door",
    "消防演习是几点",
    "灭火器过期了",
    "火灾报警器坏了",
    "楼道有人抽烟",
    "二手烟飘进来",
    "燃气费怎么交",
    "漏电保护器跳闸了",
    "轮胎漏气了",
    "空调漏气",
    "电梯坏了,里面没有人",
    "电梯停了",
    "水管爆了,厨房全是水",
    "楼上漏水到我家",
    "我的电动车被偷了",
    "我家猫走丢了",
    "快递不见了",
    "孩子的书包丢了",
    "小区里狗叫个不停",
    "狗咬坏了门口的快递",
    "钥匙反锁在家里了",
    "钥匙卡在电梯缝里",
    "被打扰得睡不着",
    "救护车通道被占了",
    "fire drill tomorrow?",
    "the fire door won't close",
    "someone is smoking in the corridor",
    "smoking area please",
    "my cat is missing",
    "I locked my keys in the car",
    "the gas bill is too high",
    "cats fighting outside",
    "sparkling water delivery?",
    "my parcel is lost",
    "how much to replace a fire extinguisher",
    "the lift is stuck on 3, it's empty",
    "楼下跳楼价甩卖好吵",
    "物业费太贵了不合理",
    "电动车能不能上电梯,会着火的",
    "小区的狗没拴绳会咬人",
    "楼顶瓷砖松了迟早砸到人",
    "我前天被狗咬了,要调监控",
    "电梯里有烟味",
    "昨晚有人撬我家的锁",
    "what's the number for the fire department?",
    "the smoke detector battery is low",
    "你好",
    "",
]


@pytest.mark.parametrize(("danger", "text"), IN_DANGER)
def test_people_in_danger_are_heard(danger: str, text: str) -> None:
    found = triage(RULES, text)
    assert found is not None, "a danger was missed"
    assert found.danger == danger
    assert found.matched and found.matched in text


@pytest.mark.parametrize("text", NOBODY_IN_DANGER)
def test_talk_of_danger_that_is_none_calls_nobody(text: str) -> None:
    assert triage(RULES, text) is None


def test_the_lists_cover_every_danger_and_are_long_enough() -> None:
    assert {danger for danger, _ in IN_DANGER} == set(DANGERS)
    assert len(IN_DANGER) >= 60
    assert len(NOBODY_IN_DANGER) >= 60


def test_a_negation_reaches_no_further_than_its_clause() -> None:
    found = triage(RULES, "没有着火\uff0c有人晕倒了")
    assert found is not None and found.danger == "injury"


def test_the_gravest_of_two_dangers_comes_first() -> None:
    found = triage(RULES, "有人受伤,电梯着火")
    assert found is not None and found.danger == "fire"


@pytest.mark.parametrize(
    "text",
    [
        "有人被电倒了", "有人被电晕了", "有人触电倒地,不动了", "工人触电从梯子上摔下来", "师傅被电打了,没呼吸了", "我老公被电击倒在地", "电死人了",
        "有人碰到电线倒下了", "水里有电,有人倒下了", "someone was knocked down by an electric shock", "a man got electrocuted and is not breathing",
        "a person has been electrocuted in the pump room", "my son touched the wire and collapsed", "he got zapped and fell off the ladder",
    ],
)  # fmt: skip
def test_whoever_lies_on_a_live_wire_is_not_to_be_touched_before_the_power_is_cut(text: str) -> None:
    """The rule for the hurt ("press on the wound") would bring the helper under current."""
    found = triage(RULES, text)
    assert found is not None and found.danger == "electric"


@pytest.mark.parametrize(
    "text",
    [
        "电工摔下来了", "停电了,老人摔倒流血", "手机没电了,我妈晕倒了", "有人被电瓶车撞倒了", "老人被电梯门夹了手", "胸口疼,左手发麻", "老人手脚发麻说话不清",
        "我爸突然手发麻,嘴歪了", "the electrician fell off the ladder and is bleeding", "his hand went numb and chest hurts when he walks",
        "my dad's arm is numb and his face is drooping", "a man has been hit by a car", "she fell and is not touching the wires",
    ],
)  # fmt: skip
def test_whoever_is_hurt_without_a_current_gets_the_rule_for_the_hurt(text: str) -> None:
    found = triage(RULES, text)
    assert found is not None and found.danger == "injury"


@pytest.mark.parametrize("text", ["没人被电倒", "昨天有人被电倒了,现在没事", "nobody was electrocuted", "有人的电瓶车倒了", "他被电影吓倒了"])
def test_nobody_under_current_calls_nobody(text: str) -> None:
    assert triage(RULES, text) is None


@pytest.mark.parametrize(
    ("danger", "text"),
    [
        ("violence", "somebody has been stabbed"), ("gas", "there has been a gas leak in the kitchen"),
        ("electric", "after the rain water drips into the fuse box"), ("trapped_lift", "she has been stuck in the lift for ten minutes"),
    ],
)  # fmt: skip
def test_what_has_been_or_comes_after_something_is_not_past_for_that(danger: str, text: str) -> None:
    found = triage(RULES, text)
    assert found is not None and found.danger == danger


def test_full_width_writing_is_understood() -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter != " " else "\u3000" for letter in "I SMELL GAS!")
    found = triage(RULES, wide)
    assert found is not None and found.danger == "gas"


def test_a_very_long_text_is_judged_quickly_and_without_harm() -> None:
    assert triage(RULES, "没事" * 50_000) is None


@given(st.text())
def test_no_text_whatever_breaks_triage(text: str) -> None:
    found = triage(RULES, text)
    assert found is None or found.danger in DANGERS


@given(
    st.text(max_size=20),
    st.sampled_from(["着火", "煤气", "没有", "昨天", ",", "。", "fire", " no ", "if ", "电梯", "困"]),
    st.text(max_size=20),
)
def test_words_of_danger_amid_any_text_break_nothing(before: str, word: str, after: str) -> None:
    triage(RULES, before + word + after + word)


def test_every_danger_has_its_safety_line() -> None:
    assert RULES.lines == tuple(f"utter_safety_{danger}" for danger in DANGERS)


BARS = {"named": 0.1, "scene": 0.2, "hint": 0.3, "cry": 0.4, "excused": 0.7, "over": 0.8, "nothing": 0.6, "doubt": 0.5, "part": 0.9}


# ── How it is judged: rules made for the test, each word of them its own name ──────────────────────────────────────


def made(readings: dict[str, list[str]] | None = None, figures: tuple[str, ...] = (), **fire: Any) -> TriageRules:
    """Rules in which the only danger that can be meant is fire, by the word 火 or "fire" unless said otherwise."""
    silent = {"zh": ["无此词"], "en": ["nosuchword"]}
    dangers: dict[str, Any] = {name: {"patterns": silent} for name in DANGERS}
    dangers["fire"] = {"patterns": {"zh": ["火"], "en": ["fire"]}, **fire}
    return load(
        {
            "version": 1,
            "weighing": BARS,
            "writing": {"as_meant": {"zh": {}, "en": {}}, "words": {"zh": [], "en": []}},
            "words": {},
            "readings": {name: {"zh": (readings or {}).get(name, ["无此词"]), "en": ["nosuchword"]} for name in READINGS},
            "figures": {"zh": list(figures)},
            "dangers": dangers,
        }
    )


def both(*patterns: str) -> dict[str, list[str]]:
    return {"zh": list(patterns), "en": ["nosuchword"]}


def test_every_excuse_has_its_place() -> None:
    assert set(SCOPES) < set(READINGS)
    assert set(SCOPES.values()) <= set(judging._Text.of("火").scopes(0, 1))


@pytest.mark.parametrize(
    ("reading", "excused", "counts"),
    [
        ("negated", "词火", "火词"), ("negated", "甲词火", "词,火"), ("negated", "词火", "词。火"),
        ("feared", "词火", "词,火"), ("feared", "词甲火", "火词"),
        ("hypothetical", "词,火", "词。火"), ("hypothetical", "词,火", "火词"),
        ("past", "词,火", "词。火"), ("past", "火甲词", "火,词"), ("past", "火甲甲甲词", "火甲甲甲甲词"),
        ("recurring", "火,词", "火。词"), ("recurring", "词,火", "词!火"),
        ("told", "火,词", "火?词"), ("asked", "火,词", "火;词"), ("asked", "词,火", "词\n火"),
        ("named", "火词", "火甲词"), ("named", "火词词", "词火"),
        ("drill", "火。词", "火"), ("drill", "词。火", "火"), ("stand_down", "火。甲。词", "火。甲"),
    ],
)  # fmt: skip
def test_an_excuse_counts_in_its_place_alone(reading: str, excused: str, counts: str) -> None:
    rules = made({reading: ["词$" if reading == "negated" else "词"]})
    assert triage(rules, excused) is None
    assert triage(rules, counts) is not None


def test_speech_without_punctuation_is_not_one_sentence() -> None:
    rules, reach = made({"recurring": ["词"]}), judging.WINDOW["zh"]
    for near in ("词" + "甲" * (reach - 1) + "火", "火" + "甲" * (reach - 1) + "词"):
        assert triage(rules, near) is None
    for far in ("词" + "甲" * reach + "火", "火" + "甲" * reach + "词"):
        assert triage(rules, far) is not None


def test_english_reaches_farther_than_chinese() -> None:
    rules = replace(RULES, readings={**RULES.readings, "recurring": {"zh": (), "en": (re.compile("weekly"),)}})
    filler = " ".join(["well"] * 15)
    assert judging.WINDOW["zh"] < len(filler) < judging.WINDOW["en"]
    assert triage(rules, f"weekly {filler} flames") is None
    assert triage(rules, f"a word {filler} flames") is not None


def test_a_word_of_the_present_takes_an_excuse_back() -> None:
    rules = made({"past": ["昨"], "told": ["闻"], "present": ["今"], "still": ["仍"], "recent": ["刚"]})
    assert triage(rules, "昨,火") is None
    for text in ("昨,今火", "昨,仍火", "昨火仍", "昨火刚", "闻,今火"):
        assert triage(rules, text) is not None, text
    for text in ("今昨,火", "昨火,今", "闻火仍", "昨火。仍", "昨火。刚"):
        assert triage(rules, text) is None, text


def test_one_excuse_that_is_taken_back_does_not_hide_another() -> None:
    rules = made({"told": ["闻"], "present": ["今"], "named": ["牌"]})
    assert triage(rules, "闻今火闻") is None
    assert triage(rules, "火甲牌牌") is not None
    assert triage(made({"named": ["牌", "器"]}), "火器,牌") is None, "one that stands elsewhere does not hide one right behind"


def test_what_is_over_must_not_go_on_nor_be_denied() -> None:
    rules = made({"still": ["仍"], "recent": ["刚"], "negated": ["没$"], "present": ["今"]}, over=both("灭"))
    for text in ("火灭", "火。灭", "火,没灭,灭"):
        assert triage(rules, text) is None, text
    for text in ("灭火", "火仍灭", "刚火,灭", "火没灭", "火,没灭"):
        assert triage(rules, text) is not None, text
    assert triage(rules, "火灭。仍") is None


def test_a_stand_down_that_is_denied_is_none() -> None:
    rules = made({"negated": ["没$"], "stand_down": ["事"], "told": ["闻"]})
    assert triage(rules, "火事") is None
    assert triage(rules, "火没事") is not None
    assert triage(rules, "火没事,事") is None
    assert triage(rules, "没闻火") is None, "other excuses are not asked whether they are denied"


def test_a_danger_may_be_deaf_to_an_excuse() -> None:
    assert triage(made({"told": ["闻"]}), "闻火") is None
    assert triage(made({"told": ["闻"]}, deaf_to=["told"]), "闻火") is not None


def test_one_mention_excused_leaves_the_next_to_be_judged() -> None:
    found = triage(made({"negated": ["没$"]}), "没火,火火")
    assert found is not None and found.matched == "火"


def test_figures_and_exclusions_are_blanked_together_and_nothing_else_is() -> None:
    rules = made(figures=("心火",), exclusions=both("火锅", "锅炉火"))
    for text in ("心火", "火锅", "火锅炉火", "心火锅"):
        assert triage(rules, text) is None, text
    found = triage(rules, "火锅,心火,大火")
    assert found is not None and found.matched == "火"
    assert judging._Text.of("甲火锅乙").blanked(both_compiled("火锅"), "甲火锅乙") == "甲··乙"
    assert judging._Text.of("甲乙").blanked(both_compiled("火锅"), "丙丁") == "丙丁", "nothing found, nothing built anew"


def both_compiled(pattern: str) -> dict[str, Any]:
    return {"zh": (re.compile(pattern),), "en": ()}


def test_scenes_stand_close_together_in_any_order() -> None:
    rules = made(patterns=both("无"), scenes={"zh": [["梯", "困", "人"]]})
    reach = judging._SCENE["zh"]
    for text in ("梯困人", "人困梯", "困,人。梯", "人" + "甲" * (reach - 1) + "梯困", "梯困" + "甲" * (reach - 2) + "人"):
        found = triage(rules, text)
        assert found is not None, text
        assert {"梯", "困", "人"} <= set(found.matched)
    for text in ("梯困", "梯人", "困人", "人" + "甲" * reach + "梯困", "梯困" + "甲" * (reach - 1) + "人"):
        assert triage(rules, text) is None, text


def test_a_scene_is_excused_by_any_of_its_parts_and_in_a_message_about_business() -> None:
    rules = made({"negated": ["没$"], "business": ["单"]}, patterns=both("无"), scenes={"zh": [["梯", "困"]]})
    assert triage(rules, "梯困") is not None
    assert triage(rules, "梯没困") is None
    assert triage(rules, "单,梯困") is None


def test_a_hint_counts_in_a_hurry_and_not_in_business() -> None:
    rules = made({"hurried": ["快"], "business": ["单"]}, patterns=both("无"), hints=both("烫"), exclusions=both("烫发"))
    assert triage(rules, "烫,快") is not None
    for text in ("烫", "快", "单,烫,快", "烫发,快"):
        assert triage(rules, text) is None, text


def test_a_cry_for_help_comes_last_and_is_not_about_a_blocked_drain() -> None:
    rules = made({"household": ["管"], "business": ["单"]}, cries=both("救"), exclusions=both("救生圈"))
    assert triage(rules, "救") is not None and triage(rules, "单,救") is not None
    assert triage(rules, "管,救") is None and triage(rules, "救生圈") is None
    found = triage(rules, "救,火")
    assert found is not None and found.matched == "火"


def test_signs_alone_are_read_too() -> None:
    assert triage(made(patterns=both("🔥{2}")), "🔥🔥") is not None


def test_a_text_in_one_language_is_not_searched_for_the_other() -> None:
    assert judging._Text.of("火").languages == ("zh",)
    assert judging._Text.of("fire").languages == ("en",)
    assert judging._Text.of("火 fire").languages == ("zh", "en")


def test_what_is_found_points_into_the_text_as_it_was_sent() -> None:
    found = triage(RULES, "老師,3棟著火啦!!")
    assert found is not None and (found.danger, found.matched) == ("fire", "著火")
    found = triage(RULES, "theres smok evrywhere, hlep, there's a fier")
    assert found is not None and found.matched == "a fier"


# ── Rules and language model weighed together ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "sign", "danger", "matched"),
    [
        ("甲火乙", "named", "fire", "火"), ("梯甲困", "scene", "fire", "梯甲困"), ("烫,快", "hint", "fire", "烫"), ("救", "cry", "fire", "救"),
        ("没火", "excused", "fire", "火"), ("心火", "excused", "fire", "火"), ("火锅", "excused", "fire", "火"), ("甲", "nothing", "", ""),
        ("烫", "nothing", "", ""), ("没火,救", "cry", "fire", "救"), ("没火,没有火", "excused", "fire", "火"),
        ("梯没困", "excused", "fire", "梯没困"), ("没烫,快", "excused", "fire", "烫"), ("梯没困,没烫,快", "excused", "fire", "梯没困"),
        ("甲,安", "over", "", ""), ("甲没安", "nothing", "", ""), ("没火,安", "excused", "fire", "火"),
    ],
)  # fmt: skip
def test_the_surest_sign_of_danger_is_what_is_found(text: str, sign: str, danger: str, matched: str) -> None:
    rules = made(
        {"negated": ["没有?$"], "hurried": ["快"], "stand_down": ["安"]}, figures=("心火",), exclusions=both("火锅"), cries=both("救"), hints=both("烫"),
        scenes={"zh": [["梯", "困"]]},
    )  # fmt: skip
    found = judging.examine(rules, text)
    assert (found.sign, found.danger, found.matched) == (sign, danger, matched)
    assert (found.fired is not None) == (sign in judging.FIRES)


@pytest.mark.parametrize("sign", SIGNS)
def test_the_model_must_reach_the_bar_of_the_sign(sign: str) -> None:
    found = judging.Evidence(sign, "fire", "火")
    assert judging.weigh(made(), found, BARS[sign])
    assert not judging.weigh(made(), found, BARS[sign] - 0.01)


@pytest.mark.parametrize("sign", SIGNS)
def test_without_a_model_the_rules_decide_alone(sign: str) -> None:
    found = judging.Evidence(sign, "fire", "火")
    assert judging.weigh(made(), found, None) == (sign in ("named", "scene", "hint", "cry"))


def test_who_is_left_in_doubt() -> None:
    nothing, named = judging.Evidence("nothing"), judging.Evidence("named", "fire", "火")
    assert judging.doubtful(made(), nothing, 0.5) and not judging.doubtful(made(), nothing, 0.49)
    assert not judging.doubtful(made(), nothing, None)
    assert judging.doubtful(made(), nothing, 0.0, (0.1, 0.9)) and not judging.doubtful(made(), nothing, 0.49, iter([0.1, 0.89]))
    assert judging.doubtful(made(), named, 0.0), "a rule that was overruled still leaves a doubt"


def test_where_a_danger_is_named_the_model_needs_less_than_where_none_is_and_more_where_it_is_past() -> None:
    bars = RULES.weighing
    assert max(bars["named"], bars["scene"]) <= min(bars["hint"], bars["cry"]) <= bars["nothing"] <= bars["excused"] <= bars["over"]
    assert bars["doubt"] <= bars["nothing"]


@pytest.mark.parametrize(
    ("danger", "text"),
    [
        ("fire", "阳台有火苗"), ("fire", "火还没灭"), ("smoke", "i can smell it burning"), ("gas", "瓦斯外泄"), ("gas", "一家人煤气中毒"), ("gas", "there is gas leakage"),
        ("suicide", "她割腕了"), ("suicide", "树上吊了个人"), ("suicide", "she wants to end it all"), ("drowning", "he fell through the ice"),
        ("violence", "又在楼下干起来了"), ("violence", "他勒着她的脖子"), ("violence", "there is a fight with bottles"), ("intruder", "有人爬窗"),
        ("electric", "水管摸着有电"), ("electric", "bare wires over the path"), ("injury", "孩子吞了纽扣电池"), ("injury", "门夹住手了"), ("injury", "产妇大出血"),
        ("injury", "his speech is slurred"), ("injury", "he had an epileptic fit"), ("trapped_room", "somebody is in the shaft"), ("missing_person", "一转身没了,我孩子"),
        ("dog_attack", "two dogs have me against a car"), ("falling_objects", "the balcony roof just gave way"),
        # words that a slip in the file once kept from ever being found
        ("fire", "the charging cable is glowing"), ("gas", "the gas alarm won't stop"), ("drowning", "a toddler alone in the pool"),
        ("violence", "somebody got stabbed in the lobby"), ("violence", "he keeps hitting his wife"), ("intruder", "a strange man is hiding in the stairwell"),
        ("intruder", "someone is asleep in my kitchen"), ("electric", "the lamp post shocked a child"), ("injury", "the gate closed on my grandmother"),
        ("injury", "a child fell into an open shaft"), ("dog_attack", "a big dog jumped at my daughter"), ("falling_objects", "bricks are falling on the path"),
        ("injury", "a branch came down on a cyclist"), ("gas", "a strange smell and we all feel dizzy"),
    ],
)  # fmt: skip
def test_words_that_one_pattern_alone_knows_are_heard(danger: str, text: str) -> None:
    found = triage(RULES, text)
    assert found is not None and found.danger == danger


@pytest.mark.parametrize(
    "text",
    [
        "灶台没火苗", "the help button in the lift has no light, lift runs ok", "snow is falling", "a branch fell on the lawn", "the radiator pipe is hissing",
        "the children have their lesson in the pool", "the courier left a note", "a tree came down on the car park",
    ],
)  # fmt: skip
def test_what_looks_like_those_words_calls_nobody(text: str) -> None:
    assert triage(RULES, text) is None


# ── What is left open: an alarm rings and no fire is seen ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "没有着火,报警器一直响", "没着火,烟感一直响", "报警器一直响", "火灾报警器一直响,没着火", "消防报警器一直响,没有着火", "没火没烟,烟雾报警器一直叫",
        "烟感报警器一直响,没有着火也没有烟", "there is no fire but the alarm keeps ringing", "no fire, the smoke alarm is going off",
        "the smoke alarm keeps going off, there is no fire and no smoke", "there is no fire but the fire alarm of the whole building is ringing",
    ],
)  # fmt: skip
def test_a_ringing_device_without_a_fire_calls_nobody_and_leaves_a_doubt(text: str) -> None:
    """The device is mended; but who to ring is told, for nobody has looked behind every door."""
    found = judging.examine(RULES, text)
    assert found.fired is None and found.unclear
    assert judging.doubtful(RULES, found, 0.0) and judging.doubtful(RULES, found, None)


@pytest.mark.parametrize(
    ("danger", "text"),
    [
        ("fire", "消防报警器一直响"), ("fire", "是不是着火了,报警器一直响"), ("fire", "有没有着火啊,火灾报警器一直响"), ("fire", "我家没着火,楼里火灾报警器一直响"),
        ("smoke", "没有着火,报警器一直响,但是有烟"), ("injury", "没有着火,报警器一直响,有人晕倒了"),
        ("gas", "燃气报警器一直响,没有闻到气味"), ("gas", "no gas smell but the gas alarm is beeping"),  # carbon monoxide has none
        ("fire", "the smoke alarm keeps ringing"), ("fire", "i see no fire but the alarm is going off"),
        ("fire", "no fire in my flat but the fire alarm is going off"), ("fire", "no fire but the alarm is ringing in the whole building"),
        ("fire", "the fire alarm is going off in the whole building, no fire in my flat"),
        ("fire", "is there no fire? the fire alarm is going off"), ("fire", "no fire here yet but flames on the roof, the alarm is ringing"),
    ],
)  # fmt: skip
def test_a_ringing_device_is_believed_where_the_fire_is_only_not_seen_here(danger: str, text: str) -> None:
    found = triage(RULES, text)
    assert found is not None and found.danger == danger


@pytest.mark.parametrize(
    "text",
    [
        "报警器不响了", "报警器响了一声", "昨天报警器响了", "汽车报警器一直响", "烟感老是误报,一直响", "消防演习,报警器在响", "楼道没有烟",
        "my alarm clock keeps ringing", "car alarm keeps going off", "smoke alarm chirps every minute", "the smoke detector is not going off",
        "yesterday the detector was beeping",
    ],
)  # fmt: skip
def test_a_device_that_tells_of_nothing_now_leaves_no_doubt(text: str) -> None:
    found = judging.examine(RULES, text)
    assert found.fired is None and not found.unclear


def test_what_is_left_open_calls_nobody_and_no_model_takes_the_doubt_away() -> None:
    rules = made({"negated": ["没$"], "past": ["昨"]}, unclear=both("铃"), exclusions=both("铃火"))
    for text, sign in (("铃", "nothing"), ("没火,铃", "excused"), ("铃火", "excused")):
        found = judging.examine(rules, text)
        assert (found.sign, found.unclear) == (sign, True), text
        assert judging.doubtful(rules, found, 0.0) and not judging.weigh(rules, found, None)
    for text in ("昨,铃", "没铃", "甲"):
        found = judging.examine(rules, text)
        assert not found.unclear and not judging.doubtful(rules, found, 0.0), text
    assert judging.examine(rules, "昨铃。铃").unclear, "one that is excused does not hide another"
    assert judging.examine(rules, "火,铃") == judging.Evidence("named", "fire", "火")


# ── Things that fall: among people, or off a wall ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "墙皮掉在卧室里", "墙皮掉在卧室门口", "卧室顶上墙皮往下掉", "卧室的墙皮掉下来了,没伤到人", "厨房瓷砖掉下来碎了一地", "plaster fell in the bedroom",
        "plaster fell onto my bedroom floor", "some plaster fell from the bedroom ceiling", "tiles fell off in the kitchen, nobody was there",
    ],
)  # fmt: skip
def test_what_flakes_off_the_wall_of_a_room_is_a_repair(text: str) -> None:
    assert triage(RULES, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "墙皮掉在孩子头上", "卧室墙皮往下掉,孩子还在床上", "卧室墙皮掉下来砸到我头上", "楼道墙皮掉下来差点砸到人", "外墙墙皮往下掉,楼下有人",
        "plaster fell in the bedroom on my son", "plaster fell on my child", "plaster from the facade fell onto the walkway where people pass",
        "the tiles are falling off the kitchen wall onto the children",
    ],
)  # fmt: skip
def test_what_falls_on_somebody_or_where_people_pass_is_a_danger(text: str) -> None:
    found = triage(RULES, text)
    assert found is not None and found.danger in ("falling_objects", "injury")


# ── Stand-down: a danger reported before has ended ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("danger", "text"),
    [
        ("fire", "火灭了没事了"), ("fire", "误报"), ("fire", "火滅了"), ("fire", "the fire is out"), ("gas", "阀门关好了,味散了"),
        ("trapped_lift", "人都出来了"), ("trapped_lift", "we got out"), ("missing_person", "孩子找到了"),
        ("missing_person", "found him"), ("general", "出来了"), ("fire", "false alarm"), ("smoke", "虚惊一场"),
    ],
)  # fmt: skip
def test_a_stand_down_is_heard(danger: str, text: str) -> None:
    assert stands_down(RULES, text, danger)


@pytest.mark.parametrize(
    ("danger", "text"),
    [
        ("fire", "火还没灭"), ("fire", "火灭了吗"), ("fire", "在五楼"), ("fire", "人都出来了,火还在烧"), ("fire", "can't put it out"),
        ("missing_person", "还没找到"), ("missing_person", "haven't found him"), ("trapped_lift", "什么时候能出来"), ("fire", ""),
    ],
)  # fmt: skip
def test_what_goes_on_is_no_stand_down(danger: str, text: str) -> None:
    assert not stands_down(RULES, text, danger)


def test_the_end_of_one_danger_is_not_that_of_another() -> None:
    rules = made(over=both("灭"))
    assert stands_down(rules, "灭", "fire") and stands_down(rules, "灭", "general")
    assert not stands_down(rules, "灭", "gas")
    assert not stands_down(rules, "甲" * 2000 + "灭", "fire"), "no more is read than is judged"
