"""sympy at a distance: it reads a tree and writes a shorter one, in a child process with a time limit.

Already building a sympy expression can blow up (sixteen nested cubes of 9), and simplifying can hang, so both happen in
the child. It is asked with a tree as plain data, and its answer is text for our own parser.

Why no pool of `multiprocessing` or pebble: one that spawns its processes, or has a server fork them, runs the user's
script in them a second time unless that is guarded by ``__name__``, and with it a search that was started there. One
that forks them hands them torch's address space, which alone is above the limit on theirs: they end with a MemoryError.
"""

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time

from ganetic.errors import UserError
from ganetic.loss.expression import Call, Const, Node, node_count, parse, variables_of
from ganetic.loss.formula import Formula
from ganetic.loss.gradient_equivalence import Original

SECONDS = 1.0
"""Default time limit of one expression, without the start of the child."""
START_SECONDS = 60.0
PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from ganetic.loss.simplifier import main; main()"
"""Of the child, whose arguments are the places where this process finds its modules."""
Plain = list["Plain"] | float | str


def simplified(formula: Formula, seconds: float = SECONDS) -> Formula:
    """The loss with each expression as sympy writes it, where that trains alike and is shorter; else as it is.

    Its `infix` and `latex` are for reading.

    Args:
        formula: the loss.
        seconds: time limit of one expression.
    """
    original, best = Original(formula), formula
    for name, tree in formula.trees.items():
        for rewriting in rewritings(tree, seconds):
            if node_count(rewriting) < node_count(best.trees[name]):
                best = original.rewritten(best, name, rewriting) or best
    return best


def rewritings(tree: Node, seconds: float = SECONDS) -> list[Node]:
    """What sympy makes of a tree within the time limit: at most two trees, which need not train alike."""
    variables = variables_of(tree)
    trees = []
    for text in _child.ask(plain(tree), seconds):
        with contextlib.suppress(UserError):  # too large for the parser, or a constant part that is not finite
            trees.append(parse(text, variables))
    return trees


def plain(tree: Node) -> Plain:
    """The tree as JSON has it: ``[operator, argument, …]``, a constant's number, a variable's name."""
    if isinstance(tree, Call):
        return [tree.op, *map(plain, tree.args)]
    return tree.value if isinstance(tree, Const) else tree.name


class _Child:
    """One lazily started process, replaced when it was killed or died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, tree: Plain, seconds: float) -> list[str]:
        """The texts that arrived before the time was over."""
        with self._lock:
            process = self._process if self._process is not None and self._process.poll() is None else self._start()
            if process is None:
                return []
            answers: list[str | None] = []
            request = json.dumps({"tree": tree, "seconds": seconds}).encode() + b"\n"
            if self._send(process, request):
                answers, finished = _receive(process, time.monotonic() + seconds)
            else:
                finished = False
            if not finished:
                self._kill()
            return [text for text in answers if text is not None]

    def close(self) -> None:
        """Kill the process."""
        with self._lock:
            self._kill()

    def _start(self) -> subprocess.Popen[bytes] | None:
        self._kill()
        # A session of its own keeps Ctrl-C from it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM, *filter(None, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _, ready = _receive(self._process, time.monotonic() + START_SECONDS)
        if not ready:
            self._kill()
        return self._process

    @staticmethod
    def _send(process: subprocess.Popen[bytes], request: bytes) -> bool:
        assert process.stdin is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def _kill(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # a request that it never read
                    pipe.close()
        self._process = None


def _receive(process: subprocess.Popen[bytes], deadline: float) -> tuple[list[str | None], bool]:
    """The answers of one request, and whether it came to its end."""
    assert process.stdout is not None
    descriptor, content = process.stdout.fileno(), b""
    answers: list[str | None] = []
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([descriptor], [], [], remaining)[0]:
            return answers, False
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            return answers, False
        *lines, content = (content + chunk).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            answers.append(answer["text"])
            if answer["done"]:
                return answers, True


_child = _Child()
atexit.register(_child.close)
