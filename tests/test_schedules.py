"""Compare schedules with the published tables and with independent recurrences."""

import math
import random

import pytest

from aduni import schedules

SCHEDULES = ["released", "cosine", "printed", "step", "linear", "constant"]
# Values of the authors' code, a_max = 1, a_min = 0.01, four decimals.
RELEASED = {
    0: 1.0,
    10: 0.9991,
    25: 0.9866,
    50: 0.9004,
    75: 0.7045,
    100: 0.4387,
    125: 0.2036,
    150: 0.0690,
    175: 0.0212,
    200: 0.0112,
    250: 0.0100,
    399: 0.0100,
}


def fed_back_alphas(maximum: float, minimum: float, decay: int, epochs: int) -> list[float]:
    """Compute alpha as the authors' loop does, with a variable that every epoch overwrites."""
    alphas, alpha = [], maximum
    for t in range(epochs):
        alpha = minimum + (alpha - minimum) * (1 + math.cos(math.pi * t / decay)) / 2
        alphas.append(alpha)
    return alphas


@pytest.mark.parametrize(("epoch", "alpha"), RELEASED.items())
def test_released_alpha_is_the_authors(epoch, alpha):
    assert schedules.released(epoch, 400) == (pytest.approx(alpha, abs=5e-5), 1.0)


def test_released_alpha_is_the_authors_loop_for_any_setting():
    expected = fed_back_alphas(0.8, 0.05, 300, 400)
    options = {"maximum": 0.8, "minimum": 0.05, "decay_epochs": 300}

    alphas = [schedules.released(t, 400, **options).alpha for t in range(400)]

    assert alphas == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("epoch", "printed", "halved"),
    [(0, 1.99, 1.0), (100, 1.94, 0.976), (200, 1.80, 0.905), (400, 1.31, 0.658)],
)
def test_printed_and_half_cosine_alphas_are_the_papers(epoch, printed, halved):
    assert schedules.printed(epoch, 400) == (pytest.approx(printed, abs=5e-3), 1.0)
    assert schedules.cosine(epoch, 400) == (pytest.approx(halved, abs=5e-4), 1.0)


def test_printed_and_half_cosine_weigh_maximum_and_minimum():
    # A third of the decay: cos = 1/2, so w = 3/2 as printed and 3/4 with the half.
    options = {"maximum": 0.8, "minimum": 0.2, "decay_epochs": 300}

    assert schedules.printed(100, 400, **options).alpha == pytest.approx(1.5 * 0.8 - 0.5 * 0.2)
    assert schedules.cosine(100, 400, **options).alpha == pytest.approx(0.75 * 0.8 + 0.25 * 0.2)


@pytest.mark.parametrize("name", ["released", "cosine", "printed", "step"])
@pytest.mark.parametrize("epochs", [1, 7, 30, 399, 1000])
def test_a_run_of_another_length_follows_the_curve_of_400_epochs(name, epochs):
    schedule = getattr(schedules, name)

    for t in range(epochs):
        assert schedule(t, epochs) == schedule(400 * t // epochs, 400)


def test_a_short_run_takes_the_whole_fall_of_the_released_alpha():
    # Epoch t of 8 is epoch 50 t of 400.
    alphas = [schedules.released(t, 8).alpha for t in range(6)]

    assert alphas == pytest.approx([1.0, 0.9004, 0.4387, 0.0690, 0.0112, 0.0100], abs=5e-5)


def test_step_falls_at_the_decay_epoch():
    assert schedules.step(99, 400) == (1.0, 1.0)
    assert schedules.step(100, 400) == (0.01, 1.0)
    assert schedules.step(9, 40) == (1.0, 1.0)
    assert schedules.step(10, 40) == (0.01, 1.0)
    options = {"maximum": 0.5, "minimum": 0.1, "decay_epoch": 200}
    assert schedules.step(199, 400, **options).alpha == 0.5
    assert schedules.step(200, 400, **options).alpha == 0.1


def test_step_with_the_published_decay_epoch_never_falls():
    assert all(schedules.step(t, 400, decay_epoch=1000).alpha == 1.0 for t in range(400))


def test_linear_goes_from_maximum_to_minimum_with_beta_the_rest():
    # Five epochs, four equal steps.
    weights = [schedules.linear(t, 5, maximum=0.9, minimum=0.1) for t in range(5)]

    assert [w.alpha for w in weights] == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1])
    assert [w.beta for w in weights] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])


def test_linear_defaults_go_from_the_pairs_alone_to_nearly_the_classes_alone():
    assert schedules.linear(0, 400) == (1.0, 0.0)
    assert schedules.linear(399, 400) == (pytest.approx(0.01), pytest.approx(0.99))
    assert schedules.linear(0, 1) == (1.0, 0.0)


def test_constant_is_the_papers_table_2():
    assert {schedules.constant(t, 400) for t in range(400)} == {(0.01, 1.0)}
    assert schedules.constant(3, 9, value=100.0) == (100.0, 1.0)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_remember_nothing(name):
    schedule = getattr(schedules, name)
    in_order = [schedule(t, 40) for t in range(40)]
    epochs = list(range(40)) * 2
    random.Random(0).shuffle(epochs)

    assert [schedule(t, 40) for t in epochs] == [in_order[t] for t in epochs]


def learning_rates(
    epochs: int, warmup: int = 10, start: float = 0.1, end: float = 1e-3, schedule: str = "cosine"
) -> list:
    options = {"start": start, "end": end, "warmup_epochs": warmup, "schedule": schedule}
    return [schedules.learning_rate(t, epochs, **options) for t in range(epochs)]


def released_rates(epochs: int, warmup: int, start: float, decay: float = 0.1) -> list[float]:
    """Compute rates as the authors' loop does, whose cosine begins independently of the warm-up."""
    rates = []
    for epoch in range(epochs):
        rate = start
        if epoch < warmup:
            rate = start / warmup * (epoch + 1)
        else:
            lowest = rate * decay**3
            rate = lowest + (rate - lowest) * (1 + math.cos(math.pi * epoch / epochs)) / 2
        rates.append(rate)
    return rates


def test_released_learning_rate_is_the_authors():
    rates = learning_rates(400, end=1e-4, schedule="released")

    assert rates == pytest.approx(released_rates(400, 10, 0.1), rel=1e-12)
    # Worked by hand: cosines of pi / 40 and pi / 2.
    assert rates[9:11] == pytest.approx([0.1, 0.0001 + 0.0999 * (1 + 0.996917) / 2], abs=1e-7)
    assert rates[200] == pytest.approx((0.1 + 0.0001) / 2)
    # Epoch 400, which the authors' loop has, would have the lowest rate.
    assert 1e-4 < rates[399] < 1.02e-4


@pytest.mark.parametrize(("epochs", "warmup"), [(20, 1), (100, 3), (7, 0), (1, 0)])
def test_a_short_run_takes_its_share_of_the_released_learning_rate(epochs, warmup):
    rates = learning_rates(epochs, start=0.05, end=0.05e-3, schedule="released")

    assert rates == pytest.approx(released_rates(epochs, warmup, 0.05), rel=1e-12)


def test_the_two_learning_rates_differ_after_the_warm_up_by_a_fortieth_of_the_first():
    default, released = (
        learning_rates(400, end=1e-4),
        learning_rates(400, 10, 0.1, 1e-4, "released"),
    )
    differences = [abs(one - other) for one, other in zip(default, released, strict=True)]

    assert differences[:10] == [0] * 10
    assert 0.0020 < max(differences) < 0.0025


def test_learning_rate_warms_up_over_the_first_ten_of_400_epochs():
    rates = learning_rates(400)

    assert rates[:10] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1])


def test_learning_rate_falls_from_start_to_end_on_a_cosine():
    # cos((k + 1) a) = 2 cos(a) cos(k a) - cos((k - 1) a), from epoch 10 to epoch 399.
    angle = math.pi / 389
    cosines = [1.0, math.cos(angle)]
    while len(cosines) < 390:
        cosines.append(2 * math.cos(angle) * cosines[-1] - cosines[-2])

    rates = learning_rates(400)

    assert rates[10:] == pytest.approx([1e-3 + 0.099 * (1 + c) / 2 for c in cosines])
    assert rates[10] == pytest.approx(0.1)
    assert rates[399] == pytest.approx(1e-3)


def test_learning_rate_without_warm_up_worked_by_hand():
    # Thirds of pi: cosines 1, 1/2, -1/2, -1, so shares 1, 3/4, 1/4, 0.
    rates = learning_rates(4, warmup=0, start=0.9, end=0.1)

    assert rates == pytest.approx([0.9, 0.7, 0.3, 0.1])


@pytest.mark.parametrize(
    ("epochs", "warmup"),
    [(400, 10), (200, 5), (100, 3), (60, 2), (40, 1), (20, 1), (19, 0), (5, 0)],
)
def test_short_runs_take_their_share_of_the_warm_up(epochs, warmup):
    # 10 / 400 of the run, to the nearest epoch, a half counting as one (100 epochs: 2.5, so 3).
    rates = learning_rates(epochs)
    rising = [0.1 * (t + 1) / warmup for t in range(warmup)]

    assert rates[:warmup] == pytest.approx(rising)
    assert rates[warmup] == pytest.approx(0.1)
    assert rates[warmup + 1] < 0.1
    assert rates[-1] == pytest.approx(1e-3)


def test_a_run_of_one_epoch_learns_at_the_full_rate():
    assert learning_rates(1) == [0.1]


@pytest.mark.parametrize("epochs", [1, 2, 3, 30, 400, 500])
@pytest.mark.parametrize("warmup", [0, 10, 400, 1000])
def test_learning_rate_stays_between_nothing_and_start(epochs, warmup):
    rates = learning_rates(epochs, warmup)

    assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)
