"""A member walks through the pages by what they can see, and counts what it takes: by mouse, or without one."""

from __future__ import annotations

from playwright.sync_api import Frame, Locator

from tests.browser.chromium import Visit

#: More stops of the Tab key than any page of these walks has.
MOST_STOPS = 250
#: What has the focus: whether it is this element, is in sight, and shows it.
FOCUS = """(element) => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return {
    isIt: at === element,
    name: at.name || at.getAttribute("href") || at.id || at.localName,
    isPage: at === document.body,
    isStop: at.tabIndex >= 0 && at !== document.body,
    isSeen: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
    isShown: outlined || style.boxShadow !== "none",
  };
}"""
#: Where the next page puts a reader: on what was wrong or is done, a heading, or what its address names.
LANDED = """() => {
  const at = document.activeElement;
  return at.matches(".notice, h1") || (location.hash !== "" && at === document.querySelector(location.hash));
}"""


class Walk:
    """A visit that counts what it takes: each press, tick and choice is a click."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.clicks = self.fields = self.pages = 0
        visit.page.on("framenavigated", self._count)

    def _count(self, frame: Frame) -> None:
        self.pages += frame.parent_frame is None

    def seen(self, selector: str) -> Locator:
        """Return the first element that a selector finds in sight."""
        return self.visit.page.locator(selector).locator("visible=true").first

    def fill(self, name: str, value: str) -> None:
        self._type(self.seen(f"main [name={name}]"), value)
        self.fields += 1

    def choose(self, name: str, value: str) -> None:
        """Choose from a list; what the page proposed takes no click."""
        field = self.seen(f"main [name={name}]")
        if field.input_value() != value:
            self._choose(field, value)
            self.clicks += 1

    def choose_named(self, name: str, label: str) -> None:
        option = self.seen(f"main [name={name}]").locator("option", has_text=label).first
        self.choose(name, option.get_attribute("value") or "")

    def tick(self, selector: str) -> None:
        self._tick(self.seen(selector))
        self.clicks += 1

    def step(self, path: str) -> None:
        """Go to a step by the console's own navigation, which a phone folds into a menu."""
        menu = self.visit.page.locator(".menu > summary")
        if menu.is_visible():
            self.tick(".menu > summary")
        self.press(f".route a[href='{path}']")

    def press(self, selector: str, *, is_refused: bool = False) -> None:
        button, complaints = self.seen(selector), self.visit.complaints
        said = len(complaints)
        with self.visit.page.expect_navigation() as navigation:
            self._press(button)
        assert navigation.value.ok is not is_refused, self.visit.page.locator("main").inner_text()
        self.clicks += 1
        self.visit.page.wait_for_load_state()
        # What a page still asked for ends with it.
        complaints[said:] = [each for each in complaints[said:] if not each.startswith("htmx:")]
        assert self.visit.is_narrow(), f"{self.visit.path} scrolls sideways at {self.visit.width} px"

    def _type(self, field: Locator, value: str) -> None:
        field.fill(value)

    def _choose(self, field: Locator, value: str) -> None:
        field.select_option(value)

    def _tick(self, box: Locator) -> None:
        box.click()

    def _press(self, button: Locator) -> None:
        button.click()


class KeyboardWalk(Walk):
    """The same by Tab, also backwards, Enter, Space, arrows and letters; each stop is in sight and shows it."""

    def press(self, selector: str, *, is_refused: bool = False) -> None:
        """Press Enter; what a form answers has the focus where its answer begins."""
        is_act = self.seen(selector).evaluate("(element) => element.form?.method === 'post'")
        super().press(selector, is_refused=is_refused)
        if is_refused:
            self.visit.page.wait_for_function(
                "() => document.activeElement.matches('.notice.is-bad')", timeout=3000
            )
        elif is_act:
            self.visit.page.wait_for_function(LANDED, timeout=3000)

    def _type(self, field: Locator, value: str) -> None:
        self._reach(field)
        keyboard = self.visit.page.keyboard
        if field.get_attribute("type") in ("date", "datetime-local"):
            year, month, day, hour, minute = (*value.replace("T", "-").replace(":", "-").split("-"), "", "")[:5]
            keyboard.type(month + day + year)
            if hour:
                keyboard.press("ArrowRight")
                keyboard.type(f"{int(hour) % 12 or 12:02}{minute}{'PM' if int(hour) >= 12 else 'AM'}")
        else:
            keyboard.press("Control+A")
            keyboard.type(value)
        assert field.input_value() == value

    def _choose(self, field: Locator, value: str) -> None:
        self._reach(field)
        label = field.locator(f"option[value='{value}']").inner_text()
        self.visit.page.keyboard.type(label)
        assert field.input_value() == value

    def _tick(self, box: Locator) -> None:
        self._reach(box)
        self.visit.page.keyboard.press("Space")

    def _press(self, button: Locator) -> None:
        self._reach(button)
        self.visit.page.keyboard.press("Enter")

    def _reach(self, element: Locator) -> None:
        """Press Tab until an element has the focus. The page holds it nowhere: round its end it begins anew."""
        passed: list[str] = []
        is_after_stop = False
        for _ in range(MOST_STOPS):
            stop = element.evaluate(FOCUS)
            # Where the walk stands already may have been scrolled away by whoever looked at the page.
            if passed and not stop["isPage"]:
                assert stop["isSeen"], f"{stop['name']} has the focus out of sight on {self.visit.path}"
                assert stop["isShown"], f"{stop['name']} does not show its focus on {self.visit.path}"
            if stop["isIt"]:
                if is_after_stop:
                    self._go_back_and_forth(element, passed[-1])
                return
            passed.append(stop["name"])
            is_after_stop = stop["isStop"]
            self.visit.page.keyboard.press("Tab")
        raise AssertionError(f"{element} is not reached by Tab on {self.visit.path}, only {passed}")

    def _go_back_and_forth(self, element: Locator, before: str) -> None:
        """Press Shift and Tab, which leads to the stop before, then Tab again."""
        self.visit.page.keyboard.press("Shift+Tab")
        stop = element.evaluate(FOCUS)
        assert stop["name"] == before, f"from {element} back is {stop['name']} on {self.visit.path}, not {before}"
        assert stop["isSeen"], f"{stop['name']} has the focus out of sight on {self.visit.path}"
        self.visit.page.keyboard.press("Tab")
        assert element.evaluate(FOCUS)["isIt"], f"Tab does not come back to {element} on {self.visit.path}"
