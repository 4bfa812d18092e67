"""number of calls → a bar that shows how many are done, and changes nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tick = Callable[[int], None]


@contextmanager
def call_progress(total: int, shown: bool) -> Iterator[Tick]:
    """A function to be told how many calls were answered; it draws where a person may be looking.

    The bar appears in a terminal or notebook only, and is gone when the work is done.
    """
    if not shown:
        yield _silent
        return
    from rich.console import Console

    console = Console()
    if not (console.is_terminal or console.is_jupyter):
        yield _silent
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("asking the classifier", total=total)
        yield lambda count: bar.advance(task, count)


def _silent(count: int) -> None:
    pass
