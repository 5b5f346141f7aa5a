# Names the environments of tox.ini, and sets up what they need. `make demo` and `make test` work in a fresh clone.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
TOX := $(VENV)/bin/tox
STAMP := $(VENV)/.installed

.PHONY: demo test unit proof live lint types packaging tls heimdall browser bench fuzz wheelhouse testbed clean help

help:
	@echo "make demo        audit a recorded real cluster; leaves a pack with report.html"
	@echo "make test        everything: lint, types, unit, proof, packaging, tls, heimdall, browser, and live on a real two-node Kubernetes"
	@echo "make unit proof live lint types packaging tls heimdall browser bench fuzz    one of them"
	@echo "make wheelhouse  wheels for an installation without network"

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("preaudit needs Python 3.11 or newer; run make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV) || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -yq python3-venv && $(PYTHON) -m venv $(VENV); }
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable . tox
	@touch $@

demo: $(STAMP)
	$(VENV)/bin/preaudit demo

proof: $(STAMP)
	tests/with-debian softhsm2=/usr/bin/softhsm2-util openssl=/usr/bin/openssl -- $(TOX) run -e proof

unit lint types packaging: $(STAMP)
	$(TOX) run -e $@

tls: $(STAMP)
	tests/tls/with-servers $(TOX) run -e tls

heimdall: $(STAMP)
	tests/heimdall/with-saf $(TOX) run -e $@

browser: $(STAMP)
	tests/browser/with-chromium $(TOX) run -e $@

bench: $(STAMP)
	tests/tls/with-servers testbed/with-cluster $(TOX) run -e $@

fuzz: $(STAMP)
	testbed/with-cluster $(TOX) run -e $@

live: $(STAMP)
	tests/with-debian nmap=/usr/bin/nmap -- testbed/with-cluster $(TOX) run -e live

test: $(STAMP)
	tests/run-all $(TOX)

wheelhouse: $(STAMP)
	$(VENV)/bin/pip wheel --quiet --wheel-dir wheelhouse .
	@echo "copy wheelhouse/ to the other side, then: pip install --no-index --find-links wheelhouse preaudit"

testbed: $(STAMP)
	$(VENV)/bin/python -m testbed up

clean:
	rm -rf .tox wheelhouse dist .coverage*
