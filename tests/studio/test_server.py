"""Where a studio listens: at this machine's own address, and nowhere else."""

import pytest

from sightline.errors import OptionError
from sightline.studio.server import _listening_socket, check_host


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.0.2", "example.org", "127.0.0.1.evil.example", ""]
)
def test_another_host_is_refused_with_the_reason(host):
    with pytest.raises(OptionError, match="to this machine alone") as refused:
        check_host(host)
    assert "ssh -L" in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_may_be_named(host):
    check_host(host)


def test_a_port_that_is_taken_or_none_is_said_to_be():
    with _listening_socket(0) as taken:
        assert taken.getsockname()[0] == "127.0.0.1"
        for port in (taken.getsockname()[1], 70000):
            with pytest.raises(OptionError, match="cannot be listened at"):
                _listening_socket(port)
