"""Pages: HTML that works offline."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tlbench.report.content import Section

DIGITS = 5
"""Significant digits of what is drawn."""


def environment(*packages: str, **options: Any) -> Environment:
    """Return an environment for templates of the package, and of the folders ``templates`` of some.

    Parameters
    ----------
    packages
        Dotted names. Templates of `tlbench` itself are named by their path in it.
    """
    folders = [PackageLoader(package, "templates") for package in packages]
    made = Environment(
        loader=ChoiceLoader([*folders, PackageLoader("tlbench", ".")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    made.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]
    return made


def render(template: str, **values: Any) -> str:
    """Return a page that holds plotly's script.

    Parameters
    ----------
    template
        Path of the template in the package. It is given plotly's code as ``plotly_js``; what
        is not marked as safe is escaped.
    """
    from plotly.offline import get_plotlyjs

    page = environment(undefined=StrictUndefined).get_template(template)
    return page.render(**values, plotly_js=Markup(get_plotlyjs()))


def figures_json(sections: Iterable[Section]) -> Markup:
    """Return the figures of some sections, as the script of a page draws them.

    Returns
    -------
    Markup
        JSON: name of a figure → one figure for each of its cases.
    """
    figures = [figure for section in sections for figure in section.figures]
    drawn = {f.name: [spec_of(draw()) for draw in f.cases.values()] for f in figures}
    return Markup(safe_json(drawn))


def safe_json(value: Any) -> str:
    """Return JSON that is safe within a page and within a script, whatever it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def spec_of(figure: Any) -> dict[str, Any]:
    """Return a figure for plotly's script: without the template, which the page has its own of."""
    content = figure.to_dict()
    content["layout"].pop("template", None)
    return {"data": _plain(content["data"]), "layout": _plain(content["layout"])}


def _plain(value: Any) -> Any:
    """Return what JSON can hold, with the digits that can be seen."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return rounded(value, DIGITS) if isinstance(value, float) else value


def rounded(value: float | None, digits: int) -> float | None:
    """Return a number with so many significant digits."""
    if value is None or isinstance(value, int):
        return value
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def embedded(figure: Any, name: str) -> Markup:
    """Return a plotly figure as part of a page.

    Parameters
    ----------
    name
        Identifier, unique in the page.
    """
    html: str = figure.to_html(
        full_html=False,
        default_width="100%",
        include_plotlyjs=False,
        div_id=name,
        config={"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]},
    )
    return Markup(html)
