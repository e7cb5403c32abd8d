"""What a browser makes of pages: each is opened in a frame of a given width, and a probe reports what it finds there.

A frame may be narrower than Chromium's own window; that many stand in one window makes the check quick.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1400,900", "--allow-file-access-from-files",
)  # fmt: skip
PROBE = """
async function probe(frame) {
  const page = frame.contentDocument, view = frame.contentWindow, root = page.documentElement;
  await page.fonts.ready;
  const inside = e => e.scrollWidth - e.clientWidth > 1 && ["auto", "scroll"].includes(view.getComputedStyle(e).overflowX);
  const name = e => `${e.tagName.toLowerCase()}.${e.className}`;
  const links = [...page.querySelectorAll("a[href^='#']")].map(a => a.getAttribute("href").slice(1));
  const out = [];
  for (const link of [...page.querySelectorAll(".ref")].slice(0, 12)) {
    const shown = link.querySelector(".preview");
    shown.style.display = "block";
    const box = shown.getBoundingClientRect();
    if (box.left < 0 || box.right > root.clientWidth + 1 || box.width < 20) out.push(link.textContent);
    shown.style.display = "";
  }
  return {
    wide: Math.max(0, root.scrollWidth - root.clientWidth),
    sticking_out: [...page.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1)
      .slice(0, 4).map(e => name(e) + ": " + e.textContent.slice(0, 80)),
    scrolling: [...new Set([...page.querySelectorAll("body *")].filter(inside).map(name))],
    fonts: [...page.fonts].map(f => f.status),
    requests: view.performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith("data:")),
    broken: links.filter(l => !page.getElementById(l)),
    previews: out, mathematics: page.querySelectorAll("math").length,
  };
}
addEventListener("load", async () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) found.push(await probe(frame));
  document.title = "done"; document.getElementById("found").textContent = JSON.stringify(found);
});
"""


def opened(pages: Mapping[str, str | Path], widths: Sequence[int], folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """For each page (name → HTML, or the file of a site) and width in pixels what the probe found."""
    keys = [(name, width) for name in pages for width in widths]
    frames = "".join(f'<iframe style="width:{width}px;height:700px;border:0" {_content(pages[name])}></iframe>' for name, width in keys)
    file = folder / "frames.html"
    file.write_text(f"<!DOCTYPE html><title>frames</title><pre id=found></pre>{frames}<script>{PROBE}</script>", encoding="utf-8")
    command = [CHROMIUM, *SWITCHES, "--virtual-time-budget=60000", "--dump-dom", f"--user-data-dir={folder / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found and found[1], done.stdout[:300]
    return dict(zip(keys, json.loads(unescape(found[1])), strict=True))


def _content(page: str | Path) -> str:
    return f'src="{page.as_uri()}"' if isinstance(page, Path) else f'srcdoc="{escape(page)}"'
