"""The MCP reference server runs beside ours and speaks both revisions Behalf speaks."""

import asyncio

import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


def test_the_official_client_calls_its_echo_tool(everything):
    async def echo() -> str:
        async with Client(streamable_http_client(everything.mcp_url), mode="legacy") as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert "echo" in names
            result = await client.call_tool("echo", {"message": "hi"})
            return result.content[0].text

    assert "hi" in asyncio.run(echo())


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
def test_it_agrees_to_the_protocol_version_asked_for(everything, version):
    client = {"name": "test", "version": "1"}
    parameters = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters}
    accept = {"Accept": "application/json, text/event-stream"}
    answer = httpx.post(everything.mcp_url, json=request, headers=accept, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["mcp-session-id"]
    assert f'"protocolVersion":"{version}"' in answer.text.replace(": ", ":")
