"""``python -m benchmarks train-step``, ``evaluate``, ``accelerator`` and ``memory``."""

from dataclasses import asdict
from typing import Annotated

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Out, Overrides, ParamsFile, load_settings
from evopose2d.cli.output import import_quietly, save, show

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
    from evopose2d.config.catalogue import network_overrides

    chosen = network_overrides(network) if network else []
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
    import_quietly("keras")
    from benchmarks.crowd import draw_crowd
    from benchmarks.evaluation import compare_steps, evaluate_both_ways

    theirs, ours = evaluate_both_ways(draw_crowd(people), batch_size)
    rows = [asdict(step) for step in compare_steps(theirs, ours)]
    save(rows, out)
    show(rows, title=f"evaluation of {people:,} people after the forward pass", as_json=as_json)


def accelerator(
    network: Annotated[list[str] | None, typer.Option(help="Published network; repeatable.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images of a step.")] = 64,
    steps: Annotated[int, typer.Option(min=1, help="Timed steps of each process.")] = 12,
    seconds: Annotated[float, typer.Option(min=1.0, help="After which nothing more is begun.")] = 450.0,
    device: Annotated[str, typer.Option(help="As accelerator.device.")] = "auto",
    gpus: Annotated[float, typer.Option(min=0.0, help="As evolve.gpus, of the small search.")] = 0.5,
    params: ParamsFile = PARAMS_FILE,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure what a GPU or TPU gives: steps, memory, sharing, the pipeline and a small search."""
    from benchmarks.accelerator import NETWORKS, AcceleratorBenchmark, Extent

    extent = Extent(network or NETWORKS, batch_size, steps, seconds, device, gpus)
    parts = AcceleratorBenchmark(params, extent).run()
    save(parts, out)
    if as_json:
        show(parts, title="", as_json=True)
        return
    for title, rows in parts.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        show([{column: row.get(column, "") for column in columns} for row in rows], title=title, as_json=False)


def memory(
    network: Annotated[list[str] | None, typer.Option(help="Published network; repeatable.")] = None,
    batch_size: Annotated[list[int] | None, typer.Option(min=1, help="Images of a step; repeatable.")] = None,
    params: ParamsFile = PARAMS_FILE,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure the memory that training takes on a CPU beside what `evopose2d networks` estimates."""
    from benchmarks.memory import measure_memory

    chosen = [(name, size) for name in network or ["evopose2d_xs"] for size in batch_size or [1, 4, 16]]
    measured = [measure_memory(params.absolute(), name, size) for name, size in chosen]
    rows = [asdict(each) | {"ratio": each.ratio} for each in measured]
    save(rows, out)
    show(rows, title="memory of a training, float32", as_json=as_json)
