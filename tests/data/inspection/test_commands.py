"""``describe`` and ``validate`` as a user meets them: what is printed, exit codes, complaints."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
import typer
import yaml
from inline import inline
from tiny import crystals
from typer.testing import CliRunner

from tlbench.base.errors import TlbenchError
from tlbench.cli.data.describe import describe
from tlbench.cli.data.validate import MAX_FINDINGS, validate
from tlbench.data.cards import card_folder
from tlbench.data.frames import Frames
from tlbench.data.origins.base import sha256_of

app = typer.Typer(pretty_exceptions_enable=False)
app.command("describe")(describe)
app.command("validate")(validate)


@pytest.fixture(scope="module")
def frames():
    return crystals("Ge", 30)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder; return exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLBENCH_STORE", str(tmp_path / "store"))
    # A worker takes seconds to begin, and shows nothing here.
    monkeypatch.setattr("tlbench.engine.run.runner.local", lambda workers: inline())

    def call(*arguments):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if isinstance(result.exception, TlbenchError):
            return 2, str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output

    return call


def write(path, frames):
    ase.io.write(path, frames.to_ase(), format="extxyz")
    return path


def card_of(tmp_path, frames):
    """Write a card of one file."""
    path = write(tmp_path / "mine.extxyz", frames)
    size = path.stat().st_size
    part = {"files": ["mine.extxyz"]}
    card = yaml.safe_load((card_folder() / "sw-ge.yaml").read_text())
    card["name"] = "mine"
    card["origin"] = {
        "kind": "files",
        "reader": "extxyz",
        "files": {"mine.extxyz": {"path": path.name, "sha256": sha256_of(path), "bytes": size}},
        "split": {
            "name": "last",
            "order": "last",
            "train": {"frames": len(frames) - 6, **part},
            "validation": {"frames": 3, **part},
            "test": {"frames": 3, **part},
        },
    }
    (tmp_path / "mine.yaml").write_text(json.dumps(card))
    return "./mine.yaml"


def test_sound_data_end_with_exit_code_0(run, tmp_path, frames):
    code, printed = run("validate", write(tmp_path / "mine.extxyz", frames))
    assert code == 0
    assert "30 structures checked: 0 errors, 0 warnings" in printed


def with_use(card, use):
    path = Path(card)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | use))


def test_marks_and_strata_of_a_card_are_shown(run, tmp_path, frames):
    labelled = replace(frames, phase=np.where(np.arange(30) % 2, "crystal", "liquid"))
    card = card_of(tmp_path, labelled)
    use = {
        "strata": ["phase"],
        "marks": [{"mark": "copy", "frames": [0, 2], "reason": "They are repeated."}],
    }
    with_use(card, use)
    for verb in ("describe", "validate"):
        code, said = run(verb, card)
        assert code == 0, said
        said = " ".join(said.split())
        assert "Stratified draws are by phase: 2 strata of" in said
        assert "2 of 3 test structures are marked 'copy', test frame 0, 2: They are" in said


def test_compositions_that_are_not_trained_on_are_shown(run, tmp_path, frames):
    # The last three frames are the test part; a training frame has a single silicon atom.
    silicon = np.repeat(np.arange(30) >= 28, 8) & (np.arange(240) % 4 == 0)
    silicon[0] = True
    alloy = replace(frames, atomic_numbers=np.where(silicon, 14, frames.atomic_numbers))
    card = card_of(tmp_path, alloy)
    with_use(card, {"elements": ["Si", "Ge"]})
    sentence = (
        "2 of 3 test structures are of compositions that no training structure has, so that errors "
        "on them are extrapolations: SiGe3."
    )
    for verb in ("describe", "validate"):
        code, said = run(verb, card)
        assert (code, sentence in " ".join(said.split())) == (0, True), said
    # All structures of one composition extrapolate nowhere.
    plain = tmp_path / "plain"
    plain.mkdir()
    code, said = run("describe", plain / card_of(plain, frames))
    assert code == 0
    assert "compositions" not in said


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        ({"strata": ["group"]}, "no structure has a known group, so that no draw can be"),
        (
            {"marks": [{"mark": "copy", "frames": [99], "reason": "r"}]},
            "marks: frame 99 is marked 'copy', but the test part has the frames 0 to",
        ),
        (
            {"marks": [{"mark": "copy", "groups": ["Slab"], "reason": "r"}]},
            "marks: the group 'Slab' is marked 'copy', but no test frame has it",
        ),
        (
            {"marks": [{"mark": "copy", "frames": [0, 1, 2], "reason": "r"}]},
            "marks: every test frame is marked, so that none is left",
        ),
    ],
    ids=["strata", "index", "group", "all"],
)
def test_what_a_card_cannot_mean_is_an_error(run, tmp_path, frames, use, complaint):
    card = card_of(tmp_path, frames)
    with_use(card, use)
    for verb, expected in (("describe", 2), ("validate", 1)):
        code, said = run(verb, card)
        assert code == expected, said
        assert complaint in " ".join(said.split())


@pytest.mark.parametrize(
    ("split", "complaint"),
    [
        ({"compositions": ["Mo17W"]}, "no frame has the composition 'Mo17W'"),
        ({"elements": ["Al"]}, "no frame has the element 'Al'"),
        ({"frames": 50}, "split.test asks for 50 frames"),
    ],
)
def test_a_split_that_cannot_be_made_ends_with_exit_code_2(run, tmp_path, frames, split, complaint):
    forces = frames.forces.copy()
    forces[8:16] += 0.5
    card = card_of(tmp_path, replace(frames, forces=forces))
    content = yaml.safe_load((tmp_path / card).read_text())
    content["origin"]["split"]["test"] |= split
    (tmp_path / card).write_text(yaml.safe_dump(content))
    code, said = run("validate", card)
    assert code == 2, said
    assert complaint in " ".join(said.split())
    # The frames are checked nevertheless.
    assert "net-force" in said


def test_errors_come_first_and_end_with_exit_code_1(run, tmp_path, frames):
    forces = frames.forces.copy()
    forces[8:16] += 0.5
    broken = Frames.concatenate([replace(frames, forces=forces), frames.select([3])])
    code, printed = run("validate", card_of(tmp_path, broken))
    assert code == 1
    error, warning = (printed.index(word) for word in ("leak", "net-force"))
    assert error < warning
    assert "mine.extxyz frame 30" in printed
    assert "31 structures checked: 1 error, 1 warning" in printed


def test_alike_findings_are_one(run, tmp_path, frames):
    pushed = frames.forces + np.repeat(np.linspace(0.01, 0.1, 30), 8)[:, None]
    path = write(tmp_path / "mine.extxyz", replace(frames, forces=pushed))
    code, printed = run("validate", path)
    assert code == 0
    assert printed.count("net-force") == 1
    assert "warning  net-force  30 frames: mine.extxyz frame 0–29" in printed
    # Along (1, 1, 1), √3 times what each component was given.
    assert "Net force of 17.3 to 173 meV/Å per atom" in printed
    assert "0 errors, 1 warning" in printed
    assert "--every-frame" in printed

    code, printed = run("validate", path, "--every-frame")
    assert printed.count("net-force") == 30
    assert "--every-frame" not in printed


def test_a_long_list_is_cut(run, tmp_path):
    row = "Properties=species:S:1:pos:R:3:forces:R:3"
    frames = [f"2\nkey{n}=1 {row}\nGe 0 0 0 0 0 0\nGe 2.4 0 0 0 0 0\n" for n in range(60)]
    frames += [f"2\nenergy={n} {row}\nGe 0 0 0 0 0 0\nGe 2.4 0 0 0 0 0\n" for n in range(3)]
    (tmp_path / "mine.xyz").write_text("".join(frames))
    code, printed = run("validate", "mine.xyz")
    assert code == 1
    assert printed.count("error  labels") == MAX_FINDINGS
    assert "… and" in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.extxyz"], "There is no data file 'missing.extxyz'"),
        (["data.json"], "There is no data file 'data.json'"),
        (["missing.yaml"], "There is no card file 'missing.yaml'"),
        (["sw-is"], "did you mean 'sw-si'"),
        (["sw-si", "--reader", "extxyz"], "sw-si is a card, which names its own reader"),
        (["x.yaml", "--reader", "extxyz"], "There is no card file 'x.yaml'"),
        (["x.xyz", "--reader", "extyxz"], "no data file"),
    ],
)
def test_mistakes_end_with_exit_code_2(run, arguments, complaint):
    code, said = run("validate", *arguments)
    assert code == 2
    assert complaint in said


def test_an_unknown_reader(run, tmp_path, frames):
    code, said = run("validate", write(tmp_path / "a.xyz", frames), "--reader", "extyxz")
    assert code == 2
    assert "did you mean 'extxyz'?" in said


def test_a_page_that_cannot_be_written(run, tmp_path, frames):
    (tmp_path / "file").write_text("in the way")
    code, said = run("describe", card_of(tmp_path, frames), "--html", "file/page.html")
    assert code == 2
    assert "choose another with --html" in said


def test_a_file_whose_name_is_not_utf_8(run, tmp_path, frames):
    odd = os.fsdecode(b"caf\xe9.extxyz")
    card = card_of(tmp_path, Frames.concatenate([frames, frames.select([3])]))
    try:
        (tmp_path / "mine.extxyz").rename(tmp_path / odd)
    except OSError:
        pytest.skip("this file system has no such names")
    text = json.loads((tmp_path / card).read_text())
    text["title"] = f"Ge of {odd}"
    origin = json.loads(json.dumps(text["origin"]).replace("mine.extxyz", json.dumps(odd)[1:-1]))
    # Quoted and escaped, as tlbench data new writes it.
    (tmp_path / card).write_text(json.dumps({**text, "origin": origin}))
    code, printed = run("describe", card)
    assert code == 0, printed
    assert "caf\N{REPLACEMENT CHARACTER}.extxyz" in printed
    assert "Ge of caf" in (tmp_path / "runs" / "data" / "mine.html").read_text(encoding="utf-8")
    for argument in (card, odd):
        code, printed = run("validate", argument)
        assert "caf\N{REPLACEMENT CHARACTER}.extxyz frame" in printed


def test_nothing_is_cut_at_80_columns(run, tmp_path, frames, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    group = "bulk crystals with vacancies and interstitials at a high temperature"
    odd = replace(
        frames,
        group=np.full(30, group),
        stress=1e4 * frames.stress,
        forces=frames.forces + np.repeat(np.linspace(0.01, 0.1, 30), 8)[:, None],
    )
    card = card_of(tmp_path, odd)
    code, printed = run("describe", card)
    assert code == 0
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in printed
    words = printed.split()
    assert set(group.split()) <= set(words)
    largest = np.abs(odd.stress).max()
    assert f"{largest:.2f}" in words

    code, printed = run("validate", card)
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 80
    assert "30 frames: mine.extxyz frame 0–29" in lines[0]
    sentence = " ".join(line.strip() for line in lines[1:4])
    assert "Net force of 17.3 to 173 meV/Å per atom instead of zero" in sentence
    assert "atoms or digits may be missing." in sentence


def test_a_name_longer_than_the_terminal_stays_whole(run, tmp_path, frames, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    name = "a" * 90
    code, printed = run("describe", card_of(tmp_path, replace(frames, group=np.full(30, name))))
    assert code == 0
    # A block for each row, since no table can hold it; the terminal's width alone breaks the name.
    assert name in re.sub(r"\s", "", printed)
    block = re.split(r"\n\s*\n", printed[printed.index("Structures") :])[0]
    assert re.findall(r"^(train|validation|test|all) +(\d+) *$", block, flags=re.M) == [
        ("train", "8"), ("validation", "1"), ("test", "1"), ("all", "10"),
    ]  # fmt: skip


def test_a_sampled_data_set_is_described_and_validated(run, tmp_path):
    card = yaml.safe_load((card_folder() / "sw-si.yaml").read_text())
    card["name"] = "small"
    card["origin"].update(
        repeats=[1, 1, 1],
        temperatures_k=[300],
        equilibration_fs=10,
        interval_fs=10,
        train={"trajectories": 1, "frames": 2},
        validation={"trajectories": 1, "frames": 1},
        test={"trajectories": 1, "frames": 1},
    )
    (tmp_path / "small.yaml").write_text(json.dumps(card))
    code, printed = run("describe", "./small.yaml", "--cutoff", 3)
    assert code == 0, printed
    assert "energy per atom (eV)" in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ["all", "2", "1", "1", "4"] in lines
    assert ["a", "cell", "narrower", "than", "6", "Å", "2", "1", "1", "4"] in lines
    page = tmp_path / "runs" / "data" / "small.html"
    assert str(page.relative_to(tmp_path)) in printed
    assert "a cell narrower than 6 Å" in page.read_text()

    code, printed = run("validate", "./small.yaml")
    assert code == 0, printed
    assert "4 structures checked: 0 errors, 0 warnings" in printed
    assert "fewer than 8 frames" in printed


def test_a_file_without_a_card_is_described_under_guessed_keys(run, tmp_path, frames):
    path = write(tmp_path / "mine.extxyz", frames)
    path.write_text(
        path.read_text().replace(":forces:", ":REF_forces:").replace(" energy", " REF_energy")
    )
    code, said = run("describe", path)
    assert code == 0
    assert "energies: key 'REF_energy'" in said
    assert "split: " in said
    assert "force on an atom (eV/Å)" in said
    assert not list(tmp_path.glob("*.yaml"))
