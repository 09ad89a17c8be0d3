"""What a search would take."""

import json
from dataclasses import asdict

import pytest
from search_doubles import TINY_ANCESTOR, InlineEngine, make_params

from evopose2d.errors import DataError, SearchError
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.plan import plan_search
from evopose2d.evolution.working.engine import Lost
from evopose2d.evolution.working.timing import Timing, time_training
from evopose2d.genotype import Genotype

TIMING = Timing(
    steps=100,
    step_seconds=0.1,
    step_error=0.03,
    first_start=12.0,
    later_start=2.0,
    validation_seconds=2.0,
    memory_bytes=1_500_000_000,
    weight_bytes=2_000_000,
)


def engine(slots, trainer=lambda spec, params, weights: (None, json.dumps(asdict(TIMING)).encode())):
    return lambda params, timed: InlineEngine(params, trainer, slots=slots)


def test_a_plan_counts_generations_controls_and_finals(tmp_path):
    finals = ("evolve.finalists=2", "evolve.final_epochs=3", "evolve.final_seeds=2")
    plan = plan_search(make_params(tmp_path, "evolve.controls=true", *finals), engine=engine(2))
    assert (plan.individuals, plan.finals, plan.workers) == (1 + 5 + 6, 6, 2)
    # Epochs of 12 s: the ancestor's 4; 5 and 6 individuals of 2 at two a time; 6 finalists of 3. Nine individuals in a
    # worker, which trains eight before it makes room.
    training = 12.0 * (4 + 3 * 2 + 3 * 2 + 3 * 3)
    assert plan.seconds == pytest.approx(training + 2 * 12.0 + 7 * 2.0)
    assert plan.disk_bytes == pytest.approx(18 * 2_004_000)
    assert 0.03 < plan.error < 0.3
    assert not (tmp_path / "search").exists()


def test_more_workers_take_less_time(tmp_path):
    params = make_params(tmp_path)
    few, many = (plan_search(params, engine=engine(slots)) for slots in (1, 4))
    assert few.seconds == pytest.approx(12.0 * (4 + 8 * 2) + 2 * 12.0 + 7 * 2.0)
    assert many.seconds < few.seconds


def test_a_plan_says_what_it_was_told(tmp_path):
    rows = plan_search(make_params(tmp_path), engine=engine(2)).rows()
    assert rows["individuals"] == "9"
    assert rows["memory of a worker"].startswith("1.5 GB")
    assert "about 3 min" in rows["time"]


class Failing(InlineEngine):
    mendable = None

    def wait(self, timeout):
        spec, _ = self._tasks.pop()
        return [Lost(spec.number, "no memory", mendable=self.mendable)]


def test_workers_that_cannot_train_are_told(tmp_path):
    with pytest.raises(SearchError, match="no worker could time a training: no memory"):
        plan_search(make_params(tmp_path), engine=lambda params, timed: Failing(params))
    failing = type("Mendable", (Failing,), {"mendable": DataError("no records")})
    with pytest.raises(DataError, match="no records"):
        plan_search(make_params(tmp_path), engine=lambda params, timed: failing(params))


@pytest.mark.slow
def test_a_few_steps_are_really_timed(tiny_params):
    spec = IndividualSpec(0, 0, None, "", Genotype.from_lists(TINY_ANCESTOR), None, epochs=1, seed=5)
    result, content = time_training(spec, tiny_params, None)
    timing = Timing.of_bytes(content)
    assert result is None
    assert timing.steps > 0 and timing.step_seconds > 0 and timing.validation_seconds > 0
    assert timing.epoch_seconds == timing.steps * timing.step_seconds + timing.validation_seconds
    assert timing.memory_bytes > 1e8 and timing.weight_bytes > 1e4
