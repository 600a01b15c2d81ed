"""What the learning path asks of torch, and the corners of it that learners find: each must run and be told."""

from __future__ import annotations

from typing import Final

SNIPPETS: Final[dict[str, str]] = {
    "shapes": """
x = torch.rand(2,3)
print(x.shape, x.dtype, x.device)
y = torch.zeros_like(x)
z = torch.tensor([[1,2],[3,4]], dtype=torch.float64)
""",
    "matmul": """
A = torch.tensor([[1.,2.],[3.,4.]], requires_grad=True)
B = torch.tensor([[5.,6.],[7.,8.]])
C = A * B
D = A @ B
(C+D).sum().backward()
print(A.grad)
""",
    "reduce": """
x = torch.arange(6.).reshape(2,3).requires_grad_()
a = x.sum(dim=0)
b = x.mean(dim=1, keepdim=True)
c = x.std()
(a.sum()+b.sum()+c).backward()
""",
    "index": """
x = torch.arange(12.).reshape(3,4).requires_grad_()
a = x[0]
b = x[:, 1]
c = x[1:, ::2]
d = x[x > 5]
e = x[[0,2],[1,3]]
(a.sum()+b.sum()+c.sum()+d.sum()+e.sum()).backward()
""",
    "argmax": """
logits = torch.randn(3,5)
p = logits.argmax(dim=1)
v, i = logits.max(dim=1)
t = torch.topk(logits, 2)
s = torch.sort(logits, dim=1)
""",
    "gather": """
x = torch.randn(3,4, requires_grad=True)
idx = torch.tensor([[0],[2],[1]])
g = x.gather(1, idx)
g.sum().backward()
""",
    "scatter": """
x = torch.zeros(3,4)
idx = torch.tensor([[0],[2],[1]])
x.scatter_(1, idx, 1.0)
y = x.scatter_add(1, idx, torch.ones(3,1))
""",
    "acts": """
x = torch.linspace(-2,2,9, requires_grad=True)
y = F.relu(x)+F.gelu(x)+torch.sigmoid(x)+torch.tanh(x)+F.silu(x)+F.leaky_relu(x)+F.softplus(x)
z = F.softmax(y, dim=0)
z.max().backward()
""",
    "emb": """
emb = nn.Embedding(10, 4)
ln = nn.LayerNorm(4)
do = nn.Dropout(0.5)
x = do(ln(emb(torch.tensor([[1,2],[3,4]]))))
x.sum().backward()
""",
    "sparse_emb": """
emb = nn.Embedding(10, 4, sparse=True)
x = emb(torch.tensor([1,2,2]))
x.sum().backward()
print(emb.weight.grad)
""",
    "bn": """
m = nn.Sequential(nn.Conv2d(1,4,3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4*13*13, 10))
x = torch.randn(2,1,28,28)
loss = F.cross_entropy(m(x), torch.tensor([1,2]))
loss.backward()
""",
    "lstm": """
rnn = nn.LSTM(4, 8, batch_first=True)
out, (h, c) = rnn(torch.randn(2,5,4))
out.sum().backward()
""",
    "gru": """
rnn = nn.GRU(4, 8)
out, h = rnn(torch.randn(5,2,4))
out.mean().backward()
""",
    "mha": """
m = nn.MultiheadAttention(8, 2, batch_first=True)
x = torch.randn(1,4,8)
o, w = m(x,x,x)
o.sum().backward()
""",
    "sdpa": """
q = torch.randn(1,2,4,8, requires_grad=True)
o = F.scaled_dot_product_attention(q,q,q,is_causal=True)
o.sum().backward()
""",
    "custom": """
class Sq(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return 2 * x * g
x = torch.tensor(3., requires_grad=True)
y = Sq.apply(x)
z = y * 2
z.backward()
print(x.grad)
""",
    "double": """
x = torch.tensor(3., requires_grad=True)
y = x**3
g, = torch.autograd.grad(y, x, create_graph=True)
g2, = torch.autograd.grad(g, x)
print(g, g2)
""",
    "gradfn": """
x = torch.tensor(3., requires_grad=True)
y = x**3
g = torch.autograd.grad(y, x)
print(g)
""",
    "jac": """
def f(x): return x**2
j = torch.autograd.functional.jacobian(f, torch.ones(3))
print(j)
""",
    "func": """
from torch.func import grad, vmap, jacrev
f = lambda x: (x**2).sum()
g = grad(f)(torch.ones(3))
v = vmap(lambda x: x*2)(torch.ones(3,2))
print(g, v)
""",
    "ckpt": """
from torch.utils.checkpoint import checkpoint
l = nn.Linear(4,4)
x = torch.randn(2,4, requires_grad=True)
y = checkpoint(l, x, use_reentrant=False)
y.sum().backward()
print(x.grad)
""",
    "ckpt_re": """
from torch.utils.checkpoint import checkpoint
l = nn.Linear(4,4)
x = torch.randn(2,4, requires_grad=True)
y = checkpoint(l, x, use_reentrant=True)
y.sum().backward()
print(x.grad)
""",
    "hooks": """
x = torch.tensor(2., requires_grad=True)
y = x * 3
y.register_hook(lambda g: g * 2)
y.retain_grad()
z = y * y
z.backward()
print(y.grad, x.grad)
""",
    "complex": """
x = torch.tensor([1+2j, 3-1j], requires_grad=True)
y = (x * x.conj()).real.sum()
y.backward()
print(x.grad)
""",
    "inference": """
m = nn.Linear(3,2)
with torch.inference_mode():
    y = m(torch.ones(1,3))
print(y)
""",
    "lbfgs": """
w = torch.tensor([2.0], requires_grad=True)
opt = torch.optim.LBFGS([w])
def closure():
    opt.zero_grad()
    loss = (w-1).pow(2).sum()
    loss.backward()
    return loss
for _ in range(2): opt.step(closure)
print(w)
""",
    "deepcopy": """
import copy
m = nn.Linear(2,2)
m2 = copy.deepcopy(m)
x = m(torch.ones(1,2)) - m2(torch.ones(1,2))
x.sum().backward()
""",
    "dataclass": """
from dataclasses import dataclass
@dataclass
class C:
    a: int = 3
c = C()
x = torch.ones(c.a)
print(c, x)
""",
    "recursion": """
def f(n, x):
    return x if n == 0 else f(n-1, x*1.1)
x = torch.tensor(1., requires_grad=True)
f(50, x).backward()
print(x.grad)
""",
    "numpy": """
import numpy as np
x = torch.from_numpy(np.arange(6.))
y = x.numpy() + 1
z = torch.tensor(y, requires_grad=True)
(z*z).sum().backward()
print(z.grad.numpy())
""",
    "dataloader": """
from torch.utils.data import TensorDataset, DataLoader
ds = TensorDataset(torch.randn(8,2), torch.randn(8,1))
dl = DataLoader(ds, batch_size=4, shuffle=True)
m = nn.Linear(2,1)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
for epoch in range(2):
    for xb, yb in dl:
        loss = F.mse_loss(m(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "gradclip": """
m = nn.Linear(2,1)
opt = torch.optim.AdamW(m.parameters())
for _ in range(2):
    loss = m(torch.ones(3,2)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(m.parameters(), 0.1)
    opt.step()
""",
    "sched": """
m = nn.Linear(2,1)
opt = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
sch = torch.optim.lr_scheduler.StepLR(opt, 1)
for _ in range(3):
    opt.zero_grad()
    loss = m(torch.ones(3,2)).pow(2).mean()
    loss.backward()
    opt.step()
    sch.step()
print(sch.get_last_lr())
""",
    "valid": """
m = nn.Sequential(nn.Linear(2,4), nn.Dropout(), nn.Linear(4,1))
opt = torch.optim.SGD(m.parameters(), lr=0.1)
for _ in range(2):
    m.train()
    loss = m(torch.ones(3,2)).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
    m.eval()
    with torch.no_grad():
        v = m(torch.ones(1,2)).pow(2).mean()
    print(v.item())
""",
    "weird": """
x = torch.tensor(0.)
for i in range(3):
    x = x + i
print(x)
del x
""",
    "strings": """
name = 'a"b<c>'
x = {'k': torch.ones(2)}
print(x)
class A:
    def __repr__(self): raise ValueError('no')
a = A()
a
""",
    "exit": """
import sys
x = torch.ones(2)*2
sys.exit(0)
""",
    "empty": """

""",
    "comment": """
# nothing

""",
    "scalar": """
1 + 1
""",
    "unused": """
x = torch.tensor([1.,2.], requires_grad=True)
y = x.sum()
q = x * 3
y.backward()
""",
    "where": """
x = torch.randn(4, requires_grad=True)
y = torch.where(x > 0, x, torch.zeros(()))
y.sum().backward()
""",
    "cat": """
a = torch.ones(2, requires_grad=True)
b = torch.ones(3, requires_grad=True)
c = torch.cat([a, b, a])
d = torch.stack([a, a*2])
(c.sum() + d.sum()).backward()
print(a.grad, b.grad)
""",
    "einsum": """
a = torch.randn(2,3, requires_grad=True)
b = torch.randn(3,4)
c = torch.einsum('ij,jk->ik', a, b)
c.sum().backward()
""",
    "jit": """
@torch.jit.script
def f(x):
    return x * 2 + 1
x = torch.ones(2, requires_grad=True)
f(x).sum().backward()
""",
    "vjp": """
x = torch.randn(3, requires_grad=True)
y = x.exp()
y.backward(torch.tensor([1., 0., 2.]))
""",
    "retain": """
x = torch.ones(2, requires_grad=True)
y = x*2
y.retain_grad()
y.sum().backward()
print(y.grad)
print(x.grad.sum())
""",
    "ffn": """
class FFN(nn.Module):
    def __init__(self, d=8):
        super().__init__()
        self.up = nn.Linear(d, 4*d)
        self.down = nn.Linear(4*d, d)
    def forward(self, x):
        h = F.gelu(self.up(x))
        return x + self.down(h)
model = FFN()
x = torch.randn(2, 8)
out = model(x)
out
""",
    "two_losses": """
w = torch.tensor(2., requires_grad=True)
a = w*3
l1 = a*2
l2 = a*a
l1.backward(retain_graph=True)
l2.backward()
print(w.grad)
""",
    "tensor_list_params": """
ps = [torch.randn(2,2,requires_grad=True) for _ in range(3)]
x = torch.ones(2)
for p in ps:
    x = p @ x
x.sum().backward()
print([p.grad for p in ps])
""",
    "nan": """
x = torch.tensor([-1., 2.], requires_grad=True)
y = x.log().sum()
y.backward()
print(x.grad)
""",
    "half": """
x = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
(x*2).sum().backward()
""",
    "setdata": """
w = torch.tensor([1.,2.], requires_grad=True)
for _ in range(2):
    l = (w**2).sum()
    l.backward()
    w.data -= 0.1*w.grad
    w.grad.data.zero_()
print(w)
""",
    "param_update": """
w = nn.Parameter(torch.ones(2))
for _ in range(2):
    l = (w**2).sum()
    l.backward()
    with torch.no_grad():
        w.copy_(w - 0.1*w.grad)
        w.grad = None
print(w)
""",
    "reassign": """
w = torch.tensor(1., requires_grad=True)
for _ in range(2):
    l = (w-3)**2
    l.backward()
    w = (w - 0.1*w.grad).detach().requires_grad_()
print(w)
""",
}
