"""An order as a saga: what was done for it is undone, the latest first, if it can't be completed.

The steps are plain functions of this program. Their work is journaled, so an order that was being undone when the
process died goes on being undone in the next one. Each function is safe to be called twice: it looks up its
idempotency key before it does anything.
"""

import asyncio

from wfe_runtime import CallContext, Engine

ORDER = """
workflow:
  id: order
  version: 1
  inputs: {item: string, price: integer, card: string}
  outputs: {parcel: string}
  steps:
    - name: fulfil
      saga:
        - name: reserve
          type: python
          config: {call: reserve}
          inputs: {item: inputs.item}
          outputs: [{name: shelf, type: string}]
          compensate:
            name: put-back
            type: python
            config: {call: put_back}
            inputs: {item: inputs.item, shelf: steps.reserve.output.shelf}

        - name: charge
          type: python
          config: {call: charge}
          inputs: {card: inputs.card, price: inputs.price}
          outputs: [{name: payment, type: string}]
          compensate:
            name: refund
            retry: {attempts: 5, interval: 10ms, backoff: 2}  # it has to succeed some time
            type: python
            config: {call: refund}
            inputs: {payment: steps.charge.output.payment}

        - name: ship
          type: python
          config: {call: ship}
          inputs: {item: inputs.item, shelf: steps.reserve.output.shelf}
          outputs: [{name: parcel, type: string}]
          compensate:
            name: call-back
            type: python
            config: {call: call_back}
            inputs: {parcel: steps.ship.output.parcel}
    - return: {parcel: steps.ship.output.parcel}
"""

done: dict[str, str] = {}  # by idempotency key, in order; a real service keeps this with its rows


def once(context: CallContext, text: str) -> None:
    """Do something, unless the same step did it before it was killed."""
    done.setdefault(context.idempotency_key, text)


def reserve(item: str, context: CallContext) -> str:
    once(context, f"reserve the {item}")
    return "shelf 3"


def put_back(item: str, shelf: str, context: CallContext) -> None:
    once(context, f"put the {item} back on {shelf}")


def charge(card: str, price: int, context: CallContext) -> str:
    if card == "expired":
        raise ValueError("the card has expired")
    once(context, f"charge {price}")
    return "payment-1"


def refund(payment: str, context: CallContext) -> None:
    if context.attempt == 1:
        raise ConnectionError("the bank does not answer")
    once(context, f"refund {payment}, at attempt {context.attempt}")


def ship(item: str, shelf: str, context: CallContext) -> str:
    if item == "piano":
        raise ValueError("no van is large enough")
    once(context, f"ship the {item} from {shelf}")
    return "parcel-1"


def call_back(parcel: str, context: CallContext) -> None:
    once(context, f"call {parcel} back")


async def main() -> None:
    functions = [reserve, put_back, charge, refund, ship, call_back]
    async with Engine("memory:", functions=functions, workflows=[ORDER]) as engine:
        for item, card in (("lamp", "valid"), ("chair", "expired"), ("piano", "valid")):
            print(f"order a {item}")
            result = await engine.run("order", {"item": item, "price": 120, "card": card})
            for text in done.values():
                print(f"  {text}")
            done.clear()
            print(f"  {result.status}: {result.error.message if result.error else result.outputs}")


if __name__ == "__main__":
    asyncio.run(main())
