"""Commands that use a chosen model: on the page and in NEXT_STEPS.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aduni.cli.mistyped.quoting import to_argument
from aduni.results.model_card.markdown import escaped
from aduni.system.program import command_text


class Step(NamedTuple):
    """A command with its arguments, and what it is for."""

    purpose: str
    name: str
    arguments: str

    @property
    def command(self) -> str:
        return f"{command_text(self.name)} {self.arguments}"


def steps_of(checkpoints: Sequence[Path], runs: Sequence[Path]) -> Iterator[Step]:
    """Yield the commands for a model, or for several whose probabilities are averaged.

    Args:
        checkpoints: files of the model in the folder of the result.
        runs: folders of its trainings.
    """
    model, one = _argument("ckpt", checkpoints), _argument("ckpt", checkpoints[:1])
    what = "it" if len(runs) == 1 else "the first of its models"
    yield Step("Classify new images", "predict", f"{model} images=DIR output=predictions.csv")
    run = _argument("ckpt", runs[:1])  # the worst errors are found in the folder of the run
    yield Step(f"See what {what} looks at, and its worst errors", "explain", f"{run} images=DIR")
    for folder in runs:
        of_run = f" in {folder.name}" if len(runs) > 1 else ""
        yield Step(f"Compute its metrics again{of_run}", "evaluate", _argument("ckpt", [folder]))
    yield Step(
        f"Export {what} for other programs", "export", f"{one} format=onnx output=model.onnx"
    )


def _argument(key: str, files: Sequence[Path]) -> str:
    if len(files) == 1:
        return to_argument(key, str(files[0]))
    return to_argument(key, f"[{','.join(map(str, files))}]")


def next_steps(title: str, answer: Sequence[str], steps: Sequence[Step]) -> str:
    """Return NEXT_STEPS.md: the answer, and a command for each purpose."""
    parts = [f"# {escaped(title)}: next steps", *answer]
    for step in steps:
        parts.append(f"{step.purpose}:\n\n    {step.command}")
    return "\n\n".join(parts) + "\n"
