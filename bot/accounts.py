"""data/channels.yml → the accounts on real platforms, checked, with their secrets from the environment.

The file says which account belongs to which community and names the environment variables that hold its secrets; it holds no
secret itself. An entry is read by its own channel; every mistake is named with its place and the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from bot.core.domain import Mistake, Mistakes


class Account(Protocol):
    """What every channel's account has."""

    @property
    def community(self) -> str: ...

    @property
    def name(self) -> str: ...


FILE = "data/channels.yml"
Secret: TypeAlias = Callable[[str], str | None]

@dataclass(frozen=True, slots=True)
class Listed:
    """One account of the file: its channel, and what the channel made of the entry."""

    channel: str
    account: Any

    @property
    def community(self) -> str:
        """The code of its community."""
        return str(self.account.community)

    @property
    def name(self) -> str:
        """What the database calls it."""
        return str(self.account.name)


def read(raw: Any, secret: Secret) -> tuple[Listed, ...]:
    """The accounts of the parsed file.

    Args:
        secret: the value of an environment variable, None when it is not set.

    Raises Mistakes with everything that is wrong.
    """
    found: list[Mistake] = []
    listed: list[Listed] = []
    if raw is None:
        return ()
    if not isinstance(raw, Mapping):
        raise Mistakes((Mistake(FILE, "the file", "holds no channels", "Start from the channels.yml that was shipped."),))
    from bot.platforms import (
        PLATFORMS,  # here, because an office without accounts needs none of their libraries
    )

    for channel, entries in raw.items():
        platform = PLATFORMS.get(str(channel))
        if platform is None:
            found.append(Mistake(FILE, str(channel), "is no channel of this desk", f"Known: {', '.join(PLATFORMS)}."))
            continue
        if not isinstance(entries or [], list):
            found.append(Mistake(FILE, str(channel), "is not a list of accounts", "Begin each account with '- '."))
            continue
        for position, entry in enumerate(entries or []):
            key = f"{channel}[{position}]"
            if not isinstance(entry, Mapping):
                found.append(Mistake(FILE, key, "is not an account", "Write its keys, e.g. community: YH."))
                continue
            try:
                account = platform.read(entry, secret)
            except ValueError as error:
                problem, _, remedy = str(error).removeprefix(f"{channel}: ").partition("; ")
                found.append(Mistake(FILE, key, problem, f"{remedy[:1].upper()}{remedy[1:]}."))
                continue
            listed.append(Listed(str(channel), account))
    seen: set[tuple[str, str]] = set()
    for one in listed:
        if (one.channel, one.name) in seen:
            found.append(Mistake(FILE, f"{one.channel} {one.name}", "is listed twice", "Give each account its own name."))
        seen.add((one.channel, one.name))
    if found:
        raise Mistakes(tuple(found))
    return tuple(listed)
