import math

from ganetic.report.cells import decimal, decimal2, decimal3, share


def test_decimal() -> None:
    assert (decimal(1.26), decimal2(1.264), decimal(math.nan)) == ("1.3", "1.26", "-")
    assert (decimal3(1.2644), decimal3(math.inf), share(1, 3)) == ("1.264", "-", "1/3")
