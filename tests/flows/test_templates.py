import logging
from pathlib import Path

import pytest

from flows.rendering import Renderer
from flows.sample_incidents import DIGEST, PLAIN, TOLD, WHOLE
from flows.templates import Templates


def own(folder: Path, name: str, text: str) -> Templates:
    (folder / name).write_text(text)
    return Templates(str(folder))


def test_one_s_own_template_takes_the_place_of_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    renderer = Renderer(templates=own(tmp_path, "incident.txt.j2", "{{ incident.id }}, {{ word }}"))
    renderer.check()
    message = renderer.render(*TOLD[0])
    assert message.text == f"{WHOLE.id}, acknowledged"
    assert message.html == Renderer().render(*TOLD[0]).html
    assert renderer.render(DIGEST, None).text == Renderer().render(DIGEST, None).text


def test_one_s_own_may_take_in_parts_and_what_is_shipped(tmp_path: Path) -> None:
    (tmp_path / "_greeting.j2").write_text("Hello ")
    text = '{% include "_greeting.j2" %}{% include "shipped/incident.txt.j2" %}'
    renderer = Renderer(templates=own(tmp_path, "incident.txt.j2", text))
    renderer.check()
    assert renderer.render(*TOLD[0]).text == "Hello " + Renderer().render(*TOLD[0]).text


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("incident.txt.j2", "a\n{% if %}", "incident.txt.j2:2: Expected an expression"),
        ("incident.html.j2", "a\n\n{% for x in rows %}", "incident.html.j2:3: Unexpected end"),
        ("incident.txt.j2", "a\n{{ incidnt.id }}", "incident.txt.j2:2: UndefinedError: 'incidnt'"),
        ("incident.txt.j2", "{{ incident.nme }}", "incident.txt.j2:1: UndefinedError"),
        ("digest.txt.j2", "\n\n{{ count / 0 }}", "digest.txt.j2:3: ZeroDivisionError"),
        ("incident.txt.j2", "{{ incident.__class__.__mro__ }}", "incident.txt.j2:1: SecurityError"),
        ("incident.txt.j2", "{% include '_no.j2' %}", "incident.txt.j2:1: TemplateNotFound"),
        ("incident.txt.j2", "{% include '../x' %}", "incident.txt.j2:1: TemplateNotFound"),
        ("incident.html.j2", "\n{{ picture.size }}", "incident.html.j2:2: UndefinedError"),
        ("incidents.txt.j2", "x", "incidents.txt.j2 must be named one of"),
        ("note.md", "x", "must hold one of"),
    ],
)  # fmt: skip
def test_a_bad_template_is_refused_at_the_start_with_file_and_line(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    with pytest.raises(ValueError, match=r"notify\.templates") as error:
        Renderer(templates=own(tmp_path, name, text)).check()
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_not_there_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be a folder"):
        Templates(str(tmp_path / "none"))
    (tmp_path / "incident.txt.j2").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"incident\.txt\.j2: .*utf-8"):
        Templates(str(tmp_path))


def test_one_that_fails_later_gives_way_to_the_shipped_one_and_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "incident.txt.j2").write_text("{{ 1 / incident.suspects | length }}")
    failed: list[str] = []
    renderer = Renderer(templates=Templates(str(tmp_path), failed.append))
    with caplog.at_level(logging.ERROR):
        message = renderer.render(*TOLD[1])
    assert PLAIN.suspects == ()
    assert message.text == Renderer().render(*TOLD[1]).text
    assert failed == ["incident.txt.j2"]
    assert "incident.txt.j2:1: ZeroDivisionError" in caplog.text
    assert renderer.render(*TOLD[0]).text == "0.5"


def test_html_of_one_s_own_escapes_names_from_outside(tmp_path: Path) -> None:
    renderer = Renderer(templates=own(tmp_path, "incident.html.j2", "{{ reason }}"))
    notice = TOLD[0][0].__class__("i", 1, "page", "trigger", "t", 0, "<script>")
    assert renderer.render(notice, TOLD[0][1]).html == "&lt;script&gt;"


def test_what_people_may_do_stands_in_text_and_html() -> None:
    renderer = Renderer(actions=lambda _, incident: [("Acknowledge", f"https://x/{incident.id}")])
    message = renderer.render(*TOLD[0])
    assert f"Acknowledge: https://x/{WHOLE.id}" in message.text
    assert f'href="https://x/{WHOLE.id}"' in message.html
    assert message.actions == (("Acknowledge", f"https://x/{WHOLE.id}"),)
    assert Renderer().render(*TOLD[0]).actions == ()
