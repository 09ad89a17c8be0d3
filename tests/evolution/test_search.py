"""The driver's rules, with an engine in its own process: no Ray, no TensorFlow."""

import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from search_doubles import (
    FileTracker,
    InlineEngine,
    Trainer,
    make_params,
    population,
    pretend_to_train,
    trained,
)

from evopose2d.errors import ConfigError, DataError, Interrupted, SearchError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.configuration import evolution_sampler
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.lock import driver_lock
from evopose2d.evolution.results.journal import open_study
from evopose2d.evolution.sampler import State
from evopose2d.evolution.working.engine import Fault, Lost
from evopose2d.keypoints import COCO_PERSON


def run(params, tracker=None, **engine):
    return search.run(params, tracker, engine=partial(InlineEngine, **engine))


def test_a_search_finishes_all_of_its_individuals(tmp_path):
    params = make_params(tmp_path)
    rows = run(params)
    individuals = population(params)
    assert [each.number for each in individuals] == list(range(9))
    assert [each.generation for each in individuals] == [0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert all(each.state is State.COMPLETE for each in individuals)
    ranked = sorted(individuals, key=lambda each: each.fitness)
    assert [row["number"] for row in rows] == [each.number for each in ranked[:5]]


@pytest.mark.parametrize(("batch", "told"), [(16, True), (8, False)])
def test_a_batch_that_is_larger_than_the_set_is_told_once(tmp_path, caplog, batch, told):
    caplog.set_level("INFO")
    run(make_params(tmp_path, f"evolve.batch_size={batch}", "evolve.generations=0"))
    assert caplog.text.count("evolve.batch_size: 16 is more than the 8 people; batches of 8") == told


def test_every_individual_leaves_its_weights_and_its_result(tmp_path):
    params = make_params(tmp_path)
    run(params)
    store = SearchStore(Path(params.evolve.root))
    results = {result.number: result for result in store.results()}
    for individual in population(params):
        result = results[individual.number]
        assert (result.genotype, result.parent, result.fitness, result.ap, result.val_loss, result.parameters) == (
            individual.genotype,
            individual.parent,
            individual.fitness,
            individual.ap,
            individual.val_loss,
            individual.parameters,
        )
        assert len(result.epochs) == (4 if individual.number == 0 else 2)
        expected, weights = pretend_to_train_again(params, store, result)
        assert (store.weights_path(individual.number).read_bytes(), result) == (weights, expected)


def pretend_to_train_again(params, store, result):
    inherited = None if result.parent is None else store.weights_path(result.parent).read_bytes()
    spec = IndividualSpec(
        result.number,
        result.generation,
        result.parent,
        result.mutation,
        result.genotype,
        None,
        len(result.epochs),
        result.seed,
        role=result.role,
    )
    return pretend_to_train(spec, params, inherited)


@pytest.mark.parametrize(("slots", "order_seed"), [(1, 0), (3, 1), (100, 2)])
def test_the_population_does_not_depend_on_the_number_of_workers(tmp_path, slots, order_seed):
    alone = make_params(tmp_path / "alone")
    run(alone, slots=1)
    several = make_params(tmp_path / "several")
    run(several, slots=slots, order_seed=order_seed)
    assert population(several) == population(alone)


def test_no_more_individuals_are_trained_at_once_than_there_are_slots(tmp_path):
    params = make_params(tmp_path)
    engine = InlineEngine(params, slots=3)
    search.run(params, engine=lambda params: engine)
    assert engine.most_at_once == 3


def test_what_was_trained_is_kept_when_the_next_cannot_be_given_out(tmp_path):
    params = make_params(tmp_path)

    class Refusing(InlineEngine):
        def submit(self, spec, parent):
            if spec.number == 3:
                raise SearchError("the parent's weights cannot be read")
            super().submit(spec, parent)

    with pytest.raises(SearchError, match="cannot be read"):
        search.run(params, engine=partial(Refusing, trainer=Trainer(tmp_path / "notes"), slots=2))
    done = trained(tmp_path / "notes")
    assert len(done) == 2
    assert {result.number for result in SearchStore(Path(params.evolve.root)).results()} == set(done)
    assert [each.state for each in population(params) if each.number in done] == [State.COMPLETE] * 2


@pytest.mark.parametrize("schedule", ["generational", "steady-state"])
def test_a_search_waits_until_there_are_machines(tmp_path, schedule):
    params = make_params(tmp_path, f"evolve.schedule={schedule}")

    class Growing(InlineEngine):
        def wait(self, timeout):
            self.slots = 2
            return super().wait(timeout)

    search.run(params, engine=partial(Growing, slots=0))
    assert [each.state for each in population(params)] == [State.COMPLETE] * 9


def test_steady_state_asks_only_for_free_slots(tmp_path):
    params = make_params(tmp_path, "evolve.schedule=steady-state")
    engine = InlineEngine(params, slots=3)
    search.run(params, engine=lambda params: engine)
    assert engine.most_at_once == 3
    individuals = population(params)
    assert len(individuals) == 9
    # Children of children come before the ancestor's fourth: nobody waited for a generation.
    assert max(each.generation for each in individuals[:6]) >= 2


def test_without_inheritance_children_start_from_random_weights(tmp_path):
    params = make_params(tmp_path, "evolve.inheritance=none", "evolve.generations=1")
    handed = []

    def note(spec, params, weights):
        handed.append((spec.parent, spec.parent_genotype, weights))
        return pretend_to_train(spec, params, weights)

    run(params, trainer=note)
    assert [parent for parent, _, _ in handed] == [None, 0, 0, 0, 0]
    assert all(genotype is None and weights is None for _, genotype, weights in handed)


def test_a_search_at_its_end_trains_nothing_and_says_the_same(tmp_path):
    params = make_params(tmp_path)
    rows = run(params)

    class Idle:
        """What is not even started."""

        def __init__(self, params):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

    assert search.run(params, engine=Idle) == rows


def test_an_extended_search_goes_on_as_if_it_had_been_longer_from_the_start(tmp_path):
    longer = make_params(tmp_path / "longer", "evolve.generations=3")
    run(longer)
    extended = make_params(tmp_path / "extended", "evolve.generations=1")
    run(extended)
    extended = make_params(tmp_path / "extended", "evolve.generations=3")
    run(extended)
    assert population(extended) == population(longer)


def test_an_individual_that_always_fails_fails_after_its_attempts_and_the_search_goes_on(tmp_path, caplog):
    params = make_params(tmp_path)
    tracker = FileTracker(tmp_path / "tracked")
    notes = tmp_path / "notes"
    attempts = Counter()

    def train(spec, params, weights):
        attempts[spec.number] += 1
        return Trainer(notes, diverges=(2, 6))(spec, params, weights)

    run(params, tracker, trainer=train)
    individuals = population(params)
    assert [each.number for each in individuals if each.state is State.FAILED] == [2, 6]
    assert len(individuals) == 9
    assert attempts == Counter(dict.fromkeys(range(9), 1) | {2: 2, 6: 2})
    failure = SearchStore(Path(params.evolve.root)).read_failure(2)
    assert (failure.attempts, failure.error) == (2, "the loss became nan in epoch 1, step 1")
    assert sorted(tracker.lines()) == [(n, "failed" if n in (2, 6) else "complete") for n in range(9)]
    assert "individual 2 failed: the loss became nan" in caplog.text


def test_a_failed_individual_stays_failed_when_the_search_goes_on(tmp_path):
    params = make_params(tmp_path)
    run(params, trainer=Trainer(tmp_path / "notes", diverges=(2,)))
    before = population(params)
    run(params)
    assert population(params) == before


def test_a_search_whose_ancestor_fails_says_why_and_can_go_on(tmp_path):
    params = make_params(tmp_path)
    for _ in range(2):
        with pytest.raises(SearchError, match=r"^individual 0: the loss became nan[^\n]*; once that is mended"):
            run(params, trainer=Trainer(tmp_path / "notes", diverges=(0,)))
        assert SearchStore(Path(params.evolve.root)).read_failure(0).attempts == 2
    run(params)
    assert {each.state for each in population(params)} == {State.COMPLETE}
    assert SearchStore(Path(params.evolve.root)).read_failure(0) is None


def test_what_every_individual_would_fail_by_stops_the_search_at_once(tmp_path):
    params = make_params(tmp_path)

    class Engine(InlineEngine):
        def wait(self, timeout):
            lost = [Lost(1, "no records", mendable=DataError("data/tfrecords: no records"))]
            return super().wait(timeout) if self.submitted == [0] else lost + self._finish(2)

        def _finish(self, number):
            self._tasks = [task for task in self._tasks if task[0].number == number]
            return super().wait(0.0)

    with pytest.raises(DataError, match="no records"):
        search.run(params, engine=Engine)
    engine = InlineEngine(params)
    search.run(params, engine=lambda params: engine)
    assert engine.submitted == [1, 3, 4, 5, 6, 7, 8]
    assert all(each.state is State.COMPLETE for each in population(params))


class FailingEngine(InlineEngine):
    """Fails individual 2 a few times, by a fault that is not its own."""

    def __init__(self, params, fault, times):
        super().__init__(params)
        self._fault, self._left = fault, times

    def wait(self, timeout):
        outcomes = super().wait(timeout)
        if self._left and any(outcome.number == 2 for outcome in outcomes):
            self._left -= 1
            return [Lost(2, "OSError(28, 'No space left on device')", fault=self._fault)]
        return outcomes


@pytest.mark.parametrize(("fault", "times"), [(Fault.MACHINE, 1), (Fault.DEPARTURE, 20)])
def test_a_machines_fault_costs_an_individual_nothing(tmp_path, fault, times):
    params, undisturbed = make_params(tmp_path / "a"), make_params(tmp_path / "b")
    search.run(params, engine=partial(FailingEngine, fault=fault, times=times))
    run(undisturbed)
    assert population(params) == population(undisturbed)


def test_a_machines_fault_that_stays_stops_the_search_and_fails_nobody(tmp_path):
    params, undisturbed = make_params(tmp_path / "a"), make_params(tmp_path / "b")
    with pytest.raises(
        SearchError, match=r"individual 2: OSError\(28.*; once that is mended, the same command goes on"
    ):
        search.run(params, engine=partial(FailingEngine, fault=Fault.MACHINE, times=2))
    assert population(params)[2].state is State.RUNNING
    run(params)
    run(undisturbed)
    assert population(params) == population(undisturbed)


def test_settings_that_nothing_can_train_with_begin_no_search(tmp_path):
    class NoRoom(InlineEngine):
        @property
        def slots(self):
            raise ConfigError("evolve.gpus: got 1, but there are only 0 here")

        @slots.setter
        def slots(self, value):
            pass

    params = make_params(tmp_path, "evolve.gpus=1")
    with pytest.raises(ConfigError, match=r"evolve\.gpus"):
        search.run(params, engine=NoRoom)
    store = SearchStore(Path(params.evolve.root))
    assert not store.identity_path.exists() and not store.journal_path.exists()


def test_a_search_without_unseen_neighbours_ends_cleanly(tmp_path, caplog):
    # Kernels and repeats are fixed and every block has one channel unit: two strides can change, no more.
    ancestor = "[[3,1,1,2],[3,1,1,2],[3,1,1,1],[3,1,1,1],[3,1,1,1],[3,1,1,2],[3,1,1,1]]"
    narrow = ("evolve.space.kernels=[3]", "evolve.space.repeats=[1,1]", "evolve.space.stride_blocks=1")
    params = make_params(tmp_path, f"evolve.ancestor={ancestor}", *narrow)
    with caplog.at_level(logging.WARNING, "evopose2d"):
        rows = run(params)
    assert len(rows) == len(population(params)) == 2
    assert "the search ends after 2 individuals" in caplog.text
    run(params)
    assert [each.state for each in population(params)] == [State.COMPLETE] * 2


def test_a_second_driver_is_refused(tmp_path):
    params = make_params(tmp_path)
    with driver_lock(Path(params.evolve.root) / "driver.lock"), pytest.raises(SearchError, match="runs this search"):
        run(params)


@pytest.mark.usefixtures("raising_interrupts")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_says_how_far_it_came_and_the_search_goes_on(tmp_path, sent):
    unbroken = make_params(tmp_path / "unbroken")
    run(unbroken)
    params = make_params(tmp_path / "stopped")
    notes = tmp_path / "notes"
    handler = signal.getsignal(signal.SIGINT)

    def stop_at_four(spec, params, weights):
        if spec.number == 4:
            os.kill(os.getpid(), sent)
        return Trainer(notes)(spec, params, weights)

    with pytest.raises(Interrupted, match=r"stopped with \d of 9 individuals done; the same command goes on") as told:
        run(params, trainer=stop_at_four)
    assert told.value.exit_status == 130
    assert signal.getsignal(signal.SIGINT) is handler
    run(params, trainer=Trainer(notes))
    assert population(params) == population(unbroken)
    assert sorted(trained(notes)) == list(range(9))


@pytest.mark.usefixtures("raising_interrupts")
def test_a_second_ctrl_c_breaks_off(tmp_path):
    def insist(spec, params, weights):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return pretend_to_train(spec, params, weights)

    with pytest.raises(KeyboardInterrupt):
        run(make_params(tmp_path), trainer=insist)


@pytest.mark.parametrize("schedule", ["generational", "steady-state"])
def test_an_individual_whose_genes_were_not_written_any_more_is_given_them_and_trained(tmp_path, schedule):
    unbroken = make_params(tmp_path / "unbroken", f"evolve.schedule={schedule}")
    run(unbroken, slots=1)
    first = make_params(tmp_path / "broken", f"evolve.schedule={schedule}", "evolve.generations=1")
    run(first, slots=1)
    sampler = evolution_sampler(first, COCO_PERSON.count)
    assert open_study(Path(first.evolve.root) / "study.journal", sampler).ask().number == 5

    class Busy(InlineEngine):
        def wait(self, timeout):
            assert self._tasks
            return super().wait(timeout)

    params = make_params(tmp_path / "broken", f"evolve.schedule={schedule}")
    search.run(params, engine=partial(Busy, slots=1))
    assert population(params) == population(unbroken)


def test_results_count_even_if_the_study_is_lost(tmp_path):
    params = make_params(tmp_path)
    run(params)
    before = population(params)
    (Path(params.evolve.root) / "study.journal").unlink()
    engine = InlineEngine(params)
    search.run(params, engine=lambda params: engine)
    assert population(params) == before
    assert engine.submitted == []


def test_a_result_of_another_individual_does_not_count(tmp_path):
    params = make_params(tmp_path)
    run(params)
    before = population(params)
    root = Path(params.evolve.root)
    (root / "study.journal").unlink()
    for name in ("weights.h5", "result.json"):
        (root / "individuals" / "0003" / name).write_bytes((root / "individuals" / "0002" / name).read_bytes())
    engine = InlineEngine(params)
    search.run(params, engine=lambda params: engine)
    assert population(params) == before
    assert engine.submitted == [3]


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path):
    path.write_bytes(path.read_bytes()[:-1] + b"!")


@pytest.mark.parametrize("name", ["weights.h5", "result.json"])
@pytest.mark.parametrize(("number", "harm"), [(0, Path.unlink), (4, cut_in_half), (8, flip_a_bit)])
def test_files_that_are_gone_or_damaged_are_made_again_before_children_need_them(tmp_path, name, number, harm):
    params, parts = make_params(tmp_path), ("weights.h5", "result.json")
    run(params)
    expected, store = population(params), SearchStore(Path(params.evolve.root))
    before = {each.number: [(store.folder(each.number) / part).read_bytes() for part in parts] for each in expected}
    harm(store.folder(number) / name)
    extended = make_params(tmp_path, "evolve.generations=3")
    engine = InlineEngine(extended, slots=3)
    search.run(extended, FileTracker(tmp_path / "tracked"), engine=lambda params: engine)
    assert sorted(engine.submitted) == sorted([number, 9, 10, 11, 12])
    assert population(extended)[:9] == expected
    for each, content in before.items():
        assert [(store.folder(each) / part).read_bytes() for part in parts] == content


def test_files_that_cannot_be_made_again_stop_the_search(tmp_path):
    params = make_params(tmp_path)
    run(params)
    expected = population(params)
    SearchStore(Path(params.evolve.root)).weights_path(4).unlink()
    with pytest.raises(SearchError, match="individual 4: the loss became nan"):
        run(params, trainer=Trainer(tmp_path / "notes", diverges=(4,)))
    assert population(params) == expected


def test_a_result_of_another_individual_is_gone_when_its_own_training_fails(tmp_path):
    params = make_params(tmp_path, "evolve.generations=1")
    run(params)
    root = Path(params.evolve.root)
    (root / "study.journal").unlink()
    for name in ("weights.h5", "result.json"):
        (root / "individuals" / "0003" / name).write_bytes((root / "individuals" / "0002" / name).read_bytes())
    run(params, trainer=Trainer(tmp_path / "notes", diverges=(3,)))
    store = SearchStore(root)
    assert [each.number for each in population(params) if each.state is State.FAILED] == [3]
    assert [result.number for result in store.results()] == [0, 1, 2, 4]
    assert store.read_failure(3) is not None


def test_a_truncated_result_is_trained_again(tmp_path):
    unbroken = make_params(tmp_path / "unbroken")
    run(unbroken)
    params = make_params(tmp_path / "truncated")

    class Store(SearchStore):
        def write_result(self, result):
            super().write_result(result)
            if result.number == 3:
                path = self.folder(3) / "result.json"
                path.write_bytes(path.read_bytes()[:100])
                raise Interrupted("killed here")

    with pytest.raises(Interrupted):
        search.run(params, engine=InlineEngine, store=Store)
    engine = InlineEngine(params)
    search.run(params, engine=lambda params: engine)
    assert 3 in engine.submitted
    assert population(params) == population(unbroken)
    assert (Path(params.evolve.root) / "individuals" / "0003" / "result.damaged").exists()


class BrokenTracker(FileTracker):
    def recorded(self):
        raise ConnectionError("no server")

    def finished(self, result, folder):
        raise ConnectionError("no server")


def test_tracking_that_fails_does_not_stop_the_search_and_is_made_up_for(tmp_path, caplog):
    params = make_params(tmp_path)
    tracker = FileTracker(tmp_path / "tracked")
    run(params, BrokenTracker(tmp_path / "tracked"), trainer=Trainer(tmp_path / "notes", diverges=(2,)))
    assert len(population(params)) == 9
    assert "tracking individual 0 failed, the search goes on: ConnectionError('no server')" in caplog.text
    assert [number for number, _ in tracker.lines()] == [2]
    run(params, tracker)
    assert sorted(tracker.recorded()) == list(range(9))
    run(params, tracker)
    assert sorted(tracker.recorded()) == list(range(9))


FULL_DISK = """
import resource
import sys
from pathlib import Path
import search_doubles as doubles
from evopose2d.errors import EvoPoseError
from evopose2d.evolution import search

def fill_the_disk_at_five(spec, params, weights):
    if spec.number == 5:
        # The system lets no file grow beyond this: a real write fails half way, as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    return doubles.pretend_to_train(spec, params, weights)

params = doubles.make_params(Path(sys.argv[1]))
try:
    search.run(params, engine=lambda params: doubles.InlineEngine(params, fill_the_disk_at_five))
except EvoPoseError as error:
    sys.exit(f"evopose2d: {error}")
"""


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing_half_written(tmp_path):
    unbroken = make_params(tmp_path / "unbroken")
    run(unbroken)
    stopped = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "full")],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    assert stopped.returncode == 1
    assert len(stopped.stderr.splitlines()) == 1
    assert "individuals/0005/weights.h5: cannot be written (File too large)" in stopped.stderr
    params = make_params(tmp_path / "full")
    assert list((Path(params.evolve.root) / "individuals" / "0005").iterdir()) == []
    run(params)
    assert population(params) == population(unbroken)


def test_the_driver_imports_neither_tensorflow_nor_keras():
    code = (
        "import sys, evopose2d.evolution.search, evopose2d.cli.app; "
        "print([name for name in ('tensorflow', 'keras', 'jax') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
