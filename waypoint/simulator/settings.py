"""What the simulator is told to do: one frozen object, checked as a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, get_args

from waypoint.simulator.faults import Fault

Tier = Literal["free", "paid"]
WindowKind = Literal["sliding", "fixed"]
QuotaUnit = Literal["texts", "calls"]
QuotaTold = Literal["limit", "nothing"]

_COUNTS = ("rpm", "tpm", "rpd")
_DURATIONS = (
    "latency_ms",
    "latency_per_text_ms",
    "latency_jitter_ms",
    "arrival_jitter_ms",
    "fault_retry_delay_s",
)
_CHOICES = {
    "tier": Tier,
    "quota_window": WindowKind,
    "quota_unit": QuotaUnit,
    "quota_told": QuotaTold,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """Settings of a simulator.

    Raises:
        ValueError: one or several values are impossible; the message names them all.
    """

    rpm: int = 0
    """Texts a minute (or calls, see ``quota_unit``); 0 means no limit, here and below."""
    tpm: int = 0
    """Tokens a minute, as ``calls.estimate_tokens`` counts them."""
    rpd: int = 0
    """Texts a day; the simulator's day begins when it starts or is reset."""
    tier: Tier = "free"
    """Which quota ids a 429 names."""
    quota_window: WindowKind = "sliding"
    """Whether a minute is the last 60 s, or one of a fixed row of minutes."""
    quota_unit: QuotaUnit = "texts"
    """What counts as one against ``rpm`` and ``rpd``."""
    quota_told: QuotaTold = "limit"
    """Whether a 429 names the quota and a delay, or neither."""

    latency_ms: float = 0.0
    """From arrival to answer, for the call as such."""
    latency_per_text_ms: float = 0.0
    """Added for each text of the call."""
    latency_jitter_ms: float = 0.0
    """Added at random, evenly between 0 and this."""
    arrival_jitter_ms: float = 0.0
    """The way here, before a call is counted: at random, evenly between 0 and this."""

    faults: Mapping[Fault, float] = field(default_factory=dict)
    """Share of the calls that meet each fault; together at most 1."""
    fault_script: tuple[Fault | None, ...] = ()
    """Faults of the next calls, in order (None: no fault), before the rates apply again."""
    fault_retry_delay_s: float = 1.0
    """What the RetryInfo of ``Fault.RATE_LIMITED`` asks for."""
    poison: str = ""
    """A call with a text that contains this is refused with 400; empty for none."""
    spoil: str = ""
    """A call with a text that contains this always meets ``spoil_with``; empty for none."""
    spoil_with: Fault = Fault.TOO_FEW_VECTORS
    seed: int = 0
    """Of the draws of faults and jitter."""

    api_key: str | None = field(default=None, repr=False)
    """The only key accepted; None accepts any."""
    refused_keys: tuple[str, ...] = field(default=(), repr=False)
    """Answered with 400 API_KEY_INVALID."""
    leaked_keys: tuple[str, ...] = field(default=(), repr=False)
    """Answered with 403 PERMISSION_DENIED."""

    record_texts: bool = True
    """Count how often each text was answered (about 150 bytes a distinct text)."""

    def __post_init__(self) -> None:
        problems = [*self._number_problems(), *self._choice_problems()]
        try:
            self._normalise_collections()
        except (TypeError, ValueError, AttributeError) as error:
            problems.append(str(error))
        else:
            problems.extend(self._fault_problems())
        if problems:
            raise ValueError("; ".join(problems))

    def changed(self, **changes: Any) -> Self:
        """These settings with some of them replaced, each as a whole (also ``faults``).

        Raises:
            ValueError: a name is unknown or a value impossible.
        """
        unknown = changes.keys() - {each.name for each in fields(self)}
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        return replace(self, **changes)

    def public(self) -> dict[str, object]:
        """All settings but the keys, as they may be shown."""
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.repr}
        return {**shown, "faults": {str(fault): rate for fault, rate in self.faults.items()}}

    def _number_problems(self) -> list[str]:
        problems = []
        for name in (*_COUNTS, "seed"):
            value: object = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                problems.append(f"{name} must be a whole number of 0 or more, not {value!r}")
        problems += [
            f"{name} must be a number of 0 or more, not {getattr(self, name)!r}"
            for name in _DURATIONS
            if not _is_amount(getattr(self, name))
        ]
        return problems

    def _choice_problems(self) -> list[str]:
        problems = [
            f"{name} must be one of {', '.join(get_args(choices))}, not {getattr(self, name)!r}"
            for name, choices in _CHOICES.items()
            if getattr(self, name) not in get_args(choices)
        ]
        # JSON may bring any type, whatever the annotations say.
        record_texts: object = self.record_texts
        words: dict[str, object] = {"poison": self.poison, "spoil": self.spoil}
        api_key: object = self.api_key
        if not isinstance(record_texts, bool):
            problems.append(f"record_texts must be true or false, not {record_texts!r}")
        problems += [
            f"{name} must be a string" for name, word in words.items() if not isinstance(word, str)
        ]
        if api_key is not None and (not isinstance(api_key, str) or not api_key):
            problems.append("api_key must be a string that is not empty, or null")
        return problems

    def _normalise_collections(self) -> None:
        """Give what came from JSON or a command line (strings, lists) its types."""
        script = tuple(None if item is None else Fault(item) for item in self.fault_script)
        object.__setattr__(self, "fault_script", script)
        rates = {Fault(name): rate for name, rate in self.faults.items()}
        object.__setattr__(self, "faults", rates)
        object.__setattr__(self, "spoil_with", Fault(self.spoil_with))
        for name in ("refused_keys", "leaked_keys"):
            keys = getattr(self, name)
            if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
                raise TypeError(f"{name} must be a list of strings")
            object.__setattr__(self, name, tuple(keys))

    def _fault_problems(self) -> list[str]:
        rates = self.faults.values()
        if not all(_is_amount(rate) for rate in rates) or sum(rates) > 1 + 1e-9:
            return ["the rates of faults must be 0 or more, and together at most 1"]
        return []


def _is_amount(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )
