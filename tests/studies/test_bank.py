from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganetic
from ganetic.errors import UserError
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.metrics.fitness import SeedTrace, fitness
from ganetic.studies.bank import NOT_RECORDED, SHIPPED, Bank, bank
from ganetic.training.result import TrialState
from ganetic.training.spec import PruningRule
from tests.studies.made_up_bank import FLOOR, START, STEPS, made_up_bank

MADE_UP = made_up_bank()
AVERAGED = made_up_bank(averaged=True)
SEEDS_OF_THE_DEAD = {"mnist5k": 2, "pneumonia": 1}


@pytest.fixture(scope="module", params=sorted(SHIPPED))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shipped(name: str) -> Bank:
    return bank(name)


def test_the_shipped_file_is_small_and_lies_in_the_package(name: str) -> None:
    path = Path(str(files("ganetic.studies") / SHIPPED[name]))
    assert path.parent == Path(ganetic.__file__).parent / "studies"
    assert path.stat().st_size <= 300 * 1024
    assert path.with_suffix(".md").is_file()


def test_what_is_shipped_needs_no_pickle(name: str) -> None:
    with np.load(Path(str(files("ganetic.studies") / SHIPPED[name])), allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
        assert archive["fd"].dtype == np.float32


def test_it_is_found_at_the_top_of_the_package_by_name() -> None:
    assert ganetic.bank().metric == ganetic.bank("mnist5k").metric == "fd@mnist5k-cnn64/2k"
    assert ganetic.bank("pneumonia").metric == "fd@pneumoniamnist28-efflite0-b4b10@32/1k"


def test_the_bank_of_digits_is_what_it_was_before_raw_distances_were_kept() -> None:
    digits = bank("mnist5k")
    assert not np.isfinite(digits.raw).any()
    assert digits.trial("bce", 0).raw_trace == ()
    table = digits.losses[digits.losses["viable"]]
    assert table["fd"].sum() == pytest.approx(19233.155612550447, rel=1e-12)
    assert table["instability"].sum() == pytest.approx(85.16499185180777, rel=1e-12)


def test_the_losses_on_x_rays_are_the_first_of_those_on_digits() -> None:
    digits, x_rays = bank("mnist5k").losses, bank("pneumonia").losses
    assert len(x_rays) == 220
    assert x_rays[["name", "text", "origin"]].equals(digits[["name", "text", "origin"]][:220])


def test_every_training_on_x_rays_has_raw_distances() -> None:
    x_rays = bank("pneumonia")
    np.testing.assert_array_equal(np.isfinite(x_rays.raw), np.isfinite(x_rays.fd))
    np.testing.assert_array_equal(x_rays.raw[:, :, 0], x_rays.fd[:, :, 0])


def test_every_shipped_training_is_whole(name: str, shipped: Bank) -> None:
    finite = np.isfinite(shipped.fd)
    measured = shipped.recorded & (shipped.outcomes != "non_finite")
    assert finite[measured].all()
    assert not finite[~shipped.recorded].any()
    assert (shipped.fd[finite] > 0).all()
    assert np.isfinite(shipped.seconds[shipped.recorded]).all()
    counts = shipped.recorded.sum(axis=1)
    assert (counts >= SEEDS_OF_THE_DEAD[name]).all()
    for row, count in zip(shipped.recorded, counts, strict=True):
        assert row[:count].all()


def test_the_shipped_losses_are_distinct_and_read_back(shipped: Bank) -> None:
    table = shipped.losses
    assert table["name"].is_unique
    assert table["text"].is_unique
    formulas = [Formula.from_text(text) for text in table["text"]]
    assert [formula.text for formula in formulas] == table["text"].tolist()
    assert len(set(map(fingerprint, formulas))) == len(formulas)


def test_the_shipped_bank_begins_with_the_library(shipped: Bank) -> None:
    assert shipped.losses["name"].tolist()[: len(LIBRARY)] == list(LIBRARY)
    for name, loss in LIBRARY.items():
        assert shipped.losses["text"][shipped.number(name)] == loss.formula.text


def test_the_published_losses_that_work_are_viable(shipped: Bank) -> None:
    viable = dict(zip(shipped.losses["name"], shipped.losses["viable"], strict=True))
    assert all(viable[name] for name in ("bce", "lsgan", "hinge", "ganetic"))


def test_a_full_trial_is_what_was_recorded(shipped: Bank) -> None:
    result = shipped.trial("bce", 0)
    assert result.state is TrialState.COMPLETED
    assert result.steps == shipped.steps[-1]
    assert [step for step, _ in result.trace] == shipped.steps.tolist()
    distances = np.array([fd for _, fd in result.trace], dtype=np.float32)
    np.testing.assert_array_equal(distances, shipped.fd[shipped.number("bce"), 0])


def test_a_failed_trial_keeps_its_reason() -> None:
    result = MADE_UP.trial(0, 1)
    assert (result.state, result.reason) == (TrialState.FAILED, "mode_collapse")
    assert MADE_UP.trial(0, 1, steps=200).state is TrialState.COMPLETED


def test_a_training_without_a_measurement_is_a_result_too() -> None:
    outcomes, fd = MADE_UP.outcomes.copy(), MADE_UP.fd.copy()
    outcomes[3, 0], fd[3, 0] = "crashed", np.nan
    outcomes[4, 0], fd[4, 0, 3:] = "non_finite", np.nan
    broken = Bank.of(MADE_UP.losses, STEPS, fd, outcomes, MADE_UP.seconds, MADE_UP.about)
    assert (broken.trial(3, 0).state, broken.trial(3, 0).steps) == (TrialState.CRASHED, 0)
    early = broken.trial(4, 0, steps=300)
    assert (early.state, early.reason, early.steps) == (TrialState.FAILED, "non_finite", 100)
    assert broken.losses["failed"][3] == 1


@given(
    loss=st.integers(0, 44),
    seed=st.integers(0, 1),
    steps=st.sampled_from(STEPS[1:]),
    step=st.sampled_from(STEPS[1:]),
    above=st.floats(0.05, 1.2),
)
def test_a_trial_honours_steps_and_rules(loss: int, seed: int, steps: int, step: int, above: float) -> None:
    result = MADE_UP.trial(loss, seed, steps, [PruningRule(step=step, above=above)])
    trace = dict(result.trace)
    stops = step < steps and MADE_UP.fd[loss, seed, STEPS.index(step)] > above * MADE_UP.fd[loss, seed, 0]
    assert (result.state is TrialState.PRUNED) == stops
    assert result.steps == max(trace) == (step if stops else steps)
    assert result.seconds == pytest.approx(10.0 * result.steps / STEPS[-1])
    if stops:
        assert result.reason is not None


def test_the_first_rule_that_applies_stops_a_trial() -> None:
    rules = [PruningRule(step=200, above=0.01), PruningRule(step=100, above=0.01)]
    assert MADE_UP.trial(5, 0, kill=rules).steps == 100


def test_a_dead_loss_fails_at_every_length() -> None:
    assert all(MADE_UP.trial("loss-40", 0, steps).state is TrialState.FAILED for steps in STEPS[1:])


def test_the_truth_is_the_geometric_mean_and_a_failure_counts_as_untrained() -> None:
    ends = np.log(MADE_UP.fd[:, :, -1].astype(float))
    expected = np.exp(np.nanmean(np.where(MADE_UP.failed, np.log(START), ends), axis=1))
    np.testing.assert_allclose(MADE_UP.truth(), expected)
    np.testing.assert_allclose(MADE_UP.losses["fd"], expected)
    assert MADE_UP.truth(200)[5] == pytest.approx(np.exp(np.log(MADE_UP.fd[5, :, 4].astype(float)).mean()))


@given(
    loss=st.integers(0, 44),
    seed=st.integers(0, 1),
    steps=st.sampled_from(STEPS[1:]),
    above=st.floats(0.05, 1.2),
)
def test_a_raw_trace_ends_where_the_trace_does(loss: int, seed: int, steps: int, above: float) -> None:
    result = AVERAGED.trial(loss, seed, steps, [PruningRule(step=150, above=above)])
    assert [step for step, _ in result.raw_trace] == [step for step, _ in result.trace]
    np.testing.assert_array_equal([fd for _, fd in result.raw_trace], AVERAGED.raw[loss, seed, : len(result.trace)])


def test_instability_is_read_from_the_trained_generator_and_fd_from_the_averaged_one() -> None:
    results = [AVERAGED.trial(7, seed) for seed in (0, 3, 4)]
    traces = [SeedTrace(False, result.trace, result.raw_trace) for result in results]
    found = AVERAGED.fitness("loss-7", (0, 3, 4))
    assert found == fitness(traces, START, FLOOR)
    calm = MADE_UP.fitness("loss-7", (0, 3, 4))
    assert found.fd == calm.fd
    assert found.instability > calm.instability


def test_a_fitness_is_that_of_the_traces() -> None:
    traces = [SeedTrace(False, MADE_UP.trial(7, seed).trace) for seed in (0, 3, 4)]
    assert MADE_UP.fitness("loss-7", (0, 3, 4)) == fitness(traces, START, FLOOR)


def test_the_table_counts_what_was_recorded() -> None:
    table = MADE_UP.losses
    assert table["seeds"].tolist() == [6] * 30 + [2] * 15
    assert table["failed"].tolist() == [1, *[0] * 29, *[2] * 15]
    assert table["viable"].tolist() == [True] * 30 + [False] * 15


@pytest.mark.parametrize("kept", [MADE_UP, AVERAGED], ids=["trained", "averaged"])
def test_a_bank_survives_the_disk_bit_for_bit(kept: Bank, tmp_path: Path) -> None:
    kept.save(tmp_path / "first.npz")
    again = bank(tmp_path / "first.npz")
    again.save(tmp_path / "second.npz")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    np.testing.assert_array_equal(again.fd, kept.fd)
    np.testing.assert_array_equal(again.raw, kept.raw)
    np.testing.assert_array_equal(again.outcomes == NOT_RECORDED, ~kept.recorded)
    assert again.losses.to_dict() == kept.losses.to_dict()
    assert again.about == kept.about


def test_raw_distances_of_another_shape_are_refused() -> None:
    parts = (MADE_UP.losses, STEPS, MADE_UP.fd, MADE_UP.outcomes, MADE_UP.seconds, MADE_UP.about)
    with pytest.raises(ValueError, match="raw"):
        Bank.of(*parts, MADE_UP.fd[:, :, 1:])


def test_a_name_that_is_none_is_refused_in_a_line() -> None:
    with pytest.raises(UserError, match=r'unknown bank "pnuemonia"; expected .*; did you mean "pneumonia"\?$'):
        bank("pnuemonia")
    with pytest.raises(UserError, match="cannot be read as a bank"):
        bank(Path("pneumonia.npz"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("loss-77", 0), 'unknown loss "loss-77"'),
        ((45, 0), "there is no loss 45; expected 0 to 44"),
        ((44, 2), "loss-44 has no seed 2; expected 0 to 1"),
        ((0, 6), "loss-0 has no seed 6; expected 0 to 5"),
        ((0, 0, 120), r"nothing was measured at step 120; expected one of \[50, 100"),
        ((0, 0, 400, [PruningRule(step=10, above=1.0)]), "nothing was measured at step 10"),
    ],
)
def test_what_was_not_recorded_is_refused_in_a_line(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MADE_UP.trial(*arguments)  # type: ignore[arg-type]


def test_files_that_are_no_banks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read as a bank"):
        bank(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(UserError, match="cannot be read as a bank"):
        bank(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", about='{"schema": "another/1"}')
    with pytest.raises(UserError, match="expected ganetic"):
        bank(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", about=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="cannot be read as a bank"):
        bank(tmp_path / "objects.npz")
