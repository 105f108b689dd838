"""Settings of the manual: ``make docs`` builds it, without network, and warnings are errors."""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
# Notebooks call the tlbench of the interpreter that builds the manual.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

import generate

project = "tlbench"
author = "The tlbench authors"
project_copyright = author
version = release = version_of("tlbench")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["build", "generated"]
source_suffix = {".md": "myst-nb"}

html_theme = "furo"
html_title = "tlbench"
html_static_path = ["static"]
html_css_files = ["tables.css"]

myst_heading_anchors = 3

# Results of notebooks are kept between builds. The limit allows for busy machines: alone they
# take a minute together.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 900
nb_merge_streams = True
nb_output_stderr = "remove"
nb_render_markdown_format = "myst"

default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

generate.write(Path(__file__).parent / "generated")
