"""The pytest fixtures `sddc_manager` and `make_sddc_manager`: simulated SDDC Managers, new for each test.

They serve from threads of their own, so plain, pytest-asyncio and anyio tests use the same fixtures.
Options come from the marker `sddc_manager`, from parametrization and from the fixture
`sddc_manager_options`. Nothing heavy is imported until it is used: every pytest run loads this plugin.

Example::

    @pytest.mark.sddc_manager(tasks=50, release="9.1")
    async def test_listing(sddc_manager):
        auth = PasswordAuth(sddc_manager.username, sddc_manager.password)
        async with TaskSession(sddc_manager.url, auth) as session:
            assert len([task async for task in session.stream()]) == 50
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from vcf_tasks_async.testing.simulator import SddcManagerSimulator

__all__ = [
    "make_sddc_manager",
    "pytest_configure",
    "pytest_runtest_call",
    "sddc_manager",
    "sddc_manager_options",
]

#: So many requests a failed test's report shows, the last ones.
SHOWN_REQUESTS = 40

_running = pytest.StashKey[list["SddcManagerSimulator"]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "sddc_manager(tasks=500, **options): options of the simulator behind the fixture sddc_manager; the"
        " marker nearest to the test counts",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Show with a test that failed what its simulators were asked. Holds no secret: see `RecordedRequest`."""
    try:
        yield
    except Exception:
        for sddc in item.stash.get(_running, []):
            asked = sddc.requests[-SHOWN_REQUESTS:]
            left_out = len(sddc.requests) - len(asked)
            lines = [repr(sddc), *([f"… {left_out} requests before these"] if left_out else [])]
            item.add_report_section(
                "call", "sddc_manager", "\n".join([*lines, *(repr(request) for request in asked)])
            )
        raise


@pytest.fixture(scope="session")
def sddc_manager_options() -> dict[str, Any]:
    """Options that all simulators of the suite start from: override it in a `conftest.py` of yours."""
    return {}


@pytest.fixture
def make_sddc_manager(
    request: pytest.FixtureRequest, sddc_manager_options: Mapping[str, Any]
) -> Iterator[Callable[..., "SddcManagerSimulator"]]:
    """Call it with options for a running `SddcManagerSimulator`, again and again; all end with the test."""
    running = request.node.stash.setdefault(_running, [])
    with ExitStack() as stack:

        def make(tasks: Any = None, **options: Any) -> "SddcManagerSimulator":
            if tasks is not None:
                options["tasks"] = tasks
            simulator = _made(request, _over(sddc_manager_options, options))
            running.append(stack.enter_context(simulator.in_thread()))
            return simulator

        yield make
    running.clear()


@pytest.fixture
def sddc_manager(
    request: pytest.FixtureRequest, make_sddc_manager: Callable[..., "SddcManagerSimulator"]
) -> "SddcManagerSimulator":
    """A running `SddcManagerSimulator`, new for each test; options come from the marker of that name."""
    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("sddc_manager"))):
        if len(marker.args) > 1:
            _complain(request, "the marker takes one argument without a name, how many tasks there are")
        options = _over(options, {**dict(zip(("tasks",), marker.args, strict=False)), **marker.kwargs})
    given = getattr(request, "param", {})
    if not isinstance(given, Mapping):
        _complain(
            request, f"parametrize it with dicts of options, such as {{'release': '9.1'}}, not {given!r}"
        )
    return make_sddc_manager(**_over(options, given))


def _made(request: pytest.FixtureRequest, options: dict[str, Any]) -> "SddcManagerSimulator":
    """The simulator. What is wrong with its options is told in one line, without a traceback into it."""
    # aiohttp is for those that use it.
    from vcf_tasks_async.testing.options import check_names  # noqa: PLC0415
    from vcf_tasks_async.testing.simulator import SddcManagerSimulator  # noqa: PLC0415

    if options.get("snapshot") is not None:
        options["snapshot"] = _near(request, options["snapshot"])
    try:
        check_names(options, SddcManagerSimulator)
        return SddcManagerSimulator(**options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        _complain(request, str(error))


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """*below* with what *above* has instead: a snapshot takes the place of tasks, and they that of one."""
    worlds = {"tasks", "snapshot"}
    return {
        **{name: value for name, value in below.items() if not (name in worlds and worlds & above.keys())},
        **above,
    }


def _near(request: pytest.FixtureRequest, snapshot: str | PathLike[str]) -> Path:
    """The file beside the test or in a folder above it: from where pytest is started is an accident."""
    path, root = Path(snapshot), request.config.rootpath
    for folder in request.path.parents:
        if (folder / path).is_file():
            return folder / path
        if folder == root:
            break
    return request.path.parent / path


def _complain(request: pytest.FixtureRequest, what: str) -> NoReturn:
    pytest.fail(f"sddc_manager of {request.node.nodeid}: {what}", pytrace=False)
