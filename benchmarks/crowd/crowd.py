"""Everybody at once: each comes at their time, whether or not the platform keeps up."""

import asyncio
from collections.abc import Callable
from random import Random

from benchmarks.crowd.notes import Notes
from benchmarks.crowd.person import Manners, Person
from benchmarks.crowd.plan import LoadPlan
from duologue.client import Client
from duologue.clock import Clock

PROGRESS_EVERY_S = 0.5


class Crowd:
    """All visits of a plan, over one client."""

    def __init__(self, client: Client, plan: LoadPlan, manners: Manners, clock: Clock) -> None:
        self._client = client
        self._plan = plan
        self._manners = manners
        self._clock = clock
        self.start_ms = 0.0
        self.notes: list[Notes] = []
        self._people: list[Person] = []
        self.num_present = 0
        """People who are there and whose session is open or being opened."""

    @property
    def elapsed_s(self) -> float:
        return (self._clock.now_ms() - self.start_ms) / 1e3

    async def come_and_go(self, on_progress: Callable[["Crowd"], None]) -> None:
        """Run the plan to its end."""
        self.start_ms = self._clock.now_ms()
        async with asyncio.TaskGroup() as visits:
            progress = visits.create_task(self._tell(on_progress))
            running = []
            for arrival in self._plan.arrivals():
                due_ms = self.start_ms + arrival.at_s * 1e3
                await asyncio.sleep(max(0.0, due_ms - self._clock.now_ms()) / 1e3)
                notes = Notes(arrival.number, due_ms)
                self.notes.append(notes)
                until_ms = self.start_ms + arrival.until_s * 1e3
                running.append(visits.create_task(self._visit(notes, until_ms)))
            await asyncio.wait(running)
            progress.cancel()

    def leave(self) -> None:
        """Everybody is to go when they have said what they are saying."""
        for person in self._people:
            person.leave()

    async def _visit(self, notes: Notes, until_ms: float) -> None:
        random = Random(f"{self._plan.seed}/{notes.number}")
        person = Person(self._client, self._manners, self._clock, random, notes)
        self._people.append(person)
        self.num_present += 1
        try:
            await person.visit(until_ms)
        finally:
            self.num_present -= 1

    async def _tell(self, on_progress: Callable[["Crowd"], None]) -> None:
        while True:
            on_progress(self)
            await asyncio.sleep(PROGRESS_EVERY_S)
