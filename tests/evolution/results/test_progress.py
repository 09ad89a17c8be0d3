import io
import logging
from dataclasses import replace

import pytest
from rich.console import Console
from search_doubles import make_params

from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.results import progress
from evopose2d.evolution.results.population import Population
from evopose2d.evolution.results.progress import Status, TimeLeft, live_table, render
from evopose2d.evolution.sampler import Individual, Role, State
from evopose2d.genotype import Genotype
from evopose2d.training.result import EpochResult


@pytest.fixture
def params(tmp_path):
    return make_params(tmp_path)


@pytest.fixture
def individuals(params):
    genotype = Genotype.from_lists(params.evolve.ancestor)

    def complete(number, generation, fitness, ap, parameters):
        measurements = {"fitness": fitness, "ap": ap, "val_loss": fitness, "parameters": parameters}
        role = Role.CHILD if number else Role.ANCESTOR
        return Individual(number, generation, 0 if number else None, genotype, State.COMPLETE, measurements, role)

    return Population(
        [
            complete(0, 0, 210.0, 0.10, 440_000),
            complete(1, 1, 190.5, 0.20, 520_000),
            complete(2, 1, 195.0, 0.30, 410_000),
            Individual(3, 1, 0, genotype, State.FAILED),
            Individual(4, 1, 0, genotype, State.RUNNING),
        ]
    )


def result_of(genotype, seconds, epochs):
    epoch = EpochResult(1, 1.0, 1.0, 0.5, 1e-4, 10.0, 1.0)
    return IndividualResult(0, 0, None, "", genotype, 0, (epoch,) * epochs, 1.0, 1, 1, seconds, "here")


def drawn(status):
    output = io.StringIO()
    Console(width=100, file=output).print(render(status))
    return [" ".join(line.replace("│", " ").split()) for line in output.getvalue().splitlines()]


def test_the_table_tells_each_generation_and_the_whole(individuals):
    lines = drawn(Status(individuals, {4: 12.0}, total=9, elapsed=95.0, remaining=400.0))
    assert "4 of 9 individuals done" in lines
    assert "0 1 210.000 0.100 0.44 M" in lines
    assert "1 3 1 1 190.500 0.200 0.52 M" in lines
    assert "all 4 1 1 190.500 0.200 0.52 M" in lines
    assert "95 s so far, about 7 min left" in lines
    assert "training 4 (12 s)" in lines


def test_a_search_for_ap_shows_the_best_by_ap(individuals):
    lines = drawn(Status(individuals, {}, total=9, elapsed=0.0, remaining=None, by_ap=True))
    assert "all 4 1 195.000 0.300 0.41 M" in lines
    assert "0 s so far" in lines


def test_finals_have_a_row_of_their_own(individuals):
    finals = Population(
        [
            Individual(0, 0, 0, individuals[0].genotype, State.RUNNING, role=Role.FINALIST),
            replace(individuals[1], number=10, role=Role.FINALIST),
        ]
    )
    lines = drawn(Status(individuals, {0: 3.0}, total=9, elapsed=95.0, remaining=400.0, finals=finals))
    assert "all 4 1 190.500 0.200 0.52 M" in lines
    assert "finals 1 1 190.500 0.200 0.52 M" in lines


def test_a_search_that_has_just_begun(params):
    lines = drawn(Status(Population(), {}, total=9, elapsed=0.0, remaining=None))
    assert "all 0" in lines


def test_where_there_is_no_terminal_a_line_comes_every_half_minute(individuals, monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    status = Status(individuals, {4: 12.0}, total=9, elapsed=95.0, remaining=400.0)
    with caplog.at_level(logging.INFO, progress.__name__), live_table(Console(file=io.StringIO())) as show:
        for _ in range(70):
            now[0] += 1
            show(status)
        show(replace(status, running={}))
    line = "4 of 9 individuals done; 95 s so far, about 7 min left, training 4 (12 s)"
    assert caplog.messages == [line, line]


def test_the_time_left_counts_generations_one_after_the_other(params, individuals):
    left = TimeLeft(params.evolve)
    assert left.seconds(individuals, [], slots=2) is None
    left.learn(result_of(individuals[0].genotype, seconds=40.0, epochs=4))
    # One of generation 1 and four of generation 2 at two a time: 1 + 2 rounds of 2 epochs of 10 seconds.
    assert left.seconds(individuals, [], slots=2) == pytest.approx(60.0)
    assert left.seconds(individuals, [15.0], slots=2) == pytest.approx(45.0)
    assert left.seconds(Population(), [], slots=2) == pytest.approx(40.0 + 2 * 2 * 20.0)


def test_the_time_left_counts_controls_and_finals(tmp_path, individuals):
    finals = ("evolve.finalists=2", "evolve.final_epochs=3", "evolve.final_seeds=2")
    left = TimeLeft(make_params(tmp_path, "evolve.controls=true", *finals).evolve)
    left.learn(result_of(individuals[0].genotype, seconds=40.0, epochs=4))
    # The ancestor; 1 control and 4 children; 2 and 4; six finalists of 3 epochs.
    assert left.seconds(Population(), [], slots=2) == pytest.approx(40.0 + 3 * 20.0 + 3 * 20.0 + 3 * 30.0)
    assert left.of_finals(3, [10.0], slots=2) == pytest.approx(2 * 30.0 - 10.0)


def test_the_time_left_in_the_steady_state(tmp_path, individuals):
    left = TimeLeft(make_params(tmp_path, "evolve.schedule=steady-state").evolve)
    left.learn(result_of(individuals[0].genotype, seconds=40.0, epochs=4))
    assert left.seconds(individuals, [], slots=2) == pytest.approx(60.0)
    assert left.seconds(individuals, [], slots=5) == pytest.approx(20.0)


def test_the_time_left_ends_at_nothing(params, individuals):
    left = TimeLeft(params.evolve)
    left.learn(result_of(individuals[0].genotype, seconds=40.0, epochs=4))
    children = (replace(individuals[1], number=number, generation=1 + (number > 4)) for number in range(1, 9))
    done = Population([individuals[0], *children])
    assert left.seconds(done, [], slots=2) == 0.0


def test_the_table_lives_on_a_terminal_alone(individuals, capsys):
    status = Status(individuals, {}, total=9, elapsed=0.0, remaining=None)
    with live_table(Console(force_terminal=False)) as show:
        show(status)
    assert capsys.readouterr().out == ""
    with live_table(Console(force_terminal=True, width=100)) as show:
        show(status)
    assert "4 of 9 individuals done" in capsys.readouterr().out
