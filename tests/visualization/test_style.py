import pytest

from evopose2d.visualization.style import dress, new_figure, save_figure


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_figures_are_written_in_the_format_of_the_suffix(tmp_path, suffix, start):
    figure = new_figure(2, 1)
    dress(figure.subplots(), x_label="epoch", y_label="loss", title="Loss")

    save_figure(figure, tmp_path / "plots" / f"figure.{suffix}")

    assert (tmp_path / "plots" / f"figure.{suffix}").read_bytes().startswith(start)
    assert len(list((tmp_path / "plots").iterdir())) == 1


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(tmp_path):
    path = tmp_path / "figure.png"
    path.write_text("old")
    figure = new_figure(2, 1)
    figure.subplots().set_title(r"$\no_such_command$")

    with pytest.raises(ValueError, match="no_such_command"):
        save_figure(figure, path)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
