"""One server and one browser for all tests of the page."""

import shutil
from pathlib import Path

import pytest
from server_process import SERVE, server_process

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 30_000  # milliseconds; the first look inside a sentence prepares the network
AXE = Path(__file__).parents[3] / "build/axe/package/axe.min.js"


@pytest.fixture(scope="session")
def served(trained_run):
    """The address of a run that is served as the command serves it."""
    with server_process(*SERVE, trained_run, "--port", 0, "--n-best", 3) as server:
        yield server.url
        assert server.stop() == 0


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium; Debian's package of that name has it")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser, served):
    """Opens the page in a window of its own; nothing may be complained of in its console."""
    contexts, complaints = [], []

    def opened(width=1280, height=900, scheme="light", address=""):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.complaints = complaints
        page.goto(f"{served}/{address}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe():
    if not AXE.exists():
        pytest.skip("there is no axe-core; `make axe` fetches it")
    return AXE.read_text()
