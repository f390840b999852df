"""`vcf-tasks report`: all tasks as one document, to read, to print, or to work on."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.running import fail, need, run

if TYPE_CHECKING:
    from vcf_tasks_async.cli.report_data import ReportData
    from vcf_tasks_async.cli.report_rows import TaskRow

__all__ = ["Reading", "render", "report"]

_FORMATS: Final = ("html", "json", "csv", "md")
_STDOUT: Final = "-"


@click.command(
    epilog="The HTML file loads nothing from anywhere: it can be read where there is no network. Ctrl-C"
    " (exit code 130) writes a report of what was read by then, which says that it is not whole; a file that"
    " is there already stays as it was."
)
@click.option(
    "--format", "-f", "form", type=click.Choice(_FORMATS),
    help="html unless the name of the output says otherwise.",
)  # fmt: skip
@click.option(
    "--output", "-o", default=_STDOUT, type=click.Path(dir_okay=False, allow_dash=True),
    help="The file to write; stdout without it.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of what was written.")
@connected
def report(connection: Connection, form: str | None, output: str, quiet: bool) -> None:
    """Write a report on all tasks: a timeline, why tasks failed, counts, durations.

    \b
    Examples:
      vcf-tasks report -H sfo-vcf01.rainpole.io --output tasks.html
      vcf-tasks report -H sfo-vcf01.rainpole.io --output tasks.csv
      vcf-tasks report -H sfo-vcf01.rainpole.io --format md | less
    """
    need("cli", "jinja2")
    form = form or _format_of(output)
    if form == "html" and output == _STDOUT and sys.stdout.isatty():
        raise click.UsageError("HTML is not for a terminal: say --output tasks.html, or --format md.")
    if output != _STDOUT and not Path(output).absolute().parent.is_dir():
        # Said before minutes are spent on reading.
        fail(f"can't write {v.inert(output, limit=300)}: there is no such directory")
    reading = Reading(connection.session())
    try:
        run(reading.through())
    except SystemExit as ended:
        # Ctrl-C: what was read by then is told, but not in the place of a report that may be whole.
        if ended.code in (Exit.INTERRUPTED, Exit.TERMINATED) and reading.rows and not _is_there(output):
            _publish(reading.facts(), form, output, quiet=quiet)
        raise
    _publish(reading.facts(), form, output, quiet=quiet)


def _is_there(output: str) -> bool:
    return output != _STDOUT and Path(output).is_file()


def _publish(data: ReportData, form: str, output: str, *, quiet: bool) -> None:
    try:
        document = render(data, form)
        # As bytes: the document says UTF-8, whatever the terminal's encoding.
        _write(output, document.encode("utf-8", "replace"))
    except KeyboardInterrupt:
        raise SystemExit(int(Exit.INTERRUPTED)) from None
    if output != _STDOUT and not quiet:
        click.echo(f"{v.inert(output, limit=300)}: {_tally(data)}", err=True)


class Reading:
    """Tasks being read for a report, and the facts of those that were.

    Of each task only a row is kept, so that ten thousand fit into little memory.

    Args:
        session: where; not opened yet.
        manager: how the report calls the SDDC Manager; None for its address.
        where: which tasks; None for all.
    """

    def __init__(
        self, session: v.TaskSession, manager: str | None = None, where: v.TaskFilter | None = None
    ) -> None:
        self.rows: list[TaskRow] = []
        self._session = session
        self._manager = session.manager if manager is None else manager
        self._where = where or v.TaskFilter()
        self._made_at = datetime.now(UTC)
        self._is_complete = False
        self._malformed = 0

    async def through(self) -> None:
        """Read all of them."""
        from vcf_tasks_async.cli.report_rows import row_of  # noqa: PLC0415 - the models, for those who use them

        async with self._session as session, session.stream(self._where) as stream:
            async for task in stream:
                self.rows.append(row_of(task, self._made_at))
            self._is_complete = stream.complete
            self._malformed = stream.malformed_count

    def facts(self) -> ReportData:
        """What was read by now."""
        from vcf_tasks_async.cli.report_data import facts_of  # noqa: PLC0415 - likewise

        return facts_of(
            self.rows,
            manager=self._manager,
            made_at=self._made_at,
            is_complete=self._is_complete,
            malformed=self._malformed,
        )


def render(data: ReportData, form: str) -> str:
    """*data* as a document: ``html``, ``json``, ``csv`` or ``md``."""
    # Each is imported when it is asked for: a CSV needs no templates.
    return _writers()[form](data)


def _writers() -> dict[str, Callable[[ReportData], str]]:
    def html(data: ReportData) -> str:
        from vcf_tasks_async.cli.report_html import to_html  # noqa: PLC0415 - Jinja, for those who use it

        return to_html(data)

    from vcf_tasks_async.cli.report_text import to_csv, to_json, to_markdown  # noqa: PLC0415 - likewise

    return {"html": html, "json": to_json, "csv": to_csv, "md": to_markdown}


def _format_of(output: str) -> str:
    """The format that the name of *output* asks for; HTML where it asks for none."""
    suffix = Path(output).suffix.lower().lstrip(".")
    return {"markdown": "md"}.get(suffix, suffix if suffix in _FORMATS else "html")


def _write(output: str, document: bytes) -> None:
    """Write *document*, a file as a whole or not at all; a reader that has gone away is no error."""
    if output == _STDOUT:
        try:
            sys.stdout.buffer.write(document)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Python would complain about it once more when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    try:
        # Where a link leads to is replaced, not the link.
        _replace(Path(output).resolve(), document)
    except OSError as error:
        fail(f"can't write {v.inert(output, limit=300)}: {error.strerror or error}")


def _replace(path: Path, document: bytes) -> None:
    if path.exists() and not path.is_file():
        # A device or a pipe takes what it is given.
        path.write_bytes(document)
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        unfinished = Path(file.name)
        try:
            file.write(document)
            file.close()
            unfinished.chmod(_mode_of(path))
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise


def _mode_of(path: Path) -> int:
    """The mode that *path* has, or that a new file would get."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _tally(data: ReportData) -> str:
    kinds = ", ".join(f"{number:,} {kind.words}" for kind, number in data.kinds.items() if number)
    tally = f"{len(data.rows):,} task{'s' * (len(data.rows) != 1)}"
    whole = "" if data.is_complete else "; some are missing, as the report says"
    return f"{tally}{': ' if kinds else ''}{kinds}{whole}"
