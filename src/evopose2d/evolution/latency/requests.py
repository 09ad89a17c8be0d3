"""What the measuring process is asked."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from evopose2d.config.schema import Params
from evopose2d.errors import SearchError
from evopose2d.export.latency import Latency
from evopose2d.genotype import Genotype
from evopose2d.keypoints import KeypointSchema
from evopose2d.networks.parts import Part
from evopose2d.networks.registry import architecture_of

logger = logging.getLogger(__name__)

Measure = Callable[[Mapping[str, Any]], Latency]
"""Measures what a request names, as :func:`.meter.measure` takes it."""


def of_network(params: Params, keypoints: KeypointSchema, genotype: Genotype) -> dict[str, Any]:
    """Ask for the network of a genotype."""
    built = architecture_of(params.model).with_genotype(params.model, genotype.to_lists())
    return {"model": asdict(built) | genotype.settings, **_common(params, keypoints)}


def of_part(params: Params, keypoints: KeypointSchema, part: Part) -> dict[str, Any]:
    """Ask for a part of networks."""
    return {"part": asdict(part), **_common(params, keypoints)}


def patient(measure: Measure, attempts: int) -> Measure:
    """Try a measurement so many times before its error is raised."""

    def tried(request: Mapping[str, Any]) -> Latency:
        for attempt in range(1, attempts):
            try:
                return measure(request)
            except SearchError as error:
                logger.warning("latency, attempt %d: %s", attempt, error)
        return measure(request)

    return tried


def _common(params: Params, keypoints: KeypointSchema) -> dict[str, Any]:
    return {"keypoints": asdict(keypoints), **asdict(params.evolve.latency)}
