"""The figure of a screening question."""

import numpy as np
import pytest

from aduni.reporting.clinical.screening_curves import FIGURE, limits_of


def test_net_benefits_are_shown_from_a_little_below_0_to_the_highest():
    assert limits_of([np.array([0.02, -3.0]), [0, 0]]) == pytest.approx((-0.002, 0.021))
    assert limits_of([np.array([np.nan, -3.0]), [0, 0]]) == (-0.1, 1.05)


def test_the_caption_says_that_scores_must_be_calibrated():
    assert "they must be calibrated" in FIGURE.caption
