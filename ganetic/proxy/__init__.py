"""The proxy: a short GAN training on small images that stands for a long one."""
