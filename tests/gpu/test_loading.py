"""Raw batches reach the device from pinned memory, and are the CPU's."""

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

from aduni.data.cache import gpu_images
from aduni.data.loading.gpu_copies import GpuLoader
from aduni.data.loading.samplers import Upsample
from aduni.data.loading.torch_datasets import RawBatch

SILENT = dict.fromkeys(
    ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False
)


class Recorder(LightningModule):
    """Keeps its batches on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.batches = []

    def training_step(self, batch, index):
        tensors = batch.views, batch.labels, batch.indices
        self.devices = {values.device.type for values in tensors}
        self.batches.append([values.cpu() for values in tensors])
        return self.weight.sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def record(make_data, monkeypatch):
    """An epoch of the digits: the model that saw it, and what was sent to it."""

    def call(accelerator: str, workers: int, kept: bool) -> tuple[Recorder, list[RawBatch]]:
        loading = {"augment": "gpu", "batch_size": 40, "num_workers": workers, "data_on_gpu": kept}
        data = make_data("digits", protocol="paper", loading=loading)
        sent, transfer, send = [], data.module.transfer_batch_to_device, GpuLoader._send

        def keep(batch, device, index):
            if batch.labels.device.type == "cpu":
                sent.append(batch)
            return transfer(batch, device, index)

        def keep_ahead(loader, batch, stream):
            sent.append(batch)
            return send(loader, batch, stream)

        monkeypatch.setattr(data.module, "transfer_batch_to_device", keep)
        monkeypatch.setattr(GpuLoader, "_send", keep_ahead)
        data.module.begin_stage(Upsample(epoch_length=4), views=2, epochs=1)
        recorder = Recorder()
        trainer = Trainer(
            max_epochs=1,
            accelerator=accelerator,
            devices=1,
            limit_val_batches=0,
            use_distributed_sampler=False,
            **SILENT,
        )
        trainer.fit(recorder, datamodule=data.module)
        return recorder, sent

    return call


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "sent"])
@pytest.mark.parametrize("workers", [0, 2])
def test_raw_batches_are_pinned_and_their_views_those_of_the_cpu(
    record, device, accelerator, monkeypatch, workers, kept
):
    expected, _ = record("cpu", 0, False)
    if device.type == "cpu":
        monkeypatch.setattr(gpu_images, "free_bytes", lambda device: 2**30)
    found, sent = record(accelerator, workers, kept)

    assert found.devices == {device.type}
    assert len(found.batches) == len(sent) == 4
    for raw in sent:
        assert isinstance(raw, RawBatch)
        assert (raw.images is None) == kept
        tensors = [raw.labels, raw.indices, raw.parameters.samples, raw.parameters.sampling]
        tensors += [] if kept else [raw.images]
        assert {tensor.is_pinned() for tensor in tensors} == {device.type == "cuda"}
    for one, other in zip(found.batches, expected.batches, strict=True):
        assert torch.equal(one[1], other[1])
        assert torch.equal(one[2], other[2])
        assert ((one[0].int() - other[0].int()).abs() <= 1).float().mean() >= 0.999


def test_copies_run_beside_the_computation(cuda):
    batches = [torch.zeros(64 * 2**20, dtype=torch.uint8).pin_memory() for _ in range(4)]
    loader = GpuLoader(batches, batch_size=None, device=cuda)
    matrix = torch.randn(4096, 4096, device=cuda)
    matrix @ matrix  # loads the library
    torch.cuda.synchronize()
    with torch.profiler.profile() as profile:
        for _ in loader:
            for _ in range(20):
                matrix @ matrix
        torch.cuda.synchronize()
    copies, kernels = [], []
    for event in profile.events():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            span = event.time_range.start, event.time_range.end
            if "Memcpy HtoD" in event.name:
                copies.append(span)
            elif not event.name.startswith("Mem"):
                kernels.append(span)

    assert len(copies) == len(batches)
    beside = [any(k[0] < c[1] and c[0] < k[1] for k in kernels) for c in copies]
    assert any(beside), "every copy waited for the computation"
