import csv
import io
import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from ganetic.evolution.search import search
from ganetic.evolution.space import SpaceProxy
from ganetic.loss.library import LIBRARY
from ganetic.report import comparison as page
from ganetic.report.renderers.csv import to_csv
from ganetic.report.renderers.latex import latex
from ganetic.report.renderers.markdown import escaped as markdown_escaped
from ganetic.report.renderers.markdown import markdown
from ganetic.studies.compare import compare
from ganetic.studies.comparison import Comparison
from ganetic.studies.confirm import confirm
from ganetic.training.rates import RateList
from tests.evolution.fakes import SPACE, runtime, serial_with_mishaps
from tests.report import printed
from tests.studies.tunable import tunable

EXPRESSION = "add(abs(sub(p, y)), sqrt(div(y, p)))"
LIST = RateList(learning_rates=(5e-4, 1e-3, 2e-3))
TWO = SPACE.model_copy(update={"proxies": (SpaceProxy(), SpaceProxy(name="plain", batch_norm=False))})


@cache
def library(seeds: int = 12) -> Comparison:
    directory = Path(mkdtemp(prefix="ganetic-page-"))
    losses = ["all", EXPRESSION]
    return compare(losses, seeds=seeds, space=SPACE, directory=directory, runtime=runtime(serial_with_mishaps))


@cache
def two_proxies() -> Comparison:
    directory = Path(mkdtemp(prefix="ganetic-page-"))
    return compare(["bce", "hinge"], seeds=3, space=TWO, directory=directory, runtime=runtime())


@cache
def at_own_rates(losses: tuple[str, ...] = ("bce", "hinge", EXPRESSION), rates: RateList = LIST) -> Comparison:
    directory = Path(mkdtemp(prefix="ganetic-page-"))
    where = runtime(tunable)
    return compare(losses, seeds=3, space=SPACE, directory=directory, runtime=where, rates=rates, tuning_seeds=2)


@cache
def confirmation() -> Comparison:
    directory = Path(mkdtemp(prefix="ganetic-page-")) / "run"
    return confirm(search(SPACE, run=directory, seed=7, runtime=runtime()), 4, runtime=runtime()).comparison


def lines_of(comparison: Comparison) -> list[str]:
    return printed.lines_of(page.comparison_page(comparison))


def csv_of(comparison: Comparison) -> str:
    return to_csv(page.rows_table(comparison))


def markdown_of(comparison: Comparison) -> str:
    return markdown(page.files_page(comparison))


def test_a_page_fits_eighty_columns_with_every_verdict_in_full() -> None:
    lines = lines_of(library())
    assert max(map(len, lines)) <= 80
    rows = [line.split()[0] for line in lines if len(line.split()) >= 7]
    for loss in library().summary()["loss"]:
        assert rows.count(loss) == (1 if loss == "bce" else 2), "names are not cut"
    text = "\n".join(lines)
    assert "fd over that of bce, seed by seed" in text
    assert "no difference shown" in text and "Holm" in text
    assert "12 seeds" in lines[0] and "fd@nothing-made-up/100 of dcgan8-w16: untrained 900.0" in lines[1]
    assert "12 pairs cannot go below p = 0.00049" in text
    assert "expression: |p - y|" in text


def test_failures_are_named() -> None:
    lines = lines_of(library())
    for row in library().summary().to_dict("records"):
        named = [line for line in lines if line.startswith(f"failed: {row['loss']} ")]
        assert len(named) == (row["failed"] > 0)


def test_a_comparison_that_runs_says_how_far_it_is() -> None:
    class Half(Comparison):
        ended = 5
        finished = False

    half = Half(library().directory / "journal.db")
    assert "5 of 132 trainings have ended" in lines_of(half)


def test_each_proxy_has_its_tables() -> None:
    lines = lines_of(two_proxies())
    assert [line for line in lines if line.startswith("fd over")] == [
        "fd over seeds on main, a failed training counting as untrained",
        "fd over that of bce, seed by seed on main",
        "fd over seeds on plain, a failed training counting as untrained",
        "fd over that of bce, seed by seed on plain",
    ]
    assert any(line.startswith("plain: fd@") for line in lines)
    rows = list(csv.DictReader(io.StringIO(csv_of(two_proxies()))))
    assert [(row["proxy"], row["loss"]) for row in rows if row["ratio"]] == [("main", "hinge"), ("plain", "hinge")]


def test_a_confirmation_sets_its_loss_against_each_reference() -> None:
    comparison = confirmation()
    name = comparison.settings.names[0]
    text = "\n".join(lines_of(comparison))
    assert f"fd of {name} over that of each, seed by seed" in text
    rows = {row["loss"]: row for row in csv.DictReader(io.StringIO(csv_of(comparison)))}
    assert (rows["bce"]["first"], rows["bce"]["second"]) == (name, "bce")
    assert rows[name]["ratio"] == ""


def test_a_single_seed_has_dashes_for_what_it_does_not_say() -> None:
    lines = lines_of(library(1))
    assert max(map(len, lines)) <= 80
    (row,) = [line.split() for line in lines if line.startswith("hinge ") and "shown" in line]
    assert row[2] == "-" and row[5] == "-"


def test_csv_has_a_row_a_loss() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_of(library()))))
    assert [row["loss"] for row in rows] == library().summary()["loss"].tolist()
    by_loss = {row["loss"]: row for row in rows}
    assert by_loss["bce"]["ratio"] == "" and by_loss["hinge"]["pairs"] == "12"
    assert float(by_loss["hinge"]["ratio"]) == library().differences().set_index("first").loc["hinge", "ratio"]


def test_markdown_is_two_tables() -> None:
    text = markdown_of(library())
    tables = [block for block in text.split("\n\n") if block.startswith("| ")]
    assert [len(table.splitlines()) for table in tables] == [2 + 11, 2 + 10]
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1
    assert "t test p" in text


def test_json_is_strict_and_whole() -> None:
    record = json.loads(json.dumps(page.comparison_record(library(1)), allow_nan=False))
    assert len(record["runs"]) == 11 and len(record["summary"]) == 11 and len(record["differences"]) == 10
    assert record["differences"][0]["low"] is None
    assert record["settings"]["steps"] == 80


def test_latex_tables_are_regular() -> None:
    text = latex(page.files_page(library()))
    for body in text.split(r"\begin{tabular}{")[1:]:
        columns, rows = body.split("}", 1)
        cells = [line for line in rows.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert {line.replace(r"\&", "").count("&") for line in cells} == {len(columns) - 1}
        assert rows.count(r"\end{tabular}") == 1
    code = [line for line in text.splitlines() if not line.startswith("%")]
    assert not any("%" in line.replace(r"\%", "") for line in code)
    assert not any("_" in line.replace(r"\_", "") for line in code)


def test_files_are_written_beside_the_journal() -> None:
    paths = page.write_tables(library())
    assert [path.name for path in paths] == [f"comparison.{kind}" for kind in ("json", "csv", "md", "tex")]
    assert all(path.parent == library().directory and path.stat().st_size > 500 for path in paths)
    assert json.loads(paths[0].read_text())["total"] == 132


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("a_b", r"a\_b"), ("100%", "100%"), ("#1", r"\#1"), ("x & y", "x & y"), ("{}", r"\{\}"), ("*|", r"\*\|")],
)
def test_markdown_shows_names_as_they_are(name: str, escaped: str) -> None:
    assert markdown_escaped(name) == escaped


def test_rates_stand_beside_the_losses() -> None:
    lines = lines_of(at_own_rates())
    rows = [line.split() for line in lines if line.startswith(("bce ", "hinge ", "expression "))]
    summary = [row for row in rows if row[0] != "expression"][:2]
    assert [row[:3] for row in summary] == [["bce", "0.001", "0.5"], ["hinge", "0.002", "0.5"]]
    assert sum(row[-1] == "chosen" for row in rows) == 3
    assert sum(row[0] == "bce" for row in rows) == 1 + 4, "the summary's, and one at each of the rates"
    text = " ".join(" ".join(lines).split())
    assert (
        "rates: each loss at its own best of 4 (learning rates 0.0005, 0.001, 0.002 and 0.004, β₁ 0.5), chosen on 2 "
        "seeds of their own"
    ) in text
    assert "the list began as learning rates 0.0005, 0.001 and 0.002, β₁ 0.5; it was extended for all losses" in text
    assert "at each of them all trainings of expression failed: the first stands for all" in text
    assert "still best" not in text


def test_a_best_rate_at_the_end_of_the_list_is_named() -> None:
    low = at_own_rates(("bce", "hinge"), RateList(learning_rates=(1e-5, 2e-5)))
    text = " ".join(" ".join(lines_of(low)).split())
    assert "still best at an end of the list: bce (0.00016) and hinge (0.00016); a learning rate beyond it" in text
    assert "was extended for all losses" in text
    alone = at_own_rates(("bce", "hinge"), RateList(learning_rates=(1e-5,)))
    text = " ".join(" ".join(lines_of(alone)).split())
    assert "each loss at its own best of 1 (learning rate 1e-05, β₁ 0.5)" in text
    assert "still best" not in text and "extended" not in text


def test_a_page_with_rates_fits_eighty_columns() -> None:
    lines = lines_of(at_own_rates(("all",), RateList(learning_rates=(1.25e-4, 2.5e-4), beta1s=(0.0, 0.123))))
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines]
    for loss in LIBRARY:
        assert sum(row[:1] == [loss] for row in rows) >= 2, "names are not cut"
    assert not any("…" in line for line in lines)


def test_all_files_have_the_rates() -> None:
    comparison = at_own_rates()
    paths = {path.name: path for path in page.write_tables(comparison)}
    assert [*paths] == [*(f"comparison.{kind}" for kind in ("json", "csv", "md", "tex")), "tuning.csv", "tuning.md"]
    rows = {row["loss"]: row for row in csv.DictReader(io.StringIO(paths["comparison.csv"].read_text()))}
    assert (rows["hinge"]["learning_rate"], rows["hinge"]["beta1"]) == ("0.002", "0.5")
    assert "| loss | learning rate | β₁ | geom. mean |" in paths["comparison.md"].read_text()
    assert "loss & learning rate & β₁ & geom. mean &" in paths["comparison.tex"].read_text()
    record = json.loads(paths["comparison.json"].read_text())
    assert record["summary"][0]["learning_rate"] == 1e-3
    assert record["settings"]["tuned"]["given"]["learning_rates"] == [5e-4, 1e-3, 2e-3]
    assert len(record["tuning"]) == 3 * 4
    tuning = list(csv.DictReader(io.StringIO(paths["tuning.csv"].read_text())))
    assert [row["learning_rate"] for row in tuning if row["chosen"] == "True"] == ["0.001", "0.002", "0.0005"]
    table = paths["tuning.md"].read_text().splitlines()
    assert table[2] == "| loss | learning rate | β₁ | geom. mean | seeds | failed | chosen |"
    assert len(table) == 2 + 2 + 3 * 4


def test_without_rates_nothing_is_said_of_them() -> None:
    record = page.comparison_record(library())
    assert "tuning" not in record and "tuned" not in record["settings"]
    assert "learning" not in markdown_of(library()) and "rates" not in "\n".join(lines_of(library()))
    assert "learning_rate" not in csv_of(library())
