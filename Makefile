# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
#   make diagnose [INVENTORY=hosts.yml] [ARGS='--limit web-03']     why can nobody log in?
#   make remediate [INVENTORY=hosts.yml] [ARGS=…]                   undo what keeps people out
#   make bandwidth [INVENTORY=hosts.yml] [ARGS=…]                   who uses the bandwidth, and is that normal?
#   make test | test-lint | test-sanity | test-unit | test-lab      [ARGS=… for pytest]
#   make lab | lab-down | bench | clean
#
# Each sets up what it needs, once.

PARTS := lint sanity unit lab
VENV := .venv
LINK := .build/collections/ansible_collections/rescue/remote_login

# Asked one by one, as a name on PATH can be too old, without venv, or a version manager's stub.
PYTHON = $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	&& echo $$python && break; done)
NO_PYTHON = No Python 3.10 or newer with its venv module was found on PATH. Debian, Ubuntu: \
	apt install python3-venv. Fedora, RHEL: dnf install python3.12

# With make -C, a relative INVENTORY is meant from where the user is.
HOSTS = $(firstword $(wildcard $(PWD)/$(INVENTORY)) $(INVENTORY))
# The machine itself: its modules may use what is installed for the controller.
MYSELF = -i localhost, -c local -e 'ansible_python_interpreter={{ ansible_playbook_python }}'

USUAL_COLLECTIONS = $(HOME)/.ansible/collections:/usr/share/ansible/collections
export ANSIBLE_CONFIG ?= $(CURDIR)/ansible.cfg

.PHONY: diagnose remediate bandwidth test $(PARTS:%=test-%) bench lab lab-down clean

# Behind our own path stay the usual ones: the out-of-band way in may be any collection's connection plugin.
diagnose remediate bandwidth: $(VENV)/stamp | $(LINK)
	@ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/collections:$${ANSIBLE_COLLECTIONS_PATH:-$(USUAL_COLLECTIONS)} \
		$(VENV)/bin/ansible-playbook rescue.remote_login.$@ $(if $(INVENTORY),-i '$(HOSTS)',$(MYSELF)) $(ARGS)

test $(PARTS:%=test-%): SESSIONS = $(if $(filter test,$@),$(PARTS),$(@:test-%=%))
test $(PARTS:%=test-%): .venv-test/stamp | $(LINK)
	@rm -rf .build/results
	@.venv-test/bin/nox -s $(SESSIONS) -- $(ARGS) || true
	@.venv-test/bin/python noxfile.py $(SESSIONS)

bench: .venv-test/stamp | $(LINK)
	@.venv-test/bin/nox -s bench -- $(ARGS)

lab lab-down: .venv-test/stamp | $(LINK)
	@.venv-test/bin/nox -s fleet -- $(if $(filter lab,$@),up,down)

.venv/stamp: requirements.txt
.venv-test/stamp: requirements.txt tests/requirements.txt
.venv/stamp .venv-test/stamp:
	@echo 'Setting up $(@D), once'
	@$(or $(PYTHON),$(error $(NO_PYTHON))) -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check -r $(lastword $^)
	@touch $@

# A collection is found by its path, which a checkout may have anywhere.
$(LINK):
	@mkdir -p $(@D)
	@ln -s ../../../.. $@

clean:
	rm -rf .build .venv .venv-test .venv-core216
