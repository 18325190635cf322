"""The fleet on Ray: detached, named actors, created here alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError
from ray.util import list_named_actors

from actors.fleet import Missing, Part
from actors.site import Site
from infra.ports import PeerLost
from mockexchange.messages.subjects import symbol_of

MAX_CONCURRENCY: Final = 10_000
REMOVAL_TIMEOUT_S: Final = 10.0
REMOVAL_POLL_S: Final = 0.05

OPTIONS: Final = {
    "lifetime": "detached",
    "num_cpus": 0,
    "max_restarts": -1,
    "max_task_retries": 0,
    "max_concurrency": MAX_CONCURRENCY,
    "get_if_exists": True,
}


class RayFleet:
    """See `actors.fleet.Fleet`. Ray's own calls block, so they are made in threads."""

    def __init__(self, site: Site, classes: Mapping[str, type]) -> None:
        self._site = site
        self._classes = classes

    async def ensure(self, part: Part) -> None:
        """Start the part if no actor of its name exists."""
        await self._in_thread(self._create, part)

    async def remove(self, part: Part) -> None:
        """End the part for good; returns when its name is free."""
        await self._in_thread(self._kill, part)
        try:
            async with asyncio.timeout(REMOVAL_TIMEOUT_S):
                while await self._in_thread(self._exists, part):  # noqa: ASYNC110 - Ray tells nobody of it
                    await asyncio.sleep(REMOVAL_POLL_S)
        except TimeoutError as error:
            raise PeerLost(f"{part.name} did not end within {REMOVAL_TIMEOUT_S} s") from error

    async def status(self, part: Part) -> dict[str, object]:
        """Ask the part how it is."""
        handle = await self._in_thread(self._handle, part)
        if handle is None:
            raise Missing(part.name)
        try:
            status: dict[str, object] = await handle.status.remote()
        except ActorUnavailableError as error:
            raise PeerLost(f"{part.name} is being restarted") from error
        except RayActorError as error:
            raise Missing(part.name) from error
        except RayError as error:
            raise PeerLost(f"{part.name}: {error}") from error
        return status

    async def books(self) -> list[Part]:
        """Return the books that exist."""
        names = await self._in_thread(list_named_actors)
        prefix = Part("book", "").name + "."
        return [Part("book", symbol_of(name[len(prefix) :])) for name in names if name.startswith(prefix)]

    def _create(self, part: Part) -> None:
        actor_class: Any = ray.remote(self._classes[part.kind])
        actor_class.options(name=part.name, **OPTIONS).remote(self._site, part.key)

    def _kill(self, part: Part) -> None:
        handle = self._handle(part)
        if handle is not None:
            ray.kill(handle, no_restart=True)

    def _exists(self, part: Part) -> bool:
        return self._handle(part) is not None

    def _handle(self, part: Part) -> Any:
        try:
            return ray.get_actor(part.name)
        except ValueError:
            return None

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(function, *arguments)
        except RayError as error:
            raise PeerLost(f"Ray cannot do it now: {error}") from error
