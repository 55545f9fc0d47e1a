import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

import ganetic.config
from ganetic.config import Config, read_toml
from ganetic.errors import UserError
from ganetic.formats import Format, renamed


class Inner(Config):
    renamed_keys: ClassVar[Mapping[str, str]] = {"rate": "lr"}

    lr: float = 0.1


class Outer(Config):
    renamed_keys: ClassVar[Mapping[str, str]] = {"keep": "keep_last", "optimiser": "optimizer"}

    keep_last: int = 1
    optimizer: Inner = Inner()
    others: tuple[Inner, ...] = ()


CHAIN = Format(
    "thing",
    (
        lambda data: renamed(data, {"keep": "last"}),
        lambda data: renamed(data, {"last": "keep_last"}),
        lambda data: {**data, "optimizer": {"lr": data["optimizer"]}} if "optimizer" in data else data,
    ),
)


@pytest.fixture(autouse=True)
def _nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ganetic.config, "_noted", set())
    yield


def read(folder: Path, text: str) -> Outer:
    (folder / "x.toml").write_text(text)
    return read_toml(folder / "x.toml", Outer)


def test_versions_are_migrated_one_after_the_other() -> None:
    wanted = Outer(keep_last=3, optimizer=Inner(lr=0.5))
    oldest = {"keep": 3, "optimizer": 0.5}
    for stored in (
        oldest,
        {"format": 1, **oldest},
        {"format": 2, "last": 3, "optimizer": 0.5},
        {"format": 3, "keep_last": 3, "optimizer": 0.5},
        {"format": 4, "keep_last": 3, "optimizer": {"lr": 0.5}},
    ):
        before = repr(stored)
        assert CHAIN.read(stored, Outer, "x") == wanted
        assert repr(stored) == before  # migrations are pure
    assert CHAIN.stamped(wanted.model_dump(mode="json"))["format"] == CHAIN.version == 4
    assert CHAIN.read(CHAIN.stamped(wanted.model_dump(mode="json")), Outer, "x") == wanted


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"format": 4, "keep": 3}, 'x: unknown key "keep"; expected one of keep_last, optimizer, others'),
        ({"format": 5, "keep_first": 3, "optimizer": {"lr": 1.0, "decay": 2}}, "not understood: .*keep_first"),
        ({"format": 5, "keep_first": 3, "optimizer": {"lr": 1.0, "decay": 2}}, "not understood: .*optimizer.decay"),
        (
            {"format": 5, "keep_last": "all"},
            r"newer .*\(format 5 of a thing, this one reads up to 4\), keep_last is",
        ),
        ({"format": True}, "\"format\" is 'True'; expected 1, 2"),
        ({"format": "2"}, "\"format\" is '2'; expected 1, 2"),
        ([], "x: "),
        (None, "x: "),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(stored: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        CHAIN.read(stored, Outer, "x")
    assert "\n" not in str(caught.value)


def test_a_newer_version_of_known_keys_is_read() -> None:
    assert CHAIN.read({"format": 9, "keep_last": 2}, Outer, "x") == Outer(keep_last=2)


def test_a_migration_that_finds_something_else_is_told_in_a_line() -> None:
    chain = Format("thing", (lambda data: {"keep_last": data["keep"]["last"]},))
    for stored in ({}, {"keep": 3}, {"keep": None}):
        with pytest.raises(UserError, match="x: is damaged, or no thing of format 1"):
            chain.read(stored, Outer, "x")


def test_old_names_in_a_file_are_read_and_noted_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "keep = 2\n[optimiser]\nrate = 0.5\n[[others]]\nrate = 1\n[[others]]\nrate = 2\n"
    with caplog.at_level(logging.INFO):
        found = read(tmp_path, text)
        assert read(tmp_path, text) == found
    assert found == Outer(keep_last=2, optimizer=Inner(lr=0.5), others=(Inner(lr=1), Inner(lr=2)))
    said = [record.getMessage().removeprefix(f"{tmp_path / 'x.toml'}: ") for record in caplog.records]
    assert said == [
        "keep is now keep_last; the old name is still read",
        "optimiser is now optimizer; the old name is still read",
        "optimizer.rate is now optimizer.lr; the old name is still read",
        "others.rate is now others.lr; the old name is still read",
    ]


def test_new_names_are_not_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(tmp_path, "keep_last = 2\n[optimizer]\nlr = 0.5\n")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "keep = 1\nkeep_last = 1\n",
            '"keep" is the old name of "keep_last", and both are given; leave out the old one',
        ),
        ("[optimizer]\nlr = 1\nrate = 1\n", '"optimizer.rate" is the old name of "lr", and both are given'),
        ("[optimizer]\n[optimiser]\n", '"optimiser" is the old name of "optimizer", and both are given'),
        ("kep = 1\n", 'unknown key "kep"; expected one of keep_last, optimizer, others; did you mean "keep_last"'),
        ('keep = "x"\n', "keep_last is 'x'"),
    ],
)
def test_a_key_has_one_name_in_a_file(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, text)
