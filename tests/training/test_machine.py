"""A run is trained where and as its settings say, or not begun."""

import pytest

from aduni.errors import UserError
from aduni.training.machine import check_machine
from composing import settings_of


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_cpu_takes_what_it_can_compute(precision):
    check_machine(settings_of("trainer=cpu", f"precision={precision}"))


def test_a_cpu_has_no_half_precision(refusal):
    settings = settings_of("trainer=cpu", "precision=16-mixed")

    refusal(lambda: check_machine(settings), "precision=16-mixed", "set precision=bf16-mixed")


@pytest.mark.parametrize("trainer", ["auto", "ddp"])
@pytest.mark.parametrize("word", ["precision=bf16-mixed", "precision=16-mixed", "augment=gpu"])
def test_what_is_meant_for_a_gpu_runs_on_a_cpu_only_if_that_was_asked_for(trainer, word, refusal):
    settings = settings_of(f"trainer={trainer}", word)

    refusal(lambda: check_machine(settings), f"{word} is meant for a GPU", "set trainer=cpu")
    if word != "precision=16-mixed":
        check_machine(settings_of("trainer=cpu", word))


@pytest.mark.parametrize("own", ["bf16-mixed", "64-true", "bf16-true"])
def test_the_trainers_precision_is_the_recorded_one(own, refusal):
    settings = settings_of("trainer=cpu", f"trainer.precision={own}")

    refusal(lambda: check_machine(settings), f"trainer.precision={own}", "precision=32-true")


def test_a_missing_device_is_found_before_anything_is_read():
    with pytest.raises(UserError):
        check_machine(settings_of("trainer=gpu"))
