"""A line before a model: jobs wait, one thread answers, and what is alike is answered together.

Floor 7. A turn answers what the first job asks, and the jobs of the same key behind it, up to a budget of tokens; a job
that is longer goes on behind those that came after it. Nothing here knows what a job is about.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from t2t.errors import T2TError

__all__ = ["BUDGET", "Busy", "Line"]

BUDGET = 2048  # tokens of a turn: about a second of a small model on one CPU

K = TypeVar("K", bound=Hashable)
E = TypeVar("E")
V = TypeVar("V")


class Busy(T2TError):
    """The line is full; ``wait`` is after how many seconds it may have moved on."""

    def __init__(self, message: str, *, wait: int) -> None:
        super().__init__(message, fix=f"Ask again in {wait} s.")
        self.wait = wait


@dataclass(eq=False)
class _Job(Generic[K, E, V]):
    """What one caller asks. ``done`` belongs to the loop, the rest to the thread while a turn runs."""

    key: K
    asked: Sequence[E]
    done: asyncio.Future[list[V]]
    sizes: Sequence[int] = ()
    said: list[V] = field(default_factory=list)
    fault: Exception | None = None


class Line(Generic[K, E, V]):
    """At most ``limit`` jobs, the one that is answered among them.

    ``size(key, asked)`` gives the tokens of each thing asked and ``answer(key, asked)`` what is said to it; both are
    only called by the thread.
    """

    def __init__(
        self,
        size: Callable[[K, Sequence[E]], Sequence[int]],
        answer: Callable[[K, Sequence[E]], Sequence[V]],
        *,
        limit: int,
        budget: int = BUDGET,
    ) -> None:
        self._size, self._answer, self.limit, self.budget = size, answer, limit, budget
        self._jobs: list[_Job[K, E, V]] = []
        self._more = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="t2t-line")
        self._pace = 0.0  # seconds of the last turn
        self._running: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Return how many jobs there are; one that nobody waits for any more is none."""
        return sum(not job.done.done() for job in self._jobs)

    def start(self) -> None:
        """Begin to answer, in the running loop."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop answering; a turn that runs is waited for."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)

    async def ask(self, key: K, asked: Sequence[E]) -> list[V]:
        """Return what is said to each thing asked. Raise `Busy` if the line is full; cancelled, it leaves the line."""
        if len(self) >= self.limit:
            wait = min(max(math.ceil(self._pace * len(self)), 1), 60)
            raise Busy(f"{len(self)} requests wait for the model, no more may", wait=wait)
        job = _Job[K, E, V](key, asked, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._more.set()
        return await job.done

    async def _run(self) -> None:
        while True:
            self._jobs = [job for job in self._jobs if not job.done.done()]  # whoever asked may have gone
            if not self._jobs:
                self._more.clear()
                await self._more.wait()
                continue
            first = self._jobs[0]
            turn = [job for job in self._jobs if job.key == first.key]
            began = time.monotonic()
            await asyncio.get_running_loop().run_in_executor(self._thread, self._take, turn)
            self._pace = time.monotonic() - began
            for job in turn:
                if job.fault and not job.done.done():
                    job.done.set_exception(job.fault)
                elif len(job.said) == len(job.asked) and not job.done.done():
                    job.done.set_result(job.said)
            self._jobs.append(self._jobs.pop(0))

    def _take(self, jobs: Sequence[_Job[K, E, V]]) -> None:
        """Answer what jobs of one key ask, up to the budget; each bears its own faults."""
        room, taken = self.budget, list[tuple[_Job[K, E, V], Sequence[E]]]()
        for job in jobs:
            if room <= 0:
                break
            try:
                job.sizes = job.sizes or self._size(job.key, job.asked)
            except Exception as error:
                job.fault = error
                continue
            start = end = len(job.said)
            while end < len(job.asked) and room > 0:
                room -= job.sizes[end]
                end += 1
            taken.append((job, job.asked[start:end]))
        if not taken:
            return
        try:
            said: Sequence[Any] = self._answer(taken[0][0].key, [one for _, part in taken for one in part])
        except Exception as error:
            if len(taken) == 1:
                taken[0][0].fault = error
            else:  # one of them is at fault: the others are not to bear it
                for job, _ in taken:
                    self._take([job])
            return
        for job, part in taken:
            job.said += said[: len(part)]
            said = said[len(part) :]
