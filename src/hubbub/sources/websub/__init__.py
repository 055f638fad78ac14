"""Following other people's topics over WebSub: discovery, subscriptions, and the entries of feeds."""
