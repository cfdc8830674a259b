"""The tooling keeps its word: what is locked, shipped, checked and refused."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
FOLDERS = ("actors", "config", "http")
LOCKS = ("build", "cluster", "dev", "runtime")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GUARD = "import http.client, aiohttp, doorward.http.cli; print(http.client.__file__)"


def run(
    *command: str | Path, folder: Path = ROOT, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | (environ or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def copy_tree(target: Path, *names: str) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def test_python_run_from_the_root_finds_the_standard_http_and_ours() -> None:
    guarded = run(sys.executable, "-c", GUARD)

    assert guarded.returncode == 0, guarded.stderr
    assert Path(guarded.stdout.strip()).parent.parent == Path(sysconfig.get_path("stdlib"))


def test_an_init_module_in_http_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "http").mkdir()
    (tmp_path / "http" / "__init__.py").touch()

    guarded = run(sys.executable, "-c", GUARD, folder=tmp_path)

    assert "No module named 'http.client'" in guarded.stderr


def test_every_folder_with_modules_is_a_listed_package() -> None:
    holding = {
        f"doorward.{'.'.join(module.parent.relative_to(ROOT).parts)}"
        for folder in FOLDERS
        for module in (ROOT / folder).rglob("*.py")
    }

    assert set(PROJECT["tool"]["setuptools"]["packages"]) == holding


def test_the_wheel_holds_every_file_of_the_three_folders(tmp_path: Path) -> None:
    copy = copy_tree(tmp_path, *FOLDERS, "pyproject.toml", "LICENSE", "README.md")
    files = [file for folder in FOLDERS for file in (copy / folder).rglob("*") if file.is_file()]
    wanted = {f"doorward/{file.relative_to(copy).as_posix()}" for file in files}

    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", tmp_path)
    built = run(sys.executable, "-m", "pip", "wheel", *options, copy)

    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(tmp_path.glob("doorward-*.whl"))) as wheel:
        held = set(wheel.namelist())
    assert {name for name in held if ".dist-info/" not in name} == wanted
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in held)


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        ("runtime", PROJECT["project"]["dependencies"]),
        ("dev", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
        ("build", PROJECT["dependency-groups"]["build"] + PROJECT["build-system"]["requires"]),
    ],
)
def test_a_lock_pins_everything_that_is_declared(lock: str, declared: list[str]) -> None:
    pinned = pins(lock)

    wrong = [
        requirement.name
        for requirement in map(Requirement, declared)
        if not requirement.specifier.contains(pinned.get(requirement.name, "0"))
    ]

    assert declared
    assert wrong == []


def test_development_runs_on_the_versions_that_serve() -> None:
    serving, development = pins("runtime"), pins("dev")

    assert serving
    assert serving.items() <= development.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_for_every_pin_and_names_no_index(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]

    assert len(blocks) == len(pins(lock))
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"\w+://|--(?:extra-)?index|--find-links", text) == []


def test_every_rule_that_ruff_leaves_out_has_its_reason_beside_it() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    left_out = [line for line in lines if re.match(r'\s+"[A-Z]+\d*",', line)]

    assert left_out
    assert [line for line in left_out if not re.search(r"# \S+ \S+", line)] == []


@pytest.mark.parametrize("source", ["import actors", "from config.settings import load"])
def test_ruff_refuses_a_bare_import_of_our_folders(source: str, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(f'"""Made up."""\n\n{source}\n', encoding="utf-8")

    options = ("--no-cache", "--select", "TID251", "--config", ROOT / "pyproject.toml")
    checked = run(sys.executable, "-m", "ruff", "check", *options, module)

    assert checked.returncode == 1
    assert "Import doorward." in checked.stdout


@pytest.mark.parametrize(
    "checker", [("mypy", "--cache-dir", os.devnull), ("basedpyright", "--project", ".types")]
)
def test_a_type_checker_sees_the_package_through_its_links(
    checker: tuple[str, ...], tmp_path: Path
) -> None:
    copy_tree(tmp_path, "pyproject.toml", "scripts")
    for folder in (*FOLDERS, "tests", "bench"):
        (tmp_path / folder).mkdir()
    (tmp_path / "actors" / "doors.py").write_text("DOORS: int = 1\n", encoding="utf-8")
    (tmp_path / "http" / "pages.py").write_text(
        "from doorward.actors.doors import DOORS\n\nPAGE: str = DOORS\n", encoding="utf-8"
    )
    (tmp_path / "tests" / "test_pages.py").touch()
    (tmp_path / "bench" / "load.py").touch()
    (tmp_path / ".venv").symlink_to(sys.prefix)

    linked = run(tmp_path / "scripts" / "link-types")
    checked = run(sys.executable, "-m", *checker, folder=tmp_path)

    assert linked.returncode == 0, linked.stderr
    assert checked.returncode == 1
    assert "pages.py:3" in checked.stdout
    assert "doors.py" not in checked.stdout


@pytest.mark.parametrize(
    ("ci", "closing"), [("true", "1 failed, 1 xfailed, 1 error"), ("", "2 skipped")]
)
def test_a_test_that_is_left_out_fails_in_ci_only(ci: str, closing: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_missing.py").write_text(
        "import pytest\n\n"
        "def test_left_out():\n    pytest.skip('no such service')\n\n"
        "@pytest.mark.skip(reason='not today')\ndef test_marked():\n    pass\n\n"
        "@pytest.mark.xfail(strict=True)\ndef test_known():\n    assert False\n",
        encoding="utf-8",
    )

    options = ("--config-file", ROOT / "pyproject.toml", "--rootdir", tmp_path, tmp_path)
    environ = {"CI": ci}
    tested = run(sys.executable, "-P", "-m", "pytest", *options, environ=environ)

    assert closing in tested.stdout.splitlines()[-1]


def test_a_blocking_call_of_ours_on_the_loop_fails_its_test(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_blocking.py").write_text(
        "import time\nimport doorward.actors.errors as ours\n\n"
        "async def test_blocking():\n"
        "    code = compile('time.sleep(0)', ours.__file__, 'exec')\n"
        "    exec(code, {'time': time})\n\n"
        "async def test_others():\n    time.sleep(0)\n",
        encoding="utf-8",
    )

    options = ("--config-file", ROOT / "pyproject.toml", "--rootdir", tmp_path, tmp_path)
    tested = run(sys.executable, "-P", "-m", "pytest", *options)

    assert "Blocking call to time.sleep" in tested.stdout
    assert "1 failed, 1 passed" in tested.stdout.splitlines()[-1]


def installer(target: Path) -> Path:
    return copy_tree(target, "pyproject.toml", "requirements", "scripts") / "scripts" / "install"


@pytest.mark.parametrize("answer", ["exit 1", "exit 127"])
def test_install_says_what_it_needs_when_no_python_fits(answer: str, tmp_path: Path) -> None:
    install = installer(tmp_path)
    old = tmp_path / "old-python"
    old.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
    old.chmod(0o755)

    installed = run(install, environ={"PYTHON": str(old)})

    assert installed.returncode == 1
    assert f"no Python 3.11 or newer found as {old}" in installed.stderr
    assert not (tmp_path / ".venv").exists()


def test_install_refuses_an_argument_it_does_not_know(tmp_path: Path) -> None:
    installed = run(installer(tmp_path), "--development")

    assert installed.returncode == 2
    assert "unknown argument --development" in installed.stderr


def pretend_installed(root: Path, parts: str) -> None:
    """Leave what a finished installation leaves, so that only the system parts are looked at."""
    (root / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "doorward"):
        (root / ".venv" / "bin" / name).symlink_to(shutil.which("false") or "/bin/false")
    sources = (
        "pyproject.toml",
        *(f"requirements/{lock}.lock" for lock in LOCKS),
        "scripts/install",
    )
    digest = hashlib.sha256(b"".join((root / name).read_bytes() for name in sources)).hexdigest()
    (root / ".venv" / "doorward.stamp").write_text(f"{parts} {digest} {root}\n", encoding="utf-8")


def poor_path(target: Path, *parts: str) -> str:
    """Make an ordinary user's PATH: what the script itself uses, and of system parts only these."""
    target.mkdir()
    for part in parts:
        (target / part).symlink_to(shutil.which("true") or "/bin/true")
    for name in ("cat", "cut", "dirname", "flock", "ls", "sha256sum", "sh"):
        (target / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
    (target / "id").write_text("#!/bin/sh\necho 1000\n", encoding="utf-8")
    (target / "id").chmod(0o755)
    return str(target)


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_a_missing_system_part_is_said_and_fails_in_ci(
    ci: str, status: int, tmp_path: Path
) -> None:
    install = installer(tmp_path)
    pretend_installed(tmp_path, "dev")

    environ = {"CI": ci, "PATH": poor_path(tmp_path / "bin")}
    installed = run(install, "--dev", environ=environ)

    assert installed.returncode == status
    assert "as root: apt-get install redis-server wrk" in installed.stderr


def test_an_installation_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    install = installer(tmp_path)
    pretend_installed(tmp_path, "dev")

    environ = {"PATH": poor_path(tmp_path / "bin", "redis-server")}
    installed = run(install, environ=environ)

    assert (installed.returncode, installed.stderr) == (0, "")


def test_a_changed_lock_is_noticed(tmp_path: Path) -> None:
    install = installer(tmp_path)
    pretend_installed(tmp_path, "runtime")
    with (tmp_path / "requirements" / "runtime.lock").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")

    installed = run(install, environ={"PYTHON": str(tmp_path / "none")})

    assert installed.returncode == 1
    assert "no Python 3.11 or newer found" in installed.stderr
