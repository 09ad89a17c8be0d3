"""Tables that stages write, whole or not at all."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from evopose2d.files import replacing


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with a header; no rows leave the header alone."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
