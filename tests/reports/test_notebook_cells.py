"""Results as the values of a notebook's cells: run, rendered, and looked at in a browser, trusted and not."""

import copy
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbconvert.preprocessors.sanitize import SanitizeHTML

from support.browser import open_page
from support.scripts import unmeasured

pytestmark = pytest.mark.slow

CELLS = {
    "study": """
        import warnings
        warnings.simplefilter("ignore")
        import sightline as sl
        from sightline.regions import face
        from support.summaries import misled_model, marked_faces, small_study
        from pathlib import Path
        study = small_study(Path("runs"), 60)
        study""",
    "Explanation": "sl.explain(study.image(int(study.places[0])), study.model, study.plan)",
    "Outcomes": "study.outcomes()",
    "Atlas": "atlas = sl.atlas(study)\natlas",
    "Blame": "found = sl.blame(study, face())\nfound",
    "Proof": """
        mended = sl.repair.Guard(region=face()["jaw"])(study.model, study.studied)
        sl.prove(study.model, mended, study.held_out, study=study, explained=4)""",
    "Evaluation": "sl.evaluate(study.model, study.studied)",
    "Report": "sl.report(study, blame=found)",
}
WORDS = {"study": "images explained", "Blame": "wrong answers", "Report": "answers are wrong"}
BASE64 = re.compile(r"[A-Za-z0-9+/=]{120,}")


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with its outputs."""
    home = tmp_path_factory.mktemp("notebook")
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python"}})
    for text in CELLS.values():
        lines = [line[8:] if line.startswith("        ") else line for line in text.strip("\n").splitlines()]
        made.cells.append(nbformat.v4.new_code_cell("\n".join(lines)))
    tests = str(Path(__file__).parents[1])
    env = unmeasured(PYTHONPATH=os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]))
    client = NotebookClient(
        made, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(home)}}
    )
    client.execute(env=env)
    return made, home


def values(notebook):
    """Of each cell, its value in all its forms."""
    return {
        name: next(dict(one.data) for one in cell.outputs if one.output_type == "execute_result")
        for name, cell in zip(CELLS, notebook.cells, strict=True)
    }


def test_every_value_has_a_page_without_scripts_and_a_text(executed):
    for name, value in values(executed[0]).items():
        assert {"text/html", "text/plain"} <= set(value), name
        assert "<script" not in re.sub(r'srcdoc="[^"]*"', "", value["text/html"]), name
        assert not BASE64.search(value["text/plain"]), name
        assert WORDS.get(name, "") in value["text/plain"], name
        assert not value["text/plain"].startswith("<sightline"), name


@pytest.mark.parametrize("trusted", [True, False])
def test_rendered_it_shows_no_encoded_image_as_text(executed, trusted, browser, tmp_path):
    made, home = executed
    # A notebook that is not trusted drops what it does not allow.
    shown = copy.deepcopy(made)
    if not trusted:
        shown, _ = SanitizeHTML(strip=True).preprocess(shown, {})
    body, _ = HTMLExporter().from_notebook_node(shown)
    page = home / f"{'trusted' if trusted else 'untrusted'}.html"
    page.write_text(re.sub(r'<(script|link)[^>]*(src|href)="http[^>]*>(</script>)?', "", body))
    with open_page(browser, page, scripts=False) as opened:
        seen = opened.page.locator("main, body").first.inner_text()
        assert not BASE64.search(seen)
        assert "answers are wrong" in seen
        assert "images explained" in seen
        assert (opened.page.locator("iframe").count() > 0) is trusted
        if trusted:
            frame = opened.page.frame_locator("iframe").last
            assert frame.locator("#blame").count() == 1
            assert not frame.locator("#verdict").is_visible()
