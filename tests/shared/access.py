"""What programs are told of a simulator, so that they find it and may log in."""

from __future__ import annotations

from vcf_tasks_async.testing import SddcManagerSimulator


def access(sddc: SddcManagerSimulator) -> dict[str, str]:
    """Where *sddc* is and who may log in, as environment variables."""
    return {"VCF_HOST": sddc.url, "VCF_USERNAME": sddc.username, "VCF_PASSWORD": sddc.password}
