"""Arguments of the wrong kind: a list for a tensor, a tensor for a list, a number for what is walked through."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family
from backend.trace.advice.missing import nothing


def wants_tensor(failure: Failure, match: re.Match[str]) -> Advice | None:
    """A list, a number, an array or a tuple where a tensor belongs."""
    function, argument, kind = match.groups()
    node = failure.node
    source = node.args[0] if isinstance(node, ast.Call) and node.args else None
    what = failure.text.short(source) if source is not None else None
    name = what or argument
    explanation = f"{function} works on tensors, and `{name}` is a {kind}."
    if kind == "tuple":
        return Advice(
            f"{explanation} Some layers return several things: nn.LSTM gives (output, (h, c)), attention (output, "
            "weights).",
            f"Take the part that you want: `{name}[0]`.",
            [],
            [failure.text.fix([(source, f"{failure.text.as_operand(source)}[0]")], f"{name}[0]")]
            if source is not None
            else [],
        )
    if kind == "NoneType":
        return nothing(failure, source, f"{function} works on tensors, and `{name}` is None.")
    make = "torch.from_numpy({}).float()" if "ndarray" in kind else "torch.tensor({})"
    code = make.format(name)
    fixes = [failure.text.fix([(source, make.format(failure.text.of(source)))], code)] if source is not None else []
    return Advice(explanation, f"Make it a tensor first: `{code}`.", [], fixes)


def scalar_shape(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """len() or iteration over a tensor with no dimension."""
    node = failure.node
    length = failure.message.startswith("len()")
    source = node.args[0] if length and isinstance(node, ast.Call) and node.args else node
    name = failure.text.short(source) if isinstance(source, ast.expr) else None
    name = name or "the tensor"
    return Advice(
        f"`{name}` has shape []: it is a single number, without elements to count or to walk through.",
        f"Use its value, `{name}.item()`, or give it a dimension: `{name}.reshape(1)`.",
        [],
        [failure.text.fix([(source, f"{failure.text.as_operand(source)}.reshape(1)")], f"{name}.reshape(1)")]
        if isinstance(source, ast.expr)
        else [],
    )


def size_argument(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`torch.randint(0, 10)`, `torch.ones(2.0)`."""
    function, kind = match.groups()
    node = failure.node
    if function == "randint" and isinstance(node, ast.Call) and len(node.args) == 2:
        code = f"torch.randint({failure.text.of(node.args[0])}, {failure.text.of(node.args[1])}, (1,))"
        return Advice("randint takes low, high and a size.", f"Say how many: `{code}`.", [], failure.replaced(code))
    return Advice(
        f"Sizes are whole numbers, and here is a {kind}.",
        f"Write them as whole numbers: `torch.{function}(2, 3)`; `//` divides to a whole number, `int(...)` converts.",
    )


def not_iterable(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`for i in 3`."""
    node = failure.node
    if not isinstance(node, ast.expr):
        return None
    text = failure.text.of(node)
    if match.group(1) == "int":
        return Advice(
            f"`{text}` is one number, and a loop walks through several things.",
            f"To count from 0, write `range({text})`.",
            [],
            failure.replaced(f"range({text})"),
        )
    return Advice(
        f"`{text}` is a {match.group(1)}, and one cannot walk through it.", "Use a list, a tensor or a range."
    )


def not_unpacked(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`a, b = x.shape[0]`: several names for one thing."""
    statement = failure.text.statement(failure.line or 0)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Tuple | ast.List):
        return None
    names, text = statement.targets[0].elts, failure.text.of(statement.value)
    kind = match.group(1)
    if kind == "NoneType":
        return nothing(failure, statement.value, f"{len(names)} names stand on the left, and `{text}` is None.")
    more = ""
    if isinstance(statement.value, ast.Subscript) and failure.text.of(statement.value.value).endswith(".shape"):
        more = f" `{failure.text.of(statement.value.value)}` has one number for each dimension."
    return Advice(
        f"{len(names)} names stand on the left, and `{text}` is a single {kind}.{more}",
        f"Give it one name, or put as many things on the right as there are names: {len(names)}.",
    )


def not_a_number(failure: Failure, match: re.Match[str]) -> Advice:
    """`torch.tensor("3")`."""
    node = failure.node
    if isinstance(node, ast.Subscript):
        return Advice(
            f"A tensor is indexed by numbers, slices and tensors; `{failure.text.of(node.slice)}` is a "
            f"{match.group(1)}.",
            "Only a dict has names for its parts; give a tensor's dimensions the place as a number.",
        )
    source = node.args[0] if isinstance(node, ast.Call) and node.args else None
    text = failure.text.of(source) if source is not None else "this"
    fixes: list[Any] = []
    if isinstance(source, ast.Constant) and isinstance(source.value, str) and _is_number(source.value):
        fixes = [failure.text.fix([(source, source.value)], f"torch.tensor({source.value})")]
    return Advice(
        f"A tensor holds numbers, and `{text}` is a {match.group(1)}.",
        "Convert text that spells a number with `float(…)`; number other things first, for example by their place in "
        "a list: `labels.index(name)`.",
        [],
        fixes,
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text


def wrong_arguments(failure: Failure, match: re.Match[str]) -> Advice:
    """A function in C that takes none of what it was given."""
    function, given, forms = match.groups()
    takes = [f"({' '.join(form.split())})" for form in re.findall(r"\* \((.*?)\)", forms)] or [
        f"({' '.join(forms.split(')')[0].split())})"
    ]
    plain = given.replace("!", "").replace(", ", ",").split(",")
    node = failure.node
    written = [*node.args, *node.keywords] if isinstance(node, ast.Call) else []
    texts = f" (`{', '.join(failure.text.of(a) for a in written)}`)" if written else ""
    return Advice(
        f"`{function}` was given ({', '.join(p for p in plain if p)}){texts}. It takes {', or '.join(takes[:4])}.",
        "Compare what is given with what it takes: the kinds, their order, and their names.",
    )


def tensors_in_list(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`torch.cat(a, b)`: the tensors belong in one list."""
    node = failure.node
    if not isinstance(node, ast.Call):
        return None
    inner = ", ".join(failure.text.of(a) for a in node.args)
    rest = "".join(f", {failure.text.of(k)}" for k in node.keywords)
    code = f"{failure.text.of(node.func)}([{inner}]{rest})"
    return Advice(
        f"{match.group(1)} takes its tensors as one list, and the first argument here is a single tensor.",
        f"Put brackets around them: `{code}`.",
        [],
        failure.replaced(code),
    )


def list_element(_failure: Failure, match: re.Match[str]) -> Advice:
    """A number among the tensors of a list."""
    return Advice(
        f"All elements of the list must be tensors; number {match.group(1)} (counted from 0) is a {match.group(2)}.",
        "Make it one: `torch.tensor([1.0])` has one element and one dimension.",
    )


def ragged(_failure: Failure, match: re.Match[str]) -> Advice:
    """Rows of different lengths."""
    return Advice(
        f"All rows of a tensor have equal lengths. At dim {match.group(2)} one has {match.group(3)} where the first "
        "has "
        f"{match.group(1)}.",
        "Fill the shorter rows up (torch.nn.utils.rnn.pad_sequence does), or keep the rows as a list of tensors.",
    )


FAMILIES: Final = (
    Family(
        "size_argument",
        "TypeError",
        r"(\w+)\(\): argument 'size' \(position \d+\) must be tuple of ints, not (\w+)",
        size_argument,
    ),
    Family(
        "wants_list",
        "TypeError",
        r"(\w+)\(\): argument 'tensors' .*must be tuple of Tensors, not Tensor",
        tensors_in_list,
    ),
    Family(
        "wants_tensor",
        "TypeError",
        r"(\w+)\(\): argument '(\w+)' .*must be (?:Tensor|tuple of Tensors), not ([\w.]+)",
        wants_tensor,
    ),
    Family("no_dimension", "TypeError", r"len\(\) of a 0-d tensor|iteration over a 0-d tensor", scalar_shape),
    Family("not_iterable", "TypeError", r"'(\w+)' object is not iterable", not_iterable),
    Family("not_unpacked", "TypeError", r"cannot unpack non-iterable (\w+) object", not_unpacked),
    Family(
        "list_element", "TypeError", r"expected Tensor as element (\d+) in argument \d+, but got (\w+)", list_element
    ),
    Family("ragged", "ValueError", r"expected sequence of length (\d+) at dim (\d+) \(got (\d+)\)", ragged),
    Family("not_a_number", "TypeError", r"new\(\): invalid data type '(\w+)'", not_a_number),
    Family(
        "wrong_arguments",
        "TypeError",
        r"(\w+)\(\) received an invalid combination of arguments - got \((.*?)\), but expected (?:one of:|\()(.*)",
        wrong_arguments,
    ),
)
