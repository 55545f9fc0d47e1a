from analysis.self_test import subset
from ganetic.data import load_images


def test_a_subset_is_a_set_of_its_own() -> None:
    digits = load_images("digits")
    assert digits.labels is not None
    few = subset(digits, 150)
    assert few.labels is not None
    assert (few.count, len(few.images), len(few.labels)) == (150, 150, 150)
    assert few.fingerprint != digits.fingerprint
    assert (subset(digits, 150).images == few.images).all()
