from ganetic.loss.library import LIBRARY
from ganetic.report.losses import losses_page, losses_record
from ganetic.report.renderers.json import to_json
from tests.report.printed import lines_of


def test_every_loss_is_listed_with_its_formula_and_source() -> None:
    text = "\n".join(lines_of(losses_page()))
    rows = {row["name"]: row for row in losses_record()}
    assert set(rows) == set(LIBRARY)
    for name, loss in LIBRARY.items():
        assert name in text and loss.source.url in text
        assert rows[name]["expressions"] == loss.formula.expressions
    assert rows["bce-minimax"]["fails_screen"] == "vanishing"
    to_json(losses_record())
