"""a text that names a model or data → what of it may be done, kept and shown.

What a person writes in a call or on the command line is meant. What stands in a file may be anyone's, and
names code and servers to those who only wanted to look: it is followed only on trust that is given now.
Passwords go the other way: they are used, and neither kept in a file nor shown.
"""

import re
from urllib.parse import unquote

from sightline.errors import FileError

HIDDEN = "***"
"""Stands in a URL for what is not kept."""


def untrusted_record(recorded: str, what: str, text: str, action: str) -> FileError:
    """The error for a text in a file that would make something happen.

    Parameters
    ----------
    recorded : str
        The file that it was read from.
    what : str
        What the text names: model or data.
    text : str
    action : str
        What would be done: "import the module …".
    """
    return FileError(
        f"{recorded} names {without_secrets(text)!r} as its {what}: to open it is to {action}. A file may be "
        "anyone's, so this needs your word: trust=True (--trust) if you know where it comes from, as in "
        f"study.attach(trust=True); or name the {what} yourself, as in study.attach({what}=…).",
        slug="file-trust",
    )


def refuse_other_machine(text: str, recorded: str, what: str) -> None:
    """Refuse a recorded text that names another machine: a server, or a drive of one.

    Raises
    ------
    FileError
    """
    if re.match(r"[a-z][a-z0-9+.-]*://|[\\/]{2}", text, re.IGNORECASE):
        action = "send images to that server" if what == "model" else "fetch from that server"
        raise untrusted_record(recorded, what, text, action)


def without_secrets(text: str) -> str:
    """A text to print: of URLs in it, neither user and password nor what comes after a question mark.

    Examples
    --------
    >>> without_secrets("https://me:secret@host/v2/models/m?key=1")
    'https://***@host/v2/models/m?***'
    """
    text = re.sub(r"(?<=://)[^\s?#'\"]*@", f"{HIDDEN}@", text)
    return re.sub(r"(://[^\s?#'\"]*)\?[^\s#'\"]*", rf"\1?{HIDDEN}", text)


def split_secret(url: str) -> tuple[str, str]:
    """A URL with its user and password hidden, and these; anything else as it is.

    Examples
    --------
    >>> split_secret("https://me:secret@host/v2/models/m")
    ('https://***@host/v2/models/m', 'me:secret')
    >>> split_secret("net.onnx")
    ('net.onnx', '')
    """
    found = re.match(r"(https?://)([^/?#]*)@", url, re.IGNORECASE)
    if found is None or found[2] == HIDDEN:
        return url, ""
    return f"{found[1]}{HIDDEN}@{url[found.end() :]}", found[2]


def join_secret(url: str, secret: str) -> str:
    """The URL that `split_secret` took apart."""
    return url.replace(f"//{HIDDEN}@", f"//{secret}@", 1) if secret else url


def user_and_password(secret: str) -> tuple[str, str] | None:
    """What stands before a URL's @, as a server is told it; None where there is nothing."""
    user, _, password = secret.partition(":")
    return (unquote(user), unquote(password)) if secret else None


def check_secret_known(url: str, recorded: str) -> None:
    """Refuse a URL from a file that has lost its password there.

    Raises
    ------
    FileError
    """
    if f"//{HIDDEN}@" in url:
        raise FileError(
            f"{recorded or 'this text'} names the model {url}, whose password is kept in no file. Give the "
            "model again, with it: study.attach(model='https://user:password@…'), or --model.",
            slug="model-password",
        )
