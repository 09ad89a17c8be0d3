"""What training gives back."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EpochResult:
    """One finished epoch; epochs count from 1.

    Attributes:
        epoch: number of the epoch.
        loss: mean training loss over the epoch.
        val_loss: mean loss over the val people after the epoch.
        val_ap: COCO keypoint AP of the val people after the epoch, 0..1, as the training stage measures it.
        learning_rate: rate of the epoch's last step.
        images_per_second: training people per second, validation left out.
        seconds: training and validation.
    """

    epoch: int
    loss: float
    val_loss: float
    val_ap: float
    learning_rate: float
    images_per_second: float
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """All epochs of a run and the best of them.

    Attributes:
        epochs: every epoch, those before an interruption too.
        best_weights: file with the weights of the epoch with the lowest val loss.
    """

    epochs: tuple[EpochResult, ...]
    best_weights: Path

    @property
    def best(self) -> EpochResult:
        """The epoch with the lowest val loss, the earliest of equals: its weights are the ones kept."""
        return min(self.epochs, key=lambda epoch: epoch.val_loss)
