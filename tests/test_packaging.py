"""What the packages hold: all that a user needs, and nothing that a build left behind."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from .conftest import machine_modules

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("wfe_vm", "wfe_dsl", "wfe_runtime")
built = pytest.mark.soak
"""What is packed is the same whichever build is under test: it is built in the full check, once."""
LEFT_BEHIND = (
    ".*", "*.egg-info", "*.so", "*.c", "__pycache__", "build", "dist",
)  # fmt: skip


def build(folder: Path, output: Path, *, pure: bool) -> None:
    """Build sdist and wheel of the tree in a folder, with the tools of this environment."""
    environment = {**os.environ, "WFE_PURE": "1" if pure else "0"}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), str(folder)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def copy_of_the_tree(folder: Path) -> Path:
    copy = folder / "tree"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    return copy


def sources() -> set[str]:
    """Return every file that belongs into the packages, by its place in them."""
    wanted = {".py", ".pxd", ".sql", ".lark", ".typed", ".js"}
    found = set()
    for name in PACKAGES:
        for folder, _, files in os.walk(ROOT / name, followlinks=True):
            place = Path(folder).relative_to(ROOT)
            found |= {
                str(place / file) for file in files if wanted & {Path(file).suffix, f".{file.rpartition('.')[2]}"}
            }
    return found


@pytest.fixture(scope="session")
def pure_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an sdist and a wheel that were built without a compiler."""
    folder = tmp_path_factory.mktemp("packages")
    build(copy_of_the_tree(folder), folder / "dist", pure=True)
    return folder / "dist"


def names_in_sdist(folder: Path) -> set[str]:
    [path] = folder.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def names_in_wheel(folder: Path) -> set[str]:
    [path] = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_grammars_are_the_ones_at_the_root() -> None:
    assert (ROOT / "wfe_dsl" / "grammars").resolve() == ROOT / "grammars"


def test_setup_stays_a_short_script() -> None:
    text = (ROOT / "setup.py").read_text()
    assert len(text.splitlines()) <= 80
    assert isinstance(ast.parse(text), ast.Module)


@built
def test_the_source_package_holds_all_that_is_needed_to_build_test_and_read(pure_packages: Path) -> None:
    names = names_in_sdist(pure_packages)
    assert sources() - names == set()
    assert {"README.md", "CHANGELOG.md", "LICENSE", "setup.py", "pyproject.toml", "workflows.yaml"} <= names
    assert {"examples/hello.yaml", "docs/index.md", "tests/conftest.py"} <= names


@built
def test_the_wheel_holds_sources_grammars_and_statements(pure_packages: Path) -> None:
    names = names_in_wheel(pure_packages)
    assert sources() - names == set()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == set(PACKAGES)


@built
def test_nothing_that_a_build_left_behind_is_packed(pure_packages: Path) -> None:
    names = names_in_sdist(pure_packages) | names_in_wheel(pure_packages)
    assert [name for name in names if name.endswith((".c", ".so", ".pyc", ".html"))] == []


@built
def test_a_wheel_built_without_a_compiler_fits_every_machine(pure_packages: Path) -> None:
    [path] = pure_packages.glob("*.whl")
    assert path.name.endswith("-py3-none-any.whl")


@built
def test_the_wheel_brings_the_command_and_the_licence(pure_packages: Path) -> None:
    [path] = pure_packages.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        information = {name.partition("/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
        assert "wfec = wfe_runtime.cli.main:main" in archive.read(information["entry_points.txt"]).decode()
        assert "MIT License" in archive.read(information["licenses/LICENSE"]).decode()
        assert "License-Expression: MIT" in archive.read(information["METADATA"]).decode()


def run_from(folder: Path, working_dir: Path, *arguments: str) -> str:
    """Run Python on the packages in a folder, and on nothing of this tree."""
    working_dir.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=working_dir, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def unpack(dist: Path, folder: Path) -> Path:
    [path] = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


@built
def test_the_wheel_runs_an_example_by_itself(pure_packages: Path, tmp_path: Path) -> None:
    installed = unpack(pure_packages, tmp_path / "installed")
    elsewhere = tmp_path / "elsewhere"
    where = run_from(installed, elsewhere, "-c", "import wfe_vm.machine; print(wfe_vm.machine.__file__)")
    assert where.strip() == str(installed / "wfe_vm" / "machine.py")
    shown = run_from(installed, elsewhere, "-m", "wfe_runtime", "run", str(ROOT / "examples" / "hello.yaml"))
    assert "Hello, world!" in shown


def have_compiler() -> bool:
    return shutil.which("cc") is not None and (Path(sysconfig.get_path("include")) / "Python.h").exists()


@pytest.mark.soak
@pytest.mark.skipif(not have_compiler(), reason="no C compiler, or no headers of Python")
def test_a_wheel_built_with_a_compiler_brings_the_compiled_machine(tmp_path: Path) -> None:
    build(copy_of_the_tree(tmp_path), tmp_path / "dist", pure=False)
    names = names_in_wheel(tmp_path / "dist")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert {name.replace(".", "/") + suffix for name in machine_modules()} <= names
    assert [name for name in names | names_in_sdist(tmp_path / "dist") if name.endswith(".c")] == []
    installed = unpack(tmp_path / "dist", tmp_path / "installed")
    where = run_from(installed, tmp_path / "elsewhere", "-c", "import wfe_vm.machine; print(wfe_vm.machine.__file__)")
    assert where.strip().endswith(suffix)


@pytest.mark.soak
def test_where_the_compiler_fails_the_machine_is_interpreted(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    environment = {**os.environ, "CC": "false", "WFE_PURE": "0"}
    target = str(tmp_path / "installed")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-t",
        target,
        str(tree),
    ]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    code = "import wfe_vm.machine; print(wfe_vm.machine.__file__)"
    where = run_from(Path(target), tmp_path / "elsewhere", "-c", code)
    assert where.strip() == str(Path(target) / "wfe_vm" / "machine.py")
