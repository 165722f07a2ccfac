from library.names import shown, sort_key


def test_shown():
    assert shown("Ludwig van Beethoven") == "Beethoven, Ludwig van"
    assert shown("Homer") == "Homer"


def test_sorted_without_regard_to_case():
    names = ["Zadie Smith", "bell hooks", "Simone de Beauvoir", "Ursula Le Guin"]
    assert sorted(names, key=sort_key) == ["Simone de Beauvoir", "Ursula Le Guin", "bell hooks", "Zadie Smith"]
