"""The command ``evopose2d predict``: from files to drawn files and keypoints."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from evopose2d.errors import DataError
from evopose2d.files import write_json
from evopose2d.prediction.boxes import BoxSource, DetectionFile
from evopose2d.prediction.estimator import PoseEstimator
from evopose2d.prediction.output import drawn, output_files, results_of, video_writer, write_picture
from evopose2d.prediction.sources import Picture, is_video, read_images, read_video, video_info
from evopose2d.prediction.stream import PosedPicture, predict_pictures
from evopose2d.progress import progress_bar

RESULTS = "keypoints.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictTask:
    """What to predict and what to write.

    Attributes:
        files: images and videos.
        boxes_of: gives the boxes of a picture.
        output: folder of what is written.
        pictures: whether to write drawn pictures and videos beside the keypoints.
        threshold: keypoints with a score below it are not drawn.
    """

    files: tuple[Path, ...]
    boxes_of: BoxSource
    output: Path
    pictures: bool = True
    threshold: float = 0.2


@dataclass(frozen=True)
class Prediction:
    """What was done.

    Attributes:
        results: the people in COCO's results format, as written.
        images: number of images and frames.
        bad: what could not be read, with the reason.
    """

    results: list[dict[str, Any]]
    images: int
    bad: list[DataError]


class _Run:
    """One pass over all files."""

    def __init__(self, estimator: PoseEstimator, task: PredictTask, bar: "tqdm[Any]") -> None:
        self._estimator, self._task, self._bar = estimator, task, bar
        self._drawn_files = output_files(task.files, task.output) if task.pictures else {}
        self.results: list[dict[str, Any]] = []
        self.bad: list[DataError] = []
        self.images = 0

    def predict_images(self, paths: list[Path]) -> None:
        for posed in predict_pictures(self._estimator, self._read(paths), self._task.boxes_of):
            self._add(self._results(posed, self._image_id(posed.picture)))
            if self._task.pictures:
                picture = drawn(posed, self._estimator.keypoints, self._task.threshold)
                write_picture(self._drawn_files[posed.picture.path], picture)

    def _read(self, paths: list[Path]) -> Iterator[Picture]:
        source = self._task.boxes_of
        return read_images(
            paths, self.bad, labelled_size=source.labelled_size if isinstance(source, DetectionFile) else None
        )

    def predict_video(self, path: Path) -> None:
        try:
            info = video_info(path)
        except DataError as error:
            logger.error("%s; skipped", error)
            self.bad.append(error)
            return
        frames = predict_pictures(self._estimator, read_video(path), self._task.boxes_of)
        if not self._task.pictures:
            for posed in frames:
                self._add(self._results(posed, posed.picture.number))
            return
        with video_writer(self._drawn_files[path], info) as write:
            for posed in frames:
                self._add(self._results(posed, posed.picture.number))
                write(drawn(posed, self._estimator.keypoints, self._task.threshold), posed.picture.time)

    def _results(self, posed: PosedPicture, image_id: int) -> list[dict[str, Any]]:
        return results_of(posed, image_id, self._estimator.keypoints.category_id)

    def _add(self, results: Iterable[dict[str, Any]]) -> None:
        self.results.extend(results)
        self.images += 1
        self._bar.update()

    def _image_id(self, picture: Picture) -> int:
        source = self._task.boxes_of
        known = source.image_id(picture.path) if isinstance(source, DetectionFile) else None
        return picture.number if known is None else known


def run(estimator: PoseEstimator, task: PredictTask) -> Prediction:
    """Predict everybody; write drawn files one by one and, at the end, ``keypoints.json``.

    A file that cannot be read is logged and left out. Images are known by their position, from 1, unless
    detections give them ids; frames by their position in their video, from 0.

    Raises:
        ConfigError: a drawn file would take the place of an input.
    """
    # A folder that cannot be made is told before hours of work, not after.
    task.output.mkdir(parents=True, exist_ok=True)
    images = [path for path in task.files if not is_video(path)]
    videos = [path for path in task.files if is_video(path)]
    total = len(images) + sum(_frames(path) for path in videos)
    with progress_bar("predict", total, unit="image") as bar:
        work = _Run(estimator, task, bar)
        if images:
            work.predict_images(images)
        for video in videos:
            work.predict_video(video)
    write_json(task.output / RESULTS, work.results, indent=None)
    return Prediction(work.results, work.images, work.bad)


def _frames(path: Path) -> int:
    try:
        return video_info(path).frames
    except DataError:
        return 0  # told when its turn comes
