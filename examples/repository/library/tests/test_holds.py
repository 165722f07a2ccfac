from library.holds import Holds


def test_first_come_first_served():
    holds = Holds()
    assert holds.ask("ada") == 1
    assert holds.ask("bob") == 2
    assert holds.next() == "ada"
    assert holds.next() == "bob"
    assert holds.next() is None


def test_asking_twice_keeps_the_place():
    holds = Holds()
    holds.ask("ada")
    holds.ask("bob")
    assert holds.ask("ada") == 1
    holds.give_up("ada")
    assert holds.next() == "bob"
    assert holds.next() is None
