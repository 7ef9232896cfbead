"""The rules for lessons can be broken: each on a synthetic notebook or exercise with one planted mistake."""

from __future__ import annotations

import ast
import math

import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from torch import nn

import lesson_rules
import lifting
from ssgan_lite.course.exercises import close, exercise, expect, expect_close, registry

# ------------------------------------------------------------------------------------------------ answers and hints


@pytest.fixture
def third(monkeypatch):
    monkeypatch.setattr(registry, "EXERCISES", {})

    @exercise(1, notebook="98", title="Thrice", minutes=3, level=1, solution=f"{__name__}:times_three")
    def thrice(answer):
        """Return three times x."""
        x = torch.randn(4)
        out = answer(x)
        expect(not close(out, 2 * x), "that is twice")
        expect(not close(out, x / 3), "you divide")
        expect_close(out, 3 * x, "it should be three times x")
    return thrice


def times_three(x):
    return 3 * x


def stub(x):
    ...


RIGHT = dict(stub=stub, right=[lambda x: x + x + x],
             wrong=[(lambda x: 2 * x, "twice"), (lambda x: x / 3, "Divide"), (lambda x: -x, "three times x")])


def test_good_answers_are_accepted(third):
    hints = lesson_rules.answers_are_told_apart(third, RIGHT)
    assert hints == {"That is twice.": "twice", "You "
                                                "divide.": "Divide", "It should be three times x.": "three times x"}
    assert lesson_rules._library_solution(third, stub) == [times_three]


def random_answer():
    """Right the first time, wrong the second."""
    calls = []
    return lambda x: (calls.append(0), (3 if len(calls) == 1 else 4) * x)[1]


@pytest.mark.parametrize(("changes", "message"), [
    (dict(stub=lambda x: x), "the stub is called"),
    (dict(right=[lambda x: 4 * x]), "is right; Result"),
    (dict(right=[lambda x: x[9]]), "is right; Result"),
    (dict(right=[random_answer()]), "another result the second time"),
    (dict(wrong=RIGHT["wrong"][:2]), "three typical mistakes"),
    (dict(wrong=[*RIGHT["wrong"], (times_three, "x")]), "is wrong; Result"),
    (dict(wrong=[*RIGHT["wrong"], (stub, "x")]), "is wrong; Result"),
    (dict(wrong=[*RIGHT["wrong"], (lambda x: 5 * x, "three times")]), "get the same hint"),
    (dict(wrong=[*RIGHT["wrong"], (lambda x: x[:2], "three times")]), "is not in the hint"),
    (dict(wrong=[*RIGHT["wrong"], (lambda x: x[:2], " ")]), "is not in the hint"),
    (dict(wrong=[*RIGHT["wrong"], (3, "function")]), ""),
    (dict(rigth=[]), "keys are"),
])
def test_bad_test_data_are_noticed(third, changes, message):
    if not message:                     # a number where a function is wanted has a hint of its own: no mistake
        lesson_rules.answers_are_told_apart(third, RIGHT | changes)
        return
    with pytest.raises(AssertionError, match=message):
        lesson_rules.answers_are_told_apart(third, RIGHT | changes)


def test_a_check_without_hint_is_noticed(monkeypatch):
    monkeypatch.setattr(registry, "EXERCISES", {})

    @exercise(1, notebook="98", title="Thrice", minutes=3, level=1, solution_text="3 * x")
    def careless(answer):
        """Return three times x."""
        out = answer(torch.ones(4))
        expect(out.sum() == 12, "three times x")
    data = RIGHT | dict(wrong=[(lambda x: [3.0] * 4, "three"), *RIGHT["wrong"][1:]])
    with pytest.raises(AssertionError, match="no hint of its own: The check cannot work"):
        lesson_rules.answers_are_told_apart(careless, data)
    with pytest.raises(AssertionError, match="no right answer is tested"):
        lesson_rules.answers_are_told_apart(careless, RIGHT | dict(right=[]))


def test_a_solution_that_is_wrong_is_noticed(third, monkeypatch):
    third.solution = (f"{__name__}:wrong_solution",)
    with pytest.raises(AssertionError, match="wrong_solution is right; Result"):
        lesson_rules.answers_are_told_apart(third, RIGHT)


def wrong_solution(x):
    return 2 * x


# ------------------------------------------------------------------------------------------- notebook and exercises

def exercises_of_97(monkeypatch):
    monkeypatch.setattr(registry, "EXERCISES", {})
    for k in (1, 2, 3):
        def check(answer):
            """Something."""
        check.__name__ = f"made_up_{k}"
        exercise(k, notebook="97", title=f"Title {k}", minutes=5, level=k, solution_text="none")(check)
    return list(registry.EXERCISES.values())


def notebook_of_97():
    notebook = new_notebook(cells=[new_markdown_cell("# 97\n\nAbout 0.97.1 and 197.2 and 97.25% nothing is said.")])
    for k in (1, 2, 3):
        line = f"97.{k} Title {k}: not started yet (about 5 minutes, {('easy', 'medium', 'hard')[k - 1]}).\n"
        notebook.cells += [new_markdown_cell(f"### 97.{k} Title {k} (about 5 minutes)\nDo something."),
                           new_code_cell(f"def f(x):\n    ...\n\ncheck.made_up_{k}(f)  # 97",
                                         outputs=[new_output("stream", name="stdout", text=line)])]
    notebook.cells += [new_code_cell("check.progress()\n# check.made_up_1(f)", outputs=[
        new_output("stream", name="stdout", text="97   0 of 3\n")])]
    return notebook


def test_notebook_and_exercises_that_agree(monkeypatch):
    notebook = notebook_of_97()
    notebook.cells[0].source = "# 97"
    lesson_rules.notebook_and_exercises_agree(notebook, "97", exercises_of_97(monkeypatch))


@pytest.mark.parametrize(("plant", "message"), [
    (lambda nb: nb.cells[1].update(source="### Title 1"), r"not in the text of notebook 97: \['97.1'\]"),
    (lambda nb: nb.cells[1].update(source="### 97.1 Another title"), "its title, 'Title 1', does not follow"),
    (lambda nb: nb.cells[1].update(source="### 97.1 Title 1, and 97.4"), "not in its checks: {'97.4'}"),
    (lambda nb: nb.cells[2].update(source="# check.made_up_1(f)", outputs=[]), r"not checked .*'made_up_1'"),
    (lambda nb: nb.cells[2].update(source="check.made_up_2(f)"), "stored output"),
    (lambda nb: nb.cells[4].update(source="check.made_up_4(f)"), "not one of its exercises"),
    (lambda nb: nb.cells.append(nb.cells[2]), "calls check.made_up_1 twice"),
    (lambda nb: nb.cells[2].outputs[0].update(text="97.1 Title 1: right.\n"), "stored output of .*right"),
    (lambda nb: nb.cells[2].update(outputs=[]), "stored output"),
])
def test_a_notebook_that_does_not_fit_its_exercises(monkeypatch, plant, message):
    notebook = notebook_of_97()
    notebook.cells[0].source = "# 97"
    plant(notebook)
    with pytest.raises(AssertionError, match=message):
        lesson_rules.notebook_and_exercises_agree(notebook, "97", exercises_of_97(monkeypatch))


def test_two_exercises_are_too_few(monkeypatch):
    with pytest.raises(AssertionError, match="three at least"):
        lesson_rules.notebook_and_exercises_agree(notebook_of_97(), "97", exercises_of_97(monkeypatch)[:2])


# ------------------------------------------------------------------------------------------------------ definitions

LAYER = '''
class EqualLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.scale, self.lr_mul = 1 / math.sqrt(n_in), 0.1

    def forward(self, x):
        return nearly_nothing(F.linear(x, self.weight * self.scale, self.bias * self.lr_mul), *PAIR)
'''
ENTRY = dict(name="EqualLinear", library=f"{__name__}:EqualLinear", build=lambda cls: cls(6, 4),
             inputs=lambda: (torch.randn(3, 6),))


class EqualLinear(nn.Module):
    """What the notebook above builds, as a library might have it."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in))
        self.bias = nn.Parameter(torch.full((n_out,), 0.5))

    def forward(self, x):
        return x @ self.weight.T / math.sqrt(self.weight.shape[1]) + self.bias * 0.1


def notebook_with(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


def good_cells():
    return ["%matplotlib inline\nimport math\nimport torch\nfrom torch import nn",
            "import torch.nn.functional as F\nfrom ssgan_lite.course.figures import show\n!ls\nG = "
            "no_such_generator(3)",
            "FACTOR = 2.0\nPAIR = (FACTOR, math.sqrt(4))\nx = G.image\nprint(G)",
            "def nearly_nothing(x, factor, divisor):\n    return x * factor / divisor",
            LAYER, "layer = EqualLinear(3, 4)\nfrom ssgan_lite.model.layers import EqualLinear"]


def test_a_definition_is_lifted_with_what_it_needs_and_compared():
    notebook = notebook_with(*good_cells())
    lifting.compare(notebook, ENTRY)
    lifted = lifting.lift(notebook, "EqualLinear")
    assert lifted is not EqualLinear and lifted.__module__ == "notebook"
    assert lifting.unlisted(notebook, {"EqualLinear"}) == set()


@pytest.mark.parametrize(("old", "new", "message"), [
    ("/ math.sqrt(n_in)", "/ n_in", "output 0 differs"),
    ("self.bias * self.lr_mul", "self.bias", "output 0 differs"),
    ("self.weight * self.scale", "self.weight.detach() * self.scale", "the gradient of weight is None"),
    ("self.bias *", "self.bias.detach() *", "the gradient of bias is None"),
    ("F.linear(x,", "F.linear(x.detach(),", "the gradient of input 0 is None"),
    ("return nearly", "return 0, nearly", r"5 outputs and gradients, the library has 4"),
    ("*PAIR)", "*PAIR)[:2]", r"output 0 is \[2, 4\], the library's \[3, 4\]"),
    ("self.bias = nn.Parameter(torch.zeros(n_out))", "self.bias = 0.5", r"has \['weight'\]"),
    ("class EqualLinear", "class Linear", "does not define EqualLinear"),
    ("        super()", "        self.place = ...\n        super()", "does not define EqualLinear"),
    ("class EqualLinear(nn.Module)", "class EqualLinear(object)", "not a module|super"),
    ("FACTOR = 2.0", "FACTOR = 1.0", "output 0 differs"),
    ("x * factor", "x * (factor + 0)", ""),
])
def test_a_planted_mistake_in_a_definition(old, new, message):
    cells = [cell.replace(old, new, 1) for cell in good_cells()]
    assert cells != good_cells()
    if not message:                     # another way to write the same is no mistake
        lifting.compare(notebook_with(*cells), ENTRY)
        return
    with pytest.raises((AssertionError, AttributeError), match=message):
        lifting.compare(notebook_with(*cells), ENTRY)


def test_what_is_defined_later_or_made_by_running_the_notebook_is_not_there():
    cells = good_cells()
    with pytest.raises(NameError, match="nearly_nothing"):
        lifting.compare(notebook_with(*cells[:3], *cells[4:], cells[3]), ENTRY)
    cells[2] = "FACTOR = G.factor()\nPAIR = (FACTOR, math.sqrt(4))"
    with pytest.raises(NameError, match="FACTOR"):
        lifting.compare(notebook_with(*cells), ENTRY)


@pytest.mark.parametrize(("source", "message"), [
    ("from ssgan_lite.model import layers\nclass EqualLinear(layers.EqualLinear):\n    pass", "inherits"),
    ("from ssgan_lite.model import layers\ndef EqualLinear(*sizes):\n    return layers.EqualLinear(*sizes)", "calls"),
])
def test_a_definition_that_leaves_the_work_to_the_library(source, message):
    with pytest.raises(AssertionError, match=message):
        lifting.compare(notebook_with("import math", source), ENTRY | {
                        "library": "ssgan_lite.model.layers:EqualLinear"})


def test_functions_and_how_they_are_called():
    source = "import torch\ndef demodulate(w):\n    return w * torch.rsqrt(w.square().sum({}, True) + 1e-8)"
    entry = dict(name="demodulate", library=f"{__name__}:demodulate", inputs=lambda: (torch.randn(2, 3, 4, 1, 1),))
    lifting.compare(notebook_with(source.format("(2, 3, 4)")), entry)
    with pytest.raises(AssertionError, match="output 0 differs"):
        lifting.compare(notebook_with(source.format("(1, 3, 4)")), entry)
    called = entry | dict(call=lambda f, w: {"a": f(w).detach(), "b": 3}, grad=False)
    lifting.compare(notebook_with(source.format("(2, 3, 4)")), called)
    with pytest.raises(AssertionError, match="unknown keys"):
        lifting.compare(notebook_with(source.format("(2, 3, 4)")), entry | dict(input=3))


def demodulate(weight):
    return weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)


def test_a_gradient_that_differs_alone_is_noticed():
    source = "import torch\ndef absolute(x):\n    return torch.where(x.detach() > 0, x, {}.detach())"
    entry = dict(name="absolute", library=f"{__name__}:absolute", inputs=lambda: (torch.tensor([-1.0, 2.0]),))
    with pytest.raises(AssertionError, match="the gradient of input 0 differs"):
        lifting.compare(notebook_with(source.format("(-x)")), entry)


def absolute(x):
    return x.abs()


def test_other_names_of_parameters():
    class Here(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.randn(3))

        def forward(self, x):
            return x * self.gain
    globals()["Here"] = Here
    source = ("import torch\nfrom torch import nn\nclass There(nn.Module):\n    def __init__(self):\n"
              "        super().__init__()\n        self.g = nn.Parameter(torch.zeros(3))\n"
              "    def forward(self, x):\n        return self.g * x")
    entry = dict(name="There", library=f"{__name__}:Here", build=lambda cls: cls(),
                 inputs=lambda: (torch.randn(2, 3),))
    lifting.compare(notebook_with(source), entry | dict(rename={"g": "gain"}))
    with pytest.raises(AssertionError, match=r"There has \['g'\], the library \['gain'\]"):
        lifting.compare(notebook_with(source), entry)


def test_the_last_definition_counts_and_stubs_do_not():
    stub_cell = "def absolute(x):\n    ...  # your lines\ncheck.absolute(absolute)"
    cells = ["def absolute(x):\n    return x", "def absolute(x):\n    return x.abs()", stub_cell]
    entry = dict(name="absolute", library=f"{__name__}:absolute", inputs=lambda: (torch.tensor([-1.0, 2.0]),))
    lifting.compare(notebook_with(*cells), entry)
    assert set(lifting.definitions(notebook_with(stub_cell))) == set()


def test_definitions_that_nobody_listed():
    names = lifting.public_names()
    assert {"EqualLinear", "soft_mask", "Session", "LocalBank"} <= names and "_solid" not in names
    notebook = notebook_with("def soft_mask(d):\n    return "
                             "d", "def mask(d):\n    return d", "class Session:\n    pass")
    assert lifting.unlisted(notebook, {"soft_mask"}) == {"Session"}
    assert lifting.unlisted(notebook, set()) == {"Session", "soft_mask"}


def test_constants_are_literals_arithmetic_and_math():
    def constant(source):
        return lifting._names_bound(ast.parse(source).body[0])
    assert constant("A = B = 3 * 2") == {"A", "B"} and constant("a, b = 1, 2") == {"a", "b"}
    assert constant(f"c = math.sqrt({math.pi})") == {"c"}
    for source in ("x = torch.randn(3)", "x = G(w).image", "x = G.image[0]", "x += 1", "f = lambda x: x", "print(3)"):
        assert constant(source) == set()
    assert constant("import a.b as c, d.e") == {"c", "d"}
