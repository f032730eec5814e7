"""Writes the part of a macOS SDK that a link reads: one text stub (.tbd) for each library."""

import json
import pathlib
import re
import shutil

# Where the system's own libraries lie; `-lNAME` of any other is an error of the linker's.
DYLIBS = {
    "libobjc": "/usr/lib/libobjc.A.dylib",
    "libiconv": "/usr/lib/libiconv.2.dylib",
    "libIOReport": "/usr/lib/libIOReport.dylib",
}
# Names under which crates ask for parts of libSystem.
PARTS_OF_LIBSYSTEM = ("libSystem.B", "libc", "libm", "libpthread", "libdl")
# Frameworks are at version A for good, but for two whose binary interface has changed.
VERSION_C = ("AppKit", "Foundation")

# What the stubs say they come from: an SDK may be newer than the system that a program asks for.
SDK_VERSION = "14.0"


def _stub(install_name, symbols):
    lines = [
        "--- !tapi-tbd",
        "tbd-version: 4",
        "targets: [ arm64-macos ]",
        f"install-name: '{install_name}'",
        "current-version: 1",
        "compatibility-version: 1",
    ]
    if symbols:
        quoted = ", ".join(f"'{symbol}'" for symbol in sorted(symbols))
        lines += ["exports:", "  - targets: [ arm64-macos ]", f"    symbols: [ {quoted} ]"]
    return "\n".join([*lines, "...", ""])


def write(folder, libsystem, frameworks, exports):
    """Writes the SDK into `folder`, in place of what is there.

    `libsystem` is the real stub of libSystem. Each of `frameworks` gets a stub though it may export
    nothing, since the linker wants to find what it is told to link. `exports` maps a framework's or
    a library's name (`AppKit`, `libobjc`) to its symbols.
    """
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    libraries = folder / "usr/lib"
    libraries.mkdir(parents=True)

    # macOS's own programs have another kind of pointers (arm64e), which other developers' have not;
    # the exports are the same. A still newer kind is not known to this linker.
    text = re.sub(r",\s*arm64e\.\w+-\w+", "", libsystem.read_text())
    (libraries / "libSystem.tbd").write_text(re.sub(r"\barm64e-", "arm64-", text))
    for part in PARTS_OF_LIBSYSTEM:
        (libraries / f"{part}.tbd").symlink_to("libSystem.tbd")

    for name, install_name in DYLIBS.items():
        (libraries / f"{name}.tbd").write_text(_stub(install_name, exports.get(name, ())))
    for name in sorted({*frameworks, *exports} - {*DYLIBS}):
        version = "C" if name in VERSION_C else "A"
        place = folder / f"System/Library/Frameworks/{name}.framework"
        place.mkdir(parents=True)
        install_name = f"/System/Library/Frameworks/{name}.framework/Versions/{version}/{name}"
        (place / f"{name}.tbd").write_text(_stub(install_name, exports.get(name, ())))

    (folder / "SDKSettings.json").write_text(
        json.dumps(
            {
                "CanonicalName": f"macosx{SDK_VERSION}",
                "Version": SDK_VERSION,
                "MaximumDeploymentTarget": f"{SDK_VERSION}.99",
            }
        )
    )
