"""What every change has to pass, by name: `nox -s quick` while one works, `nox` before one shares it."""

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "all", "docs"]

PARALLEL = ("-n", "auto")


def install(session: nox.Session, extra: str) -> None:
    """Install the checkout itself with an extra, as the constraints have it."""
    session.install("-c", "constraints.txt", "-e", f".[{extra}]")


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests that take no more than a second or two each."""
    install(session, "test")
    session.run("pytest", "-m", "not slow", *PARALLEL, *session.posargs)


@nox.session(name="all")
def every(session: nox.Session) -> None:
    """Run every test, with branch coverage not below its floor."""
    install(session, "test")
    session.run("pytest", "--cov", *PARALLEL, *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try every door with what nobody would write, for 60 seconds; `-- 3600 30000` is the long mode."""
    install(session, "test")
    seconds, inputs = (*session.posargs, "60", "30000")[:2] if session.posargs else ("60", "30000")
    limits = {"SIGHTLINE_FUZZ_SECONDS": seconds, "SIGHTLINE_FUZZ_INPUTS": inputs}
    session.run("pytest", "tests/test_fuzz.py", env=limits)


@nox.session(python=["3.11", "3.12", "3.13"])
def core(session: nox.Session) -> None:
    """Run the tests that need no deep-learning framework on each Python."""
    install(session, "core-test")
    session.run("pytest", "-m", "not slow", *PARALLEL, *session.posargs)


@nox.session(python="3.11", venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run the same tests on the oldest versions that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", "-e", ".[core-test]")
    session.run("pytest", "-m", "not slow", *PARALLEL, *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages, without a warning; `nox -s docs -- serve` shows them."""
    install(session, "docs")
    session.run("mkdocs", *(session.posargs or ("build", "--strict")))


@nox.session
def lint(session: nox.Session) -> None:
    """Look at form, and for code that nothing uses."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("vulture")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, "test")
    session.run("mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure accuracy beside the other tools: the figures that every change has to keep."""
    install(session, "bench")
    for script in session.posargs or ("games", "hits"):
        session.run("python", f"benchmarks/{script}.py")
