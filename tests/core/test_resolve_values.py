"""Yes and no, numbers to call, plates, money, periods and names: stories of the desk, and what must hold of any text whatever."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.resolve import answer, contact, hanzi, money, name, period, phone, plate, sums

NOVEMBER = date(2026, 11, 27)
ANYTHING = st.text(max_size=60) | st.text("一二三十百千万元块毛零第后位是不月年季半姓叫我王李13905. -+,京粤B", max_size=40)


# ── yes and no ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    ["好嘞", "不是不行,可以的", "嗯呐", "係啊,冇错", "麻烦你们了", "就是那套房", "yes that's my flat", "sure, why not?", "✅", "hao de"],
)
def test_a_yes_in_dialect_in_courtesy_and_in_signs(text: str) -> None:
    assert answer.yes_no(text) is True


@pytest.mark.parametrize(
    "text", ["好的,不用了", "不用麻烦了,我自己弄", "唔使喇", "没同意", "不用了,我找人修好了", "no, my husband fixed it", "of course not", "❌", "bu yong le"]
)
def test_a_no_may_be_polite_and_give_its_reason(text: str) -> None:
    assert answer.yes_no(text) is False


@pytest.mark.parametrize(
    "text", ["好不好", "行不行啊你们", "不明白", "随便", "嗯……", "好了没", "可以?", "是吗", "对了", "谢谢", "你们好", "yes and no", "maybe", "好的,太吵了", "灯坏了"]
)
def test_who_asks_doubts_or_only_greets_has_not_answered(text: str) -> None:
    assert answer.yes_no(text) is None


@given(ANYTHING)
@example("嗯啊" * 200)
@example("不是" * 29)
def test_an_answer_is_yes_no_or_none(text: str) -> None:
    assert answer.yes_no(text) in (True, False, None)


@given(st.sampled_from(["好的", "不用了", "yes", "no thanks"]), st.sampled_from(["厨房漏水", "the tap leaks", "4栋703", "什么时候来"]))
def test_whoever_adds_something_is_heard_for_all_of_it(said: str, more: str) -> None:
    assert answer.yes_no(f"{said},{more}") is None


# ── the number to call ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("幺三九,哦不,是139 0000 1234", "13900001234"),
        ("一三九 零零零零 一二三四", "13900001234"),
        ("one three nine double zero double zero 1234", "13900001234"),
        ("186.0000.7788", "18600007788"),
        ("+86(0)571-88880123", "0571-88880123"),
        ("区号0571,电话88880123", "0571-88880123"),
        ("不是13900001234,是13800001111", "13800001111"),
        ("13900001234换成13800001111", "13800001111"),
        ("13900001234打不通就打13800001111", "13900001234"),
    ],
)
def test_the_number_that_is_meant(text: str, number: str) -> None:
    assert contact.given(text) == number


@pytest.mark.parametrize("text", ["88880123", "6222 0212 3456 7890 123", "身份证440305198507123456", "192.168.100.25", "不是13900001234"])
def test_what_is_no_number_to_call(text: str) -> None:
    assert contact.given(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("前三位是138,后四位是4321", "13800004321"),
        ("后两位写反了", "13900001243"),
        ("1234改成4321", "13900004321"),
        ("尾号是八八零六", "13900008806"),
        ("中间四位是5678", "13956781234"),
        ("the first three should be 138", "13800001234"),
        ("39 should be 38", "13800001234"),
        ("还是原来的号码", "13900001234"),
        ("第十二位是5", None),
        ("后三位是45", None),
        ("尾号错了", None),
        ("好的", None),
    ],
)
def test_a_number_is_put_right_digit_by_digit_or_left(text: str, number: str | None) -> None:
    assert contact.given(text, "13900001234") == number


NUMBERS = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True) | st.from_regex(r"0571-[2-8][0-9]{7}", fullmatch=True)


@given(ANYTHING, NUMBERS)
def test_a_corrected_number_is_a_telephone_number_again(text: str, current: str) -> None:
    mended = contact.correct(current, text)
    assert mended is None or [found.number for found in phone.find(mended)] == [mended]


@given(NUMBERS, st.from_regex(r"[0-9]{4}", fullmatch=True))
def test_the_tail_put_right_is_the_tail(current: str, tail: str) -> None:
    assert contact.given(f"尾号错了,是{tail}", current) == current[:-4] + tail


@given(NUMBERS)
def test_a_number_says_itself(number: str) -> None:
    assert contact.given(f"我电话{number}") == number


@given(ANYTHING)
def test_every_number_found_is_cut_out_of_the_text(text: str) -> None:
    for found in phone.find(text):
        assert text[found.start : found.end] == found.text


# ── plates ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("粵b·12345", "粤B12345"),
        ("粤A D12345,绿牌", "粤AD12345"),
        ("粤B幺二三四五", "粤B12345"),
        ("湘A1C2D3一台丰田", "湘A1C2D3"),
        ("粤B12345 D座", "粤B12345"),
        ("粤B1O345", "粤B10345"),
        ("Yue B12345", "粤B12345"),
        ("粤Z1234港", "粤Z1234港"),
        ("旧车牌粤B12345换成粤B54321", "粤B54321"),
        ("粤B12345 is sold, 粤B54321", "粤B54321"),
        ("粤B123456", None),
        ("车位B12-345", None),
        ("云A1栋12345", None),
        ("不是粤B12345", None),
    ],
)
def test_a_plate_is_kept_as_it_is_registered(text: str, number: str | None) -> None:
    assert plate.plate(text) == number


@given(ANYTHING | st.text("京沪粤AB12345D·学港使 -", max_size=20))
def test_whatever_is_written_a_plate_has_its_form_and_says_itself(text: str) -> None:
    for found in plate.find(text):
        assert text[found.start : found.end] == found.text
        assert re.fullmatch(r"[一-鿿][A-Z][A-Z0-9]{4,6}[学警港澳挂领使超]?|[0-9]{6}[使领]", found.number)
        assert plate.plate(found.number) == found.number


# ── money ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("三块二毛五", "3.25"), ("一百块零五毛", "100.50"), ("两千零五", "2005.00"), ("两千五", "2500.00"), ("一万二", "12000.00"),
        ("壹仟贰佰叁拾元整", "1230.00"), ("1.5w", "15000.00"), ("15块50", "15.50"), ("一块半", "1.50"), ("two kuai eight", "2.80"),
        ("two and a half yuan", "2.50"), ("not 500 but 600", "600.00"), ("500改成600", "600.00"), ("交了3个月1200", "1200.00"),
        ("电费180元,180度", "180.00"), ("2026年11月交了300", "300.00"),
    ],
)  # fmt: skip
def test_an_amount_is_yuan_with_two_places(text: str, yuan: str) -> None:
    assert str(money.amount(text)) == yuan


@pytest.mark.parametrize(
    "text",
    ["三百多", "三五百", "300到500", "押金500,费用300", "100美元", "12楼", "180度", "5-301", "等一下", "万一", "下午三点", "no one came", "12.345元", "粤B12345", "-50"],
)
def test_what_is_no_amount_or_no_one_amount(text: str) -> None:
    assert money.amount(text) is None


AMOUNTS = st.decimals(Decimal(0), money.MOST, places=2)


@given(AMOUNTS)
def test_an_amount_says_itself(value: Decimal) -> None:
    assert money.amount(money.render(value)) == value
    assert money.amount(f"¥{value}") == value
    assert money.amount(f"{value:,} yuan") == value


@given(ANYTHING | st.text("一二三五十百千万零元块毛分角点半 123.,kw¥yuan hundred and", max_size=30))
@example("9" * 5000 + "元")
@example("一" * 3000)
def test_whatever_is_written_money_is_a_decimal_with_two_places(text: str) -> None:
    for found in money.find(text):
        assert type(found.value) is Decimal
        assert found.value.as_tuple().exponent == -2 and 0 <= found.value <= money.MOST
        assert text[found.start : found.end] == found.text
    assert money.amount(text) is None or type(money.amount(text)) is Decimal


@given(st.integers(1, 99_999_999))
def test_a_sum_is_read_from_the_way_a_cheque_is_written(value: int) -> None:
    digits, units = "零壹贰叁肆伍陆柒捌玖", ["", "拾", "佰", "仟", "万", "拾", "佰", "仟"]
    figures = [int(figure) for figure in str(value)]
    written = "".join(
        (digits[figure] + units[place] if figure else "万" if place == 4 else "零")
        for place, figure in zip(range(len(figures) - 1, -1, -1), figures, strict=True)
    )
    written = re.sub("零+", "零", written).replace("零万", "万").rstrip("零")
    assert sums.value(written) == value, written


# ── periods ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("去年四季度到今年一季度", ("2025-10", "2026-03")), ("11月到1月", ("2026-11", "2027-01")), ("December to February", ("2025-12", "2026-02")),
        ("9月至今", ("2026-09", "2026-11")), ("since July", ("2026-07", "2026-11")), ("7、8、9月", ("2026-07", "2026-09")),
        ("上个月和这个月", ("2026-10", "2026-11")), ("近三个月", ("2026-08", "2026-10")), ("前三季度", ("2026-01", "2026-09")),
        ("2025年7月至9月", ("2025-07", "2025-09")), ("7月1日到9月30日", ("2026-07", "2026-09")), ("不是7月,是8月", ("2026-08", "2026-08")),
        ("last September", ("2026-09", "2026-09")), ("between July and September", ("2026-07", "2026-09")), ("202609", ("2026-09", "2026-09")),
    ],
)  # fmt: skip
def test_a_period_is_whole_months(text: str, months: tuple[str, str]) -> None:
    found = period.period(text, NOVEMBER)
    assert found is not None and (f"{found[0]:%Y-%m}", f"{found[1]:%Y-%m}") == months


@pytest.mark.parametrize("text", ["7月和9月", "8个月", "13月", "11月3号", "半年", "现在", "may I ask", "quarter to five", "四季花城", "月卡", "1203"])
def test_what_is_no_period_or_no_one_period(text: str) -> None:
    assert period.period(text, NOVEMBER) is None


@given(ANYTHING | st.text("今去前明上下这个本一二三四七八九十月年季度半到和全0123456789-/ Qqlasthirdmontyear", max_size=30), st.dates())
def test_whatever_is_written_a_period_is_whole_months_in_order(text: str, today: date) -> None:
    found = period.period(text, today)
    if found is not None:
        first, last = found
        assert first <= last and first.day == 1 and (last + timedelta(days=1)).day == 1


@given(st.dates(date(2001, 1, 1), date(2096, 12, 31)), st.integers(1, 12), st.integers(0, 23))
def test_a_period_says_itself(today: date, month: int, length: int) -> None:
    year, last = today.year, month + length
    end_year, end_month = year + (last - 1) // 12, (last - 1) % 12 + 1
    found = period.period(f"{year}年{month}月到{end_year}年{end_month}月", today)
    assert found is not None and (found[0].year, found[0].month, found[1].year, found[1].month) == (year, month, end_year, end_month)
    assert period.period(f"{found[0]}至{found[1]}", today) == found


@given(st.dates(date(2001, 1, 1), date(2099, 12, 31)), st.integers(1, 12))
def test_a_month_without_its_year_is_the_latest_that_has_begun(today: date, month: int) -> None:
    found = period.period(f"{month}月", today)
    assert found is not None and found[0] <= today and (today - found[0]).days < 366


# ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("我是你们小区楼上的老周", "老周"), ("我姓赵,赵敏", "赵敏"), ("我姓马上的马", "马"), ("陳大文", "陳大文"), ("姓王名伟", "王伟"),
        ("我叫卓玛", "卓玛"), ("我叫阿依古丽·买买提", "阿依古丽·买买提"), ("我是豆豆妈妈", "豆豆妈妈"), ("Tony,我是租客", "Tony"), ("木子李", "李"),
        ("李睿不对,应该是李雷", "李雷"), ("邻居们都叫我顾姐", "顾姐"), ("杨帆一帆风顺的帆", "杨帆"), ("wo jiao wang wei", "wang wei"),
        ("Zhang San is my name", "Zhang San"), ("Anna from 3-2-501", "Anna"), ("I'm Tom Lee", "Tom Lee"), ("call me tom", "tom"),
    ],
)  # fmt: skip
def test_a_name_is_kept_as_it_is_said(text: str, said: str) -> None:
    assert name.name(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "我是王伟的老婆", "我老公叫王伟", "老婆 王芳 在家", "他姓王", "我是小区的业主", "我是安徽人", "方便", "谢谢", "我叫保安", "王师傅修的", "周杰伦的歌",
        "I'm sick", "call me back", "this is Tom who broke it", "my husband is Tom", "I'm Wang Wei's wife", "Monday", "tom",
    ],
)  # fmt: skip
def test_somebody_elses_name_and_other_words_are_not_the_speakers(text: str) -> None:
    assert name.name(text) is None


@given(ANYTHING)
def test_whatever_is_written_a_name_is_what_was_said(text: str) -> None:
    found = name.name(text)
    assert found is None or (found and all(part in text for part in found))


@given(st.sampled_from("王李张刘陈欧何"), st.sampled_from(["伟", "建国", "先生", "女士", "家辉", "老师"]))
def test_a_name_says_itself(surname: str, given_name: str) -> None:
    said = surname + given_name
    assert name.name(said) == name.name(f"我是{said}") == name.name(f"联系人:{said},13900001234") == said


# ── one character for one ──────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text())
def test_simple_characters_keep_the_length_of_a_text(text: str) -> None:
    assert len(hanzi.simple(text)) == len(text)
    assert hanzi.simple(hanzi.simple(text)) == hanzi.simple(text)
