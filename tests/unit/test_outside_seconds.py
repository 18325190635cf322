from actors.writers.outside_seconds import SILENT_MS, OutsideSeconds
from mockexchange.candles import Candle
from mockexchange.messages.market import FeedPrints

BTC = "BTC/USDT"
BEGAN_MS = 1_000_000
LATER_MS = BEGAN_MS + SILENT_MS + 1_000


def second(at_ms: int) -> Candle:
    return Candle(at_ms, 5, 6, 4, 5, 10, trades=2, first_ms=at_ms, last_ms=at_ms)


def told(number: int, *opens: int, epoch: int = 1) -> FeedPrints:
    return FeedPrints(BTC, epoch, number, [second(at_ms) for at_ms in opens])


def taken(seconds: OutsideSeconds, now_ms: int) -> list[int]:
    return [candle.open_ms for _, candle in seconds.take(now_ms)]


def asleep() -> OutsideSeconds:
    """Return listening in which the book has been silent for long enough."""
    seconds = OutsideSeconds(BEGAN_MS)
    assert taken(seconds, LATER_MS) == []
    return seconds


def test_seconds_of_a_sleeping_book_count_at_once_and_once() -> None:
    seconds = asleep()
    seconds.hear_feed(told(1, LATER_MS))
    assert taken(seconds, LATER_MS + 1_000) == [LATER_MS]
    seconds.hear_feed(told(1, LATER_MS))
    seconds.hear_feed(told(2, LATER_MS, LATER_MS + 1_000))
    assert taken(seconds, LATER_MS + 2_000) == [LATER_MS + 1_000]


def test_seconds_in_which_the_book_speaks_are_its_own() -> None:
    seconds = asleep()
    heard = []
    for number in range(1, 30):
        at_ms = LATER_MS + number * 1_000
        seconds.hear_book(BTC, at_ms + 500)
        seconds.hear_feed(told(number, at_ms))
        heard += taken(seconds, at_ms + 1_000)
    assert heard == []


def test_a_book_that_was_held_up_for_a_while_keeps_its_seconds() -> None:
    seconds = asleep()
    heard = []
    for number in range(1, 30):
        at_ms = LATER_MS + number * 1_000
        if number % 4 == 1:
            seconds.hear_book(BTC, at_ms + 500)
        seconds.hear_feed(told(number, at_ms))
        heard += taken(seconds, at_ms + 1_000)
    assert heard == []


def test_nothing_is_lost_but_the_second_in_which_a_book_fell_silent_or_woke() -> None:
    seconds = asleep()
    wakes, sleeps = LATER_MS + 10_400, LATER_MS + 20_400
    counted = []
    for number in range(1, 40):
        at_ms = LATER_MS + number * 1_000
        if wakes <= at_ms + 400 <= sleeps:
            seconds.hear_book(BTC, at_ms + 400)
        seconds.hear_feed(told(number, at_ms))
        counted += taken(seconds, at_ms + 1_100)
    assert counted == [
        *range(LATER_MS + 1_000, LATER_MS + 10_000, 1_000),
        *range(LATER_MS + 21_000, counted[-1] + 1, 1_000),
    ]
    assert counted[-1] == LATER_MS + 39_000


def test_a_second_that_is_told_after_its_book_woke_counts_if_it_was_over_before() -> None:
    seconds = asleep()
    seconds.hear_book(BTC, LATER_MS + 1_020)
    seconds.hear_feed(told(1, LATER_MS))
    assert taken(seconds, LATER_MS + 1_200) == [LATER_MS]


def test_whoever_begins_to_listen_waits_to_learn_whether_the_book_is_awake() -> None:
    for is_awake in (True, False):
        seconds = OutsideSeconds(BEGAN_MS)
        seconds.hear_feed(told(7, BEGAN_MS - 1_000, BEGAN_MS + 1_000, BEGAN_MS + 2_000))
        assert taken(seconds, BEGAN_MS + 3_000) == []
        if is_awake:
            seconds.hear_book(BTC, BEGAN_MS + 3_100)
        expected = [] if is_awake else [BEGAN_MS + 1_000, BEGAN_MS + 2_000]
        assert taken(seconds, BEGAN_MS + SILENT_MS + 1) == expected


def test_a_missed_message_is_made_up_for_by_the_next() -> None:
    seconds = asleep()
    seconds.hear_feed(told(1, LATER_MS))
    seconds.hear_feed(told(4, *range(LATER_MS, LATER_MS + 4_000, 1_000)))
    assert taken(seconds, LATER_MS + 4_000) == list(range(LATER_MS, LATER_MS + 4_000, 1_000))
    seconds.hear_feed(told(20, LATER_MS + 30_000, LATER_MS + 31_000))
    assert taken(seconds, LATER_MS + 32_000) == [LATER_MS + 30_000, LATER_MS + 31_000]


def test_another_epoch_counts_from_where_the_one_before_ended() -> None:
    seconds = asleep()
    seconds.hear_feed(told(900, LATER_MS, epoch=1))
    seconds.hear_feed(told(1, LATER_MS + 5_000, epoch=2))
    seconds.hear_feed(told(2, LATER_MS + 5_000, LATER_MS + 6_000, epoch=2))
    assert taken(seconds, LATER_MS + 7_000) == [LATER_MS, LATER_MS + 5_000, LATER_MS + 6_000]


def test_two_feeds_that_speak_at_once_for_a_while_are_not_counted_twice() -> None:
    seconds = asleep()
    counted = []
    for number in range(1, 10):
        opens = [LATER_MS + back * 1_000 for back in range(max(number - 5, 0), number)]
        seconds.hear_feed(told(number + 50, *opens, epoch=1))
        seconds.hear_feed(told(number, *opens, epoch=2))
        counted += taken(seconds, opens[-1] + 1_000)
    assert counted == [LATER_MS + number * 1_000 for number in range(9)]


def test_a_clock_that_was_set_back_does_not_silence_a_sleeping_book() -> None:
    seconds = asleep()
    seconds.hear_book(BTC, LATER_MS + 3_600_000)
    assert taken(seconds, LATER_MS) == []
    seconds.hear_feed(told(1, LATER_MS + 1_000))
    assert taken(seconds, LATER_MS + SILENT_MS + 1) == [LATER_MS + 1_000]


def test_what_waits_is_bounded() -> None:
    seconds = asleep()
    for number in range(1, 1_000):
        seconds.hear_feed(told(number, LATER_MS + number * 1_000))
    assert len(taken(seconds, LATER_MS + 2_000_000)) == 60
