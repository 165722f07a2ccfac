"""What becomes of a model that learns from itself, told by numbers: length, variety, refusals, language, topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import log
from typing import Any

from pydantic import Field

from gristmill.graph.commands.alerts.due import Alert
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curation.words import words
from gristmill.trainers.recipes.isheep.asking.reading import refusal
from gristmill.trainers.recipes.isheep.config import Bands
from gristmill.trainers.recipes.isheep.filters import language_of
from gristmill.trainers.recipes.isheep.measuring.fairness import Probe
from gristmill.trainers.recipes.isheep.seeds import seeds

__all__ = ["Departure", "Departures", "Drift", "departures", "drift_alerts", "drift_of", "topic_entropy"]

_CLUSTERS = 12


class Drift(Record):
    """Replies to fresh prompts, and the prompts that the model wrote."""

    replies: int
    words: float = Field(description="mean of a reply")
    distinct_1: float = Field(description="different words by all words, over all replies")
    distinct_2: float = Field(description="the same of pairs of words; Li et al. 2016")
    refusals: float = Field(description="share of replies that begin by refusing")
    english: float = Field(description="share of English, of the replies whose language can be told")
    topics: float | None = Field(
        None, description="entropy of the written prompts over clusters of the seeds, in parts of the greatest; 0 to 1"
    )


class Departure(Record):
    """An event: something has left its declared band."""

    what: str
    value: float
    reference: float
    words: str


class Departures(Record):
    """The events of an iteration; alerts deliver them."""

    events: tuple[Departure, ...]


def drift_alerts(events: Sequence[Departure], round_: int) -> tuple[Alert, ...]:
    """What to tell of an iteration's events: of each quantity, that it has left its band."""
    return tuple(
        Alert(
            key=f"drift of {event.what}",
            title=f"drift: {event.what}",
            text=f"In iteration {round_ + 1} {event.what} has left its band: {event.words}",
        )
        for event in events
    )


def drift_of(replies: Sequence[str], prompts: Sequence[str] = ()) -> Drift:
    """The numbers of some replies, and of the prompts that were written in the same iteration."""
    said = [words(reply) for reply in replies]
    told = [language for reply in replies if (language := language_of(reply))]
    count = len(replies) or 1
    return Drift(
        replies=len(replies),
        words=sum(map(len, said)) / count,
        distinct_1=_distinct(said, 1),
        distinct_2=_distinct(said, 2),
        refusals=sum(map(refusal, replies)) / count,
        english=told.count("en") / len(told) if told else 1.0,
        topics=topic_entropy(prompts) if prompts else None,
    )


def _distinct(said: Sequence[Sequence[str]], n: int) -> float:
    runs = [tuple(each[at : at + n]) for each in said for at in range(len(each) - n + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


def departures(
    now: Drift, base: Drift, bands: Bands, *, first_topics: float | None = None, probe: Probe | None = None
) -> tuple[Departure, ...]:
    """What has left its band, against the base model; topics against the first iteration's."""
    ratio = now.words / base.words if base.words else 1.0
    checks = [
        ("length", ratio, 1.0, 1 / bands.length_band <= ratio <= bands.length_band, f"{ratio:.2f} times as long"),
        (
            "distinct-2",
            now.distinct_2,
            base.distinct_2,
            now.distinct_2 >= bands.distinct_band * base.distinct_2,
            f"{now.distinct_2:.2f}, from {base.distinct_2:.2f}",
        ),
        (
            "refusals",
            now.refusals,
            base.refusals,
            now.refusals - base.refusals <= bands.refusal_band,
            f"{100 * now.refusals:.0f}%, from {100 * base.refusals:.0f}%",
        ),
        (
            "language",
            now.english,
            base.english,
            base.english - now.english <= bands.language_band,
            f"{100 * now.english:.0f}% English, from {100 * base.english:.0f}%",
        ),
    ]
    if now.topics is not None and first_topics is not None:
        inside = first_topics - now.topics <= bands.topics_band
        checks.append(("topics", now.topics, first_topics, inside, f"{now.topics:.2f}, from {first_topics:.2f}"))
    found = [
        Departure(what=what, value=value, reference=reference, words=said)
        for what, value, reference, inside, said in checks
        if not inside
    ]
    for gap in probe.gaps if probe else ():
        clear = gap.low > 0 or gap.high < 0
        if clear and abs(gap.difference) > bands.fairness_band:
            said = f"{gap.measure} differ by {gap.difference:+.2f} (95% {gap.low:+.2f} to {gap.high:+.2f})"
            found.append(Departure(what=f"fairness, {gap.group}", value=gap.difference, reference=0.0, words=said))
    return tuple(found)


def topic_entropy(prompts: Sequence[str]) -> float:
    """Entropy of texts over fixed clusters, by its greatest value: 1 where all clusters are met alike, 0 where one is.

    The clusters are k-means of the seeds' TF-IDF vectors, so that the same texts always give the same number, and
    iterations can be compared.
    """
    import numpy

    vectors, centres = _vectors(list(prompts)), _clusters()
    nearest = numpy.argmax(vectors @ centres.T, axis=1)
    shares = [count / len(prompts) for count in Counter(nearest.tolist()).values()]
    return abs(sum(share * log(share) for share in shares)) / log(len(centres))


@cache
def _vocabulary() -> dict[str, tuple[int, float]]:
    """Word → (column, weight by rareness among the seeds); words of a single seed, and those of a quarter, left out."""
    texts = [set(words(task.prompt)) for task in seeds()]
    counts = Counter(word for text in texts for word in text)
    kept = sorted(word for word, count in counts.items() if 2 <= count <= len(texts) / 4)
    return {word: (column, log(len(texts) / counts[word])) for column, word in enumerate(kept)}


def _vectors(texts: Sequence[str]) -> Any:
    import numpy

    columns = _vocabulary()
    vectors = numpy.zeros((len(texts), len(columns)))
    for at, text in enumerate(texts):
        for word in words(text):
            if word in columns:
                column, weight = columns[word]
                vectors[at, column] += weight
    lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / numpy.where(lengths > 0, lengths, 1)


@cache
def _clusters() -> Any:
    from scipy.cluster.vq import kmeans2

    centres, _ = kmeans2(_vectors([task.prompt for task in seeds()]), _CLUSTERS, minit="++", seed=0)
    return centres
