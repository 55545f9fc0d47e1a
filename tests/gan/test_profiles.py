from typing import Any

import pytest

from ganetic.config import validate
from ganetic.errors import UserError
from ganetic.gan.profiles import PROFILES, AugmentationSpec, Profile, notes_on


def spec(**keys: Any) -> AugmentationSpec:
    return validate(keys, AugmentationSpec, "run.toml")


@pytest.mark.parametrize(
    ("keys", "kind", "highest"),
    [
        ({}, "none", 0),
        ({"profile": "none"}, "none", 0),
        ({"profile": "xray"}, "fixed", 0.6),
        ({"profile": "xray", "kind": "fixed", "p": 0.3}, "fixed", 0.3),
        ({"profile": "xray", "p": 0}, "fixed", 0),
        ({"kind": "ada", "profile": "natural"}, "ada", 0.8),
        ({"kind": "ada", "scale": 0.1, "cap": 0.5}, "ada", 0.5),
        ({"kind": "none", "profile": "xray", "mirror": True}, "none", 0),
        ({"degrees": 5}, "fixed", 0.6),
    ],
)
def test_a_kind_is_what_is_named_or_follows(keys: dict[str, Any], kind: str, highest: float) -> None:
    assert (spec(**keys).resolved_kind, spec(**keys).highest) == (kind, highest)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"profile": "xray", "p": 1.2}, "p is '1.2': Input should be less than or equal to 1"),
        ({"profile": "xray", "p": -0.1}, "p is '-0.1': Input should be greater than or equal to 0"),
        ({"kind": "ada", "profile": "xray", "target": 0.5}, "target is '0.5': Input should be greater than 0.5"),
        ({"kind": "ada", "profile": "xray", "target": 1}, "target is '1': Input should be less than 1"),
        ({"kind": "ada", "profile": "xray", "cap": 0}, "cap is '0': Input should be greater than 0"),
        ({"kind": "ada", "profile": "xray", "cap": 1.5}, "cap is '1.5': Input should be less than or equal to 1"),
        ({"kind": "ada", "profile": "xray", "adaptation_images": 3}, "adaptation_images is '3': .* equal to 1000"),
        ({"kind": "adaptive"}, "kind is 'adaptive': Input should be 'none', 'fixed' or 'ada'"),
        (
            {"kind": "ada", "profile": "xray", "p": 0.3},
            '"p" means nothing where kind is "ada", only where it is "fixed"',
        ),
        ({"kind": "fixed", "profile": "xray", "target": 0.7}, '"target" means nothing where kind is "fixed"'),
        ({"profile": "xray", "cap": 0.7}, '"cap" means nothing where kind is "fixed"'),
        ({"adaptation_images": 50_000}, '"adaptation_images" means nothing where kind is "none"'),
        ({"kind": "none", "p": 0.5}, '"p" means nothing where kind is "none"'),
        ({"kind": "ada"}, 'kind is "ada", and no change is named; name a profile .*xray'),
        ({"kind": "fixed", "mirror": False}, 'kind is "fixed", and no change is named'),
        ({"profile": "xray", "hue": 3}, 'unknown key "hue"'),
        ({"profile": "xray", "mirror": 3}, "mirror is '3'"),
    ],
)
def test_what_cannot_be_is_a_line(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        spec(**keys)
    assert str(error.value).startswith("run.toml: ") and "\n" not in str(error.value)


def test_a_change_that_is_written_out_takes_the_place_of_the_profiles() -> None:
    assert spec(profile="xray").changes == PROFILES["xray"]
    ours = spec(profile="histology", mirror=False, degrees=3).changes
    assert ours == PROFILES["histology"].model_copy(update={"mirror": False, "degrees": 3.0})
    assert spec(quarter_turns=True).changes == Profile(quarter_turns=True)


def test_every_change_of_a_profile_can_be_written_out() -> None:
    for name, value in PROFILES["histology"]:
        assert spec(**{name: value}).written_out == {name: value}


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        ({}, {}),
        ({"profile": "xray"}, {}),
        ({"profile": "xray", "p": 0.2, "degrees": 3.0}, {}),
        ({"kind": "none", "profile": "xray"}, {}),
        ({"kind": "fixed", "profile": "xray"}, {"p": 0.6}),
        (
            {"kind": "ada", "profile": "fundus", "target": 0.7, "mirror": False},
            {"cap": 0.8, "adaptation_images": 500_000},
        ),
    ],
)
def test_what_is_stored_holds_what_the_kind_reads_and_reads_back(keys: dict[str, Any], more: dict[str, Any]) -> None:
    """What named a profile alone is stored as it was before there were kinds."""
    stored = spec(**keys).model_dump(mode="json")
    assert stored == {"profile": "none", **keys, **more}
    assert spec(**stored) == spec(**keys)


def test_flips_of_x_rays_are_allowed_with_a_line_on_anatomy() -> None:
    assert notes_on(spec(profile="xray"), 1) == ()
    assert notes_on(spec(profile="natural", mirror=True), 3) == ()
    (said,) = notes_on(spec(profile="xray", mirror=True), 1)
    assert "heart on the right" in said and "\n" not in said
    assert len(notes_on(spec(profile="xray", mirror=True, quarter_turns=True), 1)) == 2
    assert notes_on(spec(kind="none", profile="xray", mirror=True), 1) == ()


def test_colour_changes_of_grey_images_are_told_or_refused_where_they_are_written_out() -> None:
    (said,) = notes_on(spec(profile="histology"), 1)
    assert "saturation and hue_degrees do nothing to grey images" in said
    assert notes_on(spec(profile="histology"), 3) == notes_on(spec(profile="xray"), 1) == ()
    with pytest.raises(UserError, match=r"augmentation\.hue_degrees changes colours, and the images are grey"):
        notes_on(spec(profile="xray", hue_degrees=10), 1)
    assert notes_on(spec(profile="xray", hue_degrees=10), 3) == ()


def test_above_what_is_safe_it_is_told() -> None:
    for keys in ({"kind": "ada", "cap": 0.9}, {"kind": "fixed", "p": 0.9}):
        (said,) = notes_on(spec(profile="xray", **keys), 1)
        assert "p up to 0.9" in said
