"""LangGraph with its checkpointers, `durability="sync"`: a checkpoint before the next step."""

import contextlib
import operator
import time
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

from engine_figures import (
    DATABASE,
    DIRECTORY,
    OPTIONS,
    create_database,
    fan_out,
    latencies,
    postgres_url,
    steps_per_second,
    wanted,
)
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt


class Counted(TypedDict):
    """The state of the chain."""

    n: int


class Fanned(TypedDict):
    """The state of the fan: what every branch said, in one list."""

    found: Annotated[list[int], operator.add]


@contextlib.contextmanager
def saver() -> Iterator[Any]:
    """Yield the checkpointer of the database."""
    if DATABASE == "sqlite":
        with SqliteSaver.from_conn_string(f"{DIRECTORY}/langgraph.sqlite3") as made:
            made.conn.execute("PRAGMA synchronous=FULL")
            yield made
        return
    create_database("langgraph")
    with PostgresSaver.from_conn_string(postgres_url("postgresql", "langgraph")) as made:
        made.setup()
        yield made


def settings() -> dict[str, Any]:
    """Return a thread of its own for each run."""
    return {
        "configurable": {"thread_id": uuid.uuid4().hex},
        "recursion_limit": OPTIONS["steps"] + 10,
        "max_concurrency": 2,
    }


def chain(checkpointer: Any) -> Any:
    """Return a graph of steps one after another."""
    graph, before = StateGraph(Counted), START
    for number in range(OPTIONS["steps"]):
        graph.add_node(f"s{number}", lambda state: {"n": state["n"] + 1})
        graph.add_edge(before, f"s{number}")
        before = f"s{number}"
    graph.add_edge(before, END)
    return graph.compile(checkpointer=checkpointer)


def fan(checkpointer: Any) -> Any:
    """Return a graph that sends every item to a branch and joins them."""
    graph = StateGraph(Fanned)
    graph.add_node("branch", lambda item: {"found": [item["item"]]})
    graph.add_node("join", lambda _state: {})
    sends = [Send("branch", {"item": number}) for number in range(OPTIONS["fan"])]
    graph.add_conditional_edges(START, lambda _state: sends, ["branch"])
    graph.add_edge("branch", "join")
    graph.add_edge("join", END)
    return graph.compile(checkpointer=checkpointer)


def asking(checkpointer: Any, begun: list[float]) -> Any:
    """Return a graph that waits for a person and says when the step after that begins."""
    graph = StateGraph(Counted)
    graph.add_node("ask", lambda _state: {"n": interrupt("may I?")})
    graph.add_node("go", lambda _state: begun.append(time.perf_counter()) or {"n": 2})
    graph.add_edge(START, "ask")
    graph.add_edge("ask", "go")
    graph.add_edge("go", END)
    return graph.compile(checkpointer=checkpointer)


def decided(checkpointer: Any) -> list[float]:
    """Return the times from the answer to the next step, resumed in the same process."""
    begun: list[float] = []
    graph, times = asking(checkpointer, begun), []
    for _ in range(OPTIONS["decisions"]):
        config = settings()
        graph.invoke({"n": 0}, config, durability="sync")
        began = time.perf_counter()
        graph.invoke(Command(resume=1), config, durability="sync")
        times.append(begun[-1] - began)
    return times


def main() -> None:
    """Measure."""
    with saver() as checkpointer:
        one, wide = chain(checkpointer), fan(checkpointer)
        if wanted("sequential"):
            steps_per_second(lambda: one.invoke({"n": 0}, settings(), durability="sync"))
        if wanted("fan"):
            fan_out(lambda: wide.invoke({"found": []}, settings(), durability="sync"))
        if wanted("decided"):
            latencies("decided to next step (same process)", decided(checkpointer))


if __name__ == "__main__":
    main()
