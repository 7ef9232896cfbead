"""JupyterLab for the course: everything stays on this machine, so it opens without a network and asks nothing."""

import json
from pathlib import Path

c = get_config()  # noqa: F821  (Jupyter provides it)

c.LabApp.news_url = None                                                    # no news ...
c.LabApp.app_settings_dir = str(Path(__file__).resolve().parent)            # ... and no question: overrides.json
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"         # no look-up of newer versions
c.LabApp.extension_manager = "readonly"                                     # no catalogue of extensions


def keep_stored_outputs(model, path, contents_manager, **_):
    """Running the course's notebooks leaves a checkout clean, though JupyterLab saves them every two minutes.

    As long as the text of all cells is that of the file, its outputs stay as they are stored. Once you have written
    something, everything is saved as usual.
    """
    file = Path(contents_manager.root_dir, path)
    if model["type"] != "notebook" or file.parent != COURSE or not file.exists():
        return
    stored = json.loads(file.read_text(encoding="utf-8"))
    text = lambda notebook: [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]     # noqa: E731
    if text(stored) == text(model["content"]):
        model["content"] = stored


COURSE = Path(__file__).resolve().parent.parent / "notebooks"
c.FileContentsManager.pre_save_hook = keep_stored_outputs
