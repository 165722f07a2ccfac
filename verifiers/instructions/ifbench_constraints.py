"""IFBench's types of instruction whose checkers run offline, and their arguments (Pyatkin et al., arXiv:2507.02833).

Of the 57 in its 294 prompts, four need what would be downloaded or what no image here holds: tasks with these are left
out.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COUNT", "IFBENCH", "IFBENCH_LEFT_OUT", "PLACE", "TEXT"]

COUNT: Final = "a whole number above 0"
PLACE: Final = "a whole number"
TEXT: Final = "text"

_PLAIN: Final = (
    "count:punctuation custom:csv_city custom:csv_quotes custom:csv_special_character custom:date_format_list "
    "custom:european_capitals_sort custom:mcq_count_length custom:multiples custom:reverse_newline "
    "custom:sentence_alphabet custom:word_reverse format:line_indent format:newline format:no_bullets_bullets "
    "format:no_whitespace format:output_template format:parentheses format:quote_unquote format:quotes "
    "format:sub-bullets format:thesis format:title_case ratio:sentence_balance ratio:sentence_type "
    "ratio:sentence_words repeat:repeat_simple sentence:alliteration_increment words:alphabet words:consonants "
    "words:last_first words:no_consecutive words:palindrome words:paragraph_last_first words:prime_lengths words:vowel"
).split()
IFBENCH: Final[dict[str, dict[str, str]]] = {
    **{name: {} for name in _PLAIN},
    **{
        name: {"N": COUNT}
        for name in (
            "count:numbers",
            "count:person_names",
            "count:pronouns",
            "count:unique_word_count",
            "count:words_japanese",
        )
    },
    **{name: {"small_n": COUNT} for name in ("count:conjunctions", "sentence:increment", "words:repeats")},
    "count:keywords_multiple": {f"keyword{number}": TEXT for number in range(1, 6)},
    "count:word_count_range": {"min_words": COUNT, "max_words": COUNT},
    "format:list": {"sep": TEXT},
    "format:options": {"options": TEXT},
    "ratio:overlap": {"percentage": COUNT, "reference_text": TEXT},
    "repeat:repeat_change": {"prompt_to_repeat": TEXT},
    "repeat:repeat_span": {"prompt_to_repeat": TEXT, "n_start": PLACE, "n_end": PLACE},
    "sentence:keyword": {"word": TEXT, "N": COUNT},
    "words:keywords_specific_position": {"keyword": TEXT, "n": COUNT, "m": COUNT},
    "words:words_position": {"keyword": TEXT},
}
"""Id → what it takes; as with IFEval's, what is missing would be drawn at random, so all of it is required."""

IFBENCH_LEFT_OUT: Final[dict[str, str]] = {
    "format:emoji": "needs the package emoji",
    "ratio:stop_words": "needs a list that NLTK downloads",
    "words:odd_even_syllables": "needs the package syllapy",
    "words:start_verb": "needs a tagger that NLTK downloads",
}
"""Id → why its checker does not run here."""
