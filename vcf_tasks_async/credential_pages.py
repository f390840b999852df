"""Pages of credential tasks: as `pages`, and nothing of a malformed element is shown."""

from __future__ import annotations

from vcf_tasks_async.credential_models import CredentialsTask, CredentialsTaskPage
from vcf_tasks_async.pages import ElementReader


class CredentialsPageReader(ElementReader):
    """A page of credential tasks, structured one element a step."""

    _item = CredentialsTask

    def page(self) -> CredentialsTaskPage:
        """The page, once all steps are done."""
        return CredentialsTaskPage(**self._fields())
