import gc
import sys

import pytest

from evopose2d.importing import import_large


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module that notes whether the collector is on; gives its name."""

    def write(content: str = "") -> str:
        name = f"large_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(f"import gc\ncollects = gc.isenabled()\n{content}")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    gc.unfreeze()
    gc.enable()


def test_the_collector_rests_while_a_module_is_imported_and_spares_it_later(module):
    name = module("held = [[] for _ in range(1000)]")
    import_large(name)
    assert not sys.modules[name].collects
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000


def test_a_second_import_changes_nothing(module):
    name = module()
    import_large(name)
    gc.unfreeze()
    import_large(name)
    assert gc.get_freeze_count() == 0


def test_a_failed_import_leaves_the_collector_on(module):
    with pytest.raises(ZeroDivisionError):
        import_large(module("1 / 0"))
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off(module):
    gc.disable()
    import_large(module())
    assert not gc.isenabled()
