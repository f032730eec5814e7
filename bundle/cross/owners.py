"""Which library of macOS exports a symbol, as told by the sources of the crates that declare it.

A program linked for macOS names the library of each symbol, and the system looks nowhere else: a
wrong name and the app does not start. So a library is named only where it is certain:

- The crates of the objc2 family (objc2-app-kit, objc2-metal, ...) are generated from Apple's headers,
  one crate a framework, and say in their source which framework that is.
- A few libraries have names of their own for everything they export (PREFIXES).
- What neither covers and is known for certain stands in EXACT.

A symbol that a crate declares by hand beside `#[link(...)]` exists, but not always in the library
that the crate links: on a Mac the linker would have found it in any of them. Such a symbol is left to
be looked up in all loaded libraries when the app starts (FLAT). A symbol that no crate declares in
this way has no known owner: linking then stops, because the app would not start.
"""

import json
import os
import pathlib
import re
import subprocess

FLAT = "flat"

PREFIXES = {
    "_objc_": "libobjc",
    "_OBJC_EHTYPE_": "libobjc",
    "__objc_": "libobjc",
    "_sel_": "libobjc",
    "_class_": "libobjc",
    "_object_": "libobjc",
    "_method_": "libobjc",
    "_ivar_": "libobjc",
    "_protocol_": "libobjc",
    "_property_": "libobjc",
    "_imp_": "libobjc",
    "_IOReport": "libIOReport",
    "_iconv": "libiconv",
}

# symbol: library ("libobjc", "AppKit", ...) or FLAT
EXACT = {}

_FRAMEWORK = re.compile(r'\blink\(\s*name\s*=\s*"(\w+)"\s*,\s*kind\s*=\s*"framework"\s*\)')
_DECLARED = re.compile(r"\b(?:fn|static(?:\s+mut)?)\s+([A-Za-z_]\w*)\s*[:(<]")
_RENAMED = re.compile(r'\blink_name\s*=\s*"(\w+)"')


class Declarations:
    """What the crates of a build declare: for each name the crates, with the frameworks they link."""

    def __init__(self, packages):
        """`packages`: pairs of a crate's name and its folder."""
        self._generated = {}
        self._by_hand = {}
        for name, folder in packages:
            texts = [path.read_text(errors="replace") for path in sorted(folder.glob("src/**/*.rs"))]
            frameworks = {framework for text in texts for framework in _FRAMEWORK.findall(text)}
            if not frameworks:
                continue
            names = set()
            for text in texts:
                if "extern" in text:
                    names.update(_DECLARED.findall(text), _RENAMED.findall(text))
            if name.startswith("objc2-") and len(frameworks) == 1:
                (framework,) = frameworks
                for declared in names:
                    self._generated.setdefault(declared, set()).add(framework)
            else:
                for declared in names:
                    self._by_hand.setdefault(declared, set()).update(frameworks)

    @classmethod
    def of_workspace(cls):
        """Reads the sources of all crates that the build for macOS uses."""
        manifest = pathlib.Path(__file__).resolve().parents[2] / "Cargo.toml"
        told = subprocess.run(
            [
                os.environ.get("CARGO", "cargo"), "metadata", "--format-version=1", "--locked", "--offline",
                "--filter-platform=aarch64-apple-darwin", f"--manifest-path={manifest}",
            ],
            check=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        packages = json.loads(told.stdout)["packages"]
        return cls((package["name"], pathlib.Path(package["manifest_path"]).parent) for package in packages)

    def owner(self, symbol, linked):
        """The library of `symbol`, or FLAT, or None where it is not known.

        `linked`: the frameworks that the program links, in which FLAT will look.
        """
        if symbol in EXACT:
            return EXACT[symbol]
        for prefix, library in PREFIXES.items():
            if symbol.startswith(prefix):
                return library
        name = symbol.removeprefix("_")
        generated = self._generated.get(name, set()) & set(linked)
        if len(generated) == 1:
            return next(iter(generated))
        if generated or self._by_hand.get(name, set()) & set(linked):
            return FLAT
        return None
