"""Options of the commands that use a trained network."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Model = Annotated[Path, typer.Option(help="Folder of the trained network.", file_okay=False)]
FlipTest = Annotated[bool, typer.Option(help="Average with the mirrored image: twice the work.")]
Method = Annotated[Literal["quarter-pixel", "dark"], typer.Option("--decoding", help="How peaks are found.")]
Coordinates = Annotated[
    Literal["original", "exact", "udp"],
    typer.Option(help="exact: align the mirrored image exactly; udp: for networks trained in UDP's coordinates."),
]
BatchSize = Annotated[int, typer.Option(min=1, help="People in a forward pass at most.")]
Device = Annotated[Literal["auto", "cpu", "gpu", "tpu"], typer.Option(help="Where to compute.")]
Precision = Annotated[Literal["float32", "bfloat16"], typer.Option(help="Numeric precision of the network.")]
