import numpy as np
import pytest

from ganetic.plots.samples import SIDE, draw_samples, tiled


@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_stand_in_reading_order(channels: int) -> None:
    images = np.arange(SIDE**2, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 5, channels), np.uint8)
    square = tiled(images)
    assert square.shape == ((SIDE * 5, SIDE * 6) if channels == 1 else (SIDE * 5, SIDE * 6, 3))
    corners = square[::5, ::6]
    np.testing.assert_array_equal(corners if channels == 1 else corners[..., 0], np.arange(64).reshape(8, 8))
    assert (square[4::5] == 255).all() and (square[:, 5::6] == 255).all()


def test_figure_shows_both_sets() -> None:
    images = np.zeros((SIDE**2, 8, 8, 1), np.uint8)
    generated, real, caption = draw_samples(images, images, "#12 after 800 steps", "p²").axes
    assert generated.get_title(loc="left") == "#12 after 800 steps"
    assert real.get_title(loc="left") == "real images"
    assert caption.texts[0].get_text() == "p²"
