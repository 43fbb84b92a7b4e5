"""Front matter and headline of a card: values of scikit-learn, names that inject nothing."""

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

from aduni.results.model_card.card import card
from aduni.results.model_card.front_matter import front_matter, without_front_matter
from aduni.results.model_card.results import headline

HOSTILE = ('x"\n---\nlicense: mit\n', "no: '1'\u2028# {a} |\t")


def _parsed(text: str) -> dict:
    _, matter, _ = text.split("---\n", 2)
    return yaml.safe_load(matter)


def test_values_are_those_of_scikit_learn(make_content, part):
    labels, probabilities, _ = part
    predicted = probabilities.argmax(axis=1)
    matter = _parsed(card(make_content()))
    (model,) = matter["model-index"]
    (result,) = model["results"]
    values = {each["type"]: each["value"] for each in result["metrics"]}
    areas = [roc_auc_score(labels == c, probabilities[:, c]) for c in range(3)]
    expected = {
        "accuracy": accuracy_score(labels, predicted),
        "f1": f1_score(labels, predicted, average="macro"),
        "matthews_correlation": matthews_corrcoef(labels, predicted),
        "roc_auc": np.mean(areas),
    }
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, abs=6e-5), name
    assert matter["metrics"] == ["accuracy", "f1", "roc_auc", "matthews_correlation"]
    assert set(values) >= {"balanced_accuracy", "brier"}
    assert result["dataset"] == {"type": "own", "name": "own", "split": "test"}
    assert result["task"]["type"] == matter["pipeline_tag"] == "image-classification"
    assert (matter["library_name"], model["name"]) == ("pytorch", "aduni on own")
    assert matter["tags"] == ["image-classification", "aduni"]
    assert "license" not in matter


def test_the_hub_reads_the_card(make_content):
    content = make_content()
    content.settings["dataset"]["name"] = "Fundus, 2024"
    read = ModelCard(card(content))
    found = {each.metric_name: each for each in read.data.eval_results}
    assert found["Macro F1"].metric_args == {"average": "macro"}
    assert found["Macro F1"].dataset_name == "Fundus, 2024"
    assert read.text.lstrip().startswith("# Model card: aduni on own")


def test_hostile_names_inject_no_field(make_content):
    content = make_content(names=HOSTILE)
    text = card(content)
    matter, plain = _parsed(text), _parsed(card(make_content()))
    shown = [ascii(name)[1:-1] for name in HOSTILE]
    assert matter.keys() == plain.keys()
    assert matter["model-index"][0]["results"][0]["dataset"]["type"] == shown[1]
    assert "license" not in ModelCard(text).data.to_dict()
    assert text.count("\n") == card(make_content()).count("\n")
    assert without_front_matter(text).startswith("# Model card: x")


def test_an_untested_model_has_no_results_and_other_texts_stay_whole():
    matter = _parsed(front_matter(None, "timm"))
    assert matter == {
        "library_name": "timm",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "timm", "aduni"],
    }
    for text in ("# Card\n\n---\n\nText\n", "# Card"):
        assert without_front_matter(front_matter(None) + text) == text
        assert without_front_matter(text) == text


def test_the_result_is_said_in_one_line_below_the_title(make_content):
    content = make_content()
    low, high = content.intervals.metrics["macro_f1"]
    test = content.metrics["test"]
    test["per_class_recall"]["rare"] = 0.125
    line = without_front_matter(card(content)).splitlines()[2]
    assert line == (
        f"**Macro F1 {test['macro_f1']:.2f} ({low:.2f} to {high:.2f}) on 60 test images of 3 "
        f"classes; lowest recall 0.12, of class rare (8 images).**"
    )
    assert headline(make_content(selected_on="test")).endswith("selected on these images.")


def test_classes_that_are_equally_bad_or_absent_are_counted(make_content):
    content = make_content()
    test = content.metrics["test"]
    test["per_class_recall"] = dict.fromkeys(test["per_class_recall"], 0.0)
    assert "lowest recall 0.00, of 3 classes.**" in headline(content)
    test["support"]["rare"] = 0
    test["per_class_recall"]["less"] = 0.25
    assert "on 52 test images of 2 of 3 classes" in headline(content)
    assert "lowest recall 0.00, of class common (36 images)" in headline(content)
    assert np.isfinite(test["macro_f1"])
