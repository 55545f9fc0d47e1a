"""Pages as HTML: every text is escaped, and what is too wide to be read on a small screen scrolls by itself.

The templates are in ``ganetic/report/templates``. `ganetic.report.web` puts what comes of a page into a whole file.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ganetic.report.table import Block, Entries, Notes, Page, Paragraph, Table


@cache
def environment() -> Environment:
    """Give what fills templates: it escapes what is no markup, and JSON so that no script element ends in it."""
    made = Environment(
        loader=PackageLoader("ganetic.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["block"] = block_html
    made.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return made


def html(page: Page) -> Markup:
    """Write a page as the blocks that it consists of."""
    return Markup("\n").join(map(block_html, page.blocks))


def block_html(block: Block) -> Markup:
    """Write a block of a page."""
    return filled("block.html", kind=_kind(block), block=block)


def filled(template: str, **values: object) -> Markup:
    """Fill a template, whose result is markup."""
    return Markup(environment().get_template(template).render(**values))


def _kind(block: Block) -> str:
    match block:
        case Paragraph():
            return "paragraph"
        case Notes():
            return "notes"
        case Entries():
            return "entries"
        case Table():
            return "table"
