from tests.report.web.pages import REFERENCE, check, elements, page_of, text_of


def test_runs_of_different_kinds_stand_in_one_page_with_a_table_on_top() -> None:
    names = ("paper", "paper-random", "transfer/width16")
    tree = check(page_of(*(REFERENCE / name for name in names)))
    assert [text_of(one) for one in elements(tree, "h2")] == ["Side by side", "paper", "paper-random", "width16"]
    table = next(elements(tree, "table"))
    rows = [text_of(row) for row in elements(table, "tr")]
    assert rows[1].startswith("papersearch, finished")
    assert rows[2].startswith("paper-randomrandom search, finished")
    assert rows[3].startswith("width16comparison, finished")
    assert [one.get("href") for one in elements(table, "a")] == ["#r1", "#r2", "#r3"]


def test_searches_that_measure_alike_are_drawn_together() -> None:
    names = ("chest-neighbours-s7101", "chest-plain-s7101", "pneumonia-neighbours-s7101", "pneumonia-plain-s7101")
    tree = check(page_of(*(REFERENCE / "better-loss" / name for name in names)))
    together = [one for one in elements(tree, "section") if (one.get("id") or "").startswith("together-")]
    legends = [text_of(next(elements(one, "ul", "legend"))) for one in together]
    assert legends == [
        "chest-neighbours-s7101 (100 trials)chest-plain-s7101 (150 trials)",
        "pneumonia-neighbours-s7101 (100 trials)pneumonia-plain-s7101 (150 trials)",
    ]


def test_the_same_run_twice_has_two_chapters() -> None:
    directory = REFERENCE / "transfer" / "width16"
    assert len([*elements(check(page_of(directory, directory)), "article", "chapter")]) == 2
