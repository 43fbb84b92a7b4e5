"""TensorBoard's event files of a real run, read by TensorBoard's own reader."""

import json

import pytest
from PIL import Image

from aduni.results.run_folder import RunFolder
from aduni.training.run import run
from composing import settings_of

reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, digits_cache):
    """Return the folder of a run, and what its event files hold."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    settings = settings_of(
        *("method=ce", "encoder.name=shufflenet_v2_x0_5", "trainer=cpu", "num_workers=0"),
        *("sampler=none", "sampler.epoch_length=1", "batch_size=32", "epochs=2"),
        *(f"dataset.cache_dir={digits_cache}", "logger=tensorboard"),
        f"logger.tensorboard.save_dir={folder.path}",
    )
    run(settings, folder)
    events = reader.EventAccumulator(str(folder.path / "tensorboard"), {"tensors": 0, "images": 0})
    events.Reload()
    return folder, events


def test_scalars_have_the_epoch_as_step(finished):
    folder, events = finished

    assert [point.step for point in events.Scalars("train/loss")] == [0, 1]
    assert [point.step for point in events.Scalars("val/macro_f1")] == [0, 1]
    metrics = json.loads(folder.metrics.read_text())
    for name, value in {
        "test/macro_f1": metrics["test"]["macro_f1"],
        "val/macro_f1_best": metrics["validation"]["macro_f1"],
        "test/f1/0": metrics["test"]["per_class_f1"]["0"],
    }.items():
        assert events.Scalars(name)[-1].value == pytest.approx(value)
        assert events.Scalars(name)[-1].step == 1


def test_the_page_of_hyper_parameters_has_settings_and_results(finished):
    _, events = finished
    summaries = events.PluginTagToContent("hparams")

    assert b"lr" in summaries["_hparams_/session_start_info"]
    assert b"dataset/image_size" in summaries["_hparams_/session_start_info"]
    assert b"val/macro_f1_best" in summaries["_hparams_/experiment"]
    assert "hp_metric" not in events.Tags()["scalars"]


def test_confusion_picture_classes_and_card_are_there(finished):
    folder, events = finished

    assert set(events.Tags()["images"]) == {"test/confusion_matrix", "batch"}
    (picture,) = events.Images("batch")
    with Image.open(folder.batch_picture) as written:
        assert (picture.width, picture.height) == written.size
    (card,) = events.Tensors("model_card/text_summary")
    shown = card.tensor_proto.string_val[0].decode()
    assert shown.startswith("# Model card")
    assert folder.card.read_text().endswith(f"\n---\n\n{shown}")
    (classes,) = events.Tensors("test/classes/text_summary")
    table = classes.tensor_proto.string_val[0].decode().splitlines()
    assert table[0].split("|") == ["class", "trained on", "tested on", "F1", "recall"]
    assert len(table) == 12
