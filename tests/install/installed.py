"""Run by a Python that has nothing but the installed wheel: it carries the engine, the stubs, both doors."""

import sys
from importlib import metadata
from pathlib import Path

import kevy
import kevy.ctypes_door

package = Path(kevy.__file__).parent
names = {path.name for path in package.iterdir()}

checks = {
    "the package comes from this environment": Path(sys.prefix) in package.parents,
    "the stubs are there": "py.typed" in names and any(name.endswith(".pyi") for name in names),
    "one version everywhere": metadata.version("kevy") == kevy.__version__,
}
with kevy.Store() as s:
    s["n"] = 42
    s["name"] = "alice"
    checks["a store keeps kinds"] = (s["n"], s["name"]) == (42, "alice")
    checks["commands answer"] = s.command("INCR", "n") == 43

failed = [what for what, holds in checks.items() if not holds]
for what in failed:
    print("not so:", what)
print(f"{len(checks) - len(failed)} passed, {len(failed)} failed")
sys.exit(bool(failed))
