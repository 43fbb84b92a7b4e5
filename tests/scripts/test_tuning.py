"""Each row of a profile runs with each rate; what is known is not run again."""

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from aduni.reproduce.settings import read_reproduction
from aduni.results.plan import read_plan
from aduni.system.atomic_files import read_yaml, write_json
from composing import CONF
from scripts import tuning


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Return a function that plans the runs of a profile, by row, rate and data set."""
    monkeypatch.setattr("aduni.reproduce.splits._compute", lambda config: f"split{config['fold']}")

    def planned(profile, *rates):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            words = [f"profile={profile}", f"name={profile}", f"output={tmp_path}"]
            config = compose("reproduce", words)
            return dict(tuning.planned(read_reproduction(config), rates))

    return planned


def test_each_row_has_each_rate_on_each_data_set(runs):
    found = runs("study", 0.5, 0.25)
    rows = ("CE", "Balanced Softmax", "AdUni")
    assert set(found) == {
        (row, rate, dataset)
        for row in rows
        for rate in (0.5, 0.25)
        for dataset in ("aptos", "isic2018")
    }
    assert len({run.id for run in found.values()}) == len(found)
    for (_, rate, dataset), run in found.items():
        rates = [word for word in run.overrides if word.startswith("lr=")]
        assert rates == [f"lr={rate}"]
        assert (run.dataset, run.fold, run.seed) == (dataset, 0, 100)
        assert "dataset.image_size=96" in run.overrides
    assert "epochs=10" in found["AdUni", 0.5, "aptos"].overrides


def test_known_scores_are_not_run_again(tmp_path, monkeypatch, capsys):
    file = tmp_path / "tuning.csv"
    line = {"row": "CE", "dataset": "digits", "lr": 0.5, "validation_macro_f1": 0.25}
    pd.DataFrame([line]).to_csv(file, index=False)
    monkeypatch.setattr("aduni.reproduce.splits._compute", lambda config: "split")
    trained = []
    monkeypatch.setattr(tuning, "train_planned", lambda root, plan, run: trained.append(run))
    output = tmp_path / "runs"
    words = ["tuning", "smoke", str(file), "--rates", "0.5", "0.1", "--output", str(output)]
    monkeypatch.setattr("sys.argv", words)
    tuning.main()
    rows = len(read_yaml(CONF / "table" / "methods.yaml")["rows"])
    assert len(trained) == len(set(trained)) == 2 * rows - 1
    labels = [(run.rows[0][1], run.overrides) for run in read_plan(output).runs]
    assert [row for row, words in labels if "lr=0.5" in words].count("CE") == 0
    assert [row for row, words in labels if "lr=0.1" in words].count("CE") == 1
    assert f"{2 * rows - 1} runs to do" in capsys.readouterr().out
    assert pd.read_csv(file).to_dict("records") == [line]


def test_a_new_score_replaces_the_earlier_one_of_its_cell(tmp_path, monkeypatch):
    def score(row, lr, value):
        return {"row": row, "dataset": "aptos", "lr": lr, "validation_macro_f1": value, "seed": 100}

    file = tmp_path / "tuning.csv"
    scores = [
        [score("CE", 0.1, 0.5), score("AdUni", 0.1, 0.6)],
        [score("CE", 0.2, 0.7), score("CE", 0.1, 0.4)],
    ]
    for lines in scores:
        monkeypatch.setattr(tuning, "kept_runs", lambda root, lines=lines: pd.DataFrame(lines))
        tuning.keep(tmp_path, file)
    kept = pd.read_csv(file).drop(columns="dataset").to_numpy().tolist()
    assert kept == [["AdUni", 0.1, 0.6], ["CE", 0.1, 0.4], ["CE", 0.2, 0.7]]


def test_a_failed_run_is_named(tmp_path, monkeypatch, runs, refusal):
    (run,) = [run for cell, run in runs("study", 0.5).items() if cell[::2] == ("CE", "aptos")]
    plan = tuning.Plan(profile="study", folds=(0,), runs=(run,))
    write_json(plan.model_dump(mode="json"), tmp_path / "plan.json")

    def fail(root, plan, run_id):
        folder = tuning.run_folder(root, run)
        folder.path.mkdir(parents=True)
        write_json({"reason": "The disk is full."}, folder.failure)

    monkeypatch.setattr(tuning, "train_planned", fail)
    refusal(lambda: tuning.run_all(tmp_path, plan, tmp_path / "t.csv", 1), "The disk is full")
