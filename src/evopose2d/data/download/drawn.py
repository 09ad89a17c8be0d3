"""The synthetic dataset, drawn on this machine."""

import hashlib
import importlib.util
from dataclasses import asdict
from pathlib import Path

from evopose2d.config.schema import DownloadConfig, SyntheticConfig
from evopose2d.data.download.detections import detections_content, detections_step
from evopose2d.data.download.fetch import Retry
from evopose2d.data.download.layout import TRAIN, VAL
from evopose2d.data.download.plan import Plan, Step
from evopose2d.progress import progress_bar


def plan_synthetic(root: Path, config: SyntheticConfig, download: DownloadConfig, retry: Retry) -> Plan:
    """Plan the synthetic dataset.

    Raises:
        DataError: ``download.detections`` names no file.
    """
    steps = [Step("images", None, lambda: _draw(root, config), (TRAIN.annotations, VAL.annotations))]
    if download.detections is not None:
        steps.append(detections_step(root, download.detections, retry))
    content = {
        "source": "synthetic",
        "synthetic": asdict(config),
        "drawing": _drawing_digest(),
        "detections": detections_content(download.detections),
    }
    return Plan("synthetic", content, tuple(steps))


def _draw(root: Path, config: SyntheticConfig) -> None:
    # Drawing needs what no other source does, so it is imported only here.
    from evopose2d.data.synthetic.dataset import write_synthetic_dataset

    total = config.train_images + config.val_images + config.test_images
    with progress_bar("draw", total, unit="image") as bar:

        def advance(images: int) -> None:
            bar.update(images)

        write_synthetic_dataset(root, config, workers=0, progress=advance)


def _drawing_digest() -> str:
    """Return the digest of the code that draws: changed code draws other people from the same seed."""
    package = importlib.util.find_spec("evopose2d.data.synthetic")
    folders = package.submodule_search_locations if package is not None else None
    files = sorted(path for folder in folders or () for path in Path(folder).glob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
