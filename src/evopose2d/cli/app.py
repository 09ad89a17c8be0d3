"""The subcommands."""

from pathlib import Path
from typing import Annotated

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Commands, Overrides, ParamsFile, Set, load_settings
from evopose2d.cli.benchmark import benchmark
from evopose2d.cli.dataset import dataset
from evopose2d.cli.devices import devices
from evopose2d.cli.evolve import evolve
from evopose2d.cli.export import export
from evopose2d.cli.import_labels import import_labels
from evopose2d.cli.networks import networks
from evopose2d.cli.output import configure_logging, import_quietly, show
from evopose2d.cli.predict import predict
from evopose2d.cli.refine import refine
from evopose2d.cli.results import sync
from evopose2d.cli.weights import convert_weights

app = typer.Typer(
    name="evopose2d",
    cls=Commands,
    help="Neuroevolution of 2D human pose networks as tracked, reproducible experiments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(evolve)
app.command()(sync)
app.add_typer(networks)
app.command()(convert_weights)
app.command()(devices)
app.add_typer(benchmark)
app.command("import")(import_labels)
app.command()(dataset)
app.command()(predict)
app.command()(refine)
app.command()(export)


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more, the libraries' logs included.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False,
) -> None:
    """Neuroevolution of 2D human pose networks as tracked, reproducible experiments."""
    configure_logging(verbose=verbose, quiet=quiet)


@app.command()
def download(
    overrides: Overrides = None, params: ParamsFile = PARAMS_FILE, more: Set = "", as_json: AsJson = False
) -> None:
    """Fetch or draw the dataset, in COCO's layout."""
    settings = load_settings(params, overrides, more)
    from evopose2d.stages import download

    show(download.run(settings), title="dataset", as_json=as_json)


@app.command()
def write_tfrecords(
    overrides: Overrides = None, params: ParamsFile = PARAMS_FILE, more: Set = "", as_json: AsJson = False
) -> None:
    """Write the dataset's people as TFRecords."""
    settings = load_settings(params, overrides, more)
    import_quietly("keras")
    from evopose2d.stages import write_tfrecords

    show(write_tfrecords.run(settings), title="records", as_json=as_json)


@app.command()
def train(
    overrides: Overrides = None, params: ParamsFile = PARAMS_FILE, more: Set = "", as_json: AsJson = False
) -> None:
    """Train the network; a run that was interrupted goes on after its last epoch."""
    settings = load_settings(params, overrides, more)
    import_quietly("keras")
    from evopose2d.stages import train

    show(train.run(settings), title="training", as_json=as_json)


@app.command()
def validate(
    overrides: Overrides = None, params: ParamsFile = PARAMS_FILE, more: Set = "", as_json: AsJson = False
) -> None:
    """Measure the trained network: COCO's ten figures, curves and pictures."""
    settings = load_settings(params, overrides, more)
    import_quietly("keras")
    from evopose2d.stages import validate

    show(validate.run(settings), title="COCO keypoint AP", as_json=as_json)


@app.command()
def inspect_inheritance(
    overrides: Overrides = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    as_json: AsJson = False,
    individual: Annotated[int, typer.Option(min=0, help="Individual of the search in evolve.root.")] = 0,
    weights: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Instead: weights of a network with model.genotype.")
    ] = None,
    per_kind: Annotated[int, typer.Option(min=1, help="Children of each kind of mutation.")] = 4,
    train: Annotated[bool, typer.Option("--train", help="Measure after the child's training, not at birth.")] = False,
) -> None:
    """Measure the loss of a trained individual's children under every inheritance rule, over its own."""
    settings = load_settings(params, overrides, more)
    from evopose2d.evolution.working import births

    parent = births.parent_of_file(settings, weights) if weights else births.parent_of_search(settings, individual)
    import_quietly("keras")
    title = f"val loss of children {'after their training' if train else 'at birth'}, over their parent's (median)"
    show(births.inspect_births(settings, parent, per_kind=per_kind, train=train), title=title, as_json=as_json)
