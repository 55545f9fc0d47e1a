"""What is told of made-up trainings in other features."""

import numpy as np
import pandas as pd
import pytest

from analysis.full_margin import in_other_features


def test_ratios_are_those_of_the_pairs_that_completed() -> None:
    stream = np.random.default_rng(1)
    rows = []
    for seed in range(12):
        noise = stream.normal(0.0, 0.2)
        for loss, level, own in (("margin", 100.0, 0.02), ("relativistic-hinge", 125.0, 0.02), ("bce", 100.0, 0.3)):
            rows.append((loss, seed, level * np.exp(noise + own * stream.normal())))
    measured = pd.DataFrame(rows, columns=["loss", "seed", "fd"])
    measured = measured[~((measured["loss"] == "margin") & (measured["seed"] == 3))]  # that training failed

    said = "\n".join(in_other_features(["margin", "relativistic-hinge", "bce"], measured))

    assert "  margin: fd " in said
    assert "11 trainings" in said
    assert "12 trainings" in said
    ratios = {line.split(" over ")[1].split(":")[0]: line.split(": ")[1] for line in said.splitlines()[-2:]}
    assert float(ratios["relativistic-hinge"].split()[0]) == pytest.approx(0.8, abs=0.02)
    assert "Holm p <0.001" in ratios["relativistic-hinge"]
    assert "Holm p <0.001" not in ratios["bce"]
