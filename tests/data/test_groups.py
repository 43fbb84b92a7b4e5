"""Group names are equal however they are written, and unique where they are missing."""

import pytest

import composing  # noqa: F401  registers the resolver of titles
from aduni.data.names import group_names, is_alone
from own_data import table

IMAGES = [f"i{number}" for number in range(40)]


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        (["7", "7.0", "7.", "007", "+7", " 7 ", "7.00"], [0] * 7),
        (["7", "7.0", "p8", "8", "8.0"], [0, 0, 1, 2, 2]),
        (["7", "70", "7.5", "0.7", "-7", "7e0", "7,0"], list(range(7))),
        (["1234567890123456", "1234567890123457"], [0, 1]),
        (["p1", "P1", "p 1", "p1.0"], [0, 1, 2, 3]),
        (["", "nan", "NaN", "None", "NA", "n/a", "N/A", "null", "NULL", "<NA>"], list(range(10))),
        (["-", "--", "?", "unknown", "Unknown ", "missing", "empty", "NaT", "nil"], list(range(9))),
        (["nano", "nonesuch", "n", "a-", "0", "0.0"], [0, 1, 2, 3, 4, 4]),
        (["\u0664", "4"], [0, 1]),
    ],
)
def test_rows_of_one_name_are_one_group(cells, groups):
    found = group_names(cells, IMAGES[: len(cells)])

    same = [[one == other for other in found] for one in found]
    assert same == [[one == other for other in groups] for one in groups]


def test_only_rows_without_a_name_are_alone():
    found = group_names(["p1", "nan", "", "7.0"], IMAGES[:4])

    assert list(map(is_alone, found)) == [False, True, True, False]


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_patients_of_two_hospitals_do_not_leak(make_data, tmp_path, protocol):
    file = table(tmp_path / "own", (20, 20, 20))
    lines = file.read_text().splitlines()
    patients = [f"{i % 10}{'.0' if i % 20 >= 10 else ''}" for i in range(60)]
    rows = [f"{line.rsplit(',', 2)[0]},{p}" for line, p in zip(lines[1:], patients, strict=True)]
    file.write_text("\n".join(["name,finding,patient", *rows]) + "\n")
    columns = {"image_column": "name", "label_column": "finding", "group_column": "patient"}
    data = make_data("csv", csv=str(file), title="mine", protocol=protocol, **columns)

    assert data.groups.tolist() == [i % 10 for i in range(60)]
    sides = {(g, p) for g, p in zip(data.groups.tolist(), data.parts.tolist(), strict=True)}
    assert (len(sides) == 10) == (protocol == "clean")


@pytest.mark.parametrize("lesion", ["", "nan", "None"])
def test_lesions_without_a_name_are_not_one(isic, make_data, lesion):
    lines = isic.lesions.read_text().splitlines()
    for number in range(1, 21):
        image = lines[number].split(",")[0]
        lines[number] = f"{image},{lesion},histo"
    isic.lesions.write_text("\n".join(lines) + "\n")
    groups = make_data("isic2018", isic.root).table.groups

    assert len(set(groups[:20])) == 20


def test_a_split_file_that_tears_a_patient_is_refused(make_data, tmp_path, refusal):
    file = table(tmp_path / "own", (20, 20, 20))
    columns = {"image_column": "name", "label_column": "finding", "title": "mine"}
    before = make_data("csv", csv=str(file), **columns)
    before.split.to_csv(tmp_path / "split.csv", index=False)
    parts = before.parts.tolist()
    test, train = parts.index("test"), parts.index("train")
    lines = file.read_text().splitlines()
    patient = {test: "7", train: "7.0"}
    rows = [
        f"{line.rsplit(',', 2)[0]},{patient.get(i, f'p{i}')}" for i, line in enumerate(lines[1:])
    ]
    file.write_text("\n".join(["name,finding,patient", *rows]) + "\n")
    rules = {"split_file": str(tmp_path / "split.csv")}
    data = make_data("csv", csv=str(file), group_column="patient", rules=rules, **columns)

    refusal(lambda: data.parts, "split.csv puts photographs of one lesion")
