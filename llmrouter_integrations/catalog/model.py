"""What is known of a model at a provider. Every figure names its source and date.

Dollars are per single token here (not per million), tokens are the provider's own, dates are ISO
``YYYY-MM-DD``. None always means "not known", never "no".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.messages import EMPTY_MAP

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "UNKNOWN_ABILITIES",
    "Abilities",
    "Benchmark",
    "Bill",
    "Estimate",
    "Measurement",
    "ModelFacts",
    "Rates",
    "Sourced",
]

EMPTY: Mapping[str, Any] = EMPTY_MAP


@dataclass(frozen=True, slots=True)
class Sourced:
    """A figure, where it is from and when it was true."""

    value: float
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that is inferred from others.

    Attributes:
        value: What is believed.
        error: Its standard error: with odds of two to one the truth is no farther off.
        source: What it was inferred from.
        date: When that was true, ISO.
    """

    value: float
    error: float
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model can take and give. None: no source says.

    Attributes:
        tools: Whether it calls functions.
        structured_output: Whether the provider holds its answer to a JSON schema.
        temperature: Whether the sampling temperature may be set.
        reasoning: Whether it reasons before it answers.
        reasoning_toggle: Whether the reasoning can be switched on and off.
        reasoning_efforts: Names of the efforts it takes, weakest first; empty: none, or not known.
        reasoning_budget: Least and most thinking tokens, where a budget is how it is told;
            an end that no source states is None.
        input: Of "text", "image", "audio", "pdf", "video".
        output: Of the same.
    """

    tools: bool | None = None
    structured_output: bool | None = None
    temperature: bool | None = None
    reasoning: bool | None = None
    reasoning_toggle: bool | None = None
    reasoning_efforts: tuple[str, ...] = ()
    reasoning_budget: tuple[int | None, int | None] | None = None
    input: frozenset[str] | None = None
    output: frozenset[str] | None = None

    def takes(self, modality: str) -> bool | None:
        """Whether ``modality`` may be in the prompt; None where no source says."""
        return None if self.input is None else modality in self.input


UNKNOWN_ABILITIES = Abilities()
"""Of a model that no source describes: it may be able to do anything."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices in dollars per token, for scoring; the bill is :func:`~.prices.bill`'s.

    Attributes:
        input_usd: A prompt token that is neither read from nor written to the cache.
        output_usd: An output token, reasoning included.
        cache_read_usd: A prompt token read from the cache; the input price where there is none.
        cache_write_usd: A prompt token written to the cache; likewise.
        source: Whose prices these are.
        date: When they were checked.
        above: For providers that charge long prompts more: prompt tokens above which the whole
            request is charged by the other rates, ascending.
    """

    input_usd: float
    output_usd: float
    cache_read_usd: float
    cache_write_usd: float
    source: str
    date: str
    above: tuple[tuple[int, Rates], ...] = ()

    @classmethod
    def per_mtok(
        cls,
        input_usd: float,
        output_usd: float,
        *,
        source: str,
        date: str,
        cache_read_usd: float | None = None,
        cache_write_usd: float | None = None,
        above: tuple[tuple[int, Rates], ...] = (),
    ) -> Rates:
        """Rates from dollars per million tokens, as price lists and users state them."""
        read = input_usd if cache_read_usd is None else cache_read_usd
        write = input_usd if cache_write_usd is None else cache_write_usd
        return cls(input_usd / 1e6, output_usd / 1e6, read / 1e6, write / 1e6, source, date, above)

    def at(self, input_tokens: int) -> Rates:
        """The rates for a prompt of ``input_tokens``."""
        found = self
        for tokens, rates in self.above:
            if input_tokens > tokens:
                found = rates
        return found


@dataclass(frozen=True, slots=True)
class Bill:
    """What an answer cost.

    Attributes:
        usd: Dollars.
        source: Whose prices, or who reported the charge.
        date: When those prices were checked, or of the charge.
        estimated: True where the token counts are our estimate, because the provider gave none.
    """

    usd: float
    source: str
    date: str
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A score that a source published, in that source's own unit (mostly percent).

    ``setting`` says under what conditions: harness, effort, version of the test.
    """

    name: str
    score: float
    metric: str
    source: str
    date: str
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of a model over LiveBench, at one reasoning effort.

    The keys of the mappings are the router's task names and "overall"; a task that the
    benchmark has no like of is absent.

    Attributes:
        name: The benchmark's own name for the run.
        effort: Reasoning effort it ran at; None: the model's default.
        quality: Task to score, 0..1, as published.
        estimates: Task to what is believed of it in the light of all its scores, 0..1, for every
            task; see :mod:`~.quality`.
        output_tokens: Task to output tokens of one answer, reasoning included.
        usd_per_question: Task to dollars for one question, prompt included; for "tool_use" that
            is a whole agent session of many calls.
    """

    name: str
    effort: str | None
    quality: Mapping[str, Sourced]
    estimates: Mapping[str, Estimate]
    output_tokens: Mapping[str, Sourced] = field(default_factory=dict)
    usd_per_question: Mapping[str, Sourced] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as one provider serves it.

    Attributes:
        provider: Provider id.
        model: The name it was looked up by; in lists, the provider's own.
        name: Its name for people.
        vendor_model: ``vendor/model`` of what was trained, the same at every provider; None where
            no source says.
        family: Its line of models, in the source's words; "" where unknown.
        release_date: When the vendor released it (``YYYY-MM`` or ``YYYY-MM-DD``).
        status: "deprecated", "beta", "alpha", or None: current as far as known.
        open_weights: Whether its weights are published.
        context_window: Most tokens of prompt and answer together.
        max_input: Most tokens of the prompt, where the provider limits them apart.
        max_output: Most tokens of one answer.
        abilities: What it can do.
        rates: Prices, or None where no source has one.
        measurements: LiveBench runs, the one at the strongest result first.
        estimates: Task, and "overall", to what is believed of its quality, 0..1: by its first
            measurement, or else by what tells of its place (:mod:`~.placing`); empty where nothing
            does.
        benchmarks: Other published scores.
        source: Where the limits and abilities are from; names the older model where abilities
            are inferred from one.
        date: When they were read there.
    """

    provider: str
    model: str
    name: str
    vendor_model: str | None = None
    family: str = ""
    release_date: str | None = None
    status: str | None = None
    open_weights: bool | None = None
    context_window: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    abilities: Abilities = UNKNOWN_ABILITIES
    rates: Rates | None = None
    measurements: tuple[Measurement, ...] = ()
    estimates: Mapping[str, Estimate] = field(default=EMPTY)
    benchmarks: tuple[Benchmark, ...] = field(default=(), repr=False)
    source: str = ""
    date: str = ""

    @property
    def id(self) -> str:
        """``provider/model``."""
        return f"{self.provider}/{self.model}"

    @property
    def effort(self) -> str | None:
        """The reasoning effort at which :attr:`quality` was measured."""
        return self.measurements[0].effort if self.measurements else None

    @property
    def quality(self) -> Mapping[str, Sourced]:
        """Task to score, 0..1, of the first measurement."""
        return self.measurements[0].quality if self.measurements else EMPTY

    @property
    def output_tokens(self) -> Mapping[str, Sourced]:
        """Task to output tokens of one answer, of the first measurement."""
        return self.measurements[0].output_tokens if self.measurements else EMPTY

    @property
    def usd_per_question(self) -> Mapping[str, Sourced]:
        """Task to dollars per question, of the first measurement."""
        return self.measurements[0].usd_per_question if self.measurements else EMPTY

    def measured_at(self, effort: str | None) -> Measurement | None:
        """The measurement at that reasoning effort, if there is one."""
        return next((m for m in self.measurements if m.effort == effort), None)
