from ganetic.report.renderers.latex import escaped, latex
from ganetic.report.table import Page, Paragraph
from tests.report.sample import PAGE


def test_a_page_in_latex_has_its_tables_and_all_else_in_comments() -> None:
    assert latex(PAGE).splitlines() == [
        "% 2 losses, 3 seeds",
        "% on digits_5",
        "% fd: lower is better",
        "% 100 % of the seeds",
        "% mode_collapse: saw 2 < 5 classes",
        "% rule: of someone",
        "% bce: -log(p)",
        "% verdict: by the t test",
        "% detects: 80 % of such studies",
        "",
        r"\begin{tabular}{lrrrl}",
        r"\multicolumn{5}{l}{fd of a\_b \& c} \\",
        r"\toprule",
        r"loss & geom. mean & 95 \% interval & instability & formula \\",
        r"\midrule",
        r"bce & 52.2 & 48.0-57.0 & 0.3 & softplus(-d) \\",
        r"[red]\textless{}b\textgreater{}\#7\textbar{}\_ & 47.5 & --- & - & " + "p³ + " * 20 + r"y \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_what_latex_would_run_is_escaped() -> None:
    assert escaped(r"a_b&c%d$e#f{g}h\i~j^k<l>m|n") == (
        r"a\_b\&c\%d\$e\#f\{g\}h\textbackslash{}i\textasciitilde{}j\textasciicircum{}k"
        r"\textless{}l\textgreater{}m\textbar{}n"
    )
    assert escaped("a\n\\input{b}") == r"a \textbackslash{}input\{b\}"


def test_a_line_break_ends_no_comment() -> None:
    assert latex(Page((Paragraph(("a\n\\input{b}",)),))).startswith("% a\n% \\input{b}\n")
