"""The vendored libraries, in a real Chromium, under a Content-Security-Policy without unsafe-inline."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from backend.routes.headers import POLICY
from tests.programs import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

FRONTEND = Path(__file__).parents[2] / "frontend"
INLINE_STYLE = "document.body.innerHTML = '<p style=\"color: red\">x</p>'"

PROBES = {
    "codemirror": """
        import { EditorState, EditorView, basicSetup, python, setDiagnostics } from "/vendor/codemirror.js";
        const state = EditorState.create({ doc: "z = x * 2", extensions: [basicSetup, python()] });
        const view = new EditorView({ state, parent: document.body });
        view.dispatch(setDiagnostics(view.state, [{ from: 0, to: 1, severity: "error", message: "no" }]));
        const gutters = getComputedStyle(document.querySelector(".cm-gutters")).display;
        const answer = [document.querySelector(".cm-content").textContent, gutters];
    """,
    "d3": """
        import { select, zoom, zoomIdentity } from "/vendor/d3.js";
        const svg = select(document.body).append("svg");
        const inner = svg.append("g");
        const panning = zoom().on("zoom", (event) => inner.attr("transform", event.transform));
        svg.call(panning).call(panning.transform, zoomIdentity.translate(3, 4));
        await svg.transition().duration(10).attr("width", 7).end();
        const answer = [inner.attr("transform"), svg.attr("width")];
    """,
    "graphviz": """
        const worker = new Worker("/probe-worker.js", { type: "module" });
        const answer = await new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => reject(new Error(event.message));
        });
    """,
    "katex": r"""
        import { render } from "/vendor/katex.js";
        render("\\frac{\\partial L}{\\partial x} = \\sqrt{2} \\cdot \\vec{y} + \\pmb{w}", document.body);
        const root = document.querySelector(".sqrt svg");
        const answer = [document.querySelectorAll("mfrac").length, root !== null];
    """,
    "lit": """
        import { classMap, html, render, repeat } from "/vendor/lit.js";
        const item = (name) => html`<li class=${classMap({ leaf: name === "a" })}>${name}</li>`;
        render(html`<ul>${repeat(["a", "b"], (name) => name, item)}</ul>`, document.body);
        const answer = [...document.querySelectorAll("li")].map((li) => li.className + li.textContent);
    """,
    "msgpack": """
        import { decode, encode } from "/vendor/msgpack.js";
        const answer = decode(encode([NaN, "z"])).map(String);
    """,
    "uplot": """
        import uPlot from "/vendor/uplot.js";
        const options = { width: 200, height: 100, series: [{}, { stroke: "blue" }] };
        const plot = new uPlot(options, [[0, 1], [2, 3]], document.body);
        const answer = [plot.data.length, document.querySelectorAll("canvas").length];
    """,
}
ANSWERS: dict[str, list[Any]] = {
    "codemirror": ["z = x * 2", "flex"],
    "d3": ["translate(3,4) scale(1)", "7"],
    "graphviz": ["a", "b"],
    "katex": [1, True],
    "lit": [" leaf a", "  b"],
    "msgpack": ["NaN", "z"],
    "uplot": [2, 1],
}
TELL = "document.documentElement.dataset.answer = JSON.stringify(answer);"
PAGE = """
    <!doctype html>
    <link rel="icon" href="data:,">
    <body><script type="module" src="/probe-{library}.js"></script>
"""
WORKER = """
    import { Graphviz } from "/vendor/graphviz.js";
    const graphviz = await Graphviz.load();
    const laidOut = JSON.parse(graphviz.layout("digraph { a -> b }", "json", "dot"));
    postMessage(laidOut.objects.map((node) => node.name));
"""


class Handler(SimpleHTTPRequestHandler):
    """Serves `frontend/` and the probes, all under the policy."""

    def do_GET(self) -> None:
        """A probe, its page or its worker if the path is one, else a file."""
        name = self.path.removeprefix("/probe-")
        if name == "worker.js":
            self._send(WORKER, "text/javascript")
        elif name.removesuffix(".js") in PROBES:
            self._send(PROBES[name.removesuffix(".js")] + TELL, "text/javascript")
        elif name.removesuffix(".html") in PROBES:
            self._send(PAGE.format(library=name.removesuffix(".html")), "text/html")
        else:
            super().do_GET()

    def end_headers(self) -> None:
        """Every answer carries the policy, as the server's do."""
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _send(self, text: str, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The address of a server for `frontend/`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(FRONTEND))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """One tab of a headless Chromium."""
    flags = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize("library", sorted(PROBES))
def test_library_works_and_violates_nothing(page: Page, origin: str, library: str) -> None:
    errors: list[str] = []

    def note(message: object) -> None:
        errors.append(str(message))

    page.on("pageerror", note)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{origin}/probe-{library}.html")
    page.locator("html[data-answer]").wait_for(state="attached", timeout=20_000)
    assert json.loads(page.locator("html").get_attribute("data-answer") or "") == ANSWERS[library]
    assert errors == []


def test_the_policy_is_in_force(page: Page, origin: str) -> None:
    """The control: what the libraries must not do is refused, and said on the console."""
    page.goto(f"{origin}/probe-msgpack.html")
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate(INLINE_STYLE)
