"""What the documentation points to is there."""

import re
from pathlib import Path

_FILE = re.compile(r"`([a-z_0-9]+/[a-z_0-9/]+\.(?:py|md|yaml))`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def _documents(root: Path) -> list[Path]:
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def test_files_that_are_named_exist(project_root: Path):
    roots = [project_root, project_root / "src" / "evopose2d", project_root / "docs"]
    named = [(path, name) for path in _documents(project_root) for name in _FILE.findall(path.read_text())]
    assert len(named) > 10
    assert [(path.name, name) for path, name in named if not any((root / name).exists() for root in roots)] == []


def test_links_lead_somewhere(project_root: Path):
    links = [(path, link) for path in _documents(project_root) for link in _LINK.findall(path.read_text())]
    assert len(links) > 10
    assert [(path.name, link) for path, link in links if not (path.parent / link).exists()] == []
