"""The messages between trace, server and browser: pack, unpack, validate.

`messages` says what they are, `pack` writes them (inside the sandbox), `unpack` reads and checks them (the server trusts
none), `fold` turns a run's messages into the JSON answer.
"""
