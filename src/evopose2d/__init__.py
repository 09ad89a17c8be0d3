"""EvoPose2D: neuroevolution of 2D human pose networks as tracked, reproducible experiments."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evopose2d.prediction.estimator import PoseEstimator, Poses
    from evopose2d.refinement.refiner import PoseRefiner

__version__ = version("evopose2d")
__all__ = ["PoseEstimator", "PoseRefiner", "Poses", "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class
    # On demand, because it brings Keras along, which the command's help must not wait for.
    if name in ("PoseEstimator", "Poses"):
        from evopose2d.prediction import estimator

        return getattr(estimator, name)
    if name == "PoseRefiner":
        from evopose2d.refinement.refiner import PoseRefiner

        return PoseRefiner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
