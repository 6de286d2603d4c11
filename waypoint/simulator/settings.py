"""What the simulator is told to do: one frozen object, checked as a whole."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, get_args

from waypoint.simulator.batch.faults import HOLDS, JobFault
from waypoint.simulator.faults import Fault

Tier = Literal["free", "paid"]
WindowKind = Literal["sliding", "fixed"]
QuotaUnit = Literal["texts", "calls"]
QuotaTold = Literal["limit", "nothing"]

_COUNTS = ("rpm", "tpm", "rpd", "batch_queue_tokens", "file_storage_bytes")
_DURATIONS = (
    "latency_ms",
    "latency_per_text_ms",
    "latency_jitter_ms",
    "arrival_jitter_ms",
    "fault_retry_delay_s",
    "batch_speed",
    "job_pending_s",
    "job_ms_per_text",
    "job_list_lag_s",
    "token_s",
    "token_told_s",
)
_SWITCHES = ("record_texts", "no_batch")
_CHOICES = {
    "tier": Tier,
    "quota_window": WindowKind,
    "quota_unit": QuotaUnit,
    "quota_told": QuotaTold,
}


def _told(help_: str, *, option: str = "", value: str = "") -> dict[str, str]:
    """All that ``--help`` says of a setting; ``option``: its name, unless it is the field's."""
    return {"help": help_, "option": option, "value": value}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """Settings of a simulator; each with its help, from which its option is made.

    Raises:
        ValueError: one or several values are impossible; the message names them all.
    """

    rpm: int = field(
        default=0, metadata=_told("Texts a minute (or calls, see --quota-unit), 0 for no limit.")
    )
    tpm: int = field(default=0, metadata=_told("Tokens a minute, 0 for no limit."))
    rpd: int = field(
        default=0,
        metadata=_told("Texts a day, which begins with the start or a reset, 0 for no limit."),
    )
    tier: Tier = field(default="free", metadata=_told("Whose quota ids a 429 names."))
    quota_window: WindowKind = field(
        default="sliding",
        metadata=_told("Whether a minute is the last 60 s, or one of a fixed row of minutes."),
    )
    quota_unit: QuotaUnit = field(
        default="texts", metadata=_told("What counts against --rpm and --rpd.")
    )
    quota_told: QuotaTold = field(
        default="limit", metadata=_told("Whether a 429 names the quota and a delay, or neither.")
    )

    latency_ms: float = field(default=0.0, metadata=_told("From arrival to answer."))
    latency_per_text_ms: float = field(
        default=0.0, metadata=_told("Added for each text of the call.")
    )
    latency_jitter_ms: float = field(default=0.0, metadata=_told("Added at random, up to this."))
    arrival_jitter_ms: float = field(
        default=0.0,
        metadata=_told("On the way here, before a call is counted: at random, up to this."),
    )

    faults: Mapping[Fault, float] = field(
        default_factory=dict,
        metadata=_told(
            f"Share of the calls that meet a fault, together at most 1; may be repeated. "
            f"Faults: {', '.join(Fault)}.",
            option="--fault",
            value="NAME=RATE",
        ),
    )
    fault_script: tuple[Fault | None, ...] = field(
        default=(),
        metadata=_told(
            "Fault of the next call, or none; repeated, of those after it. Before --fault.",
            option="--next-fault",
            value="NAME",
        ),
    )
    fault_retry_delay_s: float = field(
        default=1.0, metadata=_told("What the RetryInfo of rate_limited asks for.")
    )
    poison: str = field(default="", metadata=_told("Refuse calls with a text that contains this."))
    spoil: str = field(
        default="", metadata=_told("Calls with a text that contains this always meet --spoil-with.")
    )
    spoil_with: Fault = field(
        default=Fault.TOO_FEW_VECTORS, metadata=_told("Their fault.", value="NAME")
    )
    seed: int = field(default=0, metadata=_told("Of the draws of faults and jitter."))

    batch_speed: float = field(
        default=1.0,
        metadata=_told(
            "How fast time passes for files and batch jobs: 86400 makes a second of a day."
        ),
    )
    batch_queue_tokens: int = field(
        default=0,
        metadata=_told("Tokens that all live batch jobs of a model may have, 0 for no limit."),
    )
    no_batch: bool = field(
        default=False, metadata=_told("Refuse batch jobs, as the free tier does.")
    )
    job_pending_s: float = field(
        default=60.0, metadata=_told("Seconds of that time before a job begins to run.")
    )
    job_ms_per_text: float = field(
        default=30.0, metadata=_told("What a job then takes for each text.")
    )
    job_list_lag_s: float = field(
        default=0.0, metadata=_told("How long a job is not listed yet, though it can be got.")
    )
    job_faults: Mapping[JobFault, float] = field(
        default_factory=dict,
        metadata=_told(
            "Share of the uploads, or of the jobs, that meet a fault; may be repeated. "
            f"Faults: {', '.join(JobFault)}.",
            option="--job-fault",
            value="NAME=RATE",
        ),
    )
    job_fault_script: tuple[JobFault | None, ...] = field(
        default=(),
        metadata=_told(
            "Fault of the next upload or job, or none; repeated, of those after it. A fault of "
            "the other kind waits for its turn. Before --job-fault.",
            option="--next-job-fault",
            value="NAME",
        ),
    )
    job_hold: str = field(
        default="",
        metadata=_told(
            "Hold requests about files and jobs until the client leaves: 'before create' or "
            "'after create', and so on, or 'half of download'."
        ),
    )
    file_storage_bytes: int = field(
        default=20 * 1024**3, metadata=_told("Bytes that all uploaded files may have.")
    )

    token_s: float = field(
        default=3600.0,
        metadata=_told("How long an access token is good for on Vertex AI's routes."),
    )
    token_told_s: float = field(
        default=3600.0, metadata=_told("How long it is said to be good for.")
    )

    api_key: str | None = field(
        default=None, repr=False, metadata=_told("The only key accepted; without it, any is.")
    )
    refused_keys: tuple[str, ...] = field(
        default=(),
        repr=False,
        metadata=_told(
            "A key answered with 400 API_KEY_INVALID; may be repeated.",
            option="--refused-key",
            value="KEY",
        ),
    )
    leaked_keys: tuple[str, ...] = field(
        default=(),
        repr=False,
        metadata=_told(
            "A key answered with 403 PERMISSION_DENIED; may be repeated.",
            option="--leaked-key",
            value="KEY",
        ),
    )

    record_texts: bool = field(
        default=True,
        metadata=_told("Count how often each text was answered (about 150 bytes a distinct text)."),
    )

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
        for name in ("faults", "job_faults"):
            shown[name] = {str(fault): rate for fault, rate in getattr(self, name).items()}
        return shown

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
        words: dict[str, object] = {"poison": self.poison, "spoil": self.spoil}
        api_key: object = self.api_key
        switches: dict[str, object] = {name: getattr(self, name) for name in _SWITCHES}
        if self.job_hold and self.job_hold not in HOLDS:
            problems.append(f"job_hold must be one of {', '.join(sorted(HOLDS))}")
        problems += [
            f"{name} must be true or false, not {value!r}"
            for name, value in switches.items()
            if not isinstance(value, bool)
        ]
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
        steps = tuple(None if item is None else JobFault(item) for item in self.job_fault_script)
        object.__setattr__(self, "job_fault_script", steps)
        shares = {JobFault(name): rate for name, rate in self.job_faults.items()}
        object.__setattr__(self, "job_faults", shares)
        for name in ("refused_keys", "leaked_keys"):
            keys = getattr(self, name)
            if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
                raise TypeError(f"{name} must be a list of strings")
            object.__setattr__(self, name, tuple(keys))

    def _fault_problems(self) -> list[str]:
        return [
            f"the rates of {name} must be 0 or more, and together at most 1"
            for name in ("faults", "job_faults")
            if not _are_shares(getattr(self, name).values())
        ]


def _are_shares(rates: Collection[float]) -> bool:
    return all(_is_amount(rate) for rate in rates) and sum(rates) <= 1 + 1e-9


def _is_amount(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )
