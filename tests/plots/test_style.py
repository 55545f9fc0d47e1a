from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from ganetic.errors import UserError
from ganetic.plots.style import check_format, plain_log_ticks, save, shorten, styled

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("suffix", MAGIC)
def test_every_format_is_written_whole(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"figure.{suffix}"
    save(Figure(), path)
    assert path.read_bytes().startswith(MAGIC[suffix])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("figure.pgn", 'png, svg, pdf, not as "pgn"; did you mean "png"'),
        ("figure", 'not as ""'),
        ("nowhere/figure.png", "does not exist"),
    ],
)
def test_bad_places_are_refused_before_anything_is_drawn(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        check_format(tmp_path / name)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "figure.png").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        save(Figure(), tmp_path / "figure.png")
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


def test_settings_of_the_caller_are_left_alone() -> None:
    before = mpl.rcParams["axes.grid"]
    with styled():
        assert mpl.rcParams["axes.grid"] is True
    assert mpl.rcParams["axes.grid"] == before


def test_shorten() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"


@pytest.mark.parametrize(("low", "high"), [(40.0, 70.0), (10.0, 2000.0)])
def test_logarithmic_axes_have_plain_numbers(low: float, high: float) -> None:
    axes = Figure().add_subplot()
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    plain_log_ticks(axes, "x")
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    shown = [label.get_text() for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert len(shown) >= 3
    assert all(float(text) > 0 for text in shown)
