import pytest

from ganetic.report.renderers.markdown import escaped, markdown
from tests.report.sample import PAGE


def test_a_page_in_markdown() -> None:
    assert markdown(PAGE) == (
        "2 losses, 3 seeds  \non digits\\_5\n"
        "\n"
        "**fd of a\\_b & c**\n"
        "\n"
        "| loss | geom. mean | 95 % interval | instability | formula |\n"
        "| --- | ---: | ---: | ---: | --- |\n"
        "| bce | 52.2 | 48.0-57.0 | 0.3 | softplus(-d) |\n"
        f"| \\[red\\]\\<b\\>\\#7\\|\\_ | 47.5 | --- | - | {'p³ + ' * 20}y |\n"
        "\n"
        "fd: lower is better\n"
        "\n"
        "- 100 % of the seeds\n"
        "\n"
        "- **mode\\_collapse**: saw 2 \\< 5 classes  \n  rule: of someone\n"
        "- **bce**: -log(p)\n"
        "\n"
        "- verdict: by the t test\n"
        "- detects: 80 % of such studies\n"
    )


@pytest.mark.parametrize("name", ["a_b", "100%", "#1", "x & y", "{}"])
def test_names_are_shown_as_they_are(name: str) -> None:
    assert escaped(name).replace("\\", "") == name


def test_a_line_break_breaks_no_table() -> None:
    assert escaped("a\n| b") == "a \\| b"
