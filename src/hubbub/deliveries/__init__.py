"""Durable deliveries: we keep the cursor and push. The path of an event: dispatcher, lane, channel.

    log ──> dispatcher.py ──> lane.py ──────────> channels/        one request to one endpoint
            matches each      what goes next,        │
            record once       and when               v
                          <── decide.py <──────── Exchange        what to do next: a pure function
                              recorder.py ──> ledger              cursors, parcels, attempts; batched

`engine.py` owns the lanes; `service.py` is what the API calls.
"""

from hubbub.deliveries.options import DeliveryOptions

__all__ = ["DeliveryOptions"]
