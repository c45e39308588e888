"""The site's contents lead to every page; `make docs` checks all else, warnings being errors."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def listed(text):
    """Pages of a document's `toctree`s."""
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for tree in trees for line in tree.splitlines()]
    return {line for line in lines if line and not line.startswith(":")}


def test_every_page_and_tutorial_is_in_the_contents():
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    tutorials = {
        f"../notebooks/{path.stem}" for path in (DOCS.parent / "notebooks").glob("*.ipynb")
    }
    contents = listed((DOCS / "index.md").read_text(encoding="utf-8"))
    assert contents == pages | tutorials | {"../CONTRIBUTING", "../CHANGELOG"}
    assert listed("```{toctree}\n:hidden:\n\na\n```\n```\nb\n```") == {"a"}  # the control
