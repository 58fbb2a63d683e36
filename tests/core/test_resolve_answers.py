"""Phones, scores, short answers, menu numbers, languages, ticket numbers and numerals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.resolve import answer, contact, language, numerals, phone, ticketno
from bot.core.resolve.score import score
from bot.core.types import Language


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("我电话13812345678", "13812345678"),
        ("+86 138 1234 5678", "13812345678"),
        ("138-1234-5678", "13812345678"),
        ("010-65123456", "010-65123456"),
        ("(021) 6512 3456转123", "021-65123456-123"),
        ("0755-26001234", "0755-26001234"),
        ("400-800-1234", "400-800-1234"),
        ("+44 7911 123456", "+447911123456"),
    ],
)
def test_a_telephone_number_is_found(text: str, number: str) -> None:
    (found,) = phone.find(text)
    assert found.number == number
    assert text[found.start : found.end] == found.text


@pytest.mark.parametrize("text", ["12345", "YH-BX-20261123-0001", "4-1-703", "110"])
def test_other_numbers_are_no_telephone(text: str) -> None:
    assert phone.find(text) == ()


def test_the_last_four_digits_are_corrected() -> None:
    assert contact.given("尾号错了,是5679", "13812345678") == "13812345679"
    assert contact.given("打错了,应该是9999", "13812345678") == "13812349999"
    assert contact.given("last four should be 1111", "13812345678") == "13812341111"
    assert contact.given("好的", "13812345678") is None


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13812345678", "138****5678"),
        ("010-65123456", "010-****3456"),
        ("021-65123456-123", "021-****3456"),
        ("+447911123456", "+44****3456"),
        ("110", "***"),
    ],
)
def test_a_number_is_shown_masked(number: str, shown: str) -> None:
    assert phone.mask(number) == shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("5.", 5), ("五分", 5), ("5分", 5), ("给个四星吧", 4), ("马马虎虎,3分吧", 3), ("很满意", 5), ("满意", 4),
        ("基本满意", 3), ("一般", 3), ("不满意", 2), ("很不满意", 1), ("没得说", 5), ("two stars from me", 2),
        ("ok I guess 3", 3), ("⭐⭐⭐", 3), ("不太满意", 2), ("打4分吧,有点慢", 4), ("4/5", 4), ("very satisfied", 5),
        ("not bad", 3), ("awful", 1), ("还行", 3), ("\uff15分", 5),
    ],
)  # fmt: skip
def test_a_score_is_read_in_whatever_words(text: str, value: int) -> None:
    assert score(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "10分",
        "0",
        "3.5分",
        "下午3点",
        "5分钟就来了",
        "师傅来了3次都没修好",
        "三星期",
        "3号",
        "12",
        "满意度调查是什么",
        "你们满意吗",
        "谢谢",
        "4分还是5分呢",
        "⭐⭐⭐⭐⭐⭐",
        "",
    ],
)
def test_what_is_no_score_is_asked_again(text: str) -> None:
    assert score(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "嗯嗯",
        "行吧",
        "好的",
        "可以",
        "没错",
        "没问题",
        "对的对的",
        "是的",
        "确认提交",
        "要的",
        "好的谢谢",
        "OK的",
        "ok",
        "yep",
        "sure",
        "yes\u3000please",
        "👌",
    ],
)
def test_yes_in_all_its_colours(text: str) -> None:
    assert answer.yes_no(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "不用了",
        "算了",
        "不是",
        "不对",
        "不行",
        "没有",
        "不可以",
        "不要",
        "nope",
        "no thanks",
        "no, wrong",
        "取消",
    ],
)
def test_no_in_all_its_colours(text: str) -> None:
    assert answer.yes_no(text) is False


@pytest.mark.parametrize(
    "text", ["好的,另外灯坏了", "可以吗", "灯坏了", "not good", "703", "", "嗯" * 40 + "灯", "行不行"]
)
def test_who_says_more_has_not_said_yes_or_no(text: str) -> None:
    assert answer.yes_no(text) is None


def test_a_bare_cancel_is_told_from_a_request_about_a_ticket() -> None:
    for text in (
        "取消",
        "算了",
        "不弄了",
        "那算了吧",
        "cancel",
        "never mind",
        "cancel it please",
        "不用了谢谢",
    ):
        assert answer.is_cancel(text), text
    for text in ("我要取消工单YH-BX-20261123-0001", "怎么取消", "不取消", "算了一下要200", "好的"):
        assert not answer.is_cancel(text), text


def test_an_optional_question_is_passed_over() -> None:
    for text in ("跳过", "没有", "没有照片", "无", "skip", "no photo", "none"):
        assert answer.is_skip(text), text
    assert not answer.is_skip("没有热水")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2),
        ("2.", 2),
        ("2、", 2),
        ("选2", 2),
        ("第二个", 2),
        ("②", 2),
        ("\uff12", 2),
        ("2\ufe0f\u20e3", 2),
        ("option 2", 2),
        ("the second one", 2),
        ("703", None),
        ("两点", None),
        ("2栋", None),
        ("", None),
    ],
)
def test_a_number_of_a_menu_is_read_only_when_bare(text: str, value: int | None) -> None:
    assert answer.menu_number(text) == value


@pytest.mark.parametrize(
    ("text", "default", "heard"),
    [
        ("WiFi坏了", "en", "zh"),
        ("hello", "zh", "en"),
        ("my lift is broken", "zh", "en"),
        ("703", "en", "en"),
        ("703", "zh", "zh"),
        ("A1203", "zh", "zh"),
        ("please help me the 电梯 is stuck", "zh", "en"),
    ],
)
def test_the_language_of_a_message(text: str, default: Language, heard: Language) -> None:
    assert language.detect(text, default) == heard


@pytest.mark.parametrize(
    "text",
    [
        "YH-BX-20261123-0001",
        "yh-bx-20261123-0001",
        "YHBX202611230001",
        "单号 YH BX 20261123 0001 多久",
        "\uff39\uff28\uff0dBX-20261123-\uff10\uff10\uff10\uff11",
    ],
)
def test_a_ticket_number_is_known_however_it_is_typed(text: str) -> None:
    assert ticketno.numbers(text) == ("YH-BX-20261123-0001",)


@pytest.mark.parametrize(
    "text", ["YH-XX-20261123-0001", "YH-BX-20261323-0001", "BX-20261123-0001", "13812345678"]
)
def test_what_is_no_ticket_number(text: str) -> None:
    assert ticketno.numbers(text) == ()


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("12", 12),
        ("十二", 12),
        ("二十", 20),
        ("一百零二", 102),
        ("两", 2),
        ("七零三", 703),
        ("twelve", 12),
        ("三四十", None),
        ("灯", None),
        ("", None),
    ],
)
def test_numerals(word: str, value: int | None) -> None:
    assert numerals.number(word) == value


@given(st.text() | st.text("嗯好的是不没错行可以取消算了 ,.谢", max_size=40))
def test_no_text_whatever_breaks_the_readers(text: str) -> None:
    assert len(numerals.fold(text)) == len(text)
    assert score(text) in (None, 1, 2, 3, 4, 5)
    assert answer.yes_no(text) in (None, True, False)
    answer.is_cancel(text)
    answer.is_skip(text)
    answer.menu_number(text)
    assert language.detect(text, "zh") in ("zh", "en")
    for found in phone.find(text):
        assert text[found.start : found.end] == found.text
        assert phone.mask(found.number) != found.number
    ticketno.numbers(text)
