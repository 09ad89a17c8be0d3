"""Tables for people, JSON for programs."""

import json

from evopose2d.cli.output import show


def test_rows_as_json(capsys):
    rows = [{"name": "a", "people": 1200, "ap": 0.5}, {"name": "b", "people": 3, "ap": 0.25}]
    show(rows, title="things", as_json=True)
    assert json.loads(capsys.readouterr().out) == rows


def test_rows_as_a_table(capsys):
    show([{"name": "a", "people": 1200, "val_ap": 0.123456}], title="things", as_json=False)
    shown = capsys.readouterr().out
    for word in ("things", "val ap", "1,200", "0.1235"):
        assert word in shown


def test_names_with_values(capsys):
    show({"AP": 0.5, "people": 20}, title="figures", as_json=False)
    shown = capsys.readouterr().out
    assert "AP" in shown
    assert "0.5" in shown
    show({"AP": 0.5}, title="figures", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"AP": 0.5}


def test_brackets_are_text(capsys):
    show({"install": "evopose2d[jax]"}, title="[Errno 28]", as_json=False)
    shown = capsys.readouterr().out
    assert "evopose2d[jax]" in shown
    assert "[Errno 28]" in shown
