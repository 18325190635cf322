"""An order book that is slow and obviously right: lists, searched from end to end, and every rule written once.

It acts at once, so a question ("would this order fill?") is asked of a copy.
"""

from __future__ import annotations

import copy

from mockexchange.instruments import Instrument
from mockexchange.matching import BookLimits
from mockexchange.messages.channel import BookCancel
from mockexchange.messages.events import (
    BookEvent,
    FillSide,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReserved,
    PriceOverridden,
    PriceReleased,
    TradeIdsReserved,
)
from mockexchange.messages.market import BestBidOffer, DepthSnapshot, DepthUpdate, MarketSilent, MarketUpdate, Print
from mockexchange.messages.orders import HOUSE, OrderType, SelfTradePrevention, Side, TimeInForce, Trade
from mockexchange.messages.refusals import RejectReason
from mockexchange.money import fee_of


class NaiveOrder:
    def __init__(self, terms: OrderReserved, shard: int) -> None:
        self.terms, self.shard = terms, shard
        self.remaining, self.hold = terms.quantity or -1, terms.hold


class NaiveLevel:
    def __init__(self) -> None:
        self.displayed = self.taken = self.given = 0


Market = dict[Side, dict[int, NaiveLevel]]


class NaiveBook:
    def __init__(self, instrument: Instrument, limits: BookLimits) -> None:
        self.instrument, self.limits = instrument, limits
        self.orders: list[NaiveOrder] = []
        self.next_id, self.ids_until = 1, 0
        self.override_market: Market | None = None
        self.forget_volatile()

    def forget_volatile(self) -> None:
        self.outside: Market = {Side.BUY: {}, Side.SELL: {}}
        self.is_known = False
        self.cause = self.refused_updates = 0
        self.next_id = self.ids_until + 1
        self.unfinished_taker = 0
        self.unfinished_print: Print | None = None
        self.events: list[BookEvent] = []

    @property
    def market(self) -> Market:
        return self.outside if self.override_market is None else self.override_market

    # --- what is offered

    def best_order(self, side: Side) -> NaiveOrder | None:
        sign = 1 if side is Side.BUY else -1
        mine = [order for order in self.orders if order.terms.side is side and order.terms.price]
        return max(mine, key=lambda order: order.terms.price * sign, default=None)

    def best_price(self, side: Side) -> int:
        prices = [price for price, level in self.market[side].items() if level.displayed > level.taken]
        return (max if side is Side.BUY else min)(prices, default=0)

    def depth(self, side: Side) -> list[tuple[int, int]]:
        total: dict[int, int] = {}
        for price, level in self.market[side].items():
            total[price] = total.get(price, 0) + max(0, level.displayed - level.taken)
        for order in self.orders:
            if order.terms.side is side:
                total[order.terms.price] = total.get(order.terms.price, 0) + order.remaining
        return sorted(((p, q) for p, q in total.items() if q), reverse=side is Side.BUY)

    # --- orders

    def place(self, terms: OrderReserved, shard: int, now_ns: int) -> list[BookEvent]:
        self.events = []
        reason = self.refusal(terms, shard, now_ns)
        if reason is not None:
            return [OrderRejected(terms.order_id, terms.account, shard, reason, terms.hold)]
        self.accept(NaiveOrder(terms, shard))
        return self.events

    def refusal(self, terms: OrderReserved, shard: int, now_ns: int) -> RejectReason | None:
        if now_ns > terms.deadline_ns:
            return RejectReason.TOO_LATE
        is_unknown = self.instrument.feed and not self.is_known and self.override_market is None
        if terms.order_type is OrderType.MARKET and is_unknown:
            return RejectReason.PRICE_STALE
        if not terms.is_post_only and terms.time_in_force is not TimeInForce.FOK:
            return None
        trial = copy.deepcopy(self)
        trial.accept(NaiveOrder(terms, shard))
        fills = [event for event in trial.events if isinstance(event, OrderFilled)]
        if terms.is_post_only and (fills or trial.canceled_by_prevention()):
            return RejectReason.WOULD_TAKE
        if terms.time_in_force is TimeInForce.FOK and (not fills or fills[-1].taker.remaining):
            return RejectReason.NOT_FILLABLE
        return None

    def accept(self, order: NaiveOrder) -> None:
        t = order.terms
        rates = (t.hold, t.maker_rate, t.taker_rate)
        kind = (t.side, t.order_type, t.time_in_force, t.price, t.quantity, t.quote_amount)
        self.events.append(OrderAccepted(t.order_id, t.account, order.shard, *kind, *rates, 0, t.prevention))
        rest = self.take(order)
        is_kept = t.order_type is OrderType.LIMIT and t.time_in_force is TimeInForce.GTC
        if is_kept and rest is not RejectReason.SELF_TRADE:
            if rest is not None:
                self.orders.append(order)
            if rest is RejectReason.FILL_LIMIT:
                self.unfinished_taker = t.order_id
        elif rest is not None:
            self.expire(order, rest)

    def expire(self, order: NaiveOrder, reason: RejectReason) -> None:
        t = order.terms
        self.events.append(OrderCanceled(t.order_id, t.account, order.shard, "", reason, order.hold))
        if order in self.orders:
            self.orders.remove(order)

    def canceled_by_prevention(self) -> bool:
        return any(
            isinstance(event, OrderCanceled) and event.reason is RejectReason.SELF_TRADE for event in self.events
        )

    def take(self, taker: NaiveOrder) -> RejectReason | None:
        """Take the best offer again and again; return why the rest found none."""
        steps, price, step = 0, 0, self.instrument.step_size
        side, mode = taker.terms.side.opposite, taker.terms.prevention
        amount = taker.hold if taker.terms.side is Side.BUY else taker.terms.quote_amount
        rest = None
        while taker.remaining and rest is None:
            maker, house_price = self.best_order(side), self.best_price(side)
            sign = 1 if side is Side.BUY else -1
            if maker is not None and house_price and house_price * sign >= maker.terms.price * sign:
                maker = None
            offer = maker.terms.price if maker is not None else house_price
            if taker.remaining < 0 and taker.terms.side is Side.SELL and not self.in_hand(taker):
                rest = RejectReason.HOLD_EXHAUSTED if offer or price else RejectReason.NO_LIQUIDITY
                break
            if not offer or (taker.terms.price and offer * sign < taker.terms.price * sign):
                rest = RejectReason.NO_LIQUIDITY
                break
            level = self.market[side].get(offer)
            wanted = maker.remaining if maker is not None else level.displayed - level.taken  # type: ignore[union-attr]
            wanted = min(wanted, self.in_hand(taker) if taker.remaining < 0 else taker.remaining)
            quantity = wanted
            if not taker.terms.price and (taker.terms.side is Side.BUY or taker.remaining < 0):
                quantity = min(wanted, amount // self.instrument.quote_amount(offer, 1))
                quantity -= quantity % step if quantity < wanted else 0
            if quantity == 0:
                rest = RejectReason.HOLD_EXHAUSTED
            elif steps == self.limits.max_fills:
                rest = RejectReason.FILL_LIMIT
            elif mode and maker is not None and maker.terms.account == taker.terms.account:
                steps += 1
                if mode is not SelfTradePrevention.EXPIRE_TAKER:
                    self.expire(maker, RejectReason.SELF_TRADE)
                if mode is not SelfTradePrevention.EXPIRE_MAKER:
                    rest = RejectReason.SELF_TRADE
            else:
                self.trade(taker, maker, offer, quantity)
                steps, price = steps + 1, offer
                amount -= self.instrument.quote_amount(offer, quantity)
                if quantity < wanted:
                    rest = RejectReason.HOLD_EXHAUSTED
        if taker.remaining < 0 and price and amount < self.instrument.quote_amount(price, step):
            self.finish_by_quote(taker)
            rest = None
        return rest

    def in_hand(self, taker: NaiveOrder) -> int:
        """Return what an order by amount may sell in whole steps; a buy is bound by its money alone."""
        if taker.terms.side is Side.BUY:
            return 10**18
        quantity = taker.hold // self.instrument.base_amount(1)
        return quantity - quantity % self.instrument.step_size

    def finish_by_quote(self, taker: NaiveOrder) -> None:
        index = max(at for at, event in enumerate(self.events) if isinstance(event, OrderFilled))
        last = self.events[index]
        assert isinstance(last, OrderFilled)
        side = FillSide(*_fields(last.taker)[:-2], taker.hold, 0)
        self.events[index] = OrderFilled(*_fields(last)[:6], side, last.maker, 0)

    def trade(self, taker: NaiveOrder, maker: NaiveOrder | None, price: int, quantity: int) -> None:
        taker_side = self.settle(taker, price, quantity, taker.terms.taker_rate)
        if maker is not None:
            maker_side = self.settle(maker, price, quantity, maker.terms.maker_rate)
        else:
            level = self.market[taker.terms.side.opposite][price]
            level.taken += quantity
            level.given += quantity
            maker_side = FillSide(0, HOUSE, taker.shard, 0, 0, 0)
        self.fill(taker.terms.side, price, quantity, taker_side, maker_side, 0)

    def trade_with_house(self, maker: NaiveOrder, quantity: int, cause: int) -> None:
        maker_side = self.settle(maker, maker.terms.price, quantity, maker.terms.maker_rate)
        house = FillSide(0, HOUSE, maker.shard, 0, 0, 0)
        self.fill(maker.terms.side.opposite, maker.terms.price, quantity, house, maker_side, cause)

    def settle(self, order: NaiveOrder, price: int, quantity: int, rate: int) -> FillSide:
        base, quote = self.instrument.base_amount(quantity), self.instrument.quote_amount(price, quantity)
        terms = order.terms
        is_buy = terms.side is Side.BUY
        order.remaining -= quantity if order.remaining > 0 else 0
        needed = order.hold - (quote if is_buy else base)
        if terms.price and is_buy:
            needed = self.instrument.quote_amount(terms.price, order.remaining)
        elif not order.remaining:
            needed = 0
        release = order.hold - (quote if is_buy else base) - needed
        order.hold = needed
        if not order.remaining and order in self.orders:
            self.orders.remove(order)
        fee = fee_of(base if is_buy else quote, rate)
        return FillSide(terms.order_id, terms.account, order.shard, fee, release, order.remaining)

    def fill(self, side: Side, price: int, quantity: int, taker: FillSide, maker: FillSide, cause: int) -> None:
        base, quote = self.instrument.base_amount(quantity), self.instrument.quote_amount(price, quantity)
        self.events.append(OrderFilled(self.draw_id(), price, quantity, base, quote, side, taker, maker, cause))

    def draw_id(self) -> int:
        if self.next_id > self.ids_until:
            self.ids_until += self.limits.trade_id_block
            self.events.append(TradeIdsReserved(self.ids_until))
        self.next_id += 1
        return self.next_id - 1

    def cancel(self, cancel: BookCancel, shard: int) -> list[BookEvent]:
        reason = RejectReason.CANCELED_BY_ADMIN if cancel.by_admin else RejectReason.CANCELED_BY_USER
        for order in self.orders:
            t = order.terms
            if t.order_id == cancel.order_id and order.shard == shard:
                self.orders.remove(order)
                return [OrderCanceled(t.order_id, t.account, shard, cancel.command_id, reason, order.hold)]
        return []

    # --- the outside market

    def on_market(self, update: MarketUpdate) -> tuple[list[BookEvent], Trade | None]:
        self.events = []
        if not self.instrument.feed or not _is_sane(update):
            self.refused_updates += 1
        elif isinstance(update, Print):
            if self.override_market is None:
                trade = self.hear_print(update)
                return self.events, trade
        elif isinstance(update, MarketSilent):
            self.outside, self.is_known = {Side.BUY: {}, Side.SELL: {}}, False
        elif self.is_known or isinstance(update, DepthSnapshot):
            self.is_known, self.cause = True, update.cause
            self.hear_depth(update)
            if self.override_market is None:
                self.fill_reached(self.cause)
        return self.events, None

    def hear_depth(self, update: DepthSnapshot | DepthUpdate | BestBidOffer) -> None:
        bids, asks = _levels(update)
        best_bid = max((price for price, quantity in bids if quantity), default=0)
        best_ask = min((price for price, quantity in asks if quantity), default=0)
        for side, said in ((Side.BUY, bids), (Side.SELL, asks)):
            known = self.outside[side]
            for price in list(known):
                crossed = price >= best_ask > 0 if side is Side.BUY else price <= best_bid
                better = price > best_bid > 0 if side is Side.BUY else price < best_ask
                is_missing = isinstance(update, DepthSnapshot) and price not in dict(said)
                if crossed or is_missing or (better and isinstance(update, BestBidOffer)):
                    del known[price]
            for price, quantity in said:
                if quantity:
                    level = known.setdefault(price, NaiveLevel())
                    level.displayed = quantity
                    level.taken = min(level.taken, quantity)
                    level.given = min(level.given, level.taken)
                else:
                    known.pop(price, None)

    def fill_reached(self, cause: int) -> None:
        for side in (Side.BUY, Side.SELL):
            sign = 1 if side is Side.BUY else -1
            while True:
                order, price = self.best_order(side), self.best_price(side.opposite)
                if order is None or not price or price * sign > order.terms.price * sign:
                    break
                if self.is_spent():
                    break
                level = self.market[side.opposite][price]
                quantity = min(order.remaining, level.displayed - level.taken)
                level.taken += quantity
                level.given += quantity
                self.trade_with_house(order, quantity, cause)

    def hear_print(self, update: Print) -> Trade:
        trade_id = self.draw_id()
        if self.is_known:
            self.cause = update.cause
            for side in (Side.BUY, Side.SELL):
                level = self.outside[side.opposite].get(update.price, NaiveLevel())
                known = min(level.given, update.quantity)
                level.given -= known
                self.fill_through(side, update, update.quantity - known)
        line = (self.instrument.symbol, update.price, update.quantity, update.taker_side, update.time_ns)
        return Trade(trade_id, *line, True)

    def fill_through(self, side: Side, update: Print, left: int) -> None:
        sign = 1 if side is Side.BUY else -1
        while left:
            order = self.best_order(side)
            if order is None or order.terms.price * sign <= update.price * sign:
                break
            if self.is_spent():
                fields = (update.taker_side, update.cause, update.time_ns)
                self.unfinished_print = Print(update.price, left, *fields)
                break
            quantity = min(order.remaining, left)
            left -= quantity
            self.outside[side.opposite].setdefault(update.price, NaiveLevel()).taken += quantity
            self.trade_with_house(order, quantity, update.cause)

    def is_spent(self) -> bool:
        return sum(isinstance(event, OrderFilled) for event in self.events) == self.limits.max_fills

    def uncross(self) -> list[BookEvent]:
        self.events = []
        unfinished = [order for order in self.orders if order.terms.order_id == self.unfinished_taker]
        for taker in unfinished or [None]:
            self.go_on(taker)
        if not self.events:
            self.go_on(self.crossing_order())
        if not self.events and self.unfinished_print is not None:
            update, self.unfinished_print = self.unfinished_print, None
            for side in (Side.BUY, Side.SELL):
                if self.override_market is None and self.is_known:
                    self.fill_through(side, update, update.quantity)
        if not self.events:
            self.fill_reached(self.cause if self.override_market is None else 0)
        return self.events

    def crossing_order(self) -> NaiveOrder | None:
        bid, ask = self.best_order(Side.BUY), self.best_order(Side.SELL)
        if bid is None or ask is None or bid.terms.price < ask.terms.price:
            return None
        return max(bid, ask, key=self.orders.index)

    def go_on(self, taker: NaiveOrder | None) -> None:
        if taker is not None:
            rest = self.take(taker)
            self.unfinished_taker = taker.terms.order_id if rest is RejectReason.FILL_LIMIT else 0
            if rest is RejectReason.SELF_TRADE:
                self.expire(taker, rest)

    def override(self, price: int, bid_quantity: int, ask_quantity: int) -> list[BookEvent]:
        self.events = [PriceOverridden(price, bid_quantity, ask_quantity)]
        self.override_market = {Side.BUY: {price: NaiveLevel()}, Side.SELL: {price: NaiveLevel()}}
        self.override_market[Side.BUY][price].displayed = bid_quantity
        self.override_market[Side.SELL][price].displayed = ask_quantity
        self.fill_reached(0)
        return self.events

    def release_override(self) -> list[BookEvent]:
        self.events = []
        if self.override_market is not None:
            self.override_market = None
            self.events = [PriceReleased()]
            self.fill_reached(self.cause)
        return self.events


def _fields(struct: FillSide | OrderFilled) -> list[object]:
    return [getattr(struct, name) for name in struct.__struct_fields__]


def _levels(update: DepthSnapshot | DepthUpdate | BestBidOffer) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    if isinstance(update, BestBidOffer):
        bids, asks = [(update.bid, update.bid_quantity)], [(update.ask, update.ask_quantity)]
        return [level for level in bids if level[1]], [level for level in asks if level[1]]
    return update.bids, update.asks


def _is_sane(update: MarketUpdate) -> bool:
    if isinstance(update, MarketSilent):
        return True
    if isinstance(update, Print):
        return update.price > 0 and update.quantity > 0
    bids, asks = _levels(update)
    is_positive = all(price > 0 and quantity >= 0 for price, quantity in [*bids, *asks])
    return is_positive and all(bid < ask for bid, left in bids if left for ask, right in asks if right)
