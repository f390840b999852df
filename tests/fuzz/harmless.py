"""What must hold of any error, whatever it is about."""

from __future__ import annotations

import pickle

from vcf_tasks_async.errors import DecodeError, VcfTasksError


def check_error(error: VcfTasksError) -> None:
    """An error is one harmless line, of moderate length, and travels."""
    said = str(error)
    assert said.isprintable(), said
    assert len(said) < 1500, len(said)
    if isinstance(error, DecodeError):
        for text, most in ((error.sample, 80), (error.json_path, 200), (error.task_id or "", 128)):
            assert text.isprintable(), text
            assert len(text) <= most, text
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again).keys()) == (said, vars(error).keys())
