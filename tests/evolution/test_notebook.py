from ganetic.evolution.notebook import run_html
from tests.small_run import small_run


def test_a_run_shows_itself() -> None:
    shown = small_run()._repr_html_()
    assert "search in small on digits, seed 0: finished; fd@digits-cnn64/64" in shown
    assert "Finals on fresh seeds" in shown
    assert shown.count("<tr") == 1 + len(small_run().finals())


def test_before_there_are_finals_it_shows_the_front_and_says_how_much_more_there_is() -> None:
    run = small_run()
    front = run.front()
    many = front.loc[front.index.repeat(12)].head(12)
    shown = run_html("run", "running", run.config, many, run.finals().head(0))
    assert "Front: 12 losses" in shown and "… and 2 more" in shown
    assert "<table" not in run_html("run", "running", run.config, front.head(0), run.finals().head(0))


def test_nothing_in_it_is_markup() -> None:
    run = small_run()
    front = run.front().assign(name="<script>1</script>", readable="<b>" * 100)
    shown = run_html("<i>", "running", run.config.model_copy(update={"data": "<u>"}), front, run.finals().head(0))
    for mark in ("<script", "<b>b", "<b><b>", "<i>", "<u>"):
        assert mark not in shown
