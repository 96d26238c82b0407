"""MAE with the decoder of the SimCore paper."""

from collections.abc import Sequence
from typing import Any

from lightly.models.modules import MaskedVisionTransformerDecoderTIMM, MaskedVisionTransformerTIMM
from lightly.models.utils import (
    get_at_index,
    normalize_mean_var,
    patchify,
    random_token_mask,
    repeat_token,
    set_at_index,
)
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from simcore.backbones import list_backbones
from simcore.errors import InputError
from simcore.methods.base import Method, StepOutput
from simcore.methods.checks import check_setting, check_sizes
from simcore.methods.precision import full_precision
from simcore.methods.weights import seeded_weights

# The 2-D sine-cosine embedding gives a quarter of its numbers to each of two functions of two coordinates.
_SINE_COSINE_PARTS = 4


class MAE(Method):
    """MAE: from a quarter of an image's patches, reconstruct the pixels of the others.

    The encoder sees the class token and the patches that are kept; the decoder sees its outputs and, in the
    place of each masked patch, one learned token. With x the pixels of a patch, scaled to mean 0 and variance 1
    within it, and y what the decoder says,

        loss = mean over masked patches and their pixels of  (y - x)^2.

    Position embeddings of encoder and decoder are the fixed 2-D sine-cosine ones. An untrained backbone gets
    the original's initial weights (Xavier); one that comes with trained weights (a second stage) keeps them, its
    position embedding included. The encoder that is kept is the plain vision transformer. An image is embedded
    as the mean of its patch tokens, none masked. Cost of the decoder: all patches, whatever the ratio. Source: He
    et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022, section 3 and appendix A. Encoder,
    decoder, mask and patches are lightly's.

    Args:
        backbone: Vision transformer of timm with a class token, as `vit_base_16` from `create_backbone`; image
            and patch size are its own.
        mask_ratio: Share of the patches that is masked, above 0 and below 1.
        decoder_dim: Width of the decoder, a multiple of 4 and of `decoder_heads`.
        decoder_depth: Blocks of the decoder.
        decoder_heads: Heads of the decoder's attention.
        normalise_targets: Whether the pixels of a patch are scaled; without, they are as the views are.
        seed: Seed of the initial weights of decoder and untrained backbone.

    Raises:
        InputError: If a setting is outside its range, the backbone is no such transformer, or the ratio keeps or
            masks no patch of its images.

    Example:
        >>> import timm, torch
        >>> backbone = timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=1, num_classes=0)
        >>> method = MAE(backbone, decoder_dim=32, decoder_depth=1, decoder_heads=4)
        >>> method.view_counts, method.loss([torch.randn(4, 3, 32, 32)]).shape
        ((1,), torch.Size([]))
    """

    name = "mae"
    embedding = "patch_mean"

    def __init__(
        self,
        backbone: nn.Module,
        *,
        mask_ratio: float = 0.75,
        decoder_dim: int = 512,
        decoder_depth: int = 8,
        decoder_heads: int = 16,
        normalise_targets: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_setting(0 < mask_ratio < 1, "mask_ratio", mask_ratio, "above 0 and below 1")
        check_sizes(decoder_depth=decoder_depth, decoder_heads=decoder_heads)
        check_setting(
            decoder_dim > 0 and decoder_dim % _SINE_COSINE_PARTS == 0 and decoder_dim % decoder_heads == 0,
            "decoder_dim",
            decoder_dim,
            f"a multiple of {_SINE_COSINE_PARTS} and of `decoder_heads`, {decoder_heads}",
        )
        vit = _plain_transformer(backbone)
        patches = vit.patch_embed.num_patches
        kept = int(patches * (1 - mask_ratio))
        check_setting(
            0 < kept < patches,
            "mask_ratio",
            mask_ratio,
            f"such that at least one of the {patches} patches of an image is kept and one masked",
        )
        self.mask_ratio = mask_ratio
        self.decoder_dim = decoder_dim
        self.decoder_depth = decoder_depth
        self.decoder_heads = decoder_heads
        self.normalise_targets = normalise_targets
        self.image_size = vit.patch_embed.img_size[0]
        self.patch_size = vit.patch_embed.patch_size[0]
        fresh = _is_untrained(vit)
        with seeded_weights(seed):
            self.masked = MaskedVisionTransformerTIMM(
                vit,
                weight_initialization="" if fresh else "skip",
                pos_embed_initialization="sincos" if fresh else "skip",
            )
            self.decoder_embed = nn.Linear(vit.embed_dim, decoder_dim)
            self.decoder = MaskedVisionTransformerDecoderTIMM(patches, decoder_dim, decoder_depth, decoder_heads)
            self.decoder_predict = nn.Linear(decoder_dim, self.patch_size**2 * 3)
            for layer in (self.decoder_embed, self.decoder_predict):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        assert vit.pos_embed is not None
        vit.pos_embed.requires_grad_(False)
        # The encoder drops masked patches: this token would be a parameter without gradient.
        self.masked.mask_token = None

    @property
    def view_counts(self) -> tuple[int, ...]:
        """One view."""
        return (1,)

    @property
    def encoder(self) -> nn.Module:
        """The vision transformer."""
        return self.masked.vit

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Mask ratio, decoder and targets."""
        return {
            "mask_ratio": self.mask_ratio,
            "decoder_dim": self.decoder_dim,
            "decoder_depth": self.decoder_depth,
            "decoder_heads": self.decoder_heads,
            "normalise_targets": self.normalise_targets,
        }

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of one view `(n, 3, s, s)`, s the backbone's image size, under a random mask."""
        self._check_views(views)
        (images,) = views
        if images.shape[-2:] != (self.image_size, self.image_size):
            raise InputError(
                f"The views are {images.shape[-2]}x{images.shape[-1]} pixels and the backbone was built for "
                f"{self.image_size}x{self.image_size}; create it with the `image_size` of the views."
            )
        size = (len(images), self.masked.sequence_length)
        kept, hidden = random_token_mask(size, mask_ratio=self.mask_ratio, device=images.device)
        tokens = self.masked.encode(images, idx_keep=kept)
        rows = self.decoder_embed(tokens)
        rows = set_at_index(repeat_token(self.decoder.mask_token, size).to(rows.dtype), kept, rows)
        guesses = self.decoder_predict(get_at_index(self.decoder(rows), hidden))
        with full_precision(guesses):
            # Patches are counted without the class token.
            targets = get_at_index(patchify(images.float(), self.patch_size), hidden - 1)
            if self.normalise_targets:
                targets = normalize_mean_var(targets)
            loss = nn.functional.mse_loss(guesses.float(), targets)
        return StepOutput(loss, tokens[:, 0].detach())


def _plain_transformer(backbone: nn.Module) -> VisionTransformer:
    """Return `backbone` if it is a square vision transformer with one class token that pools by it."""
    if (
        type(backbone) is VisionTransformer
        and backbone.global_pool == "token"
        and backbone.num_prefix_tokens == 1
        and backbone.pos_embed is not None
        and backbone.pos_embed.shape[1] == backbone.patch_embed.num_patches + 1
        and len(set(backbone.patch_embed.img_size)) == len(set(backbone.patch_embed.patch_size)) == 1
        and backbone.embed_dim % _SINE_COSINE_PARTS == 0
    ):
        return backbone
    named = ", ".join(name for name in list_backbones() if name.startswith("vit_"))
    raise InputError(
        f"The backbone is of type `{type(backbone).__name__}`, but method `mae` masks the patches of a plain vision "
        f"transformer that pools by its one class token. Choose one of {named}, or `timm:vit_<size>_patch<p>_<image>`."
    )


def _is_untrained(vit: VisionTransformer) -> bool:
    """Whether all norms are as they are built, gains 1 and shifts 0: no network that was trained has that."""
    norms = [layer for layer in vit.modules() if isinstance(layer, nn.LayerNorm)]
    return all(bool((norm.weight == 1).all()) and bool((norm.bias == 0).all()) for norm in norms)
