"""The end of a command's process."""

import subprocess
import sys

import pytest

_START = "import atexit, gc, sys\nfrom evopose2d import cli\n"
_END = "cli.app = app\ncli.main()\n"


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", _START + code + _END], capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_crops_that_are_still_being_cut_do_not_keep_an_interrupted_process():
    finished = _run("""
def app():
    import time
    import tensorflow as tf
    def cut(index):
        time.sleep(0.05)
        return index
    people = tf.data.Dataset.range(10000).map(
        lambda index: tf.numpy_function(cut, [index], tf.int64, stateful=False), num_parallel_calls=2
    )
    batches = iter(people.batch(8).prefetch(2))
    next(batches)
    # As a traceback does that is held by what it leads through: let go of in the interpreter's last collection.
    holder = [batches]
    holder.append(holder)
    gc.disable()
    sys.exit(130)
""")
    assert finished.returncode == 130
    assert "goes on where it stopped" in finished.stderr


@pytest.mark.parametrize(
    ("ends", "status"), [("pass", 0), ("sys.exit()", 0), ("sys.exit(3)", 3), ("sys.exit('x')", 1), ("1 / 0", 1)]
)
def test_status_and_what_was_said_are_those_of_python(ends: str, status: int):
    finished = _run(f"""
def app():
    atexit.register(lambda: print("a library's handler"))
    print("a result", end="")
    {ends}
""")
    assert finished.returncode == status
    assert finished.stdout == "a resulta library's handler\n"
    assert ("ZeroDivisionError" in finished.stderr) == (ends == "1 / 0")


def test_a_result_that_cannot_be_written_is_a_failure():
    finished = _run("""
def app():
    sys.stdout = open("/dev/full", "w")
    print("a result")
""")
    assert finished.returncode == 1
