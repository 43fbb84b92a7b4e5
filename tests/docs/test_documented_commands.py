"""Every command of the documentation composes, and its settings pass the command's own check.

Nothing is run. `...` and what stands behind `#` or a pipe is left out; RUN, DIR, FILE and the like
stand for paths. An option that the page itself says how to write (it names conf/GROUP/OPTION.yaml,
which is not there) is left out too, and with it the reader's hydra.searchpath.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

import aduni.cli.app
from aduni.auditing.audit_settings import read_audit_settings, read_prepare_settings
from aduni.auditing.label_errors.label_error_settings import read_label_error_settings
from aduni.cli.arguments import DATA_COMMANDS, hydra_arguments
from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.overrides import find_mistake
from aduni.config.schema import read_settings
from aduni.evaluation.evaluate_settings import read_evaluate_settings
from aduni.fitting.fit_settings import read_fit_settings
from aduni.inference.explain.explain_settings import read_explain_settings
from aduni.inference.export.export_settings import read_export_settings
from aduni.inference.predict.predict_settings import read_predict_settings
from aduni.reproduce.planning import compose_training
from aduni.reproduce.report_settings import read_report
from aduni.reproduce.settings import read_reproduction
from benchmarks.settings import read_benchmark
from composing import CONF

Check = Callable[[DictConfig, list[str]], Any]

CHECKS: dict[str, Check] = {
    "train": lambda config, _: read_settings(config),
    "audit": read_audit_settings,
    "prepare": read_prepare_settings,
    "shortcuts": lambda _, words: read_settings(
        OmegaConf.create(compose_training((*words, "method=dummy")))
    ),
    "fit": read_fit_settings,
    "evaluate": read_evaluate_settings,
    "predict": lambda config, _: read_predict_settings(config),
    "explain": lambda config, _: read_explain_settings(config),
    "export": lambda config, _: read_export_settings(config),
    "report": lambda config, _: _read_report(config),
    "label_errors": lambda config, _: _read_label_errors(config),
    "reproduce": lambda config, _: read_reproduction(config),
    "benchmark": lambda config, _: read_benchmark(config),
}


def _read_report(config: DictConfig) -> None:
    if config.predictions:  # tables of the reader's
        config.predictions = str(CONF / "report.yaml")
    read_report(config)


def _read_label_errors(config: DictConfig) -> None:
    if config.images:  # a folder of the reader's
        config.images = str(CONF)
    read_label_error_settings(config)


SHORT_FORMS = ("report", "reproduce")
MISTAKES = (*aduni.cli.app.MISTAKES, SystemExit)
MAKE = {"train": "train", "reproduce": "reproduce", "benchmark": "benchmark"}

CALL = re.compile(
    r"(?:\S+=\S+ )*"
    r"(?:(?:\S*python3?|torchrun) .*?src/(?P<script>\w+)\.py"
    r"|(?:torchrun .*?-m )?aduni (?P<verb>\w+))"
    r"\b(?P<words>[^\n`]*)"
)
"""A call of a command, in a checkout or installed."""


def code_of(text: str) -> Iterator[str]:
    """Lines of fenced and indented blocks, continued lines joined, and inline code."""
    text = re.sub(r" *\\\n\s*", " ", text)
    for block in re.findall(r"^```(?:\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield from block.splitlines()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"^    (\S.*)$", prose, re.MULTILINE)
    yield from (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose))


def commands_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, words) of every call of src/NAME.py, also through make, in a page."""
    for line in code_of(text):
        line = re.split(r"\s+#|\s[|>]\s", line)[0]
        call = CALL.match(line)
        made = re.match(r"make (\w[\w-]*)(.*)", line)
        command = call and (call["script"] or call["verb"])
        if call and command in CHECKS and (words := shlex.split(call["words"])):
            yield command, words
        elif made and made[1] in MAKE:
            given = dict(word.split("=", 1) for word in shlex.split(made[2]) if "=" in word)
            profile = [f"profile={given['PROFILE']}"] if "PROFILE" in given else []
            yield MAKE[made[1]], [*profile, *shlex.split(given.get("ARGS", ""))]


def examples_of(text: str) -> set[str]:
    """`group=option` of the files that a page tells to write."""
    files = re.findall(r"conf/(\w+)/([a-z]\w*)\.yaml", text)
    return {f"{group}={option}" for group, option in files if not _option(group, option).exists()}


def _option(group: str, option: str) -> Path:
    return CONF / group / f"{option}.yaml"


def overrides_of(command: str, words: list[str], examples: set[str]) -> list[list[str]]:
    """Each job's overrides: one list without -m, else lists that use every value of every sweep."""
    words = [word for word in words if word != "..." and word not in examples]
    if command in SHORT_FORMS:
        words = hydra_arguments(words)
    if command in DATA_COMMANDS:
        words = [word for each in words for word in _images(each)]
    given = get_args_parser().parse_args(words)
    own = [word for word in given.overrides if not word.startswith("hydra.searchpath=")]
    if not given.multirun:
        return [own]
    parsed = OverridesParser.create().parse_overrides(own)
    values = [
        [f"{each.get_key_element()}={value}" for value in each.sweep_string_iterator()]
        if each.is_sweep_override()
        else [each.input_line]
        for each in parsed
    ]
    jobs = max((len(each) for each in values), default=1)
    return [[each[job % len(each)] for each in values] for job in range(jobs)]


def _images(word: str) -> list[str]:
    """What `data=` stands for, where DIR or FILE has the place of the reader's own."""
    key, _, value = word.partition("=")
    if key != "data":
        return [word]
    if value == "FILE" or value.endswith(".csv"):
        return ["dataset=csv", f"dataset.csv={value}"]
    is_name = _option("dataset", value).is_file()
    return [f"dataset={value}"] if is_name else ["dataset=folder", f"dataset.root={value}"]


def check(command: str, overrides: list[str]) -> None:
    """Compose and check as the command would."""
    words = [*overrides, "hydra.runtime.output_dir=."]  # which a command sets
    config = compose(command, words, return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    del config.hydra  # after its choices were resolved into names
    CHECKS[command](config, [word for word in overrides if not word.startswith("hydra")])


@pytest.mark.slow
def test_commands_compose_and_pass_their_checks(page):
    text = page.read_text()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for command, words in commands_of(text):
            if {"...", "--help"} & {*words}:  # a part of a command, or no run of it
                continue
            for overrides in overrides_of(command, words, examples_of(text)):
                try:
                    check(command, overrides)
                except Exception as error:
                    error.add_note(f"in {page.name}: aduni {command} {' '.join(words)}")
                    raise


def test_words_of_commands_pass_the_check_of_their_form(page):
    for command, words in commands_of(page.read_text()):
        given = get_args_parser().parse_args(words)
        typed = [word for word in given.overrides if word != "..."]
        line = CommandLine(CONF, command, typed, given.multirun)
        assert [find_mistake(line, number) for number in range(len(typed))] == [None] * len(typed)


def test_targets_of_make_exist(root, page):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for line in code_of(page.read_text()):
        if line.startswith("make "):
            words = re.split(r"&&|\s#", line)[0].split()[1:]
            assert {word for word in words if re.fullmatch(r"[a-z-]+", word)} <= targets, line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    python src/train.py a=1  # why", [("train", ["a=1"])]),
        ("    aduni train a=1  # why", [("train", ["a=1"])]),
        ("    torchrun --nproc-per-node=2 -m aduni train a=1", [("train", ["a=1"])]),
        (
            "see `aduni reproduce status`, and `aduni predict` or `aduni help fit`.",
            [("reproduce", ["status"])],
        ),
        ("    python src/train.py a=1 \\\n        b=2", [("train", ["a=1", "b=2"])]),
        ("```\npython src/report.py runs=DIR | cat\n```", [("report", ["runs=DIR"])]),
        ("see `python src/reproduce.py status`.", [("reproduce", ["status"])]),
        ("    A=1 .venv/bin/python src/train.py -m x=1,2", [("train", ["-m", "x=1,2"])]),
        ("    torchrun --nproc-per-node=2 src/train.py a=1", [("train", ["a=1"])]),
        ('    make train ARGS="fold=1 seed=2"', [("train", ["fold=1", "seed=2"])]),
        ("    make reproduce PROFILE=small", [("reproduce", ["profile=small"])]),
        ("python src/train.py in prose", []),
    ],
)
def test_commands_are_found(line, expected):
    assert list(commands_of(line)) == expected


@pytest.mark.parametrize(
    "words",
    ["sede=1", "method=adnui", "fold=-1", "sampler.epoch_length=0", "--no-such-flag", "lr=high"],
)
def test_a_wrong_command_is_found(words):
    with initialize_config_dir(str(CONF), version_base="1.3"), pytest.raises(MISTAKES):
        check("train", *overrides_of("train", words.split(), set()))


def test_every_value_of_a_sweep_is_tried():
    jobs = overrides_of("train", ["-m", "fold=0,1,2", "method=ce,aduni", "seed=7"], set())
    assert jobs == [
        ["fold=0", "method=ce", "seed=7"],
        ["fold=1", "method=aduni", "seed=7"],
        ["fold=2", "method=ce", "seed=7"],
    ]


def test_what_a_page_says_how_to_write_is_left_out():
    text = "`conf/method/mine.yaml`, `conf/method/ce.yaml`"
    assert examples_of(text) == {"method=mine"}
    words = ["method=mine", "fold=1", "hydra.searchpath=[file:///my/conf]", "..."]
    assert overrides_of("train", words, examples_of(text)) == [["fold=1"]]


def test_every_command_has_a_check(root):
    assert set(CHECKS) == {file.stem for file in (root / "src").glob("*.py")}
