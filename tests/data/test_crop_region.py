"""The kept part of an image: all that crops show, on the crop's own grid, and no larger than need be."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evopose2d.config.schema import CropsConfig
from evopose2d.data.augmentation import Augmentation, augment
from evopose2d.data.crop_region import LOSSLESS, crop_region, encode_part, keep
from evopose2d.data.geometry import crop, crop_matrices, invert, placed, warp
from evopose2d.data.images import ImageDecoder
from evopose2d.keypoints import COCO_PERSON

COVERED = CropsConfig(input_shape=[128, 96], scale=0.3, rotation=40.0, half_body=True, quality=90)
STILL = CropsConfig(input_shape=[128, 96], scale=0.0, rotation=0.0, half_body=False, quality=90)
SHAPE = (128, 96)
_ROUNDED = 1e-3  # pixels; placements are float32


def smooth(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (height // 12 + 2, width // 12 + 2, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@st.composite
def people(draw) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
    """Image size (height, width), a box that may reach beyond the image, and keypoints in and around it."""
    size = draw(st.integers(8, 700)), draw(st.integers(8, 700))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    corner = rng.uniform(-0.2, 0.9, 2) * size[::-1]
    box = np.concatenate([corner, rng.uniform(0.01, 1.1, 2) * size[::-1]]).astype(np.float32)
    places = box[:2] + rng.uniform(-0.1, 1.1, (17, 2)) * box[2:]
    return size, box, np.concatenate([places, rng.integers(0, 3, (17, 1))], axis=1).astype(np.float32)


changes = st.builds(
    Augmentation,
    scale=st.floats(0.7, 1.3),
    rotation=st.floats(-80.0, 80.0),
    flip=st.booleans(),
    half_body=st.booleans(),
    prefer_upper=st.booleans(),
)


def sampled(matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Give the places (H * W, 2) x, y from which a crop takes its pixels."""
    inverse = invert(matrix)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.stack([columns.ravel(), rows.ravel()], axis=1) @ inverse[:, :2].T + inverse[:, 2]


def assert_covered(part, matrix: np.ndarray, size: tuple[int, int], shape: tuple[int, int]) -> None:
    """Every pixel of the crop that shows some of the image lies between kept pixels, or at the image's own border."""
    where = sampled(matrix, shape)
    visible = np.all((where > -1) & (where < size[::-1]), axis=1)
    kept = sampled(placed(matrix, part.placement), shape)[visible]
    first, end = kept.min(axis=0, initial=np.inf), kept.max(axis=0, initial=-np.inf)
    # Beyond the outermost kept pixels there may be half-visible ones alone, those of the image's border.
    border = np.array([(-1 - part.x) * part.scale, (-1 - part.y) * part.scale])
    far = np.array([(size[1] - part.x) * part.scale, (size[0] - part.y) * part.scale])
    last = np.array([part.width, part.height]) - 1
    assert np.all((first >= -_ROUNDED) | (border >= -1 - _ROUNDED))
    assert np.all((end <= last + _ROUNDED) | (far <= last + 1 + _ROUNDED))


@given(people(), changes)
@example(((427, 640), np.array([100, 20, 200, 400], np.float32), np.zeros((17, 3), np.float32)), Augmentation(1.3, 53))
def test_every_augmentation_that_is_covered_finds_its_pixels(person, change):
    size, box, keypoints = person
    part = crop_region(box, keypoints, size, COVERED, COCO_PERSON)
    matrix, _ = augment(box, keypoints, SHAPE, change, COCO_PERSON, 1)
    assert_covered(part, matrix, size, SHAPE)
    assert_covered(part, matrix, size, (SHAPE[0], SHAPE[1] + 1))


@given(people(), st.booleans())
def test_what_is_judged_finds_its_pixels_too(person, centred):
    size, box, keypoints = person
    part = crop_region(box, keypoints, size, STILL, COCO_PERSON)
    assert_covered(part, crop_matrices(box, SHAPE, centred=centred), size, SHAPE)
    # The crop, a few pixels around it, and a JPEG's block before it.
    assert part.height <= SHAPE[0] + 20 and part.width <= SHAPE[1] + 20
    assert part.scale <= 1


@given(people())
def test_without_augmentation_crops_are_those_of_the_whole_image(person):
    size, box, keypoints = person
    image = smooth(*size)
    matrix = crop_matrices(box, SHAPE)
    expected = crop(image, matrix, SHAPE).astype(int)
    for covered in (STILL, COVERED):
        part = crop_region(box, keypoints, size, covered, COCO_PERSON)
        found = crop(keep(image, part), placed(matrix, part.placement), SHAPE)
        if part.scale == 1 or covered is STILL:
            assert np.abs(expected - found).max() <= 1  # interpolation rounds places to a 32nd of a pixel


def test_a_part_is_cut_at_the_crops_resolution_and_never_enlarged():
    keypoints = np.zeros((17, 3), np.float32)
    large = crop_region(np.array([100, 50, 300, 400], np.float32), keypoints, (600, 800), COVERED, COCO_PERSON)
    assert large.scale == pytest.approx(128 / 400 / 1.25)
    small = crop_region(np.array([111, 53, 30, 40], np.float32), keypoints, (600, 800), COVERED, COCO_PERSON)
    assert small.scale == 1
    assert small.x % 16 == small.y % 16 == 0
    # 128 x 96 turned by 37 degrees is 160 high, by 53 degrees 160 wide.
    turned = 160 * 40 / 128 * 1.25 * 1.3
    assert turned <= small.height <= turned + 22 and turned <= small.width <= turned + 22


def test_half_a_body_asks_for_a_finer_and_a_wider_part():
    box = np.array([200, 100, 150, 400], np.float32)
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[5:11] = np.column_stack([np.linspace(210, 340, 6), np.linspace(110, 160, 6), np.full(6, 2)])
    whole = CropsConfig(**(vars(COVERED) | {"half_body": False}))
    without = crop_region(box, keypoints, (640, 640), whole, COCO_PERSON)
    part = crop_region(box, keypoints, (640, 640), COVERED, COCO_PERSON)
    assert without.scale < part.scale <= 2 * without.scale + 1e-6
    for prefer_upper in (True, False):
        change = Augmentation(1.3, 40, half_body=True, prefer_upper=prefer_upper)
        matrix, _ = augment(box, keypoints, SHAPE, change, COCO_PERSON, 1)
        assert_covered(part, matrix, (640, 640), SHAPE)


def test_encoding_gives_equal_bytes_and_nearly_equal_pixels():
    image = smooth(300, 400)
    box, keypoints = np.array([120, 60, 90, 150], np.float32), np.zeros((17, 3), np.float32)
    part = crop_region(box, keypoints, image.shape, COVERED, COCO_PERSON)
    pixels = keep(image, part)
    assert pixels.shape == (part.height, part.width, 3)
    encoded = encode_part(pixels, 90)
    assert encode_part(pixels.copy(), 90) == encoded
    assert len(encode_part(pixels, 50)) < len(encoded)
    decoder = ImageDecoder(fast_dct=False)
    np.testing.assert_array_equal(decoder.rgba(encode_part(pixels, LOSSLESS))[..., :3], pixels)
    matrix, _ = augment(box, keypoints, SHAPE, Augmentation(1.2, 33, flip=True), COCO_PERSON, 1)
    found = np.empty((*SHAPE, 3), np.uint8)
    warp(decoder.rgba(encoded), placed(matrix, part.placement), found)
    assert 0 < np.abs(crop(image, matrix, SHAPE).astype(int) - found).mean() < 4.0
