"""Orders as a web service: each is a durable workflow, and what happens outside comes in over HTTP.

    pip install starlette uvicorn && uvicorn embedded_service:app

Killed at any instant and started again, it goes on where it was: a request that was sent twice starts one run, a
payment that comes early waits, and a parcel is packed by whichever worker fetches the work. Run as a program it serves
itself a few requests, without a network.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from wfe_runtime import CallContext, Engine, InputError, LifecycleEvent, NotFound, WfeError

ORDER = """
workflow order version 1 {
  input  id: integer
  input  pieces: integer
  output parcel: string
  output paid: any

  step reserve = python { call "reserve"; inputs { pieces = inputs.pieces } }
  step paid = wait event "paid" key "order-${{ inputs.id }}" timeout 14d
  step pack = activity {
    activity "pack"
    inputs { id = inputs.id, pieces = inputs.pieces }
    outputs { parcel: string }
  }
  return { parcel: steps.pack.output.parcel, paid: steps.paid.output.data }
}
"""


def reserve(pieces: int, context: CallContext) -> None:
    """Take pieces from the shelf: at most once for one key, however often it is called."""
    context.logger.info("reserving %d pieces for %s", pieces, context.idempotency_key)


def make_app(store: str) -> Starlette:
    """Return the service on a store."""
    engine = Engine(store, functions=[reserve], workflows=[ORDER])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with engine:
            yield

    async def order(request: Request) -> Response:
        """Start an order, once for its number."""
        given = await request.json()
        run = await engine.start("order", given, key=f"order-{given['id']}")
        return JSONResponse({"run": run.name}, 202)

    async def status(request: Request) -> Response:
        """Tell how an order stands."""
        info = await (await engine.handle(request.path_params["run"])).info()
        return JSONResponse({"status": info.status, "outputs": {} if info.result is None else info.result.outputs})

    async def events(request: Request) -> Response:
        """Stream what happens to an order, from its start to its end, a line of JSON each."""
        run = await engine.handle(request.path_params["run"])

        async def lines() -> AsyncIterator[str]:
            async for event in run.events():
                yield json.dumps(_shown(event)) + "\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def cancel(request: Request) -> Response:
        """Cancel an order."""
        changed = await (await engine.handle(request.path_params["run"])).cancel("cancelled over HTTP")
        return JSONResponse({"changed": changed}, 202)

    async def payment(request: Request) -> Response:
        """Take in that an order was paid: the number of the payment makes it count once."""
        given = await request.json()
        published = await engine.publish("paid", f"order-{given['order']}", given["sum"], id=given["id"])
        return JSONResponse({"event": published.id, "new": published.new}, 202)

    async def fetch(request: Request) -> Response:
        """Give work to a worker, or 204 after a while."""
        worker = request.query_params.get("worker", "anonymous")
        work = await engine.activities.fetch(request.path_params["kind"], worker, wait=20)
        return Response(status_code=204) if work is None else JSONResponse({"token": work.token, **work.inputs})

    async def complete(request: Request) -> Response:
        """Take in what a worker has done."""
        await engine.activities.complete(request.path_params["token"], await request.json())
        return Response(status_code=204)

    async def refused(request: Request, error: Exception) -> Response:
        """Answer what the engine refuses."""
        if isinstance(error, NotFound):
            code = 404
        elif isinstance(error, InputError):
            code = 422
        else:
            code = 409
        return JSONResponse({"error": getattr(error, "message", str(error))}, code)

    return Starlette(
        routes=[
            Route("/orders", order, methods=["POST"]),
            Route("/orders/{run}", status, methods=["GET"]),
            Route("/orders/{run}", cancel, methods=["DELETE"]),
            Route("/orders/{run}/events", events, methods=["GET"]),
            Route("/payments", payment, methods=["POST"]),
            Route("/tasks/{kind}", fetch, methods=["POST"]),
            Route("/tasks/{token}/done", complete, methods=["POST"]),
        ],
        exception_handlers={WfeError: refused, KeyError: _incomplete},
        lifespan=lifespan,
    )


async def _incomplete(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the request lacks {error}"}, 422)


def _shown(event: LifecycleEvent) -> dict[str, object]:
    return {"id": event.id, "type": event.type, "step": event.step, "status": event.status, "time": event.time}


app = make_app("sqlite:///orders.db")


async def main() -> None:
    """Serve a few requests."""
    import httpx

    service = make_app("memory:")
    client = httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://orders")
    async with service.router.lifespan_context(service), client:
        for _ in range(2):
            answer = await client.post("/orders", json={"id": 7, "pieces": 2})
            print(answer.status_code, answer.json())
        answer = await client.get("/orders/order-9")
        print(answer.status_code, answer.json())
        answer = await client.post("/payments", json={"id": "payment-7", "order": 7, "sum": 30})
        print(answer.status_code, answer.json())
        answer = await client.post("/tasks/pack?worker=ada")
        work = answer.json()
        print(answer.status_code, f"pack order {work['id']} of {work['pieces']} pieces")
        answer = await client.post(f"/tasks/{work['token']}/done", json={"parcel": "P-7"})
        print(answer.status_code)
        answer = await client.get("/orders/order-1/events")
        told = [json.loads(line) for line in answer.text.splitlines()]
        print(answer.status_code, [f"{event['type']} {event['step']}".strip() for event in told])
        answer = await client.get("/orders/order-1")
        print(answer.status_code, answer.json())


if __name__ == "__main__":
    asyncio.run(main())
