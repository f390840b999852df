"""A `CredentialsUpdateSpec` from a JSON document, such as a file that an administrator wrote."""

from __future__ import annotations

from vcf_tasks_async.codec import parse_json, structure
from vcf_tasks_async.credential_models import CredentialsUpdateSpec, checked_spec
from vcf_tasks_async.errors import DecodeError, UsageError


def read_spec(document: str | bytes) -> CredentialsUpdateSpec:
    """The spec that *document* holds, with the API's own names: ``operationType`` and so on.

    Args:
        document: JSON, as text or in UTF-8.

    Raises:
        UsageError: it is no such spec. The text names the place, and shows nothing of what stands there.

    Example:
        >>> spec = read_spec('{"operationType": "ROTATE", "elements": [{"resourceType": "ESXI"}]}')
        >>> spec.operation_type, spec.elements[0].resource_type
        ('ROTATE', 'ESXI')

    Source: ``CredentialsUpdateSpec``, VMware Cloud Foundation API 9.0.
    """
    spec = _understood(document)
    # There may be a password in it: no traceback's locals are to show it.
    del document
    if isinstance(spec, str):
        raise UsageError(f"this is no spec for credentials: {spec}")
    return spec


def _understood(document: str | bytes) -> CredentialsUpdateSpec | str:
    """The spec, or why it is none."""
    body = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
    try:
        # A byte order mark is an editor's doing.
        plain = parse_json(body.removeprefix(b"\xef\xbb\xbf"), guarded=True)
        return checked_spec(structure(plain, CredentialsUpdateSpec))
    except (DecodeError, UsageError) as error:
        return str(error).removeprefix("malformed answer at ")
