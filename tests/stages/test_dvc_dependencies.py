"""``dvc.yaml`` names the code that each stage runs: what ``dvc repro`` calls up to date is up to date."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

_PACKAGE = Path("src/evopose2d")
_COMMANDS = {"download": "download", "write_tfrecords": "write-tfrecords", "train": "train", "validate": "validate"}
# What changes no output of a stage: settings are dependencies by their values, and MLflow, messages and whole files
# are the same whatever a network learns.
_NO_OUTPUT = (
    "__init__.py",
    "config",
    "errors.py",
    "files.py",
    "importing.py",
    "hardware.py",
    "progress.py",
    "settings.py",
    "stages/__init__.py",
    "stages/layout.py",
    "stages/provenance.py",
    "tracking",
)
_REPORTS_ONLY = {"train": ("visualization",)}  # a curve's colour must not train a network again


def _file_of(root: Path, module: str) -> Path | None:
    path = root / _PACKAGE.parent / Path(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate.relative_to(root) for candidate in candidates if candidate.is_file()), None)


def _imported(root: Path, path: Path) -> Iterator[Path]:
    """Yield the project's files that a file imports, anywhere in it, and the packages that they lie in."""
    for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        for name in names:
            parts = name.split(".")
            if parts[0] == "evopose2d":
                yield from filter(None, (_file_of(root, ".".join(parts[:end])) for end in range(1, len(parts) + 1)))


def _code_of(root: Path, stage: str) -> set[Path]:
    """Return every file of the project that shapes a stage's output, as far as imports tell: lazy ones count too."""
    passed_over = [_PACKAGE / name for name in (*_NO_OUTPUT, *_REPORTS_ONLY.get(stage, ()))]
    waiting, reached = [_PACKAGE / "stages" / f"{stage}.py"], set()
    while waiting:
        path = waiting.pop()
        if path not in reached and not _within(path, passed_over):
            reached.add(path)
            waiting.extend(_imported(root, path))
    return reached


def _within(path: Path, places: list[Path]) -> bool:
    return any(path == place or place in path.parents for place in places)


@pytest.fixture(params=_COMMANDS)
def stage(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.slow
def test_stages_depend_on_the_code_that_they_run(project_root: Path, stage: str):
    content = yaml.safe_load((project_root / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    named = [Path(dependency) for dependency in content["deps"] if dependency.startswith("src/")]
    code = _code_of(project_root, stage)

    assert content["cmd"] == f"evopose2d {_COMMANDS[stage]}"
    assert sorted(str(path) for path in code if not _within(path, named)) == []
    assert [str(path) for path in named if not any(_within(reached, [path]) for reached in code)] == []
