"""``evopose2d benchmark``: how fast things are on this machine."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Out, Overrides, ParamsFile, Set, load_settings
from evopose2d.cli.benchmark_latency import latency
from evopose2d.cli.benchmark_quality import ranking, samplers, surrogate, truth
from evopose2d.cli.options import Coordinates, Device, FlipTest, Method, Precision
from evopose2d.cli.output import import_quietly, save, show

benchmark = typer.Typer(
    name="benchmark",
    help="Measure how fast things are on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@benchmark.callback()
def group() -> None:
    """Measure how fast things are on this machine."""


@benchmark.command()
def inference(
    overrides: Overrides = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a trained network; without it, the settings' `model` is built.")
    ] = None,
    batch_size: Annotated[list[int] | None, typer.Option(min=1, help="People at once; repeatable.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timed calls of each.")] = 30,
    warm_up: Annotated[int, typer.Option(min=1, help="Calls before them, the first told apart.")] = 3,
    flip_test: FlipTest = False,
    decoding: Method = "quarter-pixel",
    coordinates: Coordinates = "original",
    device: Device = "auto",
    precision: Precision = "float32",
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure inference: images a second and latency by batch size, the network alone and end to end."""
    settings = None if model is not None else load_settings(params, overrides, more)
    import_quietly("keras")
    from evopose2d.accelerator import prepare
    from evopose2d.benchmarks.inference import measure
    from evopose2d.config.schema import AcceleratorConfig
    from evopose2d.keypoints import COCO_PERSON
    from evopose2d.networks.build import build_network
    from evopose2d.stages.pose_model import PoseModel, load_pose_model

    accelerator = prepare(AcceleratorConfig(device=device, precision=precision, xla="auto"))
    if settings is None and model is not None:
        loaded = load_pose_model(model)
    else:
        assert settings is not None
        network = build_network(settings.model, COCO_PERSON.count, seed=0)
        loaded = PoseModel(network, settings.model, COCO_PERSON, settings.train.sigma)
    speeds = measure(
        loaded,
        batch_size or [1, 8, 32],
        repeats=repeats,
        warm_up=warm_up,
        flip_test=flip_test,
        decoding=decoding,
        coordinates=coordinates,
        jit_compile=accelerator.jit_compile,
    )
    flip = "with" if flip_test else "without"
    title = f"inference on {accelerator.device}, {precision}, {flip} flip test"
    rows = [asdict(speed) for speed in speeds]
    save(rows, out)
    show(rows, title=title, as_json=as_json)


@benchmark.command()
def pipeline(
    overrides: Overrides = None,
    batch_size: Annotated[int, typer.Option(min=1, help="People in a batch.")] = 16,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds in which each pipeline is measured.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.0, help="Seconds for which each is read in a round.")] = 3.0,
    warm_up: Annotated[int, typer.Option(min=0, help="Batches before them.")] = 8,
    cores: Annotated[
        str, typer.Option(help="Numbers of cores such as 1,2,4: measure on each, and print how speeds grow with them.")
    ] = "",
    out: Out = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    as_json: AsJson = False,
) -> None:
    """Measure the input pipeline on the training records: the original's order, decoding alone, this project's."""
    settings = load_settings(params, overrides, more)
    if cores:
        options = {"--repeats": repeats, "--seconds": seconds, "--warm-up": warm_up, "--params": params, "--set": more}
        rows = _scaling(overrides or [], cores, batch_size, options)
        save(rows, out)
        show(rows, title=f"input pipeline, batches of {batch_size}", as_json=as_json)
        return
    import_quietly("keras")
    from evopose2d.benchmarks.pipeline import measure
    from evopose2d.data.shards import read_info

    root = Path(settings.write_tfrecords.root)
    records = read_info(root / "train")
    height, width = settings.model.input_shape
    speeds = measure(
        records,
        (height, width),
        quality=settings.write_tfrecords.crops.quality,
        batch_size=batch_size,
        repeats=repeats,
        seconds=seconds,
        warm_up=warm_up,
        cache_megabytes=settings.evolve.cache_megabytes,
        detections=read_info(root / "val-detections") if (root / "val-detections").exists() else None,
    )
    rows = [asdict(speed) for speed in speeds]
    save(rows, out)
    show(rows, title=f"input pipeline, {height}x{width}, {records.people} people", as_json=as_json)


def _scaling(
    overrides: list[str], cores: str, batch_size: int, options: Mapping[str, object]
) -> list[dict[str, object]]:
    """Measure in a process of its own for each number of cores."""
    from evopose2d.benchmarks.scaling import counts, measure_scaling

    options = {"--batch-size": batch_size, **options}
    given = [str(part) for option in options.items() if option[1] != "" for part in option]
    arguments = ["benchmark", "pipeline", *overrides, *given, "--json"]
    return [asdict(scaling) for scaling in measure_scaling(arguments, counts(cores), batch_size)]


for command in (latency, truth, surrogate, samplers, ranking):
    benchmark.command()(command)
