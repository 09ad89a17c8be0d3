"""The best of a search as settings of a full training."""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evopose2d.config.pinned import pin
from evopose2d.errors import SearchError
from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.archive import SearchArchive
from evopose2d.evolution.results.limits import best_within
from evopose2d.evolution.results.trade_off import TradeOff
from evopose2d.evolution.results.verdict import Verdict
from evopose2d.networks.architecture import ModelConfig

_WIDTH = 118  # of a comment's text


@dataclass(frozen=True)
class Winner:
    """A trained individual, ready to be trained in full.

    Attributes:
        result: of the individual.
        weights: its weight file.
        settings: what ``params.yaml`` has to hold, by dotted key: its genotype, its weights as the initial ones,
            and what else of section ``model`` it was built with, as far as that differs from ``params.yaml``.
        verdict: what the search's finals have come to; None without any.
    """

    result: IndividualResult
    weights: str
    settings: Mapping[str, Any]
    verdict: Verdict | TradeOff | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON value."""
        result = self.result
        return {
            "number": result.number,
            "generation": result.generation,
            "parent": result.parent,
            "mutation": result.mutation,
            "fitness": result.fitness,
            "AP": result.ap,
            "val_loss": result.val_loss,
            "parameters": result.parameters,
            "multiply_adds": result.multiply_adds,
            "latency_ms": result.latency,
            "latency_error": result.latency_error,
            "genotype": result.genotype.to_json(),
            "weights": self.weights,
            "settings": dict(self.settings),
            "verdict": None if self.verdict is None else str(self.verdict),
            "finals": [] if self.verdict is None else self.verdict.comparison(),
        }

    def to_yaml(self) -> str:
        """Write the settings as ``params.yaml`` holds them, below a comment on who it is."""
        result = self.result
        lines = [
            f"# individual {result.number}: fitness {result.fitness:.4g}, AP {result.ap:.3f}, "
            f"{result.parameters / 1e6:.2f} M parameters, {result.multiply_adds / 1e9:.3g} GMACs{result.latency_text}"
        ]
        if self.verdict is not None:
            told = [*textwrap.wrap(str(self.verdict), _WIDTH), *self.verdict.comparison()]
            lines += [f"# {line}" for line in told]
        section = ""
        for key, value in sorted(self.settings.items()):
            if not key.startswith(f"{section}."):
                section = key.partition(".")[0]
                lines.append(f"{section}:")
            name = key.partition(".")[2]
            if name == "genotype":
                lines += [f"  {name}:", *(f"    - {block}" for block in value)]
            else:
                lines.append(f"  {name}: {json.dumps(value, ensure_ascii=False)}")
        return "\n".join(lines) + "\n"


def winners(
    archive: SearchArchive,
    model: ModelConfig,
    *,
    count: int = 1,
    number: int | None = None,
    from_weights: bool = True,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> list[Winner]:
    """Return the best individuals, best first: as the finals rank them, then as the search's selection does.

    Args:
        archive: the search.
        model: section ``model`` as it is now.
        count: how many.
        number: this individual alone, whatever its rank.
        limits: greatest value by measurement, as :func:`.limits.best_within` takes them.
        from_weights: whether a full training is to start from the individual's weights, else from random ones.

    Raises:
        SearchError: no individual has been trained yet, or not that one, or what it left is gone.
    """
    numbers = [each.number for each in best_within(archive, limits, count)] if number is None else [number]
    if not numbers:
        raise SearchError(f"{archive.root}: no individual has been trained yet")
    if number is not None and number not in archive.results:
        trained = ", ".join(str(each) for each in sorted(archive.results)[:20]) or "none"
        raise SearchError(f"{archive.root}: got individual {number}, trained are {trained}")
    store = SearchStore(archive.root)
    for each in numbers:
        if each not in archive.results or not store.is_whole(each):
            raise SearchError(
                f"{store.folder(each)}: result or weights are missing or damaged; "
                "restore them, or name another individual with --number"
            )
    return [_winner(archive, model, archive.results[each], from_weights=from_weights) for each in numbers]


def _winner(archive: SearchArchive, model: ModelConfig, result: IndividualResult, *, from_weights: bool) -> Winner:
    weights = str(SearchStore(archive.root).weights_path(result.number))
    now, searched = asdict(model), asdict(archive.model_config(result.genotype, model))
    settings = {
        **{f"model.{name}": value for name, value in searched.items() if value != now.get(name)},
        **{f"model.{name}": value for name, value in result.genotype.model_settings.items()},
        "train.initial_weights": pin(Path(weights)) if from_weights else None,
    }
    return Winner(result, weights, settings, archive.verdict)
