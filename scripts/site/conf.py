"""Configuration of Sphinx for the pages that `python scripts/site` has collected.

Nothing is loaded from another host: the theme uses the fonts of the system, formulas are MathML,
and the search is Sphinx's own.
"""

import os
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Kernels of the notebooks inherit these.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["IPYTHONDIR"] = str(ROOT / "build" / "site" / "ipython")
profile = Path(os.environ["IPYTHONDIR"], "profile_default")
profile.mkdir(parents=True, exist_ok=True)
# They warn that the connection to a kernel on the same machine is not encrypted.
(profile / "ipython_kernel_config.py").write_text('c.IPKernelApp.log_level = "ERROR"\n')
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"

project = "AdUni"
author = "The AdUni developers"
copyright = "The AdUni developers"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "docstrings",
    "mathml",
    "source_pages",
]
# Missing pages and headings are warnings. Of Python names only those of this package have an
# entry, since another project's inventory would have to be loaded from its host.
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]

myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
myst_heading_anchors = 6
myst_links_external_new_tab = False
highlight_language = "none"
# Cells with a command that goes on after a backslash; they are shown all the same.
suppress_warnings = ["misc.highlighting_failure"]

nb_execution_mode = os.environ.get("NOTEBOOKS", "cache")
nb_execution_cache_path = str(ROOT / "build" / "site" / "notebooks")
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "remove"  # warnings of libraries, with paths of the machine

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_display_short_literal_types = True
napoleon_attr_annotations = False  # types are in the signature
napoleon_use_rtype = False
add_module_names = False

html_theme = "furo"
html_title = "AdUni"
html_static_path = [str(ROOT / "site" / "static")]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_show_search_summary = False  # fetches pages, which a browser refuses for files on disk
html_theme_options = {"navigation_with_keys": True}


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Return the address of an object's source, as seen from a page of the reference."""
    found = sys.modules["source_pages"].definition(info["module"], info["fullname"])
    return f"../{found}" if domain == "py" and found else None
