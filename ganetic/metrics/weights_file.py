"""A file of weights becomes tensors, and nothing in it is run."""

import hashlib
import io
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from importlib.resources.abc import Traversable

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ganetic.errors import UserError
from ganetic.files import DIGEST

_UNREADABLE = (
    RuntimeError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    SafetensorError,
)
_NESTED = ("state_dict", "model")
"""Under which names checkpoints keep the state beside optimizers and counters."""

State = dict[str, Tensor]


def read_state(path: Traversable, remedy: str, sha256: str | None = None) -> tuple[State, str]:
    """Read a state dictionary from a ``.safetensors`` file, or else one of ``torch.save`` that holds weights only.

    The bytes that are hashed are the bytes that are parsed. A dictionary of which ``state_dict`` or ``model`` is one
    gives that one.

    Args:
        path: a file, on disk or in a package.
        remedy: the end of the errors: what to do.
        sha256: the file's digest in hex, or its first 8 digits or more; None for any. Another file is not parsed.

    Returns:
        The tensors by name, on the CPU, and the file's sha256 in hex.

    Raises:
        UserError: the file is missing, is another one, or holds more than tensors, or the digest is none.
    """
    if sha256 is not None and not DIGEST.fullmatch(sha256):
        raise UserError(
            f'sha256 "{sha256[:70]}" is none; expected 8 to 64 hex digits, as `sha256sum {path}` prints them'
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise UserError(f"{path}: {'no such file' if missing else error.strerror}; {remedy}") from None
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and not digest.startswith(sha256.lower()):
        raise UserError(f"{path}: its sha256 is {digest}; expected {sha256.lower()}; {remedy}")
    try:
        found = _parse(content, path.name)
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{path}: not a file of weights only ({reason}); {remedy}") from None
    if isinstance(found, Mapping):
        found = next((found[name] for name in _NESTED if isinstance(found.get(name), Mapping)), found)
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"{path}: not a state dictionary of tensors; {remedy}")
    return {str(name): value.detach() for name, value in found.items()}, digest


def _parse(content: bytes, name: str) -> object:
    if name.endswith(".safetensors"):
        return safetensors.torch.load(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of odd files before it refuses them
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
