"""The documentation's site, by Sphinx: pages in Markdown, reference of the Python package from its docstrings, and of the C++
headers by Doxygen beside it (build.py makes both)."""
import re

import blindtuner

project, author = "BlindTuner", "The BlindTuner authors"
copyright = "The BlindTuner authors"
release = version = blindtuner.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "alabaster"
html_theme_options = {"description": "classifiers trained on encrypted data", "page_width": "1040px", "sidebar_width": "230px"}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
default_role = "literal"  # of `names` in docstrings
smartquotes = False
html_show_sourcelink = html_show_copyright = False
exclude_patterns = ["cpp.md"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"


def _describe(app, what, name, thing, options, lines):
    """`name : what it is` of our docstrings, under Parameters or Attributes or nothing, becomes a field."""
    field, out = "param", []
    for i, line in enumerate(lines):
        if re.fullmatch(r"-+", line):
            continue
        if i + 1 < len(lines) and re.fullmatch(r"-+", lines[i + 1]):
            field = "ivar" if line == "Attributes" else "param"
            continue
        match = re.match(r"^(\w+(?:, \w+)*) : (.*)$", line)
        names = match and match[1].replace(", ", ",").replace("_", r"\_")
        out.append(f":{field} {names}: {match[2]}" if match else line)
    lines[:] = out


def setup(app):
    app.connect("autodoc-process-docstring", _describe)
