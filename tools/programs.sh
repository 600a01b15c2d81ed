#!/bin/sh
# Sees to the programs that the tests need and pip does not bring: a Chromium, and Graphviz's dot.
#
#     tools/programs.sh PYTHON
set -eu
python=$1

have() { command -v "$1" >/dev/null 2>&1; }

# Debian and its kin name both packages as their programs; anywhere else the user's own package manager knows.
apt() {
    [ "$(id -u)" -eq 0 ] && have apt-get && apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

if ! have dot; then
    apt graphviz || {
        echo "chainrule: the tests need Graphviz's dot: install the package \"graphviz\", then run make test again" >&2
        exit 1
    }
fi

if [ -z "${CHROMIUM:-}" ] && ! have chromium && ! have chromium-browser && ! have google-chrome; then
    apt chromium || "$python" -m playwright install chromium || {
        echo "chainrule: the tests need Chromium: install it, or set CHROMIUM to its path, then run make test again" >&2
        exit 1
    }
fi
