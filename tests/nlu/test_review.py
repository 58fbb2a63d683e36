"""What the model read badly is kept masked, listed, put among the sentences it learns from, and forgotten in time."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from bot import misreadings, nlu_review, privacy
from bot.core.policy import KEPT
from bot.core.types import Misread
from bot.database import EVERY, Database
from bot.migrations import upgrade
from bot.register_import import import_registers
from bot.tables import table
from tests.commands import Done, bot
from tests.nlu.conftest import ROOT
from tests.store.office import MORNING

WORDS = "阳台那个玩意儿嘎吱嘎吱"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path / 'desk.db'}")
    upgrade(made.writer)
    assert not import_registers(made, ROOT / "data" / "demo", MORNING).problems
    return made


def community(database: Database, code: str = "YH") -> int:
    found = database.read(
        EVERY,
        lambda c: c.scalar(select(table("community").c.id).where(table("community").c.code == code))
    )
    return int(found)


def keep(database: Database, *misread: Misread, code: str = "YH", at: timedelta = timedelta(0)) -> None:
    where = community(database, code)
    for one in misread:
        database.write(where, lambda c, one=one: misreadings.keep(c, where, one, MORNING + at))  # type: ignore[misc]


UNSURE = Misread(WORDS, "zh", "faq", 0.1, "unsure", model="abc")
CHOSEN = Misread(WORDS, "zh", "faq", 0.1, "chosen", "repair", "abc")


def test_of_one_message_the_latest_word_on_it_is_listed(database: Database) -> None:
    keep(database, UNSURE, Misread("sofa?", "en", "faq", 0.2, "refused"), CHOSEN)
    here = community(database)
    waiting = database.read(here, lambda c: misreadings.waiting(c, here))
    assert [(row.text, row.why, row.should_be) for row in waiting] == [
        ("sofa?", "refused", ""), (WORDS, "chosen", "repair"),
    ]  # fmt: skip


def test_another_community_sees_none_of_it(database: Database) -> None:
    keep(database, UNSURE)
    here, there = community(database), community(database, "HT")
    assert database.read(there, lambda c: misreadings.waiting(c, there)) == ()
    database.write(there, lambda c: misreadings.settle(c, there, [(WORDS, "repair")], MORNING))
    assert len(database.read(here, lambda c: misreadings.waiting(c, here))) == 1


def test_what_is_settled_is_listed_no_more_and_all_is_forgotten_in_time(database: Database) -> None:
    keep(database, UNSURE, CHOSEN)
    keep(database, Misread("newer", "en", "faq", 0.2, "unsure"), at=timedelta(days=2))
    here = community(database)
    database.write(EVERY, lambda c: misreadings.settle(c, here, [(WORDS, "repair")], MORNING))
    assert [row.text for row in database.read(EVERY, lambda c: misreadings.waiting(c, here))] == ["newer"]
    keep_nothing = dict.fromkeys(KEPT, timedelta(days=9999))
    now = MORNING + timedelta(days=91)
    gone = database.write(EVERY, lambda c: privacy.purge(c, here, keep_nothing, timedelta(days=90), now, now))
    assert gone["misreadings"] == 2
    assert [row.text for row in database.read(EVERY, lambda c: misreadings.waiting(c, here))] == ["newer"]


@pytest.fixture
def office(tmp_path: Path, database: Database) -> Path:
    """A copy of the office's files, so that the sentences of the project stay as they are."""
    root = tmp_path / "office"
    for folder in ("data", "nlu/components"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copyfile(ROOT / "domain.yml", root / "domain.yml")
    database.close()
    return root


def review(office: Path, *options: str) -> Done:
    db = f"sqlite:///{office.parent / 'desk.db'}"
    settings = {"COLUMNS": "200", "DESK_ROOT": str(office), "DESK_VAR": str(office.parent / "var")}
    return bot(settings, "nlu-review", "--db", db, *options)


def sentences(office: Path, intent: str) -> list[tuple[str, bool]]:
    """Each example and whether its block says that it bears no marks."""
    blocks = yaml.safe_load((office / "data" / "nlu" / "zh" / f"{intent}.yml").read_text(encoding="utf-8"))["nlu"]
    return [
        (line[2:], "metadata" in block)
        for block in blocks
        for line in block["examples"].splitlines()
    ]  # fmt: skip


def test_the_command_lists_labels_and_drops(office: Path) -> None:
    database = Database(f"sqlite:///{office.parent / 'desk.db'}")
    keep(database, UNSURE, CHOSEN, Misread("asdf", "zh", "greet", 0.2, "person"))
    database.close()
    listed = [json.loads(line) for line in review(office, "--json").stdout.splitlines()]
    assert [(row["text"], row["should_be"]) for row in listed] == [(WORDS, "repair"), ("asdf", "")]
    before = sentences(office, "repair")
    done = review(office, "--agree", "--drop", str(listed[1]["id"]))
    assert done.returncode == 0 and "1 put into data/nlu, 1 dropped, 0 left" in done.stdout, done.stderr
    assert sentences(office, "repair") == [*before, (WORDS, True)]
    assert "Nothing waits" in review(office).stdout


@pytest.mark.parametrize("label", ["999=repair", "1=nonsense", "x"])
def test_a_mistake_changes_nothing_and_names_the_way_out(office: Path, label: str) -> None:
    database = Database(f"sqlite:///{office.parent / 'desk.db'}")
    keep(database, UNSURE)
    database.close()
    before = sentences(office, "repair")
    answer = review(office, "--label", label)
    assert answer.returncode == 2 and label in answer.stderr
    assert sentences(office, "repair") == before
    assert WORDS in review(office).stdout


def test_a_sentence_is_learnt_once_and_on_one_line(tmp_path: Path) -> None:
    nlu_review.learn(tmp_path, "zh", "repair", "灯坏了\n在楼道")
    nlu_review.learn(tmp_path, "zh", "repair", "灯坏了 在楼道")
    nlu_review.learn(tmp_path, "zh", "repair", "门也坏了")
    (block,) = yaml.safe_load((tmp_path / "zh" / "repair.yml").read_text(encoding="utf-8"))["nlu"]
    assert block["examples"] == "- 灯坏了 在楼道\n- 门也坏了\n"
    assert block["metadata"] == {"entities": "unmarked"}
