"""``python -m benchmarks train-step`` and ``evaluate``."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Out, Overrides, ParamsFile, load_settings
from evopose2d.cli.output import import_tensorflow, save, show

_STEP_COLUMNS = ("median_s", "spread", "images_per_second", "ratio", "cpu_s", "cpu_ratio")
_PROCESS_COLUMNS = ("second_step_s", "second_step_cpu_s", "peak_mb", "tera_operations", "of_matrix_product", "loss")


def train_step(
    overrides: Overrides = None,
    network: Annotated[
        str, typer.Option(help="Published network to train; empty: the settings' `model`.")
    ] = "evopose2d_xs",
    batch_size: Annotated[int, typer.Option(min=1, help="Images of a step.")] = 16,
    repeats: Annotated[int, typer.Option(min=1, help="Timed steps of each variant.")] = 10,
    warm_up: Annotated[int, typer.Option(min=1, help="Steps before them, after the first two.")] = 2,
    starts: Annotated[int, typer.Option(min=1, help="Processes started for each variant.")] = 2,
    params: ParamsFile = PARAMS_FILE,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure the training step beside the original's: its speed, the time to the second step, memory."""
    from benchmarks.train_step import measure
    from evopose2d.config.catalogue import settings_of

    published = settings_of(network) if network else {}
    chosen = [f"{key}={json.dumps(value)}" for key, value in published.items() if key.startswith("model.")]
    chosen += [f"train.batch_size={batch_size}", *(overrides or ())]
    settings = load_settings(params, chosen, "")
    speeds = measure(
        params,
        chosen,
        architecture=settings.model.architecture,
        batch_size=settings.train.batch_size,
        repeats=repeats,
        warm_up=warm_up,
        starts=starts,
    )
    rows = [asdict(speed) for speed in speeds]
    save(rows, out)
    if as_json:
        show(rows, title="", as_json=True)
        return
    parts = (("a training step", _STEP_COLUMNS), ("its process", _PROCESS_COLUMNS))
    for title, columns in parts:
        part = [{column: row[column] for column in ("variant", *columns)} for row in rows]
        show(part, title=f"{title}, batch {settings.train.batch_size}", as_json=False)


def evaluate(
    people: Annotated[int, typer.Option(min=1, help="People; COCO val2017 has 11,004.")] = 11_004,
    batch_size: Annotated[int, typer.Option(min=1, help="People whose heatmaps are in memory at once.")] = 512,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure what follows the forward pass, from heatmaps to AP, beside the original's loops."""
    import_tensorflow()
    from benchmarks.crowd import draw_crowd
    from benchmarks.evaluation import compare_steps, evaluate_both_ways

    theirs, ours = evaluate_both_ways(draw_crowd(people), batch_size)
    rows = [asdict(step) for step in compare_steps(theirs, ours)]
    save(rows, out)
    show(rows, title=f"evaluation of {people:,} people after the forward pass", as_json=as_json)
