"""The official SDK, synchronous, one page after another: it has no other way."""

from __future__ import annotations

import warnings

from benchmarks.meters import Meter
from benchmarks.peers import Job


def listing(job: Job, meter: Meter) -> None:
    """Every page, as the SDK's objects."""
    # The SDK's own: invalid escapes in its sources, and certificates that its samples don't verify.
    warnings.simplefilter("ignore")
    import requests  # noqa: PLC0415 - after the warnings are off
    from vmware.sddc_manager.model_client import TokenCreationSpec  # noqa: PLC0415 - as above
    from vmware.sddc_manager.v1_client import Tasks, Tokens  # noqa: PLC0415 - as above
    from vmware.vapi.lib.connect import get_requests_connector  # noqa: PLC0415 - as above
    from vmware.vapi.stdlib.client.factories import StubConfigurationFactory  # noqa: PLC0415 - as above

    with requests.Session() as session:
        session.verify = job.ca_file or False
        session.trust_env = False
        connector = get_requests_connector(session=session, msg_protocol="rest", url=job.url)
        configuration = StubConfigurationFactory.new_std_configuration(connector)
        spec = TokenCreationSpec(username="user", password="password")  # noqa: S106 - no account
        token = Tokens(configuration).create_token(spec).access_token
        session.headers["Authorization"] = f"Bearer {token}"
        tasks = Tasks(configuration)
        with meter:
            number, pages = 0, 1
            while number < pages:
                page = tasks.get_tasks(page_number=number, page_size=100)
                meter.got(page.elements)
                number, pages = number + 1, page.page_metadata.total_pages
