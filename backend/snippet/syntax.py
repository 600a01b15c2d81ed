"""What Python says of wrong syntax -> what that means and what to do, for the mistakes that learners make."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Advice(NamedTuple):
    """`pattern` is searched in Python's message; its groups fill the `{0}`, `{1}` of the two texts."""

    pattern: re.Pattern[str]
    explanation: str
    suggestion: str


def _advice(pattern: str, explanation: str, suggestion: str) -> Advice:
    return Advice(re.compile(pattern), explanation, suggestion)


ADVICE: Final = (
    _advice(
        r"^expected ':'",
        "A line that opens a block (if, for, while, def, class, with …) ends with a colon.",
        "Put a : at the end of this line.",
    ),
    _advice(
        r"'([(\[{])' was never closed",
        "This {0} is opened here and closed nowhere, so Python read on to the end.",
        "Close it where the expression ends.",
    ),
    _advice(
        r"closing parenthesis '(.)' does not match opening parenthesis '(.)'",
        "The bracket {1} that is open here is closed with {0}.",
        "Close brackets in the reverse order in which they were opened.",
    ),
    _advice(r"unmatched '(.)'", "This {0} closes a bracket that was never opened.", "Remove it, or open its partner."),
    _advice(
        r"inconsistent use of tabs and spaces",
        "This line is indented with tabs where others use spaces. They look alike, Python tells them apart.",
        "Indent with four spaces everywhere.",
    ),
    _advice(
        r"expected an indented block after (.+) on line (\d+)",
        "The {0} on line {1} needs a body: at least one line that stands further right.",
        "Indent this line by four spaces, or write pass as the body.",
    ),
    _advice(
        r"unindent does not match",
        "This line stands further left than the one before, but at no column where a block began.",
        "Move it to the column of the block that it belongs to.",
    ),
    _advice(
        r"unexpected indent",
        "This line stands further right than the one before, and nothing opened a block there.",
        "Remove the spaces at its start.",
    ),
    _advice(
        r"(?:Maybe you meant '==' or ':='|Maybe you meant '==') instead of '='",
        "A single = gives a name to a value. It cannot stand here.",
        "To compare, write ==.",
    ),
    _advice(
        r"unterminated (triple-quoted |f-?)?(?:f-)?string literal",
        "A text begins here and its closing quote is missing.",
        "Put the same quote at its end.",
    ),
    _advice(
        r"Missing parentheses in call to '(\w+)'",
        "{0} is a function, so what it takes stands in parentheses.",
        "Write {0}(…).",
    ),
    _advice(
        r"Perhaps you forgot a comma",
        "Two values stand side by side with nothing between them.",
        "Put a comma or an operator between them.",
    ),
    _advice(
        r"invalid character '([“”‘’„«»])'",
        "This is a typographic quote {0}, as word processors and web pages write it.",
        "Replace it with a straight quote: \" or '.",
    ),
    _advice(
        r"invalid (?:character '(.)'|non-printable character (U\+\w+))",
        "The character {0} means nothing in Python. It often comes along when text is copied.",
        "Delete it and type it again.",
    ),
    _advice(
        r"invalid (?:decimal|hexadecimal|octal|binary|imaginary) literal",
        "A number runs straight into letters. A name must not begin with a digit.",
        "Begin the name with a letter, or put an operator between them.",
    ),
    _advice(
        r"cannot assign to (.+?)(?: here| in|\.|$)",
        "What stands left of = gets the value, so it must be a name, an attribute or an element, not {0}.",
        "Put a name on the left of =.",
    ),
    _advice(
        r"positional argument follows keyword argument",
        "Arguments without a name come before those with one.",
        "Move it to the front, or give it its name.",
    ),
    _advice(
        r"unexpected character after line continuation",
        "After a backslash the line must end.",
        "Remove what follows the backslash, or the backslash.",
    ),
    _advice(
        r"'(return|yield|yield from)' outside function",
        "{0} hands a value to whoever called the function, and this line is in none.",
        "Put it into a function with `def`; a value of the snippet is shown if its last line is its name.",
    ),
    _advice(
        r"'(await|async with|async for)' outside (?:async )?function|asynchronous comprehension outside",
        "Waiting is for functions that were defined with async def.",
        "Call a plain function instead: nothing here needs to be waited for.",
    ),
    _advice(
        r"'(break)' outside loop|'(continue)' not properly in loop",
        "{0} is about the loop around it, and there is none.",
        "Indent it into the loop that it belongs to, or remove it.",
    ),
    _advice(
        r"name '(\w+)' is (?:used|assigned to) (?:prior to|before) (global|nonlocal) declaration",
        "{1} {0} says whose {0} is meant, so it comes before the first use.",
        "Make it the first line of the function.",
    ),
    _advice(
        r"no binding for nonlocal '(\w+)' found",
        "nonlocal looks for {0} in the functions around this one, and it is in none of them.",
        "For a name of the snippet itself, write global {0}.",
    ),
    _advice(
        r"duplicate argument '(\w+)'",
        "Two arguments of this function are called {0}.",
        "Give one of them another name.",
    ),
    _advice(r"leading zeros in decimal", "A whole number does not begin with 0.", "Remove the zeros at its front."),
    _advice(
        r"too many nested|nested too deep|too complex",
        "The code is nested deeper than Python can read.",
        "Give parts of the expression names of their own.",
    ),
)


def advise(message: str) -> tuple[str | None, str | None]:
    """Explanation and suggestion for Python's own message; (None, None) when there is nothing to add."""
    for advice in ADVICE:
        match = advice.pattern.search(message)
        if match is not None:
            groups = [group for group in match.groups() if group is not None]
            return advice.explanation.format(*groups), advice.suggestion.format(*groups)
    if message.startswith("invalid syntax"):
        return (
            "Python cannot make sense of this place.",
            "Look for a missing operator, quote or bracket just before it.",
        )
    return None, None
