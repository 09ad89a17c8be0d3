"""Optuna's own contract tests, for each schedule and selection that a plain study can use.

Not applied: ``MultiObjectiveSamplerTestCase``. A search has one objective, the fitness, so the contract for
single-objective samplers (several objectives are refused) holds instead.
"""

import pytest
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from evopose2d.evolution.sampler import EvolutionSampler
from evopose2d.genotype import Genotype, PaperSpace

SPACE = PaperSpace(Genotype.from_lists([[3, 1, 2, 1], *([[3, 1, 2, 2]] * 3), *([[5, 2, 3, 1]] * 3)]))


class TestEvolutionSampler(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture(
        params=[("generational", "fitness"), ("steady-state", "fitness"), ("steady-state", "aging")],
        ids=" ".join,
    )
    def sampler(self, request):
        schedule, selection = request.param
        return lambda: EvolutionSampler(SPACE, children=4, parents=2, schedule=schedule, selection=selection)
