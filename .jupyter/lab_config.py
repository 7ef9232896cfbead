"""JupyterLab for the course: everything stays on this machine, so it opens without a network and asks nothing."""

from pathlib import Path

c = get_config()  # noqa: F821  (Jupyter provides it)

c.LabApp.news_url = None                                                    # no news ...
c.LabApp.app_settings_dir = str(Path(__file__).resolve().parent)            # ... and no question: overrides.json
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"         # no look-up of newer versions
c.LabApp.extension_manager = "readonly"                                     # no catalogue of extensions
