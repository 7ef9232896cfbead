"""onnxruntime-web, which runs the graphs in a browser: one version, from npm, as classic scripts.

The published package has the variant without WebGPU as a module. A page that is opened from a file may load no
modules, so the module becomes a function here: what it exports is returned, and its own address, by which it would
look for its WebAssembly, leads nowhere (the page hands it over). A package that is built in another way stops the
build.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from ssgan_lite.errors import UserError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="      # npm's sum
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"


def folder() -> Path:
    """Where the files are kept: in the environment, beside the Python packages."""
    return Path(sys.prefix) / "share" / f"{PACKAGE}-{VERSION}"


def is_here() -> bool:
    """Were they fetched before?"""
    return all((folder() / name).is_file() for name in (SCRIPT, WASM))


def fetch() -> None:
    """Get the package with npm and keep the two files that are needed (33 MB to download, 14 MB to keep)."""
    if is_here():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise UserError("The web editor needs npm once, to get onnxruntime-web: it comes with Node.js "
                        "(Debian and Ubuntu: apt install npm).")
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=place, text=True,
                              capture_output=True, check=False)
        archive = Path(place) / f"{PACKAGE}-{VERSION}.tgz"
        if done.returncode or not archive.is_file():
            last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
            raise UserError(f"npm could not get {PACKAGE} {VERSION}: {last}")
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != SHA512:
            raise UserError(f"What npm got is not {PACKAGE} {VERSION} as it was published. Try again.")
        folder().mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as package:
            for name in (SCRIPT, WASM):
                partial = folder() / f"{name}.tmp"
                partial.write_bytes(package.extractfile(f"package/dist/{name}").read())
                partial.replace(folder() / name)


def main() -> int:
    """Fetch it; says what is missing, and returns the exit code."""
    try:
        fetch()
    except UserError as error:
        print(f"web: {error}", file=sys.stderr)
        return 2
    return 0


def wasm() -> bytes:
    """The WebAssembly file."""
    return (folder() / WASM).read_bytes()


def script() -> str:
    """The runtime as a classic script, which sets `ort`."""
    return as_classic((folder() / SCRIPT).read_text(encoding="utf-8"))


def as_classic(module: str) -> str:
    """A module with one list of exports at its end and no static import, as a script that sets `ort`."""
    module = re.sub(r"^//# sourceMappingURL=.*$", "", module, flags=re.MULTILINE).rstrip()
    exports = re.search(r"export\s*\{([^{}]*)\};?$", module)
    if not exports or re.search(r"^\s*import\s*[\w{*\"']", module, re.MULTILINE) or "import.meta.url" not in module:
        raise UserError(f"{PACKAGE} is built in another way than tools/web/runtime.py expects.")
    names = [entry.strip().split(" as ") for entry in exports[1].split(",") if entry.strip()]
    pairs = ",".join(f'"{entry[-1]}":{entry[0]}' for entry in names)
    body = module[:exports.start()].replace("import.meta.url", '"https://nowhere.invalid/"')
    notice = re.match(r"/\*!.*?\*/", body, re.DOTALL)
    return f'{notice[0] if notice else ""}\nvar ort=(()=>{{"use strict";{body}return {{{pairs}}}}})();\n'


if __name__ == "__main__":
    sys.exit(main())
