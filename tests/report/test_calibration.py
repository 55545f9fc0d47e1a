import json
from pathlib import Path

import numpy as np
import pytest

from ganetic.evolution.calibration import Calibration
from ganetic.evolution.calibration_store import Kept
from ganetic.report.calibration import calibration_page, calibration_record, proxy_line
from ganetic.report.renderers.json import to_json
from ganetic.training.spec import ProxySpec
from tests.evolution.planted import CHECKPOINTS, START, calibration_of, shares
from tests.report import printed

PLACE = Path("/somewhere/calibration.json")


def sound() -> Calibration:
    """Six losses in one order from step 100 on, and one that learns nothing."""
    rng = np.random.default_rng(0)
    fall = np.log(START * np.array([0.9, 0.7, 0.4, 0.2, 0.1]))
    weights = np.array([0, 0, 0.1, 0.1, 0.1])
    values = {f"loss-{n}": fall + n * weights + rng.normal(scale=0.05, size=(4, 5)) for n in range(6)}
    return calibration_of(values | shares({"bce-minimax": (1.0,) * 5}, 4), [("bce-minimax", n) for n in range(4)])


def lines_of(calibration: Calibration, measured: tuple[int, ...] = CHECKPOINTS) -> list[str]:
    return printed.lines_of(calibration_page(Kept(calibration, PLACE), measured))


def test_page_says_what_follows_in_80_columns() -> None:
    calibration = sound()
    lines = lines_of(calibration)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert "…" not in text
    assert "  bce-minimax: 4 of 4 (mode collapse)" in lines
    assert "6 of 7 losses viable; 4 seeds each; failed:" in lines
    header = next(n for n, line in enumerate(lines) if line.startswith("step"))
    rows = [line.split() for line in lines[header + 1 : header + 6]]
    assert [row[0] for row in rows] == ["25", "50", "100", "200", "400"]
    assert rows[0][-3:] == ["-", "-", "-"]
    for row, reading in zip(rows, calibration.readings, strict=True):
        assert float(row[2]) == pytest.approx(reading.spread.noise_sd, abs=0.005)
        assert float(row[7]) == pytest.approx(reading.correlation, abs=0.005)
    first, second = calibration.kill_thresholds(CHECKPOINTS)
    for one in (first, second):
        assert f"at step {one.rule.step} above {one.rule.above:g} of the start" in text
    assert "Rank: not known, these trainings are no longer than a first rung of 400 steps" in text
    assert "Rank: from step 100 on" in "\n".join(lines_of(calibration, (25, 50, 100)))
    assert "a first rung of 100 may rank" in "\n".join(lines_of(calibration, (25, 50, 100)))
    assert "a first rung of 50 ranks too early" in "\n".join(lines_of(calibration, (25, 50)))
    assert f"{calibration.detectable_ratio(10):.2f} with 10" in text
    assert lines[-1] == str(PLACE)


def test_page_names_the_loss_that_is_most_of_the_noise() -> None:
    noise = np.random.default_rng(1).normal(scale=(0.05,) * 4 + (0.9,), size=(8, 5, 5)).transpose(2, 0, 1)
    falls = np.log(START * np.array([0.9, 0.7, 0.4, 0.2, 0.1]))
    calibration = calibration_of({f"loss-{n}": falls + 0.1 * n + noise[n] for n in range(5)})
    assert calibration.noisiest == "loss-4"
    left = calibration.spread_without("loss-4")
    assert left.noise_sd == pytest.approx(0.05, rel=0.4)
    assert left.noise_sd < calibration.readings[-1].spread.noise_sd / 3
    text = "\n".join(lines_of(calibration))
    assert f"Without loss-4, the noisiest, at step 400: noise {left.noise_sd:.2f}" in text
    record = calibration_record(Kept(calibration, PLACE), CHECKPOINTS)["without_noisiest"]
    assert record["loss"] == "loss-4" and record["noise_sd"] == left.noise_sd
    three = calibration_of({f"loss-{n}": falls + noise[n] for n in range(3)})
    assert three.noisiest is None and "noisiest" not in "\n".join(lines_of(three))


def test_page_of_failures_alone_says_so() -> None:
    calibration = calibration_of(shares({"one": (1.0,) * 5}), [("one", n) for n in range(3)])
    text = "\n".join(lines_of(calibration))
    assert "0 of 1 losses viable" in text
    assert "Kill: no rule, for a first rung of 400 steps: no loss is viable" in text
    assert "Rank: too few viable losses to say" in text
    assert "nan" not in text


def test_page_of_a_single_seed_has_no_noise() -> None:
    text = "\n".join(lines_of(calibration_of(shares({"one": (0.9, 0.7, 0.5, 0.3, 0.1)}, seeds=1))))
    assert "1 of 1 losses viable; 1 seed each; none failed" in text
    assert "nan" not in text


@pytest.mark.parametrize(
    "calibration", [sound(), calibration_of(shares({"one": (1.0,) * 5}), [("one", 0), ("one", 1)])]
)
def test_record_is_strict_json(calibration: Calibration) -> None:
    record = calibration_record(Kept(calibration, PLACE), CHECKPOINTS)
    assert json.loads(to_json(record)) == record
    assert record["file"] == str(PLACE)
    assert [row["step"] for row in record["checkpoints"]] == list(calibration.conditions.checkpoints)
    assert record["viable"] == list(calibration.viable)
    assert record["detectable_ratios"].keys() == {"3", "5", "10", "20", "25"}
    rules = [(one["step"], one["above"]) for one in record["kill"]]
    assert rules == [(one.rule.step, one.rule.above) for one in calibration.kill_thresholds(CHECKPOINTS)]


def test_proxies_are_named_by_what_is_chosen_of_them() -> None:
    assert proxy_line(ProxySpec()) == "width 16, batch 32, learning rate 0.002, batch norm"
    assert "no batch norm" in proxy_line(ProxySpec(batch_norm=False))
    assert proxy_line(ProxySpec(augmentation="xray")).endswith("batch norm, augmentation xray")
    resized = ProxySpec(upsampling="resize", ema_decay=0.98)
    assert proxy_line(resized).endswith("batch norm, enlarged by interpolation, average 0.98")
