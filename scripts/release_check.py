"""Check that a release is complete, and print the commands that publish it: make release-check.

The archives and the list of components lie in dist/ by then. Nothing is tagged or uploaded.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import yaml

ROOT = Path(__file__).resolve().parents[1]
COMPONENTS = "components.cdx.json"
IN_WHEEL = re.compile(r"conf/.*\.yaml$|src/aduni/(.*\.(?:j2|pyi|typed))$")


def main() -> None:
    """Print what is missing, or the commands that publish the release."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    tracked = _git("ls-files").splitlines()
    found = [
        *check_texts(version, changelog, (ROOT / "CITATION.cff").read_text()),
        *check_page(version, (ROOT / "site" / "citing.md").read_text()),
        *check_archives(version, ROOT / "dist", tracked),
        *check_checkout(version),
    ]
    if found:
        sys.exit("\n".join(["The release is not ready:", *(f"- {each}" for each in found)]))
    print(f"Version {version} is complete. To publish it:")
    print(f"    git tag --annotate v{version} --message 'AdUni {version}'")
    print(f"    git push origin v{version}")
    print("and attach the files in dist/ to the release, with its part of CHANGELOG.md.")


def check_texts(version: str, changelog: str, citation: str) -> list[str]:
    """Return what is wrong with the version in CHANGELOG.md and CITATION.cff."""
    found = []
    unreleased, *releases = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:] or [""]
    if not releases or not re.match(rf"{re.escape(version)} \(\d+ \w+ \d{{4}}\)\n", releases[0]):
        found.append(f"the newest release in CHANGELOG.md is not '## {version} (DAY MONTH YEAR)'")
    if unreleased.strip() != "Unreleased":
        found.append("CHANGELOG.md does not begin with an empty 'Unreleased'")
    if (cited := yaml.safe_load(citation)["version"]) != version:
        found.append(f"CITATION.cff has version {cited}, pyproject.toml {version}")
    return found


def check_page(version: str, page: str) -> list[str]:
    """Return what is wrong with the version on the page that says how to cite the program."""
    cited = re.findall(r"version = \{(.*)\}", page)
    return [] if cited == [version] else [f"site/citing.md has version {', '.join(cited)}"]


def check_archives(version: str, dist: Path, tracked: list[str]) -> list[str]:
    """Return which files of dist/ are missing, and what its wheel lacks."""
    wheel = f"aduni-{version}-py3-none-any.whl"
    wanted = {wheel, f"aduni-{version}.tar.gz", COMPONENTS}
    built = {file.name for file in dist.glob("[!.]*")}
    found = [f"dist/{name} is missing" for name in sorted(wanted - built)]
    found += [f"dist/{name} belongs to no release" for name in sorted(built - wanted)]
    if wheel in built:
        with ZipFile(dist / wheel) as archive:
            names = set(archive.namelist())
        inside = {f"aduni/{m[1] or m[0]}" for name in tracked if (m := IN_WHEEL.match(name))}
        inside.add(f"aduni-{version}.dist-info/licenses/LICENSE")
        found += [f"the wheel lacks {name}" for name in sorted(inside - names)]
    return found


def check_checkout(version: str) -> list[str]:
    """Return whether there are uncommitted changes, or already a tag."""
    found = []
    if _git("status", "--porcelain"):
        found.append("the checkout has changes that are not committed")
    if _git("tag", "--list", f"v{version}"):
        found.append(f"there is a tag v{version} already; set the next version")
    return found


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    main()
