"""What MLflow is told of an individual."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.finalists import FINAL_REPEATS
from evopose2d.evolution.results.progress import origin_of
from evopose2d.evolution.sampler import Role
from evopose2d.files import file_sha256, write_json, write_text
from evopose2d.genotype import BLOCKS, GENES, Genotype
from evopose2d.genotype.encoding import FURTHER_GENES
from evopose2d.stages.tables import write_csv
from evopose2d.tracking.search_runs import IndividualRun, Measurement
from evopose2d.visualization.curves import training_curves
from evopose2d.visualization.style import save_figure

_LONGEST_TAG = 4000
_OF_BLOCKS = {f"b{n}_{gene}": (str(n), gene) for n in range(1, BLOCKS + 1) for gene in (*GENES, *FURTHER_GENES)}


@dataclass(frozen=True)
class RunContext:
    """What a run shows besides its individual.

    Attributes:
        store: the search directory, for the weights and for when the result was written.
        total: individuals of the search, for names of one length.
        link: returns a link to another individual's run.
        parent: the parent's genotype; None without one, or where it is not known.
    """

    store: SearchStore
    total: int
    link: Callable[[int], str]
    parent: Genotype | None = None


def run_of_result(result: IndividualResult, context: RunContext, folder: Path) -> IndividualRun:
    """Describe a trained individual's run.

    Args:
        result: of the individual.
        context: what else its run shows.
        folder: an empty folder; files that are made for the run are written there.
    """
    store = context.store
    ended = store.result_path(result.number).stat().st_mtime
    started = ended - result.seconds
    write_text(folder / "genotype.yaml", genotype_yaml(result.genotype))
    write_json(folder / "result.json", result.to_json())
    rows = [asdict(epoch) for epoch in result.epochs]
    write_csv(folder / "learning_curve.csv", list(rows[0]), [list(row.values()) for row in rows])
    curves = {name: [row[name] for row in rows] for name in ("loss", "val_loss", "learning_rate")}
    save_figure(training_curves(curves), folder / "learning_curve.png")
    files = [store.weights_path(result.number), *sorted(folder.iterdir())]
    return IndividualRun(
        number=result.number,
        name=run_name(result, context.total),
        params=result.genotype.genes,
        tags=_tags(result, context.parent) | {"state": "complete", "host": result.host} | _stopped(result),
        measurements=_measurements(result, started, ended),
        note=_note(result, context.link, f"fitness {result.fitness:.4g}, AP {result.ap:.3f}") + _in_full(result),
        files=files,
        started=started,
        ended=ended,
        kind=_kind(result),
        digest=file_sha256(store.result_path(result.number)),
    )


def run_of_failure(failure: IndividualFailure, context: RunContext, folder: Path) -> IndividualRun:
    """Describe the run of an individual that could not be trained; arguments as those of ``run_of_result``."""
    ended = context.store.failure_path(failure.number).stat().st_mtime
    write_text(folder / "genotype.yaml", genotype_yaml(failure.genotype))
    write_json(folder / "failure.json", failure.to_json())
    write_text(folder / "error.txt", f"{failure.error}\n\n{failure.details}\n")
    tries = f"failed after {failure.attempts} attempts: {failure.error}"
    return IndividualRun(
        number=failure.number,
        name=run_name(failure, context.total),
        params=failure.genotype.genes,
        tags=_tags(failure, context.parent) | {"state": "failed", "error": failure.error[:_LONGEST_TAG]},
        measurements=(),
        note=_note(failure, context.link, tries),
        files=sorted(folder.iterdir()),
        started=ended,
        ended=ended,
        failed=True,
        kind=_kind(failure),
        digest=file_sha256(context.store.failure_path(failure.number)),
    )


def run_name(individual: IndividualResult | IndividualFailure, total: int) -> str:
    """Name an individual's run, such as ``07 · g2 · block5 kernel 3→5``."""
    origin = origin_of(individual).replace("block ", "block")
    if individual.role is Role.FINALIST:
        return f"finals · {origin} · training {individual.number % FINAL_REPEATS + 1}"
    return f"{individual.number:0{max(2, len(str(total - 1)))}d} · g{individual.generation} · {origin}"


def _kind(individual: IndividualResult | IndividualFailure) -> str:
    return "finalist" if individual.role is Role.FINALIST else "individual"


def varied_genes(genotypes: Iterable[Genotype]) -> list[str]:
    """Name the genes that are not the same in all, those that vary most first."""
    values: dict[str, set[int]] = {}
    for genotype in genotypes:
        for name, value in genotype.genes.items():
            values.setdefault(name, set()).add(value)
    return sorted((name for name in values if len(values[name]) > 1), key=lambda name: -len(values[name]))


def genotype_yaml(genotype: Genotype) -> str:
    """Write a genotype as the lines of ``params.yaml`` that hold it."""
    blocks = "".join(f"    - {block}\n" for block in genotype.to_lists())
    others = "".join(f"  {name}: {value}\n" for name, value in genotype.settings.items())
    return f"model:\n  genotype:\n{blocks}{others}"


def _tags(individual: IndividualResult | IndividualFailure, parent: Genotype | None) -> dict[str, str]:
    return {
        "generation": str(individual.generation),
        "parent": "" if individual.parent is None else str(individual.parent),
        "mutation": individual.mutation,
        "role": individual.role.value,
        "genotype": str(individual.genotype),
    } | ({} if parent is None else _mutation_tags(parent.genes, individual.genotype.genes))


def _mutation_tags(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, str]:
    """Return block and kind of a mutation, to group by; none where several genes differ, or no gene."""
    changed = [name for name in after if after[name] != before.get(name)]
    if len(changed) != 1:
        return {}
    name = changed[0]
    block, gene = _OF_BLOCKS.get(name, ("", name))
    tags = {"mutation_block": block} if block else {}
    return tags | {"mutation_kind": f"{gene} {'up' if after[name] > before.get(name, 0) else 'down'}"}


def _stopped(result: IndividualResult) -> dict[str, str]:
    return {"stopped": f"after epoch {len(result.epochs)}"} if result.stopped else {}


def _measurements(result: IndividualResult, started: float, ended: float) -> list[Measurement]:
    figures: dict[str, Any] = {
        "fitness": result.fitness,
        "AP": result.ap,
        "best_val_loss": result.val_loss,
        "best_epoch": result.best.epoch,
        "parameters_m": result.parameters / 1e6,
        "gmacs": result.multiply_adds / 1e9,
        "seconds": result.seconds,
    }
    if result.latency is not None:
        figures["latency_ms"] = result.latency
    if result.latency_spread is not None:
        figures["latency_spread_ms"] = result.latency_spread
    if result.latency_error is not None:  # it was predicted
        figures["latency_error_percent"] = 100 * result.latency_error
    # First what individuals are compared by: the web page takes the first metric that it finds.
    measurements, time = [Measurement(name, value, 0, ended) for name, value in figures.items()], started
    for epoch in result.epochs:
        time = min(ended, time + epoch.seconds)
        for name in ("val_loss", "val_ap", "loss", "learning_rate"):
            measurements.append(Measurement(name, getattr(epoch, name), epoch.epoch, time))
    return measurements


def _note(individual: IndividualResult | IndividualFailure, link: Callable[[int], str], outcome: str) -> str:
    origin = "The search's ancestor"
    if individual.role is Role.FINALIST and individual.parent is not None:
        return f"{link(individual.parent)}, trained from where the ancestor started, as all finalists; {outcome}."
    if individual.role is Role.CONTROL and individual.parent is not None:
        origin = f"Control of {link(individual.parent)}: its network, trained on as its children are"
    elif individual.parent is not None:
        origin = f"Child of {link(individual.parent)}: {individual.mutation}"
    return f"{origin}; {outcome}."


def _in_full(result: IndividualResult) -> str:
    if result.role not in (Role.ANCESTOR, Role.CHILD):
        return ""
    return (
        "\n\nTo train its network in full, from the weights that it has here:\n\n"
        f"```\nevopose2d evolve best --number {result.number} --write && dvc repro\n```\n"
    )
