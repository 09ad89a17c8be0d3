"""Latencies predicted from those of parts of networks, each of which is measured once."""

import json
import logging
import platform
from collections.abc import Hashable, Iterator
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.individuals.configuration import network_spec, phenotype
from evopose2d.evolution.individuals.spaces import search_space
from evopose2d.evolution.individuals.store import writing
from evopose2d.evolution.latency.requests import Measure, of_network, of_part
from evopose2d.evolution.results.prediction import Checked, PredictionError, scale, table_path
from evopose2d.export.latency import Latency
from evopose2d.files import write_json
from evopose2d.genotype import Genotype, mutate
from evopose2d.genotype.mutation import NoUnseenNeighbour
from evopose2d.keypoints import KeypointSchema
from evopose2d.networks.parts import Part, parts_of

logger = logging.getLogger(__name__)

_VERSION = 1
_STEPS = 12  # mutations from the ancestor to a network that is measured whole
_RUNTIMES = {"onnx": "onnxruntime", "tflite": "tensorflow"}
_PART = {item.name for item in fields(Part)}


class LatencyTable:
    """Predicts a network's latency: those of its parts, less what cutting them apart costs, scaled.

    A cut between two parts costs what a network does that gives what it is given: to be called, to be handed features
    and to hand them on. The scale is the median of some networks that are measured whole as well; each of them,
    predicted by the scale of the others, tells how far predictions are off.

    Args:
        params: all settings.
        keypoints: what the networks' heatmaps stand for.
        measure: measures parts and networks.

    Raises:
        ConfigError: the table in the search's folder was measured on another processor, by another runtime, or as
            other settings say.
        SearchError: it cannot be read.
    """

    def __init__(self, params: Params, keypoints: KeypointSchema, measure: Measure) -> None:
        self._params = params
        self._keypoints = keypoints
        self._measure = measure
        self._path = table_path(Path(params.evolve.root))
        self._settings = _settings(params)
        self._parts: dict[Part, Latency] = {}
        self._checked: list[Checked] = []
        self._machine = platform.node()
        if self._path.exists():
            self._read()

    @property
    def parts(self) -> int:
        """How many parts have been measured."""
        return len(self._parts)

    def predict(self, genotype: Genotype) -> Latency:
        """Return the latency of a genotype's network; what parts are not known yet are measured.

        Raises:
            SearchError: a part cannot be measured.
        """
        checked = self.check()
        error = PredictionError.of(checked).median
        return Latency(scale(checked) * self._sum(genotype), spread=None, stable=True, relative_error=error)

    def check(self) -> list[Checked]:
        """Return the networks that are measured whole, once: random ones of the space.

        Raises:
            SearchError: one cannot be measured, or the space has a single one.
        """
        wanted = self._params.evolve.latency.checks
        if len(self._checked) < wanted:
            networks = list(self._random_networks(wanted))
            if len(networks) < 2:
                raise SearchError(
                    "evolve.space: holds one network, must hold two or more for evolve.latency.source table"
                )
            for genotype in networks[len(self._checked) :]:
                parts = self._sum(genotype)
                whole = self._measure(of_network(self._params, self._keypoints, genotype)).milliseconds
                self._checked.append(Checked(str(genotype), parts, whole))
                self._write()
                logger.info("latency: network %d of %d measured whole, %.3g ms", len(self._checked), wanted, whole)
            logger.info("latency: %s", PredictionError.of(self._checked))
        return self._checked

    def _sum(self, genotype: Genotype) -> float:
        parts = list(parts_of(network_spec(self._params.model, genotype, self._keypoints.count)))
        cuts = [part.cut for part in parts[1:]]
        return sum(map(self._milliseconds, parts)) - sum(map(self._milliseconds, cuts))

    def _milliseconds(self, part: Part) -> float:
        if part not in self._parts:
            found = self._measure(of_part(self._params, self._keypoints, part))
            if not found.stable:
                logger.warning("latency of %s: not stable, spread %.3g ms", part, found.spread)
            self._parts[part] = found
            self._write()
        return self._parts[part].milliseconds

    def _random_networks(self, count: int) -> Iterator[Genotype]:
        """Yield the ends of random walks from the ancestor, no network twice; fewer where the space has no more."""
        space = search_space(self._params)

        def network(genotype: Genotype) -> Hashable:
            return phenotype(self._params.model, genotype, self._keypoints.count)

        ends: set[Hashable] = set()
        for number in range(count):
            rng = np.random.default_rng([self._params.evolve.seed, number])
            genotype, steps = space.ancestor, 0
            try:
                while steps < _STEPS or network(genotype) in ends:
                    genotype = mutate(genotype, space, ends, rng, network)
                    steps += 1
            except NoUnseenNeighbour:
                if network(genotype) in ends:
                    return
            ends.add(network(genotype))
            yield genotype

    def _read(self) -> None:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            settings, self._machine = content["settings"], content["machine"]
            for each in content["parts"]:
                part = Part(**{name: value for name, value in each.items() if name in _PART})
                self._parts[part] = Latency(**{name: value for name, value in each.items() if name not in _PART})
            self._checked = [Checked(**each) for each in content["checked"]]
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SearchError(f"{self._path}: cannot be read ({error!r}); remove it to measure again") from None
        differing = [
            f"{key} {settings.get(key, 'absent')} -> {self._settings.get(key, 'absent')}"
            for key in sorted({*settings, *self._settings})
            if settings.get(key) != self._settings.get(key)
        ]
        if differing:
            raise ConfigError(
                f"{self._path}: was measured on {self._machine} with {', '.join(differing)}; go on as it was begun, "
                "or remove it to measure again"
            )

    def _write(self) -> None:
        parts = [asdict(part) | asdict(found) for part, found in self._parts.items()]
        content = {"version": _VERSION, "machine": self._machine, "settings": self._settings}
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, content | {"checked": [asdict(each) for each in self._checked], "parts": parts})


def _settings(params: Params) -> dict[str, Any]:
    """Return what the latencies of parts depend on besides the parts."""
    latency = params.evolve.latency
    settings = {"evolve.latency.format": latency.format}
    if latency.command is not None:
        return settings | {"measured by": "a command"}
    runtime = _RUNTIMES[latency.format]
    return settings | {
        "evolve.latency.threads": latency.threads,
        "processor": _processor(),
        "measured by": f"{runtime} {version(runtime)}",
    }


def _processor() -> str:
    """Return the processor's model as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
