import pytest

from training.goals import AUTOENCODER_GOALS, Goal, Limit, goals_table

LESS = Goal("loss", (Limit("nats", 236, 230, unit="nats"),))
MORE = Goal("recall", (Limit("recall", 0.5, 0.8, at_least=True, unit="%"),))
BOTH = Goal("error at rate", (Limit("error", 0.0130, 0.0110), Limit("nats", 16, 18)))


@pytest.mark.parametrize(
    ("goal", "figures", "verdict"),
    [
        (LESS, {"nats": 230.0}, "aim met"),
        (LESS, {"nats": 230.1}, "first met"),
        (LESS, {"nats": 236.1}, "missed"),
        (MORE, {"recall": 0.8}, "aim met"),
        (MORE, {"recall": 0.5}, "first met"),
        (MORE, {"recall": 0.499}, "missed"),
        (BOTH, {"error": 0.0100, "nats": 17.0}, "aim met"),
        (BOTH, {"error": 0.0120, "nats": 17.0}, "missed"),
        (BOTH, {"error": 0.0120, "nats": 15.0}, "first met"),
        (BOTH, {"error": 0.0120}, "open"),
    ],
)
def test_a_goal_is_met_where_every_limit_is(goal, figures, verdict):
    assert goal.row(figures)[-1] == verdict


def test_a_row_shows_what_was_measured_in_the_goal_s_own_unit():
    assert MORE.row({"recall": 0.123})[1:4] == ("12.3%", ">= 50%", ">= 80%")
    assert LESS.row({"nats": 234.05})[1:4] == ("234.1 nats", "<= 236.0 nats", "<= 230.0 nats")


def test_what_was_not_measured_is_told_and_not_left_out():
    table = goals_table(AUTOENCODER_GOALS, {})
    assert len(table.rows) == len(AUTOENCODER_GOALS)
    assert {row[1] for row in table.rows} == {"not measured"}
