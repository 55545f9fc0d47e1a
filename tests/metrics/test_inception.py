import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganetic.data import load_images
from ganetic.errors import UserError
from ganetic.metrics.inception import InceptionWeights, build_inception, inception_features, load_inception
from ganetic.training.proxy_data import prepare
from ganetic.training.spec import ProxySpec, TrialSpec
from ganetic.training.trial import run_trial


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An InceptionV3 of random weights, in the format of torch-fidelity's file."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        # The constructor wants a state to load before the net exists that could give one.
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        empty = tmp_path_factory.mktemp("inception") / "weights.pth"
        torch.save({}, empty)
        net = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(empty))
    torch.save(net.state_dict(), empty)
    return empty


@pytest.fixture(scope="module")
def weights(weights_file: Path) -> InceptionWeights:
    return load_inception(weights_file)


def test_features_are_torch_fidelity_s(weights: InceptionWeights, weights_file: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    found = inception_features(build_inception(weights), images)
    assert found.shape == (3, 2048)
    theirs = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(weights_file))
    colour = torch.tensor(images).permute(0, 3, 1, 2).repeat(1, 3, 1, 1)
    torch.testing.assert_close(found, theirs(colour)[0])


def test_only_the_published_weights_are_called_fid(weights: InceptionWeights) -> None:
    assert not weights.is_fid
    assert weights.protocol == f"inception-{weights.sha256[:8]}"
    published = InceptionWeights({}, "6726825d" + "0" * 56)
    assert published.is_fid
    assert published.protocol == "inception-2015-12-05"


@pytest.mark.slow
def test_a_trial_with_inception(weights_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path))
    monkeypatch.setattr(FeatureExtractorInceptionV3, "INPUT_IMAGE_SIZE", 75)  # sixteen times as fast as 299
    digits = load_images("digits")
    np.savez(tmp_path / "few.npz", images=digits.images[:128], labels=digits.labels[:128])  # type: ignore[index]
    proxy = ProxySpec(width=2, images=64)
    proxy_data = prepare(load_images(f"npz:{tmp_path / 'few.npz'}"), proxy, weights_file)
    assert proxy_data.inception is not None
    assert proxy_data.protocol == f"fd@few-inception-{proxy_data.inception.sha256[:8]}/64"
    assert proxy_data.features_hash == proxy_data.inception.sha256[:16]
    assert proxy_data.reference.mean.shape == (2048,)
    result = run_trial(TrialSpec(formula="sub(p, y)", seed=0, steps=1, proxy=proxy), proxy_data)
    assert [step for step, _ in result.trace] == [0, 1]


class Harm:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (str(self.file),))


def test_files_that_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pth"
    with pytest.raises(UserError, match=r"bad\.pth: no such file"):
        load_inception(bad)
    contents = [b"", b"hello", pickle.dumps(Harm(tmp_path / "harm")), b"PK\x03\x04 cut off"]
    for content in contents:
        bad.write_bytes(content)
        with pytest.raises(UserError, match=r"bad\.pth: not a file of weights only"):
            load_inception(bad)
    torch.save({"x": Harm(tmp_path / "harm")}, bad)
    with pytest.raises(UserError, match="not a file of weights only"):
        load_inception(bad)
    assert not (tmp_path / "harm").exists()
    torch.save([torch.zeros(2)], bad)
    with pytest.raises(UserError, match="not a state dictionary of tensors"):
        load_inception(bad)
    torch.save({"x": torch.zeros(2)}, bad)
    with pytest.raises(UserError, match="not a state of torch-fidelity's InceptionV3"):
        load_inception(bad)
