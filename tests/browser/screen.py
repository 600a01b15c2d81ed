"""The page as a learner sees and works it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

EXPRESSION = """a = torch.tensor(2.0, requires_grad=True)
b = torch.tensor(3.0, requires_grad=True)
x = torch.tensor(4.0, requires_grad=True)
y = a + b
z = x * y
z.backward()
"""

REGRESSION = """X = torch.randn(10, 3)
y_true = torch.randn(10, 1)
W = torch.randn(3, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
y_hat = X @ W + b
loss = ((y_hat - y_true) ** 2).mean()
loss.backward()
"""

MEETING = """a = torch.tensor(2.0, requires_grad=True)
b = a * 3
c = b * b
d = b + c
d.backward()
"""

FFN = """class FFN(nn.Module):
    def __init__(s):
        super().__init__()
        s.net = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))
    def forward(s, x, y):
        return F.mse_loss(s.net(x), y)

model = FFN()
loss = model(torch.randn(4, 64), torch.randn(4, 64))
loss.backward()
"""

ENCODER = """enc = nn.TransformerEncoderLayer(64, 4, 256, dropout=0.0, batch_first=True)
head = nn.Linear(64, 10)
logits = head(enc(torch.randn(2, 16, 64)))
loss = F.cross_entropy(logits.reshape(-1, 10), torch.randint(0, 10, (32,)))
loss.backward()
"""

BLOCKS = """class Block(nn.Module):
    def __init__(s):
        super().__init__()
        s.norm = nn.LayerNorm(16); s.up = nn.Linear(16, 64); s.down = nn.Linear(64, 16)
    def forward(s, x):
        return x + s.down(F.gelu(s.up(s.norm(x))))

class Tower(nn.Module):
    def __init__(s):
        super().__init__()
        s.blocks = nn.ModuleList(Block() for _ in range(12))
    def forward(s, x):
        for block in s.blocks:
            x = block(x)
        return x.square().mean()

loss = Tower()(torch.randn(4, 16))
loss.backward()
"""

TRAINING = """w = torch.tensor(5.0, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
for i in range(6):
    loss = (w - 2) ** 2
    opt.zero_grad()
    loss.backward()
    opt.step()
"""

SETTLED = """() => {
  const phase = document.body.dataset.phase;
  const stage = document.querySelector("#stage");
  const empty = !document.querySelector("#empty").hidden;
  return phase !== "running" && phase !== "idle" && (empty || stage.dataset.drawn === stage.dataset.asked)
    && !stage.hasAttribute("data-moving");
}"""


@dataclass(frozen=True)
class Screen:
    """One open page."""

    page: Page

    def wait(self) -> None:
        """Until the run is over and drawn."""
        self.page.wait_for_function(SETTLED, timeout=60_000)

    def wait_for_inspector(self) -> None:
        """Until it shows the moment, to which it is brought every 150 ms: the page's timers go off in their order."""
        self.page.evaluate("() => new Promise(done => setTimeout(done, 200))")

    def type(self, code: str) -> None:
        """Put the code into the editor, in place of what is there, as a paste would."""
        if not self.page.locator(".editor-panel").is_visible():
            self.page.get_by_role("button", name="Code", exact=True).click()
        self.page.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)

    def run(self, code: str) -> None:
        """Type it, press Ctrl+Enter and wait for the picture."""
        self.type(code)
        self.page.keyboard.press("ControlOrMeta+Enter")
        self.wait()

    def node(self, name: str) -> Locator:
        """The node on the stage with this title."""
        return self.page.locator(f'[data-node][data-name="{name}"]')

    def words(self, locator: Locator) -> list[str]:
        """The texts of an SVG element, one for each <text>."""
        return locator.locator("text").all_text_contents()

    def labels(self) -> list[str]:
        """What stands on the lines."""
        return self.page.locator(".backward-label text").all_text_contents()

    def fact(self, name: str) -> str:
        """A line of the inspector."""
        return (self.page.locator(f'[data-fact="{name}"]').first.text_content() or "").strip()

    def rects(self, selector: str) -> list[dict[str, Any]]:
        """Where the elements are on the screen, and what they say."""
        script = """elements => elements.map(e => {
            const { left, top, right, bottom } = (e.querySelector(":scope > rect.body") ?? e).getBoundingClientRect();
            return { left, top, right, bottom, text: e.textContent.slice(0, 60) };
        })"""
        found: list[dict[str, Any]] = self.page.locator(selector).evaluate_all(script)
        return found

    def overlaps(self) -> list[str]:
        """Pairs of nodes, labels and headers of which one covers the other by more than a pixel."""
        boxes = self.rects("[data-node]") + self.rects("[data-label]") + self.rects(".frame-header")
        return [
            f"{a['text']} / {b['text']}"
            for i, a in enumerate(boxes)
            for b in boxes[i + 1 :]
            if min(a["right"], b["right"]) - max(a["left"], b["left"]) > 1
            and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > 1
        ]

    def spilling(self) -> list[str]:
        """Texts that run out of their node or label."""
        script = """() => [...document.querySelectorAll("[data-node], [data-label]")].flatMap(e => {
            const box = (e.querySelector(":scope > rect.body") ?? e.querySelector("rect")).getBoundingClientRect();
            return [...e.querySelectorAll("text")].filter(t => {
                const r = t.getBoundingClientRect();
                return r.width > 0 && (r.left < box.left - 1 || r.right > box.right + 1
                    || r.top < box.top - 2 || r.bottom > box.bottom + 2);
            }).map(t => t.textContent);
        })"""
        found: list[str] = self.page.evaluate(script)
        return found

    def save(self, path: Path) -> None:
        """A picture of the page."""
        self.page.screenshot(path=path)
