"""``python -m benchmarks evolve``: what a search costs besides its trainings."""

import json
import logging
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Out, Overrides, ParamsFile, Set, load_settings
from evopose2d.cli.output import import_quietly, save, show
from evopose2d.errors import ConfigError

if TYPE_CHECKING:
    from evopose2d.config.schema import Params


def evolve(
    overrides: Overrides = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="The real sampler and driver; trainings only seem to happen.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Simulated workers.")] = 1000,
    individuals: Annotated[int, typer.Option(min=2, help="Simulated individuals at least.")] = 10_000,
    children: Annotated[int, typer.Option(min=0, help="Individuals in a generation; 0: as many as workers.")] = 0,
    schedule: Annotated[
        Literal["steady-state", "generational"], typer.Option(help="The simulated search's schedule.")
    ] = "steady-state",
    seconds: Annotated[float, typer.Option(min=0.001, help="Mean of a child's simulated training.")] = 600.0,
    spread: Annotated[float, typer.Option(min=0.0, help="Deviation of its logarithm.")] = 0.5,
    disk: Annotated[bool, typer.Option("--disk", help="With the journal and the files that a search keeps.")] = False,
    compare: Annotated[
        int, typer.Option(min=0, help="Seeds over which to compare evolve.stopping with none, at equal compute.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated search.")] = 0,
    network: Annotated[
        str, typer.Option(help="Published network that the small search starts from; empty: the settings' ancestor.")
    ] = "",
    trained: Annotated[int, typer.Option(min=2, help="Children of the small search.")] = 7,
    images: Annotated[int, typer.Option(min=2, help="Training images drawn for the small search.")] = 12,
    rounds: Annotated[int, typer.Option(min=0, help="Times that the original is started for comparison.")] = 2,
    curves: Annotated[
        Path | None, typer.Option(help="Draw a simulated search's time and memory by population to this file.")
    ] = None,
    out: Out = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    as_json: AsJson = False,
) -> None:
    """Measure what a search costs besides its trainings: a small one that is run, or a large one that is simulated."""
    chosen = [*_start_from(network), *(overrides or ())]
    settings = load_settings(params, chosen, more)
    if not simulate:
        _really(settings, children=trained, images=images, rounds=rounds, out=out, as_json=as_json)
        return
    from benchmarks import simulated_search

    # The driver would tell of each individual.
    logging.getLogger("evopose2d.evolution").setLevel(logging.WARNING)
    sized = simulated_search.sized(
        settings, individuals=individuals, children=children or workers, schedule=schedule, seed=seed
    )
    if compare:
        from benchmarks.stopping import compare_stopping

        if settings.evolve.stopping == "none":
            raise ConfigError("evolve.stopping: got 'none', must be a way of stopping to compare with none")
        search = partial(simulated_search.simulate, workers=workers, seconds=seconds, spread=spread, timer=None)
        rows = compare_stopping(sized, search, range(seed, seed + compare))
        title = f"{schedule}, stopped by {settings.evolve.stopping} or not, over {compare} simulated searches"
        compared = [asdict(row) for row in rows]
        save(compared, out)
        show(compared, title=title, as_json=as_json)
        return
    found = simulated_search.simulate(sized, workers=workers, seconds=seconds, spread=spread, on_disk=disk)
    growth = [asdict(point) for point in found.growth]
    whole = {name: value for name, value in vars(found).items() if name not in ("growth", "population", "ended")}
    save({**whole, "growth": growth}, out)
    if curves is not None:
        from benchmarks.growth import growth_curves
        from evopose2d.visualization.style import save_figure

        columns = {name: [point[name] for point in growth] for name in growth[0]}
        names = ("individuals", "driver_ms", "ask_ms", "memory_kb")
        save_figure(growth_curves(*(columns[name] for name in names)), curves)
    if as_json:
        show({**whole, "growth": growth}, title="", as_json=True)
        return
    show(whole, title=f"simulated search, {schedule}", as_json=False)
    show(growth, title="costs for an individual as the population grows", as_json=False)


def _start_from(network: str) -> list[str]:
    """Return the settings of a search whose ancestor is a published network."""
    if not network:
        return []
    from evopose2d.config.catalogue import network_overrides, settings_of

    return [*network_overrides(network), f"evolve.ancestor={json.dumps(settings_of(network)['model.genotype'])}"]


def _really(settings: "Params", *, children: int, images: int, rounds: int, out: Path | None, as_json: bool) -> None:
    import_quietly("keras")
    from benchmarks.search_costs import measure

    costs = measure(settings, children=children, images=images, rounds=rounds)
    everything = {**asdict(costs), "rows": costs.rows()}
    save(everything, out)
    if as_json:
        show(everything, title="", as_json=True)
        return
    show(costs.rows(), title="seconds of an individual besides training and validation", as_json=False)
    show({**costs.whole, "ending_seconds": costs.ending}, title="in a search of the settings' length", as_json=False)
