"""work to be done → a bar that shows how far it is, and changes nothing else."""

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(
    shown: bool | None, total: int | None, text: str = "asking the model"
) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of things just done; it moves a bar if one is wanted.

    Parameters
    ----------
    shown : bool or None
        None shows it where a person may be looking: on a terminal and in a notebook.
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
    if shown is False:
        yield _nothing
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if shown is None and not (console.is_terminal or console.is_jupyter):
        yield _nothing
        return
    # Gone when the work is done: what is left on the screen is the result.
    with Progress(transient=True, console=console) as bar:
        task = bar.add_task(text, total=total)
        yield lambda count: bar.advance(task, count)


def _nothing(count: int) -> None:
    pass
