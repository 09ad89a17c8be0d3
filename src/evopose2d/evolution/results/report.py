"""What a search has come to, as tables, drawings and a summary: needs neither MLflow nor TensorFlow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evopose2d.evolution.results.archive import SearchArchive
from evopose2d.evolution.results.front import front_axes, front_dots, front_rows
from evopose2d.evolution.results.lineage import ancestry, pareto_numbers, population_table, tree_layout
from evopose2d.evolution.results.prediction import PredictionError
from evopose2d.evolution.sampler import Individual, Role, State
from evopose2d.files import write_json, write_text
from evopose2d.progress import duration
from evopose2d.stages.tables import write_csv
from evopose2d.visualization.front import pareto_front
from evopose2d.visualization.population import Dot, fitness_by_generation, lineage_tree, loss_against_size
from evopose2d.visualization.style import save_figure

POPULATION_TABLE = "population.json"
FRONT_TABLE = "front.json"
_SUMMARY_ROWS = 5
_BEST_COLUMNS = (
    "number",
    "generation",
    "parent",
    "mutation",
    "fitness",
    "gain",
    "AP",
    "val_loss",
    "parameters_m",
    "gmacs",
)
_FRONT_COLUMNS = ("number", "mutation", "AP", "val_loss", "fitness", "parameters_m", "gmacs", "latency_ms")
_FINAL_COLUMNS = (
    "place",
    "individual",
    "ancestor",
    "trainings",
    "fitness",
    "AP",
    "val_loss",
    "parameters_m",
    "gmacs",
    "latency_ms",
)


def write_report(archive: SearchArchive, folder: Path) -> list[Path]:
    """Write all there is to see of a search.

    Returns:
        The files: ``summary.md``, ``population.csv``, ``front.csv`` (the Pareto front), both as ``.json`` too (as
        MLflow shows tables), ``fitness_by_generation.png``, ``loss_against_size.png``, ``lineage.png`` and, of several
        objectives, ``front.png``.
    """
    write_text(folder / "summary.md", summary(archive))
    _write_table(folder / POPULATION_TABLE, population_rows(archive))
    _write_table(folder / FRONT_TABLE, front_rows(archive))
    dots = _dots(archive)
    best = [each.number for each in archive.best(1)]
    line = [each.number for each in ancestry(archive.individuals, best[0])] if best else []
    save_figure(fitness_by_generation(dots), folder / "fitness_by_generation.png")
    save_figure(loss_against_size(dots, pareto_numbers(archive.individuals), best), folder / "loss_against_size.png")
    save_figure(lineage_tree(dots, line), folder / "lineage.png")
    if len(archive.objectives) > 1:
        save_figure(pareto_front(front_dots(archive), front_axes(archive)), folder / "front.png")
    return sorted(folder.iterdir())


def _write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = list(rows[0]) if rows else []
    values = [list(row.values()) for row in rows]
    write_csv(path.with_suffix(".csv"), columns, values)
    write_json(path, {"columns": columns, "data": values}, indent=None)


def population_rows(archive: SearchArchive) -> list[dict[str, Any]]:
    """Return a row for each individual, by number; what is not known of one is None."""
    return [_row(row, archive) for row in population_table(archive.individuals, archive.front_objectives)]


def best_rows(archive: SearchArchive, count: int) -> list[dict[str, Any]]:
    """Return the rows of the best individuals, best first, as the search's selection ranks them."""
    rows = {row["number"]: row for row in population_rows(archive)}
    return [rows[each.number] for each in archive.best(count)]


def final_rows(archive: SearchArchive) -> list[dict[str, Any]]:
    """Return a row for each network of the finals, best first: means over its trainings; none without finals.

    ``latency_ms`` is None where it was not measured.
    """
    if archive.verdict is None:
        return []
    generations = {each.number: each.generation for each in archive.individuals}
    return [
        {
            "place": place,
            "individual": each.individual,
            "generation": generations[each.individual],
            "ancestor": each.individual == archive.verdict.ancestor,
            "trainings": len(each.trainings),
            "fitness": each.fitness,
            "AP": each.ap,
            "val_loss": each.val_loss,
            "parameters_m": each.parameters / 1e6,
            "gmacs": each.multiply_adds / 1e9,
            "latency_ms": each.trainings[0].latency,
        }
        for place, each in enumerate(archive.verdict.standings, start=1)
    ]


def summary(archive: SearchArchive) -> str:
    """Describe in Markdown how far the search has come, who is best, and how to train it in full."""
    done, failed = len(archive.finished), sum(each.state is State.FAILED for each in archive.individuals)
    seconds = sum(result.seconds for result in archive.results.values())
    lines = [
        f"**{done} of {archive.total} individuals done**"
        + (f", {failed} failed" if failed else "")
        + f"; {duration(seconds)} of training, started {archive.started.replace('T', ' ')}.",
        "",
        *_markdown_table(best_rows(archive, _SUMMARY_ROWS), _BEST_COLUMNS),
    ]
    if archive.verdict is not None:
        lines += ["", f"**{archive.verdict}**", "", *_markdown_table(final_rows(archive), _FINAL_COLUMNS)]
    if len(archive.objectives) > 1:
        names = ", ".join(each.name for each in archive.objectives)
        lines += ["", f"Pareto front of {names}:", "", *_markdown_table(front_rows(archive), _FRONT_COLUMNS)]
    if archive.predicts_latency:
        lines += ["", f"Latencies are predicted from those of the networks' parts: {_prediction_error(archive)}."]
    best = archive.best(1)
    if best:
        if len(archive.objectives) == 1:  # controls are compared by fitness
            lines += ["", _against_control(archive, best[0])]
        lines += ["", "To train the best in full:", "", "```"]
        lines += ["evopose2d evolve best --write && dvc repro", "```"]
    return "\n".join(lines) + "\n"


class GenerationProgress(NamedTuple):
    """How far a search had come when a generation was finished.

    Attributes:
        generation: from 0; in the steady state as many individuals as would be one.
        numbers: the individuals so far.
        figures: ``individuals_done``, and of those that could be trained ``best_fitness``, ``best_AP`` (so far),
            ``best_parameters_m`` (of the fittest) and ``best_gain`` (of the generation: how far a child was ahead of
            its control).
    """

    generation: int
    numbers: list[int]
    figures: dict[str, float]


def progress(archive: SearchArchive) -> list[GenerationProgress]:
    """Return how far the search had come, generation by generation, as far as they are finished."""
    points: list[GenerationProgress] = []
    so_far: list[Individual] = []
    for generation, members in enumerate(archive.generations_done()):
        so_far = [*so_far, *members]
        complete = [each for each in so_far if each.state is State.COMPLETE and each.role is not Role.CONTROL]
        figures: dict[str, float] = {"individuals_done": len(so_far)}
        if complete:
            fittest = min(complete, key=lambda each: (each.fitness, each.number))
            figures["best_fitness"] = float(fittest.fitness or 0.0)
            figures["best_AP"] = max(each.ap or 0.0 for each in complete)
            figures["best_parameters_m"] = (fittest.parameters or 0) / 1e6
        gains = [archive.gains[each.number] for each in members if each.number in archive.gains]
        if gains:
            figures["best_gain"] = max(gains)
        points.append(GenerationProgress(generation, [each.number for each in so_far], figures))
    return points


def _row(row: Mapping[str, Any], archive: SearchArchive) -> dict[str, Any]:
    result = archive.results.get(row["number"])
    parameters = row["parameters"]
    return {
        "number": row["number"],
        "generation": row["generation"],
        "parent": row["parent"],
        "mutation": row["mutation"],
        "role": row["role"],
        "state": row["state"],
        "fitness": row["fitness"],
        "gain": archive.gains.get(row["number"]),
        "AP": row["ap"],
        "val_loss": row["val_loss"],
        "parameters_m": None if parameters is None else parameters / 1e6,
        "gmacs": None if result is None else result.multiply_adds / 1e9,
        "latency_ms": None if result is None else result.latency,
        "epochs": None if result is None else len(result.epochs),
        "stopped": result is not None and result.stopped,
        "seconds": None if result is None else result.seconds,
        "pareto": row["pareto"],
        "genotype": row["genotype"],
    }


def _prediction_error(archive: SearchArchive) -> str:
    return str(PredictionError.read(archive.root) or "how far they are off cannot be read")


def _against_control(archive: SearchArchive, best: Individual) -> str:
    """Compare the best with what its parent would be, trained on as long: with anything else, age counts for it."""
    if best.parent is None:
        return "No child has been better than the ancestor so far."
    gain = archive.gains.get(best.number)
    if gain is None:
        return "The best one has been trained for longer than its parent; no control tells what its mutation was worth."
    return (
        f"The best one's fitness is {abs(gain):.3g} {'lower (better)' if gain > 0 else 'higher'} than that of its "
        "parent, trained on for as long without the mutation."
    )


def _markdown_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    head = [" | ".join(("", *names, "")).strip(), "|" + "---|" * len(names)]
    return (
        [*head, *(" | ".join(("", *(_cell(row[name]) for name in names), "")).strip() for row in rows)] if rows else []
    )


def _cell(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _dots(archive: SearchArchive) -> list[Dot]:
    places = {node.number: node.x for node in tree_layout(archive.individuals)}
    return [
        Dot(
            number=each.number,
            parent=each.parent,
            generation=each.generation,
            place=places[each.number],
            state=each.state.value,
            control=each.role is Role.CONTROL,
            fitness=each.fitness,
            val_loss=each.val_loss,
            parameters=each.parameters,
        )
        for each in archive.individuals
    ]
