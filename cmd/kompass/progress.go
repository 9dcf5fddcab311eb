package main

import (
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on standard error while a terminal watches, and nothing otherwise.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress makes a bar for total steps; -1 when nobody knows how many.
func newProgress(total int, text string) progress {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return progress{}
	}
	return progress{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(text), progressbar.OptionClearOnFinish(),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30))}
}

func (p progress) describe(text string) {
	if p.bar != nil {
		p.bar.Describe(text)
	}
}

func (p progress) add(n int) {
	if p.bar != nil {
		_ = p.bar.Add(n)
	}
}

func (p progress) set(n uint64) {
	if p.bar != nil {
		_ = p.bar.Set64(int64(n))
	}
}

func (p progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// stream shows how far a stream was read.
func (p progress) stream(name string, records uint64) {
	p.describe(name)
	p.set(records)
}
