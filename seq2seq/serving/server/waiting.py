"""Rows that wait for the model, in groups that may share a run."""

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from seq2seq.serving.server.servable import Arrays, ServedModel


@dataclass(eq=False)
class Group:
    """One signature of one loaded model, with inputs that can be joined."""

    model: ServedModel
    signature: str
    waiting: "deque[Waiting]" = field(default_factory=deque)  # the oldest first
    places: int = 0  # of all that wait


@dataclass(eq=False)
class Waiting:
    """A block of rows that a request waits for."""

    group: Group
    inputs: Arrays
    rows: int
    arrived: float  # seconds, by the loop's clock
    outputs: "asyncio.Future[Arrays]"

    @property
    def places(self) -> int:
        """What it takes of the queue: a request without rows waits too."""
        return max(1, self.rows)


class WaitingRows:
    """The queue of a server.

    Args:
        max_batch: rows a run of the model.
        delay: seconds that rows wait for others to fill a batch.
    """

    def __init__(self, max_batch: int, delay: float) -> None:
        self._max_batch = max_batch
        self._delay = delay
        self._groups: dict[Hashable, Group] = {}
        self.places = 0  # of all groups

    def add(
        self, model: ServedModel, signature: str, inputs: Arrays, rows: int, now: float
    ) -> Waiting:
        """Puts rows behind those of the same group."""
        shapes = tuple(
            (name, array.dtype.str, array.shape[1:]) for name, array in sorted(inputs.items())
        )
        key = (id(model), signature, shapes)  # the group keeps the model, so its id stays its own
        group = self._groups.setdefault(key, Group(model, signature))
        outputs: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()
        waiting = Waiting(group, inputs, rows, now, outputs)
        group.waiting.append(waiting)
        self._count(group, waiting.places)
        return waiting

    def withdraw(self, waiting: Waiting) -> None:
        """Takes rows away that nobody waits for any more."""
        if waiting in waiting.group.waiting:
            waiting.group.waiting.remove(waiting)
            self._count(waiting.group, -waiting.places)

    def next_ready(self) -> tuple[float, Group] | None:
        """When which group should run next: a full one since its oldest rows came."""
        if not self._groups:
            return None
        group = min(self._groups.values(), key=self._ready_at)
        return self._ready_at(group), group

    def take_batch(self, group: Group) -> list[Waiting]:
        """The oldest rows of a group, as many as fit in a batch."""
        batch = [group.waiting.popleft()]
        rows = batch[0].rows
        while group.waiting and rows + group.waiting[0].rows <= self._max_batch:
            batch.append(group.waiting.popleft())
            rows += batch[-1].rows
        self._count(group, -sum(each.places for each in batch))
        return batch

    def _ready_at(self, group: Group) -> float:
        full = group.places >= self._max_batch
        return group.waiting[0].arrived + (0 if full else self._delay)

    def _count(self, group: Group, places: int) -> None:
        group.places += places
        self.places += places
        if not group.waiting:
            self._groups = {key: each for key, each in self._groups.items() if each is not group}
