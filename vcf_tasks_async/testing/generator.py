"""Makes realistic tasks, the same ones for the same seed and start time.

Only makes raw JSON; how a task goes on living is `world`.
"""

import uuid
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from vcf_tasks_async.testing.bodies import Raw, error
from vcf_tasks_async.testing.causes import failure_errors, reference_token
from vcf_tasks_async.testing.clock import iso_ms
from vcf_tasks_async.testing.credential_generator import make_credential_task
from vcf_tasks_async.testing.progress import WAITING, done_steps, state_at
from vcf_tasks_async.testing.spelling import ENDED, Spelling, spell
from vcf_tasks_async.testing.vocabulary import INSTALLER_KINDS, KINDS, OBJECTS, SHORT_NAMES, VERBS, Kind

__all__ = ["Generated", "Shares", "TaskGenerator"]


class Shares(NamedTuple):
    """Which share of the generated tasks (0 to 1) is in which state; the rest was successful."""

    failed: float
    running: float
    zombies: float = 0.0
    pending: float = 0.01
    cancelled: float = 0.015
    warned: float = 0.015
    credentials: float = 0.03
    not_retryable: float = 0.05


class Generated(NamedTuple):
    """A task, and what the simulator knows about it besides: its credentials, and that it is stuck."""

    raw: Raw
    credential: Raw | None = None
    zombie: bool = False


class TaskGenerator:
    """A seeded source of tasks.

    Args:
        seed: same seed, same tasks.
        now: epoch seconds; tasks were created in the 30 days before.
        release: `4.5` leaves isRetryable and isCancellable out, `9.1` adds its statuses.
        product: `vcf-installer` has other kinds of task, and no credential tasks.
        spelling: how statuses are written.

    Example:
        >>> generator = TaskGenerator(7, now=1_750_000_000, release="9.0")
        >>> [made.raw["status"] for made in generator.make(3, Shares(failed=1.0, running=0.0))]
        ['Failed', 'Failed', 'Failed']
    """

    def __init__(
        self,
        seed: int,
        *,
        now: float,
        release: str,
        product: str = "sddc-manager",
        spelling: Spelling = "mixed",
    ) -> None:
        self._rng = Random(f"tasks/{seed}")
        self._now_ms = round(now * 1000)
        self._release = release
        self.installer = product == "vcf-installer"
        self._spelling: Spelling = spelling
        kinds: Sequence[Kind] = INSTALLER_KINDS if self.installer else KINDS
        self._kinds = [kind for kind in kinds for _ in range(kind.weight)]
        # The wire form of every status, looked up instead of worked out a dozen times per task.
        self._sub = {word: spell(word, spelling, task=False) for word in (*ENDED, "PENDING", "IN_PROGRESS")}
        self._steps = [
            (f"{verb}{thing}Action", f"{prose} {what}") for verb, prose in VERBS for thing, what in OBJECTS
        ]

    def make(self, count: int, shares: Shares) -> Iterator[Generated]:
        """*count* tasks, oldest first."""
        month_ms = 30 * 24 * 3600 * 1000
        moments = sorted(self._rng.randrange(1, month_ms) for _ in range(count))
        statuses = self._statuses(count, shares)
        for back, status in zip(reversed(moments), statuses, strict=True):
            zombie = status == "ZOMBIE"
            yield self.one(
                "IN_PROGRESS" if zombie else status,
                # What still runs began within the last hour, unless it is stuck for good.
                created_ms=self._now_ms - (back % 3_600_000 if status in _RECENT else back),
                credential=not self.installer and self._rng.random() < shares.credentials,
                retryable=self._rng.random() >= shares.not_retryable,
                zombie=zombie,
            )

    def one(
        self,
        status: str,
        *,
        created_ms: int | None = None,
        credential: bool = False,
        retryable: bool = True,
        zombie: bool = False,
        subtasks: int | None = None,
        fresh: bool = False,
    ) -> Generated:
        """One task in *status* (canonical), created at *created_ms*; a *fresh* one has done nothing yet."""
        rng = self._rng
        created_ms = self._now_ms if created_ms is None else created_ms
        if credential and not zombie:
            made, accounts = make_credential_task(
                rng,
                status,
                new_id=self._id,
                created_ms=created_ms,
                now_ms=self._now_ms,
                release=self._release,
                spelling=self._spelling,
                subtasks=subtasks,
            )
            return Generated(made, accounts)
        kind = rng.choice(self._kinds)
        short = SHORT_NAMES.get(kind.resource, "vcf")
        host = f"sfo{rng.randrange(1, 20):02d}-{short}{rng.randrange(1, 64):02d}.rainpole.io"
        total = subtasks if subtasks is not None else min(40, 8 + int(rng.expovariate(1 / 4.4)))
        raw: Raw = {
            "id": self._id(),
            "name": kind.name.format(host=host, domain=f"sfo-w{rng.randrange(1, 9):02d}"),
            "type": kind.type,
            "status": spell(status, self._spelling, task=True),
            "creationTimestamp": iso_ms(created_ms),
        }
        if rng.random() < 0.2:
            raw["localizableDescriptionPack"] = {
                "component": "com.vmware.vcf.domainmanager",
                "messageKey": f"{kind.type}.DESCRIPTION",
                "arguments": [host],
                "message": raw["name"],
            }
        done = 0 if fresh and status == "IN_PROGRESS" else done_steps(rng, status, total)
        end_ms = self._subtasks(raw, total, done, status, created_ms, host)
        if status in ENDED:
            raw["completionTimestamp"] = iso_ms(end_ms)
        raw["errors"] = []
        if status == "FAILED" and rng.random() < 0.3:
            raw["errors"] = [error("TASK_FAILED", f"{raw['name']} failed", reference=reference_token(rng))]
        raw["resources"] = [
            {"resourceId": self._id(), "fqdn": host, "type": kind.resource, "name": host.partition(".")[0]}
        ]
        raw["resolutionStatus"] = (
            "RESOLVED" if status == "SUCCESSFUL" and rng.random() < 0.5 else "UNRESOLVED"
        )
        if self._release != "4.5":
            raw["isCancellable"] = status == "IN_PROGRESS"
            raw["isRetryable"] = status == "FAILED" and retryable
        return Generated(raw, zombie=zombie)

    def _subtasks(self, raw: Raw, total: int, done: int, status: str, at_ms: int, host: str) -> int:
        """Fill in the subtasks: *done* successful ones, the one that decides, and the rest."""
        rng, sub = self._rng, self._sub
        subtasks: list[Raw] = []
        created = iso_ms(at_ms)
        longest = min(240_000, max(100, (self._now_ms - at_ms) // (done + 1)))
        for position, (name, description) in enumerate(_sample(rng, self._steps, total)):
            state = state_at(position, done, status)
            subtask: Raw = {
                "name": name,
                "type": name.removesuffix("Action"),
                "description": description,
                "status": sub[state],
                "creationTimestamp": created,
            }
            if state in ENDED:
                at_ms += rng.randrange(longest // 100, longest)
                subtask["completionTimestamp"] = iso_ms(at_ms)
            elif state == "PENDING" and position > done and status == "FAILED" and rng.random() < 0.02:
                # Seen on real systems: a subtask that never began, with a time at which it ended.
                subtask["completionTimestamp"] = iso_ms(at_ms)
            if rng.random() < 0.08:
                self._children(subtask, state, created, position, rng.random() < 0.6)
            subtask["errors"] = failure_errors(rng, host, self._release) if state == "FAILED" else []
            subtask["resources"] = []
            subtasks.append(subtask)
        raw["subTasks"] = subtasks
        return at_ms

    def _children(self, subtask: Raw, state: str, created: str, position: int, stages: bool) -> None:
        rng, sub = self._rng, self._sub
        count = rng.randrange(2, 4)
        # A subtask that is done has done all its children, one that waits has begun none.
        turning = {"SUCCESSFUL": count, "PENDING": -1}.get(state, rng.randrange(count))
        children: list[Raw] = []
        for number in range(count):
            child_state = "SUCCESSFUL" if number < turning else state if number == turning else "PENDING"
            child: Raw = {
                "name": f"{subtask['name'].removesuffix('Action')}Step{number + 1}",
                "type": "STAGE" if stages else "SUBTASK",
                "description": f"Step {number + 1} of {count} of subtask {position + 1}",
                "status": sub[child_state],
                "creationTimestamp": created,
                "errors": [],
            }
            if child_state in ENDED:
                child["completionTimestamp"] = subtask.get("completionTimestamp", created)
            children.append(child)
        subtask["stages" if stages else "subTasks"] = children

    def _statuses(self, count: int, shares: Shares) -> list[str]:
        """A status for each of *count* tasks: the shares are kept exactly, not by chance."""
        newest = self._release == "9.1"
        wanted = {
            "FAILED": shares.failed,
            "IN_PROGRESS": shares.running,
            "ZOMBIE": shares.zombies,
            "QUEUED" if newest else "PENDING": shares.pending,
            "CANCELLED": shares.cancelled * (0.5 if newest else 1.0),
            "TIMED_OUT": shares.cancelled * 0.5 if newest else 0.0,
            "COMPLETED_WITH_WARNING": shares.warned,
        }
        statuses: list[str] = []
        for status, share in wanted.items():
            statuses += [status] * min(round(share * count), count - len(statuses))
        statuses += ["SUCCESSFUL"] * (count - len(statuses))
        self._rng.shuffle(statuses)
        return statuses

    def _id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _sample(rng: Random, steps: list[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """*count* steps, each once as long as there are enough of them."""
    picked: list[tuple[str, str]] = []
    while len(picked) < count:
        picked += rng.sample(steps, min(count - len(picked), len(steps)))
    return picked


_RECENT = WAITING | {"IN_PROGRESS"}
