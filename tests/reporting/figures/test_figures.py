"""What the figures show, against hand numbers, and that it can be read."""

import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from aduni.metrics.names import METRICS
from aduni.metrics.samples import Samples
from aduni.reporting.figures import embedding, style
from aduni.reporting.figures.class_distribution import draw_class_distribution
from aduni.reporting.figures.confusion import draw_confusion, pooled_confusion, row_shares
from aduni.reporting.figures.curves import draw_curves, mean_history
from aduni.reporting.figures.differences import draw_differences
from aduni.reporting.figures.embedding import draw_embedding, embed, tsne
from aduni.reporting.figures.f1_by_class import draw_f1_by_class, f1_table
from aduni.reporting.figures.figure import all_figures, draw
from aduni.reporting.figures.loss_by_class import draw_loss_by_class
from aduni.reporting.figures.reliability import Reliability, draw_reliability, reliability
from aduni.reporting.figures.style import LOOKS, looks_of, save
from aduni.reporting.statistics.classes import class_counts, losses_by_class, pooled_test
from aduni.reporting.statistics.separability import has_spread
from aduni.reporting.tables.definitions import Definition
from aduni.reporting.tables.fold_means import fold_means
from aduni.results.finished_runs import Run, read_run
from aduni.system.atomic_files import read_yaml
from hand_made import CLASSES, make_run

ISIC = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
APTOS = ["no DR", "mild", "moderate", "severe", "proliferative"]
METHODS = list(LOOKS)


@pytest.fixture
def run(tmp_path):
    """Makes and reads a run."""

    def made(name: str, **settings) -> Run:
        settings = {"labels": [0, 0, 1, 2], "predicted": [0, 1, 1, 0], **settings}
        return read_run(make_run(tmp_path / "runs" / name, **settings))

    return made


# Values


def test_counts_are_of_all_parts_and_sorted(run):
    made = run("a", labels=[2] * 9 + [0], predicted=[0] * 10, training_labels=[0, 1, 1, 2])
    assert list(class_counts([made]).items()) == [("rare", 10), ("common", 2), ("less", 2)]
    bars = draw_class_distribution(class_counts([made]), "toy").axes[0].patches
    assert [bar.get_width() for bar in bars] == [10, 2, 2]


def test_predictions_are_pooled_in_the_order_asked_for(run):
    runs = [run("a"), run("b", labels=[2, 0], predicted=[2, 0], fold=1)]
    labels, probabilities = pooled_test(runs, ["rare", "common", "less"])
    assert labels.tolist() == [1, 1, 2, 0, 0, 1]
    assert probabilities.argmax(axis=1).tolist() == [1, 2, 2, 1, 0, 1]


def test_differences_are_of_the_folds_that_both_rows_have(run):
    right, wrong = [0, 0, 1, 2], [0, 0, 0, 0]
    rows = {
        "CE": [run("a", predicted=wrong), run("b", predicted=wrong, fold=1)],
        "AdUni": [run("c", predicted=right), run("d", predicted=wrong, seed=1)],
    }
    # Of three classes only the first has an F1: 2 * 2 / (2 + 4) = 2/3, a third of it on average.
    assert fold_means(rows["CE"], METRICS["macro_f1"]) == pytest.approx({0: 2 / 9, 1: 2 / 9})
    assert fold_means(rows["AdUni"], METRICS["macro_f1"]) == pytest.approx({0: (1 + 2 / 9) / 2})
    kind = next(kind for kind in all_figures() if kind.name == "differences")
    (axes,) = kind.draw(rows, "toy").axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [pytest.approx([7 / 18])]


def test_losses_of_each_class(run):
    first = run("a", confidence=[0.8, 0.6, 1.0, 1.0])
    runs = [first, run("b", labels=[1, 0], predicted=[1, 0], fold=1)]
    losses = losses_by_class(runs, CLASSES)
    assert losses["common"] == pytest.approx([-np.log(0.8), -np.log(0.2), -np.log(0.8)])
    assert losses["less"] == pytest.approx([0, -np.log(0.8)])
    assert losses["rare"] == pytest.approx([-np.log(1e-12)])


def test_a_class_without_test_images_has_no_loss(run):
    losses = losses_by_class([run("a", labels=[0, 0, 2], predicted=[0, 0, 2])], CLASSES)
    assert len(losses["less"]) == 0
    axes = draw_loss_by_class({"CE": losses, "AdUni": losses}, "toy").axes[0]
    assert [len(line.get_xdata()) for line in axes.lines if line.get_marker() != "None"] == [2, 2]


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (["LDAM", "CE", "AdUni"], ["CE", "AdUni"]),
        (["LDAM", "CE", "Focal"], ["LDAM", "CE"]),
        (["LDAM"], ["LDAM"]),
    ],
)
def test_losses_by_class_are_those_of_the_paper_s_rows_or_the_first_two(run, rows, shown):
    one = [run("a")]
    (figure,) = [kind for kind in all_figures() if kind.name == "loss_by_class"]
    drawn = figure.draw(dict.fromkeys(rows, one), "toy")
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == shown


def test_f1_is_the_mean_over_folds_that_have_the_class(run):
    rows = {
        "CE": [run("a"), run("b", labels=[0, 1], predicted=[0, 0], fold=1)],
        "AdUni": [run("c", labels=[0, 1], predicted=[0, 1])],
    }
    # Fold 0: common 1 of 2 with 1 false alarm, less 1 of 1 with 1. Fold 1: common 1 of 1 with 1.
    expected = [[(1 / 2 + 2 / 3) / 2, (2 / 3 + 0) / 2, 0], [1, 1, np.nan]]
    assert f1_table(rows, list(CLASSES)) == pytest.approx(np.array(expected), nan_ok=True)


def test_history_is_a_mean_over_folds(run):
    history = pd.DataFrame({"stage": "train", "epoch": [0, 1], "loss": [3.0, 1.0], "images": 1})
    history["seconds"] = 1.0
    first, second = run("a"), run("b", fold=1, history=history)
    means = mean_history([first, second])
    assert means["epoch"].tolist() == [1, 2]
    assert means["loss"].tolist() == pytest.approx([(1.5 + 3) / 2, (0.9 + 1) / 2])
    assert means["alpha"].tolist() == [1.0, 0.5]
    assert "alpha" not in mean_history([second])


STAGED = pd.DataFrame(
    {
        "stage": ["features", "features", "classifier"],
        "epoch": [0, 1, 0],
        "loss": [3.0, 2.0, 1.0],
        "images": 1,
        "seconds": 1.0,
    }
)


def test_stages_follow_one_another(run):
    means = mean_history([run("a", history=STAGED)])
    assert means["epoch"].tolist() == [1, 2, 3]
    assert means["stage"].tolist() == ["features", "features", "classifier"]
    lines = draw_curves({"CICL": means}, "toy").axes[0].lines
    assert [line.get_xdata().tolist() for line in lines if len(line.get_xdata())] == [[1, 2], [3]]


def test_epochs_of_a_stage_that_another_run_trained_count(run):
    stages = [
        {"name": "features", "epochs": 0, "handed_over": "/a/checkpoints/best.ckpt", "epoch": 3},
        {"name": "classifier", "epochs": 1, "handed_over": "best", "epoch": 0},
    ]
    made = run("a", history=STAGED[2:], stages=stages, epochs=40)
    assert mean_history([made])["epoch"].tolist() == [41]
    stages[0]["trained_by"] = {"epochs": 400}
    made = run("b", history=STAGED[2:], stages=stages, epochs=40)
    assert mean_history([made])["epoch"].tolist() == [401]


def calibration_error(labels, probabilities) -> float:
    return METRICS["expected_calibration_error"].value(Samples.single(labels, probabilities))


def test_reliability_has_the_calibration_error(run):
    confidence = [0.61, 0.62, 0.95, 0.5]
    shown = reliability([run("a", confidence=confidence)])
    assert shown.counts.tolist() == [1, 2, 1]
    assert shown.confidence == pytest.approx([0.5, 0.615, 0.95])
    assert shown.accuracy == pytest.approx([0, 0.5, 1])
    gaps = np.abs(shown.accuracy - shown.confidence) * shown.counts / 4
    assert shown.error == pytest.approx(gaps.sum()) == pytest.approx((0.5 + 2 * 0.115 + 0.05) / 4)


def test_reliability_pools_folds(run):
    rng = np.random.default_rng(0)
    runs = [
        run(
            f"{fold}",
            labels=rng.integers(3, size=50),
            predicted=rng.integers(3, size=50),
            confidence=rng.uniform(0.4, 1, 50),
            fold=fold,
        )
        for fold in range(2)
    ]
    labels, probabilities = pooled_test(runs, CLASSES)
    assert reliability(runs).error == calibration_error(labels, probabilities)


def test_confusion_counts_and_shares(run):
    runs = [run("a"), run("b", labels=[1, 0, 2], predicted=[2, 0, 0], fold=1)]
    counts = pooled_confusion(runs, CLASSES)
    assert counts.tolist() == [[2, 1, 0], [0, 1, 1], [2, 0, 0]]
    counts[2] = 0
    expected = [[2 / 3, 1 / 3, 0], [0, 0.5, 0.5], [np.nan] * 3]
    assert row_shares(counts) == pytest.approx(np.array(expected), nan_ok=True)


WIDE = np.random.default_rng(0).normal(size=(55, 8))
ONE_DIRECTION = {
    "the same": np.ones((2000, 8), np.float16),
    "zeros": np.zeros((55, 8), np.float16),
    "other lengths": np.outer(np.arange(1, 56), WIDE[0]),
    "a rounding apart": np.ones((55, 8), np.float32) + np.float32(1e-7) * WIDE,
    "too short to have a direction": np.float32(1e-40) * WIDE.astype(np.float32),
    "one number": np.arange(1.0, 56.0)[:, None],
}
SOME_DIRECTIONS = {
    "two": np.eye(8)[np.arange(1600) % 2],
    "one for each class": np.eye(8)[np.arange(55) % 3],
    "opposite, in one number": (-1.0) ** np.arange(55)[:, None],
    "all but one the same": np.vstack([np.ones((54, 8)), -np.ones((1, 8))]),
    "three images": WIDE[:3],
    "long ones": 1e14 * WIDE,
}


@pytest.mark.parametrize("kind", ONE_DIRECTION)
def test_features_of_one_direction_have_no_spread(kind):
    features = ONE_DIRECTION[kind]
    assert not has_spread(np.arange(len(features)) % 3, features)


@pytest.mark.parametrize("kind", SOME_DIRECTIONS)
def test_a_picture_of_few_directions(kind):
    features = SOME_DIRECTIONS[kind]
    labels = np.arange(len(features)) % 3
    assert has_spread(labels, features)
    coordinates = embed(labels, features).coordinates
    assert np.isfinite(coordinates).all()
    assert np.ptp(coordinates) > 0


def test_tsne_keeps_clusters_and_is_always_the_same():
    labels = np.repeat([0, 1], 25)
    rng = np.random.default_rng(0)
    features = (np.eye(2, 16)[labels] + 0.1 * rng.normal(size=(50, 16))).astype(np.float16)
    first = tsne(features)
    assert first.shape == (50, 2)
    assert (first == tsne(features)).all()
    centres = np.stack([first[labels == c].mean(axis=0) for c in (0, 1)])
    nearest = np.linalg.norm(first[:, None] - centres, axis=2).argmin(axis=1)
    assert nearest.tolist() == labels.tolist()
    # The direction counts, the length does not; powers of two keep every digit.
    assert (tsne(features * np.float16(2)) == first).all()


def test_rare_classes_are_drawn_last(monkeypatch):
    monkeypatch.setattr(embedding, "POINTS", 60)
    labels = np.repeat([0, 1, 2], [20, 70, 10])
    features = np.random.default_rng(0).normal(size=(100, 8))
    shown = embed(labels, features)
    assert np.bincount(shown.labels).tolist() == [14, 35, 10]
    figure = draw_embedding({"CICL": shown}, list(CLASSES), ["less", "common", "rare"], "toy")
    drawn = sorted(figure.axes[0].collections, key=lambda points: points.get_zorder())
    assert [len(points.get_offsets()) for points in drawn] == [35, 14, 10]


def test_rows_differ_without_colour():
    looks = looks_of([*METHODS, "one more", "yet another"])
    assert len({(look.marker, look.line) for look in looks.values()}) == len(looks)
    assert looks["AdUni"] == LOOKS["AdUni"]
    many = looks_of([f"row {i}" for i in range(20)])
    assert len(set(many.values())) == 20


def test_every_row_of_table_1_has_a_look(pytestconfig):
    table = read_yaml(pytestconfig.rootpath / "conf" / "table" / "methods.yaml")
    assert [row.name for row in Definition(**table).rows] == METHODS


# Legibility

LONG = [f"alpha 1 to 0.0{i}, ProBal sampling" for i in range(4)]


def _figures(classes: list[str], rows: list[str]) -> dict[str, Figure]:
    rng = np.random.default_rng(0)
    sizes = (5000 // np.arange(1, len(classes) + 1) ** 2).tolist()
    losses = {name: rng.exponential(size=40) for name in classes}
    table = rng.uniform(size=(len(rows), len(classes)))
    table[0, 0] = np.nan
    epochs = np.arange(30)
    history = pd.DataFrame({"stage": "a", "epoch": epochs + 1, "loss": 9 * np.exp(-epochs / 9.0)})
    history["alpha"] = np.linspace(1, 0.01, 30)
    history["validation_macro_f1"] = epochs / 40
    labels = np.arange(60) % len(classes)
    embedded = embed(labels, rng.normal(size=(60, 8)))
    counts = np.diag(sizes) + rng.integers(1000, size=(len(classes),) * 2)
    middles = (np.arange(15) + 0.5) / 15
    bins = Reliability(rng.integers(1, 99, 15), middles, rng.uniform(size=15), 0.1)
    folds = {row: rng.normal(scale=0.03, size=5) for row in rows[1:] or ["another"]}
    return {
        "differences": draw_differences(folds, f"isic2018: differences to {rows[0]}", -0.1),
        "class_distribution": draw_class_distribution(dict(zip(classes, sizes, strict=True)), "a"),
        "loss_by_class": draw_loss_by_class({"CE": losses, "AdUni": losses}, "aptos"),
        "embedding": draw_embedding(dict.fromkeys(rows[:3], embedded), classes, classes, "aptos"),
        "f1_by_class": draw_f1_by_class(table, rows, classes, "isic2018"),
        "curves": draw_curves(dict.fromkeys(rows, history), "isic2018"),
        "reliability": draw_reliability(dict.fromkeys(rows, bins), "isic2018"),
        "confusion": draw_confusion(dict.fromkeys(rows, counts), classes, "isic2018"),
    }


SETTINGS = {
    "isic": (ISIC, METHODS),
    "aptos": (APTOS, METHODS),
    "digits": ([str(i) for i in range(10)], LONG),
    "single": (ISIC, ["CE"]),
}


@pytest.fixture(scope="module", params=SETTINGS)
def figures(request) -> dict[str, Figure]:
    return _figures(*SETTINGS[request.param])


@pytest.mark.parametrize("name", [kind.name for kind in all_figures()])
def test_text_is_legible(figures, name, monkeypatch):
    figure = figures[name]
    texts = _drawn_texts(figure, monkeypatch)
    assert figure.get_figwidth() in (style.COLUMN, style.PAGE)
    assert len(texts) > 5
    width, height = figure.canvas.get_width_height()
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        assert text.get_fontsize() >= 6.5, text
        assert 0 <= box.x0 < box.x1 <= width, text
        assert 0 <= box.y0 < box.y1 <= height, text
    for (one, first), (other, second) in combinations(zip(texts, boxes, strict=True), 2):
        slanted = one.get_rotation() % 90 and other.get_rotation() % 90
        assert slanted or not _overlap(first, second), (one, other)


def _drawn_texts(figure: Figure, monkeypatch) -> list[Text]:
    """Matplotlib also keeps labels of ticks that are out of range, which are not drawn."""
    drawn: dict[Text, None] = {}
    original = Text.draw

    def recorded(self, *args, **settings):
        drawn[self] = None
        return original(self, *args, **settings)

    monkeypatch.setattr(Text, "draw", recorded)
    FigureCanvasAgg(figure).draw()
    return [text for text in drawn if text.get_visible() and text.get_text().strip()]


def _overlap(first: Bbox, second: Bbox) -> bool:
    """By more than a hundredth of an inch both ways."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return bool(width > 1 and height > 1)


# Everything together


def test_all_that_there_are_data_for(run, tmp_path):
    rows = {
        "CE": [run("ce0"), run("ce1", fold=1)],
        "CICL": [],
        "AdUni": [run("aduni")],
    }
    labels = np.repeat([0, 1, 2], [12, 6, 3])
    features = np.random.default_rng(0).normal(size=(21, 8)).astype(np.float16)
    np.savez(rows["AdUni"][0].folder.features, images=labels, labels=labels, features=features)
    drawn = draw(rows, "toy", tmp_path / "one")
    assert [d.name for d in drawn] == [f"toy_{kind.name}" for kind in all_figures()]
    again = draw(rows, "toy", tmp_path / "two")
    for first, second in zip(drawn, again, strict=True):
        assert first.svg.read_bytes() == second.svg.read_bytes()
        assert first.pdf.read_bytes() == second.pdf.read_bytes()
        ElementTree.parse(first.svg)
        assert first.pdf.read_bytes()[:5] == b"%PDF-"
        assert first.caption.endswith(".")


@pytest.mark.usefixtures("blank_figures")
def test_what_is_missing_is_skipped(run, tmp_path):
    made = run("a", labels=[0, 0, 2], predicted=[0, 0, 0])
    made.folder.history.unlink()
    names = [d.name for d in draw({"LDAM": [read_run(made.folder)]}, "toy", tmp_path / "out")]
    skipped = {"differences", "embedding", "curves"}
    assert names == [f"toy_{kind.name}" for kind in all_figures() if kind.name not in skipped]
    assert draw({"LDAM": []}, "toy", tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("blank_figures")
def test_damaged_features_give_way_to_the_next_run_s(run, tmp_path):
    runs = [run("a"), run("b", fold=1)]
    runs[0].folder.features.write_bytes(b"PK")
    drawn = [d.name for d in draw({"CICL": runs}, "toy", tmp_path / "one")]
    assert "toy_embedding" not in drawn
    labels = np.repeat([0, 1, 2], [12, 6, 3])
    features = np.random.default_rng(0).normal(size=(21, 8)).astype(np.float16)
    np.savez(runs[1].folder.features, labels=labels, features=features)
    drawn = [d.name for d in draw({"CICL": runs}, "toy", tmp_path / "two")]
    assert "toy_embedding" in drawn


def test_black_follows_the_theme_and_cells_keep_their_colours(tmp_path):
    figure = draw_f1_by_class(np.array([[0.1, 0.9, np.nan]]), ["CE"], ["a", "b", "c"], "toy")
    svg, _ = save(figure, tmp_path, "a")
    content = svg.read_text()
    assert "#000000" not in content
    assert "prefers-color-scheme:dark" in content
    texts = {t.text: t.get("style") for t in _texts(svg)}
    assert "fill: #ffffff" in texts["0.10"]  # on dark blue
    assert "fill: #010101" in texts["0.90"]  # on yellow
    assert "fill" not in texts["-"]  # on the page
    assert "fill" not in texts["CE"]


def test_names_stay_texts_of_a_drawing(tmp_path):
    nasty = '</text><script>alert("x")</script>'
    svg, _ = save(draw_class_distribution({nasty: 3, "b": 0}, "toy"), tmp_path, "a")
    assert "<script" not in svg.read_text()
    assert nasty in [text.text for text in _texts(svg)]


def _texts(svg):
    return [element for element in ElementTree.parse(svg).iter() if element.tag.endswith("text")]


def test_ids_of_two_figures_differ(tmp_path):
    drawn = [save(draw_class_distribution({"a": 3}, "toy"), tmp_path, name)[0] for name in "ab"]
    ids = [
        {element.get("id") for element in ElementTree.parse(svg).iter()} - {None} for svg in drawn
    ]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, own in zip(drawn, ids, strict=True):
        used = re.findall(r'(?:url\(|href=")#([^)"]+)', svg.read_text())
        assert used
        assert set(used) <= own


def test_a_figure_has_its_width(tmp_path):
    svg, _ = save(draw_class_distribution({"a": 3, "b": 0}, "toy"), tmp_path, "a")
    assert f'width="{72 * style.COLUMN:.0f}pt"' in svg.read_text()


def test_grades_are_in_their_order_and_other_classes_by_size(run):
    made = run("a", labels=[1, 1, 2], predicted=[1, 1, 2])
    assert list(class_counts([made])) == ["common", "less", "rare"]
    few = {"training_labels": (0, 1, 1, 2, 2, 2)}
    labels = {"labels": [1, 1, 2], "predicted": [1, 1, 2]}
    assert list(class_counts([run("b", **few, **labels)])) == ["less", "rare", "common"]
    graded = run("c", task="ordinal", **few, **labels)
    assert list(class_counts([graded])) == ["common", "less", "rare"]


def test_many_classes_are_drawn_without_a_text_for_each():
    classes = [f"class {number}" for number in range(200)]
    counts = np.eye(200, dtype=np.int64)
    drawn = [
        draw_confusion({"CE": counts}, classes, "toy"),
        draw_f1_by_class(np.eye(2, 200), ["CE", "AdUni"], classes, "toy"),
        draw_class_distribution(dict.fromkeys(classes, 3), "toy"),
        draw_loss_by_class({"CE": dict.fromkeys(classes, np.array([1.0, 2.0]))}, "toy"),
    ]
    for figure in drawn:
        assert len(figure.findobj(Text)) < 100
        assert max(figure.get_size_inches()) < 20


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["confusion", "reliability"])
def test_no_side_of_a_figure_is_empty(kind, count, tmp_path):
    """With one method the right half was."""
    labels = [f"Method {number}" for number in range(count)]
    if kind == "confusion":
        figure = draw_confusion(dict.fromkeys(labels, np.eye(5, dtype=int)), APTOS, "APTOS 2019")
    else:
        bins = np.array([0.3, 0.9])
        shown = Reliability(np.array([5, 9]), bins, bins, 0.1)
        figure = draw_reliability(dict.fromkeys(labels, shown), "APTOS 2019")
    style.styled(figure.savefig)(tmp_path / "a.png", dpi=style.DPI)
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("L"))
    inked = np.flatnonzero((pixels < 200).any(axis=0))
    gaps = np.diff(inked, prepend=0, append=pixels.shape[1])
    assert gaps.max() < 0.3 * pixels.shape[1]
    assert inked[-1] > 0.9 * pixels.shape[1]
