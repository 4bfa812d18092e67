"""What the documents say is run."""

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sightline

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "README.ko.md", "docs/index.md", "docs/tasks.md", "docs/messages.md"]


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


def command(page, name):
    (found,) = re.findall(rf"<!-- {name} command -->\n```\n(.+?)\n```\n<!-- end -->", text(page), re.S)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"```python\n(.+?)```", text(page), re.S)
    assert snippets
    code = compile("\n".join(snippets), page, "exec")
    exec(code, {"__name__": page})


def test_both_readmes_have_the_same_code():
    blocks = [re.findall(r"```(?:python)?\n(.+?)```", text(page), re.S) for page in PAGES[:2]]
    bare = [[re.sub(r"#.*", "", block) for block in page] for page in blocks]
    assert [b.split() for b in bare[0]] == [b.split() for b in bare[1]]


def test_ci_runs_the_test_command_of_the_readme():
    """The script takes the command from between the markers, so it cannot drift."""
    script = text(".ci/run")
    (cut,) = re.findall(r"command=\$\((.+)\)\n", script)
    done = subprocess.run(["bash", "-c", cut], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == command("README.md", "test")
    assert 'bash -euo pipefail -c "$command"' in script


def test_the_commands_of_the_readme_install_this_package():
    project = text("pyproject.toml")
    for name in ("demo", "test"):
        assert "pip install -c constraints.txt" in command("README.md", name)
    assert 'sightline = "sightline.cli:main"' in project
    assert "\ntest = [" in project
    assert "torch==" in text("constraints.txt")
    assert "torch==" not in project


def test_the_help_names_every_option_that_the_pages_use():
    shown = {}
    for name in ("explain", "demo", "selfcheck"):
        words = [sys.executable, "-m", "sightline", name, "--help"]
        env = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
        shown[name] = subprocess.run(words, capture_output=True, text=True, check=True, env=env).stdout
    pages = "".join(map(text, PAGES))
    for name, options in re.findall(r"^sightline (\w+)(.*)$", pages, re.M):
        for option in re.findall(r"--[a-z]+", options):
            assert option in shown[name]
    assert "--dataset" in shown["demo"]


def modules():
    names = [found.name for found in pkgutil.walk_packages(sightline.__path__, "sightline.")]
    return ["sightline", *(name for name in names if not name.endswith("__main__"))]


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_docstrings_are_true(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert failed == 0


def test_links_between_the_pages_lead_somewhere():
    for page in [*PAGES, "CONTRIBUTING.md", "docs/from-lime.md", "docs/the-arrow.md"]:
        for link in re.findall(r"\]\(([^)#:]+)\)", text(page)):
            assert ((ROOT / page).parent / link).exists(), f"{page}: {link}"


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path):
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Contrast" in (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_wheel_holds_the_package_its_types_and_nothing_else(tmp_path):
    words = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(words, check=True)
    (wheel,) = tmp_path.glob("sightline-*.whl")
    from zipfile import ZipFile

    names = ZipFile(wheel).namelist()
    assert "sightline/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"sightline", wheel.stem.split("-py3")[0] + ".dist-info"}
