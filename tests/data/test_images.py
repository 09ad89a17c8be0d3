"""Pixels are those that TensorFlow's decoders give."""

import io

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from evopose2d.data.images import ImageDecoder, decode, decoded_size, is_jpeg
from evopose2d.errors import DataError


@pytest.fixture
def smooth() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    return cv2.resize(noise, (151, 97), interpolation=cv2.INTER_CUBIC)


def encoded_jpeg(smooth, mode: str, subsampling: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(smooth).convert(mode).save(stream, "JPEG", quality=80, subsampling=subsampling)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpegs_are_decoded_as_tensorflow_does(smooth, mode, subsampling):
    encoded = encoded_jpeg(smooth, mode, subsampling)
    expected = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_FAST").numpy()
    np.testing.assert_array_equal(decode(encoded), expected)
    accurate = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE").numpy()
    np.testing.assert_array_equal(ImageDecoder(fast_dct=False).rgba(encoded)[..., :3], accurate)
    assert (accurate != expected).any()
    assert is_jpeg(encoded)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpegs_of_four_inks_are_nearly_tensorflows(smooth, subsampling):
    encoded = encoded_jpeg(smooth, "CMYK", subsampling)
    expected = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE").numpy()
    assert np.abs(decode(encoded).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "I;16"])
def test_pngs_are_decoded_as_tensorflow_does(smooth, tmp_path, mode):
    path = tmp_path / "a.png"
    image = Image.fromarray(smooth)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(smooth[..., 0]))
    elif mode == "I;16":
        image = Image.fromarray(smooth[..., 0].astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    image.save(path)
    encoded = path.read_bytes()
    np.testing.assert_array_equal(decode(encoded), tf.io.decode_png(encoded, channels=3))
    assert not is_jpeg(encoded)


def test_pictures_of_any_size_follow_each_other(smooth):
    decoder = ImageDecoder(fast_dct=True)
    for size in ((151, 97), (40, 30), (300, 200)):
        encoded = cv2.imencode(".jpg", cv2.resize(smooth, size))[1].tobytes()
        np.testing.assert_array_equal(decoder.rgba(encoded)[..., :3], decode(encoded))


@pytest.mark.parametrize("encoded", [b"", b"no image", b"\xff\xd8\xff", None])
def test_what_cannot_be_decoded_is_told(smooth, encoded):
    if encoded is None:
        encoded = cv2.imencode(".jpg", smooth)[1].tobytes()[:900]
    with pytest.raises(DataError, match="corrupt, cut short or of an unknown format"):
        decode(encoded)


def test_odd_bytes_within_an_image_are_passed_over(smooth):
    encoded = cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_RST_INTERVAL, 5])[1].tobytes()
    restart = encoded.index(b"\xff\xd3")
    odd = encoded[:restart] + b"\x00\x01\x02\x03" + encoded[restart:]
    assert np.abs(decode(odd).astype(int) - decode(encoded)).mean() < 1
    assert decoded_size(odd) == smooth.shape[:2]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_the_size_is_told_of_what_can_be_decoded_and_of_nothing_else(smooth, suffix):
    encoded = cv2.imencode(suffix, smooth)[1].tobytes()
    assert decoded_size(encoded) == decode(encoded).shape[:2]
    with pytest.raises(DataError, match="corrupt, cut short or of an unknown format"):
        decoded_size(encoded[: len(encoded) // 2])
