"""The real Rasa with the real model: what it must understand whatever else changes."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot.nlu import RasaNlu
from bot.rasa_server import RasaHandle
from nlu.train import copy_sentences
from tests.nlu.conftest import ROOT


@pytest.fixture
async def nlu(rasa: RasaHandle) -> AsyncIterator[RasaNlu]:
    client = RasaNlu(rasa.url, rasa.token)
    yield client
    await client.aclose()


async def test_a_leaking_kitchen_pipe_is_a_repair_with_thing_and_place(
    nlu: RasaNlu, rasa: RasaHandle
) -> None:
    parsed = await nlu.parse("我家厨房水管漏水了", "zh")
    assert (parsed.intent, parsed.model) == ("repair", rasa.model)
    values = {entity.entity: entity.value for entity in parsed.entities}
    assert values.get("item") == "水管"
    assert values.get("location") == "厨房"


@pytest.mark.parametrize(
    ("text", "language", "intent"),
    [
        ("The kitchen tap is leaking", "en", "repair"),
        ("How much is my property management fee this month?", "en", "fee_query"),
        ("楼上天天半夜吵，你们管不管", "zh", "complaint"),
        ("这个月物业费多少钱", "zh", "fee_query"),
        ("电梯里有人被困住了", "zh", "emergency"),
        ("There is a fire in the stairwell", "en", "emergency"),
        ("我要转人工", "zh", "handoff"),
        ("你好", "zh", "greet"),
    ],
)
async def test_everyday_messages_are_understood(nlu: RasaNlu, text: str, language: str, intent: str) -> None:
    assert (await nlu.parse(text, language)).intent == intent


async def test_the_way_of_writing_makes_no_difference(nlu: RasaNlu) -> None:
    simplified = await nlu.parse("3栋厨房水管漏水", "zh")
    for otherwise in ("3棟廚房水管漏水", "３栋厨房水管漏水"):
        parsed = await nlu.parse(otherwise, "zh")
        assert parsed.intent == simplified.intent
        assert [(e.entity, e.start, e.end) for e in parsed.entities] == [
            (e.entity, e.start, e.end) for e in simplified.entities
        ]


async def test_a_slash_command_states_no_intent(nlu: RasaNlu) -> None:
    parsed = await nlu.parse('/emergency{"room": "501"}', "zh")
    assert parsed.confidence < 1.0
    assert all(entity.value in '／emergency{"room": "501"}' for entity in parsed.entities)


async def test_the_servers_log_holds_nothing_a_resident_wrote(nlu: RasaNlu, rasa: RasaHandle) -> None:
    if rasa.server is None:
        pytest.skip("the Rasa in use was started by somebody else, who has its log")
    await nlu.parse("我的电话是13800138000，厨房漏水", "zh")
    kept = rasa.server.log_path.read_text()
    assert "13800138000" not in kept
    assert rasa.token not in kept


async def test_a_stranger_without_the_token_learns_nothing(rasa: RasaHandle) -> None:
    async with httpx.AsyncClient(trust_env=False) as stranger:
        for method, path in (
            ("GET", "/status"),
            ("POST", "/model/parse"),
            ("PUT", "/model"),
            ("GET", "/domain"),
        ):
            assert (await stranger.request(method, rasa.url + path, json={"text": "你好"})).status_code == 401
        # Rasa's own chat channels are not served: their webhooks ask for no token.
        assert (await stranger.post(rasa.url + "/webhooks/rest/webhook", json={})).status_code == 404


async def test_rasa_itself_finds_no_fault_with_domain_and_sentences(rasa: RasaHandle, tmp_path: Path) -> None:
    """Of the sentences one in twenty: the training has read them all, and Rasa takes minutes to."""
    copy_sentences(tmp_path / "nlu", share=0.05, language="")
    checked = await asyncio.to_thread(
        subprocess.run,
        [
            *(str(ROOT / "nlu" / ".venv" / "bin" / "python"), "-m", "rasa", "data", "validate"),
            *("--domain", "domain.yml", "--data", str(tmp_path / "nlu"), "--config", "nlu/config.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "RASA_TELEMETRY_ENABLED": "false",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout[-2000:] + checked.stderr[-2000:]


def test_what_needs_the_server_runs_in_one_worker(rasa: RasaHandle, request: pytest.FixtureRequest) -> None:
    """pytest 9.2 with xdist 3.8 kept no group together: two servers ran, and nothing said so."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@rasa"), request.node.nodeid
