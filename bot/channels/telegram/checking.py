"""What `check` finds out about a bot, and what `prepare` sets at Telegram. Nothing here raises: what fails is a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from telegram import BotCommand, User, WebhookInfo
from telegram.error import InvalidToken, TelegramError

from bot.channels import Finding
from bot.channels.telegram.account import MenuItem, TelegramAccount
from bot.channels.telegram.api import Api
from bot.channels.telegram.errors import rule
from bot.channels.telegram.reading import ALLOWED
from bot.core.types import Language

#: More than these waiting at Telegram means that nobody fetches them. They are kept for 24 hours (Client.cpp).
MANY_WAITING: Final = 50
#: Telegram's own times are whole seconds, and its answer took a moment.
MOST_SKEW: Final = timedelta(seconds=10)
#: A webhook error longer ago than this is history.
RECENT: Final = timedelta(hours=1)
#: Simultaneous calls of the webhook; one chat's come one after the other in any case.
CALLS_AT_ONCE: Final = 10
#: "" is the menu of those whose phone speaks neither.
_MENUS: Final[tuple[tuple[str, Language], ...]] = (("", "zh"), ("zh", "zh"), ("en", "en"))
_PREPARE: Final = "Run `bot channels prepare`."

_PUT_ANEW: Final = "then put the bot out of its groups and add it again, because Telegram looks when it joins."
#: (the bot is sent all that is said in its groups, the entry asks for mentions) → what that means. BotFather says that with
#: privacy mode on mentions arrive; reports of many bots say they do not (e.g. github.com/archestra-ai/archestra/pull/6562).
_PRIVACY: Final = {
    (False, False): Finding(
        True, "Privacy mode is on: in groups the bot is sent commands and answers to its messages, hardly more."
    ),
    (True, True): Finding(True, "Privacy mode is off, as `mentions` asks: the desk drops what is not said to the bot."),
    (True, False): Finding(
        False,
        "Privacy mode is off: in groups Telegram sends the bot all that is said.",
        f"Send @BotFather /setprivacy, choose the bot, Enable; {_PUT_ANEW} Or write `mentions: true` if that is meant.",
    ),
    (False, True): Finding(
        False,
        "The entry asks for mentions, but privacy mode is on: a bare mention of the bot in a group may not arrive.",
        f"Send @BotFather /setprivacy, choose the bot, Disable; {_PUT_ANEW} Or leave `mentions` out.",
    ),
}


async def findings(
    api: Api, account: TelegramAccount, menu: Sequence[MenuItem], now: Callable[[], datetime]
) -> tuple[Finding, ...]:
    """Everything that can be asked. A token that does not work ends it: nothing else could be asked then."""
    try:
        me = await api.bot.get_me()
        served = api.server_date
        found = [Finding(True, f"The token works: it is @{me.username}, {me.full_name}."), *_about(me, account)]
        found += _clock(served, now())
        found += _receiving(await api.bot.get_webhook_info(), account, now())
        found += await _menu(api, menu)
    except TelegramError as error:
        return (_failed(error),)
    except Exception as error:
        return (
            Finding(
                False,
                f"Telegram's answer cannot be read ({type(error).__name__}).",
                "Update python-telegram-bot; if that does not help, tell whoever maintains the desk.",
            ),
        )
    return tuple(found)


async def prepare(api: Api, account: TelegramAccount, menu: Sequence[MenuItem]) -> tuple[Finding, ...]:
    """Set the webhook or remove it, and set the menus. () when all was taken."""
    try:
        if account.webhook:
            await api.bot.set_webhook(
                account.webhook_url,
                allowed_updates=ALLOWED,
                secret_token=account.webhook_secret,
                max_connections=CALLS_AT_ONCE,
                drop_pending_updates=False,
            )
        else:
            await api.bot.delete_webhook(drop_pending_updates=False)
        for code, language in _MENUS if menu else ():
            await api.bot.set_my_commands(commands(menu, language), language_code=code)
    except TelegramError as error:
        return (_failed(error),)
    return ()


def commands(menu: Sequence[MenuItem], language: Language) -> list[BotCommand]:
    """The menu in one language."""
    return [BotCommand(item.command, item.title[language]) for item in menu]


def _failed(error: TelegramError) -> Finding:
    if isinstance(error, InvalidToken):
        return Finding(
            False,
            "Telegram does not know the token.",
            "Ask @BotFather for it with /token (or make a new one with /revoke), put it into the environment variable the"
            " entry names, and start the desk again.",
        )
    return Finding(
        False,
        f"Telegram could not be asked: {rule(error).words}",
        "See that this machine reaches the Bot API server over HTTPS; where it is blocked, give `proxy` or `api` in the entry.",
    )


def _about(me: User, account: TelegramAccount) -> list[Finding]:
    found = []
    if (me.username or "").lower() != account.username.lower():
        found.append(
            Finding(
                False,
                f"The entry says @{account.username}, but the token is that of @{me.username}.",
                "Put the right token into the environment variable, or the right name into `username`: mentions in groups and"
                " invitation links go by it.",
            )
        )
    found.append(_PRIVACY[bool(me.can_read_all_group_messages), account.mentions])
    return found


def _clock(served: datetime | None, now: datetime) -> list[Finding]:
    if served is None:
        return []
    skew = now - served
    if abs(skew) <= MOST_SKEW:
        return [Finding(True, "This machine's clock agrees with Telegram's.")]
    way = "ahead of" if skew > timedelta(0) else "behind"
    return [
        Finding(
            False,
            f"This machine's clock is {abs(skew).total_seconds():.0f} s {way} Telegram's.",
            "Let the machine set its clock by a time server (NTP): deadlines and leases go by it.",
        )
    ]


def _receiving(info: WebhookInfo, account: TelegramAccount, now: datetime) -> list[Finding]:
    """Whether Telegram delivers as the entry says, and how much waits."""
    found = []
    if info.url == account.webhook_url:
        how = f"calls {info.url}" if info.url else "is polled, no webhook is set"
        found.append(Finding(True, f"Messages come as the entry says: Telegram {how}."))
    elif account.webhook:
        found.append(Finding(False, f"Telegram does not call {account.webhook_url}, but {info.url or 'nobody'}.", _PREPARE))
    else:
        found.append(
            Finding(
                False,
                f"The entry says polling, but Telegram calls {info.url} and refuses polls (409).",
                f"{_PREPARE} If another program uses that webhook, the bot is not free: make one of your own.",
            )
        )
    if info.url and set(info.allowed_updates) != set(ALLOWED):
        found.append(Finding(False, "Telegram does not deliver all that the desk hears.", _PREPARE))
    if info.last_error_date is not None and now - info.last_error_date < RECENT:
        found.append(
            Finding(
                False,
                f"Telegram's last call of the webhook failed: {info.last_error_message}.",
                "See that the address is reachable from outside with a valid certificate, that the proxy passes the path and"
                " the X-Telegram-Bot-Api-Secret-Token header on, and that the desk runs. A 403 means a wrong secret: run"
                " `bot channels prepare`.",
            )
        )
    waiting = info.pending_update_count
    if waiting > MANY_WAITING:
        found.append(
            Finding(
                False,
                f"{waiting} messages wait at Telegram.",
                "See that `bot serve` runs and that its log says no telegram_not_heard; Telegram keeps them for 24 hours.",
            )
        )
    else:
        found.append(Finding(True, f"{waiting} messages wait at Telegram."))
    return found


async def _menu(api: Api, menu: Sequence[MenuItem]) -> list[Finding]:
    if not menu:
        return []
    for code, language in _MENUS:
        if list(await api.bot.get_my_commands(language_code=code)) != commands(menu, language):
            return [Finding(False, "The menu beside the input field is not the desk's.", _PREPARE)]
    return [Finding(True, "The menu is in place, in Chinese and English.")]
