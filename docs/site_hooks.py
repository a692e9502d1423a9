"""What MkDocs calls while it builds the site: pages that lie elsewhere in the repository, links that leave the docs,
and a look at the result.

Invariant: the docs read the same on the site and in the repository: a link to a file that is no page leads there.
Invariant: the site loads nothing from elsewhere.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "daemon"), str(ROOT / "lsp")]

from docs.pages import FROM_ROOT  # noqa: E402

REPOSITORY = "https://github.com/lowtide/lowtide/blob/main/"
PICTURES = {
    "images/vscode_memory.png": "editors/vscode/media/screenshots/memory.png",
    "images/nvim_search.png": "editors/nvim/doc/images/search.png",
    "images/nvim_memory.png": "editors/nvim/doc/images/memory.png",
}
"""On the site -> in the repository."""
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
LOADED = re.compile(
    r"""<(?:script|img|iframe)[^>]*\ssrc="?(?:https?:)?//|<link[^>]*rel="?(?:stylesheet|preconnect)"?[^>]*//"""
)


def on_config(config: Any) -> Any:
    """List every decision in the navigation."""
    decisions = []
    for path in sorted((ROOT / "docs/decisions").glob("*.md")):
        title = path.read_text("utf-8").split("\n", 1)[0].lstrip("# ")
        decisions.append({re.sub(r"^\d+\.? *", "", title): f"decisions/{path.name}"})
    config["nav"].append({"Decisions": decisions})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add what is no file of the docs."""
    from mkdocs.structure.files import File

    for name, picture in PICTURES.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / picture)))
    for name, source in FROM_ROOT.items():
        text = _led(ROOT / source, (ROOT / source).read_text("utf-8"))
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links that leave the docs to the repository."""
    path = page.file.abs_src_path
    return _led(Path(path), markdown) if path else markdown


def on_post_build(config: Any) -> None:
    """A page that would load something from elsewhere ends the build."""
    from mkdocs.exceptions import PluginError

    for path in Path(config["site_dir"]).rglob("*.html"):
        found = LOADED.search(path.read_text("utf-8"))
        if found:
            raise PluginError(f"{path.name} loads from elsewhere: {found[0]}")


def _led(source: Path, text: str) -> str:
    """`text`, a file at `source`, with its links as they are on the site."""
    pages = {ROOT / path: name for name, path in FROM_ROOT.items()}
    docs = ROOT / "docs"
    base = docs if source in pages else source.parent

    def lead(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = Path(os.path.normpath(source.parent / target))
        if path in pages:
            path = docs / pages[path]
        if (name := str(path.relative_to(ROOT))) in PICTURES.values():
            path = docs / next(place for place, picture in PICTURES.items() if picture == name)
        if docs in path.parents and path.suffix in (".md", ".png", ".svg"):
            return f"{before}{os.path.relpath(path, base)}{after}"
        return f"{before}{REPOSITORY}{path.relative_to(ROOT)}{after}"

    return LINK.sub(lead, text)
