"""Ends with a clear message when this Python is too old. Written for any Python 3."""

import sys

OLDEST = (3, 11)

if sys.version_info[:2] < OLDEST:
    found, needed = (".".join(map(str, version)) for version in (sys.version_info[:3], OLDEST))
    sys.exit("chainrule needs Python " + needed + " or later, this is " + found + ": try make PYTHON=python3.12 ...")
