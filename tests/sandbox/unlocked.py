"""A zygote whose children do not lock themselves: the control that shows what an attack does without the sandbox."""

from __future__ import annotations

from backend.sandbox.zygote import main

if __name__ == "__main__":
    main(lambda *_: [])
