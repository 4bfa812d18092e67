"""The inside of networks: activations and gradients in NumPy. One file a framework, loaded when it is met."""
