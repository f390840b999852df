"""Makes credential (password) tasks: the task as /v1/tasks shows it, and the accounts behind it."""

from collections.abc import Callable
from random import Random

from vcf_tasks_async.testing.bodies import Raw
from vcf_tasks_async.testing.causes import failure_errors
from vcf_tasks_async.testing.clock import iso_ms
from vcf_tasks_async.testing.progress import done_steps, state_at
from vcf_tasks_async.testing.spelling import ENDED, Spelling, spell
from vcf_tasks_async.testing.vocabulary import ACCOUNTS, CREDENTIAL_KINDS, SHORT_NAMES

__all__ = ["make_credential_task"]


def make_credential_task(
    rng: Random,
    status: str,
    *,
    new_id: Callable[[], str],
    created_ms: int,
    now_ms: int,
    release: str,
    spelling: Spelling,
    subtasks: int | None,
) -> tuple[Raw, Raw]:
    """One credential task in *status* (canonical).

    Returns:
        The task, and what only the credentials API shows of it: `type`, `isAutoRotate` and one of
        `accounts` (passwords included) for each subtask.
    """
    kind, name, verb = rng.choice(CREDENTIAL_KINDS)
    total = subtasks if subtasks is not None else rng.randrange(1, 6)
    done = done_steps(rng, status, total)
    created = iso_ms(created_ms)
    longest = min(90_000, max(100, (now_ms - created_ms) // (done + 1)))
    raw: Raw = {
        "id": new_id(),
        "name": name,
        "type": kind,
        "status": spell(status, spelling, task=True),
        "creationTimestamp": created,
    }
    steps: list[Raw] = []
    accounts: list[Raw] = []
    for position in range(total):
        state = state_at(position, done, status)
        account = _account(rng, new_id)
        fqdn, credential = account["resourceName"], account["credentialType"]
        step: Raw = {
            "name": f"{fqdn}:{credential}",
            "type": kind,
            "description": f"{verb} for {fqdn} and credential type {credential}",
            "status": spell(state, spelling, task=False),
            "creationTimestamp": created,
            "errors": failure_errors(rng, fqdn, release) if state == "FAILED" else [],
            "resources": [],
        }
        if state in ENDED:
            created_ms += rng.randrange(longest // 100, longest)
            step["completionTimestamp"] = iso_ms(created_ms)
        steps.append(step)
        accounts.append(account)
    raw["subTasks"] = steps
    if status in ENDED:
        raw["completionTimestamp"] = iso_ms(created_ms)
    raw["errors"] = []
    raw["resources"] = [
        {"resourceId": a["resourceId"], "fqdn": a["resourceName"], "type": a["entityType"]} for a in accounts
    ]
    raw["resolutionStatus"] = "UNRESOLVED"
    if release != "4.5":
        raw["isCancellable"] = False
        raw["isRetryable"] = False
    return raw, {"type": kind, "isAutoRotate": rng.random() < 0.2, "accounts": accounts}


def _account(rng: Random, new_id: Callable[[], str]) -> Raw:
    entity, username, credential = rng.choice(ACCOUNTS)
    return {
        "id": new_id(),
        "resourceId": new_id(),
        "resourceName": f"sfo-{SHORT_NAMES[entity]}{rng.randrange(1, 64):02d}.rainpole.io",
        "entityType": entity,
        "username": username,
        "credentialType": credential,
        "oldPassword": _password(rng),
        "newPassword": _password(rng),
    }


def _password(rng: Random) -> str:
    return "".join(rng.choices("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!@#", k=14))
