"""Runs whose every text is hostile: markup, scripts, right-to-left marks, 10,000 characters."""

import json
import sqlite3
from pathlib import Path
from shutil import copytree

from tests.report.web.pages import REFERENCE
from tests.small_run import small_run_directory

TEXTS = (
    "<script>document.title='run'</script>",
    "</script><script>document.title='run'</script><!--",
    '"><img src=x onerror="document.title=\'run\'">',
    "<svg/onload=document.title='run'>",
    "javascript:document.title='run'",
    "\u202egnp.\u2066exe\u2069\u200f",
    "]]>&lt;&amp;{{ 7 * 7 }}{% raw %}",
    "a" * 10_000,
    "https://example.org/picture.png",
    "nul \x00 bell \x07 half \ud800",
)


ALL_MARKUP = "".join(text for text in TEXTS[:5] + TEXTS[6:7])
"""All that would run somewhere, in one text."""


def hostile_search(folder: Path, text: str) -> Path:
    """A finished search with a text in each place where a user's may stand."""
    directory = folder / f"run {text.replace('/', '|').replace(chr(0), '')[:60].encode('utf-8', 'ignore').decode()}"
    copytree(small_run_directory(), directory)
    with sqlite3.connect(directory / "journal.db") as journal:
        (value,) = journal.execute("SELECT value FROM meta WHERE key = 'config'").fetchone()
        config = json.loads(value)
        config["space"]["description"] = text
        config["data"] = text
        for measure in config["measures"]:
            measure |= {"metric": text, "images": text, "model": text}
        journal.execute("UPDATE meta SET value = ? WHERE key = 'config'", (json.dumps(config),))
        made_with = json.dumps({text: text, "torch": text})
        journal.execute("UPDATE meta SET value = ? WHERE key = 'made_with'", (made_with,))
        storable = text.encode("utf-8", "replace").decode()
        journal.execute("UPDATE records SET reason = ? WHERE state = 'failed'", (storable,))
    return directory


def hostile_comparison(folder: Path, text: str) -> Path:
    """A comparison whose losses are called so."""
    directory = folder / "comparison"
    copytree(REFERENCE / "transfer" / "width16", directory)
    with sqlite3.connect(directory / "journal.db") as journal:
        for key in ("losses", "pairs", "measures", "space", "data"):
            (value,) = journal.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            journal.execute("UPDATE meta SET value = ? WHERE key = ?", (_renamed(key, value, text), key))
    return directory


def _renamed(key: str, value: str, text: str) -> str:
    said = json.loads(value)
    if key in ("space", "data"):
        return json.dumps(text)
    if key == "measures":
        return json.dumps([{**one, "metric": text, "model": text} for one in said])
    if key == "losses":
        return json.dumps([{**one, "name": text if one["name"] == "bce" else one["name"]} for one in said])
    return json.dumps([[text if name == "bce" else name for name in pair] for pair in said])
