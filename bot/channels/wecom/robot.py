"""A group's robot: it speaks into one WeCom group, for digests. Nobody can answer it.

Rules: developer.work.weixin.qq.com/document/path/91770.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time

from bot.channels import Finding, Limits, Message, Notebook, Reach, SendError, in_both
from bot.channels.cutting import pieces
from bot.channels.wecom.account import ROBOT, Form, RobotAccount
from bot.channels.wecom.api import BASE, EMPTY, PATIENCE, Api, Patience, Refusal, Unanswered, unanswered
from bot.channels.wecom.cards import numbered
from bot.channels.wecom.pace import Pace, TooSoon

#: Bytes of a message.
LONGEST: Mapping[Form, int] = {"text": 2048, "markdown": 4096}
ROBOT_PACE = Pace(20)


class Robot:
    """One robot of one group. The address of a message is the robot itself; it may be anything.

    Args:
        notebook: this account's own. now: the machine clock, aware UTC.
    """

    name = ROBOT
    reach: Reach = "always"

    def __init__(
        self,
        account: RobotAccount,
        notebook: Notebook,
        now: Callable[[], datetime],
        *,
        base: str = BASE,
        patience: Patience = PATIENCE,
        pace: Pace = ROBOT_PACE,
    ) -> None:
        self.account = account.name
        self.limits = Limits(bytes=LONGEST[account.form])
        self._account = account
        self._notebook = notebook
        self._now = now
        self._pace = pace
        self._api = Api(None, notebook, now, base, patience)

    async def close(self) -> None:
        """Give the connections back."""
        await self._api.close()

    @property
    def digest_at(self) -> time:
        return self._account.at

    async def send(self, to: str, message: Message) -> str:
        """Say it in the group, in several messages if it is long. Raises SendError.

        An answer that never came ends `sent_unconfirmed`: a group reads a digest once, rather than twice.
        """
        text = (numbered(message) if message.buttons else message.text).encode("utf-8", "replace").decode()
        parts = pieces(text, LONGEST[self._account.form])
        if not parts:
            raise SendError(EMPTY, retryable=False)
        page = f"out:{message.id}"
        done = int((await self._notebook.read(page) or {"done": 0})["done"])
        for number in range(done, len(parts)):
            await self._say(parts[number])
            if len(parts) > 1:
                after = {"done": number + 1}
                await self._notebook.change(page, lambda _, after=after: after, self._pace.keep * 12)  # type: ignore[misc]
        return f"{ROBOT}-{message.id}"

    async def check(self) -> Sequence[Finding]:
        """Whether the address is alive, asked with a message of no kind, which no group gets to see. Never raises."""
        try:
            await self._api.by_key("webhook/send", self._account.key, {"msgtype": "none"})
        except Refusal as refused:
            if refused.trouble.then != "wait":
                return (Finding(True, "the robot's address is alive"),)
            return (Finding(False, f"{refused.trouble.means} (errcode {refused.code})", refused.trouble.remedy),)
        except Unanswered as silent:
            return (
                Finding(False, f"WeCom does not answer ({silent})", "Let the desk's server reach qyapi.weixin.qq.com:443."),
            )
        except Exception as error:
            return (Finding(False, f"the question failed ({type(error).__name__})", "Report this."),)
        return (Finding(True, "the robot's address is alive"),)

    async def _say(self, part: str) -> None:
        form, now = self._account.form, self._now()
        try:
            await self._notebook.change("pace", lambda page: self._pace.enter(page, now), self._pace.keep)
            await self._api.by_key("webhook/send", self._account.key, {"msgtype": form, form: {"content": part}})
        except TooSoon as early:
            words = in_both("群机器人已到每分钟的上限，稍后再发。", "The robot has said as much as it may; the rest follows.")
            raise SendError(words, retryable=True, after=early.after) from None
        except Unanswered as silent:
            if silent.sent:
                raise SendError(unanswered(str(silent)), retryable=False, unconfirmed=True) from None
            raise silent.as_send_error() from None
        except Refusal as refused:
            raise refused.as_send_error() from None
