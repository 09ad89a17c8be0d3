"""The program that loads crops for another process: it forks once it has imported what loading needs.

Standard input holds the job. What goes wrong is told in one line on standard output, before the program ends.
"""

import io
import json
import os
import signal
import sys
import traceback
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from evopose2d.data.cropping import Job
from evopose2d.data.loading import TASK_MESSAGE, Worker
from evopose2d.data.record_index import RecordIndex
from evopose2d.data.ring import Ring
from evopose2d.errors import EvoPoseError
from evopose2d.keypoints import KeypointSchema


def main() -> int:
    """Start the processes, and end them all when one of them fails."""
    # An interrupt is for the process that the crops are for; when that ends, these do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    count, slots, file, tasks, done = map(int, sys.argv[1:])
    job = unpacked(sys.stdin.buffer.read())
    ring = Ring(job.fields, job.batch_size, slots, file)
    cv2.setNumThreads(1)
    children = {_fork(job, ring, tasks, done) for _ in range(count)}
    os.close(tasks)
    os.close(done)
    while children:
        child, status = os.wait()
        children.discard(child)
        if status == 0:
            continue
        if os.WIFSIGNALED(status):
            _tell(f"a process that loads crops was ended by signal {os.WTERMSIG(status)}; is there enough memory?")
        for other in children:
            os.kill(other, signal.SIGKILL)
        return 1
    return 0


def unpacked(packed: bytes) -> Job:
    """Return the job that ``loading.packed`` gave."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as stored:
        arrays = dict(stored)
    settings = json.loads(arrays.pop("settings").tobytes())
    schema: dict[str, Any] = {
        name: tuple(held) if isinstance(held, list) else held for name, held in settings.pop("schema").items()
    }
    # Not of its own class, whose module takes as long to import as all others.
    change = settings.pop("augmentation")
    augmentation: Any = None if change is None else SimpleNamespace(**change)
    height, width = settings.pop("input_shape")
    index = RecordIndex.of_arrays(settings.pop("files"), arrays)
    return Job(
        index=index,
        schema=KeypointSchema(**schema),
        augmentation=augmentation,
        input_shape=(height, width),
        **settings,
    )


def _fork(job: Job, ring: Ring, tasks: int, done: int) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        _work(Worker(job, ring), tasks, done)
        status = 0
    except BrokenPipeError:
        status = 0
    except EvoPoseError as error:
        _tell(str(error))
    except BaseException as error:
        _tell(f"loading crops failed: {type(error).__name__}: {error}")
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


def _work(worker: Worker, tasks: int, done: int) -> None:
    while len(message := os.read(tasks, TASK_MESSAGE.size)) == TASK_MESSAGE.size:
        epoch, first_batch, part = TASK_MESSAGE.unpack(message)
        worker.do((epoch, first_batch, part))
        os.write(done, message)


def _tell(what: str) -> None:
    os.write(sys.stdout.fileno(), what.replace("\n", " ").encode()[:4000] + b"\n")


if __name__ == "__main__":
    sys.exit(main())
