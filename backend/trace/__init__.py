"""What torch did, told in full. Runs inside the sandbox; the only importer of torch.

`entry` is what the sandbox calls. `modes` watches the forward pass, `engine` the backward pass, `recorder` keeps what
they see in order and cuts it into steps, `summary` turns tensors into numbers, `build` turns a step into nodes and
edges, `source` finds lines and names, `problem` explains what went wrong.
"""
