import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganetic.data.data_source import DATA
from ganetic.data.picture_format import FORMATS
from ganetic.errors import UserError
from ganetic.evaluation.metric import METRICS
from ganetic.gan.model import MODELS
from ganetic.registry import Registry
from ganetic.studies.study import STUDIES


class Thing:
    """What the registries here hold."""


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[Thing]]:
    """A registry with a package of its own, of two modules, which is made for each test."""
    package = tmp_path / "things_of_a_test"
    package.mkdir()
    for name in ("__init__", "one", "two"):
        (package / f"{name}.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry(Thing, "thing", "things_of_a_test")
    for name in [name for name in sys.modules if name.startswith("things_of_a_test")]:
        del sys.modules[name]


def test_a_class_is_found_under_its_name(things: Registry[Thing]) -> None:
    @things.register("small")
    class Small(Thing):
        pass

    assert things["small"] is Small
    assert "small" in things
    assert "large" not in things
    assert dict(things.items()) == {"small": Small}


def test_every_module_of_the_package_is_imported_before_the_first_look_up(things: Registry[Thing]) -> None:
    assert "things_of_a_test.one" not in sys.modules
    assert things.names() == []
    assert {"things_of_a_test.one", "things_of_a_test.two"} <= set(sys.modules)


def test_an_unknown_name_is_an_error_with_a_guess(things: Registry[Thing]) -> None:
    things.register("small")(type("Small", (Thing,), {}))
    with pytest.raises(UserError, match='unknown thing "smal"; expected one of small; did you mean "small"'):
        things["smal"]


def test_two_classes_of_one_name_are_an_error_that_names_both(things: Registry[Thing]) -> None:
    things.register("small")(type("Small", (Thing,), {"__module__": "here"}))
    with pytest.raises(UserError, match=r'thing "small" is registered by here\.Small and by there\.Little; rename one'):
        things.register("small")(type("Little", (Thing,), {"__module__": "there"}))


def test_a_class_that_is_defined_again_replaces_the_former(things: Registry[Thing]) -> None:
    """As a cell of a notebook does that is run again."""
    first, second = (type("Small", (Thing,), {}) for _ in range(2))
    things.register("small")(first)
    things.register("small")(second)
    assert things["small"] is second


def test_what_ganetic_brings() -> None:
    assert MODELS.names() == ["dcgan", "mlp", "msg-gan", "msg-sagan", "stylegan2"]
    assert DATA.names() == [
        *("cifar10", "digits", "fashion-mnist", "folder", "histology", "mapped", "medmnist", "mnist", "mnist5k", "npz"),
    ]
    assert FORMATS.names() == ["dicom", "nifti", "raster"]
    assert STUDIES.names() == ["augment", "bank", "compare", "confirm", "detect", "score"]
    assert {"fd", "fid", "kid", "precision", "recall"} <= set(METRICS.names())


def test_a_model_is_registered_under_the_name_of_its_settings() -> None:
    for name, model in MODELS.items():
        assert model.model_fields["name"].default == name
