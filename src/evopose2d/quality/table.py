"""The table of the ground truth: one row a training, in a compressed CSV file that tells what made it."""

import csv
import gzip
import io
import json
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evopose2d.errors import DataError
from evopose2d.files import replacing
from evopose2d.genotype import BLOCKS, GENES, Genotype

SHIPPED = Path(__file__).with_name("truth.csv.gz")
"""The table that comes with the package (docs/search-quality.md)."""

_VERSION = 1
_COLUMNS = (
    "number",
    "replicate",
    "mutations",
    "genotype",
    "seed",
    "val_loss",
    "ap",
    "parameters",
    "multiply_adds",
    "seconds",
)


@dataclass(frozen=True)
class Row:
    """A genotype trained in full from random weights.

    Attributes:
        number: of the genotype in its sample, from 0 (the ancestor).
        replicate: which of the genotype's seeds, from 0.
        mutations: steps from the ancestor; None where it was drawn uniformly.
        genotype: its genes.
        seed: that it was trained with.
        val_losses: val loss after each epoch.
        aps: COCO keypoint AP after each epoch, 0 to 1.
        parameters: of its network.
        multiply_adds: of a forward pass over one image.
        seconds: that it took.
    """

    number: int
    replicate: int
    mutations: int | None
    genotype: Genotype
    seed: int
    val_losses: tuple[float, ...]
    aps: tuple[float, ...]
    parameters: int
    multiply_adds: int
    seconds: float

    @property
    def key(self) -> tuple[int, int]:
        """What tells rows apart: number of the genotype and replicate."""
        return self.number, self.replicate

    @property
    def val_loss(self) -> float:
        """Least val loss, that of the weights a search would keep."""
        return min(self.val_losses)

    @property
    def ap(self) -> float:
        """AP after the epoch of the least val loss."""
        return self.aps[self.val_losses.index(self.val_loss)]


@dataclass(frozen=True)
class TruthTable:
    """Trainings in full of a sample of genotypes.

    Attributes:
        settings: all that determines the rows, by dotted key.
        made_with: versions of what trained them.
        rows: by (number, replicate), ascending.
    """

    settings: Mapping[str, Any]
    made_with: Mapping[str, str]
    rows: Sequence[Row] = field(default=())

    def with_row(self, row: Row) -> "TruthTable":
        """Return the table with one row more, or in the place of the one with its key."""
        rows = {each.key: each for each in self.rows} | {row.key: row}
        return replace(self, rows=[rows[key] for key in sorted(rows)])

    @property
    def keys(self) -> set[tuple[int, int]]:
        """Which rows there are."""
        return {row.key for row in self.rows}

    @property
    def replicated(self) -> dict[int, list[Row]]:
        """The rows of each genotype that has several, by its number."""
        groups: dict[int, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.number, []).append(row)
        return {number: group for number, group in groups.items() if len(group) > 1}


def write_table(path: Path, table: TruthTable) -> None:
    """Write a table, whole or not at all; equal tables give equal bytes."""
    text = io.StringIO(newline="")
    header = {"version": _VERSION, "settings": dict(table.settings), "made_with": dict(table.made_with)}
    text.write(f"# {json.dumps(header, sort_keys=True)}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_cells(row) for row in table.rows)
    with replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def read_table(path: Path) -> TruthTable:
    """Read a table.

    Raises:
        DataError: there is no such file, or it holds no table of this version.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            header = json.loads(file.readline().removeprefix("# "))
            if header["version"] != _VERSION:
                raise ValueError(f"version {header['version']}, must be {_VERSION}")
            records = csv.DictReader(file)
            if tuple(records.fieldnames or ()) != _COLUMNS:
                raise ValueError(f"columns {records.fieldnames}, must be {list(_COLUMNS)}")
            return TruthTable(header["settings"], header["made_with"], _rows(records))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; `evopose2d benchmark truth` makes one") from None
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: not a table of trainings: {' '.join(str(error).split())}") from None


def _rows(records: Iterable[Mapping[str, str]]) -> list[Row]:
    return sorted(map(_row, records), key=operator.attrgetter("key"))


def _cells(row: Row) -> list[Any]:
    genes = [value for block in row.genotype.to_lists() for value in block]
    return [
        row.number,
        row.replicate,
        "uniform" if row.mutations is None else row.mutations,
        " ".join(map(str, genes)),
        row.seed,
        " ".join(f"{value:.7g}" for value in row.val_losses),
        " ".join(f"{value:.7g}" for value in row.aps),
        row.parameters,
        row.multiply_adds,
        f"{row.seconds:.2f}",
    ]


def _row(cells: Mapping[str, str]) -> Row:
    genes = [int(value) for value in cells["genotype"].split()]
    if len(genes) != BLOCKS * len(GENES):
        raise ValueError(f"genotype {cells['genotype']!r}, must be {BLOCKS * len(GENES)} genes")
    val_losses, aps = (tuple(float(value) for value in cells[name].split()) for name in ("val_loss", "ap"))
    if not val_losses or len(val_losses) != len(aps):
        raise ValueError(f"row {cells['number']}: {len(val_losses)} val losses and {len(aps)} APs")
    return Row(
        number=int(cells["number"]),
        replicate=int(cells["replicate"]),
        mutations=None if cells["mutations"] == "uniform" else int(cells["mutations"]),
        genotype=Genotype.from_lists(genes[start : start + len(GENES)] for start in range(0, len(genes), len(GENES))),
        seed=int(cells["seed"]),
        val_losses=val_losses,
        aps=aps,
        parameters=int(cells["parameters"]),
        multiply_adds=int(cells["multiply_adds"]),
        seconds=float(cells["seconds"]),
    )
