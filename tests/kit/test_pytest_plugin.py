"""The pytest plugin as a product: what docs/testing-kit.md shows runs, and misuse is told in a line."""

from __future__ import annotations

import re
from pathlib import Path

# pytester forgets what an inner run imported. That costs time, and cryptography can't be imported twice.
import cryptography.hazmat.backends.openssl.backend  # noqa: F401
import jwt  # noqa: F401
import pytest
import trustme  # noqa: F401

import vcf_tasks_async.session
import vcf_tasks_async.testing.simulator
import vcf_tasks_async.testing.tls
import vcf_tasks_async.transport  # noqa: F401

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "testing-kit.md"
_BLOCK = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILES = dict(_BLOCK.findall(PAGE.read_text("utf-8")))


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of somebody else's: strict about markers, async tests by their marks."""
    pytester.makeini(
        # Hypothesis and xdist would be imported, and rewritten, by each inner run.
        "[pytest]\naddopts = --strict-markers -p no:cacheprovider -p no:hypothesispytest -p no:xdist\n"
        "asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_inprocess(*arguments)


def test_every_piece_of_the_guide_is_a_test_that_passes(suite):
    shown = PAGE.read_text("utf-8")
    assert len(FILES) == shown.count("```python")
    for name, text in FILES.items():
        # Our own suite may have modules of the same names in this process.
        suite.path.joinpath(name.replace("test_", "test_of_the_guide_")).write_text(text, "utf-8")
    expected = sum(len(re.findall(r"^(?:async )?def test_", text, re.MULTILINE)) for text in FILES.values())
    # One of them is for two releases.
    run(suite).assert_outcomes(passed=expected + 1)


def test_markers_are_merged_nearest_first_and_parametrization_wins(suite):
    suite.makeconftest(
        "import pytest\n@pytest.fixture(scope='session')\n"
        "def sddc_manager_options():\n    return {'tasks': 3, 'seed': 5, 'release': '9.1'}\n"
    )
    suite.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.sddc_manager(4, username="module", password="module")

        @pytest.mark.sddc_manager(username="class", product="vcf-installer")
        class TestOptions:
            @pytest.mark.sddc_manager(username="test")
            @pytest.mark.parametrize("sddc_manager", [{"product": "sddc-manager"}], indirect=True)
            def test_merged(self, sddc_manager, make_sddc_manager):
                assert (sddc_manager.username, sddc_manager.password) == ("test", "module")
                assert (sddc_manager.product, sddc_manager.release) == ("sddc-manager", "9.1")
                assert len(sddc_manager.tasks) == 4
                # The suite's options, and not the markers'.
                other = make_sddc_manager(username="other")
                assert (len(other.tasks), other.password, other.username) == (3, "VMw@re1!VMw@re1!", "other")
        """
    )
    run(suite).assert_outcomes(passed=1)


MISUSE = {
    "relase='9.1'": "there is no option relase: did you mean release?",
    "wibble=1": "there is no option wibble; it takes tasks, *",
    "release='7'": "release='7' is not known: choose one of '4.5', *",
    "failed=2": "failed=2 must be a share between 0 and 1",
    "5, 6": "the marker takes one argument without a name, how many tasks there are",
    "tasks='50'": "tasks='50' must be a whole number, or a list of raw tasks",
    "tasks=-1": "tasks=-1 must be a whole number of 0 or more",
}


def test_misuse_is_one_line_that_names_the_test_and_the_fix(suite):
    tests = [
        f"@pytest.mark.sddc_manager({marker})\ndef test_{number}(sddc_manager): pass\n"
        for number, marker in enumerate(MISUSE)
    ]
    tests.append(
        "@pytest.mark.parametrize('sddc_manager', ['9.1'], indirect=True)\ndef test_p(sddc_manager): pass\n"
    )
    suite.makepyfile("import pytest\n" + "".join(tests))
    result = run(suite)
    result.assert_outcomes(errors=len(tests))
    lines = [f"sddc_manager of *::test_{number}: {said}" for number, said in enumerate(MISUSE.values())]
    lines.append("*::test_p*: parametrize it with dicts of options, *, not '9.1'")
    result.stdout.fnmatch_lines(lines)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*simulator.py:*")


def test_a_missing_extra_is_told_with_what_to_install(suite, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jwt", None)
    suite.makepyfile("def test_it(sddc_manager): pass\n")
    result = run(suite)
    result.stdout.fnmatch_lines(["*pip install 'vcf-tasks-async?testing?'*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_failed_test_shows_what_its_simulators_were_asked_and_no_secret(suite):
    suite.makepyfile(
        """
        import asyncio
        from vcf_tasks_async import PasswordAuth, TaskSession

        def test_it(sddc_manager, make_sddc_manager):
            async def main(sddc):
                async with TaskSession(sddc.url, PasswordAuth(sddc.username, "not-" + "this-one")) as session:
                    await session.page()

            asyncio.run(main(make_sddc_manager(3)))

        def test_that_passes(sddc_manager):
            assert True
        """
    )
    result = run(suite, "--tb=short")
    result.assert_outcomes(passed=1, failed=1)
    shown = result.stdout.str()
    assert len(re.findall(r"^<SddcManagerSimulator 9.0 http", shown, re.MULTILINE)) == 2
    result.stdout.fnmatch_lines(["<1: POST /v1/tokens -> 401 on connection 1>"])
    assert "not-this-one" not in shown


def test_of_many_requests_the_last_ones_are_shown(suite):
    suite.makepyfile(
        """
        import urllib.error
        import urllib.request

        def test_it(sddc_manager):
            for number in range(43):
                try:
                    urllib.request.urlopen(f"{sddc_manager.url}/v1/tasks/{number}")
                except urllib.error.HTTPError as refused:
                    refused.close()
            raise AssertionError
        """
    )
    result = run(suite, "--tb=short")
    result.stdout.fnmatch_lines(
        ["… 3 requests before these", "<4: GET /v1/tasks/3 *", "<43: GET /v1/tasks/42 *"]
    )
    result.stdout.no_fnmatch_line("<3: GET *")


def test_every_simulator_ends_with_its_test(suite):
    suite.makepyfile(
        """
        import socket
        import threading

        import pytest

        addresses = []

        def test_one(sddc_manager, make_sddc_manager):
            addresses.extend((other.url for other in (sddc_manager, make_sddc_manager(1))))
            raise AssertionError

        def test_two():
            assert not [thread for thread in threading.enumerate() if thread.name == "sddc-manager-simulator"]
            for url in addresses:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
        """
    )
    run(suite).assert_outcomes(passed=1, failed=1)


def test_marker_and_fixtures_are_documented_where_pytest_lists_them(suite):
    run(suite, "--markers").stdout.fnmatch_lines(["@pytest.mark.sddc_manager(tasks=500, ?*options): *"])
    shown = run(suite, "--fixtures").stdout
    for name in ("sddc_manager", "make_sddc_manager", "sddc_manager_options"):
        shown.fnmatch_lines([f"{name}*-- *pytest_plugin.py:*", "    [A-Z]*"], consecutive=True)


def test_a_snapshot_is_found_beside_the_test_or_above_it_and_takes_the_place_of_tasks(suite):
    suite.makeconftest(
        "import pytest\n@pytest.fixture(scope='session')\n"
        "def sddc_manager_options():\n    return {'tasks': 3, 'speed': 0}\n"
    )
    head = '{"format": "vcf-tasks-snapshot", "version": 1, "release": "9.1", "tasks": [\n'
    whole = '{"id": "%s", "status": "Failed"}\n], "credentialTasks": [\n\n], "complete": true}\n'
    for folder, task_id in (("", "above"), ("part", "beside")):
        suite.path.joinpath(folder).mkdir(exist_ok=True)
        suite.path.joinpath(folder, f"{task_id}.json").write_text(head + whole % task_id)
    suite.path.joinpath("part", "broken.json").write_text("{}")
    suite.path.joinpath("part", "test_it.py").write_text(
        """
import pytest

@pytest.mark.sddc_manager(snapshot="beside.json")
class TestThem:
    def test_beside(self, sddc_manager):
        assert (sddc_manager.ids(), sddc_manager.release) == (["beside"], "9.1")

    @pytest.mark.sddc_manager(snapshot="above.json")
    def test_above(self, sddc_manager, make_sddc_manager):
        assert sddc_manager.ids() == ["above"]
        assert len(make_sddc_manager().ids()) == 3
        assert make_sddc_manager(snapshot="beside.json").ids() == ["beside"]

    @pytest.mark.sddc_manager(2)
    def test_tasks(self, sddc_manager):
        assert len(sddc_manager.ids()) == 2

@pytest.mark.sddc_manager(snapshot="broken.json")
def test_broken(sddc_manager): pass

@pytest.mark.sddc_manager(snapshot="none.json")
def test_none(sddc_manager): pass
""",
        "utf-8",
    )
    result = run(suite)
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(
        ["*test_broken: *broken.json is no snapshot: *", "*test_none: *No such file or directory*none.json*"]
    )
