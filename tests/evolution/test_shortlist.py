from ganetic.evolution.shortlist import Setting, changes, relative_cost, shortlist
from ganetic.training.spec import ProxySpec

FIRST = ProxySpec(width=32, batch=16)


def names(settings: tuple[Setting, ...]) -> list[str]:
    return [setting.name for setting in settings]


def test_a_small_grey_set_of_large_images_gets_all_of_it() -> None:
    settings = shortlist(FIRST, 800, 1, 28, 40, None)
    assert names(settings) == [
        "base",
        "resize",
        "xray",
        "resize, xray",
        "resize, batch 32",
        "resize, width 64",
        "resize, 40 px",
        "decay 0.95",
    ]
    assert [setting.size for setting in settings] == [28] * 6 + [40, 28]
    assert settings[0].proxy == FIRST.model_copy(update={"ema_decay": 0.98})
    assert changes(FIRST, settings[3].proxy) == {"upsampling": "resize", "augmentation": "xray", "ema_decay": 0.98}


def test_augmentation_is_for_small_sets_or_where_it_is_named() -> None:
    assert "natural" in names(shortlist(FIRST, 1999, 3, None, None, None))
    assert len(shortlist(FIRST, 2000, 1, None, None, None)) == 5
    assert "histology" in names(shortlist(FIRST, 2000, 3, None, None, "histology"))
    assert len(shortlist(FIRST, 500, 1, None, None, "none")) == 5


def test_what_the_space_has_already_is_not_tried_twice() -> None:
    first = FIRST.model_copy(update={"batch": 32, "width": 64, "upsampling": "resize", "ema_decay": 0.95})
    assert names(shortlist(first, 5000, 1, None, None, None)) == ["base"]


def test_learning_rates_are_not_the_proxys() -> None:
    for setting in shortlist(FIRST, 800, 1, 28, 40, None):
        assert setting.proxy.learning_rate == FIRST.learning_rate


def test_wider_and_larger_ones_cost_more() -> None:
    base, resize, *_, width, size, decay = shortlist(FIRST, 5000, 1, 28, 40, None)
    costs = [relative_cost(one, base, 28) for one in (base, decay, resize, size, width)]
    assert costs[:2] == [1, 1]
    assert costs == sorted(costs)
