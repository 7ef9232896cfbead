"""The maker of the built-in data set of rendered heads. Run `python -m tools.heads --help`."""

MAKER_VERSION = "2"
