"""what is said of a region that was hidden ↔ the same of a property of whole images that was exchanged."""

from sightline._language import current_language, translate_kept

PROPERTY_WORDS = {
    "hiding the region": "exchanging it",
    "hiding as much elsewhere": "changing as much otherwise",
    "on the region": "on it",
    "when it is hidden": "when it is exchanged",
    "accuracy, region hidden": "accuracy, exchanged",
    "accuracy, region of": "accuracy, value of",
}
"""What is said of regions, and of properties of the whole image instead."""
NAME = "errors blamed on it"
"""A measure, of a region and of a property alike."""


def property_words(text: str) -> str:
    """What is said of a region that was hidden, said of a property that was exchanged.

    Examples
    --------
    >>> property_words("errors blamed on the region are surely fewer")
    'errors blamed on it are surely fewer'
    """
    for said, instead in PROPERTY_WORDS.items():
        text = text.replace(said, instead)
    return text


def told_of_property(text: str) -> str:
    """A kept text in the reader's language, also one whose words `property_words` changed.

    Examples
    --------
    >>> told_of_property("errors blamed on it are surely fewer")
    'errors blamed on it are surely fewer'
    """
    if current_language() == "en" or text == NAME:
        return translate_kept(text)
    of_region = text.replace("blamed on it", "blamed on the region")
    for said, instead in PROPERTY_WORDS.items():
        if instead != "on it":
            of_region = of_region.replace(instead, said)
    told = translate_kept(of_region)
    return translate_kept(text) if told == of_region else told
