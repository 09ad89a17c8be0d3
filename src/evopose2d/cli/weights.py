"""The command that converts weight files."""

from pathlib import Path
from typing import Annotated

import typer

from evopose2d.cli.arguments import AsJson
from evopose2d.cli.networks import parse_shape
from evopose2d.cli.output import import_quietly, show
from evopose2d.errors import ConfigError


def convert_weights(
    old: Annotated[Path, typer.Argument(help="A .h5 file of the original project (Keras 2) or of this one.")],
    new: Annotated[Path, typer.Argument(help="A .h5 file, or a folder for the stages, such as models/pose.")],
    network: Annotated[str, typer.Option(help="Published network that it is of, where the file does not tell.")] = "",
    input_shape: Annotated[str, typer.Option(metavar="HxW", help="Crops that the network is to take.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write an original weight file in the current form, and say which network it is of."""
    from evopose2d.config.catalogue import published

    shape = list(parse_shape(input_shape)) if input_shape else None
    known = {name: each for name, each in published().items() if each.is_network}
    if network and network not in known:
        raise ConfigError(f"--network: got {network!r}, must be one of {', '.join(known)}")
    import_quietly("keras")
    from evopose2d.stages.conversion import convert

    model = known[network].model if network else None
    show(convert(old, new, model, shape), title=f"{old} -> {new}", as_json=as_json)
