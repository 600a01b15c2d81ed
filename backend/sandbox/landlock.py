"""Landlock with no rules: from then on nothing in the file system can be opened, and no TCP port used.

The second lock on the door that seccomp has closed. Kernels from 5.13 on have it, if it is switched on.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

from backend.sandbox import kernel

CREATE_RULESET: Final = 444  # the same numbers on every machine: they came after the tables were unified
RESTRICT_SELF: Final = 446
VERSION: Final = 1  # LANDLOCK_CREATE_RULESET_VERSION

_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""By ABI: how many file system rights it knows, the lowest bits of the word."""
_TCP_RIGHTS: Final = 0b11  # bind, connect
_SCOPES: Final = 0b11  # abstract unix sockets, signals


def abi() -> int:
    """The version that the kernel has; 0 for none, or none that may be used."""
    if kernel.machine() is None:
        return 0
    try:
        return kernel.call("syscall", CREATE_RULESET, 0, 0, VERSION)
    except OSError:
        return 0


def restrict(version: int) -> None:
    """Deny all that `version` can deny, for good. Needs no_new_privs. Raises OSError."""
    rights = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    words = [(1 << rights) - 1]
    if version >= 4:
        words.append(_TCP_RIGHTS)
    if version >= 6:
        words.append(_SCOPES)
    attribute = ctypes.create_string_buffer(struct.pack(f"={len(words)}Q", *words), 8 * len(words))
    ruleset = kernel.call("syscall", CREATE_RULESET, ctypes.addressof(attribute), 8 * len(words), 0)
    try:
        kernel.call("syscall", RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
