"""A bar where a person looks."""

from sightline._progress import progress_bar


def worked(shown):
    done = []
    with progress_bar(shown, 3, "explaining answers") as tick:
        for one in range(3):
            tick(1)
            done.append(one)
    return done


def test_nothing_is_shown_where_nobody_wants_it(capsys):
    assert worked(False) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_nothing_is_shown_unasked_in_a_file(capsys):
    assert worked(None) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_bar_says_what_is_done_and_leaves_the_output_alone(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert worked(True) == [0, 1, 2]
    out, err = capsys.readouterr()
    assert out == ""
    assert "explaining answers" in err


def test_the_whole_may_be_unknown():
    with progress_bar(True, None) as tick:
        tick(2)
