"""A deferrable operator for Airflow: retry what has failed, give the slot back, resume when all has ended.

Airflow's triggerer runs hundreds of triggers on one event loop, which is what this library is made for: the
waits of a trigger share one poller, and never hold the loop. Put this file beside your DAGs:

    retry = RetryFailedTasks(task_id="retry", sites="/etc/vcf-tasks/sites.toml", site="sfo", timeout=4 * 3600)

The file of sites (docs/fleets.md) names its secrets, so that nothing secret goes into Airflow's database. It
must be there for workers and triggerer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from vcf_tasks_async import Fleet, Result, Status, TaskFilter, VcfTasksError, WaitError

try:
    from airflow.sdk import BaseOperator
except ImportError:  # Airflow 2
    from airflow.models.baseoperator import BaseOperator


class TasksEnded(BaseTrigger):
    """Fires when tasks of one site have ended: ``{"ended": {id: status}, "missed": {id: why}}``.

    Args:
        sites: path of the TOML file.
        site: the site's name.
        task_ids: the tasks.
        timeout: seconds for all of them.
    """

    def __init__(self, sites: str, site: str, task_ids: list[str], timeout: float) -> None:
        super().__init__()
        self.sites = sites
        self.site = site
        self.task_ids = task_ids
        self.timeout = timeout

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What Airflow keeps of it; no secret is in there."""
        arguments = {
            "sites": self.sites, "site": self.site, "task_ids": self.task_ids, "timeout": self.timeout,
        }  # fmt: skip
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire once. Airflow cancels it when the triggerer stops: nothing stays behind."""
        yield TriggerEvent(await self.wait())

    async def wait(self) -> dict[str, Any]:
        """What the event carries."""
        ended: dict[str, str] = {}
        missed: dict[str, str] = {}
        async with Fleet.from_toml(self.sites) as fleet:
            waits = fleet.wait_many(
                [(self.site, task_id) for task_id in self.task_ids], timeout=self.timeout, after_retry=True
            )
            try:
                async for _, task in waits:
                    ended[task.id] = task.status.value
            except (WaitError, VcfTasksError):
                missed = {task_id: str(error) for (_, task_id), error in waits.missed.items()}
        return {"ended": ended, "missed": missed}


class RetryFailedTasks(BaseOperator):
    """Retry the failed tasks of one site, and defer until those that were accepted have ended.

    Args:
        sites: path of the TOML file.
        site: the site's name.
        timeout: seconds for the tasks to end.
    """

    def __init__(self, *, sites: str, site: str, timeout: float = 4 * 3600, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sites = sites
        self.site = site
        self.timeout = timeout

    def execute(self, context: Any) -> None:
        """Send the retries, then give the worker's slot back."""
        accepted = asyncio.run(self.retry())
        if accepted:
            self.defer(
                trigger=TasksEnded(self.sites, self.site, accepted, self.timeout), method_name="resumed"
            )

    async def retry(self) -> list[str]:
        """The ids of the tasks that were accepted.

        Raises:
            FleetFailures: some were not, or the site could not be reached.
        """
        async with Fleet.from_toml(self.sites) as fleet:
            report = await fleet.retry_many({self.site: TaskFilter(status=Status.FAILED)})
        report.raise_for_failures()
        return [outcome.task_id for _, outcome in report.outcomes if outcome.result is Result.ACCEPTED]

    def resumed(self, context: Any, event: dict[str, Any]) -> dict[str, str]:
        """All tasks have ended: the statuses go into XCom.

        Raises:
            RuntimeError: some failed again, or their end is not known.
        """
        bad = {task_id: status for task_id, status in event["ended"].items() if status != "SUCCESSFUL"}
        if bad or event["missed"]:
            raise RuntimeError(f"after the retry at {self.site}: { ({**bad, **event['missed']}) }")
        return event["ended"]
