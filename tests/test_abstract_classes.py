"""Base classes that leave a method to their subclasses cannot be used without it."""

import pytest

from aduni.data.datasets.user_images import UserImages
from aduni.methods.cosine import Cosine
from aduni.methods.two_stage import TwoStage

MISSING = {TwoStage: "classifier_stage", Cosine: "losses", UserImages: "read_rows"}


@pytest.mark.parametrize("base", MISSING)
def test_an_incomplete_subclass_is_refused(base):
    incomplete = type("Incomplete", (base,), {})
    with pytest.raises(TypeError, match=f"abstract method '?{MISSING[base]}'?$"):
        incomplete()
