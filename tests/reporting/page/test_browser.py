"""The page in a real browser."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from aduni.reporting.page.html import (
    Column,
    FigureGroup,
    Page,
    PageCell,
    PageFigure,
    PageProblem,
    PageTable,
    render,
)

QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIZES = {"wide": (1280, 900), "phone": (390, 844)}
PAPER = (740, 1050)  # A4 at 96 dots an inch, without margins
COMMAND = "python src/train.py method=ce dataset=isic2018 fold=0 'note=two words' epochs=20 " * 3
LONG_WORD = "word" * 80

NAMES = ["run 10", "run 9", "run 1", "run 2", "run 30", "run 4", "run 5"]
ACCURACY = [0.9, None, 0.1, 0.9, -0.5, None, 10.0]
ORDERS = {
    # column: order of NAMES ascending, then descending; by hand
    "Run": ([2, 3, 5, 6, 1, 0, 4], [4, 0, 1, 6, 5, 3, 2]),
    "Accuracy": ([4, 2, 0, 3, 6, 1, 5], [6, 0, 3, 2, 4, 1, 5]),
}


def example() -> Page:
    columns = [
        Column("Run"),
        *(Column(name, "ISIC 2018", True) for name in ("Accuracy", "Macro F1", "Kappa")),
        *(Column(name, "APTOS 2019", True) for name in ("Accuracy 2", "Macro F1 2", "Kappa 2")),
        Column("Command"),
    ]
    rows = [
        [
            PageCell(name, link=f"runs/{name}"),
            PageCell("not run" if value is None else f"{value:.3f} ± 0.010", value, note="paper 1"),
            *[PageCell("0.500 ± 0.100", 0.5, note="paper 0.841, +0.010")] * 5,
            PageCell(COMMAND.strip(), command=True),
        ]
        for name, value in zip(NAMES, ACCURACY, strict=True)
    ]
    svg = '<svg width="720pt" height="324pt" viewBox="0 0 720 324"><text y="9">ink</text></svg>'
    figures = [PageFigure(f"Figure {i}", "What it shows.", svg) for i in range(3)]
    return Page(
        f"Report {LONG_WORD}",
        summary=[("Split", LONG_WORD)],
        warnings=["Not comparable.", LONG_WORD],
        tables=[PageTable("methods", "Methods", columns, rows, "Note.", "Footnote.")],
        figures=[FigureGroup("ISIC 2018", figures)],
        runs=PageTable("runs", "Runs", columns, rows * 9, filtered=True),
        problems=[PageProblem(f"runs/{LONG_WORD}", LONG_WORD, "train.log")],
        downloads=[(LONG_WORD, "tables/methods.csv")],
    )


def found(*names: str) -> str:
    """A program's path; skips where there is none."""
    path = next((path for name in names if (path := shutil.which(name))), None)
    return path or pytest.skip(f"{names[0]} is not installed; the page is not tested in a browser")


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = found("chromium", "chromium-browser", "google-chrome")
    for argument in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=ChromeService(found("chromedriver")))
    driver.get("about:blank")  # the browser's start page asks for parts of its own
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(render(example()), encoding="utf-8")
    return file.as_uri()


def resize(chrome: Chrome, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.fixture
def page(chrome, address, request):
    resize(chrome, *SIZES[getattr(request, "param", "wide")])
    for kind in ("browser", "performance"):
        chrome.get_log(kind)  # empties it
    chrome.get(address)
    return chrome


def header(page: Chrome, name: str):
    xpath = f"//*[@id='methods']//th[button[text()='{name}']]"
    return page.find_element(By.XPATH, xpath)


def order(page: Chrome) -> list[int]:
    cells = page.find_elements(By.CSS_SELECTOR, "#methods tbody th")
    return [NAMES.index(cell.text) for cell in cells]


def test_it_is_quiet_and_asks_the_network_nothing(page, address):
    for button in page.find_elements(By.CSS_SELECTOR, "#methods button, nav a"):
        page.execute_script("arguments[0].click()", button)
    assert page.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    addresses = {params["request"]["url"].split("#")[0] for params in asked}
    assert address in addresses
    assert all(a == address or a.startswith("data:") for a in addresses)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("key", ["click", Keys.ENTER, Keys.SPACE], ids=["mouse", "enter", "space"])
def test_it_sorts(page, name, key):
    original = list(range(len(NAMES)))
    assert order(page) == original
    button = header(page, name).find_element(By.TAG_NAME, "button")
    up, down = ORDERS[name]
    steps = [(up, "ascending"), (down, "descending")]
    if "number" in header(page, name).get_attribute("class"):
        steps.reverse()  # of figures the highest come first
    for rows, state in [*steps, (original, None)] * 2:
        button.click() if key == "click" else button.send_keys(key)
        assert order(page) == rows
        assert header(page, name).get_attribute("aria-sort") == state


def test_one_column_at_a_time_is_sorted_from_the_original_order(page):
    for name in ("Run", "Macro F1"):  # all rows tie in the second
        header(page, name).find_element(By.TAG_NAME, "button").click()
    assert order(page) == list(range(len(NAMES)))
    sorted_ones = page.find_elements(By.CSS_SELECTOR, "#methods [aria-sort]")
    assert [cell.text for cell in sorted_ones] == ["Macro F1"]


def test_a_box_shows_the_rows_with_a_text(page):
    page.find_element(By.CSS_SELECTOR, "#runs .filter").send_keys("RUN 30")
    rows = page.find_elements(By.CSS_SELECTOR, "#runs tbody tr:not([hidden]) th")
    assert {row.text for row in rows} == {"run 30"}
    assert len(rows) == 9


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_only_tables_scroll_sideways(page):
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    outside = page.execute_script(
        """return [...document.querySelectorAll("body *")].filter(
             (e) => !e.closest("table") && e.getBoundingClientRect().right > innerWidth + 1
           ).map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert outside == []
    clipped = page.execute_script(
        """return [...document.querySelectorAll("main *, h1")].filter(
             (e) => !e.closest(".scroll, svg") && e.scrollWidth > e.clientWidth + 1 && e.clientWidth
           ).map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert clipped == []


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_the_first_column_stays(page):
    moved, left, on_top = page.execute_script(
        """const scroll = document.querySelector("#methods .scroll");
           scroll.scrollIntoView({ block: "center" });
           scroll.scrollLeft = 150;
           const box = scroll.querySelector("tbody th").getBoundingClientRect();
           const seen = document.elementFromPoint(box.left + 5, box.top + box.height / 2);
           return [scroll.scrollLeft, box.left - scroll.getBoundingClientRect().left,
                   seen.closest("th")?.textContent];"""
    )
    assert moved == 150
    assert abs(left) < 1
    assert on_top == NAMES[0]


def test_the_header_of_a_long_table_stays(page):
    moved, top = page.execute_script(
        """const scroll = document.querySelector("#runs .scroll");
           scroll.scrollTop = 400;
           const head = scroll.querySelector("thead").getBoundingClientRect();
           return [scroll.scrollTop, head.top - scroll.getBoundingClientRect().top];"""
    )
    assert moved == 400
    assert abs(top) < 1


def test_the_contents_stay_and_show_the_place(page):
    page.find_element(By.LINK_TEXT, "Figures").click()
    place = page.execute_async_script(
        """const done = arguments[0];
           requestAnimationFrame(() => requestAnimationFrame(() => done(
             [scrollY, document.querySelector("nav").getBoundingClientRect().top,
              document.querySelector("nav [aria-current]").textContent])))"""
    )
    assert place[0] > 500
    assert 0 <= place[1] < 100
    assert place[2] in ("Figures", "ISIC 2018")


def copy(page: Chrome) -> str:
    """Presses the first button; returns what it says then."""
    button = page.find_element(By.CSS_SELECTOR, "#methods .copy")
    button.send_keys(Keys.ENTER)
    page.execute_async_script("setTimeout(arguments[0], 200)")
    return button.text


def test_a_command_is_copied(page):
    for name in ("clipboard-read", "clipboard-write"):
        grant = {"permission": {"name": name}, "setting": "granted"}
        page.execute_cdp_cmd("Browser.setPermission", grant)
    assert copy(page) == "Copied"
    text = page.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert text == COMMAND.strip()


def test_a_command_is_selected_where_there_is_no_clipboard(page):
    page.execute_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    assert copy(page) == "Selected"
    assert page.execute_script("return getSelection().toString()") == COMMAND.strip()


def test_it_follows_the_colour_scheme(page):
    backgrounds, inks = set(), set()
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        script = "return getComputedStyle(document.body).backgroundColor"
        backgrounds.add(page.execute_script(script))
        script = "return getComputedStyle(document.querySelector('.picture text')).fill"
        inks.add(page.execute_script(script))
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(backgrounds) == len(inks) == 2
    assert not backgrounds & inks


def test_all_columns_are_on_the_printed_page(page):
    resize(page, *PAPER)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    right, shown = page.execute_script(
        """const edges = [...document.querySelectorAll("td, code")].map(
             (e) => e.getBoundingClientRect().right);
           return [Math.max(...edges), document.querySelector("nav").offsetHeight];"""
    )
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert right <= PAPER[0]
    assert shown == 0
