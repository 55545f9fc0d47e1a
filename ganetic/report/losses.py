"""The library of published losses: as a page for people, as plain data for programs."""

from ganetic.loss.library import LIBRARY, LibraryLoss
from ganetic.report.renderers.json import Record
from ganetic.report.table import Entries, Entry, Page


def losses_record() -> list[Record]:
    """Say all that the library knows."""
    return [_loss_record(loss) for loss in LIBRARY.values()]


def losses_page() -> Page:
    """Say of each loss its formulas slot by slot, what it is, and where it comes from."""
    return Page((Entries(tuple(map(_entry, LIBRARY.values()))),))


def _entry(loss: LibraryLoss) -> Entry:
    about = (loss.summary, f"{loss.source.paper}, {loss.source.place}", loss.source.url)
    return Entry(loss.name, loss.formula.readable.replace("; ", "\n"), "\n".join(about))


def _loss_record(loss: LibraryLoss) -> Record:
    return {
        "name": loss.name,
        "form": loss.formula.form,
        "expressions": dict(loss.formula.expressions),
        "infix": dict(loss.formula.infix),
        "summary": loss.summary,
        "paper": loss.source.paper,
        "place": loss.source.place,
        "url": loss.source.url,
        "deviation": loss.deviation,
        "fails_screen": None if loss.exempt is None else str(loss.exempt),
        "reference_only": loss.reference_only,
    }
