"""Imports run one way: a module may import only from the rows above its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

_ROWS = (
    ("errors", "files", "hardware", "importing", "progress", "__init__"),
    ("settings",),
    ("genotype",),
    ("fitness",),
    ("keypoints",),
    ("networks",),
    ("config",),
    ("feeding",),
    ("data",),
    ("heatmaps",),
    ("weights",),
    ("inheritance",),
    ("accelerator",),
    ("training",),
    ("evaluation",),
    ("visualization",),
    ("survey",),
    ("tracking",),
    ("stages",),
    ("prediction",),
    ("refinement",),
    ("export",),
    ("evolution",),
    ("quality",),
    ("benchmarks",),
    ("cli",),
)
_ROOMS_OF_THE_SEARCH = ("sampler", "individuals", "working", "results", "tracking")
_RANK = {room: rank for rank, rooms in enumerate(_ROWS) for room in rooms}
_KERAS = {"tensorflow", "keras", "jax"}
_NEVER = {
    "genotype": {"*"},
    "fitness": {"*"},
    "keypoints": _KERAS | {"mlflow", "optuna", "ray"},
    "config": _KERAS | {"mlflow", "optuna", "ray"},
    "data": _KERAS | {"mlflow", "optuna", "ray"},
    "heatmaps": {"evopose2d.data", "mlflow", "optuna", "ray", "tensorflow"},
    "networks": {"evopose2d.data", "mlflow", "optuna", "ray"},
    "weights": {"evopose2d.data", "mlflow", "optuna", "ray"},
    "inheritance": {"mlflow", "optuna", "ray"},
    "accelerator": {"evopose2d.data", "mlflow", "optuna", "ray"},
    "training": {"mlflow", "optuna", "ray"},
    "evaluation": {"evopose2d.training", "mlflow", "optuna", "ray"},
    "visualization": _KERAS | {"mlflow", "optuna", "ray"},
    "survey": _KERAS | {"mlflow", "optuna", "ray"},
    "tracking": {"tensorflow", "jax", "optuna", "ray"},
    "stages": {"optuna", "ray"},
    "export": {"evopose2d.training", "mlflow", "optuna", "ray"},
    # It holds Optuna's samplers against the project's.
    "quality": {"mlflow", "ray"},
    "benchmarks": {"mlflow", "optuna", "ray"},
    "prediction": {"evopose2d.training", "evopose2d.tracking", "optuna", "ray"},
    "refinement": {"evopose2d.training", "evopose2d.tracking", "mlflow", "optuna", "ray"},
}


def _modules(root: Path) -> list[Path]:
    return sorted((root / "src" / "evopose2d").rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _room(root: Path, path: Path) -> str:
    return path.relative_to(root / "src" / "evopose2d").parts[0].removesuffix(".py")


def test_every_module_stands_in_a_row(project_root: Path):
    assert {_room(project_root, path) for path in _modules(project_root)} <= set(_RANK)


def test_imports_go_up_the_rows(project_root: Path):
    for path in _modules(project_root):
        room = _room(project_root, path)
        if room == "__init__":
            continue
        for name in _imports(path):
            parts = name.split(".")
            if parts[0] == "evopose2d" and len(parts) > 1 and parts[1] in _RANK and parts[1] != room:
                assert _RANK[parts[1]] < _RANK[room], f"{path}: imports {name}"


def test_the_rooms_of_the_search_import_one_way(project_root: Path):
    rank = {room: number for number, room in enumerate(_ROOMS_OF_THE_SEARCH)}
    search = project_root / "src" / "evopose2d" / "evolution"
    for path in sorted(search.rglob("*.py")):
        room = path.relative_to(search).parts[0]
        for name in _imports(path):
            parts = name.split(".")
            if room in rank and parts[:2] == ["evopose2d", "evolution"] and len(parts) > 2:
                assert parts[2] in rank, f"{path}: imports {name}"
                assert rank[parts[2]] <= rank[room], f"{path}: imports {name}"


def test_rooms_keep_out_what_is_not_theirs(project_root: Path):
    standard = {"numpy", "evopose2d"}
    for path in _modules(project_root):
        never = _NEVER.get(_room(project_root, path), set())
        for name in _imports(path):
            top = name.split(".")[0]
            if "*" in never:
                assert top in standard or _is_standard_library(top), f"{path}: imports {name}"
            assert top not in never, f"{path}: imports {name}"
            assert not any(name == room or name.startswith(f"{room}.") for room in never if "." in room), path


def _is_standard_library(name: str) -> bool:
    import sys

    return name in sys.stdlib_module_names


def test_files_stay_short(project_root: Path):
    for path in _modules(project_root):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 320, path
