"""Replies whose label follows by construction: for each of IFEval's 25 instructions, some that follow it, some not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["constructed"]

Pair = tuple[str, str, dict[str, Any], bool]

# Plain English without commas, capitals beyond the first letter, digits or marks but the full stop.
SENTENCES = (
    "The river runs slowly past the old mill",
    "We walked along the bank until the sun went down",
    "Nobody had told us how cold the water would be",
    "A boat lay upside down in the long grass",
    "My sister wanted to turn it over and look inside",
    "There was nothing in it except a broken lamp",
    "In the evening we told the story to our neighbours",
    "They said that the mill had been empty for years",
)
ENGLISH = ". ".join(SENTENCES) + "."
FOREIGN = {
    "de": "Der Fluss fließt langsam an der alten Mühle vorbei. Wir gingen am Ufer entlang, bis die Sonne unterging.",
    "es": "El río corre despacio junto al viejo molino. Caminamos por la orilla hasta que se puso el sol.",
    "fr": "La rivière coule lentement devant le vieux moulin. Nous avons marché le long de la rive jusqu'au soir.",
    "it": "Il fiume scorre lentamente accanto al vecchio mulino. Abbiamo camminato lungo la riva fino al tramonto.",
    "pt": "O rio corre devagar ao lado do velho moinho. Caminhamos pela margem até que o sol se pôs.",
    "ru": "Река медленно течёт мимо старой мельницы. Мы шли вдоль берега, пока не село солнце.",
    "hi": "नदी पुरानी चक्की के पास से धीरे-धीरे बहती है। हम सूरज ढलने तक किनारे चलते रहे।",
    "ko": "강은 오래된 방앗간 옆을 천천히 흐른다. 우리는 해가 질 때까지 강둑을 따라 걸었다.",
    "th": "แม่น้ำไหลช้าๆ ผ่านโรงสีเก่า เราเดินไปตามริมฝั่งจนพระอาทิตย์ตก",
    "ar": "يجري النهر ببطء بجانب الطاحونة القديمة. مشينا على طول الضفة حتى غربت الشمس.",
    "en": ENGLISH,
}


def constructed() -> Iterator[Pair]:
    """(reply, instruction id, arguments, whether it is followed)."""
    for n in range(1, 7):
        yield from _counted(n)
        yield from _marked(n)
        yield from _cased(n)
    codes = list(FOREIGN)
    for place, code in enumerate(codes):
        yield FOREIGN[code], "language:response_language", {"language": code}, True
        yield FOREIGN[code], "language:response_language", {"language": codes[place - 1]}, False


def _text(n: int) -> str:
    """n sentences."""
    return ". ".join(SENTENCES[:n]) + "."


def _relations(name: str, reply: str, count: int, number: str, relation: str, **more: Any) -> Iterator[Pair]:
    """The four true and false claims about a count that is known."""
    for wanted, at_least in ((count, True), (count + 1, False)):
        yield reply, name, {number: wanted, relation: "at least", **more}, at_least
        yield reply, name, {number: wanted, relation: "less than", **more}, not at_least


def _counted(n: int) -> Iterator[Pair]:
    text = _text(n)
    yield from _relations("length_constraints:number_sentences", text, n, "num_sentences", "relation")
    words = sum(len(sentence.split()) for sentence in SENTENCES[:n])
    yield from _relations("length_constraints:number_words", text, words, "num_words", "relation")
    repeated = " ".join(["lantern"] * n) + " hung there."
    yield from _relations("keywords:frequency", repeated, n, "frequency", "relation", keyword="lantern")
    yield from _relations(
        "keywords:letter_frequency", "q" * n + " abc.", n, "let_frequency", "let_relation", letter="q"
    )
    loud = " ".join(["STOP"] * n) + " said the man."
    yield from _relations("change_case:capital_word_frequency", loud, n, "capital_frequency", "capital_relation")
    parts = list(SENTENCES[:n])
    name = "length_constraints:number_paragraphs"
    yield "\n***\n".join(parts), name, {"num_paragraphs": n}, True
    yield "\n***\n".join(parts), name, {"num_paragraphs": n + 1}, False
    name = "length_constraints:nth_paragraph_first_word"
    for word, right in ((parts[n - 1].split()[0].lower(), True), ("lantern", False)):
        yield "\n\n".join(parts), name, {"num_paragraphs": n, "nth_paragraph": n, "first_word": word}, right
    yield "\n\n".join([*parts, "End"]), name, {"num_paragraphs": n, "nth_paragraph": 1, "first_word": "the"}, False


def _marked(n: int) -> Iterator[Pair]:
    text = _text(n)
    for name, argument, piece in (
        ("detectable_content:number_placeholders", "num_placeholders", "[name]"),
        ("detectable_format:number_highlighted_sections", "num_highlights", "*mill*"),
    ):
        reply = " and ".join([piece] * n)
        yield reply, name, {argument: n}, True
        yield reply, name, {argument: n + 1}, False
    bullets = "\n".join(f"* {sentence}" for sentence in SENTENCES[:n])
    for wanted in (n - 1 or n + 2, n, n + 1):
        yield bullets, "detectable_format:number_bullet_lists", {"num_bullets": wanted}, wanted == n
    sections = "\n".join(f"SECTION {place + 1}\n{SENTENCES[place]}." for place in range(n))
    for wanted in (n, n + 1):
        arguments = {"section_spliter": "SECTION", "num_sections": wanted}
        yield sections, "detectable_format:multiple_sections", arguments, wanted == n
    for marker in ("P.S.", "P.P.S"):
        yield f"{text}\n{marker} More soon.", "detectable_content:postscript", {"postscript_marker": marker}, True
        yield text, "detectable_content:postscript", {"postscript_marker": marker}, False
    yield f"<<the old mill>>\n{text}", "detectable_format:title", {}, True
    yield f"<the old mill>\n{text}", "detectable_format:title", {}, False
    yield json.dumps({"story": text, "n": n}), "detectable_format:json_format", {}, True
    yield "```json\n" + json.dumps([text]) + "\n```", "detectable_format:json_format", {}, True
    yield '{"story": ' + text, "detectable_format:json_format", {}, False
    answer = ("yes", "no", "maybe")[n % 3]
    yield f"My answer is {answer}.", "detectable_format:constrained_response", {}, True
    yield f"I would say {answer}.", "detectable_format:constrained_response", {}, False
    yield f"{text}\n******\n{_text(n + 1)}", "combination:two_responses", {}, True
    yield f"{text}\n******\n{text}", "combination:two_responses", {}, False
    yield text, "combination:two_responses", {}, False
    request = f"Write about mill number {n}"
    yield f"{request}\n{text}", "combination:repeat_prompt", {"prompt_to_repeat": request}, True
    yield f"Sure. {request}\n{text}", "combination:repeat_prompt", {"prompt_to_repeat": request}, False
    yield f'"{text}"', "startend:quotation", {}, True
    yield f'"{text}', "startend:quotation", {}, False
    yield text, "startend:quotation", {}, False
    yield f"{text} That is all.", "startend:end_checker", {"end_phrase": "That is all."}, True
    yield f"{text} That is all. Good night.", "startend:end_checker", {"end_phrase": "That is all."}, False


def _cased(n: int) -> Iterator[Pair]:
    text = _text(n + 2)
    yield text.upper(), "change_case:english_capital", {}, True
    yield text, "change_case:english_capital", {}, False
    yield text.lower(), "change_case:english_lowercase", {}, True
    yield text, "change_case:english_lowercase", {}, False
    yield FOREIGN["de"].lower(), "change_case:english_lowercase", {}, False
    yield text, "punctuation:no_comma", {}, True
    yield (
        text.replace(" and", ", and", 1) if " and" in text else text + " Well, yes.",
        "punctuation:no_comma",
        {},
        False,
    )
    word = SENTENCES[n].split()[-1]
    yield ENGLISH, "keywords:existence", {"keywords": [word, "mill"]}, True
    yield ENGLISH, "keywords:existence", {"keywords": [word, "lantern"]}, False
    yield ENGLISH, "keywords:forbidden_words", {"forbidden_words": ["lantern", "candle"]}, True
    yield ENGLISH, "keywords:forbidden_words", {"forbidden_words": ["lantern", word]}, False
    # A word inside another is not that word.
    yield ENGLISH, "keywords:forbidden_words", {"forbidden_words": ["eve", "ban"]}, True
