import pytest

from simcore.errors import InputError
from simcore.selection import StopRule, stop_rule, stop_rule_names
from simcore.selection.stops import Stop, registry


def test_the_paper_refers_to_the_first_round():
    rule = StopRule.paper()
    assert rule == StopRule(threshold=0.95, reference_round=1, keep_failing_round=False)
    assert not rule.fails([1.0, 0.95])
    assert rule.fails([1.0, 0.9499])
    assert StopRule.paper(0.6, keep_failing_round=True).keep_failing_round


def test_the_authors_refer_to_round_twenty_and_never_fail_before_it():
    rule = StopRule.authors()
    falling = [1.0 - 0.04 * i for i in range(20)]
    assert not any(rule.fails(falling[:n]) for n in range(1, 21))
    assert not rule.fails([*falling, 0.95 * falling[19]])
    assert rule.fails([*falling, 0.9499 * falling[19]])


def test_none_never_fails():
    assert not StopRule.none().fails([1.0, -1.0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0}, "`threshold` is 0"),
        ({"threshold": 1.01}, "`threshold` is 1.01"),
        ({"threshold": float("nan")}, "`threshold` is nan"),
        ({"reference_round": 0}, "`reference_round` is 0"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        StopRule(**settings)


@pytest.mark.parametrize("reference", [0.0, -0.1])
def test_a_reference_that_is_not_positive_is_refused_with_the_reason(reference):
    with pytest.raises(InputError, match="a share of a value ≤ 0 is no bound from below"):
        StopRule.paper().fails([reference])
    assert not StopRule.authors().fails([reference])


@pytest.mark.parametrize("name", stop_rule_names())
def test_settings_rebuild_every_rule(name):
    rule = stop_rule(name)
    assert isinstance(rule, Stop)
    assert stop_rule(**rule.settings()) == rule


def test_unknown_rules_and_settings_are_refused():
    with pytest.raises(InputError, match="choose one of authors, none, paper, ratio"):
        stop_rule("patience")
    with pytest.raises(InputError, match="does not take these settings"):
        stop_rule("paper", patience=20)


def test_a_new_rule_is_one_registration(monkeypatch):
    monkeypatch.setattr(registry, "_RULES", dict(registry._RULES))

    @registry.register("two rounds")
    class TwoRounds:
        keep_failing_round = False

        def fails(self, values):
            return len(values) > 2

        def reference(self, values):
            return None

        def settings(self):
            return {"rule": "two rounds"}

    assert "two rounds" in stop_rule_names()
    assert isinstance(stop_rule("two rounds"), Stop)
