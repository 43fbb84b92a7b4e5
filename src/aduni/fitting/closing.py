"""Say at the end of a fit what was found, where it is, and how to use the model."""

from aduni.fitting.answer import advice, answer
from aduni.fitting.result import Result
from aduni.fitting.write_result import Written

SENTENCES = 2
"""Sentences of the page's answer: what to use, and how good it is."""


def closing_text(result: Result, written: Written) -> str:
    """Return the first sentences of the answer, the files, and the command that classifies."""
    first = written.steps[0]
    lines = [
        " ".join(list(answer(result))[:SENTENCES]),
        f"Page: {written.page}",
        f"Next steps: {written.next_steps}",
        advice(result) or f"{first.purpose}:",
        f"  {first.command}",
    ]
    return "\n".join(lines) + "\n"
