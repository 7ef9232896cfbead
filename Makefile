# Every target sets up .venv by itself. INSTALL.md has the same in plain commands, for Windows too.
#
#   make lab          open the course in JupyterLab
#   make demo         the face editor alone as a page in the browser, for a lecture
#   make quick        the quick tests, under two minutes: after every change
#   make test         everything that guards a release: lint, tests, notebooks
#   make test-all     also what takes long and rarely breaks: every cell twice, the oldest versions, all kills
#   make lint         unused names, unsorted imports, long lines (ruff)
#   make oldest       the quick tests with the oldest versions that pyproject.toml admits
#   make notebooks    run all notebooks again and store their outputs
#   make bench        compare the library's speed with a plain implementation
#   make manifest     list the data packs and weights in data/manifest.json with their SHA-256 sums
#   make student      the notebooks to hand out, in a folder: make student OUT=folder
#   make teacher      the notebooks with answers in all exercises: make teacher OUT=folder
#   make nbgrader     the notebooks as assignments for nbgrader, in a folder: make nbgrader OUT=folder
#   make bundle       everything for a classroom without a network, in a folder: make bundle OUT=folder
#   make web          the face editor without Python, as static files that also open from a file: make web OUT=folder
#   make site         all pages with their stored outputs, for a web server or a memory stick, in build/site
#   make grade        scores of notebooks that learners handed in: make grade SUBMITTED=folder OUT=results
#   make clean        remove .venv
#
# Another Python:                                   make lab PYTHON=python3.12
# Another build of torch (its address: INSTALL.md): make lab TORCH_INDEX=https://...
# Tests on more cores (about 2 GB of memory each):  make test WORKERS=4
# Options for JupyterLab:                           make lab LAB_OPTIONS="--no-browser --port 8890"

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2

# Any path may have spaces: commands quote it, and make's own names escape them.
PY := "$(VENV)/bin/python"
EMPTY :=
STAMP := $(subst $(EMPTY) ,\ ,$(VENV))/.installed
SITE_STAMP := $(STAMP)-site
WEB_STAMP := $(STAMP)-web

# A notebook or a module of tests stays in one process. Each process computes on one thread: see conftest.py.
PYTEST := $(PY) -m pytest -q -n $(WORKERS) --dist loadscope
NOTEBOOKS := --nbval --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg notebooks

# Threads that spin while they wait slow each other down on a busy machine.
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install lab demo quick test test-all lint oldest notebooks bench manifest student teacher nbgrader bundle web site grade clean

help:
	@sed -n '3,20s/^# *//p' Makefile

install: $(STAMP)

# The stamp comes last, so an installation that was interrupted is taken up again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear "$(VENV)" \
	  || { echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 2; }
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@$(if $(TORCH_INDEX),$(PY) -m pip install --quiet -c constraints.txt --index-url $(TORCH_INDEX) torch)
	@$(PY) -m pip install --quiet -c constraints.txt -e ".[course,demo,measure,movie,test]"
	@touch "$@"

# Jupyter refuses to run as root unless told; in a container there is often nobody else.
lab: $(STAMP)
	$(PY) -m jupyter lab --config=.jupyter/lab_config.py $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS) \
	  notebooks/00_start_here.ipynb

# One process for all visitors; files are downloaded, none is written here. Another port, a lecture's other machines:
#   make demo DEMO_OPTIONS="--port 8900 --address 0.0.0.0 --no-browser"
demo: $(STAMP)
	$(PY) -m ssgan_lite.editor $(DEMO_OPTIONS)

lint: $(STAMP)
	$(PY) -m ruff check .

quick: lint
	$(PYTEST) -m "not slow and not long" tests

test: lint $(SITE_STAMP) $(WEB_STAMP)
	$(PYTEST) -m "not long" tests $(NOTEBOOKS)

test-all: lint oldest $(SITE_STAMP) $(WEB_STAMP)
	$(PYTEST) tests $(NOTEBOOKS)

oldest: $(STAMP)
	$(PY) tools/oldest.py

notebooks: $(STAMP)
	$(PY) tools/notebooks.py $(sort $(wildcard notebooks/*.ipynb))

bench: $(STAMP)
	$(PY) benchmarks/local_bank.py

manifest: $(STAMP)
	$(PY) -m ssgan_lite.assets data

student teacher: $(STAMP)
	@$(PY) -m tools.editions $@ $(if $(OUT),"$(OUT)")

nbgrader: $(STAMP)
	@$(PY) -m tools.assignments $(if $(OUT),"$(OUT)")

bundle: $(STAMP)
	@$(PY) -m tools.bundle $(if $(OUT),"$(OUT)") $(BUNDLE_OPTIONS)

# Readers of the course need none of this.
$(SITE_STAMP): $(STAMP)
	@$(PY) -m pip install --quiet -c constraints.txt -e ".[site]"
	@touch "$@"

# onnxruntime-web comes with npm; without npm, or a network, the tests of the web editor are skipped.
$(WEB_STAMP): $(STAMP)
	@$(PY) -m pip install --quiet -c constraints.txt -e ".[web]"
	@$(PY) -m tools.web.runtime || true
	@touch "$@"

web: $(WEB_STAMP)
	@$(PY) -m tools.web $(if $(OUT),"$(OUT)") $(if $(WEIGHTS),--weights "$(WEIGHTS)")

site: $(SITE_STAMP) $(WEB_STAMP)
	$(PY) -m tools.website $(if $(OUT),--out "$(OUT)")

grade: $(STAMP)
	@$(PY) -m tools.grade $(if $(SUBMITTED),"$(SUBMITTED)") $(if $(OUT),"$(OUT)")

clean:
	rm -rf "$(VENV)"
