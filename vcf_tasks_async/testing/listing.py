"""GET /v1/tasks: twelve parameters in, one page out; and every doubt about them as a switch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from vcf_tasks_async.testing.bodies import Answer, encode, error, error_answer
from vcf_tasks_async.testing.spelling import StatusFilter, canonical, status_matches
from vcf_tasks_async.testing.store import Entry, Store

__all__ = ["Listing", "Refused"]

_PARAMETERS = frozenset(
    {
        "limit",
        "taskStatus",
        "taskType",
        "resourceId",
        "resourceType",
        "completedAfter",
        "pageNumber",
        "pageSize",
        "orderDirection",
        "orderBy",
        "taskName",
        "doLiveRefresh",
    }
)
_UNKNOWN_TO_4_5 = frozenset(
    {"pageNumber", "pageSize", "orderDirection", "orderBy", "taskName", "doLiveRefresh"}
)
_MAX_PAGE_SIZE = 100


class Refused(Exception):
    """A parameter that the server does not take; carries the answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = error_answer(status, error(code, message, reference="SIMPAR"))


@dataclass(frozen=True, slots=True)
class Listing:
    """How this server lists. The fields are the options of `SddcManagerSimulator`."""

    release: str
    page_base: Literal[0, 1]
    default_page_size: int | None
    reported_page_size: Literal["elements", "requested"]
    oversize: Literal["clamp", "reject"]
    metadata: bool | Literal["missing"]
    status_filter: StatusFilter
    name_filter: Literal["insensitive", "sensitive"]
    unknown_parameters: Literal["ignore", "reject"]
    order_by: Literal["works", "fails", "ignored"]

    def answer(self, store: Store, query: Mapping[str, str]) -> Answer:
        """The page that *query* asks for."""
        if self.unknown_parameters == "reject":
            for name in query:
                if name not in _PARAMETERS:
                    raise Refused(400, "BAD_REQUEST", f"Unknown parameter {name}")
        if self.release == "4.5":
            query = {name: value for name, value in query.items() if name not in _UNKNOWN_TO_4_5}
        chosen = self._chosen(store, query)
        limit = _number(query, "limit", minimum=0)
        if limit is not None:
            chosen = chosen[:limit]
        number, size = self._page(query)
        total = len(chosen)
        if size is not None:
            start = (number - self.page_base) * size
            page = chosen[start : start + size]
        else:
            page = chosen if number == self.page_base else []
        live = _flag(query, "doLiveRefresh")
        elements = b",".join([store.encoded(entry, live=live) for entry in page])
        tail = (
            b"}"
            if self.metadata == "missing"
            else b',"pageMetadata":%b}' % self._metadata(number, size, len(page), total)
        )
        return Answer(200, b"".join((b'{"elements":[', elements, b"]", tail)))

    def _metadata(self, number: int, size: int | None, elements: int, total: int) -> bytes:
        if not self.metadata:
            return b"null"
        asked = size if size is not None else total
        return encode(
            {
                "pageNumber": number,
                "pageSize": elements if self.reported_page_size == "elements" else asked,
                "totalElements": total,
                "totalPages": -(-total // asked) if asked else 0,
            }
        )

    def _page(self, query: Mapping[str, str]) -> tuple[int, int | None]:
        number = _number(query, "pageNumber", minimum=self.page_base)
        size = _number(query, "pageSize", minimum=1)
        if size is not None and size > _MAX_PAGE_SIZE:
            if self.oversize == "reject":
                raise Refused(400, "BAD_REQUEST", f"pageSize must not be greater than {_MAX_PAGE_SIZE}")
            size = _MAX_PAGE_SIZE
        return self.page_base if number is None else number, self.default_page_size if size is None else size

    def _chosen(self, store: Store, query: Mapping[str, str]) -> list[Entry]:
        tests: list[Callable[[Entry], bool]] = []
        status, kind, name = query.get("taskStatus"), query.get("taskType"), query.get("taskName")
        resource_id, resource_type = query.get("resourceId"), query.get("resourceType")
        after = _number(query, "completedAfter", bits=64)
        live = _flag(query, "doLiveRefresh")
        if status:
            # Whether a spelling matches is worked out once per status, not once per task.
            verdicts: dict[str, bool] = {}

            def in_status(entry: Entry) -> bool:
                shown = entry.status if entry.stale is None or live else entry.stale.status
                verdict = verdicts.get(shown)
                if verdict is None:
                    verdict = verdicts[shown] = status_matches(shown, status, self.status_filter)
                return verdict

            tests.append(in_status)
        if kind:
            tests.append(lambda entry: entry.type == kind)
        if name:
            plain, folded = self.name_filter == "sensitive", name.casefold()
            tests.append(lambda entry: name in entry.name if plain else folded in entry.name.casefold())
        if resource_id:
            tests.append(lambda entry: any(found[0] == resource_id for found in entry.resources))
        if resource_type:
            tests.append(lambda entry: any(found[1] == resource_type for found in entry.resources))
        if after is not None:
            tests.append(
                lambda entry: (
                    entry.status in ("SUCCESSFUL", "FAILED")
                    and entry.completed is not None
                    and entry.completed * 1000 > after
                )
            )
        match = (
            None
            if not tests
            else tests[0]
            if len(tests) == 1
            else lambda entry: all(test(entry) for test in tests)
        )
        key = (status, kind, name, resource_id, resource_type, after, live)
        return self._ordered(store.select(key, match), query)

    def _ordered(self, chosen: list[Entry], query: Mapping[str, str]) -> list[Entry]:
        field, direction = query.get("orderBy"), query.get("orderDirection")
        if self.order_by == "ignored" or not (field or direction):
            return chosen
        if self.order_by == "fails":
            raise Refused(
                500, "VCF_ERROR_INTERNAL_SERVER_ERROR", "An error occurred while the tasks were being sorted"
            )
        if direction is not None and direction.upper() not in ("ASC", "DESC"):
            raise Refused(400, "BAD_REQUEST", f"orderDirection must be ASC or DESC, not {direction}")
        key = _SORTS.get(field or "creationTimestamp")
        if key is None:
            raise Refused(
                400, "BAD_REQUEST", f"orderBy must be one of {', '.join(sorted(_SORTS))}, not {field}"
            )
        return sorted(chosen, key=key, reverse=direction is not None and direction.upper() == "DESC")


_SORTS: dict[str, Callable[[Entry], tuple[str | float, int]]] = {
    "creationTimestamp": lambda entry: (entry.created, entry.number),
    "completionTimestamp": lambda entry: (entry.completed or 0.0, entry.number),
    "name": lambda entry: (entry.name, entry.number),
    "status": lambda entry: (canonical(entry.status), entry.number),
    "type": lambda entry: (entry.type, entry.number),
}


def _number(query: Mapping[str, str], name: str, *, minimum: int | None = None, bits: int = 32) -> int | None:
    """A whole number parameter; None when it is not given. Refuses with 400 what is none."""
    text = query.get(name)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19 or int(digits) >= 1 << (bits - 1):
        raise Refused(400, "BAD_REQUEST", f"{name} must be a whole number, not {text[:40]!r}")
    value = int(text)
    if minimum is not None and value < minimum:
        raise Refused(400, "BAD_REQUEST", f"{name} must be {minimum} or more, not {value}")
    return value


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise Refused(400, "BAD_REQUEST", f"{name} must be true or false, not {text[:40]!r}")
    return text == "true"
