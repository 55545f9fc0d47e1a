"""The hook of mkdocs.yml: what the pages link to outside docs/ becomes part of the site.

On GitHub a page links to ``../analysis/proxies.md``. The site has no such place, as docs/ is its root. So the file is
added to the site as ``project/analysis/proxies.md``, with all that it links to in its turn. The links are rewritten.
The strict build then checks these links, too, and the site needs no other server.
"""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
ADDED = "project"
"""The folder of the site for what lies outside docs/."""
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_CODE = re.compile(r"^```.*?^```|^(?: {4}[^\n]*\n?)+|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add every file outside docs/ that a page of the site links to."""
    seen = {f"docs/{file.src_uri}" for file in files}
    pending = [path for path in seen if path.endswith(".md")]
    while pending:
        page = pending.pop()
        for path in sorted(linked(page) - seen):
            seen.add(path)
            files.append(_file(path, config))
            if path.endswith(".md"):
                pending.append(path)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names them
    """Rewrite the links of a page to their places in the site."""
    own = page.file.src_uri
    source = own.removeprefix(f"{ADDED}/") if own.startswith(f"{ADDED}/") else f"docs/{own}"

    def moved(link: re.Match[str]) -> str:
        path = _inside(source, link[2])
        if path is None:
            return link[0]
        target = posixpath.relpath(_place(path), posixpath.dirname(own) or ".")
        return f"{link[1]}{target}{link[3] or ''}{link[4]}"

    return _outside_code(markdown, lambda text: _LINK.sub(moved, text))


def linked(page: str) -> set[str]:
    """The files and folders of the repository that a page links to; paths are those of the repository."""
    found: set[str] = set()
    text = _outside_code((ROOT / page).read_text(encoding="utf-8"), lambda text: text, code="")
    for link in _LINK.finditer(text):
        path = _inside(page, link[2])
        if path is not None:
            found.add(path)
    return found


def _inside(page: str, target: str) -> str | None:
    """The path of a link's target in the repository; None where it is elsewhere, or nothing is there."""
    if "://" in target or target.startswith("mailto:"):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
    return path if not path.startswith("..") and (ROOT / path).exists() else None


def _place(path: str) -> str:
    """Where a path of the repository is in the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{ADDED}/{path}/index.md" if (ROOT / path).is_dir() else f"{ADDED}/{path}"


def _file(path: str, config: MkDocsConfig) -> File:
    if (ROOT / path).is_dir():
        return File.generated(config, _place(path), content=_listing(path))
    return File.generated(config, _place(path), abs_src_path=str(ROOT / path))


def _listing(path: str) -> str:
    """A page that stands for a folder."""
    names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in (ROOT / path).iterdir())
    return f"# {path}\n\n" + "".join(f"- `{name}`\n" for name in names if name != "__pycache__/")


def _outside_code(markdown: str, change: Callable[[str], str], code: str | None = None) -> str:
    """Change a page, but for its code; None leaves code as it is."""
    parts, last = [], 0
    for block in _CODE.finditer(markdown):
        parts += [change(markdown[last : block.start()]), block[0] if code is None else code]
        last = block.end()
    return "".join([*parts, change(markdown[last:])])
