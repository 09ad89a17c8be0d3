"""Batches of crops, made by processes of their own: no interpreter's lock stands in the way of a sample.

The processes are started as a program (``loading_process``), not forked from this one or told to import its main
module: neither would be safe in a process that has TensorFlow, nor quick. They write crops into memory that is shared,
take tasks from a pipe and say through another when they are done. A task is an epoch, the batch that the epoch begins
with and the task's number in it; what it means follows from the job (``epochs``). The processes end when the pipe of
tasks does: with whoever owns it, however that ends.
"""

import heapq
import io
import itertools
import json
import os
import struct
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.arrays import aligned
from evopose2d.data.cropping import TRAINING, Cropper, Job
from evopose2d.data.epochs import TASK, Epoch, most_in_turn
from evopose2d.data.ring import Ring, shared_file
from evopose2d.errors import DataError

TASK_MESSAGE = struct.Struct("<qqq")
"""Epoch, the batch that it begins with, number of the task."""

_FEW = 256  # people that are loaded sooner in this process than others start
_MOST_TASKS = 1024  # waiting at a time; pipes hold more

Task = tuple[int, int, int]


class Worker:
    """Does the tasks of a job, one after the other."""

    def __init__(self, job: Job, ring: Ring) -> None:
        self._job, self._ring = job, ring
        self._cropper = Cropper(job)
        self._number = -1
        self._epoch: Epoch | None = None

    def do(self, task: Task) -> None:
        """Load what a task asks for.

        Raises:
            DataError: a record is damaged.
        """
        number, first_batch, part = task
        if self._epoch is None or self._number != number:
            self._number, self._epoch = number, self._job.epoch(number)
        places = self._epoch.task(part)
        people = self._epoch.people[places]
        drawn = self._epoch.drawn[people] if len(self._epoch.drawn) else self._epoch.drawn
        self._cropper.load(people, drawn, self._ring.rows(first_batch, places), self._ring.arrays)


class _Workers(Protocol):
    """What does tasks."""

    def submit(self, task: Task) -> None:
        """Have a task done."""

    def finished(self) -> Task:
        """Wait until a task is done that was not told of yet."""

    def close(self) -> None:
        """End the processes."""


class _Here:
    """Does tasks in this process, when they are waited for."""

    def __init__(self, job: Job, slots: int) -> None:
        self.ring = Ring(job.fields, job.batch_size, slots)
        self._worker = Worker(job, self.ring)
        self._tasks: deque[Task] = deque()

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def finished(self) -> Task:
        task = self._tasks.popleft()
        self._worker.do(task)
        return task

    def close(self) -> None:
        pass


class _Processes:
    """Does tasks in processes."""

    def __init__(self, job: Job, slots: int, count: int) -> None:
        file = shared_file()
        tasks_out, tasks_in = os.pipe()
        done_out, done_in = os.pipe()
        self.ring = Ring(job.fields, job.batch_size, slots, file)
        theirs = (file, tasks_out, done_in)
        # PYTHONPATH: so that they import what this process does. One thread each: there are as many as cores.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "evopose2d.data.loading_process", str(count), str(slots), *map(str, theirs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=theirs,
            env=environment,
        )
        for descriptor in theirs:
            os.close(descriptor)
        self._tasks, self._done = tasks_in, done_out
        self.close = weakref.finalize(self, _end, self._process, tasks_in, done_out)
        assert self._process.stdin is not None
        with self._process.stdin as stream:
            stream.write(packed(job))

    def submit(self, task: Task) -> None:
        try:
            os.write(self._tasks, TASK_MESSAGE.pack(*task))
        except BrokenPipeError:
            self._fail()

    def finished(self) -> Task:
        message = os.read(self._done, TASK_MESSAGE.size)
        if len(message) != TASK_MESSAGE.size:
            self._fail()
        return TASK_MESSAGE.unpack(message)

    def _fail(self) -> None:
        assert self._process.stdout is not None
        told = self._process.stdout.read().decode(errors="replace").strip()
        self.close()
        raise DataError(told.splitlines()[0] if told else "the processes that load crops ended unexpectedly")


def _end(process: subprocess.Popen[bytes], tasks: int, done: int) -> None:
    os.close(tasks)
    os.close(done)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    process.wait()


def packed(job: Job) -> bytes:
    """Return a job as bytes, for a process to unpack."""
    augmentation = None if job.augmentation is None else asdict(job.augmentation)
    plain = ("kind", "fast_dct", "input_shape", "batch_size", "seed", "centred", "pose_errors")
    settings = {name: getattr(job, name) for name in plain}
    settings |= {"files": job.index.files, "schema": asdict(job.schema), "augmentation": augmentation}
    stream = io.BytesIO()
    arrays: dict[str, Any] = {"settings": np.frombuffer(json.dumps(settings).encode(), np.uint8)} | job.index.arrays
    np.savez(stream, **arrays)
    return stream.getvalue()


class Batches:
    """Batches of some epochs of a job, to be iterated over as often as one likes.

    Args:
        job: what is made of which records.
        epochs: numbers of the epochs, one after the other.
        processes: how many load; None: one for each core that this process may use, or none for few people.
    """

    def __init__(self, job: Job, epochs: Sequence[int] = (0,), processes: int | None = None) -> None:
        self.job, self._epochs = job, epochs
        self.people = len(job.index.records)
        self.steps = -(-self.people // job.batch_size)
        few = len(epochs) * self.people <= _FEW
        self._count = (0 if few else cores()) if processes is None else processes
        self._idle: _Workers | None = None
        self._next_batch = 0

    def __len__(self) -> int:
        return len(self._epochs) * self.steps

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        workers, self._idle = self._idle, None
        first = self._next_batch if workers is not None else 0
        if workers is None:
            workers = self._start()
        reading = _Reading(self.job, workers, self._ahead, first)
        try:
            yield from reading.batches(self._epochs)
        finally:
            if reading.complete and self._idle is None:
                self._idle, self._next_batch = workers, reading.consumed
            else:
                workers.close()

    @property
    def _ahead(self) -> int:
        """People that are loaded ahead, beyond those that the next batch needs."""
        return max(2 * self.job.batch_size, 3 * TASK * max(self._count, 1))

    def _start(self) -> Any:  # noqa: ANN401 - workers with a ring
        counts = self.job.index.counts
        turn = most_in_turn(counts, self.job.batch_size) if self.job.kind == TRAINING else 0
        slots = (self._ahead + turn + TASK + int(counts.max())) // self.job.batch_size + 4
        return _Processes(self.job, slots, self._count) if self._count else _Here(self.job, slots)


class _Reading:
    """One pass over the batches of some epochs.

    Attributes:
        consumed: batches that were given, after those of earlier passes.
        complete: whether no task is left.
    """

    def __init__(self, job: Job, workers: Any, ahead: int, first_batch: int) -> None:  # noqa: ANN401
        self._job, self._workers, self._ahead = job, workers, ahead
        self._ring: Ring = workers.ring
        self.consumed = self._first = first_batch
        self.complete = False
        self._loading = 0  # tasks
        self._issued = 0  # places
        self._free = list(range(self._ring.slots))
        self._missing: dict[int, int] = {}
        self._parts: dict[Task, tuple[list[int], list[int]]] = {}

    def batches(self, epochs: Sequence[int]) -> Iterator[dict[str, NDArray[Any]]]:
        steps = -(-len(self._job.index.records) // self._job.batch_size)
        tasks = self._tasks(epochs, steps)
        waiting = next(tasks, None)
        for _ in range(steps * len(epochs)):
            while self._missing.get(self.consumed, 1):
                while waiting is not None and self._has_room(waiting[1]):
                    self._submit(*waiting)
                    waiting = next(tasks, None)
                self._count_finished()
            batch = {name: _copy(values) for name, values in self._ring.batch(self.consumed).items()}
            heapq.heappush(self._free, int(self._ring.slot_of[self.consumed % self._ring.slots]))
            del self._missing[self.consumed]
            self.consumed += 1
            self.complete = waiting is None and not self._loading
            yield batch

    def _tasks(self, epochs: Sequence[int], steps: int) -> Iterator[tuple[Task, Epoch]]:
        for number, first in zip(epochs, itertools.count(self._first, steps), strict=False):
            epoch = self._job.epoch(number)
            for part in range(epoch.tasks):
                yield (number, first, part), epoch

    def _has_room(self, epoch: Epoch) -> bool:
        given = (self.consumed - self._first) * self._job.batch_size
        return self._issued - given < self._ahead + epoch.largest and self._loading < _MOST_TASKS

    def _submit(self, task: Task, epoch: Epoch) -> None:
        places = epoch.task(task[2])
        batches, counts = np.unique(task[1] + places // self._job.batch_size, return_counts=True)
        self._parts[task] = batches.tolist(), counts.tolist()
        for batch in batches.tolist():
            if batch not in self._missing:
                self._missing[batch] = self._job.batch_size
                self._ring.slot_of[batch % self._ring.slots] = heapq.heappop(self._free)
        self._issued += len(places)
        self._loading += 1
        self._workers.submit(task)

    def _count_finished(self) -> None:
        task = self._workers.finished()
        for batch, count in zip(*self._parts.pop(task), strict=True):
            self._missing[batch] -= count
        self._loading -= 1


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _copy(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype != np.uint8:
        return values.copy()
    copied = aligned(values.shape)
    copied[...] = values
    return copied
