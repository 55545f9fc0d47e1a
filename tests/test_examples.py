"""The notebooks run from top to bottom, in an empty folder."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[1] / "examples"
MOST_BYTES = 250_000
"""Of a notebook with its outputs."""
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    notebook = nbformat.read(EXAMPLES / name, as_version=4)  # type: ignore[no-untyped-call]
    where = {"metadata": {"path": str(tmp_path / "work")}}
    NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=where).execute()


def test_the_readme_names_every_notebook() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 3
    for name in NOTEBOOKS:
        assert f"]({name})" in text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_small_and_was_run_without_errors(name: str) -> None:
    assert (EXAMPLES / name).stat().st_size < MOST_BYTES
    notebook = nbformat.read(EXAMPLES / name, as_version=4)  # type: ignore[no-untyped-call]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {(output.output_type, output.get("name")) for cell in code for output in cell.outputs}
    assert not kinds & {("error", None), ("stream", "stderr")}
