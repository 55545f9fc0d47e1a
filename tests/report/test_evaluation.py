import json

from ganetic.evaluation.metric import METRICS
from ganetic.evaluation.results import Copy, Evaluation, Fault, Flag, MetricResult
from ganetic.metrics.resampling import SCHEME
from ganetic.report.evaluation import evaluation_page, evaluation_record
from tests.report import printed

WORST = Evaluation(
    data="chest-xray-of-children-128:0123456789ab",
    generated=100_000,
    measures=tuple(
        MetricResult(
            name=name, protocol=f"{name}@chest/50k", value=-1234.5678, low=-2345.678, high=2345.678, floor=0.1, n=50_000
        )
        for name in METRICS.names()
    ),
    data_copying_z={"features": -12.34, "pixels": 0.5},
    closest=tuple(Copy(generated=k, training=k + 100, ratio=k / 10) for k in range(8)),
    flags=tuple(Flag(fault=fault, said=f"saw {fault} " * 9, rule="a rule of someone " * 9) for fault in Fault),
    intervals=SCHEME,
    notes=("something to keep in mind " * 9,),
)
DIGITS = {("-1234.6", "0.1"), ("-1234.568", "0.100"), ("-1234.56780", "0.10000")}
"""Of -1234.5678 and 0.1: of distances, of shares and of kernel distances."""
GOOD = WORST.model_copy(update={"flags": (), "notes": (), "closest": (), "data_copying_z": {}})


def lines_of(evaluation: Evaluation) -> list[str]:
    return printed.lines_of(evaluation_page(evaluation))


def test_a_page_fits_eighty_columns_with_every_measure_and_fault() -> None:
    lines = lines_of(WORST)
    assert max(map(len, lines)) <= 80
    for name in METRICS.names():
        (row,) = [line for line in lines if line.startswith(f"{name.replace('_', ' ')} ") and " 50000 " in line]
        value, _, floor, *_ = row.removeprefix(name.replace("_", " ")).split()
        assert (value, floor) in DIGITS, "nothing is cut"
    for fault in Fault:
        assert any(line.split("  ")[0] == fault.replace("_", " ") and f" saw {fault}" in line for line in lines)
    text = " ".join(lines)
    assert "z = -12.3 in features, 0.5 in pixels" in text
    assert "0 to 100 (0.00), 1 to 101 (0.10), 2 to 102 (0.20)" in text
    assert "without replacement" in text and "something to keep in mind" in text


def test_nothing_wrong_is_said_in_a_sentence() -> None:
    lines = lines_of(GOOD)
    assert "No rule found a fault." in lines
    assert not any("C_T" in line or "likeliest copies" in line for line in lines)


def test_json_is_strict_and_whole() -> None:
    record = json.loads(json.dumps(evaluation_record(WORST), allow_nan=False))
    assert Evaluation.model_validate(record) == WORST
    assert record["flags"][0]["fault"] == "mode_collapse"
