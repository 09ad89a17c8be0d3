"""SLEAP: ``.slp`` files, which label frames of videos; sleap-io reads them."""

import importlib.util
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from evopose2d.data.download.layout import files_below
from evopose2d.data.formats.base import LabelledImages, split_of
from evopose2d.errors import ConfigError, DataError
from evopose2d.progress import progress_bar

if TYPE_CHECKING:
    from sleap_io import Instance, LabeledFrame, Labels, Skeleton, Video

_LOGGER = logging.getLogger(__name__)
_SUFFIX = ".slp"


class Sleap:
    """Frames labelled by hand; they are taken out of videos below the folder, or of the file itself."""

    name = "sleap"

    def recognises(self, source: Path) -> bool:
        """Return whether there is a file of that suffix anywhere below the folder."""
        return any(True for _ in source.rglob(f"*{_SUFFIX}"))

    def read(self, source: Path) -> list[LabelledImages]:
        """Read all files; their names say the splits.

        Raises:
            ConfigError: sleap-io is not installed.
        """
        paths = sorted(source.rglob(f"*{_SUFFIX}"))
        if not paths:
            raise DataError(f"{source}: no file *{_SUFFIX}")
        if importlib.util.find_spec("sleap_io") is None:
            raise ConfigError(
                f"{paths[0]}: needs sleap-io, which the extra `sleap` brings: pip install 'evopose2d[sleap]'"
            )
        found = [labelled for path in paths if (labelled := _read(path, source)) is not None]
        if not found:
            raise DataError(f"{paths[0]}: holds no frame labelled by hand, nor does another file *{_SUFFIX}")
        return found


def _read(path: Path, source: Path) -> LabelledImages | None:
    """Read a file; None where it has predictions alone."""
    import sleap_io

    try:
        labels = sleap_io.load_slp(str(path), open_videos=False)
        frames = [frame for frame in labels.labeled_frames if frame.user_instances]
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read as a SLEAP file: {' '.join(str(error).split())}") from None
    left_out = len(labels.labeled_frames) - len(frames)
    if left_out:
        _LOGGER.warning("%s: left out: %d frames without labels by hand", path, left_out)
    if not frames:
        return None
    names = _image_names(labels, frames)
    videos = [video for video in labels.videos if any(frame.video is video for frame in frames)]
    for video in videos:
        _find(video, path, source)
    decoded = [(frame, name) for frame, name in zip(frames, names, strict=True) if _is_movie(frame.video)]
    content = _coco(labels.skeletons, frames, names)
    write = partial(_write_frames, decoded, path) if decoded else None
    return LabelledImages(split_of(path.stem), path, content, source, write_images=write)


def _is_movie(video: "Video") -> bool:
    """Tell a video from a list of image files, which need no decoding."""
    return not isinstance(video.filename, list)


def _image_names(labels: "Labels", frames: Sequence["LabeledFrame"]) -> list[str]:
    """Return the name of each frame's image: a listed file's own, else the video's and the frame's number."""
    folders: dict[int, str] = {}
    for number, video in enumerate(labels.videos):
        if _is_movie(video):
            origin = video if video.source_video is None else video.source_video
            stem = PureWindowsPath(str(origin.filename)).stem or "video"
            folders[id(video)] = stem if stem not in folders.values() else f"{stem}-{number}"
    return [
        f"{folders[id(frame.video)]}/{frame.frame_idx:06d}.png"
        if id(frame.video) in folders
        else str(frame.video.filename[frame.frame_idx])
        for frame in frames
    ]


def _find(video: "Video", path: Path, source: Path) -> None:
    """Name the file below the source that a video is: paths in labels are of the machine where they were made.

    Raises:
        DataError: there is none, or several have its name.
    """
    video.open_backend = True
    if not _is_movie(video) or Path(video.filename).resolve() == path.resolve():
        return
    name = PureWindowsPath(str(video.filename)).name
    found = [source / below for below, _ in files_below(source) if Path(below).name == name]
    if len(found) != 1:
        raise DataError(
            f"{path}: labels the video {video.filename}: {len(found)} files below {source.absolute()} are called "
            f"{name}, must be one; put or link it there, or export a package (.pkg.slp), which holds the frames"
        )
    video.replace_filename(str(found[0]), open=False)


def _write_frames(frames: Sequence[tuple["LabeledFrame", str]], path: Path, folder: Path) -> None:
    with progress_bar(f"frames of {path.name}", len(frames), unit="image") as bar:
        for frame, name in frames:
            place = f"{path}: frame {frame.frame_idx} of {frame.video.filename}"
            try:
                pixels = np.asarray(frame.image)
            except (OSError, IndexError, KeyError, ValueError, RuntimeError) as error:
                raise DataError(f"{place}: cannot be read: {' '.join(str(error).split())}") from None
            if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
                raise DataError(f"{place}: must be uint8 of 1 or 3 colours, got {pixels.dtype} {pixels.shape}")
            _, encoded = cv2.imencode(".png", pixels if pixels.shape[2] == 1 else pixels[..., ::-1])
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(encoded.tobytes())
            bar.update()
    for frame, _ in frames:
        frame.video.close()


def _coco(skeletons: Sequence["Skeleton"], frames: Sequence["LabeledFrame"], names: Sequence[str]) -> dict[str, Any]:
    images = [{"id": number, "file_name": name} for number, name in enumerate(names, 1)]
    people = [(number, person) for number, frame in enumerate(frames, 1) for person in frame.user_instances]
    annotations = [
        {
            "id": number,
            "image_id": image,
            "category_id": next(i for i, skeleton in enumerate(skeletons, 1) if skeleton is person.skeleton),
            "keypoints": _keypoints(person),
        }
        for number, (image, person) in enumerate(people, 1)
    ]
    categories = [_category(number, skeleton) for number, skeleton in enumerate(skeletons, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _keypoints(person: "Instance") -> list[float]:
    """Return x, y, visibility of each node; those marked as not visible are unlabelled, as SLEAP trains."""
    points = person.numpy()
    return [value for x, y in points.tolist() for value in ((x, y, 2) if np.isfinite((x, y)).all() else (0, 0, 0))]


def _category(number: int, skeleton: "Skeleton") -> dict[str, Any]:
    limbs = [[a + 1, b + 1] for a, b in skeleton.edge_inds]
    category = {"id": number, "name": skeleton.name or "person", "keypoints": skeleton.node_names, "skeleton": limbs}
    if skeleton.symmetry_names:
        category["flip_pairs"] = [list(pair) for pair in skeleton.symmetry_names]
    return category
