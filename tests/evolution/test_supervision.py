"""An engine that is watched, with stand-ins for the engine and the clock."""

from dataclasses import replace
from pathlib import Path

import pytest
from search_doubles import InlineEngine, Trainer, make_params, pretend_to_train, trained

from evopose2d.errors import Interrupted, SearchError, TimeLimit
from evopose2d.evolution import search
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.results.status_file import SILENT_SECONDS, StatusFile, Usage, read_status
from evopose2d.evolution.supervision import SupervisedEngine
from evopose2d.evolution.working.engine import Fault, Lost, Trained
from evopose2d.genotype import Genotype


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Stuck(InlineEngine):
    """Trains no individual but those that it is told of."""

    may_finish: tuple[int, ...] = ()

    def wait(self, timeout):
        given_up, self._given_up = self._given_up, []
        done = [spec for spec, _ in self._tasks if spec.number in self.may_finish]
        self._tasks = [task for task in self._tasks if task[0] not in done]
        results = [pretend_to_train(spec, self._params, None) for spec in done]
        return [*given_up, *(Trained(result.number, replace(result, seconds=60.0), b"") for result, _ in results)]


@pytest.fixture
def watch(tmp_path):
    """Watch a stuck engine; gives it, the engine and the clock."""

    def begin(*overrides):
        params, clock = make_params(tmp_path, *overrides), Clock()
        engine = Stuck(params)
        return SupervisedEngine(engine, params.evolve, StatusFile(tmp_path, clock=clock), clock), engine, clock

    return begin


def spec(number, epochs=2):
    genotype = Genotype.from_lists([[3, 1, 2, 1], *([[3, 1, 3, 2]] * 3), *([[3, 1, 3, 1]] * 3)])
    return IndividualSpec(number, 1, 0, "", genotype, None, epochs=epochs, seed=0)


def test_a_training_that_takes_many_times_the_slowest_is_given_up(watch):
    watched, engine, clock = watch("evolve.hang_factor=10")
    watched.submit(spec(1), None)
    clock.now = 1e6
    assert watched.wait(0.0) == []  # nothing is known yet
    engine.may_finish = (1,)
    assert isinstance(watched.wait(0.0)[0], Trained)  # 30 s an epoch
    watched.submit(spec(2), None)
    watched.submit(spec(3, epochs=20), None)
    clock.now += 599
    assert watched.wait(0.0) == []
    clock.now += 2
    (lost,) = watched.wait(0.0)
    assert (lost.number, lost.fault) == (2, Fault.INDIVIDUAL)
    assert lost.error.startswith("hangs: 10 min on nowhere without a result, expected were 60 s at most")


def test_nothing_is_given_up_where_that_is_not_wanted_or_too_early(watch):
    for factor, patience in ((0, 1e9), (1, 299)):
        watched, engine, clock = watch(f"evolve.hang_factor={factor}")
        engine.may_finish = (1,)
        watched.submit(spec(1), None)
        watched.wait(0.0)
        watched.submit(spec(2), None)
        clock.now += patience
        assert watched.wait(0.0) == []


def test_no_training_is_started_that_would_outlast_the_time_limit(watch):
    watched, engine, clock = watch("evolve.max_hours=1", "evolve.hang_factor=0")
    assert watched.slots == 2
    watched.submit(spec(1), None)
    engine.may_finish = (1,)
    watched.wait(0.0)
    watched.submit(spec(2), None)
    clock.now = 3600 - 61
    assert watched.slots == 2
    clock.now = 3600 - 59
    assert watched.slots == 0
    assert watched.wait(0.0) == []  # one is being trained
    engine.may_finish = (2,)
    assert isinstance(watched.wait(0.0)[0], Trained)
    with pytest.raises(TimeLimit, match=r"stopped after 59 min \(evolve.max_hours: 1\); the same command goes on"):
        watched.wait(0.0)


def test_the_time_limit_ends_what_takes_longer_than_expected(watch):
    watched, _, clock = watch("evolve.max_hours=1")
    watched.submit(spec(1), None)
    clock.now = 3600.0
    with pytest.raises(TimeLimit) as raised:
        watched.wait(0.0)
    assert raised.value.exit_status == 75


def test_a_search_with_a_time_limit_is_resumed(tmp_path, monkeypatch):
    params = make_params(tmp_path, "evolve.max_hours=1e-9")
    with pytest.raises(TimeLimit):
        search.run(params, engine=lambda params: InlineEngine(params, Trainer(tmp_path / "notes")))
    assert read_status(Path(params.evolve.root)).state == "stopped"
    unlimited = make_params(tmp_path)
    search.run(unlimited, engine=lambda params: InlineEngine(params, Trainer(tmp_path / "notes")))
    assert sorted(trained(tmp_path / "notes")) == list(range(9))


def test_the_status_of_a_search_can_be_read_while_it_runs_and_afterwards(tmp_path):
    params, seen = make_params(tmp_path), []
    root = Path(params.evolve.root)

    class Looking(InlineEngine):
        def wait(self, timeout):
            if (root / "status.json").exists():
                seen.append(read_status(root))
            if len(self.submitted) == 3 and self._tasks:
                spec, _ = self._tasks.pop()
                return [Lost(spec.number, "its process ended")]
            return super().wait(timeout)

    search.run(params, engine=Looking)
    first, last = seen[0], read_status(root)
    assert (first.state, first.done, first.total) == ("running", 0, 9)
    assert [(each.host, each.room, each.standing) for each in first.machines] == [("nowhere", 2, "used")]
    assert (last.state, last.done, last.failed, last.running) == ("finished", 9, 0, ())
    assert last.best["number"] == search.best_rows(params, population_of(params), 17)[0]["number"]
    assert [failure.error for failure in last.failures] == ["its process ended"] and last.failures[0].host == "nowhere"
    assert last.per_hour > 0 and 0 < last.utilisation <= 1


def population_of(params):
    from search_doubles import population

    return population(params)


@pytest.mark.parametrize(("error", "state"), [(Interrupted("by hand"), "stopped"), (SearchError("no disk"), "failed")])
def test_how_a_search_ended_stays_in_its_status(tmp_path, error, state):
    class Ending(InlineEngine):
        def wait(self, timeout):
            raise error

    params = make_params(tmp_path)
    with pytest.raises(type(error)):
        search.run(params, engine=Ending)
    found = read_status(Path(params.evolve.root))
    assert (found.state, found.reason) == (state, str(error))


def test_a_driver_that_was_killed_is_told_by_its_silence(tmp_path, watch):
    params = make_params(tmp_path)
    search.run(params, engine=InlineEngine)
    found = replace(read_status(Path(params.evolve.root)), state="running", written="2026-01-01T00:00:00+00:00")
    now = 1767225600.0
    assert found.silent_for(now + SILENT_SECONDS - 1) == 0
    assert found.silent_for(now + SILENT_SECONDS + 1) == SILENT_SECONDS + 1
    assert replace(found, state="finished").silent_for(now + 1e6) == 0


def test_no_status_is_told_in_one_line(tmp_path):
    with pytest.raises(SearchError, match=r"status\.json: no such file, no search has been started here"):
        read_status(tmp_path)
    (tmp_path / "status.json").write_text('{"version": 99}')
    with pytest.raises(SearchError, match="is no status of this version"):
        read_status(tmp_path)


def test_utilisation_is_the_share_of_the_slots_time():
    usage = Usage(0.0)
    usage.note(0.0, 0, 4)
    usage.note(10.0, 4, 4)
    usage.note(20.0, 1, 4)
    assert usage.share == 50 / 80
    usage.finished = 10
    assert usage.per_hour(20.0) == 1800
