"""A loss as files: its card, a stand-alone torch module and a formula."""

from contextlib import ExitStack
from pathlib import Path

from ganetic.errors import UserError
from ganetic.files import whole
from ganetic.loss.card import LossCard, card_text
from ganetic.loss.export import latex, python_module


def write_loss(card: LossCard, path: Path) -> list[Path]:
    """Write a card, and beside it a stand-alone torch module and a formula.

    Returns:
        The three files, the card first.

    Raises:
        UserError: the name does not end in ``.json``, or the place cannot be written.
    """
    if path.suffix != ".json":
        raise UserError(f"{path}: a loss card is written to a file that ends in .json; .py and .tex go beside it")
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {path.parent} does not exist")
    texts = {path: card_text(card), path.with_suffix(".py"): python_module(card), path.with_suffix(".tex"): latex(card)}
    with ExitStack() as stack:  # all of them, or none
        for file, text in texts.items():
            stack.enter_context(whole(file)).write_text(text, encoding="utf-8")
    return [*texts]
