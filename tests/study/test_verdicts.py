"""What a person says of groups, regions, concepts and properties, and where it is kept."""

import csv
import io
import json
import threading
import tomllib

import numpy as np
import pytest

import sightline as sl
from sightline._language import use_language
from sightline.errors import FileError, OptionError
from sightline.regions.region_file import describe_regions
from sightline.study.thing_keys import judged_things
from sightline.study.verdicts import Verdicts, group_key
from support.problems import PLAN, images, model

pytestmark = pytest.mark.filterwarnings("ignore::sightline.errors.SightlineWarning")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with wrong answers: labels of which every third was turned over."""
    data, labels = images(24)
    labels = np.where(np.arange(24) % 3, labels, 1 - labels)
    return sl.Study(tmp_path_factory.mktemp("said") / "run", PLAN).run((data, labels), model, progress=False)


@pytest.fixture
def verdicts(tmp_path):
    return Verdicts(tmp_path)


def test_what_was_said_is_there_again_and_the_last_word_counts(verdicts):
    verdicts.say("jaw", "reason")
    verdicts.say("jaw", "shortcut", "the scanner puts a bar there")
    verdicts.say("chromaticity", "shortcut")
    verdicts.say("concept 1", "reason", of="concept")
    told = [(one.of, one.name, one.said, one.note) for one in Verdicts(verdicts.path.parent)]
    assert told == [
        ("region", "jaw", "shortcut", "the scanner puts a bar there"),
        ("property", "chromaticity", "shortcut", ""),
        ("concept", "concept 1", "reason", ""),
    ]
    assert verdicts.names("shortcut") == ["jaw", "chromaticity"]
    verdicts.withdraw("jaw")
    assert verdicts.of("jaw") is None
    assert len(verdicts) == 2
    assert verdicts.of("concept 1").when[:4] >= "2024"


def test_a_group_is_known_by_its_images(study):
    (group, *_) = sl.atlas(study, progress=False).groups
    made = study.verdicts.say(group, "wrong label", "two were swapped")
    ids = [study.ids[study.places.tolist().index(place)] for place in group.members.tolist()]
    assert made.images == tuple(ids)
    assert made.key == group_key(reversed(ids)) != group_key(ids[1:])
    assert study.verdicts.of(made.key).said == "wrong label"
    assert [one.key for one in study.verdicts.wrong_labels()] == [made.key]
    rows = list(csv.DictReader(io.StringIO(study.verdicts.to_csv({ids[0]: ("=a", "b")}))))
    assert [row["image"] for row in rows] == ids
    assert (rows[0]["label"], rows[0]["note"]) == ("'=a", "two were swapped")
    study.verdicts.withdraw(group)
    assert not len(study.verdicts)


def test_concepts_of_other_answers_are_not_taken_for_those_of_now(tmp_path):
    now = "one"
    verdicts = Verdicts(tmp_path, answers=lambda: now)
    verdicts.say("concept 1", "shortcut", of="concept")
    verdicts.say("jaw", "shortcut")
    assert verdicts.names("shortcut") == ["concept 1", "jaw"]
    now = "another"
    assert verdicts.names("shortcut") == ["jaw"]


def draw(folder, among=101, **places):
    """Drawn regions of a study: name → rows and columns, in shares."""
    lines = "".join(f"{name} = {[[a, b], [a, d], [c, d], [c, b]]}\n" for name, (a, b, c, d) in places.items())
    (folder / "drawn_regions.toml").write_text(f"among = {among}\n[polygons]\n{lines}")


def test_what_is_said_of_a_drawn_region_goes_with_it_and_not_with_its_name(verdicts):
    folder = verdicts.path.parent
    draw(folder, bar=(0, 0, 0.25, 0.25))
    verdicts.say("bar", "shortcut", "the corner mark")
    draw(folder, strip=(0, 0, 0.25, 0.25))  # called otherwise
    assert verdicts.names("shortcut") == ["strip"]
    assert verdicts.of("strip").note == "the corner mark"
    assert verdicts.of("bar") is None
    draw(folder, bar=(0.5, 0.5, 0.9, 0.9))  # removed, and another drawn of that name
    assert verdicts.names("shortcut") == []
    assert [one.note for one in verdicts.past()] == ["the corner mark"]
    verdicts.say("bar", "reason")
    assert [(one.name, one.said) for one in verdicts.current()] == [("bar", "reason")]
    draw(folder, bar=(0, 0, 0.25, 0.25))  # the first again: it is the same thing
    assert [(one.name, one.said) for one in verdicts.current()] == [("bar", "shortcut")]
    verdicts.withdraw("bar")
    assert [one.said for one in verdicts] == ["reason"]


def test_cells_of_another_grid_are_other_regions(verdicts):
    folder = verdicts.path.parent
    sl.regions.grid(8, 8).save(folder / "regions.toml")
    verdicts.say("r1c1", "shortcut")
    sl.regions.grid(2, 2).save(folder / "regions.toml")
    assert verdicts.names("shortcut") == []
    assert verdicts.of("r1c1") is None
    verdicts.say("r1c1", "reason")
    assert verdicts.of("r1c1").said == "reason"
    sl.regions.grid(8, 8).save(folder / "regions.toml")
    assert verdicts.of("r1c1").said == "shortcut"
    joined = sl.regions.masks({"left": np.eye(4) > 0, "right": np.eye(4) < 1})
    joined.save(folder / "regions.toml")
    verdicts.say("left", "reason")
    joined["right"].save(folder / "regions.toml")
    assert verdicts.of("left") is None


@pytest.mark.parametrize("made", [sl.regions.face(), sl.regions.grid(3, 3), sl.regions.chest()])
def test_a_region_is_the_same_in_the_file_of_what_blame_found(verdicts, made):
    folder = verdicts.path.parent
    made.save(folder / "regions.toml")
    in_toml = {one.name: one.key for one in judged_things(folder)}
    (folder / "regions.toml").unlink()
    (folder / "blame.json").write_text(json.dumps({"areas": describe_regions(made)}))
    assert {one.name: one.key for one in judged_things(folder)} == in_toml
    assert len(set(in_toml.values())) == len(made)


def test_of_two_drawn_regions_of_one_outline_the_one_that_was_judged_is_named(verdicts):
    draw(verdicts.path.parent, 102, first=(0, 0, 0.25, 0.25), second=(0, 0, 0.25, 0.25))
    for name in ("first", "second"):
        verdicts.say(name, "shortcut")
        assert verdicts.names("shortcut") == [name]


def test_a_template_s_region_and_a_drawn_one_of_its_name_are_told_apart(verdicts):
    folder = verdicts.path.parent
    draw(folder, jaw=(0, 0, 0.25, 0.25), bar=(0.5, 0.5, 0.9, 0.9))
    verdicts.say("jaw", "shortcut", "the corner mark")
    sl.regions.face().save(folder / "regions.toml")
    assert verdicts.names("shortcut") == ["jaw (drawn)"]
    with pytest.raises(OptionError, match=r"two that are called 'jaw': 'jaw \(not drawn\)' and 'jaw \(drawn"):
        verdicts.say("jaw", "reason")
    verdicts.say("jaw (not drawn)", "reason")
    verdicts.say("bar", "reason")
    assert {(one.name, one.said) for one in verdicts.current()} == {
        ("jaw (drawn)", "shortcut"),
        ("jaw (not drawn)", "reason"),
        ("bar", "reason"),
    }


def test_what_was_said_before_regions_were_known_by_their_place_stays(verdicts):
    folder = verdicts.path.parent
    verdicts.path.write_text('[[verdict]]\nname = "bar"\nsaid = "shortcut"\n')
    draw(folder, bar=(0, 0, 0.25, 0.25))
    assert verdicts.names("shortcut") == ["bar"]
    verdicts.say("bar", "reason")
    assert [one.said for one in verdicts] == ["reason"]


@pytest.mark.parametrize(
    "text", ["[[", "polygons = 3", "[polygons]\na = [1]", "[masks]\nfile = 5", "found_in = 5"]
)
def test_files_of_regions_that_are_damaged_are_left_aside(verdicts, text):
    for name in ("regions.toml", "drawn_regions.toml"):
        (verdicts.path.parent / name).write_text(text)
    (verdicts.path.parent / "blame.json").write_text("[3]")
    assert verdicts.say("jaw", "reason").key == ""
    assert verdicts.names("reason") == ["jaw"]


def test_what_later_versions_wrote_stays_and_what_is_not_known_is_left_aside(verdicts):
    verdicts.path.write_text(
        'later = "kept"\n'
        '[[verdict]]\nof = "region"\nname = "hair"\nsaid = "reason"\nsure = 0.9\n'
        '[[verdict]]\nof = "region"\nname = "eyes"\nsaid = "perhaps"\n'
        '[[verdict]]\nname = "nose"\nsaid = "shortcut"\n'
    )
    assert [one.name for one in verdicts] == ["hair", "nose"]
    verdicts.say("jaw", "shortcut")
    text = tomllib.loads(verdicts.path.read_text())
    assert text["later"] == "kept"
    assert [one.get("sure") for one in text["verdict"]] == [0.9, None, None, None]
    assert [one["said"] for one in text["verdict"]] == ["reason", "perhaps", "shortcut", "shortcut"]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("verdict = 3", "verdicts-damaged"),
        ("[[verdict", "verdicts-damaged"),
        ("layout = 99", "file-layout"),
        ("layout = 'one'", "verdicts-damaged"),
    ],
)
def test_a_file_that_is_something_else_is_never_written_over(verdicts, text, slug):
    verdicts.path.write_text(text)
    for does in (lambda: list(verdicts), lambda: verdicts.say("jaw", "reason")):
        with pytest.raises(FileError) as caught:
            does()
        assert caught.value.slug == slug
    assert verdicts.path.read_text() == text


def test_what_cannot_be_said_is_refused(verdicts):
    with pytest.raises(OptionError, match=r"there is no said 'shortcutt'\. Did you mean 'shortcut'"):
        verdicts.say("jaw", "shortcutt")
    with pytest.raises(OptionError, match="a person's verdict is of a region"):
        verdicts.say(3, "reason")
    with pytest.raises(OptionError, match="a note is a text of 2,000 letters"):
        verdicts.say("jaw", "reason", "x" * 2001)
    assert not verdicts.path.exists()


def test_of_several_who_speak_at_once_everybody_is_heard(verdicts):
    names = [f"region {number}" for number in range(8)]
    threads = [
        threading.Thread(target=Verdicts(verdicts.path.parent).say, args=(one, "reason")) for one in names
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.name for one in verdicts) == names
    assert [one.name for one in verdicts.path.parent.iterdir()] == ["verdicts.toml"]


def test_it_prints_as_a_table_in_the_reader_s_language(verdicts):
    verdicts.say("jaw", "shortcut", "a bar\x1b[2J")
    assert "A person has said of 1 thing" in repr(verdicts)
    assert "\x1b" not in repr(verdicts)
    assert "<td" in verdicts._repr_html_()
    with use_language("ko"):
        assert "지름길" in repr(verdicts)


def test_a_note_begins_no_line_of_the_table_of_wrong_labels(tmp_path):
    verdicts = Verdicts(tmp_path)
    verdicts.say("a.png", "wrong label", "seen\r=1+1", of="image")
    rows = list(csv.DictReader(io.StringIO(verdicts.to_csv(), newline="")))
    assert [one["note"] for one in rows] == ["seen\r=1+1"]
