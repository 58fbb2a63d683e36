"""The parts of the WeCom adapter that need no platform: envelopes, pieces, the ledger, cards, the configuration, the table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels import Message, in_both, in_language
from bot.channels.cutting import pieces
from bot.channels.wecom import account, cards, envelope, robot_account
from bot.channels.wecom.account import CallbackKey
from bot.channels.wecom.api import PATIENCE
from bot.channels.wecom.cards import Face, changed, face, message_of, numbered, task_of
from bot.channels.wecom.envelope import Refused, Seal, sealed_in, unseal
from bot.channels.wecom.pace import SLACK, Pace, TooSoon
from bot.channels.wecom.troubles import TROUBLES, trouble
from bot.core.types import Button

# ── envelopes ──

#: The example of the vendor's own libraries, repeated in 90968 (加解密方案说明).
VENDOR = (CallbackKey("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"),)
VENDOR_CORP = "wx5823bf96d3bd56c7"
ECHO = (
    "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
    Seal("5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780"),
)
HELLO = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhx"
    "chrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4z"
    "G4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9K"
    "sNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q==",
    Seal("477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149"),
)
#: The example of wechatpy's own tests (tests/test_crypto.py of its repository, MIT).
THEIRS = (CallbackKey("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"),)
THEIR_CORP = "wx49f0ab532d5d035a"
TEST = (
    "RgqEoJj5A4EMYlLvWO1F86ioRjZfaex/gePD0gOXTxpsq5Yj4GNglrBb8I2BAJVODGajiFnXBu7mCPatfjsu6IHCrsTyeDXzF6Bv283dGymzxh6ydJRvZsryDyZbLTE7r"
    "hnus50qGPMfp2wASFlzEgMW9z1ef/RD8XzaFYgm7iTdaXpXaG4+BiYyolBug/gYNx410cvkKR2/nPwBiT+P4hIiOAQqGp/TywZBtDh1yCF2KOd0gpiMZ5jSw3e29mTvmU"
    "HzkVQiMS6td7vXUaWOMZnYZlF3So2SjHnwh4jYFxdgpkHHqIrH/54SNdshoQgWYEvccTKe7FS709/5t6NMxuGhcUGAPOQipvWTT4dShyqio7mlsl5noTrb++x6En749zC"
    "pQVhDpbV6GDnTbcX2e8K9QaNWHp91eBdCRxthuL0=",
    Seal("74d92dfeb87ba7c714f89d98870ae5eb62dff26d", "1411525903", "461056294"),
)


def when(seal: Seal) -> datetime:
    return datetime.fromtimestamp(int(seal.timestamp), UTC)


def test_the_vendors_examples_open() -> None:
    assert unseal(*ECHO, VENDOR, VENDOR_CORP, when(ECHO[1])) == "1616140317555161061"
    hello = unseal(*HELLO, VENDOR, VENDOR_CORP, when(HELLO[1]))
    assert "<Content><![CDATA[hello]]></Content>" in hello and "<AgentID>218</AgentID>" in hello


def test_wechatpys_example_opens() -> None:
    assert "<Content><![CDATA[test]]></Content>" in unseal(*TEST, THEIRS, THEIR_CORP, when(TEST[1]))


def test_the_key_that_opens_may_be_the_previous_one() -> None:
    both = (CallbackKey("QDG6eK", THEIRS[0].aes_key), *VENDOR)
    assert unseal(*ECHO, both, VENDOR_CORP, when(ECHO[1])) == "1616140317555161061"
    other_token = (CallbackKey("another", VENDOR[0].aes_key), *VENDOR)
    assert unseal(*ECHO, other_token, VENDOR_CORP, when(ECHO[1])) == "1616140317555161061"


@pytest.mark.parametrize("late", [timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=4000)])
def test_an_example_of_long_ago_is_stale_and_tells_by_how_much(late: timedelta) -> None:
    with pytest.raises(Refused) as refused:
        unseal(*ECHO, VENDOR, VENDOR_CORP, when(ECHO[1]) + late)
    assert refused.value.skew == -late


def test_a_forged_envelope_does_not_tell_the_time() -> None:
    forged = Seal("0" * 40, ECHO[1].timestamp, ECHO[1].nonce)
    with pytest.raises(Refused) as refused:
        unseal(ECHO[0], forged, VENDOR, VENDOR_CORP, when(ECHO[1]) + timedelta(days=1))
    assert refused.value.skew is None


def test_another_company_cannot_open_it() -> None:
    with pytest.raises(Refused):
        unseal(*ECHO, VENDOR, "wx0000000000000000", when(ECHO[1]))


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=200))
def test_whatever_is_signed_either_opens_or_is_refused(ciphertext: str) -> None:
    """With the right signature over rubbish, wechatpy raises what it likes; nothing of that gets out."""
    from wechatpy.utils import WeChatSigner

    signer = WeChatSigner()
    signer.add_data(VENDOR[0].token, "1409659589", "1", ciphertext)
    with pytest.raises(Refused):
        unseal(ciphertext, Seal(signer.signature, "1409659589", "1"), VENDOR, VENDOR_CORP, when(ECHO[1]))


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "9" * 13, "１４０９６５９５８９"])
def test_a_timestamp_is_a_number_of_seconds(stamp: str) -> None:
    from wechatpy.utils import WeChatSigner

    signer = WeChatSigner()
    signer.add_data(VENDOR[0].token, stamp, "1", ECHO[0])
    with pytest.raises(Refused, match="timestamp"):
        unseal(ECHO[0], Seal(signer.signature, stamp, "1"), VENDOR, VENDOR_CORP, when(ECHO[1]))


def test_the_ciphertext_is_cut_out_without_reading_xml() -> None:
    assert sealed_in(b"<xml><Encrypt><![CDATA[abc+/=]]></Encrypt><AgentID>1</AgentID></xml>") == "abc+/="
    assert sealed_in(b"\n<xml>\n <Encrypt> abc= </Encrypt></xml>") == "abc="


def test_a_seal_missing_is_an_empty_seal() -> None:
    assert Seal.of({}) == Seal("", "", "")


def test_an_envelope_is_fresh_longer_than_the_platform_tries() -> None:
    assert timedelta(seconds=4 * 5) < envelope.FRESH <= timedelta(minutes=10)


# ── pieces ──


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=600), st.integers(4, 60))
def test_pieces_fit_and_lose_nothing_but_white_space(text: str, most: int) -> None:
    out = pieces(text, most)
    assert all(0 < len(piece.encode()) <= most for piece in out)
    assert "".join("".join(out).split()) == "".join(text.split())


def test_a_text_that_fits_stays_whole() -> None:
    assert pieces(" 水" * 10, 2048) == ((" 水" * 10).strip(),)
    assert pieces("水" * 682, 2048) == ("水" * 682,)
    assert pieces("  \n", 2048) == ()


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("一二三四五。六七八九十。甲乙", ("一二三四五。", "六七八九十。甲乙")),
        ("First part is here. Second one too", ("First part is here.", "Second one too")),
        ("一二三四五六，七八九十甲乙丙", ("一二三四五六，", "七八九十甲乙丙")),
        ("一二三四五六七八九十甲乙丙丁", ("一二三四五六七八九十", "甲乙丙丁")),
        ("一二三四\n五六七八九。十甲乙", ("一二三四", "五六七八九。十甲乙")),
        ("一。二三四五六七八九十甲乙丙", ("一。二三四五六七八九", "十甲乙丙")),
    ],
)
def test_a_cut_is_where_a_reader_pauses(text: str, out: tuple[str, ...]) -> None:
    assert pieces(text, 30) == out


# ── the ledger ──

START = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def crowded(arrivals: list[datetime], window: timedelta) -> int:
    """The most that fall into any such window."""
    arrivals = sorted(arrivals)
    return max(sum(1 for at in arrivals[n:] if at - first < window) for n, first in enumerate(arrivals))


def flood(pace: Pace, calls: list[tuple[float, float]]) -> list[datetime]:
    """Send whenever it is allowed: (seconds until the next try, seconds on the way). The arrivals at the platform."""
    now, page = START, None
    arrivals: list[datetime] = []
    for pause, way in calls:
        now += timedelta(seconds=pause)
        try:
            page = pace.enter(page, now)
        except TooSoon as early:
            now += early.after
            page = pace.enter(page, now)
        arrivals.append(now + timedelta(seconds=way))
    return arrivals


@given(
    st.lists(
        st.tuples(st.floats(0, 40, allow_nan=False), st.floats(0, SLACK.total_seconds(), allow_nan=False)), max_size=60
    )
)
def test_no_window_holds_more_than_allowed_however_long_a_call_takes(calls: list[tuple[float, float]]) -> None:
    arrivals = flood(Pace(4, 15), calls)
    if arrivals:
        assert crowded(arrivals, timedelta(seconds=60)) <= 4
        assert crowded(arrivals, timedelta(hours=1)) <= 15


def test_a_flood_for_one_member_is_stretched_to_thirty_a_minute_and_a_thousand_an_hour() -> None:
    arrivals = flood(Pace(30, 1000), [(0.0, 0.0)] * 1500)
    assert crowded(arrivals, timedelta(seconds=60)) == 30
    assert crowded(arrivals, timedelta(hours=1)) == 1000
    assert arrivals[999] - START < timedelta(minutes=40) and arrivals[-1] - START < timedelta(minutes=95)


def test_the_platform_would_see_too_many_without_the_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.wecom.pace.SLACK", timedelta(0))
    slow_then_quick = [(0.0, 8.0)] * 4 + [(61.0, 0.0)] * 1
    assert crowded(flood(Pace(4), slow_then_quick), timedelta(seconds=60)) == 5


def test_waiting_as_long_as_told_is_enough() -> None:
    pace, page = Pace(2, 3), None
    for _ in range(2):
        page = pace.enter(page, START)
    with pytest.raises(TooSoon) as minute:
        pace.enter(page, START)
    page = pace.enter(page, START + minute.value.after)
    with pytest.raises(TooSoon) as hour:
        pace.enter(page, START + timedelta(minutes=5))
    pace.enter(page, START + timedelta(minutes=5) + hour.value.after)


def test_a_page_stays_small_and_outlives_what_it_counts() -> None:
    pace = Pace(30, 1000)
    page: Mapping[str, Any] | None = None
    for second in range(0, 7200, 3):
        page = pace.enter(page, START + timedelta(seconds=second)) if second % 9 else page
    assert page is not None and len(page["recent"]) + len(page["hour"]) < 100
    assert pace.keep > timedelta(hours=1, minutes=1) + SLACK
    assert sum(PATIENCE) < SLACK.total_seconds()


# ── cards ──


def message(text: str, *labels: str) -> Message:
    return Message(5, text, tuple(Button(label, f"v{n}") for n, label in enumerate(labels)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("漏水", Face("漏水", "", ("接单",))),
        ("漏水\n3栋\n今天", Face("漏水", "3栋\n今天", ("接单",))),
        (
            "3栋2单元1201厨房水管爆裂请尽快。住户在家，电话已打通，已经关了总阀，正在等师傅上门。",
            Face("3栋2单元1201厨房水管爆裂请尽快。", "住户在家，电话已打通，已经关了总阀，正在等师傅上门。", ("接单",)),
        ),
        ("水" * 36, Face("水" * 36, "", ("接单",))),
        ("水" * 37, None),
        ("漏水\n" + "水" * 160, Face("漏水", "水" * 160, ("接单",))),
        ("漏水\n" + "水" * 161, None),
        ("\n", None),
    ],
)
def test_what_a_card_shows(text: str, shown: Face | None) -> None:
    assert face(message(text, "接单")) == shown


@pytest.mark.parametrize("labels", [(), ("一",) * 7, ("接单", ""), ("十一个字的按钮名字太长啦",)])
def test_buttons_that_fit_no_card(labels: tuple[str, ...]) -> None:
    assert face(message("漏水", *labels)) is None


def test_choices_as_text_are_numbered() -> None:
    assert numbered(message("哪一个？\n", "接单", "转给别人")) == "哪一个？\n\n1. 接单\n2. 转给别人"


def test_a_cards_name_tells_its_message_and_its_database() -> None:
    task = task_of("0a1b2c3d", 41)
    assert message_of(task, "0a1b2c3d") == 41 and len(task) < 128
    for other in (task_of("ffffffff", 41), "0a1b2c3d-", "0a1b2c3d-x", "0a1b2c3d-1-2", ""):
        assert message_of(other, "0a1b2c3d") is None


def test_a_card_carries_tokens_and_no_meaning() -> None:
    made = cards.card(message("漏水\n3栋", "接单", "转出"), Face("漏水", "3栋", ("接单", "转出")), "s-5")
    assert made["task_id"] == "s-5" and made["sub_title_text"] == "3栋"
    assert [button["key"] for button in made["button_list"]] == ["5.0", "5.1"] and "v0" not in str(made)


def test_a_short_sentence_goes_on_the_button_and_a_longer_one_into_the_text() -> None:
    shown = Face("漏水", "3栋", ("接单",))
    assert changed(shown, ("5.0",), "接单", "已接单") == {"button": {"replace_name": "已接单"}}
    card = changed(shown, ("5.0",), "接单", "王师傅 14:05 已接单，正在路上。")["template_card"]
    assert card["sub_title_text"] == "3栋\n王师傅 14:05 已接单，正在路上。" and card["replace_text"] == "接单"


def test_a_sentence_that_does_not_fit_beside_the_text_stands_alone() -> None:
    full = Face("漏水", "水" * 155, ("接单",))
    sentence = "王师傅 14:05 已接单，正在路上。"
    assert changed(full, ("5.0",), "", sentence)["template_card"]["sub_title_text"] == sentence
    long = changed(full, ("5.0",), "", "很" * 300)["template_card"]["sub_title_text"]
    assert len(long) == 160 and long.endswith("…")


def test_a_card_nothing_is_known_of_gets_the_sentence_on_its_button() -> None:
    assert changed(Face("", "", ()), (), "", "王师傅 14:05 已接单，正在路上。") == {
        "button": {"replace_name": "王师傅 14:05 已接单，正在路上。"}
    }


# ── configuration ──

ENTRY = {
    "community": "YH",
    "corp": "ww0123456789abcdef",
    "agent": 1000002,
    "secret": "DESK_WECOM_YH_SECRET",
    "token": "DESK_WECOM_YH_TOKEN",
    "aes_key": "DESK_WECOM_YH_AES_KEY",
}
VARIABLES = {
    "DESK_WECOM_YH_SECRET": "s3cr3t-of-the-application",
    "DESK_WECOM_YH_TOKEN": "QDG6eK",
    "DESK_WECOM_YH_AES_KEY": VENDOR[0].aes_key,
    "OLD_KEY": THEIRS[0].aes_key,
    "OLD_TOKEN": "b4Token9",
    "DESK_WECOM_YH_ROBOT": "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa",
}


def test_an_entry_is_an_account() -> None:
    read = account(ENTRY, VARIABLES.get)
    assert (read.community, read.name, read.corp, read.agent) == ("YH", "1000002", "ww0123456789abcdef", 1000002)
    assert read.keys == VENDOR and read.path == "/channels/wecom/YH/1000002"
    assert account({**ENTRY, "account": "staff"}, VARIABLES.get).path == "/channels/wecom/YH/staff"


def test_a_key_that_is_being_changed_keeps_the_old_one() -> None:
    read = account({**ENTRY, "previous_aes_key": "OLD_KEY"}, VARIABLES.get)
    assert read.keys == (*VENDOR, CallbackKey("QDG6eK", VARIABLES["OLD_KEY"]))
    read = account({**ENTRY, "previous_token": "OLD_TOKEN"}, VARIABLES.get)
    assert read.keys == (*VENDOR, CallbackKey("b4Token9", VENDOR[0].aes_key))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"agent": "1000002"}, "agent"),
        ({"agent": True}, "agent"),
        ({"corp": ""}, "企业ID"),
        ({"community": None}, "community"),
        ({"account": "with space"}, "account"),
        ({"secret": None}, "secret"),
        ({"token": "NOT_SET"}, "NOT_SET is not set"),
        ({"aes_key": "DESK_WECOM_YH_TOKEN"}, "exactly 43"),
        ({"token": "DESK_WECOM_YH_AES_KEY"}, "1 to 32"),
        ({"previous_aes_key": "NOT_SET"}, "previous_aes_key"),
        ({"cards": "no"}, "true or false"),
        ({"secert": "X"}, "secert: is not known"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as wrong:
        account({**ENTRY, **change}, VARIABLES.get)
    assert not any(value in str(wrong.value) for value in VARIABLES.values())


def test_a_robots_entry() -> None:
    entry = {"community": "YH", "account": "digest", "key": "DESK_WECOM_YH_ROBOT"}
    read = robot_account(entry, VARIABLES.get)
    assert (read.community, read.name, read.form) == ("YH", "digest", "markdown") and read.key not in repr(read)
    assert robot_account({**entry, "form": "text"}, VARIABLES.get).form == "text"
    assert read.at == time(18) and robot_account({**entry, "at": "07:30"}, VARIABLES.get).at == time(7, 30)
    for change in ({"form": "html"}, {"key": "NOT_SET"}, {"url": "x"}, {"account": ""}, {"at": 1080}, {"at": "24:00"}):
        with pytest.raises(ValueError, match=next(iter(change))):
            robot_account({**entry, **change}, VARIABLES.get)


def test_nothing_secret_is_printed() -> None:
    printed = repr(account({**ENTRY, "previous_aes_key": "OLD_KEY"}, VARIABLES.get))
    assert not any(value in printed for value in VARIABLES.values())


# ── the table ──


@pytest.mark.parametrize("code", sorted(TROUBLES))
def test_every_code_says_what_to_do(code: int) -> None:
    known = TROUBLES[code]
    assert known.means and not known.means.endswith(".")
    assert known.zh.endswith("。") and in_language(in_both(known.zh, known.means), "zh") == known.zh
    assert (known.wait is not None) == (known.then == "wait")
    if known.then == "wait":
        assert known.remedy


def test_what_is_not_listed_ends_the_message_but_not_a_card() -> None:
    assert trouble(999999).then == "never" and trouble(999999).of_card
