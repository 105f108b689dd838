"""Pages: one HTML file each, which works offline."""

from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """Return a page.

    Parameters
    ----------
    template
        Path of the template in the package. It is given plotly's code as ``plotly_js``; what
        is not marked as safe is escaped.
    """
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=PackageLoader("tlbench", "."), autoescape=True, trim_blocks=True
    )
    return environment.get_template(template).render(**values, plotly_js=Markup(get_plotlyjs()))


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
