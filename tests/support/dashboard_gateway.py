"""A gateway for the dashboard's boards: it answers what a test has put in, and can be made to wait."""

from __future__ import annotations

import asyncio
from typing import Any

from dashboard.gateway_client import GatewayClient


class PutGateway(GatewayClient):
    """Answers by path; an exception is raised. While `gate` is closed, every answer waits after it was taken."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("http://nowhere")
        self.answers: dict[str, Any] = {f"/{name}": answer for name, answer in answers.items()}
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, path: str, key: str = "", **parameters: str | int | None) -> Any:
        self.asked.append(path)
        answer = self.answers[path]
        await self.gate.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer
