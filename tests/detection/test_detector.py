from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ganetic.detection.detector import MAP_SIGMA, Detector, fit_detector
from ganetic.detection.encoder import EncoderConfig
from ganetic.detection.layers import HeldDeviation, without_neighbours
from ganetic.detection.scores import PARTS, Scale, scales_of, standardised
from ganetic.detection.stored import DETECTOR, WEIGHTS, Provenance, load_detector, read_detector_file, save_detector
from ganetic.errors import UserError
from ganetic.loss.formula import Formula
from tests.detection.gans import SIZES, noise, untrained

QUICK = EncoderConfig(steps=2, batch=4, width=2)


def fitted(model: str = "mlp", loss: str = "bce", seed: int = 0, channels: int = 1) -> Detector:
    images = noise(40, SIZES[model], channels)
    return fit_detector(untrained(model, channels, loss), images[:20], images[20:], QUICK, seed)


def test_scores_of_validation_images_have_mean_0_and_deviation_1() -> None:
    scores = fitted().score(noise(40)[20:])
    assert list(scores) == [*PARTS, "sum"]
    for name in PARTS:
        assert scores[name].dtype == np.float64
        assert scores[name].mean() == pytest.approx(0, abs=1e-9)
        assert scores[name].std() == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(scores["sum"], sum(scores[name] for name in PARTS), rtol=1e-12)


def test_scores_are_in_deviations_of_validation_images_alone() -> None:
    detector, others = fitted(), noise(7, seed=5) // 2
    raw, known = detector.raw(others), detector.raw(noise(40)[20:])
    for name, score in detector.score(others).items():
        if name in PARTS:
            np.testing.assert_allclose(score, (raw[name] - known[name].mean()) / known[name].std(), rtol=1e-6)


def test_raw_scores_are_what_their_names_say() -> None:
    detector, images = fitted(), noise(5, seed=3)
    x, made = (detector.gan.shown(one, "cpu") for one in (images, detector.made_again(images)))
    assert isinstance(x, torch.Tensor) and isinstance(made, torch.Tensor)
    raw = detector.raw(images)
    np.testing.assert_allclose(raw["residual"], ((x - made) ** 2).mean((1, 2, 3)), atol=0.01)  # it was rounded
    layers = detector.gan.discriminator.get_submodule("layers")
    assert isinstance(layers, torch.nn.Sequential)
    features = [layers[:4](one.flatten(1)) for one in (x, made)]
    np.testing.assert_allclose(raw["features"], ((features[0] - features[1]) ** 2).mean(1), atol=0.05)
    np.testing.assert_allclose(raw["discriminator"], -detector.gan.discriminator(x), rtol=1e-5)


def test_the_orientation_of_the_loss_decides_the_sign_of_the_discriminator() -> None:
    """Under negated Wasserstein the discriminator puts generated images above real ones."""
    above = fitted(loss="wasserstein")
    negated = Formula.of("logit", {"d_real": "d", "d_fake": "neg(d)", "g_fake": "d"})
    below = Detector(
        replace(above.gan, formula=negated), above.encoder, above.settings, above.seed, above.scales, above.seen
    )
    images = noise(9, seed=2)
    np.testing.assert_array_equal(above.raw(images)["discriminator"], -below.raw(images)["discriminator"])
    np.testing.assert_array_equal(above.raw(images)["residual"], below.raw(images)["residual"])


@pytest.mark.parametrize("model", SIZES)
def test_a_stored_detector_scores_alike_to_the_last_bit(model: str, tmp_path: Path) -> None:
    detector, images = fitted(model), noise(60, SIZES[model], seed=4)
    save_detector(detector, tmp_path / "fit", Provenance(data="digits", normal=("1",)))
    loaded = load_detector(tmp_path / "fit")
    for name, score in detector.score(images).items():
        np.testing.assert_array_equal(loaded.score(images)[name], score)
    np.testing.assert_array_equal(loaded.maps(images[:3]), detector.maps(images[:3]))
    assert (loaded.settings, loaded.seed, loaded.scales) == (detector.settings, detector.seed, detector.scales)
    for part, known in vars(detector.seen).items():
        np.testing.assert_array_equal(getattr(loaded.seen, part), known)
    assert read_detector_file(tmp_path / "fit").provenance.normal == ("1",)
    assert sorted(path.name for path in (tmp_path / "fit").iterdir()) == [DETECTOR, WEIGHTS]


def test_seeds_decide_everything() -> None:
    images = noise(9, seed=2)
    torch.manual_seed(1)
    first = fitted().score(images)
    torch.manual_seed(2)
    second, other = fitted().score(images), fitted(seed=1).score(images)
    for name, score in first.items():
        np.testing.assert_array_equal(score, second[name])
    assert not np.array_equal(first["sum"], other["sum"])


@pytest.mark.parametrize("model", ["dcgan", "msg-gan"])
def test_an_image_is_scored_alike_in_any_company(model: str) -> None:
    detector, images = fitted(model), noise(60, SIZES[model], seed=4)
    together = detector.score(images)
    for name, score in together.items():
        np.testing.assert_allclose(detector.score(images[55:56])[name], score[55:56], atol=1e-3, err_msg=name)


def test_heat_maps_are_smoothed_distances_of_pixels() -> None:
    detector, images = fitted(channels=3), noise(4, channels=3, seed=3)
    apart = np.abs(images.astype(float) - detector.made_again(images)).mean(3) / 127.5
    wanted = np.stack([gaussian_filter(one, MAP_SIGMA * 8) for one in apart])
    maps = detector.maps(images)
    assert maps.shape == (4, 8, 8)
    np.testing.assert_allclose(maps, wanted, atol=0.01)


def test_the_deviation_that_a_discriminator_is_shown_is_that_of_mixed_batches() -> None:
    """Of a sorted set neighbours vary little."""
    images = np.concatenate([np.full((16, 32, 32, 1), grey, np.uint8) for grey in (0, 80, 160, 240)])
    images += noise(64, 32) // 64
    gan = untrained("msg-gan")
    held = fit_detector(gan, images, noise(20, 32), QUICK).gan.discriminator.stddev
    sorted_batches = (gan.shown(images[start : start + 16], "cpu") for start in range(0, 64, 16))
    of_neighbours = without_neighbours(gan.discriminator, sorted_batches).stddev
    assert isinstance(held, HeldDeviation) and isinstance(of_neighbours, HeldDeviation)
    assert float(held.deviation) > 3 * float(of_neighbours.deviation)


def test_it_knows_what_it_has_seen() -> None:
    images = noise(40)
    gan = replace(untrained(), seen=fitted().seen.encoder[:3])
    detector = fit_detector(gan, images[:20], images[20:], QUICK)
    seen = detector.seen_among(np.concatenate([images, noise(3, seed=9)]))
    assert int(seen["gan"].sum()) == 3
    assert np.flatnonzero(seen["encoder"]).tolist() == list(range(20))
    assert np.flatnonzero(seen["validation"]).tolist() == list(range(20, 40))


@pytest.mark.parametrize(("train", "validation"), [(15, 10), (16, 9), (0, 0)])
def test_too_few_images_are_one_line(train: int, validation: int) -> None:
    with pytest.raises(UserError, match=f"^{train} normal images to train on and {validation} to validate with; exp"):
        fit_detector(untrained(), noise(train), noise(validation), QUICK)


def test_images_of_another_kind_are_refused() -> None:
    detector = fitted()
    for images in (noise(3, 9), noise(3, 8, 3), noise(3).astype(np.float32)):
        with pytest.raises(UserError, match=r"expected uint8 \(N, 8, 8, 1\)"):
            detector.score(images)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no images to score"):
        detector.score(noise(0))


def test_scores_without_spread_are_refused() -> None:
    parts = {name: np.arange(4.0) for name in PARTS}
    assert scales_of(parts)["residual"] == Scale(1.5, float(np.arange(4.0).std()))
    with pytest.raises(UserError, match="the score features is 2 for all validation images"):
        scales_of({**parts, "features": np.full(4, 2.0)})
    with pytest.raises(UserError, match="the score residual of validation images is not finite"):
        scales_of({**parts, "residual": np.array([0, np.inf, 1, 2])})


def test_sums_are_of_deviations() -> None:
    raw = {name: np.array([place, place + 1.0]) for place, name in enumerate(PARTS)}
    scores = standardised(raw, {name: Scale(1.0, 2.0) for name in PARTS})
    assert scores["residual"].tolist() == [-0.5, 0.0]
    assert scores["sum"].tolist() == [-0.5 + 0 + 0.5, 0 + 0.5 + 1]


def test_damaged_folders_are_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "fit"
    with pytest.raises(UserError, match=r"no detector, it has no detector.json; `ganetic detect fit` makes one"):
        load_detector(folder)
    save_detector(fitted(), folder)
    with pytest.raises(UserError, match="holds files already; name a new directory"):
        save_detector(fitted(), folder)
    weights, text = (folder / WEIGHTS).read_bytes(), (folder / DETECTOR).read_text()
    for broken, said in ((weights[:-9], "not readable as safetensors"), (b"", "not readable as safetensors")):
        (folder / WEIGHTS).write_bytes(broken)
        with pytest.raises(UserError, match=said):
            load_detector(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(UserError, match="no such file; fit it again"):
        load_detector(folder)
    (folder / WEIGHTS).write_bytes(weights)
    for change, said in (
        (('"width": 2', '"width": 3'), "does not fit detector.json beside it"),
        (('"residual"', '"residul"'), "lacks scales or the layer"),
        (('"seed"', '"sed"'), 'unknown key "sed"'),
        (("{", "["), "cannot be read"),
    ):
        (folder / DETECTOR).write_text(text.replace(*change))
        with pytest.raises(UserError, match=said):
            load_detector(folder)
