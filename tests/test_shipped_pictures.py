"""Pictures and models that are shipped were made from images whose licence allows it; of all others there are tables.

A new picture gets a row here, with the data set that its images, real or generated, come from.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = ("analysis", "docs", "examples", "ganetic", "runs/reference", "search_spaces", "tests")
PICTURES_AND_MODELS = {
    ".gif",
    ".jpeg",
    ".jpg",
    ".npy",
    ".npz",
    ".onnx",
    ".pdf",
    ".png",
    ".pt",
    ".pth",
    ".safetensors",
    ".svg",
}
ALLOWED = {
    "pneumoniamnist28": "CC BY 4.0, MedMNIST",
    "histology": "no known copyright restrictions, scikit-image",
    "digits": "CC BY 4.0, UCI Machine Learning Repository",
    "mnist5k": "CC BY-SA 3.0, LeCun & Cortes",
}
PLOTS = {
    *("augment-curves.png", "beside-random.png", "boxes.png", "curves.png", "detect-methods.png", "loss.png"),
    *("margin.png", "pareto.png", "progress.png"),
}
"""They show numbers, and no images."""
MADE_FROM = {
    "docs/demo.png": "histology",
    "docs/detect.png": "pneumoniamnist28",
    "docs/full-margin.png": "mnist5k",
    "docs/own-xrays.png": "pneumoniamnist28",
    "docs/small-sets.png": "pneumoniamnist28",
    "docs/xray32.png": "pneumoniamnist28",
    "ganetic/studies/bank_mnist5k.npz": "mnist5k",
    "ganetic/studies/bank_pneumonia.npz": "pneumoniamnist28",
    "tests/golden/runs/training-1": "digits",
    "tests/golden/runs/training-2": "digits",
}


def shipped() -> list[str]:
    files = (path for folder in SHIPPED for path in (ROOT / folder).rglob("*") if path.is_file())
    found = (path for path in files if path.suffix.lower() in PICTURES_AND_MODELS and path.name not in PLOTS)
    return [str(path.relative_to(ROOT)) for path in found]


def origin_of(file: str) -> str | None:
    return next((data for place, data in MADE_FROM.items() if file == place or file.startswith(f"{place}/")), None)


def test_there_are_some() -> None:
    assert {"docs/demo.png", "ganetic/studies/bank_mnist5k.npz"} <= set(shipped())


@pytest.mark.parametrize("file", shipped())
def test_it_is_made_from_images_whose_licence_allows_it(file: str) -> None:
    assert origin_of(file) in ALLOWED, (
        f"{file}: name the data set that it was made from, which must be one of {ALLOWED}"
    )


@pytest.mark.parametrize("place", MADE_FROM)
def test_no_row_is_of_something_that_is_gone(place: str) -> None:
    assert (ROOT / place).exists()
