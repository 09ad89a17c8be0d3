import subprocess
import sys

import numpy as np
import pytest

from evopose2d.visualization.curves import oks_threshold_curve, precision_recall_curves, training_curves

HISTORY = {
    "loss": [4.0, 2.0, 1.0, 0.5],
    "val_loss": [4.5, 2.5, 1.75, 2.0],
    "learning_rate": [2e-4, 1.5e-4, 1e-4, 0.0],
}
THRESHOLDS = np.linspace(0.5, 0.95, 10)


def drawn(figure):
    figure.canvas.draw()
    return figure


def line(axes, label):
    return next(entry for entry in axes.lines if entry.get_label() == label)


def test_curves_begin_at_epoch_one():
    losses, rates = drawn(training_curves(HISTORY)).axes

    assert line(losses, "training").get_xydata().tolist() == [[1, 4.0], [2, 2.0], [3, 1.0], [4, 0.5]]
    assert line(losses, "validation").get_ydata().tolist() == HISTORY["val_loss"]
    assert line(rates, "learning rate").get_ydata() == pytest.approx([2.0, 1.5, 1.0, 0.0])
    assert "10^{-4}" in rates.get_ylabel()


def test_the_lowest_validation_loss_is_marked():
    losses, _ = drawn(training_curves(HISTORY)).axes

    assert losses.texts[0].get_text() == "1.75"
    assert losses.texts[0].xy == (3, 1.75)


@pytest.mark.parametrize(
    "history",
    [
        {"loss": [1.0]},
        {"loss": [1.0, 2.0], "val_loss": [], "learning_rate": []},
        {"loss": [1.0], "val_loss": [float("nan")], "learning_rate": [0.0]},
    ],
)
def test_short_and_partial_histories_are_drawn(history):
    assert len(drawn(training_curves(history)).axes) == 2


def test_ap_by_threshold_shows_the_mean():
    values = 1.9 - 2 * THRESHOLDS

    axes = drawn(oks_threshold_curve(THRESHOLDS, values)).axes[0]

    assert np.array_equal(axes.lines[-1].get_ydata(), values)
    assert axes.texts[0].get_text() == f"mean {values.mean():.3f}"


def test_precision_recall_names_each_curve_with_its_ap():
    recall = np.linspace(0, 1, 101)

    axes = drawn(
        precision_recall_curves(recall, {"OKS 0.50": np.full(101, 0.9), "OKS 0.75": np.where(recall <= 0.5, 1.0, 0.0)})
    ).axes[0]

    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "OKS 0.50\nAP 0.900",
        "OKS 0.75\nAP 0.505",
    ]
    assert len({entry.get_color() for entry in axes.lines}) == 2


def test_pyplot_and_tensorflow_are_not_needed():
    code = (
        "import sys, evopose2d.visualization.curves, evopose2d.visualization.grid\n"
        "assert not {'matplotlib.pyplot', 'tensorflow', 'keras'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
