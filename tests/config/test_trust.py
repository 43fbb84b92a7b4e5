"""Files are data: no reader in the source executes what it reads."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"
FILES = sorted(SRC.rglob("*.py"))

EXECUTES = {"eval", "exec", "compile", "__import__"}
MODULES = {"cloudpickle", "dill", "joblib", "marshal", "shelve"}
CALLS = {
    *("read_pickle", "to_pickle", "unsafe_load", "full_load", "unsafe_load_all", "full_load_all"),
    *("load_from_checkpoint", "Unpickler", "os.system", "os.popen", "yaml.load", "yaml.load_all"),
    *("torch.hub.load", "pickle.load", "pickle.loads"),
}


def faults(source: str) -> Iterator[str]:
    """Yield the calls and imports that could execute the content of a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in {"pickle", *MODULES})
        elif isinstance(node, ast.ImportFrom):
            module = str(node.module).split(".")[0]
            names = {alias.name for alias in node.names}
            if module in MODULES or (module == "pickle" and names != {"UnpicklingError"}):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call):
            yield from _faults_of_call(node)


def _faults_of_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    given = {k.arg: ast.unparse(k.value) for k in call.keywords}
    executes = name in EXECUTES or (name.endswith(".eval") and (call.args or call.keywords))
    if executes or name in CALLS or name.rpartition(".")[2] in CALLS:
        yield name
    if given.get("allow_pickle", "False") != "False" or given.get("shell", "False") != "False":
        yield ast.unparse(call)
    if name == "torch.load" and given.get("weights_only") != "True":
        yield ast.unparse(call)
    if name.endswith(".fit") and "ckpt_path" in given and given.get("weights_only") != "True":
        yield ast.unparse(call)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SRC)))
def test_nothing_in_the_source_executes_a_file(file):
    assert list(faults(file.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "import pickle",
        "from pickle import loads",
        "from joblib import load",
        "eval(text)",
        "frame.eval(text)",
        "exec(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "pd.read_pickle(path)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "trainer.fit(learner, ckpt_path=last)",
        "StageModule.load_from_checkpoint(path)",
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert list(faults(source))


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "torch.load(path, weights_only=True)",
        "np.load(path, mmap_mode='r', allow_pickle=False)",
        "from pickle import UnpicklingError",
        "re.compile('x')",
        "trainer.fit(learner, ckpt_path=last, weights_only=True)",
    ],
)
def test_the_search_finds_nothing_else(source):
    assert not list(faults(source))
