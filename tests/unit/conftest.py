"""Properties get no deadline: two cores shared with other work would make it a lottery."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Fewer where the tests run over and over: tests/mutation.
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "60"))
settings.register_profile(
    "vcf", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("vcf")
