"""The chapter of a training."""

from ganetic.errors import typed
from ganetic.evaluation.kept import KeptEvaluation
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.report.cells import decimal
from ganetic.report.evaluation import evaluation_record
from ganetic.report.progress.search import duration
from ganetic.report.renderers.html import filled
from ganetic.report.web.chapter import Chapter, Section
from ganetic.report.web.curves import draw_curves
from ganetic.report.web.diagnosis import diagnosis_section, said_of_failures
from ganetic.report.web.evaluated import fd_of, metrics_section, pairs_section, said_of_copies, said_of_faults
from ganetic.report.web.mathml import formula_mathml
from ganetic.report.web.samples import samples_section
from ganetic.report.web.trained import TrainingRun
from ganetic.report.web.training_course import course_section, draw_fd
from ganetic.report.web.training_settings import shown_config, training_settings


def training_chapter(opened: TrainingRun, anchor: str) -> Chapter:
    """Say how a training went, or how far it is."""
    places = draw_fd(opened).places if opened.trace else {}
    evaluated = (section for name, kept in opened.evaluations.items() for section in _evaluation(name, kept))
    sections = (
        course_section(opened),
        samples_section(opened, anchor, places),
        diagnosis_section(opened),
        *evaluated,
        _loss_section(opened),
        training_settings(opened),
    )
    return Chapter(
        anchor=anchor,
        kind="training",
        title=opened.directory.resolve().name,
        lead=filled("training.html", training=opened, claims=_claims(opened), trained=duration(opened.seconds)),
        sections=tuple(section for section in sections if section is not None),
        facts=_facts(opened),
        record=_record(opened),
    )


def _claims(training: TrainingRun) -> list[str]:
    """What is to be known first."""
    return [_standing(training), *_quality(training), said_of_failures(training), *_judged(training)]


def _standing(training: TrainingRun) -> str:
    steps, go_on = training.metadata.config.steps, typed("ganetic", "resume", training.directory)
    if training.status == "running":
        checkpoint = "" if training.checkpoints else " It has no checkpoint yet."
        return f"It is running, at step {training.step:,} of {steps:,} or a little later.{checkpoint}"
    if training.status == "failed":
        return f"It failed at {training.reason}. {_last_good(training)}"
    if training.status == "finished":
        return f"It is finished: all {steps:,} steps were made."
    if not training.checkpoints:
        return f"It stopped before its first checkpoint; `{go_on}` begins anew."
    return f"It stopped at step {training.checkpoints[-1]:,} of {steps:,}; `{go_on}` goes on."


def _last_good(training: TrainingRun) -> str:
    if not training.checkpoints:
        return "It has no checkpoint."
    return f"The last good checkpoint is that of step {training.checkpoints[-1]:,}."


def _quality(training: TrainingRun) -> list[str]:
    best, trace = training.best, training.trace
    if best is None:
        return ["No trained generator was measured yet: there is nothing to see of its images so far."]
    untrained = f", the untrained generator's {decimal(trace[0][1])}" if trace[0][0] == 0 else ""
    return [
        f"The lowest fd is {decimal(best[1])}, at step {best[0]:,}; that of real images is "
        f"{decimal(training.metadata.floor_fd)}{untrained}. It is of one seed: other seeds may differ, and nothing is "
        "claimed of them."
    ]


def _judged(training: TrainingRun) -> list[str]:
    """What its evaluations say; without any, how to make one."""
    said = [
        f"Evaluated at {_step(kept)}: {fd_of(kept.evaluation)}. {said_of_copies(kept.evaluation)} "
        f"{said_of_faults(kept.evaluation)}"
        for kept in training.evaluations.values()
    ]
    if said or training.best_checkpoint is None or training.status == "running":
        return said
    command = typed("ganetic", "evaluate", training.directory, "-o", training.directory / "evaluation")
    return [f"Whether it copies its training images was not looked for; `{command}` does, for this page, too."]


def _evaluation(name: str, kept: KeptEvaluation) -> list[Section]:
    pairs = pairs_section(kept, f"{name}-pairs", f"The likeliest copies at {_step(kept)}")
    metrics = metrics_section(kept, f"{name}-metrics", f"Evaluation at {_step(kept)}")
    return [metrics, *([pairs] if pairs is not None else [])]


def _step(kept: KeptEvaluation) -> str:
    return "no known step" if kept.step is None else f"step {kept.step:,}"


def _loss_section(training: TrainingRun) -> Section:
    formula, name = Formula.from_text(training.metadata.formula), training.metadata.name
    content = filled(
        "loss.html",
        name=name,
        published=name in LIBRARY,
        formula=formula_mathml(formula),
        readable=formula.readable,
        curves=draw_curves(formula, name),
    )
    return Section("loss", "The loss", content)


def _facts(training: TrainingRun) -> dict[str, str]:
    """What stands in a row where runs are compared."""
    metadata, config = training.metadata, training.metadata.config
    best = "" if training.best is None else f"{metadata.name}: {decimal(training.best[1])} at step {training.best[0]:,}"
    return {
        "run": training.directory.resolve().name,
        "what": f"training, {training.status}",
        "on": f"{config.model.name} on {metadata.data}, seed {config.seed}",
        "measured by": f"{metadata.protocol} (floor {decimal(metadata.floor_fd)})",
        "trained": f"{training.step:,} of {config.steps:,} steps",
        ("best published" if metadata.name in LIBRARY else "best found"): best,
    }


def _record(training: TrainingRun) -> dict[str, object]:
    return {
        "run": str(training.directory),
        "status": training.status,
        "reason": training.reason,
        "metadata": {
            **training.metadata.model_dump(mode="json"),
            "config": shown_config(training.metadata.config).model_dump(mode="json"),
        },
        "step": training.step,
        "seconds": training.seconds,
        "trace": training.trace,
        "failures": training.failures,
        "best": training.best,
        "evaluations": {name: evaluation_record(kept.evaluation) for name, kept in training.evaluations.items()},
    }
