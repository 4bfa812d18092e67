"""Away from a notebook there is none; what it shows in one, tests/figures/test_cell_figure.py has run."""

from types import SimpleNamespace

import IPython

from sightline._notebook import CellLine, notebook_shell


def test_neither_a_script_nor_a_terminal_is_a_notebook(monkeypatch):
    assert notebook_shell() is None
    monkeypatch.setattr(IPython, "get_ipython", SimpleNamespace)  # a shell without a kernel
    assert notebook_shell() is None


def test_nothing_is_put_out_to_take_nothing_away(capsys):
    CellLine(SimpleNamespace(execution_count=1)).write("")
    assert capsys.readouterr() == ("", "")
