"""What the command line says to people, by key, in each of its languages. A test holds the keys and values equal."""

from collections.abc import Mapping

from foreroute.cli.language import Language


def catalogue(language: Language) -> Mapping[str, str]:
    if language is Language.KOREAN:
        from foreroute.cli.words.ko import WORDS  # noqa: PLC0415 - one language is spoken at a time

        return WORDS
    from foreroute.cli.words.en import WORDS as ENGLISH  # noqa: PLC0415 - as above

    return ENGLISH
