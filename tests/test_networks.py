"""The networks restated with stock modules; gradients against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sdml.networks import Decoder, Encoder, linear, unit_rows


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(count: int, width: int, seed: int = 1) -> Tensor:
    return torch.randn(count, width, generator=seeded(seed))


def stock(encoder: nn.Module, *, normalize: bool, output_relu: bool = False) -> nn.Module:
    """The same network of stock layers and with the same weights."""
    layers: list[nn.Module] = []
    state = encoder.state_dict()
    for name in [n.removesuffix(".weight") for n in state if n.endswith(".weight")]:
        layer = nn.Linear(*reversed(state[f"{name}.weight"].shape))
        layer.load_state_dict({"weight": state[f"{name}.weight"], "bias": state[f"{name}.bias"]})
        layers += [layer, nn.ReLU()]
    network = nn.Sequential(*(layers if output_relu else layers[:-1]))
    if not normalize:
        return network

    class Normalized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            y = self.network(x)
            return y / (y * y).sum(1, keepdim=True).sqrt()  # type: ignore[no-any-return]

    return Normalized()


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("hidden", [(12, 9), (7,), ()])
def test_values_and_gradients_are_those_of_stock_modules(
    normalize: bool, hidden: tuple[int, ...]
) -> None:
    ours = Encoder(20, hidden, 6, normalize=normalize, generator=seeded())
    theirs = stock(ours, normalize=normalize)
    weights = rows(10, 6, seed=2)
    x, x2 = (rows(10, 20).requires_grad_() for _ in range(2))
    out, out2 = ours(x), theirs(x2)
    torch.testing.assert_close(out, out2, rtol=1e-5, atol=1e-6)
    (out * weights).sum().backward()
    (out2 * weights).sum().backward()
    torch.testing.assert_close(x.grad, x2.grad, rtol=1e-4, atol=1e-6)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6)


def test_decoder_with_relu() -> None:
    ours = Decoder(6, (9,), 20, normalize=False, output_relu=True, generator=seeded())
    out = ours(rows(10, 6))
    torch.testing.assert_close(out, stock(ours, normalize=False, output_relu=True)(rows(10, 6)))
    assert out.min() == 0 < out.max()


def test_unit_rows_gradient_by_finite_differences() -> None:
    assert torch.autograd.gradcheck(unit_rows, (rows(3, 5).double().requires_grad_(),))


def test_codes_have_unit_norm() -> None:
    codes = Encoder(20, (16, 16), 8, normalize=True, generator=seeded())(100 * rows(50, 20))
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(50), rtol=0, atol=1e-6)


def test_a_row_without_length_is_zero_with_zero_gradient() -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    y = unit_rows(x)
    torch.testing.assert_close(y, torch.tensor([[0.0, 0.0], [0.6, 0.8]]))
    y.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad[0].tolist() == [0, 0]
    assert torch.isfinite(x.grad).all()


def test_nan_is_not_hidden() -> None:
    assert unit_rows(torch.tensor([[torch.nan, 1.0]])).isnan().all()


def test_initial_values_are_pytorchs_defaults() -> None:
    ours = linear(300, 200, seeded(4))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        theirs = nn.Linear(300, 200)
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(ours.bias, theirs.bias, rtol=1e-6, atol=1e-8)


def test_initial_values_depend_on_the_generator_only() -> None:
    def weights(seed: int) -> list[Tensor]:
        return list(Encoder(4, (5,), 3, normalize=True, generator=seeded(seed)).parameters())

    state = torch.get_rng_state()
    first = weights(0)
    torch.rand(5)
    assert all(torch.equal(a, b) for a, b in zip(first, weights(0), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, weights(1), strict=True))
    torch.set_rng_state(state)
    weights(0)
    assert torch.equal(torch.get_rng_state(), state)


def test_parameter_names() -> None:
    encoder = Encoder(4, (5, 6), 3, normalize=True, generator=seeded())
    shapes = {name: tuple(p.shape) for name, p in encoder.named_parameters()}
    assert shapes == {
        "hidden.0.weight": (5, 4),
        "hidden.0.bias": (5,),
        "hidden.1.weight": (6, 5),
        "hidden.1.bias": (6,),
        "output.weight": (3, 6),
        "output.bias": (3,),
    }
