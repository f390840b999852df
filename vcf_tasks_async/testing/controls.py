"""What a test does with a running simulator: look at the truth, and change the world.

Every method may be called from any thread: a lock keeps it apart from the requests being served.
"""

import copy
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

from vcf_tasks_async.testing.bodies import Raw
from vcf_tasks_async.testing.clock import SimulatorClock
from vcf_tasks_async.testing.generator import Generated, TaskGenerator
from vcf_tasks_async.testing.record import RecordedRequest
from vcf_tasks_async.testing.routes import Api
from vcf_tasks_async.testing.spelling import Spelling, canonical, spell
from vcf_tasks_async.testing.store import Change, Entry, TaskMapping
from vcf_tasks_async.testing.tokens import TokenOffice
from vcf_tasks_async.testing.world import World

__all__ = ["Controls"]


class Controls:
    """The part of `SddcManagerSimulator` that needs no socket."""

    clock: SimulatorClock
    product: str
    username: str
    password: str
    _world: World
    _tokens: TokenOffice
    _api: Api
    _generator: TaskGenerator
    _spelling: Spelling

    def __init__(self) -> None:
        self._lock = RLock()
        self._callbacks: list[Callable[[RecordedRequest], object]] = []

    @property
    def tasks(self) -> TaskMapping:
        """Id to live raw task, brought up to the clock; what you change in a task is served."""
        return TaskMapping(self._world.entries, self._live)

    @property
    def history(self) -> Sequence[Change]:
        """Every change since the start, in order, with exact times: what a watcher should have seen."""
        with self._lock:
            self._world.advance()
            return self._world.history

    @property
    def logins(self) -> int:
        """Logins that succeeded."""
        return self._tokens.logins

    @property
    def failed_logins(self) -> int:
        """Logins that were refused."""
        return self._tokens.failed_logins

    @property
    def refreshes(self) -> int:
        """Access tokens got with a refresh token."""
        return self._tokens.refreshes

    @property
    def retention_days(self) -> int:
        """What 9.1's task settings say."""
        return self._api.retention_days

    def snapshot(self) -> dict[str, Raw]:
        """A deep copy of all tasks by id, as they are now; unlike `tasks`, it costs listings nothing."""
        with self._lock:
            self._world.advance()
            return self._world.snapshot()

    def ids(self, status: str | None = None) -> list[str]:
        """The ids of all tasks in list order, or of those in *status* (any spelling)."""
        with self._lock:
            self._world.advance()
            word = None if status is None else canonical(status)
            return [e.id for e in self._world.select(None, None) if word is None or e.status == word]

    def add_task(
        self,
        raw: Raw | None = None,
        *,
        status: str = "IN_PROGRESS",
        subtasks: int | None = None,
        credential: bool = False,
        zombie: bool = False,
        **fields: Any,
    ) -> str:
        """A new task appears now; the history says so.

        Args:
            raw: serve this, as it is; None generates one.
            status: status of a generated task, any spelling.
            subtasks: how many subtasks a generated task has; None leaves it to the generator.
            credential: whether to generate a credential task.
            zombie: whether it stays in progress for ever.
            **fields: fields of the task to set besides (`name="…"`).

        Returns:
            The task's id.

        Example:
            >>> from vcf_tasks_async.testing import SddcManagerSimulator
            >>> sddc = SddcManagerSimulator(tasks=0)
            >>> task_id = sddc.add_task(name="SDDC Manager Backup")
            >>> sddc.tasks[task_id]["status"]
            'In Progress'
        """
        with self._lock:
            self._world.advance()
            if raw is None:
                made = self._generated(canonical(status), self._world.now, subtasks, credential, zombie)
            else:
                made = Generated(copy.deepcopy(raw), zombie=zombie)
                if status != "IN_PROGRESS":
                    made.raw["status"] = spell(status, self._spelling, task=True)
            made.raw.update(fields)
            return self._world.create(made, self._world.now).id

    def purge(self, task_id: str) -> None:
        """The task is gone, as after its retention: 404 from now on. Raises KeyError when unknown."""
        with self._lock:
            self._world.purge(self._now(task_id))

    def fail(self, task_id: str, message: str | None = None) -> None:
        """The task fails now, at the step where it stands; *message* is the text of the nested error."""
        with self._lock:
            entry = self._now(task_id)
            self._world.end(entry, "FAILED", self._world.now, self._world.errors_for(entry, message))

    def complete(self, task_id: str) -> None:
        """The task ends well now, with all its subtasks."""
        with self._lock:
            self._world.end(self._now(task_id), "SUCCESSFUL", self._world.now)

    def set_status(self, task_id: str, status: str, *, path: str = "") -> None:
        """The task, or the subtask at *path* (`/subTasks/0`), is in *status* from now on.

        A known status is spelled as the simulator spells it; any other text is served as it is.
        """
        with self._lock:
            self._world.set_status(self._now(task_id), status, path)

    def on_request(
        self, callback: Callable[[RecordedRequest], object]
    ) -> Callable[[RecordedRequest], object]:
        """Call *callback* right before each request is served; usable as a decorator.

        It runs in the simulator's thread, and may change the world: that is how a test lets tasks
        drift under a listing.
        """
        self._callbacks.append(callback)
        return callback

    def off_request(self, callback: Callable[[RecordedRequest], object]) -> None:
        """Take a callback of `on_request` back."""
        self._callbacks.remove(callback)

    def expire_tokens(self) -> None:
        """Every access token issued so far is refused from now on."""
        with self._lock:
            self._tokens.expire_access()

    def revoke_refresh_tokens(self) -> None:
        """Every refresh token issued so far is refused from now on."""
        with self._lock:
            self._tokens.revoke_refresh()

    def become_sddc_manager(
        self, *, password: str | None = None, local_password: str | None = None, keep_tasks: bool = False
    ) -> None:
        """Bring-up is done: where the VCF Installer answered, SDDC Manager does from now on.

        All tokens are dead. To show the outage as well, call it between `stop` and `start`.

        Args:
            password: of `administrator@vsphere.local`, which is `username` from now on; None keeps the
                Installer's.
            local_password: of `admin@local`, whom SDDC Manager has too; None keeps the Installer's.
            keep_tasks: whether the Installer's tasks are still known. By default they are gone.

        Raises:
            ValueError: this is no VCF Installer.
        """
        with self._lock:
            if self.product != "vcf-installer":
                raise ValueError("no VCF Installer: only product='vcf-installer' becomes an SDDC Manager")
            self._world.advance()
            if not keep_tasks:
                for entry in list(self._world.entries.values()):
                    self._world.purge(entry)
            local = local_password if local_password is not None else self.password
            self.product, self.username = "sddc-manager", "administrator@vsphere.local"
            self.password = password if password is not None else self.password
            self._tokens.change_hands({self.username: self.password, "admin@local": local})
            self._api.become_sddc_manager()
            self._generator.installer = False

    def _now(self, task_id: str) -> Entry:
        self._world.advance()
        return self._world.entries[task_id]

    def _live(self, task_id: str) -> Raw:
        with self._lock:
            return self._world.expose(self._now(task_id))

    def _look_on(self, request: RecordedRequest) -> None:
        for callback in list(self._callbacks):
            callback(request)

    def _generated(
        self, status: str, at: float, subtasks: int | None, credential: bool, zombie: bool
    ) -> Generated:
        return self._generator.one(
            status,
            created_ms=round(at * 1000),
            subtasks=subtasks,
            credential=credential,
            zombie=zombie,
            fresh=True,
        )

    def _arrive(self, at: float) -> float:
        self._world.create(self._generated("IN_PROGRESS", at, None, False, False), at)
        return at
