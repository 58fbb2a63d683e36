"""What an operator does at the command line for an office: codes, the log, letters about personal data, the purge."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.channels.test_command_line import chat
from tests.commands import bot

CODE = re.compile(r"\b[A-Z0-9]{5}-[A-Z0-9]{5}\b")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which the owner of 4栋1单元703 has written in conversation 1; made once, copied for each test."""
    folder = tmp_path_factory.mktemp("office")
    environment = {**os.environ, "DESK_VAR": str(folder), "DESK_RASA": "false", "PYTHONIOENCODING": "utf-8"}
    options = ("--as", "4栋1单元703", "--db", f"sqlite:///{folder / 'office.db'}")
    chat(environment, "厨房水管漏了，电话13900000001", options=options)
    return folder / "office.db"


@pytest.fixture
def desk(office: Path, tmp_path: Path) -> dict[str, str]:
    """The settings of an office of this test alone."""
    shutil.copyfile(office, tmp_path / "office.db")
    return {
        **os.environ, "DESK_VAR": str(tmp_path / "var"), "DESK_DB": f"sqlite:///{tmp_path / 'office.db'}",
        "DESK_RASA": "false", "PYTHONIOENCODING": "utf-8", "DESK_BASE_URL": "https://desk.example",
    }  # fmt: skip


def test_a_code_is_printed_for_a_room_and_for_a_colleague(desk: dict[str, str]) -> None:
    made = bot(desk, "invite", "4栋1单元703", "tenant", "--name", "李四", "--until", "2090-06-30")
    code = CODE.search(made.stdout)
    assert made.returncode == 0 and code is not None, made.stderr
    assert f"https://desk.example/chat/YH?start={code.group()}" in made.stdout
    for who in ("丁小雯", "steward"):
        colleague = bot(desk, "invite", "--staff", who)
        assert colleague.returncode == 0 and "丁小雯" in colleague.stdout and CODE.search(colleague.stdout)
    answers = chat(desk, code.group(), "同意", options=("--db", desk["DESK_DB"]))
    assert "4栋1单元703" in answers[0]["replies"][-1]["text"] and "已绑定" in answers[1]["replies"][0]["text"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("4栋1单元999", "owner"), 1, "no such room"),
        (("703", "owner"), 1, "several rooms fit"),
        (("4栋1单元703", "king"), 1, "no role in a household"),
        (("4栋1单元703", "owner", "--until", "soon"), 1, "is not a date"),
        (("--staff", "无此人"), 1, "there is nobody named"),
        (("4栋1单元703",), 2, "a room and a role"),
        ((), 2, "a room and a role"),
        (("4栋1单元703", "owner", "--staff", "丁小雯"), 2, "a room and a role"),
    ],
)
def test_what_cannot_be_invited_is_one_sentence(
    desk: dict[str, str], arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = bot(desk, "invite", *arguments)
    told = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == status and said in told and "Traceback" not in done.stderr
    assert not CODE.search(done.stdout)


def test_a_letter_is_answered_with_a_copy_and_the_log_says_so(desk: dict[str, str]) -> None:
    copy = bot(desk, "privacy", "export", "1")
    held = json.loads(copy.stdout)
    assert held["person"]["name"] == "王建国" and "厨房水管漏了" in held["messages_received"][0]["text"]
    log = bot(desk, "disclosures")
    assert log.returncode == 0 and "operator  export  4栋1单元703" in log.stdout
    assert bot(desk, "disclosures", "--days", "7").stdout == log.stdout
    assert "no disclosures" in bot(desk, "disclosures", "--day", "2026-01-01").stdout
    wrong = bot(desk, "disclosures", "--day", "yesterday")
    assert wrong.returncode == 1 and "is not a date" in wrong.stderr
    assert bot(desk, "privacy", "export", "99").returncode == 1


def test_a_letter_to_be_forgotten_is_asked_about_and_carried_out_once(desk: dict[str, str]) -> None:
    asked = bot(desk, "privacy", "forget", "1", lines="n\n")
    assert asked.returncode == 1 and "王建国" in bot(desk, "privacy", "export", "1").stdout
    done = bot(desk, "privacy", "forget", "1", lines="y\n")
    assert done.returncode == 0 and "is erased" in done.stdout, done.stderr
    left = json.loads(bot(desk, "privacy", "export", "1").stdout)
    assert left["person"] == {} and "水管" not in json.dumps(left["messages_received"], ensure_ascii=False)
    again = bot(desk, "privacy", "forget", "1", "--yes")
    assert again.returncode == 1 and "erased before" in again.stderr
    assert bot(desk, "privacy", "forget", "99", "--yes").returncode == 1


def test_the_purge_says_how_much_went(desk: dict[str, str]) -> None:
    done = bot(desk, "privacy", "purge")
    lines = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 0 and {"messages", "photos", "papers", "attempts", "disclosures", "photo files"} <= set(lines)
    assert set(lines.values()) == {"0"}


def test_the_terminal_of_staff_says_in_a_sentence_what_a_role_may_not(desk: dict[str, str]) -> None:
    chat(desk, "灯坏了", "1", "明天下午", "好的", options=("--as", "4栋1单元703", "--db", desk["DESK_DB"]))
    board = bot(desk, "desk", "--by", "guard", lines="list\naccept 0001\nack 0001\nquit\n")
    assert board.returncode == 0 and "no open tickets" in board.stdout
    assert board.stdout.count("may not do that") == 2 and "Traceback" not in board.stderr
