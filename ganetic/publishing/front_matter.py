"""The front of a model card, which programs read: metadata as the Hugging Face Hub has them.

https://github.com/huggingface/hub-docs/blob/main/modelcard.md lists the keys; ``model-index`` is Papers with Code's.
"""

import re
from typing import Any

import yaml

from ganetic.evaluation.results import MetricResult
from ganetic.publishing.publication import Publication

TASK = "unconditional-image-generation"
LICENCES = (
    "apache-2.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "mit", "odbl", "odc-by", "pddl",
)  # fmt: skip
"""Licences of data that have an identifier on the Hub, https://huggingface.co/docs/hub/repositories-licenses."""


def front_matter(publication: Publication) -> str:
    """Write the metadata as YAML between two rules."""
    data: dict[str, Any] = {**licence(publication.origin.licence), "library_name": "ganetic", "pipeline_tag": TASK}
    data["tags"] = _tags(publication)
    if publication.origin.hub:
        data["datasets"] = [publication.origin.hub]
    data["metrics"] = [measure.name for measure in publication.evaluation.measures]
    data["model-index"] = [{"name": publication.title, "results": [_results(publication)]}]
    return f"---\n{yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)}---\n"


def licence(name: str) -> dict[str, str]:
    """The keys that name a licence: that of the images, which their generator is published under.

    Args:
        name: as people write it, such as ``CC BY 4.0``; empty where none was told.
    """
    plain = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")
    if plain in LICENCES:
        return {"license": plain}
    return {"license": "other", "license_name": plain} if plain else {"license": "unknown"}


def _tags(publication: Publication) -> list[str]:
    onnx = [] if publication.onnx_apart is None else ["onnx"]
    return ["gan", publication.config.model.name, "pytorch", "safetensors", *onnx]


def _results(publication: Publication) -> dict[str, Any]:
    """All measures as one entry of the model's index."""
    name = publication.images.name
    return {
        "task": {"type": TASK},
        "dataset": {"type": publication.origin.hub or name, "name": name},
        "metrics": [_metric(measure) for measure in publication.evaluation.measures],
    }


def _metric(measure: MetricResult) -> dict[str, Any]:
    args = {"low": measure.low, "high": measure.high, "floor": measure.floor, "n": measure.n}
    return {"type": measure.name, "name": measure.protocol, "value": measure.value, "args": args}
