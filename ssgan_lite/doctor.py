"""`ssgan-lite doctor`: is everything in place, and what to do about what is not.

One line a finding, marked `ok`, `note` (works, but worth knowing) or `TROUBLE` (followed by what to do). Every
examination stands alone: one that fails is itself a finding, never the end of the list.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from ssgan_lite import __version__, assets
from ssgan_lite.config import preset
from ssgan_lite.errors import UserError
from ssgan_lite.model import SemanticGenerator

OK, NOTE, TROUBLE = "ok", "note", "TROUBLE"


class Finding(NamedTuple):
    """One line of the report."""

    mark: str
    what: str
    remedy: str = ""


def examine() -> int:
    """Print the report; 0 if all is fine or only worth a note, 1 if there is trouble."""
    examinations: list[Callable[[], Iterator[Finding]]] = [
        examine_python, examine_torch, examine_device, examine_threads, examine_memory, examine_packages,
        examine_data, examine_disk, examine_cache, examine_speed]
    print(f"ssgan-lite {__version__} on {platform.system()} {platform.machine()}")
    marks = []
    for examination in examinations:
        try:
            for finding in examination():
                marks.append(finding.mark)
                _print(finding)
        except UserError as error:
            marks.append(TROUBLE)
            _print(Finding(TROUBLE, str(error)))
        except Exception as error:              # the doctor must come to an end whatever the patient has
            marks.append(TROUBLE)
            name = examination.__name__.removeprefix("examine_")
            _print(Finding(TROUBLE, f"{name}: could not be examined ({type(error).__name__}: {error})",
                           "Please report this line."))
    troubles, notes = marks.count(TROUBLE), marks.count(NOTE)
    print(f"{'Trouble: ' + str(troubles) if troubles else 'No trouble'}{f', notes: {notes}' if notes else ''}.")
    return 1 if troubles else 0


def examine_python() -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    yield Finding(OK if good else TROUBLE, f"Python {platform.python_version()}",
                  "" if good else "Install Python 3.11 or later and make a new environment with it (INSTALL.md).")


def examine_torch() -> Iterator[Finding]:
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    if getattr(torch.version, "hip", None):
        build = f"ROCm {torch.version.hip}"
    yield Finding(OK, f"torch {torch.__version__} ({build})")


def examine_device() -> Iterator[Finding]:
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            memory = torch.cuda.get_device_properties(index).total_memory
            yield Finding(OK, f"GPU cuda:{index}: {torch.cuda.get_device_name(index)}, {_gb(memory)}")
    elif torch.version.cuda:
        yield Finding(NOTE, "no GPU: this torch could use one, but sees none; the CPU is used",
                      "If there is an NVIDIA GPU, its driver is missing or older than this build (`nvidia-smi`).")
    elif torch.backends.mps.is_available():
        yield Finding(NOTE, "Apple GPU: there; it is used only if asked for (--device mps)")
    else:
        yield Finding(OK, "no GPU in use: all of the course runs on the CPU")


def examine_threads() -> Iterator[Finding]:
    cores, threads = _cores(), torch.get_num_threads()
    named = ", ".join(f"{name}={os.environ[name]}" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
                      if name in os.environ)
    what = f"threads: torch uses {threads} on {cores} cores{f' ({named})' if named else ''}"
    asked = max([threads, *(int(value) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
                            if (value := os.environ.get(name, "")).isdigit())])
    if asked > cores:
        # Threads that wait for one another spin: eight on two cores are three times slower than two.
        yield Finding(TROUBLE, what, f"More threads than cores are slow: set OMP_NUM_THREADS={cores}.")
    else:
        yield Finding(OK, what)


def examine_memory() -> Iterator[Finding]:
    total, free = _memory()
    if total is None:
        yield Finding(NOTE, "memory: unknown on this system")
    elif free is not None and free < 1e9:
        yield Finding(NOTE, f"memory: {_gb(total)}, {_gb(free)} free",
                      "Close other programs: the notebooks want about 1 GB each.")
    else:
        yield Finding(OK, f"memory: {_gb(total)}, {_gb(free) if free is not None else 'unknown how much'} free")


def examine_packages() -> Iterator[Finding]:
    """What pyproject.toml asks for, and in which version at least."""
    wanted = requirements()
    for extra, purpose, mark in (("", "needed", TROUBLE), ("course", "for the notebooks", NOTE),
                                 ("measure", "for measuring", NOTE)):
        found, missing, old = [], [], []
        for name, least in wanted.get(extra, {}).items():
            try:
                version = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                missing.append(name)
                continue
            if as_numbers(version) < as_numbers(least):
                old.append(f"{name} {version} ({least} or later is needed)")
            else:
                found.append(f"{name} {version}")
        remedy = f'python -m pip install -c constraints.txt -e ".{f"[{extra}]" if extra else ""}"'
        if found:
            yield Finding(OK, f"packages {purpose}: {', '.join(found)}")
        if missing:
            yield Finding(mark, f"packages {purpose}, not installed: {', '.join(missing)}", remedy)
        if old:
            yield Finding(TROUBLE, f"packages {purpose}, too old: {', '.join(old)}", remedy)


def requirements() -> dict[str, dict[str, str]]:
    """Extra ("" for the core) -> {package: the least version that is asked for, "0" where any will do}."""
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if project.is_file():                       # a clone: what was recorded when it was installed may be older
        about = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        lines = {"": about["dependencies"], **about["optional-dependencies"]}
    else:
        lines = {}
        for line in importlib.metadata.requires("ssgan-lite") or ():
            extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", line)
            lines.setdefault(extra[1] if extra else "", []).append(line)
    return {extra: {re.match(r"[\w.-]+", line)[0]: least[1] if (least := re.search(r">=\s*([\w.]+)", line)) else "0"
                    for line in needed} for extra, needed in lines.items()}


def as_numbers(version: str) -> tuple[int, ...]:
    """"2.13.0+cpu" as (2, 13, 0), to be compared; what follows the numbers of a release is left out."""
    return tuple(int(number) for number in re.match(r"[\d.]*", version)[0].split(".") if number)


def examine_data() -> Iterator[Finding]:
    root = assets.root_folder()                 # says itself what to do if there is none
    named = " (named by SSGAN_DATA)" if os.environ.get("SSGAN_DATA") else ""
    yield Finding(OK, f"data found in {root}{named}")
    entries = assets.read_manifest(root)
    for kind, pattern, use in (("weights", "weights/*.safetensors", "`ssgan-lite train` makes some; "),
                               ("heads", "heads/*.npz", "")):
        listed = [name for name in entries if Path(name).match(pattern)]
        with_description = [name for name in entries if name.startswith(f"{kind}/")]
        trouble = [message for name in sorted(with_description) if (message := _verify(root / name))]
        for message in trouble:
            yield Finding(TROUBLE, message)
        if not listed:
            yield Finding(NOTE, f"{kind}: none are here", f"{use}a newer clone of ssgan-lite may have them.")
        elif not trouble:
            size = sum(entries[name]["bytes"] for name in with_description)
            names = ", ".join(sorted(Path(name).stem for name in listed)) if kind == "weights" else "packs as shipped"
            yield Finding(OK, f"{kind}: {len(listed)} ({names}), {size / 1e6:.1f} MB, all as the manifest says")


def examine_disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    what = f"disk: {_gb(free)} free where you are ({Path.cwd()})"
    if free < 1e9:
        yield Finding(NOTE, what, "A training run with snapshots takes up to 1 GB: free some, or use another --out.")
    else:
        yield Finding(OK, what)


def examine_cache() -> Iterator[Finding]:
    folder = assets.cache_folder()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    yield Finding(OK, f"cache: {_gb(size)} in {folder}; it can be deleted at any time")


def examine_speed() -> Iterator[Finding]:
    """One face of a generator with random weights: everything from here to the picture works."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = SemanticGenerator(preset("lite64")).eval()
    seconds = []
    with torch.no_grad():
        for seed in range(3):                   # the first pass pays for preparations
            began = time.perf_counter()
            image = generator(generator.mapping(generator.sample_z(1, seed))).image
            seconds.append(time.perf_counter() - began)
    if not image.isfinite().all():
        yield Finding(TROUBLE, "a lite64 face has pixels that are no numbers",
                      "This torch computes wrongly here: install the version named in constraints.txt.")
    else:
        yield Finding(OK, f"a lite64 face takes {1000 * min(seconds):.0f} ms")


def _print(finding: Finding) -> None:
    print(f"  {finding.mark:<7}  {finding.what}")
    if finding.remedy:
        print(f"  {'':<7}  -> {finding.remedy}")


def _verify(path: Path) -> str:
    try:
        assets.verify(path)
    except UserError as error:
        return str(error)
    return ""


def _cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:                      # Windows, macOS
        return os.cpu_count() or 1


def _memory() -> tuple[int | None, int | None]:
    """Bytes of memory, in all and available; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        entries = {name: 1024 * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        return entries["MemTotal"], entries["MemAvailable"]
    except (OSError, ValueError, KeyError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    except (AttributeError, OSError, ValueError):
        return None, None


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
