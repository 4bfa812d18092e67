"""The report in short, in Markdown."""

import dataclasses

from sightline.reports.markdown import escape_markdown, page_markdown
from sightline.reports.summary import Claim, Interval, RegionRow


def test_it_has_the_verdict_the_numbers_and_the_commands(small_summary):
    made = page_markdown(small_summary)
    assert made.startswith("## Report of faces\n")
    assert "1. 25 of 88 answers are wrong" in made
    assert "| accuracy | 0.716" in made
    assert "| jaw | drives errors | " in made
    assert made.rstrip().endswith("```")
    assert len(made) < 12_000


def test_tables_have_as_many_cells_in_each_line(small_summary):
    lines = [one for one in page_markdown(small_summary).splitlines() if one.startswith("|")]
    table: list[int] = []
    for line in lines:
        cells = line.replace("\\|", "").count("|")
        if set(line) <= set("| -"):
            assert cells == table[-1]
        table.append(cells)
    assert set(table) <= {4, 6}


def test_rows_of_one_property_say_of_which_class_and_why_nothing_is_found(small_summary):
    gain = Interval(0.066, 0.026, 0.111)
    row = RegionRow("brightness", "nothing", "nothing found", gain, p=1.0)
    rows = tuple(dataclasses.replace(row, towards=one) for one in ("Ash", "Birch"))
    causes = dataclasses.replace(small_summary.causes, asked=True, rows=rows, of_regions=True)
    made = page_markdown(dataclasses.replace(small_summary, causes=causes))
    assert "| brightness → Ash | nothing found | 0.066 [0.026, 0.111] |" in made
    assert "| brightness → Birch | " in made
    part = made[made.index("brightness → Birch") :].split("\n### ")[0]
    assert "“Nothing found” beside an interval clear of 0" in part
    assert "beside an interval" not in page_markdown(
        dataclasses.replace(
            small_summary,
            blame=dataclasses.replace(small_summary.blame, rows=()),
            causes=dataclasses.replace(causes, rows=()),
        )
    )


def test_names_cannot_become_markup(small_summary):
    text = "<b>x</b> [a](http://b) `c` @team #12 | *d*\n# e"
    said = dataclasses.replace(small_summary, verdict=(Claim(text, "observed"),) * 3)
    made = page_markdown(said)
    assert r"\<b\>x\</b\> \[a\](http://b) \`c\` @<!-- -->team #<!-- -->12 \| \*d\* # e" in made
    assert escape_markdown("# a") == r"\# a"
