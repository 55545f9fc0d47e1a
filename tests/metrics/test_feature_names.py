from pathlib import Path

import pytest

from ganetic.errors import UserError
from ganetic.metrics.feature_names import CANDIDATES, NAMES, checked_features, source_of
from ganetic.metrics.imagenet import SIDE


def test_candidates_are_named_and_rise_in_cost() -> None:
    assert set(CANDIDATES) < set(NAMES)
    seconds = [one.seconds for one in CANDIDATES.values()]
    assert seconds == sorted(seconds)


def test_names_give_their_features() -> None:
    assert source_of("cnn") is None
    found = {name: source_of(name) for name in ("imagenet", "imagenet32", "imagenet64")}
    protocols = {name: source.protocol for name, source in found.items() if source is not None}
    assert protocols["imagenet"].endswith(f"@{SIDE}")
    assert protocols["imagenet32"] == "efflite0-b4b10@32"
    assert protocols["imagenet64"] == "efflite0-b4b10@64"


def test_a_file_is_at_an_absolute_place(in_folder: Path) -> None:
    assert checked_features("resnet18:rad.safetensors") == f"resnet18:{in_folder}/rad.safetensors"
    assert checked_features(f"resnet18:{in_folder}/a:b.pt") == f"resnet18:{in_folder}/a:b.pt"
    assert checked_features("cnn") == "cnn"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imagnet", 'did you mean "imagenet"'),
        ("Cnn", 'did you mean "cnn"'),
        ("resnet18", 'did you mean "resnet18"'),
        ("resnet19:a.pt", 'did you mean "resnet18"'),
        ("resnet18:", "names no file"),
        ("resnet18:a\0b", "names no file"),
        ("resnet18:~nobody-of-this-name/a.pt", "~nobody-of-this-name is nobody's home"),
        ("", "expected one of auto, cnn"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_features(name)


def test_files_that_are_missing_or_another(in_folder: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        source_of("resnet18:/nowhere/a.pt")
    Path("a.pt").write_bytes(b"weights")
    with pytest.raises(UserError, match=r"its sha256 is [0-9a-f]{64}; expected 00000000"):
        source_of("resnet18:a.pt", "00000000")
