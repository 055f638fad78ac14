"""What the gateway says about itself: logs and metrics. No other room imports this one."""

from hubbub.observe.options import ObserveOptions

__all__ = ["ObserveOptions"]
