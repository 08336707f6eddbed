"""What every test session knows: which build of the machine it tests, and what a missing service means.

``--machine compiled`` (or ``interpreted``) ends the session at once where the other build would be tested;
without it whatever is installed is tested, and the header says which that is. A test that needs a service
asks the fixture ``service`` for its address: where there is none it is skipped, or fails under
``WFE_REQUIRE_SERVICES=1``, so that a full check can't pass by leaving things out.
"""

from __future__ import annotations

import ast
import gc
import importlib.util
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.examples import ALL
from wfe_runtime.executors.deno_home import find_deno

pytest_plugins = ["pytester", "tests.runtime.container_support"]

SETUP = Path(__file__).resolve().parent.parent / "setup.py"
SERVICES = {
    "postgres": "WFE_TEST_POSTGRES_URL",
    "redis": "WFE_TEST_REDIS_URL",
    "opensearch": "WFE_TEST_OPENSEARCH_URL",
    "docker": "WFE_TEST_DOCKER_HOST",
}

# A slow machine finds no mistakes: no example is judged by a clock. A check is repeatable; elsewhere every run looks
# for new examples. Every run looks at some (see tests/examples.py); `--hypothesis-profile full` looks at all of them,
# as the full check does once, and `--hypothesis-profile quick` at few. Every run tells of the first example that fails,
# which the next run tries first; only `full` looks for a smaller one, since that may take longer than a test may.
AT_ONCE = tuple(phase for phase in Phase if phase is not Phase.shrink and phase is not Phase.explain)
settings.register_profile("developer", deadline=None, print_blob=True, phases=AT_ONCE, max_examples=30)
settings.register_profile("check", deadline=None, derandomize=True, phases=AT_ONCE, max_examples=30)
settings.register_profile("full", deadline=None, derandomize=True, max_examples=ALL)
settings.register_profile("quick", deadline=None, derandomize=True, phases=AT_ONCE, max_examples=10)
settings.load_profile("check" if os.environ.get("CI") else "developer")


def machine_modules() -> tuple[str, ...]:
    """Return the modules that are compiled where there is a compiler, as ``setup.py`` lists them."""
    for node in ast.parse(SETUP.read_text()).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(name, ast.Name) and name.id == "COMPILED" for name in node.targets
        ):
            return tuple(ast.literal_eval(node.value))
    raise LookupError(f"{SETUP} assigns no COMPILED")


def machine_build() -> str:
    """Return ``compiled``, ``interpreted`` or, where an old build was left lying about, ``mixed``."""
    found = set()
    for name in machine_modules():
        specification = importlib.util.find_spec(name)
        origin = "" if specification is None else str(specification.origin)
        found.add("compiled" if origin.endswith(tuple(EXTENSION_SUFFIXES)) else "interpreted")
    return found.pop() if len(found) == 1 else "mixed"


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: many tests wait for a process or for the disk."""
    return (os.cpu_count() or 1) + 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--machine",
        choices=("compiled", "interpreted", "any"),
        default="any",
        help="the build of the machine that has to be under test; the session fails if it is another one",
    )


def pytest_configure(config: pytest.Config) -> None:
    wanted, found = config.getoption("--machine"), machine_build()
    cure = {
        "compiled": "build it with `python setup.py build_ext --inplace`",
        "interpreted": "remove the compiled modules (wfe_vm/*.so), or test in a copy of the tree without them",
    }
    if wanted != "any" and wanted != found:
        raise pytest.UsageError(f"the machine under test is {found}, not {wanted}: {cure[wanted]}")
    if found == "mixed":
        raise pytest.UsageError(f"some of the machine's modules are compiled and some are not: {cure['compiled']}")
    keep_bytecode(config)
    heed_signals()


def heed_signals() -> None:
    """Have signals act as they do in a terminal, for the tests that send them.

    A shell's background job ignores Ctrl-C, and what ``nohup`` starts a hang-up: both are inherited, by each command
    that a test starts too.
    """
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    for number, default in defaults.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)


def keep_bytecode(config: pytest.Config) -> None:
    """Keep bytecode for the session where the environment has it thrown away.

    Hundreds of commands that the tests start would each compile the same modules anew, which takes longer than what
    most of them do. The processes of this session have it in a folder that goes with the session; the tree stays clean.
    """
    if "PYTHONPYCACHEPREFIX" in os.environ or not os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        return
    folder = tempfile.mkdtemp(prefix="wfe-bytecode-")
    os.environ["PYTHONPYCACHEPREFIX"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage neither while tests are collected nor, afterwards, among what was collected.

    Ten thousand tests are a lot to look through, each time anew, and all of it stays to the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_report_header(config: pytest.Config) -> str:
    specification = importlib.util.find_spec("wfe_vm")
    assert specification is not None
    return f"machine: {machine_build()}, in {Path(str(specification.origin)).parent}"


@pytest.fixture(autouse=True, scope="session")
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled files are not kept in the cache of whoever tests, by commands of their own neither."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def deno_program() -> str:
    """Return where Deno is; skips or fails as ``service`` does where it is nowhere."""
    found = find_deno()
    if found is not None:
        return found
    if os.environ.get("WFE_REQUIRE_SERVICES") == "1":
        pytest.fail("there is no deno, and WFE_REQUIRE_SERVICES=1 wants it to be here", pytrace=False)
    pytest.skip("there is no deno to test with")


@pytest.fixture(scope="session")
def service() -> Callable[[str], str]:
    """Return the function from a service's name to its address. It skips or fails where there is none."""

    def address(name: str) -> str:
        variable = SERVICES[name]
        found = os.environ.get(variable, "")
        if found:
            return found
        if os.environ.get("WFE_REQUIRE_SERVICES") == "1":
            pytest.fail(f"{variable} is not set, and WFE_REQUIRE_SERVICES=1 wants {name} to be here", pytrace=False)
        pytest.skip(f"{variable} is not set: no {name} to test with")

    return address
