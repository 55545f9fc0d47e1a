from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from ganetic.config import validate
from ganetic.data import ImageSet, load_images, partition
from ganetic.errors import UserError
from ganetic.evolution.space import load_space, with_features
from ganetic.metrics.faults import FAULTS
from ganetic.metrics.feature_names import source_of
from ganetic.metrics.self_test import FaultSeen, SelfTest
from ganetic.training import feature_choice as choice
from ganetic.training.feature_choice import SelfTests, best_of, choose_features
from ganetic.training.proxy_data import prepare
from ganetic.training.spec import ProxySpec
from tests.training.proxy.conftest import TINY

AUTO = TINY.model_copy(update={"features": "auto"})


def made_up(step: float, **wrong: float) -> SelfTest:
    """A test that all faults pass, but those whose order is named."""
    seen = (FaultSeen(fault=fault, order=wrong.get(fault, 1.0), steps=(step, 1.0, 2.0), noise=0.1) for fault in FAULTS)
    return SelfTest(features="made-up", images=100, modes="labels", seen=tuple(seen))


@pytest.mark.parametrize(
    ("cnn", "at32", "at64", "best", "why"),
    [
        (made_up(0.5), made_up(0.5), made_up(0.5), "cnn", "which pass the self-test and see most a second"),
        (made_up(0.5, blur=0.4), made_up(0.5), made_up(0.5), "imagenet32", "as cnn orders blur at 0.4 (expected 0.9)"),
        (
            made_up(0.5, blur=0.4),
            made_up(0.5, copies=0),
            made_up(0.5),
            "imagenet64",
            "as imagenet32 orders copies at 0",
        ),
        (made_up(0.11), made_up(0.5), made_up(0.5), "imagenet32", "which pass the self-test and see most a second"),
        (made_up(0.5, blur=0.4), made_up(0.5, modes=0.8), made_up(0.5), "imagenet64", "as imagenet32 orders modes"),
        (
            made_up(0.5, blur=0.4),
            made_up(0.5, modes=0.8),
            made_up(0.5, modes=0.7),
            "imagenet32",
            "which orders modes at 0.8 (expected 0.9), and sees all else; more images would help",
        ),
    ],
)
def test_auto_takes_what_passes_best_a_second(
    tiny_images: ImageSet, cnn: SelfTest, at32: SelfTest, at64: SelfTest, best: str, why: str
) -> None:
    name, said = best_of({"cnn": cnn, "imagenet32": at32, "imagenet64": at64}.items(), tiny_images)
    assert name == best
    assert said.startswith(f"features: {best}, ")
    assert why in said


def test_a_set_that_no_features_measure_is_refused_in_a_line(tiny_images: ImageSet) -> None:
    tests = {"cnn": made_up(0.5, blur=0.4), "imagenet32": made_up(0.5, modes=0.5, noise=-0.1)}
    with pytest.raises(UserError) as caught:
        best_of(tests.items(), tiny_images)
    message = str(caught.value)
    assert message.startswith("tiny: no features measure these ")
    assert "cnn orders blur at 0.4 (expected 0.9); imagenet32 orders noise at -0.1 (expected 0.9); bring" in message
    assert "\n" not in message


def test_what_could_not_be_chosen_any_more_is_not_tested(
    tiny_images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"cnn": made_up(0.5, blur=0.4), "imagenet32": made_up(0.5), "imagenet64": made_up(0.5)}
    monkeypatch.setattr(SelfTests, "of", lambda self, name: known[name])
    tests = SelfTests(tiny_images, partition(tiny_images, 64), "cpu")
    assert [name for name, _ in tests.until_settled()] == ["cnn", "imagenet32"]


@pytest.mark.slow
def test_auto_on_digits(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = load_images("mnist5k")
    chosen = prepare(digits, ProxySpec(width=2, features="auto", images=500))
    assert chosen.protocol == "fd@mnist5k-efflite0-b4b10@32/500"
    assert chosen.notes[0].startswith("features: imagenet32, as cnn orders noise at 0.")
    explicit = prepare(digits, ProxySpec(width=2, features="imagenet32", images=500))
    assert (explicit.features_hash, explicit.floor_fd) == (chosen.features_hash, chosen.floor_fd)
    assert explicit.notes == ()
    files = sorted((cache / "self_tests").iterdir())
    assert len(files) >= 2
    monkeypatch.setattr(choice, "self_test", None)  # nothing is tested twice
    again = prepare(digits, ProxySpec(width=2, features="auto", images=500))
    assert (again.notes, again.features_hash) == (chosen.notes, chosen.features_hash)
    monkeypatch.undo()
    monkeypatch.setenv("GANETIC_CACHE", str(cache))
    for file in files:
        file.write_text("{}")
    assert prepare(digits, ProxySpec(width=2, features="auto", images=500)).notes == chosen.notes


def saved(images: NDArray[np.uint8], labels: NDArray[np.int64] | None = None) -> ImageSet:
    arrays = {"images": images} if labels is None else {"images": images, "labels": labels}
    np.savez("set.npz", **arrays)
    return load_images("npz:set.npz")


def test_noise_is_refused(cache: Path, in_folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8)
    with pytest.raises(UserError, match=r"set: these images look like noise: neighbouring pixels correlate by -?0\.00"):
        prepare(saved(noise), AUTO)


def test_a_set_that_begins_with_one_image_again_and_again_is_no_noise(tiny_images: ImageSet, in_folder: Path) -> None:
    pixels = tiny_images.images
    choice.refuse_noise(saved(np.concatenate([np.repeat(pixels[:1], 600, axis=0), pixels])))


@pytest.mark.parametrize("features", ["auto", "cnn"])
def test_one_image_repeated_is_refused_before_anything_is_trained(
    tiny_images: ImageSet, in_folder: Path, monkeypatch: pytest.MonkeyPatch, features: str
) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(in_folder / "cache"))
    one = np.repeat(tiny_images.images[:1], 200, axis=0)
    with pytest.raises(UserError, match="set: 1 of 200 images differ"):
        prepare(saved(one), TINY.model_copy(update={"features": features}))
    assert not (in_folder / "cache").exists()


@pytest.mark.slow
def test_labels_that_mean_nothing_give_way_to_clusters(cache: Path) -> None:
    digits = load_images("digits")
    assert digits.labels is not None
    shuffled = np.random.default_rng(0).permutation(digits.labels)
    random = replace(digits, labels=shuffled, fingerprint="random labels")
    tests = SelfTests(random, partition(random, 500), "cpu")
    assert tests.images.labels is None
    assert tests.notes[0].startswith("the labels cannot be learnt (a small net gets ")
    kept = SelfTests(digits, partition(digits, 500), "cpu")
    assert kept.images is digits
    assert kept.notes == ()


def test_with_inception_weights_auto_tests_nothing(tiny_images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = source_of("imagenet32")
    monkeypatch.setattr(choice, "load_inception", lambda path: weights)
    monkeypatch.setattr(SelfTests, "of", None)
    found = choose_features(AUTO, tiny_images, partition(tiny_images, 64), Path("inception.pth"), "cpu")
    assert (found.source, found.images, found.notes) == (weights, tiny_images, ())


def test_sets_of_one_class_have_clusters(tiny_images: ImageSet, cache: Path, in_folder: Path) -> None:
    bare = saved(tiny_images.images, np.full(len(tiny_images.images), 3))
    tests = SelfTests(bare, partition(bare, 64), "cpu")
    assert tests.notes == ("no classes: clusters stand for them",)


@pytest.mark.slow
def test_features_out_of_a_file(tiny_images: ImageSet, cache: Path, in_folder: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    state = torchvision.models.resnet18(weights=None).state_dict()
    save_file(state, "rad.safetensors")
    spec = validate({**TINY.model_dump(), "features": "resnet18:rad.safetensors"}, ProxySpec, "here")
    assert spec.features == f"resnet18:{in_folder}/rad.safetensors"
    made = prepare(tiny_images, spec)
    digits = made.protocol.partition("resnet18-")[2][:8]
    assert made.protocol == f"fd@tiny-resnet18-{digits}@64/64"
    pinned = spec.model_copy(update={"features_sha256": digits})
    assert prepare(tiny_images, pinned).features_hash == made.features_hash
    with pytest.raises(UserError, match=r"rad\.safetensors: its sha256 is"):
        prepare(tiny_images, spec.model_copy(update={"features_sha256": "0" * 64}))
    save_file({**state, "fc.bias": state["fc.bias"] + 1}, "rad.safetensors")
    assert prepare(tiny_images, spec).features_hash != made.features_hash


def test_specs_say_nothing_of_the_default() -> None:
    assert not {"features", "features_sha256"} & set(ProxySpec().model_dump())
    assert ProxySpec.model_validate({}).features == "cnn"
    spec = ProxySpec(features="resnet18:/a.pt", features_sha256="0123abcd")
    assert ProxySpec.model_validate_json(spec.model_dump_json()) == spec
    for given, message in (
        ({"features": "imagnet"}, 'did you mean "imagenet"'),
        ({"features_sha256": "0123abcd"}, 'features "cnn" are in no file'),
        ({"features": "resnet18:/a.pt", "features_sha256": "xyz"}, "features_sha256"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            validate(given, ProxySpec, "here")
        assert "\n" not in str(caught.value)


def test_a_space_takes_other_features_for_all_its_proxies() -> None:
    space = load_space("quick")
    assert with_features(space, None) is space
    assert {proxy.features for proxy in with_features(space, "auto").proxies} == {"auto"}
    own = with_features(space, "resnet18:/a.pt")
    assert with_features(own, None, "01234567").proxies[0].features_sha256 == "01234567"
    assert with_features(with_features(own, None, "01234567"), "imagenet").proxies[0].features_sha256 == ""
    with pytest.raises(UserError, match=r'--features: .*did you mean "imagenet"'):
        with_features(space, "imagnet")
    with pytest.raises(UserError, match=r"--sha256: .*are in no file"):
        with_features(space, None, "01234567")
