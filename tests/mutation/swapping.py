"""Mutants of a function's body, put into the functions that live already: no import, no collection anew."""

from __future__ import annotations

import functools
import gc
import inspect
from types import CodeType, FunctionType


def swaps(before: str, after: str, path: str) -> dict[str, CodeType] | None:
    """The functions whose bodies differ, by qualified name, with their new code; None if more differs."""
    found: dict[str, CodeType] = {}
    same_shape = _compare(compile(before, path, "exec"), compile(after, path, "exec"), found)
    return found if same_shape else None


def _compare(before: CodeType, after: CodeType, found: dict[str, CodeType]) -> bool:
    if _own(before) != _own(after):
        return False
    for old, new in zip(_inner(before), _inner(after), strict=True):
        if old.co_flags & inspect.CO_OPTIMIZED:
            if _whole(old) != _whole(new):
                if old.co_qualname != new.co_qualname or old.co_freevars != new.co_freevars:
                    return False
                found[old.co_qualname] = new
        elif not _compare(old, new, found):
            return False
    return True


def _inner(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _own(code: CodeType) -> tuple[object, ...]:
    consts = [repr(const) for const in code.co_consts if not isinstance(const, CodeType)]
    return code.co_code, code.co_names, code.co_varnames, consts, code.co_flags, len(_inner(code))


def _whole(code: CodeType) -> tuple[object, ...]:
    return (_own(code), code.co_exceptiontable, [_whole(inner) for inner in _inner(code)])


def swap(path: str, codes: dict[str, CodeType]) -> None:
    """Give the living functions of the file *path* their new code, and forget what was made with the old."""
    left = set(codes)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == path:
            name = each.__code__.co_qualname
            if name in codes and each.__code__.co_firstlineno == codes[name].co_firstlineno:
                each.__code__ = codes[name]
                left.discard(name)
        elif isinstance(each, functools._lru_cache_wrapper) and each.__module__.startswith(
            "vcf_tasks_async."
        ):
            each.cache_clear()
    if left:
        raise LookupError(f"no function lives under the names {left}")
