"""What is taken along is what the page shows, and opens in its own reader."""

import csv
import io
import json

import pytest
from PIL import Image

from sightline.reports.summary import Summary
from support.studios import EVIL


@pytest.mark.slow
def test_the_report_is_that_of_the_command(asked):
    client, studio = asked
    summary = studio.opened.summary()
    page = client.get("/report.html")
    assert page.headers["content-disposition"] == 'attachment; filename="run-report.html"'
    assert summary.verdict[0].text.split(".")[0] in page.text
    assert EVIL not in page.text
    assert Summary.from_dict(client.get("/report.json").json()).title == summary.title
    assert client.get("/report.md").text.splitlines()[1].startswith("## ")
    assert client.get("/report.exe").status_code == 404


@pytest.mark.slow
def test_figures_open(asked):
    client, _ = asked
    with Image.open(io.BytesIO(client.get("/figures/blame.png").content)) as image:
        assert min(image.size) > 100
    drawn = client.get("/figures/blame.svg")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "<svg" in drawn.text
    assert "<script" not in drawn.text
    for missing in ("slices.png", "blame.pdf", "plan.png", "__class__.png"):
        assert client.get(f"/figures/{missing}").status_code == 404


def test_tables_open_and_are_no_formulas(asked):
    client, _ = asked
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("confusion", "measures", "groups", "blame"):
        rows = client.get(f"/tables/{name}.json").json()
        lines = list(csv.reader(io.StringIO(client.get(f"/tables/{name}.csv").text.removeprefix("\ufeff"))))
        assert len(lines) == len(rows) + 1, name
        for cell in (cell for line in lines for cell in line):
            assert not cell.startswith(("=", "@", "\t")), cell
        table = parquet.read_table(io.BytesIO(client.get(f"/tables/{name}.parquet").content))
        assert json.loads(json.dumps(table.to_pylist())) == rows
    assert client.get("/tables/nothing.csv").status_code == 404
