"""Strangers at the desk's door: who forge, replay and overload the calls that only a platform should make. None may come in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.world import World


async def roam(world: World) -> None:
    """Every now and then one of their tricks is tried."""
    chance, tricks = world.chance.stream("strangers"), world.platform.tricks
    while tricks and world.goes_on:
        await asyncio.sleep(chance.uniform(20.0, 120.0))
        if world.goes_on:
            await knock(world, chance.choice(tricks))


async def knock(world: World, trick: str) -> None:
    """Try this one."""
    world.attempts.append(await world.platform.tries(trick))
