"""work to be done → a bar that shows how far it is, and changes nothing else."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(
    shown: bool | None, total: int | None, text: str = "asking the model"
) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of things just done; it moves a bar if one is wanted.

    Parameters
    ----------
    shown : bool or None
        None shows it where a person may be looking: on a terminal.
    total : int or None
        None where it is not known.
    text : str
        What is being done.

    Examples
    --------
    >>> with progress_bar(False, 2) as tick:
    ...     for _ in range(2):
    ...         tick(1)
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    # Gone when the work is done: what is left on the screen is the result.
    with Progress(transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task(text, total=total)
        yield lambda count: bar.advance(task, count)
