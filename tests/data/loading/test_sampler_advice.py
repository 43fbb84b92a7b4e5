"""The suggested sampler depends on the class counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aduni.data.loading.samplers import imbalance_ratio, suggest_sampler


@pytest.mark.parametrize(
    ("counts", "sampler"),
    [
        ([10, 10], "none"),
        ([15, 10], "none"),
        ([16, 10], "upsample"),
        ([1805, 370, 999, 193, 295], "upsample"),
        ([6705, 1113, 1099, 514, 327, 142, 115], "upsample"),
        ([1000, 10], "upsample"),
        ([1001, 10], "sqrt"),
        ([7], "none"),
    ],
)
def test_the_ratio_decides(counts, sampler):
    assert suggest_sampler(np.array(counts))[0] == sampler


def test_a_class_without_images_has_no_say():
    assert imbalance_ratio(np.array([30, 0, 10])) == 3


@given(st.lists(st.integers(1, 10_000), min_size=1))
def test_the_suggestion_is_an_option_of_conf_and_a_clause(counts):
    name, reason = suggest_sampler(np.array(counts))

    assert name in ("none", "upsample", "sqrt")
    assert reason[0].islower()
    assert not reason.endswith(".")
