import json

from ganetic.report.renderers.json import to_json
from ganetic.report.run import front_table, run_page, run_record
from tests.plots.frames import front
from tests.report.printed import lines_of
from tests.small_run import small_run


def test_front_fits_eighty_columns_and_shortens_formulas() -> None:
    lines = lines_of(front_table(front()))
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "Front: 9 losses"
    assert lines[2].split()[:4] == ["#100", "40.0", "0.50", "7"]
    assert lines[2].endswith("…")


def test_a_long_front_says_how_many_are_left_out() -> None:
    lines = lines_of(front_table(front(40)))
    assert lines[-1] == "… and 28 more; --json lists all"
    assert len(lines) == 1 + 1 + 12 + 1


def test_an_empty_front() -> None:
    assert lines_of(front_table(front().iloc[:0]))[0].startswith("Front: empty so far")


def test_page_of_a_run() -> None:
    run = small_run()
    lines = lines_of(run_page(run))
    text = "\n".join(lines)
    assert max(len(line.replace(str(run.directory), "RUN")) for line in lines) <= 80
    for part in ("small on digits, seed 0: finished", "fd@digits-cnn64/64", "Front:", "Finals on fresh seeds", "bce"):
        assert part in text


def test_record_of_a_run_survives_strict_json() -> None:
    record = json.loads(to_json(run_record(small_run())))
    assert record["status"] == "finished"
    assert sum(record["states"].values()) == 40 + 5 * 3
    assert {row["name"] for row in record["finals"] if row["reference"]} == {"bce", "ganetic"}
    assert record["front"][0]["readable"]
