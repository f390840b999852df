"""The site: `python -m sphinx -W docs docs/_build`. Needs the dependency group `docs`, and no network."""

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from types import MemberDescriptorType

import attrs
from sphinx.application import Sphinx

project = "vcf_tasks_async"
author = "the authors of vcf_tasks_async"
release = version = version_of("vcf-tasks-async")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser"]
exclude_patterns = ["_build"]
nitpicky = True
# Anything that is named in a docstring leads to the reference, where it stands there.
default_role = "py:obj"

_NO_NEWS = {"asend", "athrow", "branches", "with_traceback", "add_note"}

# GitHub's own way to make anchors, so that a link works there and here.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    "member-order": "bysource",
    # The rooms behind a class are no affair of its users; of these they know anyway.
    "inherited-members": "OSError,BaseException,Enum,tuple,Sequence,AsyncGenerator,AsyncIterator",
}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
python_maximum_signature_line_length = 88

# Names that lead nowhere by design. Arguments and words in single backticks are code, not references; types
# of other packages are looked up by nobody, since the site is built without a network.
nitpick_ignore_regex = [
    ("py:obj", r".*"),
    ("py:(class|exc|data|func|meth|attr)", r"(?!vcf_tasks_async\.).*"),
    # Rooms behind the public face: bases and annotations name them, users don't.
    ("py:(class|exc|data|func|meth|attr)", r"vcf_tasks_async\.(testing\.)?[a-z_]+\.\w+"),
]

html_theme = "furo"
html_title = "vcf_tasks_async"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}


def _skip(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    # Fields stand in the signature, with their types, and in the class's own words. How a stream is an async
    # generator to those who ask, and how a task's parts are found by `walk`, is no news.
    if isinstance(obj, MemberDescriptorType) or name in _NO_NEWS or repr(obj) == "SLOTS_ATTR":
        return True
    return None


def _defaults(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str, object] | None:
    """The real defaults of an attrs class, whose own `__init__` hides them."""
    if not (isinstance(obj, type) and attrs.has(obj) and signature):
        return None
    fields = attrs.fields_dict(obj)

    def shown(found: re.Match[str]) -> str:
        default = fields[found[1]].default
        return "…" if isinstance(default, attrs.Factory) or default is attrs.NOTHING else repr(default)

    return re.sub(r"attr_dict\['(\w+)'\]\.default", shown, signature), returns


def _whole(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep napoleon from taking what stands before a property's first colon for its type."""
    if what == "property":
        lines[:0] = ["..", ""]  # an empty comment


def setup(app: Sphinx) -> None:
    """Leave out of the reference what would only repeat, and show what attrs and napoleon would not."""
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-signature", _defaults)
    app.connect("autodoc-process-docstring", _whole, priority=400)
