"""What an evaluation says: metrics with intervals and floors, faults in words, and likely copies side by side."""

from markupsafe import Markup

from ganetic.evaluation.kept import KeptEvaluation
from ganetic.evaluation.results import Copy, Evaluation, Fault
from ganetic.metrics.memorization import COPY_RATIO
from ganetic.report.evaluation import evaluation_page
from ganetic.report.renderers.html import filled, html
from ganetic.report.web.chapter import Section
from ganetic.report.web.pictures import Picture, embedded, opened
from ganetic.studies.formatting import listed

_BYTES = 24_000
"""Of the picture of a pair."""


def metrics_section(kept: KeptEvaluation, name: str, title: str) -> Section:
    """Show the numbers, and what the rules say of them."""
    return Section(name, title, html(evaluation_page(kept.evaluation)))


def pairs_section(kept: KeptEvaluation, name: str, title: str) -> Section | None:
    """Show generated images beside the training images that they are most like; None where none were looked for."""
    closest = kept.evaluation.closest
    if not closest:
        return None
    pairs = [{"found": copy, "alike": copy.ratio < COPY_RATIO, "picture": _picture(copy)} for copy in closest]
    content = filled("pairs.html", pairs=pairs, rule=f"{COPY_RATIO:.2f}", said=said_of_copies(kept.evaluation))
    return Section(name, title, content)


def said_of_copies(evaluation: Evaluation) -> str:
    """Say in a sentence whether the generator copies."""
    for flag in evaluation.flags:
        if flag.fault is Fault.MEMORIZATION:
            return f"The generator copies its training images: {flag.said}."
    if not evaluation.data_copying_z:
        return (
            "Whether the images are copies was not judged: no images are known that the generator did or did not see."
        )
    return "No rule found that the generator copies its training images, which proves nothing."


def said_of_faults(evaluation: Evaluation) -> str:
    """Say in a sentence what is wrong with the images, but for copies."""
    names = [flag.fault.replace("_", " ") for flag in evaluation.flags if flag.fault is not Fault.MEMORIZATION]
    if not names:
        return "No rule found anything else."
    return f"The rules found {listed(names)}."


def fd_of(evaluation: Evaluation) -> str:
    """Say the Fréchet distance with its interval and its floor; empty where it was not measured."""
    fd = next((one for one in evaluation.measures if one.name == "fd"), None)
    if fd is None:
        return ""
    return (
        f"fd {fd.value:.1f}, 95 % interval {fd.low:.1f} to {fd.high:.1f}, of real images in their place {fd.floor:.1f} "
        f"({fd.protocol})"
    )


def evaluation_callout(claims: list[str]) -> Markup:
    """Set sentences apart that are to be read first."""
    return filled("callout.html", title="What was found", claims=claims)


def _picture(copy: Copy) -> Picture | None:
    image = opened(copy.picture)
    return None if image is None else embedded(image, _BYTES)
