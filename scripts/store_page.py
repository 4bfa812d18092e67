"""Write docs/store.md, the page about a study's table, from the table's own definition."""

from pathlib import Path

from sightline.study.schema import COLUMNS, HISTORY

PAGE = Path(__file__).parents[1] / "docs" / "store.md"
HEAD = """# The store

<!-- Written by scripts/store_page.py: change src/sightline/study/schema.py instead. -->

A study is a folder:

| what | what it holds |
| --- | --- |
| `plan.toml` | the plan; by what the model and the images can be opened again and known again |
| `plan-DIGEST.npz` | the arrays of the plan, if it has any; `plan.npz` in studies of earlier versions |
| `parts/START-STOP.parquet` | the lines of the images START to STOP − 1, in the order of the data |
| `class_names.txt` | the names that were given for the model's classes, if they were |
| `blame.json`, `causes.json`, … | what the commands found last, with a figure beside each |
| `regions.toml`, `drawn_regions.toml` | the regions that were blamed last, and those that a person drew |
| `verdicts.toml` | what a person says of groups of errors, regions, concepts and properties |
| `jobs/`, `repairs/` | what the studio started, and the repairs that were made there |
| `summary.LANGUAGE.kept` | what the studio worked out of the study, to open at once; may be deleted |
| `claims/` | which parts running processes are at; empty otherwise |

Parts are written aside and renamed, so each is there whole or not at all. Each says in its metadata which
plan, model and images it was computed under, and ends in a digest of itself: one that was damaged, renamed or
computed under another plan is refused. Any Parquet reader reads them; where one part lies within a larger
one, only the larger one counts. `sightline sql` and `Study.sql` ask all
of them as one table, `rows`, which has a line for each image and target, and one for each image that failed:

| column | type | holds |
| --- | --- | --- |
"""


def page() -> str:
    """The page's text."""
    columns = [f"| `{name}` | {kind} | {what} |" for name, (kind, _, what) in COLUMNS.items()]
    layouts = [f"| {layout} | {told} |" for layout, told in HISTORY.items()]
    history = ["", "Layouts so far; an older one is read, a newer one is refused:", ""]
    return (
        HEAD + "\n".join([*columns, *history, "| layout | what is new |", "| --- | --- |", *layouts]) + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
