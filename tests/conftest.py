"""Every test of the suite fails when one of the planted secrets shows anywhere: see `canaries`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack

import pytest
from canaries import install, watch

from vcf_tasks_async import Polling

_installed = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "shows_secrets(why): this test itself shows a planted secret")
    config.stash[_installed] = install()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_installed].close()


@pytest.fixture(scope="session", autouse=True)
def quick_first_looks() -> Generator[None, None, None]:
    """A bulk run that waits first looks after 2 s: with tasks that end sooner, ten times as often."""
    from vcf_tasks_async.waiting import Waits  # noqa: PLC0415 - the package's import is a test's matter

    kept = Waits.ended.__kwdefaults__
    before = kept["polling"]
    kept["polling"] = Polling(initial=before.initial / 10, maximum=before.maximum / 10)
    yield
    kept["polling"] = before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for title, text in report.sections:
        # Earlier phases' output comes again with each report; of log records the watch has seen more already.
        if title.endswith(call.when) and "log" not in title:
            watch.look(title, text)
    found = watch.taken()
    if found and report.passed and item.get_closest_marker("shows_secrets") is None:
        report.outcome = "failed"
        report.longrepr = "\n".join(["A planted secret shows:", *found])
    if call.when == "teardown":
        watch.next_test()
    return report
