"""How MLflow's pages open on a search: columns, order and charts.

MLflow keeps a shared view of its run list as a tag of the experiment, and opens it by an address that names the tag.
"""

import json
from collections.abc import Sequence
from typing import Any

from evopose2d.tracking.connection import web_address
from evopose2d.tracking.search_runs import WORKFLOW, SearchRuns

_VIEW_TAG = "mlflow.sharedViewState."
_METRICS = ("fitness", "gain", "AP", "best_val_loss", "parameters_m", "gmacs", "seconds")
_TAGS = ("role", "generation", "parent", "mutation", "state")
_ALL_VISIBLE = 100  # runs that charts can show at once
_MOST_AXES = 12


def share_view(runs: SearchRuns, genes: Sequence[str], count: int) -> None:
    """Have a search's individuals shown by fitness, with the columns and charts that tell them apart.

    Args:
        runs: the search in MLflow.
        genes: params that differ between individuals, those that tell most first.
        count: individuals of the search.
    """
    view = _view(runs.search, sorted(genes[:_MOST_AXES]), count)
    runs.client.set_experiment_tag(runs.experiment, f"{_VIEW_TAG}{_key(runs.search)}", json.dumps(view))


def view_address(runs: SearchRuns, *, charts: bool = False) -> str:
    """Return where a browser finds the view: as a table, or as charts."""
    mode = "&compareRunsMode=CHART" if charts else ""
    page = f"#/experiments/{runs.experiment}/runs?viewStateShareKey={_key(runs.search)}{mode}&{WORKFLOW}"
    return f"{web_address(runs.client.tracking_uri)}/{page}"


def _key(search: str) -> str:
    return f"evopose2d-{search[:12]}"


def _view(search: str, genes: Sequence[str], count: int) -> dict[str, Any]:
    return {
        "searchFilter": f"tags.search = '{search}' and tags.kind = 'individual'",
        "orderByKey": _column("metrics", "fitness"),
        "orderByAsc": True,
        "selectedColumns": [
            *(_column("metrics", name) for name in _METRICS),
            *(_column("tags", name) for name in _TAGS),
        ],
        "runsHiddenMode": "SHOW_ALL" if count <= _ALL_VISIBLE else "FIRST_20_RUNS",
        "compareRunSections": [
            _section("genes", "Genes", columns=1),
            _section("population", "Population", columns=2),
            _section("epochs", "By epoch", columns=3),
        ],
        "isAccordionReordered": True,
        "compareRunCharts": [
            _chart("genes", "PARALLEL", "genes", "genes and fitness")
            | {"selectedParams": list(genes), "selectedMetrics": ["parameters_m", "fitness"], "showAllRuns": True},
            _chart("size", "SCATTER", "population", "AP against size")
            | {"xaxis": _axis("parameters_m"), "yaxis": _axis("AP"), "runsCountToCompare": count},
            _chart("fitness", "BAR", "population", "fitness") | {"metricKey": "fitness", "runsCountToCompare": count},
            *(
                _chart(name, "LINE", "epochs", label) | {"metricKey": name, "selectedMetricKeys": [name]}
                for name, label in (("val_loss", "val loss"), ("val_ap", "val AP"), ("loss", "training loss"))
            ),
        ],
    }


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _section(uuid: str, name: str, columns: int) -> dict[str, Any]:
    shown = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    return {"uuid": uuid, "name": name, "columns": columns, "cardHeight": 400, **shown}


def _chart(uuid: str, kind: str, section: str, name: str) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "type": kind,
        "metricSectionId": section,
        "displayName": name,
        "deleted": False,
        "isGenerated": False,
    }


def _axis(metric: str) -> dict[str, str]:
    return {"key": metric, "type": "METRIC"}
