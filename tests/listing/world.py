"""A list of tasks that moves, and a server of pages over it: plain values, no network."""

from __future__ import annotations

from random import Random

import attrs

from vcf_tasks_async.grid import PageRequest
from vcf_tasks_async.models import PageMetadata, Task, TaskPage
from vcf_tasks_async.paging import Listing


@attrs.define
class World:
    """Tasks in server order, each with the second of its creation; ids never come twice."""

    tasks: list[tuple[str, int]]
    created: int = 0

    @classmethod
    def of(cls, size: int) -> World:
        return cls([(f"old-{i}", 10**9 - i) for i in range(size)])

    def create(self, place: int) -> None:
        self.created += 1
        self.tasks.insert(place, (f"new-{self.created}", 10**9 + self.created))

    def ids(self) -> set[str]:
        return {task_id for task_id, _ in self.tasks}


@attrs.frozen
class Server:
    """How pages of a world are served."""

    world: World
    base: int = 1
    largest: int = 100
    metadata: bool = True
    counts_pages: bool = True

    def page(self, request: PageRequest) -> TaskPage:
        size = min(request.size, self.largest)
        index = 0 if request.number is None or not self.counts_pages else request.number - self.base
        tasks = self.world.tasks[index * size : (index + 1) * size] if index >= 0 else []
        total = len(self.world.tasks)
        return TaskPage(
            elements=tuple(
                Task(id=task_id, raw_status="Failed", creation_timestamp=f"{second:012d}Z")
                for task_id, second in tasks
            ),
            page_metadata=PageMetadata(index + self.base, len(tasks), total, -(-total // size))
            if self.metadata
            else None,
        )


@attrs.define
class Reading:
    """A listing read to its end, and what it cost."""

    listing: Listing
    ids: list[str]
    requests: int


def read(server: Server, *, size: int = 100, window: int = 4, move=lambda: None, volatile=False) -> Reading:
    """Read the world through *server*; *move* runs after each page was served."""
    listing = Listing(size, volatile=volatile)
    waiting: list[TaskPage] = []
    ids: list[str] = []
    requests = 0
    while not listing.done:
        while len(waiting) < window and (request := listing.next_request()) is not None:
            waiting.append(server.page(request))
            requests += 1
            move()
        ids += [task.id for task in listing.feed(waiting.pop(0))]
    return Reading(listing, ids, requests)


def mover(world: World, rng: Random, *, creates: int, purges: int, where: str):
    """A function that creates and purges so many tasks at each call."""

    def move() -> None:
        for _ in range(creates):
            places = {"front": 0, "back": len(world.tasks), "middle": rng.randint(0, len(world.tasks))}
            world.create(places[where])
        for _ in range(min(purges, len(world.tasks))):
            world.tasks.pop(rng.randrange(len(world.tasks)))

    return move
