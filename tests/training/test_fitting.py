import pytest
from tests.training.conftest import train_config

from evopose2d.training.fitting import fitted


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "people", "devices", "batch"),
    [(16, 1, 16, 1, 16), (16, 1, 15, 1, 15), (16, 4, 15, 1, 12), (16, 1, 15, 4, 12), (16, 4, 3, 1, 4), (7, 1, 9, 2, 7)],
)
def test_batch_is_no_larger_than_the_people(batch_size, accumulation, people, devices, batch):
    train, lines = fitted(train_config(batch_size=batch_size, accumulation=accumulation), people, devices)

    assert train.batch_size == batch
    assert [str(people) in line and str(batch) in line for line in lines] == [True] * (batch != batch_size)


@pytest.mark.parametrize(("epochs", "warmup", "fitting"), [(10, 1, 1), (1, 1, 0), (3, 5, 2), (6, 5, 5)])
def test_warm_up_is_shorter_than_the_training(epochs, warmup, fitting):
    train, lines = fitted(train_config(epochs=epochs, warmup_epochs=warmup), 100)

    assert train.warmup_epochs == fitting
    assert len(lines) == (fitting != warmup)
