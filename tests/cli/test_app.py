"""The command line: fast help, one-line mistakes, nothing heavy before it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evopose2d.cli.app import app

_HEAVY = ("tensorflow", "keras", "mlflow", "optuna", "ray", "matplotlib", "cv2")


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nsys.argv = ['evopose2d', '--help']\nfrom evopose2d.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', [name for name in {_HEAVY} if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "loaded: []" in finished.stdout
    for command in ("download", "write-tfrecords", "train", "validate", "predict", "export", "benchmark"):
        assert command in finished.stdout


@pytest.mark.parametrize("command", ["download", "write-tfrecords", "train", "validate"])
def test_every_stage_has_help_with_its_options(command: str):
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    for word in ("--params", "--set", "--json", "KEY=VALUE"):
        assert word in shown.stdout


def test_a_tilde_is_the_users_folder_in_arguments_and_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for arguments, file in (
        (["import", "~/gone"], "gone does not exist"),
        (["dataset", "--params=~/mine.yaml"], "mine.yaml: no such file"),
        (["networks", "use", "evopose2d_s", "--params", "~/mine.yaml"], "mine.yaml: no such file"),
    ):
        project = ["--params", str(Path(__file__).parents[2] / "params.yaml")] if arguments[0] == "import" else []
        ended = CliRunner().invoke(app, [*arguments, *project])
        assert f"{tmp_path}/{file}" in str(ended.exception)


def _run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from evopose2d.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "train.epoch=1"], ["train.epoch", "train.epochs"]),
        (["train", "--set", "train.epochs=0 train.l2=1"], ["train.epochs", "at least 1"]),
        (["train", "--set", "train.epochs='1"], ["--set"]),
        (["validate", "validate.nms=soft"], ["validate.nms", "none, oks, soft-oks"]),
    ],
)
def test_mistake_ends_in_one_line_and_status_2(project_root: Path, arguments: list[str], words: list[str]):
    finished = _run(*arguments, folder=project_root)
    assert finished.returncode == 2
    assert len(finished.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in finished.stderr


def test_folder_without_settings(tmp_path: Path):
    finished = _run("train", folder=tmp_path)
    assert finished.returncode == 2
    assert finished.stderr.startswith("evopose2d: params.yaml: no such file")


def test_set_adds_to_the_other_overrides(project_root: Path):
    from evopose2d.cli.app import load_settings

    params = load_settings(project_root / "params.yaml", ["train.epochs=3"], "train.seed=7 model.head_channels=8")
    assert (params.train.epochs, params.train.seed, params.model.head_channels) == (3, 7, 8)


@pytest.mark.parametrize(
    ("made_of_it", "status", "said"),
    [
        ("raise RuntimeError('a library failed') from None", 130, "the same command goes on"),
        ("sys.exit(1)", 130, "the same command goes on"),
        ("sys.exit(0)", 0, ""),
    ],
)
def test_an_interrupt_is_told_whatever_a_library_makes_of_it(made_of_it, status, said):
    code = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from evopose2d import cli
def app():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        {made_of_it}
cli.app = app
cli.main()
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == status, finished.stderr
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr


def test_an_error_without_an_interrupt_is_shown():
    code = (
        "from evopose2d import cli\ndef app():\n    raise RuntimeError('a mistake of ours')\ncli.app = app\ncli.main()"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 1
    assert "RuntimeError: a mistake" in finished.stderr


@pytest.mark.parametrize(
    ("made", "line"),
    [
        ("Path('taken/x').write_text('')", "taken/x: Not a directory"),
        ("Path('taken').mkdir()", "taken: is a file, must be a folder"),
        ("Path('free').rename('folder')", "folder: Is a directory"),
        ("open(b'absent')", "absent: No such file or directory"),
    ],
)
def test_a_file_that_the_machine_refuses_is_told_in_one_line(tmp_path: Path, made: str, line: str):
    for name in ("taken", "free"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder").mkdir()
    finished = _ending_with(made, tmp_path)
    assert finished.returncode == 1
    assert finished.stderr == f"evopose2d: {line}\n"


@pytest.mark.parametrize(
    "made",
    ["raise BrokenPipeError(32, 'Broken pipe', 'x')", "raise OSError('a library failed')", "raise KeyError('x')"],
)
def test_other_errors_keep_their_traceback(tmp_path: Path, made: str):
    finished = _ending_with(made, tmp_path)
    assert finished.returncode == 1
    assert "Traceback" in finished.stderr


def _ending_with(statement: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = (
        f"from pathlib import Path\nfrom evopose2d import cli\ndef app():\n    {statement}\ncli.app = app\ncli.main()"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
