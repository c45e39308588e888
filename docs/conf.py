"""Settings of the documentation site: `make docs`.

The repository is Sphinx's source folder, so that its pages link to files as they do on a code host.
"""

import importlib.metadata
import inspect
import pydoc
import re
from pathlib import Path
from typing import Any

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref

project = "seq2seq"
release = importlib.metadata.version("seq2seq-keras")
copyright = "the authors of seq2seq, Apache License 2.0"

root_doc = "docs/index"
include_patterns = ["docs/*.md", "notebooks/*.ipynb", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = [".*", "build", "data", "runs"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxarg.ext"]
default_role = "code"  # docstrings have `names` as Markdown has them

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are committed as they ran
suppress_warnings = [
    "misc.highlighting_failure",  # of listings that are no code
    "ref.python",  # units of settings, such as "epochs", are taken for names
]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"undoc-members": True, "show-inheritance": True}
nitpicky = True  # a type of ours that a signature names has an entry of its own
nitpick_ignore_regex = [("py:.*", r"(?!seq2seq\.).*|.*\._.*")]

html_theme = "furo"
html_title = f"seq2seq {release}"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"


def setup(app: Any) -> None:
    """What Sphinx does not do by itself."""
    app.add_html_math_renderer("mathml", (_draw(False), None), (_draw(True), None))
    app.connect("autodoc-process-docstring", _say_what_a_field_is, priority=400)
    app.connect("autodoc-process-signature", _leave_out_settings)
    app.connect("doctree-read", _leave_folders)


def _draw(as_block: bool) -> Any:
    """Formulas as MathML, which browsers draw themselves: no script, nothing from the network."""

    def visit(translator: Any, node: Any) -> None:
        formula = tex2mathml(node.astext(), as_block=as_block)
        translator.body.append(f'<div class="math">{formula}</div>' if as_block else formula)
        raise SkipNode

    return visit


def _say_what_a_field_is(_: Any, what: str, name: str, *rest: Any) -> None:
    """The comment behind a field of a data class, e.g. its shape, is its docstring."""
    *_, lines = rest
    owner, _, field = name.rpartition(".")
    if what == "attribute" and not any(lines):
        source = inspect.getsource(pydoc.locate(owner))
        comment = re.search(rf"^    {field}\b.*?  # (.*)((?:\n +# .*)*)", source, re.MULTILINE)
        lines[:] = [re.sub(r"\s+# ", " ", "".join(comment.groups()))] if comment else []
    if what in ("attribute", "property"):
        lines[:0] = ["..", ""]  # a comment; else napoleon takes what is before a colon for a type


def _leave_out_settings(_: Any, what: str, name: str, settings: Any, *rest: Any) -> Any:
    """Sections of settings have too many fields for one line; each has its entry below."""
    return ("", None) if hasattr(settings, "__pydantic_fields__") and what == "class" else None


def _leave_folders(app: Any, page: Any) -> None:
    """A link to a folder of the repository is its name: the site has no page of it."""
    here = Path(page["source"]).parent
    for link in list(page.findall(pending_xref)):
        if link["reftype"] == "myst" and (here / link["reftarget"]).is_dir():
            link.replace_self(link.children)
