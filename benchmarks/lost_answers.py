"""A hundred thousand lost answers, in virtual time: `python benchmarks/lost_answers.py [how many]`.

Prints what was told of them against the truth, and ends with 1 when anything was told wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "shared"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "bulk"))

from bulk_fakes import virtually
from fake_site import Site, lose_many

from vcf_tasks_async import Action


def main(count: int) -> int:
    """Lose them, settle them, compare."""
    wrong = 0
    for action, others in ((Action.RETRY, False), (Action.CANCEL, False), (Action.RETRY, True)):
        tally = virtually(lose_many(Site(1, others=others), action, count))
        wrong += len(tally.wrong)
        among = " among other operators" if others else ""
        print(f"{tally.lost:,} lost answers to a {action.value}{among}: {len(tally.wrong)} told wrong,")
        print(f"  {tally.unknown / tally.lost:.1%} unknown, {tally.credited / tally.lost:.1%} credited to us")
        for (fate, result), n in sorted(tally.results.items()):
            print(f"  {n:7,} {fate}: {result}")
        for words in tally.wrong[:5]:
            print(f"  wrong: {words}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if sys.argv[1:] else 100_000))
