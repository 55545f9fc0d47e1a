import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganetic.report.web.lines import thinned
from ganetic.report.web.svg import Scale, path_of, scale_of, stepped, tag


def test_elements_escape_what_is_no_markup() -> None:
    assert tag("text", "a<b", tag("b", "&"), class_="x", data_a='"') == (
        '<text class="x" data-a="&#34;">a&lt;b<b>&amp;</b></text>'
    )


def test_a_path_breaks_where_there_is_no_value() -> None:
    assert path_of([(0, 1), (1, 2.25), (2, math.nan), (3, 4), (4, math.inf)]) == "M0 1l1 1.2M3 4"


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (Scale(0, 10, 0, 100), ["0", "2", "4", "6", "8", "10"]),
        (Scale(30, 90, 0, 100, log=True), ["40", "60", "80"]),
        (Scale(5, 9000, 0, 100, log=True), ["10", "30", "100", "300", "1000", "3000"]),
    ],
)
def test_ticks_are_round(scale: Scale, ticks: list[str]) -> None:
    assert [text for _, text in scale.ticks()] == ticks


def test_a_logarithmic_scale_has_equal_ratios_at_equal_lengths() -> None:
    scale = Scale(1, 100, 0, 200, log=True)
    assert [scale(1), scale(10), scale(100)] == pytest.approx([0, 100, 200])
    assert math.isnan(scale(0))


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)), st.booleans())
def test_any_values_have_a_scale_with_ticks_within(values: list[float], log: bool) -> None:
    bounded = [value for value in values if not abs(value) > 1e100 and not 0 < abs(value) < 1e-100]
    scale = scale_of(bounded, 0, 100, log)
    assert scale.low < scale.high
    assert all(-1e-6 <= scale(value) <= 100 + 1e-6 for value, _ in scale.ticks())


def test_a_line_holds_each_value_until_the_next() -> None:
    assert stepped([(0, 5), (2, 3), (4, 1)]) == [(0, 5), (2, 5), (2, 3), (4, 3), (4, 1)]
    assert stepped([]) == []


def test_lines_are_thinned_with_both_ends() -> None:
    points = [(float(x), 0.0) for x in range(1000)]
    few = thinned(points, 11)
    assert (len(few), few[0], few[-1]) == (11, points[0], points[-1])
    assert thinned(points[:5], 11) == points[:5]


@given(st.lists(st.tuples(*[st.floats(-2000, 2000)] * 2), min_size=1, max_size=30))
def test_a_path_goes_through_its_points(points: list[tuple[float, float]]) -> None:
    text = path_of(points)
    numbers = [float(one) for one in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)]
    assert re.fullmatch(r"M[^Ml]*(l[^Ml]*)*", text)
    places = np.cumsum(np.array(numbers).reshape(-1, 2), axis=0)
    np.testing.assert_allclose(places, points, rtol=0, atol=0.0501)
