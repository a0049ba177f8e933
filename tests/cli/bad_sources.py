"""Cases of bad input: everything that ``sdml prepare`` reads as features, labels and items."""

from __future__ import annotations

import numpy as np

from tests.cli import bad_files as bad
from tests.cli.bad_files import HUGE, INF, NAN, OBJECTS, ROWS, SPLIT, X, Y
from tests.cli.world import Arguments, World, case, labels, prepare, raw_items, sections


def multi_hot_of_another_width(world: World) -> Arguments:
    """Rows for three classes, where the experiment file lists two."""
    prepare("image.npz", bad.npz(y=np.eye(3)[Y]))(world)
    return ["prepare", world.file(subspace={"classes": ["0", "1"]})]


CASES = {
    # .npz
    "npz: no such file": case(
        prepare("a.npz", bad.nothing), "image", "a.npz", "does not exist", "correct"
    ),
    "npz: a folder": case(prepare("a.npz", bad.folder), "image", "a.npz", "is a folder"),
    "npz: empty file": case(prepare("a.npz", bad.raw(b"")), "a.npz", "cannot be read as an .npz"),
    "npz: junk": case(prepare("a.npz", bad.raw(bad.JUNK)), "a.npz", "cannot be read as an .npz"),
    "npz: truncated": case(
        prepare("a.npz", bad.cut(bad.npz())), "a.npz", "cannot be read as an .npz"
    ),
    "npz: damaged inside": case(prepare("a.npz", bad.damaged_member), "a.npz", "member 'X'"),
    "npz: a bare array": case(prepare("a.npz", bad.npy(X)), "a.npz", "name it .npy"),
    "npz: pickled objects": case(
        prepare("a.npz", bad.npz(X=OBJECTS)), "a.npz", "'X'", "never loaded", "plain arrays"
    ),
    "npz: complex": case(prepare("a.npz", bad.npz(X=X + 1j)), "a.npz: X", "complex64", "numeric"),
    "npz: strings": case(
        prepare("a.npz", bad.npz(X=X.astype(str))), "a.npz: X", "real numbers", "numeric"
    ),
    "npz: 1-D": case(prepare("a.npz", bad.npz(X=X[:, 0])), "a.npz: X", "2-D", "(60,)"),
    "npz: 3-D": case(prepare("a.npz", bad.npz(X=X[None])), "a.npz: X", "2-D", "(1, 60, 8)"),
    "npz: no rows": case(
        prepare("a.npz", bad.npz(X=X[:0], y=Y[:0], split=None)), "a.npz: X", "at least one"
    ),
    "npz: NaN": case(
        prepare("a.npz", bad.npz(X=NAN)), "a.npz: X", "row 3, column 2", "nan", "remove or fill"
    ),
    "npz: infinity": case(
        prepare("a.npz", bad.npz(X=INF)), "a.npz: X", "row 3, column 2", "inf", "remove or fill"
    ),
    "npz: too large": case(
        prepare("a.npz", bad.npz(X=HUGE)), "row 3, column 2", "too large for float32"
    ),
    "npz: no features": case(
        prepare("a.npz", bad.npz(X=None)), "a.npz", "'X'", "holds only y, split", "keys"
    ),
    "npz: no labels": case(
        prepare("a.npz", bad.npz(y=None)), "a.npz", "'y'", "holds only X, split", "keys"
    ),
    "npz: fewer labels": case(
        prepare("a.npz", bad.npz(y=Y[:59])), "a.npz: y", "59 entries, 60 samples"
    ),
    "npz: labels are fractions": case(
        prepare("a.npz", bad.npz(y=Y / 2)), "a.npz: y", "whole numbers", "row 1", "0.5"
    ),
    "npz: labels of a wrong type": case(
        prepare("a.npz", bad.npz(y=Y + 0j)), "a.npz: y", "complex128"
    ),
    "npz: labels with several values": case(
        prepare("a.npz", bad.npz(y=np.eye(3)[Y] * 2)), "a.npz: y", "0 or 1", "row 0, column 0"
    ),
    "npz: fewer splits": case(
        prepare("a.npz", bad.npz(split=SPLIT[:59])), "a.npz: split", "59 entries, 60 samples"
    ),
    "npz: split is no number of one": case(
        prepare("a.npz", bad.npz(split=SPLIT + 1)), "a.npz: split", "0, 1, 2", "row 48", "3"
    ),
    "npz: split is no name of one": case(
        prepare("a.npz", bad.npz(split=np.where(SPLIT == 2, "dev", "train"))),
        "a.npz: split",
        "'dev'",
    ),
    "npz: no split of the named key": case(
        prepare("a.npz", bad.npz(), keys={"split": "fold"}), "a.npz", "'fold'", "keys"
    ),
    "npz: no validation, no test": case(
        prepare("a.npz", bad.npz(split=SPLIT * 0)),
        "image",
        "a.npz",
        "split validation",
        "empty",
        "correct",
    ),
    "npz: unlabelled test rows": case(
        prepare("a.npz", bad.npz(y=np.where(np.arange(60) == 50, -1, Y))),
        "a.npz",
        "split test",
        "row 50",
    ),
    "npz: nothing labelled": case(
        prepare("a.npz", bad.npz(y=Y * 0 - 1)),
        "modality image",
        "training sample must have a label",
        "correct",
    ),
    "npz: too few for shares": case(
        prepare("a.npz", bad.npz(split=None), split={"test": 60}), "a.npz", "60 samples", "lower"
    ),
    "a class that train lacks": case(
        prepare("a.npz", bad.npz(y=np.where(np.arange(60) < 36, Y % 2, Y))),
        "a.npz",
        "'2'",
        "row 38",
        "subspace.classes",
    ),
    "a class of the file that train lacks": case(
        sections("prepare", subspace={"classes": ["0", "1", "2", "3"]}),
        "image.npz",
        "no training sample: '3'",
        "missing_class: warn",
    ),
    "a label outside the classes of the file": case(
        sections("prepare", subspace={"classes": ["0", "1"]}),
        "image.npz",
        "'2'",
        "row 2",
        "subspace.classes",
    ),
    "multi-hot rows of another width": case(
        multi_hot_of_another_width, "image.npz", "3 columns", "2 classes"
    ),
    # .npy and label files
    "npy: no labels": case(
        prepare("a.npy", bad.npy(X)), "a.npy", "features only", "labels: a file"
    ),
    "npy: empty file": case(
        prepare("a.npy", bad.raw(b""), labels="y.txt"), "a.npy", "cannot be read as an .npy"
    ),
    "npy: junk": case(
        prepare("a.npy", bad.raw(bad.JUNK), labels="y.txt"), "a.npy", "cannot be read as an .npy"
    ),
    "npy: truncated": case(
        prepare("a.npy", bad.cut(bad.npy(X)), labels="y.txt"), "a.npy", "cannot be read as an .npy"
    ),
    "npy: claims more than it has": case(
        prepare("a.npy", bad.claims_too_much, labels="y.txt"), "a.npy", "cannot be read as an .npy"
    ),
    "npy: pickled objects": case(
        prepare("a.npy", bad.npy(OBJECTS), labels="y.txt"), "a.npy", "never loaded"
    ),
    "labels: no such file": case(
        prepare("a.npy", bad.npy(X), labels="y.txt"), "y.txt", "does not exist"
    ),
    "labels: fewer than samples": case(
        labels("y.txt", b"1\n2\n"), "y.txt", "2 entries, 60 samples"
    ),
    "labels: a blank line": case(labels("y.txt", b"1\n\n2\n"), "y.txt", "line 2 is blank", "-1"),
    "labels: junk": case(labels("y.txt", bad.JUNK), "y.txt", "text file of labels"),
    "labels: junk array": case(labels("y.npy", bad.JUNK), "y.npy", ".npy array of labels"),
    "labels: empty file": case(labels("y.txt", b""), "y.txt", "line 1 is blank"),
    # .mat of versions 5 and 7.3
    "mat 5: no such file": case(prepare("a.mat", bad.nothing), "a.mat", "does not exist"),
    "mat 5: empty file": case(
        prepare("a.mat", bad.raw(b"")), "a.mat", "cannot be read as a MATLAB"
    ),
    "mat 5: junk": case(prepare("a.mat", bad.raw(bad.JUNK)), "a.mat", "cannot be read as a MATLAB"),
    "mat 5: truncated": case(
        prepare("a.mat", bad.cut(bad.mat5())), "a.mat", "cannot be read as a MATLAB"
    ),
    "mat 5: no features": case(prepare("a.mat", bad.mat5(X=None)), "a.mat", "'X'", "y, split"),
    "mat 5: a struct": case(
        prepare("a.mat", bad.mat5(X={"a": X})), "a.mat", "'X' is a struct", "save"
    ),
    "mat 5: cells of numbers": case(
        prepare("a.mat", bad.mat5(y=OBJECTS)), "a.mat", "'y' is a cell array", "save"
    ),
    "mat 5: complex": case(prepare("a.mat", bad.mat5(X=X + 1j)), "a.mat: X", "complex"),
    "mat 7.3: truncated": case(
        prepare("a.mat", bad.cut(bad.mat73(), 0.5)), "a.mat", "cannot be read as a MATLAB"
    ),
    "mat 7.3: no labels": case(prepare("a.mat", bad.mat73(y=None)), "a.mat", "'y'", "X, split"),
    "mat 7.3: cells of numbers": case(
        prepare("a.mat", bad.mat73_cell), "a.mat", "'y' is a cell array", "save"
    ),
    "mat 7.3: NaN": case(prepare("a.mat", bad.mat73(X=NAN)), "a.mat: X", "row 3, column 2"),
    # .h5
    "h5: empty file": case(prepare("a.h5", bad.raw(b"")), "a.h5", "cannot be read as an HDF5"),
    "h5: junk": case(prepare("a.h5", bad.raw(bad.JUNK)), "a.h5", "cannot be read as an HDF5"),
    "h5: truncated": case(prepare("a.h5", bad.cut(bad.h5())), "a.h5", "cannot be read as an HDF5"),
    "h5: a folder": case(prepare("a.h5", bad.folder), "a.h5", "is a folder"),
    "h5: no features": case(prepare("a.h5", bad.h5(X=None)), "a.h5", "'X'", "split, y"),
    "h5: a group": case(prepare("a.h5", bad.h5(**{"X": None, "X/a": X})), "a.h5", "'X'", "X/a"),
    "h5: strings": case(prepare("a.h5", bad.h5(X=X.astype("S8"))), "a.h5: X", "real numbers"),
    "h5: infinity": case(prepare("a.h5", bad.h5(X=INF)), "a.h5: X", "row 3, column 2"),
    # .parquet
    "parquet: empty file": case(
        prepare("a.parquet", bad.raw(b"")), "a.parquet", "cannot be read as a parquet"
    ),
    "parquet: junk": case(
        prepare("a.parquet", bad.raw(bad.JUNK)), "a.parquet", "cannot be read as a parquet"
    ),
    "parquet: truncated": case(
        prepare("a.parquet", bad.cut(bad.parquet())), "a.parquet", "cannot be read as a parquet"
    ),
    "parquet: no such column": case(
        prepare("a.parquet", bad.parquet(), keys={"features": "Z"}),
        "a.parquet",
        "'Z'",
        "X, y, split",
    ),
    "parquet: uneven lists": case(
        prepare("a.parquet", bad.parquet(X=[[1.0, 2.0]] * 59 + [[3.0]])),
        "a.parquet",
        "'X'",
        "row 59",
    ),
    "parquet: text": case(
        prepare("a.parquet", bad.parquet(X=[["a"]] * 60)), "a.parquet", "'X'", "numbers"
    ),
    "parquet: NaN": case(
        prepare("a.parquet", bad.parquet(X=NAN)), "a.parquet: X", "row 3, column 2"
    ),
    # .csv
    "csv: empty file": case(prepare("a.csv", bad.raw(b"")), "a.csv", "cannot be read as a table"),
    "csv: junk": case(prepare("a.csv", bad.raw(bad.JUNK)), "a.csv", "cannot be read as a table"),
    "csv: only a header": case(prepare("a.csv", bad.csv([])), "a.csv", "at least one"),
    "csv: a line too short": case(
        prepare("a.csv", bad.csv([*ROWS, "1,2"])), "a.csv", "cannot be read as a table"
    ),
    "csv: text among numbers": case(
        prepare("a.csv", bad.csv([*ROWS, "a,2,1,0"])), "a.csv", "'X0' must be numeric"
    ),
    "csv: an empty cell": case(
        prepare("a.csv", bad.csv([*ROWS, ",2,1,0"])), "a.csv", "row 60, column 0", "remove or fill"
    ),
    "csv: a column twice": case(
        prepare("a.csv", bad.csv(ROWS, "X0,X0,y,split")), "a.csv", "'X0' stands twice"
    ),
    "csv: no labels": case(
        prepare("a.csv", bad.csv(ROWS, "X0,X1,z,split")), "a.csv", "'y'", "keys"
    ),
    "csv: truncated": case(
        prepare("a.csv", bad.raw("\n".join(["X0,X1,y,split", *ROWS]).encode()[:-3])), "a.csv"
    ),
    # other sources and raw items
    "a file of another kind": case(
        prepare("a.xyz", bad.raw(b"x")), "a.xyz", "not .xyz", ".npz", "extractor"
    ),
    "extractor: unknown": case(
        raw_items("gist", "a/b.png", bad.png, "*/*.png"), "image", "'gist'", "pixels, hog"
    ),
    "extractor: unknown option": case(
        raw_items({"name": "pixels", "options": {"depth": 3}}, "a/b.png", bad.png, "*/*.png"),
        "'depth'",
        "allowed: ",
    ),
    "extractor: a value that is not allowed": case(
        raw_items({"name": "pixels", "options": {"size": 0}}, "a/b.png", bad.png, "*/*.png"),
        "pixels",
        "size",
        "not 0",
    ),
    "a glob that matches nothing": case(
        raw_items("pixels", "a/b.png", bad.png, "*/*.jpg"),
        "image",
        "*/*.jpg",
        "matches no file",
        "correct",
    ),
    "a glob without folders of classes": case(
        raw_items("pixels", "b.png", bad.png, "*.png"),
        "image",
        "*.png",
        "name of its folder",
        "labels:",
    ),
    "png: empty file": case(
        raw_items("pixels", "a/b.png", bad.raw(b""), "*/*.png", bad.png),
        "a/b.png",
        "cannot be read as image",
    ),
    "png: junk": case(
        raw_items("pixels", "a/b.png", bad.raw(bad.JUNK), "*/*.png", bad.png),
        "a/b.png",
        "cannot be read as image",
    ),
    "png: truncated": case(
        raw_items("pixels", "a/b.png", bad.cut(bad.png), "*/*.png", bad.png),
        "a/b.png",
        "cannot be read as image",
    ),
    "wav: empty file": case(
        raw_items("mfcc", "a/b.wav", bad.raw(b""), "*/*.wav", bad.wav),
        "a/b.wav",
        "cannot be read as audio",
    ),
    "wav: junk": case(
        raw_items("mfcc", "a/b.wav", bad.raw(bad.JUNK), "*/*.wav", bad.wav),
        "a/b.wav",
        "cannot be read as audio",
    ),
    "wav: only a header": case(
        raw_items("mfcc", "a/b.wav", bad.cut(bad.wav, 0.005), "*/*.wav", bad.wav), "a/b.wav"
    ),
    "text: not UTF-8": case(
        raw_items("ngrams", "a/b.txt", bad.raw(b"\xff\xfe\x00"), "*/*.txt"), "a/b.txt", "UTF-8"
    ),
    "a table of files that are not there": case(
        raw_items("pixels", "a.csv", bad.raw(b"X,y\nb.png,1\n"), "a.csv"),
        "a.csv: X",
        "'b.png'",
        "row 0",
    ),
    "a table without the column": case(
        raw_items("ngrams", "a.csv", bad.raw(b"t,y\nb,1\n"), "a.csv"), "a.csv", "'X'", "t, y"
    ),
}
