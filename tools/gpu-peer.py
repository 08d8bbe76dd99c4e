"""usage: tools/gpu-peer.py WIDTHxHEIGHT BATCH

Times a guided step and a decode of Stable Diffusion v1's networks with drawn weights by PyTorch: f16, eager,
scaled_dot_product_attention, channels last. Two lines of tools/gpu-check.sh's table; one line that says why not
where there is no card for PyTorch, or no torch or diffusers.
"""

import sys
import time


def best_of(torch, work, repeat=3):
    """The least seconds of `repeat` runs after one that warms up."""
    times = []
    for _ in range(repeat + 1):
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def main():
    size, batch = sys.argv[1], int(sys.argv[2])
    width, height = map(int, size.split("x"))

    def row(what, result):
        print("pytorch", "f16", f"{what} at {size}, batch {batch}", result, sep="\t", flush=True)

    try:
        import torch
        from diffusers import AutoencoderKL, UNet2DConditionModel
    except ImportError as error:
        return row("guided step", f"not run: {error}")
    if not torch.cuda.is_available():
        return row("guided step", "not run: PyTorch sees no card")

    def on_card(network):
        network = network.half().to("cuda", memory_format=torch.channels_last)
        return network.eval().requires_grad_(False)

    def noise(*shape):
        drawn = torch.randn(shape, device="cuda", dtype=torch.float16)
        return drawn.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else drawn

    unet = on_card(UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8))
    x, context = noise(2 * batch, 4, height // 8, width // 8), noise(2 * batch, 77, 768)
    t = torch.full((2 * batch,), 500, device="cuda")
    with torch.inference_mode():
        seconds = best_of(torch, lambda: unet(x, t, encoder_hidden_states=context).sample)
        row("guided step", f"{1e3 * seconds:.1f} ms, torch {torch.__version__}")
        del unet
        first_stage = on_card(
            AutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                block_out_channels=(128, 256, 512, 512),
                layers_per_block=2,
                latent_channels=4,
            )
        )
        z = noise(batch, 4, height // 8, width // 8)
        seconds = best_of(torch, lambda: first_stage.decode(z).sample)
        memory = torch.cuda.max_memory_allocated() // 2**20
        row("decode", f"{1e3 * seconds:.1f} ms, {memory} MiB at most in both")


if __name__ == "__main__":
    main()
