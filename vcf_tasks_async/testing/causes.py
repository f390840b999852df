"""Why tasks fail: error objects as SDDC Manager nests them, out of a catalogue of plausible causes."""

from random import Random

from vcf_tasks_async.testing.bodies import Raw, error
from vcf_tasks_async.testing.vocabulary import FAILURES

__all__ = ["failure_errors", "reference_token"]


def failure_errors(rng: Random, fqdn: str, release: str, message: str | None = None) -> list[Raw]:
    """Why a subtask failed: a composite error with the useful text nested inside, and the remedy.

    Args:
        rng: which failure is chosen.
        fqdn: whose failure it is.
        release: 9.1 adds notifications.
        message: the nested error's text, instead of the catalogue's.
    """
    failure = rng.choice(FAILURES)
    reference = reference_token(rng)
    remedy = failure.remediation.format(fqdn=fqdn)
    nested = error(
        failure.nested_code,
        message or failure.nested_message.format(fqdn=fqdn),
        remediation=remedy,
        arguments=[fqdn],
        causes=[(failure.cause_type, failure.cause.format(fqdn=fqdn))],
        reference=reference,
    )
    outer = error(
        failure.code,
        failure.message,
        context={"component": "domainmanager", "severity": "ERROR"},
        nested=[nested],
        reference=reference,
    )
    if release == "9.1":
        outer["notifications"] = [
            {
                "severity": "ERROR",
                "message": nested["message"],
                "impactMessage": "The task can't go on.",
                "remediations": [],
            }
        ]
    return [outer]


def reference_token(rng: Random) -> str:
    """Six letters and digits, by which support finds an error in the logs."""
    return "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=6))
