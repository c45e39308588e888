"""Pictures of the page of `seq2seq serve`, in two widths, for docs/page.md.

    python -m benchmarks.page_pictures RUN FOLDER

Serves the run, and drives Debian's Chromium by Playwright (extra `dev`).
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run")
TEXT = "The old woman reads a book in the kitchen. Next week my brother will read the old letter."
PATIENCE = 60_000  # milliseconds


def main() -> None:
    """Draws the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    command = (sys.executable, "-m", "seq2seq", "serve", str(arguments.run), "--port", "0")
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        said = (re.search(r"at (http://\S+)$", line) for line in server.stderr)
        draw(next(found[1] for found in said if found), arguments.folder)
    finally:
        server.terminate()
        server.communicate()


def draw(url: str, folder: Path) -> None:
    """The page by day and wide, with its tree, and by night on a telephone.

    Args:
        url: of the server.
        folder: gets the pictures.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        wide = _translated(browser, url, 1280, 800, "light")
        wide.screenshot(path=folder / "page.png")
        wide.locator("summary", has_text="Beam search").click()
        wide.wait_for_selector(".tree")
        wide.locator("details", has=wide.locator(".tree")).screenshot(path=folder / "page_beam.png")
        narrow = _translated(browser, url, 390, 844, "dark")
        narrow.screenshot(path=folder / "page_telephone.png")
        browser.close()


def _translated(browser: Any, url: str, width: int, height: int, scheme: str) -> Any:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.fill("#source", TEXT)
    page.wait_for_selector(".choice")
    page.locator("button.word").nth(3).hover()
    return page


if __name__ == "__main__":
    main()
