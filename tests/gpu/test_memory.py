"""Memory of the GPU that really runs out ends in one sentence, and the next run finds it free."""

import pytest
import torch

from aduni.errors import UserError

LARGE = (
    *("dataset.image_size=128", "encoder.stem=standard", "batch_size=300", "method=ce"),
    "data_on_gpu=false",  # else the images alone would fill the room
)
ROOM = 2**26
"""Bytes beyond what this process holds already."""


@pytest.fixture
def little_memory(cuda):
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(cuda).total_memory
    fraction = (torch.cuda.memory_reserved(cuda) + ROOM) / total
    torch.cuda.set_per_process_memory_fraction(fraction, cuda)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0, cuda)
    torch.cuda.empty_cache()


def test_a_full_gpu_is_one_sentence_with_a_smaller_batch(train, little_memory):
    with pytest.raises(UserError) as error:
        train(*LARGE, "encoder.name=resnet18", "sampler.epoch_length=1")

    assert str(error.value).startswith("The memory of the GPU ran out; batch_size=300")
    assert "batch_size=150" in str(error.value)


def test_a_run_after_a_full_gpu_has_its_memory(train, cuda, request):
    before = torch.cuda.memory_allocated(cuda)
    request.getfixturevalue("little_memory")
    with pytest.raises(UserError):
        train(*LARGE, "encoder.name=resnet18", "sampler.epoch_length=1")
    torch.cuda.set_per_process_memory_fraction(1.0, cuda)
    train("method=ce", name="after")

    assert torch.cuda.memory_allocated(cuda) < before + ROOM
