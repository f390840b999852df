"""Results as `python -m benchmarks --json` writes them, with the figures a test wants."""

from __future__ import annotations

from typing import Any

from benchmarks.stats import Results


def document(cases: dict[str, dict[str, dict[str, list[float]]]], **reference: str) -> dict[str, Any]:
    """Case, label, measure and values; *reference* by case, its first label where none is given."""
    return {
        "made": {"python": "3.11.9"},
        "cases": {
            case: {
                "title": f"about {case}",
                "reference": reference.get(case.replace("-", "_"), next(iter(trials))),
                "trials": {
                    label: {"title": f"the {label}", "measures": measures}
                    for label, measures in trials.items()
                },
                "skipped": {},
            }
            for case, trials in cases.items()
        },
    }


def results(cases: dict[str, dict[str, dict[str, list[float]]]], **reference: str) -> Results:
    return Results(document(cases, **reference))


def walls(**seconds: list[float]) -> dict[str, dict[str, list[float]]]:
    """Trials that have nothing but a wall time each."""
    return {label: {"wall_s": values} for label, values in seconds.items()}
