import gzip

import pytest
from tests.evolution.searching import ANCESTOR

from evopose2d.errors import DataError
from evopose2d.quality.table import Row, TruthTable, read_table, write_table


def row(number, replicate=0, losses=(3.0, 1.25, 2.0), aps=(0.1, 0.25, 0.5), mutations=None):
    return Row(number, replicate, mutations, ANCESTOR, 7, losses, aps, 1000, 2000, 1.5)


TABLE = TruthTable({"evolve.seed": 0, "model.input_shape": [64, 32]}, {"numpy": "2"})


def test_what_is_written_is_read(tmp_path):
    table = TABLE.with_row(row(2)).with_row(row(0, mutations=0)).with_row(row(0, 1, mutations=0))
    write_table(tmp_path / "a.csv.gz", table)
    write_table(tmp_path / "b.csv.gz", table)
    assert read_table(tmp_path / "a.csv.gz") == table
    assert [each.key for each in table.rows] == [(0, 0), (0, 1), (2, 0)]
    assert list(table.replicated) == [0]
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_a_row_is_judged_by_its_least_val_loss():
    assert (row(0).val_loss, row(0).ap) == (1.25, 0.25)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"version": 1', '"version": 9', "version 9"),
        ("number,replicate", "number,seed", "columns"),
        ("3 1 2 1 ", "", "28 genes"),
        ("3 1.25 2", "3 1.25", "2 val losses and 3 APs"),
        ("# {", "{{", "not a table"),
    ],
)
def test_a_file_that_is_no_table_is_told(tmp_path, old, new, told):
    path = tmp_path / "table.csv.gz"
    write_table(path, TABLE.with_row(row(2)))
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new, 1).encode()))
    with pytest.raises(DataError, match=told) as raised:
        read_table(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there_or_cut_is_told(tmp_path):
    path = tmp_path / "table.csv.gz"
    with pytest.raises(DataError, match="no such file"):
        read_table(path)
    write_table(path, TABLE.with_row(row(2)))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="not a table"):
        read_table(path)
