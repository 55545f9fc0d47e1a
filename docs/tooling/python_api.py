"""The page of the Python functions and classes, from their docstrings and signatures."""

from collections.abc import Iterator

import griffe

import ganetic
from docs.tooling.markdown import code, fence, page, prose
from docs.tooling.source import find
from ganetic.training.config import TrainConfig

INTRODUCTION = """
`import ganetic` gives the names below; `dir(ganetic)` lists them. A function does the work of the command of its name
and returns the result. It prints nothing: only the commands write tables, figures and a run's `best.json`.

The argument `runtime=ganetic.Runtime(workers=2, max_trials=10)` says where a search or a study runs, and for how long.
Wrong input raises `ganetic.UserError`. A path is a `str` or a `Path`. Every name is typed.
"""
RESULTS = """
## What the functions return

Nobody constructs these classes; the functions above return them.
"""
_ELSEWHERE = {f"{TrainConfig.__module__}.{TrainConfig.__qualname__}"}
"""Classes that the page of the configuration keys describes."""


def python_api() -> str:
    """Every public name, and the classes of what the functions return."""
    names = [name for name in ganetic.__all__ if not name.startswith("__")]
    public = {name: _target(f"ganetic.{name}") for name in names}
    lines = [f"- [`ganetic.{name}`](#ganetic{name.lower()}): {_summary(one)}" for name, one in public.items()]
    sections = [_section(f"## ganetic.{name}", name, one) for name, one in public.items()]
    returned = [_section(f"### {one.name}", one.name, one) for one in _returned(list(public.values()))]
    return page("Python", INTRODUCTION, "\n".join(lines), *sections, RESULTS, *returned)


def _target(path: str) -> griffe.Object:
    found = find(path)
    target = found.final_target if isinstance(found, griffe.Alias) else found
    assert isinstance(target, griffe.Object)
    return target


def _summary(one: griffe.Object) -> str:
    assert one.docstring is not None, f"{one.path} has no docstring"
    return prose(one.docstring.value.split("\n\n")[0].replace("\n", " "))


def _section(title: str, name: str, one: griffe.Object) -> str:
    parts = [title]
    if isinstance(one, griffe.Function):
        parts.append(fence(_signature(name, one), "python"))
    parts.append(_described(one))
    if isinstance(one, griffe.Class):
        parts += [_member(member) for member in _public_members(one)]
    return "\n\n".join(part.strip("\n") for part in parts if part)


def _member(member: griffe.Object) -> str:
    if isinstance(member, griffe.Function):
        return f"{fence(_signature(member.name, member), 'python')}\n{_described(member)}"
    annotation = f": {member.annotation}" if isinstance(member, griffe.Attribute) and member.annotation else ""
    return f"{code(member.name + annotation)}: {_described(member)}"


def _public_members(owner: griffe.Class) -> Iterator[griffe.Object]:
    """Attributes first, then methods; what has no docstring is described by the class's own."""
    members = [member for member in owner.members.values() if not member.name.startswith("_") and member.docstring]
    objects = [member for member in members if isinstance(member, griffe.Attribute | griffe.Function)]
    yield from sorted(objects, key=lambda member: isinstance(member, griffe.Function))


def _signature(name: str, function: griffe.Function) -> str:
    """The signature on one line where it fits, else a parameter a line."""
    parameters = list(_parameters(function))
    returns = f" -> {function.returns}" if function.returns else ""
    line = f"{name}({', '.join(parameters)}){returns}"
    if len(line) <= 88:
        return line
    return f"{name}(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + f"){returns}"


_STARS = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}


def _parameters(function: griffe.Function) -> Iterator[str]:
    starred = False
    for parameter in function.parameters:
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is griffe.ParameterKind.keyword_only and not starred:
            starred = True
            yield "*"
        prefix = _STARS.get(parameter.kind, "")
        annotation = f": {parameter.annotation}" if parameter.annotation else ""
        default = f" = {parameter.default}" if parameter.default is not None else ""
        yield f"{prefix}{parameter.name}{annotation}{default}"


def _described(one: griffe.Object) -> str:
    """The docstring, section by section."""
    if one.docstring is None:
        return ""
    return "\n\n".join(filter(None, (_docstring_section(section) for section in one.docstring.parsed)))


def _docstring_section(section: griffe.DocstringSection) -> str:
    kind = section.kind
    if kind is griffe.DocstringSectionKind.text:
        return prose(section.value)
    if kind is griffe.DocstringSectionKind.parameters or kind is griffe.DocstringSectionKind.attributes:
        title = "Arguments" if kind is griffe.DocstringSectionKind.parameters else "Attributes"
        return f"{title}:\n\n" + _items((code(item.name), item.description) for item in section.value)
    if kind is griffe.DocstringSectionKind.raises:
        return "Raises:\n\n" + _items((code(str(item.annotation)), item.description) for item in section.value)
    if kind is griffe.DocstringSectionKind.returns:
        return "Returns: " + " ".join(prose(item.description) for item in section.value)
    if kind is griffe.DocstringSectionKind.yields:
        return "Yields: " + " ".join(prose(item.description) for item in section.value)
    raise NotImplementedError(f"a docstring has a section of the kind {kind.value}; say in {__file__} how it is shown")


def _items(items: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {prose(' '.join(text.split()))}" for name, text in items)


def _returned(public: list[griffe.Object]) -> list[griffe.Class]:
    """Classes of the package that public functions return that stand nowhere else."""
    found: dict[str, griffe.Class] = {}
    for function in public:
        if isinstance(function, griffe.Function) and function.returns is not None:
            names = function.returns.iterate() if isinstance(function.returns, griffe.Expr) else []
            paths = {part.canonical_path for part in names if isinstance(part, griffe.ExprName)}
            for path in sorted(path for path in paths if path.startswith("ganetic.")):
                target = _target(path)
                if isinstance(target, griffe.Class) and target not in public and target.path not in _ELSEWHERE:
                    found[target.path] = target
    return list(found.values())
