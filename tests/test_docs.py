"""What the pages say holds: links lead somewhere, code runs, commands and configurations are understood."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
import yaml

import ganetic
from docs.tooling.reference import FOLDER, PAGES
from ganetic.augmenting.config import AugmentConfig
from ganetic.cli import main  # noqa: F401 - it registers the commands
from ganetic.cli.app import app
from ganetic.cli.options import join_window
from ganetic.config import Config, validate
from ganetic.errors import UserError
from ganetic.evolution.space import SpaceFile
from ganetic.shipped import shipped_presets, shipped_spaces
from ganetic.studies.detect import DetectConfig
from ganetic.training.config import TrainConfig
from tests.documents import (
    DOCS,
    LINKED_PAGES,
    ROOT,
    USER_PAGES,
    anchors,
    blocks,
    commands,
    ganetic_commands,
    links,
    page_name,
)

RUNNING_PAGES = [page for page in USER_PAGES if any(block.runs for block in blocks(page))]
HAND_WRITTEN = [page for page in USER_PAGES if page.parent != FOLDER]


@pytest.mark.parametrize("page", LINKED_PAGES, ids=page_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", USER_PAGES, ids=page_name)
def test_python_compiles_and_names_what_exists(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python" and page.parent != FOLDER:
            compile(block.text, str(page), "exec")
            assert set(re.findall(r"\bganetic\.([a-zA-Z]\w*)", block.text)) - submodules() <= set(ganetic.__all__)


def submodules() -> set[str]:
    return {path.stem for path in (ROOT / "ganetic").iterdir()}


@pytest.mark.parametrize("page", RUNNING_PAGES, ids=page_name)
def test_python_that_is_marked_runs(page: Path, in_folder: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.runs:
            exec(compile(block.text, str(page), "exec"), names)


def test_some_python_is_marked() -> None:
    assert {page.name for page in RUNNING_PAGES} >= {"custom-loop.md", "search.md"}


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=page_name)
def test_commands_are_understood(page: Path) -> None:
    group = typer.main.get_command(app)
    context = group.make_context("ganetic", [], resilient_parsing=True)
    for line in ganetic_commands(page):
        words, within, parent = shlex.split(line), group, context
        while isinstance(within, typer.core.TyperGroup) and words:
            name, *words = words
            command = within.get_command(parent, name)
            assert command is not None, line
            if isinstance(command, typer.core.TyperGroup):
                parent = command.make_context(name, [], parent=parent, resilient_parsing=True)
            elif words:  # else a sentence speaks of the command
                command.make_context(name, join_window(words), parent=parent)
            within = command


def test_the_check_of_commands_refuses(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("    ganetic search quick --sed 1  # a comment\n\nand `ganetic shwo`\n", encoding="utf-8")
    assert list(ganetic_commands(page)) == ["search quick --sed 1", "shwo"]
    with pytest.raises((AssertionError, typer.BadParameter.__mro__[1]), match="sed"):
        test_commands_are_understood(page)
    for line, said in (("detect fti runs/a", "fti"), ("detect fit runs/a -o b --lyer x", "lyer")):
        page = tmp_path / f"{said}.md"
        page.write_text(f"    ganetic {line}\n", encoding="utf-8")
        with pytest.raises((AssertionError, typer.BadParameter.__mro__[1]), match=said):
            test_commands_are_understood(page)


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=page_name)
def test_make_and_modules_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in commands(page):
        for target in re.findall(r"^make ([a-z-]+)", line):
            assert target in targets, line
        for module in re.findall(r"python -m (analysis\.\w+|docs\.\w+)", line):
            assert find_spec(module) is not None, line
        for path in re.findall(r"^pytest ((?:tests|analysis)/\S+)", line):
            assert (ROOT / path).exists(), line


def toml_blocks() -> Iterator[tuple[str, str]]:
    for page in HAND_WRITTEN:
        for block in blocks(page):
            if block.language == "toml":
                yield page_name(page), block.text


@pytest.mark.parametrize(("page", "text"), list(toml_blocks()))
def test_toml_is_a_configuration_or_a_part_of_one(page: str, text: str) -> None:
    assert_configures(tomllib.loads(text))


def assert_configures(data: dict[str, object]) -> None:
    if set(data) <= {"project", "build-system"}:
        return  # of a package, as an extension has it
    files = (shipped_spaces()["quick"], shipped_presets()["demo"])
    quick, demo = (tomllib.loads(file.read_text(encoding="utf-8")) for file in files)
    tries: list[tuple[dict[str, object], type[Config]]] = [
        (data, AugmentConfig), (data, DetectConfig), (data, TrainConfig), (data, SpaceFile),
        ({**quick, **data}, SpaceFile), ({**demo, **data}, TrainConfig),
    ]  # fmt: skip
    errors = []
    for whole, model in tries:
        try:
            validate(whole, model, where=model.__name__)
            return
        except UserError as error:
            errors.append(str(error))
    raise AssertionError("\n".join(errors))


def test_the_check_of_toml_refuses() -> None:
    with pytest.raises(AssertionError, match="did you mean"):
        assert_configures({"regulariser": {"r2": 1.0}})


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_that_of_this_code(name: str) -> None:
    current = (FOLDER / name).read_text(encoding="utf-8") == PAGES[name]()
    assert current, f"docs/reference/{name} is stale: run `make docs` (or `python -m docs.tooling`) and commit it"


def test_the_site_s_navigation_names_every_page() -> None:
    def named(entries: object) -> Iterator[str]:
        if isinstance(entries, str):
            yield entries
        elif isinstance(entries, list | dict):
            for entry in entries.values() if isinstance(entries, dict) else entries:
                yield from named(entry)

    nav = list(named(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    assert sorted(nav) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_citation_is_of_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == ganetic.__version__


@pytest.mark.slow
def test_the_site_builds_strictly_and_fetches_nothing(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    loads = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?https?:|<link\b[^>]*\bhref=\"?https?:")
    for page in pages:
        assert not loads.search(page.read_text(encoding="utf-8")), page.name
