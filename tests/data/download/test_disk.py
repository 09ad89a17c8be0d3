import shutil
from types import SimpleNamespace

import pytest

from evopose2d.data.download.disk import require_space
from evopose2d.data.download.plan import Space, Step, peak_space
from evopose2d.errors import DownloadError


def step(passing: int, lasting: int) -> Step:
    return Step("step", None, lambda: None, space=lambda: Space(passing, lasting))


def test_an_archive_that_is_removed_counts_while_it_is_unpacked():
    assert peak_space([step(10, 10), step(50, 50), step(20, 20)]) == 10 + 50 + 50
    assert peak_space([step(0, 20), step(0, 100)]) == 120
    assert peak_space([]) == 0


def test_refuses_in_one_line_with_both_numbers(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or SimpleNamespace(free=999))
    require_space(tmp_path / "not" / "there", 999)
    with pytest.raises(DownloadError) as caught:
        require_space(tmp_path / "not" / "there", 1000)
    assert "999 bytes free" in str(caught.value)
    assert "needs 1000 " in str(caught.value)
    assert asked == [tmp_path, tmp_path]
