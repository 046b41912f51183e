"""What was measured, and the numbers that follow from it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from .measure import Sample, Shape


class Key(NamedTuple):
    """Whose samples: a contestant in one shape of a workload."""

    workload: str
    shape: Shape
    contestant: str


@dataclass
class Results:
    """The samples of a session by round, and what went wrong."""

    samples: dict[Key, list[Sample | None]] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)

    def add(self, key: Key, sample: Sample | None) -> None:
        """Take in one round's sample; None if it failed."""
        self.samples.setdefault(key, []).append(sample)

    def values(self, key: Key) -> list[float]:
        """Return the values of all rounds that did not fail."""
        return [sample.value for sample in self.samples.get(key, []) if sample is not None]

    def median(self, key: Key) -> float | None:
        """Return the middle value."""
        values = self.values(key)
        return statistics.median(values) if values else None

    def spread(self, key: Key) -> float:
        """Return half of the way from the least to the largest value, as a share of the median."""
        values = self.values(key)
        return (max(values) - min(values)) / 2 / statistics.median(values)

    def middle(self, key: Key, name: str) -> float | None:
        """Return the median of another number of the samples."""
        found = [getattr(sample, name) for sample in self.samples.get(key, []) if sample]
        numbers = [number for number in found if number is not None]
        return statistics.median(numbers) if numbers else None

    def ratio(self, key: Key, others: Iterable[Key], least: bool = False) -> float | None:
        """Return the median of each round's ratio to the best of others in the same round."""
        best = min if least else max
        rivals = [self.samples.get(other, []) for other in others]
        ratios = []
        for number, sample in enumerate(self.samples.get(key, [])):
            there = [rounds[number] for rounds in rivals if number < len(rounds)]
            values = [rival.value for rival in there if rival is not None]
            if sample is not None and values:
                ratios.append(sample.value / best(values))
        return statistics.median(ratios) if ratios else None

    def shapes(self, workload: str) -> list[Shape]:
        """Return the shapes that were measured, in order."""
        return list(dict.fromkeys(key.shape for key in self.samples if key.workload == workload))

    def contestants(self, workload: str) -> list[str]:
        """Return the contestants that were measured, in order of their names' first use."""
        names = (key.contestant for key in self.samples if key.workload == workload)
        return list(dict.fromkeys(names))

    def workloads(self) -> list[str]:
        """Return the workloads that were measured, in order."""
        return list(dict.fromkeys(key.workload for key in self.samples))

    def to_json(self) -> list[dict[str, Any]]:
        """Return everything as a list of JSON objects."""
        return [
            {
                "workload": key.workload,
                "shape": str(key.shape),
                **asdict(key.shape),
                "contestant": key.contestant,
                "median": self.median(key),
                "samples": [sample and asdict(sample) for sample in samples],
                "failure": self.failures.get(key),
            }
            for key, samples in self.samples.items()
        ]


def keys(workload: str, shape: Shape, contestants: Sequence[str]) -> list[Key]:
    """Return the keys of several contestants."""
    return [Key(workload, shape, contestant) for contestant in contestants]
