"""JupyterLab for the course: everything stays on this machine, so it opens without a network and asks nothing."""

c = get_config()  # noqa: F821  (Jupyter provides it)

c.LabApp.news_url = None                                                    # no news, and no question about news
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"         # no look-up of newer versions
c.LabApp.extension_manager = "readonly"                                     # no catalogue of extensions
