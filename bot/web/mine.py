"""A resident's copy of what is held about them: a link from the chat, a button, the file. Once, for a day, open to whoever has it.

The link alone hands out nothing: messengers fetch links to preview them. There is no cookie and no name: the token is the key.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from bot import privacy, store
from bot.core import texts
from bot.core.domain import Script
from bot.core.types import Language
from bot.database import EVERY, confine
from bot.turns import Desk
from bot.web.entry import same_origin
from bot.web.pages import browser_language, page

_TEXTS = "utter_page_mine_"
_LONGEST_TOKEN = 200


class MinePage:
    """The page of one deployment. `script`: its words, in the browser's language."""

    def __init__(self, desk: Desk, script: Script) -> None:
        self._desk = desk
        self._database = desk.database
        self._script = script

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/mine")
        router.add_api_route("/{token}", self.ask, methods=["GET"], response_model=None)
        router.add_api_route("/{token}", self.hand_out, methods=["POST"], response_model=None)
        return router

    async def ask(self, request: Request, token: str) -> Response:
        now = self._desk.machine.now()
        token = token[:_LONGEST_TOKEN]
        good = await self._database.ask(EVERY, lambda conn: privacy.export_is_good(conn, token, now))
        return self._page(request, good=good, token=token)

    async def hand_out(self, request: Request, token: str) -> Response:
        """The copy, and the link is used up: in one transaction, so a second press finds nothing."""
        same_origin(request)
        machine_now, now = self._desk.machine.now(), self._desk.clock.now()

        def take(conn: Connection) -> str | None:
            found = privacy.take_export(conn, token[:_LONGEST_TOKEN], machine_now)
            if found is None:
                return None
            community_id, conversation_id = found
            confine(conn, community_id)  # the token told whose it is; from here on nothing of others is seen
            today = now.astimezone(store.community(conn, community_id).zone).date()
            return privacy.as_json(privacy.export_of(conn, community_id, conversation_id, today))

        copy = await self._database.run(EVERY, take)
        if copy is None:
            return self._page(request, good=False, token="")
        return Response(
            copy,
            media_type="application/json",
            headers={"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="my-data.json"'},
        )

    def _page(self, request: Request, *, good: bool, token: str) -> Response:
        language: Language = "en" if browser_language(request) == "en" else "zh"
        return page(
            "mine.html", 200 if good else 410, me=None, demo=False, language=language, good=good, token=token, t=self._texts(language)
        )

    def _texts(self, language: Language) -> Mapping[str, str]:
        return {
            key.removeprefix(_TEXTS): texts.words(self._script, language, key)
            for key in self._script.responses
            if key.startswith(_TEXTS)
        }
