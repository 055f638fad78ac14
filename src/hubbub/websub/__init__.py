"""The hub of WebSub: who has subscribed to what, proven by verification of intent.

hub.py is where to begin; what is delivered, and how, is in channels/websub.py.
"""
