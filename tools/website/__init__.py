"""The site: pages, reference, links, and the program that builds them (`python -m tools.website`)."""
