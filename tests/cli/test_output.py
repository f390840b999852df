"""Tables that fit, times, beginnings of ids, ids from stdin, and the board of those who follow."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len

import vcf_tasks_async as v
from vcf_tasks_async.cli.board import Board
from vcf_tasks_async.cli.output import Cell, Column, Output, Table, clip, widths
from vcf_tasks_async.cli.search import beginnings
from vcf_tasks_async.cli.selection import given_ids
from vcf_tasks_async.cli.times import moment, seconds, short

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
COLUMNS = [
    Column("ID"),
    Column("NAME", least=8),
    Column("TYPE", least=6, dropped=2),
    Column("WHY", least=10, dropped=1),
]


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (None, [8, 40, 12, 50]),
        (200, [8, 40, 12, 50]),
        (90, [8, 32, 12, 32]),
        (40, [8, 8, 8, 10]),
        (38, [8, 8, 6, 10]),
        (37, [8, 12, None, 13]),
        (31, [8, 9, None, 10]),
        (29, [8, 19, None, None]),
        (10, [8, 8, None, None]),
    ],
)
def test_columns_give_way_and_then_go(room: int | None, shown: list[int | None]) -> None:
    assert widths(COLUMNS, [8, 40, 12, 50], room) == shown


def test_lines_of_a_table_stay_within_their_room_also_with_wide_characters() -> None:
    names = ["漢字" * 30, "e\u0301" * 40, "plain", ""]
    table = Table(COLUMNS, [[Cell("12345678"), Cell(name), Cell("T" * 9), Cell("w" * 99)] for name in names])
    table.remarks = [Cell("a remark " * 20)] * len(names)
    for room in (31, 37, 80, 200):
        lines = ["".join(cell.text + cell.faded for cell in line) for line in table.lines(room)]
        assert max(cell_len(line) for line in lines) <= room
        assert all(line == line.rstrip() for line in lines)
    assert len(list(table.lines(29))) == 1 + 2 * len(names), "a dropped last column goes under its row"


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [("plain", 5, "plain"), ("plains", 5, "plai…"), ("漢字漢字", 5, "漢字…"), ("x", 0, "")],
)
def test_a_cut_is_shown(text: str, width: int, cut: str) -> None:
    assert clip(text, width) == cut


def test_no_colour_where_nobody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" in Output(stream=Terminal()).style("x", "red")
    assert Output(stream=io.StringIO()).style("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Output(stream=Terminal()).style("x", "red") == "x"


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("1.5h", 5400), ("1h30m", 5400), ("2D", 172_800), ("1w", 604_800), ("0s", 0)],
)
def test_durations_are_read(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "h", "-1", "1y", "1h 30m", "nan", "inf", "9" * 40 + "d", "1e9", "२h"])
def test_no_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        seconds(text)


def test_moments_are_read() -> None:
    assert moment("2h", now=NOW) == NOW - timedelta(hours=2)
    assert moment("2026-11-24T10:00Z", now=NOW) == NOW - timedelta(hours=2)
    assert moment("2026-11-24T10:00+02:00", now=NOW) == NOW - timedelta(hours=4)
    assert moment("2026-11-24", now=NOW).astimezone().hour == 0
    for text in ("yesterday", "", "90", "2026-13-01"):
        with pytest.raises(ValueError, match="a time is"):
            moment(text, now=NOW)


@pytest.mark.parametrize(
    ("span", "text"),
    [(None, ""), (0, "0.0s"), (9.96, "10.0s"), (59.6, "1m"), (3599, "59m 59s"), (86_400, "1d"), (-5, "0.0s")],
)
def test_durations_are_written_short(span: float | None, text: str) -> None:
    assert short(span) == text


def test_beginnings_tell_ids_apart() -> None:
    ids = ["abcdefgh-1", "abcdefgh-2", "abcdefgh", "b", "abc"]
    shown = beginnings(ids)
    assert shown == ["abcdefgh-1", "abcdefgh-2", "abcdefgh", "b", "abc"]
    assert beginnings(["a" * 20, "a" * 19 + "b"]) == ["a" * 20, "a" * 19 + "b"]
    assert beginnings([]) == []


def test_ids_come_from_stdin_as_text_and_as_our_own_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = ['{"record":"task","id":"b2"}', '{"record":"outcome","site":"sfo","taskId":"c3"}']
    objects += ['{"record":"trouble","site":"lax"}', '{"record":"report"}']
    lines = ["a1 Failed  name", "", *objects, "a1", ""]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert given_ids(["z9", "-", "z9"]) == ["z9", "a1", "b2", "c3"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert given_ids(["-"], in_fleet=True) == ["a1", "b2", "sfo:c3"]
    for wrong in ('{"x": 1}', "{", '{"id": 7}'):
        monkeypatch.setattr("sys.stdin", io.StringIO("a1\n" + wrong))
        with pytest.raises(v.UsageError, match="line 2 of stdin"):
            given_ids(["-"])


# --- the board ------------------------------------------------------------------------------------------


def task(number: int, status: str = "In Progress", **more: Any) -> v.Task:
    subs = (
        v.SubTask(name="Validate", raw_status="SUCCESSFUL"),
        v.SubTask(name="Deploy", raw_status="IN_PROGRESS"),
    )
    created = (NOW - timedelta(minutes=number)).isoformat()
    return v.Task(
        id=f"{number:08d}-x", name=f"Task {number}", raw_status=status, creation_timestamp=created,
        sub_tasks=subs, **more,
    )  # fmt: skip


def drawn(board: Board, width: int = 80, height: int = 24) -> list[str]:
    return ["".join(cell.text + cell.faded for cell in line) for line in board.lines(width, height, now=NOW)]


def event(kind: v.EventKind, of: v.Task | None, **more: Any) -> v.TaskEvent:
    return v.TaskEvent(kind, of, of.id if of else more.pop("task_id", None), at=NOW, **more)


def test_the_board_shows_what_runs_and_what_became_of_the_rest() -> None:
    board = Board("sfo-vcf01")
    for number in (1, 2, 3):
        board.feed(event(v.EventKind.APPEARED, task(number)))
    board.feed(event(v.EventKind.SUBTASK, task(2, "Failed")))
    board.feed(event(v.EventKind.ENDED, task(2, "Failed")))
    board.feed(event(v.EventKind.GONE, None, task_id=task(3).id))
    lines = drawn(board)
    assert lines[0].startswith("sfo-vcf01  1 running · 1 failed · 1 gone ")
    assert lines[1] == ""
    assert lines[3].startswith("00000001  Task 1  ━━━━━───── ")
    assert " 50%    1/2  Deploy" in lines[3]
    assert lines[3].endswith("1m")
    assert [line[:8] for line in lines[4:]] == ["00000002", "00000003"], "failures first"
    # Retried, it runs again.
    board.feed(event(v.EventKind.STATUS, task(2)))
    assert drawn(board)[0].startswith("sfo-vcf01  2 running · ")
    assert len(drawn(board)) == 6


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (60, 6), (30, 5)])
def test_the_board_stays_within_the_screen(width: int, height: int) -> None:
    board = Board("sfo-vcf01")
    for number in range(300):
        board.progressed(
            None, v.Progress.of(task(number, "Successful" if number % 3 else "In Progress"), now=NOW)
        )
    lines = drawn(board, width, height)
    assert len(lines) <= height
    assert max(cell_len(line) for line in lines) <= max(width, 60)
    assert any("more that run" in line for line in lines)


def test_the_board_tells_of_the_connection() -> None:
    board = Board("sfo-vcf01")
    assert drawn(board)[2] == "waiting for tasks"
    board.feed(event(v.EventKind.LOST, None, error=v.NotSentError("refused \x1b[31m")))
    assert drawn(board)[1] == "connection lost 0.0s ago, still trying: refused \\x1b[31m"
    board.feed(event(v.EventKind.RESTORED, None))
    board.feed(event(v.EventKind.LOST, None, task_id="x"))
    assert drawn(board)[1] == "1 can't be read just now"
    board.feed(event(v.EventKind.RESTORED, None, task_id="x"))
    assert drawn(board)[1] == ""


def test_a_task_that_leaves_the_filter_is_over_for_the_board() -> None:
    board = Board("sfo-vcf01", v.TaskFilter(status="Failed"))
    board.feed(event(v.EventKind.APPEARED, task(1, "Failed")))
    board.feed(event(v.EventKind.STATUS, task(2)))
    assert board.running == {}
    assert set(board.ended) == {task(1).id, task(2).id}
    assert drawn(board)[0].startswith("sfo-vcf01  0 running · 1 failed · 1 left")


def test_the_board_has_the_cause_of_a_failure_in_view_on_any_screen() -> None:
    wrong = v.ErrorDetail(message="No route to the NSX Manager", remediation_message="Check the network")
    board = Board("sfo-vcf01")
    for number in range(40):
        board.feed(event(v.EventKind.ENDED, task(number, "Failed", errors=(wrong,))))
    narrow, wide = drawn(board, 80), drawn(board, 200)
    assert narrow[4] == "          No route to the NSX Manager — Check the network"
    assert "No route to the NSX Manager — Check the network" in wide[3]
    assert len(narrow) <= 24
    assert len(wide) == 24


def test_the_board_keeps_sites_apart() -> None:
    board = Board("3 sites", with_sites=True)
    for site in ("sfo", "lax"):
        board.feed(event(v.EventKind.APPEARED, task(1)), site)
    board.feed(event(v.EventKind.ENDED, task(1, "Successful")), "lax")
    lines = drawn(board)
    assert lines[0].startswith("3 sites  1 running · 1 succeeded ")
    assert lines[2].startswith("SITE  ID        TASK")
    assert [line.split()[0] for line in lines[3:]] == ["sfo", "lax"]
    board.feed(event(v.EventKind.LOST, None, error=v.NotSentError("refused")), "ber")
    assert drawn(board)[1] == "ber: connection lost 0.0s ago, still trying: refused"
    board.feed(event(v.EventKind.LOST, None, error=v.Unauthorized("no")), "lax", given_up=True)
    assert drawn(board)[1] == "2 sites can't be watched; lax: given up: no"
    board.feed(event(v.EventKind.RESTORED, None), "lax")
    board.feed(event(v.EventKind.RESTORED, None), "ber")
    assert drawn(board)[1] == ""
