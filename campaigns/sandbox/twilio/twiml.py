"""A messaging webhook answers with TwiML, of which the texts of its Message verbs are read."""

from xml.parsers.expat import ExpatError, ParserCreate

_NO_DOCTYPE = "A TwiML answer has no document type."


class TwimlError(ValueError):
    """An answer that is not well-formed TwiML (12100)."""


def read_messages(body: str) -> list[str]:
    """Return the texts to send back; raise TwimlError unless `body` is a well-formed `Response`, no DOCTYPE."""
    if not body.strip():
        return []
    reader = _Reader()
    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body.encode(), True)
    except ExpatError as error:
        raise TwimlError(str(error)) from error
    if reader.root != "Response":
        raise TwimlError(f"The root is {reader.root}, not Response.")
    return reader.messages


class _Reader:
    """Collects what stands in `Response/Message` and in its `Body`."""

    def __init__(self) -> None:
        self.root = ""
        self.messages: list[str] = []
        self._open: list[str] = []

    def refuse_doctype(self, *_declaration: object) -> None:
        """Stop before any entity can be declared."""
        raise TwimlError(_NO_DOCTYPE)

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        """Enter an element."""
        self.root = self.root or name
        self._open.append(name)
        if self._open == ["Response", "Message"]:
            self.messages.append("")

    def end(self, _name: str) -> None:
        """Leave an element."""
        if self._open == ["Response", "Message"]:
            self.messages[-1] = self.messages[-1].strip()
        self._open.pop()

    def text(self, data: str) -> None:
        """Take the words of a message, written directly or in a Body."""
        if self._open in (["Response", "Message"], ["Response", "Message", "Body"]):
            self.messages[-1] += data
