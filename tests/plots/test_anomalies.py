import numpy as np
import pytest

from ganetic.plots.anomalies import Anomalies, draw_anomalies, ends


def some(count: int, channels: int = 1, heat: float = 1.0) -> Anomalies:
    stream = np.random.default_rng(count)
    images = stream.integers(0, 256, (count, 8, 8, channels), dtype=np.uint8)
    maps = heat * stream.uniform(size=(count, 8, 8))
    names = [f"a-rather-long-name-{number}.png" for number in range(count)]
    return Anomalies(names, images, images[::-1], maps, np.linspace(3, -1, count))


@pytest.mark.parametrize(
    ("count", "most", "least"),
    [
        (100, range(10), range(90, 100)),
        (20, range(10), range(10, 20)),
        (5, range(3), range(3, 5)),
        (1, range(1), range(1, 1)),
    ],
)
def test_ten_of_each_and_none_twice(count: int, most: range, least: range) -> None:
    found = ends(count)
    assert [list(part) for part in found] == [list(most), list(least)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 3, 10])
def test_a_column_an_image_and_one_scale_of_heat(count: int, channels: int) -> None:
    figure = draw_anomalies(some(count, channels, heat=2.0), some(count, channels), "sum")
    heats = [image for axes in figure.axes for image in axes.images if image.get_cmap().name == "inferno"]
    assert len(heats) == 2 * count
    assert len({image.get_clim() for image in heats}) == 1
    assert heats[0].get_clim()[1] == some(count, channels, heat=2.0).maps.max()
    titles = [axes.get_title(loc="center") for axes in figure.axes if axes.get_title(loc="center")]
    assert len(titles) == 2 * count
    assert titles[0] == "3.0"


def test_a_single_image_is_drawn_alone() -> None:
    figure = draw_anomalies(some(1), some(0), "sum")
    assert sum(bool(axes.images) for axes in figure.axes) == 3


def test_images_without_heat_are_drawn() -> None:
    assert draw_anomalies(some(2, heat=0.0), some(2, heat=0.0), "sum").axes
