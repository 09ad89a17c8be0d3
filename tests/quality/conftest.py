import pytest
from tests.quality.made_up import made_up_table

from evopose2d.quality.problem import Problem
from evopose2d.quality.surrogate import Surrogate


@pytest.fixture(scope="session")
def table():
    return made_up_table(120)


@pytest.fixture(scope="session")
def surrogate(table):
    return Surrogate(table)


@pytest.fixture(scope="session")
def problem(surrogate):
    return Problem(surrogate)
