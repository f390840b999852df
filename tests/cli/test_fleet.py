"""`--fleet`: what commands do over all sites of a file, each task with its site, and at one of them."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from launcher import Launcher

import vcf_tasks_async as v
from vcf_tasks_async.cli.exits import code_of
from vcf_tasks_async.cli.search import Search, Target
from vcf_tasks_async.testing import RecordedRequest, SddcManagerSimulator


class TwoSites(NamedTuple):
    file: str
    sfo: SddcManagerSimulator
    lax: SddcManagerSimulator

    def failed(self, site: str) -> list[str]:
        sddc: SddcManagerSimulator = getattr(self, site)
        return sddc.ids("Failed")

    def patched(self, site: str) -> list[str]:
        sddc: SddcManagerSimulator = getattr(self, site)
        found = sddc.requests.select(method="PATCH", path="/v1/tasks/[^/]+")
        return [request.path.rpartition("/")[2] for request in found]


def _latency(request: RecordedRequest) -> float:
    return 0.15 if request.method == "PATCH" else 0.0


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[TwoSites]:
    how = {
        "failed": 0.2,
        "running": 0.2,
        "zombies": 0,
        "not_retryable": 0,
        "credential_tasks": 0,
        "live": False,
    }
    simulators = [SddcManagerSimulator(40, seed=seed, latency=_latency, **how) for seed in (1, 2)]
    with ExitStack() as stack:
        text = ""
        for name, simulator in zip(("sfo", "lax"), simulators, strict=True):
            running = stack.enter_context(simulator.in_thread())
            text += f'[sites.{name}]\nurl = "{running.url}"\nusername = "{running.username}"\n'
            text += f'password_command = ["echo", "{running.password}"]\ndeadline = 5\n'
        file = tmp_path / "sites.toml"
        file.write_text(text)
        yield TwoSites(str(file), *simulators)


def refused(sddc: SddcManagerSimulator) -> None:
    """Let nobody in any more."""
    sddc.faults.add(path="/v1/tokens", status=401, times=None)


def test_list_takes_all_sites_and_names_each(launcher: Launcher, sites: TwoSites) -> None:
    records = launcher.records("list", "--fleet", sites.file, "--sort", "name")
    assert len(records) == 80
    at = {site: {r["id"] for r in records if r["site"] == site} for site in ("sfo", "lax")}
    assert at == {"sfo": set(sites.sfo.ids()), "lax": set(sites.lax.ids())}
    assert [r["name"] for r in records] == sorted((r["name"] for r in records), key=str.casefold)
    shown = launcher.on_terminal("list", "--fleet", sites.file, "--failed")
    assert shown.width <= 80
    assert "SITE" in shown.text
    named = launcher.lines("list", "--fleet", sites.file, "-q", "-n", "3")
    assert len(named) == 3
    assert all(re.fullmatch(r"(sfo|lax):[0-9a-f-]{36}", name) for name in named)


def test_a_site_that_is_down_is_told_and_costs_the_others_nothing(
    launcher: Launcher, sites: TwoSites
) -> None:
    refused(sites.lax)
    lines = launcher.lines("list", "--fleet", sites.file, "-q", code=1)
    assert set(lines) == {f"sfo:{task_id}" for task_id in sites.sfo.ids()}
    assert "lax" in launcher.complaint

    told = launcher.records("retry", "--fleet", sites.file, "--failed", "--yes", code=1)
    assert "list at lax" in launcher.complaint
    *outcomes, trouble, report = told
    assert (trouble["record"], trouble["site"], trouble["doing"]) == ("trouble", "lax", "list")
    assert {record["site"] for record in (*outcomes, report)} == {"sfo"}
    assert report["counts"] == {"accepted": len(outcomes)}
    assert sorted(sites.patched("sfo")) == sorted(record["taskId"] for record in outcomes) != []


def test_call_timeout_is_for_the_sites_of_a_file_as_well(
    launcher: Launcher, sites: TwoSites, tmp_path: Path
) -> None:
    sites.lax.faults.add(path="/v1/tokens", delay=10, times=None)
    launcher.lines("list", "--fleet", sites.file, "-q", "--call-timeout", "0.4", code=1)
    assert re.search(r"list at lax: .* 0\.4 s passed", launcher.complaint)
    launcher.lines("list", "--fleet", sites.file, "--site", "lax", "--call-timeout", "0.4", code=6)
    assert "0.4 s passed" in launcher.complaint
    # What nobody asked for on the command line is left to the file.
    own = tmp_path / "own.toml"
    own.write_text(Path(sites.file).read_text().replace("deadline = 5", "deadline = 0.6"))
    launcher.lines("list", "--fleet", str(own), "-q", code=1)
    assert "0.6 s passed" in launcher.complaint


def test_targets_at_a_site_that_is_down_are_not_sent_and_the_trouble_is_a_record(
    launcher: Launcher, sites: TwoSites
) -> None:
    mine, theirs = sites.failed("sfo")[0], sites.failed("lax")[0]
    refused(sites.lax)
    told = launcher.records("retry", "--fleet", sites.file, f"lax:{theirs}", f"sfo:{mine}", "-y", code=1)
    outcomes = {record["site"]: record for record in told if record["record"] == "outcome"}
    assert {site: record["result"] for site, record in outcomes.items()} == {
        "sfo": "accepted", "lax": "not_sent",
    }  # fmt: skip
    [trouble] = [record for record in told if record["record"] == "trouble"]
    assert (trouble["site"], trouble["doing"], trouble["kind"]) == ("lax", "retry", "Unauthorized")
    assert {record["site"] for record in told if record["record"] == "report"} == {"sfo", "lax"}
    # Where it is can't be told: left out, and the other is done.
    second = sites.failed("sfo")[0]
    lines = launcher.lines("retry", "--fleet", sites.file, theirs, second, "--yes", code=1)
    assert f"{theirs} can't be looked for at lax: left out" in launcher.complaint
    assert [line.split()[0] for line in lines if second in line] == ["sfo"]
    # A beginning may stand for a task at the site that can't be asked as well.
    assert launcher.lines("cancel", "--fleet", sites.file, mine[:8], "--yes", code=4) == ["no tasks"]
    assert launcher.lines("get", "--fleet", sites.file, f"lax:{theirs[:8]}", code=4) == []
    refused(sites.sfo)
    assert launcher.lines("retry", "--fleet", sites.file, "--failed", "-y", code=4) == ["no tasks"]
    assert launcher.lines("wait", "--fleet", sites.file, mine[:8], code=4) == []


def test_retry_takes_all_sites_shows_each_and_keeps_a_journal_for_each(
    launcher: Launcher, sites: TwoSites, tmp_path: Path
) -> None:
    number = len(sites.failed("sfo")) + len(sites.failed("lax"))
    shown = launcher.on_terminal("retry", "--fleet", sites.file, "--failed", code=1, answers={"[y/N]": "n\n"})
    assert f"Retry these {number} tasks at 2 sites?" in shown.text
    assert re.search(r"\n(sfo|lax) +[0-9a-f-]{36}  \w", shown.text)
    assert sites.patched("sfo") == sites.patched("lax") == []

    journal = tmp_path / "tonight"
    argv = ("retry", "--fleet", sites.file, "--failed", "--yes", "--journal", str(journal))
    told = launcher.records(*argv)
    *outcomes, first, last = told
    assert len({(o["site"], o["taskId"]) for o in outcomes}) == len(outcomes) == number
    assert {first["site"], last["site"]} == {"sfo", "lax"}
    assert Counter(o["site"] for o in outcomes) == {r["site"]: r["counts"]["accepted"] for r in (first, last)}
    assert {file.name for file in journal.iterdir()} == {"sfo.jsonl", "lax.jsonl"}
    assert len(sites.patched("sfo")) + len(sites.patched("lax")) == number


def test_an_id_is_found_at_its_site_with_or_without_its_name(launcher: Launcher, sites: TwoSites) -> None:
    first, second, *_ = sites.failed("lax")
    [third, *_] = sites.failed("sfo")
    ids = (f"lax:{first[:8]}", second, "-")
    piped = json.dumps({"record": "task", "site": "sfo", "id": third})
    told = launcher.records("retry", "--fleet", sites.file, *ids, "--yes", typed=f"{piped}\nsfo:{third}\n")
    found = {(r["site"], r["taskId"]) for r in told if r["record"] == "outcome"}
    assert found == {("lax", first), ("lax", second), ("sfo", third)}
    lines = launcher.lines("tree", "--fleet", sites.file, f"lax:{first}", third[:8])
    assert f"lax:{first}" in lines[1]
    assert f"sfo:{third}" in "\n".join(lines)
    assert launcher.records("get", "--fleet", sites.file, third)[0]["site"] == "sfo"
    # What is nowhere, or at another site, is not found.
    launcher.lines("get", "--fleet", sites.file, "00000000-0000-4000-8000-000000000000", code=5)
    assert "no task at 2 sites has an id that is 00000000" in launcher.complaint
    launcher.lines("get", "--fleet", sites.file, f"sfo:{first[:8]}", code=5)
    assert "no task at sfo" in launcher.complaint


def test_cancel_takes_tasks_of_several_sites(launcher: Launcher, sites: TwoSites) -> None:
    mine, theirs = sites.sfo.ids("In Progress")[0], sites.lax.ids("In Progress")[0]
    argv = ("cancel", "--fleet", sites.file, f"sfo:{mine}", f"lax:{theirs}")
    shown = launcher.on_terminal(*argv, answers={"[y/N]": "y\n"}, columns=100)
    assert "Cancel these 2 tasks at 2 sites?" in shown.text
    assert "2 accepted" in shown.text
    assert all(re.search(rf"{site} +{task_id[:8]}  accepted", shown.text) for site, task_id in
               (("sfo", mine), ("lax", theirs)))  # fmt: skip


def test_wait_waits_at_all_sites_and_its_code_is_of_all(launcher: Launcher, sites: TwoSites) -> None:
    well = [f"{name}:{getattr(sites, name).ids('Successful')[0]}" for name in ("sfo", "lax")]
    badly = f"lax:{sites.failed('lax')[0]}"
    argv = ("wait", "--fleet", sites.file, "--every", "0.2")
    lines = launcher.lines(*argv, *well)
    assert {line.split()[0] for line in lines} == set(well)
    assert well[0] in launcher.complaint, "its progress is on stderr"
    ended = launcher.records(*argv, "-", code=1, typed="\n".join([*well, badly]))
    assert {f"{task['site']}:{task['id']}": task["status"] for task in ended} == {
        well[0]: "SUCCESSFUL", well[1]: "SUCCESSFUL", badly: "FAILED",
    }  # fmt: skip
    running = f"sfo:{sites.sfo.ids('In Progress')[0]}"
    assert launcher.lines(*argv, running, "-q", "--timeout", "0.3", code=6) == []
    assert launcher.complaint.startswith("vcf-tasks: sfo: task ")
    refused(sites.lax)
    lines = launcher.lines(*argv, *well, code=4)
    assert [line.split()[0] for line in lines] == [well[0]]
    assert "vcf-tasks: lax: " in launcher.complaint


def test_watch_tells_of_all_sites_and_of_one_that_is_lost(launcher: Launcher, sites: TwoSites) -> None:
    argv = ("watch", "--fleet", sites.file, "--every", "0.2")
    events = launcher.records(*argv, "--for", "0.6")
    assert {(event["site"], event["taskId"]) for event in events} == {
        (name, task_id)
        for name in ("sfo", "lax")
        for status in ("In Progress", "Pending")
        for task_id in getattr(sites, name).ids(status)
    }
    well, badly = sites.sfo.ids("Successful")[0], sites.failed("lax")[0]
    lines = launcher.lines(*argv, well, f"lax:{badly}", code=1)
    assert {line.split()[1] for line in lines} == {f"sfo:{well}", f"lax:{badly}"}
    refused(sites.lax)
    lines = launcher.lines(*argv, f"sfo:{well}", f"lax:{badly}", code=1)
    assert re.search(r"Z  lax  lost  ", "\n".join(lines))
    assert "watch at lax" in launcher.complaint
    refused(sites.sfo)
    launcher.lines(*argv, code=4)
    assert "2 of 2 sites in trouble" in launcher.complaint


@pytest.mark.parametrize("columns", [80, 200])
def test_watch_on_a_terminal_has_a_column_for_the_sites(
    launcher: Launcher, sites: TwoSites, columns: int
) -> None:
    argv = ("watch", "--fleet", sites.file, "--every", "0.2", "--for", "0.8")
    shown = launcher.on_terminal(*argv, columns=columns)
    last = re.split(r"SITE", shown.text)[-1]
    assert re.search(r"2 sites  [1-9]\d* running", shown.text)
    assert re.search(r"sfo +[0-9a-f]{8}  ", last)
    assert re.search(r"lax +[0-9a-f]{8}  ", last)
    assert len(last.splitlines()) < 24


def test_ctrl_c_tells_what_is_known_of_each_target_at_each_site(launcher: Launcher, sites: TwoSites) -> None:
    number = len(sites.failed("sfo")) + len(sites.failed("lax"))
    argv = ("retry", "--fleet", sites.file, "--failed", "--yes", "-c", "1", "--json")
    started = time.monotonic()
    ended = launcher.run(*argv, code=130, signals={'"accepted"': signal.SIGINT})
    assert time.monotonic() - started < 4
    told = [json.loads(line) for line in ended.out.splitlines()]
    outcomes = [record for record in told if record["record"] == "outcome"]
    assert len({(o["site"], o["taskId"]) for o in outcomes}) == len(outcomes) == number
    for report in told[number:]:
        assert report["counts"]["accepted"] == len(sites.patched(report["site"]))
        assert report["counts"]["not_sent"] > 0
        assert report["stopped"]
    assert ended.err == ""


def test_ctrl_c_ends_what_reads_and_waits_with_what_there_is(launcher: Launcher, sites: TwoSites) -> None:
    sites.lax.faults.add(path="/v1/tasks", delay=60, times=None)
    for argv in (("list", "--fleet", sites.file, "--json"), ("watch", "--fleet", sites.file, "--json")):
        ended = launcher.run(*argv, code=130, signals={'"site":"sfo"': signal.SIGINT})
        assert {json.loads(line)["site"] for line in ended.out.splitlines()} == {"sfo"}
        assert ended.err == ""
    for order in ((), ("--sort", "name")):
        for simulator in sites[1:]:
            simulator.requests.clear()
        ended = launcher.run(
            *("list", "--fleet", sites.file, *order),
            code=130,
            # One has answered, and the other was asked.
            interrupt=lambda: (
                sites.sfo.requests.count(path="/v1/tasks", status=200) > 0
                and sites.lax.requests.count(path="/v1/tasks") > 0
            ),
        )
        assert len([line for line in ended.out.splitlines() if line.startswith("sfo ")]) == 40


def test_any_command_takes_one_site(launcher: Launcher, sites: TwoSites) -> None:
    [task_id, *_] = sites.failed("lax")
    [record] = launcher.records("get", task_id, "--fleet", sites.file, "--site", "lax")
    assert record["id"] == task_id
    assert "site" not in record
    launcher.lines("get", task_id, "--fleet", sites.file, "--site", "sfo", code=5)
    piped = json.dumps({"record": "task", "site": "lax", "id": task_id})
    launcher.lines("retry", "-", "--fleet", sites.file, "--site", "lax", "--yes", "-c", "2", typed=piped)
    assert len(launcher.lines("list", "--fleet", sites.file, "--site", "sfo", "-q")) == 40
    for arguments, said in (
        (("settings", "--fleet", sites.file), "this is for one site: give --site. The fleet has sfo, lax"),
        (("get", task_id, "--fleet", sites.file, "--site", "ber"), "no site 'ber'"),
        (("get", task_id, "--site", "sfo"), "--site goes with --fleet"),
        (("list", "--fleet", sites.file, "-H", "x"), "--fleet and --host don't go together"),
    ):
        assert launcher.lines(*arguments, code=2) == []
        assert said in launcher.complaint


# --- what an id stands for, and the code of troubles ------------------------------------------------------

_ID = "3ee54a9a-5d0f-4d54-8d26-f1a2d4a9b1a1"


@pytest.mark.parametrize(
    ("wanted", "seen", "found"),
    [
        (Target(None, _ID[:8]), [("sfo", _ID), ("lax", "x" * 36)], Target("sfo", _ID)),
        (Target(None, _ID), [("lax", _ID)], Target("lax", _ID)),
        (Target("lax", _ID[:4]), [("sfo", _ID), ("lax", _ID)], Target("lax", _ID)),
        (Target(None, "abcd"), [("sfo", "abcd"), ("sfo", "abcdef")], Target("sfo", "abcd")),
        (Target(None, _ID), [("sfo", _ID), ("lax", _ID)], "stands for 2 tasks: sfo:3ee54a9a"),
        (Target(None, "abcd"), [("sfo", "abcd"), ("lax", "abcd")], "stands for 2 tasks"),
        (Target(None, "3ee5"), [("sfo", _ID), ("sfo", _ID + "b")], "stands for 2 tasks"),
        (Target("lax", _ID[:8]), [("sfo", _ID)], "no task at lax has an id that begins with 3ee54a9a"),
        (Target(None, _ID), [], "no task at 2 sites has an id that is 3ee54a9a"),
        (Target(None, "3ee"), [], "too short"),
    ],
)
def test_an_id_stands_for_one_task_or_says_why_not(
    wanted: Target, seen: list[tuple[str, str]], found: Target | str
) -> None:
    def only() -> Target:
        search = Search([wanted])
        for each in seen:
            search.see(*each)
        return search.only(wanted, "2 sites")

    if isinstance(found, Target):
        assert only() == found
    else:
        with pytest.raises(v.VcfTasksError, match=found):
            only()


def test_sites_in_trouble_have_the_code_of_what_is_wrong_where_that_is_alike() -> None:
    def troubles(*errors: Exception) -> v.SiteTroubles:
        each = {str(n): v.SiteTrouble(str(n), "watch", error) for n, error in enumerate(errors)}
        return v.SiteTroubles("x", troubles=each)

    assert code_of(troubles(v.Unauthorized("x"), v.Forbidden("x"))) == 4
    assert code_of(troubles(v.NotSentError("x"))) == 3
    assert code_of(troubles(v.NotSentError("x"), v.Forbidden("x"))) == 1
