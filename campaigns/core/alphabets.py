"""Names are listed in the order of the reader's alphabet, so that somebody finds their country where they look.

Pure. Where a language has no row here, its letters follow one another as Unicode lists them, whatever marks they
bear; that is the order of Arabic, Amharic and Tigrinya.
"""

from __future__ import annotations

import unicodedata

#: Alphabets that have letters of their own beyond those that Unicode lists first.
_ALPHABETS = {
    "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    # As dictionaries of Russian have it, ё stands among the words with е.
    "ru": "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "pl": "aąbcćdeęfghijklłmnńoópqrsśtuvwxyzźż",
    "ro": "aăâbcdefghiîjklmnopqrsștțuvwxyz",
    "sk": "aáäbcčdďeéfghiíjklĺľmnňoóôpqrŕsštťuúvwxyýzž",
    "fa": "آابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی",
    "ps": "آابپتټثجځچڅحخدډذرړزژږسشښصضطظعغفقکګلمنڼوهیې",
}
#: Letters that stand beside a plainer one, though Unicode takes no mark off them: Łódź among readers of English.
_PLAIN = str.maketrans("łøđı", "lodi")


def place_in_alphabet(text: str, language: str) -> tuple[tuple[int, int], ...]:
    """Return by what a text is sorted for readers of a language."""
    alphabet = _ALPHABETS.get(language, "")
    return tuple(_place(letter, alphabet) for letter in _bare(text.casefold(), alphabet))


def _bare(text: str, alphabet: str) -> str:
    """Take the marks off all letters but those that have a place of their own."""
    return "".join(letter if letter in alphabet else _plain(letter) for letter in text)


def _plain(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0].translate(_PLAIN)


def _place(letter: str, alphabet: str) -> tuple[int, int]:
    if letter in alphabet:
        return 1, alphabet.index(letter)
    return (2 if letter.isalpha() else 0), ord(letter)
