#!/bin/sh
# Sees to the programs that the tests need and pip does not bring: a Chromium, Graphviz's dot, and curl.
#
#     tools/programs.sh PYTHON
set -eu
python=$1

have() { command -v "$1" >/dev/null 2>&1; }

# Debian and its kin name both packages as their programs; anywhere else the user's own package manager knows.
apt() {
    [ "$(id -u)" -eq 0 ] && have apt-get && apt-get update &&
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}

need() { # PROGRAM PACKAGE
    have "$1" || apt "$2" || {
        echo "chainrule: the tests need $1: install the package \"$2\", then run make test again" >&2
        exit 1
    }
}

need dot graphviz
need curl curl

if [ -z "${CHROMIUM:-}" ] && ! have chromium && ! have chromium-browser && ! have google-chrome; then
    apt chromium || "$python" -m playwright install chromium || {
        echo "chainrule: the tests need Chromium: install it, or set CHROMIUM to its path, then run make test again" >&2
        exit 1
    }
fi
