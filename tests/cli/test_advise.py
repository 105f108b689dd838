"""``tlbench advise``: bad input, and what it says."""

import ase.io
import pytest
from own_data import write_crystals


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("nosuch", "Unknown data set 'nosuch'"),
        ("none.extxyz", "none.extxyz: cannot be read (there is no such file)"),
        ("few.extxyz", "few.extxyz: 5 structures to train on, of 7 in all, are too few"),
        ("energies.extxyz", "forces"),
        ("sw-ge-8 --time soon", "--time should be like 600, 90m or 4h, but is soon."),
        ("sw-ge-8 --temperature 0", "--temperature should be above 0 and at most 100,000 K"),
        ("sw-ge-8 --temperature nan", "--temperature should be above 0 and at most 100,000 K"),
        ("sw-ge-8 --backbone schnt", "did you mean 'schnet'"),
        ("sw-ge-8 --sources sw-si8", "did you mean 'sw-si-8'"),
        ("sw-ge-8 --sources ,", "--sources names no candidate"),
        ("sw-ge-8 --sources sw-ge-8", "holds the data that advice is asked for"),
        ("sw-ge-8 --device tpu", "choose one of auto, cpu, cuda"),
        ("sw-ge-8 --out file --sources sw-si-8", "file: cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(refused, tmp_path, arguments, complaint):
    (tmp_path / "file").touch()
    write_crystals(tmp_path / "few.extxyz", "Ge", 7)
    path = write_crystals(tmp_path / "energies.extxyz", "Ge", 12)
    structures = ase.io.read(path, ":")
    for atoms in structures:
        del atoms.calc.results["forces"]
    ase.io.write(path, structures)
    assert complaint in refused("advise", *arguments.split())


def test_what_was_said_before_is_not_repeated(command, monkeypatch, tmp_path):
    """By an answer in place of a run, whose plan left something out."""
    import tlbench.advice.advise as room
    from tlbench.report.content import Section, Sentences

    class Done:
        section = Section("advice", "Advice", [Sentences(["No start.", "Half is left out."])])
        run = type("Run", (), {"out": tmp_path, "report": type("Report", (), {"complete": True})})

    def answer(question, out, store, resources, on_change, on_event, say, show):
        say("Half is left out.")
        return Done

    monkeypatch.setattr(room, "advise", answer)
    ran = command("advise", "sw-ge-8", "--out", tmp_path)
    assert ran.returncode == 0
    assert ran.stdout.count("Half is left out.") == 1
    assert ran.stdout.count("No start.") == 1
