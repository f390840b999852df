"""Properties get no deadline: two cores shared with other work would make it a lottery."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "vcf", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("vcf")
