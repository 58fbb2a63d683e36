"""Several accounts on one desk, put together from data/channels.yml as `bot serve` and `bot channels` do it."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from sqlalchemy import select

from bot import platforms, terminal
from bot.app import open_app
from bot.channels import wecom as wecoms
from bot.database import EVERY, Database
from bot.media import MediaStore
from bot.settings import ROOT, Settings
from bot.tables import table
from tests.fakes.telegram import FakeTelegram
from tests.fakes.wecom import Clock, FakeWeCom, serving
from tests.store.engines import sqlite_template
from tests.store.office import open_office

__all__ = ["sqlite_template"]

BOTS = {"CY": "123456789:AAtest-token_of-no-real-bot-0123456789", "HD": "987654321:BBtest-token_of-no-real-bot-0123456789"}


@dataclass
class Firm:
    """Two communities, each with a bot of its own, and a group robot for the first."""

    settings: Settings
    bots: dict[str, FakeTelegram]


@pytest.fixture
async def firm(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firm]:
    def now() -> datetime:
        return datetime.now(UTC)

    async with AsyncExitStack() as stack:
        bots = {
            code: await stack.enter_async_context(FakeTelegram(now, token, f"Desk{code}Bot").running())
            for code, token in BOTS.items()
        }
        entries: list[dict[str, Any]] = []
        for code, telegram in bots.items():
            monkeypatch.setenv(f"TOKEN_{code}", BOTS[code])
            entries.append(
                {"community": code, "account": f"bot-{code}", "username": telegram.username, "token": f"TOKEN_{code}", "api": telegram.url}
            )
        wecom = FakeWeCom(Clock())
        base = await stack.enter_async_context(serving(wecom.app)) + "/cgi-bin/"
        monkeypatch.setenv("ROBOT", wecom.robot_key)
        # Its address is no setting; everything else is as it is built for an office.
        here = platforms.Platform(wecoms.robot_account, lambda account, notes, parts: wecoms.Robot(account, notes, parts.now, base=base))
        monkeypatch.setattr(platforms, "PLATFORMS", {**platforms.PLATFORMS, wecoms.ROBOT: here})
        robot = {"community": "CY", "account": "digest", "key": "ROBOT", "at": "17:45"}
        (tmp_path / "data").mkdir()
        for path in (ROOT / "data").iterdir():
            (tmp_path / "data" / path.name).symlink_to(path)
        (tmp_path / "domain.yml").symlink_to(ROOT / "domain.yml")
        listed = tmp_path / "data" / "channels.yml"
        listed.unlink()
        listed.write_text(yaml.safe_dump({"telegram": entries, "wecom-robot": [robot]}), encoding="utf-8")
        shutil.copyfile(sqlite_template, tmp_path / "desk.db")
        database = Database(f"sqlite:///{tmp_path / 'desk.db'}")
        open_office(database)
        database.close()
        yield Firm(Settings(root=tmp_path, var=tmp_path, community="CY", rasa=False), bots)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


async def test_each_community_is_spoken_to_by_its_own_account(firm: Firm) -> None:
    people = {code: telegram.person() for code, telegram in firm.bots.items()}
    async with open_app(firm.settings, (), platforms=True) as app:
        app.workers.start()
        app.reception.start()
        for code, telegram in firm.bots.items():
            telegram.says(people[code], "菜单")
        await until(lambda: all("请直接说您的事" in " ".join(t.texts(people[code])) for code, t in firm.bots.items()))
        await app.reception.stop()
        await app.workers.stop()
        await app.reception.close()
        inbox, due = table("inbox"), table("due")
        heard = app.database.read(EVERY, lambda c: c.execute(select(inbox.c.community_id, inbox.c.account)).all())
        told = app.database.read(EVERY, lambda c: c.execute(select(due.c.community_id, due.c.data).where(due.c.subject_type == "digest")).all())
    assert sorted(map(tuple, heard)) == [(1, "bot-CY"), (2, "bot-HD")]
    assert [(row.community_id, row.data["account"], row.data["at"]) for row in told] == [(1, "digest", "17:45")]
    for code, name in (("CY", "朝阳花园"), ("HD", "海淀家园")):
        said = " ".join(firm.bots[code].texts(people[code]))
        assert name in said and firm.bots[code].violations == []


async def test_the_check_asks_every_account_and_says_what_to_do(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    settings = firm.settings
    assert await terminal.check_channels(settings, prepare=True)
    said = capsys.readouterr().out
    assert all(name in said for name in ("telegram bot-CY", "telegram bot-HD", "wecom-robot digest"))
    assert said.count("The token works") == 2 and "✗" not in said and "the robot's address is alive" in said
    firm.bots["HD"].token = "111111111:" + "C" * 35
    assert not await terminal.check_channels(settings)
    said = capsys.readouterr().out
    of_hd = said.partition("telegram bot-HD")[2]
    assert "✗ Telegram does not know the token" in of_hd and "→ Ask @BotFather" in of_hd
    assert not any(token in said for token in BOTS.values())


def test_photos_go_to_wechat_and_wecom_as_jpeg(tmp_path: Path) -> None:
    media, picture = MediaStore(tmp_path), Image.new("RGB", (64, 48), (120, 140, 160))
    for form in ("WEBP", "PNG", "JPEG"):
        drawn = io.BytesIO()
        picture.save(drawn, form)
        assert platforms._jpeg(media, media.keep(drawn.getvalue()).reference).startswith(b"\xff\xd8")
