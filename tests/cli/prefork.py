"""A process that has imported everything, and forks a command when it is asked to: starting costs nothing.

Each command is a process of its own all the same, with its own session and its own pipes or terminal. Asked
over the socket whose number is its argument: a JSON object with `argv` and `env`, and three open files.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
import warnings
from importlib import import_module
from typing import Any

from vcf_tasks_async.cli import main
from vcf_tasks_async.cli.app import COMMANDS


def serve(asked: socket.socket) -> None:
    while True:
        message, files, *_ = socket.recv_fds(asked, 1 << 20, 3)
        if not message:
            return
        child = os.fork()
        if child == 0:
            asked.close()
            become(json.loads(message), files)
        for file in files:
            os.close(file)
        asked.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(request: dict[str, Any], files: list[int]) -> None:
    """Be the command; never returns."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", buffering=1 if os.isatty(number) else -1)
        for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    sys.argv = ["vcf-tasks", *request["argv"]]
    code: Any = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    warnings.simplefilter("error")
    for place in COMMANDS.values():
        import_module(f"vcf_tasks_async.cli.{place.module}")
    for module in ("live", "probe", "report_data", "report_html", "report_text", "show", "sites"):
        import_module(f"vcf_tasks_async.cli.{module}")
    for module in ("session", "transport", "policy", "fleet", "shapes"):
        import_module(f"vcf_tasks_async.{module}")
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
