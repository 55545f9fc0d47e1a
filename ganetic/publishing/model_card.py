"""The model card: README.md of a published generator, in the format of the Hugging Face Hub.

Its sections are those of Mitchell et al., Model Cards for Model Reporting, https://arxiv.org/abs/1810.03993.
"""

from ganetic.data import window_of
from ganetic.gan.ada import LEAST_HELD_OUT
from ganetic.publishing.front_matter import front_matter
from ganetic.publishing.onnx_export import INPUT, LABELS, ONNX, OUTPUT
from ganetic.publishing.publication import SEED, Publication
from ganetic.report.evaluation import evaluation_page
from ganetic.report.renderers.markdown import escaped, markdown
from ganetic.training.config import TrainConfig

SAMPLES = "samples.png"
TRAINING = "training.toml"
LOSS = "loss.json"

_LOADED = """\
```python
import torch

import ganetic

generator = ganetic.load_generator("{folder}")  # a torch.nn.Module
latents = generator.latents(64, seed=0)  # or torch.randn(64, {latent})
{labels}with torch.no_grad():
    images = generator({given})  # float32 (64, {channels}, {size}, {size}), in [-1, 1]
pixels = (images.permute(0, 2, 3, 1) * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
```

`pip install ganetic` brings what this needs. Of other packages, loading imports torch, safetensors, pydantic and numpy
alone. Nothing of this folder is run as code or unpickled.

From the Hub: `folder = huggingface_hub.snapshot_download("USER/NAME")`."""

_ONNX = """\
`{file}` needs onnxruntime alone. Its images were compared with torch's: they differ by {apart:.1g} at most.

| | name | type | shape |
| --- | --- | --- | --- |
| input | `{input}` | float32, drawn from N(0, 1) | (batch, {latent}) |
{label_row}| output | `{output}` | float32 in [-1, 1] | (batch, {channels}, {size}, {size}) |

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{file}", providers=["CPUExecutionProvider"])
latents = np.random.default_rng(0).standard_normal((16, {latent}), dtype=np.float32)
(images,) = session.run(["{output}"], {{"{input}": latents{label_input}}})
```"""

_LABELS = "labels = generator.labels(64, seed=0)  # all classes; of one class: generator.labels(64, label={name!r})\n"
_LABEL_ROW = "| input | `{input}` | int64, 0 to {last}: {names} | (batch,) |\n"
_LABEL_INPUT = ', "{input}": np.zeros(16, np.int64)'

_ELSEWHERE = (
    "The images are in no file of this folder. Put them into it under the name above, or name them with `--data`."
)

_INTENDED = """\
For research on generative models and their losses, for teaching, and for trying out software that reads such images.

Not for:

- diagnosis, or any decision about a person. The images show nobody, and what they show may be impossible.
- statements about the people or things that the real images show. What is rare among these may be missing here.
- a substitute for data that may not be shared. The check for copies below is no guarantee of privacy.
- training other models without checking these on real images."""


def model_card(publication: Publication, folder: str) -> str:
    """Write the card.

    Args:
        publication: what there is to say.
        folder: the name of the folder that it stands in.
    """
    parts = [
        f"# {escaped(publication.title)}",
        *_warning(publication),
        _summary(publication),
        f"![64 generated images, seed {SEED}, not chosen]({SAMPLES})",
        "## How to use it",
        *_use(publication, folder),
        "## What it is for, and what not",
        _INTENDED,
        "## Data",
        _listed(_data(publication)),
        "## Evaluation",
        *_evaluation(publication),
        "## Training",
        *_training(publication),
    ]
    return front_matter(publication) + "\n" + "\n\n".join(parts) + "\n"


def _warning(publication: Publication) -> list[str]:
    if not publication.copies:
        return []
    said = (
        f"> **This generator copies its training images.** {escaped(publication.copies)}. It was published despite it"
    )
    return [f"{said} (`--despite-copies`). Whoever has the images may recognise them."]


def _summary(publication: Publication) -> str:
    config, metadata = publication.config, publication.checkpoint.metadata
    kind = "grey" if metadata.channels == 1 else "colour"
    told = " It is told which class to draw." if metadata.classes else ""
    return (
        f"A generator of {kind} images of {metadata.size}×{metadata.size} pixels, like those of "
        f"{escaped(publication.images.name)}. It is the {escaped(config.model.name)} of "
        f"[ganetic](https://pypi.org/project/ganetic), trained with the loss {escaped(publication.card.name)}.{told}"
    )


def _use(publication: Publication, folder: str) -> list[str]:
    metadata = publication.checkpoint.metadata
    image = {"latent": publication.config.model.latent, "size": metadata.size, "channels": metadata.channels}
    names = tuple(metadata.classes)
    labels, given = (_LABELS.format(name=names[0]), "latents, labels") if names else ("", "latents")
    parts = [_LOADED.format(folder=folder, **image, labels=labels, given=given)]
    if publication.onnx_apart is not None:
        named = {"file": ONNX, "input": INPUT, "output": OUTPUT, "apart": publication.onnx_apart}
        parts.append(_ONNX.format(**named, **image, **_labels_of(names)))
    return parts


def _labels_of(names: tuple[str, ...]) -> dict[str, str]:
    """What the ONNX file's part says of labels; nothing where there are no classes."""
    if not names:
        return {"label_row": "", "label_input": ""}
    row = _LABEL_ROW.format(input=LABELS, last=len(names) - 1, names=", ".join(map(escaped, names)))
    return {"label_row": row, "label_input": _LABEL_INPUT.format(input=LABELS)}


def _data(publication: Publication) -> list[str]:
    origin, images, spec = publication.origin, publication.images, publication.config.data
    classes = f"Classes: {', '.join(map(escaped, images.class_names))}." if images.class_names else "No classes."
    return [
        f"Set: {escaped(publication.checkpoint.metadata.data)} (name and fingerprint), `{spec.name}` of `--data`.",
        f"Licence of the images: {_licence(publication)}",
        *([f"Made by: {escaped(origin.credit)}."] if origin.credit else []),
        f"{publication.trained_on:,} of its {len(images.images):,} images trained the generator; "
        f"{others_of(publication.config)}. {classes}",
        f"Images were brought to {images.images.shape[1]} pixels a side, and to [−1, 1]. {_window(spec.name)}",
        *changes_of(publication.config),
    ]


def others_of(config: TrainConfig) -> str:
    """Say what became of the images that did not train the generator."""
    if config.augmentation.resolved_kind == "ada":
        ranks = f"of {LEAST_HELD_OUT} held-out ones or more, how the discriminator ranks them decided the changes below"
        return f"no gradient came from the others ({ranks})"
    return "it never saw the others"


def changes_of(config: TrainConfig) -> list[str]:
    """Say how images were changed in a training: a sentence for each way."""
    learnt, seen = config.data.augmentation, config.augmentation
    said = [f"Changes to real images that the generator learnt to draw, too: {', '.join(learnt)}."] if learnt else []
    if seen.resolved_kind != "none":
        names = ", ".join(name for name, value in seen.changes.model_dump().items() if value)
        often = f"with probability {seen.p:g}" if seen.resolved_kind == "fixed" else f"adaptive, at most {seen.cap:g}"
        said.append(f"The discriminator saw real and generated images through random changes alike ({often}): {names}.")
    return said or ["Real images were changed by nothing else."]


def _licence(publication: Publication) -> str:
    told = publication.origin.licence
    if told:
        return f"{escaped(told)}. The weights are published under the same; `license` above says it to programs."
    return "**not told**. Find it out before you upload or use anything of this; `--data-licence` puts it here."


def _window(name: str) -> str:
    match window_of(name):
        case None:
            return "No window was named: 8-bit images are taken as they are."
        case (low, high):
            return f"By the window, 0 to 255 stand for {low:.6g} to {high:.6g} in units of the files."
        case window:
            return f"The window is that of the {window}, percentiles 0.5 and 99.5."


def _evaluation(publication: Publication) -> list[str]:
    return [
        f"Images of seed {SEED}, by `ganetic evaluate`. A number has its protocol, a 95 % interval and a floor, "
        "which is what as many real images score in its place.",
        markdown(evaluation_page(publication.evaluation)).rstrip("\n"),
        f"Check for copies: {_copies(publication)}",
    ]


def _copies(publication: Publication) -> str:
    if publication.copies:
        return f"**{escaped(publication.copies)}.**"
    if not publication.memorization_was_judged:
        return "**not made**: there are no images that the generator never saw."
    return "no rule found more copies of training images, or images nearer to them, than among images never seen."


def _training(publication: Publication) -> list[str]:
    metadata, config = publication.checkpoint.metadata, publication.config
    made_with = ", ".join(f"{escaped(key)} {escaped(value)}" for key, value in metadata.made_with.items())
    return [
        _listed(
            [
                *(f"{escaped(name)}: `{text}`" for name, text in publication.card.infix.items()),
                f"Step {publication.checkpoint.step} of {config.steps}; generator averaged at {config.ema_decay:g}.",
                _diagnosis(publication),
                f"Made with {made_with}.",
            ]
        ),
        "The command that trains it again, with the files of this folder:",
        f"```sh\nganetic train {LOSS} --config {TRAINING}\n```",
        *([_ELSEWHERE] if publication.is_of_files else []),
    ]


def _diagnosis(publication: Publication) -> str:
    """What the measurements of the training found, up to the step that is published."""
    state = publication.train_state
    found = {step: ill for (step, _), ill in zip(state.trace[1:], state.ills, strict=False) if ill}
    if not found:
        return f"While it trained, none of {len(state.ills)} measurements found a failure."
    said = ", ".join(f"{escaped(ill.replace('_', ' '))} at step {step}" for step, ill in found.items())
    return f"While it trained, {len(found)} of {len(state.ills)} measurements found a failure: {said}."


def _listed(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
