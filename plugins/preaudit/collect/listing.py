"""One list, read page by page until it is proved complete, or until it is known why it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from preaudit.collect.objects import Item, Lines, OddObject
from preaudit.collect.transport import Answer, Api, Budget, NotAnswered
from preaudit.collect.wording import clean
from preaudit.snapshot import EVERYWHERE, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

    from preaudit.collect.writer import RewindableWriter
    from preaudit.source import Source

LIMIT = 500
MAX_PAGES = 20_000
MAX_EMPTY_PAGES = 10
MAX_RESTARTS = 3
BODY_TRIES = 3
"""How often a page is asked for when what comes cannot be read."""


class ListMetadata(Struct):
    """``metadata`` of a list."""

    resourceVersion: str = ""  # noqa: N815 - the API's name
    continue_: str | None = msgspec.field(default=None, name="continue")
    remainingItemCount: int | None = None  # noqa: N815


class ApiStatus(Struct):
    """The API server's error object."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0


class ListFault(Exception):  # noqa: N818 - it names a state of the world
    """A list cannot be read on; objects already received stay.

    Args:
        status: what the list is now, unless nothing of it was received.
        cause: why, a sentence.
        code: the HTTP status, 0 where there is none.
    """

    def __init__(self, status: Status, cause: str, code: int = 0) -> None:
        super().__init__(cause)
        self.status = status
        self.cause = cause
        self.code = code


@dataclass(frozen=True, slots=True)
class ListCall:
    """One list to be read.

    Attributes:
        source: the kind.
        version: the served version ("v1").
        namespace: the namespace, or "*" for the whole cluster.
        fields: a field selector, "" for none.
        metadata_only: ask for PartialObjectMetadata instead of whole objects.
    """

    source: Source
    version: str
    namespace: str = EVERYWHERE
    fields: str = ""
    metadata_only: bool = False

    @property
    def path(self) -> str:
        """The URL's path."""
        root = f"/apis/{self.source.group}/{self.version}" if self.source.group else f"/api/{self.version}"
        where = "" if self.namespace == EVERYWHERE else f"/namespaces/{quote(self.namespace, safe='')}"
        return f"{root}{where}/{self.source.resource}"

    @property
    def accept(self) -> str:
        """The ``Accept`` header."""
        return (
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
            if self.metadata_only
            else "application/json"
        )

    def query(self, limit: int = LIMIT, token: str = "") -> dict[str, str]:
        """The URL's query for one page."""
        query = {"limit": str(limit)}
        if self.fields:
            query["fieldSelector"] = self.fields
        if token:
            query["continue"] = token
        return query

    @property
    def text(self) -> str:
        """The first call, as a person would type it after ``kubectl get --raw``."""
        form = " (as PartialObjectMetadataList)" if self.metadata_only else ""
        return f"GET {self.path}?{urlencode(self.query())}{form}"

    @property
    def kinds(self) -> tuple[str, str]:
        """The apiVersion and kind that the answer must have."""
        if self.metadata_only:
            return "meta.k8s.io/v1", "PartialObjectMetadataList"
        group = f"{self.source.group}/" if self.source.group else ""
        return group + self.version, self.source.kind + "List"


@dataclass(slots=True)
class ListEnd:
    """How a list ended: its status, why, how many objects were kept, its resourceVersion and the last HTTP status."""

    status: Status = Status.COLLECTED
    cause: str = ""
    count: int = 0
    resource_version: str = ""
    code: int = 200


@dataclass(slots=True)
class _Pass:
    """One pass over the pages of a list."""

    resource_version: str | None = None
    tokens: set[str] = field(default_factory=set)
    identities: set[str] = field(default_factory=set)
    empty_pages: int = 0
    flaw: str = ""


class ListReader:
    """Reads lists of one source into its file; for one thread.

    Args:
        api: the API server.
        lines: makes a snapshot line of an object.
        writer: where lines go.
        ahead: fetches the next page while this one is worked on.
        page_read: told the number of objects after every page.
    """

    def __init__(
        self, api: Api, lines: Lines, writer: RewindableWriter, ahead: Executor, page_read: Callable[[int], None]
    ) -> None:
        self._api = api
        self._lines = lines
        self._writer = writer
        self._ahead = ahead
        self._page_read = page_read
        self.namespaces: set[str] = set()
        """Namespaces of the objects that were kept."""
        self._decoders: dict[bool, msgspec.json.Decoder[Any]] = {
            fast: msgspec.json.Decoder(page_type(lines.item_type if fast else Raw)) for fast in (True, False)
        }

    def read(self, call: ListCall, budget: Budget) -> ListEnd:
        """Read one list to its end; faults are told in the `ListEnd`, never raised."""
        end = ListEnd()
        place = self._writer.mark()
        for restart in range(MAX_RESTARTS + 1):
            run = _Pass()
            try:
                self._pages(call, budget, run)
            except ListFault as fault:
                again = fault.code == 410 and run.resource_version is not None
                if again and restart < MAX_RESTARTS and budget.left() > 0:
                    self._writer.rewind(place)
                    continue
                end.status, end.cause, end.code = fault.status, fault.cause, fault.code
            else:
                if run.flaw:
                    end.status, end.cause = Status.TRUNCATED, run.flaw
            end.resource_version = run.resource_version or ""
            break
        end.count = self._writer.lines - place.lines
        if end.count and end.status in {Status.ERROR, Status.FORBIDDEN}:
            end.status = Status.TRUNCATED
            end.cause = f"{end.count} objects were read, then: {end.cause}"
        return end

    def _pages(self, call: ListCall, budget: Budget, run: _Pass) -> None:
        token, limit = "", LIMIT
        fetched: Future[tuple[Any, int]] | None = None
        for _ in range(MAX_PAGES):
            try:
                page, limit = fetched.result() if fetched else self._page(call, budget, token, limit)
            except NotAnswered as error:
                raise ListFault(Status.ERROR, error.cause) from None
            if run.resource_version not in {None, page.metadata.resourceVersion}:
                raise ListFault(Status.TRUNCATED, "the list changed its resourceVersion between two pages", 410)
            run.resource_version = page.metadata.resourceVersion
            token = page.metadata.continue_ or ""
            self._check_end(run, page, token)
            fetched = self._ahead.submit(self._page, call, budget, token, limit) if token else None
            try:
                self._keep(call, run, page.items or [])
            except BaseException:
                if fetched is not None:
                    fetched.cancel()
                raise
            if fetched is None:
                return
        raise ListFault(Status.TRUNCATED, f"the list did not end after {MAX_PAGES} pages")

    def _check_end(self, run: _Pass, page: Any, token: str) -> None:
        """Find out whether the list can end here, or can go on."""
        remaining = page.metadata.remainingItemCount or 0
        if not token and remaining > 0:
            run.flaw = run.flaw or f"the server ended the list although {remaining} objects remain"
        if page.items is None and remaining > 0:
            run.flaw = run.flaw or f"the server sent no objects although {remaining} remain"
        if token:
            if token in run.tokens:
                raise ListFault(Status.TRUNCATED, "the server repeats a page: its continue token came twice")
            run.tokens.add(token)
            run.empty_pages = 0 if page.items else run.empty_pages + 1
            if run.empty_pages > MAX_EMPTY_PAGES:
                raise ListFault(Status.TRUNCATED, f"the server sent more than {MAX_EMPTY_PAGES} empty pages in a row")

    def _keep(self, call: ListCall, run: _Pass, items: list[Any]) -> None:
        """Write the lines of one page; an object that does not belong here is left out and the list not complete."""
        kept: list[bytes] = []
        for entry in items:
            try:
                item: Item = self._lines.repaired(entry) if isinstance(entry, Raw) else entry
                metadata = item.metadata
                self._check(call, item)
                identity = metadata.uid or f"{metadata.namespace}/{metadata.name}"
                if identity in run.identities:
                    run.flaw = run.flaw or clean(f"{call.source.kind} {metadata.name[:80]} came twice in one list")
                    continue
                line = self._lines.line(item)
            except OddObject as odd:
                run.flaw = run.flaw or clean(odd)
                continue
            run.identities.add(identity)
            self.namespaces.add(metadata.namespace)
            kept.append(line)
        self._writer.write_lines(kept)
        self._page_read(len(kept))

    def _check(self, call: ListCall, item: Item) -> None:
        source, metadata = call.source, item.metadata
        shown = f"{source.kind} {metadata.name[:80]}"
        if not metadata.name:
            raise OddObject("an object without a name was left out")
        if item.kind and item.kind not in {source.kind, "PartialObjectMetadata"}:
            raise OddObject(f"an object of kind {item.kind[:80]} came in a list of {source.name}")
        if source.namespaced and not metadata.namespace:
            raise OddObject(f"{shown} came without a namespace")
        if call.namespace not in {EVERYWHERE, metadata.namespace}:
            raise OddObject(f"{shown} of namespace {metadata.namespace[:80]} came in a list of {call.namespace}")

    def _page(self, call: ListCall, budget: Budget, token: str, limit: int) -> tuple[Any, int]:
        """One page, and the limit to ask for next; a page that is too large is asked for with fewer objects."""
        for attempt in range(1, BODY_TRIES + 1):
            while True:
                try:
                    answer = self._api.get(call.path, call.query(limit, token), accept=call.accept, budget=budget)
                    break
                except NotAnswered as error:
                    if error.reason != "size" or limit == 1 or budget.bytes <= 0:
                        raise ListFault(Status.ERROR, error.cause) from None
                    limit = max(1, limit // 8)
            try:
                return self._decoded(call, answer), limit
            except ListFault as fault:
                if fault.code or attempt == BODY_TRIES:
                    raise
        raise AssertionError("the loop ends by return or raise")

    def _decoded(self, call: ListCall, answer: Answer) -> Any:
        if answer.status != 200:
            raise refusal(answer)
        body = answer.body.strip()
        try:
            if not body.isascii():
                body.decode("utf-8")
            if b"\n" in body or b"\r" in body:
                body = msgspec.json.format(body, indent=-1)
            try:
                page = self._decoders[True].decode(body)
            except msgspec.ValidationError:
                page = self._decoders[False].decode(body)
        except RecursionError:
            raise ListFault(Status.ERROR, "the answer is nested too deeply to be read") from None
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise ListFault(Status.ERROR, f"the answer is no list: {clean(error, 160)}") from None
        version, kind = call.kinds
        if page.kind == "Status":
            raise ListFault(Status.ERROR, f"the answer is an error in place of a list: {_message(body)}", 200)
        if (page.apiVersion, page.kind) != (version, kind):
            told = clean(f"{page.apiVersion} {page.kind}", 80)
            raise ListFault(Status.ERROR, f"the answer is {told or 'of no kind'}, not {version} {kind}", 200)
        if page.items is UNSET:
            raise ListFault(Status.ERROR, "the answer is a list without items", 200)
        return page


def page_type(item: Any) -> type[Struct]:
    """The class that decodes one page whose items are of type `item`."""
    return msgspec.defstruct(
        "Page",
        [
            ("kind", str, ""),
            ("apiVersion", str, ""),
            ("metadata", ListMetadata, msgspec.field(default_factory=ListMetadata)),
            ("items", list[item] | None | UnsetType, UNSET),
        ],
    )


def refusal(answer: Answer) -> ListFault:
    """What an answer other than 200 means for the list that was asked for."""
    message = _message(answer.body)
    why = f": {message}" if message else ""
    if answer.status == 401:
        return ListFault(Status.ERROR, f"the credentials were refused (401), they may have expired{why}", 401)
    if answer.status == 403:
        return ListFault(Status.FORBIDDEN, f"forbidden{why}", 403)
    if answer.status == 410:
        return ListFault(Status.TRUNCATED, f"the list expired before its last page (410){why}", 410)
    return ListFault(Status.ERROR, f"the server answered {answer.status}{why}", answer.status)


def _message(body: bytes) -> str:
    """The message of the API server's error object, cleaned; the first words of anything else."""
    try:
        return clean(msgspec.json.decode(body, type=ApiStatus).message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return clean(body[:200].decode("utf-8", "replace"), 120)
