"""The messages between trace, server and browser: pack, unpack, validate.

`messages` says what they are; the tracer packs them inside the sandbox. `unpack` reads and checks them, because the
server trusts none, and `fold` turns a run's messages into the JSON answer.
"""
