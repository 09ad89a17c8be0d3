import hashlib
from pathlib import Path

import pytest

from evopose2d.config.loading import load_params
from evopose2d.config.pinned import pin, read_pinned
from evopose2d.errors import ConfigError


@pytest.mark.parametrize("name", ["weights.h5", "a b#1.h5", "imagenet:x.h5"])
def test_what_is_pinned_is_read_again(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(b"weights")
    assert read_pinned("key", pin(path)) == (str(path), hashlib.sha256(b"weights").hexdigest())
    assert read_pinned("key", str(path)) == (str(path), None)


@pytest.mark.parametrize("digest", ["", "12ab", 64 * "g", 64 * "A", 65 * "0", 64 * "0" + "\n"])
def test_what_is_no_digest_is_told_before_any_work(project_root: Path, digest: str):
    with pytest.raises(ConfigError, match=r"^train\.initial_weights: got .*must have 64 hexadecimal digits"):
        load_params(project_root / "params.yaml", [f"train.initial_weights='w.h5#sha256={digest}'"])


def test_an_override_takes_it(project_root: Path):
    value = f"search/w.h5#sha256={64 * '0'}"
    params = load_params(project_root / "params.yaml", [f"train.initial_weights={value}"])
    assert params.train.initial_weights == value
