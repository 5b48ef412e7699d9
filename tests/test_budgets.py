"""Budgets as they are written, and when their periods begin and end."""

from __future__ import annotations

import math
import pickle
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from llmrouter_integrations.budgets import BudgetConfig
from llmrouter_integrations.config import RouterConfig
from llmrouter_integrations.errors import ConfigurationError


def at(text, zone="UTC", fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def period(name, moment, zone="UTC"):
    return BudgetConfig(limit_usd=1, period=name, timezone=zone).period_at(moment)


@pytest.mark.parametrize(
    ("name", "now", "zone", "begins", "ends"),
    [
        ("hour", "2026-11-24 02:39:10", "UTC", "2026-11-24 02:00", "2026-11-24 03:00"),
        ("hour", "2026-11-24 02:39", "Asia/Kolkata", "2026-11-24 02:00", "2026-11-24 03:00"),
        ("day", "2026-11-24 00:00:00", "UTC", "2026-11-24", "2026-11-25"),
        ("day", "2026-11-24 23:59:59.999", "UTC", "2026-11-24", "2026-11-25"),
        ("day", "2026-11-24 23:30", "America/New_York", "2026-11-24", "2026-11-25"),
        ("day", "2026-12-31 12:00", "UTC", "2026-12-31", "2027-01-01"),
        # the clocks go forward, and back: 23 and 25 hours
        ("day", "2026-03-29 12:00", "Europe/Berlin", "2026-03-29", "2026-03-30"),
        ("day", "2026-10-25 12:00", "Europe/Berlin", "2026-10-25", "2026-10-26"),
        ("week", "2026-11-24 12:00", "UTC", "2026-11-23", "2026-11-30"),
        ("week", "2026-11-29 23:59", "UTC", "2026-11-23", "2026-11-30"),
        ("week", "2026-03-26 12:00", "Europe/Berlin", "2026-03-23", "2026-03-30"),
        ("month", "2026-11-24 12:00", "UTC", "2026-11-01", "2026-12-01"),
        ("month", "2028-02-29 12:00", "UTC", "2028-02-01", "2028-03-01"),
        ("month", "2026-01-31 12:00", "UTC", "2026-01-01", "2026-02-01"),
        ("month", "2026-12-01 00:00", "Pacific/Auckland", "2026-12-01", "2027-01-01"),
        ("month", "2026-03-31 23:30", "Europe/Berlin", "2026-03-01", "2026-04-01"),
    ],
)
def test_a_period_is_the_calendar_s(name, now, zone, begins, ends):
    found = period(name, at(now, zone), zone)
    assert found == (at(begins, zone), at(ends, zone))
    # and the next begins where it ends
    assert period(name, found.ends_at, zone).begins_at == found.ends_at
    assert period(name, found.ends_at - 0.001, zone) == found


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_has_the_hours_that_its_clocks_give_it(day, hours):
    begins_at, ends_at = period("day", at(f"{day} 12:00", "Europe/Berlin"), "Europe/Berlin")
    assert ends_at - begins_at == hours * 3600


@pytest.mark.parametrize(
    ("day", "zone"),
    [
        ("2026-10-25", "Europe/Berlin"),
        ("2026-03-29", "Europe/Berlin"),
        ("2026-04-05", "Australia/Lord_Howe"),
        ("2026-10-04", "Australia/Lord_Howe"),
        ("2026-04-24", "Africa/Cairo"),  # there is no midnight that day
    ],
)
@pytest.mark.parametrize("name", ["hour", "day", "week", "month"])
def test_every_moment_is_in_its_period_whatever_the_clocks_do(name, day, zone):
    begin = at(f"{day} 12:00", "UTC") - 30 * 3600
    before = -math.inf
    for minute in range(0, 60 * 60, 7):
        now = begin + 60 * minute
        begins_at, ends_at = period(name, now, zone)
        assert begins_at <= now < ends_at
        assert begins_at >= before
        before = begins_at


def test_in_all_never_ends():
    assert period("total", 0.0) == period("total", 4e9) == (0.0, math.inf)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"limit_usd": 50, "period": "day"}, "$50 a day"),
        ({"limit_usd": 0.25}, "$0.25 in all"),
        ({"limit_usd": 1, "period": "hour", "per": "tenant"}, "$1 an hour, each tenant"),
        ({"limit_usd": 1, "tenant": "acme", "tag": "x"}, "$1 in all, tenant acme, tag x"),
        ({"limit_usd": 1, "models": ["a/*", "b"]}, "$1 in all, a/* or b"),
        ({"limit_usd": 1, "models": "a/*"}, "$1 in all, a/*"),
        ({"limit_usd": 1, "name": "mine"}, "mine"),
    ],
)
def test_a_budget_has_a_name(said, name):
    assert BudgetConfig(**said).name == name


def test_a_file_says_what_arguments_say(tmp_path):
    file = tmp_path / "llmrouter.yaml"
    file.write_text(
        "models: [openai/gpt-5.4-mini]\n"
        "budgets:\n"
        "  - {limit_usd: '${DAILY}', period: day, timezone: Europe/Berlin, pace: true}\n"
        "  - {limit_usd: 3, per: tenant, on_exceeded: cheapest}\n",
        encoding="utf-8",
    )
    config = RouterConfig.load(file, env={"DAILY": "50"})
    assert config == RouterConfig.of(
        "openai/gpt-5.4-mini",
        budgets=[
            {"limit_usd": 50, "period": "day", "timezone": "Europe/Berlin", "pace": True},
            {"limit_usd": 3, "per": "tenant", "on_exceeded": "cheapest"},
        ],
    )
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_lone_budget_needs_no_list():
    assert len(RouterConfig.of(budgets={"limit_usd": 1}).budgets) == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([{}], r"field budgets\[0\].limit_usd: Field required"),
        ([{"limit_usd": 0}], r"field budgets\[0\].limit_usd: .*greater than 0"),
        ([{"limit_usd": -1}], r"field budgets\[0\].limit_usd: .*greater than 0"),
        ([{"limit_usd": math.inf}], r"field budgets\[0\].limit_usd: .*finite"),
        ([{"limit_usd": math.nan}], r"field budgets\[0\].limit_usd: .*"),
        ([{"limit_usd": True}], r"field budgets\[0\].limit_usd: must not be true or false"),
        ([{"limit_usd": "much"}], r"field budgets\[0\].limit_usd: .*valid number"),
        ([{"limit_usd": 1, "period": "year"}], r"field budgets\[0\].period: .*'hour', 'day'"),
        ([{"limit_usd": 1, "perod": "day"}], r"no such setting; did you mean 'period'\?"),
        ([{"limit_usd": 1, "timezone": "Berlin"}], r"timezone: 'Berlin' is not a time zone"),
        ([{"limit_usd": 1, "timezone": ""}], r"timezone: '' is not a time zone"),
        ([{"limit_usd": 1, "timezone": "../etc/passwd"}], r"is not a time zone"),
        ([{"limit_usd": 1, "tenant": ""}], r"budgets\[0\].tenant: .*at least 1 character"),
        ([{"limit_usd": 1, "models": []}], r"budgets\[0\].models: .*at least 1 item"),
        ([{"limit_usd": 1, "on_exceeded": "ignore"}], r"on_exceeded: .*'raise' or 'cheapest'"),
        ([{"limit_usd": 1, "pace": True}], r"budgets\[0\]: pace needs a period that ends"),
        (
            [{"limit_usd": 1, "period": "day", "models": "a", "pace": True}],
            r"budgets\[0\]: pace needs a budget for all models",
        ),
        ([{"limit_usd": 1, "tenant": "a", "per": "tenant"}], r"either tenant or per: tenant"),
        ([{"limit_usd": 1}, {"limit_usd": 1}], r"two budgets are named '\$1 in all'"),
        ("much", r"field budgets: .*a list"),
    ],
)
def test_mistakes_are_told(said, told):
    with pytest.raises(ConfigurationError, match=told):
        RouterConfig.of("openai/gpt-5.4-mini", budgets=said)
