"""The log in one SQLite file, durable on one machine: `sqlite:///var/lib/hubbub/hubbub.db`.

Guarantees: an append returns after its fdatasync; after a kill or a power cut everything that was
acknowledged is there, or the epoch changes and readers are told; what is damaged is refused.

    loop                                writer's thread              reading threads
    intake.py  duplicates, offsets ---> writer.py  group commit      pool.py
    engine.py  the contract             store.py   the file          reader.py  pages
    registry.py, ledger.py  what is kept beside the records, by the same threads

Beside `hubbub.db` and SQLite's `-wal` and `-shm` stand `.lock` (lock.py), `.reserve` (reserve.py) and
`.key` (log/secrets.py).
"""

from hubbub.log.sqlite.opening import open_engine

__all__ = ["open_engine"]
