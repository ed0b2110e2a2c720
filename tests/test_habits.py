"""The project's habits hold: hosted CI, forms, one version, the extras, Python's versions, the console script."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from importlib.metadata import entry_points, metadata, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from android_test import run_step
from export_onnx.console import EXIT_STATUS
from export_onnx.errors import PackageError
from selector import __main__ as selector_command
from tests.selector.selector_fakes import make_build
from tests.test_layout import STEPS

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def yaml_file(name: str) -> Any:
    return pytest.importorskip("yaml").safe_load((ROOT / name).read_text(encoding="utf-8"))


def commands_of(workflow: Any) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_hosted_ci_runs_the_readmes_commands_with_few_rights() -> None:
    workflow = yaml_file(".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) == {"push", "pull_request"}, "YAML reads the key `on` as true"
    pipeline, tests = workflow["jobs"]["pipeline"], workflow["jobs"]["tests"]
    assert pipeline["timeout-minutes"] == 90
    assert ".ci/run" in commands_of(workflow)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert tests["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    for job in (pipeline, tests):
        actions = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in actions), actions
    targets = set(re.findall(r"^([a-z0-9_-]+):", MAKEFILE, re.MULTILINE))
    named = {command.removeprefix("make ") for command in commands_of(workflow) if command.startswith("make ")}
    assert {"test"} <= named <= targets


def test_make_test_measures_coverage_and_fails_below_a_floor() -> None:
    coverage = PYPROJECT["tool"]["coverage"]
    assert coverage["run"]["branch"]
    assert set(coverage["run"]["source"]) == set(STEPS)
    assert coverage["report"]["fail_under"] > 80
    recipe = MAKEFILE.partition("\ntest: lint\n")[2].partition("\nfull-size:")[0]
    assert "-m pytest" in recipe
    assert "--cov " in recipe
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\nmake test\n" in ci


@pytest.mark.parametrize("name", ["bug", "device_receipt"])
def test_forms_are_complete(name: str) -> None:
    form = yaml_file(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert {"name", "description", "body"} <= set(form)
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["attributes"]["label"] for part in asked)
    assert len({part["id"] for part in asked}) == len(asked)


def test_hooks_before_a_commit_are_those_of_lint() -> None:
    (repository,) = yaml_file(".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"].removesuffix(" --force-exclude") for hook in repository["hooks"]]
    lint = MAKEFILE.partition("\nlint:")[2].partition("\ntest:")[0].replace("$(PYTHON)", ".venv/bin/python")
    assert len(entries) == 3
    assert all(entry in lint.replace("format --check", "format") for entry in entries)


def stale_versions(text: str) -> set[str]:
    """Versions in names of packages, other than this project's."""
    return set(re.findall(r"kokoro-npu-[a-z0-9-]+?-(\d+\.\d+\.\d+)-", text)) - {PROJECT["version"]}


def test_the_version_stands_once() -> None:
    places = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    places += [file for step in STEPS for file in (ROOT / step).rglob("*") if file.suffix in (".py", ".md", ".hpp")]
    for file in places:
        assert not stale_versions(file.read_text(encoding="utf-8")), file
    assert stale_versions("dist/kokoro-npu-kokoro-82m-int8-0.0.1-nnapi") == {"0.0.1"}
    quoted = f'"{PROJECT["version"]}"'
    assert [file for file in places if quoted in file.read_text(encoding="utf-8")] == [], "read the project's metadata"


def test_the_changelog_begins_with_what_is_next_and_then_this_version() -> None:
    sections = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG, re.MULTILINE)
    assert sections[0] == ("Unreleased", "")
    assert sections[1][0] == PROJECT["version"]
    assert all(date for _, date in sections[1:])


def test_packages_are_named_by_the_installed_version_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector_command, "PROJECT", "kokoro-npu-that-nobody-installed")
    with pytest.raises(PackageError, match="expected an installed project"):
        selector_command.project_version()


def test_python_is_one_that_the_reference_takes() -> None:
    ours = SpecifierSet(PROJECT["requires-python"])
    minors = [f"3.{minor}" for minor in range(8, 20)]
    fitting = [minor for minor in minors if ours.contains(f"{minor}.5")]
    assert fitting == ["3.11", "3.12"]
    for library in ("kokoro", "misaki"):
        theirs = SpecifierSet(metadata(library)["Requires-Python"])
        assert all(theirs.contains(f"{minor}.5") for minor in fitting), library


def fake_pythons(folder: Path, *fitting: str) -> None:
    """Programs in `folder` that make can call: of the Pythons, those of `fitting` say that they fit."""
    folder.mkdir()
    for name in ("touch", "mkdir", "cp"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name in ("python3", "python3.12", "python3.11"):
        ending = "[ $1 = -m ] && [ $2 = venv ] && mkdir -p .venv/bin && cp $0 .venv/bin/python"
        body = f'if [ "$1" = -c ]; then exit 0; fi\necho "$0 $*" >> calls\n{ending}\nexit 0'
        (folder / name).write_text("#!/bin/sh\n" + (body if name in fitting else "exit 1") + "\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize("fitting", [(), ("python3.11",), ("python3.12", "python3.11"), ("python3",)])
def test_make_takes_a_python_that_fits_or_refuses_in_one_line(tmp_path: Path, fitting: tuple[str, ...]) -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make")
    fake_pythons(tmp_path / "bin", *fitting)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    given = {"PATH": str(tmp_path / "bin")}
    command = [make, "-s", ".venv/ready"]
    done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False)
    if not fitting:
        assert done.returncode == 2
        assert done.stdout.splitlines() == [
            "Python 3.11 or 3.12 with venv is needed; neither .venv nor any of python3 python3.12 python3.11 is one"
        ]
        assert not (tmp_path / "calls").exists(), "nothing was called"
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        calls = (tmp_path / "calls").read_text().splitlines()
        assert calls[0] == f"{tmp_path}/bin/{fitting[0]} -m venv .venv"
        assert "pip install" in calls[1]
        assert calls[1].endswith("--editable .[export,qnn,test]")
        assert len(calls) == 2


def installed_by(lines: list[str]) -> set[str]:
    """The distributions that these requirements bring into this environment, with everything that they require."""
    waiting, found = [(Requirement(line), "") for line in lines], set()
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        for asked in ("", *wanted.extras):
            if (name, asked) not in found:
                found.add((name, asked))
                waiting += [(Requirement(line), asked) for line in requires(name) or []]
    return {name for name, _ in found}


SPEAKS = """
import importlib.machinery, json, sys
blocked = frozenset(json.loads(sys.argv[1]))

class Others(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            return None
        return importlib.machinery.PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, Others]
sys.argv = ["kokoro-npu", *sys.argv[2:]]
from android_test.run_step import console_script
sys.exit(console_script())
"""


def test_a_package_speaks_with_the_extra_speak_alone(tmp_path: Path) -> None:
    """Everything else that is installed here is hidden from the process that speaks."""
    allowed = installed_by([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["speak"]])
    assert {"numpy", "onnxruntime", "misaki"} <= allowed
    blocked = {
        module
        for module, owners in packages_distributions().items()
        if not allowed & {str(canonicalize_name(owner)) for owner in owners} and module not in STEPS
    }
    assert {"torch", "kokoro", "transformers", "scipy", "datasets", "matplotlib", "spacy", "onnxsim"} <= blocked
    build, dist, out = make_build(tmp_path / "build"), tmp_path / "dist", tmp_path / "out.wav"
    where = ["--build", str(build), "--dist", str(dist), "--targets", "cpu"]
    assert selector_command.main(["package", *where, "--release", "0.0.0"]) == 0
    speak = ["selector", "speak", "--dist", str(dist), "--text", "Few packages are needed.", "--out", str(out)]
    command = [sys.executable, "-c", SPEAKS, json.dumps(sorted(blocked)), *speak]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.stat().st_size > 1000
    command[3] = json.dumps(["soundfile"])
    hidden = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert hidden.returncode == 1
    assert "No module named 'soundfile'" in hidden.stderr, "a package that is needed must be missed"


def test_extras_hold_what_their_steps_import() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {"speak", "ja", "zh", "export", "qnn", "test", "demo-voice", "kokoro-82m-int8"} == set(extras)
    assert f"{PROJECT['name']}[speak]" in extras["export"]
    pinned = [Requirement(line).name for group in ("speak", "export") for line in extras[group]]
    assert len(set(pinned)) == len(pinned), "a package is pinned once"


def test_the_console_script_runs_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_step.STEPS == STEPS
    for step in STEPS:
        with pytest.raises(SystemExit) as stopped:
            run_step.main([step, "--help"])
        assert stopped.value.code == 0
        assert f"python -m {step}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        run_step.main(["nonsense"])
    assert stopped.value.code == 2
    assert "invalid choice: 'nonsense'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_step.main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("usage: kokoro-npu")
    assert shown.endswith(EXIT_STATUS)


def test_the_console_script_refuses_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (script,) = PROJECT["scripts"].items()
    assert script == ("kokoro-npu", "android_test.run_step:console_script")
    assert all(point.value == script[1] for point in entry_points(group="console_scripts", name="kokoro-npu"))
    monkeypatch.setattr(sys, "argv", ["kokoro-npu", "selector", "speak", "--dist", str(tmp_path), "--text", "x"])
    with warnings.catch_warnings():  # the console silences those of libraries
        assert run_step.console_script() == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"PackageError: {tmp_path}: expected a package for cpu")
    assert len(shown.splitlines()) == 1
