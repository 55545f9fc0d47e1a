from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from ganetic.data import ImageSet
from ganetic.errors import UserError
from ganetic.evaluation.evaluate import compare_folders, evaluate
from ganetic.evaluation.flags import find_flags
from ganetic.evaluation.results import Evaluation, Fault
from ganetic.metrics.diversity import Diversity

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]

TRAINING, HELD_OUT, GENERATED = np.split(np.random.default_rng(9).permutation(5000), [1000, 1400])
N = 200
pytestmark = pytest.mark.usefixtures("few_halves")


def judged(digits: ImageSet, generated: Images) -> Evaluation:
    return evaluate(generated, digits, TRAINING, HELD_OUT)


def faults(evaluation: Evaluation) -> set[Fault]:
    return {flag.fault for flag in evaluation.flags}


def test_training_images_are_memorised(digits: ImageSet) -> None:
    found = judged(digits, digits.images[TRAINING[:N]])
    assert faults(found) == {Fault.MEMORIZATION}
    assert found.measure("copies").value == 1
    assert found.data_copying_z["features"] < -10 and found.data_copying_z["pixels"] < -10
    assert len(found.closest) == 8
    for copy in found.closest:
        assert copy.training == TRAINING[copy.generated]
        assert copy.ratio == pytest.approx(0, abs=1e-6)


def test_a_tenth_of_copies_is_found_among_other_images(digits: ImageSet) -> None:
    mixed = np.concatenate([digits.images[GENERATED[: N - 20]], digits.images[TRAINING[:20]]])
    found = judged(digits, mixed)
    assert Fault.MEMORIZATION in faults(found)
    assert found.measure("copies").value == pytest.approx(0.1, abs=0.01)
    assert all(copy.generated >= N - 20 for copy in found.closest)


def test_copies_are_near_in_features_and_in_pixels(digits: ImageSet) -> None:
    measures = {measure.name: measure for measure in judged(digits, digits.images[GENERATED[:N]]).measures}
    varied = Diversity(np.full(10, 0.1), 1.0)

    def flagged(features: float, pixels: float) -> bool:
        return bool(find_flags(measures, varied, varied, {"features": features, "pixels": pixels}, 1.0))

    assert flagged(-3.1, -3.1)
    assert not flagged(0.8, -5.6)  # of the preset demo: dull images, which are nearer to everything
    assert not flagged(-5.6, 0.8)


def test_noise_is_not_precise(digits: ImageSet) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (N, 28, 28, 1), dtype=np.uint8)
    found = judged(digits, noise)
    assert found.measure("precision").value == 0
    assert found.measure("recall").value == 0
    assert found.measure("fd").value > 10 * found.measure("fd").floor
    assert {Fault.LOW_PRECISION, Fault.LOW_RECALL} <= faults(found)
    assert Fault.MEMORIZATION not in faults(found)


def test_one_image_again_and_again(digits: ImageSet) -> None:
    found = judged(digits, digits.images[GENERATED[:10]].repeat(20, axis=0))
    assert {Fault.LOW_RECALL, Fault.LOW_VARIETY} <= faults(found)


def test_numbers_carry_protocol_interval_and_floor(digits: ImageSet) -> None:
    found = judged(digits, digits.images[GENERATED[:250]])
    assert [measure.protocol for measure in found.measures] == [
        "fd@mnist5k-cnn64/200",
        "precision@mnist5k-cnn64-layers/200",
        "recall@mnist5k-cnn64-layers/200",
        "class_coverage@mnist5k-cnn64/200",
        "class_divergence@mnist5k-cnn64/200",
        "ms_ssim@mnist5k-classes-2scales/200",
        "nearer_in_features@mnist5k-cnn64/250",
        "nearer_in_pixels@mnist5k-pixels/250",
        "copies@mnist5k-pixels/250",
    ]
    for measure in found.measures:
        assert measure.low <= measure.value <= measure.high
        assert abs(measure.value - measure.floor) < 0.1 + 0.5 * measure.floor
    assert Evaluation.model_validate_json(found.model_dump_json()) == found
    assert judged(digits, digits.images[GENERATED[:250]]) == found


def test_without_labels(digits: ImageSet) -> None:
    bare = replace(digits, labels=None, class_names=())
    found = judged(bare, digits.images[GENERATED[:N]])
    assert faults(found) == set()
    assert found.measure("fd").protocol == f"fd@mnist5k-cnn64k/{N}"
    assert found.measure("ms_ssim_difference").protocol == f"ms_ssim@mnist5k-all-2scales/{N}"
    assert "has no labels" in found.notes[0]


def test_a_set_that_holds_out_too_few(digits: ImageSet) -> None:
    generated = digits.images[GENERATED[:N]]
    found = evaluate(generated, digits, TRAINING, HELD_OUT[:50])
    assert "holds out only 50 images: reference and floor are halves of all 1050" in found.notes[0]
    assert found.data_copying_z
    none = evaluate(generated, digits, TRAINING, HELD_OUT[:0])
    assert "memorisation was not judged" in none.notes[-1]
    assert not none.data_copying_z and not none.closest


def test_a_set_of_a_hundred(digits: ImageSet) -> None:
    found = evaluate(digits.images[GENERATED[:20]], digits, TRAINING[:80], HELD_OUT[:20])
    assert {measure.n for measure in found.measures} == {20}
    assert found.notes[1] == "20 images are few: distances are mostly bias, read them beside their floors only"


def test_input_that_is_refused(digits: ImageSet) -> None:
    with pytest.raises(
        UserError, match=r"uint8 of the shape \(99, 32, 32, 1\); expected uint8 of 28×28 pixels in grey"
    ):
        judged(digits, np.zeros((99, 32, 32, 1), np.uint8))
    with pytest.raises(UserError, match="float64 of the shape"):
        judged(digits, np.zeros((99, 28, 28, 1)))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="15 generated images are too few to measure; expected at least 16"):
        judged(digits, digits.images[:15])


def test_fid_and_kid_are_torch_fidelity_s(digits: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The features are those of `inception_features` (tests/metrics/test_inception.py), here replaced by quick ones."""
    projection = torch.randn(784, 96, generator=torch.Generator().manual_seed(0))
    seen: list[torch.Tensor] = []

    def projected(net: object, images: torch.Tensor) -> torch.Tensor:
        seen.append((images.flatten(1).float() / 255 @ projection / 28).relu())
        return seen[-1]

    class Weights:
        is_fid, protocol = True, "inception-2015-12-05"

    monkeypatch.setattr("ganetic.evaluation.evaluate.load_inception", lambda path: Weights())
    monkeypatch.setattr("ganetic.evaluation.metrics.inception.build_inception", lambda weights, device: None)
    monkeypatch.setattr("ganetic.evaluation.metrics.inception.inception_features", projected)
    monkeypatch.setattr("ganetic.evaluation.metrics.inception.INCEPTION_REPLICATES", 2)
    found = evaluate(digits.images[GENERATED[:64]], digits, TRAINING, HELD_OUT, tmp_path / "weights.pth")
    generated, real, floor = (features.double() for features in seen)
    for features, pick in ((generated, "value"), (floor, "floor")):
        fid = fid_statistics_to_metric(*map(fid_features_to_statistics, (features, real)), verbose=False)
        kid = kid_features_to_metric(features, real, kid_subsets=1, kid_subset_size=64, rng_seed=0, verbose=False)
        ours = [getattr(found.measure(name), pick) for name in ("fid", "kid")]
        assert ours[0] == pytest.approx(fid["frechet_inception_distance"], rel=1e-4)
        assert ours[1] == pytest.approx(kid["kernel_inception_distance_mean"], rel=1e-6)
    assert found.measure("kid").protocol == "kid@mnist5k-inception-2015-12-05/64"
    assert "mostly bias" in found.notes[-1]


def test_other_inception_weights_give_no_fid(digits: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Weights:
        is_fid, protocol = False, "inception-0123abcd"

    monkeypatch.setattr("ganetic.evaluation.evaluate.load_inception", lambda path: Weights())
    monkeypatch.setattr("ganetic.evaluation.metrics.inception.build_inception", lambda weights, device: None)
    monkeypatch.setattr(
        "ganetic.evaluation.metrics.inception.inception_features", lambda net, images: images.flatten(1).float()
    )
    monkeypatch.setattr("ganetic.evaluation.metrics.inception.INCEPTION_REPLICATES", 2)
    found = evaluate(digits.images[GENERATED[:64]], digits, TRAINING, HELD_OUT, tmp_path / "weights.pth")
    assert found.measure("inception_fd").protocol == "fd@mnist5k-inception-0123abcd/64"
    assert {"fid", "kid"}.isdisjoint(measure.name for measure in found.measures)


def test_inception_weights_that_are_missing(digits: ImageSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.pth: no such file"):
        evaluate(digits.images[:99], digits, TRAINING, HELD_OUT, tmp_path / "none.pth")


def write(folder: Path, images: Images) -> Path:
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{number:04}.png")
    return folder


def test_folders(digits: ImageSet, tmp_path: Path) -> None:
    real = f"folder:{write(tmp_path / 'real', digits.images[GENERATED[1000:1600]])}"
    same = compare_folders(write(tmp_path / "same", digits.images[GENERATED[:200]]), real)
    assert faults(same) == set()
    assert same.measure("fd").protocol == "fd@real-cnn64k/150"
    assert not same.closest and "memorisation was not judged" in same.notes[-1]
    noise = np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), dtype=np.uint8)
    assert Fault.LOW_PRECISION in faults(compare_folders(write(tmp_path / "noise", noise), real))


def test_a_grey_folder_and_a_colour_one_are_compared_and_it_is_said(digits: ImageSet, tmp_path: Path) -> None:
    grey = digits.images[:130]
    tinted = grey.repeat(3, axis=3)
    tinted[:, 0, 0] = (9, 0, 0)
    colour = write(tmp_path / "colour", tinted)
    write(tmp_path / "grey", grey)
    for made, real, which in (
        (tmp_path / "grey", colour, "generated images are grey"),
        (colour, tmp_path / "grey", ""),
    ):
        notes = compare_folders(made, f"folder:{real}").notes
        assert any(which in note and "the grey ones were made colour" in note for note in notes), notes
        assert notes[0] == f"{made.name}: read 130 images; not read: nothing"


def test_folders_that_cannot_be_compared(digits: ImageSet, tmp_path: Path) -> None:
    real = f"folder:{write(tmp_path / 'real', digits.images[:130])}"
    large = write(tmp_path / "large", digits.images[:130].repeat(2, axis=1).repeat(2, axis=2))
    with pytest.raises(UserError, match=r"large has images of 56×56 pixels in grey, .*real of 28×28 pixels in grey"):
        compare_folders(large, real)
    with pytest.raises(UserError, match="nowhere: no such folder"):
        compare_folders(tmp_path / "nowhere", real)
