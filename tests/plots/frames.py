"""Tables of the shape that a run gives, made by hand."""

import numpy as np
import pandas as pd


def individuals(count: int = 60) -> pd.DataFrame:
    stream = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "individual": np.arange(count),
            "name": ["bce", *[""] * (count - 1)],
            "readable": [f"p³ + sqrt({number}·y/p)" for number in range(count)],
            "fd": np.where(np.arange(count) % 7 == 6, np.nan, np.exp(stream.normal(4.4, 0.4, count))),
            "instability": stream.gamma(2, 0.2, count),
            "viable": np.arange(count) % 7 != 6,
            "rung": np.arange(count) % 3,
        }
    )


def front(count: int = 9) -> pd.DataFrame:
    rank = np.arange(count)
    return pd.DataFrame(
        {
            "individual": 100 + rank,
            "name": "",
            "readable": [f"exp(-{number}·p) + " + "log(p) + " * 30 + "y" for number in rank],
            "fd": 40.0 + 5 * rank,
            "instability": 0.5 - 0.05 * rank,
            "nodes": 7,
        }
    )


def finals() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "contestant": ["individual 12", "individual 33", "bce"],
            "individual": [12, 33, -1],
            "name": ["", "", "bce"],
            "readable": ["p²", "exp(p)", "d_real = softplus(-d); d_fake = softplus(d); g_fake = softplus(-d)"],
            "fd": [48.0, 66.0, 58.0],
            "fd_low": [44.0, 50.0, 52.0],
            "fd_high": [52.0, 99.0, 66.0],
            "instability": [0.2, 0.9, 0.31],
            "failed": [0, 1, 0],
            "seeds": [3, 3, 3],
            "trainings": [3, 3, 3],
            "reference": [False, False, True],
        }
    )


def final_values() -> pd.DataFrame:
    table = finals()
    rows = [
        (row["contestant"], row["individual"], row["name"], seed, seed == 2 and row["failed"] > 0, row[column])
        for row in table.to_dict("records")
        for seed, column in enumerate(("fd_low", "fd", "fd_high"))
    ]
    return pd.DataFrame(rows, columns=("contestant", "individual", "name", "seed", "failed", "fd"))


def trials() -> pd.DataFrame:
    states = ["completed", "pruned", "completed", "failed", "completed", "running"]
    return pd.DataFrame(
        {
            "number": range(6),
            "kind": "child",
            "individual": [0, 1, 0, 2, 3, 4],
            "seed": 7,
            "steps": [400, 400, 400, 400, 200, 400],
            "state": states,
            "fd": [100.0, 500.0, 64.0, 800.0, 10.0, np.nan],
            "seconds": [3.0, 1.0, 3.0, 2.0, 3.0, np.nan],
            "finished_at": [1003.0, 1002.0, 1006.0, 9000.0, 9003.0, np.nan],
        }
    )
