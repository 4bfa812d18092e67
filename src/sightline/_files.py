"""path → a file that is there whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_aside(path: Path, *, keep_existing: bool = False) -> Iterator[Path]:
    """Where to write a file meanwhile; it takes its place once it is complete and on the disk.

    Parameters
    ----------
    path : Path
    keep_existing : bool
        Whether a file that is there stays; otherwise it is replaced.

    Yields
    ------
    Path
        Hidden, in the same folder, and gone afterwards whatever happens.

    Raises
    ------
    FileExistsError
        If a file is there by then and it is to be kept, even when two processes write at once.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "notes.txt"
    >>> with written_aside(path) as aside:
    ...     count = aside.write_text("whole")
    >>> path.read_text()
    'whole'
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        if keep_existing:
            os.link(aside, path)  # unlike a look and a rename, one step: no other process comes between
        else:
            aside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
