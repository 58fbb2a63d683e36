"""Runs a model's components one after the other, in an order found once.

Rasa's own runner gathers the components a target needs, makes a graph of them and has dask sort it, for every message anew: as much work
as finding the entities of a short one. The components of a loaded model never change, so their order does not either.
"""

from __future__ import annotations

from typing import Any

from rasa.engine.runner.dask import DaskGraphRunner


class PlannedRunner(DaskGraphRunner):
    """Loads like Rasa's runner; remembers for each set of targets what runs, and in which order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = {}

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """What each target gives (`GraphRunner.run`).

        Args:
            inputs: the values of the graph's open places, by name.
            targets: the components asked for; all that end a path where none is named.
        """
        wanted = tuple(targets or self._graph_schema.target_names)
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        done: dict[str, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        for name, needs in self._plans[wanted]:
            # A need that nothing fills goes in as its name, as with dask; the component then says what is missing.
            done[name] = self._instantiated_nodes[name](*(done.get(need, need) for need in needs))
        return dict(done[target] for target in wanted)

    def _plan(self, wanted: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        """The components the targets rest on, each behind those it needs: their names and needs."""
        nodes = self._graph_schema.nodes
        plan: dict[str, tuple[str, ...]] = {}

        def place(name: str) -> None:
            if name in plan or name not in nodes:
                return
            needs = tuple(nodes[name].needs.values())
            for need in needs:
                place(need)
            plan[name] = needs

        for target in wanted:
            place(target)
        return list(plan.items())
