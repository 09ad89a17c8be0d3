import cv2
import numpy as np
import pytest
from PIL import Image

from evopose2d.data.image_files import read_pixels
from evopose2d.errors import DataError
from evopose2d.prediction.sources import find_files, read_images, read_video, video_info


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.jpg", "notes.txt", "c.mp4", "inside/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_folders_globs_and_files_are_found_once_in_order(folder):
    found = find_files([str(folder / "c.mp4"), str(folder), str(folder / "*" / "*.jpg"), str(folder / "a.jpg")])

    assert [path.name for path in found] == ["c.mp4", "a.jpg", "b.png", "d.jpg"]


@pytest.mark.parametrize("given", ["absent.jpg", "*.gif", "empty"])
def test_what_names_nothing_is_told(tmp_path, given):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"/.*(absent.jpg|gif|empty) is no file, and no folder or pattern with images"):
        find_files([str(tmp_path / given)])


def test_a_relative_glob_is_of_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)

    assert [str(path) for path in find_files(["*.jpg"])] == ["a.jpg"]


def test_a_camera_held_sideways_gives_an_upright_rgb_image(tmp_path):
    sideways = np.zeros((20, 40, 3), np.uint8)
    sideways[:, :20] = (255, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    Image.fromarray(sideways).save(tmp_path / "phone.png", exif=exif)

    image = read_pixels(tmp_path / "phone.png")

    assert image.shape == (40, 20, 3)
    assert image[0, 0].tolist() == [255, 0, 0]
    assert image[-1, -1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_bad_images_are_named_and_skipped_in_order(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)
    whole = cv2.imencode(suffix, noise)[1].tobytes()
    paths = [tmp_path / f"{number}{suffix}" for number in range(7)]
    for path in paths:
        path.write_bytes(whole)
    paths[1].write_bytes(whole[: len(whole) // 2])
    paths[4].write_bytes(b"not an image")
    bad = []

    pictures = list(read_images(paths, bad))

    assert [picture.number for picture in pictures] == [1, 3, 4, 6, 7]
    assert [str(paths[1]) in str(bad[0]), str(paths[4]) in str(bad[1]), len(bad)] == [True, True, 2]


def test_frames_come_in_order(tmp_path):
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for number in range(5):
        writer.write(np.full((48, 64, 3), (0, 0, 50 * number), np.uint8))
    writer.release()

    frames = list(read_video(path))

    assert (video_info(path).frames, video_info(path).rate) == (5, 10)
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    for frame in frames:
        assert frame.pixels.shape == (48, 64, 3)
        # OpenCV's last channel is red.
        assert frame.pixels.mean(axis=(0, 1))[0] == pytest.approx(50 * frame.number, abs=8)
        assert frame.pixels.mean(axis=(0, 1))[2] < 12


def test_a_broken_video_is_told(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"no film")
    with pytest.raises(DataError, match=r"film\.mp4: cannot be read as a video"):
        video_info(path)


def test_grey_of_16_bits_keeps_its_range(tmp_path):
    values = np.linspace(0, 65535, 8).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "depth.png"), np.tile(values, (8, 1)))
    image = read_pixels(tmp_path / "depth.png")
    assert image.shape == (8, 8, 3)
    assert image[0, :, 0].tolist() == np.round(values / 257).astype(int).tolist()


def test_numbers_without_a_known_range_are_refused(tmp_path):
    Image.fromarray(np.full((8, 8), 1e6, np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(DataError, match=r"depth\.tif: cannot be read as an image .*32 bits"):
        read_pixels(tmp_path / "depth.tif")
