"""``evopose2d benchmark latency``: the table from which a search predicts latencies, and how far it is off."""

from dataclasses import asdict, replace
from pathlib import Path

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Out, Overrides, ParamsFile, Set, load_settings
from evopose2d.cli.output import save, show


def latency(
    overrides: Overrides = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure the parts of some networks of the search, and hold the latencies that they predict against the whole.

    The parts stay in the table of the search's folder, from which `evolve.latency.source=table` predicts.
    """
    settings = load_settings(params, overrides, more)
    from evopose2d.data.shards import read_info
    from evopose2d.evolution.individuals.configuration import check_search
    from evopose2d.evolution.individuals.store import SearchStore
    from evopose2d.evolution.latency.gauge import latency_table
    from evopose2d.evolution.lock import driver_lock
    from evopose2d.evolution.results.prediction import PredictionError, held_out

    predicted = replace(settings.evolve.latency, source="table")
    settings = replace(settings, evolve=replace(settings.evolve, latency=predicted))
    check_search(settings)
    keypoints = read_info(Path(settings.write_tfrecords.root) / "train").schema
    with driver_lock(SearchStore(Path(settings.evolve.root)).lock_path), latency_table(settings, keypoints) as table:
        checked = table.check()
        parts = table.parts
    rows = [
        {
            "genotype": one.genotype,
            "predicted_ms": found,
            "measured_ms": one.measured,
            "error": found / one.measured - 1,
        }
        for one, found in zip(checked, held_out(checked), strict=True)
    ]
    error = PredictionError.of(checked)
    content = {"networks": rows, "parts": parts, "error": asdict(error)}
    save(content, out)
    if as_json:
        show(content, title="", as_json=True)
        return
    show(rows, title="latencies predicted from parts, and measured", as_json=False)
    typer.echo(f"{parts} parts; {error}")
