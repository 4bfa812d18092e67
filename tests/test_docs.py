"""What the documents say is run."""

import ast
import doctest
import importlib
import pkgutil
import re
import runpy
import shlex
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import sightline
from sightline.cli import app
from support import unchecked

ROOT = Path(__file__).parents[1]
READMES = ["README.md", "README.ko.md"]
PAGES = [*READMES, *sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md"))]
LINKED = [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md"]


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page, language=""):
    """The fenced blocks of one language, each with the line that it begins at."""
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text(page), re.S | re.M)
    return [(text(page).count("\n", 0, one.start(2)), one[2]) for one in fences if one[1] == language]


def code(page, language=""):
    return [block for _, block in blocks(page, language)]


def command(page, name):
    """The one line between a page's markers."""
    (found,) = re.findall(rf"<!-- {name} command -->\n```\n(.+)\n```\n<!-- end -->", text(page))
    return found


def run(page, folder, *, replace=("", "")):
    """What a page's Python prints, run as one script, as a reader would; its lines are the page's."""
    script = folder / f"{Path(page).name}.py"
    lines: list[str] = []
    for start, block in blocks(page, "python"):
        lines += [""] * (start - len(lines)) + block.replace(*replace).splitlines()
    script.write_text("\n".join(lines), encoding="utf-8")
    return unchecked.run_script(script)


def test_the_page_about_the_store_is_the_one_that_its_definition_makes():
    script = runpy.run_path(str(ROOT / "scripts" / "store_page.py"))
    assert text("docs/store.md") == script["page"](), "run python scripts/store_page.py"


# The Python of the pages


@pytest.mark.slow
def test_the_python_of_the_readme_runs_and_prints_what_it_says(tmp_path):
    printed = run("README.md", tmp_path)
    (shown,) = code("README.md", "text")
    ours = "".join(printed.splitlines(keepends=True)[: len(shown.splitlines())])
    # The last digits may differ from one machine to the next, and nothing else.
    number = r"\d+(?:\.\d+)?"
    assert re.sub(number, "0", ours) == re.sub(number, "0", shown)
    made, said = ([float(one) for one in re.findall(number, each)] for each in (ours, shown))
    assert made == pytest.approx(said, rel=0.03, abs=0.002)


def test_the_readmes_have_the_same_python_commands_and_output():
    ours, theirs = ([ast.dump(ast.parse(block)) for block in code(page, "python")] for page in READMES)
    assert ours == theirs
    assert code("README.md") == code("README.ko.md")
    assert code("README.md", "text") == code("README.ko.md", "text")


# These need a file and a server, which a reader has of their own.
FILE, SERVER = "docs/how-to/explain-an-onnx-file.md", "docs/how-to/explain-a-served-model.md"


@pytest.mark.slow
def test_the_page_about_files_runs_on_a_real_one(tmp_path):
    from support.linear import fitted
    from support.onnx_graphs import write

    _, linear = fitted((64, 64, 3))
    write(tmp_path / "model.onnx", linear, ["N", 3, 64, 64])
    run(FILE, tmp_path)


@pytest.mark.slow
def test_the_page_about_servers_runs_on_a_real_one(tmp_path):
    from support.linear import fitted
    from support.scripts import command as script
    from support.servers import serving

    _, linear = fitted((64, 64, 3))
    np.savez(tmp_path / "weights.npz", weights=linear.weights, offsets=linear.offsets, shape=(64, 64, 3))
    served = script("serve", tmp_path / "weights.npz")
    with serving(served, tmp_path / "serve.log", ready="/v2/health/ready") as root:
        run(SERVER, tmp_path, replace=("http://localhost:8501", root))


OTHERS = [page for page in PAGES if page not in (*READMES, FILE, SERVER) and code(page, "python")]


@pytest.mark.slow
@pytest.mark.parametrize("page", OTHERS)
def test_the_python_of_the_other_pages_runs(page, tmp_path):
    run(page, tmp_path)


def modules():
    names = [found.name for found in pkgutil.walk_packages(sightline.__path__, "sightline.")]
    return ["sightline", *(name for name in names if not name.endswith("__main__"))]


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_docstrings_are_true(name):
    if name.endswith("gradient_penalty"):
        pytest.importorskip("torch")
    module = importlib.import_module(name)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(module, optionflags=options)
    assert result.failed == 0
    written = Path(module.__file__).read_text(encoding="utf-8").count(">>> ")
    skipped = Path(module.__file__).read_text(encoding="utf-8").count("+SKIP")
    tried = result.attempted - getattr(result, "skipped", 0)  # which Python 3.13 counts among them
    assert tried == written - skipped, "an example was not found"


# The commands of the pages


def test_ci_runs_the_test_command_of_the_readme():
    """The script takes the command from between the markers, so it cannot drift."""
    script = text(".ci/run")
    (cut,) = re.findall(r"^command=\$\((.+)\)$", script, re.M)
    done = subprocess.run(["bash", "-c", cut], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == command("README.md", "test")
    assert 'bash -euo pipefail -c "$command"' in script


@pytest.mark.parametrize("page", LINKED)
def test_every_install_line_uses_the_constraints_and_an_extra_that_exists(page):
    extras = set(re.findall(r"^(\w+) = \[", text("pyproject.toml").split("[project.optional", 1)[1], re.M))
    for line in re.findall(r"^.*pip install.*$", text(page), re.M):
        assert "pip install -c constraints.txt" in line
        assert set(re.findall(r"\.\[(\w+)\]", line)) <= extras


@pytest.mark.parametrize("page", PAGES)
def test_an_extra_that_a_page_names_exists(page):
    extras = text("pyproject.toml").split("[project.optional-dependencies]", 1)[1]
    for extra in re.findall(r"extra `(\w+)`", text(page)):
        assert f"\n{extra} = [" in extras


def explains():
    """Every `sightline explain` of the pages."""
    lines = "\n".join(text(page) for page in PAGES)
    return sorted(set(re.findall(r"^(sightline explain MODEL .+)$", lines, re.M)))


@pytest.mark.slow
@pytest.mark.parametrize("line", explains())
def test_every_explain_command_of_the_pages_works(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = (
        "def left(x):\n    return x.reshape(len(x), -1)[:, :99].mean(axis=1) / (510 if x.max() > 9 else 2)\n"
    )
    (tmp_path / "own.py").write_text(model)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    faces = sightline.data.drawn_faces(1, size=48).images
    Image.fromarray((faces[0] * 255).astype(np.uint8)).save("one.png")
    words = line.replace("MODEL", "own:left").replace("IMAGE...", "one.png").replace("DIR", "made")
    done = CliRunner().invoke(app, shlex.split(words)[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert sightline.Explanation.load("made/one.npz").attribution.calls > 0
    assert Path("made/one.png").stat().st_size > 0


@pytest.mark.parametrize("page", READMES)
def test_the_commands_of_the_readme_about_labelled_images_work(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mean_light", raising=False)
    (tmp_path / "mean_light.py").write_text("def bright(x):\n    return x.reshape(len(x), -1).mean(axis=1)\n")
    for label, value in (("dark", 10), ("light", 240)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(np.full((8, 8, 3), value + number, np.uint8)).save(f"data/{label}/{number}.png")
    lines = re.findall(r"^sightline (evaluate .+|grid .+)$", text(page), re.M)
    assert [line.split()[0] for line in lines] == ["grid", "evaluate"]
    for line in lines:
        words = line.replace("MODEL", "mean_light:bright").replace("DATA", "data")
        done = CliRunner().invoke(app, shlex.split(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert "accuracy   1.000" in done.output
    assert Path("grid.png").stat().st_size > 0


def test_the_command_page_names_every_command_and_option_and_no_other():
    page, commands = text("docs/command.md"), get_command(app).commands
    sections = {part.split("`")[0].split()[0]: part for part in page.split("\n## `sightline ")[1:]}
    assert set(sections) - {"--version"} == set(commands)
    for name, one in commands.items():
        options = {flag for each in one.params for flag in each.opts if flag.startswith("--")}
        named = set(re.findall(r"^\| `(--[\w-]+)", sections[name], re.M))
        assert named == options, name


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_command_that_is_not_there(page):
    commands = get_command(app).commands
    prose = re.findall(r"`sightline (\w+)", text(page)) + re.findall(r"^sightline (\w+)", text(page), re.M)
    assert {name for name in prose if name.islower()} <= set(commands)


# The pages themselves


@pytest.mark.parametrize("page", LINKED)
def test_links_lead_somewhere(page):
    for link, _, heading in re.findall(r"\]\(([^)#:\s]*)(#([^)\s]+))?\)", text(page)):
        target = ((ROOT / page).parent / link) if link else ROOT / page
        assert target.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M)
            assert heading in {re.sub(r"[^\w-]+", "-", one.lower()).strip("-") for one in headings}


def test_images_are_small():
    images = list((ROOT / "docs" / "images").iterdir())
    assert images
    assert all(image.stat().st_size < 300_000 for image in images)


def ways():
    """The tables of files in the page about how it works, by their headings."""
    parts = text("docs/how-it-works.md").split("\n## The way of ")[1:]
    tables = {part.split("\n")[0]: part.partition("\n## ")[0] for part in parts}
    return {name: re.findall(r"^\| `([\w/]+\.py)` \|", table, re.M) for name, table in tables.items()}


@pytest.mark.parametrize("way", ways())
def test_a_way_through_the_files_is_short_and_names_files_that_are_there(way):
    files = ways()[way]
    assert 8 <= len(files) <= 12
    assert [file for file in files if not (ROOT / "src" / "sightline" / file).exists()] == []


def test_every_page_is_found_from_the_menu():
    menu = text("mkdocs.yml").split("nav:")[1]
    assert sorted(f"docs/{page}" for page in re.findall(r"[\w/-]+\.md", menu)) == PAGES[len(READMES) :]


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning_and_has_every_public_name(tmp_path):
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "LogisticRegression" in (tmp_path / "site" / "tutorial" / "index.html").read_text(encoding="utf-8")
    inventory = (tmp_path / "site" / "objects.inv").read_bytes().split(b"\n", 4)[4]
    documented = {line.split()[0] for line in zlib.decompress(inventory).decode().splitlines()}
    public = {f"sightline.{name}" for name in sightline.__all__ if name != "__version__"}
    assert public <= documented
