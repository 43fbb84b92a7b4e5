"""Make the pictures of docs/pictures: python scripts/screenshots [FOLDER].

Commands train and explain small models in FOLDER (outputs/screenshots), where what is finished is
kept. The images are scikit-learn's digits, which may be given on; the page of the fit is of APTOS
2019 and shows none of its images. It takes a quarter of an hour, and needs Chromium and its driver.
"""

import base64
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from terminal import draw, run, screen

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
WIDTH, NARROW = 1000, 700
"""Widths of a picture in pixels; the narrow ones can be read at a third of a page."""

SMALL = "encoder.name=shufflenet_v2_x0_5 epochs=12 num_workers=0 trainer=cpu"
COMMANDS = {
    "run": f"train method=aduni dataset=digits {SMALL} hydra.run.dir=run",
    "explanation": "explain ckpt=run/checkpoints/best.ckpt output=explanation errors=4",
    "audit": "audit dataset=digits output=audit",
    "fit": "fit data=aptos preset=quick output=fit max_time=8m",
    "runs": f"train -m method=balanced_softmax,ce,aduni fold=0,1,2 dataset=digits {SMALL} "
    "hydra.sweep.dir=runs",
    "report": "report runs=runs output=report",
}
"""What is run, by the folder that it writes."""

PAGES = {
    "fit": ("fit/index.html", "h1", NARROW),
    "run": ("run/index.html", "h1", WIDTH),
    "card": ("run/index.html", ".card", WIDTH),
    "audit": ("audit/index.html", "#sheet-1", WIDTH),
    "explanation": ("explanation/index.html", "#class-9", WIDTH),
    "report": ("report/index.html", "h1", 800),
}
"""The page of each picture, the element at its upper edge, and the width."""


def write_pages(folder: Path) -> None:
    """Run the commands whose page is missing; keep what the terminal got."""
    os.environ |= {"ADUNI_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    for name, words in COMMANDS.items():
        if not (folder / name).exists():
            written = run([sys.executable, "-m", "aduni", *words.split()], folder)
            (folder / f"{name}.terminal").write_text(written, newline="")


def draw_training(folder: Path) -> None:
    """Draw the training's screen, from what is trained to the metrics."""
    lines = screen((folder / "run.terminal").read_bytes().decode())
    begin = next(i for i, line in enumerate(lines) if "Training aduni" in line)
    end = next(i for i, line in enumerate(lines) if "Results:" in line)
    title = "aduni " + COMMANDS["run"].removesuffix(" hydra.run.dir=run")
    draw(lines[begin:end], title, PICTURES / "terminal.svg")


def photograph(folder: Path) -> None:
    """Write a picture of each page."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    with tempfile.TemporaryDirectory() as profile:
        for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
            options.add_argument(argument)
        options.add_argument(f"--user-data-dir={profile}")
        browser = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
        for name, (page, element, width) in PAGES.items():
            size = {"width": width, "height": width * 3 // 4, "deviceScaleFactor": 1}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "mobile": False})
            browser.get((folder / page).as_uri())
            script = "scrollTo(0, document.querySelector(arguments[0]).offsetTop - 16)"
            browser.execute_script(script, element)
            taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            picture = Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")
            picture.quantize(128).save(PICTURES / f"{name}.png", optimize=True)
        browser.quit()


if __name__ == "__main__":
    work = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "outputs" / "screenshots").resolve()
    work.mkdir(parents=True, exist_ok=True)
    write_pages(work)
    draw_training(work)
    photograph(work)
