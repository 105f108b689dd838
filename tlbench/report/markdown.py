"""The results of a run in Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence

from tlbench.report.analysis import Analysis
from tlbench.report.content import Figure, Lines, Paragraph, Section, Sentences, Table
from tlbench.report.data_notes import NO_NOTES, DataNotes
from tlbench.report.outline import sections_of
from tlbench.report.sections import answer
from tlbench.report.wording import budget_label, budget_note
from tlbench.results.results import Results
from tlbench.study.suite import Suite


def markdown(
    results: Results,
    metrics: list[str],
    suite: Suite,
    notes: DataNotes = NO_NOTES,
    draws: str = "",
) -> str:
    """Return tables and findings of all ``metrics``, and of whatever else there is.

    Parameters
    ----------
    draws
        How structures are drawn, as `tlbench.report.wording.draw_note` says it.
    """
    notes = notes.completed(results.records)
    results = notes.comparable_results(results)
    head = [f"**{budget_label(suite)}**", budget_note(suite, suite.tuned is not None), draws]
    if notes.sentences:
        head += ["**Data**", _bullets(notes.sentences)]
    sections = list(sections_of(Analysis(results, suite, tuple(metrics)))) if metrics else []
    first = [section for section in sections if section.name == answer.NAME]
    others = [section for section in sections if section not in first]
    blocks = [*_texts(first), *head, *_texts(others)]
    return "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n"


def _texts(sections: Iterable[Section]) -> Iterator[str]:
    for section in sections:
        yield from section_text(section)


def section_text(section: Section) -> Iterator[str]:
    """Yield the blocks of a section in Markdown; figures, and tables in detail, are left out."""
    shown = [b for b in section.blocks if not isinstance(b, Figure)]
    shown = [b for b in shown if not (isinstance(b, Table) and not b.brief)]
    said: set[str] = set()
    if any(not isinstance(block, Paragraph) for block in shown):
        yield f"**{plain(section.title)}**"
        for block in shown:
            match block:
                case Paragraph():
                    yield plain(f"{block.text} {block.file}." if block.file else block.text)
                case Sentences():
                    yield _bullets(block.sentences)
                case Table():
                    # What is called as its section needs no title of its own.
                    if not section.title.startswith(block.title):
                        yield f"{plain(block.title)}:"
                    yield markdown_table(block.lines)
                    yield "" if block.note in said else block.note
                    said.add(block.note)


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {plain(sentence)}" for sentence in sentences)


def markdown_table(lines: Lines) -> str:
    """Return a Markdown table, the first line its header, numbers to the right."""
    rule = ["---"] + ["--:"] * (len(lines[0]) - 1)
    shown = [[plain(cell) for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in [shown[0], rule, *shown[1:]])


def plain(text: str) -> str:
    """Return ``text`` so that Markdown takes none of it for markup: names may be anybody's."""
    text = re.sub("<(?=[A-Za-z/!?])", "&lt;", " ".join(text.split()))
    return text.replace("|", "\\|").replace("](", "]&#40;").replace("`", "&#96;")
