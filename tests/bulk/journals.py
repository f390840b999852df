"""Journals for the tests: opened, written, and what they say of each target."""

from __future__ import annotations

from pathlib import Path

from vcf_tasks_async import Action, Outcome, Result, Status, TaskConflict, VcfTasksError
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.judgement import Sighting

MANAGER = "sfo-vcf01.rainpole.io"
BEFORE = Sighting(Status.FAILED, completed="2026-01-01T00:00:00.000Z", steps="0123456789abcdef")


def opened(path: Path, manager: str = MANAGER, action: Action = Action.RETRY) -> Journal:
    return Journal(path, manager, action)


def ended(
    task_id: str, result: Result, reason: str | None = None, error: VcfTasksError | None = None
) -> Outcome:
    return Outcome(task_id, Action.RETRY, result, reason, error)


def write_one(path: Path) -> Path:
    """A journal of one whole run, with every kind of note."""
    journal = opened(path)
    for name, result in (("a", Result.ACCEPTED), ("r", Result.REJECTED), ("u", Result.UNKNOWN)):
        journal.intent(name, BEFORE)
        error = TaskConflict("no", status=409) if result is Result.REJECTED else None
        journal.outcome(ended(name, result, f"because {result.value} – ünïcode \u2028 {chr(0xD800)}", error))
    journal.outcome(ended("n", Result.NOT_SENT))
    journal.intent("open", BEFORE)
    journal.intent("bare", None)
    journal.close()
    return path


def state(journal: Journal) -> dict[str, Result | str | None]:
    found = {name: journal.earlier(name) for name in ("a", "r", "u", "n", "open", "bare", "never")}
    return {name: "nothing" if earlier is None else earlier.result for name, earlier in found.items()}
