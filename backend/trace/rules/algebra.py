"""Rules of matrix products and of linear algebra."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, broadcasting, entry

_LEFT = "the gradient times the right matrix transposed"
_RIGHT = "the left matrix transposed times the gradient"


def _scaled(given: Given, expression: str, name: str) -> str:
    factor = given[name]
    return expression if factor in (None, 1) else f"{factor} * ({expression})"


def _added(given: Given) -> str:
    """The gradient of what is added, which is broadcast to the product's shape."""
    return _scaled(given, "grad", "beta")


RULES: Final[Table] = {
    "mm": entry(self=("grad @ mat2.mT", _LEFT), mat2=("self.mT @ grad", _RIGHT)),
    "bmm": entry(self=("grad @ mat2.mT", _LEFT), mat2=("self.mT @ grad", _RIGHT)),
    "mv": entry(
        self=("grad.outer(vec)", "the outer product of the gradient and the vector"),
        vec=("self.mT @ grad", "the matrix transposed times the gradient"),
    ),
    "dot": entry(
        self=("grad * tensor", "the gradient times the other vector"),
        tensor=("grad * self", "the gradient times the other vector"),
    ),
    "addmm": broadcasting(
        self=(_added, "the gradient as it is; the bias was added to every row, so its rows are summed"),
        mat1=(lambda g: _scaled(g, "grad @ mat2.mT", "alpha"), _LEFT),
        mat2=(lambda g: _scaled(g, "mat1.mT @ grad", "alpha"), _RIGHT),
    ),
    "addmv": broadcasting(
        self=(_added, "the gradient as it is"),
        mat=(lambda g: _scaled(g, "grad.outer(vec)", "alpha"), "the outer product of the gradient and the vector"),
        vec=(lambda g: _scaled(g, "mat.mT @ grad", "alpha"), "the matrix transposed times the gradient"),
    ),
    "baddbmm": broadcasting(
        self=(_added, "the gradient as it is"),
        batch1=(lambda g: _scaled(g, "grad @ batch2.mT", "alpha"), _LEFT),
        batch2=(lambda g: _scaled(g, "batch1.mT @ grad", "alpha"), _RIGHT),
    ),
    "addr": entry(
        self=(_added, "the gradient as it is"),
        vec1=(lambda g: _scaled(g, "grad @ vec2", "alpha"), "the gradient times the other vector"),
        vec2=(lambda g: _scaled(g, "grad.mT @ vec1", "alpha"), "the gradient transposed times the other vector"),
    ),
    "linalg_cross": entry(
        self=("torch.linalg.cross(other, grad, dim=dim)", "the other vector crossed with the gradient"),
        other=("torch.linalg.cross(grad, self, dim=dim)", "the gradient crossed with the other vector"),
    ),
    "linalg_inv_ex": entry(A=("-(result.mT @ grad @ result.mT)", "minus the gradient between two transposed inverses")),
    "_linalg_det": entry(
        A=(
            "(grad * result)[..., None, None] * torch.linalg.inv(A).mT",
            "the gradient times the determinant times the inverse transposed",
            r"{grad} \cdot {result} \cdot ({A}^{{-1}})^{{\top}}",
        )
    ),
    "_linalg_slogdet": entry(
        A=(
            "grad1[..., None, None] * torch.linalg.inv(A).mT",
            "the gradient of the logarithm times the inverse transposed",
            r"{grad1} \cdot ({A}^{{-1}})^{{\top}}",
        )
    ),
    "_linalg_solve_ex": entry(
        A=(
            lambda g: (
                "-(torch.linalg.solve(A.mT, grad) @ result.mT)"
                if len(g.shapes["A"]) == len(g.shapes["B"])
                else "-torch.linalg.solve(A.mT, grad).outer(result)"
                if len(g.shapes["B"]) == 1
                else None
            ),
            "minus the gradient of B times the solution transposed",
            r"-\,{A}^{{-\top}}\,{grad}\;{result}^{{\top}}",
        ),
        B=(
            "torch.linalg.solve(A.mT, grad)",
            "the same system, transposed, solved for the gradient",
            r"{A}^{{-\top}}\,{grad}",
        ),
    ),
    "linalg_matrix_exp": entry(
        self=(
            lambda g: (
                f"torch.linalg.matrix_exp(torch.cat([torch.cat([self.mT, grad], 1), "
                f"torch.cat([torch.zeros_like(self), self.mT], 1)], 0))[:{g.shapes['self'][0]}, {g.shapes['self'][0]}:]"
                if len(g.shapes["self"]) == 2
                else None
            ),
            "the upper right block of the exponential of a matrix twice the size",
            r"\Bigl[\exp\begin{{pmatrix}} {self}^{{\top}} & {grad} \\ 0 & {self}^{{\top}} \end{{pmatrix}}\Bigr]_{{12}}",
        )
    ),
}
