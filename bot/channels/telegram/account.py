"""What an office says of one Telegram bot: an entry of data/channels.yml, checked, with its secrets as values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from bot.core.types import Language

NAME: Final = "telegram"
#: Where a bot that is not run by the office's own Bot API server lives.
PUBLIC_API: Final = "https://api.telegram.org"
#: The ports Telegram calls (Bot API, setWebhook, notes).
WEBHOOK_PORTS: Final = (443, 80, 88, 8443)

_REQUIRED: Final = ("community", "account", "username", "token")
_OPTIONAL: Final = ("webhook", "webhook_secret", "api", "proxy", "mentions")
_TOKEN: Final = re.compile(r"[0-9]{4,16}:[A-Za-z0-9_-]{30,64}")
_USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Telegram allows 1 to 256 of these (Bot API, setWebhook); shorter than 24 could be guessed.
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{24,256}")
_COMMAND: Final = re.compile(r"[a-z0-9_]{1,32}")


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line of the menu beside the input field.

    Args:
        command: what Telegram sends back, without the slash; 1 to 32 of a-z, 0-9 and _ (Bot API, BotCommand).
        button: what it means: the value of the button it stands for.
        title: what residents read, 1 to 256 characters in each language.
    """

    command: str
    button: str
    title: Mapping[Language, str]

    def __post_init__(self) -> None:
        if not _COMMAND.fullmatch(self.command):
            raise ValueError(f"'{self.command}' is no Telegram command; write 1 to 32 of a-z, 0-9 and _")
        for language in ("zh", "en"):
            if not 1 <= len(self.title.get(language, "")) <= 256:
                raise ValueError(f"the command {self.command} needs a title in {language} of 1 to 256 characters")


@dataclass(frozen=True, slots=True)
class TelegramAccount:
    """One bot of one community.

    Args:
        account: the desk's own name of it; part of every key, so it must not change.
        username: the bot's name at Telegram, without the @.
        token: BotFather's. Whoever has it is the bot.
        webhook: the public address under which Telegram reaches this desk; empty: the desk polls.
        webhook_secret: what Telegram shows at each call.
        api: the Bot API server.
        proxy: through which it is reached; empty: as the environment says.
        mentions: that a bare "@bot" in a group is heard. It takes privacy mode off, and then Telegram sends the bot all that
            is said in its groups, of which the desk drops what is not said to it.
    """

    community: str
    account: str
    username: str
    token: str = field(repr=False)
    webhook: str = ""
    webhook_secret: str = field(default="", repr=False)
    api: str = PUBLIC_API
    proxy: str = field(default="", repr=False)
    mentions: bool = False

    @property
    def name(self) -> str:
        """What the database calls it."""
        return self.account

    @property
    def bot_id(self) -> int:
        """The bot's own number: the part of the token before the colon, which is no secret."""
        return int(self.token.partition(":")[0])

    @property
    def path(self) -> str:
        """Where the desk serves this bot's webhook."""
        return f"/channels/telegram/{self.community}/{self.account}"

    @property
    def webhook_url(self) -> str:
        """What Telegram is to call; empty when polling."""
        return self.webhook + self.path if self.webhook else ""


def account(entry: Mapping[str, Any], secret: Callable[[str], str | None]) -> TelegramAccount:
    """The account of an entry of data/channels.yml. `secret` gives the value of an environment variable.

    Raises ValueError with the key and the remedy.
    """
    known = (*_REQUIRED, *_OPTIONAL)
    if unknown := sorted(set(entry) - set(known)):
        raise ValueError(f"telegram: unknown key {', '.join(unknown)}; known: {', '.join(known)}")
    values = {key: str(entry.get(key) or "").strip() for key in known}
    for key in _REQUIRED:
        if not values[key]:
            raise ValueError(f"telegram: {key} is missing; see docs/channels/telegram.md for an entry")
    for key in ("community", "account"):
        if not _ACCOUNT.fullmatch(values[key]):
            raise ValueError(f"telegram: {key} '{values[key]}' is not usable; write letters, figures, - and _ only")
    username = values["username"].removeprefix("@")
    if not _USERNAME.fullmatch(username):
        raise ValueError(f"telegram: username '{username}' is no bot's name; write it as BotFather gave it, e.g. YihuaBot")

    def value_of(key: str, form: re.Pattern[str], remedy: str) -> str:
        value = (secret(values[key]) or "").strip()
        if not value:
            raise ValueError(f"telegram: {key} names the environment variable {values[key]}, which is not set; {remedy}")
        if not form.fullmatch(value):
            raise ValueError(f"telegram: {key}: the value of {values[key]} does not look right; {remedy}")
        return value

    token = value_of("token", _TOKEN, "put the token there as BotFather gave it, like 123456789:AA…")
    webhook = values["webhook"].rstrip("/")
    webhook_secret = ""
    if webhook:
        url = urlsplit(webhook)
        if url.scheme != "https" or not url.hostname or url.path or url.query or url.fragment:
            raise ValueError(f"telegram: webhook '{webhook}' is not usable; write scheme and host alone, e.g. https://desk.example.com")
        if (url.port or 443) not in WEBHOOK_PORTS:
            raise ValueError(f"telegram: webhook has port {url.port}; Telegram calls 443, 80, 88 and 8443 only")
        remedy = "put 24 to 256 random letters, figures, - and _ there"
        if not values["webhook_secret"]:
            raise ValueError(f"telegram: webhook_secret is missing; name an environment variable and {remedy}")
        webhook_secret = value_of("webhook_secret", _SECRET, remedy)
    elif values["webhook_secret"]:
        raise ValueError("telegram: webhook_secret is given but webhook is not; give both for a webhook, none for polling")
    api = (values["api"] or PUBLIC_API).rstrip("/")
    if urlsplit(api).scheme not in ("http", "https"):
        raise ValueError(f"telegram: api '{api}' is no address; leave it out for {PUBLIC_API}")
    proxy = value_of("proxy", re.compile(r"https?://\S+"), "write it like http://host:port") if values["proxy"] else ""
    mentions = entry.get("mentions", False)
    if not isinstance(mentions, bool):
        raise ValueError(f"telegram: mentions '{mentions}' is neither true nor false; leave it out for false")
    return TelegramAccount(
        values["community"], values["account"], username, token, webhook, webhook_secret, api, proxy, mentions
    )
