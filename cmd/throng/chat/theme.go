package chat

import "github.com/charmbracelet/lipgloss"

// theme is how things look. Colors are the terminal's own sixteen, so that they suit its background.
type theme struct {
	bar, name, dim, accent, badge, selected, banner, danger, rule, help, key, code lipgloss.Style
	people                                                                         []lipgloss.Style
}

func newTheme() theme {
	color := func(c string) lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Color(c)) }
	return theme{
		bar:      lipgloss.NewStyle().Bold(true).Reverse(true),
		name:     lipgloss.NewStyle().Bold(true),
		dim:      lipgloss.NewStyle().Faint(true),
		accent:   color("2"),
		badge:    lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("3")),
		selected: lipgloss.NewStyle().Foreground(lipgloss.Color("6")).Bold(true),
		banner:   lipgloss.NewStyle().Foreground(lipgloss.Color("0")).Background(lipgloss.Color("3")),
		danger:   color("1"),
		rule:     lipgloss.NewStyle().Faint(true),
		help:     lipgloss.NewStyle().Faint(true),
		key:      lipgloss.NewStyle().Bold(true),
		code:     lipgloss.NewStyle().Foreground(lipgloss.Color("15")).Background(lipgloss.Color("0")), // readers want dark on light
		people: []lipgloss.Style{
			color("6").Bold(true), color("5").Bold(true), color("4").Bold(true), color("3").Bold(true), color("2").Bold(true),
		},
	}
}

// person is a user's color, always the same one.
func (t theme) person(user uint64) lipgloss.Style { return t.people[user%uint64(len(t.people))] }
