"""The page escapes names, contains its pictures and requests nothing."""

import html.parser
import io
import re
from base64 import b64decode

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from aduni.inference.explain.error_cards import StoredPredictions, confusion_of
from aduni.inference.explain.page import (
    COLOUR_MAP,
    MAX_OPACITY,
    Confusion,
    ErrorCard,
    ErrorGroup,
    NeighbourCard,
    Page,
    QueryCard,
    Share,
    data_uri,
    overlay,
    render,
    safe_file_name,
    side_by_side,
)
from aduni.inference.explain.query_cards import describe_agreement

SCRIPT = "<script>alert('x')</script>"
ATTRIBUTE = '" onmouseover="alert(1)'
PICTURE = data_uri(np.full((8, 8, 3), 200, dtype=np.uint8))


def neighbour(label: str = "a", *, same: bool = False, agrees: bool = True) -> NeighbourCard:
    return NeighbourCard(PICTURE, ATTRIBUTE, label, 0.25, same, agrees)


def example(**changes) -> Page:
    shares = [Share(SCRIPT, 0.7), Share(ATTRIBUTE, 0.3)]
    near = [neighbour(SCRIPT, same=True), neighbour(ATTRIBUTE, agrees=False)]
    query = QueryCard(
        *(SCRIPT, PICTURE, PICTURE, SCRIPT, False, shares, SCRIPT, "test", near),
        describe_agreement(near, SCRIPT),
    )
    plain = QueryCard(ATTRIBUTE, PICTURE, "", ATTRIBUTE, False, shares)
    errors = [ErrorCard(SCRIPT, PICTURE, PICTURE, shares[0], shares[1])]
    groups = [ErrorGroup(SCRIPT, SCRIPT, errors), ErrorGroup(ATTRIBUTE, ATTRIBUTE, [])]
    confusion = Confusion([SCRIPT, ATTRIBUTE], [[3, 1], [0, 0]])
    parts = {"queries": [query, plain], "groups": groups, "confusion": confusion}
    parts |= {"has_heat_maps": True, **changes}
    return Page(title=SCRIPT, facts=[(SCRIPT, ATTRIBUTE)], warnings=[SCRIPT], **parts)


class Elements(html.parser.HTMLParser):
    """Parser that collects elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_no_name_is_taken_for_markup():
    page = Elements(render(example()))
    assert "script" not in [tag for tag, _ in page.found]
    assert not any("onmouseover" in attributes for _, attributes in page.found)
    assert SCRIPT in page.text
    assert ATTRIBUTE in page.text


def test_nothing_is_asked_for_and_every_picture_has_words():
    page = Elements(render(example()))
    images = [attributes for tag, attributes in page.found if tag == "img"]
    assert len(images) == 7
    for attributes in images:
        assert attributes["src"].startswith("data:image/jpeg;base64,")
        assert attributes["alt"]
        assert attributes["loading"] == "lazy"
    links = [a["href"] for _, a in page.found if a.get("href")]
    assert all(link.startswith(("#", "data:,")) for link in links)
    ids = {a["id"] for _, a in page.found if "id" in a}
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    labels = [a["aria-labelledby"] for _, a in page.found if "aria-labelledby" in a]
    assert set(labels) <= ids


def test_parts_without_content_are_left_out():
    empty = {"queries": [], "groups": [], "confusion": None, "has_heat_maps": False}
    page = Elements(render(example(**empty)))
    assert "confident errors" not in page.text
    assert "table" not in [tag for tag, _ in page.found]
    assert "largest value" not in page.text
    assert "img" not in [tag for tag, _ in page.found]


def test_the_confusion_is_counted_and_leads_to_the_classes():
    predictions = StoredPredictions(
        ["a", "b", "c"], np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    )
    confusion = confusion_of(predictions, ["x", "y"])
    assert confusion.counts == [[1, 1], [0, 1]]
    assert confusion.summary == "1 of 3 test images are wrong (33%)."
    assert confusion.shares() == [[0.5, 0.5], [0.0, 1.0]]
    page = Elements(render(example(confusion=confusion)))
    assert "1 of 3 test images are wrong" in page.text
    cells = [attributes for tag, attributes in page.found if tag == "td"]
    assert [cell["style"] for cell in cells] == [f"--share:{n}%" for n in (50, 50, 0, 100)]


@pytest.mark.parametrize(("truth", "word"), [("a", "right"), ("b", "wrong"), ("", None)])
def test_the_true_class_of_an_image_of_the_data_set_is_said(truth, word):
    card = QueryCard("n", PICTURE, "", "a", False, [Share("a", 0.9)], truth, "test")
    text = " ".join(Elements(render(example(queries=[card]))).text.split())
    assert ("True class:" in text) == bool(truth)
    if word:
        assert f"True class: {truth} (test part): {word}" in text


def test_the_colours_of_heat_grow_lighter():
    colours = colormaps[COLOUR_MAP](np.linspace(0, 1, 20))[:, :3]
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_copies_do_not_count_among_the_neighbours():
    near = [neighbour(same=True), neighbour(), neighbour("b", agrees=False), neighbour()]
    assert describe_agreement(near, "a") == (
        "2 of the 3 nearest training images are a; this very picture is in the training part once "
        "and does not count."
    )
    assert describe_agreement(near[1:], "a") == "2 of the 3 nearest training images are a."
    assert "2 times" in describe_agreement([near[0], *near], "a")


def test_the_heat_is_laid_over_pixel_by_pixel():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    heat = rng.random((5, 5)).astype(np.float32) * 7
    laid = overlay(picture, heat)
    for y in range(5):
        for x in range(5):
            share = heat[y, x] / heat.max()
            colour = np.array(colormaps[COLOUR_MAP](float(share))[:3]) * 255
            mixed = picture[y, x] * (1 - MAX_OPACITY * share) + colour * MAX_OPACITY * share
            assert np.abs(laid[y, x] - mixed).max() <= 1.5
    assert np.array_equal(overlay(picture, np.zeros((5, 5), dtype=np.float32)), picture)


def test_pictures_stand_beside_each_other():
    left, right = np.zeros((4, 4, 3), dtype=np.uint8), np.full((4, 6, 3), 9, dtype=np.uint8)
    row = np.asarray(side_by_side([left, right]))
    assert row.shape == (4, 18, 3)
    assert np.array_equal(row[:, :4], left)
    assert np.array_equal(row[:, -6:], right)
    assert (row[:, 4:12] == 255).all()


def test_an_address_holds_the_picture():
    picture = np.full((16, 16, 3), (200, 100, 50), dtype=np.uint8)
    with Image.open(io.BytesIO(b64decode(data_uri(picture).partition(",")[2]))) as image:
        assert np.abs(np.asarray(image).astype(int) - picture).max() < 8


@pytest.mark.parametrize("name", ["../../x", "a/b", SCRIPT, "x" * 300, "\udcff", "ü 1", ""])
def test_names_of_files_stay_in_their_folder(name):
    assert re.fullmatch(r"[\w.-]{0,50}", safe_file_name(name))
    safe_file_name(name).encode()
