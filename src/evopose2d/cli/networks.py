"""The published configurations: listed, counted, chosen."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, ParamsFile
from evopose2d.cli.output import show
from evopose2d.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from evopose2d.config.catalogue import Published
    from evopose2d.networks.architecture import ModelConfig

_KEYPOINTS = 17
_BATCH = 32  # images whose memory is told
_COUNTED = "genotype"  # name of a network that has none
_CAPTION = (
    "M: million weights. G: 10^9 multiply-adds. GB: of an accelerator, by estimate, for a training batch of "
    f"{_BATCH} in float32, less in bfloat16. AP: COCO val2017, by the paper, from random weights; "
    "AP*: from ImageNet's. here: measured with this project."
)

networks = typer.Typer(
    name="networks",
    help="List the published networks, count any genotype, choose a published configuration.",
    add_completion=False,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)


@networks.callback()
def list_networks(
    context: typer.Context,
    genotype: Annotated[
        str, typer.Option(help="Count this one: [[kernel, repeats, channels / 8, stride], ...], YAML or JSON.")
    ] = "",
    input_shape: Annotated[str, typer.Option(metavar="HxW", help="Count for crops of this height and width.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the published networks with their sizes and the paper's AP, or count a genotype."""
    if context.invoked_subcommand is not None:
        return
    from evopose2d.config.catalogue import published
    from evopose2d.networks.registry import architecture_of

    shape = parse_shape(input_shape) if input_shape else None
    known = published()
    if genotype:
        ancestor = known["ancestor"].model
        model = architecture_of(ancestor).with_genotype(ancestor, _genotype(genotype))
        counted = {_COUNTED: _entry(model, shape)}
    else:
        listed = (each for each in known.values() if each.is_network)
        counted = {each.name: _entry(each.model, shape) | _figures(each) for each in listed}
        counted = dict(sorted(counted.items(), key=_family_and_size))
    if as_json:
        show(counted, title="", as_json=True)
    else:
        from rich.console import Console

        Console(markup=False).print(_table(counted))


@networks.command()
def use(
    name: Annotated[str, typer.Argument(help="evopose2d_s, say; with variants added: evopose2d_s_f32_imagenet.")],
    params: ParamsFile = PARAMS_FILE,
    as_json: AsJson = False,
) -> None:
    """Write a published configuration into the settings file; comments and other keys stay."""
    from evopose2d.config.catalogue import settings_of
    from evopose2d.config.editing import set_values

    changes = set_values(params, settings_of(name))
    rows = [asdict(change) for change in changes]
    if as_json:
        show(rows, title="", as_json=True)
    elif rows:
        show(
            [{key: str(value) for key, value in row.items()} for row in rows], title=f"{params}: {name}", as_json=False
        )
    else:
        typer.echo(f"{params}: holds {name} already")


def parse_shape(text: str) -> tuple[int, int]:
    """Read (H, W) from a text such as 256x192."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise ConfigError(f"--input-shape: got {text!r}, must be height x width in pixels, such as 256x192")
    return int(match[1]), int(match[2])


def _genotype(text: str) -> list[list[int]]:
    import yaml

    from evopose2d.genotype import Genotype

    try:
        return Genotype.from_lists(yaml.safe_load(text)).to_lists()
    except yaml.YAMLError:
        raise ConfigError(f"--genotype: got {text!r}, must be YAML or JSON") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"--genotype: {error}") from None


def _entry(model: "ModelConfig", shape: tuple[int, int] | None) -> dict[str, Any]:
    from evopose2d.config.checks import check_model
    from evopose2d.networks.summary import summarise

    if shape is not None:
        model = replace(model, input_shape=list(shape))
    check_model(model)
    summary = summarise(model, _KEYPOINTS)
    size = asdict(summary.size)
    del size["kept_values"]
    memory = {f"training_bytes_batch_{_BATCH}": summary.size.training_bytes(_BATCH)}
    entry = {"input_shape": summary.input_shape, "output_shape": summary.output_shape, **size, **memory}
    genotype = getattr(model, "genotype", None)
    return entry if genotype is None else entry | {"genotype": genotype}


def _figures(configuration: "Published") -> dict[str, Any]:
    return {
        "paper_coco_val": configuration.paper_coco_val,
        "measured_coco_val": configuration.measured_coco_val,
    }


def _family_and_size(item: tuple[str, Mapping[str, Any]]) -> tuple[bool, str, int]:
    name, entry = item
    return "genotype" not in entry, name.partition("_")[0], entry["multiply_adds"]


def _table(counted: Mapping[str, Mapping[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, caption=_CAPTION, caption_justify="left")
    table.add_column("network", no_wrap=True)
    for name in ("input", "output", "M", "G", "GB", "AP", "AP*", "here"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, entry in counted.items():
        paper, measured = entry.get("paper_coco_val", {}), entry.get("measured_coco_val", {})
        table.add_row(
            name,
            "x".join(map(str, entry["input_shape"][:2])),
            "x".join(map(str, entry["output_shape"][:2])),
            f"{entry['parameters'] / 1e6:.2f}",
            f"{entry['multiply_adds'] / 1e9:.2f}",
            f"{entry[f'training_bytes_batch_{_BATCH}'] / 1e9:.1f}",
            _ap(paper, "AP"),
            _ap(paper, "AP_imagenet_init"),
            _ap(measured, "AP"),
        )
    return table


def _ap(figures: Mapping[str, float], name: str) -> str:
    return f"{figures[name]:.3f}" if name in figures else "-"
