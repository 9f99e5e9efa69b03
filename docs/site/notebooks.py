"""The notebooks of examples/notebooks, run, and as pages of the site: with what they print and draw."""
import base64
import os
from pathlib import Path

import nbformat

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"


def read(path):
    return nbformat.read(path, as_version=4)


def run(path):
    """From its first cell to its last, at the parameters of BLINDTUNER_PARAMETERS, else those of tests."""
    os.environ.setdefault("BLINDTUNER_PARAMETERS", "InsecureTest10")
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a debugger's words, which nobody asked for
    from nbclient import NotebookClient
    notebook = read(path)
    NotebookClient(notebook, timeout=300).execute()
    return notebook


def pictures(notebook):
    """PNG, in their order."""
    return [base64.b64decode(output.data["image/png"]) for cell in notebook.cells if cell.cell_type == "code"
            for output in cell.outputs if "image/png" in output.get("data", {})]


def write_page(notebook, name, folder):
    """`name`.md and its pictures. Progress, which is on stderr, is none of it."""
    out, drawn = [], 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            out.append(cell.source)
            continue
        out.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                picture = f"{name}_{drawn}.png"
                (folder / picture).write_bytes(base64.b64decode(output.data["image/png"]))
                out.append(f"![]({picture})")
                drawn += 1
            elif output.output_type == "execute_result" or output.get("name") == "stdout":
                text = output.text if output.output_type == "stream" else output.data["text/plain"]
                out.append(f"```text\n{text.rstrip()}\n```")
    (folder / f"{name}.md").write_text("\n\n".join(out) + "\n")
