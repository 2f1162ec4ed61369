"""A frame of the map has the names of its largest towns, in the reader's letters."""

from __future__ import annotations

from campaigns.places.place_names.map_towns import MOST_TOWNS, Frame, towns_in

PODKARPACKIE = Frame(21.1, 49.0, 23.6, 50.9)


def test_largest_towns_come_first_and_lie_in_the_frame() -> None:
    towns = towns_in(PODKARPACKIE, "en")
    assert towns[0].name == "Rzeszów"
    assert len(towns) == MOST_TOWNS
    assert all(21.1 <= town.longitude <= 23.6 and 49.0 <= town.latitude <= 50.9 for town in towns)


def test_near_frame_has_small_places_too() -> None:
    assert "Medyka" in {town.name for town in towns_in(Frame(22.7, 49.7, 23.0, 49.9), "en")}


def test_names_are_in_the_letters_of_the_reader() -> None:
    assert towns_in(PODKARPACKIE, "uk")[0].name == "Ряшів"
    assert towns_in(Frame(0, -60, 1, -59), "uk") == ()
