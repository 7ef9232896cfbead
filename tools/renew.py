"""Make anew what is computed from shipped weights, after they were replaced:

    python tools/renew.py lite64                       everything, in order
    python tools/renew.py lite64 --from notebooks      go on after a stop
    python tools/renew.py lite64 --list                say what would be run, and run nothing

The sliders with names, flows, rig and labels (`data/directions`), the encoder by parts, the measures, every notebook
that loads the weights, the pictures of the README, and the pages that quote numbers. Three quarters of an hour for
`lite64` on two cores. A step that fails ends the run and says how to go on.

What needs an eye stays by hand: a fine-tuned child (`lite64-avatars` is a difference to one version of `lite64`; its
command and its note are in data/weights/README.md), and afterwards every picture and the sentences about them.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ssgan_lite import assets
from ssgan_lite.errors import UserError, suggest
from ssgan_lite.weights import encoder_of, shipped

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Step:
    name: str
    command: tuple[str, ...]                    # after "python"


def steps(name: str, work: Path) -> list[Step]:
    """What depends on the weights `name`, in the order in which it can be computed. work: a folder for reports."""
    networks = f"-m ssgan_lite.directions.make_networks --weights {name} --out data/directions"
    parts, report = f"data/weights/encoders/{name}.parts.safetensors", shlex.quote(str(work / f"{name}-measured"))
    named, rig, labels = (there(f"data/directions/{name}{kind}.safetensors") for kind in ("", ".rig", ".labels"))
    found = []
    if named:
        found.append(step("directions", f"-m ssgan_lite directions {name} --out data/directions/{name} --force"))
    if rig:
        found.append(step("networks", f"{networks} --faces 2400 --flow-steps 300 --rig-steps 400"))
    elif labels:
        found.append(step("labels", f"{networks} --only labels"))
    if there(parts) and encoder_of(name) is not None:
        found.append(step("encoder", f"-m ssgan_lite.invert.refine --weights {name} --out {parts}"))
    found += [step("measure", f"-m ssgan_lite measure {name} --n 1024 --leak-faces 32 --out {report}"),
              step("report", f"tools/ship.py - {name} --measured {report}")]
    users = [f"notebooks/{path.name}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
             if f'"{name}' in path.read_text(encoding="utf-8").replace("\\", "")]
    if users:
        found.append(step("notebooks", f"tools/notebooks.py {' '.join(users)}"))
    if name == "lite64":                        # the model that README and editor show first
        found += [step("overview", "tools/overview.py"), step("editor", "tools/editor_picture.py")]
    return [*found, step("pages", "tools/teaching.py")]


def step(name: str, command: str) -> Step:
    return Step(name, tuple(shlex.split(command)))


def there(path: str) -> bool:
    return (ROOT / path).is_file()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="weights that ship")
    parser.add_argument("--from", dest="first", default="", metavar="STEP", help="begin with this step")
    parser.add_argument("--list", action="store_true", help="run nothing")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="for reports (default: %(default)s)")
    options = parser.parse_args()
    try:
        if options.name not in shipped():
            raise UserError(f'No weights called "{options.name}" ship. {suggest(options.name, shipped())}')
        todo = steps(options.name, options.work)
        names = [one.name for one in todo]
        if options.first and options.first not in names:
            raise UserError(f'There is no step called "{options.first}" for {options.name}. '
                            f"{suggest(options.first, names)}")
    except UserError as error:
        print(f"renew: {error}", file=sys.stderr)
        return 2
    for one in todo[names.index(options.first) if options.first else 0:]:
        print(f"{one.name}: python {shlex.join(one.command)}", flush=True)
        if options.list:
            continue
        assets.write_manifest(ROOT / "data")                 # each step may load what the one before has written
        if code := subprocess.run([sys.executable, *one.command], cwd=ROOT).returncode:
            print(f"renew: {one.name} failed ({code}). Then go on with: python tools/renew.py {options.name} "
                  f"--from {one.name}", file=sys.stderr)
            return 1
    if not options.list:
        assets.write_manifest(ROOT / "data")
    return 0


if __name__ == "__main__":
    sys.exit(main())
