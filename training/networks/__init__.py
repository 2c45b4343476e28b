"""Network modules: what is computed from pictures and latents, and nothing of how it is learned."""
