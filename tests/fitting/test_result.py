"""What a fit says about its models, from runs made by hand."""

import numpy as np
import pytest
from candidates import candidate, run_of

from aduni.fitting.answer import advice, answer, reasons
from aduni.fitting.closing import closing_text
from aduni.fitting.fit_settings import Preset, Row, Scale, Sizes
from aduni.fitting.next_steps import steps_of
from aduni.fitting.plan_file import CLOCK, FitPlan, read_fit_plan
from aduni.fitting.result import Result
from aduni.fitting.speed import Speed
from aduni.fitting.write_result import Written

LABELS = [0] * 60 + [1] * 30 + [2] * 30
CHANCE = np.random.default_rng(0).integers(3, size=120).tolist()


def near(*wrong: int) -> list[int]:
    return [(label + 1) % 3 if row in wrong else label for row, label in enumerate(LABELS)]


class Settings:
    """The settings that the sentences are made from."""

    max_seconds = 600.0
    target = "macro_f1"

    @property
    def metric(self):
        return candidate("x", []).metric


def result(models, floors, *, fine_tuned=None, unfinished=None) -> Result:
    plan = FitPlan.model_construct(
        data={"title": "toy"},
        sizes=Sizes(frozen_size=64, fine_tuned=fine_tuned),
        speed=Speed(side=64, read=0.1, forward={}, training={}),
    )
    return Result(Settings(), "quick", plan, models, floors, unfinished or {}, 60.0)


@pytest.fixture(autouse=True)
def stages(monkeypatch):
    """Runs made by hand have no stages."""
    monkeypatch.setattr("aduni.fitting.result._is_shortened", lambda run: run.seed == 9)


def test_a_model_above_the_floors_is_recommended():
    made = result(
        [candidate("simple", [run_of(LABELS, near(1, 2))])],
        [candidate("floor", [run_of(LABELS, CHANCE)])],
    )
    use, test, floor = answer(made)
    assert made.is_recommended
    assert use == "Use simple."
    assert f"macro F1 {made.tested.metrics['macro_f1']:.3f} (" in test
    assert '"floor", a method without a network' in floor


def test_a_model_that_a_floor_may_equal_is_not():
    models = [candidate("model", [run_of(LABELS, near(1, 2, 70))])]
    floors = [candidate("frequent", [run_of(LABELS, [0] * 120)])]
    floors.append(candidate("thumbnail", [run_of(LABELS, near(1, 3, 71, 99))]))
    made = result(models, floors)
    first, *_, last = answer(made)
    assert not made.is_recommended
    assert first.startswith("No model is recommended")
    assert '"thumbnail"' in first
    assert advice(made).startswith("The commands are for model")
    assert "preset=good" in last
    tuned = result(models, floors, fine_tuned=Scale(image_size=64, steps=9))
    assert "preset=good" not in [*answer(tuned)][-1]


@pytest.mark.parametrize(
    ("wrong", "first"), [((), "Use model. On 120 test images"), ((1, 2), "No ")]
)
def test_the_end_says_what_was_found_where_it_is_and_how_to_use_it(tmp_path, wrong, first):
    floor = run_of(LABELS, CHANCE if not wrong else near(1))
    made = result(
        [candidate("model", [run_of(LABELS, near(*wrong))])], [candidate("floor", [floor])]
    )
    steps = [*steps_of([tmp_path / "model.ckpt"], [tmp_path / "run"])]
    written = Written(tmp_path / "index.html", tmp_path / "NEXT_STEPS.md", steps)
    found, page, file, purpose, command = closing_text(made, written).splitlines()

    assert found.startswith(first)
    assert "test images, which" in found if not wrong else "95 % interval" in found
    assert (page, file) == (f"Page: {written.page}", f"Next steps: {written.next_steps}")
    assert purpose == (advice(made) or "Classify new images:")
    assert command == f"  {steps[0].command}"


def test_models_of_folds_are_said_to_be_untested_together():
    folds = [run_of(LABELS, near(fold), fold=fold) for fold in range(3)]
    floor = [run_of(LABELS, CHANCE, fold=fold) for fold in range(3)]
    made = result([candidate("model", folds)], [candidate("floor", floor)])
    assert made.tested.images == 360
    assert any("Together, as the commands below" in sentence for sentence in answer(made))
    assert any("over the 3 folds" in sentence for sentence in reasons(made))


def test_the_reason_names_the_best_and_the_standard_error():
    models = [
        candidate("simple", [run_of(LABELS, near(1, 70))]),
        candidate("best", [run_of(LABELS, near(70), seed=9)]),
    ]
    made = result(models, [candidate("floor", [run_of(LABELS, CHANCE)])])
    said = " ".join(reasons(made))
    assert "best is the best with" in said
    assert "simple, with" in said
    assert "over resampled groups of images" in said
    assert "The time limit ended best" in said
    alone = " ".join(reasons(result(models[1:], made.floors)))
    assert (
        "no simpler one that takes images of its size or smaller ones is within a standard" in alone
    )


def test_next_steps_of_several_models_say_which_is_meant(tmp_path):
    runs = [tmp_path / "a", tmp_path / "b"]
    steps = [*steps_of([run / "x.ckpt" for run in runs], runs)]
    assert [step.name for step in steps] == ["predict", "explain", "evaluate", "evaluate", "export"]
    assert f"[{runs[0]}/x.ckpt,{runs[1]}/x.ckpt]" in steps[0].command
    assert "the first of its models" in steps[1].purpose
    assert steps[3].purpose.endswith("in b")
    assert [s.name for s in steps_of([runs[0]], runs[:1])].count("evaluate") == 1


def test_a_folder_of_others_is_left_alone(tmp_path, refusal):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "thesis.doc").touch()
    refusal(lambda: read_fit_plan(tmp_path / "plan.yaml", {}), tmp_path, "other files", "output=")
    (tmp_path / "plan.yaml").write_text("a: 1\n")
    refusal(lambda: read_fit_plan(tmp_path / "plan.yaml", {}), "other files")
    (tmp_path / CLOCK).write_text("{}")
    said = refusal(lambda: read_fit_plan(tmp_path / "plan.yaml", {}), "another version")
    assert "remove" not in said
    assert read_fit_plan(tmp_path / "new" / "plan.yaml", {}) is None


def test_a_name_stands_for_one_training():
    both = {"same": ("method=dummy",)}
    with pytest.raises(ValueError, match="a row and a floor called same"):
        Preset(
            folds="first",
            frozen_steps=1,
            seeds=(0,),
            frozen_sizes=(64,),
            scales=(),
            floors=both,
            rows={"same": Row(overrides=())},
        )
