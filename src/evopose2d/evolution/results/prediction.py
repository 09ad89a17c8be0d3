"""How far predicted latencies are off, as networks tell that were measured whole beside the table."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


def table_path(root: Path) -> Path:
    """Return where a search keeps the latencies of the parts of its networks."""
    return root / "latency" / "table.json"


@dataclass(frozen=True)
class Checked:
    """A network that was measured whole.

    Attributes:
        genotype: its genes, in words.
        parts: milliseconds of its parts, what cutting them apart costs taken off.
        measured: milliseconds of the whole.
    """

    genotype: str
    parts: float
    measured: float

    @property
    def ratio(self) -> float:
        """Measured for one predicted by the parts alone."""
        return self.measured / self.parts


@dataclass(frozen=True)
class PredictionError:
    """How far predictions are off.

    Attributes:
        networks: that were measured whole.
        median: relative error that half of them do not exceed.
        worst: the greatest relative error.
        rank_correlation: Spearman's, of predicted and measured latencies, -1 to 1; NaN where all are equal.
    """

    networks: int
    median: float
    worst: float
    rank_correlation: float

    @classmethod
    def of(cls, checked: Sequence[Checked]) -> Self:
        """Compare networks with what is predicted of each from the parts and the other networks alone.

        Args:
            checked: at least two.
        """
        from scipy.stats import spearmanr

        found = held_out(checked)
        measured = [each.measured for each in checked]
        errors = [abs(one / other - 1) for one, other in zip(found, measured, strict=True)]
        rank = float(spearmanr(found, measured).statistic)
        return cls(len(checked), statistics.median(errors), max(errors), rank)

    @classmethod
    def read(cls, root: Path) -> Self | None:
        """Read it of a search; None where there is none yet."""
        try:
            content = json.loads(table_path(root).read_text(encoding="utf-8"))
            checked = [Checked(**each) for each in content["checked"]]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return cls.of(checked) if len(checked) > 1 else None

    def __str__(self) -> str:
        return (
            f"of {self.networks} networks measured whole, predictions are off by {self.median:.1%} in the median and "
            f"{self.worst:.1%} at worst; rank correlation {self.rank_correlation:.2f}"
        )


def scale(checked: Sequence[Checked]) -> float:
    """Return by what a sum of parts is multiplied to predict a whole network: the median of what was measured."""
    return statistics.median(each.ratio for each in checked)


def held_out(checked: Sequence[Checked]) -> list[float]:
    """Return what is predicted of each network by its parts, scaled by all others: what it was measured is not used."""
    return [each.parts * scale([*checked[:place], *checked[place + 1 :]]) for place, each in enumerate(checked)]
