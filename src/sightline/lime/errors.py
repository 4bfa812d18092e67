"""sightline's errors, made so that code which catches lime's catches them too."""

from sightline.errors import OptionError, TargetError


class LabelError(TargetError, KeyError):
    """A label that was not explained, or that the classifier does not have; lime raises KeyError."""

    __str__ = Exception.__str__  # KeyError would print the message's repr


class ParameterError(OptionError, ValueError):
    """A parameter that the wrapped function does not have; lime raises ValueError."""
