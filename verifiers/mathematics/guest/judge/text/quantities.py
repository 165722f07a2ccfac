"""Units, money and percent: what stands beside a number, as a dimension and an exact factor.

Against a right number in a wrong unit: different dimensions never agree, and factors are exact.
"""

from __future__ import annotations

import re
from fractions import Fraction

from gristmill.verifiers.mathematics.guest.judge.text.latex import Unreadable

__all__ = ["UNITS", "SplitQuantity", "compatible", "is_unit", "split_quantity"]

# dimension, factor to the dimension's first unit, names
_TABLE = """
length 1 m meter meters metre metres
length 1/1000 mm millimeter millimeters millimetre millimetres
length 1/100 cm centimeter centimeters centimetre centimetres
length 1/10 dm decimeter decimeters
length 1000 km kilometer kilometers kilometre kilometres
length 127/5000 in inch inches
length 381/1250 ft foot feet
length 1143/1250 yd yard yards
length 201168/125 mi mile miles
time 1 s sec secs second seconds
time 1/1000 ms millisecond milliseconds
time 60 min mins minute minutes
time 3600 h hr hrs hour hours
time 86400 day days
time 604800 week weeks
months 1 month months
months 12 year years yr yrs
months 120 decade decades
mass 1 g gram grams
mass 1/1000 mg milligram milligrams
mass 1000 kg kilogram kilograms
mass 1000000 tonne tonnes
mass 45359237/100000 lb lbs pound pounds
mass 45359237/1600000 oz ounce ounces
volume 1 l L liter liters litre litres
volume 1/1000 ml mL milliliter milliliters millilitre millilitres
money 1 dollar dollars usd USD $
money 1/100 cent cents ¢
euro 1 euro euros eur EUR €
sterling 1 £ gbp GBP
sterling 1/100 pence
rupee 1 rupee rupees ₹ Rs
yen 1 yen ¥
angle 1 degree degrees deg
angle rad radian radians rad rads
volt 1 volt volts
watt 1 watt watts
watt 1000 kW kilowatt kilowatts
joule 1 joule joules
speed mph mph
speed kph kmh kph km/h
temperature C celsius
temperature F fahrenheit
"""
_ROWS = [line.split() for line in _TABLE.strip().splitlines()]
_NAMED = {name: (dimension, factor) for dimension, factor, *names in _ROWS for name in names}
# Units of physics and chemistry with the prefixes of the SI, where nothing above has the name.
_PHYSICS = "joule J force N pressure Pa watt W volt V current A frequency Hz amount mol charge_volt eV length m mass g"
_PREFIXES = {"p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9}
_PREFIXED = {
    prefix + name: (dimension, str(Fraction(10) ** power))
    for dimension, name in zip(_PHYSICS.split()[::2], _PHYSICS.split()[1::2], strict=True)
    for prefix, power in _PREFIXES.items()
}
UNITS = _PREFIXED | _NAMED
# Without a \text around it, one letter behind a number is a factor: 5m is a product, and so is 5nm.
_BARE = {name for name in _NAMED if len(name) > 1}
_POWER = {"square": 2, "squared": 2, "sq": 2, "cubic": 3, "cubed": 3}
_MANY = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
# Words that change a number; dropping them as if they were what is counted would change the answer.
_MEANING = frozenset(
    "squared cubed factorial times more less fewer plus minus over half halves third thirds fourth fourths fifth "
    "fifths quarter quarters tenth tenths hundredth hundredths thousandth thousandths dozen dozens twice double "
    "negative not least most about approximately root power percent hundred thousand million billion trillion mod "
    "modulo remainder with where if when except wrong false maybe perhaps otherwise divided multiplied".split()
)
# '12\%' → '\%'
_PERCENT = re.compile(
    r"\s*(?:\\?%|\\text\{\s*(?:\\?%|percent(?:age)?|pct\.?)\s*\}|(?<![A-Za-z])(?:percent|pct\.?|percentage))\s*$",
    re.IGNORECASE,
)
# '3 million' → 'million'
_MANY_SHAPE = re.compile(r"(?<=[\d})])\s*(?:\\text\{\s*)?\b(" + "|".join(_MANY) + r")\b\s*\}?", re.IGNORECASE)
# 'USD 3.50' → 'USD'
_MONEY = re.compile(r"^\s*(-?)\s*(?:\\text\{\s*)?(?:(?:US)?(\\?\$)|(€|£|₹|¥|USD|EUR|GBP))\s*\}?\s*(?=[-\d.\\])")
# '5\text{ cm}^2' → ' cm'
_TEXT_UNIT = re.compile(r"\\text\{([^{}]*)\}\s*(?:\^\{?(\d)\}?)?\s*$")
# '60 km/h' → 'km/h'
_PLAIN_UNIT = re.compile(r"(?<=[\d})!])\s*((?:[A-Za-z]+\.?(?:\s*/\s*|\s+|$|(?=\^)))+)(?:\^\{?(\d)\}?)?\s*$")


class SplitQuantity(tuple[str, str, bool]):
    """(expression text, unit, whether it is a percentage); the unit is "" where there is none or only a noun."""

    __slots__ = ()


def split_quantity(text: str) -> SplitQuantity:
    """What of a text is the number or expression, and what stands beside it.

    Raises:
        Unreadable: a word beside the number changes it in a way that is not known here.
    """
    text = _MANY_SHAPE.sub(lambda word: f" \\cdot 10^{{{_MANY[word[1].lower()]}}}", text)
    money = _MONEY.match(text)
    unit = ""
    if money:
        text, unit = money[1] + text[money.end() :], (money[2] or money[3]).lstrip("\\") + "^1"
    percent = _PERCENT.search(text)
    if percent and text[: percent.start()].strip():
        return SplitQuantity((text[: percent.start()].strip(), unit, True))
    marked = _TEXT_UNIT.search(text)
    if marked and text[: marked.start()].strip():
        rest, words, power = text[: marked.start()], marked[1], int(marked[2] or 1)
        named = _unit(_checked(words), power, bare=False)
        return SplitQuantity((rest.rstrip(" ,").strip(), unit or named, False))
    plain = _PLAIN_UNIT.search(text)
    if plain:
        words = plain[1].strip()
        named = _unit(_checked(words), int(plain[2] or 1), bare=True)
        noun = named == "" and all(len(word) > 3 for word in re.findall("[A-Za-z]+", words)) and not plain[2]
        if named or noun:
            return SplitQuantity((text[: plain.start(1)].strip(), unit or named, False))
    return SplitQuantity((text, unit, False))


def is_unit(unit: str) -> bool:
    """Whether a text is a unit as `split_quantity` writes them."""
    parts = [part.partition("^") for part in unit.split() if part != "/"]
    return all(name in UNITS and power.isdigit() and len(power) < 3 for name, _, power in parts)


def _checked(words: str) -> str:
    # 'cm squared'
    if _MEANING & set(re.findall("[a-z]+", words.lower())) and not re.search(r"[a-zA-Z]+\s+(?:squared|cubed)", words):
        raise Unreadable("a word beside its number changes it")
    return words


def _unit(words: str, power: int, *, bare: bool) -> str:
    """``cm^2`` of ``square centimeters``; "" of what is no unit that we know. ``mi/h`` keeps both."""
    units: list[str] = []
    each_power = 1
    for word in re.findall(r"[A-Za-z$€£¢₹¥]+|/|\^\d", words):  # 'km/h^2' → 'km', '/', 'h', '^2'
        lowered = word.lower()
        if lowered in _POWER:
            each_power = _POWER[lowered]
            if units and lowered.endswith("ed"):
                units[-1] = units[-1].rpartition("^")[0] + f"^{each_power}"
        elif word[0] == "^":
            if units:
                units[-1] = units[-1].rpartition("^")[0] + word
        elif word in ("/", "per"):
            units.append("/")
        elif (name := word if word in UNITS else lowered) in (_BARE if bare else UNITS):
            units.append(f"{name}^{each_power}")
            each_power = 1
    if units and power > 1 and units[-1].endswith("^1"):
        units[-1] = units[-1][:-1] + str(power)
    return " ".join(units).strip("/ ")


def compatible(gold: str, answer: str) -> Fraction | None:
    """By what an answer's number is to be multiplied to be in the gold unit; None if the units contradict.

    A unit that only one of the two names is taken from the problem.
    """
    if not gold or not answer or gold == answer:
        return Fraction(1)
    ours, theirs = gold.split(), answer.split()
    if len(ours) != len(theirs):
        return None
    factor, sign = Fraction(1), 1
    for one, other in zip(ours, theirs, strict=True):
        if "/" in (one, other):
            if one != other:
                return None
            sign = -1
            continue
        (name, _, power), (their_name, _, their_power) = one.partition("^"), other.partition("^")
        (dimension, scale), (their_dimension, their_scale) = UNITS[name], UNITS[their_name]
        if dimension != their_dimension or power != their_power:
            return None
        if scale != their_scale:
            try:
                factor *= (Fraction(their_scale) / Fraction(scale)) ** (sign * int(power))
            except ValueError:
                return None
    return factor
