import dataclasses

import numpy as np
import pytest

from evopose2d.visualization.population import Dot, fitness_by_generation, lineage_tree, loss_against_size


def family(count: int, children: int = 4) -> list[Dot]:
    rng = np.random.default_rng(0)
    return [
        Dot(
            number=number,
            parent=None if not number else max(0, number - children - 1),
            generation=(number + children - 1) // children,
            place=float(number % children),
            state="complete",
            fitness=float(rng.uniform(1, 2)),
            val_loss=float(rng.uniform(1, 2)),
            parameters=int(rng.integers(1_000, 9_000)) * 1_000,
        )
        for number in range(count)
    ]


def texts(figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_best_so_far_never_gets_worse():
    dots = family(13)
    axes = fitness_by_generation(dots).axes[0]
    best = next(line for line in axes.lines if line.get_label() == "best so far").get_ydata()
    assert list(best) == sorted(best, reverse=True)
    assert best[-1] == min(dot.fitness for dot in dots)


def test_the_best_individual_is_named():
    dots = family(13)
    winner = min(dots, key=lambda dot: dot.fitness)
    assert any(text.startswith(f"individual {winner.number}:") for text in texts(fitness_by_generation(dots)))


def test_one_that_is_far_off_does_not_squeeze_the_others():
    dots = family(40)
    dots[7] = dataclasses.replace(dots[7], fitness=1e6, val_loss=1e6)
    assert fitness_by_generation(dots).axes[0].get_ylim()[1] < 3
    assert loss_against_size(dots, [], []).axes[0].get_ylim()[1] < 3


def test_the_front_is_drawn_from_small_to_large():
    dots = family(13)
    front = [2, 5, 9]
    line = loss_against_size(dots, front, [2]).axes[0].lines[0]
    assert sorted(line.get_xdata()) == list(line.get_xdata())
    assert sorted(line.get_xdata()) == sorted(dots[number].parameters / 1e6 for number in front)


def test_numbers_stand_where_there_is_room():
    shown = texts(loss_against_size(family(1000), range(1000), [3]))
    assert "3" in shown
    assert len(shown) < 500


@pytest.mark.parametrize("count", [1, 13, 300])
def test_every_individual_stands_in_the_tree(count: int):
    figure = lineage_tree(family(count), [0])
    figure.canvas.draw()
    placed = sum(len(each.get_offsets()) for each in figure.axes[0].collections if each.get_offsets().size > 2)
    segments = sum(len(each.get_segments()) for each in figure.axes[0].collections if hasattr(each, "get_segments"))
    assert segments == count - 1
    assert placed >= count - 1


@pytest.mark.parametrize("state", ["running", "failed"])
def test_a_search_of_which_nothing_is_finished_can_be_drawn(state: str):
    dots = [Dot(0, None, 0, 0.0, state)]
    assert "nobody is finished yet" in texts(fitness_by_generation(dots))
    assert "nobody is finished yet" in texts(loss_against_size(dots, [], []))
    lineage_tree(dots, []).canvas.draw()
    lineage_tree([], []).canvas.draw()


def test_controls_are_lines_to_be_beaten_and_never_the_best():
    dots = family(13)
    dots[5] = dataclasses.replace(dots[5], fitness=0.1, val_loss=0.1, control=True)
    axes = fitness_by_generation(dots).axes[0]
    (lines,) = [each for each in axes.collections if each.get_label().startswith("control")]
    assert [segment[0][1] for segment in lines.get_segments()] == [0.1]
    best = next(line for line in axes.lines if line.get_label() == "best so far").get_ydata()
    assert min(best) > 0.1
    assert not any(text.startswith("individual 5:") for text in texts(fitness_by_generation(dots)))
    assert "5" not in texts(loss_against_size(dots, [], []))
    squares = [each for each in lineage_tree(dots, [0]).axes[0].collections if len(each.get_offsets()) == 1]
    assert len(squares) >= 1
