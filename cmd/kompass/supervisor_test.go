package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"
)

// diary notes what happens to units.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// unit notes its start, the end of its run and its stop; failStart and failRun let it fail.
func (d *diary) unit(name string, failStart, failRun error) unit {
	return unit{
		name:  name,
		start: func(context.Context) error { d.note("start " + name); return failStart },
		run: func(ctx context.Context) error {
			if failRun != nil {
				return failRun
			}
			<-ctx.Done()
			d.note("ran " + name)
			return nil
		},
		stop: func(context.Context) error { d.note("stop " + name); return nil },
	}
}

func TestSupervise(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	tests := []struct {
		name      string
		units     func(d *diary) []unit
		end       bool // the process is told to stop once it is ready
		wantError error
		want      []string
	}{
		{"start in order, stop in reverse", func(d *diary) []unit {
			return []unit{d.unit("broker", nil, nil), d.unit("services", nil, nil), d.unit("edge", nil, nil)}
		}, true, nil, []string{"start broker", "start services", "start edge", "ran edge", "stop edge", "ran services", "stop services", "ran broker", "stop broker"}},
		{"a start that fails stops what was started", func(d *diary) []unit {
			return []unit{d.unit("broker", nil, nil), d.unit("services", broken, nil), d.unit("edge", nil, nil)}
		}, false, broken, []string{"start broker", "start services", "ran services", "ran broker", "stop broker"}},
		{"a run that fails stops all", func(d *diary) []unit {
			return []unit{d.unit("broker", nil, nil), d.unit("services", nil, broken)}
		}, false, broken, []string{"start broker", "start services", "stop services", "ran broker", "stop broker"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			d := &diary{}
			err := supervise(ctx, slog.New(slog.DiscardHandler), tt.units(d), func(context.Context) error {
				if tt.end {
					cancel()
				}
				return nil
			})
			if !errors.Is(err, tt.wantError) {
				t.Errorf("error %v, want %v", err, tt.wantError)
			}
			if !slices.Equal(d.lines, tt.want) {
				t.Errorf("%v\nwant %v", d.lines, tt.want)
			}
		})
	}
}
