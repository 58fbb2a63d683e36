"""The commands as their users type them: a real SQLite file, no language model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import bot

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "DESK_VAR": str(tmp_path / "var"), "DESK_RASA": "false", "PYTHONIOENCODING": "utf-8"}


def chat(environment: dict[str, str], *lines: Any, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    typed = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    done = bot(environment, "chat", "--json", "--no-rasa", *options, lines=typed + "\n")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("arguments", "status", "said"), [(["check"], 0, "all right"), (["chek"], 2, "No such command")])
def test_the_desk_is_a_program(environment: dict[str, str], arguments: list[str], status: int, said: str) -> None:
    program = [sys.executable, "-m", "bot", *arguments]
    done = subprocess.run(program, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=environment, timeout=120)
    assert done.returncode == status and said in done.stdout + done.stderr


def test_without_a_language_model_a_repair_is_filed_by_menu_and_seen_through(environment: dict[str, str]) -> None:
    answers = chat(
        environment,
        "厨房水管漏了",
        "1",
        "明天下午",
        "好的",
        {"work": "last"},
        "修好了",
        {"advance": "2h"},
        "马马虎虎,3分吧",
        options=("--as", "4栋1单元703", "--at", "2026-11-23T10:00+08:00"),
    )
    assert all("error" not in answer for answer in answers)
    opened = answers[3]["tickets"][0]
    assert opened["number"] == "YH-BX-20261123-0001" and opened["requester_verified"]
    assert opened["description"] == "厨房水管漏了" and opened["room"] == "4栋1单元703"
    assert answers[5]["tickets"][0]["status"] == "closed"
    assert "打个分" in answers[6]["replies"][0]["text"]
    assert answers[7]["replies"][0]["text"] == "谢谢您的评价。"


def test_danger_needs_no_language_model_and_no_form(environment: dict[str, str]) -> None:
    (answer,) = chat(environment, "厨房着火了")
    assert "119" in answer["replies"][0]["text"]
    assert answer["tickets"][0]["kind"] == "emergency"
    assert {told["role"] for told in answer["notified"]} >= {"technician", "guard", "supervisor", "manager"}


def test_a_bad_line_is_answered_and_the_next_one_is_heard(environment: dict[str, str]) -> None:
    answers = chat(environment, "{nonsense", {"fly": 1}, {"advance": "soon"}, {"act": "done"}, "你好")
    assert ["error" in answer for answer in answers] == [True, True, True, True, False]


def test_nobody_of_an_unknown_room_speaks(environment: dict[str, str]) -> None:
    done = bot(environment, "chat", "--json", "--no-rasa", "--as", "99栋9单元9901", lines="你好\n")
    assert done.returncode == 1 and "register" in done.stderr and "Traceback" not in done.stderr


def test_an_illegal_act_is_refused_with_what_is_allowed(environment: dict[str, str]) -> None:
    answers = chat(
        environment, "灯坏了", "1", "明天下午", "好的", {"act": "done", "note": "好了"}, options=("--as", "4栋1单元703")
    )
    assert "accept" in answers[-1]["error"]


def test_the_digest_and_the_staff_board_read_the_same_database(environment: dict[str, str], tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'office.db'}"
    chat(environment, "灯坏了", "1", "明天下午", "好的", options=("--as", "4栋1单元703", "--db", database))
    board = bot(environment, "desk", "--db", database, lines="accept 0001\nlist\naccept 0001\nquit\n")
    assert board.returncode == 0 and "dispatched" in board.stdout and "is not possible now" in board.stdout
    digest = bot(environment, "digest", "--db", database)
    assert "repair 1" in digest.stdout and digest.returncode == 0


def test_the_office_files_are_checked_in_words(environment: dict[str, str], tmp_path: Path) -> None:
    assert bot(environment, "check").returncode == 0
    office = tmp_path / "office"
    (office / "data").mkdir(parents=True)
    (office / "domain.yml").write_text((ROOT / "domain.yml").read_text("utf-8").replace("  - repair\n", "", 1), "utf-8")
    (office / "data" / "policy.yml").write_text(
        (ROOT / "data" / "policy.yml").read_text("utf-8").replace("auto_close_after: 7d", "auto_close_after: soon"), "utf-8"
    )
    (office / "data" / "triage.yml").write_text((ROOT / "data" / "triage.yml").read_text("utf-8"), "utf-8")
    told = bot({**environment, "DESK_ROOT": str(office)}, "check")
    assert told.returncode == 1
    assert "domain.yml: intents: 'repair' is missing" in told.stderr
    assert "data/policy.yml: repair.auto_close_after" in told.stderr
