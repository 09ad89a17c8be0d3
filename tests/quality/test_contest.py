import json

import numpy as np
import optuna
import pytest
from tests.evolution.searching import SPACE
from typer.testing import CliRunner

from evopose2d.cli.app import app
from evopose2d.evolution.sampler import find_selection
from evopose2d.evolution.sampler.settings import SCHEDULES
from evopose2d.quality.contest import Standing, compete, run_search, standings
from evopose2d.quality.contestants import PAPER, RANDOM, SCREENED, SELECTIONS, contestants, stride_patterns
from evopose2d.quality.table import write_table

ENTERED = {each.name: each for each in contestants(SPACE, children=6, parents=2)}


def test_every_schedule_and_selection_is_entered():
    own = {name for name, each in ENTERED.items() if each.own}
    assert {tuple(name.split()[1:]) for name in own} == {
        (schedule, selection, *screened)
        for schedule in SCHEDULES
        for selection in SELECTIONS
        for screened in ((), ("screened",))
        if schedule in find_selection(selection).schedules
    }
    assert {PAPER, SCREENED, RANDOM, "TPE", "NSGA-II"} <= set(ENTERED)


@pytest.mark.parametrize("name", ENTERED)
def test_every_sampler_begins_with_the_ancestor_and_stays_in_the_space(name, problem):
    seen = []

    class Watched:
        def observe(self, genotype, rng):
            seen.append(genotype)
            return problem.observe(genotype, rng)

        true = staticmethod(problem.true)

    run_search(ENTERED[name], Watched(), 14, 0)
    assert seen[0] == SPACE.ancestor
    assert len(seen) == 14 and len(set(seen)) > 7
    assert all(each in SPACE for each in seen)


def test_patterns_are_the_strides_that_the_space_allows():
    # Blocks 2 to 4 halve the resolution; of the last three, at most one more may.
    assert stride_patterns(SPACE) == ("1222111", "1222112", "1222121", "1222211")


def test_what_is_found_is_judged_by_its_true_fitness(problem):
    found = run_search(ENTERED[PAPER], problem, 40, 3)
    assert found[0] == problem.true(SPACE.ancestor).fitness
    assert (found == run_search(ENTERED[PAPER], problem, 40, 3)).all()
    assert (found != run_search(ENTERED[PAPER], problem, 40, 4)).any()
    assert len(set(found)) > 1


@pytest.mark.slow
def test_regret_is_never_negative_and_summarised_by_quartiles(problem):
    verbosity, noted = optuna.logging.get_verbosity(), []
    entered = [ENTERED[PAPER], ENTERED[RANDOM]]
    regrets = compete(entered, problem, seeds=range(4), evaluations=30, note=noted.append)
    assert optuna.logging.get_verbosity() == verbosity and noted == [PAPER, RANDOM]
    assert {name: values.shape for name, values in regrets.items()} == {PAPER: (4, 30), RANDOM: (4, 30)}
    assert all((values >= 0).all() for values in regrets.values())
    rows = standings({"it": np.array([[9.0, 4.0], [9.0, 1.0], [9.0, 2.0]])}, (1, 2, 3))
    assert rows == [Standing("it", 1, 9.0, 9.0, 9.0, 9.0), Standing("it", 2, 1.5, 2.0, 3.0, pytest.approx(7 / 3))]


@pytest.mark.slow
def test_screening_is_ahead_of_random_search_and_of_the_papers_rules(problem):
    entered = [ENTERED[name] for name in (SCREENED, PAPER, RANDOM)]
    regrets = compete(entered, problem, seeds=range(200, 204), evaluations=80)
    screened, paper, random = (regrets[each.name][:, -1].mean() for each in entered)
    assert screened < 0.8 * paper and screened < 0.8 * random


@pytest.mark.slow
def test_the_command_tells_and_draws_standings(table, project_root, tmp_path):
    write_table(tmp_path / "made.csv.gz", table)
    given = ["--table", str(tmp_path / "made.csv.gz"), "--params", str(project_root / "params.yaml")]
    short = ["--seeds", "2", "--evaluations", "12", "--only", RANDOM, "--only", PAPER]
    files = ["--curves", str(tmp_path / "regret.png"), "--out", str(tmp_path / "regret.json")]
    ended = CliRunner().invoke(app, ["benchmark", "samplers", *given, *short, *files, "--json"])
    assert ended.exception is None, ended.output
    rows = json.loads(ended.stdout)
    assert [(row["sampler"], row["evaluations"]) for row in rows] == [(RANDOM, 10), (PAPER, 10)]
    assert json.loads((tmp_path / "regret.json").read_text()) == rows
    assert (tmp_path / "regret.png").read_bytes().startswith(b"\x89PNG")

    refused = CliRunner().invoke(app, ["benchmark", "samplers", *given, "--only", "best"])
    assert refused.exit_code != 0 and "--only: got 'best', must be one of random" in str(refused.exception)


@pytest.mark.slow
def test_the_command_tells_how_good_the_surrogate_is(table, tmp_path):
    write_table(tmp_path / "made.csv.gz", table)
    ended = CliRunner().invoke(app, ["benchmark", "surrogate", "--table", str(tmp_path / "made.csv.gz"), "--json"])
    assert ended.exception is None, ended.output
    content = json.loads(ended.stdout)
    assert [row["measure"] for row in content["quality"]] == ["val_loss", "ap"]
    assert content["noise"]["trainings"] == 60
