import math
from pathlib import Path
from typing import Any

import pytest

from analysis import demo_factors, small_sets
from ganetic.errors import UserError
from ganetic.evolution.resources import Runtime
from ganetic.jobs.executor import SerialExecutor
from ganetic.report.renderers.markdown import markdown
from ganetic.report.table import Page
from ganetic.studies.arms import refuse_unfit
from ganetic.studies.compare import compare
from ganetic.training.result import EndMeasure, TrialResult, TrialState
from tests.training.full.conftest import tiny

FACTOR = {"none": 1.0, "fixed": 0.9, "ada": 0.8}


@pytest.fixture(autouse=True)
def _data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_DATA", "/data")


def made_up(context: object, payload: dict[str, Any]) -> dict[str, Any]:
    """Twice as slow a step in stylegan2; after half of its steps fd has come half of its way."""
    model, _, kind = payload["setup"].rpartition("-")
    steps, seed = payload["config"]["steps"], payload["config"]["seed"]
    end = 100 * FACTOR[kind] * (1 + seed % 3 / 50)
    trace = tuple((step, 400 * (end / 400) ** (step / steps)) for step in range(0, steps + 1, 10))
    seconds = steps * (0.2 if model == "stylegan2" else 0.1)
    other = EndMeasure(name=small_sets.OTHER_FD, protocol="fd@x", value=3000 * FACTOR[kind] ** 2, floor=200)
    found = TrialResult(state=TrialState.COMPLETED, trace=trace, steps=steps, seconds=seconds, measures=(other,))
    return found.model_dump(mode="json")


def test_the_arms_of_a_set_differ_in_model_and_augmentation_alone() -> None:
    for name in small_sets.SETS:
        arms = small_sets.arms(name)
        refuse_unfit(arms)
        assert len(arms) == 6 and {name for pair in small_sets.PAIRS for name in pair} == set(arms)
        assert len({arm.steps * arm.batch for arm in arms.values()}) == 1, "equal images"
        ada = arms["stylegan2-ada"]
        assert ada.augmentation.adaptation_images * 2 == ada.steps * ada.batch
        assert [arm.augmentation.resolved_kind for arm in arms.values()] == [*small_sets.KINDS] * 2
    assert small_sets.arms("chest-100", 20)["stylegan2-ada"].steps == 20


def test_the_data_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANETIC_DATA")
    with pytest.raises(UserError, match="GANETIC_DATA is not set"):
        small_sets.arms("chest-100")


def test_the_plan_s_comparisons_are_one_family_at_equal_images_and_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path_factory.getbasetemp() / "full-cache"))
    ada = {"kind": "ada", "profile": "xray", "adaptation_images": 1000}
    changes: dict[str, dict[str, Any]] = {"none": {}, "fixed": {"profile": "xray"}, "ada": ada}
    configs = {
        f"{model}-{kind}": tiny("mlp", nets={"width": width}, steps=40, augmentation=changes[kind])
        for model, width in (("msg-sagan", 4), ("stylegan2", 5))
        for kind in small_sets.KINDS
    }
    runtime = Runtime(make_executor=lambda context: SerialExecutor(made_up, context))
    compare("bce", config=configs, seeds=3, directory=tmp_path / "chest-100", runtime=runtime)
    (images, seconds) = (small_sets.planned(tmp_path, flag) for flag in (False, True))
    rows = {(row["first"], row["second"]): row for table in images for row in table.rows}
    assert set(rows) == set(map(tuple, small_sets.PAIRS))
    assert rows["stylegan2-ada", "stylegan2-none"]["ratio"] == pytest.approx(0.8)
    assert rows["stylegan2-ada", "msg-sagan-ada"]["ratio"] == pytest.approx(1)
    later = {(row["first"], row["second"]): row["ratio"] for table in seconds for row in table.rows}
    assert later["stylegan2-none", "msg-sagan-none"] == pytest.approx(2, rel=0.05), "after half of its steps"
    assert later["stylegan2-ada", "stylegan2-none"] == pytest.approx(math.sqrt(0.8))
    others = {
        (row["first"], row["second"]): row for table in small_sets.in_other_features(tmp_path) for row in table.rows
    }
    assert set(others) == set(rows) and others["stylegan2-ada", "stylegan2-none"]["ratio"] == pytest.approx(0.64)
    assert "on chest-100 at equal seconds" in markdown(Page(tuple(seconds)))


def test_the_demo_is_changed_one_factor_at_a_time() -> None:
    arms = demo_factors.configurations(list(demo_factors.FACTORS), "histology", demo_factors.STEPS)
    refuse_unfit(arms)
    demo = arms["demo"].model_dump(mode="json")
    for name, arm in arms.items():
        changed = {key for key, value in arm.model_dump(mode="json").items() if value != demo[key]}
        assert changed <= (
            {"model", "steps"} if name == "dcgan" else {"model"} if "model" in changed else {"optimizer"}
        )
        assert bool(changed) is (name != "demo")
    assert arms["dcgan"].steps == 2 * arms["demo"].steps
    assert arms["smooth"].model.model_dump()["upsampling"] == "smooth"
    assert arms["no-attention"].model.name == "msg-gan"


def test_factors_are_put_together_unless_they_change_one_key() -> None:
    assert demo_factors.together("smooth+wide") == {"model": {"upsampling": "smooth", "width": 16}}
    assert demo_factors.FACTORS["smooth"] == {"model": {"upsampling": "smooth"}}, "the factors stay as they are"
    with pytest.raises(UserError, match=r"rate-1e-3\+beta-0: beta1, .* is changed twice"):
        demo_factors.together("rate-1e-3+beta-0")
    with pytest.raises(UserError, match=r'unknown factor "smoth".*did you mean "smooth"'):
        demo_factors.together("smoth+wide")


def test_xrays_are_not_mirrored() -> None:
    arms = demo_factors.configurations(["demo"], "npz:xrays.npz", 160)
    assert {arm.data.augmentation for arm in arms.values()} == {()}
