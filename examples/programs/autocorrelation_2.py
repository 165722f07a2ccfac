"""50 steps.

Numbers rounded from google-deepmind/alphaevolve_results: mathematical_results.ipynb
(CC-BY-4.0).
"""

NUMBERS = """
.002 .798 .437 1.17 1.341 1.534 1.769 1.933 2.223 1.936 2.038 2.201 2.023 2.03 2.264 1.962 2.078 2.986 3.442
3.348 3.253 3.42 3.251 3.231 3.471 2.646 .961 0 .001 0 0 0 0 .586 6.741 0 0 0 .001 0 .001 .001 7.157 9.112
3.313 0 0 0 0 0
"""


def construct():
    return [float(number) for number in NUMBERS.split()]
