"""The head of DINO."""

from lightly.models.modules.heads import ProjectionHead
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class WeightNormHead(ProjectionHead):
    """DINO's head: an MLP, unit length, and a last layer with weight norm.

    As lightly's `DINOProjectionHead`, but with weight norm as a parametrisation: PyTorch has deprecated the hook
    that lightly uses, and a network with it can be neither copied nor compiled whole.

    Args:
        input_dim: Length of the features.
        hidden_dim: Width of the two hidden layers.
        bottleneck_dim: Length of the unit vectors that the last layer takes.
        output_dim: Length of the output.
        norm_last_layer: Whether the rows of the last layer stay of unit length (their gain is not trained).

    Example:
        >>> import torch
        >>> WeightNormHead(8, 16, 4, 10)(torch.zeros(2, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self, input_dim: int, hidden_dim: int, bottleneck_dim: int, output_dim: int, *, norm_last_layer: bool = True
    ) -> None:
        super().__init__(
            [
                (input_dim, hidden_dim, None, nn.GELU()),
                (hidden_dim, hidden_dim, None, nn.GELU()),
                (hidden_dim, bottleneck_dim, None, None),
            ]
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.last_layer = weight_norm(nn.Linear(bottleneck_dim, output_dim, bias=False))
        self.gain.data.fill_(1)
        self.gain.requires_grad_(not norm_last_layer)

    @property
    def gain(self) -> nn.Parameter:
        """Lengths of the rows of the last layer, `(output_dim, 1)`."""
        return self.last_layer.parametrizations.weight.original0

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs `(n, output_dim)` of features `(n, input_dim)`."""
        return self.last_layer(nn.functional.normalize(super().forward(x), dim=-1))
