"""DICOM, HEIC and AVIF files, against formulas of the standard and the pixels that were saved."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aduni.data.cache.image_cache import open_rgb
from aduni.errors import UserError
from aduni.inference.images import read_image

pydicom = pytest.importorskip("pydicom")


def _shipped(name: str) -> Path:
    from pydicom.data import get_testdata_file

    return Path(str(get_testdata_file(name)))


def _grey(file: Path) -> np.ndarray:
    pixels = np.asarray(open_rgb(file))
    assert (pixels[..., 0] == pixels[..., 1]).all()
    return pixels[..., 0]


def _written(tmp_path, change, name="MR_small.dcm") -> Path:
    """A file that pydicom ships, changed and without its compression."""
    content = pydicom.dcmread(_shipped(name))
    change(content)
    content.save_as(tmp_path / "changed.dcm")
    return tmp_path / "changed.dcm"


def _by_hand(stored, slope, intercept, centre, width, low, high):
    """The linear window of PS3.3, C.11.2.1.2, to `low`..`high`, then to 0..255, in loops."""
    result = np.empty(stored.shape)
    for place, level in np.ndenumerate(stored):
        x = level * slope + intercept
        if x <= centre - 0.5 - (width - 1) / 2:
            y = low
        elif x > centre - 0.5 + (width - 1) / 2:
            y = high
        else:
            y = ((x - (centre - 0.5)) / (width - 1) + 0.5) * (high - low) + low
        result[place] = np.floor((y - low) / (high - low) * 255 + 0.5)
    return result


def test_a_window_maps_the_grey_levels():
    file = _shipped("MR_small.dcm")
    content = pydicom.dcmread(file)
    window = float(content.WindowCenter), float(content.WindowWidth)
    expected = _by_hand(content.pixel_array, 1, 0, *window, -(2**15), 2**15 - 1)

    assert np.abs(_grey(file) - expected).max() <= 1
    assert len(np.unique(expected)) > 50


def test_rescale_and_window_and_monochrome1_inverted(tmp_path):
    def change(content, kind="MONOCHROME2"):
        content.WindowCenter, content.WindowWidth = 40, 400
        content.PhotometricInterpretation = kind

    file = _written(tmp_path, change, "CT_small.dcm")
    content = pydicom.dcmread(file)
    slope, intercept = float(content.RescaleSlope), float(content.RescaleIntercept)
    assert intercept == -1024
    ends = (-(2**15) * slope + intercept, (2**15 - 1) * slope + intercept)
    plain = _grey(file)
    assert (
        np.abs(plain - _by_hand(content.pixel_array, slope, intercept, 40, 400, *ends)).max() <= 1
    )
    inverted = _written(tmp_path, lambda c: change(c, "MONOCHROME1"), "CT_small.dcm")
    assert np.array_equal(_grey(inverted), 255 - plain)


def test_a_voi_lut_maps_the_grey_levels(tmp_path):
    def change(content):
        item = pydicom.Dataset()
        item.LUTDescriptor = [256, 0, 8]
        item.LUTData = list(range(255, -1, -1))
        item["LUTData"].VR = "US"
        content.VOILUTSequence = [item]
        del content.WindowCenter, content.WindowWidth
        content.PixelRepresentation = 0
        content.BitsStored, content.HighBit = 16, 15
        levels = (np.arange(64 * 64, dtype=np.uint16) % 300).reshape(64, 64)
        content.PixelData = levels.tobytes()

    levels = (np.arange(64 * 64) % 300).reshape(64, 64)
    assert _grey(_written(tmp_path, change)).tolist() == (255 - np.minimum(levels, 255)).tolist()


def test_without_a_window_the_levels_of_the_image_count(tmp_path):
    def change(content, first=100):
        del content.WindowCenter, content.WindowWidth
        content.PixelRepresentation = 0
        content.PixelData = np.arange(first, first + 4096, dtype=np.uint16).tobytes()

    expected = np.floor(np.arange(4096) / 4095 * 255 + 0.5).reshape(64, 64)
    assert np.array_equal(_grey(_written(tmp_path, change)), expected)
    assert np.ptp(_grey(_shipped("CT_small.dcm"))) == 255  # 128 to 2191 of 65,536 levels

    def flat(content):
        del content.WindowCenter, content.WindowWidth
        content.PixelData = np.full(4096, 7, dtype=np.uint16).tobytes()

    assert not _grey(_written(tmp_path, flat)).any()


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "SC_rgb_jpeg_dcmtk.dcm"])
def test_colours_are_as_pydicom_reads_them(name):
    file = _shipped(name)
    from pydicom.pixels import pixel_array

    assert np.array_equal(np.asarray(open_rgb(file)), pixel_array(file))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rtdose.dcm", "has 15 frames"),
        ("SC_rgb_rle_16bit.dcm", "colours .RGB, uint16."),
        ("examples_palette.dcm", "colours .PALETTE COLOR"),
        ("MR_small_jpeg_ls_lossless.dcm", r"JPEG-LS Lossless .* \(1.2.840.10008.1.2.4.80\)"),
        ("JPGExtended.dcm", r"JPEG Extended .* \(1.2.840.10008.1.2.4.51\), .* cannot decode"),
        ("no_meta.dcm", "lacks the header by which a DICOM file says"),
        ("meta_missing_tsyntax.dcm", "does not say how its pixels are stored"),
    ],
)
def test_what_is_no_single_picture_or_lacks_a_codec_is_refused_by_name(name, reason):
    file = _shipped(name)
    with pytest.raises(UserError, match=f"{file.name} is not a readable image .*{reason}") as found:
        open_rgb(file)
    if "JPEG" in reason:
        assert "pylibjpeg-libjpeg" in str(found.value) or "pyjpegls" in str(found.value)
        assert "install that package, or save the image as PNG" in str(found.value)
    else:
        assert "restore the file or remove its row" in str(found.value)


def test_a_file_without_pixels_is_refused(tmp_path):
    file = _written(tmp_path, lambda content: content.pop("PixelData"))
    with pytest.raises(UserError, match="is a DICOM file without pixels"):
        open_rgb(file)


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.heic.png")
    heic = tmp_path / "a.heic"
    heic.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    for package, file in (("pydicom", _shipped("CT_small.dcm")), ("pillow_heif", heic)):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(UserError, match=f"needs the package {package.replace('_', '-')}"):
            open_rgb(file)


def test_predictions_read_what_the_cache_reads():
    file = _shipped("CT_small.dcm")
    small = open_rgb(file).resize((32, 32), Image.Resampling.BILINEAR)
    assert np.array_equal(read_image(file, 32), np.asarray(small).transpose(2, 0, 1))


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_photographs_of_telephones_keep_their_colours_and_orientation(tmp_path, suffix):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    picture = Image.new("RGB", (64, 32), (200, 40, 40))
    picture.paste((30, 60, 220), (0, 0, 32, 32))  # the left half is blue
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter clockwise to stand upright
    file = tmp_path / f"a.{suffix}"
    picture.save(file, exif=exif, quality=95)
    found = np.asarray(open_rgb(file)).astype(int)
    if suffix == "heic":  # the standard's own rotation counts, which pillow-heif does not write
        found = np.rot90(found, -1)

    assert found.shape == (64, 32, 3)
    assert np.abs(found[8, 16] - [30, 60, 220]).max() <= 12
    assert np.abs(found[56, 16] - [200, 40, 40]).max() <= 12


def test_damaged_files_are_refused(tmp_path):
    whole = _shipped("CT_small.dcm").read_bytes()
    for number, content in enumerate((whole[:140], whole[:5000], b"\0\0\0\x18ftypheicabc")):
        file = tmp_path / f"{number}.dcm"
        file.write_bytes(content)
        with pytest.raises(UserError, match="is not a readable image"):
            open_rgb(file)
