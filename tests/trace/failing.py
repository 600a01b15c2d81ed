"""Snippets that fail, one or more for each family of errors: what is said, and programs that try what is suggested."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failing:
    """`line` is where it fails, `span` the failing text, `words` what explanation and suggestion together must contain.

    `clash` are (operand, dimensions that do not fit), `fixes` counts the exact ones, `tried` are programs with
    suggested code that is no exact fix.
    """

    family: str
    code: str
    line: int
    span: str
    words: tuple[str, ...]
    clash: tuple[tuple[str, list[int]], ...] = ()
    fixes: int = 0
    tried: tuple[str, ...] = ()


PAIR = "a = torch.ones(2, 3)\nb = torch.ones(2, 3)\n"
NET = "net = nn.Sequential(nn.Linear(10, 5), nn.ReLU(), nn.Linear(4, 2))\nx = torch.randn(3, 10)\n"
MODULE = (
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc1 = nn.Linear(4, 3)\n"
)
PRODUCT = (
    "class Product(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x, y):\n"
    "        ctx.save_for_backward(x, y)\n        return x * y\n    @staticmethod\n    def backward(ctx, g):\n"
    "        x, y = ctx.saved_tensors\n        return {}\n"
)
ON_ANY = (
    'device = "cuda" if torch.cuda.is_available() else "cpu"\nx = torch.ones(2, device=device)\n'
    "if torch.cuda.is_available():\n    x = x.cuda()"
)
COUNTED = 'p = torch.ones(2, device="meta")\nprint(p.shape, p.numel())'
LOGITS = "logits = torch.randn(4, 3, requires_grad=True)\n"

FAILING = (
    # products
    Failing(
        "matmul_shapes",
        PAIR + "c = a @ b",
        3,
        "a @ b",
        ("`a` is [2, 3], which has 3 there", "`b` is [2, 3], which has 2 there", "`a @ b.T` gives [2, 2]", "[3, 3]"),
        (("a", [1]), ("b", [0])),
        fixes=2,
    ),
    Failing(
        "matmul_shapes",
        "q = torch.randn(2, 4, 8)\nk = torch.randn(2, 4, 8)\ns = q @ k",
        3,
        "q @ k",
        ("`q @ k.mT` gives [2, 4, 4]",),
        (("q", [2]), ("k", [1])),
        fixes=2,
    ),
    Failing(
        "matmul_shapes",
        "W = torch.ones(3, 4)\nx = torch.ones(5, 3)\ny = x @ W.T",
        3,
        "x @ W.T",
        ("`x @ W` gives [5, 4]",),
        fixes=1,
    ),
    Failing("matmul_shapes", "x = torch.ones(2, 3, 4) @ torch.ones(5, 4, 6)", 1, "", ("leading dimensions",), fixes=0),
    Failing(
        "matmul_shapes",
        "x = torch.ones(3)\nw = torch.ones(3, 2)\ny = torch.mm(x, w)",
        3,
        "torch.mm(x, w)",
        ("mm takes a matrix and a matrix", "`x @ w`", "gives [2]"),
        fixes=1,
    ),
    Failing(
        "matmul_shapes",
        "m = torch.ones(2, 3)\nv = torch.ones(2)\ny = torch.mv(m, v)",
        3,
        "torch.mv(m, v)",
        ("`torch.mv(m.T, v)` gives [3]",),
        fixes=1,
    ),
    Failing(
        "matmul_shapes", "u = torch.ones(2)\nv = torch.ones(3)\ntorch.dot(u, v)", 3, "", ("equal lengths: 2 and 3",)
    ),
    Failing(
        "linear_features",
        NET + "y = net(x)",
        3,
        "net(x)",
        ("`net.2` is Linear(4, 2)", "in_features = 4", "its last dimension is 5", "`nn.Linear(5, 2)`"),
        (("input", [1]), ("net.2.weight", [1])),
        fixes=1,
    ),
    Failing(
        "linear_features",
        MODULE + "    def forward(self, pictures):\n        return self.fc1(pictures)\n\n"
        "model = Net()\nmodel(torch.randn(5, 1, 2, 2))",
        6,
        "self.fc1(pictures)",
        ("`model.fc1`", "`pictures` is [5, 1, 2, 2]", "`pictures.flatten(1)` is [5, 4]"),
        (("pictures", [3]),),
        fixes=2,
        tried=("layer = nn.Linear(2, 3)",),
    ),
    Failing(
        "einsum",
        "x = torch.einsum('ij,jk->ik', torch.ones(2, 3), torch.ones(4, 5))",
        1,
        "",
        ("every j is the same", "it is 4, before it was 3"),
        (("torch.ones(2, 3)", [1]), ("torch.ones(4, 5)", [0])),
    ),
    # element by element
    Failing(
        "broadcasting",
        "x = torch.ones(3, 4)\nb = torch.ones(3)\ny = x + b",
        3,
        "x + b",
        ("`x` is [3, 4] and `b` is [3]: 4 against 3", "`b.unsqueeze(1)` is [3, 1]", "[3, 4]"),
        (("x", [1]), ("b", [0])),
        fixes=1,
    ),
    Failing(
        "broadcasting",
        "x = torch.ones(3, 4)\ny = 2 * x - torch.ones(4, 3)",
        2,
        "2 * x - torch.ones(4, 3)",
        (".T",),
        fixes=1,
    ),
    Failing("broadcasting", "F.mse_loss(torch.rand(4, 2), torch.ones(3, 2))", 1, "", ("4 against 3",)),
    Failing(
        "in_place_shape",
        "x = torch.ones(4)\ny = torch.ones(3, 4)\nx += y",
        3,
        "x += y",
        ("room for [4]", "`x = x + y`"),
        tried=("x = torch.ones(4)\ny = torch.ones(3, 4)\nx = x + y",),
    ),
    Failing("expand", "x = torch.ones(3).expand(4)", 1, "", ("3 elements in dimension 0", "Only a size of 1")),
    Failing(
        "expand",
        "x = torch.zeros(3, 4)\nx[:, 0] = torch.ones(2)",
        2,
        "x[:, 0]",
        ("the place that it is assigned to has 3",),
    ),
    Failing(
        "cat_shapes",
        "a = torch.ones(2, 3)\nb = torch.ones(2, 4)\nc = torch.cat([a, b])",
        3,
        "torch.cat([a, b])",
        ("joins along dim=0", "`torch.cat([a, b], dim=1)` is [2, 7]"),
        (("b", [1]),),
        fixes=1,
    ),
    Failing(
        "cat_shapes",
        "a = torch.ones(2, 3)\nb = torch.ones(3)\nc = torch.cat([a, b])",
        3,
        "",
        ("same number of dimensions", "`b.unsqueeze(0)`"),
        fixes=1,
    ),
    Failing(
        "cat_shapes", "torch.stack([torch.ones(2, 3), torch.ones(2, 4)])", 1, "", ("one and the same shape",), fixes=1
    ),
    Failing(
        "wants_list", "a = torch.ones(2)\nb = torch.ones(2)\ntorch.cat(a, b)", 3, "", ("`torch.cat([a, b])`",), fixes=1
    ),
    Failing(
        "list_element",
        "torch.cat([torch.ones(3), 1.0])",
        1,
        "",
        ("number 1 (counted from 0) is a float",),
        tried=("torch.cat([torch.ones(3), torch.tensor([1.0])])",),
    ),
    # another form
    Failing(
        "view_size",
        "x = torch.ones(2, 3)\ny = x.view(4, 2)",
        2,
        "x.view(4, 2)",
        ("2 × 3 = 6", "4 × 2 = 8", "`x.view(-1, 2)` is [3, 2]"),
        fixes=1,
    ),
    Failing("view_size", "x = torch.ones(2, 3)\ny = x.reshape(-1, 4)", 2, "", ("2 × 3 = 6", "4 in a row")),
    Failing(
        "view_not_contiguous",
        "x = torch.ones(2, 3)\ny = x.t().view(6)",
        2,
        "",
        ("(1, 3)", "`x.t().reshape(6)`"),
        fixes=1,
    ),
    Failing(
        "permute",
        "x = torch.ones(2, 3)\ny = x.permute(0, 1, 2)",
        2,
        "",
        ("`x` is [2, 3]", "`x.permute(1, 0)`"),
        tried=("x = torch.ones(2, 3)\ny = x.permute(1, 0)",),
    ),
    Failing("unpack", "x = torch.ones(3)\na, b = x", 2, "a, b", ("2 names", "`x` is [3]: it falls into 3 parts")),
    # losses
    Failing(
        "loss_batch",
        LOGITS + "y = torch.tensor([0, 1, 2])\nloss = F.cross_entropy(logits, y)",
        3,
        "F.cross_entropy(logits, y)",
        ("4 rows of 3 scores", "`y` is [3]: 3 class numbers"),
        (("logits", [0]), ("y", [0])),
    ),
    Failing(
        "loss_class",
        LOGITS + "y = torch.tensor([0, 1, 3, 2])\nloss = F.cross_entropy(logits, y)",
        3,
        "",
        ("3 classes, numbered 0 to 2", "the class 3 at [2]"),
        (("logits", [1]),),
    ),
    Failing(
        "loss_class",
        LOGITS + "y = torch.tensor([1, 2, 3, 2])\nF.cross_entropy(logits, y)",
        3,
        "",
        ("from 1 to 3", "`y - 1`"),
        fixes=1,
    ),
    Failing(
        "loss_target_dtype",
        LOGITS + "y = torch.tensor([0.0, 1, 2, 2])\nF.cross_entropy(logits, y)",
        3,
        "",
        ("`y` is float32", "`y.long()`"),
        fixes=1,
    ),
    Failing(
        "loss_swapped",
        LOGITS + "y = torch.tensor([0, 1, 2, 2])\nF.cross_entropy(y, logits)",
        3,
        "",
        ("prediction first", "`F.cross_entropy(logits, y)`"),
        fixes=1,
    ),
    Failing(
        "loss_target_shape",
        LOGITS + "y = torch.tensor([[0], [1], [2], [2]])\nloss_fn = nn.CrossEntropyLoss()\nloss_fn(logits, y)",
        4,
        "",
        ("a column", "`y.squeeze(1)` is [4]"),
        fixes=1,
    ),
    Failing(
        "loss_target_shape",
        "logits = torch.randn(2, 7, 5)\ny = torch.randint(0, 5, (2, 7))\nF.cross_entropy(logits, y)",
        3,
        "",
        ("reads dimension 1 as the classes", "`logits.transpose(1, 2)`"),
        fixes=1,
        tried=(
            "logits = torch.randn(2, 7, 5)\ny = torch.randint(0, 5, (2, 7))\n"
            "F.cross_entropy(logits.flatten(0, 1), y.flatten())",
        ),
    ),
    Failing(
        "loss_same_shape",
        "p = torch.rand(4, 1)\ny = torch.ones(4)\nF.binary_cross_entropy(p, y)",
        3,
        "",
        ("`p` is [4, 1]", "`p.squeeze(-1)` is [4]"),
        fixes=1,
    ),
    Failing(
        "loss_float_target",
        "p = torch.rand(4)\ny = torch.ones(4).long()\nF.binary_cross_entropy_with_logits(p, y)",
        3,
        "",
        ("`y` is int64", "`y.float()`"),
        fixes=1,
    ),
    Failing(
        "loss_probabilities",
        "p = torch.randn(4)\ny = torch.ones(4)\nF.binary_cross_entropy(p, y)",
        3,
        "",
        ("between 0 and 1", "logits"),
        fixes=1,
    ),
    Failing(
        "truth_of_several",
        "p = torch.randn(4, 3)\ny = torch.tensor([0, 1, 2, 0])\nnn.CrossEntropyLoss(p, y)",
        3,
        "",
        ("CrossEntropyLoss is a class", "`nn.CrossEntropyLoss()(p, y)`"),
        fixes=1,
    ),
    # layers
    Failing(
        "conv_channels",
        "conv = nn.Conv2d(3, 8, 3)\nx = torch.ones(1, 1, 28, 28)\ny = conv(x)",
        3,
        "conv(x)",
        ("it takes 3 channels", "[batch, channels, height, width], so it has 1"),
        (("x", [1]),),
        fixes=1,
    ),
    Failing(
        "conv_channels",
        "conv = nn.Conv2d(1, 8, 3)\nx = torch.ones(16, 28, 28)\ny = conv(x)",
        3,
        "",
        ("channel dimension", "`x.unsqueeze(1)` is [16, 1, 28, 28]"),
        fixes=1,
    ),
    Failing(
        "conv_channels",
        "conv = nn.Conv1d(4, 8, 3)\nx = torch.ones(2, 10, 4)\ny = conv(x)",
        3,
        "",
        ("stand last", "`x.permute(0, 2, 1)`"),
        fixes=1,
    ),
    Failing(
        "conv_dims",
        "conv = nn.Conv2d(1, 8, 3)\nx = torch.ones(28, 28)\ny = conv(x)",
        3,
        "",
        ("`x[None, None]` is [1, 1, 28, 28]",),
        fixes=1,
    ),
    Failing("conv_kernel", "nn.Conv2d(1, 8, 5)(torch.ones(1, 1, 3, 3))", 1, "", ("window of 5 x 5", "only 3 x 3")),
    Failing(
        "batch_norm_channels",
        "bn = nn.BatchNorm2d(3)\nx = torch.randn(4, 8, 5, 5)\nbn(x)",
        3,
        "",
        ("3 channels", "8 channels", "`nn.BatchNorm2d(8)`"),
        (("x", [1]),),
        fixes=1,
    ),
    Failing(
        "batch_norm_dims",
        "bn = nn.BatchNorm2d(10)\nbn(torch.randn(4, 10))",
        2,
        "",
        ("takes 4D input", "`nn.BatchNorm1d(10)`"),
        tried=("bn = nn.BatchNorm1d(10)\nbn(torch.randn(4, 10))",),
    ),
    Failing(
        "batch_norm_one",
        "model = nn.BatchNorm1d(10)\nmodel(torch.randn(1, 10))",
        2,
        "",
        ("One value has no variance", "`model.eval()`"),
        tried=("model = nn.BatchNorm1d(10)\nmodel.eval()\nmodel(torch.randn(1, 10))",),
    ),
    Failing("layer_norm_shape", "ln = nn.LayerNorm(10)\nln(torch.randn(4, 8))", 2, "", ("`nn.LayerNorm(8)`",), fixes=1),
    Failing(
        "group_norm",
        "nn.GroupNorm(3, 8)",
        1,
        "",
        ("divides num_channels",),
        tried=("nn.GroupNorm(4, 8)(torch.ones(1, 8))",),
    ),
    Failing(
        "dropout_probability", "nn.Dropout(1.5)", 1, "", ("between 0 and 1",), tried=("nn.Dropout(0.5)(torch.ones(2))",)
    ),
    Failing(
        "attention_heads",
        "nn.MultiheadAttention(10, 3)",
        1,
        "",
        ("divides embed_dim",),
        tried=("nn.MultiheadAttention(12, 3)",),
    ),
    Failing(
        "recurrent_size",
        "rnn = nn.LSTM(4, 3)\nx = torch.ones(2, 5)\nrnn(x)",
        3,
        "",
        ("input_size = 4", "`x` is [2, 5]: 5", "`nn.LSTM(5, 3)`"),
        fixes=1,
    ),
    Failing(
        "index_in_table",
        "emb = nn.Embedding(10, 4)\ni = torch.tensor([1, 10])\nemb(i)",
        3,
        "emb(i)",
        ("`i` contains 10", "emb.weight has 10 rows", "0 to 9"),
        (("emb.weight", [0]),),
        fixes=1,
    ),
    Failing(
        "embedding_dtype", "emb = nn.Embedding(10, 4)\ni = torch.tensor([1.0])\nemb(i)", 3, "", ("`i.long()`",), fixes=1
    ),
    # indices
    Failing(
        "index_out_of_bounds",
        "x = torch.zeros(3, 4)\ni = torch.tensor([[5]])\nx.gather(1, i)",
        3,
        "x.gather(1, i)",
        ("dimension 1 has 4 elements", "The index 5"),
        (("x", [1]),),
    ),
    Failing("index_out_of_bounds", "x = torch.zeros(3, 4)\ny = x[3]", 2, "x[3]", ("The last one is 2, or -1",)),
    Failing(
        "index_too_many",
        "x = torch.zeros(3, 4)\ny = x[0, 0, 0]",
        2,
        "",
        ("at most 2; here are 3", "`x[0, 0]`"),
        fixes=1,
    ),
    Failing(
        "dim_out_of_range",
        "x = torch.zeros(3, 4)\ny = x.sum(dim=2)",
        2,
        "x.sum(dim=2)",
        ("2 dimensions", "dim=2 is not one of them"),
        fixes=1,
        tried=("x = torch.zeros(3, 4)\ny = x.sum(dim=-1)",),
    ),
    Failing(
        "gather_dims",
        "x = torch.ones(3, 4)\ni = torch.tensor([1, 0, 2])\nx.gather(1, i)",
        3,
        "",
        ("`i.unsqueeze(1)` is [3, 1]",),
        fixes=1,
    ),
    Failing(
        "index_dtype",
        "x = torch.ones(3, 4)\ni = torch.tensor([[1.0]])\nx.gather(1, i)",
        3,
        "",
        ("`i.long()`",),
        fixes=1,
    ),
    Failing("index_dtype", "x = torch.ones(3)\ni = torch.tensor([1.0])\nx[i]", 3, "x[i]", ("`i` is float32",), fixes=1),
    Failing(
        "index_dtype",
        "x = torch.ones(3)\nx[len(x) / 3]",
        2,
        "",
        ("whole number", "`//`"),
        tried=("x = torch.ones(3)\ni = 1.0\nx[int(i)]",),
    ),
    Failing(
        "mask_shape",
        "x = torch.zeros(3, 4)\nm = torch.ones(4).bool()\nx[m]",
        3,
        "",
        ("`x` is [3, 4], `m` is [4]", "`x[:, m]`"),
        (("x", [0]), ("m", [0])),
        fixes=1,
    ),
    # types
    Failing(
        "dtype_mismatch",
        "a = torch.ones(2, 2).double()\nb = torch.ones(2, 2)\nc = a @ b",
        3,
        "",
        ("`a` is float64, `b` is float32", "`a.float()`"),
        fixes=1,
    ),
    Failing(
        "dtype_mismatch",
        "import numpy as np\nlin = nn.Linear(2, 2)\nx = torch.from_numpy(np.ones((2, 2)))\nlin(x)",
        4,
        "",
        ("`x` is float64", "`x.float()`", "numpy"),
        fixes=1,
    ),
    Failing("requires_grad_dtype", "x = torch.tensor([1, 2], requires_grad=True)", 1, "", ("small change",), fixes=1),
    Failing("requires_grad_dtype", "x = torch.arange(4)\nx.requires_grad = True", 2, "", ("`x` is int64",), fixes=1),
    Failing("float_only", "x = torch.arange(4)\ny = x.mean()", 2, "", ("`x.float()`",), fixes=1),
    Failing("one_hot_dtype", "x = torch.tensor([1.0])\nF.one_hot(x, 3)", 2, "", ("`x.long()`",), fixes=1),
    # gradients
    Failing(
        "backward_not_scalar",
        "x = torch.ones(2, requires_grad=True)\ny = x * 2\ny.backward()",
        3,
        "y.backward()",
        ("which of its 2 elements", "`y.sum().backward()`"),
        (("y", [0]),),
        fixes=2,
        tried=("x = torch.ones(2, requires_grad=True)\ny = x * 2\ny.backward(torch.ones_like(y))",),
    ),
    Failing(
        "backward_twice",
        "x = torch.ones(2, requires_grad=True)\nloss = (x * x).sum()\nloss.backward()\nloss.backward()",
        4,
        "loss.backward()",
        ("Line 3 has used this one up", "`loss.backward(retain_graph=True)`"),
        fixes=1,
    ),
    Failing(
        "backward_twice",
        "w = torch.ones(1, requires_grad=True)\nh = torch.zeros(1)\nfor i in range(3):\n"
        "    h = torch.tanh(w * h + 1)\n    h.sum().backward()",
        5,
        "h.sum().backward()",
        ("runs in a loop", "`h` was computed in an earlier iteration", "`h = h.detach()`"),
        tried=(
            "w = torch.ones(1, requires_grad=True)\nh = torch.zeros(1)\nfor i in range(3):\n    h = h.detach()\n"
            "    h = torch.tanh(w * h + 1)\n    h.sum().backward()",
        ),
    ),
    Failing(
        "no_graph",
        "w = torch.ones(3)\nx = torch.ones(3)\nloss = (w * x).sum()\nloss.backward()",
        4,
        "",
        ("none requires a gradient (`w`, `x`)", "`w.requires_grad_()`"),
        fixes=2,
        tried=("w = torch.ones(3)\nx = torch.ones(3)\nw.requires_grad_()\nloss = (w * x).sum()\nloss.backward()",),
    ),
    Failing(
        "no_graph",
        "w = torch.ones(3, requires_grad=True)\nwith torch.no_grad():\n    y = w * 2\ny.sum().backward()",
        4,
        "",
        ("cut in line 3", "no_grad", "move line 3 out"),
    ),
    Failing(
        "no_graph", "w = torch.ones(3, requires_grad=True)\ny = w.detach() * 2\ny.sum().backward()", 3, "", ("line 2",)
    ),
    Failing(
        "numpy_of_graph",
        "x = torch.ones(3, requires_grad=True)\nn = x.numpy()",
        2,
        "",
        ("`x.detach().numpy()`",),
        fixes=1,
    ),
    Failing(
        "item_of_several",
        "x = torch.ones(3)\ny = x.item()",
        2,
        "",
        ("3 elements",),
        fixes=2,
        tried=("x = torch.ones(3)\nx.mean()",),
    ),
    Failing(
        "truth_of_several",
        "x = torch.ones(3)\nif x > 0:\n    y = 1",
        2,
        "x > 0",
        ("3, one for each", "`(x > 0).all()`"),
        fixes=2,
    ),
    Failing(
        "gradient_unused",
        "x = torch.ones(2, requires_grad=True)\nz = torch.ones(2, requires_grad=True)\ntorch.autograd.grad(x.sum(), z)",
        3,
        "",
        ("not computed from this tensor",),
        tried=(
            "x = torch.ones(2, requires_grad=True)\nz = torch.ones(2, requires_grad=True)\n"
            "torch.autograd.grad(x.sum(), z, allow_unused=True)",
            "x = torch.ones(2)\nx * 1\nx.clone()",
        ),
    ),
    Failing(
        "gradient_shape",
        "x = torch.ones(2, requires_grad=True)\ny = x * 2\ny.backward(torch.ones(3))",
        3,
        "",
        ("`y` is [2]", "[3]"),
        tried=("x = torch.ones(2, requires_grad=True)\ny = x * 2\ny.backward(torch.ones_like(y))",),
    ),
    Failing(
        "modified_in_place",
        "x = torch.ones(3, requires_grad=True)\ny = torch.sigmoid(x)\ny += 1\nloss = y.sum()\nloss.backward()",
        5,
        "loss.backward()",
        ("Line 3 (`y += 1`) overwrote `y`, [3]", "the backward of sigmoid", "`y = y + 1`"),
        fixes=1,
    ),
    Failing(
        "modified_in_place",
        "x = torch.ones(3, requires_grad=True)\ny = x.exp()\ny[0] = 5.0\ny.sum().backward()",
        4,
        "",
        ("Line 3 (`y[0] = 5.0`) overwrote `y`", "`y = y.clone()`"),
        fixes=1,
    ),
    Failing(
        "modified_in_place",
        "w = torch.ones(3, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nloss = (w * w).sum()\n"
        "loss.backward(retain_graph=True)\nopt.step()\nloss.backward()",
        6,
        "",
        ("Line 5 (`opt.step()`) overwrote `w`", "before line 5"),
    ),
    Failing(
        "leaf_in_place",
        "w = torch.ones(3, requires_grad=True)\nw -= 0.1",
        2,
        "w -= 0.1",
        ("`with torch.no_grad():`",),
        fixes=1,
    ),
    # modules and optimizers
    Failing(
        "module_init",
        "class Net(nn.Module):\n    def __init__(self):\n        self.fc = nn.Linear(1, 1)\nNet()",
        3,
        "self.fc",
        ("`Net` is an nn.Module", "`super().__init__()`"),
        fixes=1,
    ),
    Failing(
        "module_forward",
        MODULE + "    def forwrd(self, x):\n        return self.fc1(x)\nNet()(torch.ones(1, 4))",
        7,
        "",
        ("`forwrd` in line 5",),
        fixes=1,
    ),
    Failing(
        "module_forward",
        MODULE + "Net()(torch.ones(1, 4))",
        5,
        "",
        ("`Net` has none",),
        tried=(MODULE + "    def forward(self, x):\n        return self.fc1(x)\nNet()(torch.ones(1, 4))",),
    ),
    Failing(
        "argument_count",
        "class Net(nn.Module):\n    def forward(x):\n        return x * 2\nNet()(torch.ones(1))",
        4,
        "",
        ("`forward` of `Net` does not take it",),
        fixes=1,
    ),
    Failing(
        "argument_count",
        "class Net(nn.Module):\n    def forward(self, x, y):\n        return x * y\nnet = Net()\nnet(torch.ones(1))",
        5,
        "net(torch.ones(1))",
        ("`y` is missing", "It takes (x, y)"),
    ),
    Failing("argument_count", "lin = nn.Linear(10)", 1, "", ("`out_features` is missing",)),
    Failing(
        "plain_parameter",
        "lin = nn.Linear(2, 2)\nlin.weight = torch.ones(2, 2)",
        2,
        "lin.weight",
        ("`lin.weight = nn.Parameter(torch.ones(2, 2))`",),
        fixes=1,
        tried=("lin = nn.Linear(2, 2)\nwith torch.no_grad():\n    lin.weight.copy_(torch.ones(2, 2))",),
    ),
    Failing(
        "sequential_list",
        "layers = [nn.Linear(1, 1)]\nnn.Sequential(layers)",
        2,
        "",
        ("`nn.Sequential(*layers)`",),
        fixes=1,
    ),
    Failing(
        "optimizer_empty",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.layers = "
        "[nn.Linear(1, 1)]\n"
        "net = Net()\nopt = torch.optim.SGD(net.parameters(), lr=0.1)",
        6,
        "",
        ("`net` has no parameters", "nn.ModuleList"),
        tried=("layers = nn.ModuleList([nn.Linear(1, 1)])",),
    ),
    Failing(
        "optimizer_not_leaf",
        "w = torch.randn(3, requires_grad=True) * 0.1\nopt = torch.optim.SGD([w], lr=0.1)",
        2,
        "",
        ("`w` was computed",),
        fixes=1,
    ),
    Failing(
        "optimizer_argument",
        "model = nn.Linear(1, 1)\nopt = torch.optim.SGD(model, lr=0.1)",
        2,
        "",
        ("`model.parameters()`",),
        fixes=1,
    ),
    Failing(
        "optimizer_argument", "w = torch.ones(1, requires_grad=True)\ntorch.optim.Adam(w)", 2, "", ("`[w]`",), fixes=1
    ),
    Failing(
        "requires_grad_of_computed",
        "x = torch.ones(3, requires_grad=True) * 2\nx.requires_grad = False",
        2,
        "",
        ("MulBackward0", "`x = x.detach()`"),
        fixes=1,
    ),
    Failing(
        "state_dict",
        "model = nn.Linear(2, 2)\nmodel.load_state_dict({'weight': torch.ones(3, 2), 'bias': torch.ones(2)})",
        2,
        "",
        ("`weight` have shape [3, 2]", "[2, 2]"),
    ),
    # names
    Failing("unknown_name", "xs = torch.ones(2)\nprint(x)", 2, "x", ("`xs`",), fixes=1),
    Failing("unknown_name", "a = np.array([1.0])", 1, "np", ("`import numpy as np`",), fixes=1),
    Failing("unknown_name", "plt.plot([1])", 1, "plt", ("matplotlib is not available",)),
    Failing("unknown_name", "lin = Linear(2, 2)", 1, "Linear", ("`nn.Linear`",), fixes=1),
    Failing("unknown_attribute", "y = torch.relux(torch.ones(1))", 1, "torch.relux", ("`torch.relu`",), fixes=1),
    Failing("unknown_attribute", "x = torch.ones(1)\nprint(x.shpae)", 2, "x.shpae", ("`x.shape`",), fixes=1),
    Failing("unknown_attribute", "lin = nn.Linera(1, 1)", 1, "nn.Linera", ("`nn.Linear`",), fixes=1),
    Failing(
        "unknown_attribute",
        MODULE + "    def forward(self, x):\n        return self.fc(x)\nNet()(torch.ones(1, 4))",
        6,
        "self.fc",
        ("`self.fc1`",),
        fixes=1,
    ),
    Failing(
        "unknown_attribute",
        "x = torch.ones(2, requires_grad=True)\nx.grad.zero_()",
        2,
        "",
        ("No backward has run yet",),
        tried=("x = torch.ones(2, requires_grad=True)\nif x.grad is not None:\n    x.grad.zero_()",),
    ),
    Failing(
        "unknown_attribute",
        "w = torch.ones(2, requires_grad=True)\nloss = (w * 2).sum().item()\nloss.backward()",
        3,
        "",
        ("plain Python number",),
        tried=("w = torch.ones(2, requires_grad=True)\nloss = (w * 2).sum()\nloss.backward()\nloss.item()",),
    ),
    Failing(
        "unknown_attribute",
        "criterion = nn.MSELoss()\ncriterion.backward()",
        2,
        "",
        ("the loss function, not the loss",),
        tried=(
            "criterion = nn.MSELoss()\nprediction = torch.ones(2, requires_grad=True)\ntarget = torch.ones(2)\n"
            "loss = criterion(prediction, target)\nloss.backward()",
        ),
    ),
    Failing("import", "import sklearn", 1, "import sklearn", ("not available here", "torch.randn")),
    # calls
    Failing("unexpected_keyword", "lin = nn.Linear(10, 5, biass=True)", 1, "", ("`bias`", "in_features"), fixes=1),
    Failing("unexpected_keyword", "x = torch.ones(3, requires_grads=True)", 1, "", ("`requires_grad`",), fixes=1),
    Failing(
        "unexpected_keyword",
        "p = [torch.ones(1, requires_grad=True)]\ntorch.optim.Adam(p, learning_rate=0.1)",
        2,
        "",
        ("`lr`",),
        fixes=1,
    ),
    Failing("not_callable", "x = torch.ones(2)\nn = x.shape()", 2, "x.shape()", ("torch.Size", "`x.shape`"), fixes=1),
    Failing("not_callable", "x = torch.ones(2)\nn = x.shape(0)", 2, "", ("`x.shape[0]`",), fixes=1),
    Failing("not_callable", "x = torch.ones(2)\ny = x(0)", 2, "x(0)", ("brackets pick", "`x[0]`"), fixes=1),
    Failing("wants_tensor", "lin = nn.Linear(2, 2)\nlin([1.0, 2.0])", 2, "", ("`torch.tensor([1.0, 2.0])`",), fixes=1),
    Failing(
        "wants_tensor",
        "out = nn.LSTM(4, 3)(torch.ones(2, 4))\ny = F.relu(out)",
        2,
        "",
        ("(output, (h, c))", "`out[0]`"),
        fixes=1,
    ),
    Failing(
        "size_argument",
        "x = torch.randint(0, 10)",
        1,
        "",
        ("`torch.randint(0, 10, (1,))`",),
        fixes=1,
    ),
    Failing(
        "no_dimension",
        "x = torch.tensor(3.0)\nlen(x)",
        2,
        "",
        ("shape []",),
        fixes=1,
        tried=("x = torch.tensor(3.0)\nx.item()",),
    ),
    Failing("not_iterable", "for i in 3:\n    pass", 1, "3", ("`range(3)`",), fixes=1),
    Failing(
        "not_combined",
        "x = torch.ones(1)\nprint('loss: ' + x)",
        2,
        "'loss: ' + x",
        ("into the text",),
        fixes=1,
    ),
    Failing("ragged", "x = torch.tensor([[1, 2], [3]])", 1, "", ("equal lengths", "has 1 where the first has 2")),
    # Python
    Failing("list_index", "xs = [1, 2]\nxs[3]", 2, "xs[3]", ("`xs` has 2 elements", "index is 3")),
    Failing("key", "config = {'lr': 1}\nconfig['lrr']", 2, "", ("'lr'",), fixes=1),
    Failing("recursion", "def f(n):\n    return f(n + 1)\nf(0)", 2, "f(n + 1)", ("`f` called itself",)),
    Failing("division", "1 / 0", 1, "1 / 0", ("divided by zero",)),
    Failing(
        "integer_division",
        "torch.tensor([1]) // torch.tensor([0])",
        1,
        "",
        ("no infinity",),
        tried=("torch.tensor([1]).float() // torch.tensor([0])",),
    ),
    Failing(
        "no_gpu",
        "x = torch.ones(2).cuda()",
        1,
        "",
        ("no GPU",),
        fixes=1,
        tried=('device = "cuda" if torch.cuda.is_available() else "cpu"\nx = torch.ones(2, device=device)',),
    ),
    *(
        Failing(
            "nested",
            f"rows = [torch.ones(2), torch.ones(3)]\nx = torch.nested.nested_tensor(rows{layout})\ny = x * 2",
            2,
            "",
            ("several shapes", "pad_sequence"),
            tried=(
                "tensors = [torch.ones(2), torch.ones(3)]\ntorch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)",
            ),
        )
        for layout in ("", ", layout=torch.jagged")
    ),
    Failing("no_gpu", "x = torch.ones(2, device='cuda:0')", 1, "", ("no GPU",), fixes=1, tried=(ON_ANY,)),
    Failing(
        "no_gpu", 'device = "cuda"\nlayer = nn.Linear(2, 1).to(device)', 2, "", ("no GPU",), fixes=1, tried=(ON_ANY,)
    ),
    Failing(
        "no_gpu",
        'where = torch.device("cuda")\nx = torch.ones(2).to(where)',
        2,
        "",
        ("no GPU",),
        fixes=1,
        tried=(ON_ANY,),
    ),
    Failing(
        "meta",
        'x = torch.ones(2, device="meta")\nprint(x.sum().item())',
        2,
        "",
        ("`x.sum()` is on the meta device",),
        tried=(COUNTED,),
    ),
    Failing(
        "meta",
        'net = nn.Linear(2, 1, device="meta")\ny = net(torch.ones(3, 2))',
        2,
        "net(torch.ones(3, 2))",
        ("`net.weight` is on the meta device", "on one device"),
        tried=(COUNTED,),
    ),
    Failing("meta", 'net = nn.Linear(2, 1, device="meta").to("cpu")', 1, "", ("no values",), tried=(COUNTED,)),
    Failing(
        "optimizer_setting",
        "w = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=-0.1)",
        2,
        "",
        ("learning rate cannot be below zero, and it is -0.1",),
        tried=("w = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1, maximize=True)",),
    ),
    Failing(
        "optimizer_setting",
        "w = torch.ones(2, requires_grad=True)\nopt = torch.optim.Adam([w], betas=(1.0, 0.9))",
        2,
        "",
        ("just below 1, not 1.0",),
        tried=("w = torch.ones(2, requires_grad=True)\nopt = torch.optim.Adam([w], betas=(0.9, 0.999))",),
    ),
    Failing(
        "optimizer_argument",
        "net = nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters, lr=0.1)",
        2,
        "",
        ("`net.parameters` is a method", "`net.parameters()`"),
        fixes=1,
    ),
    Failing(
        "unknown_attribute",
        "w = torch.ones(2, requires_grad=True)\nloss = w.sum\nloss.backward()",
        3,
        "",
        ("`loss` is the function `sum` itself", "line 2 does not call it", "`w.sum()`"),
        fixes=1,
    ),
    Failing(
        "not_combined",
        "x = torch.randn(2, 3)\nm = x.max(dim=1)\ny = m + 1",
        3,
        "",
        ("`m` is 2 tensors: `m.indices`, `m.values`",),
        fixes=1,
    ),
    Failing(
        "loss_target_dtype",
        f"{LOGITS}y = F.one_hot(torch.tensor([0, 1, 2, 0]), 3)\nF.cross_entropy(logits, y)",
        3,
        "",
        ("how much of each class", "`y.float()`"),
        fixes=1,
    ),
    Failing(
        "formatted",
        'x = torch.ones(2)\nprint(f"{x:.2f}")',
        2,
        "",
        ("`x` is [2]", "`.2f` is for one number", "`{x}`", "`x.mean()`"),
        tried=(
            'torch.set_printoptions(precision=2)\nx = torch.ones(2)\nprint(f"{x} {x.mean():.2f}")\n'
            'torch.set_printoptions(profile="default")',
        ),
    ),
    Failing(
        "item_of_several",
        'x = torch.ones(2)\nprint("%.2f" % x)',
        2,
        "",
        ("`x` is [2]",),
        fixes=1,
        tried=('x = torch.ones(2)\nprint("%.2f" % x.mean(), x.tolist())',),
    ),
    Failing(
        "no_graph",
        "w = torch.tensor(2.0, requires_grad=True)\na, b = w * 2, w * 3\nloss = torch.tensor([a, b]).sum()\n"
        "loss.backward()",
        4,
        "",
        ("copies the numbers of `a`, `b`", "`torch.stack([a, b])`"),
        tried=(
            "w = torch.tensor(2.0, requires_grad=True)\na, b = w * 2, w * 3\nloss = torch.stack([a, b]).sum()\n"
            "loss.backward()",
        ),
    ),
    Failing(
        "backward_twice",
        "w = torch.ones(2, requires_grad=True)\nh = w.exp()\nfirst = h.sum()\nsecond = (h * h).sum()\n"
        "first.backward()\nsecond.backward()",
        6,
        "",
        ("`(first + second).backward()`",),
        fixes=1,
        tried=(
            "w = torch.ones(2, requires_grad=True)\nh = w.exp()\nfirst = h.sum()\nsecond = (h * h).sum()\n"
            "(first + second).backward()",
        ),
    ),
    Failing("assertion", "x = torch.ones(2)\nassert x.shape == (3,)", 2, "", ("`x.shape == (3,)` must be true",)),
    Failing("memory", "x = torch.zeros(100_000, 100_000)", 1, "", ("Use smaller sizes",)),
    # Functions of the learner's own
    Failing(
        "function_gradients",
        PRODUCT.format("g * y") + "a = torch.ones(2, requires_grad=True)\nProduct.apply(a, a).sum().backward()",
        11,
        "",
        ("takes 2 inputs (x, y)", "must return 2 gradients", "returned 1, in line 9", "`return g * y, None`"),
        fixes=1,
    ),
    Failing(
        "function_gradients",
        PRODUCT.format("g, g, g") + "a = torch.ones(2, requires_grad=True)\nProduct.apply(a, a).sum().backward()",
        11,
        "",
        ("must return 2 gradients", "returned 3", "nothing for ctx"),
    ),
    Failing(
        "function_gradient_shape",
        PRODUCT.format("g * y, g.sum()[None]")
        + "a = torch.ones(2, requires_grad=True)\nb = torch.ones(3, 2, requires_grad=True)\n"
        + "Product.apply(a, b).sum().backward()",
        12,
        "",
        ("`y` of `Product.forward` is [3, 2]", "in line 9 is [1]", "does the reverse"),
    ),
    # what cannot be kept
    Failing(
        "inference_tensor",
        "w = torch.ones(2, requires_grad=True)\nwith torch.inference_mode():\n    h = w * 2\nloss = (h * w).sum()",
        4,
        "h * w",
        ("`h`, [2], was made in line 3", "torch.no_grad()", "`h.clone()`"),
        fixes=1,
        tried=("w = torch.ones(2, requires_grad=True)\nwith torch.no_grad():\n    h = w * 2\nloss = (h * w).sum()",),
    ),
    Failing(
        "inference_tensor",
        "with torch.inference_mode():\n    h = torch.ones(2)\nh.add_(1)",
        3,
        "h.add_(1)",
        ("`h`, [2], was made under torch.inference_mode()", "have to note the change"),
        tried=(
            "with torch.inference_mode():\n    h = torch.ones(2)\nh = h.clone()\nh.add_(1)",
            "with torch.no_grad():\n    h = torch.ones(2)\nh.add_(1)",
        ),
    ),
    Failing(
        "gradient_assigned",
        "w = torch.ones(2, requires_grad=True)\nw.grad = torch.ones(3)",
        2,
        "",
        ("the shape of `w`, [2]", "has [3]", "`torch.zeros_like(w)`"),
        tried=("w = torch.ones(2, requires_grad=True)\nw.grad = torch.zeros_like(w)",),
    ),
    Failing(
        "gradient_assigned",
        "w = torch.ones(2, requires_grad=True)\nw.grad = torch.ones(2).double()",
        2,
        "",
        ("the type of `w`, float", "has double"),
        tried=("w = torch.ones(2, requires_grad=True)\nw.grad = torch.zeros_like(w)",),
    ),
    # a .grad that is not there
    Failing(
        "not_combined",
        "w = torch.tensor(1.0, requires_grad=True)\nfor i in range(3):\n    loss = (w * 2 - 3) ** 2\n"
        "    loss.backward()\n    w = w - 0.1 * w.grad",
        5,
        "0.1 * w.grad",
        ("`w.grad` is None", "Line 5", "gave the name `w` to a result", "`with torch.no_grad(): w -= 0.1 * w.grad`"),
        fixes=1,
    ),
    Failing(
        "no_graph",
        "w = torch.tensor(1.0, requires_grad=True)\nfor i in range(3):\n    loss = (w * 2 - 3) ** 2\n"
        "    loss.backward()\n    with torch.no_grad():\n        w = w - 0.1 * w.grad",
        4,
        "loss.backward()",
        ("`loss` has no graph", "Line 6", "requires no gradient", "`w -= 0.1 * w.grad`"),
        fixes=1,
    ),
    Failing(
        "not_combined",
        "w = torch.ones(2, requires_grad=True)\nh = w * 2\nh.sum().backward()\ng = 1 + h.grad",
        4,
        "1 + h.grad",
        ("computed in line 2 (MulBackward0)", "`h.retain_grad()`"),
        tried=(
            "w = torch.ones(2, requires_grad=True)\nh = w * 2\nh.retain_grad()\nh.sum().backward()\ng = 1 + h.grad",
        ),
    ),
    Failing(
        "unknown_attribute",
        "w = torch.ones(2, requires_grad=True)\nw.grad.zero_()",
        2,
        "w.grad.zero_",
        ("`w.grad` is None", "No backward has run yet"),
    ),
    Failing(
        "unknown_attribute",
        "w = torch.ones(2)\nv = torch.ones(2, requires_grad=True)\n(w * v).sum().backward()\nw.grad.norm()",
        4,
        "w.grad.norm",
        ("`w` does not require a gradient", "`w.requires_grad_()`"),
        tried=(
            "w = torch.ones(2)\nw.requires_grad_()\nv = torch.ones(2, requires_grad=True)\n"
            "(w * v).sum().backward()\nw.grad.norm()",
        ),
    ),
    Failing(
        "wants_tensor",
        "w = torch.ones(2, requires_grad=True)\nw.sum().backward()\nw.grad = None\ntorch.norm(torch.relu(w.grad))",
        4,
        "",
        ("`w.grad` is None", "line 3 set it to None"),
        tried=(
            "w = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w])\nw.sum().backward()\n"
            "opt.zero_grad(set_to_none=False)\ntorch.relu(w.grad)",
        ),
    ),
    Failing(
        "not_combined",
        "w = torch.ones(2, requires_grad=True)\nv = torch.ones(2, requires_grad=True)\nv.sum().backward()\nw.grad + 1",
        4,
        "w.grad + 1",
        ("did not come past `w`",),
    ),
    # Python's own words for it
    Failing(
        "not_combined",
        'lr = "0.1"\nw = torch.ones(2)\nv = lr * w',
        3,
        "lr * w",
        ("`lr` is text ('0.1')", "`float(lr)`"),
        fixes=1,
    ),
    Failing(
        "not_unpacked",
        "x = torch.ones(2, 3)\nrows, columns = x.shape[0]",
        2,
        "",
        ("2 names", "`x.shape[0]` is a single int", "one number for each dimension"),
        tried=("x = torch.ones(2, 3)\nrows, columns = x.shape",),
    ),
    Failing(
        "not_a_number",
        'x = torch.tensor("3")',
        1,
        "",
        ("holds numbers", "is a str"),
        fixes=1,
        tried=('x = torch.tensor(float("3"))\nname = "a"\nlabels = [name]\nlabels.index(name)',),
    ),
    Failing("not_a_number", 'x = torch.ones(3)\nx["a"]', 2, "", ("indexed by numbers", "is a str")),
    Failing(
        "wrong_arguments",
        'x = torch.ones(3)\nx.fill_("a")',
        2,
        "",
        ('`fill_` was given (str) (`"a"`)', "(Tensor value), or (Number value)"),
    ),
    Failing(
        "repeat",
        "x = torch.ones(2, 3)\ny = x.repeat(2)",
        2,
        "",
        ("`x` is [2, 3], so it takes 2 numbers", "`x.repeat(2, 1)` or `x.repeat(1, 2)`"),
        fixes=2,
    ),
    Failing(
        "no_derivative",
        "x = torch.tensor([0.4, 1.7], requires_grad=True)\nf = x // 1\n(f + x).sum().backward()",
        3,
        "",
        ("line 2, `x // 1`", "no derivative for floor_divide", "`(x // 1).detach()`"),
        fixes=1,
    ),
    # gradients that are off
    Failing(
        "no_graph",
        "torch.set_grad_enabled(False)\nx = torch.tensor(2.0, requires_grad=True)\ny = x * 3\ny.backward()",
        4,
        "",
        ("cut in line 3", "Line 1 switched gradients off", "`torch.set_grad_enabled(True)`"),
        tried=("torch.set_grad_enabled(True)\nx = torch.tensor(2.0, requires_grad=True)\ny = x * 3\ny.backward()",),
    ),
    Failing(
        "no_graph",
        "@torch.no_grad()\ndef f(x):\n    return x * 3\nx = torch.tensor(2.0, requires_grad=True)\nf(x).backward()",
        5,
        "",
        ("cut in line 3", "Take the decorator `@torch.no_grad()` off `f`, in line 1"),
    ),
    # what a module does not find
    Failing(
        "optimizer_empty",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.w = nn.Parameter(torch.randn(2)) * 0.1\nm = Net()\nopt = torch.optim.SGD(m.parameters(), lr=0.1)",
        6,
        "",
        ("`self.w` is the result of a computation", "`self.w = nn.Parameter(… * 0.1)`"),
        tried=(
            "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.w = nn.Parameter(torch.randn(2) * 0.1)\nm = Net()\n"
            "opt = torch.optim.SGD(m.parameters(), lr=0.1)",
        ),
    ),
    Failing(
        "optimizer_empty",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.layers = [nn.Linear(2, 2)]\nm = Net()\nopt = torch.optim.SGD(m.parameters(), lr=0.1)",
        6,
        "",
        ("`self.layers` is a plain list", "`self.layers = nn.ModuleList(…)`"),
    ),
    Failing(
        "unknown_attribute",
        "model = nn.Linear(2, 1)\nloss_fn = nn.MSELoss\nloss = loss_fn(model(torch.ones(1, 2)), torch.ones(1, 1))\n"
        "loss.backward()",
        4,
        "",
        ("`loss` is the loss function", "`loss_fn` is a class", "`nn.MSELoss()` in line 2"),
        fixes=1,
    ),
    Failing(
        "unknown_attribute",
        "p = torch.ones(1, requires_grad=True)\nloss = nn.L1Loss(p, torch.zeros(1))\nloss.backward()",
        3,
        "",
        ("`nn.L1Loss` is a class: calling it in line 2",),
        fixes=1,
    ),
    Failing(
        "argument_count",
        "opt = torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1)\nopt.step(1, 2)",
        2,
        "",
        ("`SGD.step` was given more than it takes", "It was given (1, 2)"),
    ),
    Failing(
        "no_graph",
        "x = torch.ones(2, requires_grad=True)\ny = x.detach()\ny.sum().backward()",
        3,
        "",
        ("cut in line 2. detach() cuts the graph",),
    ),
    Failing(
        "no_graph",
        "class Signum(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        y = x.sign()\n"
        "        ctx.mark_non_differentiable(y)\n        return y\nx = torch.ones(2, requires_grad=True)\n"
        "Signum.apply(x).sum().backward()",
        8,
        "",
        ("Inside Signum.forward", "without `mark_non_differentiable`"),
    ),
)
