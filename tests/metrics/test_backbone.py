import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision.models
from torch import Tensor, nn

from ganetic.errors import UserError
from ganetic.metrics.architectures import ARCHITECTURES, IMAGENET, RADIMAGENET, Architecture
from ganetic.metrics.backbone import headless, load_backbone
from ganetic.metrics.weights_file import State
from tests.metrics.test_imagenet import defaults, waves

NAME = "mobilenet_v3_small"  # the smallest


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    built: nn.Module = torchvision.models.mobilenet_v3_small(weights=None)
    return built.eval()


@pytest.fixture(scope="module")
def state(net: nn.Module) -> State:
    return net.state_dict()


def expected(net: nn.Module, images: Tensor, mean: tuple[float, ...], sd: tuple[float, ...]) -> Tensor:
    """What the classifier gets, by torchvision's own layers."""
    seen: list[Tensor] = []
    handle = net.get_submodule("avgpool").register_forward_hook(lambda _net, _inputs, out: seen.append(out.flatten(1)))
    pixels = images.permute(0, 3, 1, 2).expand(-1, 3, -1, -1) / 255
    with torch.no_grad():
        net((pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(sd).view(3, 1, 1))
    handle.remove()
    return seen[0]


def saved(folder: Path, state: object, name: str = "weights.pt") -> Path:
    torch.save(state, folder / name)
    return folder / name


@pytest.mark.parametrize("row", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def test_every_architecture_gives_its_last_stage(row: Architecture) -> None:
    found = headless(row).eval()(torch.empty(1, 3, 64, 64, device="meta"))
    assert found.flatten(1).shape == (1, row.dimensions)


def test_features_are_torchvision_s(net: nn.Module, state: State, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(state, file)
    weights = load_backbone(NAME, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert weights.file_sha256 == digest
    assert weights.protocol == f"{NAME}-{digest[:8]}@64"
    extractor = pickle.loads(pickle.dumps(weights)).build("cpu")  # as a worker gets it
    assert (extractor.name, extractor.dimensions) == (weights.protocol, 576)
    images = torch.tensor(waves(2, 64, 3))
    theirs = expected(net, images, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    torch.testing.assert_close(extractor(images), theirs, rtol=1e-4, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in extractor.net.parameters())
    with defaults("meta", torch.float64):
        assert torch.equal(load_backbone(NAME, file).build("cpu")(images), extractor(images))


WRAPPED: list[Callable[[State], object]] = [
    lambda state: {f"module.{name}": value for name, value in state.items()},
    lambda state: {f"model.backbone.{name}": value for name, value in state.items()},
    lambda state: {"epoch": 3, "state_dict": {f"encoder.{name}": value for name, value in state.items()}},
    lambda state: {"model": state},
    lambda state: {name: nn.Parameter(value) if value.is_floating_point() else value for name, value in state.items()},
    lambda state: {name: value for name, value in state.items() if not name.startswith("classifier.")},
    lambda state: {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")},
    lambda state: {name: value.double() if value.is_floating_point() else value for name, value in state.items()},
]


@pytest.mark.parametrize("wrap", WRAPPED)
def test_states_are_found_in_their_wrapping(wrap: Callable[[State], object], state: State, tmp_path: Path) -> None:
    plain = load_backbone(NAME, saved(tmp_path, state, "plain.pt"))
    found = load_backbone(NAME, saved(tmp_path, wrap(state)))
    assert found.arrays.keys() == plain.arrays.keys()
    assert all((found.arrays[name] == array).all() for name, array in plain.arrays.items() if "tracked" not in name)
    assert found.sha256 != plain.sha256


def numbered(net: nn.Module) -> State:
    """A state as in RadImageNet's files: the parts of a Sequential, without the classifier."""
    parts = nn.Sequential(*list(net.children())[:-1])
    return {f"backbone.{name}": value for name, value in parts.state_dict().items()}


def test_radimagenet_s_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    small = torchvision.models.resnet18(weights=None).eval()  # a quarter of ResNet-50
    monkeypatch.setitem(ARCHITECTURES, "radimagenet_resnet18", Architecture("resnet18", 512, RADIMAGENET, True))
    file = saved(tmp_path, numbered(small))
    images = torch.tensor(waves(2, 64))
    found = load_backbone("radimagenet_resnet18", file).build("cpu")(images)
    torch.testing.assert_close(found, expected(small, images, (0.5,) * 3, (0.5,) * 3), rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match=r"not weights of resnet18: .* numbered parts are read as radimagenet_resnet"):
        load_backbone("resnet18", file)
    assert ARCHITECTURES["radimagenet_resnet50"] == Architecture("resnet50", 2048, RADIMAGENET, True)
    assert ARCHITECTURES["resnet50"].scale == IMAGENET


def test_names_of_old_densenets(tmp_path: Path) -> None:
    row = ARCHITECTURES["densenet121"]
    state = {name: torch.zeros(value.shape) for name, value in headless(row).state_dict().items()}
    old = {name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value for name, value in state.items()}
    assert old.keys() != state.keys()
    assert load_backbone("densenet121", saved(tmp_path, old)).arrays.keys() == state.keys()


def test_the_digest_is_asked_for(state: State, tmp_path: Path) -> None:
    file = saved(tmp_path, state)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert load_backbone(NAME, file, sha256=digest.upper()).file_sha256 == digest
    assert load_backbone(NAME, file, sha256=digest[:12]).file_sha256 == digest
    with pytest.raises(UserError, match=rf"weights\.pt: its sha256 is {digest}; expected {'0' * 64}"):
        load_backbone(NAME, file, sha256="0" * 64)
    for none in ("", digest[:7], "sha256:" + digest):
        with pytest.raises(UserError, match="is none; expected 8 to 64 hex digits"):
            load_backbone(NAME, file, sha256=none)


class Harm:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.file,))


def test_files_that_are_refused_in_one_line(state: State, tmp_path: Path) -> None:
    def refused(match: str, name: str = "weights.pt", architecture: str = NAME) -> None:
        with pytest.raises(UserError, match=match) as caught:
            load_backbone(architecture, tmp_path / name)
        assert "\n" not in str(caught.value)

    refused('unknown architecture "resnet5"; expected one of .* did you mean "resnet50"?', architecture="resnet5")
    refused(r"weights\.pt: no such file; bring weights of mobilenet_v3_small")
    saved(tmp_path, {"x": Harm(tmp_path / "harm")})
    refused("not a file of weights only")
    assert not (tmp_path / "harm").exists()
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 20)
    refused("not a file of weights only", "bad.safetensors")
    saved(tmp_path, {"lr": 0.1})
    refused("not a state dictionary of tensors")
    saved(tmp_path, {name: value for name, value in state.items() if name != "features.0.0.weight"})
    refused(r"tensors 1 missing, as features\.0\.0\.weight$")
    saved(tmp_path, state | {"decoder.weight": torch.zeros(2)})
    refused(r"tensors 1 unknown, as decoder\.weight$")
    saved(tmp_path, state | {f"module.{name}": value for name, value in state.items()})
    refused("holds more than one net")
    saved(tmp_path, state | {"features.0.0.weight": torch.zeros(2, 3)})
    refused(r"features\.0\.0\.weight is \(2, 3\); expected \(16, 3, 3, 3\)")
