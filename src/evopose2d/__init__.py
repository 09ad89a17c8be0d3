"""EvoPose2D: neuroevolution of 2D human pose networks as tracked, reproducible experiments."""

from importlib.metadata import version

__version__ = version("evopose2d")
