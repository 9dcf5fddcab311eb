package mail

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	texttemplate "text/template"
)

// Content is what a message says, in the two forms that travel together.
type Content struct{ Subject, Text, HTML string }

// Consent asks whether an address wants mail.
type Consent struct {
	Recipient string // whose mail it would be: "OZG-Stelle Bünde"
	Confirm   string // the page that says yes
	Days      int    // how long it can be said
}

// News says what happened: one item at once, several in a digest. It links to nothing: what the platform has to show is for programs.
type News struct {
	Recipient    string
	Subscription string // what a digest is of; empty for a message at once
	Items        []Item
	More         int    // how many there were besides
	Leave        string // the page that ends all mail
}

// Item is something that happened.
type Item struct {
	Summary string // one sentence in the language of the message
	Time    string // for people: "23. November 2026, 07:00"
	Count   int    // how often it happened; the time is that of the last
}

//go:embed templates
var files embed.FS

// language is what one language needs.
type language struct {
	name string
	text *texttemplate.Template
	html *htmltemplate.Template
}

var german, english = load("de"), load("en")

// load parses the templates of a language; they are part of the program, and tests use all of them.
func load(name string) language {
	pattern := "templates/" + name + "/*"
	return language{
		name: name,
		text: texttemplate.Must(texttemplate.ParseFS(files, pattern+".txt")),
		html: htmltemplate.Must(htmltemplate.ParseFS(files, "templates/layout.html", pattern+".html")),
	}
}

func languageOf(inEnglish bool) language {
	if inEnglish {
		return english
	}
	return german
}

// AskConsent writes the message that asks for a confirmation.
func AskConsent(c Consent, inEnglish bool) (Content, error) {
	subject := "Bitte bestätigen: Nachrichten von Kompass"
	if inEnglish {
		subject = "Please confirm: messages from Kompass"
	}
	return languageOf(inEnglish).render("consent", subject, c)
}

// Tell writes the message that says what happened. A message about one thing has its summary as the subject.
func Tell(n News, inEnglish bool) (Content, error) {
	var subject string
	total := n.More
	for _, item := range n.Items {
		total += max(1, item.Count)
	}
	switch {
	case n.Subscription == "" && len(n.Items) > 0:
		subject = n.Items[0].Summary
	case inEnglish:
		subject = fmt.Sprintf("%s: %s", n.Subscription, plural(total, "one change", "%d changes"))
	default:
		subject = fmt.Sprintf("%s: %s", n.Subscription, plural(total, "eine Änderung", "%d Änderungen"))
	}
	return languageOf(inEnglish).render("news", subject, n)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

// render fills both forms of a message.
func (l language) render(name, subject string, values any) (Content, error) {
	var text, html bytes.Buffer
	if err := l.text.ExecuteTemplate(&text, name+".txt", values); err != nil {
		return Content{}, fmt.Errorf("text of a message: %w", err)
	}
	if err := l.html.ExecuteTemplate(&html, "head", map[string]string{"Language": l.name, "Subject": subject}); err != nil {
		return Content{}, fmt.Errorf("HTML of a message: %w", err)
	}
	if err := l.html.ExecuteTemplate(&html, name+".html", values); err != nil {
		return Content{}, fmt.Errorf("HTML of a message: %w", err)
	}
	if err := l.html.ExecuteTemplate(&html, "foot", nil); err != nil {
		return Content{}, fmt.Errorf("HTML of a message: %w", err)
	}
	return Content{Subject: subject, Text: text.String(), HTML: html.String()}, nil
}
