"""Arguments that contradict each other, although each is right by itself."""

from aduni.cli.arguments import DATA_COMMANDS
from aduni.cli.help import options_of
from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.yaml_docs import read_leaf


def find_contradiction(line: CommandLine) -> str | None:
    """Return what is wrong with an experiment on one data set that is given other images."""
    given = dict(arg.split("=", 1) for arg in line.args if "=" in arg)
    key = "data" if "data" in given and line.command in DATA_COMMANDS else "dataset"
    experiment, dataset = given.get("experiment"), given.get(key)
    of_experiment = _dataset_of(line, experiment) if experiment else None
    if not dataset or of_experiment in (None, dataset):
        return None
    experiments = options_of(line.conf, "experiment")
    fitting = [name for name in experiments if _dataset_of(line, name) == dataset]
    other = f"experiment={fitting[0]}" if fitting else "another experiment"
    return (
        f"experiment={experiment} is on dataset={of_experiment}; leave {key}={dataset} out, or "
        f"write {other}"
    )


def _dataset_of(line: CommandLine, experiment: str) -> str | None:
    file = line.conf / "experiment" / f"{experiment}.yaml"
    chosen = read_leaf(file).sets if file.is_file() else []
    return next((c.partition("=")[2] for c in chosen if c.startswith("dataset=")), None)
