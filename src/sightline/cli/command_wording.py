"""what a message says to people who write Python → the same to people who write commands.

The library words its hints for a call, and where a command has an option for it names that too, as in
``held_out=0.3 (--held-out 0.3)``. On the command line the option alone is of use: so what is printed there
passes here, and no message needs to know where it is read.
"""

import re

OPTIONS = {
    **{
        name: name
        for name in (
            *("attribute", "budget", "estimator", "fill", "fit", "groups", "key", "label", "margin"),
            *("method", "output", "preprocess", "present", "regions", "retry", "scale", "segment"),
            *("table", "threshold", "trust", "workers"),
        )
    },
    "batch_size": "batch-size",
    "class_names": "names",
    "columns": "column",
    "held_out": "held-out",
    "n_concepts": "n-concepts",
}
"""Parameters of calls, and the options of commands that say the same."""
VALUE = r"""(?:'[^']*'|"[^"]*"|[^\s(),;]*[^\s(),;.:])?"""
"""What may stand behind a parameter, up to the end of a sentence."""
BESIDE = (
    (re.compile(r"image / \S+, or preprocess=lambda images: .*? \((--values \w+)\)"), r"\1"),
    (re.compile(r"\w+\([^()]*\) \((--[^)]+)\)"), r"\1"),
    (re.compile(rf"\b\w+={VALUE}(?: of Study\.run)? \((--[^)]+)\)"), r"\1"),
    (re.compile(r"(--trust) \(trust=True\)"), r"\1"),
    (re.compile(r'(?:sl\.)?as_model\(model, output="(\w+)"\)'), r"--output \1"),
    (re.compile(r"sightline\.figures\.plot_regions"), "sightline regions"),
)
"""What names an option beside a call, or stands for one, and what is left of it."""
BARE = re.compile(rf"(?<![\w/\\-])({'|'.join(OPTIONS)})=({VALUE})")


def command_words(text: str) -> str:
    """A message as the command line says it; what stands in a call that is quoted whole stays as it is.

    Examples
    --------
    >>> command_words("name the column with key= (--key), try a wider margin= or fill='noise'.")
    'name the column with --key, try a wider --margin or --fill noise.'
    >>> command_words("Guard(fill=Blur(sigma=2)) has a fill= of its own")
    'Guard(fill=Blur(sigma=2)) has a --fill of its own'
    """
    for pattern, words in BESIDE:
        text = pattern.sub(words, text)
    return "".join(part if quoted else BARE.sub(_option, part) for part, quoted in _parts(text))


def _option(found: re.Match[str]) -> str:
    if "/" in found[2] or "\\" in found[2]:  # a path, whose folders may be called so
        return found[0]
    value = found[2].strip("'\"")
    return f"--{OPTIONS[found[1]]}" + (f" {value}" if value not in ("", "True", "…") else "")


def _parts(text: str) -> list[tuple[str, bool]]:
    """The text in parts, and whether each stands between the brackets of a call."""
    parts, start, depth = [], 0, 0
    for place, letter in enumerate(text):
        opens = letter == "(" and (depth > 0 or re.match(r"\w", text[place - 1 : place]) is not None)
        if opens and not depth:
            parts.append((text[start:place], False))
            start = place
        depth += opens
        if letter == ")" and depth:
            depth -= 1
            if not depth:
                parts.append((text[start : place + 1], True))
                start = place + 1
    return [*parts, (text[start:], depth > 0)]
