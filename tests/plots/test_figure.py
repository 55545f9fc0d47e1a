from pathlib import Path

import pytest

from ganetic.errors import UserError
from ganetic.plots.figure import KINDS, plot
from tests.small_run import new_small_run, small_run


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_a_real_run(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.png"
    assert plot(small_run(), kind, path) == path
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_a_name_it_goes_into_the_run(tmp_path: Path) -> None:
    run = new_small_run(tmp_path / "run")
    assert plot(run, "pareto") == tmp_path / "run" / "pareto.png"
    assert (tmp_path / "run" / "pareto.png").exists()


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'unknown kind of plot "samplse"; .*did you mean "samples"'):
        plot(small_run(), "samplse", tmp_path / "figure.png")
